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

Value *node_before(Node *where, OpKind op, Value *a, Value *b, Type type) {
    Node *node = node_new(where->graph, op, b ? 2 : 1, 1);
    node->in[0] = a;
    if (b)
        node->in[1] = b;
    node->loc = where->loc;
    graph_insert_before(where, node);
    return node_output(node, 0, where->out[0]->name, type);
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

static void list_remove(ValueList *list, int index) {
    list->n--;
    for (int i = index; i < list->n; i++)
        list->item[i] = list->item[i + 1];
}

void flow_drop_capture(Node *node, int index) {
    for (int b = 0; b < 2; b++)
        if (node_body(node, b))
            list_remove(&node_body(node, b)->inputs, index);
    node->nin--;
    for (int i = index; i < node->nin; i++)
        node->in[i] = node->in[i + 1];
}

static void ints_remove(Ints *ints, int index) {
    if (index >= ints->n)
        return;
    ints->n--;
    for (int i = index; i < ints->n; i++)
        ints->v[i] = ints->v[i + 1];
}

static void drop_output(Node *node, int index, int carried) {
    for (int b = 0; b < 2; b++)
        if (node_body(node, b))
            list_remove(&node_body(node, b)->outputs, index + (node->op == OP_Loop));
    if (node->op == OP_Scan) {
        ints_remove(&((ScanAttrs *)node->attrs)->scan_output_axes, index - carried);
        ints_remove(&((ScanAttrs *)node->attrs)->scan_output_directions, index - carried);
    }
    node->out[index]->def = NULL;
    node->nout--;
    for (int i = index; i < node->nout; i++)
        node->out[i] = node->out[i + 1];
}

bool flow_drop_outputs(Node *node) {
    int carried = flow_carried(node), before = node->nout;
    for (int i = node->nout - 1; i >= carried && node->nout > 1; i--)
        if (!value_uses(node->out[i]))
            drop_output(node, i, carried);
    return node->nout < before;
}

// A list of n with one more value.
static Value **with_one(Arena *arena, Value **items, int n, int index, Value *value) {
    Value **result = ARENA_ARRAY(arena, Value *, n + 1);
    for (int i = 0; i < n; i++)
        result[i + (i >= index)] = items[i];
    result[index] = value;
    return result;
}

static void list_insert(Arena *arena, ValueList *list, int index, Value *value) {
    list->item = with_one(arena, list->item, list->n, index, value);
    list->capacity = ++list->n;
}

// The count is one more value that is carried. Turns hand on what they get: the loop itself writes it in the end.
void flow_count_turns(Node *node) {
    LoopAttrs *attrs = node->attrs;
    Graph *body = node->body;
    Arena *arena = node->graph->module->arena;
    const Type type = type_make(DT_I64, 0, NULL);
    int at = (int)attrs->carried;
    Value *zero = value_constant(node->graph, "zero", type, arena_alloc(arena, sizeof(int64_t)));
    Value *turns = value_new(node->graph, arena_printf(arena, "%s.turns", node->out[at]->name), type_unknown());
    turns->def = node;
    node->in = with_one(arena, node->in, node->nin++, 2 + at, zero);
    node->out = with_one(arena, node->out, node->nout++, at, turns);
    Value *inner = value_new(body, "turns", type_unknown());
    list_insert(arena, &body->inputs, 2 + at, inner);
    Node *copy = node_new(body, OP_Identity, 1, 1);
    copy->in[0] = inner;
    graph_append(body, copy);
    list_insert(arena, &body->outputs, 1 + at, node_output(copy, 0, "turns", type_unknown()));
    attrs->carried++;
    attrs->counted = true;
}

Node *node_inline(Node *node, Graph *body) {
    for (int i = 0; i < body->inputs.n; i++) {
        value_replace(body->inputs.item[i], node->in[i]);
        body->inputs.item[i]->graph = NULL;
    }
    for (int i = 0; i < body->outputs.n; i++) {
        Value *inner = body->outputs.item[i], *outer = node->out[i];
        value_replace(inner, outer);
        for (int k = 0; k < inner->def->nout; k++)
            if (inner->def->out[k] == inner)
                inner->def->out[k] = outer;
        outer->def = inner->def;
        inner->graph = NULL;
    }
    for (int i = 0; i < body->values.n; i++)
        if (body->values.item[i]->graph)
            value_adopt(node->graph, body->values.item[i]);
    Node *first = NULL;
    for (Node *inner = body->first, *next; inner; inner = next) {
        next = inner->next;
        inner->prev = inner->next = NULL;
        inner->graph = node->graph;
        graph_insert_before(node, inner);
        first = first ? first : inner;
    }
    first = first ? first : node->next;
    node_remove(node);
    return first;
}
