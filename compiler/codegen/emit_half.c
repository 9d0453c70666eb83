// The 16-bit floats. In memory and in a Val they are their bits in an integer; arithmetic goes through f32, which
// holds every one of them exactly. All of it is integer arithmetic on any number of lanes, but for two exact or
// correctly rounded operations on floats that deal with f16's subnormals, so nothing here needs a library.
//
// One operation of f32 rounded to f16 or bf16 is the correctly rounded result, since f32 has more than twice the
// digits of either and two. So lowerings that compute in the storage type are right, only slower than need be.
#include "codegen/emit_half.h"

#include "ir/element.h"

bool half_is(DType dtype) {
    return dtype == DT_F16 || dtype == DT_BF16;
}

Val half_constant(Emit *e, DType dtype, double x) {
    uint16_t bits;
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

// The sum with 0.5, whose last digit is worth 2^-24, rounds a smaller number to a multiple of the least f16.
static Val subnormal_from(Emit *e, Val size) {
    const int64_t half = 0x3f000000;
    Val sum = e_add(e, e_bits(e, DT_F32, size), e_bits(e, DT_F32, number(e, size, half)));
    return e_sub(e, e_bits(e, DT_U32, sum), number(e, size, half));
}

static Val f16_from_size(Emit *e, Val size) {
    Val result = round_off(e, e_sub(e, size, number(e, size, 112 << 23)), 13);
    result = e_select(e, e_lt(e, size, number(e, size, 0x38800000)), subnormal_from(e, size), result);
    return e_select(e, e_ge(e, size, number(e, size, 0x477ff000)), number(e, size, 0x7c00), result);
}

static Val from_f32(Emit *e, DType to, Val v) {
    Val bits = e_bits(e, DT_U32, v), size = mask(e, bits, 0x7fffffff), sign = mask(e, shift(e, bits, -16), 0x8000);
    int digits = to == DT_F16 ? 13 : 16;
    Val quiet = number(e, size, to == DT_F16 ? 0x7e00 : 0x7fc0);
    Val nan = e_or(e, quiet, mask(e, shift(e, size, -digits), to == DT_F16 ? 0x3ff : 0x7f));
    Val result = to == DT_F16 ? f16_from_size(e, size) : round_off(e, size, 16);
    result = e_select(e, e_gt(e, size, number(e, size, 0x7f800000)), nan, result);
    Val narrow = e_cast(e, DT_U16, e_or(e, result, sign));
    return (Val){narrow.v, to, v.lanes};
}

// To f32, inexact results with an odd last digit: rounding them again gives what rounding once would.
static Val round_to_odd(Emit *e, Val v) {
    Val near = e_cast(e, DT_F32, v), bits = e_bits(e, DT_U32, near), back = e_cast(e, DT_F64, near);
    Val too_large = e_gt(e, e_abs(e, back), e_abs(e, v));
    Val below = e_select(e, too_large, e_sub(e, bits, number(e, bits, 1)), bits);
    Val odd = e_or(e, below, number(e, bits, 1)), exact = e_or(e, e_eq(e, back, v), e_is_nan(e, v));
    return e_bits(e, DT_F32, e_select(e, exact, bits, odd));
}

Val half_narrow(Emit *e, DType to, Val v) {
    if (v.dtype == DT_F64)
        return from_f32(e, to, round_to_odd(e, v));
    return from_f32(e, to, e_cast(e, DT_F32, v));
}

// A subnormal is put behind the point of a power of two, which is then subtracted.
static Val f32_from_f16(Emit *e, Val bits) {
    Val size = shift(e, mask(e, bits, 0x7fff), 13), base = number(e, size, 113 << 23);
    Val small = e_sub(e, e_bits(e, DT_F32, e_add(e, size, base)), e_bits(e, DT_F32, base));
    Val above = e_select(e, e_ge(e, size, number(e, size, 0x7c00 << 13)), number(e, size, (int64_t)224 << 23),
                         number(e, size, 112 << 23));
    Val result = e_select(e, e_lt(e, size, number(e, size, 0x400 << 13)), e_bits(e, DT_U32, small),
                          e_add(e, size, above));
    return e_or(e, result, shift(e, mask(e, bits, 0x8000), 16));
}

Val half_widen(Emit *e, Val v) {
    Val bits = e_cast(e, DT_U32, (Val){v.v, DT_U16, v.lanes});
    return e_bits(e, DT_F32, v.dtype == DT_F16 ? f32_from_f16(e, bits) : shift(e, bits, 16));
}

Val half_unary(Emit *e, Val (*f)(Emit *e, Val a), Val a) {
    return half_narrow(e, a.dtype, f(e, half_widen(e, a)));
}

Val half_binary(Emit *e, Val (*f)(Emit *e, Val a, Val b), Val a, Val b) {
    return half_narrow(e, a.dtype, f(e, half_widen(e, a), half_widen(e, b)));
}
