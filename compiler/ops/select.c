// NonZero and Compress: what data selects, and how much that is. Of a constant inference has counted it already; else
// the result has room for the most, there is an output for the count, and zeros lie behind it.
#include "codegen/lower.h"
#include "ir/infer.h"
#include "ops/copy.h"
#include "ops/reduce.h"

static bool is_counted(const Node *node) {
    return counted_output(node) == node->nout - 1 && type_counted_axis(&node->out[0]->type) >= 0;
}

static void store_count(Emit *e, const Node *node, Val count) {
    if (is_counted(node))
        e_store_const(e, e_out(e, node->nout - 1), 0, e_cast(e, DT_I64, count));
}

// y[:, n] is the position of the n-th element that is not 0.
static void lower_non_zero(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type;
    int64_t step[MAX_RANK], size[MAX_RANK], origin = type_steps(type, step), count = type_size(&node->out[0]->type, 1);
    Var found = e_var(e, e_index(e, 0));
    type_sizes(type, size);
    Ptr x = e_in(e, 0), y = e_out(e, 0);
    if (is_counted(node) && type_count(&node->out[0]->type) > 0)
        e_clear(e, y, e_index(e, 0), type_count(&node->out[0]->type));
    EMIT_TIMES(e, u, product(size, type->rank)) {
        Val position[MAX_RANK], n = e_get(e, found);
        decode(e, u.i, size, type->rank, position);
        Val element = load_compute(e, x, locate(e, e_index(e, origin), position, step, type->rank), 1);
        Val set = e_ne(e, element, e_zero(e, element.dtype, 1));
        EMIT_IF(e, e_and(e, set, e_lt(e, n, e_index(e, count)))) {
            for (int i = 0; i < type->rank; i++)
                e_store(e, y, e_add_const(e, n, i * count), e_cast(e, DT_I64, position[i]));
            e_set(e, found, e_add_const(e, n, 1));
        }
    }
    store_count(e, node, e_get(e, found));
}

typedef struct Fill {
    Ptr to;
    Val value;  // of one lane
} Fill;

static void fill_lanes(Emit *e, void *arg, Val x, Val y, int lanes) {
    const Fill *fill = arg;
    (void)x;
    e_store(e, fill->to, y, fit(e, fill->value, lanes));
}

// The data as [outer, size, inner], of which `count` are taken from the middle.
static void lower_compress(Emit *e, const Node *node) {
    const CompressAttrs *attrs = node->attrs;
    const Type *type = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t size[MAX_RANK], outer = 1, inner = 1, length = type_size(&node->in[1]->type, 0), whole, count;
    Var taken = e_var(e, e_index(e, 0));
    type_sizes(type, size);
    if (is_counted(node) && type_count(out) > 0)
        e_clear(e, e_out(e, 0), e_index(e, 0), type_storage(out));
    if (attrs->axis == COMPRESS_FLAT) {
        whole = product(size, type->rank);
        count = type_size(out, 0);
    } else {
        int axis = type_axis(type, attrs->axis);
        outer = product(size, axis);
        inner = product(size + axis + 1, type->rank - axis - 1);
        whole = size[axis];
        count = type_size(out, axis);
    }
    Ptr from = e_in(e, 0), to = e_out(e, 0), condition = e_in(e, 1);
    Kept slice = {0};
    kept_add(&slice, outer, whole * inner, count * inner);
    kept_add(&slice, inner, 1, 1);
    EMIT_TIMES(e, i, length) {
        Val n = e_get(e, taken);
        EMIT_IF(e, e_and(e, e_load(e, condition, i.i, 1), e_lt(e, n, e_index(e, count)))) {
            kept_copy(e, &slice, from, e_mul_const(e, i.i, inner), to, e_mul_const(e, n, inner));
            e_set(e, taken, e_add_const(e, n, 1));
        }
    }
    store_count(e, node, e_get(e, taken));
}

// Input 2, or zeros, where the position along the counted axis is beyond the count. One that cannot be fails the run.
static void lower_trim(Emit *e, const Node *node) {
    const TrimAttrs *attrs = node->attrs;
    const Type *type = &node->out[0]->type;
    int axis = attrs->axis == TRIM_COUNTED ? type_counted_axis(&node->in[0]->type) : type_axis(type, attrs->axis);
    int64_t size[MAX_RANK], from[MAX_RANK], to[MAX_RANK];
    int64_t x = type_steps(&node->in[0]->type, from), y = type_steps(type, to);
    Val count = e_load_const(e, e_in(e, 1), 0, 1);
    type_sizes(type, size);
    Kept row = {0};
    for (int i = axis + 1; i < type->rank; i++)
        kept_add(&row, size[i], from[i], to[i]);
    Ptr whole = e_in(e, 0);
    Fill fill = {.to = e_out(e, 0)};
    fill.value = node_in(node, 2) ? e_load_const(e, e_in(e, 2), 0, 1) : e_zero(e, fill.to.dtype, 1);
    e_fail_if(e, e_or(e, e_lt(e, count, e_int(e, DT_I64, 0)), e_gt(e, count, e_int(e, DT_I64, size[axis]))));
    Share share = e_share(e, product(size, axis + 1));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, axis + 1, position);
        Val source = locate(e, e_index(e, x), position, from, axis + 1);
        Val target = locate(e, e_index(e, y), position, to, axis + 1);
        Val inside = e_lt(e, e_cast(e, DT_I64, position[axis]), count);
        EMIT_IF(e, inside)
            kept_copy(e, &row, whole, source, fill.to, target);
        EMIT_IF(e, e_not(e, inside))
            kept_inside(e, &row, source, target, e_lanes(e, fill.to.dtype), fill_lanes, &fill);
    }
}

const OpImpl impl_NonZero = {.lower = lower_non_zero};
const OpImpl impl_Compress = {.lower = lower_compress};
const OpImpl impl_Trim = {.lower = lower_trim};
