// Builders of the operators that quantize, rows of the table in decompose.c.
#ifndef ONNX_QUANTIZE_H
#define ONNX_QUANTIZE_H

#include "onnx/draft.h"

bool make_dequantize(Importer *im, Draft *d);
bool make_dynamic_quantize(Importer *im, Draft *d);
bool make_quantize(Importer *im, Draft *d);

// A real number as an integer of the type; scale and zero are of f32, `zero` may be null.
Value *quantize_real(Importer *im, const Draft *d, Value *x, Value *scale, Value *zero, DType dtype);

// x in u8, with the scale and the zero (u8) that DynamicQuantizeLinear gives it.
Value *quantize_dynamic(Importer *im, const Draft *d, Value *x, Value **scale, Value **zero);

// What there is for each block of a matrix, as rows x columns; null where it has another number of elements.
Value *quantize_matrix(Importer *im, const Draft *d, Value *value, int64_t rows, int64_t columns);

#endif
