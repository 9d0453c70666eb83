// THE order in which a sum's terms are added up where results are to be the same to the bit: at -O0, under --strict,
// and in every kernel that is EXACT. Floats are not associative, so an order is a part of what an operator means here:
//
// - A convolution starts from the bias. It goes through its input channels in blocks of order_channels, in a block
//   through the taps of the window, row by row, and for each tap through the channels of the block. Taps in the padding
//   are zeros that are multiplied like any others, and so are the channels that the last block lacks.
// - A product of matrices starts from what Gemm adds if alpha is 1, else from 0. Every ORDER_SLICE terms are added up
// for
//   themselves before they are added to the sum, but for those that are left over in the end. Then alpha and beta, and
//   what fusion lets a MatMul add.
// - A pool's window is added up column by column, and each column from top to bottom.
// - Reductions, and the gates of recurrent networks, add e_sum_lanes partial sums (ops/reduce.c, ops/rnn.c).
//
// A product and the sum it is added to are rounded once where the target has a fused multiply-add, else both are:
// e_fma, at all levels. Small floats are rounded after each operator of the model, even if several run as one
// (e_settle).
#ifndef CODEGEN_ORDER_H
#define CODEGEN_ORDER_H

#include "target/target.h"

enum { ORDER_SLICE = 512 };

// Channels of a block, of `inputs` that a group of outputs sees. Few ones are a block each: as the first layer of a
// network reads them, they are not interleaved.
static inline int64_t order_channels(int64_t inputs, const Target *target) {
    return inputs < target->block / 2 ? 1 : target->block;
}

#endif
