// Convolutions of bytes, row-major, where the target adds up several products of these, or of words that they are
// widened to, at a time (e_dots). Inputs have no padding: byte-products has put it around them, in zero points.
//
// Lanes are pixels of the output. A shard packs what the windows of a tile's pixels see into panels in scratch memory,
// in fours along k (words: in pairs), as sqz.PackMatrix does with constants, and multiplies them by all filters, which
// lie as they are:
//
//     k = 0 .. 3:  x[k0, pixel 0] x[k1, pixel 0] x[k2, pixel 0] x[k3, pixel 0] x[k0, pixel 1] ...
//     y[m, pixel] = b[m] + sum over k of w[m, k] * x[k, pixel]        k counts channels, rows and columns of a filter
//
// A panel has 16 pixels that follow one another, in one row of the image or in several. The last tile is moved back to
// end with the image, and computes some pixels again, but no vector of which all are known. Where windows are single
// elements, the whole image is one row.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/fused.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/matrices.h"
#include "codegen/kernels/product.h"
#include "ops/conv_bytes.h"
#include "ops/copy.h"
#include "support/checked.h"

enum { PANEL = MATRIX_PANEL, MOST_DOTS = 4 };
// A part has so many tiles of rows at least; nothing is cut into parts where there are so many units anyway.
enum { PART_TILES = 4, UNITS_WANTED = 16 };
static const double PACKED = 2;  // cycles for a byte of each of a panel's pixels

// An image of the output, as rows of pixels.
typedef struct Pixels {
    int64_t batch, width, count;
    int64_t step, pitch;  // of the input, between the windows of two pixels of a row, and of two rows
    int rows;             // that a panel may have pixels of
} Pixels;

static bool is_plain_image(const Type *type, DType dtype) {
    return type->rank == 4 && is_row_major(type, dtype);
}

static bool image_fits(const Type *type, const Target *target, DType filters) {
    if (filters == DT_I16)
        return is_plain_image(type, DT_U8) || is_plain_image(type, DT_I8);
    return is_plain_image(type, kernel_dots(target));
}

static bool is_bare(const Window *w) {
    for (int i = 0; i < w->n; i++)
        if (w->begin[i] || w->end[i])
            return false;
    return w->n == 2;
}

static Pixels pixels_of(const Node *node) {
    Window w = node_window(node);
    Pixels p = {.batch = node->in[0]->type.dim[0].n, .width = w.out[1], .count = w.out[0] * w.out[1],
                .step = w.stride[1], .pitch = w.in[1] * w.stride[0]};
    if (all_are(w.kernel, 1) && all_are(w.stride, 1))
        p.width = p.count;
    p.rows = (int)min_i64(div_up(PANEL - 1, p.width) + 1, p.count / p.width);
    return p;
}

static int64_t inner_of(const Node *node) {
    return type_count(&node->in[1]->type) / node->in[1]->type.dim[0].n;
}

// What a lane adds up at a time: of words, 2; of bytes, 4.
static int dots_of(const Node *node) {
    return node->in[1]->type.dtype == DT_I16 ? 2 : 4;
}

static int64_t panel_size(const Node *node) {
    return align_up(inner_of(node), dots_of(node)) * PANEL;
}

static int64_t panel_bytes(const Node *node, int64_t panels) {
    return panel_size(node) * panels * dtype_info[node->in[1]->type.dtype].bits / 8;
}

static int64_t most_panels(const Node *node, const Target *target) {
    Pixels p = pixels_of(node);
    bool two = target_lanes(target, 32) == PANEL && p.count >= 2 * PANEL;
    return two && panel_bytes(node, 2) <= target->l2_bytes / 2 ? 2 : 1;
}

static bool params_fit(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    return params->panels >= 1 && params->panels <= most_panels(node, target) && !params->depth && !params->across &&
           !params->ahead && product_fits(params->rows, params->panels * (PANEL / target_lanes(target, 32)));
}

bool bytes_conv_fits(const Node *node, const Target *target, DType filters) {
    if (node->op != OP_Conv || !target->dots || node_in(node, 3))
        return false;
    const ConvAttrs *attrs = node->attrs;
    const Type *w = &node->in[1]->type, *bias = node_in(node, 2) ? &node->in[2]->type : NULL;
    if (!image_fits(&node->in[0]->type, target, filters) || !is_plain_image(w, filters) ||
        !is_plain_image(&node->out[0]->type, node->out[0]->type.dtype) || node_sum_type(node)->dtype != DT_I32 ||
        (bias && !type_is_plain(bias)))
        return false;
    Window window = node_window(node);
    return !attrs->act.kind && !node_pools(node) && is_bare(&window);
}

bool conv_bytes_accepts(const Node *node, const Target *target) {
    return bytes_conv_fits(node, target, kernel_filters(target)) && ((const ConvAttrs *)node->attrs)->group == 1 &&
           panel_bytes(node, 1) <= target->l2_bytes && type_count(&node->in[0]->type) <= INT32_MAX &&
           (node->kernel != KERNEL_conv_bytes || params_fit(node, target));
}

bool conv_bytes_choice(Node *node, const Target *target, int number) {
    DirectParams *params = node->params;
    params->panels = most_panels(node, target) - number;
    int64_t vecs = params->panels * (PANEL / target_lanes(target, 32));
    params->rows = params->panels ? min_i64(node->in[1]->type.dim[0].n, product_most_rows(target, (int)vecs)) : 0;
    return params->panels >= 1;
}

double conv_bytes_cost(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    Pixels p = pixels_of(node);
    int64_t vecs = params->panels * (PANEL / target_lanes(target, 32)), steps = div_up(inner_of(node), dots_of(node));
    double tiles = (double)(p.batch * div_up(p.count, PANEL * params->panels));
    double pack = (double)(inner_of(node) * params->panels) * PACKED;
    double filters = (double)type_count(&node->in[1]->type);
    double row = cost_row(target, node->in[1]->type.dim[0].n, params->rows, vecs, (double)steps);
    double cycles = tiles * (pack + cost_dots(dots_of(node)) * row);
    cycles = larger(cycles, cost_far(target, filters) + cost_near(target, filters * (tiles - 1), filters));
    return cost_seconds(target, cost_call(target) + cycles);
}

int64_t conv_bytes_scratch(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    return panel_bytes(node, params ? params->panels : most_panels(node, target));
}

// ---- Code

typedef struct Bytes {
    const Node *node;
    Pixels pixels;
    Ptr x, w, b, y, packed, offsets;  // offsets: of the elements of a window from its first one
    int64_t filters, inner;
    int panels, lanes, dots;
    Fused fused;
    int64_t parts;  // of the filters
} Bytes;

// Where in the image the pixels of a panel are: of each row that it has some of, the window that its first lane would
// have if it were of that row, too, and which lanes are of this row or a later one.
typedef struct Places {
    Val start[PANEL], later[PANEL];
} Places;

static Places find_places(Emit *e, const Pixels *p, Val pixel) {
    Places places;
    Val width = e_index(e, p->width), row = e_div(e, pixel, width), column = e_rem(e, pixel, width);
    Val last = e_div(e, e_add_const(e, pixel, PANEL - 1), width), lanes = e_iota(e, DT_I32, PANEL);
    for (int i = 0; i < p->rows; i++) {
        Val of = e_min(e, e_add_const(e, row, i), last);
        Val before = e_sub(e, e_mul_const(e, e_sub(e, of, row), p->width), column);  // of its pixels, in rows above
        places.start[i] = e_sub(e, e_mul_const(e, of, p->pitch), e_mul_const(e, before, p->step));
        Val first = e_cast(e, DT_I32, e_sub(e, e_index(e, i * p->width), column));
        places.later[i] = e_ge(e, lanes, e_splat(e, first, PANEL));
    }
    return places;
}

// Images of fewer pixels than a panel.
static Val load_few(Emit *e, const Pixels *p, Ptr x, Val at) {
    Val v = e_zero(e, x.dtype, PANEL);
    for (int64_t i = 0; i < p->count; i++) {
        int64_t from = i / p->width * p->pitch + i % p->width * p->step;
        v = e_set_lane(e, v, (int)i, e_load(e, x, e_add_const(e, at, from), 1));
    }
    return v;
}

static Val load_pixels(Emit *e, const Pixels *p, const Places *places, Ptr x, Val at) {
    if (p->count < PANEL)
        return load_few(e, p, x, at);
    Val v = {0};
    for (int i = 0; i < p->rows; i++) {
        Val row = e_load_strided(e, x, e_add(e, at, places->start[i]), p->step, PANEL);
        v = i ? e_select(e, places->later[i], row, v) : row;
    }
    return v;
}

// The bytes k .. k + count - 1 of each pixel of a panel.
static void pack_some(Emit *e, const Bytes *c, const Places *places, Ptr x, Ptr to, Val k, int count) {
    Val some[MOST_DOTS];
    for (int i = 0; i < c->dots; i++) {
        some[i] = e_zero(e, x.dtype, PANEL);
        if (i >= count)
            continue;
        Val offset = e_to_index(e, e_load(e, c->offsets, e_add_const(e, k, i), 1));
        some[i] = load_pixels(e, &c->pixels, places, x, offset);
    }
    for (int n = c->dots / 2; n; n /= 2)
        for (int i = 0; i < n; i++)
            some[i] = e_zip(e, some[i], some[i + n]);
    e_store(e, to, e_mul_const(e, k, PANEL), e_cast(e, to.dtype, some[0]));
}

static void pack_panels(Emit *e, const Bytes *c, Ptr x, Val pixel) {
    int64_t whole = c->inner / c->dots * c->dots, size = panel_size(c->node);
    for (int i = 0; i < c->panels; i++) {
        Ptr to = e_at_const(e, c->packed, i * size);
        Places places = find_places(e, &c->pixels, e_add_const(e, pixel, i * PANEL));
        EMIT_FOR(e, k, e_index(e, 0), e_index(e, whole), c->dots)
            pack_some(e, c, &places, x, to, k.i, c->dots);
        if (whole < c->inner)
            pack_some(e, c, &places, x, to, e_index(e, whole), (int)(c->inner - whole));
    }
}

// The sums of one filter and one panel, from element `at` of the output on.
static void store_panel(Emit *e, const Bytes *c, Val filter, Val at, const Var *sum, int vecs) {
    Val all = fused_gather(e, sum, vecs), valid = e_part(e, all, 0, (int)min_i64(c->pixels.count, all.lanes));
    e_store(e, c->y, at, fused_result(e, &c->fused, filter, at, at, valid));  // there is nothing for each pixel
}

// Of the pixels that begin at element `at` of the output in the plane of the first filter: so many vectors of each
// panel behind the `skipped` first ones.
typedef struct Tile {
    const Bytes *bytes;
    Val at;
    int vecs, skipped;
    RowTiles rows;  // of filters
} Tile;

static Tile tile_of(Emit *e, const Bytes *c, int64_t vecs) {
    const DirectParams *params = c->node->params;
    int all = PANEL / c->lanes;
    int64_t most = vecs == all ? params->rows : product_most_rows(e_target(e), (int)vecs);
    return (Tile){.bytes = c, .vecs = (int)vecs, .skipped = all - (int)vecs,
                  .rows = row_tiles(c->filters, min_i64(most, c->filters))};
}

// The vectors of the last panel that have pixels which the one before it has not.
static int64_t last_vecs(const Bytes *c) {
    int64_t rest = c->pixels.count % PANEL;
    return c->panels == 1 && c->pixels.count > PANEL && rest ? div_up(rest, c->lanes) : PANEL / c->lanes;
}

// The filters from `row` on.
static void tile_emit(Emit *e, const void *context, int64_t rows, Val row) {
    const Tile *tile = context;
    const Bytes *c = tile->bytes;
    Product product = {.rows = (int)rows, .vecs = c->panels * tile->vecs, .lanes = c->lanes, .panels = c->panels,
                       .dots = c->dots, .row_stride = c->inner, .panel = PANEL * c->dots,
                       .panel_stride = panel_size(c->node)};
    Var sum[PRODUCT_MAX];
    for (int i = 0; i < product.rows * product.vecs; i++) {
        Val start = e_int(e, DT_I32, 0);
        if (c->b.v)
            start = e_load(e, c->b, e_add_const(e, row, i / product.vecs), 1);
        sum[i] = e_var(e, e_splat(e, start, c->lanes));
    }
    int64_t skipped = (int64_t)tile->skipped * c->lanes;
    product_run(e, &product, sum, e_at(e, c->w, e_mul_const(e, row, c->inner)),
                e_at_const(e, c->packed, skipped * c->dots), c->inner);
    Val at = e_add_const(e, e_add(e, tile->at, e_mul_const(e, row, c->pixels.count)), skipped);
    for (int r = 0; r < product.rows; r++)
        for (int i = 0; i < c->panels; i++)
            store_panel(e, c, e_add_const(e, row, r), e_add_const(e, at, r * c->pixels.count + i * PANEL),
                        sum + r * product.vecs + i * tile->vecs, tile->vecs);
}

// A part of the filters.
static void filters_emit(Emit *e, Tile tile, Val part, Val at) {
    const Bytes *c = tile.bytes;
    Val begin = e_mul_const(e, part, tile.rows.count), end = e_add_const(e, begin, tile.rows.count);
    Val parts = e_index(e, c->parts);
    tile.at = at;
    EMIT_FOR(e, i, e_div(e, begin, parts), e_div(e, end, parts), 1)
        row_tile_emit(e, &tile.rows, i.i, tile_emit, &tile);
}

static void unit_emit(Emit *e, const Bytes *c, Val unit) {
    const Pixels *p = &c->pixels;
    const Type *x = &c->node->in[0]->type;
    Val position[3];
    int64_t wide = PANEL * c->panels, tiles = div_up(p->count, wide), size[3] = {p->batch, tiles, c->parts};
    decode(e, unit, size, 3, position);
    Val pixel = e_min(e, e_mul_const(e, position[1], wide), e_index(e, max_i64(p->count - wide, 0)));
    pack_panels(e, c, e_at(e, c->x, e_mul_const(e, position[0], type_count(x) / p->batch)), pixel);
    Val at = e_add(e, pixel, e_mul_const(e, position[0], c->filters * p->count));
    Tile whole = tile_of(e, c, PANEL / c->lanes), last = tile_of(e, c, last_vecs(c));
    if (!last.skipped) {
        filters_emit(e, whole, position[2], at);
        return;
    }
    EMIT_IF(e, e_lt(e, position[1], e_index(e, tiles - 1)))
        filters_emit(e, whole, position[2], at);
    EMIT_IF(e, e_eq(e, position[1], e_index(e, tiles - 1)))
        filters_emit(e, last, position[2], at);
}

static Ptr offsets_of(Emit *e, const Node *node) {
    Window w = node_window(node);
    int64_t n = inner_of(node), taps = w.kernel[0] * w.kernel[1];
    double *offset = ARENA_ARRAY(e_arena(e), double, n);
    for (int64_t k = 0; k < n; k++) {
        int64_t channel = k / taps, i = k % taps / w.kernel[1], j = k % w.kernel[1];
        offset[k] = (double)((channel * w.in[0] + i * w.dilation[0]) * w.in[1] + j * w.dilation[1]);
    }
    return e_table(e, DT_I32, offset, n);
}

void conv_bytes_lower(Emit *e, const Node *node) {
    const DirectParams *params = node->params;
    const Type *y = &node->out[0]->type;
    Bytes c = {.node = node, .pixels = pixels_of(node), .x = e_in(e, 0), .w = e_in(e, 1),
               .y = e_out(e, 0), .filters = y->dim[1].n, .inner = inner_of(node),
               .panels = (int)params->panels, .lanes = target_lanes(e_target(e), 32), .dots = dots_of(node)};
    if (node_in(node, 2))
        c.b = e_in(e, 2);
    c.packed = e_scratch(e, c.dots == 2 ? DT_I16 : c.x.dtype, panel_bytes(node, params->panels));
    c.offsets = offsets_of(e, node);
    c.fused = fused_of(e, node);
    int64_t units = c.pixels.batch * div_up(c.pixels.count, PANEL * c.panels);
    c.parts = max_i64(1, min_i64(row_tiles(c.filters, params->rows).count / PART_TILES, UNITS_WANTED / units));
    Share share = e_share(e, units * c.parts);
    EMIT_FOR(e, unit, share.begin, share.end, 1)
        unit_emit(e, &c, unit.i);
}
