// Builder of Gradient, of the domain ai.onnx.preview.training.
#ifndef ONNX_GRADIENT_H
#define ONNX_GRADIENT_H

#include "onnx/draft.h"

// Defines its outputs, dy/dx for each x that it names, as nodes behind those of y; false after an error.
bool make_gradient(Importer *im, Draft *d);

#endif
