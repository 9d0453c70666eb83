// Builders for the domain com.microsoft.
#ifndef ONNX_MICROSOFT_H
#define ONNX_MICROSOFT_H

#include "onnx/draft.h"

Decomposition microsoft_find(const char *op);  // null if the domain has no such operator, or it is not supported

#endif
