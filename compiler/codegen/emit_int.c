// What some targets have no instructions for: division of integers, conversions between 64-bit integers and floats,
// and fmod, which no target has. Written in the kernel language with operations that every target has, as private
// helpers that all users of an object share.
#include <math.h>

#include "codegen/emit_soft.h"

static Val shift_left(Emit *e, Val v, int by) {
    return e_shl(e, v, e_int(e, v.dtype, by));
}

static Val shift_right(Emit *e, Val v, int by) {
    return e_shr(e, v, e_int(e, v.dtype, by));
}

// ---- Division

// Restoring division: the remainder takes in the dividend's bits from the top, quotient bits take their place below.
static void divide_bits(Emit *e, const Val *args, Val *quotient, Val *remainder) {
    Val zero = e_int(e, DT_U64, 0), one = e_int(e, DT_U64, 1), b = args[1];
    Var rest = e_var(e, zero), bits = e_var(e, args[0]);
    EMIT_TIMES(e, i, 64) {
        Val r = e_get(e, rest), a = e_get(e, bits);
        Val carry = e_ne(e, shift_right(e, r, 63), zero);
        r = e_or(e, shift_left(e, r, 1), shift_right(e, a, 63));
        a = shift_left(e, a, 1);
        Val fits = e_or(e, carry, e_ge(e, r, b));
        e_set(e, rest, e_select(e, fits, e_sub(e, r, b), r));
        e_set(e, bits, e_select(e, fits, e_or(e, a, one), a));
    }
    *quotient = e_get(e, bits);
    *remainder = e_get(e, rest);
}

static Val make_udiv64(Emit *e, const Val *args) {
    Val quotient, remainder;
    divide_bits(e, args, &quotient, &remainder);
    return quotient;
}

static Val make_urem64(Emit *e, const Val *args) {
    Val quotient, remainder;
    divide_bits(e, args, &quotient, &remainder);
    return remainder;
}

Val soft_udiv64(Emit *e, Val a, Val b) {
    Val args[2] = {a, b};
    return e_call_helper(e, "udiv64", make_udiv64, DT_U64, 1, args, 2);
}

Val soft_urem64(Emit *e, Val a, Val b) {
    Val args[2] = {a, b};
    return e_call_helper(e, "urem64", make_urem64, DT_U64, 1, args, 2);
}

// In f64, both operands are exact, and the quotient is at least 2^-32 of itself away from the next integer above,
// which rounding cannot bridge.
Val soft_udiv32(Emit *e, Val a, Val b) {
    return e_cast(e, DT_U32, e_div(e, e_cast(e, DT_F64, a), e_cast(e, DT_F64, b)));
}

Val soft_urem32(Emit *e, Val a, Val b) {
    return e_sub(e, a, e_mul(e, soft_udiv32(e, a, b), b));
}

// ---- 64-bit integers and floats

// The halves are exact in f64, so that their sum rounds once. For f32 the low bits of numbers that f64 cannot hold are
// first gathered in one sticky bit, far below f32's last: then the first rounding is exact.
static Val to_float(Emit *e, DType to, Val v) {
    if (to == DT_F32) {
        Val zero = e_int(e, v.dtype, 0), low = e_int(e, v.dtype, 0x7ff);
        Val top = shift_right(e, v, 53);
        Val fits = e_eq(e, top, zero);
        if (dtype_is_signed(v.dtype))
            fits = e_or(e, fits, e_eq(e, top, e_int(e, v.dtype, -1)));
        Val rest = e_and(e, v, low);
        Val sticky = e_select(e, e_ne(e, rest, zero), e_int(e, v.dtype, 0x800), zero);
        v = e_select(e, fits, v, e_or(e, e_sub(e, v, rest), sticky));
    }
    DType half = dtype_is_signed(v.dtype) ? DT_I32 : DT_U32;
    Val high = e_cast(e, DT_F64, e_cast(e, half, shift_right(e, v, 32)));
    Val low = e_cast(e, DT_F64, e_cast(e, DT_U32, v));
    return e_cast(e, to, e_add(e, e_mul(e, high, e_float(e, DT_F64, 4294967296.0)), low));
}

static Val make_i64_to_f64(Emit *e, const Val *args) {
    return to_float(e, DT_F64, args[0]);
}

static Val make_i64_to_f32(Emit *e, const Val *args) {
    return to_float(e, DT_F32, args[0]);
}

Val soft_i64_to_float(Emit *e, DType to, Val v) {
    bool with_sign = v.dtype == DT_I64;
    if (to == DT_F32)
        return e_call_helper(e, with_sign ? "i64_to_f32" : "u64_to_f32", make_i64_to_f32, DT_F32, 1, &v, 1);
    return e_call_helper(e, with_sign ? "i64_to_f64" : "u64_to_f64", make_i64_to_f64, DT_F64, 1, &v, 1);
}

// x is in range after clamping; its high 32 bits are the floor of x / 2^32, and what is left is exact.
static Val from_float(Emit *e, DType to, Val x) {
    bool with_sign = to == DT_I64;
    double limit = with_sign ? 9223372036854775808.0 : 18446744073709551616.0;
    Val top = e_float(e, DT_F64, limit), bottom = e_float(e, DT_F64, with_sign ? -limit : 0);
    Val zero = e_float(e, DT_F64, 0), two32 = e_float(e, DT_F64, 4294967296.0);
    Val in_range = e_and(e, e_lt(e, x, top), e_gt(e, x, bottom));
    Val t = e_trunc(e, e_select(e, in_range, x, zero));
    Val high = e_floor(e, e_mul(e, t, e_float(e, DT_F64, 1.0 / 4294967296.0)));
    Val low = e_sub(e, t, e_mul(e, high, two32));
    Val wide = e_cast(e, to, e_cast(e, with_sign ? DT_I32 : DT_U32, high));
    Val result = e_or(e, shift_left(e, wide, 32), e_cast(e, to, e_cast(e, DT_U32, low)));
    Val most = e_int(e, to, with_sign ? INT64_MAX : -1), least = e_int(e, to, with_sign ? INT64_MIN : 0);
    result = e_select(e, e_ge(e, x, top), most, result);
    return e_select(e, e_le(e, x, bottom), least, result);
}

static Val make_f64_to_i64(Emit *e, const Val *args) {
    return from_float(e, DT_I64, args[0]);
}

static Val make_f64_to_u64(Emit *e, const Val *args) {
    return from_float(e, DT_U64, args[0]);
}

Val soft_float_to_i64(Emit *e, DType to, Val v) {
    Val x = e_cast(e, DT_F64, v);
    if (to == DT_I64)
        return e_call_helper(e, "f64_to_i64", make_f64_to_i64, DT_I64, 1, &x, 1);
    return e_call_helper(e, "f64_to_u64", make_f64_to_u64, DT_U64, 1, &x, 1);
}

// ---- fmod

// A finite float's parts: |x| = mantissa * 2^(exponent - bias), the exponent at least 1.
typedef struct Format {
    DType bits;
    int mantissa;
    int64_t exponents;  // all ones in the exponent's field
} Format;

static Format format_of(DType dtype) {
    return dtype == DT_F32 ? (Format){DT_U32, 23, 0xff} : (Format){DT_U64, 52, 0x7ff};
}

static void split(Emit *e, const Format *f, Val bits, Val *mantissa, Val *exponent) {
    Val zero = e_int(e, f->bits, 0), hidden = e_int(e, f->bits, (int64_t)1 << f->mantissa);
    Val fraction = e_and(e, bits, e_int(e, f->bits, ((int64_t)1 << f->mantissa) - 1));
    Val field = shift_right(e, bits, f->mantissa);
    Val normal = e_ne(e, field, zero);
    *mantissa = e_select(e, normal, e_or(e, fraction, hidden), fraction);
    *exponent = e_select(e, normal, field, e_int(e, f->bits, 1));
}

// Long division, one bit of x a step; the remainder has y's exponent, and is then normalised.
static Val make_fmod(Emit *e, const Val *args) {
    Val x = args[0], y = args[1];
    Format f = format_of(x.dtype);
    Val one = e_int(e, f.bits, 1), zero = e_int(e, f.bits, 0), hidden = e_int(e, f.bits, (int64_t)1 << f.mantissa);
    Val inf = e_int(e, f.bits, f.exponents << f.mantissa);
    Val ax = e_bits(e, f.bits, e_abs(e, x)), ay = e_bits(e, f.bits, e_abs(e, y));
    Val invalid = e_or(e, e_ge(e, ax, inf), e_or(e, e_gt(e, ay, inf), e_eq(e, ay, zero)));
    Var result = e_var(e, x);
    EMIT_IF(e, e_and(e, e_not(e, invalid), e_ge(e, ax, ay))) {
        Val mx, my, ex, ey;
        split(e, &f, ax, &mx, &ex);
        split(e, &f, ay, &my, &ey);
        int top = dtype_info[f.bits].bits - 1;
        Var rest = e_var(e, zero), exponent = e_var(e, ey), left = e_var(e, shift_left(e, mx, top - f.mantissa));
        Val steps = e_add_const(e, e_sub(e, ex, ey), f.mantissa + 1);
        EMIT_FOR(e, i, e_index(e, 0), e_to_index(e, steps), 1) {
            Val bits = e_get(e, left), r = e_or(e, shift_left(e, e_get(e, rest), 1), shift_right(e, bits, top));
            e_set(e, rest, e_select(e, e_ge(e, r, my), e_sub(e, r, my), r));
            e_set(e, left, shift_left(e, bits, 1));
        }
        EMIT_TIMES(e, i, f.mantissa) {
            Val r = e_get(e, rest), p = e_get(e, exponent);
            Val low = e_and(e, e_lt(e, r, hidden), e_gt(e, p, one));
            e_set(e, rest, e_select(e, low, shift_left(e, r, 1), r));
            e_set(e, exponent, e_select(e, low, e_sub(e, p, one), p));
        }
        Val r = e_get(e, rest), p = e_get(e, exponent);
        Val field = e_select(e, e_lt(e, r, hidden), zero, e_shl(e, p, e_int(e, f.bits, f.mantissa)));
        Val bits = e_or(e, field, e_and(e, r, e_int(e, f.bits, ((int64_t)1 << f.mantissa) - 1)));
        e_set(e, result, e_copysign(e, e_bits(e, x.dtype, bits), x));
    }
    Val nan = e_sub(e, e_float(e, x.dtype, HUGE_VAL), e_float(e, x.dtype, HUGE_VAL));
    nan = e_select(e, e_is_nan(e, y), y, e_select(e, e_is_nan(e, x), x, nan));
    return e_select(e, invalid, nan, e_get(e, result));
}

Val soft_fmod(Emit *e, Val a, Val b) {
    Val args[2] = {a, b};
    return e_call_helper(e, a.dtype == DT_F32 ? "fmod_f32" : "fmod_f64", make_fmod, a.dtype, 1, args, 2);
}
