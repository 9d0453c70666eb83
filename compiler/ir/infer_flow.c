// Types of control flow. Those of the bodies' values are known by the time: infer-shapes gives a body's inputs the
// types that the outer graph has, and infers the body before its node. Here the two are compared, and the node's
// outputs get their types from the body's.
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "support/checked.h"

static bool check_inside(Infer *infer, const Node *node, const Graph *body, int outputs) {
    if (!body || body->inputs.n != node->nin || body->outputs.n != outputs)
        return diag_error(infer->diag, node->loc, E_ARITY, "the body's inputs and outputs are not those of the node");
    for (int i = 0; i < body->outputs.n; i++) {
        const Value *output = body->outputs.item[i];
        if (output->type.rank < 0 || output->type.dtype == DT_NONE)
            return diag_error(infer->diag, node->loc, E_SHAPE, "the type of output '%s' of the body is not known",
                              output->name);
    }
    // Whoever reads such values looks for their counts in his own graph.
    for (int i = 0; i < body->values.n; i++) {
        const Type *type = &body->values.item[i]->type;
        if (type->rank > 0 && type_counted_axis(type) >= 0)
            return fail_counted(infer, node, type->dim[type_counted_axis(type)]);
    }
    return true;
}

static bool same(const Type *a, const Type *b) {
    return a->dtype == b->dtype && type_same_shape(a, b);
}

// What the body sees of an outer value as it is.
static bool check_seen(Infer *infer, const Node *node, const Graph *body, int index) {
    const Type *inner = &body->inputs.item[index]->type, *outer = input_type(node, index);
    return same(inner, outer) || diag_error(infer->diag, node->loc, E_SHAPE, "input %d is %s, but %s in the body",
                                            index, type_text(infer->arena, outer), type_text(infer->arena, inner));
}

static bool check_captures(Infer *infer, const Node *node, const Graph *body) {
    for (int i = flow_captures(node); i < node->nin; i++)
        if (!check_seen(infer, node, body, i))
            return false;
    return true;
}

// Input `in` of the body comes from the node's at first, and from output `out` of the body then.
static bool check_carried(Infer *infer, const Node *node, int in, int out) {
    const Value *after = node->body->outputs.item[out];
    if (!check_seen(infer, node, node->body, in))
        return false;
    return same(&after->type, input_type(node, in)) ||
           diag_error(infer->diag, node->loc, E_SHAPE,
                      "'%s' is %s before the first iteration and %s ('%s') after one; what a loop carries must keep "
                      "its type", node->in[in]->name, type_text(infer->arena, input_type(node, in)),
                      type_text(infer->arena, &after->type), after->name);
}

static bool check_truth(Infer *infer, const Node *node, const Type *type, const char *what) {
    Dim count;
    if (type->dtype == DT_BOOL && dim_count(type, &count) && dim_equal(count, dim_const(1)))
        return true;
    return diag_error(infer->diag, node->loc, type->dtype == DT_BOOL ? E_SHAPE : E_DTYPE, "%s must be one bool, not %s",
                      what, type_text(infer->arena, type));
}

static bool fail_branches(Infer *infer, const Node *node, int output, const Type *yes, const Type *no) {
    return diag_error(infer->diag, node->loc, E_SHAPE,
                      "output %d is %s if the condition is true, and %s if it is false; they must agree where "
                      "the condition is not constant", output, type_text(infer->arena, yes),
                      type_text(infer->arena, no));
}

// Of an If whose branches are nodes of the graph already, no two results of which can be chosen from.
static bool fail_results(Infer *infer, const Node *node) {
    for (int i = 0; i < node->nout; i++) {
        const Type *yes = input_type(node, 1 + i), *no = input_type(node, 1 + node->nout + i);
        if (!same(yes, no))
            return fail_branches(infer, node, i, yes, no);
    }
    return diag_error(infer->diag, node->loc, E_ARITY, "it has no bodies");
}

bool infer_if(Infer *infer, const Node *node, Type *out) {
    if (!node->body && !node->otherwise && node->nin == 1 + 2 * node->nout)
        return fail_results(infer, node);
    if (!check_inside(infer, node, node->body, node->nout) || !check_inside(infer, node, node->otherwise, node->nout) ||
        !check_truth(infer, node, input_type(node, 0), "the condition"))
        return false;
    for (int i = 0; i < node->nin; i++)
        if (!check_seen(infer, node, node->body, i) || !check_seen(infer, node, node->otherwise, i))
            return false;
    for (int i = 0; i < node->nout; i++) {
        const Type *yes = &node->body->outputs.item[i]->type, *no = &node->otherwise->outputs.item[i]->type;
        if (!same(yes, no))
            return fail_branches(infer, node, i, yes, no);
        out[i] = infer_like(yes);
    }
    return true;
}

// `type` with one more axis of `count`.
static bool stacked(Infer *infer, const Node *node, const Type *type, int axis, Dim count, Type *out) {
    *out = infer_like(type);
    if (!check_result_rank(infer, node, type->rank + 1))
        return false;
    out->rank = type->rank + 1;
    for (int i = type->rank; i > axis; i--)
        out->dim[i] = type->dim[i - 1];
    out->dim[axis] = count;
    return true;
}

// How often a Loop runs where its scan outputs must know: what its trip count says, or never where the condition is
// false at once, or as the model declares. That it does not end earlier or later is checked as it runs. One that counts
// its turns may end earlier.
static bool trip_count(Infer *infer, const Node *node, const Value *scanned, Dim *count) {
    const Constant *first = value_data(node->in[1]);
    const DimTensor *trips;
    bool counted = counted_output(node) >= 0;
    *count = dim_const(0);
    if (!counted && first && !*(const unsigned char *)constant_bytes(first))
        return true;
    if (!counted && !infer_known(infer, node->in[0]) && scanned->type.rank > 0 && type_is_static(&scanned->type)) {
        *count = scanned->type.dim[0];
        return true;
    }
    if (!infer_dims(infer, node, 0, &trips))
        return false;
    if (!trips->v[0].sym && trips->v[0].n == INT64_MAX)
        return diag_error(
            infer->diag, node->loc, E_DYNAMIC,
            "the loop has scan outputs but no trip count, so that their size is not known; give it one, or "
            "export the model with static shapes");
    *count = trips->v[0].sym ? trips->v[0] : dim_const(max_i64(trips->v[0].n, 0));
    if (!counted)
        return true;
    return (!count->sym || fail_symbol(infer, node, *count)) && counted_dim(infer, node, 0, count->n, count);
}

// A Loop that counts its turns.
static bool check_counter(Infer *infer, const Node *node) {
    int index = counted_output(node);
    if (!((const LoopAttrs *)node->attrs)->counted)
        return true;
    if (index < 0)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "a loop that counts its turns must carry their number");
    return check_dtype(infer, node, 2 + index, DTYPE_BIT(I64)) && check_rank(infer, node, 2 + index, 0, 0);
}

bool infer_loop(Infer *infer, const Node *node, Type *out) {
    int carried = (int)((const LoopAttrs *)node->attrs)->carried;
    Dim count = dim_const(0);
    if (!check_inside(infer, node, node->body, node->nout + 1) || !check_dtype(infer, node, 0, DTYPE_BIT(I64)) ||
        !check_scalar(infer, node, 0) || !check_truth(infer, node, input_type(node, 1), "the condition") ||
        !check_truth(infer, node, &node->body->outputs.item[0]->type, "the condition that the body computes"))
        return false;
    const Type *number = &node->body->inputs.item[0]->type;
    if (number->dtype != DT_I64 || number->rank != 0 || !check_seen(infer, node, node->body, 1))
        return diag_error(infer->diag, node->loc, E_SHAPE, "the body's first input is the number of the iteration");
    for (int i = 0; i < carried; i++) {
        if (!check_carried(infer, node, 2 + i, 1 + i))
            return false;
        out[i] = infer_like(input_type(node, 2 + i));
    }
    if (!check_captures(infer, node, node->body) || !check_counter(infer, node) ||
        (carried < node->nout && !trip_count(infer, node, node->out[carried], &count)))
        return false;
    for (int i = carried; i < node->nout; i++)
        if (!stacked(infer, node, &node->body->outputs.item[1 + i]->type, 0, count, &out[i]))
            return false;
    return true;
}

bool scan_walk(Infer *infer, const Node *node, bool output, int index, ScanWalk *walk) {
    const ScanAttrs *attrs = node->attrs;
    const Ints *axes = output ? &attrs->scan_output_axes : &attrs->scan_input_axes;
    const Ints *ways = output ? &attrs->scan_output_directions : &attrs->scan_input_directions;
    int states = (int)attrs->states;
    int rank =
        output ? node->body->outputs.item[states + index]->type.rank + 1 : input_type(node, states + index)->rank;
    *walk = (ScanWalk){.backwards = index < ways->n && ways->v[index] != 0};
    return infer_axis(infer, node, index < axes->n ? axes->v[index] : 0, rank, &walk->axis);
}

// The slices that input `in` is cut into.
static bool check_slices(Infer *infer, const Node *node, int index, Dim *count) {
    int in = (int)((const ScanAttrs *)node->attrs)->states + index;
    Type whole;
    ScanWalk walk;
    if (!check_rank(infer, node, in, 1, MAX_RANK) || !scan_walk(infer, node, false, index, &walk))
        return false;
    Dim here = input_type(node, in)->dim[walk.axis];
    if (!stacked(infer, node, &node->body->inputs.item[in]->type, walk.axis, here, &whole) ||
        !same(&whole, input_type(node, in)))
        return diag_error(infer->diag, node->loc, E_SHAPE, "slices of input %d are not %s", in,
                          type_text(infer->arena, &node->body->inputs.item[in]->type));
    if (index && !check_dim(infer, node, here, *count, "the length of each scan input"))
        return false;
    *count = here;
    return true;
}

bool infer_scan(Infer *infer, const Node *node, Type *out) {
    const ScanAttrs *attrs = node->attrs;
    int states = (int)attrs->states;
    Dim count = dim_const(0);
    if (!check_inside(infer, node, node->body, node->nout))
        return false;
    if (attrs->num_scan_inputs < 1)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "attribute 'num_scan_inputs' must be 1 or more");
    for (int i = 0; i < states; i++) {
        if (!check_carried(infer, node, i, i))
            return false;
        out[i] = infer_like(input_type(node, i));
    }
    for (int i = 0; i < (int)attrs->num_scan_inputs; i++)
        if (!check_slices(infer, node, i, &count))
            return false;
    if (!check_captures(infer, node, node->body))
        return false;
    for (int i = states; i < node->nout; i++) {
        ScanWalk walk;
        if (!scan_walk(infer, node, true, i - states, &walk) ||
            !stacked(infer, node, &node->body->outputs.item[i]->type, walk.axis, count, &out[i]))
            return false;
    }
    return true;
}
