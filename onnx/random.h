// Builders of random operators, rows of the table in decompose.c.
#ifndef ONNX_RANDOM_H
#define ONNX_RANDOM_H

#include "onnx/draft.h"

bool make_random(Importer *im, Draft *d);  // RandomUniform, RandomNormal, and both like another tensor
bool make_bernoulli(Importer *im, Draft *d);
bool make_multinomial(Importer *im, Draft *d);
bool make_training_dropout(Importer *im, Draft *d);  // its training_mode may be an input

#endif
