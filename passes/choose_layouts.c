// Decides how each value lies in memory, and makes the conversions explicit as sqz.Pack and sqz.Unpack.
//
// 1. Forward, node by node: a convolution that a blocked kernel can do leads into blocks of channels; pools,
//    elementwise operators and Concats follow where their inputs are blocked already; everything else reads row-major.
// 2. Rims: each value that a padded convolution reads gets a zeroed rim as wide as its pads, and so do all values that
//    share storage with it (the inputs of a Concat, both sides of a Fire's body).
//
// A conversion is made once for all readers of a value that want the same layout.
#include "codegen/kernel.h"
#include "passes/pass.h"
#include "support/checked.h"

static bool is_blocked(const Value *value) {
    return value->type.layout.kind == LAYOUT_NCHWC;
}

// ---- Conversions

// A node before this one that makes the conversion already, or null. None stands before the value's own node.
static Value *find_converted(OpKind op, const Value *value, const Node *before, const Layout *layout) {
    for (Node *node = before->prev; node && node != value->def; node = node->prev)
        if (node->op == op && node->in[0] == value && node->out[0]->type.layout.kind == layout->kind &&
            node->out[0]->type.layout.block == layout->block)
            return node->out[0];
    return NULL;
}

// The value in another layout, by a node before this one or by one that exists, whose rim then becomes as wide.
static Value *converted(Value *value, Node *before, Layout layout) {
    OpKind op = layout.kind == LAYOUT_ROW_MAJOR && !layout.border ? OP_Unpack : OP_Pack;
    Value *found = find_converted(op, value, before, &layout);
    if (found) {
        found->type.layout.border = (int)max_i64(found->type.layout.border, layout.border);
        return found;
    }
    Node *node = node_new(value->graph, op, 1, 1);
    node->in[0] = value;
    node->loc = before->loc;
    Type type = value->type;
    type.layout = layout;
    graph_insert_before(before, node);
    return node_output(node, 0, value->name, type);
}

static const Layout row_major = {LAYOUT_ROW_MAJOR, 1, 0, 0};

static void unpack_inputs(Node *node) {
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && is_blocked(node->in[i]))
            node->in[i] = converted(node->in[i], node, row_major);
}

static bool is_conv(const Node *node) {
    return node->op == OP_Conv || node->op == OP_ConvTranspose;
}

// ---- Forward

// The layouts that some kernel would like.
static bool liked(const Node *node, const PassContext *ctx, Layout *in, Layout *out) {
    for (int k = 0; k < KERNEL_COUNT; k++) {
        const KernelInfo *info = &kernel_info[k];
        if (info->layouts && kernel_is_allowed(k, node, ctx->strict, ctx->small, ctx->packing != NULL) &&
            info->layouts(node, ctx->target, in, out))
            return true;
    }
    return false;
}

// One that is smaller than the result, as the gates of squeeze-and-excitation are, is read row-major beside it.
static bool follow_elementwise(Node *node) {
    Value *out = node->out[0];
    const Value *leader = NULL;
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && is_blocked(node->in[i]) && type_same_shape(&node->in[i]->type, &out->type))
            leader = node->in[i];
    for (int i = 0; i < node->nin && leader; i++)
        if (node->in[i] && is_blocked(node->in[i]) && !type_same_shape(&node->in[i]->type, &out->type))
            node->in[i] = converted(node->in[i], node, row_major);
    if (leader)
        out->type.layout = leader->type.layout;
    return leader != NULL;
}

// Slices of the channels of one image need each part but the last to fill its blocks.
static bool are_slices(const Type *whole, Value *const *parts, int count, int64_t axis, int block) {
    for (int i = 0; i + 1 < count; i++)
        if (parts[i]->type.dim[1].n % block)
            return false;
    return whole->rank == 4 && (axis == 1 || axis == 1 - 4) && whole->dim[0].n == 1;
}

static bool follow_concat(Node *node) {
    Layout layout = node->in[0]->type.layout;
    for (int i = 0; i < node->nin; i++)
        if (!is_blocked(node->in[i]))
            return false;
    if (!are_slices(&node->out[0]->type, node->in, node->nin, ((const AxisAttrs *)node->attrs)->axis, layout.block))
        return false;
    node->out[0]->type.layout = layout;
    return true;
}

static bool follow_split(Node *node) {
    Layout layout = node->in[0]->type.layout;
    if (!is_blocked(node->in[0]) ||
        !are_slices(&node->in[0]->type, node->out, node->nout, ((const SplitAttrs *)node->attrs)->axis, layout.block))
        return false;
    for (int i = 0; i < node->nout; i++)
        node->out[i]->type.layout = layout;
    return true;
}

// Whether a convolution of few channels gains more from reading them row-major than it costs to unpack them: in a block
// it multiplies the channels that are not there, too. In vectors of a block, the one is a product for each channel, tap
// and block of results, the other about two blocks that are read and written.
static bool unpacking_pays(const Node *node, int block) {
    const Type *weights = &node->in[1]->type;
    int64_t missing = block - weights->dim[1].n, taps = weights->dim[2].n * weights->dim[3].n;
    return node->op == OP_Conv && missing * taps * div_up(weights->dim[0].n, block) > 2 * block;
}

static void lead(Node *node, const PassContext *ctx, Layout in, Layout out) {
    Value *x = node->in[0];
    // Under --strict, since in blocks its terms would come in another order.
    if (in.kind == LAYOUT_ROW_MAJOR && is_blocked(x) && (ctx->strict || unpacking_pays(node, out.block)))
        x = node->in[0] = converted(x, node, row_major);
    bool as_it_is = is_blocked(x) || (in.kind == LAYOUT_ROW_MAJOR && in.border <= x->type.layout.border);
    if (in.kind == LAYOUT_ROW_MAJOR)
        in.block = 1;
    if (!as_it_is) {
        in.border = in.kind == LAYOUT_ROW_MAJOR ? in.border : 0;
        node->in[0] = converted(x, node, in);
    }
    node->out[0]->type.layout = out;
    Value *addend = node_in(node, 3);
    if (addend && !is_blocked(addend))
        node->in[3] = converted(addend, node, out);
}

static void visit(Graph *graph, const PassContext *ctx);

static void visit_fire(Node *node, const PassContext *ctx) {
    for (int i = 0; i < node->nin; i++)
        node->body->inputs.item[i]->type.layout = node->in[i]->type.layout;
    visit(node->body, ctx);
    node->out[0]->type.layout = node->body->outputs.item[0]->type.layout;
}

// The phases of few channels: a block takes them all.
static void lead_phases(Node *node, const Target *target) {
    unpack_inputs(node);
    node->out[0]->type.layout = (Layout){LAYOUT_NCHWC, target->block, 0, 0};
}

static void visit_node(Node *node, const PassContext *ctx) {
    Layout in, out;
    bool elementwise = (op_info[node->op].flags & ELEMENTWISE) || node->op == OP_Map;
    if (node->op == OP_Fire)
        visit_fire(node, ctx);
    else if (node->op == OP_Phases)
        lead_phases(node, ctx->target);
    else if (op_info[node->op].flags & (RECIPE | ANY_LAYOUT))
        return;
    else if (elementwise && follow_elementwise(node))
        return;
    else if ((node->op == OP_Concat && follow_concat(node)) || (node->op == OP_Split && follow_split(node)))
        return;
    else if (liked(node, ctx, &in, &out) && (is_conv(node) || is_blocked(node->in[0])))
        lead(node, ctx, in, out);
    else
        unpack_inputs(node);
}

static void visit(Graph *graph, const PassContext *ctx) {
    for (Node *node = graph->first; node; node = node->next)
        visit_node(node, ctx);
}

// The node that unpacks the value: the one that its readers have, or a new one without an output yet.
static Node *unpack_node(Value *value) {
    for (Node *node = value->def->next; node; node = node->next)
        if (node->op == OP_Unpack && node->in[0] == value)
            return node;
    Node *node = node_new(value->graph, OP_Unpack, 1, 1);
    node->in[0] = value;
    node->loc = value->def->loc;
    graph_insert_after(value->def, node);
    return node;
}

// Users read and write row-major.
static void unpack_outputs(Graph *graph) {
    for (int i = 0; i < graph->outputs.n; i++) {
        Value *value = graph->outputs.item[i];
        if (!is_blocked(value))
            continue;
        Node *def = value->def;
        Type type = value->type;
        Value *inner = value_new(graph, value->name, type);
        value_replace(value, inner);
        inner->def = def;
        for (int k = 0; k < def->nout; k++)
            if (def->out[k] == value)
                def->out[k] = inner;
        Node *node = unpack_node(inner);
        if (node->out[0])
            value_replace(node->out[0], value);
        node->out[0] = value;
        value->def = node;
        value->type.layout = row_major;
        graph->outputs.item[i] = value;
    }
}

// ---- Rims

static bool widen(Value *value, int border) {
    if (value->type.layout.border >= border)
        return false;
    value->type.layout.border = border;
    return true;
}

static bool equalise(Value *a, Value *b) {
    if (!is_blocked(a) || !is_blocked(b))
        return false;
    bool first = widen(a, b->type.layout.border);
    return widen(b, a->type.layout.border) || first;
}

static bool spread_rims(Graph *graph, const PassContext *ctx);

static bool spread_over(Node *node, const PassContext *ctx) {
    Layout in, out;
    bool changed = false;
    if (is_conv(node) && is_blocked(node->in[0]) && liked(node, ctx, &in, &out))
        changed = widen(node->in[0], in.border);
    if (node->op == OP_Conv && node_in(node, 3))
        changed |= equalise(node->in[3], node->out[0]);
    if (node->op == OP_Concat)
        for (int i = 0; i < node->nin; i++)
            changed |= equalise(node->in[i], node->out[0]);
    if (node->op == OP_Split)
        for (int i = 0; i < node->nout; i++)
            changed |= equalise(node->out[i], node->in[0]);
    if (node->op == OP_Fire) {
        for (int i = 0; i < node->nin; i++)
            changed |= equalise(node->in[i], node->body->inputs.item[i]);
        changed |= equalise(node->out[0], node->body->outputs.item[0]);
        changed |= spread_rims(node->body, ctx);
    }
    return changed;
}

static bool spread_rims(Graph *graph, const PassContext *ctx) {
    bool changed = false;
    for (Node *node = graph->first; node; node = node->next)
        changed |= spread_over(node, ctx);
    return changed;
}

bool pass_choose_layouts(PassContext *ctx, Graph *graph) {
    visit(graph, ctx);
    unpack_outputs(graph);
    while (spread_rims(graph, ctx))
        continue;
    return true;
}
