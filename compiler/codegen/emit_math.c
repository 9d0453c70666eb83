// Functions of floats: rounding, exponentials, logarithms and what is made of them. Powers are in emit_math_pow.c,
// trigonometry in emit_math_trig.c.
//
// Each is straight code in the kernel language: a reduction to a short interval, a polynomial there, and selects for
// the special cases, so that it works on vectors without a table or a call. Coefficients are minimax (Remez) fits in 50
// digits of the function and on the interval that stand above them. Errors are the largest seen against libm in f64
// (long double for f64) over sweeps of each function's range: tests/unit/test_math.c repeats the
// measurement (SQZC_ULP=1 prints it).
#include "codegen/emit_math.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
// The polynomial of an f32 or f64 table, by the type of x.
#define POLY_BY_TYPE(e, like, x, f32, f64) \
    (math_is_f64(like) ? math_poly((e), (x), (f64), COUNT(f64)) : math_poly((e), (x), (f32), COUNT(f32)))

Val math_poly(Emit *e, Val x, const double *c, int n) {
    Val r = math_number(e, x, c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        r = e_fma(e, r, x, math_number(e, x, c[i]));
    return r;
}

double math_magic(Val x) {
    return math_is_f64(x) ? 6755399441055744.0 : 12582912.0;  // 1.5 * 2^52, 1.5 * 2^23
}

Val math_power_of_two(Emit *e, DType to, Val n) {
    int mantissa = to == DT_F64 ? 52 : 23;
    Val biased = e_add(e, n, math_int(e, n, to == DT_F64 ? 1023 : 127));
    return e_bits(e, to, e_shl(e, biased, math_int(e, n, mantissa)));
}

Val math_in_f64(Emit *e, MathFn function, Val x) {
    return e_cast(e, DT_F32, function(e, e_cast(e, DT_F64, x)));
}

// ---- Rounding: exact.

Val e_copysign(Emit *e, Val magnitude, Val sign) {
    DType bits = math_bits_type(magnitude);
    int64_t top = math_is_f64(magnitude) ? INT64_MIN : INT32_MIN;
    Val m = e_bits(e, bits, e_abs(e, magnitude)), s = e_bits(e, bits, sign);
    return e_bits(e, magnitude.dtype, e_or(e, m, e_and(e, s, math_int(e, s, top))));
}

// Where there is no instruction: |x| + 2^23 has no bits behind the point; larger numbers, Inf and NaN are their own.
static Val round_by_sum(Emit *e, Val x) {
    Val big = math_number(e, x, math_is_f64(x) ? 4503599627370496.0 : 8388608.0), a = e_abs(e, x);
    Val r = e_sub(e, e_add(e, a, big), big);
    return e_select(e, e_lt(e, a, big), e_copysign(e, r, x), x);
}

Val e_round(Emit *e, Val x) {
    return e_target(e)->rounds ? e_round_intrinsic(e, "roundeven", x) : round_by_sum(e, x);
}

Val e_floor(Emit *e, Val x) {
    if (e_target(e)->rounds)
        return e_round_intrinsic(e, "floor", x);
    Val r = round_by_sum(e, x);
    return e_copysign(e, e_select(e, e_gt(e, r, x), e_sub(e, r, math_number(e, x, 1)), r), x);
}

Val e_ceil(Emit *e, Val x) {
    if (e_target(e)->rounds)
        return e_round_intrinsic(e, "ceil", x);
    Val r = round_by_sum(e, x);
    return e_copysign(e, e_select(e, e_lt(e, r, x), e_add(e, r, math_number(e, x, 1)), r), x);
}

Val e_trunc(Emit *e, Val x) {
    if (e_target(e)->rounds)
        return e_round_intrinsic(e, "trunc", x);
    Val a = e_abs(e, x), r = round_by_sum(e, a);
    return e_copysign(e, e_select(e, e_gt(e, r, a), e_sub(e, r, math_number(e, x, 1)), r), x);
}

// ---- Exponentials

// (e^r - 1 - r) / r^2 on [-ln(2)/2, ln(2)/2]; relative error of e^r - 1: 2^-26, 2^-61
static const double exp_f32[] = {0.49999997, 0.166665435, 0.0416672006, 0.00836657826, 0.00138825923};
static const double exp_f64[] = {0.5, 0.16666666666666677, 0.041666666666666505, 0.0083333333333216394,
    0.0013888888888962789, 0.00019841269886135531, 2.4801587172365564e-05, 2.7557244167738991e-06,
    2.755740223454787e-07, 2.5109062308870951e-08, 2.087561649842271e-09};

// x + lo = n ln 2 + r + rest. The high part of ln 2 is short enough for its product with n to be exact.
typedef struct LogSteps {
    Val n;  // integer
    Val r, rest;
} LogSteps;

static LogSteps split_by_ln2(Emit *e, Val x, Val lo) {
    bool wide = math_is_f64(x);
    Val magic = math_number(e, x, math_magic(x));
    Val t = e_fma(e, x, math_number(e, x, 1.4426950408889634), magic), n = e_sub(e, t, magic);
    Val high = math_number(e, x, wide ? -0.69314718055920820916 : -0.693115234375);
    Val low = math_number(e, x, wide ? 7.3710025651677988999e-13 : 3.1946183e-05);
    Val h = e_fma(e, n, high, x), l = e_mul(e, n, low);
    if (lo.v)
        l = e_sub(e, l, lo);
    Val r = lo.v ? e_sub(e, h, l) : e_fma(e, n, e_neg(e, low), h);
    DType bits = math_bits_type(x);
    Val whole = e_sub(e, e_bits(e, bits, t), e_bits(e, bits, magic));
    return (LogSteps){whole, r, e_sub(e, e_sub(e, h, r), l)};
}

// e^r - 1 of the reduced argument.
static Val exp_tail(Emit *e, const LogSteps *s, bool careful) {
    Val p = POLY_BY_TYPE(e, s->r, s->r, exp_f32, exp_f64), square = e_mul(e, s->r, s->r);
    if (careful)
        return e_add(e, s->r, e_fma(e, square, p, s->rest));
    return e_fma(e, square, p, s->r);
}

Val math_exp(Emit *e, Val x, Val lo) {
    bool wide = math_is_f64(x);
    Val low = math_number(e, x, wide ? -746 : -104), high = math_number(e, x, wide ? 710 : 89);
    LogSteps s = split_by_ln2(e, e_max(e, low, e_min(e, high, x)), lo);
    Val p = e_add(e, exp_tail(e, &s, wide || lo.v), math_number(e, x, 1));
    // In two steps, since 2^n need not be a normal number.
    Val half = e_shr(e, s.n, math_int(e, s.n, 1));
    p = e_mul(e, p, math_power_of_two(e, x.dtype, half));
    return e_mul(e, p, math_power_of_two(e, x.dtype, e_sub(e, s.n, half)));
}

// e^x where x and the result are normal numbers, or NaN: x on [-87, 88] (f32) or [-708, 709].
static Val exp_normal(Emit *e, Val x) {
    LogSteps s = split_by_ln2(e, x, (Val){0});
    Val p = e_add(e, exp_tail(e, &s, math_is_f64(x)), math_number(e, x, 1));
    return e_mul(e, p, math_power_of_two(e, x.dtype, s.n));
}

Val e_exp_flushed(Emit *e, Val x) {
    Val low = math_number(e, x, math_is_f64(x) ? -708.3964 : -87.33654);
    Val y = exp_normal(e, e_max(e, low, x));
    return e_select(e, e_lt(e, x, low), math_number(e, x, 0), y);
}

// f32 1 ULP, f64 0.9 ULP.
Val e_exp(Emit *e, Val x) {
    return math_exp(e, x, (Val){0});
}

// e^x - 1 = 2 (2^(n-1) (e^r - 1) + (2^(n-1) - 1/2)); x in between limits where neither factor overflows.
static Val expm1_between(Emit *e, Val x) {
    LogSteps s = split_by_ln2(e, x, (Val){0});
    Val half = math_power_of_two(e, x.dtype, e_sub(e, s.n, math_int(e, s.n, 1)));
    Val r = e_fma(e, half, exp_tail(e, &s, true), e_sub(e, half, math_number(e, x, 0.5)));
    return e_add(e, r, r);
}

// f32 0.9 ULP, f64 0.9 ULP, seen through Elu.
Val e_expm1(Emit *e, Val x) {
    bool wide = math_is_f64(x);
    Val low = math_number(e, x, wide ? -40 : -20), high = math_number(e, x, wide ? 710 : 89);
    Val r = expm1_between(e, e_max(e, low, e_min(e, high, x)));
    Val tiny = e_lt(e, e_abs(e, x), math_number(e, x, wide ? 0x1p-54 : 0x1p-25));
    return e_select(e, tiny, x, r);
}

// The sign of x for a result that has none.
static Val signed_as(Emit *e, Val positive, Val x) {
    Val bits = e_bits(e, math_bits_type(x), x), top = math_int(e, bits, math_is_f64(x) ? INT64_MIN : INT32_MIN);
    return e_bits(e, x.dtype, e_or(e, e_bits(e, bits.dtype, positive), e_and(e, bits, top)));
}

// (e^(2 r) - 1 - 2 r) / (2 r^2) on [-ln(2)/4, ln(2)/4]: exp_f32 times powers of two
static const double tanh_f32[] = {0.99999994, 0.66666174, 0.333337605, 0.133865252, 0.0444242954};

// (e^2a - 1) / 2 = 2^n (e^(2 r) - 1) / 2 + (2^n - 1) / 2 with r = a - n ln(2) / 2, for a on [0, 10]. Where n is large,
// the last bits of ln 2 change a tanh as little as they change e^-2a.
static Val tanh_ratio_narrow(Emit *e, Val a) {
    Val magic = math_number(e, a, math_magic(a) + 127), half = math_number(e, a, 0.5);
    Val t = e_fma(e, a, math_number(e, a, 2.8853900817779268), magic), n = e_sub(e, t, magic);
    Val r = e_fma(e, n, math_number(e, a, -0.34657359027997264), a);
    Val tail = e_fma(e, e_mul(e, r, r), math_poly(e, r, tanh_f32, COUNT(tanh_f32)), r);
    Val power = e_bits(e, a.dtype, e_shl(e, e_bits(e, DT_I32, t), math_int(e, e_bits(e, DT_I32, t), 23)));
    return e_fma(e, power, tail, e_fma(e, power, half, e_neg(e, half)));
}

static Val tanh_ratio_wide(Emit *e, Val a) {
    LogSteps s = split_by_ln2(e, e_add(e, a, a), (Val){0});
    Val half = math_power_of_two(e, a.dtype, e_sub(e, s.n, math_int(e, s.n, 1)));
    return e_fma(e, half, exp_tail(e, &s, true), e_sub(e, half, math_number(e, a, 0.5)));
}

// u / (u + 1), u = (e^2|x| - 1) / 2; 1 from 10 (20) on. Tiny x come out as they are, since then n = 0 and u = |x|.
// f32 2.6 ULP (2.52 at 0.0603), f64 2.4 ULP.
Val e_tanh(Emit *e, Val x) {
    bool wide = math_is_f64(x);
    Val a = e_min(e, math_number(e, x, wide ? 20 : 10), e_abs(e, x));
    Val u = wide ? tanh_ratio_wide(e, a) : tanh_ratio_narrow(e, a);
    return signed_as(e, e_div(e, u, e_add(e, u, math_number(e, x, 1))), x);
}

// 1 + e^-x = 1 + 2^n + 2^n (e^r - 1), -x = n ln 2 + r, for x on [-87.3, 87.3]; the exponent of 2^n comes with n.
static Val sigmoid_divisor_narrow(Emit *e, Val x) {
    Val magic = math_number(e, x, math_magic(x) + 127);
    Val t = e_fma(e, x, math_number(e, x, -1.4426950408889634), magic), n = e_sub(e, t, magic);
    Val r = e_fma(e, n, math_number(e, x, 0.693115234375), x);  // changes its sign below
    r = e_fma(e, n, math_number(e, x, 3.1946183e-05), r);
    r = e_neg(e, r);
    Val tail = e_fma(e, e_mul(e, r, r), math_poly(e, r, exp_f32, COUNT(exp_f32)), r);
    Val bits = e_bits(e, DT_I32, t), power = e_bits(e, x.dtype, e_shl(e, bits, math_int(e, bits, 23)));
    return e_fma(e, power, tail, e_add(e, power, math_number(e, x, 1)));
}

static Val sigmoid_divisor_wide(Emit *e, Val x) {
    LogSteps s = split_by_ln2(e, e_neg(e, x), (Val){0});
    Val one = math_number(e, x, 1), p = e_add(e, exp_tail(e, &s, true), one);
    return e_fma(e, p, math_power_of_two(e, x.dtype, s.n), one);
}

// 1 / (1 + e^-x); 0 where that is no normal number
// f32 1.6 ULP, f64 2.3 ULP.
Val e_sigmoid(Emit *e, Val x) {
    bool wide = math_is_f64(x);
    Val one = math_number(e, x, 1), most = math_number(e, x, wide ? 708.3964 : 87.33654), least = e_neg(e, most);
    Val y = e_min(e, most, e_max(e, least, x));
    Val r = e_div(e, one, wide ? sigmoid_divisor_wide(e, y) : sigmoid_divisor_narrow(e, y));
    return e_select(e, e_lt(e, x, least), math_number(e, x, 0), r);
}

// (e^x - e^-x) / 2 = (t + t / (t + 1)) / 2, t = e^x - 1
// f32 0.51 ULP, f64 2.4 ULP.
Val e_sinh(Emit *e, Val x) {
    if (!math_is_f64(x))
        return math_in_f64(e, e_sinh, x);
    Val a = e_abs(e, x), half = math_number(e, x, 0.5), t = e_expm1(e, a);
    Val r = e_mul(e, half, e_add(e, t, e_div(e, t, e_add(e, t, math_number(e, x, 1)))));
    Val w = e_exp(e, e_mul(e, half, a));
    r = e_select(e, e_gt(e, a, math_number(e, x, 22)), e_mul(e, e_mul(e, half, w), w), r);
    return e_copysign(e, r, x);
}

// f32 0.51 ULP, f64 2.4 ULP.
Val e_cosh(Emit *e, Val x) {
    if (!math_is_f64(x))
        return math_in_f64(e, e_cosh, x);
    Val a = e_abs(e, x), half = math_number(e, x, 0.5), y = e_exp(e, a);
    Val r = e_mul(e, half, e_add(e, y, e_div(e, math_number(e, x, 1), y)));
    Val w = e_exp(e, e_mul(e, half, a));
    return e_select(e, e_gt(e, a, math_number(e, x, 22)), e_mul(e, e_mul(e, half, w), w), r);
}

// ---- Logarithms

// (2 atanh(s) - 2 s) / s^3 in s^2 on [0, (sqrt(2) - 1)^2 / (sqrt(2) + 1)^2]; error relative to 2 s: 2^-37, 2^-66
static const double log_f32[] = {0.666666627, 0.400003374, 0.285372436, 0.235834926};
static const double log_f64[] = {0.66666666666666663, 0.40000000000006269, 0.28571428569077478, 0.22222222648137144,
    0.18181775552205348, 0.15387095965974609, 0.13249995352664601, 0.13252489946788609};

Split math_split(Emit *e, Val x) {
    bool wide = math_is_f64(x);
    int mantissa = math_mantissa(x);
    Val small = e_lt(e, x, math_number(e, x, wide ? 0x1p-1022 : 0x1p-126));
    x = e_select(e, small, e_mul(e, x, math_number(e, x, wide ? 0x1p54 : 0x1p25)), x);
    Val bits = e_bits(e, math_bits_type(x), x);
    Val root = e_bits(e, bits.dtype, math_number(e, x, 0.70710678118654752));
    Val n = e_shr(e, e_sub(e, bits, root), math_int(e, bits, mantissa));
    Val m = e_bits(e, x.dtype, e_sub(e, bits, e_shl(e, n, math_int(e, bits, mantissa))));
    Val magic = math_number(e, x, math_magic(x));
    Val exponent = e_sub(e, e_bits(e, x.dtype, e_add(e, n, e_bits(e, bits.dtype, magic))), magic);
    Val shift = e_select(e, small, math_number(e, x, wide ? 54 : 25), math_number(e, x, 0));
    return (Split){m, e_sub(e, exponent, shift)};
}

// ln(x) + correction. With f = m - 1 and s = f / (2 + f), ln(m) = 2 atanh(s) = f - (f^2 / 2 - s (f^2 / 2 + R(s^2))).
static Val log_corrected(Emit *e, Val x, Val correction) {
    bool wide = math_is_f64(x);
    Val zero = math_number(e, x, 0);
    Split split = math_split(e, x);
    Val f = e_sub(e, split.m, math_number(e, x, 1));
    Val s = e_div(e, f, e_add(e, f, math_number(e, x, 2))), z = e_mul(e, s, s);
    Val r = e_mul(e, z, POLY_BY_TYPE(e, x, z, log_f32, log_f64));
    Val half = e_mul(e, e_mul(e, f, f), math_number(e, x, 0.5));
    Val low = e_mul(e, split.exponent, math_number(e, x, wide ? 7.3710025651677988999e-13 : 3.1946183e-05));
    if (correction.v)
        low = e_add(e, low, correction);
    Val inner = e_sub(e, half, e_fma(e, s, e_add(e, half, r), low));
    Val high = math_number(e, x, wide ? 0.69314718055920820916 : 0.693115234375);
    Val y = e_fma(e, split.exponent, high, e_sub(e, f, inner));
    Val inf = math_number(e, x, HUGE_VAL);
    y = e_select(e, e_lt(e, x, inf), y, x);  // Inf and NaN are their own
    Val at_zero = e_select(e, e_eq(e, x, zero), e_neg(e, inf), e_sub(e, inf, inf));
    return e_select(e, e_le(e, x, zero), at_zero, y);
}

// f32 0.8 ULP, f64 0.9 ULP.
Val e_log(Emit *e, Val x) {
    return log_corrected(e, x, (Val){0});
}

// ln(u) + c / u where u + c = 1 + x exactly
// f32 1.4 ULP, f64 1.3 ULP, seen through Softplus and what the exponential in it adds.
Val e_log1p(Emit *e, Val x) {
    Val one = math_number(e, x, 1), u = e_add(e, one, x);
    Val c = e_select(e, e_gt(e, x, one), e_sub(e, one, e_sub(e, u, x)), e_sub(e, x, e_sub(e, u, one)));
    Val tiny = e_lt(e, e_abs(e, x), math_number(e, x, math_is_f64(x) ? 0x1p-54 : 0x1p-25));
    return e_select(e, tiny, x, log_corrected(e, u, e_div(e, c, u)));
}

// sign(x) log1p(|x| + x^2 / (1 + sqrt(x^2 + 1))); ln(2 |x|) where that is the same
// f32 0.51 ULP, f64 1.5 ULP.
Val e_asinh(Emit *e, Val x) {
    if (!math_is_f64(x))
        return math_in_f64(e, e_asinh, x);
    Val one = math_number(e, x, 1), a = e_abs(e, x);
    Val large = e_gt(e, a, math_number(e, x, 0x1p28));
    Val b = e_select(e, large, one, a), square = e_mul(e, b, b);
    Val r = e_log1p(e, e_add(e, b, e_div(e, square, e_add(e, one, e_sqrt(e, e_add(e, square, one))))));
    Val far = e_add(e, e_log(e, a), math_number(e, x, 0.69314718055994531));
    return e_copysign(e, e_select(e, large, far, r), x);
}

// log1p(t + sqrt(2 t + t^2)), t = x - 1
// f32 0.51 ULP, f64 1.3 ULP.
Val e_acosh(Emit *e, Val x) {
    if (!math_is_f64(x))
        return math_in_f64(e, e_acosh, x);
    Val t = e_sub(e, x, math_number(e, x, 1));
    Val r = e_log1p(e, e_add(e, t, e_sqrt(e, e_add(e, e_add(e, t, t), e_mul(e, t, t)))));
    Val far = e_add(e, e_log(e, x), math_number(e, x, 0.69314718055994531));
    r = e_select(e, e_gt(e, x, math_number(e, x, 0x1p28)), far, r);
    Val inf = math_number(e, x, HUGE_VAL);
    return e_select(e, e_lt(e, t, math_number(e, x, 0)), e_sub(e, inf, inf), r);
}

// sign(x) log1p(2 |x| / (1 - |x|)) / 2
// f32 0.51 ULP, f64 1.7 ULP.
Val e_atanh(Emit *e, Val x) {
    if (!math_is_f64(x))
        return math_in_f64(e, e_atanh, x);
    Val a = e_abs(e, x), t = e_div(e, e_add(e, a, a), e_sub(e, math_number(e, x, 1), a));
    Val r = e_mul(e, e_log1p(e, t), math_number(e, x, 0.5));
    Val tiny = e_lt(e, a, math_number(e, x, 0x1p-54));
    return e_copysign(e, e_select(e, tiny, a, r), x);
}

// ---- The error function

// erf(x) / x - 1 in x^2 on [0, 1]; error 2^-29.7, 2^-62.8
static const double erf_near_f32[] = {0.12837911, -0.37612626, 0.112836003, -0.0268544462, 0.00518953661,
    -0.000802084571, 7.8891193e-05};
static const double erf_near_f64[] = {0.1283791670955126, -0.37612638903183748, 0.11283791670954885,
    -0.026866170645077875, 0.0052239776248284306, -0.00085483269814255422, 0.0001205533113295582,
    -1.4925595772180906e-05, 1.64610084778027e-06, -1.6350396222864617e-07, 1.466032872274226e-08,
    -1.1374955736070149e-09, 5.9606853385209714e-11};
// -log2(1 - erf(x)) on [1, 4]; error of erf: 2^-29.8
static const double erf_far_f32[] = {0.000492712517, 1.62604599, 0.920648378, 0.14875161, -0.0315056701,
    0.0042525729, -0.000268888429};
// (2^r - 1) / r on [-1/2, 1/2]; error of 2^r: 2^-23.4, of which erf sees a sixth
static const double exp2_f32[] = {0.693147215, 0.240222346, 0.0555030836, 0.00967187508, 0.00134072588};
// (1 - erf(x)) e^(x^2) in (x - 3) / (x + 3), x on [1, 6]; error of erf: 2^-69
static const double erf_far_f64[] = {0.17900115118138993, -0.326233560043038, 0.24560380171232499,
    -0.15011593650043348, 0.071665837205948102, -0.024392499257348731, 0.0042691362859679279,
    0.00070774183056488836, -0.00059710368651012477, 4.5046334897859311e-05, 6.3381456676307903e-05,
    -1.4315369673783703e-05, -1.0023089741113607e-05, 4.258680395550082e-07, 7.2464613060672871e-07};

// erf(a), a on [1, 4]: 1 - 2^n 2^r
static Val erf_far_narrow(Emit *e, Val a) {
    Val p = math_poly(e, a, erf_far_f32, COUNT(erf_far_f32)), magic = math_number(e, a, math_magic(a));
    Val t = e_sub(e, magic, p), n = e_sub(e, t, magic), r = e_neg(e, e_add(e, p, n)), one = math_number(e, a, 1);
    Val power = math_power_of_two(e, a.dtype, e_sub(e, e_bits(e, DT_I32, t), e_bits(e, DT_I32, magic)));
    Val rest = e_fma(e, r, math_poly(e, r, exp2_f32, COUNT(exp2_f32)), one);
    return e_fma(e, rest, e_neg(e, power), one);
}

// The same for a on [1, 6]
static Val erf_far_wide(Emit *e, Val a) {
    Val three = math_number(e, a, 3), t = e_div(e, e_sub(e, a, three), e_add(e, a, three));
    Val rest = e_mul(e, math_poly(e, t, erf_far_f64, COUNT(erf_far_f64)), exp_normal(e, e_neg(e, e_mul(e, a, a))));
    return e_sub(e, math_number(e, a, 1), rest);
}

// f32 1.9 ULP, f64 1 ULP.
Val e_erf(Emit *e, Val x) {
    Val one = math_number(e, x, 1), a = e_abs(e, x);
    Val limited = e_min(e, math_number(e, x, math_is_f64(x) ? 6 : 4), a), square = e_mul(e, limited, limited);
    Val near = e_fma(e, limited, POLY_BY_TYPE(e, x, square, erf_near_f32, erf_near_f64), limited);
    Val beyond = e_max(e, one, limited), far = math_is_f64(x) ? erf_far_wide(e, beyond) : erf_far_narrow(e, beyond);
    return signed_as(e, e_select(e, e_lt(e, a, one), near, far), x);
}

// ---- Fused activations

// log2 of half of erfc(x / sqrt(2)) on [0, 6]; error of x times that: 2^-23.5
static const double gelu_f32[] = {-1, -1.15111125, -0.459155947, -0.0526581593, 0.0072944928, -0.000302764151,
    -0.00012704586, 3.08776143e-05, -3.03344655e-06, 1.16393103e-07};
// 2^r on [-1/2, 1/2]; relative error 2^-23.4
static const double gelu_exp2_f32[] = {1, 0.693147004, 0.240222424, 0.0555073358, 0.00967151299, 0.00132647261};

// half of erfc(a / sqrt(2)), a on [0, 6]: 2^n 2^r, with n added to the exponent
static Val gelu_tail(Emit *e, Val a) {
    Val magic = math_number(e, a, math_magic(a)), t = math_poly(e, a, gelu_f32, COUNT(gelu_f32));
    Val rounded = e_add(e, t, magic), r = e_sub(e, t, e_sub(e, rounded, magic));
    Val power = e_bits(e, DT_I32, math_poly(e, r, gelu_exp2_f32, COUNT(gelu_exp2_f32))), n = e_bits(e, DT_I32, rounded);
    return e_bits(e, DT_F32, e_add(e, power, e_shl(e, n, math_int(e, n, 23))));
}

// x / 2 (1 + erf(x / sqrt(2))). In f32 max(0, x) - |x| / 2 erfc(|x| / sqrt(2)), which cancels nothing: errors are below
// 2^-23 for negative x and 4 ULP for others. (Below -6 it is 2^-27, where -2^-27.5 and less is right.)
static Val gelu(Emit *e, Val x) {
    if (math_is_f64(x)) {
        Val gate = e_add(e, e_erf(e, e_mul(e, x, math_number(e, x, sqrt(0.5)))), math_number(e, x, 1));
        return e_mul(e, e_mul(e, x, math_number(e, x, 0.5)), gate);
    }
    Val a = e_min(e, math_number(e, x, 6), e_abs(e, x));
    return e_sub(e, e_max(e, math_number(e, x, 0), x), e_mul(e, a, gelu_tail(e, a)));
}

// x / 2 (1 + tanh(y)) = x sigmoid(2 y), y = sqrt(2 / pi) (x + 0.044715 x^3)
static Val gelu_tanh(Emit *e, Val x) {
    static const double scale = 1.5957691216057308;  // 2 sqrt(2 / pi)
    Val part = e_fma(e, e_mul(e, x, x), math_number(e, x, 0.044715 * scale), math_number(e, x, scale));
    return e_mul(e, x, e_sigmoid(e, e_mul(e, x, part)));
}

Val e_act(Emit *e, const Act *act, Val x) {
    Val zero = e_zero(e, x.dtype, x.lanes);
    switch ((ActKind)act->kind) {
    case ACT_NONE:
        break;
    case ACT_RELU:
        return e_max(e, zero, x);
    case ACT_CLIP:
        x = e_max(e, e_splat(e, e_number(e, x.dtype, act->alpha), x.lanes), x);
        return e_min(e, e_splat(e, e_number(e, x.dtype, act->beta), x.lanes), x);
    case ACT_LEAKY_RELU:
        return e_select(e, e_lt(e, x, zero), e_mul(e, x, math_number(e, x, act->alpha)), x);
    case ACT_SIGMOID:
        return e_sigmoid(e, x);
    case ACT_SWISH:
        return e_mul(e, x, e_sigmoid(e, act->alpha == 1 ? x : e_mul(e, x, math_number(e, x, act->alpha))));
    case ACT_TANH:
        return e_tanh(e, x);
    case ACT_GELU:
        return gelu(e, x);
    case ACT_GELU_TANH:
        return gelu_tanh(e, x);
    case ACT_HARD_SWISH:
    case ACT_HARD_SIGMOID: {
        bool swish = act->kind == ACT_HARD_SWISH;
        Val slope = math_number(e, x, swish ? 1.0 / 6 : act->alpha);
        Val offset = math_number(e, x, swish ? 0.5 : act->beta);
        Val y = e_max(e, zero, e_min(e, math_number(e, x, 1), e_fma(e, x, slope, offset)));
        return swish ? e_mul(e, x, y) : y;
    }
    }
    return x;
}
