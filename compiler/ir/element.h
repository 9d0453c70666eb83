// Single elements of constants, whatever their type and alignment.
#ifndef IR_ELEMENT_H
#define IR_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "ir/type.h"
#include "support/str.h"

float half_to_float(uint16_t half);
uint16_t half_from_float(float number);  // to nearest, ties to even
float bfloat_to_float(uint16_t bfloat);
uint16_t bfloat_from_float(float number);

double element_double(DType dtype, const void *bytes, int64_t index);  // any type; bool as 0 or 1
int64_t element_int(DType dtype, const void *bytes, int64_t index);    // integers and bool; u64 wraps

// The text of one element, which reads back to the same bits, and back. Reading returns the first character behind
// it, or null if there is no number or it doesn't fit the type.
void element_print(Str *out, DType dtype, const void *bytes, int64_t index);
const char *element_read(DType dtype, void *bytes, int64_t index, const char *text);

// The number in the type, as closely as it can be.
void element_set(DType dtype, void *bytes, int64_t index, double number);

// Element number `index` of `random(seed)`, to `element`: a float in [-1, 1), a signed integer in [-8, 8), an unsigned
// one in [0, 16), a bool.
void element_random(DType dtype, int64_t index, uint64_t seed, void *element);
bool element_equal(DType dtype, const void *a, const void *b, int64_t index);  // the same bits

#endif
