// ArgMax and ArgMin: where the extreme element lies along an axis, the first or the last of equals.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"

typedef struct Arg {
    Ptr x, y;
    int64_t size, step;
    bool max, last;
} Arg;

static Val better(Emit *e, const Arg *arg, Val x, Val best) {
    if (arg->max)
        return arg->last ? e_ge(e, x, best) : e_gt(e, x, best);
    return arg->last ? e_le(e, x, best) : e_lt(e, x, best);
}

static void arg_row(Emit *e, void *data, Val x, Val y, int lanes) {
    Arg *arg = data;
    Var best = e_var(e, load_compute(e, arg->x, x, lanes));
    Var index = e_var(e, e_zero(e, e_index_type(e), lanes));
    EMIT_FOR(e, i, e_index(e, 1), e_index(e, arg->size), 1) {
        Val v = load_compute(e, arg->x, e_add(e, x, e_mul_const(e, i.i, arg->step)), lanes);
        Val wins = better(e, arg, v, e_get(e, best));
        e_set(e, best, e_select(e, wins, v, e_get(e, best)));
        e_set(e, index, e_select(e, wins, e_splat(e, i.i, lanes), e_get(e, index)));
    }
    e_store(e, arg->y, y, e_cast(e, DT_I64, e_get(e, index)));
}

static void lower_arg(Emit *e, const Node *node) {
    const ArgAttrs *attrs = node->attrs;
    const Type *type = &node->in[0]->type;
    int axis = type_axis(type, attrs->axis);
    int64_t x[MAX_RANK], y[MAX_RANK];
    Kept kept = {.x_origin = type_steps(type, x), .y_origin = type_steps(&node->out[0]->type, y)};
    Arg arg = {.x = e_in(e, 0), .y = e_out(e, 0), .size = type_size(type, axis), .step = x[axis],
               .max = node->op == OP_ArgMax, .last = attrs->select_last_index};
    for (int i = 0, to = 0; i < type->rank; i++) {
        if (i == axis)
            to += attrs->keepdims;
        else
            kept_add(&kept, type_size(type, i), x[i], y[to++]);
    }
    kept_loops(e, &kept, e_lanes(e, compute_type(type->dtype)), arg_row, &arg);
}

const OpImpl impl_ArgMax = {.lower = lower_arg};
const OpImpl impl_ArgMin = {.lower = lower_arg};
