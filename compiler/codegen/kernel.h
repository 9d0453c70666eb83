// Kernels: THE ways to compute a node, each with what it accepts, what it costs and what it can be told.
#ifndef CODEGEN_KERNEL_H
#define CODEGEN_KERNEL_H

#include "ir/ir.h"
#include "target/target.h"

typedef enum KernelKind {
#define KERNEL(id, name, params, accepts, cost, lower) KERNEL_##id,
#include "codegen/kernels.def"
#undef KERNEL
    KERNEL_COUNT
} KernelKind;

struct Emit;

typedef struct KernelInfo {
    const char *name;
    const AttrTable *params;  // null: none
    // Whether the kernel can compute the node as it is (layouts and places included).
    bool (*accepts)(const Node *node, const Target *target);
    // Fills in node->params for the target (may be null) and returns the predicted time in seconds.
    double (*cost)(Node *node, const Target *target);
    void (*lower)(struct Emit *e, const Node *node);
} KernelInfo;

extern const KernelInfo kernel_info[KERNEL_COUNT];
int kernel_find(const char *name);  // KERNEL_COUNT if unknown

#endif
