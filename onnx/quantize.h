// Builders of the operators that quantize, rows of the table in decompose.c.
#ifndef ONNX_QUANTIZE_H
#define ONNX_QUANTIZE_H

#include "onnx/draft.h"

bool make_dequantize(Importer *im, Draft *d);
bool make_dynamic_quantize(Importer *im, Draft *d);
bool make_quantize(Importer *im, Draft *d);

#endif
