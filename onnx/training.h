// Builders of what trains: the domain ai.onnx.preview.training, and BatchNormalization in training mode.
#ifndef ONNX_TRAINING_H
#define ONNX_TRAINING_H

#include "onnx/draft.h"

Decomposition training_find(const char *op);  // null if the domain has no such operator
// Defines all outputs of a BatchNormalization, whose attribute training_mode was taken.
bool make_batch_training(Importer *im, Draft *d);

#endif
