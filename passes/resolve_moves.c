// Rewrites of counted values (resolve_counts.c): operators that move elements, and those whose shape counts decide.
#include "ir/infer_check.h"
#include "passes/resolve_parts.h"
#include "support/checked.h"

// The only counted element; -1: there is none, -2: there are several, or symbols.
static int only_counted(const DimTensor *dims) {
    int found = -1;
    for (int i = 0; i < dims->n; i++) {
        if (dims->v[i].sym || (dims->v[i].count && found >= 0))
            return -2;
        found = dims->v[i].count ? i : found;
    }
    return found;
}

static Value *most_of(Resolver *r, const DimTensor *dims) {
    int64_t *v = ARENA_ARRAY(r->counts.infer->arena, int64_t, dims->n);
    for (int i = 0; i < dims->n; i++)
        v[i] = max_i64(dims->v[i].n, dims->v[i].count ? 0 : INT64_MIN);
    return counts_ints(&r->counts, v, dims->n);
}

// ---- Concat

// Makes the counts of the parts along another dimension equal.
static bool concat_across(Resolver *r, int own) {
    Node *node = r->counts.where;
    int axis = -1;
    Dim to = dim_const(0);
    bool changed = false;
    for (int i = 0; i < node->nin; i++) {
        int counted = counted_axis(node->in[i]);
        if (counted == own || node->in[i]->type.rank != node->in[0]->type.rank)
            return false;
        if (axis < 0 && counted >= 0) {
            axis = counted;
            to = node->in[i]->type.dim[axis];
        }
    }
    for (int i = 0; axis >= 0 && i < node->nin; i++) {
        Dim from = node->in[i]->type.dim[axis];
        if (dim_equal(from, to) || from.sym || (counted_axis(node->in[i]) >= 0 && counted_axis(node->in[i]) != axis))
            continue;
        node->in[i] = resolve_equal(r, node->in[i], axis, from, to);
        changed = true;
    }
    return changed;
}

// Where element i of the joined values lies among all for which there is room: i, and the room behind the parts before.
static Value *joined_positions(Resolver *r, int axis, int64_t *room, Dim *count) {
    const Node *node = r->counts.where;
    *room = 0;
    *count = dim_const(0);
    for (int i = 0; i < node->nin; i++)
        *room += node->in[i]->type.dim[axis].n;
    Value *position = resolve_range(r, *room), *at = position;
    for (int i = 0; i < node->nin; i++) {
        Dim part = node->in[i]->type.dim[axis];
        *count = counts_apply(&r->counts, OP_Add, *count, part);
        if (!part.count || i == node->nin - 1)
            continue;
        Dim gap = counts_apply(&r->counts, OP_Sub, dim_const(part.n), part);
        Value *before = counts_node(&r->counts, OP_Less, position, counts_value(&r->counts, *count));
        Value *skip = counts_node(&r->counts, OP_Where, before, counts_int(&r->counts, 0));
        node_set_input(skip->def, 2, counts_value(&r->counts, gap));
        at = counts_node(&r->counts, OP_Add, at, skip);
    }
    return at == position ? NULL : counts_node(&r->counts, OP_Min, at, counts_int(&r->counts, *room - 1));
}

bool resolve_moves_concat(Resolver *r) {
    Node *node = r->counts.where;
    int axis = resolve_axis(((const AxisAttrs *)node->attrs)->axis, node->in[0]->type.rank);
    bool along = false;
    int64_t room;
    Dim count;
    for (int i = 0; i < node->nin; i++)
        along |= counted_axis(node->in[i]) == axis;
    if (!along)
        return axis >= 0 && concat_across(r, axis);
    for (int i = 0; i < node->nin; i++)
        if (node->in[i]->type.rank <= axis || node->in[i]->type.dim[axis].sym ||
            (counted_axis(node->in[i]) >= 0 && counted_axis(node->in[i]) != axis))
            return false;
    Value *at = joined_positions(r, axis, &room, &count);
    Node *all = node_new(node->graph, OP_Concat, node->nin, 1);
    for (int i = 0; i < node->nin; i++)
        all->in[i] = resolve_whole(r, node->in[i], NULL);
    all->attrs = node->attrs;
    all->loc = node->loc;
    graph_insert_before(node, all);
    Value *joined = node_output(all, 0, node->out[0]->name, type_unknown());
    if (at)
        joined = resolve_gather(r, joined, at, axis);
    return resolve_done(r, resolve_counted(r, joined, axis, room, count));
}

// ---- Slice

typedef struct Cut {
    int axis;
    Dim start, end;
} Cut;

// An index as one from the start: negative ones count from the end, and none lies outside.
static Dim from_start(Resolver *r, Dim index, Dim size) {
    Counts *c = &r->counts;
    if (!index.count && index.n < 0)
        index = counts_apply(c, OP_Max, counts_apply(c, OP_Add, size, index), dim_const(0));
    else if (!counts_is_natural(c, index)) {
        Value *negative = counts_node(c, OP_Less, counts_value(c, index), counts_int(c, 0));
        Value *moved = counts_node(c, OP_Add, counts_value(c, index), counts_value(c, size));
        Value *back = counts_node(c, OP_Where, negative, moved);
        node_set_input(back->def, 2, counts_value(c, index));
        index = counts_apply(c, OP_Max, counts_of(back), dim_const(0));
    }
    return counts_apply(c, OP_Min, index, size);
}

// The one axis that is cut where a count or the data says; the others are cut at once. False where there is none, or
// several, or another step than 1.
static bool find_cut(Resolver *r, Cut *cut, Value **rest) {
    Node *node = r->counts.where;
    const Type type = node->in[0]->type;
    int n = node->in[1]->type.rank == 1 ? (int)node->in[1]->type.dim[0].n : 0, others = 0, found = 0;
    int64_t start[MAX_RANK], end[MAX_RANK], axes[MAX_RANK], steps[MAX_RANK];
    if (n > type.rank || n > MAX_RANK || node->in[2]->type.rank != 1 || node->in[2]->type.dim[0].n != n)
        return false;
    for (int i = 0; i < n; i++) {
        Dim from, to, axis = dim_const(i), step = dim_const(1);
        if ((node_in(node, 3) && (!resolve_element(r, 3, i, &axis) || axis.count)) ||
            (node_in(node, 4) && (!resolve_element(r, 4, i, &step) || step.count)) ||
            resolve_axis(axis.n, type.rank) < 0 || !resolve_element(r, 1, i, &from) || !resolve_element(r, 2, i, &to))
            return false;
        Dim size = type.dim[resolve_axis(axis.n, type.rank)];
        bool all = !from.count && from.n == 0 && !to.count && to.n >= INT32_MAX && step.n == 1;
        if (size.sym)
            return false;
        if (all || (!size.count && !from.count && !to.count)) {
            start[others] = from.n;
            end[others] = to.n;
            axes[others] = axis.n;
            steps[others++] = step.n;
        } else if (found++ || step.n != 1) {
            return false;
        } else {
            *cut = (Cut){resolve_axis(axis.n, type.rank), from, to};
        }
    }
    if (!found || (counted_axis(node->in[0]) >= 0 && counted_axis(node->in[0]) != cut->axis))
        return false;
    *rest = resolve_whole(r, node->in[0], NULL);
    if (others) {
        Value *part = counts_node(&r->counts, OP_Slice, *rest, counts_ints(&r->counts, start, others));
        node_set_input(part->def, 2, counts_ints(&r->counts, end, others));
        node_set_input(part->def, 3, counts_ints(&r->counts, axes, others));
        node_set_input(part->def, 4, counts_ints(&r->counts, steps, others));
        *rest = part;
    }
    return true;
}

bool resolve_moves_slice(Resolver *r) {
    const Node *node = r->counts.where;
    Counts *c = &r->counts;
    Value *rest;
    Cut cut;
    if (!find_cut(r, &cut, &rest))
        return false;
    Dim size = node->in[0]->type.dim[cut.axis];
    Dim start = from_start(r, cut.start, size), end = from_start(r, cut.end, size);
    bool last = !cut.start.count && cut.start.n < 0 && dim_equal(end, size);  // the last few
    Dim count = last ? counts_apply(c, OP_Min, size, dim_const(cut.start.n == INT64_MIN ? INT64_MAX : -cut.start.n))
                     : counts_apply(c, OP_Max, counts_apply(c, OP_Sub, end, start), dim_const(0));
    int64_t most = max_i64(min_i64(count.n, size.n), 0);
    if (!start.count)
        rest = resolve_slice(r, rest, cut.axis, start.n, most = min_i64(most, max_i64(size.n - start.n, 0)));
    else {
        Value *at = counts_node(c, OP_Add, resolve_range(r, most), counts_value(c, start));
        rest = resolve_gather(r, rest, counts_node(c, OP_Min, at, counts_int(c, max_i64(size.n - 1, 0))), cut.axis);
    }
    return resolve_done(r, resolve_counted(r, rest, cut.axis, most, count));
}

// ---- Pad

// Along one axis, with a number before and a number or count behind. What is not there becomes what is padded with.
bool resolve_moves_pad(Resolver *r) {
    Node *node = r->counts.where;
    const Type type = node->in[0]->type;
    Counts *c = &r->counts;
    int counted = counted_axis(node->in[0]), n = node->in[1]->type.rank == 1 ? (int)node->in[1]->type.dim[0].n / 2 : 0;
    int own = -1;
    Dim before[MAX_RANK], behind[MAX_RANK];
    int64_t axes[MAX_RANK], pads[2 * MAX_RANK];
    if (n > MAX_RANK || n > type.rank || ((const PadAttrs *)node->attrs)->mode != PAD_CONSTANT)
        return false;
    for (int i = 0; i < n; i++) {
        Dim axis = dim_const(i);
        if ((node_in(node, 3) && (!resolve_element(r, 3, i, &axis) || axis.count)) ||
            !resolve_element(r, 1, i, &before[i]) || !resolve_element(r, 1, n + i, &behind[i]))
            return false;
        axes[i] = resolve_axis(axis.n, type.rank);
        bool changes = before[i].count || behind[i].count || (axes[i] == counted && (before[i].n || behind[i].n));
        if (axes[i] < 0 || before[i].count || (changes && own >= 0))
            return false;
        own = changes ? i : own;
    }
    if (own < 0 || (counted >= 0 && axes[own] != counted) || before[own].n < 0)
        return false;
    Dim size = type.dim[axes[own]];
    Dim count = counts_apply(c, OP_Add, counts_apply(c, OP_Add, size, before[own]), behind[own]);
    for (int i = 0; i < n; i++) {
        pads[i] = before[i].n;
        pads[n + i] = behind[i].n;
    }
    int64_t room = count.count ? count.n : max_i64(count.n, size.n + before[own].n);
    if (room == INT64_MAX || room < size.n + before[own].n)
        room = size.n + before[own].n;
    pads[n + own] = room - size.n - before[own].n;
    Value *fill = node_in(node, 2);
    Value *padded = counts_node(c, OP_Pad, resolve_whole(r, node->in[0], fill), counts_ints(c, pads, 2 * n));
    if (fill)
        node_set_input(padded->def, 2, fill);
    node_set_input(padded->def, 3, counts_ints(c, axes, n));
    return resolve_done(r, resolve_counted(r, padded, (int)axes[own], room, count));
}

// ---- Gather and Scatter

// Indices into what is counted, so that negative ones count from where it ends, and one beyond is out of range: `limit`
// is a number or a list, `beyond` what no dimension has.
static Value *bounded(Resolver *r, Value *indices, Value *limit, int64_t beyond) {
    Counts *c = &r->counts;
    DType dtype = indices->type.dtype;
    if (dtype != DT_I64) {
        indices = counts_node(c, OP_Cast, indices, NULL);
        ((CastAttrs *)indices->def->attrs)->to = DT_I64;
    }
    Value *negative = counts_node(c, OP_Less, indices, counts_int(c, 0));
    Value *back = counts_node(c, OP_Where, negative, counts_node(c, OP_Add, indices, limit));
    node_set_input(back->def, 2, indices);
    Value *inside = counts_node(c, OP_Less, back, limit);
    Value *result = counts_node(c, OP_Where, inside, back);
    node_set_input(result->def, 2, counts_int(c, beyond));
    return result;
}

static bool is_own_axis(const Node *node, int axis) {
    if (node->op == OP_GatherND || node->op == OP_ScatterND) {
        int64_t batch = node->op == OP_GatherND ? ((const BatchAttrs *)node->attrs)->batch_dims : 0;
        const Type *indices = &node->in[1]->type;
        return batch == 0 && indices->rank > 0 && axis < indices->dim[indices->rank - 1].n;
    }
    int64_t own = node->op == OP_ScatterElements ? ((const ScatterAttrs *)node->attrs)->axis
                                                 : ((const AxisAttrs *)node->attrs)->axis;
    return resolve_axis(own, node->in[0]->type.rank) == axis;
}

// Indices into a counted dimension; the data becomes static.
static bool bound_indices(Resolver *r) {
    Node *node = r->counts.where;
    const Type type = node->in[0]->type;
    int axis = counted_axis(node->in[0]);
    if (axis < 0 || !is_own_axis(node, axis))
        return false;
    Value *limit;
    if (node->op == OP_GatherND || node->op == OP_ScatterND)
        limit = counts_list(&r->counts, type.dim, (int)node->in[1]->type.dim[node->in[1]->type.rank - 1].n);
    else
        limit = counts_value(&r->counts, type.dim[axis]);
    int64_t beyond = 0;
    for (int i = 0; i < type.rank; i++)
        beyond = max_i64(beyond, type.dim[i].n);
    node->in[1] = bounded(r, node->in[1], limit, beyond);
    node->in[0] = resolve_whole(r, node->in[0], NULL);
    return true;
}

bool resolve_moves_gather(Resolver *r) {
    return bound_indices(r);
}

// The operator itself takes only so many rows of indices as there are.
bool resolve_moves_scatter(Resolver *r) {
    Node *node = r->counts.where;
    const Type type = node->in[0]->type;
    int axis = counted_axis(node->in[0]), indices = counted_axis(node->in[1]), updates = counted_axis(node->in[2]);
    if (axis >= 0) {
        if (!bound_indices(r))
            return false;
        Value *all = counts_node(&r->counts, node->op, node->in[0], node->in[1]);
        node_set_input(all->def, 2, node->in[2]);
        all->def->attrs = node->attrs;
        return resolve_done(r, resolve_counted(r, all, axis, type.dim[axis].n, type.dim[axis]));
    }
    if (indices > 0 || updates > 0 || node->nin == 4 || (indices < 0 && updates < 0))
        return false;
    Dim a = node->in[1]->type.dim[0], b = node->in[2]->type.rank ? node->in[2]->type.dim[0] : dim_const(1);
    if (!dim_equal(a, b) && node->in[2]->type.rank)
        node->in[2] = resolve_equal(r, node->in[2], 0, b, a);
    else if (indices == 0)
        node_set_input(node, 3, counts_value(&r->counts, a));
    return true;
}

// ---- Reshape

// The shape that is asked for, with 0 and -1 as they stand.
static bool target_of(Resolver *r, DimTensor *target) {
    const Node *node = r->counts.where;
    const Type *type = &node->in[0]->type;
    if (node->op == OP_Flatten) {
        int64_t axis = ((const AxisAttrs *)node->attrs)->axis;
        axis += axis < 0 ? type->rank : 0;
        *target = (DimTensor){2, ARENA_ARRAY(r->counts.infer->arena, Dim, 2)};
        target->v[0] = target->v[1] = dim_const(1);
        for (int i = 0; i < type->rank; i++)
            target->v[i >= axis] = counts_apply(&r->counts, OP_Mul, target->v[i >= axis], type->dim[i]);
        return true;
    }
    const DimTensor *known = infer_known(r->counts.infer, node->in[1]);
    if (!known || known->n > MAX_RANK)
        return false;
    *target = (DimTensor){known->n, ARENA_ARRAY(r->counts.infer->arena, Dim, known->n)};
    for (int i = 0; i < known->n; i++) {
        bool copy = !known->v[i].count && known->v[i].n == 0 && !((const ReshapeAttrs *)node->attrs)->allowzero;
        if (known->v[i].sym || (copy && i >= type->rank))
            return false;
        target->v[i] = copy ? type->dim[i] : known->v[i];
    }
    return true;
}

static bool is_rest(Dim dim) {
    return !dim.count && dim.n == -1;
}

// Elements lie in rows, of which there are as many as are counted: nothing but ones is before them, and in the result
// some dimension has their number times what a row has more.
static bool rows_of_target(Resolver *r, const DimTensor *target, int axis, int *at, Dim *count) {
    const Type *type = &r->counts.where->in[0]->type;
    Counts *c = &r->counts;
    Dim inner = dim_const(1), rest = dim_const(1);
    bool open = false;
    for (*at = 0; *at < target->n && !target->v[*at].count && target->v[*at].n == 1; ++*at)
        ;
    if (type_before(type, axis) != 1 || *at == target->n)
        return false;
    for (int i = axis + 1; i < type->rank; i++)
        inner = counts_apply(c, OP_Mul, inner, type->dim[i]);
    for (int i = *at + 1; i < target->n; i++) {
        if (target->v[i].count)
            return false;
        open |= is_rest(target->v[i]);
        rest = is_rest(target->v[i]) ? rest : counts_apply(c, OP_Mul, rest, target->v[i]);
    }
    if (rest.n <= 0 || (open && !dim_equal(target->v[*at], type->dim[axis])))
        return false;
    if (open) {
        *count = type->dim[axis];
        return true;
    }
    *count = counts_apply(c, OP_Div, counts_apply(c, OP_Mul, type->dim[axis], inner), rest);
    return count->count != NULL && type->dim[axis].n * inner.n % rest.n == 0;
}

bool resolve_moves_reshape(Resolver *r) {
    Node *node = r->counts.where;
    int axis = counted_axis(node->in[0]), at;
    DimTensor target;
    Dim count;
    Diag quiet = {0};
    Infer infer = *r->counts.infer;
    Type plain;
    infer.diag = &quiet;
    bool constant = node->op == OP_Flatten || node->in[1]->data;
    if (axis < 0 || (constant && infer_node(&infer, node, &plain)) || !target_of(r, &target) ||
        !rows_of_target(r, &target, axis, &at, &count))
        return false;
    Dim asked = target.v[at];
    target.v[at] = dim_const(count.n);
    Value *all = counts_node(&r->counts, OP_Reshape, resolve_whole(r, node->in[0], NULL), most_of(r, &target));
    ((ReshapeAttrs *)all->def->attrs)->allowzero = true;
    if (!is_rest(asked) && asked.count != count.count) {
        all = resolve_counted(r, all, at, count.n, count);
        return resolve_done(r, resolve_equal(r, all, at, count, asked));
    }
    return resolve_done(r, resolve_counted(r, all, at, count.n, count));
}

// ---- Shapes that counts decide

// The most that there can be, of which some are there.
bool resolve_moves_expand(Resolver *r) {
    Node *node = r->counts.where;
    const DimTensor *known = infer_known(r->counts.infer, node->in[1]);
    const Type type = node->in[0]->type;
    if (!known || known->n > MAX_RANK)
        return false;
    DimTensor dims = {known->n, ARENA_ARRAY(r->counts.infer->arena, Dim, known->n)};
    for (int i = 0; i < known->n; i++) {  // a dimension that is there already needs no copies
        int axis = i - known->n + type.rank;
        dims.v[i] = axis >= 0 && dim_equal(type.dim[axis], known->v[i]) ? dim_const(1) : known->v[i];
    }
    int at = only_counted(&dims);
    if (at == -2 || (at == -1 && node->in[1]->data))
        return false;
    Value *all = counts_node(&r->counts, OP_Expand, node->in[0], most_of(r, &dims));
    if (at < 0)
        return resolve_done(r, all);
    int axis = at - known->n + type.rank;
    if (counted_axis(node->in[0]) >= 0 || (axis >= 0 && !dim_equal(type.dim[axis], dim_const(1))))
        return false;
    int result = (int)max_i64(type.rank - known->n, 0) + at;
    return resolve_done(r, resolve_counted(r, all, result, max_i64(dims.v[at].n, 0), dims.v[at]));
}

bool resolve_moves_tile(Resolver *r) {
    Node *node = r->counts.where;
    const DimTensor *times = infer_known(r->counts.infer, node->in[1]);
    const Type type = node->in[0]->type;
    int64_t n;
    int at = times && times->n == type.rank ? only_counted(times) : -2;
    if (at < 0 || counted_axis(node->in[0]) >= 0 || type.dim[at].sym || times->v[at].n == INT64_MAX ||
        !checked_mul(type.dim[at].n, max_i64(times->v[at].n, 0), &n))
        return false;
    Value *all = counts_node(&r->counts, OP_Tile, node->in[0], most_of(r, times));
    Dim count = counts_apply(&r->counts, OP_Mul, times->v[at], type.dim[at]);
    return resolve_done(r, resolve_counted(r, all, at, n, count));
}

bool resolve_moves_fill(Resolver *r) {
    const Node *node = r->counts.where;
    const DimTensor *dims = infer_known(r->counts.infer, node->in[0]);
    int at = dims && dims->n <= MAX_RANK ? only_counted(dims) : -2;
    if (at < 0 || dims->v[at].n == INT64_MAX)
        return false;
    Value *all = counts_node(&r->counts, OP_ConstantOfShape, most_of(r, dims), NULL);
    all->def->attrs = node->attrs;
    return resolve_done(r, resolve_counted(r, all, at, max_i64(dims->v[at].n, 0), dims->v[at]));
}

// Integers, by a number that is 1 or more.
bool resolve_moves_range(Resolver *r) {
    Node *node = r->counts.where;
    Counts *c = &r->counts;
    Dim start, limit, delta;
    DType dtype = node->in[0]->type.dtype;
    if ((dtype != DT_I64 && dtype != DT_I32) || !resolve_element(r, 0, 0, &start) ||
        !resolve_element(r, 1, 0, &limit) || !resolve_element(r, 2, 0, &delta))
        return false;
    if (delta.count || delta.n < 1 || start.n == INT64_MAX || limit.n > INT32_MAX)
        return false;
    Dim way = counts_apply(c, OP_Sub, limit, start);
    Dim up = counts_apply(c, OP_Add, way, dim_const(delta.n - 1));
    Dim count = counts_apply(c, OP_Div, counts_apply(c, OP_Max, up, dim_const(0)), delta);
    if (count.n > INT32_MAX)
        return false;
    Value *at = resolve_range(r, count.n);
    at = counts_node(c, OP_Add, counts_node(c, OP_Mul, at, counts_int(c, delta.n)), counts_value(c, start));
    if (dtype != DT_I64) {
        at = counts_node(c, OP_Cast, at, NULL);
        ((CastAttrs *)at->def->attrs)->to = dtype;
    }
    return resolve_done(r, resolve_counted(r, at, 0, count.n, count));
}
