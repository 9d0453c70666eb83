// Normalizations as graphs of core operators. Most share two steps: x - mean(x) over some axes, and the division of
// that by sqrt(mean of its squares + epsilon). Where `stash_type` is float, 16-bit inputs are widened for them.
#include "onnx/norms.h"

typedef struct Normed {
    Value *result, *mean, *deviation;  // deviation: sqrt(variance + epsilon)
} Normed;

static Value *reduce(Importer *im, const Draft *d, OpKind op, Value *x, Value *axes) {
    return draft_node(im, d, op, x, axes, NULL);  // keeps the axes
}

static Value *root_mean_square(Importer *im, const Draft *d, Value *x, Value *axes, double epsilon, DType dtype) {
    Value *variance = reduce(im, d, OP_ReduceMean, draft_node(im, d, OP_Mul, x, x, NULL), axes);
    Value *sum = draft_node(im, d, OP_Add, variance, draft_scalar(im, d, "epsilon", dtype, epsilon), NULL);
    return draft_node(im, d, OP_Sqrt, sum, NULL, NULL);
}

static Normed normalize(Importer *im, const Draft *d, Value *x, Value *axes, double epsilon, DType dtype) {
    Normed n = {.mean = reduce(im, d, OP_ReduceMean, x, axes)};
    Value *centred = draft_node(im, d, OP_Sub, x, n.mean, NULL);
    n.deviation = root_mean_square(im, d, centred, axes, epsilon, dtype);
    n.result = draft_node(im, d, OP_Div, centred, n.deviation, NULL);
    return n;
}

// What the statistics are computed in: float for 16-bit inputs, unless stash_type asks for the type itself.
static bool stash_dtype(Importer *im, Draft *d, DType *dtype) {
    int64_t stash;
    if (!draft_take_int(im, d, "stash_type", 1, &stash))
        return false;
    *dtype = draft_dtype(d, 0);
    if (stash == dtype_info[DT_F32].onnx && (*dtype == DT_F16 || *dtype == DT_BF16))
        *dtype = DT_F32;
    return true;
}

static Value *widen(Importer *im, const Draft *d, Value *x, DType dtype) {
    return draft_dtype(d, 0) == dtype ? x : draft_cast(im, d, x, dtype);
}

static Value *narrow(Importer *im, const Draft *d, Value *x, DType dtype) {
    return draft_dtype(d, 0) == dtype ? x : draft_cast(im, d, x, draft_dtype(d, 0));
}

static Value *scale_and_shift(Importer *im, const Draft *d, Value *x, Value *scale, Value *bias) {
    Value *scaled = draft_node(im, d, OP_Mul, x, scale, NULL);
    return bias ? draft_node(im, d, OP_Add, scaled, bias, NULL) : scaled;
}

// The axes from `axis` to the last.
static Value *last_axes(Importer *im, const Draft *d, int64_t axis) {
    int64_t axes[MAX_RANK];
    int rank = draft_rank(d, 0), n = 0;
    if (axis >= 0 && rank < 0) {
        diag_error(im->diag, d->loc, E_DYNAMIC, "attribute 'axis' needs an input of known rank");
        return NULL;
    }
    int64_t first = axis < 0 ? axis : axis - rank;
    if (first < -MAX_RANK || first >= 0) {
        diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'axis' is out of range");
        return NULL;
    }
    for (int64_t i = first; i < 0; i++)
        axes[n++] = i;
    return draft_ints(im, d, "axes", axes, n);
}

// What LayerNormalization and RMSNormalization are told: the axes from `axis` on, epsilon, the type of the statistics.
static bool take_last_axes(Importer *im, Draft *d, Value **axes, double *epsilon, DType *dtype) {
    int64_t axis;
    if (!draft_need(im, d, 2) || !draft_take_int(im, d, "axis", -1, &axis) ||
        !draft_take_float(im, d, "epsilon", 1e-5f, epsilon) || !stash_dtype(im, d, dtype))
        return false;
    *axes = last_axes(im, d, axis);
    return *axes != NULL;
}

bool make_layer_normalization(Importer *im, Draft *d) {
    Value *axes;
    double epsilon;
    DType dtype;
    if (!take_last_axes(im, d, &axes, &epsilon, &dtype))
        return false;
    Normed n = normalize(im, d, widen(im, d, d->in[0], dtype), axes, epsilon, dtype);
    if (draft_wants(d, 1) && !draft_define(im, d, 1, n.mean))
        return false;
    if (draft_wants(d, 2) && !draft_define(im, d, 2, draft_node(im, d, OP_Reciprocal, n.deviation, NULL, NULL)))
        return false;
    Value *result = narrow(im, d, n.result, dtype);
    return draft_done(im, d, scale_and_shift(im, d, result, d->in[1], draft_in(d, 2)));
}

bool make_rms_normalization(Importer *im, Draft *d) {
    Value *axes;
    double epsilon;
    DType dtype;
    if (!take_last_axes(im, d, &axes, &epsilon, &dtype))
        return false;
    Value *x = widen(im, d, d->in[0], dtype);
    Value *result = draft_node(im, d, OP_Div, x, root_mean_square(im, d, x, axes, epsilon, dtype), NULL);
    return draft_done(im, d, scale_and_shift(im, d, narrow(im, d, result, dtype), d->in[1], NULL));
}

// Channels in groups: the input as N x groups x rest is normalized over the rest. Scale and bias have one element a
// channel, before opset 21 one a group.
bool make_group_normalization(Importer *im, Draft *d) {
    int64_t groups;
    double epsilon;
    DType dtype;
    if (!draft_need(im, d, 3) || !draft_take_int(im, d, "num_groups", 0, &groups) ||
        !draft_take_float(im, d, "epsilon", 1e-5f, &epsilon) || !stash_dtype(im, d, &dtype))
        return false;
    Type *scale = &d->in[1]->type;
    bool by_channel = d->opset >= 21;
    if (groups < 1)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'num_groups' must be positive");
    if (by_channel && (scale->rank != 1 || scale->dim[0].sym))
        return diag_error(im->diag, d->loc, E_DYNAMIC, "the number of channels of the scale is not known");
    int64_t grouped[] = {0, groups, -1}, channels[] = {0, by_channel ? scale->dim[0].n : 0, -1}, last = 1, rest = 2;
    Value *x = draft_node(im, d, OP_Reshape, d->in[0], draft_ints(im, d, "groups", grouped, 3), NULL);
    Normed n = normalize(im, d, widen(im, d, x, dtype), draft_ints(im, d, "axes", &rest, 1), epsilon, dtype);
    Value *result = narrow(im, d, n.result, dtype);
    if (by_channel)
        result = draft_node(im, d, OP_Reshape, result, draft_ints(im, d, "channels", channels, 3), NULL);
    Value *behind = draft_ints(im, d, "behind", &last, 1);
    result = scale_and_shift(im, d, result, draft_node(im, d, OP_Unsqueeze, d->in[1], behind, NULL),
                             draft_node(im, d, OP_Unsqueeze, d->in[2], behind, NULL));
    Value *shape = draft_node(im, d, OP_Shape, d->in[0], NULL, NULL);
    return draft_done(im, d, draft_node(im, d, OP_Reshape, result, shape, NULL));
}

// (x - mean) / (sqrt(variance) + 1e-9)
bool make_mean_variance_normalization(Importer *im, Draft *d) {
    static const int64_t usual[] = {0, 2, 3};
    Ints ints;
    bool found;
    if (!draft_need(im, d, 1) || !draft_take_ints(im, d, "axes", &ints, &found))
        return false;
    Value *axes = found ? draft_ints(im, d, "axes", ints.v, ints.n) : draft_ints(im, d, "axes", usual, 3);
    DType dtype = draft_dtype(d, 0);
    Value *mean = reduce(im, d, OP_ReduceMean, d->in[0], axes);
    Value *centred = draft_node(im, d, OP_Sub, d->in[0], mean, NULL);
    Value *variance = reduce(im, d, OP_ReduceMean, draft_node(im, d, OP_Mul, centred, centred, NULL), axes);
    Value *deviation = draft_node(im, d, OP_Sqrt, variance, NULL, NULL);
    Value *divisor = draft_node(im, d, OP_Add, deviation, draft_scalar(im, d, "tiny", dtype, 1e-9), NULL);
    return draft_done(im, d, draft_node(im, d, OP_Div, centred, divisor, NULL));
}

// (sum |x|^p)^(1/p) over the axes
static Value *lp_norm(Importer *im, const Draft *d, Value *x, Value *axes, int64_t p) {
    if (p == 1 || p == 2)
        return reduce(im, d, p == 1 ? OP_ReduceL1 : OP_ReduceL2, x, axes);
    DType dtype = draft_dtype(d, 0);
    Value *powers = draft_node(im, d, OP_Pow, draft_node(im, d, OP_Abs, x, NULL, NULL),
                               draft_scalar(im, d, "p", dtype, (double)p), NULL);
    Value *sum = reduce(im, d, OP_ReduceSum, powers, axes);
    return draft_node(im, d, OP_Pow, sum, draft_scalar(im, d, "root", dtype, 1 / (double)p), NULL);
}

static bool take_p(Importer *im, Draft *d, int64_t *p) {
    if (!draft_need(im, d, 1) || !draft_take_int(im, d, "p", 2, p))
        return false;
    return *p > 0 || diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'p' must be positive");
}

bool make_global_lp_pool(Importer *im, Draft *d) {
    int64_t p;
    if (!take_p(im, d, &p))
        return false;
    Value *axes = last_axes(im, d, 2);
    return axes && draft_done(im, d, lp_norm(im, d, d->in[0], axes, p));
}

// x / norm, and 0 where the norm is
bool make_lp_normalization(Importer *im, Draft *d) {
    int64_t p, axis;
    if (!take_p(im, d, &p) || !draft_take_int(im, d, "axis", -1, &axis))
        return false;
    DType dtype = draft_dtype(d, 0);
    Value *norm = lp_norm(im, d, d->in[0], draft_ints(im, d, "axes", &axis, 1), p);
    Value *none = draft_node(im, d, OP_Equal, norm, draft_scalar(im, d, "zero", dtype, 0), NULL);
    Value *divisor = draft_node(im, d, OP_Where, none, draft_scalar(im, d, "one", dtype, 1), norm);
    return draft_done(im, d, draft_node(im, d, OP_Div, d->in[0], divisor, NULL));
}
