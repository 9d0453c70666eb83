// Builders of com.microsoft's products of quantized numbers, rows of the table in microsoft.c.
#ifndef ONNX_QPRODUCTS_H
#define ONNX_QPRODUCTS_H

#include "onnx/draft.h"

bool make_dynamic_quantize_lstm(Importer *im, Draft *d);
bool make_dynamic_quantize_matmul(Importer *im, Draft *d);
bool make_matmul_integer_to_float(Importer *im, Draft *d);
bool make_matmul_nbits(Importer *im, Draft *d);
bool make_qgemm(Importer *im, Draft *d);

#endif
