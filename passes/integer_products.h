// Whether a network's quantized convolutions are to be those of integers.
#ifndef PASSES_INTEGER_PRODUCTS_H
#define PASSES_INTEGER_PRODUCTS_H

#include "passes/pass.h"

// All of a graph's, or none, since every change between both costs conversions. Where the target multiplies bytes they
// are; where it only multiplies words, if that is predicted to be faster than floats, which have Winograd's algorithm.
bool integer_convs_pay(PassContext *ctx, const Graph *graph);

#endif
