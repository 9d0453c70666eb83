// Builders of products of quantized numbers, rows of the table in decompose.c.
#ifndef ONNX_QLINEAR_H
#define ONNX_QLINEAR_H

#include "onnx/draft.h"

bool make_conv_integer(Importer *im, Draft *d);
bool make_matmul_integer(Importer *im, Draft *d);
bool make_qlinear_conv(Importer *im, Draft *d);
bool make_qlinear_matmul(Importer *im, Draft *d);

// A scale or zero point as a number, or as a list along the axis that `behind` others follow.
Value *quantized_along(Importer *im, const Draft *d, Value *value, int behind);
// Operand `index` as 32-bit integers, less its zero point `zero`, if it has one.
Value *quantized_centred(Importer *im, const Draft *d, int index, int zero, int behind);

#endif
