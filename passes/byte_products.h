// Which products are fast as those of bytes.
#ifndef PASSES_BYTE_PRODUCTS_H
#define PASSES_BYTE_PRODUCTS_H

#include "passes/pass.h"

// Whether byte-products takes a Conv, MatMul or Gemm, which may still be one of floats, once its left factor is one of
// bytes and its right one is constant.
bool takes_bytes(const Node *node, const Target *target);

// Predicted seconds of a Conv by the fastest kernel there is for it as one of floats, or of bytes; 0 if there is none.
double conv_seconds(PassContext *ctx, const Node *conv, bool bytes);

#endif
