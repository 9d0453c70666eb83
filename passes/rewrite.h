// Nodes that several rewrites make, before the one that they change, and the window of a convolution.
#ifndef PASSES_REWRITE_H
#define PASSES_REWRITE_H

#include "ir/infer.h"

// kernel_shape, strides, dilations and pads of a Conv; auto_pad no longer decides.
void conv_set_window(Node *node, const Window *window);

// Their results have types: of so many axes of `size`; with axis perm[i] of x as axis i (`perm` is kept).
Value *reshape_before(Node *where, Value *x, int rank, const int64_t *size);
Value *transpose_before(Node *where, Value *x, Ints perm);
// A Split of x along its channels into n parts.
Node *split_channels_before(Node *where, Value *x, const int64_t *sizes, int n);

#endif
