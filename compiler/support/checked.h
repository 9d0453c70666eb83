// Arithmetic on sizes that come from a model: false instead of an overflow.
#ifndef SUPPORT_CHECKED_H
#define SUPPORT_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool checked_add(int64_t a, int64_t b, int64_t *sum) {
    return !__builtin_add_overflow(a, b, sum);
}

static inline bool checked_sub(int64_t a, int64_t b, int64_t *difference) {
    return !__builtin_sub_overflow(a, b, difference);
}

static inline bool checked_mul(int64_t a, int64_t b, int64_t *product) {
    return !__builtin_mul_overflow(a, b, product);
}

static inline int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t max_i64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline int64_t div_up(int64_t a, int64_t b) {  // a >= 0, b > 0
    return a / b + (a % b != 0);
}

static inline int64_t align_up(int64_t a, int64_t b) {  // a >= 0, b > 0
    return div_up(a, b) * b;
}

#endif
