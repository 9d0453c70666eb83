// Arithmetic: Add .. Mean, sign and rounding, bits and shifts, Cast. Semantics are those of the ONNX operators of the
// same names in the newest operator set.
#include "ops/elementwise.h"

static Val expr_identity(Emit *e, const Node *node, const Val *in) {
    (void)e, (void)node;
    return in[0];
}

static Val expr_abs(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_abs(e, as_number(e, in[0]));
}

static Val expr_neg(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_neg(e, as_number(e, in[0]));
}

// -1, 0 or 1; NaN stays.
static Val expr_sign(Emit *e, const Node *node, const Val *in) {
    (void)node;
    Val x = as_number(e, in[0]);
    Val zero = constant_like(e, x, 0), one = constant_like(e, x, 1);
    Val r = e_select(e, e_gt(e, x, zero), one, val_is_float(x) ? e_add(e, x, zero) : zero);
    if (!dtype_is_signed(x.dtype))
        return r;
    r = e_select(e, e_lt(e, x, zero), constant_like(e, x, -1), r);
    return e_select(e, e_eq(e, x, zero), zero, r);
}

static Val expr_add(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_add(e, as_number(e, in[0]), as_number(e, in[1]));
}

static Val expr_sub(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_sub(e, as_number(e, in[0]), as_number(e, in[1]));
}

static Val expr_mul(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_mul(e, as_number(e, in[0]), as_number(e, in[1]));
}

static Val expr_div(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_div(e, as_number(e, in[0]), as_number(e, in[1]));
}

// fmod = 1: the sign of the dividend, as in C; else that of the divisor, as in Python.
static Val expr_mod(Emit *e, const Node *node, const Val *in) {
    const ModAttrs *a = node->attrs;
    Val x = as_number(e, in[0]), y = as_number(e, in[1]), r = e_rem(e, x, y);
    if (a->fmod || !dtype_is_signed(x.dtype))
        return r;
    Val zero = constant_like(e, x, 0);
    Val differ = e_xor(e, e_lt(e, r, zero), e_lt(e, y, zero));
    Val wrong = e_and(e, e_ne(e, r, zero), e_and(e, differ, e_ne(e, y, zero)));
    return e_select(e, wrong, e_add(e, r, y), r);
}

typedef Val (*Binary)(Emit *e, Val a, Val b);

static Val fold_inputs(Emit *e, const Node *node, const Val *in, Binary combine) {
    Val r = as_number(e, in[0]);
    for (int k = 1; k < node->nin; k++)
        r = combine(e, r, as_number(e, in[k]));
    return r;
}

static Val expr_max(Emit *e, const Node *node, const Val *in) {
    return fold_inputs(e, node, in, dtype_is_float(in[0].dtype) ? e_max_nan : e_max);
}

static Val expr_min(Emit *e, const Node *node, const Val *in) {
    return fold_inputs(e, node, in, dtype_is_float(in[0].dtype) ? e_min_nan : e_min);
}

static Val expr_mean(Emit *e, const Node *node, const Val *in) {
    Val sum = fold_inputs(e, node, in, e_add);
    return e_div(e, sum, constant_like(e, sum, node->nin));
}

static Val keep_integers(Emit *e, Val x, Val (*function)(Emit *e, Val x)) {
    return val_is_float(x) ? function(e, x) : x;
}

static Val expr_ceil(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return keep_integers(e, in[0], e_ceil);
}

static Val expr_floor(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return keep_integers(e, in[0], e_floor);
}

static Val expr_round(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return keep_integers(e, in[0], e_round);
}

// Bounds that are left out don't bind. NaN stays NaN; where the bounds cross, the upper one wins.
static Val expr_clip(Emit *e, const Node *node, const Val *in) {
    (void)node;
    Val x = as_number(e, in[0]);
    if (in[1].v)
        x = e_max(e, as_number(e, in[1]), x);
    if (in[2].v)
        x = e_min(e, as_number(e, in[2]), x);
    return x;
}

static Val expr_cast(Emit *e, const Node *node, const Val *in) {
    return e_cast_as(e, node->attrs, in[0]);
}

// The bits in an integer without sign.
static Val bits_of(Emit *e, Val v) {
    static const DType by_bytes[] = {[1] = DT_U8, [2] = DT_U16, [4] = DT_U32, [8] = DT_U64};
    if (v.dtype == DT_BOOL)
        return e_cast(e, DT_U8, v);
    return e_bits(e, by_bytes[dtype_info[v.dtype].bits / 8], v);
}

static Val expr_bit_cast(Emit *e, const Node *node, const Val *in) {
    DType to = node->out[0]->type.dtype;
    Val bits = bits_of(e, in[0]);
    return to == DT_BOOL || (dtype_is_packed(to) && dtype_is_int(to)) ? e_cast(e, to, bits)
           : dtype_is_packed(to) ? e_bits(e, to, e_and(e, bits, constant_like(e, bits, 15))) : e_bits(e, to, bits);
}

static Val expr_bitwise_and(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_and(e, as_int(e, in[0]), as_int(e, in[1]));
}

static Val expr_bitwise_or(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_or(e, as_int(e, in[0]), as_int(e, in[1]));
}

static Val expr_bitwise_xor(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_xor(e, as_int(e, in[0]), as_int(e, in[1]));
}

static Val expr_bitwise_not(Emit *e, const Node *node, const Val *in) {
    (void)node;
    return e_not(e, as_int(e, in[0]));
}

// Shifting by the width or more (or by a negative number) leaves 0, or the sign.
static Val expr_bit_shift(Emit *e, const Node *node, const Val *in) {
    const ShiftAttrs *a = node->attrs;
    Val x = as_int(e, in[0]), by = as_int(e, in[1]);
    if (a->direction == 0)
        return e_shl(e, x, by);
    if (dtype_is_signed(x.dtype)) {
        Val last = constant_like(e, by, dtype_info[x.dtype].bits - 1);
        Val inside = e_and(e, e_ge(e, by, constant_like(e, by, 0)), e_lt(e, by, last));
        by = e_select(e, inside, by, last);
    }
    return e_shr(e, x, by);
}

ELEMENTWISE_IMPL(Identity, expr_identity);
ELEMENTWISE_IMPL(Map, expr_identity);   // map.c evaluates the body
ELEMENTWISE_IMPL(Abs, expr_abs);
ELEMENTWISE_IMPL(Neg, expr_neg);
ELEMENTWISE_IMPL(Sign, expr_sign);
ELEMENTWISE_IMPL(Add, expr_add);
ELEMENTWISE_IMPL(Sub, expr_sub);
ELEMENTWISE_IMPL(Mul, expr_mul);
ELEMENTWISE_IMPL(Div, expr_div);
ELEMENTWISE_IMPL(Mod, expr_mod);
ELEMENTWISE_IMPL(Max, expr_max);
ELEMENTWISE_IMPL(Min, expr_min);
ELEMENTWISE_IMPL(Mean, expr_mean);
ELEMENTWISE_IMPL(Ceil, expr_ceil);
ELEMENTWISE_IMPL(Floor, expr_floor);
ELEMENTWISE_IMPL(Round, expr_round);
ELEMENTWISE_IMPL(Clip, expr_clip);
ELEMENTWISE_IMPL(Cast, expr_cast);
ELEMENTWISE_IMPL(BitCast, expr_bit_cast);
ELEMENTWISE_IMPL(BitwiseAnd, expr_bitwise_and);
ELEMENTWISE_IMPL(BitwiseOr, expr_bitwise_or);
ELEMENTWISE_IMPL(BitwiseXor, expr_bitwise_xor);
ELEMENTWISE_IMPL(BitwiseNot, expr_bitwise_not);
ELEMENTWISE_IMPL(BitShift, expr_bit_shift);
