// Makes one sqz.Map of elementwise nodes whose results are read by each other only, so that what lies between them
// stays in registers:
//
//     %a = Exp(%x)                                  %y = sqz.Map(%x, %b) {
//     %y = Add(%a, %b)                                  the same nodes, with the outer values as inputs
//                                                   }
//
// A group grows from its last node towards the inputs. A producer joins if its output is static, has the shape and the
// layout of the last node's (a smaller one, which is broadcast, would be computed once per use), is no output of the
// graph, and is read by nodes of the group alone. The body is closed, as a Fire's.
#include "passes/group.h"
#include "passes/pass.h"

enum { MAX_GROUP = 32 };  // beyond it, values would not stay in registers

typedef struct Group {
    Node *member[MAX_GROUP];  // the last node of the graph first, then in the order of discovery
    int n;
    int *uses;  // by value: how often nodes read it
} Group;

// Matching.

static bool is_elementwise(const Node *node) {
    return (op_info[node->op].flags & ELEMENTWISE) && node->nout == 1 && node->out[0] && !node->kernel;
}

static bool is_member(const Group *group, const Node *node) {
    for (int i = 0; i < group->n; i++)
        if (group->member[i] == node)
            return true;
    return false;
}

static void count_reads(int *uses, const Node *node, int by) {
    for (int i = 0; i < node->nin; i++)
        if (node->in[i])
            uses[node->in[i]->id] += by;
}

static bool read_by_group_alone(const Group *group, const Value *value) {
    int reads = 0;
    for (int i = 0; i < group->n; i++)
        for (int k = 0; k < group->member[i]->nin; k++)
            reads += group->member[i]->in[k] == value;
    return reads == group->uses[value->id] && !value_is_output(value);
}

static bool same_loop(const Type *a, const Type *b) {
    Type c = *a;
    c.dtype = b->dtype;
    return type_equal(&c, b);
}

static bool joins(const Group *group, const Value *value) {
    const Node *node = value ? value->def : NULL;
    return node && !is_member(group, node) && is_elementwise(node) &&
           same_loop(&value->type, &group->member[0]->out[0]->type) && read_by_group_alone(group, value);
}

// Whether at least one producer joins `last`. A producer that cannot yet, may once another of its readers has.
static bool match_group(Node *last, Group *group) {
    group->member[0] = last;
    group->n = 1;
    if (!is_elementwise(last) || !type_is_static(&last->out[0]->type))
        return false;
    for (int known = 0; known != group->n;) {
        known = group->n;
        for (int i = 0; i < group->n; i++)
            for (int k = 0; k < group->member[i]->nin && group->n < MAX_GROUP; k++)
                if (joins(group, group->member[i]->in[k]))
                    group->member[group->n++] = group->member[i]->in[k]->def;
    }
    return group->n > 1;
}

// The Map stands where the group's last node stood. Members go in the graph's order.
static Node *apply_group(const Group *group) {
    Node *ordered[MAX_GROUP];
    int left = group->n;
    for (Node *node = group->member[0]; left; node = node->prev)
        if (is_member(group, node))
            ordered[--left] = node;
    for (int i = 0; i < group->n; i++)
        count_reads(group->uses, ordered[i], -1);
    Node *map = group_nodes(OP_Map, ordered, group->n);
    count_reads(group->uses, map, 1);
    return map;
}

bool pass_fuse_elementwise(PassContext *ctx, Graph *graph) {
    Group group = {.uses = ARENA_ARRAY(ctx->scratch, int, graph->values.n)};
    for (const Node *node = graph->first; node; node = node->next)
        count_reads(group.uses, node, 1);
    for (Node *node = graph->last; node; node = node->prev) {
        if (match_group(node, &group))
            node = apply_group(&group);
    }
    graph_compact(graph);
    return true;
}
