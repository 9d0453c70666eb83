// Removes a Clip to the limits of the small integers that a Cast makes of its result, since a Cast keeps to these:
//
//     Cast_u8(Clip(x, 0, 255))  ->  Cast_u8(x)
//
// NaN stays NaN in the one and becomes 0 in the other, either way. Bounds must be known; wider ones do as well.
#include <math.h>

#include "passes/pass.h"

// The bound at input `index`, or null's stand-in, which binds nothing.
static bool bound(const Node *clip, int index, Arena *scratch, double *limit) {
    Floats numbers;
    *limit = index == 1 ? -INFINITY : INFINITY;
    if (!node_in(clip, index))
        return true;
    if (!value_as_doubles(clip->in[index], scratch, &numbers) || numbers.n != 1)
        return false;
    *limit = numbers.v[0];
    return true;
}

// Whether a Cast from floats to this type ends at its limits: below 8 bits it wraps.
static bool saturates(const Node *cast) {
    DType from = cast->in[0]->type.dtype, to = cast->out[0]->type.dtype;
    return from == DT_F32 && dtype_is_int(to) && dtype_info[to].packed >= 8 && dtype_info[to].bits <= 16;
}

static bool match(const Node *cast, Arena *scratch) {
    const Node *clip = cast->op == OP_Cast ? cast->in[0]->def : NULL;
    if (!clip || clip->op != OP_Clip || !saturates(cast))
        return false;
    DType to = cast->out[0]->type.dtype;
    int bits = dtype_info[to].bits;
    double least = dtype_is_signed(to) ? -ldexp(1, bits - 1) : 0, low, high;
    return bound(clip, 1, scratch, &low) && bound(clip, 2, scratch, &high) && low <= least &&
           high >= least + ldexp(1, bits) - 1;
}

bool pass_drop_clips(PassContext *ctx, Graph *graph) {
    for (Node *node = graph->first; node; node = node->next)
        if (match(node, ctx->scratch))
            node_set_input(node, 0, node->in[0]->def->in[0]);
    return true;
}
