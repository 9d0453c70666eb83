// Building closed bodies.
#include "passes/group.h"

typedef struct Body {
    Graph *graph;
    Node *node;  // whose body it is
    struct {
        const Value *outer;
        Value *inner;
    } *item;
    int n, capacity;
} Body;

static void body_map(Body *body, const Value *outer, Value *inner) {
    Arena *arena = body->graph->module->arena;
    body->item = arena_grow(arena, body->item, body->n, &body->capacity, sizeof *body->item);
    body->item[body->n].outer = outer;
    body->item[body->n++].inner = inner;
}

// What stands for an outer value inside; an input of the body for what isn't made there.
static Value *body_value(Body *body, Value *outer) {
    if (!outer)
        return NULL;
    for (int i = 0; i < body->n; i++)
        if (body->item[i].outer == outer)
            return body->item[i].inner;
    Value *inner = value_new(body->graph, outer->name, outer->type);
    LIST_PUSH(body->graph->module->arena, &body->graph->inputs, inner);
    node_set_input(body->node, body->node->nin, outer);
    body_map(body, outer, inner);
    return inner;
}

static void body_copy(Body *body, const Node *node) {
    Arena *arena = body->graph->module->arena;
    Node *copy = node_new(body->graph, node->op, node->nin, 1);
    copy->attrs = attrs_copy(op_info[node->op].attrs, arena, node->attrs);
    copy->loc = node->loc;
    for (int i = 0; i < node->nin; i++)
        copy->in[i] = body_value(body, node->in[i]);
    graph_append(body->graph, copy);
    body_map(body, node->out[0], node_output(copy, 0, node->out[0]->name, node->out[0]->type));
    body->node->loc = loc_join(arena, body->node->loc, node->loc);
}

Node *group_nodes(OpKind op, Node *const *nodes, int count) {
    Node *last = nodes[count - 1];
    Graph *graph = last->graph;
    Value *result = last->out[0];
    Body body = {.graph = graph_new(graph->module, "body"), .node = node_new(graph, op, 0, 1)};
    for (int i = 0; i < count; i++)
        body_copy(&body, nodes[i]);
    LIST_PUSH(graph->module->arena, &body.graph->outputs, body.graph->last->out[0]);
    body.graph->owner = body.node;
    body.node->body = body.graph;
    body.node->out[0] = result;
    graph_insert_before(last, body.node);
    for (int i = count - 1; i >= 0; i--)
        node_remove(nodes[i]);
    result->def = body.node;
    return body.node;
}
