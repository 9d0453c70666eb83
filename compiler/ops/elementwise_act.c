// Activations. Formulas stand above each; alpha, beta, gamma, bias and lambd are the ONNX attributes.
#include "ops/elementwise.h"

static Val number(Emit *e, Val like, double x) {
    return constant_like(e, like, x);
}

static Val negative(Emit *e, Val x) {
    return e_lt(e, x, number(e, x, 0));
}

// max(x, 0); NaN stays.
static Val expr_relu(Emit *e, const Node *node, const Val *in) {
    (void)node;
    Val x = as_number(e, in[0]);
    return dtype_is_signed(x.dtype) ? e_max(e, number(e, x, 0), x) : x;
}

// x < 0 ? alpha x : x
static Val expr_leaky_relu(Emit *e, const Node *node, const Val *in) {
    const ActAttrs *a = node->attrs;
    Val x = as_float(e, in[0]);
    return e_select(e, negative(e, x), e_mul(e, x, number(e, x, a->alpha)), x);
}

// x < 0 ? slope x : x
static Val expr_prelu(Emit *e, const Node *node, const Val *in) {
    (void)node;
    Val x = as_number(e, in[0]), slope = as_number(e, in[1]);
    return dtype_is_signed(x.dtype) ? e_select(e, negative(e, x), e_mul(e, x, slope), x) : x;
}

// x < 0 ? alpha (e^x - 1) : x
static Val expr_elu(Emit *e, const Node *node, const Val *in) {
    const ActAttrs *a = node->attrs;
    Val x = as_float(e, in[0]);
    return e_select(e, negative(e, x), e_mul(e, number(e, x, a->alpha), e_expm1(e, x)), x);
}

// gamma (x > 0 ? x : alpha (e^x - 1))
static Val expr_selu(Emit *e, const Node *node, const Val *in) {
    const ActAttrs *a = node->attrs;
    Val x = as_float(e, in[0]);
    Val low = e_mul(e, number(e, x, a->alpha), e_expm1(e, x));
    return e_mul(e, number(e, x, a->gamma), e_select(e, e_gt(e, x, number(e, x, 0)), x, low));
}

// max(0, x) + min(0, alpha (e^(x / alpha) - 1))
static Val expr_celu(Emit *e, const Node *node, const Val *in) {
    const ActAttrs *a = node->attrs;
    Val x = as_float(e, in[0]), zero = number(e, x, 0), alpha = number(e, x, a->alpha);
    Val low = e_mul(e, alpha, e_expm1(e, e_div(e, x, alpha)));
    return e_add(e, e_max(e, zero, x), e_min(e, zero, low));
}

// max(0, min(1, x))
static Val unit_interval(Emit *e, Val x) {
    return e_max(e, number(e, x, 0), e_min(e, number(e, x, 1), x));
}

// max(0, min(1, alpha x + beta))
static Val expr_hard_sigmoid(Emit *e, const Node *node, const Val *in) {
    const ActAttrs *a = node->attrs;
    Val x = as_float(e, in[0]);
    return unit_interval(e, e_fma(e, x, number(e, x, a->alpha), number(e, x, a->beta)));
}

// x max(0, min(1, x / 6 + 1 / 2))
static Val expr_hard_swish(Emit *e, const Node *node, const Val *in) {
    (void)node;
    Val x = as_float(e, in[0]);
    return e_mul(e, x, unit_interval(e, e_fma(e, x, number(e, x, 1.0 / 6), number(e, x, 0.5))));
}

static Val expr_sigmoid(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_sigmoid(e, as_float(e, in[0]));
}

// x sigmoid(alpha x)
static Val expr_swish(Emit *e, const Node *node, const Val *in) {
    const ActAttrs *a = node->attrs;
    Val x = as_float(e, in[0]);
    return e_act(e, &(Act){ACT_SWISH, a->alpha, 0}, x);
}

// x / 2 (1 + erf(x / sqrt(2))), or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) in place of erf
static Val expr_gelu(Emit *e, const Node *node, const Val *in) {
    const GeluAttrs *a = node->attrs;
    return e_act(e, &(Act){a->approximate ? ACT_GELU_TANH : ACT_GELU, 0, 0}, as_float(e, in[0]));
}

static Val expr_tanh(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_tanh(e, as_float(e, in[0]));
}

// log(1 + e^x) = max(x, 0) + log1p(e^-|x|)
static Val expr_softplus(Emit *e, const Node *node, const Val *in) {
    (void)node;
    Val x = as_float(e, in[0]);
    Val small = e_log1p(e, e_exp(e, e_neg(e, e_abs(e, x))));
    return e_add(e, e_max(e, number(e, x, 0), x), small);
}

// x / (1 + |x|)
static Val expr_softsign(Emit *e, const Node *node, const Val *in) {
    (void)node;
    Val x = as_float(e, in[0]);
    return e_div(e, x, e_add(e, number(e, x, 1), e_abs(e, x)));
}

// x tanh(softplus(x)) = x n / (n + 2) where n = e^x (e^x + 2), and x from where that is 1.
static Val expr_mish(Emit *e, const Node *node, const Val *in) {
    (void)node;
    Val x = as_float(e, in[0]), two = number(e, x, 2);
    Val y = e_exp(e, e_min(e, number(e, x, 25), x));
    Val n = e_mul(e, y, e_add(e, y, two));
    return e_mul(e, x, e_div(e, n, e_add(e, n, two)));
}

// x < -lambd ? x + bias : x > lambd ? x - bias : 0
static Val expr_shrink(Emit *e, const Node *node, const Val *in) {
    const ActAttrs *a = node->attrs;
    Val x = as_float(e, in[0]), bias = number(e, x, a->bias);
    Val r = e_select(e, e_gt(e, x, number(e, x, a->lambd)), e_sub(e, x, bias), number(e, x, 0));
    return e_select(e, e_lt(e, x, number(e, x, -a->lambd)), e_add(e, x, bias), r);
}

// x > alpha ? x : 0
static Val expr_thresholded_relu(Emit *e, const Node *node, const Val *in) {
    const ActAttrs *a = node->attrs;
    Val x = as_float(e, in[0]);
    return e_select(e, e_gt(e, x, number(e, x, a->alpha)), x, number(e, x, 0));
}

ELEMENTWISE_IMPL(Relu, expr_relu);
ELEMENTWISE_IMPL(LeakyRelu, expr_leaky_relu);
ELEMENTWISE_IMPL(PRelu, expr_prelu);
ELEMENTWISE_IMPL(Elu, expr_elu);
ELEMENTWISE_IMPL(Selu, expr_selu);
ELEMENTWISE_IMPL(Celu, expr_celu);
ELEMENTWISE_IMPL(HardSigmoid, expr_hard_sigmoid);
ELEMENTWISE_IMPL(HardSwish, expr_hard_swish);
ELEMENTWISE_IMPL(Sigmoid, expr_sigmoid);
ELEMENTWISE_IMPL(Swish, expr_swish);
ELEMENTWISE_IMPL(Gelu, expr_gelu);
ELEMENTWISE_IMPL(Tanh, expr_tanh);
ELEMENTWISE_IMPL(Softplus, expr_softplus);
ELEMENTWISE_IMPL(Softsign, expr_softsign);
ELEMENTWISE_IMPL(Mish, expr_mish);
ELEMENTWISE_IMPL(Shrink, expr_shrink);
ELEMENTWISE_IMPL(ThresholdedRelu, expr_thresholded_relu);
