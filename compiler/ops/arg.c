// ArgMax and ArgMin: where the extreme element lies along an axis, the first or the last of equals. An element beats
// the best one so far, so a NaN at the beginning stays, and others are ignored. Along contiguous rows each lane has a
// best one of its own, all beginning with the first element, and the lanes are compared at the end.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"

enum { CHAINS = 2 };  // vectors of bests

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

static void beat(Emit *e, const Arg *arg, Var best, Var index, Val v, Val at) {
    Val wins = better(e, arg, v, e_get(e, best));
    e_set(e, best, e_select(e, wins, v, e_get(e, best)));
    e_set(e, index, e_select(e, wins, at, e_get(e, index)));
}

// Of equal bests in two lanes the one that comes first, or last.
static void beat_lane(Emit *e, const Arg *arg, Var best, Var index, Val v, Val at) {
    Val other = e_get(e, best), place = e_get(e, index), beyond = arg->max ? e_gt(e, v, other) : e_lt(e, v, other);
    Val nearer = arg->last ? e_gt(e, at, place) : e_lt(e, at, place);
    Val wins = e_or(e, beyond, e_and(e, e_eq(e, v, other), nearer));
    e_set(e, best, e_select(e, wins, v, other));
    e_set(e, index, e_select(e, wins, at, place));
}

// The position in a contiguous row from x on.
static Val contiguous_row(Emit *e, const Arg *arg, Val x, int lanes) {
    Val first = load_compute(e, arg->x, x, 1);
    Var best[CHAINS], index[CHAINS];
    for (int c = 0; c < CHAINS; c++) {
        best[c] = e_var(e, e_splat(e, first, lanes));
        index[c] = e_var(e, e_zero(e, DT_I32, lanes));
    }
    int64_t each = (int64_t)lanes * CHAINS, whole = arg->size / each * each;
    EMIT_FOR(e, i, e_index(e, 0), e_index(e, whole), each)
        for (int c = 0; c < CHAINS; c++) {
            Val at = e_add_const(e, e_splat(e, e_cast(e, DT_I32, i.i), lanes), (int64_t)c * lanes);
            Val v = load_compute(e, arg->x, e_add_const(e, e_add(e, x, i.i), (int64_t)c * lanes), lanes);
            beat(e, arg, best[c], index[c], v, e_add(e, at, e_iota(e, DT_I32, lanes)));
        }
    Var winner = e_var(e, first), place = e_var(e, e_int(e, DT_I32, 0));
    for (int c = 0; c < CHAINS; c++)
        for (int lane = 0; lane < lanes; lane++)
            beat_lane(e, arg, winner, place, e_lane(e, e_get(e, best[c]), lane), e_lane(e, e_get(e, index[c]), lane));
    EMIT_FOR(e, i, e_index(e, whole), e_index(e, arg->size), 1)
        beat(e, arg, winner, place, load_compute(e, arg->x, e_add(e, x, i.i), 1), e_cast(e, DT_I32, i.i));
    return e_get(e, place);
}

static void arg_row(Emit *e, void *data, Val x, Val y, int lanes) {
    Arg *arg = data;
    int wide = e_lanes(e, compute_type(arg->x.dtype));
    if (lanes == 1 && arg->step == 1 && wide > 1 && arg->size >= 2 * CHAINS * wide && arg->size <= INT32_MAX) {
        e_store(e, arg->y, y, e_cast(e, DT_I64, contiguous_row(e, arg, x, wide)));
        return;
    }
    Var best = e_var(e, load_compute(e, arg->x, x, lanes));
    Var index = e_var(e, e_zero(e, e_index_type(e), lanes));
    EMIT_FOR(e, i, e_index(e, 1), e_index(e, arg->size), 1) {
        Val v = load_compute(e, arg->x, e_add(e, x, e_mul_const(e, i.i, arg->step)), lanes);
        beat(e, arg, best, index, v, e_splat(e, i.i, lanes));
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
