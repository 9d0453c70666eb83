// Choosing a kernel, for passes behind choose-kernels that change nodes.
#ifndef PASSES_CHOOSE_H
#define PASSES_CHOOSE_H

#include "passes/pass.h"

// Gives the node the kernel and params predicted to be the fastest; false, with the node as it was, if only the generic
// lowering computes it.
bool choose_kernel(const PassContext *ctx, Node *node, double *seconds);

#endif
