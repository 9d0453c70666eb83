// Gives each node the kernel that accepts it and is predicted to be the fastest; the operator's generic lowering stands
// in where none does. Kernels also fill in their parameters here.
#include "codegen/kernel.h"
#include "passes/pass.h"

static void choose(Node *node, const PassContext *ctx) {
    double best = 0;
    for (int k = KERNEL_generic + 1; k < KERNEL_COUNT; k++) {
        const KernelInfo *info = &kernel_info[k];
        bool barred = (ctx->strict && (info->flags & INEXACT)) || (ctx->small && (info->flags & LARGE));
        if (!info->accepts || barred || !info->accepts(node, ctx->target))
            continue;
        void *before = node->params;
        node->params = info->params ? attrs_new(info->params, ctx->module->arena) : NULL;
        double seconds = info->cost(node, ctx->target);
        if (node->kernel == KERNEL_generic || seconds < best) {
            node->kernel = k;
            best = seconds;
        } else {
            node->params = before;
        }
    }
}

static void choose_all(Graph *graph, const PassContext *ctx) {
    for (Node *node = graph->first; node; node = node->next) {
        if (node->op == OP_Fire)
            choose_all(node->body, ctx);
        else if (node->kernel == KERNEL_generic && !(op_info[node->op].flags & RECIPE))
            choose(node, ctx);
    }
}

bool pass_choose_kernels(PassContext *ctx) {
    choose_all(ctx->module->graphs.item[0], ctx);
    return true;
}
