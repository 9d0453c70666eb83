// The sums of a tile stay in registers over all of k; the order of the terms is that of codegen/order.h. Where the last
// panel has fewer columns, its lanes are loaded and stored one by one.
#include "codegen/kernels/matrices.h"

#include "codegen/kernels/product.h"
#include "codegen/order.h"
#include "support/checked.h"

Val matrix_columns(Emit *e, int lanes, Ptr x, Val at, int64_t first, int64_t valid) {
    if (first + lanes <= valid)
        return e_load(e, x, at, lanes);
    Val v = e_zero(e, x.dtype, lanes);
    for (int lane = 0; first + lane < valid; lane++)
        v = e_set_lane(e, v, lane, e_load(e, x, e_add_const(e, at, lane), 1));
    return v;
}

static Val none(Emit *e, const Matrices *m) {
    return e_zero(e, m->dots ? DT_I32 : DT_F32, m->lanes);
}

static Val bias_of(Emit *e, const Matrices *m, Val column, int vec, int64_t valid) {
    int64_t first = (int64_t)vec * m->lanes;
    if (!m->has_bias)
        return none(e, m);
    return matrix_columns(e, m->lanes, m->bias, e_add_const(e, column, first), first, valid);
}

// Stores the lanes of the columns first .. valid - 1.
static void store_columns(Emit *e, const Matrices *m, Ptr y, int64_t first, int64_t valid, Val v) {
    if (first + m->lanes <= valid) {
        e_store_const(e, y, first, v);
        return;
    }
    for (int lane = 0; first + lane < valid; lane++)
        e_store_const(e, y, first + lane, e_lane(e, v, lane));
}

static void fused_store(Emit *e, const Matrices *m, const Product *product, const Var *sum, int64_t valid, Val row,
                        Val column) {
    int vecs = product->vecs / product->panels;
    for (int i = 0; i < product->rows * product->panels; i++) {
        int64_t first = i % product->panels * m->panel, left = min_i64(valid - first, m->panel);
        if (left <= 0)
            continue;
        Val r = e_add_const(e, row, i / product->panels), c = e_add_const(e, column, first);
        Val at = e_add(e, e_mul_const(e, r, m->y_row), c);
        Val all = fused_gather(e, sum + i * vecs, vecs);
        e_store(e, m->y, at, fused_result(e, &m->fused, r, c, at, e_part(e, all, 0, (int)left)));
    }
}

static void tile_store(Emit *e, const Matrices *m, const Product *product, const Var *sum, int64_t valid, Val row,
                       Val column) {
    Val start = e_add(e, e_mul_const(e, row, m->y_row), column);
    for (int i = 0; i < product->rows * product->vecs; i++) {
        int64_t first = (int64_t)(i % product->vecs) * m->lanes, line = i / product->vecs * m->y_row;
        Val v = e_get(e, sum[i]);
        if (m->has_bias && m->bias_last)
            v = e_add(e, v, bias_of(e, m, column, i % product->vecs, valid));
        if (m->adds)
            v = e_add(e, v, matrix_columns(e, m->lanes, m->addend, e_add_const(e, start, line + first), first, valid));
        store_columns(e, m, e_at(e, m->y, e_add_const(e, start, line)), first, valid, e_act(e, m->act, v));
    }
}

// The terms first .. first + count - 1; `first` begins a slice.
static void add_terms(Emit *e, const Matrices *m, const Product *product, const Var *sum, Ptr a, Ptr b, Val first,
                      int64_t count) {
    if (m->narrow)
        narrow_run(e, m->narrow, product, sum, a, b, first, count);
    else
        product_run(e, product, sum, e_at(e, a, first), e_at(e, b, e_mul_const(e, first, m->panel)), count);
}

static void add_slice(Emit *e, const Matrices *m, const Product *product, const Var *sum, Ptr a, Ptr b, Val first) {
    Var part[PRODUCT_MAX];
    int count = product->rows * product->vecs;
    for (int i = 0; i < count; i++)
        part[i] = e_var(e, e_zero(e, DT_F32, product->lanes));
    add_terms(e, m, product, part, a, b, first, ORDER_SLICE);
    for (int i = 0; i < count; i++)
        e_set(e, sum[i], e_add(e, e_get(e, sum[i]), e_get(e, part[i])));
}

void matrix_tile(Emit *e, const Matrices *m, int64_t rows, int panels, int64_t valid, Val row, Val column, Ptr b) {
    int64_t step = m->dots ? m->dots : 1, line = m->panel * step;
    Product product = {.rows = (int)rows, .vecs = panels * (int)m->panel / m->lanes, .lanes = m->lanes,
                       .panels = panels, .dots = m->dots,
                       .row_stride = m->a_row, .panel = line, .panel_stride = div_up(m->inner, step) * line};
    Var sum[PRODUCT_MAX];
    int count = product.rows * product.vecs;
    for (int i = 0; i < count; i++)
        sum[i] = e_var(e, m->bias_last ? none(e, m) : bias_of(e, m, column, i % product.vecs, valid));
    Ptr a = e_at(e, m->a, e_mul_const(e, row, m->a_row));
    int64_t whole = m->inner > ORDER_SLICE && !m->dots ? m->inner / ORDER_SLICE * ORDER_SLICE : 0;
    EMIT_FOR(e, k, e_index(e, 0), e_index(e, whole), ORDER_SLICE)
        add_slice(e, m, &product, sum, a, b, k.i);
    add_terms(e, m, &product, sum, a, b, e_index(e, whole), m->inner - whole);
    (m->fused.node ? fused_store : tile_store)(e, m, &product, sum, valid, row, column);
}

typedef struct Strip {
    const Matrices *m;
    int panels;
    int64_t valid;
    Val column;
    Ptr b;
} Strip;

static void rows_emit(Emit *e, const void *context, int64_t rows, Val row) {
    const Strip *c = context;
    matrix_tile(e, c->m, rows, c->panels, c->valid, row, c->column, c->b);
}

void matrix_row_tile(Emit *e, const Matrices *m, const RowTiles *tiles, Val tile, int panels, int64_t valid, Val column,
                     Ptr b) {
    Strip strip = {m, panels, valid, column, b};
    if (m->open)
        open_tile_emit(e, m->open, tile, rows_emit, &strip);
    else
        row_tile_emit(e, tiles, tile, rows_emit, &strip);
}
