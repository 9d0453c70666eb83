// BatchNormalization (inference), InstanceNormalization and LRN.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"
#include "support/checked.h"

typedef struct Norm {
    Ptr x, y, scale, bias, mean, variance;  // mean and variance: of BatchNormalization
    double epsilon;
    DType dtype;
    Kept image;          // the spatial loops of one channel
    Reduce sum;          // the same, to be summed
    int64_t count;
    Val factor, offset;  // of the channel at hand: y = x * factor + offset
} Norm;

static void affine(Emit *e, void *arg, Val x, Val y, int lanes) {
    Norm *norm = arg;
    Val v = load_compute(e, norm->x, x, lanes);
    store_compute(e, norm->y, y, e_fma(e, v, fit(e, norm->factor, lanes), fit(e, norm->offset, lanes)));
}

static void set_affine(Emit *e, Norm *norm, Val c, Val mean, Val variance) {
    Val deviation = e_sqrt(e, e_add(e, variance, e_number(e, norm->dtype, norm->epsilon)));
    norm->factor = e_div(e, load_compute(e, norm->scale, c, 1), deviation);
    norm->offset = e_sub(e, load_compute(e, norm->bias, c, 1), e_mul(e, mean, norm->factor));
}

static Val deviation_term(Emit *e, const Reduce *r, Val x, Val at) {
    (void)at;
    Val d = e_sub(e, x, reduce_extra(e, r, x));
    return e_mul(e, d, d);
}

static void set_by_instance(Emit *e, Norm *norm, Val c, Val x) {
    Val count = e_number(e, norm->dtype, (double)norm->count);
    Val mean = e_div(e, reduce_at(e, &norm->sum, x, 1), count);
    Reduce squares = norm->sum;
    squares.term = deviation_term;
    squares.extra = mean;
    set_affine(e, norm, c, mean, e_div(e, reduce_at(e, &squares, x, 1), count));
}

static void lower_norm(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type;
    bool batch = node->op == OP_BatchNormalization;
    int64_t x[MAX_RANK], y[MAX_RANK], channels = type_size(type, 1);
    int64_t x_origin = type_steps(type, x), y_origin = type_steps(&node->out[0]->type, y);
    Norm norm = {.x = e_in(e, 0), .y = e_out(e, 0), .scale = e_in(e, 1), .bias = e_in(e, 2),
                 .epsilon = ((const NormAttrs *)node->attrs)->epsilon, .dtype = compute_type(type->dtype), .count = 1};
    norm.sum = (Reduce){.x = norm.x, .dtype = norm.dtype, .combine = combine_add};
    for (int i = 2; i < type->rank; i++) {
        kept_add(&norm.image, type_size(type, i), x[i], y[i]);
        reduce_add_loop(&norm.sum, type_size(type, i), x[i]);
        norm.count *= type_size(type, i);
    }
    Share share = e_share(e, type_size(type, 0) * channels);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[2] = {e_div(e, u.i, e_index(e, channels)), e_rem(e, u.i, e_index(e, channels))};
        Val from = locate(e, e_index(e, x_origin), position, x, 2),
            to = locate(e, e_index(e, y_origin), position, y, 2);
        if (batch)
            set_affine(e, &norm, position[1], load_compute(e, e_in(e, 3), position[1], 1),
                       load_compute(e, e_in(e, 4), position[1], 1));
        else
            set_by_instance(e, &norm, position[1], from);
        kept_inside(e, &norm.image, from, to, e_lanes(e, norm.dtype), affine, &norm);
    }
}

// LRN: y[c] = x[c] / (bias + alpha / size * sum of x[i]^2)^beta, over the channels i around c.
typedef struct Lrn {
    Ptr x, y;
    const LrnAttrs *attrs;
    int64_t step;         // of a channel
    Val c, first, count;  // this channel, and those around it
} Lrn;

static void lrn_at(Emit *e, void *arg, Val x, Val y, int lanes) {
    Lrn *lrn = arg;
    const LrnAttrs *attrs = lrn->attrs;
    Val v = load_compute(e, lrn->x, x, lanes);
    Val start = e_add(e, x, e_mul_const(e, e_sub(e, lrn->first, lrn->c), lrn->step));
    Var sum = e_var(e, e_zero(e, v.dtype, lanes));
    EMIT_FOR(e, i, e_index(e, 0), lrn->count, 1) {
        Val near = load_compute(e, lrn->x, e_add(e, start, e_mul_const(e, i.i, lrn->step)), lanes);
        e_set(e, sum, e_fma(e, near, near, e_get(e, sum)));
    }
    Val part = fit(e, e_number(e, v.dtype, attrs->alpha / (double)attrs->size), lanes);
    Val base = e_fma(e, part, e_get(e, sum), fit(e, e_number(e, v.dtype, attrs->bias), lanes));
    Val power = fit(e, e_number(e, v.dtype, attrs->beta), lanes);
    store_compute(e, lrn->y, y, e_div(e, v, e_pow(e, base, power)));
}

static void lower_lrn(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type;
    int64_t x[MAX_RANK], y[MAX_RANK], channels = type_size(type, 1);
    int64_t x_origin = type_steps(type, x), y_origin = type_steps(&node->out[0]->type, y);
    Lrn lrn = {.x = e_in(e, 0), .y = e_out(e, 0), .attrs = node->attrs, .step = x[1]};
    int64_t before = (lrn.attrs->size - 1) / 2, after = min_i64(lrn.attrs->size - 1 - before, channels);
    before = min_i64(before, channels);
    Kept image = {0};
    for (int i = 2; i < type->rank; i++)
        kept_add(&image, type_size(type, i), x[i], y[i]);
    Share share = e_share(e, type_size(type, 0) * channels);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val c = e_rem(e, u.i, e_index(e, channels));
        Val position[2] = {e_div(e, u.i, e_index(e, channels)), c};
        lrn.c = c;
        lrn.first = e_max(e, e_add_const(e, c, -before), e_index(e, 0));
        lrn.count = e_sub(e, e_min(e, e_add_const(e, c, after + 1), e_index(e, channels)), lrn.first);
        kept_inside(e, &image, locate(e, e_index(e, x_origin), position, x, 2),
                    locate(e, e_index(e, y_origin), position, y, 2), e_lanes(e, compute_type(type->dtype)), lrn_at,
                    &lrn);
    }
}

const OpImpl impl_BatchNormalization = {.lower = lower_norm};
const OpImpl impl_InstanceNormalization = {.lower = lower_norm};
const OpImpl impl_LRN = {.lower = lower_lrn};
