// What kernels of convolutions of bytes share.
#ifndef OPS_CONV_BYTES_H
#define OPS_CONV_BYTES_H

#include "ir/ir.h"
#include "target/target.h"

// Whether the node is a convolution of small integers, row-major and without padding, whose sums are i32, and whose
// filters have that type: i16, beside images of bytes, or i8, beside those that the target wants.
bool bytes_conv_fits(const Node *node, const Target *target, DType filters);

#endif
