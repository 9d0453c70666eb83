// Removes nodes that return their input: an Identity, a Cast to the type that is there already, a Reshape to the same
// shape, a Slice of everything, a Pad by nothing, a Concat of one, a Transpose that undoes the one before it.
//
// noop_source says what a node's output equals, or null. Names of outputs are the model's, so where a noop writes an
// output of the graph, the producer of its input takes over the name; where there is none, the node stays as a copy.
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "passes/pass.h"
#include "passes/uses.h"

// Axes of one element may go anywhere.
static bool keeps_order(const Node *node) {
    const Type *type = input_type(node, 0);
    int last = -1;
    for (int i = 0; i < type->rank; i++) {
        int axis = permuted_axis(node, i);
        if (type->dim[axis].n == 1)
            continue;
        if (axis < last)
            return false;
        last = axis;
    }
    return true;
}

static Value *transpose_source(const Node *node) {
    const Node *inner = node->in[0]->def;
    if (keeps_order(node))
        return node->in[0];
    if (!inner || inner->op != OP_Transpose)
        return NULL;
    for (int i = 0; i < input_type(node, 0)->rank; i++)
        if (permuted_axis(inner, permuted_axis(node, i)) != i)
            return NULL;
    return inner->in[0];
}

static bool slices_everything(const Node *node, Arena *scratch) {
    Diag quiet = {0};
    Infer infer = {.arena = scratch, .diag = &quiet};
    SliceRange range[MAX_RANK];
    if (!infer_slice_ranges(&infer, node, range))
        return false;
    for (int i = 0; i < input_type(node, 0)->rank; i++)
        if (range[i].step != 1 && range[i].count.n > 1)
            return false;
    return true;  // the shape is the same, so nothing is left out
}

static bool pads_nothing(const Node *node, Arena *scratch) {
    Ints pads;
    if (!value_as_ints(node->in[1], scratch, &pads))
        return false;
    for (int i = 0; i < pads.n; i++)
        if (pads.v[i])
            return false;
    return true;
}

static bool resizes_nothing(const Node *node, Arena *scratch) {
    const ResizeAttrs *attrs = node->attrs;
    Floats scales;
    if (attrs->coordinate == RESIZE_CROP)
        return false;
    if (!value_as_doubles(node_in(node, 2), scratch, &scales))
        return node_in(node, 2) == NULL;
    for (int i = 0; i < scales.n; i++)
        if (scales.v[i] != 1)
            return false;
    return true;
}

// What the output equals if its type is that of input 0.
static Value *same_type_source(const Node *node, Arena *scratch) {
    bool noop = false;
    if (node_is_declared(node))
        return NULL;  // it has numbers to check
    if (node->op == OP_Transpose)
        return transpose_source(node);
    if (node->op == OP_Identity || node->op == OP_Cast || node->op == OP_Expand || node->op == OP_Tile)
        noop = true;
    else if (node->op == OP_Concat || node->op == OP_Max || node->op == OP_Min || node->op == OP_Mean)
        noop = node->nin == 1;
    else if (node->op == OP_Clip)
        noop = !node_in(node, 1) && !node_in(node, 2);
    else if (node->op == OP_Slice)
        noop = slices_everything(node, scratch);
    else if (node->op == OP_Pad)
        noop = pads_nothing(node, scratch);
    else if (node->op == OP_Resize)
        noop = resizes_nothing(node, scratch);
    else if (op_info[node->op].flags & VIEW)
        noop = true;
    return noop ? node->in[0] : NULL;
}

static Value *noop_source(const Node *node, Arena *scratch) {
    if (node->nin < 1 || !node->in[0] || node->nout != 1 || !node->out[0])
        return NULL;
    if (node->out[0]->place.kind != PLACE_NONE)
        return NULL;  // a copy to where something else lies
    const Type *type = &node->out[0]->type;
    if (!type_is_static(type) || !type_is_static(input_type(node, 0)))
        return NULL;
    if (node->op != OP_Transpose && !type_equal(type, input_type(node, 0)))
        return NULL;
    Value *source = same_type_source(node, scratch);
    return source && type_equal(type, &source->type) ? source : NULL;
}

bool pass_drop_noops(PassContext *ctx, Graph *graph) {
    Uses uses = uses_of(graph, ctx->scratch);
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        uses_catch_up(&uses, node);
        Value *source = noop_source(node, ctx->scratch);
        if (source)
            uses_bypass(&uses, node, source);
    }
    return true;
}
