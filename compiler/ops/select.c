// NonZero and Compress: what a constant selects. How much that is decides the shape, so inference has counted it.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"

// y[:, n] is the position of the n-th element that is not 0.
static void lower_non_zero(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type;
    int64_t step[MAX_RANK], size[MAX_RANK], origin = type_steps(type, step), count = type_size(&node->out[0]->type, 1);
    if (type_count(&node->out[0]->type) == 0)
        return;
    type_sizes(type, size);
    Ptr x = e_in(e, 0), y = e_out(e, 0);
    Var found = e_var(e, e_index(e, 0));
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
}

typedef struct Pair {
    Ptr from, to;
} Pair;

static void copy_lanes(Emit *e, void *arg, Val x, Val y, int lanes) {
    const Pair *pair = arg;
    e_store(e, pair->to, y, e_load(e, pair->from, x, lanes));
}

// The data as [outer, size, inner], of which `count` are taken from the middle.
static void lower_compress(Emit *e, const Node *node) {
    const CompressAttrs *attrs = node->attrs;
    const Type *type = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t size[MAX_RANK], outer = 1, inner = 1, length = type_size(&node->in[1]->type, 0), whole, count;
    if (type_count(out) == 0)
        return;
    type_sizes(type, size);
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
    Pair pair = {e_in(e, 0), e_out(e, 0)};
    Ptr condition = e_in(e, 1);
    Kept slice = {0};
    kept_add(&slice, outer, whole * inner, count * inner);
    kept_add(&slice, inner, 1, 1);
    Var taken = e_var(e, e_index(e, 0));
    EMIT_TIMES(e, i, length) {
        Val n = e_get(e, taken);
        EMIT_IF(e, e_and(e, e_load(e, condition, i.i, 1), e_lt(e, n, e_index(e, count)))) {
            kept_inside(e, &slice, e_mul_const(e, i.i, inner), e_mul_const(e, n, inner),
                        e_lanes(e, pair.from.dtype), copy_lanes, &pair);
            e_set(e, taken, e_add_const(e, n, 1));
        }
    }
}

const OpImpl impl_NonZero = {.lower = lower_non_zero};
const OpImpl impl_Compress = {.lower = lower_compress};
