// Known integers, found again by evaluating the small integer tensors of the graph in order.
#include "ops/known.h"

Infer known_infer(Arena *arena, const Node *node, Diag *diag) {
    const Graph *graph = node->graph;
    Infer infer = {.arena = arena, .diag = diag, .known = ARENA_ARRAY(arena, DimTensor *, graph->values.n + 1),
                   .nknown = graph->values.n};
    for (const Node *before = graph->first; before && before != node; before = before->next)
        if ((op_info[before->op].flags & DIMS) && before->nout == 1 && before->out[0])
            infer.known[before->out[0]->id] = infer_eval_dims(&infer, before);
    return infer;
}

Ints known_ints(Arena *arena, const Node *node, int index) {
    Ints ints = {0};
    Diag quiet = {0};
    if (!node_in(node, index) || value_as_ints(node->in[index], arena, &ints))
        return ints;
    Infer infer = known_infer(arena, node, &quiet);
    ints = (Ints){0};
    return infer_ints(&infer, node, index, &ints) ? ints : (Ints){0};
}
