// ConvTranspose: each output gathers what reaches it.
//
//     y[n, m, o] = act(b[m] + sum over c, i, k with i * stride + k * dilation - begin = o of x[n, c, i] * w[c, m, k])
//
// Along an axis i follows from k: it must come out whole and inside the input. At -O0 that is tested for each k.
//
// In vectors: the columns o = phase + t * stride of one phase (0 <= phase < stride) are reached by the same window
// steps k, and from the neighbouring inputs t + shift[k]. So each phase is a convolution of stride 1 whose results are
// stored `stride` apart. A tile is up to 4 channels x 2 vectors of t; columns near the edges go one by one, by code of
// their own if they are few.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/window.h"
#include "support/checked.h"

enum { CHANNELS = 4, VECTORS = 2, MOST_STEPS = 32, UNROLLED = 2 };  // UNROLLED: columns of an edge

typedef struct Transposed {
    const Node *node;
    Ptr x, w, b, y;
    Space xs, ws, ys;
    Window window;
    const Act *act;
    int64_t inputs, outputs;  // channels of a group
    int64_t channels;         // of the output
    DType dtype;
} Transposed;

// What to do with the inputs and weights at these offsets, which belong together.
typedef void (*MeetBody)(Emit *e, void *arg, Val x, Val w);

// Loops over the window steps of axes `axis` .. `end` - 1 that reach position o.
static void meet(Emit *e, const Transposed *t, int axis, int end, const Val *o, Val x, Val w, MeetBody body,
                 void *arg) {
    if (axis == end) {
        body(e, arg, x, w);
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
        EMIT_IF(e, fits)
            meet(e, t, axis + 1, end, o, e_add(e, x, e_mul_const(e, i, t->xs.step[axis])),
                 e_add(e, w, e_mul_const(e, k.i, t->ws.step[axis])), body, arg);
    }
}

// The same for each input channel of the group. `m` is the first output channel.
static void meet_channels(Emit *e, const Transposed *t, Val n, Val m, int end, const Val *o, MeetBody body, void *arg) {
    Val group = e_div(e, m, e_index(e, t->outputs)), own = e_rem(e, m, e_index(e, t->outputs));
    Val channel = e_mul_const(e, group, t->inputs);
    Val x = e_add(e, e_mul_const(e, n, t->xs.batch), e_mul_const(e, channel, t->xs.channel));
    Val w = e_add(e, e_mul_const(e, channel, t->ws.batch), e_mul_const(e, own, t->ws.channel));
    x = e_add_const(e, x, t->xs.origin);
    w = e_add_const(e, w, t->ws.origin);
    EMIT_TIMES(e, c, t->inputs)
        meet(e, t, 0, end, o, e_add(e, x, e_mul_const(e, c.i, t->xs.channel)),
             e_add(e, w, e_mul_const(e, c.i, t->ws.batch)), body, arg);
}

static Val bias_of(Emit *e, const Transposed *t, Val m) {
    return t->b.v ? load_compute(e, t->b, m, 1) : e_zero(e, t->dtype, 1);
}

// ---- One element

typedef struct Pixel {
    const Transposed *t;
    Var acc;
} Pixel;

static void pixel_step(Emit *e, void *arg, Val x, Val w) {
    const Pixel *pixel = arg;
    Val a = load_compute(e, pixel->t->x, x, 1), b = load_compute(e, pixel->t->w, w, 1);
    e_set(e, pixel->acc, e_fma(e, a, b, e_get(e, pixel->acc)));
}

static void pixel_emit(Emit *e, const Transposed *t, const Val *position) {
    Pixel pixel = {t, e_var(e, bias_of(e, t, position[1]))};
    meet_channels(e, t, position[0], position[1], 3, position + 2, pixel_step, &pixel);
    store_compute(e, t->y, space_at(e, &t->ys, position), e_act(e, t->act, e_get(e, pixel.acc)));
}

static void plain_plane(Emit *e, const Transposed *t, Val n, Val m) {
    EMIT_TIMES(e, i, t->window.out[0])
        EMIT_TIMES(e, j, t->window.out[1])
            EMIT_TIMES(e, k, t->window.out[2]) {
                Val position[5] = {n, m, i.i, j.i, k.i};
                pixel_emit(e, t, position);
            }
}

// ---- Tiles

typedef struct Phase {
    const Transposed *t;
    int64_t first, count;          // columns first + t * stride, for t below count
    int steps;
    int64_t k[MOST_STEPS], shift[MOST_STEPS];
    int64_t low, high;             // the t for which all inputs exist
    int channels, lanes, vectors;  // of a tile
    Val column;                    // the tile's first t
    Var acc[CHANNELS][VECTORS];
} Phase;

static Phase phase_of(Emit *e, const Transposed *t, int64_t first, int channels) {
    const Window *w = &t->window;
    int64_t stride = w->stride[2];
    Phase phase = {.t = t, .first = first, .count = div_up(max_i64(w->out[2] - first, 0), stride), .channels = channels,
                   .lanes = e_lanes(e, t->dtype), .vectors = VECTORS};
    phase.high = phase.count;
    for (int64_t k = 0; k < w->kernel[2]; k++) {
        int64_t way = first + w->begin[2] - k * w->dilation[2];
        if (way % stride)
            continue;
        phase.k[phase.steps] = k;
        phase.shift[phase.steps++] = way / stride;
        phase.low = max_i64(phase.low, -(way / stride));
        phase.high = min_i64(phase.high, w->in[2] - way / stride);
    }
    phase.low = min_i64(phase.low, phase.count);
    phase.high = max_i64(phase.high, phase.low);
    int64_t columns = phase.high - phase.low;
    if (columns < (int64_t)phase.lanes * VECTORS)
        phase.vectors = 1;
    while (phase.lanes > 1 && columns < phase.lanes)
        phase.lanes /= 2;
    return phase;
}

static void tile_step(Emit *e, void *arg, Val x, Val w) {
    Phase *phase = arg;
    const Transposed *t = phase->t;
    for (int s = 0; s < phase->steps; s++) {
        Val at = e_add(e, x, e_add_const(e, phase->column, phase->shift[s])), row[VECTORS];
        for (int v = 0; v < phase->vectors; v++)
            row[v] = load_compute(e, t->x, e_add_const(e, at, v * phase->lanes), phase->lanes);
        for (int c = 0; c < phase->channels; c++) {
            Val where = e_add_const(e, w, phase->k[s] * t->ws.step[2] + c * t->ws.channel);
            Val weight = e_splat(e, load_compute(e, t->w, where, 1), phase->lanes);
            for (int v = 0; v < phase->vectors; v++)
                e_set(e, phase->acc[c][v], e_fma(e, row[v], weight, e_get(e, phase->acc[c][v])));
        }
    }
}

static void tile_emit(Emit *e, Phase *phase, const Val *position) {
    const Transposed *t = phase->t;
    int64_t stride = t->window.stride[2];
    for (int c = 0; c < phase->channels; c++) {
        Val bias = e_splat(e, bias_of(e, t, e_add_const(e, position[1], c)), phase->lanes);
        for (int v = 0; v < phase->vectors; v++)
            phase->acc[c][v] = e_var(e, bias);
    }
    meet_channels(e, t, position[0], position[1], 2, position + 2, tile_step, phase);
    for (int c = 0; c < phase->channels; c++)
        for (int v = 0; v < phase->vectors; v++) {
            Val column = e_add_const(e, phase->column, v * phase->lanes);
            Val to[5] = {position[0], e_add_const(e, position[1], c), position[2], position[3],
                         e_add_const(e, e_mul_const(e, column, stride), phase->first)};
            Val sum = e_cast(e, t->y.dtype, e_act(e, t->act, e_get(e, phase->acc[c][v])));
            e_store_strided(e, t->y, space_at(e, &t->ys, to), stride, sum);
        }
}

// Column t alone, of which some inputs may not exist.
static void column_emit(Emit *e, const Phase *phase, const Val *position, int64_t t) {
    Phase one = *phase;
    one.lanes = one.vectors = 1;
    one.column = e_index(e, t);
    one.steps = 0;
    for (int s = 0; s < phase->steps; s++)
        if (t + phase->shift[s] >= 0 && t + phase->shift[s] < phase->t->window.in[2]) {
            one.k[one.steps] = phase->k[s];
            one.shift[one.steps++] = phase->shift[s];
        }
    tile_emit(e, &one, position);
}

static void edge_emit(Emit *e, const Phase *phase, const Val *position, int64_t from, int64_t to) {
    if (to - from <= UNROLLED) {
        for (int64_t t = from; t < to; t++)
            column_emit(e, phase, position, t);
        return;
    }
    EMIT_TIMES(e, c, phase->channels)
        EMIT_FOR(e, k, e_index(e, from), e_index(e, to), 1) {
            Val o = e_add_const(e, e_mul_const(e, k.i, phase->t->window.stride[2]), phase->first);
            Val at[5] = {position[0], e_add(e, position[1], c.i), position[2], position[3], o};
            pixel_emit(e, phase->t, at);
        }
}

static void tiled_planes(Emit *e, const Transposed *t, Val n, Val m, int channels) {
    EMIT_TIMES(e, i, t->window.out[0])
        EMIT_TIMES(e, j, t->window.out[1])
            for (int64_t p = 0; p < t->window.stride[2]; p++) {
                Val position[5] = {n, m, i.i, j.i};
                Phase phase = phase_of(e, t, p, channels);
                int64_t width = (int64_t)phase.lanes * phase.vectors;
                edge_emit(e, &phase, position, 0, phase.low);
                EMIT_FOR(e, k, e_index(e, phase.low), e_index(e, phase.high), width) {
                    phase.column = e_min(e, k.i, e_index(e, phase.high - width));
                    tile_emit(e, &phase, position);
                }
                edge_emit(e, &phase, position, phase.high, phase.count);
            }
}

// ---- The node

static void planes_emit(Emit *e, const Transposed *t, Val n, Val m, int channels, bool tiles) {
    Val plane = e_add(e, e_mul_const(e, n, t->channels), m);
    clear_rim(e, t->node, (Share){plane, e_add_const(e, plane, channels)});
    if (tiles)
        tiled_planes(e, t, n, m, channels);
    else
        plain_plane(e, t, n, m);
}

static Transposed transposed_of(Emit *e, const Node *node) {
    const ConvAttrs *attrs = node->attrs;
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    Transposed t = {.node = node, .x = e_in(e, 0), .w = e_in(e, 1), .y = e_out(e, 0), .act = &attrs->act,
                    .xs = space_of(in), .ws = space_of(&node->in[1]->type), .ys = space_of(out),
                    .window = window_three(node_window(node)), .inputs = type_size(in, 1) / attrs->group,
                    .outputs = type_size(&node->in[1]->type, 1), .channels = type_size(out, 1),
                    .dtype = compute_type(in->dtype)};
    if (node_in(node, 2))
        t.b = e_in(e, 2);
    return t;
}

static void lower_conv_transpose(Emit *e, const Node *node) {
    Transposed t = transposed_of(e, node);
    bool tiles = e_fast(e) && t.window.kernel[2] <= MOST_STEPS && t.window.stride[2] <= MOST_STEPS;
    int most = tiles ? CHANNELS : 1;
    int64_t whole = t.outputs / most, blocks = div_up(t.outputs, most);
    int64_t size[3] = {type_size(&node->out[0]->type, 0), t.channels / t.outputs, blocks};
    Share share = e_share(e, product(size, 3));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[3];
        decode(e, u.i, size, 3, position);
        Val m = e_add(e, e_mul_const(e, position[1], t.outputs), e_mul_const(e, position[2], most));
        if (whole > 0)
            EMIT_IF(e, e_lt(e, position[2], e_index(e, whole)))
                planes_emit(e, &t, position[0], m, most, tiles);
        if (whole < blocks)
            EMIT_IF(e, e_eq(e, position[2], e_index(e, whole)))
                planes_emit(e, &t, position[0], m, (int)(t.outputs - whole * most), tiles);
    }
}

const OpImpl impl_ConvTranspose = {.lower = lower_conv_transpose};
