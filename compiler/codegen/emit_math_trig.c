// Sine, cosine, tangent and their inverses.
//
// An argument is reduced to r = x - n pi/2 on [-pi/4, pi/4], always in f64: up to 2^20 quadrants by subtracting n times
// pi/2 in parts whose products are exact (Cody and Waite), beyond that, lane by lane and in a helper function, by
// multiplying with as many bits of 2/pi as the exponent asks for (Payne and Hanek, 1983). Then sine or cosine of r is a
// polynomial, chosen by n.
#include "codegen/emit_math.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

// (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2 on [0, pi/4]; errors relative to sin(r) and absolute:
// 2^-28, 2^-33 and 2^-58, 2^-64
static const double sin_f32[] = {-0.166666552, 0.008332178, -0.000195172455};
static const double cos_f32[] = {0.0416666456, -0.00138873665, 2.44383427e-05};
static const double sin_f64[] = {-0.16666666666666632, 0.0083333333333224253, -0.00019841269829815961,
    2.7557313694190745e-06, -2.5050758397948764e-08, 1.5896808583514088e-10};
static const double cos_f64[] = {0.041666666666666602, -0.0013888888888874127, 2.4801587289482513e-05,
    -2.7557314352212291e-07, 2.087572323568884e-09, -1.1359645076326852e-11};

// ---- Reduction of large arguments

enum {
    PI_WORDS = 42,   // two words of zeros, then 2/pi
    WINDOW = 6       // words that are multiplied: 192 bits
};
static const uint32_t two_over_pi[PI_WORDS] = {0, 0,
    0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561, 0xb7246e3a,
    0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484, 0xe99c7026, 0xb45f7e41,
    0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf,
    0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08,
    0x56033046, 0xfc7b6bab, 0xf0cfbc20, 0x9af4361d};

static Val u64(Emit *e, uint64_t n) {
    return e_int(e, DT_U64, (int64_t)n);
}

static Val right(Emit *e, Val v, int by) {
    return e_shr(e, v, u64(e, (uint64_t)by));
}

static Val low_word(Emit *e, Val v) {
    return e_and(e, v, u64(e, 0xffffffff));
}

// The 192 bits of the table from bit `from` on, as six 32-bit words, the highest first. The words are moved up in
// steps of 32, 16, ... 1 as the bits of the position say.
static void window_of_pi(Emit *e, Val from, Val word[WINDOW]) {
    Val table[PI_WORDS + 64];
    for (int i = 0; i < PI_WORDS + 64; i++)
        table[i] = u64(e, i < PI_WORDS ? two_over_pi[i] : 0);
    Val index = right(e, from, 5), shift = e_and(e, from, u64(e, 31));
    for (int step = 32; step; step /= 2) {
        Val moves = e_ne(e, e_and(e, index, u64(e, (uint64_t)step)), u64(e, 0));
        for (int i = 0; i < WINDOW + step; i++)
            table[i] = e_select(e, moves, table[i + step], table[i]);
    }
    for (int i = 0; i < WINDOW; i++) {
        Val pair = e_or(e, e_shl(e, table[i], u64(e, 32)), table[i + 1]);
        word[i] = low_word(e, right(e, e_shl(e, pair, shift), 32));
    }
}

// word = word * (hi 2^32 + lo) modulo 2^192
static void multiply_window(Emit *e, Val word[WINDOW], Val hi, Val lo) {
    Val carry = u64(e, 0), above = u64(e, 0);  // of the low and the high factor
    Val shifted = u64(e, 0);
    for (int i = WINDOW - 1; i >= 0; i--) {
        Val a = e_add(e, e_mul(e, word[i], lo), carry);
        Val b = e_add(e, e_mul(e, shifted, hi), above);
        Val sum = e_add(e, low_word(e, a), low_word(e, b));
        shifted = word[i];
        word[i] = low_word(e, sum);
        carry = e_add(e, right(e, a, 32), right(e, sum, 32));
        above = right(e, b, 32);
    }
}

// The fraction of the window behind its first two bits, as a signed number in [-1/2, 1/2].
static Pair signed_fraction(Emit *e, const Val word[WINDOW], Val negative) {
    Val digit[5];
    for (int i = 0; i < 5; i++) {
        Val pair = e_or(e, e_shl(e, word[i], u64(e, 32)), word[i + 1]);
        Val bits = low_word(e, right(e, pair, 30));
        bits = e_select(e, negative, e_xor(e, bits, u64(e, 0xffffffff)), bits);
        Val scale = e_float(e, DT_F64, ldexp(1, -32 * (i + 1)));
        digit[i] = e_mul(e, e_cast(e, DT_F64, e_cast(e, DT_U32, bits)), scale);
    }
    Pair rest = math_ordered_sum(e, digit[2], e_add(e, digit[3], digit[4]));
    Pair next = math_ordered_sum(e, digit[1], rest.hi), top = math_ordered_sum(e, digit[0], next.hi);
    Pair all = math_ordered_sum(e, top.hi, e_add(e, top.lo, e_add(e, next.lo, rest.lo)));
    all.hi = e_select(e, negative, e_neg(e, all.hi), all.hi);
    all.lo = e_select(e, negative, e_neg(e, all.lo), all.lo);
    return all;
}

// For finite |x| from 2 on, in four lanes: n (in the low bits), r and what r lacks.
static Val make_reduce(Emit *e, const Val *args) {
    Val x = args[0], bits = e_bits(e, DT_U64, e_abs(e, x));
    Val exponent = right(e, bits, 52);
    Val mantissa = e_or(e, e_and(e, bits, u64(e, 0xfffffffffffff)), u64(e, 0x10000000000000));
    // x = mantissa 2^(exponent - 1075); bit i of 2/pi, i from 1 on, weighs 2^-i, and the window begins with the one
    // that makes the product's first bit 2. In front of them are 64 zeros.
    Val word[WINDOW];
    window_of_pi(e, e_sub(e, exponent, u64(e, 1075 + 2 - 64)), word);
    multiply_window(e, word, right(e, mantissa, 32), low_word(e, mantissa));
    Val up = e_ne(e, e_and(e, word[0], u64(e, 0x20000000)), u64(e, 0));
    Val n = e_add(e, right(e, word[0], 30), e_cast(e, DT_U64, up));
    Pair f = signed_fraction(e, word, up);

    Val high = e_float(e, DT_F64, 1.570796326794896558), low = e_float(e, DT_F64, 6.1232339957367660359e-17);
    Pair r = math_product(e, f.hi, high);
    r = math_ordered_sum(e, r.hi, e_add(e, r.lo, e_add(e, e_mul(e, f.hi, low), e_mul(e, f.lo, high))));
    Val minus = e_lt(e, x, e_float(e, DT_F64, 0));
    n = e_select(e, minus, e_neg(e, n), n);
    Val result = e_zero(e, DT_F64, 4);
    result = e_set_lane(e, result, 0, e_bits(e, DT_F64, e_and(e, n, u64(e, 3))));
    result = e_set_lane(e, result, 1, e_select(e, minus, e_neg(e, r.hi), r.hi));
    return e_set_lane(e, result, 2, e_select(e, minus, e_neg(e, r.lo), r.lo));
}

// ---- Reduction

typedef struct Quadrant {
    Val n;        // integer; its last two bits count
    Val r, rest;  // f64; x = n pi/2 + r + rest
} Quadrant;

static Quadrant reduce_quickly(Emit *e, Val x) {
    Val magic = math_number(e, x, math_magic(x));
    Val t = e_fma(e, x, math_number(e, x, 0.63661977236758138), magic), n = e_sub(e, t, magic);
    Val h = e_sub(e, x, e_mul(e, n, math_number(e, x, 1.5707963267341256)));  // exact
    Pair d = math_sum(e, h, e_mul(e, n, math_number(e, x, -6.0771005063039660e-11)));
    Val l = e_sub(e, d.lo, e_mul(e, n, math_number(e, x, 2.0222662487959506e-21)));
    Val r = e_add(e, d.hi, l);
    return (Quadrant){e_bits(e, DT_I64, t), r, e_add(e, e_sub(e, d.hi, r), l)};
}

static Quadrant reduce(Emit *e, Val x) {
    Val a = e_abs(e, x), limit = math_number(e, x, 1647099.0), inf = math_number(e, x, HUGE_VAL);
    Val large = e_and(e, e_ge(e, a, limit), e_lt(e, a, inf));
    Quadrant q = reduce_quickly(e, e_select(e, large, math_number(e, x, 0), x));
    Var n = e_var(e, q.n), r = e_var(e, q.r), rest = e_var(e, q.rest);
    Val any = e_reduce_max(e, e_cast(e, DT_I32, large));
    EMIT_IF(e, e_ne(e, any, e_int(e, DT_I32, 0)))
        for (int i = 0; i < x.lanes; i++) {
            Branch lane = e_if_open(e, e_lane(e, large, i));
            Val arg = e_lane(e, x, i), parts = e_call_helper(e, "reduce_angle", make_reduce, DT_F64, 4, &arg, 1);
            e_set(e, n, e_set_lane(e, e_get(e, n), i, e_bits(e, DT_I64, e_lane(e, parts, 0))));
            e_set(e, r, e_set_lane(e, e_get(e, r), i, e_lane(e, parts, 1)));
            e_set(e, rest, e_set_lane(e, e_get(e, rest), i, e_lane(e, parts, 2)));
            e_if_close(e, &lane);
        }
    return (Quadrant){e_get(e, n), e_get(e, r), e_get(e, rest)};
}

// ---- Sine and cosine

// sin(r + rest), the rest left out where it has a null v
static Val sin_poly(Emit *e, Val r, Val rest) {
    Val z = e_mul(e, r, r), cube = e_mul(e, z, r);
    if (!math_is_f64(r))
        return e_fma(e, cube, math_poly(e, z, sin_f32, COUNT(sin_f32)), r);
    Val tail = e_sub(e, rest, e_mul(e, e_mul(e, z, math_number(e, r, 0.5)), rest));  // rest cos(r)
    return e_add(e, r, e_fma(e, cube, math_poly(e, z, sin_f64, COUNT(sin_f64)), tail));
}

static Val cos_poly(Emit *e, Val r, Val rest) {
    Val one = math_number(e, r, 1), z = e_mul(e, r, r), half = e_mul(e, z, math_number(e, r, 0.5));
    Val square = e_mul(e, z, z), w = e_sub(e, one, half);
    Val lost = e_sub(e, e_sub(e, one, w), half);
    if (!math_is_f64(r))
        return e_add(e, w, e_fma(e, square, math_poly(e, z, cos_f32, COUNT(cos_f32)), lost));
    Val tail = e_sub(e, lost, e_mul(e, r, rest));
    return e_add(e, w, e_fma(e, square, math_poly(e, z, cos_f64, COUNT(cos_f64)), tail));
}

static Val bit_set(Emit *e, Val n, int64_t bit) {
    return e_ne(e, e_and(e, n, math_int(e, n, bit)), math_int(e, n, 0));
}

// sin(x + turn pi/2)
static Val sine(Emit *e, Val x, int turn) {
    Quadrant q = reduce(e, math_is_f64(x) ? x : e_cast(e, DT_F64, x));
    Val n = e_add(e, q.n, math_int(e, q.n, turn));
    Val r = math_is_f64(x) ? q.r : e_cast(e, DT_F32, q.r);
    Val y = e_select(e, bit_set(e, n, 1), cos_poly(e, r, q.rest), sin_poly(e, r, q.rest));
    return e_select(e, bit_set(e, n, 2), e_neg(e, y), y);
}

// f32 1.5 ULP, f64 0.8 ULP.
Val e_sin(Emit *e, Val x) {
    Val zero = math_number(e, x, 0);
    return e_select(e, e_eq(e, x, zero), x, sine(e, x, 0));
}

// f32 1.5 ULP, f64 0.8 ULP.
Val e_cos(Emit *e, Val x) {
    return sine(e, x, 1);
}

// f32 0.51 ULP, f64 2.1 ULP.
Val e_tan(Emit *e, Val x) {
    if (!math_is_f64(x))
        return math_in_f64(e, e_tan, x);
    Quadrant q = reduce(e, x);
    Val s = sin_poly(e, q.r, q.rest), c = cos_poly(e, q.r, q.rest), odd = bit_set(e, q.n, 1);
    Val y = e_div(e, e_select(e, odd, e_neg(e, c), s), e_select(e, odd, s, c));
    return e_select(e, e_eq(e, x, math_number(e, x, 0)), x, y);
}

// ---- Inverses

// (atan(t) - t) / t^3 in t^2 on [0, tan(pi/8)]; error relative to atan(t): 2^-64
static const double atan_f64[] = {-0.33333333333333326, 0.1999999999999767, -0.14285714285388146, 0.11111111088185298,
    -0.090909081447715603, 0.076922827636763988, -0.066662268256246757, 0.058770224168558149, -0.052184080803061535,
    0.045035633114246312, -0.033474754771737648, 0.015195430484595783};
// (asin(t) - t) / t^3 in t^2 on [0, 1/2]; error relative to asin(t): 2^-60
static const double asin_f64[] = {0.16666666666666763, 0.074999999999700917, 0.044642857175290977,
    0.030381942675077819, 0.022372215910960447, 0.017351595417237718, 0.013981019459189135, 0.011397285906145868,
    0.010789359530307041, 0.0036720444374776107, 0.021790982249397371, -0.021117186884758322, 0.03270245176794305};

// atan(a) = base + atan(t): t = a up to tan(pi/8), (a - 1) / (a + 1) around pi/4, -1 / a from tan(3 pi/8) on.
// f32 0.51 ULP, f64 1.7 ULP.
Val e_atan(Emit *e, Val x) {
    if (!math_is_f64(x))
        return math_in_f64(e, e_atan, x);
    Val zero = math_number(e, x, 0), one = math_number(e, x, 1), a = e_abs(e, x);
    Val middle = e_gt(e, a, math_number(e, x, 0.41421356237309503));
    Val far = e_gt(e, a, math_number(e, x, 2.4142135623730949));
    Val top = e_select(e, far, e_neg(e, one), e_select(e, middle, e_sub(e, a, one), a));
    Val bottom = e_select(e, far, a, e_select(e, middle, e_add(e, a, one), one));
    Val base = e_select(e, far, math_number(e, x, 1.570796326794896558),
                        e_select(e, middle, math_number(e, x, 0.785398163397448279), zero));
    Val low = e_select(e, far, math_number(e, x, 6.1232339957367660359e-17),
                       e_select(e, middle, math_number(e, x, 3.0616169978683830179e-17), zero));
    Val t = e_div(e, top, bottom), z = e_mul(e, t, t);
    Val tail = e_fma(e, e_mul(e, z, t), math_poly(e, z, atan_f64, COUNT(atan_f64)), low);
    return e_copysign(e, e_add(e, base, e_add(e, t, tail)), x);
}

// asin(t) - t where t is at most 1/2
static Val asin_rest(Emit *e, Val t, Val square) {
    return e_mul(e, e_mul(e, t, square), math_poly(e, square, asin_f64, COUNT(asin_f64)));
}

// asin(|x|) up to 1/2; beyond it pi/2 - 2 asin(t), t^2 = (1 - |x|) / 2.
typedef struct Arc {
    Val large;      // |x| > 1/2
    Val t, rest;    // asin(t) = t + rest
} Arc;

static Arc arc(Emit *e, Val a) {
    Val half = math_number(e, a, 0.5), large = e_gt(e, a, half);
    Val square = e_select(e, large, e_mul(e, half, e_sub(e, math_number(e, a, 1), a)), e_mul(e, a, a));
    Val t = e_select(e, large, e_sqrt(e, square), a);
    return (Arc){large, t, asin_rest(e, t, square)};
}

// f32 0.51 ULP, f64 1.6 ULP.
Val e_asin(Emit *e, Val x) {
    if (!math_is_f64(x))
        return math_in_f64(e, e_asin, x);
    Arc r = arc(e, e_abs(e, x));
    Val near = e_add(e, r.t, r.rest);
    Val rest = e_sub(e, math_number(e, x, 6.1232339957367660359e-17), e_add(e, r.rest, r.rest));
    Val far = e_sub(e, math_number(e, x, 1.570796326794896558), e_sub(e, e_add(e, r.t, r.t), rest));
    return e_copysign(e, e_select(e, r.large, far, near), x);
}

// pi/2 - asin(x); 2 asin(t) from 1/2 on, pi - 2 asin(t) to -1/2
// f32 0.51 ULP, f64 1.1 ULP.
Val e_acos(Emit *e, Val x) {
    if (!math_is_f64(x))
        return math_in_f64(e, e_acos, x);
    Val zero = math_number(e, x, 0), negative = e_lt(e, x, zero);
    Arc r = arc(e, e_abs(e, x));
    Val near = e_add(e, r.t, r.rest), twice = e_add(e, near, near), high = math_number(e, x, 1.570796326794896558);
    Val low = math_number(e, x, 6.1232339957367660359e-17);
    Val far = e_select(e, negative, e_sub(e, e_add(e, high, high), e_sub(e, twice, e_add(e, low, low))), twice);
    Val t = e_select(e, negative, e_neg(e, r.t), r.t), rest = e_select(e, negative, e_neg(e, r.rest), r.rest);
    Val middle = e_sub(e, high, e_sub(e, t, e_sub(e, low, rest)));
    return e_select(e, r.large, far, middle);
}
