// Windows, and the weights of mel filters, as graphs of core operators.
#ifndef ONNX_SIGNAL_H
#define ONNX_SIGNAL_H

#include "onnx/draft.h"

bool make_window(Importer *im, Draft *d);  // Hann, Hamming, Blackman: by the draft's operator
bool make_mel_weights(Importer *im, Draft *d);

#endif
