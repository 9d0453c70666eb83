// A convolution, or a transposed one, along one axis becomes one of two axes, of which the first has one row, since
// that is what the fast kernels are for:
//
//     %y = Conv(%x, %w)  : f32<1x64x100>         %a = Reshape(%x)      : f32<1x64x1x100>
//                                                %b = Conv(%a, %w')    : f32<1x64x1x100>
//                                                %y = Reshape(%b)      : f32<1x64x100>
//
// The same goes for an image of one column, as exporters write it that take axes of time for rows: it becomes one of
// one row. The reshapes are views. What follows element by element is lifted too, so that a chain of convolutions has
// none in between. Weights must be constant, since theirs are reshaped here; types must be known and f32.
#include "ir/infer.h"
#include "passes/pass.h"

static bool is_line(const Value *value) {
    const Type *type = &value->type;
    bool column = type->rank == 4 && type->dim[3].n == 1;
    return (type->rank == 3 || column) && type->dtype == DT_F32 && type_is_static(type);
}

static Type lifted_type(const Type *type) {
    int64_t size[4] = {type->dim[0].n, type->dim[1].n, 1, type->dim[2].n};
    return type_make(type->dtype, 4, size);
}

// The value of which this one is the lowered form, or null.
static Value *lifted_source(const Value *value) {
    const Node *node = value->def;
    Type wanted = lifted_type(&value->type);
    return node && node->op == OP_Reshape && type_equal(&node->in[0]->type, &wanted) ? node->in[0] : NULL;
}

static Node *reshape(Value *x, const Type *to, const Loc *loc) {
    Graph *graph = x->graph;
    Node *node = node_new(graph, OP_Reshape, 2, 1);
    int64_t size[4];
    for (int i = 0; i < to->rank; i++)
        size[i] = to->dim[i].n;
    node->in[0] = x;
    node->in[1] = value_int64s(graph, "shape", size, to->rank);
    node->loc = loc_join(graph->module->arena, loc, NULL);
    return node;
}

static Value *lifted(Value *value, Node *before) {
    Value *source = lifted_source(value);
    if (source)
        return source;
    Type type = lifted_type(&value->type);
    Node *node = reshape(value, &type, before->loc);
    graph_insert_before(before, node);
    return node_output(node, 0, value->name, type);
}

// The node, whose inputs are lifted already, gives a lifted value, of which its output becomes the lowered form.
static void lower_output(Node *node) {
    Value *out = node->out[0];
    Node *lower = reshape(out, &out->type, node->loc);
    node_output(node, 0, out->name, lifted_type(&out->type));
    lower->in[0] = node->out[0];
    lower->out[0] = out;
    out->def = lower;
    graph_insert_after(node, lower);
}

// The list with `fill` before its first element, and before its second half if it has one for each end. That of an
// image has an element for the columns behind each, which goes before it.
static Ints widened(Arena *arena, Ints list, int ends, int64_t fill) {
    if (list.n == 2 * ends) {
        Ints turned = {list.n, ARENA_ARRAY(arena, int64_t, list.n)};
        for (int i = 0; i < list.n; i++)
            turned.v[i] = list.v[i ^ 1];
        return turned;
    }
    if (list.n != ends)
        return list;
    Ints wide = {2 * ends, ARENA_ARRAY(arena, int64_t, 2 * ends)};
    for (int i = 0; i < ends; i++) {
        wide.v[2 * i] = fill;
        wide.v[2 * i + 1] = list.v[i];
    }
    return wide;
}

enum { LEAST_TERMS = 32, LEAST_OUTPUTS = 8 };  // of one input channel

// Few terms, as depthwise ones alone have them, would not pay for the conversion to blocks of channels; nor would
// blocks that are mostly empty.
static bool pays(const Node *node) {
    const Dim *weights = node->in[1]->type.dim;
    bool many =
        ((const ConvAttrs *)node->attrs)->group == 1 && weights[0].n >= LEAST_OUTPUTS && weights[2].n >= LEAST_TERMS;
    return weights[1].n > 1 || many || lifted_source(node->in[0]);
}

static bool match_conv(const Node *node) {
    bool conv = node->op == OP_Conv || node->op == OP_ConvTranspose;
    const Type *in = node->nin ? &node->in[0]->type : NULL;
    if (conv && in->rank == 4 && (node->op == OP_ConvTranspose || in->dim[2].n < 2))
        return false;
    return conv && !node_pools(node) && !node->kernel && node->nin <= 3 && is_line(node->in[0]) &&
           is_line(node->out[0]) && node->in[1]->data && is_line(node->in[1]) && pays(node);
}

static void lift_conv(Node *node) {
    Arena *arena = node->graph->module->arena;
    ConvAttrs *attrs = node->attrs;
    const Value *weights = node->in[1];
    node->in[0] = lifted(node->in[0], node);
    node->in[1] = value_constant_like(node->graph, weights, lifted_type(&weights->type));
    attrs->kernel_shape = widened(arena, attrs->kernel_shape, 1, 1);
    attrs->strides = widened(arena, attrs->strides, 1, 1);
    attrs->dilations = widened(arena, attrs->dilations, 1, 1);
    attrs->pads = widened(arena, attrs->pads, 2, 0);
    attrs->output_padding = widened(arena, attrs->output_padding, 1, 0);
    attrs->output_shape = widened(arena, attrs->output_shape, 1, 1);
    lower_output(node);
}

// Inputs of the result's shape, of which one at least is lifted, and single numbers.
static bool match_elementwise(const Node *node) {
    bool any = false;
    if (!(op_info[node->op].flags & ELEMENTWISE) || node->nout != 1 || !node->out[0] || !is_line(node->out[0]))
        return false;
    for (int i = 0; i < node->nin; i++) {
        const Value *in = node->in[i];
        if (!in || (type_is_static(&in->type) && type_count(&in->type) == 1))
            continue;
        if (!is_line(in) || !type_equal(&in->type, &node->out[0]->type))
            return false;
        any = any || lifted_source(in);
    }
    return any;
}

static void lift_elementwise(Node *node) {
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && is_line(node->in[i]) && type_count(&node->in[i]->type) > 1)
            node->in[i] = lifted(node->in[i], node);
    lower_output(node);
}

bool pass_lift_conv1d(PassContext *ctx, Graph *graph) {
    (void)ctx;
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        if (match_conv(node))
            lift_conv(node);
        else if (match_elementwise(node))
            lift_elementwise(node);
    }
    return true;
}
