// DeformConv: a convolution whose window steps lie where offsets say, between pixels.
//
//     y[n, m, i, j] = b[m] + sum over c, k of w[m, c, k] mask[n, g, k, i, j] x[n, c, p]
//     p = (i, j) * stride - begin + k * dilation + offset[n, g, k, :, i, j],      g = c / (channels of an offset group)
//
// x at p is the weighted mean of its four neighbours; those outside of the image count as 0. For a row of results the
// samples are written to scratch, a row for each channel and window step, and multiplied by the weights in vectors.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/window.h"
#include "support/checked.h"

enum { CHANNELS = 4 };  // output channels of a tile

typedef struct Deform {
    const Node *node;
    DType dtype;
    Window window;
    int64_t channels, groups, per_group, outputs, taps;  // of the input; offset groups; of a group: inputs, outputs
    int64_t x[4], w[4], offset[4], mask[4], y[4];
    int64_t x_origin, w_origin, offset_origin, mask_origin, y_origin;
    int64_t group;
    Ptr columns;
    Val n, i;
} Deform;

// The two neighbours along an axis.
typedef struct Neighbours {
    Val at[2], weight[2], inside[2];
} Neighbours;

static Deform deform_of(const Node *node) {
    const DeformAttrs *attrs = node->attrs;
    Deform d = {.node = node, .dtype = compute_type(node->in[0]->type.dtype), .window = node_window(node)};
    d.x_origin = type_steps(&node->in[0]->type, d.x);
    d.w_origin = type_steps(&node->in[1]->type, d.w);
    d.offset_origin = type_steps(&node->in[2]->type, d.offset);
    d.mask_origin = node_in(node, 4) ? type_steps(&node->in[4]->type, d.mask) : 0;
    d.y_origin = type_steps(&node->out[0]->type, d.y);
    d.channels = type_size(&node->in[0]->type, 1);
    d.group = attrs->conv.group;
    d.groups = attrs->offset_group;
    d.per_group = type_size(&node->in[1]->type, 1);
    d.outputs = type_size(&node->in[1]->type, 0) / d.group;
    d.taps = d.window.kernel[0] * d.window.kernel[1];
    return d;
}

static int64_t deform_scratch(const Node *node, const Target *target) {
    Deform d = deform_of(node);
    (void)target;
    return d.channels * d.taps * d.window.out[1] * (dtype_info[d.dtype].bits / 8);
}

// Samples.

static Neighbours neighbours_of(Emit *e, const Deform *d, int axis, Val o, Val k, Val offset) {
    const Window *w = &d->window;
    Neighbours two;
    Val whole = e_add(e, e_mul_const(e, o, w->stride[axis]), e_mul_const(e, k, w->dilation[axis]));
    Val p = e_add(e, e_cast(e, d->dtype, e_add_const(e, whole, -w->begin[axis])), offset);
    Val low = e_floor(e, p), last = e_float(e, d->dtype, (double)(w->in[axis] - 1)), zero = e_zero(e, d->dtype, 1);
    two.weight[1] = e_sub(e, p, low);
    two.weight[0] = e_sub(e, e_float(e, d->dtype, 1), two.weight[1]);
    for (int i = 0; i < 2; i++) {
        Val at = i ? e_add(e, low, e_float(e, d->dtype, 1)) : low;
        two.inside[i] = e_and(e, e_ge(e, at, zero), e_le(e, at, last));
        at = e_select(e, two.inside[i], at, zero);  // zero for NaN, too
        Val index = e_min(e, e_to_index(e, e_cast(e, DT_I32, at)), e_index(e, w->in[axis] - 1));
        two.at[i] = e_mul_const(e, index, d->x[2 + axis]);
    }
    return two;
}

// Column j of the samples of window step `tap` for all channels of an offset group.
static void emit_samples(Emit *e, const Deform *d, Val group, const Val *k, Val tap, Val j) {
    Ptr x = e_in(e, 0), offsets = e_in(e, 2);
    Val step = e_add(e, e_mul_const(e, group, d->taps), tap), zero = e_zero(e, d->dtype, 1);
    Val position[4] = {d->n, e_mul_const(e, step, 2), d->i, j};
    Val at = locate(e, e_index(e, d->offset_origin), position, d->offset, 4);
    Neighbours row = neighbours_of(e, d, 0, d->i, k[0], load_compute(e, offsets, at, 1));
    Neighbours column = neighbours_of(e, d, 1, j, k[1], load_compute(e, offsets, e_add_const(e, at, d->offset[1]), 1));
    Val where[4], weight[4], inside[4], factor = {0};
    position[1] = step;
    if (node_in(d->node, 4))
        factor = load_compute(e, e_in(e, 4), locate(e, e_index(e, d->mask_origin), position, d->mask, 4), 1);
    for (int i = 0; i < 4; i++) {
        where[i] = e_add(e, row.at[i / 2], column.at[i % 2]);
        weight[i] = e_mul(e, row.weight[i / 2], column.weight[i % 2]);
        inside[i] = e_and(e, row.inside[i / 2], column.inside[i % 2]);
    }
    int64_t count = d->channels / d->groups;
    Val first = e_mul_const(e, group, count);
    EMIT_TIMES(e, c, count) {
        Val channel = e_add(e, first, c.i), sum = zero;
        Val plane = e_add(e, e_mul_const(e, d->n, d->x[0]), e_mul_const(e, channel, d->x[1]));
        plane = e_add_const(e, plane, d->x_origin);
        for (int i = 0; i < 4; i++) {
            Val v = e_select(e, inside[i], load_compute(e, x, e_add(e, plane, where[i]), 1), zero);
            sum = e_fma(e, weight[i], v, sum);
        }
        if (factor.v)
            sum = e_mul(e, sum, factor);
        Val to = e_add(e, e_mul_const(e, channel, d->taps), tap);
        e_store(e, d->columns, e_add(e, e_mul_const(e, to, d->window.out[1]), j), sum);
    }
}

// Products.

typedef struct Tile {
    const Deform *d;
    Val group, m;  // the group, and the tile's first output channel
    int channels;
} Tile;

static void tile_emit(Emit *e, const Tile *t, Val j, int lanes) {
    const Deform *d = t->d;
    Ptr w = e_in(e, 1);
    Var acc[CHANNELS];
    for (int q = 0; q < t->channels; q++) {
        Val zero = e_zero(e, d->dtype, 1);
        Val bias = node_in(d->node, 3) ? load_compute(e, e_in(e, 3), e_add_const(e, t->m, q), 1) : zero;
        acc[q] = e_var(e, e_splat(e, bias, lanes));
    }
    EMIT_TIMES(e, c, d->per_group) {
        Val channel = e_add(e, e_mul_const(e, t->group, d->per_group), c.i);
        EMIT_TIMES(e, a, d->window.kernel[0])
            EMIT_TIMES(e, b, d->window.kernel[1]) {
                Val position[4] = {t->m, c.i, a.i, b.i};
                Val at = locate(e, e_index(e, d->w_origin), position, d->w, 4);
                Val tap = e_add(e, e_mul_const(e, a.i, d->window.kernel[1]), b.i);
                Val from = e_add(e, e_mul_const(e, channel, d->taps), tap);
                Val x = e_load(e, d->columns, e_add(e, e_mul_const(e, from, d->window.out[1]), j), lanes);
                for (int q = 0; q < t->channels; q++) {
                    Val weight = load_compute(e, w, e_add_const(e, at, q * d->w[0]), 1);
                    e_set(e, acc[q], e_fma(e, e_splat(e, weight, lanes), x, e_get(e, acc[q])));
                }
            }
    }
    for (int q = 0; q < t->channels; q++) {
        Val position[4] = {d->n, e_add_const(e, t->m, q), d->i, j};
        store_compute(e, e_out(e, 0), locate(e, e_index(e, d->y_origin), position, d->y, 4), e_get(e, acc[q]));
    }
}

// The whole row: vectors, then ever shorter ones.
static void row_emit(Emit *e, const Tile *t) {
    int lanes = e_lanes(e, t->d->dtype);
    int64_t size = t->d->window.out[1], whole = size - size % lanes;
    EMIT_FOR(e, j, e_index(e, 0), e_index(e, whole), lanes)
        tile_emit(e, t, j.i, lanes);
    for (int64_t j = whole; j < size; j += lanes) {
        while (lanes > size - j)
            lanes /= 2;
        tile_emit(e, t, e_index(e, j), lanes);
    }
}

static void lower_deform_conv(Emit *e, const Node *node) {
    Deform d = deform_of(node);
    if (type_count(&node->out[0]->type) == 0)
        return;
    d.columns = e_scratch(e, d.dtype, deform_scratch(node, e_target(e)));
    Share share = e_share(e, type_size(&node->out[0]->type, 0) * d.window.out[0]);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        d.n = e_div(e, u.i, e_index(e, d.window.out[0]));
        d.i = e_rem(e, u.i, e_index(e, d.window.out[0]));
        EMIT_TIMES(e, group, d.groups)
            EMIT_TIMES(e, tap, d.taps) {
                Val k[2];
                decode(e, tap.i, d.window.kernel, 2, k);
                EMIT_TIMES(e, j, d.window.out[1])
                    emit_samples(e, &d, group.i, k, tap.i, j.i);
            }
        EMIT_TIMES(e, group, d.group) {
            Val first = e_mul_const(e, group.i, d.outputs);
            int64_t whole = d.outputs - d.outputs % CHANNELS;
            EMIT_FOR(e, m, e_index(e, 0), e_index(e, whole), CHANNELS)
                row_emit(e, &(Tile){&d, group.i, e_add(e, first, m.i), CHANNELS});
            if (d.outputs > whole)
                row_emit(e, &(Tile){&d, group.i, e_add_const(e, first, whole), (int)(d.outputs - whole)});
        }
    }
}

const OpImpl impl_DeformConv = {.lower = lower_deform_conv, .scratch = deform_scratch};
