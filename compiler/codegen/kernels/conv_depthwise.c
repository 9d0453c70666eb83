// Depthwise convolution on channel blocks: one filter for each channel.
//
//     y[c][q][p] = act(bias[c] + sum over v, u of x[c][q * s + v * d][p * s + u * d] * w[c][v][u])
//
// Lanes are channels, so nothing is splat or shuffled. A tile is a few pixels of one row times one block; a loop walks
// the rows of the filter, and within one the taps are unrolled, so that pixels of neighbouring tiles share their loads.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/product.h"
#include "codegen/lower.h"
#include "ir/infer.h"
#include "support/checked.h"

enum { MAX_ACC = 32, MAX_WIDTH = 16 };
static const double SPILL = 1.25;  // cycles for each tap
static const double TILE_CYCLES = 4, ROW_CYCLES = 12;  // besides their taps
static const double LATENCY = 4;                       // cycles of a multiply-add

static bool has_shape(const Node *node) {
    if (node->op != OP_Conv || node_pools(node))
        return false;
    const ConvAttrs *attrs = node->attrs;
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    const Value *weights = node->in[1], *bias = node_in(node, 2);
    bool constant = value_data(weights) || (weights->def && weights->def->op == OP_PackConv);
    return is_image(x) && is_image(y) && constant && (!bias || value_data(bias)) && attrs->group > 1 &&
           attrs->group == x->dim[1].n && x->dim[1].n == y->dim[1].n && node_window(node).kernel[1] <= MAX_WIDTH;
}

bool conv_depthwise_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    if (!has_shape(node))
        return false;
    Window window = node_window(node);
    if (needed_border(&window) > 16)
        return false;
    *in = (Layout){LAYOUT_NCHWC, target->block, needed_border(&window), 0};
    *out = (Layout){LAYOUT_NCHWC, target->block, 0, 0};
    return true;
}

bool conv_depthwise_accepts(const Node *node, const Target *target) {
    if (!has_shape(node) || !is_blocked(&node->in[0]->type, target) || !is_blocked(&node->out[0]->type, target))
        return false;
    Window window = node_window(node);
    const DirectParams *params = node->params;
    bool fits =
        node->kernel != KERNEL_conv_depthwise || product_fits(params->rows, target->block / target_lanes(target, 32));
    return fits && addend_fits(node) && node->in[0]->type.layout.border >= needed_border(&window);
}

// Whether a turn of the loop has a single tap: few registers hold no more than one tap's operands beside the sums.
static bool in_turns(const Target *target) {
    return target->fma_lane && target->registers <= 16;
}

// Sums, and a vector of all pixels and weights of a turn. Where multiply-adds take lanes LLVM loads them all ahead.
static bool fit_registers(const Target *target, const Window *window, int64_t rows, int64_t vecs) {
    int64_t width = in_turns(target) ? 1 : window->kernel[1];
    int64_t pixels = min_i64(rows * width, (rows - 1) * window->stride[1] + width);
    return !target->fma_lane || rows * vecs + pixels + width <= target->registers * 4 / 5;
}

// Half of the registers hold sums, or somewhat more or fewer.
bool conv_depthwise_choice(Node *node, const Target *target, int number) {
    static const int any[] = {0, 2, 1, -1, -2}, fewer[] = {0, -1, -2};
    DirectParams *params = node->params;
    Window window = node_window(node);
    int64_t vecs = target->block / target_lanes(target, 32), rows = target->registers / 2 / vecs;
    while (rows > 1 && !fit_registers(target, &window, rows, vecs))
        rows--;
    params->rows = 0;
    if (number < (target->fma_lane ? 3 : 5))
        params->rows = rows + (target->fma_lane ? fewer : any)[number];
    return params->rows >= 1 && product_fits(params->rows, (int)vecs);
}

// One tap of a tile: a load and a multiply-add for each sum. Few sums wait for one another, though tiles overlap; sums
// that leave too few registers for the loads are spilled.
static double tap_cycles(const Target *target, int64_t sums) {
    int rate = target->fma_per_cycle < target->loads_per_cycle ? target->fma_per_cycle : target->loads_per_cycle;
    double work = (double)sums / rate, wait = work > LATENCY ? work : (work + LATENCY) / 2;
    return wait + SPILL * (double)max_i64(0, sums - target->registers * 5 / 8);
}

double conv_depthwise_cost(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    Window window = node_window(node);
    int64_t vecs = target->block / target_lanes(target, 32), taps = window.kernel[0] * window.kernel[1];
    RowTiles tiles = row_tiles(y->dim[3].n, params->rows);
    double rows = (double)(y->dim[0].n * div_up(y->dim[1].n, target->block) * y->dim[2].n);
    double wide = (double)tiles.extra * tap_cycles(target, (tiles.base + 1) * vecs);
    double narrow = (double)(tiles.count - tiles.extra) * tap_cycles(target, tiles.base * vecs);
    double compute = rows * ((double)taps * (wide + narrow) + (double)tiles.count * TILE_CYCLES + ROW_CYCLES);
    double in = (double)type_bytes(x), out = (double)type_bytes(y);
    return cost_seconds(target, cost_call(target) + compute + cost_near(target, in, in) + cost_near(target, out, out));
}

void conv_depthwise_packing(const Node *node, PackAttrs *attrs) {
    *attrs = (PackAttrs){.panel = node->out[0]->type.layout.block, .block = 1};
}

typedef struct Depthwise {
    Image x, y;
    Ptr w, bias;
    bool has_bias;
    Window window;
    const Act *act;
    int lanes, vecs;
} Depthwise;

// `count` taps of one row of the filter, where multiply-adds take lanes: weight by weight.
static void row_by_weight(Emit *e, const Depthwise *d, int64_t rows, Ptr x, Ptr w, int64_t count, Val *acc) {
    for (int64_t u = 0; u < count; u++)
        for (int v = 0; v < d->vecs; v++) {
            Val weight = e_load_const(e, w, u * d->y.block + (int64_t)v * d->lanes, d->lanes);
            for (int64_t r = 0; r < rows; r++) {
                int64_t pixel = r * d->window.stride[1] + u * d->window.dilation[1];
                Val xv = e_load_const(e, x, pixel * d->x.stride.pixel + (int64_t)v * d->lanes, d->lanes);
                acc[r * d->vecs + v] = e_fma(e, xv, weight, acc[r * d->vecs + v]);
            }
        }
}

// The same pixel by pixel, each of which is loaded once: only the weights stay in registers beside the sums.
static void row_by_pixel(Emit *e, const Depthwise *d, int64_t rows, Ptr x, Ptr w, int64_t count, Val *acc) {
    int64_t dilation = d->window.dilation[1], stride = d->window.stride[1],
            last = (rows - 1) * stride + (count - 1) * dilation;
    for (int v = 0; v < d->vecs; v++) {
        Val weight[MAX_WIDTH];
        for (int64_t u = 0; u < count; u++)
            weight[u] = e_load_const(e, w, u * d->y.block + (int64_t)v * d->lanes, d->lanes);
        for (int64_t pixel = 0; pixel <= last; pixel++) {
            Val xv = {0};
            for (int64_t u = 0; u < count; u++) {
                int64_t from = pixel - u * dilation;
                if (from < 0 || from % stride || from / stride >= rows)
                    continue;
                if (!xv.v)
                    xv = e_load_const(e, x, pixel * d->x.stride.pixel + (int64_t)v * d->lanes, d->lanes);
                Val *sum = &acc[from / stride * d->vecs + v];
                *sum = e_fma(e, xv, weight[u], *sum);
            }
        }
    }
}

static void tile_emit(Emit *e, const Depthwise *d, int64_t rows, Ptr x, Ptr w, Val channel, Dest y) {
    Var sum[MAX_ACC];
    Val acc[MAX_ACC];
    int count = (int)rows * d->vecs;
    for (int i = 0; i < count; i++) {
        Val offset = e_add_const(e, channel, (int64_t)(i % d->vecs) * d->lanes);
        sum[i] = e_var(e, d->has_bias ? e_load(e, d->bias, offset, d->lanes) : e_zero(e, DT_F32, d->lanes));
    }
    int64_t width = d->window.kernel[1], taps = in_turns(e_target(e)) ? 1 : width;
    EMIT_TIMES(e, v, d->window.kernel[0])
        EMIT_TIMES(e, u, width / taps) {
            for (int i = 0; i < count; i++)
                acc[i] = e_get(e, sum[i]);
            Val right = e_mul_const(e, u.i, d->window.dilation[1] * d->x.stride.pixel);
            Ptr from = e_at(e, x, e_add(e, e_along(e, &v, d->window.dilation[0] * d->x.stride.row), right));
            Ptr weights = e_at(e, w, e_add(e, e_along(e, &v, width * d->y.block), e_mul_const(e, u.i, d->y.block)));
            (e_target(e)->fma_lane ? row_by_weight : row_by_pixel)(e, d, rows, from, weights, taps, acc);
            for (int i = 0; i < count; i++)
                e_set(e, sum[i], acc[i]);
        }
    for (int i = 0; i < count; i++) {
        int64_t vec = (int64_t)(i % d->vecs) * d->lanes;
        int64_t at = i / d->vecs * d->y.stride.pixel + vec;
        dest_store(e, y, at, &d->y, d->act, e_add_const(e, channel, vec), e_get(e, sum[i]));
    }
}

static void tiles_emit(Emit *e, const Depthwise *d, int64_t first, int64_t count, int64_t rows, Ptr x, Ptr w,
                       Val channel, Dest y) {
    EMIT_TIMES(e, t, count) {
        Val pixel = e_add_const(e, e_mul_const(e, t.i, rows), first);
        Ptr from = e_at(e, x, e_mul_const(e, pixel, d->window.stride[1] * d->x.stride.pixel));
        tile_emit(e, d, rows, from, w, channel, dest_at(e, y, e_mul_const(e, pixel, d->y.stride.pixel)));
    }
}

static Depthwise depthwise_of(Emit *e, const Node *node) {
    Depthwise d = {.x = image_of(e_in(e, 0), &node->in[0]->type),
                   .y = image_of(e_out(e, 0), &node->out[0]->type),
                   .w = e_in(e, 1),
                   .has_bias = node_in(node, 2) != NULL,
                   .window = node_window(node),
                   .act = &((const ConvAttrs *)node->attrs)->act,
                   .lanes = target_lanes(e_target(e), 32)};
    if (d.has_bias)
        d.bias = e_in(e, 2);
    d.vecs = (int)d.y.block / d.lanes;
    return d;
}

void conv_depthwise_lower(Emit *e, const Node *node) {
    const DirectParams *params = node->params;
    Depthwise d = depthwise_of(e, node);
    int64_t blocks = image_blocks(&d.y), taps = d.window.kernel[0] * d.window.kernel[1];
    int64_t x_first = d.x.stride.origin - d.window.begin[0] * d.x.stride.row - d.window.begin[1] * d.x.stride.pixel;
    RowTiles tiles = row_tiles(d.y.width, params->rows);
    Share share = e_share(e, d.y.batch * blocks * d.y.height);
    EMIT_FOR(e, unit, share.begin, share.end, 1) {
        Val row = e_rem(e, unit.i, e_index(e, d.y.height)), plane = e_div(e, unit.i, e_index(e, d.y.height));
        Val block = e_rem(e, plane, e_index(e, blocks));
        EMIT_IF(e, e_eq(e, row, e_index(e, 0)))
            lower_border(e, d.y.p, &node->out[0]->type, plane, e_add_const(e, plane, 1));
        Val from = e_add(e, e_mul_const(e, plane, d.x.stride.channel),
                         e_mul_const(e, row, d.window.stride[0] * d.x.stride.row));
        Ptr x = e_at(e, d.x.p, e_add_const(e, from, x_first));
        Ptr w = e_at(e, d.w, e_mul_const(e, block, taps * d.y.block));
        Dest y = dest_at(e, dest_plane(e, node, &d.y, plane), e_mul_const(e, row, d.y.stride.row));
        Val channel = e_mul_const(e, block, d.y.block);
        tiles_emit(e, &d, 0, tiles.extra, tiles.base + 1, x, w, channel, y);
        tiles_emit(e, &d, tiles.extra * (tiles.base + 1), tiles.count - tiles.extra, tiles.base, x, w, channel, y);
    }
}
