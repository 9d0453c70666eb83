// Convolution of stride 1 with fewer multiplications: Winograd's F(m x m, r x r) on channel blocks.
//
//     1. input     V[point][channel block][tile] = (B d B^T) of each (m + r - 1)^2 piece of x, lanes are channels
//     2. products  M[point][tile] = V[point] * U[point], a matrix product over the input channels for each point
//     3. output    y = act(A M A^T + bias) for each tile
//
// U are the weights, transformed when the object is written (sqz.PackConv with a tile). A panel of 16 output channels
// goes through 2 and 3 before the next one, so M stays in the first-level cache, and tiles go in blocks whose V stays
// in the second. Where the image is no multiple of m, the last row and column have narrower tiles over the same
// weights: they use the first points only. The tiles of a block are ordered
//
//     [last row | full | last column | corner]
//
// so that each point's product has a contiguous range of them. Nothing is read beyond the input's rim.
//
// A max pool over windows of 2x2 that do not overlap is done in step 3: tiles of an even size hold whole windows.
//
// A tile of infinities or NaNs spreads them over all its outputs.
#include <math.h>

#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/product.h"
#include "codegen/kernels/winograd.h"
#include "codegen/lower.h"
#include "ir/infer.h"
#include "support/checked.h"

#define MOST_ERROR 1e-5  // of a layer's largest output
enum { GAP = 16 };           // elements between two points, so that their lines don't share a cache set
enum { WANTED_TILES = 14 }; // of a block: a few register tiles between two readings of the weights, while M stays close
enum { AHEAD = 2048 };       // elements: far enough to hide the third-level cache
// Cycles for a vector of a transform, by the number of points in a row: loads, arithmetic and store, and where
// registers are few, what goes through memory.
static const double TRANSFORM[WINOGRAD_POINTS + 1] = {[4] = 4.5, [5] = 4.5, [6] = 4.5, [7] = 6.5, [8] = 6.8};
static const double PRODUCT = 0.88;   // of a register tile's time: tiles are independent and short, so they overlap

static const AttrRow winograd_rows[] = {
    {"tile", ATTR_INT, offsetof(WinogradParams, tile), "4", NULL, true},
    {"rows", ATTR_INT, offsetof(WinogradParams, rows), "1", NULL, true},
    {"band", ATTR_INT, offsetof(WinogradParams, band), "1", NULL, true},
    {"ahead", ATTR_INT, offsetof(WinogradParams, ahead), "0", NULL, true},
    {"split", ATTR_INT, offsetof(WinogradParams, split), "1", NULL, true},
    {NULL, ATTR_INT, 0, NULL, NULL, false}};
const AttrTable winograd_params = {"winograd_params", sizeof(WinogradParams), winograd_rows};

// Tiles along one axis: `full` of the whole size, and a narrower one behind them (0: none).
typedef struct Cut {
    int64_t full;
    int edge;
} Cut;

static Cut cut_of(int64_t length, int64_t tile) {
    return (Cut){length / tile, (int)(length % tile)};
}

// A block of tiles: so many whole rows of tiles, and perhaps the narrower last row.
typedef struct Block {
    int64_t rows;
    bool edge;
} Block;

typedef struct Blocks {
    int64_t count;   // of the image, the last one included
    Block each, last;
} Blocks;

static Blocks blocks_of(Cut down, int64_t band) {
    int64_t count = max_i64(1, div_up(down.full, band));
    return (Blocks){count, {band, false}, {down.full - (count - 1) * band, down.edge > 0}};
}

static int64_t block_tiles(const Block *block, Cut right) {
    return (block->rows + block->edge) * (right.full + (right.edge > 0));
}

// ---- What it accepts, and what it costs

// Windows that tiles of an even size do not cut.
static bool pool_fits(const Node *node) {
    if (!node_pools(node))
        return true;
    Window window = node_pool_window(node);
    return ((const ConvAttrs *)node->attrs)->pool.kind == CONV_POOL_MAX && all_are(window.kernel, 2) &&
           all_are(window.stride, 2) && all_are(window.begin, 0) && all_are(window.end, 0) && window.in[0] % 2 == 0 &&
           window.in[1] % 2 == 0;
}

bool conv_winograd_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    return pool_fits(node) && conv_direct_layouts(node, target, in, out) && in->kind == LAYOUT_NCHWC;
}

static bool params_fit(const Node *node, const Target *target) {
    const WinogradParams *params = node->params;
    int64_t panels = div_up(node->out[0]->type.dim[1].n, target->block);
    bool whole = !node_pools(node) || params->tile % 2 == 0;
    return whole && winograd_exists((int)params->tile, (int)node_window(node).kernel[0]) && params->band >= 1 &&
           params->split >= 1 && params->split <= panels &&
           product_fits(params->rows, target->block / target_lanes(target, 32));
}

bool conv_winograd_accepts(const Node *node, const Target *target) {
    if (!pool_fits(node) || !conv_direct_accepts(node, target) || !is_blocked(&node->in[0]->type, target))
        return false;
    Window window = node_window(node);
    return ((const ConvAttrs *)node->attrs)->group == 1 && window.kernel[0] == window.kernel[1] &&
           window.kernel[0] >= 3 && window.kernel[0] <= WINOGRAD_TAPS && all_are(window.stride, 1) &&
           all_are(window.dilation, 1) && (node->kernel != KERNEL_conv_winograd || params_fit(node, target));
}

// Sizes that both the choice and the code need.
typedef struct Sizes {
    int64_t taps, points, channels, blocks_in, panels, block;
    Cut down, right;
} Sizes;

static Sizes sizes_of(const Node *node, int64_t tile) {
    const Type *x = &node->in[0]->type, map = conv_map_type(node), *y = &map;
    int64_t block = y->layout.block, taps = node_window(node).kernel[0];
    return (Sizes){.taps = taps,
                   .points = tile + taps - 1,
                   .channels = x->dim[1].n,
                   .blocks_in = div_up(x->dim[1].n, block),
                   .panels = div_up(y->dim[1].n, block),
                   .block = block,
                   .down = cut_of(y->dim[2].n, tile),
                   .right = cut_of(y->dim[3].n, tile)};
}

static int64_t v_stride(const Sizes *s, int64_t tiles) {
    return s->blocks_in * tiles * s->block + GAP;
}

static int64_t m_stride(const Sizes *s, int64_t tiles) {
    return tiles * s->block + GAP;
}

static int64_t most_tiles(const Sizes *s, int64_t band) {
    Blocks blocks = blocks_of(s->down, band);
    int64_t last = block_tiles(&blocks.last, s->right);
    return blocks.count > 1 ? max_i64(last, block_tiles(&blocks.each, s->right)) : last;
}

int64_t conv_winograd_scratch(const Node *node, const Target *target) {
    const WinogradParams *params = node->params;
    Sizes s = sizes_of(node, params->tile);
    int64_t tiles = most_tiles(&s, params->band);
    return s.points * s.points * (v_stride(&s, tiles) + m_stride(&s, tiles) + target_lanes(target, 32)) *
           (int64_t)sizeof(float);
}

// Rows of tiles in a block. Few, so that V and M stay in the second-level cache.
static int64_t choose_band(const Sizes *s) {
    int64_t wide = s->right.full + (s->right.edge > 0);
    return max_i64(1, min_i64((WANTED_TILES + wide / 2) / wide, s->down.full));
}

static int64_t weights_bytes(const Sizes *s) {
    return s->points * s->points * s->blocks_in * s->panels * s->block * s->block * (int64_t)sizeof(float);
}

// Points of the products of one block, as groups of points that share their number of tiles.
static double products_cycles(const Sizes *s, const Target *target, int64_t most, const Block *block) {
    int64_t more = s->taps - 1, vecs = s->block / target_lanes(target, 32), n = s->points;
    int64_t below = block->edge ? s->down.edge + more : 0, beside = s->right.edge ? s->right.edge + more : 0;
    int64_t full = s->right.full, wide = full + (s->right.edge > 0), high = block->rows + block->edge;
    const struct {
        int64_t points, tiles;
    } part[] = {{below * beside, high * wide}, {below * (n - beside), high * full},
                {(n - below) * beside, block->rows * wide}, {(n - below) * (n - beside), block->rows * full}};
    double cycles = 0;
    for (int i = 0; i < 4; i++)
        if (part[i].points && part[i].tiles)
            cycles += (double)part[i].points * cost_row(target, part[i].tiles, most, vecs, (double)s->channels);
    return PRODUCT * cycles * (double)s->panels;
}

// The products of all panels read V again, and leave M to the output transform: best in the first-level cache.
static double matrices_cycles(const Sizes *s, const Target *target, const Block *block) {
    double points = (double)(s->points * s->points), tiles = (double)block_tiles(block, s->right);
    double v = points * (double)v_stride(s, block_tiles(block, s->right)) * sizeof(float);
    double m = points * (double)m_stride(s, block_tiles(block, s->right)) * sizeof(float);
    double panels = tiles > 0 ? (double)s->panels : 0;
    double sums = m > 1.25 * target->l1_bytes ? panels * m / target->l2_rate : 0;
    return cost_near(target, panels * v, v) + sums;
}

// The ways in and out of all tiles: vectors that are loaded, combined and stored. The way out is shorter for filters of
// more than 3 taps.
typedef struct Transforms {
    double in, out;
} Transforms;

static Transforms transforms_cycles(const Sizes *s, const Target *target, const Block *block) {
    int64_t more = s->taps - 1;
    double down = (double)(block->rows * s->points + (block->edge ? s->down.edge + more : 0));
    double right = (double)(s->right.full * s->points + (s->right.edge ? s->right.edge + more : 0));
    double back = (double)(s->points - s->taps + 1) / ((double)s->points - 2);
    double each = down * right * TRANSFORM[s->points] * (double)s->block / target_lanes(target, 32);
    return (Transforms){each * (double)s->blocks_in, each * (double)s->panels * back};
}

static int64_t choose_split(const Sizes *s, const Target *target, const WinogradParams *params) {
    Blocks blocks = blocks_of(s->down, params->band);
    SetWork work = {.sets = blocks.count, .pieces = s->panels};
    for (int last = 0; last < 2; last++) {
        const Block *block = last ? &blocks.last : &blocks.each;
        Transforms transforms = transforms_cycles(s, target, block);
        double panels =
            products_cycles(s, target, params->rows, block) + transforms.out + matrices_cycles(s, target, block);
        work.once[last] = transforms.in;
        work.piece[last] = panels / (double)s->panels;
    }
    return cost_split(&work);
}

// For each tile the band that seems best, a larger and a smaller one, and the first without prefetching, or with it.
enum { BANDS = 4 };

bool conv_winograd_choice(Node *node, const Target *target, int number) {
    WinogradParams *params = node->params;
    int tile = 2 + (node_pools(node) ? 2 : 1) * (number / BANDS), taps = (int)node_window(node).kernel[0];
    if (!winograd_exists(tile, taps) || winograd_error(tile, taps, node->in[0]->type.dim[1].n) > MOST_ERROR)
        return false;
    params->tile = tile;
    Sizes s = sizes_of(node, params->tile);
    int64_t band = choose_band(&s), larger = min_i64(2 * band, max_i64(1, s.down.full));
    int64_t bands[BANDS] = {band, larger, max_i64(1, band / 2), band};
    params->rows = product_most_rows(target, target->block / target_lanes(target, 32));
    params->band = bands[number % BANDS];
    bool large = weights_bytes(&s) > target->l2_bytes / 2;
    params->ahead = large != (number % BANDS == BANDS - 1) ? AHEAD : 0;
    params->split = choose_split(&s, target, params);
    return true;
}

double conv_winograd_cost(const Node *node, const Target *target) {
    const WinogradParams *params = node->params;
    Sizes s = sizes_of(node, params->tile);
    Blocks blocks = blocks_of(s.down, params->band);
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    double cycles = 0, weights = (double)weights_bytes(&s);
    for (int last = 0; last < 2; last++) {
        const Block *block = last ? &blocks.last : &blocks.each;
        double count = last ? 1 : (double)(blocks.count - 1);
        Transforms transforms = transforms_cycles(&s, target, block);
        cycles += count * (products_cycles(&s, target, params->rows, block) + transforms.in + transforms.out +
                           matrices_cycles(&s, target, block));
    }
    double again = (double)(blocks.count - 1) + (params->ahead ? 0 : (double)blocks.count);
    double bytes = cost_far(target, weights) + cost_again(target, weights * again, weights);
    double in = (double)type_bytes(x), out = (double)type_bytes(y);
    bytes += cost_near(target, in, in) + cost_near(target, out, out);
    return cost_seconds(target, cost_call(target) + (double)y->dim[0].n * (cycles + bytes));
}

void conv_winograd_packing(const Node *node, PackAttrs *attrs) {
    int64_t block = node->out[0]->type.layout.block;
    *attrs = (PackAttrs){.panel = block, .block = block, .tile = ((const WinogradParams *)node->params)->tile};
}

// ---- Code

typedef struct Plan {
    const Node *node;
    Image x, y;
    Ptr u, bias, v, m, half;
    bool has_bias;
    const Act *act;
    Window window;
    Sizes s;
    Winograd full, below, beside;  // matrices of whole tiles, of the last row, of the last column
    int64_t tile, tiles;           // tiles: of the block that is being emitted
    int64_t pool;                  // rows and columns of the results in one of the output: 2, or 1
    int64_t ahead;                 // of the weights, in elements
    int lanes, vecs, rows;
} Plan;

// Tiles of one kind within a block: rows x columns of them, from tile number `first` on.
typedef struct Kind {
    const Winograd *down, *right;
    int64_t rows, columns, first;
    int64_t row0, column0;  // position of the first one, in tiles, from the block's first row
} Kind;

enum { KINDS = 4 };

static void kinds_of(const Plan *p, const Block *block, Kind kind[KINDS]) {
    int64_t full = p->s.right.full, beside = p->s.right.edge > 0, below = block->edge;
    kind[0] = (Kind){&p->below, &p->full, below, full, 0, block->rows, 0};
    kind[1] = (Kind){&p->full, &p->full, block->rows, full, below * full, 0, 0};
    kind[2] = (Kind){&p->full, &p->beside, block->rows, beside, (below + block->rows) * full, 0, full};
    kind[3] = (Kind){&p->below,   &p->beside, below, beside, (below + block->rows) * full + block->rows * beside,
                     block->rows, full};
}

// Vectors of a tile in memory.
typedef struct Grid {
    Ptr p;
    int64_t row, column;  // distances in elements
} Grid;

// Vectors that are a stride apart, the number of which is `distance`.
static void load_line(Emit *e, Ptr from, int64_t distance, Val stride, int count, int lanes, Val *in) {
    Ptr at = e_at_const(e, from, distance);
    in[0] = e_load_const(e, from, 0, lanes);
    for (int i = 1; i < count; i++, at = e_walk(e, at, stride))
        in[i] = e_load_const(e, at, 0, lanes);
}

// The first half of a transform: applies a matrix to each column of a tile, and leaves the result in p->half, which the
// first-level cache keeps. As a loop, its vectors stay in registers, and the code is short.
static void columns_transform(Emit *e, const Plan *p, const double *matrix, int rows_out, int rows_in, int columns,
                              Grid from) {
    Val in[WINOGRAD_POINTS], out[WINOGRAD_POINTS];
    Val next = e_stride(e, from.row), line = e_stride(e, (int64_t)columns * p->lanes);
    WinogradFactors factors = winograd_factors(e, matrix, WINOGRAD_POINTS, rows_out, rows_in, p->lanes);
    EMIT_TIMES(e, c, columns) {
        Ptr x = e_at(e, from.p, e_along(e, &c, from.column)), to = e_at(e, p->half, e_along(e, &c, p->lanes));
        load_line(e, x, from.row, next, rows_in, p->lanes, in);
        winograd_apply(e, &factors, matrix, WINOGRAD_POINTS, rows_out, rows_in, in, out);
        for (int r = 0; r < rows_out; r++, to = e_walk(e, to, line))
            e_store_const(e, to, 0, out[r]);
    }
}

// The second half of a transform, row by row.
typedef struct RowTransform {
    const double *matrix;
    int out, in;  // columns
    WinogradFactors factors;
} RowTransform;

static RowTransform row_transform_of(Emit *e, const Plan *p, const double *matrix, int out, int in) {
    return (RowTransform){matrix, out, in, winograd_factors(e, matrix, WINOGRAD_POINTS, out, in, p->lanes)};
}

// Applies it to one row of p->half, `from`.
static void row_transform(Emit *e, const Plan *p, const RowTransform *t, Ptr from, Val stride, Val *out) {
    Val in[WINOGRAD_POINTS];
    load_line(e, from, p->lanes, stride, t->in, p->lanes, in);
    winograd_apply(e, &t->factors, t->matrix, WINOGRAD_POINTS, t->out, t->in, in, out);
}

// x: the tile's first input element of one channel block and group of lanes; v: its place at point 0.
static void transform_input(Emit *e, const Plan *p, const Kind *kind, Ptr x, Ptr v) {
    int rows = kind->down->points, columns = kind->right->points;
    int64_t point = v_stride(&p->s, p->tiles);
    columns_transform(e, p, &kind->down->input[0][0], rows, rows, columns,
                      (Grid){x, p->x.stride.row, p->x.stride.pixel});
    Val stride = e_stride(e, point), vector = e_stride(e, p->lanes);
    RowTransform along = row_transform_of(e, p, &kind->right->input[0][0], columns, columns);
    EMIT_TIMES(e, r, rows) {
        Val out[WINOGRAD_POINTS];
        Ptr from = e_at(e, p->half, e_along(e, &r, (int64_t)columns * p->lanes));
        row_transform(e, p, &along, from, vector, out);
        Ptr to = e_at(e, v, e_along(e, &r, p->s.points * point));
        for (int c = 0; c < columns; c++, to = e_walk(e, to, stride))
            e_store_const(e, to, 0, out[c]);
    }
}

// A row of the pool over a tile, from two rows of p->half; `vector` is the stride of one. Maxima ignore NaN, as
// MaxPool's do.
static void pooled_row(Emit *e, const Plan *p, const RowTransform *along, Ptr from, Val vector, Val channel, Val bias,
                       Ptr y) {
    Val out[WINOGRAD_POINTS], best[WINOGRAD_MOST / 2];
    int wide = along->out;
    for (int c = 0; c < wide / 2; c++)
        best[c] = e_splat(e, e_float(e, DT_F32, -(double)INFINITY), p->lanes);
    for (int half = 0; half < 2; half++) {
        row_transform(e, p, along, e_at_const(e, from, (int64_t)half * along->in * p->lanes), vector, out);
        for (int c = 0; c < wide; c++)
            best[c / 2] = e_max(e, image_act(e, &p->y, p->act, channel, e_add(e, out[c], bias)), best[c / 2]);
    }
    for (int c = 0; c < wide / 2; c++)
        e_store_const(e, y, c * p->y.stride.pixel, best[c]);
}

// m: the tile's place at point 0; `to`: its first output element; channel: of the vector.
static void transform_output(Emit *e, const Plan *p, const Kind *kind, Ptr m, Val channel, Dest to) {
    int rows = kind->down->points, columns = kind->right->points, high = kind->down->size, wide = kind->right->size;
    int64_t point = m_stride(&p->s, p->tiles);
    columns_transform(e, p, &kind->down->output[0][0], high, rows, columns, (Grid){m, p->s.points * point, point});
    Val bias = p->has_bias ? e_load(e, p->bias, channel, p->lanes) : e_zero(e, DT_F32, p->lanes);
    Val vector = e_stride(e, p->lanes);
    RowTransform along = row_transform_of(e, p, &kind->right->output[0][0], wide, columns);
    EMIT_TIMES(e, r, high / p->pool) {
        Val out[WINOGRAD_POINTS];
        Dest row = dest_at(e, to, e_along(e, &r, p->y.stride.row));
        Ptr from = e_at(e, p->half, e_along(e, &r, p->pool * columns * p->lanes));
        if (p->pool == 2) {
            pooled_row(e, p, &along, from, vector, channel, bias, row.y);
        } else {
            row_transform(e, p, &along, from, vector, out);
            for (int c = 0; c < wide; c++)
                dest_store(e, row, c * p->y.stride.pixel, &p->y, p->act, channel, e_add(e, out[c], bias));
        }
    }
}

// The first pixel of the tile at (row, column) of a kind, where tiles are `size` pixels apart.
static Val tile_offset(Emit *e, int64_t size, const Image *image, const Kind *kind, Val row, Val column) {
    Val down = e_mul_const(e, e_add_const(e, row, kind->row0), size * image->stride.row);
    return e_add(e, down, e_mul_const(e, e_add_const(e, column, kind->column0), size * image->stride.pixel));
}

// x: the block's first input element.
static void input_kind(Emit *e, const Plan *p, const Kind *kind, Ptr x) {
    EMIT_TIMES(e, i, p->s.blocks_in)
        EMIT_TIMES(e, row, kind->rows)
            EMIT_TIMES(e, column, kind->columns)
                EMIT_TIMES(e, vec, p->vecs) {
                    Val tile = e_add_const(e, e_add(e, e_mul_const(e, row.i, kind->columns), column.i), kind->first);
                    Val lane = e_mul_const(e, vec.i, p->lanes);
                    Val from = e_add(e, e_mul_const(e, i.i, p->x.stride.channel),
                                     tile_offset(e, p->tile, &p->x, kind, row.i, column.i));
                    Val to = e_mul_const(e, e_add(e, e_mul_const(e, i.i, p->tiles), tile), p->s.block);
                    transform_input(e, p, kind, e_at(e, x, e_add(e, from, lane)), e_at(e, p->v, e_add(e, to, lane)));
                }
}

static void output_kind(Emit *e, const Plan *p, const Kind *kind, Val channel, Dest y) {
    EMIT_TIMES(e, row, kind->rows)
        EMIT_TIMES(e, column, kind->columns)
            EMIT_TIMES(e, vec, p->vecs) {
                Val tile = e_add_const(e, e_add(e, e_mul_const(e, row.i, kind->columns), column.i), kind->first);
                Val lane = e_mul_const(e, vec.i, p->lanes);
                Ptr m = e_at(e, p->m, e_add(e, e_mul_const(e, tile, p->s.block), lane));
                Dest to =
                    dest_at(e, y, e_add(e, tile_offset(e, p->tile / p->pool, &p->y, kind, row.i, column.i), lane));
                transform_output(e, p, kind, m, e_add(e, channel, lane), to);
            }
}

// ---- Products

static void product_tile(Emit *e, const Plan *p, int64_t rows, Ptr v, Ptr u, Ptr m) {
    Product product = {.rows = (int)rows,
                       .vecs = p->vecs,
                       .lanes = p->lanes,
                       .panels = 1,
                       .row_stride = p->s.block,
                       .panel = p->s.block,
                       .ahead = p->ahead};
    Var sum[PRODUCT_MAX];
    for (int i = 0; i < product.rows * product.vecs; i++)
        sum[i] = e_var(e, e_zero(e, DT_F32, p->lanes));
    int64_t whole = p->s.channels / p->s.block;
    EMIT_TIMES(e, i, whole)
        product_run(e, &product, sum, e_at(e, v, e_mul_const(e, i.i, p->tiles * p->s.block)),
                    e_at(e, u, e_mul_const(e, i.i, p->s.block * p->s.block)), p->s.block);
    product_run(e, &product, sum, e_at_const(e, v, whole * p->tiles * p->s.block),
                e_at_const(e, u, whole * p->s.block * p->s.block), p->s.channels % p->s.block);
    for (int i = 0; i < product.rows * product.vecs; i++)
        e_store_const(e, m, i / p->vecs * p->s.block + (int64_t)(i % p->vecs) * p->lanes, e_get(e, sum[i]));
}

// The product of one point for tiles first .. first + count - 1.
static void product_point(Emit *e, const Plan *p, int64_t first, int64_t count, Ptr v, Ptr u, Ptr m) {
    RowTiles tiles = row_tiles(count, p->rows);
    int64_t wide = tiles.extra * (tiles.base + 1);
    EMIT_TIMES(e, t, tiles.extra) {
        Val at = e_mul_const(e, e_add_const(e, e_mul_const(e, t.i, tiles.base + 1), first), p->s.block);
        product_tile(e, p, tiles.base + 1, e_at(e, v, at), u, e_at(e, m, at));
    }
    EMIT_TIMES(e, t, tiles.count - tiles.extra) {
        Val at = e_mul_const(e, e_add_const(e, e_mul_const(e, t.i, tiles.base), first + wide), p->s.block);
        product_tile(e, p, tiles.base, e_at(e, v, at), u, e_at(e, m, at));
    }
}

// The points of rows row0 .. row1 - 1 and columns column0 .. column1 - 1, which all have the same tiles.
static void product_points(Emit *e, const Plan *p, int64_t row0, int64_t row1, int64_t column0, int64_t column1,
                           int64_t first, int64_t end, Ptr u) {
    if (end <= first)
        return;
    EMIT_FOR(e, i, e_index(e, row0), e_index(e, row1), 1)
        EMIT_FOR(e, j, e_index(e, column0), e_index(e, column1), 1) {
            Val point = e_add(e, e_mul_const(e, i.i, p->s.points), j.i);
            product_point(e, p, first, end - first, e_at(e, p->v, e_mul_const(e, point, v_stride(&p->s, p->tiles))),
                          e_at(e, u, e_mul_const(e, point, p->s.blocks_in * p->s.block * p->s.block)),
                          e_at(e, p->m, e_mul_const(e, point, m_stride(&p->s, p->tiles))));
        }
}

static void products(Emit *e, const Plan *p, const Block *block, const Kind kind[KINDS], Ptr u) {
    int64_t n = p->s.points, below = block->edge ? p->below.points : 0, beside = p->s.right.edge ? p->beside.points : 0;
    product_points(e, p, 0, below, 0, beside, 0, p->tiles, u);
    product_points(e, p, 0, below, beside, n, 0, kind[2].first, u);
    product_points(e, p, below, n, 0, beside, kind[1].first, kind[3].first, u);
    product_points(e, p, below, n, beside, n, kind[1].first, kind[2].first, u);
}

// ---- Blocks

// One block for the panels first .. last - 1. `row` is its first output row.
static void block_emit(Emit *e, Plan *p, const Block *block, Val batch, Val row, Val first, Val last) {
    Kind kind[KINDS];
    p->tiles = block_tiles(block, p->s.right);
    kinds_of(p, block, kind);
    int64_t corner = p->x.stride.origin - p->window.begin[0] * p->x.stride.row - p->window.begin[1] * p->x.stride.pixel;
    Val from =
        e_add(e, e_mul_const(e, batch, p->s.blocks_in * p->x.stride.channel), e_mul_const(e, row, p->x.stride.row));
    Ptr x = e_at(e, p->x.p, e_add_const(e, from, corner));
    for (int k = 0; k < KINDS; k++)
        input_kind(e, p, &kind[k], x);
    EMIT_FOR(e, panel, first, last, 1) {
        int64_t size = p->s.points * p->s.points * p->s.blocks_in * p->s.block * p->s.block;
        products(e, p, block, kind, e_at(e, p->u, e_mul_const(e, panel.i, size)));
        Val plane = e_add(e, e_mul_const(e, batch, p->s.panels), panel.i);
        Val down = e_div(e, e_mul_const(e, row, p->y.stride.row), e_index(e, p->pool));
        Dest y = dest_at(e, dest_plane(e, p->node, &p->y, plane), down);
        for (int k = 0; k < KINDS; k++)
            output_kind(e, p, &kind[k], e_mul_const(e, panel.i, p->s.block), y);
    }
}

static Plan plan_of(Emit *e, const Node *node) {
    const WinogradParams *params = node->params;
    const Target *target = e_target(e);
    Sizes s = sizes_of(node, params->tile);
    int full = (int)params->tile;
    Plan p = {.node = node,
              .x = image_of(e_in(e, 0), &node->in[0]->type),
              .y = image_of(e_out(e, 0), &node->out[0]->type),
              .u = e_in(e, 1),
              .has_bias = node_in(node, 2) != NULL,
              .act = &((const ConvAttrs *)node->attrs)->act,
              .window = node_window(node),
              .s = s,
              .full = winograd_make(full, full, (int)s.taps),
              .below = winograd_make(s.down.edge ? s.down.edge : full, full, (int)s.taps),
              .beside = winograd_make(s.right.edge ? s.right.edge : full, full, (int)s.taps),
              .tile = full,
              .pool = node_pools(node) ? 2 : 1,
              .ahead = params->ahead,
              .lanes = target_lanes(target, 32),
              .rows = (int)params->rows};
    if (p.has_bias)
        p.bias = e_in(e, 2);
    p.vecs = (int)s.block / p.lanes;
    p.v = e_scratch(e, DT_F32, conv_winograd_scratch(node, target));
    int64_t tiles = most_tiles(&s, params->band), points = s.points * s.points;
    p.m = e_at_const(e, p.v, points * v_stride(&s, tiles));
    p.half = e_at_const(e, p.m, points * m_stride(&s, tiles));
    return p;
}

typedef struct Context {
    Plan plan;
    Blocks blocks;
} Context;

static void part_emit(Emit *e, void *opaque, Val set, Val first, Val last) {
    Context *context = opaque;
    Plan *p = &context->plan;
    const Blocks *blocks = &context->blocks;
    Val count = e_index(e, blocks->count), batch = e_div(e, set, count), number = e_rem(e, set, count);
    Val row = e_mul_const(e, number, blocks->each.rows * p->tile), plane = e_mul_const(e, batch, p->s.panels);
    EMIT_IF(e, e_eq(e, number, e_index(e, 0)))
        lower_border(e, p->y.p, &p->node->out[0]->type, e_add(e, plane, first), e_add(e, plane, last));
    EMIT_IF(e, e_lt(e, number, e_index(e, blocks->count - 1)))
        if (blocks->count > 1)
            block_emit(e, p, &blocks->each, batch, row, first, last);
    EMIT_IF(e, e_eq(e, number, e_index(e, blocks->count - 1)))
        block_emit(e, p, &blocks->last, batch, row, first, last);
}

// Units are (batch, block of tiles, part of the panels); the rim is cleared with an image's first block.
void conv_winograd_lower(Emit *e, const Node *node) {
    const WinogradParams *params = node->params;
    Context context = {.plan = plan_of(e, node)};
    context.blocks = blocks_of(context.plan.s.down, params->band);
    share_sets(e, context.plan.y.batch * context.blocks.count, params->split, context.plan.s.panels, part_emit,
               &context);
}
