// A body's nodes one after the other, in registers.
#include "codegen/expr.h"

#include "codegen/lower.h"
#include "support/checked.h"

enum { LEAST_ARGS = 8 };  // that an expression may look at

Val expr_body(Emit *e, const Graph *body, const Val *in) {
    Val *known = ARENA_ARRAY(e_arena(e), Val, body->values.n);
    for (int k = 0; k < body->inputs.n; k++)
        known[body->inputs.item[k]->id] = in[k];
    for (const Node *node = body->first; node; node = node->next) {
        Val *args = ARENA_ARRAY(e_arena(e), Val, max_i64(node->nin, LEAST_ARGS));
        for (int k = 0; k < node->nin; k++)
            if (node->in[k])
                args[k] = known[node->in[k]->id];
        known[node->out[0]->id] = expr_node(e, node, args);
    }
    return known[body->outputs.item[0]->id];
}

Val expr_node(Emit *e, const Node *node, const Val *in) {
    Val v = node->op == OP_Map ? expr_body(e, node->body, in) : op_impl[node->op]->expr(e, node, in);
    return e_settle(e, v, node->out[0]->type.dtype);
}
