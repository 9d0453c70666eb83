// Gather: slices of the data along an axis, chosen by indices that are data themselves.
//
// Negative indices count from the end. One out of range makes the run fail, and slice 0 is read in its place.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"

typedef struct Gather {
    Ptr data, indices, out;
    int64_t limit;  // of an index
    int64_t outer, count;  // of positions before the axis, of indices
    int64_t data_origin, data_step[MAX_RANK], out_origin, out_step[MAX_RANK], indices_origin, indices_step[MAX_RANK];
    int64_t outer_size[MAX_RANK], indices_size[MAX_RANK];
    int axis, rank;
    Kept slice;
} Gather;

static Val checked_index(Emit *e, const Gather *gather, Val where) {
    Val index = e_load(e, gather->indices, where, 1);
    Val zero = e_int(e, index.dtype, 0), limit = e_int(e, index.dtype, gather->limit);
    index = e_select(e, e_lt(e, index, zero), e_add(e, index, limit), index);
    Val bad = e_or(e, e_lt(e, index, zero), e_ge(e, index, limit));
    e_fail_if(e, bad);
    return e_to_index(e, e_select(e, bad, zero, index));
}

static Gather gather_of(Emit *e, const Node *node) {
    const Type *data = &node->in[0]->type, *indices = &node->in[1]->type, *out = &node->out[0]->type;
    Gather g = {.data = e_in(e, 0), .indices = e_in(e, 1), .out = e_out(e, 0), .rank = indices->rank,
                .axis = type_axis(data, ((const AxisAttrs *)node->attrs)->axis)};
    g.data_origin = type_steps(data, g.data_step);
    g.out_origin = type_steps(out, g.out_step);
    g.indices_origin = type_steps(indices, g.indices_step);
    g.limit = type_size(data, g.axis);
    for (int i = 0; i < g.axis; i++)
        g.outer_size[i] = type_size(data, i);
    type_sizes(indices, g.indices_size);
    g.outer = product(g.outer_size, g.axis);
    g.count = product(g.indices_size, g.rank);
    for (int i = g.axis + 1; i < data->rank; i++)
        kept_add(&g.slice, type_size(data, i), g.data_step[i], g.out_step[i - 1 + g.rank]);
    return g;
}

static void lower_gather(Emit *e, const Node *node) {
    Gather g = gather_of(e, node);
    if (type_count(&node->out[0]->type) == 0)
        return;
    if (g.limit == 0) {  // no index is in range
        e_fail_if(e, e_bool(e, true));
        return;
    }
    Share share = e_share(e, g.outer * g.count);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val outer[MAX_RANK], position[MAX_RANK];
        decode(e, e_div(e, u.i, e_index(e, g.count)), g.outer_size, g.axis, outer);
        decode(e, e_rem(e, u.i, e_index(e, g.count)), g.indices_size, g.rank, position);
        Val index = checked_index(e, &g, locate(e, e_index(e, g.indices_origin), position, g.indices_step, g.rank));
        Val from = locate(e, e_index(e, g.data_origin), outer, g.data_step, g.axis);
        from = e_add(e, from, e_mul_const(e, index, g.data_step[g.axis]));
        Val to = locate(e, e_index(e, g.out_origin), outer, g.out_step, g.axis);
        to = locate(e, to, position, g.out_step + g.axis, g.rank);
        kept_copy(e, &g.slice, g.data, from, g.out, to);
    }
}

const OpImpl impl_Gather = {.lower = lower_gather};
