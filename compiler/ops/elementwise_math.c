// Functions of real numbers: roots, powers, exponentials, trigonometry.
#include <math.h>

#include "ir/element.h"
#include "ops/elementwise.h"

// The operators that are a function of the kernel language: one row each.
#define FUNCTION(ID, NAME)                                                       \
    static Val expr_##ID(Emit *e, const Node *node, const Val *in) {             \
        (void)node;                                                              \
        return NAME(e, as_float(e, in[0]));                                      \
    }                                                                            \
    ELEMENTWISE_IMPL(ID, expr_##ID);
FUNCTION(Acos, e_acos)
FUNCTION(Acosh, e_acosh)
FUNCTION(Asin, e_asin)
FUNCTION(Asinh, e_asinh)
FUNCTION(Atan, e_atan)
FUNCTION(Atanh, e_atanh)
FUNCTION(Cos, e_cos)
FUNCTION(Cosh, e_cosh)
FUNCTION(Erf, e_erf)
FUNCTION(Exp, e_exp)
FUNCTION(Log, e_log)
FUNCTION(Sin, e_sin)
FUNCTION(Sinh, e_sinh)
FUNCTION(Sqrt, e_sqrt)
FUNCTION(Tan, e_tan)
#undef FUNCTION

static Val expr_reciprocal(Emit *e, const Node *node, const Val *in) {
    (void)node;
    Val x = as_float(e, in[0]);
    return e_div(e, constant_like(e, x, 1), x);
}

// Whole powers by squaring, modulo 2^bits. A negative exponent gives the reciprocal rounded to zero.
static Val power_of_ints(Emit *e, Val x, Val y) {
    Val one = constant_like(e, x, 1), zero = constant_like(e, x, 0), y_one = constant_like(e, y, 1);
    Var result = e_var(e, one), base = e_var(e, x), left = e_var(e, y);
    EMIT_TIMES(e, i, dtype_info[y.dtype].bits) {
        Val n = e_get(e, left), b = e_get(e, base), r = e_get(e, result);
        Val odd = e_ne(e, e_and(e, n, y_one), constant_like(e, y, 0));
        e_set(e, result, e_select(e, odd, e_mul(e, r, b), r));
        e_set(e, base, e_mul(e, b, b));
        e_set(e, left, e_shr(e, n, y_one));
    }
    Val r = e_get(e, result);
    if (!dtype_is_signed(y.dtype))
        return r;
    Val inverse = e_select(e, e_eq(e, x, one), one, zero);
    if (dtype_is_signed(x.dtype)) {
        Val minus = constant_like(e, x, -1);
        Val odd = e_ne(e, e_and(e, y, y_one), constant_like(e, y, 0));
        inverse = e_select(e, e_eq(e, x, minus), e_select(e, odd, minus, one), inverse);
    }
    return e_select(e, e_lt(e, y, constant_like(e, y, 0)), inverse, r);
}

// What an input of a Map's body stands for.
static const Value *outside_map(const Value *value) {
    const Node *map = value->graph->owner;
    for (int i = 0; map && map->op == OP_Map && i < map->nin; i++)
        if (value->graph->inputs.item[i] == value)
            return map->in[i];
    return value;
}

// An exponent that is known while emitting: constants of one element are part of what makes a kernel (lower.c).
static bool known_exponent(const Node *node, double *exponent) {
    const Type *type = &node->in[1]->type;
    const Constant *data = value_data(outside_map(node->in[1]));
    if (!data || type_count(type) != 1)
        return false;
    *exponent = element_double(type->dtype, constant_bytes(data), 0);
    return true;
}

// sqrt(x), but +0 of -0 and infinity of -infinity, as pow has it
static Val square_root(Emit *e, Val x) {
    Val inf = constant_like(e, x, INFINITY), r = e_sqrt(e, e_add(e, x, constant_like(e, x, 0)));
    return e_select(e, e_eq(e, x, e_neg(e, inf)), inf, r);
}

// The exponents that exporters write for squares, roots and reciprocals; a null v for others.
static Val simple_power(Emit *e, Val x, double exponent) {
    Val one = constant_like(e, x, 1);
    if (exponent == 1)
        return x;
    if (exponent == 2)
        return e_mul(e, x, x);
    if (exponent == 3)
        return e_mul(e, e_mul(e, x, x), x);
    if (exponent == -1)
        return e_div(e, one, x);
    if (exponent == 0.5)
        return square_root(e, x);
    if (exponent == -0.5)
        return e_div(e, one, square_root(e, x));
    return (Val){0};
}

// x^y, or what simple_power makes of it where y is such an exponent: it may be known at one level and not at another.
static Val power_or_simple(Emit *e, Val x, Val y, Val power) {
    static const double simple[] = {1, 2, 3, -1, 0.5, -0.5};
    int count = val_is_float(y) ? 6 : 4;
    power = e_cast(e, x.dtype, power);
    for (int i = 0; i < count; i++)
        power = e_select(e, e_eq(e, y, constant_like(e, y, simple[i])), simple_power(e, x, simple[i]), power);
    return power;
}

// The result has the base's type; base and exponent may differ in theirs.
static Val expr_pow(Emit *e, const Node *node, const Val *in) {
    Val x = as_number(e, in[0]), y = as_number(e, in[1]), simple = {0};
    double exponent;
    if (val_is_float(x) && known_exponent(node, &exponent))
        simple = simple_power(e, x, exponent);
    if (simple.v)
        return simple;
    if (!val_is_float(x) && !val_is_float(y))
        return power_of_ints(e, x, y);
    DType compute = x.dtype == DT_F32 && (y.dtype == DT_F32 || dtype_info[y.dtype].bits <= 16) ? DT_F32 : DT_F64;
    Val power = e_pow(e, e_cast(e, compute, x), e_cast(e, compute, y));
    return e_exact(e) && val_is_float(x) ? power_or_simple(e, x, y, power) : power;
}

ELEMENTWISE_IMPL(Reciprocal, expr_reciprocal);
ELEMENTWISE_IMPL(Pow, expr_pow);
