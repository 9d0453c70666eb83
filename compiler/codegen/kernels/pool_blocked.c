// MaxPool and AveragePool on channel blocks: lanes are channels.
//
// Windows that lie wholly inside the input are unrolled: first each column is combined, then the columns, of which those
// that the next window along the row has, too, stay in registers. At the rims a window is clipped; which of its taps
// count is known while emitting, because each clipped row and column of the output is emitted for itself. Maxima ignore
// NaN, as the generic lowering's do.
#include <math.h>

#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/lower.h"
#include "ir/infer.h"
#include "support/checked.h"

enum { MAX_CLIPPED = 4, MAX_TAPS = 25, MAX_VECS = 8 };
static const double TAP_CYCLES = 0.6, PIXEL_CYCLES = 2;  // of an output vector: each load, and what it needs besides
static const double MOVED = 1.5;                         // little arithmetic hides reading

// The taps first .. last - 1 of one axis at some output positions.
typedef struct Span {
    int64_t begin, end;    // output positions
    int64_t first, last;   // taps inside the input
    int64_t padded;        // taps inside the input or its pads
} Span;

typedef struct Spans {
    int n;
    Span item[2 * MAX_CLIPPED + 1];
} Spans;

static Span span_at(const Window *window, int axis, int64_t position) {
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
        Span span = span_at(window, axis, i);
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

bool pool_blocked_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    if ((node->op != OP_MaxPool && node->op != OP_AveragePool) || (node->nout > 1 && node->out[1]))
        return false;
    if (!is_image(&node->in[0]->type) || !is_image(&node->out[0]->type))
        return false;
    Window window = node_window(node);
    Spans spans;
    if (window.n != 2 || window.kernel[0] * window.kernel[1] > MAX_TAPS || !spans_of(&window, 0, &spans) || !spans_of(&window, 1, &spans))
        return false;
    *in = *out = (Layout){LAYOUT_NCHWC, target->block, 0, 0};
    return true;
}

bool pool_blocked_accepts(const Node *node, const Target *target) {
    Layout in, out;
    return pool_blocked_layouts(node, target, &in, &out) && is_blocked(&node->in[0]->type, target) &&
           is_blocked(&node->out[0]->type, target);
}

double pool_blocked_cost(const Node *node, const Target *target) {
    Window window = node_window(node);
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    double vectors = (double)type_storage(y) / target_lanes(target, 32);
    bool shares = window.dilation[1] == 1 && window.stride[1] < window.kernel[1];
    double taps = (double)(window.kernel[0] * (shares ? window.stride[1] : window.kernel[1]));
    double in = (double)type_bytes(x), out = (double)type_bytes(y);
    double moved = MOVED * (cost_near(target, in, in) + cost_near(target, out, out));
    return cost_seconds(target, cost_call(target) + vectors * (taps * TAP_CYCLES + PIXEL_CYCLES) + moved);
}

typedef struct Pool {
    Image x, y;
    Window window;
    bool average, count_pads;
    int lanes, vecs;
} Pool;

static Val combine(Emit *e, const Pool *pool, Val a, Val b) {
    return pool->average ? e_add(e, a, b) : e_max(e, a, b);
}

// One column of a window: its rows combined.
static Val column_emit(Emit *e, const Pool *pool, const Span *down, Ptr x, int64_t column, int lane) {
    int64_t at = column * pool->window.dilation[1] * pool->x.stride.pixel + (int64_t)lane * pool->lanes;
    Val result = pool->average ? e_zero(e, DT_F32, pool->lanes) : e_splat(e, e_float(e, DT_F32, -(double)INFINITY), pool->lanes);
    for (int64_t v = down->first; v < down->last; v++) {
        Val tap = e_load_const(e, x, at + v * pool->window.dilation[0] * pool->x.stride.row, pool->lanes);
        result = combine(e, pool, tap, result);
    }
    return result;
}

// Columns of a window that the next one along the row has, too.
static int64_t shared_columns(const Pool *pool, const Span *right) {
    const Window *window = &pool->window;
    bool whole = right->first == 0 && right->last == window->kernel[1] && right->end - right->begin > 1;
    return whole && window->dilation[1] == 1 ? max_i64(0, window->kernel[1] - window->stride[1]) : 0;
}

// x: where the window of the output pixel y starts. `carried`: the shared columns, [column][vector].
static void pixel_emit(Emit *e, const Pool *pool, const Span *down, const Span *right, Var *carried, Ptr x, Ptr y) {
    int64_t counted = (down->last - down->first) * (right->last - right->first), shared = shared_columns(pool, right);
    if (pool->count_pads)
        counted = down->padded * right->padded;
    for (int lane = 0; lane < pool->vecs; lane++) {
        Val column[MAX_TAPS], result = e_zero(e, DT_F32, pool->lanes);
        for (int64_t u = right->first; u < right->last; u++) {
            column[u] = u < shared ? e_get(e, carried[u * pool->vecs + lane]) : column_emit(e, pool, down, x, u, lane);
            result = u > right->first ? combine(e, pool, column[u], result) : column[u];
        }
        for (int64_t u = 0; u < shared; u++)
            e_set(e, carried[u * pool->vecs + lane], column[u + pool->window.stride[1]]);
        if (pool->average && counted > 1)
            result = e_div(e, result, e_splat(e, e_float(e, DT_F32, (double)counted), pool->lanes));
        e_store_const(e, y, (int64_t)lane * pool->lanes, result);
    }
}

static void row_emit(Emit *e, const Pool *pool, const Span *down, const Spans *columns, Ptr x, Ptr y) {
    for (int i = 0; i < columns->n; i++) {
        const Span *right = &columns->item[i];
        int64_t step = pool->window.stride[1] * pool->x.stride.pixel, shared = shared_columns(pool, right);
        Ptr first = e_at_const(e, x, right->begin * step);
        Var carried[MAX_TAPS * MAX_VECS];
        for (int64_t u = 0; u < shared; u++)
            for (int lane = 0; lane < pool->vecs; lane++)
                carried[u * pool->vecs + lane] = e_var(e, column_emit(e, pool, down, first, u, lane));
        EMIT_FOR(e, p, e_index(e, right->begin), e_index(e, right->end), 1) {
            Ptr from = e_at(e, x, e_mul_const(e, p.i, step));
            pixel_emit(e, pool, down, right, carried, from, e_at(e, y, e_mul_const(e, p.i, pool->y.stride.pixel)));
        }
    }
}

void pool_blocked_lower(Emit *e, const Node *node) {
    Pool pool = {.x = image_of(e_in(e, 0), &node->in[0]->type),
                 .y = image_of(e_out(e, 0), &node->out[0]->type),
                 .window = node_window(node),
                 .average = node->op == OP_AveragePool,
                 .count_pads = ((const PoolAttrs *)node->attrs)->count_include_pad,
                 .lanes = target_lanes(e_target(e), 32)};
    pool.vecs = (int)pool.y.block / pool.lanes;
    Spans rows, columns;
    spans_of(&pool.window, 0, &rows);
    spans_of(&pool.window, 1, &columns);
    int64_t first = pool.x.stride.origin - pool.window.begin[0] * pool.x.stride.row - pool.window.begin[1] * pool.x.stride.pixel;
    Share share = e_share(e, pool.y.batch * image_blocks(&pool.y) * pool.y.height);
    EMIT_FOR(e, unit, share.begin, share.end, 1) {
        Val row = e_rem(e, unit.i, e_index(e, pool.y.height)), plane = e_div(e, unit.i, e_index(e, pool.y.height));
        EMIT_IF(e, e_eq(e, row, e_index(e, 0)))
            lower_border(e, pool.y.p, &node->out[0]->type, plane, e_add_const(e, plane, 1));
        Val from = e_add(e, e_mul_const(e, plane, pool.x.stride.channel), e_mul_const(e, row, pool.window.stride[0] * pool.x.stride.row));
        Ptr x = e_at(e, pool.x.p, e_add_const(e, from, first));
        Ptr y = e_at(e, image_plane(e, &pool.y, plane), e_mul_const(e, row, pool.y.stride.row));
        for (int i = 0; i < rows.n; i++) {
            Val inside = e_and(e, e_ge(e, row, e_index(e, rows.item[i].begin)), e_lt(e, row, e_index(e, rows.item[i].end)));
            EMIT_IF(e, rows.n == 1 ? e_bool(e, true) : inside)
                row_emit(e, &pool, &rows.item[i], &columns, x, y);
        }
    }
}
