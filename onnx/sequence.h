// Builders of operators on sequences and signals, rows of the table in decompose.c.
#ifndef ONNX_SEQUENCE_H
#define ONNX_SEQUENCE_H

#include "onnx/draft.h"

bool make_recurrent(Importer *im, Draft *d);  // RNN, GRU, LSTM
bool make_causal_conv(Importer *im, Draft *d);

#endif
