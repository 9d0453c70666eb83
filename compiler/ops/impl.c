// The table of lowerings: one row per operator, expanded from THE operator table, so that an operator without an
// `impl_ID` is an error of the linker.
#include "codegen/lower.h"

#define OP(id, ...) extern const OpImpl impl_##id;
#include "ir/ops.def"
#undef OP

// Bodies are lowered node by node (those of control flow between what codegen/flow.c emits), and a recipe runs when the
// object is written: none of these has loops of its own.
const OpImpl impl_Fire = {0};
const OpImpl impl_If = {0};
const OpImpl impl_Loop = {0};
const OpImpl impl_Scan = {0};
const OpImpl impl_PackConv = {0};
const OpImpl impl_PackMatrix = {0};

const OpImpl *const op_impl[OP_COUNT] = {
#define OP(id, ...) &impl_##id,
#include "ir/ops.def"
#undef OP
};
