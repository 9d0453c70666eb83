// Softmax and LogSoftmax along one axis: exp(x - max) / sum, or x - max - log(sum).
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"

typedef struct Softmax {
    Reduce max, sum;
    Ptr y;
    bool log;
    int64_t size, x_step, y_step;
    Val x, y_at, shift, scale;  // of the row at hand
} Softmax;

// The standard's steps are operators of the element type, so f16 and bf16 round after each.
static Val rounded(Emit *e, DType dtype, Val v) {
    return e_cast(e, v.dtype, e_cast(e, dtype, v));
}

static Val exponential(Emit *e, DType dtype, Val x, Val shift) {
    return rounded(e, dtype, e_exp_flushed(e, rounded(e, dtype, e_sub(e, x, shift))));
}

// Where one element is NaN, so is the sum, whatever the maximum.
static Val larger(Emit *e, Val a, Val b) {
    return e_max(e, a, b);
}

// Stores the exponential on the way, where the output lies in memory as the input does.
static Val exp_term(Emit *e, const Reduce *r, Val x, Val at) {
    Val v = exponential(e, r->x.dtype, x, reduce_extra(e, r, x));
    if (r->also.v)
        store_compute(e, r->also, at, v);
    return v;
}

static void finish(Emit *e, Softmax *s, Val i, int lanes) {
    Val from = e_add(e, s->x, e_mul_const(e, i, s->x_step)), to = e_add(e, s->y_at, e_mul_const(e, i, s->y_step));
    Val scale = fit(e, s->scale, lanes), v;
    if (s->sum.also.v) {
        v = e_div(e, load_compute(e, s->y, to, lanes), scale);
    } else {
        Val x = load_compute(e, s->max.x, from, lanes), shift = fit(e, s->shift, lanes);
        v = s->log ? e_sub(e, e_sub(e, x, shift), scale) : e_div(e, exponential(e, s->y.dtype, x, shift), scale);
    }
    store_compute(e, s->y, to, v);
}

static void finish_span(Emit *e, void *arg, Val i, int lanes) {
    finish(e, arg, i, lanes);
}

static void softmax_row(Emit *e, void *arg, Val x, Val y, int lanes) {
    Softmax *s = arg;
    s->shift = reduce_at(e, &s->max, x, lanes);
    s->sum.extra = s->shift;
    Val sum = reduce_at(e, &s->sum, x, lanes);
    s->scale = s->log ? e_log(e, sum) : rounded(e, s->y.dtype, sum);
    s->x = x;
    s->y_at = y;
    if (lanes == 1 && s->x_step == 1 && s->y_step == 1)
        emit_span(e, e_index(e, 0), e_index(e, s->size), e_lanes(e, s->sum.dtype), finish_span, s);
    else
        EMIT_TIMES(e, i, s->size)
            finish(e, s, i.i, lanes);
}

static void add_axes(Softmax *s, Kept *kept, const Node *node) {
    const Type *type = &node->in[0]->type, *to = &node->out[0]->type;
    int axis = type_axis(type, ((const AxisAttrs *)node->attrs)->axis);
    int64_t x[MAX_RANK], y[MAX_RANK];
    kept->x_origin = type_steps(type, x);
    kept->y_origin = type_steps(to, y);
    s->size = type->rank > 0 ? type_size(type, axis) : 1;
    s->x_step = type->rank > 0 ? x[axis] : 1;
    s->y_step = type->rank > 0 ? y[axis] : 1;
    reduce_add_loop(&s->max, s->size, s->x_step);
    reduce_add_loop(&s->sum, s->size, s->x_step);
    for (int i = 0; i < type->rank; i++)
        if (i != axis)
            kept_add(kept, type_size(type, i), x[i], y[i]);
}

static void lower_softmax(Emit *e, const Node *node, bool log) {
    const Type *type = &node->in[0]->type;
    DType dtype = compute_type(type->dtype);
    Softmax s = {.y = e_out(e, 0), .log = log};
    Kept kept = {0};
    s.max = (Reduce){.x = e_in(e, 0), .dtype = dtype, .initial = lowest_of(dtype), .combine = larger};
    s.sum = (Reduce){.x = e_in(e, 0), .dtype = dtype, .term = exp_term, .combine = combine_add};
    if (!log && type->dtype == dtype && type_equal(type, &node->out[0]->type))
        s.sum.also = s.y;
    add_axes(&s, &kept, node);
    kept_loops(e, &kept, e_lanes(e, dtype), softmax_row, &s);
}

static void lower_plain(Emit *e, const Node *node) {
    lower_softmax(e, node, false);
}

static void lower_log(Emit *e, const Node *node) {
    lower_softmax(e, node, true);
}

const OpImpl impl_Softmax = {.lower = lower_plain};
const OpImpl impl_LogSoftmax = {.lower = lower_log};
