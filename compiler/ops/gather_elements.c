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

void index_each(Emit *e, const IndexLoop *loop) {
    int last = loop->indices->rank - 1;
    int64_t size[MAX_RANK], other[MAX_RANK], where[MAX_RANK], picked[MAX_RANK];
    int64_t other_origin = type_steps(loop->other, other), where_origin = type_steps(loop->indices, where);
    int64_t picked_origin = type_steps(loop->picked, picked), step = picked[loop->axis];
    type_sizes(loop->indices, size);
    picked[loop->axis] = 0;
    Ptr chosen = e_in(e, 1);
    int64_t rows = product(size, last);
    Share share = loop->shared ? e_share(e, rows) : (Share){e_index(e, 0), e_index(e, rows)};
    if (loop->rows && last > 0)
        share.end = *loop->rows;
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, last, position);
        EMIT_FOR(e, i, e_index(e, 0), loop->rows && last == 0 ? *loop->rows : e_index(e, size[last]), 1) {
            position[last] = i.i;
            Val at = locate(e, e_index(e, where_origin), position, where, last + 1);
            Val index = index_checked(e, e_load(e, chosen, at, 1), type_size(loop->picked, loop->axis));
            Val target = locate(e, e_index(e, picked_origin), position, picked, last + 1);
            target = e_add(e, target, e_mul_const(e, index, step));
            loop->body(e, loop->arg, locate(e, e_index(e, other_origin), position, other, last + 1), target);
        }
    }
}

Val index_tuple(Emit *e, Val from, Val at, int64_t apart, const int64_t *limit, const int64_t *step, int count) {
    for (int k = 0; k < count; k++) {
        Val number = e_load(e, e_in(e, 1), e_add_const(e, at, k * apart), 1);
        from = e_add(e, from, e_mul_const(e, index_checked(e, number, limit[k]), step[k]));
    }
    return from;
}

static void gather_element(Emit *e, void *arg, Val to, Val from) {
    (void)arg;
    e_store(e, e_out(e, 0), to, e_load(e, e_in(e, 0), from, 1));
}

static void lower_gather_elements(Emit *e, const Node *node) {
    const Type *data = &node->in[0]->type, *out = &node->out[0]->type;
    IndexLoop loop = {.indices = &node->in[1]->type, .other = out, .picked = data, .shared = true,
                      .axis = type_axis(data, ((const AxisAttrs *)node->attrs)->axis), .body = gather_element};
    if (type_count(out) == 0)
        return;
    if (type_size(data, loop.axis) == 0)  // no index is in range
        e_fail_if(e, e_bool(e, true));
    else
        index_each(e, &loop);
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
    int64_t size[MAX_RANK], limit[MAX_RANK], from[MAX_RANK], where[MAX_RANK], to[MAX_RANK];
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
    type_sizes(data, limit);
    for (int i = batch + depth; i < data->rank; i++)
        kept_add(&slice, type_size(data, i), from[i], to[outer + i - batch - depth]);
    Ptr values = e_in(e, 0), results = e_out(e, 0);
    Share share = e_share(e, product(size, outer));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, outer, position);
        Val at = locate(e, e_index(e, where_origin), position, where, outer);
        Val source = locate(e, e_index(e, from_origin), position, from, batch);
        source = index_tuple(e, source, at, where[outer], limit + batch, from + batch, depth);
        Val target = locate(e, e_index(e, to_origin), position, to, outer);
        kept_copy(e, &slice, values, source, results, target);
    }
}

const OpImpl impl_GatherElements = {.lower = lower_gather_elements};
const OpImpl impl_GatherND = {.lower = lower_gather_nd};
