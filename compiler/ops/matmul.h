// Where the elements of a MatMul lie: what its generic lowering and kernel matmul_strided share.
#ifndef OPS_MATMUL_H
#define OPS_MATMUL_H

#include "ir/infer.h"

// An operand as a matrix for each position of the batch, in elements of its storage.
typedef struct Factor {
    int64_t origin, row, column, batch[MAX_RANK];  // batch: 0 where it is repeated
} Factor;

typedef struct Factors {
    int rank;  // of the batch
    int64_t size[MAX_RANK], rows, columns, inner;
    Factor a, b, y;
} Factors;

// Of a MatMul with static types.
Factors matmul_factors(const Node *node);

#endif
