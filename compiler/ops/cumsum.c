// CumSum and CumProd along an axis, which may be data: then there is a loop nest for each axis, and one of them runs.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"

typedef struct CumSum {
    Ptr x, y;
    int64_t size, x_step, y_step;
    const CumAttrs *attrs;
    bool product;
} CumSum;

static void cumsum_row(Emit *e, void *arg, Val x, Val y, int lanes) {
    const CumSum *c = arg;
    Var sum = e_var(e, e_splat(e, e_number(e, compute_type(c->x.dtype), c->product), lanes));
    EMIT_TIMES(e, k, c->size) {
        Val i = c->attrs->reverse ? e_sub(e, e_index(e, c->size - 1), k.i) : k.i;
        Val before = e_get(e, sum);
        Val element = load_compute(e, c->x, e_add(e, x, e_mul_const(e, i, c->x_step)), lanes);
        Val after = c->product ? e_mul(e, before, element) : e_add(e, before, element);
        e_set(e, sum, after);
        store_compute(e, c->y, e_add(e, y, e_mul_const(e, i, c->y_step)), c->attrs->exclusive ? before : after);
    }
}

// Whole or, if `share` is not wanted, in a branch, where work cannot be shared.
static void cumsum_axis(Emit *e, const Node *node, int axis, bool shared) {
    const Type *type = &node->in[0]->type;
    int64_t x[MAX_RANK], y[MAX_RANK];
    Kept kept = {.x_origin = type_steps(type, x), .y_origin = type_steps(&node->out[0]->type, y)};
    CumSum c = {e_in(e, 0), e_out(e, 0), type_size(type, axis), x[axis], y[axis], node->attrs,
                node->op == OP_CumProd};
    int lanes = e_lanes(e, compute_type(type->dtype));
    for (int i = 0; i < type->rank; i++)
        if (i != axis)
            kept_add(&kept, type_size(type, i), x[i], y[i]);
    if (shared)
        kept_loops(e, &kept, lanes, cumsum_row, &c);
    else
        kept_inside(e, &kept, e_index(e, kept.x_origin), e_index(e, kept.y_origin), lanes, cumsum_row, &c);
}

static void lower_cumsum(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type;
    Ints known;
    if (type_count(type) == 0)
        return;
    if (value_as_ints(node->in[1], e_arena(e), &known) && known.n == 1 && known.v[0] >= -type->rank &&
        known.v[0] < type->rank) {
        cumsum_axis(e, node, type_axis(type, known.v[0]), true);
        return;
    }
    Val axis = e_load_const(e, e_in(e, 1), 0, 1), rank = e_int(e, axis.dtype, type->rank);
    axis = e_select(e, e_lt(e, axis, e_int(e, axis.dtype, 0)), e_add(e, axis, rank), axis);
    e_fail_if(e, e_or(e, e_lt(e, axis, e_int(e, axis.dtype, 0)), e_ge(e, axis, rank)));
    for (int i = 0; i < type->rank; i++)
        EMIT_IF(e, e_eq(e, axis, e_int(e, axis.dtype, i)))
            cumsum_axis(e, node, i, false);
}

const OpImpl impl_CumSum = {.lower = lower_cumsum};
const OpImpl impl_CumProd = {.lower = lower_cumsum};
