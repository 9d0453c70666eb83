// Builders of attention and rotary embeddings, rows of the table in decompose.c.
#ifndef ONNX_ATTENTION_H
#define ONNX_ATTENTION_H

#include "onnx/draft.h"

bool make_attention(Importer *im, Draft *d);
bool make_rotary_embedding(Importer *im, Draft *d);

// Of operands with heads as an axis; the result has them side by side.
bool attention_of_heads(Importer *im, Draft *d);
// The first `rotated` of the `size` elements of each head turned, in x of 4 axes.
Value *attention_rotate(Importer *im, const Draft *d, Value *x, int64_t rotated, int64_t size, bool interleaved,
                        Value *cosine, Value *sine);

// What the other builders of attention need, too.
bool attention_dim(Importer *im, const Draft *d, const Value *value, int axis, int64_t *n);  // must be a number
Value *attention_transpose(Importer *im, const Draft *d, Value *x, int64_t a, int64_t b, int64_t c, int64_t e);
Value *attention_reshape(Importer *im, const Draft *d, Value *x, const int64_t *shape, int n);
Value *attention_cut(Importer *im, const Draft *d, Value *x, int64_t start, int64_t length);  // of the last axis
// [batch, length, heads * size] as [batch, heads, length, size]
Value *attention_split_heads(Importer *im, const Draft *d, Value *x, int64_t heads);
Value *attention_repeat(Importer *im, const Draft *d, Value *x, int64_t times);  // each head `times` times in a row

#endif
