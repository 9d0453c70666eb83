// Builders of losses, rows of the table in decompose.c.
#ifndef ONNX_LOSSES_H
#define ONNX_LOSSES_H

#include "onnx/draft.h"

bool make_nll_loss(Importer *im, Draft *d);
bool make_softmax_cross_entropy_loss(Importer *im, Draft *d);

#endif
