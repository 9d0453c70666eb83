// Finds operators again that exporters, and this importer, write in parts: activations, so that a product may apply
// them as it stores; Softmax; layer normalizations, which are one kernel then; means of images, which a convolution may
// do. What exporters write is in the tables: rules first, of parts that occur in several forms, then the forms, those
// that contain others before them.
//
// A softmax is found only where the largest element is subtracted: without, it overflows where Softmax does not. Most
// forms round differently than the operator.
#include <stddef.h>

#include "passes/pass.h"
#include "passes/pattern.h"

static const PatternRule rules[] = {
    {"sixth_of_relu6", "Div(@relu6, 6)"},
    {"sixth_of_relu6", "Mul(@relu6, 0.16666667)"},
    {"relu6", "Clip(Add(x, 3), 0, 6)"},
    {"one_and_erf", "Add(Erf(@over_root), 1)"},
    {"over_root", "Div(x, 1.4142135)"},
    {"over_root", "Mul(x, 0.70710678)"},
    {"one_and_tanh", "Add(Tanh(@cubic), 1)"},
    {"cubic", "Mul(Add(Mul(@cube, 0.044715), x), 0.79788456)"},
    {"cubic", "Mul(Mul(x, 0.79788456), Add(Mul(Mul(x, 0.044715), x), 1))"},
    {"cubic", "Mul(Mul(x, 0.79788456), Add(Mul(Mul(x, x), 0.044715), 1))"},
    {"cube", "Pow(x, 3)"},
    {"cube", "Mul(Mul(x, x), x)"},
    {"shifted", "Sub(x, ReduceMax(x, axes))"},
    {"centred", "Sub(x, ReduceMean(x, axes))"},
    {"variance", "ReduceMean(Pow(@centred, 2), axes)"},
    {"variance", "ReduceMean(Mul(@centred, @centred), axes)"},
    {"deviation", "Sqrt(Add(@variance, epsilon))"},
    {"deviation", "Pow(Add(@variance, epsilon), 0.5)"},
    {"by_deviation", "Reciprocal(@deviation)"},
    {"by_deviation", "Div(1, @deviation)"},
    {"by_deviation", "Pow(Add(@variance, epsilon), -0.5)"},
    {"normed", "Div(@centred, @deviation)"},
    {"normed", "Mul(@by_deviation, @centred)"},
    {"factor", "Mul(@by_deviation, scale)"},
    {"scaled", "Mul(@normed, scale)"},
    {"scaled", "Mul(@factor, @centred)"},
    {"root", "Sqrt(Add(@square_mean, epsilon))"},
    {"root", "Pow(Add(@square_mean, epsilon), 0.5)"},
    {"by_root", "Reciprocal(@root)"},
    {"by_root", "Div(1, @root)"},
    {"by_root", "Pow(Add(@square_mean, epsilon), -0.5)"},
    {"square_mean", "ReduceMean(Pow(x, 2), axes)"},
    {"square_mean", "ReduceMean(Mul(x, x), axes)"},
    {"rms_normed", "Mul(@by_root, x)"},
    {"rms_normed", "Div(x, @root)"},
    {NULL, NULL}};

// Each makes its operator's node with what the pattern names, or null where that does not fit.
static Node *make_swish(const PatternMatch *m);
static Node *make_hard_swish(const PatternMatch *m);
static Node *make_mish(const PatternMatch *m);
static Node *make_gelu(const PatternMatch *m);
static Node *make_gelu_tanh(const PatternMatch *m);
static Node *make_softmax(const PatternMatch *m);
static Node *make_log_softmax(const PatternMatch *m);
static Node *make_layer_norm(const PatternMatch *m);
static Node *make_rms_norm(const PatternMatch *m);
static Node *make_image_mean(const PatternMatch *m);
static Node *make_flat_image_mean(const PatternMatch *m);

typedef struct Form {
    const char *text;
    Node *(*make)(const PatternMatch *m);
} Form;

static const Form forms[] = {
    {"Mul(x, Sigmoid(x))", make_swish},
    {"Mul(x, Sigmoid(Mul(x, alpha)))", make_swish},
    {"Div(x, Add(Exp(Neg(x)), 1))", make_swish},
    {"Mul(x, HardSigmoid{alpha = 0.16666667, beta = 0.5}(x))", make_hard_swish},
    {"Mul(@sixth_of_relu6, x)", make_hard_swish},
    {"Div(Mul(@relu6, x), 6)", make_hard_swish},
    {"Mul(Mul(@relu6, x), 0.16666667)", make_hard_swish},
    {"Mul(x, Tanh(Softplus(x)))", make_mish},
    {"Mul(Mul(@one_and_erf, x), 0.5)", make_gelu},
    {"Mul(Mul(@one_and_erf, 0.5), x)", make_gelu},
    {"Mul(@one_and_erf, Mul(x, 0.5))", make_gelu},
    {"Div(Mul(@one_and_erf, x), 2)", make_gelu},
    {"Mul(Div(x, 2), @one_and_erf)", make_gelu},
    {"Mul(Mul(@one_and_tanh, x), 0.5)", make_gelu_tanh},
    {"Mul(Mul(@one_and_tanh, 0.5), x)", make_gelu_tanh},
    {"Mul(@one_and_tanh, Mul(x, 0.5))", make_gelu_tanh},
    {"Div(Exp(@shifted), ReduceSum(Exp(@shifted), axes))", make_softmax},
    {"Mul(Exp(@shifted), Reciprocal(ReduceSum(Exp(@shifted), axes)))", make_softmax},
    {"Sub(@shifted, Log(ReduceSum(Exp(@shifted), axes)))", make_log_softmax},
    {"Add(@scaled, bias)", make_layer_norm},
    {"Add(Mul(@factor, x), Sub(bias, Mul(@factor, ReduceMean(x, axes))))", make_layer_norm},
    {"@scaled", make_layer_norm},
    {"@normed", make_layer_norm},
    {"Mul(@rms_normed, scale)", make_rms_norm},
    {"@rms_normed", make_rms_norm},
    {"ReduceMean(x, axes)", make_image_mean},
    {"ReduceMean{keepdims = 0}(x, axes)", make_flat_image_mean},
};

// ---- What is found

static const Type *result_type(const PatternMatch *m) {
    return &m->node[0]->out[0]->type;
}

static Node *make_unary(const PatternMatch *m, OpKind op) {
    Value *x = pattern_value(m, "x");
    if (!dtype_is_float(x->type.dtype) || !type_equal(result_type(m), &x->type))
        return NULL;
    Node *node = node_new(m->node[0]->graph, op, 1, 1);
    node->in[0] = x;
    return node;
}

static Node *make_swish(const PatternMatch *m) {
    Value *alpha = pattern_value(m, "alpha");
    double number = 1;
    Node *node = !alpha || value_as_double(alpha, &number) ? make_unary(m, OP_Swish) : NULL;
    if (node)
        ((ActAttrs *)node->attrs)->alpha = number;
    return node;
}

static Node *make_hard_swish(const PatternMatch *m) {
    return make_unary(m, OP_HardSwish);
}

static Node *make_mish(const PatternMatch *m) {
    return make_unary(m, OP_Mish);
}

static Node *make_gelu(const PatternMatch *m) {
    return make_unary(m, OP_Gelu);
}

static Node *make_gelu_tanh(const PatternMatch *m) {
    Node *node = make_unary(m, OP_Gelu);
    if (node)
        ((GeluAttrs *)node->attrs)->approximate = 1;
    return node;
}

// The first of the axes, if they are `most` at most and the last ones where `last`; -1 if they are not.
static int64_t first_axis(const PatternMatch *m, int most, bool last) {
    Value *axes = pattern_value(m, "axes"), *x = pattern_value(m, "x");
    int rank = x->type.rank;
    Ints ints;
    unsigned set = 0;
    if (!value_as_ints(axes, x->graph->module->arena, &ints) || ints.n < 1 || ints.n > most)
        return -1;
    for (int i = 0; i < ints.n; i++)
        set |= 1u << (ints.v[i] < 0 ? ints.v[i] + rank : ints.v[i]);
    int64_t first = 0;
    while (!(set >> first & 1))
        first++;
    return !last || set == (1u << rank) - (1u << first) ? first : -1;
}

static Node *make_softmax_of(const PatternMatch *m, OpKind op) {
    int64_t axis = first_axis(m, 1, false);
    Node *node = axis >= 0 && dtype_is_whole_float(result_type(m)->dtype) ? make_unary(m, op) : NULL;
    if (node)
        ((AxisAttrs *)node->attrs)->axis = axis;
    return node;
}

static Node *make_softmax(const PatternMatch *m) {
    return make_softmax_of(m, OP_Softmax);
}

static Node *make_log_softmax(const PatternMatch *m) {
    return make_softmax_of(m, OP_LogSoftmax);
}

// Whether a factor or addend has an element for each that is normalized.
static bool has_each(const Value *value, const Type *x, int64_t axis) {
    int behind = x->rank - (int)axis, more = value->type.rank - behind;
    if (value->type.dtype != x->dtype || !type_is_static(&value->type) || more < 0)
        return false;
    for (int i = 0; i < value->type.rank; i++)
        if (value->type.dim[i].count || value->type.dim[i].n != (i < more ? 1 : x->dim[axis + i - more].n))
            return false;
    return true;
}

static Node *make_norm(const PatternMatch *m, bool centred) {
    Value *x = pattern_value(m, "x"), *with[] = {pattern_value(m, "scale"), pattern_value(m, "bias")};
    int64_t axis = first_axis(m, MAX_RANK, true);
    double epsilon;
    if (axis < 0 || !dtype_is_whole_float(x->type.dtype) || !type_is_static(&x->type) ||
        type_counted_axis(&x->type) >= 0 || !value_as_double(pattern_value(m, "epsilon"), &epsilon))
        return NULL;
    for (int i = 0; i < 2; i++)
        if (with[i] && !has_each(with[i], &x->type, axis))
            return NULL;
    Node *node = make_unary(m, OP_Normalize);
    if (!node)
        return NULL;
    for (int i = 0; i < 2; i++)
        if (with[i])
            node_set_input(node, i + 1, with[i]);
    *(NormalizeAttrs *)node->attrs = (NormalizeAttrs){axis, epsilon, centred};
    return node;
}

static Node *make_layer_norm(const PatternMatch *m) {
    return make_norm(m, true);
}

static Node *make_rms_norm(const PatternMatch *m) {
    return make_norm(m, false);
}

// ReduceMean over both axes of an image.
static Node *make_image_mean(const PatternMatch *m) {
    const Type *x = &pattern_value(m, "x")->type;
    if (x->rank != 4 || !dtype_is_whole_float(x->dtype) || !type_is_static(x) || type_counted_axis(x) >= 0 ||
        !type_count(x) || first_axis(m, 2, true) != 2)
        return NULL;
    Node *node = node_new(m->node[0]->graph, OP_GlobalAveragePool, 1, 1);
    node->in[0] = pattern_value(m, "x");
    return node;
}

// Without the two axes, which a Flatten, a view, takes away.
static Node *make_flat_image_mean(const PatternMatch *m) {
    Node *mean = make_image_mean(m), *root = m->node[0];
    if (!mean)
        return NULL;
    Type type = mean->in[0]->type;
    type.dim[2] = type.dim[3] = dim_const(1);
    mean->loc = root->loc;
    graph_insert_before(root, mean);
    Node *node = node_new(root->graph, OP_Flatten, 1, 1);
    node->in[0] = node_output(mean, 0, root->out[0]->name, type);
    return node;
}

// ---- The pass

static Node *match(Node *root, PatternMatch *m) {
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (pattern_match(forms[i].text, rules, root, m)) {
            Node *node = forms[i].make(m);
            if (node)
                return node;
        }
    return NULL;
}

// The parts have no readers any more; dead-nodes removes what is left of them.
static void apply(const PatternMatch *m, Node *node) {
    Node *root = m->node[0];
    node->loc = root->loc;
    for (int i = 1; i < m->nodes; i++)
        node->loc = loc_join(root->graph->module->arena, node->loc, m->node[i]->loc);
    graph_insert_before(root, node);
    node->out[0] = root->out[0];
    node->out[0]->def = node;
    root->nout = 0;
    for (int i = 0; i < m->nodes; i++)
        node_remove(m->node[i]);
}

// From the end, so that the whole of something is found before its parts.
bool pass_find_composites(PassContext *ctx, Graph *graph) {
    (void)ctx;
    PatternMatch m;
    for (Node *node = graph->last, *before; node; node = before) {
        before = node->prev;
        Node *found = match(node, &m);
        if (!found)
            continue;
        apply(&m, found);
        before = found->prev;
    }
    return true;
}
