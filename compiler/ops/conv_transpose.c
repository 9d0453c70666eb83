// ConvTranspose: each output gathers what reaches it.
//
//     y[n, m, o] = b[m] + sum over c, i, k with i * stride + k * dilation - begin = o of x[n, c, i] * w[c, m, k]
//
// Along an axis i follows from k: it must come out whole and inside the input.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/window.h"

typedef struct Transposed {
    Ptr x, w, b, y;
    Space xs, ws, ys;
    Window window;
    const Act *act;
    int64_t inputs, outputs;  // channels of a group
    DType dtype;
} Transposed;

// What the loops over k have found so far: offsets in x and w.
typedef struct Reached {
    Val x, w;
} Reached;

static void transposed_axis(Emit *e, const Transposed *t, int axis, const Val *o, Reached at, Var acc) {
    if (axis == 3) {
        Val x = load_compute(e, t->x, at.x, 1), w = load_compute(e, t->w, at.w, 1);
        e_set(e, acc, e_fma(e, x, w, e_get(e, acc)));
        return;
    }
    const Window *window = &t->window;
    int64_t stride = window->stride[axis], dilation = window->dilation[axis];
    Val shifted = e_add_const(e, o[axis], window->begin[axis]), by = e_index(e, stride);
    // With dilation 1 the steps that fit are `stride` apart, and the first is the rest of a division.
    bool direct = dilation == 1;
    Val first = direct ? e_rem(e, shifted, by) : e_index(e, 0);
    EMIT_FOR(e, k, first, e_index(e, window->kernel[axis]), direct ? stride : 1) {
        Val way = e_sub(e, shifted, e_mul_const(e, k.i, dilation)), i = e_div(e, way, by);
        Val fits = e_and(e, e_ge(e, way, e_index(e, 0)), e_lt(e, i, e_index(e, window->in[axis])));
        if (!direct && stride > 1)
            fits = e_and(e, fits, e_eq(e, e_rem(e, way, by), e_index(e, 0)));
        EMIT_IF(e, fits) {
            Reached next = {e_add(e, at.x, e_mul_const(e, i, t->xs.step[axis])),
                            e_add(e, at.w, e_mul_const(e, k.i, t->ws.step[axis]))};
            transposed_axis(e, t, axis + 1, o, next, acc);
        }
    }
}

static void transposed_plane(Emit *e, const Transposed *t, Val n, Val m) {
    Val group = e_div(e, m, e_index(e, t->outputs)), own = e_rem(e, m, e_index(e, t->outputs));
    Val channel = e_mul_const(e, group, t->inputs);
    Val x = e_add_const(e, e_add(e, e_mul_const(e, n, t->xs.batch), e_mul_const(e, channel, t->xs.channel)), t->xs.origin);
    Val w = e_add_const(e, e_add(e, e_mul_const(e, channel, t->ws.batch), e_mul_const(e, own, t->ws.channel)),
                        t->ws.origin);
    Val bias = t->b.v ? load_compute(e, t->b, m, 1) : e_zero(e, t->dtype, 1);
    EMIT_TIMES(e, a, t->window.out[0])
        EMIT_TIMES(e, b, t->window.out[1])
            EMIT_TIMES(e, d, t->window.out[2]) {
                Val position[5] = {n, m, a.i, b.i, d.i};
                Var acc = e_var(e, bias);
                EMIT_TIMES(e, c, t->inputs) {
                    Reached at = {e_add(e, x, e_mul_const(e, c.i, t->xs.channel)),
                                  e_add(e, w, e_mul_const(e, c.i, t->ws.batch))};
                    transposed_axis(e, t, 0, position + 2, at, acc);
                }
                store_compute(e, t->y, space_at(e, &t->ys, position), e_act(e, t->act, e_get(e, acc)));
            }
}

static void lower_conv_transpose(Emit *e, const Node *node) {
    const ConvAttrs *attrs = node->attrs;
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t channels = type_size(out, 1);
    Transposed t = {.x = e_in(e, 0), .w = e_in(e, 1), .y = e_out(e, 0), .act = &attrs->act,
                    .xs = space_of(in), .ws = space_of(&node->in[1]->type), .ys = space_of(out),
                    .window = window_three(node), .inputs = type_size(in, 1) / attrs->group,
                    .outputs = type_size(&node->in[1]->type, 1), .dtype = compute_type(in->dtype)};
    if (node_in(node, 2))
        t.b = e_in(e, 2);
    Share share = e_share(e, type_size(out, 0) * channels);
    clear_rim(e, node, share);
    EMIT_FOR(e, u, share.begin, share.end, 1)
        transposed_plane(e, &t, e_div(e, u.i, e_index(e, channels)), e_rem(e, u.i, e_index(e, channels)));
}

const OpImpl impl_ConvTranspose = {.lower = lower_conv_transpose};
