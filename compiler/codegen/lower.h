// What each operator's lowering is: an expression of one element, or loops of its own.
#ifndef CODEGEN_LOWER_H
#define CODEGEN_LOWER_H

#include "codegen/emit.h"
#include "ir/ir.h"

typedef struct OpImpl {
    // Elementwise operators: the output's element from the inputs' elements, in any number of lanes. An input that is
    // left out has a null `v`. Types are those of the node's operands.
    Val (*expr)(Emit *e, const Node *node, const Val *in);
    // All others: the loops. Operands through e_in and e_out.
    void (*lower)(Emit *e, const Node *node);
    // The bytes that `lower` takes by e_scratch; null: none.
    int64_t (*scratch)(const Node *node, const Target *target);
} OpImpl;

// An operator that ops.def names ID has one `const OpImpl impl_ID`, in the file of its family in ops/.
extern const OpImpl *const op_impl[OP_COUNT];

// Writes zeros to the rim of a rank-4 value for (batch, channel block) pairs begin .. end - 1.
void lower_border(Emit *e, Ptr p, const Type *type, Val begin, Val end);

#endif
