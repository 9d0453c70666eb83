// What trains. The optimizers of the domain ai.onnx.preview.training make steps for several tensors at once: behind the
// rate r and the count of steps t come all tensors x, then their gradients g, then what each keeps from step to step.
// With g' = g + norm_coefficient * x,
//
//     Adagrad    h' = h + g'^2                            x' = x - r / (1 + t * decay) * g' / (sqrt(h') + epsilon)
//     Adam       v' = alpha v + (1 - alpha) g', h' = beta h + (1 - beta) g'^2
//                x' = (1 - post) * (x - s v' / (sqrt(h') + epsilon)), s = r sqrt(1 - beta^t) / (1 - alpha^t) for t > 0,
//                else r
//     Momentum   v' = alpha v + (t > 0 ? beta : 1) g'     x' = x - r v', with Nesterov's method x - r (g' + alpha v')
//
// What is computed from r and t alone is computed in f64.
#include "onnx/training.h"

#include <string.h>

#include "onnx/gradient.h"

static Value *constant(Importer *im, const Draft *d, DType dtype, const char *part, double number) {
    return draft_scalar(im, d, part, dtype, number);
}

static Value *scaled(Importer *im, const Draft *d, Value *x, const char *part, double by) {
    return by == 1 ? x : draft_binary(im, d, OP_Mul, x, constant(im, d, x->type.dtype, part, by));
}

// The i-th tensor of each of `kinds` lists behind r and t, the first two of which are x and g.
typedef struct Group {
    int n, kinds;
    DType dtype;
    Value *r, *t;  // f64 scalars
} Group;

static bool take_group(Importer *im, Draft *d, int kinds, Group *group) {
    *group = (Group){.n = (d->nin - 2) / kinds, .kinds = kinds};
    if (d->nin < 2 + kinds || (d->nin - 2) % kinds)
        return diag_error(im->diag, d->loc, E_ARITY, "it has %d inputs; %s takes 2 and %d for each tensor", d->nin,
                          d->op, kinds);
    if (!draft_need(im, d, d->nin))
        return false;
    Value *shape = draft_ints(im, d, "scalar", NULL, 0);
    group->dtype = draft_dtype(d, 2);
    group->r = draft_binary(im, d, OP_Reshape, draft_cast(im, d, d->in[0], DT_F64), shape);
    group->t = draft_binary(im, d, OP_Reshape, draft_cast(im, d, d->in[1], DT_F64), shape);
    return true;
}

static Value *group_in(const Draft *d, const Group *group, int kind, int index) {
    return d->in[2 + kind * group->n + index];
}

// g + norm * x
static Value *regularized(Importer *im, const Draft *d, const Group *group, int index, double norm) {
    Value *x = group_in(d, group, 0, index), *g = group_in(d, group, 1, index);
    return norm == 0 ? g : draft_binary(im, d, OP_Add, scaled(im, d, x, "norm", norm), g);
}

// a * old + b * new
static Value *mixed(Importer *im, const Draft *d, Value *old, double a, Value *fresh, double b) {
    return draft_binary(im, d, OP_Add, scaled(im, d, old, "keep", a), scaled(im, d, fresh, "take", b));
}

// a / (sqrt(h) + epsilon)
static Value *over_root(Importer *im, const Draft *d, Value *a, Value *h, double epsilon) {
    Value *root = draft_node(im, d, OP_Sqrt, h, NULL, NULL);
    return draft_binary(im, d, OP_Div, a,
                        draft_binary(im, d, OP_Add, root, constant(im, d, h->type.dtype, "epsilon", epsilon)));
}

static Value *choose_later(Importer *im, const Draft *d, const Group *group, Value *later, Value *first) {
    Value *any = draft_binary(im, d, OP_Greater, group->t, constant(im, d, DT_F64, "zero", 0));
    return draft_node(im, d, OP_Where, any, later, first);
}

// The outputs of tensor `index`: x first.
static bool define(Importer *im, Draft *d, const Group *group, int index, Value *x, Value *a, Value *b) {
    return draft_define(im, d, index, x) && draft_define(im, d, group->n + index, a) &&
           (!b || draft_define(im, d, 2 * group->n + index, b));
}

static bool make_adagrad(Importer *im, Draft *d) {
    Group group;
    double decay, epsilon, norm;
    if (!take_group(im, d, 3, &group) || !draft_take_float(im, d, "decay_factor", 0, &decay) ||
        !draft_take_float(im, d, "epsilon", (double)1e-6f, &epsilon) ||
        !draft_take_float(im, d, "norm_coefficient", 0, &norm))
        return false;
    Value *slow = draft_binary(im, d, OP_Add, scaled(im, d, group.t, "decay", decay),
                               constant(im, d, DT_F64, "one", 1));
    Value *rate = draft_cast(im, d, draft_binary(im, d, OP_Div, group.r, slow), group.dtype);
    for (int i = 0; i < group.n; i++) {
        Value *g = regularized(im, d, &group, i, norm);
        Value *h = draft_binary(im, d, OP_Add, group_in(d, &group, 2, i), draft_binary(im, d, OP_Mul, g, g));
        Value *step = over_root(im, d, draft_binary(im, d, OP_Mul, rate, g), h, epsilon);
        if (!define(im, d, &group, i, draft_binary(im, d, OP_Sub, group_in(d, &group, 0, i), step), h, NULL))
            return false;
    }
    return draft_all_taken(im, d);
}

// r * sqrt(1 - beta^t) / (1 - alpha^t)
static Value *adam_rate(Importer *im, const Draft *d, const Group *group, double alpha, double beta) {
    Value *one = constant(im, d, DT_F64, "one", 1);
    Value *a = draft_binary(im, d, OP_Sub, one,
                            draft_binary(im, d, OP_Pow, constant(im, d, DT_F64, "alpha", alpha), group->t));
    Value *b = draft_binary(im, d, OP_Sub, one,
                            draft_binary(im, d, OP_Pow, constant(im, d, DT_F64, "beta", beta), group->t));
    Value *up = draft_binary(im, d, OP_Mul, group->r, draft_node(im, d, OP_Sqrt, b, NULL, NULL));
    Value *later = choose_later(im, d, group, draft_binary(im, d, OP_Div, up, a), group->r);
    return draft_cast(im, d, later, group->dtype);
}

static bool make_adam(Importer *im, Draft *d) {
    Group group;
    double alpha, beta, epsilon, norm, post;
    if (!take_group(im, d, 4, &group) || !draft_take_float(im, d, "alpha", (double)0.9f, &alpha) ||
        !draft_take_float(im, d, "beta", (double)0.999f, &beta) ||
        !draft_take_float(im, d, "epsilon", (double)1e-6f, &epsilon) ||
        !draft_take_float(im, d, "norm_coefficient", 0, &norm) ||
        !draft_take_float(im, d, "norm_coefficient_post", 0, &post))
        return false;
    Value *rate = adam_rate(im, d, &group, alpha, beta);
    for (int i = 0; i < group.n; i++) {
        Value *g = regularized(im, d, &group, i, norm);
        Value *v = mixed(im, d, group_in(d, &group, 2, i), alpha, g, 1 - alpha);
        Value *h = mixed(im, d, group_in(d, &group, 3, i), beta, draft_binary(im, d, OP_Mul, g, g), 1 - beta);
        Value *step = draft_binary(im, d, OP_Mul, rate, over_root(im, d, v, h, epsilon));
        Value *x = scaled(im, d, draft_binary(im, d, OP_Sub, group_in(d, &group, 0, i), step), "post", 1 - post);
        if (!define(im, d, &group, i, x, v, h))
            return false;
    }
    return draft_all_taken(im, d);
}

static bool make_momentum(Importer *im, Draft *d) {
    static const char *const modes[] = {"standard", "nesterov", NULL};
    Group group;
    double alpha, beta, norm;
    int nesterov = 0;
    if (!take_group(im, d, 3, &group) || !draft_take_float(im, d, "alpha", 0, &alpha) ||
        !draft_take_float(im, d, "beta", 0, &beta) || !draft_take_float(im, d, "norm_coefficient", 0, &norm) ||
        !draft_take_word(im, d, "mode", modes, &nesterov))
        return false;
    Value *rate = draft_cast(im, d, group.r, group.dtype);
    Value *by = choose_later(im, d, &group, constant(im, d, DT_F64, "beta", beta), constant(im, d, DT_F64, "one", 1));
    by = draft_cast(im, d, by, group.dtype);
    for (int i = 0; i < group.n; i++) {
        Value *g = regularized(im, d, &group, i, norm);
        Value *v = draft_binary(im, d, OP_Add, scaled(im, d, group_in(d, &group, 2, i), "keep", alpha),
                                draft_binary(im, d, OP_Mul, by, g));
        Value *way = nesterov ? draft_binary(im, d, OP_Add, g, scaled(im, d, v, "keep", alpha)) : v;
        Value *x = draft_binary(im, d, OP_Sub, group_in(d, &group, 0, i), draft_binary(im, d, OP_Mul, rate, way));
        if (!define(im, d, &group, i, x, v, NULL))
            return false;
    }
    return draft_all_taken(im, d);
}

static const struct {
    const char *op;
    Decomposition decompose;
} table[] = {
    {"Adagrad", make_adagrad},
    {"Adam", make_adam},
    {"Gradient", make_gradient},
    {"Momentum", make_momentum},
};

Decomposition training_find(const char *op) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].op, op))
            return table[i].decompose;
    return NULL;
}

// BatchNormalization: by the mean and the variance of this batch, which also move the running ones.

static Value *channel_mean(Importer *im, const Draft *d, Value *x, int rank) {
    int64_t axes[MAX_RANK] = {0};
    for (int i = 2; i < rank; i++)
        axes[i - 1] = i;
    return draft_binary(im, d, OP_ReduceMean, x, draft_ints(im, d, "axes", axes, rank - 1));
}

bool make_batch_training(Importer *im, Draft *d) {
    double epsilon, momentum;
    int rank = draft_rank(d, 0);
    if (!draft_need(im, d, 5) || !draft_take_float(im, d, "epsilon", (double)1e-5f, &epsilon) ||
        !draft_take_float(im, d, "momentum", (double)0.9f, &momentum))
        return false;
    if (rank < 2)
        return diag_error(im->diag, d->loc, E_SHAPE, "training needs an input of known rank, 2 or more");
    Value *x = d->in[0], *flat = draft_int(im, d, "flat", -1);
    Value *mean = channel_mean(im, d, x, rank), *off = draft_binary(im, d, OP_Sub, x, mean);
    Value *variance = channel_mean(im, d, draft_binary(im, d, OP_Mul, off, off), rank);
    mean = draft_cast(im, d, draft_binary(im, d, OP_Reshape, mean, flat), draft_dtype(d, 3));
    variance = draft_cast(im, d, draft_binary(im, d, OP_Reshape, variance, flat), draft_dtype(d, 4));
    Value *y = draft_node(im, d, OP_BatchNormalization, x, d->in[1], d->in[2]);
    node_set_input(y->def, 3, mean);
    node_set_input(y->def, 4, variance);
    ((NormAttrs *)y->def->attrs)->epsilon = epsilon;
    draft_infer(im, y->def);
    return draft_define(im, d, 1, mixed(im, d, d->in[3], momentum, mean, 1 - momentum)) &&
           draft_define(im, d, 2, mixed(im, d, d->in[4], momentum, variance, 1 - momentum)) && draft_done(im, d, y);
}
