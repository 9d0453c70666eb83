// Builders of products of quantized numbers, rows of the table in decompose.c.
#ifndef ONNX_QLINEAR_H
#define ONNX_QLINEAR_H

#include "onnx/draft.h"

bool make_conv_integer(Importer *im, Draft *d);
bool make_matmul_integer(Importer *im, Draft *d);
bool make_qlinear_conv(Importer *im, Draft *d);
bool make_qlinear_matmul(Importer *im, Draft *d);

#endif
