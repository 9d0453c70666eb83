// The code of conv_winograd: transforms, products, blocks. The picture is in conv_winograd.c.
#include <math.h>

#include "codegen/kernels/kernels.h"
#include "codegen/kernels/product.h"
#include "codegen/kernels/winograd.h"
#include "codegen/kernels/winograd_sizes.h"
#include "codegen/lower.h"
#include "ir/infer.h"
#include "support/checked.h"

typedef struct Plan {
    const Node *node;
    Image x, y;
    Ptr w, bias, v, m, u, half;  // w: weights as they are stored; u: those of a group of panels, transformed
    bool has_bias;
    const Act *act;
    Window window;
    Sizes s;
    Winograd full, below, beside;  // matrices of whole tiles, of the last row, of the last column
    int64_t tile, tiles;           // tiles: of the block that is being emitted
    int64_t pool;                  // rows and columns of the results in one of the output: 2, or 1
    int64_t ahead;                 // of the weights, in elements
    int64_t u_point, u_panel;      // distances in u
    int lanes, vecs, rows, panels;
    int64_t late;                  // input blocks whose weights are transformed together; 0: all are as they are needed
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
    columns_transform(e, p, &kind->down->output[0][0], high, rows, columns,
                      (Grid){m, p->s.points * point, point});
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

// plane: M of the panel.
static void output_kind(Emit *e, const Plan *p, const Kind *kind, Ptr plane, Val channel, Dest y) {
    EMIT_TIMES(e, row, kind->rows)
        EMIT_TIMES(e, column, kind->columns)
            EMIT_TIMES(e, vec, p->vecs) {
                Val tile = e_add_const(e, e_add(e, e_mul_const(e, row.i, kind->columns), column.i), kind->first);
                Val lane = e_mul_const(e, vec.i, p->lanes);
                Ptr m = e_at(e, plane, e_add(e, e_mul_const(e, tile, p->s.block), lane));
                Dest to =
                    dest_at(e, y, e_add(e, tile_offset(e, p->tile / p->pool, &p->y, kind, row.i, column.i), lane));
                transform_output(e, p, kind, m, e_add(e, channel, lane), to);
            }
}

// ---- Weights

// Elements of a panel of the weights as they are stored.
static int64_t weights_panel(const Plan *p) {
    int64_t side = p->late ? p->s.taps : p->s.points;
    return side * side * p->s.blocks_in * p->s.block * p->s.block;
}

// Input blocks first .. last - 1.
typedef struct Span {
    Val first, last;
} Span;

// A row of the points of one vector of filters: first their rows, times `factor`, then their columns.
static void transform_filter(Emit *e, const Plan *p, const Val *factor, const WinogradFactors *factors, Ptr g, Ptr u) {
    int taps = (int)p->s.taps, points = (int)p->s.points;
    int64_t size = p->s.block * p->s.block;
    Val in[WINOGRAD_TAPS], out[WINOGRAD_POINTS], stride = e_stride(e, p->u_point);
    for (int column = 0; column < taps; column++) {
        in[column] = e_mul(e, e_load_const(e, g, column * size, p->lanes), factor[0]);
        for (int v = 1; v < taps; v++)
            in[column] =
                e_fma(e, e_load_const(e, g, (v * taps + column) * size, p->lanes), factor[v], in[column]);
    }
    winograd_apply(e, factors, &p->full.weights[0][0], WINOGRAD_TAPS, points, taps, in, out);
    for (int c = 0; c < points; c++, u = e_walk(e, u, stride))
        e_store_const(e, u, 0, out[c]);
}

// Row `row` of the points of one group of panels' weights, for a few input blocks.
static void transform_weights(Emit *e, const Plan *p, Val row, Span span, Ptr w) {
    int taps = (int)p->s.taps, points = (int)p->s.points;
    int64_t size = p->s.block * p->s.block;
    double numbers[WINOGRAD_POINTS * WINOGRAD_TAPS];
    for (int i = 0; i < points * taps; i++)
        numbers[i] = p->full.weights[i / taps][i % taps];
    Ptr table = e_at(e, e_table(e, DT_F32, numbers, points * taps), e_mul_const(e, row, taps));
    Val factor[WINOGRAD_TAPS];
    for (int v = 0; v < taps; v++)
        factor[v] = e_splat(e, e_load_const(e, table, v, 1), p->lanes);
    WinogradFactors factors =
        winograd_factors(e, &p->full.weights[0][0], WINOGRAD_TAPS, points, taps, p->lanes);
    EMIT_TIMES(e, panel, p->panels)
        EMIT_FOR(e, i, span.first, span.last, 1) {
            Val block = e_add(e, e_mul_const(e, panel.i, weights_panel(p)), e_mul_const(e, i.i, taps * taps * size));
            Val place = e_add(e, e_mul_const(e, panel.i, p->u_panel),
                              e_mul_const(e, e_sub(e, i.i, span.first), size));
            Ptr from = e_at(e, w, block), to = e_at(e, p->u, place);
            EMIT_TIMES(e, j, size / p->lanes)
                transform_filter(e, p, factor, &factors, e_at(e, from, e_along(e, &j, p->lanes)),
                                 e_at(e, to, e_along(e, &j, p->lanes)));
        }
}

// ---- Products

static int64_t m_panel(const Plan *p) {
    return p->s.points * p->s.points * m_stride(&p->s, p->tiles);
}

static bool has_slices(const Plan *p) {
    return p->late && p->late < p->s.blocks_in;
}

// Adds the products of a span's channels to the sums. v: the tiles' first block; u: the weights' first one of the span.
static void product_span(Emit *e, const Plan *p, const Product *product, const Var *sum, const Span *span, Ptr v,
                         Ptr u) {
    int64_t size = p->s.block * p->s.block, whole = p->s.channels / p->s.block, rest = p->s.channels % p->s.block;
    Val last = rest ? e_min(e, span->last, e_index(e, whole)) : span->last;
    EMIT_FOR(e, i, span->first, last, 1)
        product_run(e, product, sum, e_at(e, v, e_mul_const(e, i.i, p->tiles * p->s.block)),
                    e_at(e, u, e_mul_const(e, e_sub(e, i.i, span->first), size)), p->s.block);
    if (rest)
        EMIT_IF(e, e_lt(e, last, span->last))
            product_run(e, product, sum, e_at_const(e, v, whole * p->tiles * p->s.block),
                        e_at(e, u, e_mul_const(e, e_sub(e, last, span->first), size)), rest);
}

static void product_tile(Emit *e, const Plan *p, int64_t rows, const Span *span, Ptr v, Ptr u, Ptr m) {
    Product product = {.rows = (int)rows,
                       .vecs = p->panels * p->vecs,
                       .lanes = p->lanes,
                       .panels = p->panels,
                       .row_stride = p->s.block,
                       .panel = p->s.block,
                       .panel_stride = p->u_panel,
                       .ahead = p->ahead};
    int count = product.rows * product.vecs;
    int64_t place[PRODUCT_MAX];
    Var sum[PRODUCT_MAX];
    for (int i = 0; i < count; i++) {
        int row = i / product.vecs, panel = i % product.vecs / p->vecs, vec = i % p->vecs;
        place[i] = panel * m_panel(p) + row * p->s.block + (int64_t)vec * p->lanes;
        sum[i] = e_var(e, has_slices(p) ? e_load_const(e, m, place[i], p->lanes) : e_zero(e, DT_F32, p->lanes));
    }
    product_span(e, p, &product, sum, span, v, u);
    for (int i = 0; i < count; i++)
        e_store_const(e, m, place[i], e_get(e, sum[i]));
}

// The product of one point for tiles first .. first + count - 1.
static void product_point(Emit *e, const Plan *p, int64_t first, int64_t count, const Span *span, Ptr v, Ptr u, Ptr m) {
    RowTiles tiles = row_tiles(count, p->rows);
    int64_t wide = tiles.extra * (tiles.base + 1);
    EMIT_TIMES(e, t, tiles.extra) {
        Val at = e_mul_const(e, e_add_const(e, e_mul_const(e, t.i, tiles.base + 1), first), p->s.block);
        product_tile(e, p, tiles.base + 1, span, e_at(e, v, at), u, e_at(e, m, at));
    }
    EMIT_TIMES(e, t, tiles.count - tiles.extra) {
        Val at = e_mul_const(e, e_add_const(e, e_mul_const(e, t.i, tiles.base), first + wide), p->s.block);
        product_tile(e, p, tiles.base, span, e_at(e, v, at), u, e_at(e, m, at));
    }
}

// Tiles first .. end - 1.
typedef struct Range {
    int64_t first, end;
} Range;

// Columns first .. last - 1 of a row of points. u: the weights of its first column.
static void product_columns(Emit *e, const Plan *p, Val row, int64_t first, int64_t last, Range tiles, const Span *span,
                            Ptr u) {
    if (tiles.end <= tiles.first)
        return;
    EMIT_FOR(e, column, e_index(e, first), e_index(e, last), 1) {
        Val point = e_add(e, e_mul_const(e, row, p->s.points), column.i);
        product_point(e, p, tiles.first, tiles.end - tiles.first, span,
                      e_at(e, p->v, e_mul_const(e, point, v_stride(&p->s, p->tiles))),
                      e_at(e, u, e_mul_const(e, column.i, p->u_point)),
                      e_at(e, p->m, e_mul_const(e, point, m_stride(&p->s, p->tiles))));
    }
}

// Rows first .. last - 1 of the points: `edge` tiles need their first columns, `full` ones the others.
static void product_rows(Emit *e, const Plan *p, int64_t first, int64_t last, Range edge, Range full, const Span *span,
                         Ptr w) {
    int64_t n = p->s.points, beside = p->s.right.edge ? p->beside.points : 0;
    if (last <= first)
        return;
    EMIT_FOR(e, row, e_index(e, first), e_index(e, last), 1) {
        if (p->late)
            transform_weights(e, p, row.i, *span, w);
        Ptr u = p->late ? p->u : e_at(e, w, e_mul_const(e, row.i, n * p->u_point));
        product_columns(e, p, row.i, 0, beside, edge, span, u);
        product_columns(e, p, row.i, beside, n, full, span, u);
    }
}

// w: the weights of the group of panels. Where they are transformed slice by slice, each adds to the sums of those
// before; so the weights of a slice stay in the first-level cache until all points have had theirs.
static void products(Emit *e, const Plan *p, const Block *block, const Kind kind[KINDS], Ptr w) {
    int64_t n = p->s.points, below = block->edge ? p->below.points : 0, depth = p->late ? p->late : p->s.blocks_in;
    Val blocks = e_index(e, p->s.blocks_in);
    if (has_slices(p))
        e_clear(e, p->m, e_index(e, 0), p->panels * m_panel(p));
    EMIT_FOR(e, start, e_index(e, 0), blocks, depth) {
        Span span = {start.i, has_slices(p) ? e_min(e, e_add_const(e, start.i, depth), blocks) : blocks};
        product_rows(e, p, 0, below, (Range){0, p->tiles}, (Range){0, kind[2].first}, &span, w);
        product_rows(e, p, below, n, (Range){kind[1].first, kind[3].first}, (Range){kind[1].first, kind[2].first},
                     &span, w);
    }
}

// ---- Blocks

// The products and outputs of a block for one group of panels, the first of which is `panel`.
static void panels_emit(Emit *e, const Plan *p, const Block *block, const Kind kind[KINDS], Val batch, Val row,
                        Val panel) {
    products(e, p, block, kind, e_at(e, p->w, e_mul_const(e, panel, weights_panel(p))));
    Val down = e_div(e, e_mul_const(e, row, p->y.stride.row), e_index(e, p->pool));
    EMIT_TIMES(e, i, p->panels) {
        Val number = e_add(e, panel, i.i), plane = e_add(e, e_mul_const(e, batch, p->s.panels), number);
        Dest y = dest_at(e, dest_plane(e, p->node, &p->y, plane), down);
        for (int k = 0; k < KINDS; k++)
            output_kind(e, p, &kind[k], e_at(e, p->m, e_mul_const(e, i.i, m_panel(p))),
                        e_mul_const(e, number, p->s.block), y);
    }
}

// One block for the groups of panels first .. last - 1. `row` is its first output row.
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
    EMIT_FOR(e, group, first, last, 1)
        panels_emit(e, p, block, kind, batch, row, e_mul_const(e, group.i, p->panels));
}

static Plan plan_of(Emit *e, const Node *node) {
    const WinogradParams *params = node->params;
    const Target *target = e_target(e);
    Sizes s = sizes_of(node, params->tile);
    int full = (int)params->tile;
    Plan p = {.node = node,
              .x = image_of(e_in(e, 0), &node->in[0]->type),
              .y = image_of(e_out(e, 0), &node->out[0]->type),
              .w = e_in(e, 1),
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
              .late = params->late,
              .lanes = target_lanes(target, 32),
              .rows = (int)params->rows,
              .panels = (int)params->panels};
    if (p.has_bias)
        p.bias = e_in(e, 2);
    p.vecs = (int)s.block / p.lanes;
    p.v = e_scratch(e, DT_F32, conv_winograd_scratch(node, target));
    int64_t tiles = most_tiles(&s, params->band), points = s.points * s.points;
    p.m = e_at_const(e, p.v, points * v_stride(&s, tiles));
    p.half = e_at_const(e, p.m, p.panels * points * m_stride(&s, tiles));
    p.u = e_at_const(e, p.half, points * p.lanes);
    p.u_point = p.late ? u_stride(&s, p.late) : s.blocks_in * s.block * s.block;
    p.u_panel = p.late ? s.points * p.u_point : points * p.u_point;
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
        lower_border(e, p->y.p, &p->node->out[0]->type, e_add(e, plane, e_mul_const(e, first, p->panels)),
                     e_add(e, plane, e_mul_const(e, last, p->panels)));
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
    share_sets(e, context.plan.y.batch * context.blocks.count, params->split,
               context.plan.s.panels / params->panels, part_emit, &context);
}
