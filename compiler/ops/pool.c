// MaxPool (with its indices), AveragePool and the global pools.
//
// Maxima ignore NaN, as onnxruntime's do. AveragePool divides by the number of positions inside the input, or inside
// the padded input with count_include_pad, and adds up as codegen/order.h says. Above -O0 the columns whose windows lie
// inside go in vectors, of which the last one may overlap the one before, and where a window is small its loops are
// unrolled in the rows that see all of it. Large windows are combined row by row, then column by column
// (codegen/kernels/pool_separable.c).
#include "codegen/kernels/pool_separable.h"
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"
#include "ops/window.h"
#include "support/checked.h"

static const double UNROLLED = 49;  // positions of a window

typedef struct Pool {
    Ptr x, y, indices;  // indices may be null
    Space xs, ys;
    Window window;
    const PoolAttrs *attrs;
    int64_t channels;
    DType dtype;
    bool inside;  // vectors of the rows at hand see whole windows
} Pool;

// What a window's loops do with each element.
typedef struct PoolState {
    Var best, index;
} PoolState;
typedef void (*PoolStep)(Emit *e, const Pool *pool, PoolState *state, Val x, const Val *position);

// What of the window at `position` lies inside; with several lanes all of it along the row.
static void find_reach(Emit *e, const Pool *pool, const Val *position, int lanes, Reach reach[3]) {
    for (int i = 0; i < 3; i++) {
        reach[i] = window_reach(e, &pool->window, i, position[2 + i]);
        if (lanes > 1 && (i == 2 || pool->inside)) {
            reach[i].low = e_index(e, 0);
            reach[i].high = e_index(e, pool->window.kernel[i]);
        }
    }
}

static Val load_lanes(Emit *e, const Pool *pool, Val at, int lanes) {
    int64_t step = pool->window.stride[2] * pool->xs.step[2];
    return lanes == 1 ? load_compute(e, pool->x, at, 1)
                      : e_cast(e, pool->dtype, e_load_strided(e, pool->x, at, step, lanes));
}

static void window_tap(Emit *e, const Pool *pool, const Reach *reach, Val plane, const Val *tap, int lanes,
                       PoolStep step, PoolState *state) {
    Val position[3];
    for (int i = 0; i < 3; i++)
        position[i] = e_add(e, reach[i].start, e_mul_const(e, tap[i], pool->window.dilation[i]));
    Val at = locate(e, plane, position, pool->xs.step, 3);
    step(e, pool, state, load_lanes(e, pool, at, lanes), position);
}

// Row by row, as ONNX counts the positions of equal maxima.
static void window_rows(Emit *e, const Pool *pool, const Reach *reach, Val plane, PoolStep step, PoolState *state) {
    EMIT_FOR(e, a, reach[0].low, reach[0].high, 1)
        EMIT_FOR(e, b, reach[1].low, reach[1].high, 1)
            EMIT_FOR(e, d, reach[2].low, reach[2].high, 1)
                window_tap(e, pool, reach, plane, (Val[]){a.i, b.i, d.i}, 1, step, state);
}

// window_columns of whole windows.
static void columns_unrolled(Emit *e, const Pool *pool, const Reach *reach, Val plane, int lanes, PoolStep step,
                             PoolState *state, const Var *total) {
    const int64_t *size = pool->window.kernel;
    Val initial = e_get(e, state->best);
    for (int64_t d = 0; d < size[2]; d++) {
        if (total)
            e_set(e, state->best, initial);
        for (int64_t k = 0; k < size[0] * size[1]; k++) {
            Val tap[3] = {e_index(e, k / size[1]), e_index(e, k % size[1]), e_index(e, d)};
            window_tap(e, pool, reach, plane, tap, lanes, step, state);
        }
        if (total)
            e_set(e, *total, e_add(e, e_get(e, *total), e_get(e, state->best)));
    }
}

// Column by column. If there is a `total`, each is done for itself, from `best` as it is now, and added to it.
static void window_columns(Emit *e, const Pool *pool, const Reach *reach, Val plane, int lanes, PoolStep step,
                           PoolState *state, const Var *total) {
    if (lanes > 1 && pool->inside) {
        columns_unrolled(e, pool, reach, plane, lanes, step, state, total);
        return;
    }
    Val initial = e_get(e, state->best);
    EMIT_FOR(e, d, reach[2].low, reach[2].high, 1) {
        if (total)
            e_set(e, state->best, initial);
        EMIT_FOR(e, a, reach[0].low, reach[0].high, 1)
            EMIT_FOR(e, b, reach[1].low, reach[1].high, 1)
                window_tap(e, pool, reach, plane, (Val[]){a.i, b.i, d.i}, lanes, step, state);
        if (total)
            e_set(e, *total, e_add(e, e_get(e, *total), e_get(e, state->best)));
    }
}

static void max_step(Emit *e, const Pool *pool, PoolState *state, Val x, const Val *position) {
    Val best = e_get(e, state->best), better = e_gt(e, x, best);
    e_set(e, state->best, e_select(e, better, x, best));
    if (!pool->indices.v)
        return;
    const int64_t *in = pool->window.in;
    int64_t rows[3] = {in[1] * in[2], in[2], 1}, columns[3] = {1, in[0], in[0] * in[1]};
    Val at = locate(e, e_index(e, 0), position, pool->attrs->storage_order ? columns : rows, 3);
    e_set(e, state->index, e_select(e, better, at, e_get(e, state->index)));
}

static void max_at(Emit *e, const Pool *pool, Val plane, const Val *position, int lanes) {
    Reach reach[3];
    find_reach(e, pool, position, lanes, reach);
    PoolState state = {.best = e_var(e, e_splat(e, e_number(e, pool->dtype, lowest_of(pool->dtype)), lanes))};
    if (pool->indices.v)
        state.index = e_var(e, e_index(e, 0));
    if (pool->indices.v)
        window_rows(e, pool, reach, plane, max_step, &state);
    else
        window_columns(e, pool, reach, plane, lanes, max_step, &state, NULL);
    store_compute(e, pool->y, space_at(e, &pool->ys, position), e_get(e, state.best));
    if (!pool->indices.v)
        return;
    const int64_t *in = pool->window.in, *out = pool->window.out;
    Val image = e_add(e, e_mul_const(e, position[0], pool->channels), position[1]);
    Val from = e_mul_const(e, image, product(in, 3)), to = e_mul_const(e, image, product(out, 3));
    int64_t rows[3] = {out[1] * out[2], out[2], 1};
    Val index = e_cast(e, DT_I64, e_add(e, from, e_get(e, state.index)));
    e_store(e, pool->indices, locate(e, to, position + 2, rows, 3), index);
}

static void sum_step(Emit *e, const Pool *pool, PoolState *state, Val x, const Val *position) {
    (void)pool, (void)position;
    e_set(e, state->best, e_add(e, e_get(e, state->best), x));
}

static void average_at(Emit *e, const Pool *pool, Val plane, const Val *position, int lanes) {
    Reach reach[3];
    Val count = e_index(e, 1);
    find_reach(e, pool, position, lanes, reach);
    for (int i = 0; i < 3; i++) {
        Val n = pool->attrs->count_include_pad ? window_padded(e, &pool->window, i, position[2 + i])
                                               : e_sub(e, reach[i].high, reach[i].low);
        count = e_mul(e, count, n);
    }
    count = e_max(e, count, e_index(e, 1));
    PoolState state = {.best = e_var(e, e_zero(e, pool->dtype, lanes))};
    Var total = e_var(e, e_get(e, state.best));
    window_columns(e, pool, reach, plane, lanes, sum_step, &state, &total);
    Val mean = e_div(e, e_get(e, total), e_splat(e, e_cast(e, pool->dtype, count), lanes));
    store_compute(e, pool->y, space_at(e, &pool->ys, position), mean);
}

// One result, or `lanes` consecutive ones of a row.
typedef void (*PoolAt)(Emit *e, const Pool *pool, Val plane, const Val *position, int lanes);

typedef struct PoolRow {
    const Pool *pool;
    PoolAt at;
    Val plane, position[5];
} PoolRow;

static void row_span(Emit *e, void *arg, Val i, int lanes) {
    PoolRow *row = arg;
    row->position[4] = i;
    row->at(e, row->pool, row->plane, row->position, lanes);
}

// The outputs along an axis, from low to high - 1, whose windows lie inside.
typedef struct Inner {
    int64_t low, high;
} Inner;

static Inner inner_of(const Window *w, int axis) {
    int64_t last = w->in[axis] + w->begin[axis] - (w->kernel[axis] - 1) * w->dilation[axis] - 1;  // where one may start
    int64_t low = min_i64(div_up(w->begin[axis], w->stride[axis]), w->out[axis]);
    return (Inner){low, last < 0 ? low : max_i64(min_i64(last / w->stride[axis] + 1, w->out[axis]), low)};
}

static void emit_row(Emit *e, PoolRow *row) {
    const Window *w = &row->pool->window;
    int lanes = row->pool->indices.v ? 1 : e_lanes(e, row->pool->dtype);
    Inner inner = inner_of(w, 2);
    while (lanes > 1 && lanes > inner.high - inner.low)
        lanes /= 2;
    emit_span(e, e_index(e, 0), e_index(e, inner.low), 1, row_span, row);
    EMIT_FOR(e, i, e_index(e, inner.low), e_index(e, inner.high), lanes)
        row_span(e, row, e_min(e, i.i, e_index(e, inner.high - lanes)), lanes);
    emit_span(e, e_index(e, inner.high), e_index(e, w->out[2]), 1, row_span, row);
}

// Row (i, j) of a plane, by code of its own where all of its windows' rows lie inside.
static void emit_rows(Emit *e, Pool *pool, PoolRow *row) {
    const Window *w = &pool->window;
    bool unrolls = e_fast(e) && !pool->indices.v && window_taps(w) <= UNROLLED;
    Val inside = e_bool(e, true);
    for (int i = 0; i < 2; i++) {
        Inner inner = inner_of(w, i);
        unrolls = unrolls && inner.low < inner.high;
        if (inner.low > 0 || inner.high < w->out[i])
            inside = e_and(e, inside, e_and(e, e_ge(e, row->position[2 + i], e_index(e, inner.low)),
                                            e_lt(e, row->position[2 + i], e_index(e, inner.high))));
    }
    int64_t always;
    if (unrolls) {
        pool->inside = true;
        EMIT_IF(e, inside)
            emit_row(e, row);
        pool->inside = false;
    }
    if (!unrolls || !e_is_const(inside, &always))
        EMIT_IF(e, unrolls ? e_not(e, inside) : e_bool(e, true))
            emit_row(e, row);
}

static int64_t pool_scratch(const Node *node, const Target *target) {
    (void)target;
    return pool_separable_pays(node) ? pool_separable_scratch(node) : 0;
}

static void lower_pool(Emit *e, const Node *node, PoolAt at) {
    if (e_fast(e) && pool_separable_pays(node)) {
        pool_separable_lower(e, node);
        return;
    }
    const Type *type = &node->in[0]->type;
    Pool pool = {.x = e_in(e, 0), .y = e_out(e, 0), .xs = space_of(type), .ys = space_of(&node->out[0]->type),
                 .window = window_three(node_window(node)), .attrs = node->attrs, .channels = type_size(type, 1),
                 .dtype = compute_type(type->dtype)};
    if (node->nout > 1 && node->out[1])
        pool.indices = e_out(e, 1);
    Share share = e_share(e, type_size(type, 0) * pool.channels);
    clear_rim(e, node, share);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val channels = e_index(e, pool.channels);
        Val n = e_div(e, u.i, channels), c = e_rem(e, u.i, channels);
        Val start[2] = {n, c};
        int64_t steps[2] = {pool.xs.batch, pool.xs.channel};
        Val plane = locate(e, e_index(e, pool.xs.origin), start, steps, 2);
        EMIT_TIMES(e, i, pool.window.out[0])
            EMIT_TIMES(e, j, pool.window.out[1]) {
                PoolRow row = {&pool, at, plane, {n, c, i.i, j.i}};
                emit_rows(e, &pool, &row);
            }
    }
}

static void lower_max(Emit *e, const Node *node) {
    lower_pool(e, node, max_at);
}

static void lower_average(Emit *e, const Node *node) {
    lower_pool(e, node, average_at);
}

typedef struct Global {
    Reduce reduce;
    Ptr y;
    int64_t count;  // to divide by; 0: not
} Global;

static void global_row(Emit *e, void *arg, Val x, Val y, int lanes) {
    Global *global = arg;
    Val v = reduce_at(e, &global->reduce, x, lanes);
    if (global->count > 0)
        v = e_div(e, v, e_splat(e, e_number(e, v.dtype, (double)global->count), lanes));
    store_compute(e, global->y, y, v);
}

static void lower_global(Emit *e, const Node *node, double initial, Val (*combine)(Emit *, Val, Val), bool mean) {
    const Type *type = &node->in[0]->type;
    int64_t x[MAX_RANK], y[MAX_RANK];
    Kept kept = {.x_origin = type_steps(type, x), .y_origin = type_steps(&node->out[0]->type, y)};
    Global global = {.y = e_out(e, 0), .count = mean ? 1 : 0};
    global.reduce = (Reduce){.x = e_in(e, 0), .dtype = compute_type(type->dtype), .initial = initial,
                             .combine = combine};
    for (int i = 0; i < type->rank; i++) {
        if (i < 2) {
            kept_add(&kept, type_size(type, i), x[i], y[i]);
            continue;
        }
        reduce_add_loop(&global.reduce, type_size(type, i), x[i]);
        global.count *= type_size(type, i);
    }
    kept_loops(e, &kept, 1, global_row, &global);
}

static void lower_global_average(Emit *e, const Node *node) {
    lower_global(e, node, 0, combine_add, true);
}

static void lower_global_max(Emit *e, const Node *node) {
    lower_global(e, node, lowest_of(compute_type(node->in[0]->type.dtype)), combine_max, false);
}

const OpImpl impl_MaxPool = {.lower = lower_max, .scratch = pool_scratch};
const OpImpl impl_AveragePool = {.lower = lower_average, .scratch = pool_scratch};
const OpImpl impl_GlobalAveragePool = {.lower = lower_global_average};
const OpImpl impl_GlobalMaxPool = {.lower = lower_global_max};
