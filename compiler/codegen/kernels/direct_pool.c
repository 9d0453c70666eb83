// Pools over the results of conv_direct, which go no further than this.
//
// For maxima a shard does consecutive rows of the pool. The rows of the convolution that a window needs stand in a ring
// of as many rows, in scratch memory, so that those that two windows share are computed once, but at the border of two
// shards twice:
//
//     ring, 3 rows:   row 3   row 4   row 2       for row 1 of a 3x3 pool of stride 2. Then rows 5 and 6 take the
//     places of 2
//                     row 6   row 4   row 5       and 3, for row 2 of the pool
//
// For the average of the whole map a shard does all tiles of a panel, and adds up their results. Where input channels
// are done in slices, the sums of those so far wait in a plane behind these sums.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/direct.h"
#include "codegen/kernels/pool_rows.h"
#include "support/checked.h"

static const double BORDERS = 4;  // of shards, as a prediction counts them

static const ConvPool *pool_of(const Node *node) {
    return &((const ConvAttrs *)node->attrs)->pool;
}

bool direct_has_ring(const Node *node) {
    return node_pools(node) && pool_of(node)->kind == CONV_POOL_MAX;
}

bool direct_pool_fits(const Node *node) {
    if (!node_pools(node))
        return true;
    Window window = node_pool_window(node);
    PoolRows pool;
    bool all = window.n == 2 && window.kernel[0] == window.in[0] && window.kernel[1] == window.in[1] &&
               all_are(window.begin, 0) && all_are(window.end, 0);
    return !node_in(node, 3) && (direct_has_ring(node) ? pool_rows_make(&window, &pool) : all);
}

int64_t conv_direct_scratch(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    if (!node_pools(node))
        return 0;
    Window pool = node_pool_window(node);
    int64_t ring = pool.kernel[0] * pool.in[1], sums = 1 + (params->depth ? pool.in[0] * pool.in[1] : 0);
    return (direct_has_ring(node) ? ring : sums) * target->block * params->panels * (int64_t)sizeof(float);
}

double direct_pool_cycles(const Node *node, const Target *target, double row) {
    if (!direct_has_ring(node))
        return 0;
    const Type *y = &node->out[0]->type;
    Window pool = node_pool_window(node);
    double vectors = (double)type_storage(y) / target_lanes(target, 32), out = (double)type_bytes(y);
    double taps = vectors * (double)(pool.kernel[0] * pool.kernel[1]) * target->vector_bits / 8;
    double near = cost_near(target, taps, (double)conv_direct_scratch(node, target)) + cost_near(target, out, out);
    return pool_row_cycles(&pool, vectors) + near + BORDERS * row * (double)max_i64(0, pool.kernel[0] - pool.stride[0]);
}

// ---- Code

typedef struct Pooled {
    Image y;  // of the pool
    PoolRows pool;
    int64_t most;
} Pooled;

static Ptr ring_row(Emit *e, const Pooled *p, const Direct *d, Val row) {
    return e_at(e, d->y.p, e_mul_const(e, e_rem(e, row, e_index(e, p->pool.window.kernel[0])), d->y.stride.row));
}

// Row `row` of the pool in each panel, from the ring. `start`: the row of the map where its windows start.
static void ring_pool(Emit *e, const Pooled *p, const Direct *d, Val plane, Val row, Val start) {
    Ptr y = e_at(e, image_plane(e, &p->y, plane), e_mul_const(e, row, p->y.stride.row));
    EMIT_TIMES(e, i, d->panels) {
        Ptr tap[POOL_TAPS];
        for (int64_t v = 0; v < p->pool.window.kernel[0]; v++)
            tap[v] = e_at(e, ring_row(e, p, d, e_add_const(e, start, v)), e_mul_const(e, i.i, d->y.stride.channel));
        pool_row(e, &p->pool, row, tap, e_at(e, y, e_mul_const(e, i.i, p->y.stride.channel)));
    }
}

// The rows that a window needs and the one before did not, then the window.
static void ring_emit(Emit *e, const Direct *d, const void *context, Val batch, Val panel, Val first, Val last) {
    const Pooled *p = context;
    const Window *window = &p->pool.window;
    Var done = e_var(e, e_index(e, 0));
    EMIT_FOR(e, row, first, last, 1) {
        Val start = e_add_const(e, e_mul_const(e, row.i, window->stride[0]), -window->begin[0]);
        Val end = e_min(e, e_add_const(e, start, window->kernel[0]), e_index(e, d->y.height));
        EMIT_FOR(e, q, e_max(e, e_get(e, done), start), end, 1)
            direct_row(e, d, p->most, batch, panel, q.i, e_index(e, 0), (Dest){.y = ring_row(e, p, d, q.i)});
        e_set(e, done, end);
        ring_pool(e, p, d, direct_plane(e, d, batch, panel), row.i, start);
    }
}

static void average_emit(Emit *e, const Direct *d, const void *context, Val batch, Val panel, Val first, Val last) {
    const Pooled *p = context;
    int64_t channels = d->panels * d->y.block;
    Val count = e_splat(e, e_float(e, DT_F32, (double)(d->y.height * d->y.width)), d->lanes);
    (void)first, (void)last;
    e_clear(e, d->sums, e_index(e, 0), channels);
    EMIT_TIMES(e, slice, d->slices)
        EMIT_TIMES(e, row, d->rows) {
            Dest to = {.y = e_at(e, d->y.p, e_mul_const(e, row.i, direct_row_distance(d)))};
            direct_row(e, d, p->most, batch, panel, row.i, slice.i, to);
        }
    Ptr y = image_plane(e, &p->y, direct_plane(e, d, batch, panel));
    for (int64_t at = 0; at < channels; at += d->lanes) {
        Val mean = e_div(e, e_load_const(e, d->sums, at, d->lanes), count);
        e_store_const(e, y, at / d->y.block * p->y.stride.channel + at % d->y.block, mean);
    }
}

// Units are rows of the pool of groups of panels, or with an average whole groups.
void direct_pool_lower(Emit *e, Direct *d) {
    Type map = conv_map_type(d->node);
    Window window = node_pool_window(d->node);
    Ptr scratch = e_scratch(e, DT_F32, conv_direct_scratch(d->node, e_target(e)));
    Pooled p = {.y = d->y, .most = ((const DirectParams *)d->node->params)->rows};
    p.pool = (PoolRows){.lanes = d->lanes, .vecs = (int)d->y.block / d->lanes, .y_pixel = d->y.stride.pixel};
    d->y = image_of(scratch, &map);
    d->rows = d->y.height;
    d->row_length = d->y.width;
    if (direct_has_ring(d->node)) {
        p.pool.x_pixel = d->y.stride.pixel;
        pool_rows_make(&window, &p.pool);
        d->y.stride.channel = window.kernel[0] * d->y.stride.row;
        direct_share(e, d, p.y.height, ring_emit, &p);
        return;
    }
    d->sums = scratch;
    d->y.p = e_at_const(e, scratch, d->panels * d->y.block);
    direct_cut(d, p.most);
    direct_share(e, d, 1, average_emit, &p);
}
