// Removes what no output of the graph needs: nodes, then values. Also an unread last output that a node may leave out
// (the indices of a MaxPool). Users stand behind their producers, so one walk from the end finds everything.
#include "passes/pass.h"

static void count_outputs(const Graph *graph, int *uses) {
    for (int i = 0; i < graph->outputs.n; i++)
        uses[graph->outputs.item[i]->id]++;
}

static void count_inputs(const Node *node, int *uses) {
    for (int i = 0; i < node->nin; i++)
        if (node->in[i])
            uses[node->in[i]->id]++;
}

static bool is_needed(const Node *node, const int *uses) {
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && uses[node->out[i]->id])
            return true;
    return false;
}

static void drop_last_outputs(Node *node, const int *uses) {
    while (node->nout > op_info[node->op].out_min && op_info[node->op].out_max != MANY && !node->body) {
        const Value *last = node->out[node->nout - 1];
        if (last && uses[last->id])
            return;
        node->nout--;
    }
}

// What no body reads any more, the node does not read either.
static void drop_captures(Node *node) {
    for (int i = node->nin - 1; i >= flow_captures(node); i--) {
        int uses = value_uses(node->body->inputs.item[i]);
        if (uses + (node->otherwise ? value_uses(node->otherwise->inputs.item[i]) : 0) == 0)
            flow_drop_capture(node, i);
    }
    for (int b = 0; b < 2; b++)
        if (node_body(node, b))
            graph_compact(node_body(node, b));
}

// What is no output of the node any more, its bodies need not compute.
static bool clean_flow(PassContext *ctx, Node *node) {
    bool fewer = flow_drop_outputs(node);
    for (int b = 0; b < 2 && fewer; b++)
        if (node_body(node, b) && !pass_dead_nodes(ctx, node_body(node, b)))
            return false;
    drop_captures(node);
    return true;
}

bool pass_dead_nodes(PassContext *ctx, Graph *graph) {
    int *uses = ARENA_ARRAY(ctx->scratch, int, graph->values.n);
    count_outputs(graph, uses);
    for (Node *node = graph->last, *before; node; node = before) {
        before = node->prev;
        if (!is_needed(node, uses)) {
            node_remove(node);
            continue;
        }
        if (node_is_flow(node) && !clean_flow(ctx, node))
            return false;
        drop_last_outputs(node, uses);
        count_inputs(node, uses);
    }
    graph_compact(graph);
    return true;
}
