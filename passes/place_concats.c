// Decides where values lie inside others, so that nothing is copied: the inputs of a Concat in its output, the outputs
// of a Split in its input, and reshaped values in one another. A node that has nothing left to do gets the kernel
// `view`. What cannot be placed is copied by an Identity, which the text then shows.
#include "codegen/kernel.h"
#include "ir/infer.h"
#include "passes/pass.h"

static bool is_recipe(const Value *value) {
    return value->def && (op_info[value->def->op].flags & RECIPE);
}

// Whether the value's storage can be moved into another's: it is its own and made by a node that will not mind.
static bool is_free(const Value *value) {
    return !value_data(value) && !value_is_input(value) && !value_is_output(value) && !is_recipe(value) &&
           value->place.kind == PLACE_NONE;
}

static bool is_inside(const Value *value, const Value *base) {
    int64_t offset;
    return place_root(value, &offset) == base;
}

// ---- Slices along an axis

static int64_t axis_of(const Node *node, int rank) {
    int64_t axis =
        node->op == OP_Split ? ((const SplitAttrs *)node->attrs)->axis : ((const AxisAttrs *)node->attrs)->axis;
    return axis < 0 ? axis + rank : axis;
}

// The offset behind a part, in elements of the storage; false if the next part could not start there.
static bool advance(const Type *whole, const Type *part, int64_t axis, int64_t *offset) {
    int64_t block = whole->layout.kind == LAYOUT_NCHWC ? whole->layout.block : 1;
    *offset += type_storage(part);
    return part->dim[axis].n % block == 0;
}

static bool has_aligned_parts(const Type *whole, Value *const *parts, int count, int64_t axis) {
    int64_t offset = 0;
    for (int i = 0; i < count; i++) {
        if (!layout_equal(&parts[i]->type.layout, &whole->layout))
            return false;
        if (!advance(whole, &parts[i]->type, axis, &offset) && i + 1 < count)
            return false;
    }
    return true;
}

// A copy of the value, made just before the node.
static Value *copy_before(Node *node, Value *value) {
    Node *copy = node_new(node->graph, OP_Identity, 1, 1);
    copy->in[0] = value;
    copy->loc = node->loc;
    graph_insert_before(node, copy);
    return node_output(copy, 0, value->name, value->type);
}

static bool place_concat(Node *node) {
    Value *whole = node->out[0];
    int64_t axis = axis_of(node, whole->type.rank), offset = 0;
    if (!type_is_sliceable(&whole->type, axis) || !has_aligned_parts(&whole->type, node->in, node->nin, axis))
        return false;
    for (int i = 0; i < node->nin; i++) {
        if (!is_free(node->in[i]) || is_inside(whole, node->in[i]))
            node->in[i] = copy_before(node, node->in[i]);
        node->in[i]->place = (Place){.kind = PLACE_IN, .base = whole, .offset = offset};
        advance(&whole->type, &node->in[i]->type, axis, &offset);
    }
    return true;
}

// The output as a copy of what takes its place.
static void copy_after(Node *node, int index) {
    Value *value = node->out[index];
    Node *copy = node_new(node->graph, OP_Identity, 1, 1);
    copy->in[0] = node_output(node, index, value->name, value->type);
    copy->out[0] = value;
    copy->loc = node->loc;
    value->def = copy;
    graph_insert_after(node, copy);
}

// Of slices that cannot lie in the whole the row-major ones are all copied, by the Split's own lowering.
static bool place_split(Node *node) {
    Value *whole = node->in[0];
    int64_t axis = axis_of(node, whole->type.rank), offset = 0;
    if (value_data(whole) || !type_is_sliceable(&whole->type, axis) ||
        !has_aligned_parts(&whole->type, node->out, node->nout, axis))
        return false;
    for (int i = 0; i < node->nout; i++)
        if (!is_free(node->out[i]) || is_inside(whole, node->out[i])) {
            if (whole->type.layout.kind == LAYOUT_ROW_MAJOR)
                return false;
            copy_after(node, i);
        }
    for (int i = 0; i < node->nout; i++) {
        node->out[i]->place = (Place){.kind = PLACE_IN, .base = whole, .offset = offset};
        advance(&whole->type, &node->out[i]->type, axis, &offset);
    }
    return true;
}

// ---- The same bytes under another shape

static bool place_view(Node *node) {
    Value *from = node->in[0], *to = node->out[0];
    bool same = type_is_plain(&from->type) && type_is_plain(&to->type);
    if (!same && !(node->op == OP_Unpack && type_is_vector(&from->type) && type_is_plain(&to->type)))
        return false;
    if (is_free(to) && !value_data(from) && !is_inside(from, to))
        to->place = (Place){.kind = PLACE_IN, .base = from};
    else if (same && is_free(from) && !is_inside(to, from))
        from->place = (Place){.kind = PLACE_IN, .base = to};
    else
        return false;
    return true;
}

// A declared node has numbers to check.
static bool place_node(Node *node) {
    if (node_is_declared(node))
        return false;
    if (node->op == OP_Concat)
        return place_concat(node);
    if (node->op == OP_Split)
        return place_split(node);
    return ((op_info[node->op].flags & VIEW) || node->op == OP_Unpack) && place_view(node);
}

// Concats from the last to the first, so that one inside another finds the other's place settled.
static void place(Graph *graph) {
    for (Node *node = graph->last; node; node = node->prev) {
        if (node->op == OP_Fire)
            place(node->body);
        if (node->kernel == KERNEL_generic && type_count(&node->out[0]->type) > 0 && place_node(node))
            node->kernel = KERNEL_view;
    }
}

bool pass_place_concats(PassContext *ctx, Graph *graph) {
    (void)ctx;
    place(graph);
    return true;
}
