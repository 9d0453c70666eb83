// Bodies: closed graphs whose inputs and outputs are those of their node. That of a sqz.Map is computed element by
// element, so it holds elementwise nodes only, and all its inputs broadcast to the node's output. Those of control flow
// may have constants of their own; their types are inference's to check.
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

static bool verify_elements(const Verifier *v, const Node *node) {
    for (const Node *inner = node->body->first; inner; inner = inner->next)
        if (!(op_info[inner->op].flags & ELEMENTWISE) || inner->nout != 1 || inner->kernel)
            return fail_node(v, inner, "stands in a body of plain elementwise nodes");
    return true;
}

static bool verify_map(const Verifier *v, const Node *node) {
    if (node->nout != 1)
        return fail_node(v, node, "has %d outputs", node->nout);
    for (int i = 0; i < node->nin; i++)
        if (!broadcasts_to(&node->in[i]->type, &node->out[0]->type))
            return fail_node(v, node, "cannot broadcast input %d to its output", i);
    return verify_elements(v, node);
}

// The types are inference's to check.
static bool verify_fused(const Verifier *v, const Node *node) {
    for (int i = FUSED_INPUTS; i < node->nin; i++)
        if (!node->in[i] || !broadcasts_to(&node->in[i]->type, &node->out[0]->type))
            return fail_node(v, node, "cannot broadcast input %d to its output", i);
    return verify_elements(v, node);
}

static bool verify_fire(const Verifier *v, const Node *node) {
    for (const Node *inner = node->body->first; inner; inner = inner->next)
        if (inner->op == OP_Fire || node_is_flow(inner))
            return fail_node(v, inner, "stands in %s sqz.Fire", node_is_flow(inner) ? "a" : "another");
    return true;
}

bool verify_counts(const Verifier *v, const Node *node) {
    int64_t carried = 0, walked = 0, fixed = 0;
    if (node->op == OP_Loop) {
        carried = ((const LoopAttrs *)node->attrs)->carried;
        fixed = 2;
    } else if (node->op == OP_Scan) {
        carried = ((const ScanAttrs *)node->attrs)->states;
        walked = ((const ScanAttrs *)node->attrs)->num_scan_inputs;
    }
    if (carried < 0 || carried > node->nout || walked < 0 || walked > node->nin || fixed + carried + walked > node->nin)
        return fail_node(v, node, "has fewer operands than its attributes say");
    return true;
}

static bool is_plain(const Value *value) {
    const Layout *layout = &value->type.layout;
    return layout->kind == LAYOUT_ROW_MAJOR && !layout->border && !layout->pitch;
}

// Control flow copies what it hands over, byte by byte; and since each output of a body is a value that a node of the
// body makes, and no other output, nothing is overwritten that is still to be read.
static bool verify_flow(const Verifier *v, const Node *node, const Graph *body) {
    for (int i = 0; i < node->nin; i++)
        if (!is_plain(node->in[i]) || !is_plain(body->inputs.item[i]))
            return fail_node(v, node, "has a layout at input %d", i);
    for (int i = 0; i < node->nout; i++)
        if (!is_plain(node->out[i]))
            return fail_node(v, node, "has a layout at output %d", i);
    for (int i = 0; i < body->outputs.n; i++) {
        const Value *output = body->outputs.item[i];
        if (!output->def || !is_plain(output))
            return fail_value(v, output, "is an output of a body, but not made there, or has a layout");
        for (int k = 0; k < i; k++)
            if (body->outputs.item[k] == output)
                return fail_value(v, output, "is two outputs of a body");
    }
    return true;
}

bool verify_body(const Verifier *v, const Node *node, const Graph *body) {
    if (node_is_flow(node))
        return verify_flow(v, node, body);
    if (node_fuses(node))
        return has_no_constants(v, body) && verify_fused(v, node);
    if (!has_no_constants(v, node->body) || !same_types(v, node))
        return false;
    return node->op == OP_Map ? verify_map(v, node) : verify_fire(v, node);
}
