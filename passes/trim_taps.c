// A tap of a filter that only ever meets padding adds zeros: it is cut off. Atrous convolutions whose rate was chosen
// for larger images have such taps:
//
//     %y = Conv(%x, %w)  : f32<1x256x14x14>, 3x3, dilations 18, pads 18      Conv 1x1, %w's middle
//
// Along an axis tap t reads the positions  t * dilation - begin + o * stride  for the outputs o. Those before the first
// tap that touches the image and behind the last one go, with the pads that they needed; so the rim that kernels want
// around the image gets narrower too. Weights must be constant and f32; a pad does not become negative.
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/checked.h"

static bool match(const Node *node) {
    return node->op == OP_Conv && !node->kernel && node->in[1]->data && node->in[1]->type.dtype == DT_F32 &&
           type_is_static(&node->in[0]->type) && type_is_static(&node->out[0]->type);
}

static bool touches(const Window *w, int axis, int64_t tap) {
    int64_t from = tap * w->dilation[axis] - w->begin[axis], to = from + (w->out[axis] - 1) * w->stride[axis];
    return to >= 0 && from < w->in[axis];
}

// Takes taps off both ends of an axis, and returns how many of them at the beginning.
static int64_t trim(Window *w, int axis) {
    int64_t cut = 0, dilation = w->dilation[axis];
    while (w->kernel[axis] > 1 && w->end[axis] >= dilation && !touches(w, axis, w->kernel[axis] - 1)) {
        w->kernel[axis]--;
        w->end[axis] -= dilation;
    }
    while (w->kernel[axis] > 1 && w->begin[axis] >= dilation && !touches(w, axis, 0)) {
        w->kernel[axis]--;
        w->begin[axis] -= dilation;
        cut++;
    }
    return cut;
}

// The taps from `cut` on, as many as `to` has, of a filter of window `from`.
static Value *trimmed_weights(const Node *node, const Window *from, const Window *to, const int64_t *cut) {
    const Value *old = node->in[1];
    Module *module = node->graph->module;
    Type type = old->type;
    for (int i = 0; i < to->n; i++)
        type.dim[2 + i].n = to->kernel[i];
    Floats all;
    value_as_doubles(old, module->arena, &all);
    double *kept = ARENA_ARRAY(module->arena, double, type_count(&type));
    for (int64_t k = 0; k < type_count(&type); k++) {
        int64_t rest = k, at = 0, step = 1;
        for (int i = to->n - 1; i >= 0; i--) {
            at += (rest % to->kernel[i] + cut[i]) * step;
            rest /= to->kernel[i];
            step *= from->kernel[i];
        }
        kept[k] = all.v[rest * step + at];
    }
    return value_doubles(node->graph, arena_printf(module->arena, "%s.trimmed", old->name), type, kept);
}

bool pass_trim_taps(PassContext *ctx, Graph *graph) {
    (void)ctx;
    for (Node *node = graph->first; node; node = node->next) {
        if (!match(node))
            continue;
        Window from = node_window(node), to = from;
        int64_t cut[3];
        for (int i = 0; i < to.n; i++)
            cut[i] = trim(&to, i);
        if (window_taps(&to) == window_taps(&from))
            continue;
        node->in[1] = trimmed_weights(node, &from, &to, cut);
        conv_set_window(node, &to);
    }
    return true;
}
