// The kernel table, expanded, and what the text form asks of it.
#include "codegen/kernel.h"

#include <string.h>

#include "codegen/kernels/kernels.h"
#include "codegen/lower.h"

static int64_t generic_scratch(const Node *node, const Target *target) {
    const OpImpl *impl = op_impl[node->op];
    return impl && impl->scratch ? impl->scratch(node, target) : 0;
}

const KernelInfo kernel_info[KERNEL_COUNT] = {
#define KERNEL(id, name, traits, params, layouts, accepts, choice, cost, packing, scratch, lower) \
    {name, traits, params, layouts, accepts, choice, cost, packing, scratch, lower},
#include "codegen/kernels.def"
#undef KERNEL
};

// KERNEL_COUNT if unknown
static int kernel_find(const char *name) {
    for (int i = 0; i < KERNEL_COUNT; i++)
        if (!strcmp(kernel_info[i].name, name))
            return i;
    return KERNEL_COUNT;
}

const char *kernel_name(int kernel) {
    return kernel >= 0 && kernel < KERNEL_COUNT ? kernel_info[kernel].name : NULL;
}

const AttrTable *kernel_params(int kernel) {
    return kernel >= 0 && kernel < KERNEL_COUNT ? kernel_info[kernel].params : NULL;
}

int kernel_by_name(const char *name) {
    int kernel = kernel_find(name);
    return kernel < KERNEL_COUNT ? kernel : -1;
}

bool kernel_is_view(int kernel) {
    return kernel == KERNEL_view;
}

bool kernel_is_allowed(int kernel, const Node *node, bool strict, bool small, bool several) {
    unsigned traits = kernel_info[kernel].traits;
    if (small && ((traits & LARGE) || (several && (traits & LONG))))
        return false;
    bool exact_sums = node->op == OP_Conv && ((const ConvAttrs *)node->attrs)->exact;
    return (traits & EXACT) || (!strict && (!exact_sums || (traits & REORDERS)));
}
