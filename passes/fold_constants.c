// Computes, while compiling, what depends on constants only: with the operators' own lowerings, compiled in memory for
// a fixed baseline, so that an object does not depend on the machine that made it. All foldable nodes are one batch.
//
// A node is left alone if its result is much larger than its inputs (an object should not grow by what one loop can
// fill in), or if it is an output of the model.
#include "codegen/jit.h"
#include "passes/pass.h"

enum { MAX_GROWTH = 4, FREE_BYTES = 1 << 16 };

typedef struct Batch {
    Node **item;
    int n, capacity;
} Batch;

static bool is_batched(const Batch *batch, const Node *node) {
    for (int i = batch->n - 1; i >= 0; i--)
        if (batch->item[i] == node)
            return true;
    return false;
}

static bool is_known(const Batch *batch, const Value *value) {
    return !value || value->data || (value->def && is_batched(batch, value->def));
}

static bool is_foldable(const Batch *batch, const Node *node) {
    if (op_info[node->op].flags & (RANDOM | RECIPE | HAS_BODY))
        return false;
    int64_t in = 0, out = 0;
    for (int i = 0; i < node->nin; i++) {
        if (!is_known(batch, node->in[i]))
            return false;
        if (node->in[i])
            in += type_bytes(&node->in[i]->type);
    }
    for (int i = 0; i < node->nout; i++) {
        if (!node->out[i] || value_is_output(node->out[i]) || !type_is_static(&node->out[i]->type))
            return false;
        out += type_bytes(&node->out[i]->type);
    }
    return out <= FREE_BYTES || out <= MAX_GROWTH * in;
}

bool pass_fold_constants(PassContext *ctx) {
    Graph *graph = ctx->module->graphs.item[0];
    Batch batch = {0};
    for (Node *node = graph->first; node; node = node->next)
        if (is_foldable(&batch, node))
            LIST_PUSH(ctx->scratch, &batch, node);
    return !batch.n || jit_fold(graph, batch.item, batch.n, ctx->diag);
}
