// Comparisons, logic and choice.
#include <math.h>

#include "ops/elementwise.h"

static Val expr_equal(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_eq(e, as_number(e, in[0]), as_number(e, in[1]));
}

static Val expr_greater(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_gt(e, as_number(e, in[0]), as_number(e, in[1]));
}

static Val expr_greater_or_equal(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_ge(e, as_number(e, in[0]), as_number(e, in[1]));
}

static Val expr_less(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_lt(e, as_number(e, in[0]), as_number(e, in[1]));
}

static Val expr_less_or_equal(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_le(e, as_number(e, in[0]), as_number(e, in[1]));
}

static Val expr_and(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_and(e, as_bool(e, in[0]), as_bool(e, in[1]));
}

static Val expr_or(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_or(e, as_bool(e, in[0]), as_bool(e, in[1]));
}

static Val expr_xor(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_xor(e, as_bool(e, in[0]), as_bool(e, in[1]));
}

static Val expr_not(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_not(e, as_bool(e, in[0]));
}

static Val expr_is_nan(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_is_nan(e, as_float(e, in[0]));
}

static Val expr_is_inf(Emit *e, const Node *node, const Val *in) {
    const IsInfAttrs *a = node->attrs;
    Val x = as_float(e, in[0]);
    Val positive = e_eq(e, x, e_splat(e, e_float(e, x.dtype, INFINITY), x.lanes));
    Val negative = e_eq(e, x, e_splat(e, e_float(e, x.dtype, -INFINITY), x.lanes));
    if (a->detect_positive && a->detect_negative)
        return e_or(e, positive, negative);
    if (!a->detect_positive && !a->detect_negative)
        return e_splat(e, e_bool(e, false), x.lanes);
    return a->detect_positive ? positive : negative;
}

static Val expr_where(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_select(e, as_bool(e, in[0]), in[1], in[2]);
}

ELEMENTWISE_IMPL(Equal, expr_equal);
ELEMENTWISE_IMPL(Greater, expr_greater);
ELEMENTWISE_IMPL(GreaterOrEqual, expr_greater_or_equal);
ELEMENTWISE_IMPL(Less, expr_less);
ELEMENTWISE_IMPL(LessOrEqual, expr_less_or_equal);
ELEMENTWISE_IMPL(And, expr_and);
ELEMENTWISE_IMPL(Or, expr_or);
ELEMENTWISE_IMPL(Xor, expr_xor);
ELEMENTWISE_IMPL(Not, expr_not);
ELEMENTWISE_IMPL(IsNaN, expr_is_nan);
ELEMENTWISE_IMPL(IsInf, expr_is_inf);
ELEMENTWISE_IMPL(Where, expr_where);
