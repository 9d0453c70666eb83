// Builders of attention and rotary embeddings, rows of the table in decompose.c.
#ifndef ONNX_ATTENTION_H
#define ONNX_ATTENTION_H

#include "onnx/draft.h"

bool make_attention(Importer *im, Draft *d);
bool make_rotary_embedding(Importer *im, Draft *d);

#endif
