// Composite operators to those of the operator table.
#ifndef ONNX_DECOMPOSE_H
#define ONNX_DECOMPOSE_H

#include "onnx/draft.h"

typedef bool (*Decomposition)(Importer *im, Draft *d);  // defines all outputs; false after an error

Decomposition decompose_find(const char *op);  // null if it isn't composite

#endif
