// Builders of com.microsoft's products of quantized numbers, rows of the table in microsoft.c.
#ifndef ONNX_QPRODUCTS_H
#define ONNX_QPRODUCTS_H

#include "onnx/draft.h"

bool make_dynamic_quantize_lstm(Importer *im, Draft *d);
bool make_dynamic_quantize_matmul(Importer *im, Draft *d);
bool make_matmul_integer_to_float(Importer *im, Draft *d);
bool make_matmul_nbits(Importer *im, Draft *d);
bool make_qgemm(Importer *im, Draft *d);

// Operands a and b of the draft, quantized, multiplied and made real; `zero` and `scale` say which theirs are.
Value *quantized_product(Importer *im, const Draft *d, const int operand[2], const int zero[2], const int scale[2]);

#endif
