// Composite operators to those of the operator table.
#ifndef ONNX_DECOMPOSE_H
#define ONNX_DECOMPOSE_H

#include "onnx/draft.h"

Decomposition decompose_find(const Draft *d);  // null if it isn't composite
int64_t decompose_newest(const char *domain);  // the newest version of another domain that is known, or 0

bool make_gelu(Importer *im, Draft *d);

#endif
