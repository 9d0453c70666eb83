// Depthwise convolutions of bytes, row-major, where the target adds up products of words in pairs (e_dots): a filter
// for each plane. Inputs have no padding, like those of conv_bytes.
//
// Lanes are pixels of a row of the output. Two taps that are neighbours in a row of the filter make a pair, and what
// they see are neighbours in memory, so bytes are widened as they are loaded, and nothing is packed: with stride 1 one
// vector has the sums of even pixels, and one those of odd ones, which are put together before they are stored.
//
//     y[c, q, p] = b[c] + sum over taps v, u of w[c, v, u] * x[c, q * s + v * d, p * s + u]
//
//     taps u = 0 and 1, stride 1:  even  x0 x1  x2 x3  x4 x5 ...      the last of an odd number of taps goes with the
//                                  odd   x1 x2  x3 x4  x5 x6 ...      one before it, whose weight then is 0
//     stride 2:                          x0 x1  x2 x3  x4 x5 ...
//
// Where one tile is as wide as a row, or wider, it does a row alone, but not the last one: what it stores behind a row
// is stored again with the next. The last tile of other rows is moved back to end with them, and computes some pixels
// again.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/fused.h"
#include "codegen/kernels/kernels.h"
#include "ops/conv_bytes.h"
#include "support/checked.h"

enum { SUMS = 2, LEAST_LANES = 4, MOST_TAPS = 49, PAIRS = 32 };  // pairs: of 16 x 3 taps
static const double TAP = 0.37, STORE = 2.7;  // cycles for a vector of sums

bool kernel_takes_planes(const Node *node, const Target *target) {
    const ConvAttrs *attrs = node->attrs;
    const Type *x = &node->in[0]->type, *w = &node->in[1]->type;
    if (!target->words || x->rank != 4 || w->rank != 4 || attrs->group < 2 || attrs->group != x->dim[1].n)
        return false;
    Window window = node_window(node);
    return w->dim[1].n == 1 && window.kernel[1] > 1 && window.kernel[0] * window.kernel[1] <= MOST_TAPS &&
           window.stride[1] <= 2 && window.dilation[1] == 1 && window.out[1] >= LEAST_LANES;
}

bool conv_planes_accepts(const Node *node, const Target *target) {
    return bytes_conv_fits(node, target, DT_I16) && kernel_takes_planes(node, target);
}

// A tile of one row: so many vectors of sums, of so many lanes.
typedef struct Tile {
    int sums, lanes;
    bool apart;  // even and odd pixels
} Tile;

// No wider than a row.
static Tile tile_within(const Window *w, const Target *target) {
    Tile tile = {SUMS, target_lanes(target, 32), w->stride[1] == 1};
    while (tile.lanes > LEAST_LANES && tile.sums * tile.lanes > w->out[1])
        tile.lanes /= 2;
    if (tile.sums * tile.lanes > w->out[1])
        tile = (Tile){1, tile.lanes, false};
    return tile;
}

// The least that is as wide as a row, if there is one, which is no wider than two: it reads and stores no further than
// to the end of the next row.
static Tile tile_over(const Window *w, const Target *target) {
    Tile tile = {SUMS, LEAST_LANES, w->stride[1] == 1};
    while (tile.sums * tile.lanes < w->out[1])
        tile.lanes *= 2;
    return tile.lanes <= target_lanes(target, 32) ? tile : tile_within(w, target);
}

double conv_planes_cost(const Node *node, const Target *target) {
    Window w = node_window(node);
    Tile tile = tile_over(&w, target);
    int64_t rows = type_count(&node->out[0]->type) / w.out[1], tiles = div_up(w.out[1], tile.sums * tile.lanes);
    double each = tile.sums * ((double)(w.kernel[0] * w.kernel[1]) * TAP + STORE);
    return cost_seconds(target, cost_call(target) + (double)(rows * tiles) * each);
}

// ---- Code

typedef struct Planes {
    const Node *node;
    Window window;
    Ptr x, w, b, y;
    Tile tile;
    Fused fused;
    Val weights[PAIRS], start;  // of the filter at hand: pairs in all lanes; what sums start from
} Planes;

// The first of the taps of a row's pair; the last pair may lie over the one before it.
static int64_t pair_tap(const Window *w, int64_t pair) {
    return min_i64(2 * pair, w->kernel[1] - 2);
}

static int64_t pairs_of(const Window *w) {
    return div_up(w->kernel[1], 2);
}

static void load_weights(Emit *e, Planes *c, Val filter) {
    const Window *w = &c->window;
    Ptr from = e_at(e, c->w, e_mul_const(e, filter, w->kernel[0] * w->kernel[1]));
    for (int64_t i = 0; i < w->kernel[0] * pairs_of(w); i++) {
        int64_t pair = i % pairs_of(w), tap = pair_tap(w, pair);
        Val both = e_load_const(e, from, i / pairs_of(w) * w->kernel[1] + tap, 2);
        if (tap < 2 * pair)
            both = e_set_lane(e, both, 0, e_int(e, DT_I16, 0));
        c->weights[i] = e_splat_dots(e, both, c->tile.lanes);
    }
    c->start = e_splat(e, c->b.v ? e_load(e, c->b, filter, 1) : e_int(e, DT_I32, 0), c->tile.lanes);
}

// What two taps see of the pixels of sum number `sum`, from element `at` of the plane on.
static Val load_pairs(Emit *e, const Planes *c, Ptr x, Val at, int64_t sum) {
    int lanes = c->tile.lanes;
    Val both;
    if (c->tile.apart)
        both = e_load(e, x, e_add_const(e, at, sum), 2 * lanes);
    else if (c->window.stride[1] == 2)
        both = e_load(e, x, e_add_const(e, at, 2 * lanes * sum), 2 * lanes);
    else
        both = e_zip(e, e_load(e, x, at, lanes), e_load(e, x, e_add_const(e, at, 1), lanes));
    return e_cast(e, DT_I16, both);
}

static void store(Emit *e, const Planes *c, Val filter, Val to, Val sums) {
    e_store(e, c->y, to, fused_result(e, &c->fused, filter, to, to, sums));
}

// The pixels of one tile, whose first window begins at `at`; those of the output begin at element `to`.
static void tile_emit(Emit *e, const Planes *c, Ptr x, Val at, Val filter, Val to) {
    const Window *w = &c->window;
    Val sum[SUMS] = {c->start, c->start};
    for (int64_t i = 0; i < w->kernel[0] * pairs_of(w); i++) {
        int64_t row = i / pairs_of(w), seen = row * w->dilation[0] * w->in[1] + pair_tap(w, i % pairs_of(w));
        for (int s = 0; s < c->tile.sums; s++)
            sum[s] = e_dots(e, sum[s], c->weights[i], load_pairs(e, c, x, e_add_const(e, at, seen), s));
    }
    if (c->tile.apart)
        store(e, c, filter, to, e_zip(e, sum[0], sum[1]));
    for (int s = 0; s < c->tile.sums && !c->tile.apart; s++)
        store(e, c, filter, e_add_const(e, to, s * c->tile.lanes), sum[s]);
}

static void row_emit(Emit *e, const Planes *c, Ptr x, Val plane, Val filter, Val row) {
    const Window *w = &c->window;
    int64_t width = w->out[1], lanes = c->tile.sums * c->tile.lanes;
    Val at = e_mul_const(e, row, w->stride[0] * w->in[1]);
    Val to = e_mul_const(e, e_add(e, e_mul_const(e, plane, w->out[0]), row), width);
    EMIT_FOR(e, tile, e_index(e, 0), e_index(e, width), lanes) {
        Val column = e_min(e, tile.i, e_index(e, max_i64(0, width - lanes)));
        tile_emit(e, c, x, e_add(e, at, e_mul_const(e, column, w->stride[1])), filter, e_add(e, to, column));
    }
}

// The same plane with tiles of fewer lanes.
static Planes with_tile(Emit *e, const Planes *c, Tile tile) {
    Planes few = *c;
    few.tile = tile;
    few.start = e_part(e, c->start, 0, tile.lanes);
    for (int64_t i = 0; i < c->window.kernel[0] * pairs_of(&c->window); i++)
        few.weights[i] = e_part(e, c->weights[i], 0, 2 * tile.lanes);
    return few;
}

static void plane_emit(Emit *e, Planes *c, Val plane) {
    const Window *w = &c->window;
    int64_t channels = c->node->in[0]->type.dim[1].n, filters = c->node->out[0]->type.dim[1].n;
    int64_t last = w->out[0] - (c->tile.sums * c->tile.lanes > w->out[1]);
    Val filter = e_rem(e, plane, e_index(e, filters)), from = e_div(e, plane, e_index(e, filters / channels));
    Ptr x = e_at(e, c->x, e_mul_const(e, from, w->in[0] * w->in[1]));
    load_weights(e, c, filter);
    EMIT_TIMES(e, row, last)
        row_emit(e, c, x, plane, filter, row.i);
    if (last < w->out[0]) {
        Planes few = with_tile(e, c, tile_within(w, e_target(e)));
        row_emit(e, &few, x, plane, filter, e_index(e, last));
    }
}

void conv_planes_lower(Emit *e, const Node *node) {
    const Type *y = &node->out[0]->type;
    Planes c = {.node = node, .window = node_window(node), .x = e_in(e, 0), .w = e_in(e, 1), .y = e_out(e, 0)};
    c.tile = tile_over(&c.window, e_target(e));
    if (node_in(node, 2))
        c.b = e_in(e, 2);
    c.fused = fused_of(e, node);
    Share share = e_share(e, y->dim[0].n * y->dim[1].n);
    EMIT_FOR(e, plane, share.begin, share.end, 1)
        plane_emit(e, &c, plane.i);
}
