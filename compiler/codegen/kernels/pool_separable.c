// MaxPool and AveragePool of a x b windows in a + b steps instead of a * b. A band of rows is combined down the windows
// into scratch memory, all columns of the input, with what changes nothing in place of the padding; then each row of
// the band along the windows.
//
//     x                        band                      y
//       . . . . . . . .          s * * * * * * * * s       o o o o o o o o
//       . . . . . . . .  a         |_b_|
//       . . . . . . . .          ...
//
// That is also the order in which codegen/order.h adds up, so the bits are those of one window after the other. Pixels
// are elements, or blocks of channels: with a stride of 1 both steps go over rows as if they were elements. Maxima
// ignore NaN.
#include "codegen/kernels/pool_separable.h"

#include <math.h>

#include "codegen/kernels/kernels.h"
#include "codegen/kernels/pool_rows.h"
#include "codegen/lower.h"
#include "ir/infer.h"
#include "support/checked.h"

enum { VECTORS = 4, UNROLLED = 16, BAND_BYTES = 8192 };
enum { APART = 4, STORED = 2 };  // in steps: to load lanes that lie far apart, and to store a vector of the band
static const double STEP_CYCLES = 0.8, APART_CYCLES = 0.6, ROW_CYCLES = 20;  // STEP: of a vector; APART: of each lane

typedef struct Separable {
    Window window;
    Image x, y;
    DType dtype;  // of the band
    bool average;
    double start;                   // what changes nothing
    int64_t pixel, left, pitch;     // of the band, in elements: of a pixel, before the first one, from row to row
    int64_t rows;                   // of the band
    Ptr band;
    Ptr first, last, down, across;  // by row: taps inside; by row, by column: taps counted
    bool clipped[2], counts_vary;   // axes whose windows leave the input; columns that do not count alike
} Separable;

static int64_t row_pixels(const Window *w) {
    return max_i64(w->begin[1] + w->in[1], (w->out[1] - 1) * w->stride[1] + (w->kernel[1] - 1) * w->dilation[1] + 1);
}

static Separable separable_of(const Node *node) {
    const Type *in = &node->in[0]->type;
    Separable s = {.window = node_window(node), .dtype = dtype_info[in->dtype].compute,
                   .average = node->op == OP_AveragePool, .x = image_of((Ptr){0}, in),
                   .y = image_of((Ptr){0}, &node->out[0]->type)};
    s.pixel = s.x.stride.pixel;
    s.left = s.window.begin[1] * s.pixel;
    s.pitch = row_pixels(&s.window) * s.pixel;
    int64_t fits = BAND_BYTES / (s.pitch * (dtype_info[s.dtype].bits / 8));
    s.rows = max_i64(1, min_i64(fits, s.window.out[0]));
    if (!s.average)
        s.start = dtype_is_float(s.dtype) ? -(double)INFINITY : -ldexp(1, dtype_info[s.dtype].bits);  // saturates
    return s;
}

bool pool_separates(const Node *node) {
    const Type *x = &node->in[0]->type;
    return (node->op == OP_MaxPool || node->op == OP_AveragePool) && !(node->nout > 1 && node->out[1]) &&
           x->rank == 4 && type_is_static(x) && type_count(&node->out[0]->type) > 0 && type_count(x) > 0;
}

bool pool_separable_pays(const Node *node) {
    if (!pool_separates(node))
        return false;
    Window w = node_window(node);
    int64_t apart = w.stride[1] > 2 ? APART : 1;  // the price of a load
    return w.kernel[0] * w.kernel[1] * apart >
           w.kernel[0] * min_i64(w.stride[1], w.kernel[1]) + w.kernel[1] * apart + STORED;
}

int64_t pool_separable_scratch(const Node *node) {
    Separable s = separable_of(node);
    return s.rows * s.pitch * (dtype_info[s.dtype].bits / 8);
}

double pool_separable_cycles(const Node *node, const Target *target) {
    Separable s = separable_of(node);
    const Window *w = &s.window;
    int lanes = target_lanes(target, dtype_info[s.dtype].bits);
    double rows = (double)(s.y.batch * image_blocks(&s.y) * w->out[0]);
    bool apart = s.pixel == 1 && w->stride[1] > 1;
    double down = (double)(w->kernel[0] * div_up(w->in[1] * s.pixel, lanes)) * STEP_CYCLES;
    double vectors = (double)(w->kernel[1] * div_up(w->out[1] * s.pixel, lanes));
    return rows * (down + vectors * (apart ? APART_CYCLES * lanes : STEP_CYCLES) + ROW_CYCLES);
}

static Val start_value(Emit *e, const Separable *s, int lanes) {
    return e_splat(e, e_number(e, s->dtype, s->start), lanes);
}

// Vectors folded over taps that lie `step` elements apart.
typedef struct Fold {
    const Separable *s;
    Ptr from;
    int64_t step, spread;  // spread: from lane to lane
    Val first, last;       // taps
    bool all;              // first and last are those of a whole, small window
    Ptr to;
    Val count;             // what a sum is divided by, but for the columns' part; null: nothing
} Fold;

static Val fold_tap(Emit *e, const Fold *f, Val at, Val acc) {
    Val x = e_cast(e, f->s->dtype, e_load_strided(e, f->from, at, f->spread, acc.lanes));
    return f->s->average ? e_add(e, acc, x) : e_max(e, x, acc);
}

static Val mean(Emit *e, const Fold *f, Val at, Val sum) {
    const Separable *s = f->s;
    Val by = e_splat(e, f->count, sum.lanes);
    if (s->counts_vary) {
        Val across = s->pixel == 1 ? e_load(e, s->across, at, sum.lanes)
                                   : e_splat(e, e_load(e, s->across, e_div(e, at, e_index(e, s->pixel)), 1), sum.lanes);
        by = e_mul(e, by, across);
    }
    return e_div(e, sum, by);
}

// Those at base + offset[i] of the result, whose first tap is at `from`, and i's at from + offset[i] * spread.
static void fold_vectors(Emit *e, const Fold *f, Val from, Val base, const int64_t *offset, int n, int lanes) {
    Var acc[VECTORS];
    for (int i = 0; i < n; i++)
        acc[i] = e_var(e, start_value(e, f->s, lanes));
    int64_t begin = 0, end = 1;
    if (f->all)
        e_is_const(f->last, &end);
    EMIT_FOR(e, tap, f->all ? e_index(e, 0) : f->first, f->all ? e_index(e, 1) : f->last, 1)
        for (int64_t t = begin; t < end; t++) {
            Val at = e_add(e, from, e_mul_const(e, f->all ? e_index(e, t) : tap.i, f->step));
            for (int i = 0; i < n; i++)
                e_set(e, acc[i], fold_tap(e, f, e_add_const(e, at, offset[i] * f->spread), e_get(e, acc[i])));
        }
    for (int i = 0; i < n; i++) {
        Val at = e_add_const(e, base, offset[i]), v = e_get(e, acc[i]);
        e_store(e, f->to, at, e_cast(e, f->to.dtype, f->count.v ? mean(e, f, at, v) : v));
    }
}

// `count` elements of the result from `base` on. The last vector may lie over the one before it.
static void fold_span(Emit *e, const Fold *f, Val from, Val base, int64_t count) {
    int lanes = e_lanes(e, f->s->dtype);
    while (lanes > count)
        lanes /= 2;
    int64_t group = (int64_t)lanes * VECTORS, whole = count / group * group, offset[VECTORS];
    for (int i = 0; i < VECTORS; i++)
        offset[i] = (int64_t)i * lanes;
    EMIT_FOR(e, i, e_index(e, 0), e_index(e, whole), group)
        fold_vectors(e, f, e_add(e, from, e_mul_const(e, i.i, f->spread)), e_add(e, base, i.i), offset, VECTORS, lanes);
    int rest = (int)div_up(count - whole, lanes);
    for (int i = 0; i < rest; i++)
        offset[i] = min_i64(whole + (int64_t)i * lanes, count - lanes);
    if (rest)
        fold_vectors(e, f, from, base, offset, rest, lanes);
}

// Row `row` of the result into the band's row at `to`, by code of its own where all of a small window lies inside.
static void fold_down(Emit *e, const Separable *s, Ptr x, Val row, Ptr to) {
    const Window *w = &s->window;
    Fold f = {.s = s, .from = x, .step = w->dilation[0] * s->x.stride.row, .spread = 1, .to = to,
              .first = e_index(e, 0), .last = e_index(e, w->kernel[0]), .all = w->kernel[0] <= UNROLLED};
    Val first = e_mul_const(e, row, w->stride[0] * s->x.stride.row), base = e_index(e, s->left);
    Val from = e_add_const(e, first, -w->begin[0] * s->x.stride.row);
    int64_t count = w->in[1] * s->pixel;
    if (!s->clipped[0]) {
        fold_span(e, &f, from, base, count);
        return;
    }
    Fold part = f;
    part.all = false;
    part.first = e_to_index(e, e_load(e, s->first, row, 1));
    part.last = e_to_index(e, e_load(e, s->last, row, 1));
    Val inside = e_and(e, e_eq(e, part.first, f.first), e_eq(e, part.last, f.last));
    if (f.all)
        EMIT_IF(e, inside)
            fold_span(e, &f, from, base, count);
    EMIT_IF(e, f.all ? e_not(e, inside) : e_bool(e, true))
        fold_span(e, &part, from, base, count);
}

static void fold_across(Emit *e, const Separable *s, Ptr from, Val row, Ptr y) {
    const Window *w = &s->window;
    Fold f = {.s = s, .from = from, .step = w->dilation[1] * s->pixel, .spread = s->pixel == 1 ? w->stride[1] : 1,
              .to = y, .first = e_index(e, 0), .last = e_index(e, w->kernel[1]), .all = w->kernel[1] <= UNROLLED};
    if (s->average)
        f.count = e_load(e, s->down, row, 1);
    if (s->pixel == 1 || w->stride[1] == 1) {
        fold_span(e, &f, e_index(e, 0), e_index(e, 0), w->out[1] * s->pixel);
        return;
    }
    EMIT_TIMES(e, j, w->out[1])
        fold_span(e, &f, e_mul_const(e, j.i, w->stride[1] * s->pixel), e_mul_const(e, j.i, s->pixel), s->pixel);
}

static void fill(Emit *e, const Separable *s, Ptr row, int64_t begin, int64_t end) {
    EMIT_FOR(e, i, e_index(e, begin), e_index(e, end), 1)
        e_store(e, row, i.i, start_value(e, s, 1));
}

// What is counted of a window: a table by position; columns' counts go into rows' where they are all the same.
static void set_tables(Emit *e, Separable *s, bool count_pads) {
    double *table[4];
    for (int axis = 0; axis < 2; axis++) {
        int64_t n = s->window.out[axis];
        for (int i = 0; i < 3; i++)
            table[i] = ARENA_ARRAY(e_arena(e), double, n);
        for (int64_t i = 0; i < n; i++) {
            Span span = pool_span(&s->window, axis, i);
            table[0][i] = (double)span.first;
            table[1][i] = (double)span.last;
            table[2][i] = (double)max_i64(count_pads ? span.padded : span.last - span.first, 1);
            s->clipped[axis] = s->clipped[axis] || span.first > 0 || span.last < s->window.kernel[axis];
            s->counts_vary = s->counts_vary || (axis == 1 && table[2][i] != table[2][0]);
        }
        if (axis == 0 && s->clipped[0]) {
            s->first = e_table(e, DT_I32, table[0], n);
            s->last = e_table(e, DT_I32, table[1], n);
        }
        if (axis == 0)
            table[3] = table[2];
    }
    if (!s->average)
        return;
    for (int64_t i = 0; i < s->window.out[0] && !s->counts_vary; i++)
        table[3][i] *= table[2][0];
    s->down = e_table(e, s->dtype, table[3], s->window.out[0]);
    if (s->counts_vary)
        s->across = e_table(e, s->dtype, table[2], s->window.out[1]);
}

void pool_separable_lower(Emit *e, const Node *node) {
    Separable s = separable_of(node);
    s.x.p = e_in(e, 0);
    s.y.p = e_out(e, 0);
    s.band = e_scratch(e, s.dtype, pool_separable_scratch(node));
    set_tables(e, &s, ((const PoolAttrs *)node->attrs)->count_include_pad);
    int64_t bands = div_up(s.window.out[0], s.rows);
    Share share = e_share(e, s.y.batch * image_blocks(&s.y) * bands);
    EMIT_TIMES(e, r, s.rows) {
        Ptr row = e_at(e, s.band, e_mul_const(e, r.i, s.pitch));
        fill(e, &s, row, 0, s.left);
        fill(e, &s, row, s.left + s.window.in[1] * s.pixel, s.pitch);
    }
    EMIT_FOR(e, unit, share.begin, share.end, 1) {
        Val plane = e_div(e, unit.i, e_index(e, bands)), band = e_rem(e, unit.i, e_index(e, bands));
        Val begin = e_mul_const(e, band, s.rows);
        Val rows = e_min(e, e_index(e, s.rows), e_sub(e, e_index(e, s.window.out[0]), begin));
        Ptr x = image_plane(e, &s.x, plane), y = image_plane(e, &s.y, plane);
        EMIT_IF(e, e_eq(e, band, e_index(e, 0)))
            lower_border(e, s.y.p, &node->out[0]->type, plane, e_add_const(e, plane, 1));
        EMIT_FOR(e, r, e_index(e, 0), rows, 1)
            fold_down(e, &s, x, e_add(e, begin, r.i), e_at(e, s.band, e_mul_const(e, r.i, s.pitch)));
        EMIT_FOR(e, r, e_index(e, 0), rows, 1) {
            Val row = e_add(e, begin, r.i);
            fold_across(e, &s, e_at(e, s.band, e_mul_const(e, r.i, s.pitch)), row,
                        e_at(e, y, e_mul_const(e, row, s.y.stride.row)));
        }
    }
}
