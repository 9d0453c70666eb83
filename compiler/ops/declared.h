// Nodes whose shape is decided by operands that are read as the model runs (ir/infer_declared.c): the types of their
// results are given, and code compares the operands with them. Where they differ the run fails.
#ifndef OPS_DECLARED_H
#define OPS_DECLARED_H

#include "codegen/emit.h"

bool is_declared(Emit *e, const Node *node);
// Element `index` of an operand of integers, as i64.
Val operand_int(Emit *e, int input, int64_t index);
// The axes in operand `input`, a bit of an i64 for each of `rank`; *ok is false where one is out of range or there
// twice.
Val operand_axes(Emit *e, const Node *node, int input, int rank, Val *ok);
// Fails the run unless the operands give the shapes of the results. Of nodes that copy in the same way whatever their
// operands say: reshapes, Expand, Tile, Split, TopK, ConstantOfShape, Range, CenterCropPad, MaxUnpool. Does nothing for
// others and for nodes that are not declared.
void declared_check(Emit *e, const Node *node);

#endif
