// ScatterElements, ScatterND and TensorScatter: a copy of the data, in which elements or slices chosen by indices are
// replaced by updates or combined with them. Updates of one element happen in their order, so the work is not shared.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/index.h"
#include "ops/reduce.h"
#include "support/checked.h"

typedef struct Scatter {
    Ptr updates, out;
    int reduction;  // ScatterReduction
} Scatter;

static Val combined(Emit *e, int reduction, Val old, Val update) {
    switch ((ScatterReduction)reduction) {
    case SCATTER_NONE: return update;
    case SCATTER_ADD: return e_add(e, old, update);
    case SCATTER_MUL: return e_mul(e, old, update);
    case SCATTER_MAX: return e_max_nan(e, old, update);
    case SCATTER_MIN: return e_min_nan(e, old, update);
    }
    return update;
}

static void update_lanes(Emit *e, void *arg, Val x, Val y, int lanes) {
    const Scatter *s = arg;
    if (s->reduction == SCATTER_NONE) {
        e_store(e, s->out, y, e_load(e, s->updates, x, lanes));
        return;
    }
    Val old = load_compute(e, s->out, y, lanes), update = load_compute(e, s->updates, x, lanes);
    store_compute(e, s->out, y, combined(e, s->reduction, old, update));
}

static void copy_data(Emit *e, const Node *node) {
    const Type *data = &node->in[0]->type;
    int64_t from[MAX_RANK], to[MAX_RANK];
    Box box = {.from_origin = type_steps(data, from), .to_origin = type_steps(&node->out[0]->type, to)};
    for (int i = 0; i < data->rank; i++)
        box_add(&box, type_size(data, i), to[i], from[i]);
    Parts alone = {{e_index(e, 0), e_index(e, 1)}, 1};
    copy_box(e, e_out(e, 0), e_in(e, 0), &box, &alone);
}

static void update_element(Emit *e, void *arg, Val from, Val to) {
    update_lanes(e, arg, from, to, 1);
}

// How many of the positions in the first `outer` dimensions of the indices have one: all, or those of the first rows.
static Val rows_there(Emit *e, const Node *node, const int64_t *size, int outer) {
    if (!node_in(node, 3) || outer == 0)
        return e_index(e, product(size, outer));
    Val rows = e_load_const(e, e_in(e, 3), 0, 1);
    rows = e_min(e, e_max(e, rows, e_int(e, DT_I64, 0)), e_int(e, DT_I64, size[0]));
    return e_mul_const(e, e_to_index(e, rows), product(size + 1, outer - 1));
}

static void lower_scatter_elements(Emit *e, const Node *node) {
    const ScatterAttrs *attrs = node->attrs;
    const Type *data = &node->in[0]->type;
    Scatter scatter = {e_in(e, 2), e_out(e, 0), attrs->reduction};
    IndexLoop loop = {.indices = &node->in[1]->type, .other = &node->in[2]->type, .picked = &node->out[0]->type,
                      .axis = type_axis(data, attrs->axis), .body = update_element, .arg = &scatter};
    int64_t size[MAX_RANK];
    Val rows;
    type_sizes(loop.indices, size);
    if (node_in(node, 3)) {
        rows = rows_there(e, node, size, (int)max_i64(loop.indices->rank - 1, 1));
        loop.rows = &rows;
    }
    copy_data(e, node);
    if (type_count(loop.indices) == 0)
        return;
    if (type_count(data) == 0)  // no index is in range
        e_fail_if(e, e_bool(e, true));
    else
        index_each(e, &loop);
}

static void lower_scatter_nd(Emit *e, const Node *node) {
    const ScatterAttrs *attrs = node->attrs;
    const Type *data = &node->in[0]->type, *indices = &node->in[1]->type, *updates = &node->in[2]->type;
    int outer = indices->rank - 1, depth = (int)type_size(indices, outer);
    int64_t size[MAX_RANK], limit[MAX_RANK], from[MAX_RANK], where[MAX_RANK], to[MAX_RANK];
    copy_data(e, node);
    if (type_count(updates) == 0)
        return;
    if (type_count(data) == 0) {
        e_fail_if(e, e_bool(e, true));
        return;
    }
    int64_t from_origin = type_steps(updates, from), where_origin = type_steps(indices, where);
    int64_t to_origin = type_steps(&node->out[0]->type, to);
    Scatter scatter = {e_in(e, 2), e_out(e, 0), attrs->reduction};
    Kept slice = {0};
    type_sizes(indices, size);
    type_sizes(data, limit);
    for (int i = depth; i < data->rank; i++)
        kept_add(&slice, type_size(data, i), from[outer + i - depth], to[i]);
    EMIT_FOR(e, u, e_index(e, 0), rows_there(e, node, size, outer), 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, outer, position);
        Val at = locate(e, e_index(e, where_origin), position, where, outer);
        Val target = index_tuple(e, e_index(e, to_origin), at, where[outer], limit, to, depth);
        Val source = locate(e, e_index(e, from_origin), position, from, outer);
        kept_inside(e, &slice, source, target, e_lanes(e, compute_type(data->dtype)), update_lanes, &scatter);
    }
}

// Rows of a cache along the axis `axis`: step s of batch b goes to row first[b] + s; circular, counted modulo the rows.
static void lower_tensor_scatter(Emit *e, const Node *node) {
    const TensorScatterAttrs *attrs = node->attrs;
    const Type *data = &node->in[0]->type, *updates = &node->in[1]->type;
    int axis = type_axis(data, attrs->axis);
    int64_t size[MAX_RANK], from[MAX_RANK], to[MAX_RANK], rows = type_size(data, axis);
    copy_data(e, node);
    if (type_count(updates) == 0)
        return;
    int64_t from_origin = type_steps(updates, from), to_origin = type_steps(&node->out[0]->type, to);
    Scatter scatter = {e_in(e, 1), e_out(e, 0), SCATTER_NONE};
    Kept slice = {0};
    type_sizes(updates, size);
    for (int i = axis + 1; i < data->rank; i++)
        kept_add(&slice, size[i], from[i], to[i]);
    EMIT_TIMES(e, u, product(size, axis + 1)) {
        Val position[MAX_RANK], row, count = e_int(e, DT_I64, rows);
        decode(e, u.i, size, axis + 1, position);
        Val source = locate(e, e_index(e, from_origin), position, from, axis + 1);
        row = e_cast(e, DT_I64, position[axis]);
        if (node_in(node, 2)) {
            Val first = e_load(e, e_in(e, 2), position[0], 1);
            row = e_add(e, row, attrs->mode ? e_rem(e, first, count) : first);
            row = attrs->mode ? e_rem(e, e_add(e, row, count), count) : row;
        }
        position[axis] = index_checked(e, row, rows);
        Val target = locate(e, e_index(e, to_origin), position, to, axis + 1);
        kept_inside(e, &slice, source, target, e_lanes(e, data->dtype), update_lanes, &scatter);
    }
}

const OpImpl impl_ScatterElements = {.lower = lower_scatter_elements};
const OpImpl impl_ScatterND = {.lower = lower_scatter_nd};
const OpImpl impl_TensorScatter = {.lower = lower_tensor_scatter};
