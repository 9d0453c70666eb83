// The equation of an Einsum, read: which axes of the operands and of the result belong together.
#ifndef IR_EINSUM_H
#define IR_EINSUM_H

#include "ir/ir.h"

enum {
    EINSUM_OPERANDS = 16,
    EINSUM_LETTERS = 52,
    EINSUM_LABELS = EINSUM_LETTERS + MAX_RANK  // letters, and the axes of an ellipsis: the last one is the last axis
};

typedef struct Einsum {
    int operands, rank;                             // of the result
    int label[EINSUM_OPERANDS][MAX_RANK];           // of each operand's axes
    int result[MAX_RANK];
    bool used[EINSUM_LABELS];                       // by an operand
} Einsum;

// Null, or what is wrong. The ranks of the operands must be known.
const char *einsum_read(const Node *node, Einsum *einsum);

#endif
