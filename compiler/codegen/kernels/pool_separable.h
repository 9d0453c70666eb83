// Pools whose windows are combined row by row, then column by column: the generic lowering's, and pool_blocked's.
#ifndef CODEGEN_KERNELS_POOL_SEPARABLE_H
#define CODEGEN_KERNELS_POOL_SEPARABLE_H

#include "codegen/emit.h"

// Whether a pool can go that way; and whether, on rows of pixels, it takes fewer steps than each window for itself.
bool pool_separates(const Node *node);
bool pool_separable_pays(const Node *node);

int64_t pool_separable_scratch(const Node *node);
double pool_separable_cycles(const Node *node, const Target *target);
void pool_separable_lower(Emit *e, const Node *node);

#endif
