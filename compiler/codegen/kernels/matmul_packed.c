// MatMul and Gemm with a constant right factor, packed in panels of columns (sqz.PackMatrix):
//
//     y[m][n] = act(bias[n] + sum over k of a[m][k] * b[k][n])               Gemm: the sum starts from the bias
//     y[m][n] = act((sum over k of a[m][k] * b[k][n]) + bias[n] + r[m][n])   MatMul: as the operators it comes from
//
// The order of the terms is that of codegen/order.h. All dimensions of `a` but the last are rows. A register tile is a
// few rows times `panels` panels, as in conv_direct; with few rows more panels keep the multipliers busy. Where N is no
// multiple of the panel, the last panel is a tile of its own, stored lane by lane; whole panels that are left over
// before it are one of fewer panels.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/matrices.h"
#include "support/checked.h"

enum { PANEL = MATRIX_PANEL };
// The panels of a tile are fetched at the same time: of the time that one or several take.
static const double FETCH = 0.78, FETCH_PANEL = 0.9;
static const double STREAM = 0.03;  // that each of them adds where one alone keeps up with the memory
static const double SHOWN = 0.5;  // of the time that panels take to come from near again, beside wide vectors
static const double WIDEN = 1.5;  // cycles for a vector of quantized elements
enum { WANTED_SUMS = MATRIX_SUMS };
enum { MOST_PANELS = 5 };  // of a tile of many rows, that are worth a trial

static bool is_plain_f32(const Type *type) {
    return is_row_major(type, DT_F32);
}

// Of small integers, of which the target multiplies and adds so many at a time: words or bytes. 0: of floats.
static int dots_of(const Node *node) {
    DType dtype = node->in[0]->type.dtype;
    return dtype == DT_F32 ? 0 : dtype == DT_I16 ? 2 : 4;
}

// The right one is constant, of floats or quantized.
static bool factors_fit(const Node *node, const Target *target) {
    const Type *a = &node->in[0]->type, *y = &node->out[0]->type;
    Value *part[MATRIX_PARTS];
    int n = matrix_parts(node->in[1], matrix_is_transposed(node), part);
    if (!n || matrix_type(node, 1)->rank != 2)
        return false;
    const Type *b = &part[0]->type;
    if (is_plain_f32(a))
        return is_plain_f32(y) && !node_fuses(node) && (n > 1 || is_plain_f32(b) || is_row_major(b, DT_BF16) ||
                                                        (target->halves && is_row_major(b, DT_F16)));
    return n == 1 && node->op == OP_MatMul && !matmul_transposes(node) && target->dots &&
           is_row_major(a, kernel_dots(target)) && is_row_major(b, DT_I8) && is_row_major(y, y->dtype) &&
           node_sum_type(node)->dtype == DT_I32;
}

static bool has_plain_bias(const Node *node, int64_t columns) {
    const Value *bias = node_in(node, 2);
    if (!bias)
        return true;
    const Type *type = &bias->type;
    return is_plain_f32(type) && type->rank > 0 && type_count(type) == columns &&
           type->dim[type->rank - 1].n == columns;
}

static bool params_fit(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    return params->panels >= 1 && params->panels <= PRODUCT_MAX && !params->depth && !params->ahead &&
           product_fits(params->rows, params->panels * (PANEL / target_lanes(target, 32)));
}

// The right factor as it is multiplied.
static int64_t inner_of(const Node *node) {
    return matrix_type(node, 1)->dim[matrix_is_transposed(node) ? 1 : 0].n;
}

static int64_t columns_of(const Node *node) {
    return matrix_type(node, 1)->dim[matrix_is_transposed(node) ? 0 : 1].n;
}

// Whether rows of several samples can be one matrix: all but weights must have a row for each of them.
static bool takes_samples(const Node *node) {
    const Value *bias = node_in(node, 2), *addend = node_in(node, 3);
    if (!node->graph->module->open.block || value_data(node->in[0]) || (bias && !value_data(bias)) ||
        (addend && value_data(addend)))
        return false;
    for (int i = FUSED_INPUTS; i < node->nin; i++) {
        FusedKind kind = fused_kind(node, &node->in[i]->type);
        bool same = kind == FUSED_ONE || kind == FUSED_COLUMN;  // for each row
        if (same != (value_data(node->in[i]) != NULL))
            return false;
    }
    return true;
}

// The most that a call may have.
static int64_t rows_of(const Node *node) {
    int64_t rows = type_count(&node->out[0]->type) / columns_of(node);
    return takes_samples(node) ? rows * node->graph->module->open.block : rows;
}

static bool only_right_is_transposed(const Node *node) {
    const MatMulAttrs *attrs = node->attrs;
    return !attrs->perm_a.n && !attrs->perm_y.n && (!attrs->perm_b.n || matrix_is_transposed(node));
}

static bool sums_fit(const Node *node, DType dtype) {
    return (!node_in(node, 2) || is_row_major(&node->in[2]->type, dtype)) &&
           (!node_in(node, 3) || is_row_major(&node->in[3]->type, dtype));
}

bool matmul_packed_accepts(const Node *node, const Target *target) {
    if (node->op != OP_MatMul && node->op != OP_Gemm)
        return false;
    if (!factors_fit(node, target))
        return false;
    if (node->kernel == KERNEL_matmul_packed && !params_fit(node, target))
        return false;
    if (columns_of(node) == 1)  // a panel would hold one column: dot products read less
        return false;
    if (node->op == OP_MatMul)
        return only_right_is_transposed(node) && sums_fit(node, dots_of(node) ? DT_I32 : DT_F32);
    const GemmAttrs *attrs = node->attrs;
    return !attrs->trans_a && attrs->alpha == 1 && (attrs->beta == 1 || !node_in(node, 2)) &&
           has_plain_bias(node, columns_of(node));
}

void matmul_packed_packing(const Node *node, PackAttrs *attrs) {
    const Node *def = node->in[1]->def;
    *attrs = (PackAttrs){.panel = PANEL, .block = dots_of(node) ? dots_of(node) : 1,
                         .transposed = matrix_is_transposed(node)};
    if (def && def->op == OP_Dequantize) {
        const DequantizeAttrs *blocks = def->attrs;
        attrs->block = min_i64(attrs->transposed ? blocks->columns : blocks->rows, inner_of(node));
        attrs->zero = blocks->zero;
    }
    if (def && def->op == OP_PackMatrix && def->nin > 1) {
        attrs->block = ((const PackAttrs *)def->attrs)->block;
        attrs->zero = ((const PackAttrs *)def->attrs)->zero;
    }
}

// Of a node whose weights are not packed yet, too.
static Narrow narrow_right(const Node *node) {
    Value *part[MATRIX_PARTS];
    PackAttrs packing;
    matmul_packed_packing(node, &packing);
    int n = matrix_parts(node->in[1], matrix_is_transposed(node), part);
    return n > 1 ? narrow_of(&packing, part[0], n == MATRIX_PARTS) : (Narrow){0};
}

static bool is_quantized(const Node *node) {
    Value *part[MATRIX_PARTS];
    return matrix_parts(node->in[1], matrix_is_transposed(node), part) > 1;
}

// Panels of a tile that are worth a trial: several where one takes a register, and where rows alone give too few sums;
// 0 behind the last one.
static int64_t choose_panels(const Target *target, int64_t rows, int64_t columns, int number) {
    int64_t vecs = PANEL / target_lanes(target, 32), most = max_i64(1, columns / PANEL);
    if (vecs == 1 && rows > WANTED_SUMS / 2) {
        int64_t panels = min_i64(most, 2) + number;
        return panels <= min_i64(most, MOST_PANELS) ? panels : 0;
    }
    int64_t panels = rows * vecs >= WANTED_SUMS ? 1 : min_i64(WANTED_SUMS / (rows * vecs), most);
    for (int i = 0; i < number; i++)
        panels /= 2;
    return panels;
}

bool matmul_packed_choice(Node *node, const Target *target, int number) {
    DirectParams *params = node->params;
    const Type *y = &node->out[0]->type;
    int64_t columns = y->dim[y->rank - 1].n, rows = rows_of(node), vecs = PANEL / target_lanes(target, 32);
    if (is_quantized(node) && rows * vecs <= target->registers / 2) {  // the other half is for what widens
        *params = (DirectParams){.rows = rows, .panels = 1};
        return number == 0;
    }
    int64_t apart = inner_of(node) * dtype_info[node->in[0]->type.dtype].bits / 8;
    int64_t most = min_i64(rows, product_close_rows(target, apart));
    params->panels = choose_panels(target, rows, columns, number);
    params->rows = params->panels ? min_i64(most, product_most_rows(target, (int)(params->panels * vecs))) : 0;
    return params->panels >= 1;
}

// Of the right factor as it lies in memory.
static int element_bits(const Node *node) {
    Value *part[MATRIX_PARTS];
    matrix_parts(node->in[1], matrix_is_transposed(node), part);
    return dtype_info[part[0]->type.dtype].packed;
}

// Every tile of rows reads the whole matrix again; wide vectors wait for it at the first one.
double matmul_packed_cost(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    const Type *y = &node->out[0]->type;
    int64_t inner = inner_of(node), columns = y->dim[y->rank - 1].n, rows = rows_of(node);
    int64_t vecs = PANEL / target_lanes(target, 32), whole = columns / PANEL;
    int64_t groups[3] = {whole / params->panels, whole % params->panels > 0, columns % PANEL > 0};
    int64_t panels[3] = {params->panels, whole % params->panels, 1};
    int64_t each = max_i64(dots_of(node), 1), steps = div_up(inner, each);
    double compute = 0, tiles = (double)div_up(rows, params->rows);
    for (int i = 0; i < 3; i++)
        if (groups[i])
            compute += (double)groups[i] * cost_row(target, rows, params->rows, panels[i] * vecs, (double)steps);
    compute *= cost_dots(dots_of(node));
    double line = (double)(steps * PANEL) * sizeof(float), narrow = (double)(each * element_bits(node)) / 32;
    double panel = line * (double)params->panels, all = line * (double)div_up(columns, PANEL);
    if (is_quantized(node))
        compute += WIDEN * all / (target->vector_bits / 8);
    double far = cost_far(target, narrow * all), near = cost_near(target, all * (tiles - 1), panel), cycles;
    if (cost_has_room(target) && cost_from_memory(node, target))
        far *= 1 + STREAM * (double)(params->panels - 1);
    if (cost_is_wide(target))
        cycles = larger(compute / tiles, far) + compute * (tiles - 1) / tiles + SHOWN * near;
    else
        cycles = larger(compute, far * (FETCH + FETCH_PANEL / (double)params->panels) + near);
    return cost_seconds(target, cost_call(target) + cycles);
}

// Several tiles of rows read quantized panels as floats, widened once for all of them.
static bool widens_first(const Node *node) {
    return rows_of(node) > ((const DirectParams *)node->params)->rows;
}

int64_t matmul_packed_scratch(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    Narrow narrow = narrow_right(node);
    if (!narrow.bits)
        return 0;
    if (widens_first(node))
        return inner_of(node) * params->panels * PANEL * (int64_t)sizeof(float);
    return narrow_is_late(&narrow, rows_of(node), params->panels, target) ? narrow_totals(&narrow, rows_of(node)) : 0;
}

// ---- Code

static Ptr panels_at(Emit *e, const Matrices *m, Val column) {
    if (!m->narrow)
        return e_at(e, m->b, e_mul_const(e, column, align_up(m->inner, max_i64(m->dots, 1))));
    return e_at(e, m->b, e_mul_const(e, e_div(e, column, e_index(e, m->panel)), m->narrow->panel_words));
}

static Val tile_count(Emit *e, const Matrices *m, int64_t most) {
    return m->open ? m->open->count : e_index(e, row_tiles(m->rows, most).count);
}

// Units are (columns of a tile, tile of rows): neighbouring units read the same panels. Where there is a place for
// them, `floats`, the first of these widens the panels.
static void columns_emit(Emit *e, const Matrices *m, int64_t most, Val begin, Val end, int64_t first, int panels,
                         int64_t valid, const Ptr *floats) {
    RowTiles tiles = row_tiles(m->rows, most);
    Matrices tile_of = *m;
    Val count = tile_count(e, m, most);
    EMIT_FOR(e, unit, begin, end, 1) {
        Val tile = e_rem(e, unit.i, count), group = e_div(e, unit.i, count);
        Val column = e_add_const(e, e_mul_const(e, group, panels * m->panel), first);
        Ptr b = panels_at(e, m, column);
        if (floats) {
            EMIT_IF(e, e_or(e, e_eq(e, tile, e_index(e, 0)), e_eq(e, unit.i, begin)))
                narrow_widen(e, m->narrow, panels, m->lanes, b, *floats);
            b = *floats;
            tile_of.narrow = NULL;
        }
        matrix_row_tile(e, &tile_of, &tiles, tile, panels, valid, column, b);
    }
}

static Matrices matrices_of(Emit *e, const Node *node) {
    Matrices m = {.a = e_in(e, 0),
                  .b = e_in(e, 1),
                  .y = e_out(e, 0),
                  .inner = inner_of(node),
                  .columns = columns_of(node),
                  .panel = PANEL,
                  .bias_last = node->op == OP_MatMul && !dots_of(node),
                  .dots = dots_of(node),
                  .fused = fused_of(e, node),
                  .adds = node_in(node, 3) != NULL,
                  .act = node->op == OP_Gemm ? &((const GemmAttrs *)node->attrs)->act
                                             : &((const MatMulAttrs *)node->attrs)->act,
                  .lanes = target_lanes(e_target(e), 32)};
    m.rows = type_count(&node->out[0]->type) / m.columns;
    m.a_row = m.inner;
    m.y_row = m.columns;
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
    Narrow narrow = narrow_right(node);
    int64_t scratch = matmul_packed_scratch(node, e_target(e));
    Ptr floats = {0};
    if (narrow.bits)
        m.narrow = &narrow;
    if (scratch)
        floats = e_scratch(e, DT_F32, scratch);
    bool widens = narrow.bits && widens_first(node);
    narrow.late = narrow.bits && !widens && !e_exact(e) &&
                  narrow_is_late(&narrow, m.rows, params->panels, e_target(e));
    narrow.totals = floats;
    int64_t whole = m.columns / m.panel, groups = whole / params->panels, rest = whole % params->panels;
    int64_t wide = groups * params->panels * m.panel, strips[3] = {groups, rest > 0, m.columns % m.panel > 0};
    OpenTiles open;
    if (takes_samples(node)) {
        open = open_tiles(e, e_mul_const(e, e_samples(e), m.rows), params->rows);
        m.open = &open;
    }
    Val tiles = tile_count(e, &m, params->rows);
    int panels[3] = {(int)params->panels, (int)rest, 1};
    int64_t first[3] = {0, wide, whole * m.panel};
    int64_t valid[3] = {params->panels * m.panel, rest * m.panel, m.columns % m.panel};
    Share share = e_share_all(e, e_mul_const(e, tiles, strips[0] + strips[1] + strips[2]));
    if (narrow.late && scratch)
        narrow_sum(e, &narrow, m.rows, m.a, m.a_row);
    Val before = e_index(e, 0);
    for (int i = 0; i < 3; i++) {
        Val units = e_mul_const(e, tiles, strips[i]);
        Val begin = e_max(e, e_sub(e, share.begin, before), e_index(e, 0));
        Val end = e_min(e, e_sub(e, share.end, before), units);
        if (strips[i])
            columns_emit(e, &m, params->rows, begin, end, first[i], panels[i], valid[i],
                         widens ? &floats : NULL);
        before = e_add(e, before, units);
    }
}
