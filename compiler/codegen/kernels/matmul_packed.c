// MatMul and Gemm with a constant right factor, packed in panels of columns (sqz.PackMatrix):
//
//     y[m][n] = act(bias[n] + sum over k of a[m][k] * b[k][n])               Gemm: the sum starts from the bias
//     y[m][n] = act((sum over k of a[m][k] * b[k][n]) + bias[n] + r[m][n])   MatMul: as the operators that it is made of
//
// The order of the terms is that of codegen/order.h. All dimensions of `a` but the last are rows. A register tile is a few rows times `panels` panels, as in conv_direct;
// with few rows more panels keep the multipliers busy. Where N is no multiple of the panel, the last panel is a tile of
// its own, stored lane by lane.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/product.h"
#include "codegen/order.h"
#include "support/checked.h"

enum { PANEL = 16 };       // columns
// The panels of a tile are fetched at the same time: of the time that one or several take.
static const double FETCH = 0.78, FETCH_PANEL = 0.9;
enum { WANTED_SUMS = 8 };  // accumulators that hide the latency of a multiply-add

typedef struct Matrices {
    Ptr a, b, bias, addend, y;
    bool has_bias, bias_last, adds;
    const Act *act;
    int64_t rows, inner, columns, panel;
    int lanes, panels;  // panels of a tile
} Matrices;

// The constant matrix before it was packed, or null.
static const Value *right_factor(const Node *node) {
    const Value *b = node->in[1];
    if (b->def && b->def->op == OP_PackMatrix)
        return b->def->in[0];
    return value_data(b) ? b : NULL;
}

static bool is_plain_f32(const Type *type) {
    return type->dtype == DT_F32 && type_is_static(type) && type_is_plain(type) && type_count(type) > 0;
}

static bool has_plain_bias(const Node *node, int64_t columns) {
    const Value *bias = node_in(node, 2);
    if (!bias)
        return true;
    const Type *type = &bias->type;
    return is_plain_f32(type) && type->rank > 0 && type_count(type) == columns && type->dim[type->rank - 1].n == columns;
}

static bool params_fit(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    return params->panels >= 1 && params->panels <= PRODUCT_MAX && !params->depth &&
           product_fits(params->rows, params->panels * (PANEL / target_lanes(target, 32)));
}

static bool is_transposed(const Node *node) {
    return node->op == OP_Gemm && ((const GemmAttrs *)node->attrs)->trans_b;
}

bool matmul_packed_accepts(const Node *node, const Target *target) {
    if (node->op != OP_MatMul && node->op != OP_Gemm)
        return false;
    const Value *b = right_factor(node);
    if (!b || b->type.rank != 2 || !is_plain_f32(&b->type) || !is_plain_f32(&node->in[0]->type) || !is_plain_f32(&node->out[0]->type))
        return false;
    if (node->kernel == KERNEL_matmul_packed && !params_fit(node, target))
        return false;
    if (b->type.dim[is_transposed(node) ? 0 : 1].n == 1)  // a panel would hold one column: dot products read less
        return false;
    if (node->op == OP_MatMul)
        return (!node_in(node, 2) || is_plain_f32(&node->in[2]->type)) && (!node_in(node, 3) || is_plain_f32(&node->in[3]->type));
    const GemmAttrs *attrs = node->attrs;
    return !attrs->trans_a && attrs->alpha == 1 && (attrs->beta == 1 || !node_in(node, 2)) &&
           has_plain_bias(node, b->type.dim[attrs->trans_b ? 0 : 1].n);
}

bool matmul_packed_choice(Node *node, const Target *target, int number) {
    DirectParams *params = node->params;
    const Type *y = &node->out[0]->type;
    int64_t columns = y->dim[y->rank - 1].n, rows = type_count(y) / columns;
    int lanes = target_lanes(target, 32), vecs = PANEL / lanes;
    params->panels = rows * vecs >= WANTED_SUMS ? 1 : max_i64(1, min_i64(WANTED_SUMS / (rows * vecs), columns / PANEL));
    if (lanes == PANEL && rows >= WANTED_SUMS && columns / PANEL % 2 == 0)
        params->panels = 2;
    for (int i = 0; i < number; i++)
        params->panels /= 2;
    params->rows = params->panels ? min_i64(rows, product_most_rows(target, (int)params->panels * vecs)) : 0;
    return params->panels >= 1;
}

// Every tile of rows reads the whole matrix again.
double matmul_packed_cost(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    const Type *y = &node->out[0]->type;
    const Type *b = &right_factor(node)->type;
    int64_t inner = b->dim[is_transposed(node) ? 1 : 0].n, columns = y->dim[y->rank - 1].n, rows = type_count(y) / columns;
    int64_t vecs = params->panels * PANEL / target_lanes(target, 32);
    double sets = (double)div_up(columns, params->panels * PANEL), tiles = (double)div_up(rows, params->rows);
    double compute = sets * cost_row(target, rows, params->rows, vecs, (double)inner);
    double panel = (double)(inner * PANEL * params->panels) * sizeof(float), all = panel * sets;
    double fetch = cost_far(target, all) * (FETCH + FETCH_PANEL / (double)params->panels);
    double bytes = fetch + cost_near(target, all * (tiles - 1), panel);
    return cost_seconds(target, cost_call(target) + (compute > bytes ? compute : bytes));
}

void matmul_packed_packing(const Node *node, PackAttrs *attrs) {
    *attrs = (PackAttrs){.panel = PANEL, .block = 1, .transposed = is_transposed(node)};
}

// ---- Code

// The lanes of the columns first .. valid - 1 at `at`; zeros behind them.
static Val load_columns(Emit *e, const Matrices *m, Ptr x, Val at, int64_t first, int64_t valid) {
    if (first + m->lanes <= valid)
        return e_load(e, x, at, m->lanes);
    Val v = e_zero(e, DT_F32, m->lanes);
    for (int lane = 0; first + lane < valid; lane++)
        v = e_set_lane(e, v, lane, e_load(e, x, e_add_const(e, at, lane), 1));
    return v;
}

static Val bias_of(Emit *e, const Matrices *m, Val column, int vec, int64_t valid) {
    int64_t first = (int64_t)vec * m->lanes;
    return m->has_bias ? load_columns(e, m, m->bias, e_add_const(e, column, first), first, valid) : e_zero(e, DT_F32, m->lanes);
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

static void tile_store(Emit *e, const Matrices *m, const Product *product, const Var *sum, int64_t valid, Val row, Val column) {
    Val start = e_add(e, e_mul_const(e, row, m->columns), column);
    for (int i = 0; i < product->rows * product->vecs; i++) {
        int64_t first = (int64_t)(i % product->vecs) * m->lanes, line = i / product->vecs * m->columns;
        Val v = e_get(e, sum[i]);
        if (m->has_bias && m->bias_last)
            v = e_add(e, v, bias_of(e, m, column, i % product->vecs, valid));
        if (m->adds)
            v = e_add(e, v, load_columns(e, m, m->addend, e_add_const(e, start, line + first), first, valid));
        store_columns(e, m, e_at(e, m->y, e_add_const(e, start, line)), first, valid, e_act(e, m->act, v));
    }
}

static void add_slice(Emit *e, const Product *product, const Var *sum, Ptr a, Ptr b) {
    Var part[PRODUCT_MAX];
    int count = product->rows * product->vecs;
    for (int i = 0; i < count; i++)
        part[i] = e_var(e, e_zero(e, DT_F32, product->lanes));
    product_run(e, product, part, a, b, ORDER_SLICE);
    for (int i = 0; i < count; i++)
        e_set(e, sum[i], e_add(e, e_get(e, sum[i]), e_get(e, part[i])));
}

// `valid` columns of the tile's panels exist.
static void tile_emit(Emit *e, const Matrices *m, int64_t rows, int panels, int64_t valid, Val row, Val column) {
    Product product = {.rows = (int)rows, .vecs = panels * (int)m->panel / m->lanes, .lanes = m->lanes, .panels = panels,
                       .row_stride = m->inner, .panel = m->panel, .panel_stride = m->inner * m->panel};
    Var sum[PRODUCT_MAX];
    int count = product.rows * product.vecs;
    for (int i = 0; i < count; i++)
        sum[i] = e_var(e, m->bias_last ? e_zero(e, DT_F32, m->lanes) : bias_of(e, m, column, i % product.vecs, valid));
    Ptr a = e_at(e, m->a, e_mul_const(e, row, m->inner)), b = e_at(e, m->b, e_mul_const(e, column, m->inner));
    int64_t whole = m->inner > ORDER_SLICE ? m->inner / ORDER_SLICE * ORDER_SLICE : 0;
    EMIT_FOR(e, k, e_index(e, 0), e_index(e, whole), ORDER_SLICE)
        add_slice(e, &product, sum, e_at(e, a, k.i), e_at(e, b, e_mul_const(e, k.i, m->panel)));
    product_run(e, &product, sum, e_at_const(e, a, whole), e_at_const(e, b, whole * m->panel), m->inner - whole);
    tile_store(e, m, &product, sum, valid, row, column);
}

// Units are (columns of a tile, tile of rows): neighbouring units read the same panels.
static void columns_emit(Emit *e, const Matrices *m, int64_t most, Val begin, Val end, int64_t first, int panels, int64_t valid) {
    RowTiles tiles = row_tiles(m->rows, most);
    Val count = e_index(e, tiles.count), extra = e_index(e, tiles.extra);
    EMIT_FOR(e, unit, begin, end, 1) {
        Val tile = e_rem(e, unit.i, count), group = e_div(e, unit.i, count);
        Val column = e_add_const(e, e_mul_const(e, group, panels * m->panel), first);
        Val row = e_add(e, e_mul_const(e, tile, tiles.base), e_min(e, tile, extra));
        if (tiles.extra)
            EMIT_IF(e, e_lt(e, tile, extra))
                tile_emit(e, m, tiles.base + 1, panels, valid, row, column);
        EMIT_IF(e, e_ge(e, tile, extra))
            tile_emit(e, m, tiles.base, panels, valid, row, column);
    }
}

static Matrices matrices_of(Emit *e, const Node *node) {
    const Type *y = &node->out[0]->type, *packed = &node->in[1]->type;
    Matrices m = {.a = e_in(e, 0), .b = e_in(e, 1), .y = e_out(e, 0), .inner = packed->dim[1].n, .panel = packed->dim[2].n,
                  .bias_last = node->op == OP_MatMul, .adds = node_in(node, 3) != NULL,
                  .act = node->op == OP_Gemm ? &((const GemmAttrs *)node->attrs)->act : &((const MatMulAttrs *)node->attrs)->act,
                  .lanes = target_lanes(e_target(e), 32)};
    m.columns = is_transposed(node) ? node->in[1]->def->in[0]->type.dim[0].n : node->in[1]->def->in[0]->type.dim[1].n;
    m.rows = type_count(y) / m.columns;
    m.has_bias = node_in(node, 2) != NULL;
    if (m.has_bias)
        m.bias = e_in(e, 2);
    if (m.adds)
        m.addend = e_in(e, 3);
    return m;
}

void matmul_packed_lower(Emit *e, const Node *node) {
    const DirectParams *params = node->params;
    Matrices m = matrices_of(e, node);
    int64_t whole = m.columns / m.panel, groups = whole / params->panels, single = whole % params->panels;
    int64_t tiles = row_tiles(m.rows, params->rows).count, wide = groups * params->panels * m.panel;
    int64_t partial = m.columns % m.panel > 0, units[3] = {groups * tiles, single * tiles, partial * tiles};
    int panels[3] = {(int)params->panels, 1, 1};
    int64_t first[3] = {0, wide, whole * m.panel}, valid[3] = {params->panels * m.panel, m.panel, m.columns % m.panel};
    Share share = e_share(e, units[0] + units[1] + units[2]);
    int64_t before = 0;
    for (int i = 0; i < 3; i++) {
        Val begin = e_max(e, e_add_const(e, share.begin, -before), e_index(e, 0));
        Val end = e_min(e, e_add_const(e, share.end, -before), e_index(e, units[i]));
        if (units[i])
            columns_emit(e, &m, params->rows, begin, end, first[i], panels[i], valid[i]);
        before += units[i];
    }
}
