// Convolution of stride 1 with fewer multiplications: Winograd's F(m x m, r x r) on channel blocks.
//
//     1. input     V[point][channel block][tile] = (B d B^T) of each (m + r - 1)^2 piece of x, lanes are channels
//     2. products  M[point][tile] = V[point] * U[point], a matrix product over the input channels for each point
//     3. output    y = act(A M A^T + bias) for each tile
//
// U are the weights, transformed when the object is written (sqz.PackConv with a tile). That makes them up to seven
// times as large; `late` ones are transformed again and again, when they are needed, a row of points and a few input
// channels at a time, and stay in the first-level cache. A group of panels of 16 output channels goes through 2 and 3
// before the next one, so M stays close, and tiles go in blocks whose V stays in the second-level cache. Where the
// image is no multiple of m, the last row and column have narrower tiles over the same weights: they use the first
// points only. The tiles of a block are ordered
//
//     [last row | full | last column | corner]
//
// so that each point's product has a contiguous range of them. Nothing is read beyond the input's rim.
//
// A max pool over windows of 2x2 that do not overlap is done in step 3: tiles of an even size hold whole windows.
//
// A tile of infinities or NaNs spreads them over all its outputs. The code is in conv_winograd_code.c.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/product.h"
#include "codegen/kernels/winograd.h"
#include "codegen/kernels/winograd_sizes.h"
#include "ir/infer.h"
#include "support/checked.h"

#define MOST_ERROR 1e-5  // of a layer's largest output
enum { WANTED_TILES = 14 }; // of a block: a few register tiles between two readings of the weights, while M stays close
enum { AHEAD = 2048 };       // elements: far enough to hide the third-level cache
// Cycles for a vector of a transform, by the number of points in a row: loads, arithmetic and store, and where
// registers are few, what goes through memory.
static const double TRANSFORM[WINOGRAD_POINTS + 1] = {[4] = 4.5, [5] = 4.5, [6] = 4.5, [7] = 6.5, [8] = 6.8};
// Instructions to transform a vector of weights late, besides what grows with points and taps; how many go in a cycle.
enum { LATE = 4 };
enum { MOST_LATE = 64 };  // input blocks of a slice: more would not stay close
static const double LATE_RATE = 0.7;
static const double PRODUCT = 0.88;   // of a register tile's time: tiles are independent and short, so they overlap

static const AttrRow winograd_rows[] = {
    {"tile", ATTR_INT, offsetof(WinogradParams, tile), "4", NULL, true},
    {"rows", ATTR_INT, offsetof(WinogradParams, rows), "1", NULL, true},
    {"panels", ATTR_INT, offsetof(WinogradParams, panels), "1", NULL, true},
    {"band", ATTR_INT, offsetof(WinogradParams, band), "1", NULL, true},
    {"ahead", ATTR_INT, offsetof(WinogradParams, ahead), "0", NULL, true},
    {"split", ATTR_INT, offsetof(WinogradParams, split), "1", NULL, true},
    {"late", ATTR_INT, offsetof(WinogradParams, late), "0", NULL, true},
    {NULL, ATTR_INT, 0, NULL, NULL, false}};
const AttrTable winograd_params = {"winograd_params", sizeof(WinogradParams), winograd_rows};

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
    bool even = params->panels >= 1 && panels % params->panels == 0;
    bool late = params->late >= 0 && params->late <= MOST_LATE;
    return whole && even && late && winograd_exists((int)params->tile, (int)node_window(node).kernel[0]) &&
           params->band >= 1 && params->split >= 1 && params->split <= panels / params->panels &&
           product_fits(params->rows, params->panels * target->block / target_lanes(target, 32));
}

bool conv_winograd_accepts(const Node *node, const Target *target) {
    if (!pool_fits(node) || !conv_direct_accepts(node, target) || !is_blocked(&node->in[0]->type, target))
        return false;
    Window window = node_window(node);
    return ((const ConvAttrs *)node->attrs)->group == 1 && window.kernel[0] == window.kernel[1] &&
           window.kernel[0] >= 3 && window.kernel[0] <= WINOGRAD_TAPS && all_are(window.stride, 1) &&
           all_are(window.dilation, 1) && (node->kernel != KERNEL_conv_winograd || params_fit(node, target));
}

int64_t conv_winograd_scratch(const Node *node, const Target *target) {
    const WinogradParams *params = node->params;
    Sizes s = sizes_of(node, params->tile);
    int64_t tiles = most_tiles(&s, params->band);
    int64_t weights = params->late ? params->panels * s.points * u_stride(&s, params->late) : 0;
    int64_t point = v_stride(&s, tiles) + params->panels * m_stride(&s, tiles) + target_lanes(target, 32);
    return (s.points * s.points * point + weights) * (int64_t)sizeof(float);
}

// Rows of tiles in a block. Few, so that V and M stay in the second-level cache.
static int64_t choose_band(const Sizes *s) {
    int64_t wide = s->right.full + (s->right.edge > 0);
    return max_i64(1, min_i64((WANTED_TILES + wide / 2) / wide, s->down.full));
}

// Of the weights as they are stored.
static int64_t weights_bytes(const Sizes *s, const WinogradParams *params) {
    int64_t side = params->late ? s->taps : s->points;
    return side * side * s->blocks_in * s->panels * s->block * s->block * (int64_t)sizeof(float);
}

// Points of the products of one block, as groups of points that share their number of tiles.
static double products_cycles(const Sizes *s, const Target *target, const WinogradParams *params, const Block *block) {
    int64_t more = s->taps - 1, vecs = params->panels * s->block / target_lanes(target, 32), n = s->points;
    int64_t below = block->edge ? s->down.edge + more : 0, beside = s->right.edge ? s->right.edge + more : 0;
    int64_t full = s->right.full, wide = full + (s->right.edge > 0), high = block->rows + block->edge;
    const struct {
        int64_t points, tiles;
    } part[] = {{below * beside, high * wide}, {below * (n - beside), high * full},
                {(n - below) * beside, block->rows * wide}, {(n - below) * (n - beside), block->rows * full}};
    double cycles = 0;
    for (int i = 0; i < 4; i++)
        if (part[i].points && part[i].tiles)
            cycles += (double)part[i].points * cost_row(target, part[i].tiles, params->rows, vecs, (double)s->channels);
    double shown = cost_has_room(target) ? 1 : PRODUCT;
    return shown * cycles * (double)(s->panels / params->panels);
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

// Of a vector. Where loads hide, they and sums go beside multiply-adds.
static double transform_cycles(const Target *target, int64_t points) {
    return cost_hides_loads(target) ? TRANSFORM[4] / target->fma_per_cycle : TRANSFORM[points];
}

static Transforms transforms_cycles(const Sizes *s, const Target *target, const Block *block) {
    int64_t more = s->taps - 1;
    double down = (double)(block->rows * s->points + (block->edge ? s->down.edge + more : 0));
    double right = (double)(s->right.full * s->points + (s->right.edge ? s->right.edge + more : 0));
    double back = (double)(s->points - s->taps + 1) / ((double)s->points - 2);
    double each = down * right * transform_cycles(target, s->points) * (double)s->block / target_lanes(target, 32);
    return (Transforms){each * (double)s->blocks_in, each * (double)s->panels * back};
}

// The transforms of all weights: in a block's products for each row of the points.
static double weights_cycles(const Sizes *s, const Target *target, const WinogradParams *params) {
    int64_t instructions = s->points * (s->taps * s->taps + 3 * s->points + LATE);
    double vectors = (double)(s->blocks_in * s->panels * s->block * s->block) / target_lanes(target, 32);
    return params->late ? vectors * (double)instructions / LATE_RATE : 0;
}

// What the panels of a block take beside their products.
static double beside_cycles(const Sizes *s, const Target *target, const WinogradParams *params, const Block *block) {
    return transforms_cycles(s, target, block).out + matrices_cycles(s, target, block) +
           weights_cycles(s, target, params);
}

static int64_t choose_split(const Sizes *s, const Target *target, const WinogradParams *params) {
    Blocks blocks = blocks_of(s->down, params->band);
    SetWork work = {.sets = blocks.count, .pieces = s->panels / params->panels};
    for (int last = 0; last < 2; last++) {
        const Block *block = last ? &blocks.last : &blocks.each;
        work.once[last] = transforms_cycles(s, target, block).in;
        work.piece[last] = (products_cycles(s, target, params, block) + beside_cycles(s, target, params, block)) /
                           (double)work.pieces;
    }
    return cost_split(&work);
}

// Several where one takes a register, if they fill groups.
static int64_t choose_panels(const Sizes *s, const Target *target) {
    if (target_lanes(target, 32) < s->block)
        return 1;
    return s->panels % 2 == 0 ? 2 : s->panels % 3 == 0 ? 3 : 1;
}

// For each tile the band that seems best, a larger and a smaller one, and the first without prefetching, or with it;
// then the first two with weights that are transformed late.
enum { BANDS = 4, VARIANTS = BANDS + 2 };

bool conv_winograd_choice(Node *node, const Target *target, int number) {
    WinogradParams *params = node->params;
    int tile = 2 + (node_pools(node) ? 2 : 1) * (number / VARIANTS), taps = (int)node_window(node).kernel[0];
    int variant = number % VARIANTS;
    if (!winograd_exists(tile, taps) || winograd_error(tile, taps, node->in[0]->type.dim[1].n) > MOST_ERROR)
        return false;
    params->tile = tile;
    Sizes s = sizes_of(node, params->tile);
    int64_t band = choose_band(&s), larger = min_i64(2 * band, max_i64(1, s.down.full));
    int64_t bands[VARIANTS] = {band, larger, max_i64(1, band / 2), band, band, larger};
    params->panels = choose_panels(&s, target);
    params->rows = product_most_rows(target, (int)params->panels * target->block / target_lanes(target, 32));
    params->band = bands[variant];
    params->late = variant >= BANDS ? 1 : 0;
    bool large = weights_bytes(&s, params) > target->l2_bytes / 2;
    params->ahead = !params->late && large != (variant == BANDS - 1) ? AHEAD : 0;
    params->split = choose_split(&s, target, params);
    return true;
}

double conv_winograd_cost(const Node *node, const Target *target) {
    const WinogradParams *params = node->params;
    Sizes s = sizes_of(node, params->tile);
    Blocks blocks = blocks_of(s.down, params->band);
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    double cycles = 0, products = 0, weights = (double)weights_bytes(&s, params);
    for (int last = 0; last < 2; last++) {
        const Block *block = last ? &blocks.last : &blocks.each;
        double count = last ? 1 : (double)(blocks.count - 1);
        cycles += count * (beside_cycles(&s, target, params, block) + transforms_cycles(&s, target, block).in);
        products += count * products_cycles(&s, target, params, block);
    }
    cycles += products;
    double again = (double)(blocks.count - 1) + (params->ahead || params->late ? 0 : (double)blocks.count);
    double read = cost_far(target, weights) + cost_again(target, weights * again, weights);
    double bytes = params->ahead ? cost_ahead(node, target, weights, read, products) : read;
    double in = (double)type_bytes(x), out = (double)type_bytes(y);
    bytes += cost_near(target, in, in) + cost_near(target, out, out);
    return cost_seconds(target, cost_call(target) + (double)y->dim[0].n * (cycles + bytes));
}

void conv_winograd_packing(const Node *node, PackAttrs *attrs) {
    int64_t block = node->out[0]->type.layout.block;
    const WinogradParams *params = node->params;
    *attrs = (PackAttrs){.panel = block, .block = block, .tile = params->late ? 0 : params->tile};
}
