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
#include "passes/group.h"
#include "passes/pass.h"
#include "passes/uses.h"

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
    if (!node->in[1]->data || (node_in(node, 2) && !node->in[2]->data))
        return false;
    const ConvAttrs *attrs = node->attrs;
    return attrs->group == 1 && all_are(&attrs->strides, 1);
}

static bool same_plane(const Type *a, const Type *b) {
    return dim_equal(a->dim[2], b->dim[2]) && dim_equal(a->dim[3], b->dim[3]);
}

static bool is_squeeze(const Node *node) {
    if (!is_plain_conv(node) || node_in(node, 3))
        return false;
    const Type *weights = &node->in[1]->type;
    return weights->rank == 4 && weights->dim[2].n == 1 && weights->dim[3].n == 1 &&
           same_plane(&node->in[0]->type, &node->out[0]->type);
}

static bool is_expand(const Uses *uses, const Node *node, const Value *squeezed) {
    return node && is_plain_conv(node) && node->in[0] == squeezed && uses_count(uses, node->out[0]) == 1 &&
           same_plane(&squeezed->type, &node->out[0]->type);
}

static bool is_channel_concat(const Node *node) {
    if (!node || node->op != OP_Concat || !node->out[0] || node->out[0]->type.rank != 4)
        return false;
    const AxisAttrs *attrs = node->attrs;
    return attrs->axis == 1 || attrs->axis == 1 - 4;
}

static bool match_fire(const Uses *uses, Node *squeeze, Fire *fire) {
    const Value *squeezed = squeeze->out[0];
    if (!is_squeeze(squeeze))
        return false;
    Node *first = uses_reader(uses, squeezed);
    Node *concat = first ? uses_single_reader(uses, first->out[0]) : NULL;
    if (!is_channel_concat(concat) || concat->nin < 2 || concat->nin > MAX_EXPANDS)
        return false;
    *fire = (Fire){.squeeze = squeeze, .concat = concat, .n = concat->nin};
    for (int i = 0; i < fire->n; i++) {
        fire->expand[i] = concat->in[i]->def;
        if (!is_expand(uses, fire->expand[i], squeezed))
            return false;
    }
    return uses_count(uses, squeezed) == fire->n;  // nobody else reads it, and it is no output
}

static void apply_fire(const Fire *fire) {
    Node *nodes[MAX_EXPANDS + 2] = {fire->squeeze};
    for (int i = 0; i < fire->n; i++)
        nodes[1 + i] = fire->expand[i];
    nodes[1 + fire->n] = fire->concat;
    group_nodes(OP_Fire, nodes, fire->n + 2);
}

static bool is_part(const Fire *fire, const Node *node) {
    for (int i = 0; i < fire->n; i++)
        if (fire->expand[i] == node)
            return true;
    return node == fire->squeeze || node == fire->concat;
}

bool pass_fuse_fire(PassContext *ctx, Graph *graph) {
    Uses uses = uses_of(graph, ctx->scratch);  // grouping changes those that stay by nothing that is asked for
    for (Node *node = graph->first, *next; node; node = next) {
        Fire fire;
        next = node->next;
        if (!match_fire(&uses, node, &fire))
            continue;
        while (next && is_part(&fire, next))  // it goes away
            next = next->next;
        apply_fire(&fire);
    }
    graph_compact(graph);
    return true;
}
