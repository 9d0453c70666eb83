// The builder of AffineGrid, a row of the table in decompose.c.
#ifndef ONNX_AFFINE_H
#define ONNX_AFFINE_H

#include "onnx/draft.h"

bool make_affine_grid(Importer *im, Draft *d);

#endif
