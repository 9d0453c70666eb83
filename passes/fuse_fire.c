// Groups the Fire module of SqueezeNet into one node: a 1x1 convolution (squeeze) whose only readers are two or more
// convolutions (expands) that are concatenated along the channels.
//
//     %s = Conv(%x, ...)            kernel 1x1                   %y = sqz.Fire(%x, weights...) {
//     %a = Conv(%s, ...)            stride 1, the size of %s         the same nodes, with the
//     %b = Conv(%s, ...)                                             outer values as inputs
//     %y = Concat(%a, %b) {axis = 1}                             }
//
// The body is closed: its inputs stand for x and for each weight and bias, in the order of the node's inputs. Kernels
// and layouts are chosen for the nodes inside as for those outside.
#include "passes/pass.h"

enum { MAX_EXPANDS = 16 };

typedef struct Fire {
    Node *squeeze, *concat;
    Node *expand[MAX_EXPANDS];  // in the order of the Concat
    int n;
} Fire;

// Matching.

static bool all_are(const Ints *ints, int64_t wanted) {
    for (int i = 0; i < ints->n; i++)
        if (ints->v[i] != wanted)
            return false;
    return true;
}

static bool is_plain_conv(const Node *node) {
    if (node->op != OP_Conv || !node->out[0] || node->out[0]->type.rank != 4 || !type_is_static(&node->out[0]->type))
        return false;
    if (node_in(node, 3) || !node->in[1]->data || (node_in(node, 2) && !node->in[2]->data))
        return false;
    const ConvAttrs *attrs = node->attrs;
    return attrs->group == 1 && all_are(&attrs->strides, 1);
}

static bool same_plane(const Type *a, const Type *b) {
    return dim_equal(a->dim[2], b->dim[2]) && dim_equal(a->dim[3], b->dim[3]);
}

static bool is_squeeze(const Node *node) {
    if (!is_plain_conv(node))
        return false;
    const Type *weights = &node->in[1]->type;
    return weights->rank == 4 && weights->dim[2].n == 1 && weights->dim[3].n == 1 &&
           same_plane(&node->in[0]->type, &node->out[0]->type);
}

static bool is_expand(const Node *node, const Value *squeezed) {
    return node && is_plain_conv(node) && node->in[0] == squeezed && value_uses(node->out[0]) == 1 &&
           same_plane(&squeezed->type, &node->out[0]->type);
}

static Node *reader_of(const Value *value) {
    for (Node *node = value->graph->first; node; node = node->next)
        for (int i = 0; i < node->nin; i++)
            if (node->in[i] == value)
                return node;
    return NULL;
}

static bool is_channel_concat(const Node *node) {
    if (!node || node->op != OP_Concat || !node->out[0] || node->out[0]->type.rank != 4)
        return false;
    const AxisAttrs *attrs = node->attrs;
    return attrs->axis == 1 || attrs->axis == 1 - 4;
}

static bool match_fire(Node *squeeze, Fire *fire) {
    const Value *squeezed = squeeze->out[0];
    if (!is_squeeze(squeeze))
        return false;
    Node *first = reader_of(squeezed);
    Node *concat = first ? value_single_user(first->out[0]) : NULL;
    if (!is_channel_concat(concat) || concat->nin < 2 || concat->nin > MAX_EXPANDS)
        return false;
    *fire = (Fire){.squeeze = squeeze, .concat = concat, .n = concat->nin};
    for (int i = 0; i < fire->n; i++) {
        fire->expand[i] = concat->in[i]->def;
        if (!is_expand(fire->expand[i], squeezed))
            return false;
    }
    return value_uses(squeezed) == fire->n;  // nobody else reads it, and it is no output
}

// Building.

typedef struct Body {
    Graph *graph;
    Node *node;  // the Fire
    const Value *outer[2 + 3 * (1 + MAX_EXPANDS)];
    Value *inner[2 + 3 * (1 + MAX_EXPANDS)];
    int n;
} Body;

static void body_map(Body *body, const Value *outer, Value *inner) {
    body->outer[body->n] = outer;
    body->inner[body->n++] = inner;
}

// What stands for an outer value inside; an input of the body for what isn't made there.
static Value *body_value(Body *body, Value *outer) {
    if (!outer)
        return NULL;
    for (int i = 0; i < body->n; i++)
        if (body->outer[i] == outer)
            return body->inner[i];
    Value *inner = value_new(body->graph, outer->name, outer->type);
    Arena *arena = body->graph->module->arena;
    LIST_PUSH(arena, &body->graph->inputs, inner);
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

static void build_fire(const Fire *fire) {
    Graph *graph = fire->concat->graph;
    Module *module = graph->module;
    Body body = {.graph = graph_new(module, "body"), .node = node_new(graph, OP_Fire, 0, 1)};
    body_copy(&body, fire->squeeze);
    for (int i = 0; i < fire->n; i++)
        body_copy(&body, fire->expand[i]);
    body_copy(&body, fire->concat);
    LIST_PUSH(module->arena, &body.graph->outputs, body.graph->last->out[0]);
    body.graph->owner = body.node;
    body.node->body = body.graph;
    body.node->out[0] = fire->concat->out[0];
    graph_insert_before(fire->concat, body.node);
}

static void apply_fire(const Fire *fire) {
    Value *result = fire->concat->out[0];
    build_fire(fire);
    Node *node = fire->concat->prev;
    node_remove(fire->concat);
    for (int i = 0; i < fire->n; i++)
        node_remove(fire->expand[i]);
    node_remove(fire->squeeze);
    result->def = node;
}

static bool is_part(const Fire *fire, const Node *node) {
    for (int i = 0; i < fire->n; i++)
        if (fire->expand[i] == node)
            return true;
    return node == fire->squeeze || node == fire->concat;
}

static void fuse(Graph *graph) {
    for (Node *node = graph->first, *next; node; node = next) {
        Fire fire;
        next = node->next;
        if (!match_fire(node, &fire))
            continue;
        while (next && is_part(&fire, next))  // it goes away
            next = next->next;
        apply_fire(&fire);
    }
    graph_compact(graph);
}

bool pass_fuse_fire(PassContext *ctx) {
    for (int i = 0; i < ctx->module->graphs.n; i++)
        fuse(ctx->module->graphs.item[i]);
    return true;
}
