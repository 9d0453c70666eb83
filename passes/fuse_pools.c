// Lets a convolution pool its own results, so that the map between the two is never written: a MaxPool, or a
// GlobalAveragePool, becomes the attribute `pool` of the Conv before it.
//
// The average of a map is done by one thread for each block of channels, so there must be enough of these.
//
// After choose-kernels, since not every kernel can do it, and the best kernel without a pool may be faster than any
// with one: the predictions of both ways are compared. A map that others read stays.
#include "codegen/kernel.h"
#include "ir/infer.h"
#include "passes/choose.h"
#include "passes/pass.h"
#include "support/checked.h"

enum { LEAST_BLOCKS = 16 };  // for an average
// Where both ways are predicted to take the same time, the shorter way of the data decides: a large map that is not
// written takes no memory, and leaves the caches to others.
static const double AS_GOOD = 1.02;

// Pads at the end reach as far as the last window does, so that nothing is left to be rounded up.
static ConvPool max_pool(Arena *arena, const Window *w) {
    int64_t pads[4] = {w->begin[0], w->begin[1]};
    for (int i = 0; i < 2; i++)
        pads[2 + i] = max_i64(0, (w->out[i] - 1) * w->stride[i] + w->kernel[i] - w->in[i] - w->begin[i]);
    bool padded = pads[0] || pads[1] || pads[2] || pads[3];
    return (ConvPool){CONV_POOL_MAX, ints_copy(arena, w->kernel, 2), ints_copy(arena, w->stride, 2),
                      padded ? ints_copy(arena, pads, 4) : (Ints){0}};
}

static bool pool_of(const Node *node, Arena *arena, ConvPool *pool) {
    if (node->op == OP_GlobalAveragePool && node->kernel != KERNEL_generic) {
        const Type *x = &node->in[0]->type;
        int64_t shape[2] = {x->dim[2].n, x->dim[3].n};
        *pool = (ConvPool){.kind = CONV_POOL_AVERAGE, .shape = ints_copy(arena, shape, 2)};
        return x->dim[0].n * div_up(x->dim[1].n, x->layout.block) >= LEAST_BLOCKS;
    }
    if (node->op != OP_MaxPool || node->kernel == KERNEL_generic || (node->nout > 1 && node->out[1]))
        return false;
    Window window = node_window(node);
    *pool = max_pool(arena, &window);
    return window.dilation[0] == 1 && window.dilation[1] == 1;
}

static bool takes_pool(const Value *value) {
    const Node *conv = value->def;
    return conv && conv->op == OP_Conv && conv->kernel != KERNEL_generic && !node_pools(conv) && !node_in(conv, 3) &&
           value_uses(value) == 1;
}

// Makes `conv` write what `node` does of it, if that is predicted to be faster.
static bool fuse(PassContext *ctx, Node *conv, Node *node, ConvPool pool) {
    Node before = *conv;
    Value *map = conv->out[0];
    double apart = kernel_seconds(conv, ctx->target) + kernel_seconds(node, ctx->target), fused;
    double most = pool.kind == CONV_POOL_MAX ? AS_GOOD * apart : apart;
    ConvAttrs *attrs = attrs_copy(&conv_attrs, ctx->module->arena, conv->attrs);
    attrs->pool = pool;
    conv->attrs = attrs;
    conv->out[0] = node->out[0];
    conv->kernel = KERNEL_generic;
    if (choose_kernel(ctx, conv, &fused) && fused < most) {
        conv->loc = loc_join(ctx->module->arena, conv->loc, node->loc);
        node_remove(node);
        conv->out[0]->def = conv;
        return true;
    }
    conv->attrs = before.attrs;
    conv->kernel = before.kernel;
    conv->params = before.params;
    conv->out[0] = map;
    return false;
}

bool pass_fuse_pools(PassContext *ctx, Graph *graph) {
    bool changed = false;
    for (Node *node = graph->first, *next; node; node = next) {
        ConvPool pool;
        next = node->next;
        if (pool_of(node, ctx->module->arena, &pool) && takes_pool(node->in[0]))
            changed |= fuse(ctx, node->in[0]->def, node, pool);
    }
    if (changed)
        graph_compact(graph);
    return true;
}
