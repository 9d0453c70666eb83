// Counting the readers of values; uses.h says what for.
#include "passes/uses.h"

#include <assert.h>

static bool is_counted(const Uses *uses, const Value *value) {
    return value->id < uses->n;
}

void uses_add(Uses *uses, const Value *value, Node *reader) {
    if (!is_counted(uses, value))
        return;
    if (uses->count[value->id]++ == 0)
        uses->reader[value->id] = reader;
}

Uses uses_of(const Graph *graph, Arena *arena) {
    int n = graph->values.n;
    Uses uses = {n, ARENA_ARRAY(arena, int, n), ARENA_ARRAY(arena, Node *, n), ARENA_ARRAY(arena, Value *, n)};
    for (Node *node = graph->first; node; node = node->next)
        for (int i = 0; i < node->nin; i++)
            if (node->in[i])
                uses_add(&uses, node->in[i], node);
    for (int i = 0; i < graph->outputs.n; i++)
        uses_add(&uses, graph->outputs.item[i], NULL);
    return uses;
}

int uses_count(const Uses *uses, const Value *value) {
    return is_counted(uses, value) ? uses->count[value->id] : value_uses(value);
}

Node *uses_reader(const Uses *uses, const Value *value) {
    return is_counted(uses, value) ? uses->reader[value->id] : NULL;
}

Node *uses_single_reader(const Uses *uses, const Value *value) {
    if (!is_counted(uses, value))
        return value_single_user(value);
    return uses->count[value->id] == 1 ? uses->reader[value->id] : NULL;
}

void uses_catch_up(const Uses *uses, Node *node) {
    for (int i = 0; i < node->nin; i++)
        while (node->in[i] && is_counted(uses, node->in[i]) && uses->now[node->in[i]->id])
            node->in[i] = uses->now[node->in[i]->id];
}

static void remove_reads(Uses *uses, const Node *node) {
    for (int i = 0; i < node->nin; i++) {
        if (!node->in[i] || !is_counted(uses, node->in[i]))
            continue;
        uses->count[node->in[i]->id]--;
        if (uses->reader[node->in[i]->id] == node)
            uses->reader[node->in[i]->id] = NULL;
    }
}

// Readers of `old`, which is in use no more, read `new_`.
static void move_uses(Uses *uses, const Value *old, Value *new_) {
    if (uses->count[new_->id] == 0)
        uses->reader[new_->id] = uses->reader[old->id];
    uses->count[new_->id] += uses->count[old->id];
    uses->count[old->id] = 0;
    uses->now[old->id] = new_;
}

bool uses_bypass(Uses *uses, Node *node, Value *value) {
    Value *result = node->out[0];
    assert(is_counted(uses, value));
    if (value_is_output(result)) {
        if (!node_bypass(node, value))
            return false;
        remove_reads(uses, node);
        move_uses(uses, value, result);
        return true;
    }
    remove_reads(uses, node);
    if (is_counted(uses, result)) {
        move_uses(uses, result, value);
        node_remove(node);
        return true;
    }
    Node *reader = value_single_user(result);
    for (int i = value_uses(result); i > 0; i--)
        uses_add(uses, value, reader);
    return node_bypass(node, value);
}
