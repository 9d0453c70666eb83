// Integer operands that decide a result's shape, as inference knows them: constants, or computed from constants and
// shapes by nodes that no pass has folded.
#ifndef OPS_KNOWN_H
#define OPS_KNOWN_H

#include "ir/infer.h"

// An inference that has seen all nodes before this one. Errors go to `diag`.
Infer known_infer(Arena *arena, const Node *node, Diag *diag);
// The integers of operand `index`; none if it is left out.
Ints known_ints(Arena *arena, const Node *node, int index);

#endif
