// Powers: x^y = e^(y ln |x|), where ln is computed to 65 bits so that the product keeps what the exponential needs; for
// f32, plain f64 is wide enough. Special cases are those of C's pow. Reference for the double-length arithmetic:
// T. J. Dekker, A floating-point technique for extending the available precision, 1971.
#include "codegen/emit_math.h"

static Pair halves(Emit *e, Val a) {
    Val c = e_mul(e, a, math_number(e, a, 134217729.0));  // 2^27 + 1
    Val hi = e_sub(e, c, e_sub(e, c, a));
    return (Pair){hi, e_sub(e, a, hi)};
}

Pair math_product(Emit *e, Val a, Val b) {
    Val p = e_mul(e, a, b);
    Pair x = halves(e, a), y = halves(e, b);
    Val t = e_sub(e, e_mul(e, x.hi, y.hi), p);
    t = e_add(e, t, e_mul(e, x.hi, y.lo));
    t = e_add(e, t, e_mul(e, x.lo, y.hi));
    return (Pair){p, e_add(e, t, e_mul(e, x.lo, y.lo))};
}

static Pair product_of_pairs(Emit *e, Pair a, Pair b) {
    Pair p = math_product(e, a.hi, b.hi);
    Val lo = e_add(e, p.lo, e_add(e, e_mul(e, a.hi, b.lo), e_mul(e, a.lo, b.hi)));
    return math_ordered_sum(e, p.hi, lo);
}

// s = (m - 1) / (m + 1)
static Pair atanh_argument(Emit *e, Val m) {
    Val one = math_number(e, m, 1), f = e_sub(e, m, one);
    Pair d = math_sum(e, m, one);
    Val s = e_div(e, f, d.hi);
    Pair back = math_product(e, s, d.hi);
    Val rest = e_sub(e, e_sub(e, e_sub(e, f, back.hi), back.lo), e_mul(e, s, d.lo));
    return (Pair){s, e_div(e, rest, d.hi)};
}

// (2 atanh(s) - 2 s - 2/3 s^3) / s^5 in s^2 on [0, (sqrt(2) - 1)^2 / (sqrt(2) + 1)^2]; relative to 2 s: 2^-73
static const double log_rest[] = {0.3999999999999998, 0.28571428571445218, 0.22222222217510934, 0.18181818873456954,
    0.15384556655985357, 0.13336325714722319, 0.11674649652528957, 0.11990423064295522};

// ln(x) = exponent ln(2) + 2 s + s^3 (2/3 + s^2 R(s^2)), about 65 bits; x is positive and finite.
static Pair log_pair(Emit *e, Val x) {
    Split split = math_split(e, x);
    Pair s = atanh_argument(e, split.m), z = product_of_pairs(e, s, s), cube = product_of_pairs(e, z, s);
    Val r = e_mul(e, z.hi, math_poly(e, z.hi, log_rest, (int)(sizeof log_rest / sizeof *log_rest)));
    Pair factor = math_ordered_sum(e, math_number(e, x, 0.66666666666666663),
                                   e_add(e, r, math_number(e, x, 3.7007434154171883e-17)));
    Pair tail = product_of_pairs(e, cube, factor);
    Val two = math_number(e, x, 2);
    Pair near = math_ordered_sum(e, e_mul(e, two, s.hi), tail.hi);
    Val low = e_add(e, near.lo, e_add(e, tail.lo, e_mul(e, two, s.lo)));
    Val far = e_mul(e, split.exponent, math_number(e, x, 0.69314718055920820916));
    low = e_fma(e, split.exponent, math_number(e, x, 7.3710025651677988999e-13), low);
    Pair sum = math_sum(e, far, near.hi);
    return math_ordered_sum(e, sum.hi, e_add(e, sum.lo, low));
}

// |x|^y for positive finite |x|. Beyond 2^65 an exponent changes nothing but the range of intermediate results.
static Val power_f64(Emit *e, Val a, Val y) {
    Val limit = math_number(e, y, 0x1p65);
    y = e_max(e, e_neg(e, limit), e_min(e, limit, y));
    Pair log = log_pair(e, a), p = math_product(e, y, log.hi);
    Val in_range = e_lt(e, e_abs(e, p.hi), math_number(e, y, 800));
    return math_exp(e, p.hi, e_select(e, in_range, e_fma(e, y, log.lo, p.lo), math_number(e, y, 0)));
}

static Val power_f32(Emit *e, Val a, Val y) {
    Val limit = math_number(e, y, 0x1p40);
    y = e_max(e, e_neg(e, limit), e_min(e, limit, y));
    Val log = e_log(e, e_cast(e, DT_F64, a));
    return e_cast(e, DT_F32, e_exp(e, e_mul(e, log, e_cast(e, DT_F64, y))));
}

// f32 0.51 ULP, f64 0.9 ULP.
Val e_pow(Emit *e, Val x, Val y) {
    Val zero = math_number(e, x, 0), one = math_number(e, x, 1), inf = math_number(e, x, HUGE_VAL), a = e_abs(e, x);
    Val regular = e_and(e, e_gt(e, a, zero), e_lt(e, a, inf));
    Val base = e_select(e, regular, a, one);
    Val r = math_is_f64(x) ? power_f64(e, base, y) : power_f32(e, base, y);

    Val y_negative = e_lt(e, y, zero);
    Val at_zero = e_select(e, y_negative, inf, zero), at_inf = e_select(e, y_negative, zero, inf);
    r = e_select(e, regular, r, e_select(e, e_eq(e, a, zero), at_zero, at_inf));

    Val half = e_mul(e, y, math_number(e, y, 0.5));
    Val whole = e_eq(e, y, e_trunc(e, y)), odd = e_and(e, whole, e_ne(e, half, e_trunc(e, half)));
    r = e_select(e, odd, e_copysign(e, r, x), r);
    Val complex = e_and(e, e_and(e, e_lt(e, x, zero), e_lt(e, a, inf)), e_not(e, whole));
    r = e_select(e, complex, e_sub(e, inf, inf), r);

    r = e_select(e, e_is_nan(e, x), x, e_select(e, e_is_nan(e, y), y, r));
    return e_select(e, e_or(e, e_eq(e, y, zero), e_eq(e, x, one)), one, r);
}
