// A ConvTranspose of stride 1 is a Conv with the filter turned around, which has more kernels:
//
//     y[o] = sum over k of x[o + begin - k * d] w[k]  =  sum over k of x[o + k * d - begin'] w[K - 1 - k]
//
// where begin' = (K - 1) * d - begin. Weights must be constant, and f32 for the kernels; a pad wider than the filter
// reaches would become a negative one, so such nodes stay. In a group inputs and outputs change places.
#include "ir/infer.h"
#include "passes/pass.h"
#include "support/checked.h"

typedef struct Flipped {
    int n;
    int64_t pads[2 * 3];  // of the Conv
} Flipped;

static bool match(const Node *node, Flipped *flipped) {
    if (node->op != OP_ConvTranspose || node->kernel || !node->in[1]->data || node->in[1]->type.dtype != DT_F32 ||
        !type_is_static(&node->in[0]->type) || !type_is_static(&node->out[0]->type))
        return false;
    Window window = node_window(node);
    flipped->n = window.n;
    for (int i = 0; i < window.n; i++) {
        int64_t reach = (window.kernel[i] - 1) * window.dilation[i], begin = reach - window.begin[i];
        int64_t end = window.out[i] - window.in[i] - begin + reach;
        if (window.stride[i] != 1 || begin < 0 || end < 0)
            return false;
        flipped->pads[i] = begin;
        flipped->pads[window.n + i] = end;
    }
    return true;
}

// (C, M / group, taps) as (M, C / group, taps), the taps in reverse.
static Value *flip_weights(const Node *node) {
    const Value *old = node->in[1];
    Module *module = node->graph->module;
    Type type = old->type;
    int64_t group = ((const ConvAttrs *)node->attrs)->group, ins = old->type.dim[0].n / group,
            outs = old->type.dim[1].n;
    type.dim[0].n = outs * group;
    type.dim[1].n = ins;
    int64_t count = type_count(&type), taps = count / max_i64(ins * outs * group, 1);
    Floats from;
    value_as_doubles(old, module->arena, &from);
    double *to = ARENA_ARRAY(module->arena, double, count);
    for (int64_t k = 0; k < count; k++) {
        int64_t tap = k % taps, in = k / taps % ins, out = k / (taps * ins);
        int64_t filter = (out / outs * ins + in) * outs + out % outs;
        to[k] = from.v[filter * taps + taps - 1 - tap];
    }
    return value_doubles(node->graph, arena_printf(module->arena, "%s.flipped", old->name), type, to);
}

static void apply(Node *node, const Flipped *flipped) {
    ConvAttrs *attrs = node->attrs;
    node->in[1] = flip_weights(node);
    node->op = OP_Conv;
    attrs->auto_pad = AUTO_PAD_NOTSET;
    attrs->output_padding = attrs->output_shape = (Ints){0};
    attrs->pads = ints_copy(node->graph->module->arena, flipped->pads, 2 * flipped->n);
}

bool pass_flip_transposed(PassContext *ctx, Graph *graph) {
    (void)ctx;
    for (Node *node = graph->first; node; node = node->next) {
        Flipped flipped;
        if (match(node, &flipped))
            apply(node, &flipped);
    }
    return true;
}
