// Predictions for convolutions before layouts and kernels are chosen: of a copy of the node, alone in a graph, in the
// layouts that a kernel would like.
#include "codegen/kernel.h"
#include "ir/infer.h"
#include "passes/byte_products.h"
#include "passes/choose.h"
#include "passes/rewrite.h"

static Node *copy_alone(PassContext *ctx, const Node *conv) {
    Node *copy = node_new(graph_new(ctx->module, "trial"), OP_Conv, 2, 1);
    *(ConvAttrs *)copy->attrs = *(const ConvAttrs *)conv->attrs;
    copy->loc = conv->loc;
    copy->in[0] = value_new(copy->graph, "x", conv->in[0]->type);
    copy->in[1] = value_constant(copy->graph, "w", conv->in[1]->type, "");  // nobody reads its bytes
    node_output(copy, 0, "y", conv->out[0]->type);
    graph_append(copy->graph, copy);
    return copy;
}

static void like_layouts(const PassContext *ctx, Node *conv) {
    for (int k = 0; k < KERNEL_COUNT; k++) {
        const KernelInfo *info = &kernel_info[k];
        if (info->layouts && kernel_is_allowed(k, conv, ctx->strict, ctx->small, ctx->packing != NULL) &&
            info->layouts(conv, ctx->target, &conv->in[0]->type.layout, &conv->out[0]->type.layout))
            return;
    }
}

// As byte-products makes it, with the padding in the image.
static void take_bytes(const Target *target, Node *conv) {
    Window w = node_window(conv);
    Type *x = &conv->in[0]->type;
    for (int i = 0; i < w.n; i++) {
        x->dim[2 + i].n += w.begin[i] + w.end[i];
        w.begin[i] = w.end[i] = 0;
    }
    conv_set_window(conv, &w);
    x->dtype = kernel_filters(target) == DT_I16 ? DT_U8 : kernel_dots(target);
    conv->in[1]->type.dtype = kernel_filters(target);
    conv->out[0]->type.dtype = DT_I32;
}

double conv_seconds(PassContext *ctx, const Node *conv, bool bytes) {
    double seconds, known = ctx->module->constant_bytes;
    Node *copy = copy_alone(ctx, conv);
    if (bytes)
        take_bytes(ctx->target, copy);
    else
        like_layouts(ctx, copy);
    bool found = choose_kernel(ctx, copy, &seconds);
    ctx->module->constant_bytes = known;  // folding will change them
    return found ? seconds : 0;
}
