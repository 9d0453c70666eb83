// Elements of elementwise nodes from those of their inputs.
#ifndef CODEGEN_EXPR_H
#define CODEGEN_EXPR_H

#include "codegen/emit.h"

// In any number of lanes; each result as if stored and loaded. A Map gives what its body gives.
Val expr_node(Emit *e, const Node *node, const Val *in);
Val expr_body(Emit *e, const Graph *body, const Val *in);

#endif
