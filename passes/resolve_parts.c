// What the rewrites of counted values share: elements that are not there filled in, counts given and compared, slices.
// New nodes have no types yet; inference gives them theirs, so sizes are passed along.
#include "passes/resolve_parts.h"

#include <math.h>
#include <string.h>

#include "ir/infer_check.h"
#include "support/checked.h"

static Arena *arena_of(const Resolver *r) {
    return r->counts.graph->module->arena;
}

int resolve_axis(int64_t axis, int rank) {
    axis += axis < 0 ? rank : 0;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}

static Value *whole_number(Resolver *r, DType dtype, uint64_t bits) {
    uint64_t *bytes = ARENA_ARRAY(arena_of(r), uint64_t, 1);
    *bytes = bits;  // little-endian
    return value_constant(r->counts.graph, "fill", type_make(dtype, 0, NULL), bytes);
}

Value *resolve_filler(Resolver *r, Filler filler, DType dtype) {
    int bits = dtype_info[dtype].bits;
    uint64_t top = dtype == DT_BOOL ? 1 : UINT64_MAX >> ((dtype_is_signed(dtype) ? 65 : 64) - bits);
    if (filler == FILL_ZERO)
        return NULL;
    if (dtype_is_float(dtype)) {
        double number = filler == FILL_ONE ? 1 : filler == FILL_LOWEST ? -INFINITY : INFINITY;
        return value_doubles(r->counts.graph, "fill", type_make(dtype, 0, NULL), &number);
    }
    if (filler == FILL_ONE)
        return whole_number(r, dtype, 1);
    return whole_number(r, dtype, filler == FILL_HIGHEST ? top : dtype_is_signed(dtype) ? ~top : 0);
}

static Value *trim(Resolver *r, Value *value, Value *count, Value *fill, int64_t axis, bool whole) {
    Value *result = counts_node(&r->counts, OP_Trim, value, count);
    *(TrimAttrs *)result->def->attrs = (TrimAttrs){.axis = axis, .whole = whole};
    if (fill)
        node_set_input(result->def, 2, fill);
    return result;
}

Value *resolve_whole(Resolver *r, Value *value, Value *fill) {
    int axis = counted_axis(value);
    return axis < 0 ? value : trim(r, value, counts_value(&r->counts, value->type.dim[axis]), fill, TRIM_COUNTED, true);
}

Value *resolve_resize(Resolver *r, Value *value, int axis, int64_t from, int64_t to) {
    if (to < from)
        return resolve_slice(r, value, axis, 0, to);
    if (to == from)
        return value;
    Value *result = counts_node(&r->counts, OP_Pad, value, counts_ints(&r->counts, (int64_t[]){0, to - from}, 2));
    node_set_input(result->def, 3, counts_ints(&r->counts, &(int64_t){axis}, 1));
    return result;
}

Value *resolve_counted(Resolver *r, Value *value, int axis, int64_t n, Dim count) {
    if (count.count && !counts_is_natural(&r->counts, count))
        count = counts_apply(&r->counts, OP_Max, count, dim_const(0));
    if (count.n > n)
        count = count.count ? counts_apply(&r->counts, OP_Min, count, dim_const(n)) : dim_const(n);
    value = resolve_resize(r, value, axis, n, max_i64(count.n, 0));
    return count.count ? trim(r, value, counts_value(&r->counts, count), NULL, axis, false) : value;
}

Value *resolve_equal(Resolver *r, Value *value, int axis, Dim from, Dim to) {
    Value *checked = counts_equal(&r->counts, from, to);
    value = trim(r, value, checked, NULL, from.count ? TRIM_COUNTED : axis, true);
    value = resolve_resize(r, value, axis, from.n, to.n);
    return to.count ? trim(r, value, counts_value(&r->counts, to), NULL, axis, false) : value;
}

Value *resolve_slice(Resolver *r, Value *value, int axis, int64_t start, int64_t count) {
    Value *result = counts_node(&r->counts, OP_Slice, value, counts_ints(&r->counts, &start, 1));
    node_set_input(result->def, 2, counts_ints(&r->counts, &(int64_t){start + count}, 1));
    node_set_input(result->def, 3, counts_ints(&r->counts, &(int64_t){axis}, 1));
    return result;
}

Value *resolve_gather(Resolver *r, Value *value, Value *indices, int axis) {
    Value *result = counts_node(&r->counts, OP_Gather, value, indices);
    ((AxisAttrs *)result->def->attrs)->axis = axis;
    return result;
}

Value *resolve_range(Resolver *r, int64_t n) {
    int64_t *v = ARENA_ARRAY(arena_of(r), int64_t, n);
    for (int64_t i = 0; i < n; i++)
        v[i] = i;
    return value_constant(r->counts.graph, "positions", type_make(DT_I64, 1, &n), v);
}

void resolve_output(Resolver *r, int index, Value *value) {
    Node *node = r->counts.where, *copy = node_new(r->counts.graph, OP_Identity, 1, 1);
    copy->in[0] = value;
    copy->loc = node->loc;
    copy->out[0] = node->out[index];
    copy->out[0]->def = copy;
    graph_insert_before(node, copy);
    r->counts.first = r->counts.first ? r->counts.first : copy;
}

bool resolve_done(Resolver *r, Value *value) {
    Node *node = r->counts.where;
    resolve_output(r, 0, value);
    node_remove(node);
    return true;
}

bool resolve_element(Resolver *r, int input, int i, Dim *dim) {
    const Node *node = r->counts.where;
    Value *value = node->in[input];
    const DimTensor *known = infer_known(r->counts.infer, value);
    if (known) {
        *dim = i < known->n ? known->v[i] : dim_const(0);
        return i < known->n && !dim->sym;
    }
    bool whole = value->type.dtype == DT_I64 || value->type.dtype == DT_I32;
    if (!r->data || node->graph->owner || value->type.rank > 1 || !whole)
        return false;
    if (value->type.rank == 1)
        value = resolve_gather(r, value, counts_int(&r->counts, i), 0);
    if (node->in[input]->type.dtype != DT_I64) {
        value = counts_node(&r->counts, OP_Cast, value, NULL);
        ((CastAttrs *)value->def->attrs)->to = DT_I64;
    }
    *dim = (Dim){INT64_MAX, NULL, module_symbol(node->graph->module, value->name)};
    return true;
}
