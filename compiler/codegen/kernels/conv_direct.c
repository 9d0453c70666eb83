// Direct convolution on channel blocks.
//
//     y[o][q][p] = act(bias[o] + sum over i, v, u of x[i][q * s + v * d][p * s + u * d] * w[o][i][v][u])
//
// The output is NCHWc; the input is NCHWc, or row-major (a block of one channel), as the first layer of a network has
// it. Padding is the input's zeroed rim, so nothing is tested; but of dilated filters a tile leaves out the taps that
// meet padding only. Weights are packed as [panel of outputs][block of inputs]
// [v][u][input][output] (sqz.PackConv) and read from front to back.
//
// A register tile is `rows` pixels of one output row times `panels` panels of output channels:
//
//              panel: c .. c + block - 1
//     pixel p    acc acc        for each input channel and tap: load the panel's weights once,
//     pixel p+1  acc acc        splat one x for each pixel, multiply and add
//     ...        acc acc
//
// Where the number of panels is no multiple, those left over are tiles of fewer panels, and where a last panel has
// channels in its first vectors only, of these. Input channels behind the last one are left out, too, in fours.
// The accumulators stay in registers through all input channels and taps. A row is cut into tiles of nearly equal width
// so that no tile is left with one pixel. Where a panel's weights are larger than half the first-level cache, the input
// channels are done in slices of `depth` blocks: each slice's weights stay close while all rows pass by, and the sums
// of the slices so far wait in the output. An input that is larger than the caches passes by once if all panels of a
// row are done before the next row (`across`). Where few pixels use each weight, those of the next panels are fetched
// ahead (`ahead`). A 1x1 convolution of stride 1 without rims sees the whole plane as one row, cut into runs of a few
// tiles so that shards have something to share. Results that are pooled go no further than this kernel (direct_pool.c).
// The code is in conv_direct_code.c.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/direct.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/product.h"
#include "codegen/lower.h"
#include "codegen/order.h"
#include "ir/infer.h"
#include "support/checked.h"

enum { NARROW_RIM = 16 };  // fits any image
static const double MOST_GROWTH = 9;  // of an image by a wider rim: three taps that all meet it reach no further
// Of the time of the multiply-adds; less where instructions for it hide.
static const double WORTH_FETCHING = 0.04, WORTH_HIDING = 0.03;
static const double FETCHED = 0.4;          // of the time of reading weights is left where they are prefetched
enum { LOWER_ROWS = 3 };  // rows less than the most that are worth a trial
enum { MOST_PANELS = 4 };  // of a tile, that are worth a trial

static const AttrRow direct_rows[] = {
    {"rows", ATTR_INT, offsetof(DirectParams, rows), "1", NULL, true},
    {"panels", ATTR_INT, offsetof(DirectParams, panels), "1", NULL, true},
    {"depth", ATTR_INT, offsetof(DirectParams, depth), "0", NULL, true},
    {"across", ATTR_BOOL, offsetof(DirectParams, across), "0", NULL, true},
    {"ahead", ATTR_BOOL, offsetof(DirectParams, ahead), "0", NULL, true},
    {NULL, ATTR_INT, 0, NULL, NULL, false}};
const AttrTable direct_params = {"direct_params", sizeof(DirectParams), direct_rows};

// ---- What it accepts

bool direct_is_grouped(const Node *node, const Target *target) {
    return direct_groups(node, target) != ((const ConvAttrs *)node->attrs)->group;
}

int64_t direct_groups(const Node *node, const Target *target) {
    int64_t group = ((const ConvAttrs *)node->attrs)->group;
    int64_t ins = node->in[0]->type.dim[1].n / group, outs = node->out[0]->type.dim[1].n / group;
    return ins % target->block == 0 && outs % target->block == 0 ? group : 1;
}

bool direct_operands(const Node *node) {
    const Value *weights = node->in[1], *bias = node_in(node, 2);
    bool constant = value_data(weights) || (weights->def && weights->def->op == OP_PackConv);
    return constant && (!bias || value_data(bias)) && is_image(&node->in[0]->type) && is_image(&node->out[0]->type);
}

static bool has_shape(const Node *node, const Target *target) {
    const ConvAttrs *attrs = node->attrs;
    if (node->op != OP_Conv || !direct_operands(node))
        return false;
    return direct_groups(node, target) == attrs->group && direct_pool_fits(node);
}

// Whether a rim leaves an image of bearable size. Atrous filters of large rates reach more than half an image beyond
// it.
static bool is_bearable(int border, const Type *x) {
    double high = (double)x->dim[2].n, wide = (double)x->dim[3].n;
    return (high + 2 * border) * (wide + 2 * border) <= MOST_GROWTH * high * wide;
}

bool direct_layouts(const Node *node, const Target *target, bool few, Layout *in, Layout *out) {
    Window window = node_window(node);
    int border = needed_border(&window);
    if (border > NARROW_RIM && !is_bearable(border, &node->in[0]->type))
        return false;
    *in = (Layout){few ? LAYOUT_ROW_MAJOR : LAYOUT_NCHWC, few ? 1 : target->block, border, 0};
    *out = (Layout){LAYOUT_NCHWC, target->block, 0, 0};
    return true;
}

bool conv_direct_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    if (!has_shape(node, target))
        return false;
    int64_t ins = node->in[0]->type.dim[1].n / ((const ConvAttrs *)node->attrs)->group;
    return direct_layouts(node, target, order_channels(ins, target) == 1, in, out);
}

// Panels of output channels of a group.
static int64_t panels_of(const Node *node, const Target *target) {
    return div_up(node->out[0]->type.dim[1].n / direct_groups(node, target), target->block);
}

int direct_empty_vecs(const Node *node, const Target *target) {
    int64_t outs = node->out[0]->type.dim[1].n / direct_groups(node, target), lanes = target_lanes(target, 32);
    bool alone = (panels_of(node, target) - 1) % ((const DirectParams *)node->params)->panels == 0;
    return alone ? (int)((align_up(outs, target->block) - outs) / lanes) : 0;
}

int64_t direct_tile_rows(const Node *node, const Target *target, int64_t vecs) {
    const DirectParams *params = node->params;
    return vecs % (target->block / target_lanes(target, 32)) ? product_most_rows(target, (int)vecs) : params->rows;
}

bool direct_params_fit(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    int64_t most = direct_is_grouped(node, target) ? 1 : min_i64(panels_of(node, target), PRODUCT_MAX);
    return params->panels >= 1 && params->panels <= most && params->depth >= 0 &&
           !(params->depth && direct_has_ring(node)) &&
           product_fits(params->rows, params->panels * target->block / target_lanes(target, 32));
}

bool direct_laid_out(const Node *node, const Target *target) {
    Window window = node_window(node);
    return is_blocked(&node->out[0]->type, target) && addend_fits(node) &&
           node->in[0]->type.layout.border >= needed_border(&window);
}

bool conv_direct_accepts(const Node *node, const Target *target) {
    if (!has_shape(node, target) || !direct_laid_out(node, target))
        return false;
    const Type *x = &node->in[0]->type;
    bool plain = x->layout.kind == LAYOUT_ROW_MAJOR && ((const ConvAttrs *)node->attrs)->group == 1;
    return (plain || is_blocked(x, target)) && (node->kernel != KERNEL_conv_direct || direct_params_fit(node, target));
}

// ---- Choices

int64_t direct_blocks_in(const Node *node, const Target *target) {
    const Type *x = &node->in[0]->type;
    Groups groups = grouped_groups(node, target);
    int64_t block = x->layout.kind == LAYOUT_NCHWC ? x->layout.block : 1;
    return direct_is_grouped(node, target) ? groups_room(&groups)
                                           : div_up(x->dim[1].n / direct_groups(node, target), block);
}

int64_t direct_rest_in(const Node *node, const Target *target) {
    const Type *x = &node->in[0]->type;
    if (x->layout.kind != LAYOUT_NCHWC || direct_is_grouped(node, target))
        return 0;
    return align_up(x->dim[1].n / direct_groups(node, target) % x->layout.block, PRODUCT_TURN) % x->layout.block;
}

// Input blocks whose weights for one tile take half of the first-level cache; 0 where all of them do.
static int64_t slice_depth(const Node *node, const Target *target, int64_t panels, int64_t taps) {
    const Type *x = &node->in[0]->type;
    int64_t blocks = direct_blocks_in(node, target), block = x->layout.kind == LAYOUT_NCHWC ? x->layout.block : 1;
    int64_t bytes = taps * block * target->block * panels * (int64_t)sizeof(float);
    int64_t depth = max_i64(1, target->l1_bytes / 2 / bytes);
    return depth < blocks ? depth : 0;
}

// Whether there are several panels to pass over.
static bool has_panels_across(const Node *node, const Target *target) {
    return !node_pools(node) && node->out[0]->type.dim[1].n > 2 * target->block;
}

// Panels of a tile that are worth a trial: several where one takes a register, if there are several.
static int64_t choose_panels(const Node *node, const Target *target, int number) {
    bool several = target_lanes(target, 32) == target->block && !direct_is_grouped(node, target);
    int64_t most = several ? min_i64(panels_of(node, target), MOST_PANELS) : 1;
    int64_t panels = min_i64(most, 2) + number;
    return panels <= most ? panels : 0;
}

// Tiles as high as the registers allow first, then lower ones; weights in slices, then all at once; two panels, then
// more.
bool direct_choice(Node *node, const Target *target, int number, int64_t taps) {
    DirectParams *params = node->params;
    enum { EACH = 2 * (LOWER_ROWS + 1) };
    params->panels = choose_panels(node, target, number / EACH);
    if (!params->panels)
        return false;
    int64_t most = product_most_rows(target, (int)params->panels * target->block / target_lanes(target, 32));
    params->rows = max_i64(1, most - number % EACH / 2);
    params->depth = direct_has_ring(node) || number % 2 ? 0 : slice_depth(node, target, params->panels, taps);
    return true;
}

static double weights_bytes(const Node *node, const Target *target) {
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    Window window = node_window(node);
    int64_t taps = window.kernel[0] * window.kernel[1] * x->dim[1].n / ((const ConvAttrs *)node->attrs)->group;
    return (double)(taps * align_up(y->dim[1].n, target->block)) * sizeof(float);
}

// Whether reading the weights from far away takes a part of the time that is worth an instruction for each line.
// Measured where a vector is a line of the cache; elsewhere several vectors would share what is fetched.
static bool is_worth_fetching(const Node *node, const Target *target) {
    double all = kernel_macs(node) / (target_lanes(target, 32) * target->fma_per_cycle);
    double least = cost_has_room(target) ? WORTH_HIDING : WORTH_FETCHING;
    return cost_is_wide(target) && cost_far(target, weights_bytes(node, target)) > least * all;
}

// Each of those panel by panel, then across all panels.
bool conv_direct_choice(Node *node, const Target *target, int number) {
    DirectParams *params = node->params;
    Window window = node_window(node);
    bool both = has_panels_across(node, target);
    params->across = both && number % 2;
    params->ahead = is_worth_fetching(node, target);
    return direct_choice(node, target, both ? number / 2 : number, window.kernel[0] * window.kernel[1]);
}

// The part of the taps along an axis that tiles do not leave out.
static double share_of_taps(const Window *w, int axis) {
    int64_t live = 0, dilation = w->dilation[axis];
    if (dilation < 2 || w->kernel[axis] < 2)
        return 1;
    for (int64_t k = 0; k < w->kernel[axis]; k++) {  // outputs o with 0 <= o * stride + k * dilation - begin < in
        int64_t first = div_up(max_i64(w->begin[axis] - k * dilation, 0), w->stride[axis]);
        int64_t room = w->in[axis] + w->begin[axis] - k * dilation;
        int64_t last = room > 0 ? min_i64(div_up(room, w->stride[axis]), w->out[axis]) : 0;
        live += max_i64(last - first, 0);
    }
    return (double)live / (double)(w->kernel[axis] * w->out[axis]);
}

double direct_row_cycles(const Node *node, const Target *target, int64_t length, double steps) {
    const DirectParams *params = node->params;
    int64_t panels = panels_of(node, target), each = target->block / target_lanes(target, 32);
    int64_t whole = div_up(panels, params->panels) - 1;
    int64_t vecs = (panels - whole * params->panels) * each - direct_empty_vecs(node, target);
    double last = cost_row(target, length, direct_tile_rows(node, target, vecs), vecs, steps);
    double waiting = params->depth ? cost_waiting(target, length * panels * each) : 0;
    return (double)whole * cost_row(target, length, params->rows, params->panels * each, steps) + last + waiting;
}

// What one image costs: each group of panels passes over all pixels, slice by slice, or all of them over each row.
double conv_direct_cost(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    const Type *x = &node->in[0]->type, map = conv_map_type(node), *y = &map;
    Window window = node_window(node);
    int64_t block = x->layout.kind == LAYOUT_NCHWC ? x->layout.block : 1, taps = window.kernel[0] * window.kernel[1];
    int64_t ins = direct_blocks_in(node, target), depth = params->depth ? params->depth : ins;
    int64_t groups = direct_groups(node, target), panels = panels_of(node, target);
    int64_t sets = groups * div_up(panels, params->panels);
    int64_t rest = direct_rest_in(node, target), absent = rest ? block - rest : 0;
    double seen = direct_is_grouped(node, target) ? grouped_blocks(node, target) / (double)ins
                                                  : 1 - (double)absent / (double)(ins * block);
    double steps = seen * (double)(depth * block * taps);
    bool flat = taps == 1 && window.stride[0] == 1 && window.stride[1] == 1 && !x->layout.border && !y->layout.border &&
                !direct_has_ring(node);
    int64_t length = flat ? y->dim[2].n * y->dim[3].n : y->dim[3].n, rows = flat ? 1 : y->dim[2].n;
    double tiles = (double)(rows * div_up(length, params->rows)), slices = (double)div_up(ins, depth);
    double row = direct_row_cycles(node, target, length, steps);
    double compute = (double)groups * slices * (double)rows * row;
    compute *= share_of_taps(&window, 0) * share_of_taps(&window, 1);
    double panel = steps * (double)(target->block * params->panels) * sizeof(float);
    double whole = steps * (double)(target->block * panels * groups) * sizeof(float) * slices;
    bool close = panel <= target->l1_bytes / 2;  // through all tiles of a row
    double lines = flat ? (double)div_up(length, params->rows * DIRECT_RUN_TILES) : (double)rows;
    double held = cost_is_wide(target) ? 2 * whole : whole;  // of the cache that keeps them while a row passes
    double again = params->across ? cost_near(target, whole * (close ? lines : tiles), held)
                                  : cost_near(target, whole * tiles, panel);
    double size = (double)type_bytes(x), batch = (double)y->dim[0].n;
    double far = cost_far(target, whole);
    double bytes = again + (params->ahead ? cost_ahead(node, target, whole, FETCHED * far, compute) : far);
    bytes += cost_near(target, params->across ? size : size * (double)sets * seen, size);
    double pool = direct_pool_cycles(node, target, row * (double)groups / (double)sets);
    return cost_seconds(target, cost_call(target) + batch * (compute + bytes) + pool);
}

void conv_direct_packing(const Node *node, PackAttrs *attrs) {
    const Layout *x = &node->in[0]->type.layout;
    *attrs = (PackAttrs){.panel = node->out[0]->type.layout.block, .block = x->kind == LAYOUT_NCHWC ? x->block : 1};
}
