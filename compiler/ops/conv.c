// Conv, 1-D to 3-D:
//
//     y[n, m, o] = act(b[m] + r[n, m, o] + sum over c, k of x[n, c, o * stride - begin + k * dilation] * w[m, c, k])
//
// or, with a pool, its largest or average result in each window of the pool, whose results are computed as often as
// they are seen. With act_first, r is added behind the activation. Terms are added up in the order of codegen/order.h.
// Padding is never read, but its zeros are multiplied. Channels of a group see the inputs of that group.
#include "ops/conv.h"

#include "codegen/lower.h"
#include "codegen/order.h"
#include "ops/copy.h"
#include "ops/reduce.h"

static Conv conv_of(Emit *e, const Node *node) {
    const ConvAttrs *attrs = node->attrs;
    Conv conv = {.x = e_in(e, 0), .w = e_in(e, 1), .y = e_out(e, 0), .act = &attrs->act, .act_first = attrs->act_first};
    conv.xs = space_of(&node->in[0]->type);
    conv.ws = space_of(&node->in[1]->type);
    conv.ys = space_of(&node->out[0]->type);
    conv.window = window_three(node_window(node));
    conv.channels = type_size(&node->out[0]->type, 1);
    conv.inputs = type_size(&node->in[1]->type, 1);
    conv.outputs = conv.channels / attrs->group;
    conv.dtype = compute_type(node->out[0]->type.dtype);
    if (node_in(node, 2))
        conv.b = e_in(e, 2);
    if (node_in(node, 3)) {
        conv.r = e_in(e, 3);
        conv.rs = space_of(&node->in[3]->type);
    }
    return conv;
}

Val conv_input(Emit *e, const Conv *conv, Val n, Val m) {
    Val group = e_div(e, m, e_index(e, conv->outputs));
    Val channel = e_mul_const(e, e_mul_const(e, group, conv->inputs), conv->xs.channel);
    return e_add_const(e, e_add(e, e_mul_const(e, n, conv->xs.batch), channel), conv->xs.origin);
}

Val conv_weights(Emit *e, const Conv *conv, Val m) {
    return e_add_const(e, e_mul_const(e, m, conv->ws.batch), conv->ws.origin);
}

Val conv_bias(Emit *e, const Conv *conv, Val m) {
    return conv->b.v ? load_compute(e, conv->b, m, 1) : e_zero(e, conv->dtype, 1);
}

Val conv_result(Emit *e, const Conv *conv, const Val *position, Val sum) {
    if (conv->r.v || conv->act->kind != ACT_NONE)
        sum = e_settle(e, sum, conv->y.dtype);
    Val addend = {0};
    if (conv->r.v)
        addend = load_compute(e, conv->r, space_at(e, &conv->rs, position), sum.lanes);
    if (addend.v && !conv->act_first)
        sum = e_add(e, sum, addend);
    sum = e_act(e, conv->act, sum);
    return addend.v && conv->act_first ? e_add(e, sum, addend) : sum;
}

void conv_store(Emit *e, const Conv *conv, const Val *position, Val sum) {
    store_compute(e, conv->y, space_at(e, &conv->ys, position), conv_result(e, conv, position, sum));
}

// Whether windows reach into the padding along an axis.
static bool is_padded(const Window *w, int axis) {
    int64_t last = (w->out[axis] - 1) * w->stride[axis] - w->begin[axis] + (w->kernel[axis] - 1) * w->dilation[axis];
    return w->begin[axis] > 0 || last >= w->in[axis];
}

// The terms of `count` channels from `first` on.
static void block_terms(Emit *e, const Terms *t, Val first, int64_t count, TermBody body, void *arg) {
    const Conv *conv = t->conv;
    const Window *window = &conv->window;
    EMIT_TIMES(e, i, window->kernel[0])
        EMIT_TIMES(e, j, window->kernel[1])
            EMIT_TIMES(e, k, window->kernel[2]) {
                Val tap[3] = {i.i, j.i, k.i}, x = t->x, w = t->w, inside = {0};
                for (int axis = 0; axis < 3; axis++) {
                    Val position = e_add(e, t->start[axis], e_mul_const(e, tap[axis], window->dilation[axis]));
                    if (is_padded(window, axis) && !(axis == 2 && t->row_inside)) {
                        Val last = e_index(e, window->in[axis] - 1);
                        Val near = e_max(e, e_index(e, 0), e_min(e, position, last)), is = e_eq(e, position, near);
                        inside = inside.v ? e_and(e, inside, is) : is;
                        position = near;
                    }
                    x = e_add(e, x, e_mul_const(e, position, conv->xs.step[axis]));
                    w = e_add(e, w, e_mul_const(e, tap[axis], conv->ws.step[axis]));
                }
                EMIT_TIMES(e, c, count) {
                    Val channel = e_add(e, first, c.i);
                    body(e, arg, e_add(e, x, e_mul_const(e, channel, conv->xs.channel)),
                         e_add(e, w, e_mul_const(e, channel, conv->ws.channel)), inside);
                }
            }
}

void conv_terms(Emit *e, const Terms *t, TermBody body, void *arg) {
    const Conv *conv = t->conv;
    int64_t block = order_channels(conv->inputs, e_target(e)), whole = conv->inputs / block;
    if (product(conv->window.in, 3) == 0)
        return;
    EMIT_TIMES(e, b, whole)
        block_terms(e, t, e_mul_const(e, b.i, block), block, body, arg);
    if (conv->inputs % block)
        block_terms(e, t, e_index(e, whole * block), conv->inputs % block, body, arg);
}

Val conv_total(Emit *e, const Conv *conv, Val sum) {
    bool lacks = conv->inputs % order_channels(conv->inputs, e_target(e));
    return lacks ? e_add(e, sum, e_zero(e, sum.dtype, sum.lanes)) : sum;
}

typedef struct Pixel {
    const Conv *conv;
    Var acc;
} Pixel;

static void pixel_term(Emit *e, void *arg, Val x, Val w, Val inside) {
    const Pixel *pixel = arg;
    const Conv *conv = pixel->conv;
    Val xv = e_cast(e, conv->dtype, load_compute(e, conv->x, x, 1));
    Val wv = e_cast(e, conv->dtype, load_compute(e, conv->w, w, 1));
    if (inside.v)
        xv = e_select(e, inside, xv, e_zero(e, xv.dtype, 1));
    e_set(e, pixel->acc, e_fma(e, xv, wv, e_get(e, pixel->acc)));
}

static Val pixel_sum(Emit *e, const Conv *conv, const Val *position) {
    Pixel pixel = {conv, e_var(e, conv_bias(e, conv, position[1]))};
    Terms terms = {
        .conv = conv, .x = conv_input(e, conv, position[0], position[1]), .w = conv_weights(e, conv, position[1])};
    for (int i = 0; i < 3; i++)
        terms.start[i] = window_reach(e, &conv->window, i, position[2 + i]).start;
    conv_terms(e, &terms, pixel_term, &pixel);
    return conv_total(e, conv, e_get(e, pixel.acc));
}

void conv_pixel(Emit *e, const Conv *conv, const Val *position) {
    conv_store(e, conv, position, pixel_sum(e, conv, position));
}

// One element of the pool over the results. Maxima ignore NaN, as MaxPool's do; averages are of what lies inside.
static void pooled_pixel(Emit *e, const Conv *conv, const Window *pool, bool average, const Val *position) {
    Reach reach[3];
    Val count = e_index(e, 1);
    for (int i = 0; i < 3; i++) {
        reach[i] = window_reach(e, pool, i, position[2 + i]);
        count = e_mul(e, count, e_sub(e, reach[i].high, reach[i].low));
    }
    Var best = e_var(e, e_number(e, conv->dtype, average ? 0 : lowest_of(conv->dtype)));
    EMIT_FOR(e, i, reach[0].low, reach[0].high, 1)
        EMIT_FOR(e, j, reach[1].low, reach[1].high, 1)
            EMIT_FOR(e, k, reach[2].low, reach[2].high, 1) {
                Val at[5] = {position[0], position[1], e_add(e, reach[0].start, i.i), e_add(e, reach[1].start, j.i),
                             e_add(e, reach[2].start, k.i)};
                Val result = conv_result(e, conv, at, pixel_sum(e, conv, at)), before = e_get(e, best);
                e_set(e, best, average ? e_add(e, before, result) : e_max(e, result, before));
            }
    Val result = e_get(e, best);
    if (average)
        result = e_div(e, result, e_cast(e, conv->dtype, count));
    store_compute(e, conv->y, space_at(e, &conv->ys, position), result);
}

static void conv_plane(Emit *e, const Conv *conv, const Node *node, Val n, Val m) {
    bool pools = node_pools(node), average = ((const ConvAttrs *)node->attrs)->pool.kind == CONV_POOL_AVERAGE;
    Window pool = pools ? window_three(node_pool_window(node)) : conv->window;
    EMIT_TIMES(e, i, pool.out[0])
        EMIT_TIMES(e, j, pool.out[1])
            EMIT_TIMES(e, k, pool.out[2]) {
                Val position[5] = {n, m, i.i, j.i, k.i};
                if (pools)
                    pooled_pixel(e, conv, &pool, average, position);
                else
                    conv_pixel(e, conv, position);
            }
}

static void lower_conv(Emit *e, const Node *node) {
    Conv conv = conv_of(e, node);
    if (e_fast(e) && !node_pools(node)) {
        conv_rows(e, &conv, node);
        return;
    }
    Share share = e_share(e, type_size(&node->out[0]->type, 0) * conv.channels);
    clear_rim(e, node, share);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val channels = e_index(e, conv.channels);
        conv_plane(e, &conv, node, e_div(e, u.i, channels), e_rem(e, u.i, channels));
    }
}

const OpImpl impl_Conv = {.lower = lower_conv};
