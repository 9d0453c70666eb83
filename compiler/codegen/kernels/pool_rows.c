// A window that lies wholly inside the input is unrolled: first each column is combined, then the columns, of which
// those that the next window along the row has, too, stay in registers. At the rims a window is clipped; which of its
// taps count is known while emitting, because each clipped row and column of the output is emitted for itself. Maxima
// ignore NaN, as the generic lowering's do.
#include "codegen/kernels/pool_rows.h"

#include <math.h>

#include "support/checked.h"

enum { MAX_VECS = 8 };
static const double TAP_CYCLES = 0.6, PIXEL_CYCLES = 2;  // of an output vector: each load, and what it needs besides

Span pool_span(const Window *window, int axis, int64_t position) {
    int64_t start = position * window->stride[axis] - window->begin[axis], step = window->dilation[axis];
    int64_t kernel = window->kernel[axis], in = window->in[axis];
    Span span = {position, position + 1, start < 0 ? min_i64(kernel, div_up(-start, step)) : 0, kernel, kernel};
    if (start + (kernel - 1) * step >= in)
        span.last = in > start ? min_i64(kernel, div_up(in - start, step)) : 0;
    if (start + (kernel - 1) * step >= in + window->end[axis])
        span.padded = min_i64(kernel, div_up(in + window->end[axis] - start, step));
    return span;
}

static bool same_taps(const Span *a, const Span *b) {
    return a->first == b->first && a->last == b->last && a->padded == b->padded;
}

// Neighbouring positions with the same taps in one span; false if there are too many kinds.
static bool spans_of(const Window *window, int axis, Spans *spans) {
    spans->n = 0;
    for (int64_t i = 0; i < window->out[axis]; i++) {
        Span span = pool_span(window, axis, i);
        if (spans->n && same_taps(&spans->item[spans->n - 1], &span)) {
            spans->item[spans->n - 1].end = i + 1;
            continue;
        }
        if (spans->n == (int)(sizeof spans->item / sizeof *spans->item))
            return false;
        spans->item[spans->n++] = span;
    }
    return true;
}

bool pool_rows_make(const Window *window, PoolRows *pool) {
    pool->window = *window;
    return window->n == 2 && window->kernel[0] * window->kernel[1] <= POOL_TAPS && spans_of(window, 0, &pool->rows) &&
           spans_of(window, 1, &pool->columns);
}

double pool_row_cycles(const Window *window, double vectors) {
    bool shares = window->dilation[1] == 1 && window->stride[1] < window->kernel[1];
    double taps = (double)(window->kernel[0] * (shares ? window->stride[1] : window->kernel[1]));
    return vectors * (taps * TAP_CYCLES + PIXEL_CYCLES);
}

static Val combine(Emit *e, const PoolRows *pool, Val a, Val b) {
    return pool->average ? e_add(e, a, b) : e_max(e, a, b);
}

// What a window without any element gives.
static Val start(Emit *e, const PoolRows *pool) {
    return e_splat(e, e_float(e, DT_F32, pool->average ? 0 : -(double)INFINITY), pool->lanes);
}

// The rows of a window at its column `column`, one group of lanes. `at`: the pixel where the window starts.
static Val column_emit(Emit *e, const PoolRows *pool, const Span *down, const Ptr *tap, Val at, int64_t column,
                       int lane) {
    int64_t more = column * pool->window.dilation[1] * pool->x_pixel + (int64_t)lane * pool->lanes;
    Val result = start(e, pool);
    for (int64_t v = down->first; v < down->last; v++)
        result = combine(e, pool, e_load_const(e, e_at(e, tap[v], at), more, pool->lanes), result);
    return result;
}

// Columns of a window that the next one along the row has, too.
static int64_t shared_columns(const PoolRows *pool, const Span *right) {
    const Window *window = &pool->window;
    bool whole = right->first == 0 && right->last == window->kernel[1] && right->end - right->begin > 1;
    return whole && window->dilation[1] == 1 ? max_i64(0, window->kernel[1] - window->stride[1]) : 0;
}

static Val pixel_offset(Emit *e, const PoolRows *pool, Val column) {
    Val at = e_mul_const(e, column, pool->window.stride[1] * pool->x_pixel);
    return e_add_const(e, at, -pool->window.begin[1] * pool->x_pixel);
}

// `carried`: the shared columns, [column][vector].
static void pixel_emit(Emit *e, const PoolRows *pool, const Span *down, const Span *right, Var *carried, const Ptr *tap,
                       Val column, Ptr y) {
    int64_t counted = (down->last - down->first) * (right->last - right->first), shared = shared_columns(pool, right);
    Val at = pixel_offset(e, pool, column), sums[POOL_TAPS];
    if (pool->count_pads)
        counted = down->padded * right->padded;
    for (int lane = 0; lane < pool->vecs; lane++) {
        Val result = start(e, pool);
        for (int64_t u = right->first; u < right->last; u++) {
            sums[u] =
                u < shared ? e_get(e, carried[u * pool->vecs + lane]) : column_emit(e, pool, down, tap, at, u, lane);
            result = u > right->first ? combine(e, pool, sums[u], result) : sums[u];
        }
        for (int64_t u = 0; u < shared; u++)
            e_set(e, carried[u * pool->vecs + lane], sums[u + pool->window.stride[1]]);
        if (pool->average && counted > 1)
            result = e_div(e, result, e_splat(e, e_float(e, DT_F32, (double)counted), pool->lanes));
        e_store_const(e, y, (int64_t)lane * pool->lanes, result);
    }
}

static void span_emit(Emit *e, const PoolRows *pool, const Span *down, const Span *right, const Ptr *tap, Ptr y) {
    Val first = pixel_offset(e, pool, e_index(e, right->begin));
    Var carried[POOL_TAPS * MAX_VECS];
    for (int64_t u = 0; u < shared_columns(pool, right); u++)
        for (int lane = 0; lane < pool->vecs; lane++)
            carried[u * pool->vecs + lane] = e_var(e, column_emit(e, pool, down, tap, first, u, lane));
    EMIT_FOR(e, p, e_index(e, right->begin), e_index(e, right->end), 1)
        pixel_emit(e, pool, down, right, carried, tap, p.i, e_at(e, y, e_mul_const(e, p.i, pool->y_pixel)));
}

void pool_row(Emit *e, const PoolRows *pool, Val row, const Ptr tap[POOL_TAPS], Ptr y) {
    for (int i = 0; i < pool->rows.n; i++) {
        const Span *down = &pool->rows.item[i];
        Val inside = e_and(e, e_ge(e, row, e_index(e, down->begin)), e_lt(e, row, e_index(e, down->end)));
        EMIT_IF(e, pool->rows.n == 1 ? e_bool(e, true) : inside)
            for (int k = 0; k < pool->columns.n; k++)
                span_emit(e, pool, down, &pool->columns.item[k], tap, y);
    }
}
