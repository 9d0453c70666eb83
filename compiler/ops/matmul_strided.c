// MatMul of two factors that are no constants, in f32: the products of attention, above all. Each shard packs the
// columns of a tile into panels, as sqz.PackMatrix does with constants, before it goes through the rows with the tile
// of matmul_packed:
//
//     b, read as it lies                          panel, in scratch memory
//       rows of columns (values): copied            k = 0:  b[0][0] b[0][1] ... b[0][15]
//       columns of rows (keys): blocks of them      k = 1:  b[1][0] b[1][1] ... b[1][15]
//       are transposed in registers                 ...
//
// The rows of a and of the result may lie any distance apart, so transpositions that keep rows together cost nothing.
// A unit of work is a position of the batch, a part of its rows, and the columns of a tile. Packing takes some elements
// for each sum of many rows; few rows are better read as they are, by the generic lowering.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/matrices.h"
#include "codegen/kernels/product.h"
#include "ops/copy.h"
#include "ops/matmul.h"
#include "support/checked.h"

enum { PANEL = MATRIX_PANEL, FEW_ROWS = 8 };
// A part has so many tiles of rows at least; nothing is cut into parts where there are so many units anyway.
enum { PART_TILES = 16, UNITS_WANTED = 16 };
static const double PACKED = 0.15, TURNED = 0.4;  // cycles for an element that is packed

// ---- What it accepts, and what it costs

static bool is_f32(const Value *value) {
    return value->type.dtype == DT_F32 && type_is_static(&value->type) && type_count(&value->type) > 0;
}

static bool params_fit(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    return params->panels >= 1 && params->panels <= PRODUCT_MAX && !params->depth && !params->across &&
           product_fits(params->rows, params->panels * (PANEL / target_lanes(target, 32)));
}

// What is added must lie as the result does.
static bool sums_fit(const Node *node) {
    const Value *row = node_in(node, 2), *addend = node_in(node, 3);
    bool lies_alike = !addend || (type_is_plain(&addend->type) && type_is_plain(&node->out[0]->type));
    return (!row || is_f32(row)) && (!addend || is_f32(addend)) && lies_alike;
}

static int64_t tile_panels(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    return params ? params->panels : target_lanes(target, 32) == PANEL ? 2 : 1;
}

static int64_t panel_bytes(const Factors *f, int64_t panels) {
    return f->inner * PANEL * panels * (int64_t)sizeof(float);
}

bool matmul_strided_accepts(const Node *node, const Target *target) {
    if (node->op != OP_MatMul || !is_f32(node->in[0]) || !is_f32(node->in[1]) || !is_f32(node->out[0]))
        return false;
    if (!sums_fit(node) || value_data(node->in[1]) || matrix_type(node, 1) != &node->in[1]->type ||
        node->in[0]->type.rank < 2 || node->in[1]->type.rank < 2)
        return false;
    if (node->kernel == KERNEL_matmul_strided && !params_fit(node, target))
        return false;
    Factors f = matmul_factors(node);
    return f.rows >= FEW_ROWS && f.columns > 1 && f.a.column == 1 && f.y.column == 1 &&
           f.inner <= target->l2_bytes / 2 / (PANEL * tile_panels(node, target) * (int64_t)sizeof(float));
}

bool matmul_strided_choice(Node *node, const Target *target, int number) {
    DirectParams *params = node->params;
    Factors f = matmul_factors(node);
    int lanes = target_lanes(target, 32);
    params->panels = number == 0 && lanes == PANEL && f.columns / PANEL % 2 == 0 ? 2 : 1;
    params->rows = min_i64(f.rows, product_most_rows(target, (int)params->panels * (PANEL / lanes)));
    return number == 0;
}

double matmul_strided_cost(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    Factors f = matmul_factors(node);
    int64_t vecs = params->panels * PANEL / target_lanes(target, 32), positions = product(f.size, f.rank);
    double sets = (double)(positions * div_up(f.columns, params->panels * PANEL));
    double pack = (double)(f.inner * PANEL * params->panels) * (f.b.column == 1 ? PACKED : TURNED);
    double cycles = sets * (pack + cost_row(target, f.rows, params->rows, vecs, (double)f.inner));
    return cost_seconds(target, cost_call(target) + cycles + cost_moved(node, target));
}

int64_t matmul_strided_scratch(const Node *node, const Target *target) {
    Factors f = matmul_factors(node);
    return panel_bytes(&f, tile_panels(node, target));
}

// ---- Code

typedef struct Strided {
    Factors f;
    Matrices m;   // of the position at hand
    Ptr a, b, y, addend, packed;
    int64_t parts;  // of the rows
    RowTiles tiles;
} Strided;

// Lines k .. k + lanes - 1 of one vector of columns, whose elements lie along k. Those from `valid` on are zeros.
static void turn_block(Emit *e, const Strided *s, Ptr from, Ptr to, Val k, int64_t first, int64_t valid) {
    int lanes = s->m.lanes;
    Val *lines = ARENA_ARRAY(e_arena(e), Val, lanes);
    for (int i = 0; i < lanes; i++) {
        Ptr line = e_at_const(e, from, (first + i) * s->f.b.column);
        lines[i] = first + i < valid ? e_load(e, line, k, lanes) : e_zero(e, DT_F32, lanes);
    }
    e_transpose(e, lines);
    for (int i = 0; i < lanes; i++)
        e_store(e, to, e_add_const(e, e_mul_const(e, k, PANEL), i * PANEL + first), lines[i]);
}

// One line of one vector of columns, whatever lies where.
static void copy_line(Emit *e, const Strided *s, Ptr from, Ptr to, Val k, int64_t first, int64_t valid) {
    Val at = e_add_const(e, e_mul_const(e, k, s->f.b.row), first * s->f.b.column), v;
    if (s->f.b.column == 1) {
        v = matrix_columns(e, s->m.lanes, from, at, first, valid);
    } else {
        v = e_zero(e, DT_F32, s->m.lanes);
        for (int lane = 0; lane < s->m.lanes && first + lane < valid; lane++)
            v = e_set_lane(e, v, lane, e_load(e, from, e_add_const(e, at, lane * s->f.b.column), 1));
    }
    e_store(e, to, e_add_const(e, e_mul_const(e, k, PANEL), first), v);
}

// The columns of one panel, of which `valid` exist, from `from` on.
static void pack_panel(Emit *e, const Strided *s, Ptr from, Ptr to, int64_t valid) {
    int lanes = s->m.lanes;
    bool turns = s->f.b.column != 1 && s->f.b.row == 1 && lanes > 1;
    int64_t blocks = turns ? s->f.inner / lanes * lanes : 0;
    EMIT_FOR(e, k, e_index(e, 0), e_index(e, blocks), lanes)
        for (int64_t first = 0; first < PANEL; first += lanes)
            turn_block(e, s, from, to, k.i, first, valid);
    EMIT_FOR(e, k, e_index(e, blocks), e_index(e, s->f.inner), 1)
        for (int64_t first = 0; first < PANEL; first += lanes)
            copy_line(e, s, from, to, k.i, first, valid);
}

// The tiles begin .. end - 1 of the columns from `column` on.
static void rows_emit(Emit *e, const Strided *s, int panels, int64_t valid, Val begin, Val end, Val column) {
    EMIT_FOR(e, tile, begin, end, 1)
        matrix_row_tile(e, &s->m, &s->tiles, tile.i, panels, valid, column, s->packed);
}

// Units begin .. end - 1 of those that have tiles of `panels` panels, the first of them at column `first`.
static void units_emit(Emit *e, Strided *s, Val begin, Val end, int64_t first, int64_t groups, int panels,
                       int64_t valid) {
    EMIT_FOR(e, unit, begin, end, 1) {
        Val position[MAX_RANK + 2];
        int64_t size[MAX_RANK + 2];
        for (int i = 0; i < s->f.rank; i++)
            size[i] = s->f.size[i];
        size[s->f.rank] = groups;
        size[s->f.rank + 1] = s->parts;
        decode(e, unit.i, size, s->f.rank + 2, position);
        s->m.a = e_at(e, s->a, locate(e, e_index(e, s->f.a.origin), position, s->f.a.batch, s->f.rank));
        Val y = locate(e, e_index(e, s->f.y.origin), position, s->f.y.batch, s->f.rank);
        s->m.y = e_at(e, s->y, y);
        if (s->m.adds)
            s->m.addend = e_at(e, s->addend, y);
        Val column = e_add_const(e, e_mul_const(e, position[s->f.rank], panels * PANEL), first);
        Val b = locate(e, e_index(e, s->f.b.origin), position, s->f.b.batch, s->f.rank);
        Ptr from = e_at(e, s->b, e_add(e, b, e_mul_const(e, column, s->f.b.column)));
        for (int i = 0; i < panels; i++)
            pack_panel(e, s, e_at_const(e, from, i * PANEL * s->f.b.column),
                       e_at_const(e, s->packed, i * PANEL * s->f.inner), min_i64(valid - i * PANEL, PANEL));
        Val part = e_mul_const(e, position[s->f.rank + 1], s->tiles.count);
        Val low = e_div(e, part, e_index(e, s->parts));
        Val high = e_div(e, e_add_const(e, part, s->tiles.count), e_index(e, s->parts));
        rows_emit(e, s, panels, valid, low, high, column);
    }
}

static Strided strided_of(Emit *e, const Node *node) {
    const DirectParams *params = node->params;
    Strided s = {.f = matmul_factors(node), .a = e_in(e, 0), .b = e_in(e, 1), .y = e_out(e, 0)};
    s.m = (Matrices){.rows = s.f.rows, .inner = s.f.inner, .columns = s.f.columns, .panel = PANEL, .a_row = s.f.a.row,
                     .y_row = s.f.y.row, .bias_last = true, .has_bias = node_in(node, 2) != NULL,
                     .adds = node_in(node, 3) != NULL,
                     .act = &((const MatMulAttrs *)node->attrs)->act, .lanes = target_lanes(e_target(e), 32)};
    if (s.m.has_bias)
        s.m.bias = e_in(e, 2);
    if (s.m.adds)
        s.addend = e_in(e, 3);
    s.packed = e_scratch(e, DT_F32, panel_bytes(&s.f, params->panels));
    s.tiles = row_tiles(s.f.rows, params->rows);
    int64_t units = product(s.f.size, s.f.rank) * div_up(s.f.columns, PANEL * params->panels);
    s.parts = max_i64(1, min_i64(s.tiles.count / PART_TILES, UNITS_WANTED / units));
    return s;
}

void matmul_strided_lower(Emit *e, const Node *node) {
    Strided s = strided_of(e, node);
    int64_t panels = ((const DirectParams *)node->params)->panels, whole = s.f.columns / PANEL;
    int64_t positions = product(s.f.size, s.f.rank) * s.parts;
    int64_t groups[3] = {whole / panels, whole % panels, s.f.columns % PANEL > 0};
    int64_t first[3] = {0, groups[0] * panels * PANEL, whole * PANEL};
    int64_t valid[3] = {panels * PANEL, PANEL, s.f.columns % PANEL};
    Share share = e_share(e, positions * (groups[0] + groups[1] + groups[2]));
    int64_t before = 0;
    for (int i = 0; i < 3; i++) {
        int64_t units = positions * groups[i];
        Val begin = e_max(e, e_add_const(e, share.begin, -before), e_index(e, 0));
        Val end = e_min(e, e_add_const(e, share.end, -before), e_index(e, units));
        if (units)
            units_emit(e, &s, begin, end, first[i], groups[i], i == 0 ? (int)panels : 1, valid[i]);
        before += units;
    }
}
