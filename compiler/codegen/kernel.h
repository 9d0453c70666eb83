// Kernels: THE ways to compute a node, each with what it accepts, what it costs and what it can be told.
#ifndef CODEGEN_KERNEL_H
#define CODEGEN_KERNEL_H

#include "ir/ir.h"
#include "target/target.h"

typedef enum KernelKind {
#define KERNEL(id, name, traits, params, layouts, accepts, choice, cost, packing, scratch, lower) KERNEL_##id,
#include "codegen/kernels.def"
#undef KERNEL
    KERNEL_COUNT
} KernelKind;

// Whether a kernel or a pass leaves every result as it is at -O0, to the bit. Of kernels also: whether it only adds up
// in another order; whether its weights are always larger than the model's; whether its code is long; whether it
// applies a body to what it stores.
enum { INEXACT = 0, EXACT = 1, REORDERS = 2, LARGE = 4, LONG = 8, STORES = 16 };

struct Emit;

typedef struct KernelInfo {
    const char *name;
    unsigned traits;
    const AttrTable *params;  // null: none
    // The layouts that the kernel would like for the node's first input and output (the border as far as its own pads
    // need it); false if it cannot compute such a node at all. Looks at shapes and attributes only.
    bool (*layouts)(const Node *node, const Target *target, Layout *in, Layout *out);
    // Whether the kernel can compute the node as it is, layouts included.
    bool (*accepts)(const Node *node, const Target *target);
    // Fills in node->params (allocated, at their defaults) as choice `number` for the target; false if there are no
    // more. Null: there are no params, so there is one choice.
    bool (*choice)(Node *node, const Target *target, int number);
    // The predicted time in seconds of the node as its params say.
    double (*cost)(const Node *node, const Target *target);
    // How the weights, constants, are to be packed: input 1, and 2 of recurrent layers; null: as they are.
    void (*packing)(const Node *node, PackAttrs *attrs);
    int64_t (*scratch)(const Node *node, const Target *target);  // bytes of each shard; null: none
    void (*lower)(struct Emit *e, const Node *node);
} KernelInfo;

extern const KernelInfo kernel_info[KERNEL_COUNT];

// Of any node as it is, those with the generic kernel too: seconds, multiply-adds of the operator however they are
// computed (0 where that means nothing), and bytes of the operands that it reads and writes.
double kernel_seconds(const Node *node, const Target *target);
double kernel_macs(const Node *node);
double kernel_bytes(const Node *node);
// Whether a node only moves data. Views move nothing.
bool kernel_copies(const Node *node);
// Whether --strict, -Os (`small`; for `several` CPUs) and the node itself, whose sums may be exact, let the kernel
// compute it.
bool kernel_is_allowed(int kernel, const Node *node, bool strict, bool small, bool several);
int kernel_packed_inputs(const Node *node);  // 1 .. so many are weights that a kernel may want packed

// The left factors of products of small integers that are fast (target->dots). The right ones are i8 in a MatMul; in a
// Conv the filters are as kernel_filters says, and the image, where it is not of the same type as these, of bytes.
static inline DType kernel_dots(const Target *target) {
    return target->dots == 2 ? DT_I16 : target->arch == ARCH_X86_64 ? DT_U8 : DT_I8;
}
static inline DType kernel_filters(const Target *target) {
    return target->dots == 2 ? DT_I16 : DT_I8;
}
// Whether a convolution of small integers is depthwise, and of a shape that kernel conv_planes takes for the target:
// then its filters are words, and its image is of bytes.
bool kernel_takes_planes(const Node *node, const Target *target);

// How an operand of the body of a node that fuses (ir.h) goes with the results of a product: rows and columns are those
// of a matrix; of a convolution, channels and pixels.
typedef enum FusedKind { FUSED_NONE, FUSED_ONE, FUSED_ROW, FUSED_COLUMN, FUSED_ALL } FusedKind;
FusedKind fused_kind(const Node *node, const Type *type);  // FUSED_NONE: it does not
bool fused_fits(const Node *node);                         // whether all of a node's do

// Whether the node's kernel can compute it, in a module that verify_module has found sound.
bool kernel_fits(const Node *node, const Target *target);
// The same for all nodes that have a kernel other than the generic one; reports E_VERIFY.
bool kernels_check(const Module *module, const Target *target, Diag *diag);

#endif
