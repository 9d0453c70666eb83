// Lets a kernel apply the elementwise nodes that follow a product of bytes as it stores: what rounds its sums to bytes
// again, above all. The sqz.Map, or single node, becomes the product's body.
//
//     %s = MatMul(%a, %b)          %y = MatMul(%a, %b, , , %c) body(%s, %c) -> (%y) {
//     %y = sqz.Map(%s, %c) {           ...
//         ...                      }
//     }
//
// Behind choose-kernels, since not every kernel can do it; before weights are packed. What the nodes read besides the
// sums must be one number, or go with rows, columns or single results (fused_kind); and what takes long to compute
// stays a loop of its own, since a body is there for each vector of a register tile.
#include "codegen/kernel.h"
#include "passes/group.h"
#include "passes/pass.h"

enum { MOST_NODES = 24 };

static bool is_short(const Node *node) {
    switch ((int)node->op) {
    case OP_Abs:
    case OP_Add:
    case OP_Cast:
    case OP_Clip:
    case OP_Div:
    case OP_Max:
    case OP_Min:
    case OP_Mul:
    case OP_Neg:
    case OP_Relu:
    case OP_Round:
    case OP_Sub:
        return true;
    default:
        return false;
    }
}

static bool is_short_map(const Node *node) {
    int count = 0;
    if (node->op != OP_Map)
        return is_short(node);
    for (const Node *inner = node->body->first; inner; inner = inner->next)
        if (!is_short(inner) || ++count > MOST_NODES)
            return false;
    return true;
}

// What makes of a product's sums what is stored; or null.
static Node *match(const Node *node) {
    if (!(op_info[node->op].flags & FUSES) || node->body || !(kernel_info[node->kernel].traits & STORES) ||
        node->out[0]->type.dtype != DT_I32)
        return NULL;
    const Value *sum = node->out[0];
    Node *map = value_single_user(sum);
    if (!map || map->graph != node->graph || map->kernel || map->nout != 1 || !is_short_map(map) ||
        !type_same_shape(&map->out[0]->type, &sum->type) ||
        !layout_equal(&map->out[0]->type.layout, &sum->type.layout))
        return NULL;
    for (int i = 0; i < map->nin; i++)
        if (!map->in[i] || (map->in[i] != sum && fused_kind(node, &map->in[i]->type) == FUSED_NONE))
            return NULL;
    return map;
}

// The body's input that stands for the sum goes first.
static void turn_body(Graph *body, int which) {
    Value *sum = body->inputs.item[which];
    for (int i = which; i > 0; i--)
        body->inputs.item[i] = body->inputs.item[i - 1];
    body->inputs.item[0] = sum;
}

// The node goes where the Map is, behind all that this reads.
static void apply(Node *node, Node *map) {
    Value *sum = node->out[0], *result = map->out[0];
    int count = 0;
    for (int i = 0; i < map->nin; i++)
        if (map->in[i] == sum)
            turn_body(map->body, i);
        else
            node_set_input(node, FUSED_INPUTS + count++, map->in[i]);
    node->body = map->body;
    node->body->owner = node;
    node->loc = loc_join(node->graph->module->arena, node->loc, map->loc);
    graph_move_before(map, node);
    node_remove(map);
    node->out[0] = result;
    result->def = node;
}

bool pass_fuse_results(PassContext *ctx, Graph *graph) {
    (void)ctx;
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        Node *map = match(node);
        if (!map)
            continue;
        if (next == map)
            next = map->next;
        apply(node, map->op == OP_Map ? map : group_nodes(OP_Map, &map, 1));
    }
    graph_compact(graph);
    return true;
}
