// Single elements of constants, whatever their type and alignment.
#ifndef IR_ELEMENT_H
#define IR_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "ir/type.h"
#include "support/str.h"

// How a float of 16 bits or fewer is made of a sign, an exponent and a fraction. f8e8m0, an exponent alone, and bf16,
// the upper half of an f32, are not described so.
typedef struct SmallFloat {
    int fraction, bias;       // bits; what is added to exponents
    uint32_t sign;            // the bit of the sign
    uint32_t most, overflow;  // of what is finite, the largest; what larger numbers become
    uint32_t nan;             // f4e2m1 has none: 0, with the sign inverted
} SmallFloat;
const SmallFloat *small_float(DType dtype);  // null for types of another kind
// Whether a float has neither -0 nor infinities, and its NaN is where -0 would be.
static inline bool small_is_fnuz(const SmallFloat *format) {
    return format->nan == format->sign && format->most == format->sign - 1 && format->overflow == format->nan;
}

double element_double(DType dtype, const void *bytes, int64_t index);  // any type; bool as 0 or 1
int64_t element_int(DType dtype, const void *bytes, int64_t index);    // integers and bool; u64 wraps

// The text of one element, which reads back to the same bits, and back. Reading returns the first character behind
// it, or null if there is no number or it doesn't fit the type.
void element_print(Str *out, DType dtype, const void *bytes, int64_t index);
const char *element_read(DType dtype, void *bytes, int64_t index, const char *text);

// The number in the type, as closely as it can be.
void element_set(DType dtype, void *bytes, int64_t index, double number);
void elements_convert(DType from, const void *bytes, DType to, void *result, int64_t count);  // one by one

// Element number `index` of `random(seed)`, to `element`: a float in [-1, 1), a signed integer in [-8, 8), an unsigned
// one in [0, 16), a bool.
void element_random(DType dtype, int64_t index, uint64_t seed, void *element);
// Several elements to a byte, low bits first, from and to one in each. The last byte is filled up with zeros.
void *elements_pack(Arena *arena, DType dtype, const void *wide, int64_t count);
void *elements_unpack(Arena *arena, DType dtype, const void *packed, int64_t count);
// The elements of a tensor one by one: `bytes` themselves unless they are packed.
const void *elements_wide(Arena *arena, const Type *type, const void *bytes);
bool element_equal(DType dtype, const void *a, const void *b, int64_t index);  // the same bits

#endif
