// Builders of the domain ai.onnx.preview.
#ifndef ONNX_PREVIEW_H
#define ONNX_PREVIEW_H

#include "onnx/draft.h"

Decomposition preview_find(const char *op);  // null if it isn't known

#endif
