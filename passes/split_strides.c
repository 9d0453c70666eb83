// A convolution of stride 2 as one of stride 1 over the four phases of its input (every second row and column):
//
//     y[p] = sum over u of x[2 p + u - P] w[u]  =  sum over b, a of x_b[p + a - P'] w[2 a + b - d]
//
// where x_b[i] = x[2 i + b], P' = (P + d) / 2, and d = 1 makes P + d even. The filter has half as many taps in each
// direction over four times as many channels, and Winograd's algorithm, which needs stride 1, applies. It gains for the
// large filters over few channels with which networks begin; smaller filters have too few taps left.
//
// A 1x1 filter sees one phase only. Where it has many outputs for each input, that phase is copied, by an average over
// one pixel, and the convolution has stride 1: its tiles then pass over the ends of rows, and Strassen's algorithm
// applies.
#include "ir/infer.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/checked.h"

enum { LEAST_TAPS = 5, MOST_TAPS = 9, MOST_CHANNELS = 8 };
enum { LEAST_CHANNELS = 256 };  // in and out, that hide a copy of the input

typedef struct Axis {
    int64_t taps, shift, begin, end;  // of the new filter; shift is d
} Axis;

static bool split_axis(const Window *window, int axis, Axis *split) {
    int64_t shift = window->begin[axis] % 2, in = div_up(window->in[axis], 2);
    *split = (Axis){
        .shift = shift, .taps = div_up(window->kernel[axis] + shift, 2), .begin = (window->begin[axis] + shift) / 2};
    split->end = window->out[axis] - in - split->begin + split->taps - 1;
    return split->end >= 0 && window->stride[axis] == 2 && window->dilation[axis] == 1 &&
           window->kernel[axis] >= LEAST_TAPS && window->kernel[axis] <= MOST_TAPS;
}

static bool is_plain(const Node *node) {
    if (node->op != OP_Conv || node_pools(node) || !node->in[1]->data ||
        ((const ConvAttrs *)node->attrs)->group != 1 || ((const ConvAttrs *)node->attrs)->exact)
        return false;
    const Type *x = &node->in[0]->type;
    return x->dtype == DT_F32 && x->rank == 4 && type_is_static(x);
}

static bool match(const Node *node, Axis split[2]) {
    if (!is_plain(node) || node_in(node, 3) || node->in[0]->type.dim[1].n > MOST_CHANNELS)
        return false;
    Window window = node_window(node);
    return split_axis(&window, 0, &split[0]) && split_axis(&window, 1, &split[1]) && split[0].taps == split[1].taps;
}

// The weights of the phases: O x 4 C x taps x taps.
static Value *split_weights(Node *node, const Axis split[2]) {
    const Value *old = node->in[1];
    Module *module = node->graph->module;
    int64_t channels = old->type.dim[1].n, high = old->type.dim[2].n, wide = old->type.dim[3].n;
    int64_t dims[4] = {old->type.dim[0].n, 4 * channels, split[0].taps, split[1].taps};
    Type type = type_make(DT_F32, 4, dims);
    Floats from;
    value_as_doubles(old, module->arena, &from);
    double *to = ARENA_ARRAY(module->arena, double, type_count(&type));
    for (int64_t k = 0; k < type_count(&type); k++) {
        int64_t a = k / dims[3] % dims[2], b = k % dims[3], channel = k / (dims[3] * dims[2]) % dims[1];
        int64_t phase = channel / channels, out = k / (dims[3] * dims[2] * dims[1]);
        int64_t v = 2 * a + phase / 2 - split[0].shift, u = 2 * b + phase % 2 - split[1].shift;
        if (v >= 0 && v < high && u >= 0 && u < wide)
            to[k] = from.v[((out * channels + channel % channels) * high + v) * wide + u];
    }
    return value_doubles(node->graph, arena_printf(module->arena, "%s.phases", old->name), type, to);
}

static bool apply(PassContext *ctx, Node *node, const Axis split[2]) {
    Arena *arena = ctx->module->arena;
    Node *phases = node_new(node->graph, OP_Phases, 1, 1);
    phases->in[0] = node->in[0];
    phases->loc = node->loc;
    Infer infer = {.arena = ctx->scratch, .diag = ctx->diag};
    Type type;
    if (!infer_node(&infer, phases, &type))
        return false;
    graph_insert_before(node, phases);
    node->in[1] = split_weights(node, split);
    node->in[0] = node_output(phases, 0, arena_printf(arena, "%s.phases", phases->in[0]->name), type);
    ConvAttrs *attrs = node->attrs;
    attrs->auto_pad = AUTO_PAD_NOTSET;
    attrs->kernel_shape = ints_copy(arena, (int64_t[]){split[0].taps, split[1].taps}, 2);
    attrs->strides = ints_copy(arena, (int64_t[]){1, 1}, 2);
    attrs->pads = ints_copy(arena, (int64_t[]){split[0].begin, split[1].begin, split[0].end, split[1].end}, 4);
    return true;
}

// ---- One phase

static bool is_thinning(const Node *node) {
    if (!is_plain(node) || node->in[0]->type.dim[1].n < LEAST_CHANNELS || node->out[0]->type.dim[1].n < LEAST_CHANNELS)
        return false;
    Window window = node_window(node);
    return all_are(window.kernel, 1) && all_are(window.stride, 2) && all_are(window.begin, 0) && all_are(window.end, 0);
}

// An earlier one of another convolution, or null.
static Value *find_phase(const Node *conv) {
    const Value *x = conv->in[0];
    for (const Node *node = x->def ? x->def->next : conv->graph->first; node != conv; node = node->next) {
        if (node->op != OP_AveragePool || node->in[0] != x)
            continue;
        Window window = node_window(node);
        const Dim *y = node->out[0]->type.dim, *want = conv->out[0]->type.dim;
        if (all_are(window.kernel, 1) && all_are(window.stride, 2) && all_are(window.begin, 0) &&
            y[2].n == want[2].n && y[3].n == want[3].n)
            return node->out[0];
    }
    return NULL;
}

static Value *phase_before(Node *conv) {
    Arena *arena = conv->graph->module->arena;
    Type type = conv->out[0]->type;
    type.dim[1] = conv->in[0]->type.dim[1];
    Value *phase = node_before(conv, OP_AveragePool, conv->in[0], NULL, type);
    PoolAttrs *attrs = phase->def->attrs;
    attrs->kernel_shape = ints_copy(arena, (int64_t[]){1, 1}, 2);
    attrs->strides = ints_copy(arena, (int64_t[]){2, 2}, 2);
    return phase;
}

static void thin(Node *conv) {
    Value *phase = find_phase(conv);
    Window window = node_window(conv);
    conv->in[0] = phase ? phase : phase_before(conv);
    window.stride[0] = window.stride[1] = 1;
    conv_set_window(conv, &window);
}

bool pass_split_strides(PassContext *ctx, Graph *graph) {
    if (ctx->small)  // it pays by inexact kernels, whose weights are larger
        return true;
    for (Node *node = graph->first; node; node = node->next) {
        Axis split[2];
        if (match(node, split) && !apply(ctx, node, split))
            return false;
        if (is_thinning(node))
            thin(node);
    }
    return true;
}
