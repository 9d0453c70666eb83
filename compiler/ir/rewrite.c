// Steps that many rewrites of a graph have in common.
#include <assert.h>

#include "ir/ir.h"

static void producer_writes(Value *old, Value *new_) {
    Node *producer = old->def;
    for (int i = 0; i < producer->nout; i++)
        if (producer->out[i] == old)
            producer->out[i] = new_;
    new_->def = producer;
    new_->type = old->type;
    new_->place = old->place;
    old->def = NULL;
}

bool node_bypass(Node *node, Value *value) {
    Value *result = node->out[0];
    assert(value != result);
    if (!value_is_output(result)) {
        value_replace(result, value);
        node_remove(node);
        return true;
    }
    if (!value->def || value_is_output(value))
        return false;
    node_remove(node);
    value_replace(value, result);
    producer_writes(value, result);
    return true;
}

void node_set_input(Node *node, int index, Value *value) {
    if (index >= node->nin) {
        Value **in = ARENA_ARRAY(node->graph->module->arena, Value *, index + 1);
        for (int i = 0; i < node->nin; i++)
            in[i] = node->in[i];
        node->in = in;
        node->nin = index + 1;
    }
    node->in[index] = value;
}
