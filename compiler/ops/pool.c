// MaxPool (with its indices), AveragePool and the global pools.
//
// Maxima ignore NaN, as onnxruntime's do. AveragePool divides by the number of positions inside the input, or inside
// the padded input with count_include_pad, and adds up as codegen/order.h says. Above -O0 the columns whose windows lie inside go in vectors.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"
#include "ops/window.h"
#include "support/checked.h"

typedef struct Pool {
    Ptr x, y, indices;  // indices may be null
    Space xs, ys;
    Window window;
    const PoolAttrs *attrs;
    int64_t channels;
    DType dtype;
} Pool;

// What a window's loops do with each element.
typedef struct PoolState {
    Var best, index;
} PoolState;
typedef void (*PoolStep)(Emit *e, const Pool *pool, PoolState *state, Val x, const Val *position);

// What of the window at `position` lies inside; with several lanes all of it along the row.
static void find_reach(Emit *e, const Pool *pool, const Val *position, int lanes, Reach reach[3]) {
    for (int i = 0; i < 3; i++)
        reach[i] = window_reach(e, &pool->window, i, position[2 + i]);
    if (lanes == 1)
        return;
    reach[2].low = e_index(e, 0);
    reach[2].high = e_index(e, pool->window.kernel[2]);
}

static Val load_lanes(Emit *e, const Pool *pool, Val at, int lanes) {
    int64_t step = pool->window.stride[2] * pool->xs.step[2];
    return lanes == 1 ? load_compute(e, pool->x, at, 1)
                      : e_cast(e, pool->dtype, e_load_strided(e, pool->x, at, step, lanes));
}

static void window_tap(Emit *e, const Pool *pool, const Reach *reach, Val plane, const Val *tap, int lanes, PoolStep step,
                       PoolState *state) {
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

// Column by column. If there is a `total`, each is done for itself, from `best` as it is now, and added to it.
static void window_columns(Emit *e, const Pool *pool, const Reach *reach, Val plane, int lanes, PoolStep step,
                           PoolState *state, const Var *total) {
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

static void emit_row(Emit *e, PoolRow *row) {
    const Window *w = &row->pool->window;
    int lanes = row->pool->indices.v ? 1 : e_lanes(e, row->pool->dtype);
    int64_t last = w->in[2] + w->begin[2] - (w->kernel[2] - 1) * w->dilation[2] - 1;  // where the last window may start
    int64_t low = min_i64(div_up(w->begin[2], w->stride[2]), w->out[2]);
    int64_t high = last < 0 ? low : max_i64(min_i64(last / w->stride[2] + 1, w->out[2]), low);
    while (lanes > 1 && lanes > high - low)
        lanes /= 2;
    emit_span(e, e_index(e, 0), e_index(e, low), 1, row_span, row);
    emit_span(e, e_index(e, low), e_index(e, high), lanes, row_span, row);
    emit_span(e, e_index(e, high), e_index(e, w->out[2]), 1, row_span, row);
}

static void lower_pool(Emit *e, const Node *node, PoolAt at) {
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
                emit_row(e, &row);
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

const OpImpl impl_MaxPool = {.lower = lower_max};
const OpImpl impl_AveragePool = {.lower = lower_average};
const OpImpl impl_GlobalAveragePool = {.lower = lower_global_average};
const OpImpl impl_GlobalMaxPool = {.lower = lower_global_max};
