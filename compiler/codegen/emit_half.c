// Floats of 16 bits and fewer: f16, bf16, the float8 kinds, f4e2m1. In memory and in a Val they are their bits in an
// integer; arithmetic goes through f32, which holds every one of them exactly. ir/element.h describes their formats.
// All of it is integer arithmetic on any number of lanes, but for two exact or correctly rounded operations on floats
// that deal with subnormals, so nothing here needs a library; f16 is converted by instructions where there are such.
//
// One operation of f32 rounded to f16 or bf16 is the correctly rounded result, since f32 has more than twice the
// digits of either and two. So lowerings that compute in the storage type are right, only slower than need be.
#include "codegen/emit_half.h"

#include <llvm-c/Core.h>

#include "codegen/emit_internal.h"
#include "ir/element.h"

bool half_is(DType dtype) {
    return dtype_is_float(dtype) && dtype_info[dtype].bits < 32;
}

// The integer that the bits are in.
static DType storage(DType dtype) {
    return dtype_info[dtype].bits == 8 ? DT_U8 : DT_U16;
}

Val half_constant(Emit *e, DType dtype, double x) {
    uint16_t bits = 0;
    element_set(dtype, &bits, 0, x);
    return e_int(e, dtype, bits);
}

static Val number(Emit *e, Val like, int64_t n) {
    return e_splat(e, e_int(e, like.dtype, n), like.lanes);
}

static Val shift(Emit *e, Val v, int by) {
    return by > 0 ? e_shl(e, v, number(e, v, by)) : e_shr(e, v, number(e, v, -by));
}

static Val mask(Emit *e, Val v, int64_t bits) {
    return e_and(e, v, number(e, v, bits));
}

// Without the last bits, half of one to even.
static Val round_off(Emit *e, Val v, int bits) {
    Val odd = mask(e, shift(e, v, -bits), 1);
    return shift(e, e_add(e, v, e_add_const(e, odd, ((int64_t)1 << (bits - 1)) - 1)), -bits);
}

// A number below the least normal one: the sum with a power of two whose last digit is worth the least subnormal.
static Val subnormal_from(Emit *e, const SmallFloat *f, Val size) {
    int64_t power = (int64_t)(151 - f->bias - f->fraction) << 23;
    Val sum = e_add(e, e_bits(e, DT_F32, size), e_bits(e, DT_F32, number(e, size, power)));
    return e_sub(e, e_bits(e, DT_U32, sum), number(e, size, power));
}

static Val small_from_size(Emit *e, const SmallFloat *f, Val size, bool saturate) {
    Val result = round_off(e, e_sub(e, size, number(e, size, (int64_t)(127 - f->bias) << 23)), 23 - f->fraction);
    result = e_select(e, e_gt(e, result, number(e, size, f->most)), number(e, size, saturate ? f->most : f->overflow),
                      result);
    Val least = number(e, size, (int64_t)(128 - f->bias) << 23);
    return e_select(e, e_lt(e, size, least), subnormal_from(e, f, size), result);
}

// The payload of a NaN is kept where there is room for one.
static Val small_nan(Emit *e, const SmallFloat *f, Val size) {
    Val nan = number(e, size, f->nan);
    if (f->overflow == f->nan || f->most == f->overflow)
        return nan;
    return e_or(e, nan, mask(e, shift(e, size, f->fraction - 23), ((int64_t)1 << f->fraction) - 1));
}

static Val small_from_f32(Emit *e, const SmallFloat *f, Val bits, bool saturate) {
    Val size = mask(e, bits, 0x7fffffff);
    Val sign = e_mul_const(e, shift(e, bits, -31), f->sign);
    Val result = small_from_size(e, f, size, saturate);
    result = e_select(e, e_gt(e, size, number(e, size, 0x7f800000)), small_nan(e, f, size), result);
    if (small_is_fnuz(f)) {
        Val none = e_eq(e, mask(e, result, f->sign - 1), number(e, size, 0));
        sign = e_select(e, none, number(e, size, 0), sign);
    }
    return e_xor(e, result, sign);
}

static Val bfloat_from_f32(Emit *e, Val bits) {
    Val size = mask(e, bits, 0x7fffffff), nan = e_or(e, number(e, size, 0x7fc0), mask(e, shift(e, size, -16), 0x7f));
    Val result = e_select(e, e_gt(e, size, number(e, size, 0x7f800000)), nan, round_off(e, size, 16));
    return e_or(e, result, mask(e, shift(e, bits, -16), 0x8000));
}

// f8e8m0, the exponent alone; the sign is lost, infinities are NaN. As the standard's reference does it, bit by bit.
static Val exponent_from_f32(Emit *e, Val bits, int round_mode, bool saturate) {
    Val exponent = mask(e, shift(e, bits, -23), 255), digits = mask(e, bits, 0x7fffff), zero = number(e, bits, 0);
    Val up = e_zero(e, DT_BOOL, bits.lanes), half = number(e, bits, 0x400000);
    if (round_mode == CAST_UP)
        up = e_ne(e, digits, zero);
    if (round_mode == CAST_NEAREST)
        up = e_or(e, e_gt(e, digits, half), e_and(e, e_eq(e, digits, half), e_ne(e, exponent, zero)));
    Val limit = number(e, bits, saturate ? 254 : 255);
    return e_add(e, exponent, e_cast(e, DT_U32, e_and(e, up, e_lt(e, exponent, limit))));
}

// Where the target has instructions for it, which do the same (NaN included, but for a signalling one, which they
// quiet).
static Val f16_from_f32(Emit *e, Val v) {
    LLVMTypeRef half = LLVMHalfTypeInContext(e->context);
    LLVMValueRef narrow =
        LLVMBuildFPTrunc(e->builder, v.v, v.lanes > 1 ? LLVMVectorType(half, (unsigned)v.lanes) : half, "");
    return (Val){LLVMBuildBitCast(e->builder, narrow, emit_type(e, DT_F16, v.lanes), ""), DT_F16, v.lanes};
}

static Val f32_from_f16(Emit *e, Val v) {
    LLVMTypeRef half = LLVMHalfTypeInContext(e->context);
    LLVMValueRef bits =
        LLVMBuildBitCast(e->builder, v.v, v.lanes > 1 ? LLVMVectorType(half, (unsigned)v.lanes) : half, "");
    return (Val){LLVMBuildFPExt(e->builder, bits, emit_type(e, DT_F32, v.lanes), ""), DT_F32, v.lanes};
}

static Val from_f32(Emit *e, const CastAttrs *how, Val v) {
    if (how->to == DT_F16 && e->target->halves)
        return f16_from_f32(e, v);
    Val bits = e_bits(e, DT_U32, v);
    Val result = how->to == DT_BF16     ? bfloat_from_f32(e, bits)
                 : how->to == DT_F8E8M0 ? exponent_from_f32(e, bits, how->round_mode, how->saturate)
                                        : small_from_f32(e, small_float(how->to), bits, how->saturate);
    Val narrow = e_cast(e, storage(how->to), result);
    return (Val){narrow.v, how->to, v.lanes};
}

// To f32, inexact results with an odd last digit: rounding them again gives what rounding once would.
static Val round_to_odd(Emit *e, Val v) {
    Val near = e_cast(e, DT_F32, v), bits = e_bits(e, DT_U32, near), back = e_cast(e, DT_F64, near);
    Val too_large = e_gt(e, e_abs(e, back), e_abs(e, v));
    Val below = e_select(e, too_large, e_sub(e, bits, number(e, bits, 1)), bits);
    Val odd = e_or(e, below, number(e, bits, 1)), exact = e_or(e, e_eq(e, back, v), e_is_nan(e, v));
    return e_bits(e, DT_F32, e_select(e, exact, bits, odd));
}

// f16 and bf16 are rounded once, from whatever type; the smaller ones by way of f32, as in the standard's reference.
static Val narrow(Emit *e, const CastAttrs *how, Val v) {
    bool once = how->to == DT_F16 || how->to == DT_BF16;
    return from_f32(e, how, once && v.dtype == DT_F64 ? round_to_odd(e, v) : e_cast(e, DT_F32, v));
}

Val half_narrow(Emit *e, DType to, Val v) {
    return narrow(e, &(CastAttrs){.to = to, .round_mode = CAST_NEAREST}, v);
}

Val half_narrow_as(Emit *e, const CastAttrs *attrs, Val v) {
    CastAttrs how = *attrs;
    how.saturate = how.saturate && dtype_info[how.to].bits == 8;
    return narrow(e, &how, v);
}

// A subnormal is put behind the point of a power of two, which is then subtracted.
static Val f32_from_small(Emit *e, const SmallFloat *f, Val bits) {
    int up = 23 - f->fraction;
    Val size = shift(e, mask(e, bits, f->sign - 1), up), base = number(e, size, (int64_t)(128 - f->bias) << 23);
    Val small = e_sub(e, e_bits(e, DT_F32, e_add(e, size, base)), e_bits(e, DT_F32, base));
    Val above = number(e, size, (int64_t)(127 - f->bias) << 23);
    if (f->overflow != f->nan && f->most != f->overflow) {
        Val infinite = number(e, size, (int64_t)(255 << 23) - ((int64_t)f->overflow << up));
        above = e_select(e, e_gt(e, size, number(e, size, (int64_t)f->most << up)), infinite, above);
    }
    Val result = e_select(e, e_lt(e, size, number(e, size, (int64_t)1 << 23)), e_bits(e, DT_U32, small),
                          e_add(e, size, above));
    if (f->overflow == f->nan) {
        Val same = small_is_fnuz(f) ? bits : mask(e, bits, f->sign - 1);
        result = e_select(e, e_eq(e, same, number(e, size, f->nan)), number(e, size, 0x7fc00000), result);
    }
    Val sign = e_ne(e, mask(e, bits, f->sign), number(e, size, 0));
    return e_or(e, result, shift(e, e_cast(e, DT_U32, sign), 31));
}

static Val f32_from_exponent(Emit *e, Val bits) {
    Val result = e_select(e, e_eq(e, bits, number(e, bits, 0)), number(e, bits, 0x400000), shift(e, bits, 23));
    return e_select(e, e_eq(e, bits, number(e, bits, 255)), number(e, bits, 0x7fc00000), result);
}

Val half_widen(Emit *e, Val v) {
    if (v.dtype == DT_F16 && e->target->halves)
        return f32_from_f16(e, v);
    Val bits = e_cast(e, DT_U32, (Val){v.v, storage(v.dtype), v.lanes});
    Val wide = v.dtype == DT_BF16     ? shift(e, bits, 16)
               : v.dtype == DT_F8E8M0 ? f32_from_exponent(e, bits)
                                      : f32_from_small(e, small_float(v.dtype), bits);
    return e_bits(e, DT_F32, wide);
}

Val half_unary(Emit *e, Val (*f)(Emit *e, Val a), Val a) {
    return half_narrow(e, a.dtype, f(e, half_widen(e, a)));
}

Val half_binary(Emit *e, Val (*f)(Emit *e, Val a, Val b), Val a, Val b) {
    return half_narrow(e, a.dtype, f(e, half_widen(e, a), half_widen(e, b)));
}
