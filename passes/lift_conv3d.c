// A convolution along three axes becomes one of two, which the fast kernels are for. Where filters see one pixel of
// each slice, height and width are one axis, and everything is a view:
//
//     %y = Conv(%x, %w)  : f32<1x64x8x28x28>, 3x1x1    Reshape 1x64x8x784, Conv 3x1, Reshape
//
// Else the slices that a result reads lie side by side as channels, and slices of the result are a batch:
//
//     %y = Conv(%x, %w)  : f32<1x16x8x28x28>, 3x3x3    %t = Transpose(%x)     : f32<1x8x16x28x28>
//          depth 8, pads 1                             %p = Pad(%t)           : f32<1x10x16x28x28>
//                                                      %g = Gather(%p, ...)   : f32<1x24x16x28x28>   0 1 2 1 2 3 2 3 4
//                                                      ... %c = Conv(%g', %w')    : f32<8x32x28x28>, 3x3 over 48
//                                                      channels %y = Transpose(%c')
//
// The copies are as many as the filter is deep, so that pays for products of many channels, and for sizes that are no
// burden on the workspace. Weights must be constant, since theirs are put in that order here; types must be known and
// f32.
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/checked.h"

enum { LEAST_OUTPUTS = 8, MOST_BYTES = 1 << 26 };

static bool is_volume(const Value *value) {
    return value->type.rank == 5 && value->type.dtype == DT_F32 && type_is_static(&value->type);
}

static bool match(const Node *node) {
    return node->op == OP_Conv && !node->kernel && node->nin <= 3 && is_volume(node->in[0]) &&
           is_volume(node->out[0]) && node->in[1]->data && is_volume(node->in[1]);
}

static bool sees_points(const Window *w) {
    for (int i = 1; i < 3; i++)
        if (w->kernel[i] != 1 || w->stride[i] != 1 || w->begin[i] || w->end[i])
            return false;
    return true;
}

// Elements of what lies side by side are bounded; a filter of one group with channels enough.
static bool stacks(const Node *node, const Window *w) {
    const Type *x = &node->in[0]->type;
    int64_t bytes = sizeof(float);
    bool fits = checked_mul(bytes, type_count(x), &bytes) && checked_mul(bytes, w->kernel[0], &bytes) &&
                checked_mul(bytes, w->out[0], &bytes) && bytes / w->in[0] <= MOST_BYTES;
    return fits && ((const ConvAttrs *)node->attrs)->group == 1 && node->out[0]->type.dim[1].n >= LEAST_OUTPUTS;
}

// Axes 1 and 2 change places.
static Value *turned(Node *where, Value *x) {
    static const int64_t perm[5] = {0, 2, 1, 3, 4};
    return transpose_before(where, x, ints_copy(where->graph->module->arena, perm, 5));
}

// Zero slices before and behind the others.
static Value *padded(Node *where, Value *x, const Window *w) {
    int64_t pads[10] = {[1] = w->begin[0], [6] = w->end[0]};
    if (!w->begin[0] && !w->end[0])
        return x;
    Type type = x->type;
    type.dim[1].n += w->begin[0] + w->end[0];
    return node_before(where, OP_Pad, x, value_int64s(where->graph, "pads", pads, 10), type);
}

// The slices that each slice of the result reads, as channels: (N, D, C, H, W) to (N * out, depth * C, H, W).
static Value *stacked(Node *where, Value *x, const Window *w) {
    int64_t count = w->out[0] * w->kernel[0];
    int64_t *index = ARENA_ARRAY(where->graph->module->arena, int64_t, count);
    for (int64_t i = 0; i < count; i++)
        index[i] = i / w->kernel[0] * w->stride[0] + i % w->kernel[0] * w->dilation[0];
    Type type = x->type;
    type.dim[1].n = count;
    if (count != x->type.dim[1].n || w->kernel[0] > 1 || w->stride[0] > 1) {
        x = node_before(where, OP_Gather, x, value_int64s(where->graph, "slices", index, (int)count), type);
        ((AxisAttrs *)x->def->attrs)->axis = 1;
    }
    int64_t size[4] = {type.dim[0].n * w->out[0], w->kernel[0] * type.dim[2].n, type.dim[3].n, type.dim[4].n};
    return reshape_before(where, x, 4, size);
}

// (M, C, depth, h, w) as (M, depth * C, h, w)
static Value *stacked_weights(const Node *node) {
    const Value *old = node->in[1];
    Arena *arena = node->graph->module->arena;
    const Dim *dim = old->type.dim;
    int64_t channels = dim[1].n, depth = dim[2].n, taps = dim[3].n * dim[4].n;
    int64_t size[4] = {dim[0].n, depth * channels, dim[3].n, dim[4].n};
    Type type = type_make(DT_F32, 4, size);
    Floats from;
    value_as_doubles(old, arena, &from);
    double *to = ARENA_ARRAY(arena, double, type_count(&type));
    for (int64_t k = 0; k < type_count(&type); k++) {
        int64_t tap = k % taps, c = k / taps % channels, d = k / taps / channels % depth,
                m = k / taps / channels / depth;
        to[k] = from.v[((m * channels + c) * depth + d) * taps + tap];
    }
    return value_doubles(node->graph, arena_printf(arena, "%s.stacked", old->name), type, to);
}

// The node's window is now that of these two axes of the old one.
static void keep_axes(Node *node, const Window *w, int first, int second) {
    const int axis[2] = {first, second};
    Window two = {.n = 2};
    for (int i = 0; i < 2; i++) {
        two.kernel[i] = w->kernel[axis[i]];
        two.stride[i] = w->stride[axis[i]];
        two.dilation[i] = w->dilation[axis[i]];
        two.begin[i] = w->begin[axis[i]];
        two.end[i] = w->end[axis[i]];
    }
    conv_set_window(node, &two);
}

// Makes `out`, which the node had, of its new output: as it lies in memory, or from (N, depth, M, h, w).
static void restore(Node *node, Value *out, bool turns) {
    const Dim *dim = out->type.dim;
    int64_t size[5] = {dim[0].n, dim[turns ? 2 : 1].n, dim[turns ? 1 : 2].n, dim[3].n, dim[4].n};
    Node *mark = node_new(node->graph, OP_Identity, 1, 1);  // stands for the reader, until `out` is made
    graph_insert_after(node, mark);
    mark->out[0] = out;
    mark->loc = node->loc;
    Value *made = reshape_before(mark, node->out[0], 5, size);
    if (turns)
        made = turned(mark, made);
    made->def->out[0] = out;
    out->def = made->def;
    mark->nout = 0;
    node_remove(mark);
}

static void flatten(Node *node, const Window *w) {
    Value *out = node->out[0];
    const Type *x = &node->in[0]->type, *filter = &node->in[1]->type;
    int64_t size[4] = {x->dim[0].n, x->dim[1].n, x->dim[2].n, x->dim[3].n * x->dim[4].n};
    int64_t taps[4] = {filter->dim[0].n, filter->dim[1].n, filter->dim[2].n, 1};
    node->in[0] = reshape_before(node, node->in[0], 4, size);
    node->in[1] = value_constant_like(node->graph, node->in[1], type_make(DT_F32, 4, taps));
    keep_axes(node, w, 0, 1);
    int64_t result[4] = {size[0], out->type.dim[1].n, w->out[0], size[3]};
    node_output(node, 0, out->name, type_make(DT_F32, 4, result));
    restore(node, out, false);
}

static void stack(Node *node, const Window *w) {
    Value *out = node->out[0];
    node->in[0] = stacked(node, padded(node, turned(node, node->in[0]), w), w);
    node->in[1] = stacked_weights(node);
    keep_axes(node, w, 1, 2);
    int64_t result[4] = {node->in[0]->type.dim[0].n, out->type.dim[1].n, w->out[1], w->out[2]};
    node_output(node, 0, out->name, type_make(DT_F32, 4, result));
    restore(node, out, true);
}

bool pass_lift_conv3d(PassContext *ctx, Graph *graph) {
    (void)ctx;
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        if (!match(node))
            continue;
        Window window = node_window(node);
        if (sees_points(&window))
            flatten(node, &window);
        else if (stacks(node, &window))
            stack(node, &window);
    }
    return true;
}
