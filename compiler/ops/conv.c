// Conv, 1-D to 3-D: y[n, m, o] = act(b[m] + r[n, m, o] + sum over c, k of x[n, c, o * stride - begin + k * dilation] * w[m, c, k]).
//
// The window is clipped to the input, so padding is never read. Channels of a group see the inputs of that group.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/window.h"

typedef struct Conv {
    Ptr x, w, b, r, y;  // b and r (a sum from elsewhere, added before the activation) may be null
    Space xs, ws, rs, ys;
    Window window;
    const Act *act;
    int64_t inputs, outputs;  // channels of a group
    int64_t channels;         // of the output
    DType dtype;
} Conv;

static Conv conv_of(Emit *e, const Node *node) {
    const ConvAttrs *attrs = node->attrs;
    Conv conv = {.x = e_in(e, 0), .w = e_in(e, 1), .y = e_out(e, 0), .act = &attrs->act};
    conv.xs = space_of(&node->in[0]->type);
    conv.ws = space_of(&node->in[1]->type);
    conv.ys = space_of(&node->out[0]->type);
    conv.window = window_three(node);
    conv.channels = type_size(&node->out[0]->type, 1);
    conv.inputs = type_size(&node->in[1]->type, 1);
    conv.outputs = conv.channels / attrs->group;
    conv.dtype = compute_type(node->in[0]->type.dtype);
    if (node_in(node, 2))
        conv.b = e_in(e, 2);
    if (node_in(node, 3)) {
        conv.r = e_in(e, 3);
        conv.rs = space_of(&node->in[3]->type);
    }
    return conv;
}

// The offset of window step k, and of the input there, on one axis.
static Val input_step(Emit *e, const Conv *conv, int axis, const Reach *reach, Val k) {
    Val position = e_add(e, reach->start, e_mul_const(e, k, conv->window.dilation[axis]));
    return e_mul_const(e, position, conv->xs.step[axis]);
}

// The sum over the window, from `acc` on; x and w are offsets of this batch and group.
static void window_sum(Emit *e, const Conv *conv, const Val *o, Val x, Val w, Var acc) {
    Reach reach[3];
    for (int i = 0; i < 3; i++)
        reach[i] = window_reach(e, &conv->window, i, o[i]);
    EMIT_TIMES(e, c, conv->inputs) {
        Val xc = e_add(e, x, e_mul_const(e, c.i, conv->xs.channel));
        Val wc = e_add(e, w, e_mul_const(e, c.i, conv->ws.channel));
        EMIT_FOR(e, a, reach[0].low, reach[0].high, 1) {
            Val xa = e_add(e, xc, input_step(e, conv, 0, &reach[0], a.i));
            Val wa = e_add(e, wc, e_mul_const(e, a.i, conv->ws.step[0]));
            EMIT_FOR(e, b, reach[1].low, reach[1].high, 1) {
                Val xb = e_add(e, xa, input_step(e, conv, 1, &reach[1], b.i));
                Val wb = e_add(e, wa, e_mul_const(e, b.i, conv->ws.step[1]));
                EMIT_FOR(e, d, reach[2].low, reach[2].high, 1) {
                    Val xv = load_compute(e, conv->x, e_add(e, xb, input_step(e, conv, 2, &reach[2], d.i)), 1);
                    Val wv = load_compute(e, conv->w, e_add(e, wb, e_mul_const(e, d.i, conv->ws.step[2])), 1);
                    e_set(e, acc, e_fma(e, xv, wv, e_get(e, acc)));
                }
            }
        }
    }
}

static void conv_plane(Emit *e, const Conv *conv, Val n, Val m) {
    Val group = e_div(e, m, e_index(e, conv->outputs));
    Val channel = e_mul_const(e, e_mul_const(e, group, conv->inputs), conv->xs.channel);
    Val x = e_add_const(e, e_add(e, e_mul_const(e, n, conv->xs.batch), channel), conv->xs.origin);
    Val w = e_add_const(e, e_mul_const(e, m, conv->ws.batch), conv->ws.origin);
    Val bias = conv->b.v ? load_compute(e, conv->b, m, 1) : e_zero(e, conv->dtype, 1);
    EMIT_TIMES(e, a, conv->window.out[0])
        EMIT_TIMES(e, b, conv->window.out[1])
            EMIT_TIMES(e, d, conv->window.out[2]) {
                Val position[5] = {n, m, a.i, b.i, d.i};
                Var acc = e_var(e, bias);
                window_sum(e, conv, position + 2, x, w, acc);
                Val sum = e_get(e, acc);
                if (conv->r.v)
                    sum = e_add(e, sum, load_compute(e, conv->r, space_at(e, &conv->rs, position), 1));
                store_compute(e, conv->y, space_at(e, &conv->ys, position), e_act(e, conv->act, sum));
            }
}

static void lower_conv(Emit *e, const Node *node) {
    Conv conv = conv_of(e, node);
    Share share = e_share(e, type_size(&node->out[0]->type, 0) * conv.channels);
    clear_rim(e, node, share);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val channels = e_index(e, conv.channels);
        conv_plane(e, &conv, e_div(e, u.i, channels), e_rem(e, u.i, channels));
    }
}

const OpImpl impl_Conv = {.lower = lower_conv};
