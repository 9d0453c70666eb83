// Tensor data in files beside the model.
#ifndef ONNX_EXTERNAL_H
#define ONNX_EXTERNAL_H

#include "onnx/tensor.h"

// `size` bytes of the tensor's external file, mapped; null after an error (E_EXTERNAL).
const void *external_read(TensorSource *source, const Loc *loc, const char *name, const Onnx__TensorProto *tensor,
                          size_t size);

#endif
