// GatherElements and GatherND: elements, or slices, of the data that indices choose one by one.
//
// Both loop over the indices. GatherElements replaces one coordinate of each position; GatherND reads several
// coordinates, behind those of the batch, and copies what they leave open.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/index.h"
#include "ops/reduce.h"

Val index_checked(Emit *e, Val index, int64_t limit) {
    index = e_cast(e, DT_I64, index);
    Val zero = e_int(e, DT_I64, 0), size = e_int(e, DT_I64, limit);
    index = e_select(e, e_lt(e, index, zero), e_add(e, index, size), index);
    Val bad = e_or(e, e_lt(e, index, zero), e_ge(e, index, size));
    e_fail_if(e, bad);
    return e_to_index(e, e_select(e, bad, zero, index));
}

static void lower_gather_elements(Emit *e, const Node *node) {
    const Type *data = &node->in[0]->type, *indices = &node->in[1]->type, *out = &node->out[0]->type;
    int axis = type_axis(data, ((const AxisAttrs *)node->attrs)->axis), last = data->rank - 1;
    int64_t size[MAX_RANK], from[MAX_RANK], where[MAX_RANK], to[MAX_RANK];
    if (type_count(out) == 0)
        return;
    if (type_size(data, axis) == 0) {  // no index is in range
        e_fail_if(e, e_bool(e, true));
        return;
    }
    int64_t from_origin = type_steps(data, from), where_origin = type_steps(indices, where);
    int64_t to_origin = type_steps(out, to), axis_step = from[axis];
    type_sizes(indices, size);
    from[axis] = 0;
    Ptr x = e_in(e, 0), chosen = e_in(e, 1), y = e_out(e, 0);
    Share share = e_share(e, product(size, last));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, last, position);
        EMIT_TIMES(e, i, size[last]) {
            position[last] = i.i;
            Val at = locate(e, e_index(e, where_origin), position, where, data->rank);
            Val index = index_checked(e, e_load(e, chosen, at, 1), type_size(data, axis));
            Val source = locate(e, e_index(e, from_origin), position, from, data->rank);
            source = e_add(e, source, e_mul_const(e, index, axis_step));
            e_store(e, y, locate(e, e_index(e, to_origin), position, to, data->rank), e_load(e, x, source, 1));
        }
    }
}

typedef struct Slices {
    Ptr from, to;
} Slices;

static void copy_lanes(Emit *e, void *arg, Val x, Val y, int lanes) {
    const Slices *slices = arg;
    e_store(e, slices->to, y, e_load(e, slices->from, x, lanes));
}

static bool has_empty(const Type *type, int first, int count) {
    for (int i = first; i < first + count; i++)
        if (type_size(type, i) == 0)
            return true;
    return false;
}

static void lower_gather_nd(Emit *e, const Node *node) {
    const Type *data = &node->in[0]->type, *indices = &node->in[1]->type, *out = &node->out[0]->type;
    int batch = (int)((const BatchAttrs *)node->attrs)->batch_dims, outer = indices->rank - 1;
    int depth = (int)type_size(indices, outer);
    int64_t size[MAX_RANK], from[MAX_RANK], where[MAX_RANK], to[MAX_RANK];
    if (type_count(out) == 0)
        return;
    if (has_empty(data, batch, depth)) {
        e_fail_if(e, e_bool(e, true));
        return;
    }
    int64_t from_origin = type_steps(data, from), where_origin = type_steps(indices, where);
    int64_t to_origin = type_steps(out, to);
    Kept slice = {0};
    type_sizes(indices, size);
    for (int i = batch + depth; i < data->rank; i++)
        kept_add(&slice, type_size(data, i), from[i], to[outer + i - batch - depth]);
    Slices slices = {e_in(e, 0), e_out(e, 0)};
    Ptr chosen = e_in(e, 1);
    Share share = e_share(e, product(size, outer));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, outer, position);
        Val at = locate(e, e_index(e, where_origin), position, where, outer);
        Val source = locate(e, e_index(e, from_origin), position, from, batch);
        for (int k = 0; k < depth; k++) {
            Val number = e_load(e, chosen, e_add_const(e, at, k * where[outer]), 1);
            Val index = index_checked(e, number, type_size(data, batch + k));
            source = e_add(e, source, e_mul_const(e, index, from[batch + k]));
        }
        Val target = locate(e, e_index(e, to_origin), position, to, outer);
        kept_inside(e, &slice, source, target, e_lanes(e, slices.from.dtype), copy_lanes, &slices);
    }
}

const OpImpl impl_GatherElements = {.lower = lower_gather_elements};
const OpImpl impl_GatherND = {.lower = lower_gather_nd};
