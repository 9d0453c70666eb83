// What the files of emit_math share. All of it is written in the kernel language, for vectors of any length.
#ifndef CODEGEN_EMIT_MATH_H
#define CODEGEN_EMIT_MATH_H

#include <math.h>

#include "codegen/emit.h"

// A number as the unevaluated sum of two floats, the second below half a unit in the last place of the first.
typedef struct Pair {
    Val hi, lo;
} Pair;

static inline Val math_number(Emit *e, Val like, double x) {
    return e_splat(e, e_float(e, like.dtype, x), like.lanes);
}

static inline Val math_int(Emit *e, Val like, int64_t n) {
    return e_splat(e, e_int(e, like.dtype, n), like.lanes);
}

static inline bool math_is_f64(Val x) {
    return x.dtype == DT_F64;
}

// The integer type that holds a float's bits.
static inline DType math_bits_type(Val x) {
    return math_is_f64(x) ? DT_I64 : DT_I32;
}

static inline int math_mantissa(Val x) {
    return math_is_f64(x) ? 52 : 23;
}

// c[0] + c[1] x + ... + c[n - 1] x^(n - 1)
Val math_poly(Emit *e, Val x, const double *c, int n);
// 2^n for an integer vector n, where that is a normal float.
Val math_power_of_two(Emit *e, DType to, Val n);
// Adding it to a float below 2^51 (2^21) rounds to an integer, which is then in the low bits.
double math_magic(Val x);

// e^(x + lo); `lo` may have a null v.
Val math_exp(Emit *e, Val x, Val lo);
// x = m 2^exponent with m in [sqrt(1/2), sqrt(2)); x is positive and finite, and may be subnormal. `exponent` is a
// whole float.
typedef struct Split {
    Val m, exponent;
} Split;
Split math_split(Emit *e, Val x);

// An f32 function by way of its f64 self, which leaves an error of 0.5 ULP and a bit.
typedef Val (*MathFn)(Emit *e, Val x);
Val math_in_f64(Emit *e, MathFn function, Val x);

// Error-free sums and products.
static inline Pair math_sum(Emit *e, Val a, Val b) {
    Val s = e_add(e, a, b), t = e_sub(e, s, a);
    return (Pair){s, e_add(e, e_sub(e, a, e_sub(e, s, t)), e_sub(e, b, t))};
}
static inline Pair math_ordered_sum(Emit *e, Val a, Val b) {  // |a| >= |b|
    Val s = e_add(e, a, b);
    return (Pair){s, e_sub(e, b, e_sub(e, s, a))};
}
Pair math_product(Emit *e, Val a, Val b);  // f64; no overflow

#endif
