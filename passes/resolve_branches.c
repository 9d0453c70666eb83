// An If in whose branches sizes are data has no place for them: a body has no counts. So both branches become nodes of
// the graph around it, and what the If gives is chosen from their results. (Exporters write such for the suppression of
// boxes: nothing if there are none, else those that NonMaxSuppression selects.)
//
// First the branches take their places before the If, which is left without bodies: its inputs are the condition, the
// results of one branch, and those of the other. When these have types, Where takes its place.
#include "ir/infer_check.h"
#include "passes/resolve_parts.h"
#include "support/checked.h"

static bool has_random(const Graph *body) {
    for (const Node *node = body->first; node; node = node->next) {
        if (op_info[node->op].flags & RANDOM)
            return true;
        for (int i = 0; i < 2; i++)
            if (node_body(node, i) && has_random(node_body(node, i)))
                return true;
    }
    return false;
}

// Whether a node of the body, or of one inside, selects by data.
static bool selects(const Graph *body) {
    for (const Node *node = body->first; node; node = node->next) {
        if (counted_output(node) >= 0)
            return true;
        for (int i = 0; i < 2; i++)
            if (node_body(node, i) && selects(node_body(node, i)))
                return true;
    }
    return false;
}

bool resolve_branches_concern(const Node *node) {
    if (!node->body)
        return true;
    if (has_random(node->body) || has_random(node->otherwise))  // a generator would count draws that are not made
        return false;
    for (int i = 1; i < node->nin; i++)
        if (counted_axis(node->in[i]) >= 0)
            return true;
    return selects(node->body) || selects(node->otherwise);
}

// The nodes of a branch come before the If; results[i] is what it gives for output i.
static void take_out(Resolver *r, Graph *body, Value **results) {
    Node *node = r->counts.where, *taken = node_new(node->graph, OP_If, node->nin, node->nout);
    for (int i = 0; i < node->nin; i++)
        taken->in[i] = node->in[i];
    taken->loc = node->loc;
    graph_insert_before(node, taken);
    for (int i = 0; i < node->nout; i++)
        results[i] = node_output(taken, i, node->out[i]->name, type_unknown());
    Node *first = node_inline(taken, body);
    r->counts.first = r->counts.first ? r->counts.first : first;
}

static bool take_out_both(Resolver *r) {
    Node *node = r->counts.where;
    int n = node->nout;
    Value **in = ARENA_ARRAY(node->graph->module->arena, Value *, 1 + 2 * n);
    in[0] = node->in[0];
    take_out(r, node->body, in + 1);
    take_out(r, node->otherwise, in + 1 + n);
    node->body = node->otherwise = NULL;
    node->in = in;
    node->nin = 1 + 2 * n;
    return true;
}

static Value *where(Resolver *r, Value *condition, Value *yes, Value *no) {
    Value *result = counts_node(&r->counts, OP_Where, condition, yes);
    node_set_input(result->def, 2, no);
    return result;
}

// The only dimension in which two types of one rank differ; -1: there is none, -2: more than one.
static int differs(const Type *a, const Type *b) {
    int axis = -1;
    for (int i = 0; i < a->rank; i++)
        if (!dim_equal(a->dim[i], b->dim[i]))
            axis = axis == -1 ? i : -2;
    return axis;
}

static bool can_choose(const Type *yes, const Type *no) {
    int axis = yes->rank == no->rank && yes->dtype == no->dtype ? differs(yes, no) : -2;
    return axis == -1 || (axis >= 0 && type_is_static(yes) && type_is_static(no));
}

// One of two values, of which one dimension may differ: as much of it as the one has that is chosen.
static Value *choose(Resolver *r, Value *condition, Value *yes, Value *no) {
    int axis = differs(&yes->type, &no->type);
    if (axis < 0)
        return where(r, condition, yes, no);
    Dim a = yes->type.dim[axis], b = no->type.dim[axis];
    int64_t most = max_i64(a.n, b.n);
    Value *size = where(r, condition, counts_value(&r->counts, a), counts_value(&r->counts, b));
    yes = resolve_resize(r, resolve_whole(r, yes, NULL), axis, a.n, most);
    no = resolve_resize(r, resolve_whole(r, no, NULL), axis, b.n, most);
    Dim count = {INT64_MAX, NULL, module_symbol(r->counts.graph->module, size->name)};
    return resolve_counted(r, where(r, condition, yes, no), axis, most, count);
}

bool resolve_branches(Resolver *r) {
    Node *node = r->counts.where;
    if (node->body)
        return take_out_both(r);
    for (int i = 0; i < node->nout; i++)
        if (node->nin != 1 + 2 * node->nout || !can_choose(&node->in[1 + i]->type, &node->in[1 + node->nout + i]->type))
            return false;
    Value *condition = counts_node(&r->counts, OP_Reshape, node->in[0], counts_ints(&r->counts, NULL, 0));
    for (int i = 0; i < node->nout; i++)
        resolve_output(r, i, choose(r, condition, node->in[1 + i], node->in[1 + node->nout + i]));
    node_remove(node);
    return true;
}
