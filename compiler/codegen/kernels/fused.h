// What a kernel makes of its sums before it stores them: the body of a node that fuses (ir.h).
#ifndef CODEGEN_KERNELS_FUSED_H
#define CODEGEN_KERNELS_FUSED_H

#include "codegen/emit.h"
#include "codegen/kernel.h"

typedef struct Fused {
    const Node *node;  // null: sums are stored as they are
    FusedKind *kind;
    Ptr *operand;
} Fused;
Fused fused_of(Emit *e, const Node *node);

// The lanes of n vectors of sums, of one row: results are narrower, and put together best where there are many.
Val fused_gather(Emit *e, const Var *sum, int n);
// What is stored at element `at` and behind it, of one row, from consecutive sums.
Val fused_result(Emit *e, const Fused *fused, Val row, Val column, Val at, Val sum);

#endif
