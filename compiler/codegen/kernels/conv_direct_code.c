// The code of conv_direct: tiles, rows and panels, shares. The picture is in conv_direct.c.
#include "codegen/kernels/direct.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/product.h"
#include "codegen/lower.h"
#include "codegen/order.h"
#include "ir/infer.h"
#include "support/checked.h"

// Taps that are too many to unroll: of a filter, since LLVM would spill; of its row, since the code would not fit the
// first-level cache.
enum { MOST_UNROLLED = 16, LONG_ROW = 24 };

// The part of the work that one tile belongs to.
typedef struct Slice {
    Val first, last;  // input blocks
    Val starts, ends; // whether it is the first slice, the last one
    bool only;        // the only one
} Slice;

// ---- The tile

typedef struct Tile {
    Product product;
    Val acc[PRODUCT_MAX];  // [row][vec]
    Var sum[PRODUCT_MAX];
    Val first[2], last[2];  // the taps first .. last - 1 of a column, of a row, which may touch the image
} Tile;

static Val bias_of(Emit *e, const Direct *d, Val channel, int vec) {
    if (!d->has_bias)
        return e_zero(e, DT_F32, d->lanes);
    return e_load(e, d->bias, e_add_const(e, channel, (int64_t)vec * d->lanes), d->lanes);
}

static Product product_of(const Direct *d, int64_t rows) {
    int64_t panel = d->blocks_in * d->taps * d->x.block * d->y.block;
    return (Product){.rows = (int)rows,
                     .vecs = d->vecs,
                     .lanes = d->lanes,
                     .panels = d->panels,
                     .row_stride = d->window.stride[1] * d->x.stride.pixel,
                     .panel = d->y.block,
                     .panel_stride = panel,
                     .ahead = d->ahead ? d->panels * panel : 0};
}

static void tile_load(Emit *e, const Direct *d, Tile *tile) {
    for (int i = 0; i < tile->product.rows * d->vecs; i++)
        tile->acc[i] = e_get(e, tile->sum[i]);
}

static void tile_save(Emit *e, const Direct *d, const Tile *tile) {
    for (int i = 0; i < tile->product.rows * d->vecs; i++)
        e_set(e, tile->sum[i], tile->acc[i]);
}

// `count` taps of one row of the filter.
static void taps_of_row(Emit *e, const Direct *d, Tile *tile, Ptr x, Ptr w, int64_t count) {
    for (int64_t u = 0; u < count; u++) {
        product_step(e, &tile->product, tile->acc, x, u * d->window.dilation[1] * d->x.stride.pixel, w,
                     u * d->tap[1] * d->y.block);
        product_barrier(e, &tile->product, tile->acc);
    }
}

// The same taps, where they are many, or multiply-adds take lanes: over all of them LLVM would spill. So a turn of the
// loop has one row of the filter, or one tap where lanes are taken of few registers.
static void taps_in_turns(Emit *e, const Direct *d, Tile *tile, Ptr x, Ptr w) {
    const Window *window = &d->window;
    bool single = e_target(e)->fma_lane && e_target(e)->registers <= 16;
    int64_t each = single ? 1 : max_i64(window->kernel[1], 1);
    EMIT_TIMES(e, v, window->kernel[0])
        EMIT_TIMES(e, u, window->kernel[1] / each) {
            Val down = e_along(e, &v, window->dilation[0] * d->x.stride.row);
            Val right = e_mul_const(e, u.i, window->dilation[1] * d->x.stride.pixel);
            Val tap = e_add(e, e_along(e, &v, d->tap[0] * d->y.block), e_mul_const(e, u.i, d->tap[1] * d->y.block));
            tile_load(e, d, tile);
            taps_of_row(e, d, tile, e_at(e, x, e_add(e, down, right)), e_at(e, w, tap), each);
            tile_save(e, d, tile);
        }
}

// The same taps, where they are many: each row of the filter is a product.
static void taps_along(Emit *e, const Direct *d, Tile *tile, Ptr x, Ptr w) {
    EMIT_TIMES(e, v, d->window.kernel[0]) {
        Ptr from = e_at(e, x, e_mul_const(e, v.i, d->window.dilation[0] * d->x.stride.row));
        Ptr weights = e_at(e, w, e_mul_const(e, v.i, d->tap[0] * d->y.block));
        product_run(e, &tile->product, tile->sum, from, weights, d->window.kernel[1]);
    }
}

// All taps for one block of a row-major input: a single channel, so the taps are what unrolls.
static void taps_unrolled(Emit *e, const Direct *d, Tile *tile, Ptr x, Ptr w) {
    const Window *window = &d->window;
    int64_t down = window->dilation[0] * d->x.stride.row, line = d->tap[0] * d->y.block;
    if (window->kernel[1] >= LONG_ROW && window->dilation[1] == 1 && d->tap[1] == 1 && d->x.stride.pixel == 1) {
        taps_along(e, d, tile, x, w);
        return;
    }
    if (e_target(e)->fma_lane || window->kernel[0] * window->kernel[1] > MOST_UNROLLED) {
        taps_in_turns(e, d, tile, x, w);
        return;
    }
    tile_load(e, d, tile);
    for (int64_t v = 0; v < window->kernel[0]; v++)
        taps_of_row(e, d, tile, e_at_const(e, x, v * down), e_at_const(e, w, v * line), window->kernel[1]);
    tile_save(e, d, tile);
}

// Finds out which taps of an axis meet more than padding, for the outputs from `from` to `to`. Of a dense filter these
// are nearly all; an atrous one may have most of its taps outside.
static void tile_taps(Emit *e, const Direct *d, Tile *tile, int axis, Val from, Val to) {
    const Window *w = &d->window;
    int64_t dilation = w->dilation[axis], begin = w->begin[axis];
    tile->first[axis] = e_index(e, 0);
    tile->last[axis] = e_index(e, w->kernel[axis]);
    if (dilation < 2 || w->kernel[axis] < 2 || e_exact(e))
        return;
    Val zero = e_index(e, 0), step = e_index(e, dilation);
    Val before = e_sub(e, e_index(e, begin + dilation - 1), e_mul_const(e, to, w->stride[axis]));
    Val inside = e_sub(e, e_index(e, begin + w->in[axis] - 1 + dilation), e_mul_const(e, from, w->stride[axis]));
    tile->first[axis] = e_div(e, e_max(e, before, zero), step);
    tile->last[axis] = e_min(e, tile->last[axis], e_div(e, e_max(e, inside, zero), step));
}

// The taps for so many channels of a block: real loops over the taps, and over the channels inside.
static void taps_looped(Emit *e, const Direct *d, Tile *tile, Ptr x, Ptr w, Val channels) {
    const Window *window = &d->window;
    EMIT_FOR(e, v, tile->first[0], tile->last[0], 1)
        EMIT_FOR(e, u, tile->first[1], tile->last[1], 1) {
            Val down = e_mul_const(e, v.i, window->dilation[0] * d->x.stride.row);
            Val right = e_mul_const(e, u.i, window->dilation[1] * d->x.stride.pixel);
            Val tap = e_add(e, e_mul_const(e, v.i, d->tap[0]), e_mul_const(e, u.i, d->tap[1]));
            Ptr from = e_at(e, x, e_add(e, down, right));
            Ptr weights = e_at(e, w, e_mul_const(e, tap, d->x.block * d->y.block));
            product_run_to(e, &tile->product, tile->sum, from, weights, channels);
        }
}

// Of an input block. Zeros behind the last channel are left out.
static Val channels_of(Emit *e, const Direct *d, Val block) {
    Val all = e_index(e, d->x.block);
    if (!d->rest)
        return all;
    return e_select(e, e_eq(e, block, e_index(e, d->blocks_in - 1)), e_index(e, d->rest), all);
}

// The offset of accumulator i in the output, or of a vector of one of its rows.
static int64_t vector_offset(const Direct *d, int row, int vec) {
    int per_panel = direct_panel_vecs(d);
    return vec / per_panel * d->y.stride.channel + row * d->y.stride.pixel + (int64_t)(vec % per_panel) * d->lanes;
}

static int64_t output_offset(const Direct *d, int i) {
    return vector_offset(d, i / d->vecs, i % d->vecs);
}

static void tile_start(Emit *e, const Direct *d, Tile *tile, const Slice *slice, Val channel, Dest y) {
    int count = tile->product.rows * d->vecs;
    for (int i = 0; i < count; i++)
        tile->sum[i] = e_var(e, bias_of(e, d, channel, i % d->vecs));
    if (slice->only)
        return;
    EMIT_IF(e, e_not(e, slice->starts))
        for (int i = 0; i < count; i++)
            e_set(e, tile->sum[i], e_load_const(e, y.y, output_offset(d, i), d->lanes));
}

// Adds the tile's results to the sums of their channels.
static void tile_sum(Emit *e, const Direct *d, const Tile *tile, Val channel) {
    for (int v = 0; v < d->vecs; v++) {
        Val first = e_add_const(e, channel, (int64_t)v * d->lanes),
            sum = e_load_const(e, d->sums, (int64_t)v * d->lanes, d->lanes);
        for (int r = 0; r < tile->product.rows; r++)
            sum = e_add(e, sum, image_act(e, &d->y, d->act, first, tile->acc[r * d->vecs + v]));
        e_store_const(e, d->sums, (int64_t)v * d->lanes, sum);
    }
}

static void tile_store(Emit *e, const Direct *d, Tile *tile, const Slice *slice, Val channel, Dest y) {
    int count = tile->product.rows * d->vecs;
    tile_load(e, d, tile);
    EMIT_IF(e, slice->ends) {
        if (d->sums.v)
            tile_sum(e, d, tile, channel);
        for (int i = 0; i < (d->sums.v ? 0 : count); i++) {
            Val first = e_add_const(e, channel, (int64_t)(i % d->vecs) * d->lanes);
            dest_store(e, y, output_offset(d, i), &d->y, d->act, first, tile->acc[i]);
        }
        for (int r = 0; r < (d->sums.v ? 0 : tile->product.rows); r++)
            for (int v = d->vecs; v < d->panels * direct_panel_vecs(d); v++)
                e_store_const(e, y.y, vector_offset(d, r, v), e_zero(e, DT_F32, d->lanes));
    }
    if (slice->only)
        return;
    EMIT_IF(e, e_not(e, slice->ends))
        for (int i = 0; i < count; i++)
            e_store_const(e, y.y, output_offset(d, i), tile->acc[i]);
}

// A strip of the output: what the tiles of one row and group of panels have in common.
typedef struct Strip {
    Ptr x;        // first input pixel of the row, in the group's first channel block
    Ptr w;
    Dest y;
    Val row;      // of the output
    Val channel;  // the first one, as the bias counts
    Slice slice;
} Strip;

static void tile_emit(Emit *e, const Direct *d, int64_t rows, const Strip *strip, Val pixel) {
    Tile tile = {.product = product_of(d, rows)};
    Ptr x = e_at(e, strip->x, e_mul_const(e, pixel, d->window.stride[1] * d->x.stride.pixel));
    Dest y = dest_at(e, strip->y, e_mul_const(e, pixel, d->y.stride.pixel));
    tile_taps(e, d, &tile, 0, strip->row, strip->row);
    tile_taps(e, d, &tile, 1, pixel, e_add_const(e, pixel, rows - 1));
    tile_start(e, d, &tile, &strip->slice, strip->channel, y);
    EMIT_FOR(e, i, strip->slice.first, strip->slice.last, 1) {
        Ptr from = e_at(e, x, e_along(e, &i, d->x.stride.channel));
        Ptr weights = e_at(e, strip->w, e_along(e, &i, d->taps * d->x.block * d->y.block));
        if (d->x.block == 1)
            taps_unrolled(e, d, &tile, from, weights);
        else
            taps_looped(e, d, &tile, from, weights, channels_of(e, d, i.i));
    }
    tile_store(e, d, &tile, &strip->slice, strip->channel, y);
}

// ---- Rows and panels

// `count` tiles of `rows` pixels from pixel `first` on.
static void tiles_emit(Emit *e, const Direct *d, int64_t first, int64_t count, int64_t rows, const Strip *strip) {
    EMIT_TIMES(e, t, count)
        tile_emit(e, d, rows, strip, e_add_const(e, e_mul_const(e, t.i, rows), first));
}

static void row_emit(Emit *e, const Direct *d, int64_t length, int64_t most, const Strip *strip) {
    RowTiles tiles = row_tiles(length, most);
    tiles_emit(e, d, 0, tiles.extra, tiles.base + 1, strip);
    tiles_emit(e, d, tiles.extra * (tiles.base + 1), tiles.count - tiles.extra, tiles.base, strip);
}

// Whether the output's plane can be walked as one long row.
static bool is_flat(const Direct *d) {
    const Window *window = &d->window;
    bool point = window->kernel[0] == 1 && window->kernel[1] == 1 && window->stride[0] == 1 && window->stride[1] == 1;
    bool unpadded = d->x.height == d->y.height && d->x.width == d->y.width && !window->begin[0] && !window->begin[1];
    return !direct_has_ring(d->node) && point && unpadded && image_is_dense(&d->x) && image_is_dense(&d->y);
}

Direct direct_of(Emit *e, const Node *node) {
    const ConvAttrs *attrs = node->attrs;
    const DirectParams *params = node->params;
    const Target *target = e_target(e);
    Direct d = {.node = node,
                .x = image_of(e_in(e, 0), &node->in[0]->type),
                .y = image_of(e_out(e, 0), &node->out[0]->type),
                .w = e_in(e, 1),
                .has_bias = node_in(node, 2) != NULL,
                .window = node_window(node),
                .act = &attrs->act,
                .group = direct_groups(node, target),
                .lanes = target_lanes(target, 32),
                .panels = (int)params->panels,
                .ahead = params->ahead};
    if (d.has_bias)
        d.bias = e_in(e, 2);
    d.tap[0] = d.window.kernel[1];
    d.tap[1] = 1;
    d.taps = d.window.kernel[0] * d.window.kernel[1];
    d.blocks_in = direct_blocks_in(node, target);
    d.rest = direct_rest_in(node, target);
    if (direct_is_grouped(node, target))
        d.groups = grouped_groups(node, target);
    d.panels_out = div_up(d.y.channels / d.group, d.y.block);
    d.vecs = d.panels * target->block / d.lanes;
    d.depth = params->depth ? params->depth : d.blocks_in;
    d.slices = div_up(d.blocks_in, d.depth);
    d.row_length = d.y.width;
    d.rows = d.y.height;
    return d;
}

void direct_cut(Direct *d, int64_t most) {
    if (is_flat(d)) {
        d->row_length = min_i64(d->y.height * d->y.width, most * DIRECT_RUN_TILES);
        d->rows = div_up(d->y.height * d->y.width, d->row_length);
    }
}

static bool is_cut(const Direct *d) {
    return d->rows != d->y.height || d->row_length != d->y.width;
}

typedef struct Range {
    Val first, last;
} Range;

// groups_range, of a panel that is known when the code runs.
static Range panel_range(Emit *e, const Direct *d, Val panel) {
    const Groups *groups = &d->groups;
    Val begin = e_mul_const(e, panel, groups->panel), outs = e_index(e, groups->outs);
    Val end = e_div(e, e_add_const(e, begin, groups->panel - 1), outs);
    Val last = e_min(e, e_add_const(e, end, 1), e_index(e, groups->count));
    Val first = e_mul_const(e, e_div(e, begin, outs), groups->ins), block = e_index(e, groups->block);
    return (Range){e_div(e, first, block),
                   e_div(e, e_add_const(e, e_mul_const(e, last, groups->ins), groups->block - 1), block)};
}

static Strip strip_of(Emit *e, const Direct *d, Val batch, Val panel, Val row, Slice slice, Dest y) {
    int64_t down = is_cut(d) ? d->row_length * d->x.stride.pixel : d->window.stride[0] * d->x.stride.row;
    int64_t first = d->x.stride.origin - d->window.begin[0] * d->x.stride.row - d->window.begin[1] * d->x.stride.pixel;
    Val block = e_mul_const(e, batch, image_blocks(&d->x));
    if (d->groups.count)
        block = e_add(e, block, panel_range(e, d, panel).first);
    else if (d->group > 1)
        block = e_add(e, block, e_mul_const(e, e_div(e, panel, e_index(e, d->panels_out)), d->blocks_in));
    Val from = e_add(e, e_mul_const(e, block, d->x.stride.channel), e_mul_const(e, row, down));
    return (Strip){.x = e_at(e, d->x.p, e_add_const(e, from, first)),
                   .w = e_at(e, d->w, e_mul_const(e, panel, d->blocks_in * d->taps * d->x.block * d->y.block)),
                   .y = y,
                   .row = row,
                   .channel = e_mul_const(e, panel, d->y.block),
                   .slice = slice};
}

// The last row of a plane that is cut into rows of equal length may be shorter.
static void strip_emit(Emit *e, const Direct *d, int64_t most, Val row, const Strip *strip) {
    int64_t last = is_cut(d) ? d->y.height * d->y.width - (d->rows - 1) * d->row_length : d->row_length;
    if (last == d->row_length) {
        row_emit(e, d, last, most, strip);
        return;
    }
    EMIT_IF(e, e_lt(e, row, e_index(e, d->rows - 1)))
        row_emit(e, d, d->row_length, most, strip);
    EMIT_IF(e, e_eq(e, row, e_index(e, d->rows - 1)))
        row_emit(e, d, last, most, strip);
}

// Blocks are counted from the first one that the panel sees. Where it sees fewer than others its last slices are empty.
static Slice slice_of(Emit *e, const Direct *d, Val panel, Val number) {
    Val first = e_mul_const(e, number, d->depth), all = e_index(e, d->blocks_in);
    if (d->groups.count) {
        Range range = panel_range(e, d, panel);
        all = e_sub(e, range.last, range.first);
    }
    Val last = d->slices == 1 ? all : e_min(e, e_add_const(e, first, d->depth), all);
    return (Slice){first, last, e_eq(e, number, e_index(e, 0)), e_eq(e, number, e_index(e, d->slices - 1)),
                   d->slices == 1};
}

void direct_row(Emit *e, const Direct *d, int64_t most, Val batch, Val panel, Val row, Val slice, Dest to) {
    Strip strip = strip_of(e, d, batch, panel, row, slice_of(e, d, panel, slice), to);
    strip_emit(e, d, most, row, &strip);
}

Val direct_plane(Emit *e, const Direct *d, Val batch, Val panel) {
    return e_add(e, e_mul_const(e, batch, d->group * d->panels_out), panel);
}

int64_t direct_row_distance(const Direct *d) {
    return is_cut(d) ? d->row_length * d->y.stride.pixel : d->y.stride.row;
}

void direct_set(Emit *e, const Direct *d, int64_t most, Val batch, Val panel, Val first, Val last) {
    EMIT_TIMES(e, s, d->slices)
        EMIT_FOR(e, row, first, last, 1) {
            Dest plane = dest_plane(e, d->node, &d->y, direct_plane(e, d, batch, panel));
            direct_row(e, d, most, batch, panel, row.i, s.i,
                       dest_at(e, plane, e_mul_const(e, row.i, direct_row_distance(d))));
        }
}

// What is done for a part of the rows of a set of panels.
typedef struct SetTask {
    SetEmit emit;
    const void *context;
} SetTask;

static void panels_emit(Emit *e, const Direct *d, SetTask task, Val batch, Val panel, Val first, Val last) {
    EMIT_IF(e, e_eq(e, first, e_index(e, 0))) {
        Val plane = direct_plane(e, d, batch, panel);
        lower_border(e, e_out(e, 0), &d->node->out[0]->type, plane, e_add_const(e, plane, d->panels));
    }
    task.emit(e, d, task.context, batch, panel, first, last);
}

// Sets of panels of all groups. The last set of a group may have fewer panels, or fewer vectors of one, which are tiles
// of their own.
static int64_t sets_of(const Direct *d) {
    return d->group * div_up(d->panels_out, d->panels);
}

static void set_emit(Emit *e, const Direct *d, SetTask task, Val batch, Val set, Val first, Val last) {
    int64_t sets = div_up(d->panels_out, d->panels);
    Direct fewer = *d;
    fewer.panels = (int)(d->panels_out - (sets - 1) * d->panels);
    fewer.vecs = fewer.panels * direct_panel_vecs(d) - direct_empty_vecs(d->node, e_target(e));
    if (fewer.vecs == d->vecs) {
        panels_emit(e, d, task, batch, e_mul_const(e, set, d->panels), first, last);
        return;
    }
    Val number = e_rem(e, set, e_index(e, sets));
    Val panel = e_add(e, e_mul_const(e, e_div(e, set, e_index(e, sets)), d->panels_out),
                      e_mul_const(e, number, d->panels));
    EMIT_IF(e, e_lt(e, number, e_index(e, sets - 1)))
        if (sets > 1)
            panels_emit(e, d, task, batch, panel, first, last);
    EMIT_IF(e, e_eq(e, number, e_index(e, sets - 1)))
        panels_emit(e, &fewer, task, batch, panel, first, last);
}

void direct_share(Emit *e, const Direct *d, int64_t units, SetEmit emit, const void *context) {
    int64_t sets = sets_of(d);
    Val rows = e_index(e, units), zero = e_index(e, 0), all = e_index(e, sets);
    Share share = e_share(e, d->y.batch * sets * units);
    Val end = e_div(e, e_add_const(e, share.end, units - 1), rows);
    EMIT_FOR(e, set, e_div(e, share.begin, rows), end, 1) {
        Val start = e_mul_const(e, set.i, units);
        Val first = e_max(e, e_sub(e, share.begin, start), zero), last = e_min(e, e_sub(e, share.end, start), rows);
        set_emit(e, d, (SetTask){emit, context}, e_div(e, set.i, all), e_rem(e, set.i, all), first, last);
    }
}

static void rows_emit(Emit *e, const Direct *d, const void *context, Val batch, Val panel, Val first, Val last) {
    (void)context;
    direct_set(e, d, direct_tile_rows(d->node, e_target(e), d->vecs), batch, panel, first, last);
}

// All panels of a row before the next one, so that the input passes by once. Units of the work are the same.
static void share_across(Emit *e, const Direct *d) {
    Val sets = e_index(e, sets_of(d)), rows = e_index(e, d->rows);
    Share share = e_share(e, d->y.batch * d->rows * sets_of(d));
    EMIT_FOR(e, unit, share.begin, share.end, 1) {
        Val line = e_div(e, unit.i, sets), row = e_rem(e, line, rows);
        set_emit(e, d, (SetTask){rows_emit, NULL}, e_div(e, line, rows), e_rem(e, unit.i, sets), row,
                 e_add_const(e, row, 1));
    }
}

void conv_direct_lower(Emit *e, const Node *node) {
    const DirectParams *params = node->params;
    Direct d = direct_of(e, node);
    if (node_pools(node)) {
        direct_pool_lower(e, &d);
        return;
    }
    direct_cut(&d, params->rows);
    if (params->across)
        share_across(e, &d);
    else
        direct_share(e, &d, d.rows, rows_emit, NULL);
}
