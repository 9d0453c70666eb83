// Bodies: closed graphs whose inputs and outputs are those of their node. That of a sqz.Map is computed element by
// element, so it holds elementwise nodes only, and all its inputs broadcast to the node's output.
#include "ir/verify_parts.h"

static bool same_types(const Verifier *v, const Node *node) {
    const Graph *body = node->body;
    for (int i = 0; i < node->nin; i++)
        if (!type_equal(&node->in[i]->type, &body->inputs.item[i]->type))
            return fail_node(v, node, "and its body differ in the type of input %d", i);
    for (int i = 0; i < node->nout; i++)
        if (!type_equal(&node->out[i]->type, &body->outputs.item[i]->type))
            return fail_node(v, node, "and its body differ in the type of output %d", i);
    return true;
}

// Constants are inputs of the node, so that whoever lays them out finds all of them in the outer graph.
static bool has_no_constants(const Verifier *v, const Graph *body) {
    for (int i = 0; i < body->values.n; i++)
        if (body->values.item[i]->data)
            return fail_value(v, body->values.item[i], "is a constant in a body; it must be an input of the node");
    return true;
}

static bool broadcasts_to(const Type *from, const Type *to) {
    if (from->rank < 0 || to->rank < 0)
        return true;  // not inferred yet
    if (from->rank > to->rank)
        return false;
    for (int i = 1; i <= from->rank; i++) {
        Dim dim = from->dim[from->rank - i];
        if (!dim_equal(dim, dim_const(1)) && !dim_equal(dim, to->dim[to->rank - i]))
            return false;
    }
    return true;
}

static bool verify_map(const Verifier *v, const Node *node) {
    if (node->nout != 1)
        return fail_node(v, node, "has %d outputs", node->nout);
    for (int i = 0; i < node->nin; i++)
        if (!broadcasts_to(&node->in[i]->type, &node->out[0]->type))
            return fail_node(v, node, "cannot broadcast input %d to its output", i);
    for (const Node *inner = node->body->first; inner; inner = inner->next)
        if (!(op_info[inner->op].flags & ELEMENTWISE) || inner->nout != 1 || inner->kernel)
            return fail_node(v, inner, "stands in a sqz.Map, which takes plain elementwise nodes");
    return true;
}

static bool verify_fire(const Verifier *v, const Node *node) {
    for (const Node *inner = node->body->first; inner; inner = inner->next)
        if (inner->op == OP_Fire)
            return fail_node(v, inner, "stands in another sqz.Fire");
    return true;
}

bool verify_body(const Verifier *v, const Node *node) {
    if (!has_no_constants(v, node->body) || !same_types(v, node))
        return false;
    return node->op == OP_Map ? verify_map(v, node) : verify_fire(v, node);
}
