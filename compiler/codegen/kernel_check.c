// Whether each node's kernel can compute it. Texts may name any kernel, and passes that change a node may forget that
// its kernel does not take it any more. The generic kernel stands for "not chosen yet" between choose-layouts and
// choose-kernels, so whether it fits is codegen's question alone.
#include "codegen/kernel.h"

enum { PARAM_MAX = 1 << 16 };

static const Value *operand(const Node *node, int index) {
    return index < node->nin ? node->in[index] : node->out[index - node->nin];
}

// Before inference no kernel can have been chosen; codegen refuses such nodes.
static bool is_inferred(const Node *node) {
    for (int i = 0; i < node->nin + node->nout; i++) {
        const Value *value = operand(node, i);
        if (value && (value->type.dtype == DT_NONE || !type_is_static(&value->type)))
            return false;
    }
    return true;
}

// Packed elements are packed from, and unpacked to, rows without rims; nothing else reads or writes them
// but recipes, which run while compiling.
static bool fits_packed(const Node *node) {
    if (op_info[node->op].flags & RECIPE)
        return true;
    for (int i = 0; i < node->nin + node->nout; i++) {
        const Value *value = operand(node, i);
        bool wanted = node->op == OP_PackBits ? i == 1 : node->op == OP_UnpackBits && i == 0;
        if (value && type_is_packed(&value->type) != wanted)
            return false;
        if (value && (node->op == OP_PackBits || node->op == OP_UnpackBits) && !wanted && !type_is_plain(&value->type))
            return false;
    }
    return true;
}

// Generic lowerings are for row-major values, with rims or not; elementwise ones take blocks of one size, too, where
// nothing makes the result's rank larger.
static bool fits_generic(const Node *node) {
    bool takes_blocks = (op_info[node->op].flags & (ELEMENTWISE | ANY_LAYOUT)) || node->op == OP_Map;
    int block = 0;
    for (int i = 0; i < node->nin + node->nout; i++) {
        const Value *value = operand(node, i);
        if (!value || value->type.layout.kind != LAYOUT_NCHWC)
            continue;
        if (!takes_blocks || (block && value->type.layout.block != block))
            return false;
        block = value->type.layout.block;
    }
    return !node_fuses(node) && fits_packed(node) && (!block || node->out[0]->type.rank == 4);
}

static bool lies_at(const Value *part, const Value *whole, int64_t distance) {
    int64_t a, b;
    return place_root(part, &a) == place_root(whole, &b) && a == b + distance;
}

static bool lie_in(Value *const *parts, int count, const Value *whole) {
    int64_t distance = 0;
    for (int i = 0; i < count; i++) {
        if (!parts[i] || !layout_equal(&parts[i]->type.layout, &whole->type.layout) ||
            !lies_at(parts[i], whole, distance))
            return false;
        distance += type_storage(&parts[i]->type);
    }
    return true;
}

static bool fits_view(const Node *node) {
    const Type *in = node_in(node, 0) ? &node->in[0]->type : NULL, *out = &node->out[0]->type;
    if (node->op == OP_Concat)
        return type_is_sliceable(out, ((const AxisAttrs *)node->attrs)->axis) &&
               lie_in(node->in, node->nin, node->out[0]);
    if (node->op == OP_Split)
        return type_is_sliceable(in, ((const SplitAttrs *)node->attrs)->axis) &&
               lie_in(node->out, node->nout, node->in[0]);
    bool same_bytes = (op_info[node->op].flags & VIEW) && type_is_plain(in) && type_is_plain(out);
    same_bytes |= node->op == OP_Identity && layout_equal(&in->layout, &out->layout);
    same_bytes |= node->op == OP_Unpack && type_is_vector(in) && type_is_plain(out);
    return same_bytes && lies_at(node->out[0], node->in[0], 0);
}

static const Node *recipe_of(const Value *value) {
    return value && value->def && (op_info[value->def->op].flags & RECIPE) ? value->def : NULL;
}

static bool reads_recipe(const Node *node) {
    for (int i = 0; i < node->nin; i++)
        if (recipe_of(node->in[i]))
            return true;
    return false;
}

// Weights that are packed already, all of them, are packed as the kernel reads them.
static bool packing_fits(const Node *node, const KernelInfo *info) {
    if (!reads_recipe(node))
        return true;
    if (!info->packing)
        return false;
    bool filters = node->op == OP_Conv || node->op == OP_ConvTranspose;
    PackAttrs *wanted = attrs_new(&pack_attrs, node->graph->module->arena);
    info->packing(node, wanted);
    for (int i = 0; i < node->nin; i++) {
        const Node *recipe = recipe_of(node->in[i]);
        if (!recipe != (i < 1 || i > kernel_packed_inputs(node)))
            return false;
        if (recipe &&
            (recipe->op != (filters ? OP_PackConv : OP_PackMatrix) || !attrs_equal(&pack_attrs, wanted, recipe->attrs)))
            return false;
    }
    return true;
}

int kernel_packed_inputs(const Node *node) {
    return node->op == OP_LSTM || node->op == OP_GRU || node->op == OP_RNN ? 2 : 1;
}

static bool params_in_range(const AttrTable *table, const void *params) {
    for (const AttrRow *row = table ? table->rows : NULL; row && row->name; row++) {
        const void *field = (const char *)params + row->offset;
        int64_t number = row->kind == ATTR_INT ? *(const int64_t *)field : 0;
        if (number < 0 || number > PARAM_MAX)
            return false;
    }
    return true;
}

bool kernel_fits(const Node *node, const Target *target) {
    const KernelInfo *info = &kernel_info[node->kernel];
    if (op_info[node->op].flags & (HAS_BODY | RECIPE) && node->kernel != KERNEL_generic)
        return false;
    if (node->op == OP_Fire)
        return true;
    if (!is_inferred(node))
        return node->kernel == KERNEL_generic;
    if (node->kernel == KERNEL_generic || node->kernel == KERNEL_view)
        return !reads_recipe(node) && (node->kernel == KERNEL_view ? fits_view(node) : fits_generic(node));
    if (node_fuses(node) && !((info->traits & STORES) && fused_fits(node)))
        return false;
    return info->accepts && info->accepts(node, target) && packing_fits(node, info) &&
           params_in_range(info->params, node->params);
}

static bool check_graph(const Graph *graph, const Target *target, Diag *diag) {
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->kernel != KERNEL_generic && !kernel_fits(node, target))
            return diag_error(diag, node->loc, E_VERIFY, "'%s' cannot be computed by kernel %s", node->out[0]->name,
                              kernel_info[node->kernel].name);
        for (int i = 0; i < 2; i++)
            if (node->op != OP_Map && node_body(node, i) && !check_graph(node_body(node, i), target, diag))
                return false;
    }
    return true;
}

bool kernels_check(const Module *module, const Target *target, Diag *diag) {
    for (int i = 0; i < module->graphs.n; i++)
        if (!check_graph(module->graphs.item[i], target, diag))
            return false;
    return true;
}
