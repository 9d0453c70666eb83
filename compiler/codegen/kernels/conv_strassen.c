// 1x1 convolution of stride 1 with seven products of half-size matrices instead of eight: Strassen's algorithm in
// Winograd's form (D. S. Parker's "Strassen-Winograd" order of 15 additions), one level deep.
//
// As a matrix product, y (pixels x outputs) = x (pixels x inputs) * w (inputs x outputs). Each is cut into quarters:
//
//     pixels    1: the first half of the image     2: the second half; of an odd number, one zero is added
//     inputs    1: the first half of the channels  2: the second half
//     outputs   1: the even panels of 16           2: the odd panels; of an odd number, a zero one is added
//
//     A11 A12     B11 B12     C11 C12        S1 = A21 + A22   S2 = S1 - A11    T1 = B12 - B11   T2 = B22 - T1
//     A21 A22  *  B21 B22  =  C21 C22        S3 = A11 - A21   S4 = A12 - S2    T3 = B22 - B12   T4 = T2 - B21
//
// The seven right factors are computed when the object is written (sqz.PackConv with strassen). A block of pixel pairs
// goes through two steps, so that its left factors stay in the second-level cache:
//
//     1. left      V[factor][pixel pair][input] = A11, A12, S2, S3, A22, S1, S4
//     2. products  for each pair of panels, or several at once, and each group of register tiles, the seven products,
//                  each added to an earlier sum or to nothing; as each C is done y = act(C + bias):
//                      M1 = A11 B11    C11 = M1 + A12 B21    U2 = M1 + S2 T2    U3 = U2 + S3 T3    C21 = U3 - A22 T4
//                      P = S1 T1       C22 = U3 + P          U4 = U2 + P        C12 = U4 + S4 B22
//
// With one tile in a group its sums stay in the first-level cache, with several the panels of a right factor do.
// Differences of large numbers make it a little less exact than a plain sum (tests/e2e/kernels-strassen.py), and an
// infinity or NaN spreads to one other pixel and one other channel.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/product.h"
#include "codegen/lower.h"
#include "ir/infer.h"
#include "support/checked.h"

enum { FACTORS = 7 };
enum { GAP = 16 };     // elements between two pixels of V, so that their lines don't share a cache set
enum { AHEAD = 2048 };  // elements: far enough to hide the third-level cache
// cycles for a vector of each of the seven left factors, which are written to the second-level cache
static const double LEFT = 30;
static const double HIDDEN = 0.2;  // what still shows of reading weights again that are prefetched
static const double SUMS = 11;  // cycles for a vector of sums, which go from product to product and into the output

static const AttrRow strassen_rows[] = {
    {"rows", ATTR_INT, offsetof(StrassenParams, rows), "1", NULL, true},
    {"duos", ATTR_INT, offsetof(StrassenParams, duos), "1", NULL, true},
    {"group", ATTR_INT, offsetof(StrassenParams, group), "1", NULL, true},
    {"pairs", ATTR_INT, offsetof(StrassenParams, pairs), "1", NULL, true},
    {"ahead", ATTR_INT, offsetof(StrassenParams, ahead), "0", NULL, true},
    {"split", ATTR_INT, offsetof(StrassenParams, split), "1", NULL, true},
    {NULL, ATTR_INT, 0, NULL, NULL, false}};
const AttrTable strassen_params = {"strassen_params", sizeof(StrassenParams), strassen_rows};

// ---- Sizes

typedef struct Sizes {
    int64_t block;             // channels
    int64_t inner;             // channels of a quarter
    int64_t pixels, half;      // of an image; pairs of pixels
    int64_t panels, duos;      // panels of outputs; pairs of panels
    int64_t each_duos, rows;   // pairs of panels and at most so many pairs of pixels of a register tile
    int64_t sets;              // of pairs of panels that are multiplied at once; the last one may have fewer
    RowTiles tiles;            // of the pairs of pixels
    int64_t group;             // tiles
    // Blocks of tiles; tiles of all but the last one, which has half to one and a half of that.
    int64_t blocks, each;
    int64_t most;              // pairs of the largest block
} Sizes;

static Sizes sizes_of(const Node *node, const StrassenParams *params) {
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    Sizes s = {.block = y->layout.block, .inner = x->dim[1].n / 2, .pixels = y->dim[2].n * y->dim[3].n};
    s.half = div_up(s.pixels, 2);
    s.panels = div_up(y->dim[1].n, s.block);
    s.duos = div_up(s.panels, 2);
    s.each_duos = params->duos;
    s.rows = params->rows;
    s.sets = div_up(s.duos, s.each_duos);
    s.tiles = row_tiles(s.half, s.rows);
    s.each = max_i64(1, min_i64(params->pairs / s.rows, s.tiles.count));
    s.group = params->group;
    s.blocks = max_i64(1, (s.tiles.count + s.each / 2) / s.each);
    s.most = max_i64(s.each, s.tiles.count - (s.blocks - 1) * s.each) * (s.tiles.base + (s.tiles.extra > 0));
    return s;
}

static int64_t v_row(const Sizes *s) {
    return s->inner + GAP;
}

static int64_t v_factor(const Sizes *s) {
    return s->most * v_row(s) + GAP;
}

// The sums of a tile that wait for their next product; U4 takes the place of U2.
typedef enum Waiting { NOTHING, M1, U2, U3, WAITING } Waiting;

// Elements of one kind of sums of a group.
static int64_t waiting_size(const Sizes *s, const Target *target) {
    return s->group * PRODUCT_MAX * target_lanes(target, 32);
}

int64_t conv_strassen_scratch(const Node *node, const Target *target) {
    Sizes s = sizes_of(node, node->params);
    return (FACTORS * v_factor(&s) + (WAITING - 1) * waiting_size(&s, target)) * (int64_t)sizeof(float);
}

// ---- What it accepts, and what it costs

bool conv_strassen_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    return !node_pools(node) && conv_direct_layouts(node, target, in, out) && in->kind == LAYOUT_NCHWC;
}

static bool params_fit(const Node *node, const Target *target) {
    const StrassenParams *params = node->params;
    if (params->pairs < 1 || params->rows < 1 || params->duos < 1 || params->duos > PRODUCT_MAX)
        return false;
    Sizes s = sizes_of(node, params);
    int64_t vecs = params->duos * target->block / target_lanes(target, 32);
    return params->duos <= s.duos && params->group >= 1 && params->group <= s.tiles.count && params->split >= 1 &&
           params->split <= s.sets && product_fits(params->rows, vecs);
}

bool conv_strassen_accepts(const Node *node, const Target *target) {
    if (node_pools(node) || !conv_direct_accepts(node, target) || !is_blocked(&node->in[0]->type, target))
        return false;
    Window window = node_window(node);
    const Type *y = &node->out[0]->type;
    bool plain = ((const ConvAttrs *)node->attrs)->group == 1 && all_are(window.kernel, 1) &&
                 all_are(window.stride, 1) && all_are(window.begin, 0) && all_are(window.end, 0);
    return plain && node->in[0]->type.dim[1].n % (2 * target->block) == 0 && y->dim[1].n > target->block &&
           y->dim[2].n * y->dim[3].n >= 2 && (node->kernel != KERNEL_conv_strassen || params_fit(node, target));
}

static int64_t weights_bytes(const Sizes *s) {
    return FACTORS * s->inner * s->block * s->duos * (int64_t)sizeof(float);
}

// Pairs of pixels of a block: their left factors take half of the second-level cache.
static int64_t choose_pairs(const Sizes *s, const Target *target) {
    int64_t left = FACTORS * v_row(s) * (int64_t)sizeof(float);
    int64_t even = div_up(s->half, div_up(s->half, max_i64(1, target->l2_bytes / 2 / left)));
    return align_up(even, s->rows);
}

// Rows of a tile. Where operands take registers, and those are few, LLVM would spill with as many as elsewhere, since
// the addresses of sums are computed beside.
static int64_t most_rows(const Sizes *s, const Target *target, int64_t duos) {
    int64_t most = product_most_rows(target, (int)(duos * s->block / target_lanes(target, 32)));
    return target->registers <= 16 && target->fma_lane ? max_i64(1, most - 1) : most;
}

// Cycles of the left factors of so many pairs of pixels, and of pairs of panels that are multiplied at once.
static double left_cycles(const Sizes *s, const Target *target, double pairs) {
    return pairs * (double)(s->inner / target_lanes(target, 32)) * LEFT;
}

static double duos_cycles(const Sizes *s, const Target *target, int64_t duos) {
    int64_t vecs = duos * s->block / target_lanes(target, 32);
    double weights = (double)(FACTORS * s->inner * s->block * duos) * sizeof(float);
    double again = (double)s->tiles.count / (double)s->group - (double)s->blocks;
    double products = (double)FACTORS * cost_row(target, s->half, s->rows, vecs, (double)s->inner);
    return products + (double)(s->half * vecs) * SUMS + cost_near(target, weights * larger(again, 0), weights);
}

static int64_t choose_split(const Sizes *s, const Target *target) {
    SetWork work = {.sets = s->blocks, .pieces = s->sets};
    for (int last = 0; last < 2; last++) {
        int64_t tiles = last ? s->tiles.count - (s->blocks - 1) * s->each : s->each;
        double part = (double)tiles / (double)s->tiles.count;
        work.once[last] = left_cycles(s, target, part * (double)s->half);
        work.piece[last] = part * duos_cycles(s, target, s->each_duos);
    }
    return cost_split(&work);
}

// The block that seems best, a smaller and a larger one; where a panel takes a register, then several pairs of them.
bool conv_strassen_choice(Node *node, const Target *target, int number) {
    enum { BLOCKS = 3, MOST_DUOS = 3 };
    StrassenParams *params = node->params;
    *params = (StrassenParams){.duos = 1 + number / BLOCKS, .rows = 1, .group = 1, .pairs = 1};
    Sizes s = sizes_of(node, params);
    if (params->duos > (target_lanes(target, 32) < s.block ? 1 : min_i64(MOST_DUOS, s.duos)))
        return false;
    s.rows = params->rows = most_rows(&s, target, params->duos);
    int64_t pairs = choose_pairs(&s, target);
    const int64_t options[BLOCKS] = {pairs, max_i64(params->rows, pairs / 2), min_i64(2 * pairs, s.half)};
    params->pairs = options[number % BLOCKS];
    s = sizes_of(node, params);
    params->group = s.group = cost_is_wide(target) ? 1 : s.each;
    params->split = choose_split(&s, target);
    params->ahead = weights_bytes(&s) > target->l2_bytes / 2 ? AHEAD : 0;
    return true;
}

double conv_strassen_cost(const Node *node, const Target *target) {
    const StrassenParams *params = node->params;
    Sizes s = sizes_of(node, params);
    int64_t whole = s.duos / s.each_duos, rest = s.duos % s.each_duos;
    double cycles = left_cycles(&s, target, (double)s.half) + (double)whole * duos_cycles(&s, target, s.each_duos);
    cycles += rest ? duos_cycles(&s, target, rest) : 0;
    double weights = (double)weights_bytes(&s), left = (double)(FACTORS * v_factor(&s)) * sizeof(float);
    double again = (params->ahead ? HIDDEN : 1) * cost_again(target, weights * (double)(s.blocks - 1), weights);
    double read = cost_far(target, weights) + again;
    double out = (double)type_bytes(&node->out[0]->type), batch = (double)node->out[0]->type.dim[0].n;
    double bytes = params->ahead ? cost_ahead(node, target, weights, read, cycles) : read;
    bytes += cost_near(target, left * (double)(s.sets * s.blocks), left) + cost_near(target, out, out);
    return cost_seconds(target, cost_call(target) + batch * (cycles + bytes));
}

void conv_strassen_packing(const Node *node, PackAttrs *attrs) {
    int64_t block = node->out[0]->type.layout.block;
    *attrs = (PackAttrs){.panel = block, .block = block, .strassen = true};
}

// ---- Code

typedef struct Plan {
    const Node *node;
    Image x, y;
    Ptr u, bias, v, waiting;
    bool has_bias;
    const Act *act;
    Sizes s;
    int64_t ahead;
    int lanes, vecs;  // vecs: of a panel
} Plan;

// Pairs of pixels from `start` on, which are tiles first .. last - 1; `y`: the image's first panel.
typedef struct BlockAt {
    Val batch, start, first, last;
    Dest y;
} BlockAt;

// The place of a pixel in a plane of the image.
static Val pixel_offset(Emit *e, const Image *image, Val pixel) {
    if (image_is_dense(image))
        return e_mul_const(e, pixel, image->stride.pixel);
    Val width = e_index(e, image->width);
    Val down = e_mul_const(e, e_div(e, pixel, width), image->stride.row);
    return e_add(e, down, e_mul_const(e, e_rem(e, pixel, width), image->stride.pixel));
}

// The left factors of one pixel pair. `first` and `second` are its pixels in the first channel block; the second may
// not exist. `v` is its place in the first factor.
static void left_pair(Emit *e, const Plan *p, Ptr first, const Ptr *second, Ptr v) {
    int64_t block = p->s.block, factor = v_factor(&p->s), middle = p->s.inner / block * p->x.stride.channel;
    EMIT_TIMES(e, i, p->s.inner / block)
        for (int vec = 0; vec < p->vecs; vec++) {
            Val at = e_add_const(e, e_along(e, &i, p->x.stride.channel), (int64_t)vec * p->lanes);
            Val zero = e_zero(e, DT_F32, p->lanes);
            Val a11 = e_load(e, first, at, p->lanes), a12 = e_load(e, first, e_add_const(e, at, middle), p->lanes);
            Val a21 = second ? e_load(e, *second, at, p->lanes) : zero;
            Val a22 = second ? e_load(e, *second, e_add_const(e, at, middle), p->lanes) : zero;
            Val s1 = e_add(e, a21, a22), s2 = e_sub(e, s1, a11), s3 = e_sub(e, a11, a21), s4 = e_sub(e, a12, s2);
            const Val left[FACTORS] = {a11, a12, s2, s3, a22, s1, s4};
            Ptr to = e_at(e, v, e_add_const(e, e_along(e, &i, block), (int64_t)vec * p->lanes));
            for (int f = 0; f < FACTORS; f++)
                e_store_const(e, to, f * factor, left[f]);
        }
}

// `x`: the image's first channel block. The very last pair of an odd number of pixels has no second one.
static void left_factors(Emit *e, const Plan *p, Ptr x, Val start, Val count) {
    bool odd = p->s.pixels % 2;
    EMIT_FOR(e, pair, e_index(e, 0), odd ? e_min(e, count, e_sub(e, e_index(e, p->s.half - 1), start)) : count, 1) {
        Val pixel = e_add(e, start, pair.i);
        Ptr second = e_at(e, x, pixel_offset(e, &p->x, e_add_const(e, pixel, p->s.half)));
        left_pair(e, p, e_at(e, x, pixel_offset(e, &p->x, pixel)), &second,
                  e_at(e, p->v, e_mul_const(e, pair.i, v_row(&p->s))));
    }
    if (odd)
        EMIT_IF(e, e_eq(e, e_add(e, start, count), e_index(e, p->s.half))) {
            Val pixel = e_index(e, p->s.half - 1), pair = e_add_const(e, count, -1);
            left_pair(e, p, e_at(e, x, pixel_offset(e, &p->x, pixel)), NULL,
                      e_at(e, p->v, e_mul_const(e, pair, v_row(&p->s))));
        }
}

// The tiles of a group for a set of pairs of panels from `duo` on.
typedef struct SetAt {
    const Plan *p;
    const BlockAt *block;
    int duos;
    Val duo;
} SetAt;

// A register tile: pairs of pixels from `pair` on, times the pairs of panels of a set.
typedef struct Tile {
    const SetAt *set;
    int rows, vecs;
    Val pair;
    Ptr waiting;
    Var sum[PRODUCT_MAX];
} Tile;

static Ptr waiting_at(Emit *e, const Tile *t, Waiting sums) {
    return e_at_const(e, t->waiting, (sums - 1) * waiting_size(&t->set->p->s, e_target(e)));
}

// As the sums begin; or nothing.
static Val waiting_sum(Emit *e, const Tile *t, Waiting sums, int i) {
    int lanes = t->set->p->lanes;
    return sums ? e_load_const(e, waiting_at(e, t, sums), (int64_t)i * lanes, lanes) : e_zero(e, DT_F32, lanes);
}

static void tile_product(Emit *e, const Tile *t, int factor) {
    const Plan *p = t->set->p;
    const Sizes *s = &p->s;
    Product product = {.rows = t->rows,
                       .vecs = t->vecs,
                       .lanes = p->lanes,
                       .panels = t->set->duos,
                       .row_stride = v_row(s),
                       .panel = s->block,
                       .panel_stride = FACTORS * s->inner * s->block,
                       .ahead = p->ahead};
    Val row = e_mul_const(e, e_sub(e, t->pair, t->set->block->start), v_row(s));
    Ptr left = e_at(e, e_at_const(e, p->v, factor * v_factor(s)), row);
    Ptr right = e_at(e, p->u, e_mul_const(e, t->set->duo, FACTORS * s->inner * s->block));
    product_run(e, &product, t->sum, left, e_at_const(e, right, factor * s->inner * s->block), s->inner);
}

// Writes a row of a panel.
static void output_row(Emit *e, const Tile *t, int row, int duo, Dest to, int64_t at, Val channel, Waiting more) {
    const Plan *p = t->set->p;
    for (int vec = 0; vec < p->vecs; vec++) {
        int i = row * t->vecs + duo * p->vecs + vec;
        Val sum = e_get(e, t->sum[i]), lane = e_add_const(e, channel, (int64_t)vec * p->lanes);
        if (more)
            sum = e_add(e, waiting_sum(e, t, more, i), sum);
        if (p->has_bias)
            sum = e_add(e, sum, e_load(e, p->bias, lane, p->lanes));
        dest_store(e, to, at + (int64_t)vec * p->lanes, &p->y, p->act, lane, sum);
    }
}

// What becomes of a product: it is added to `from`; the results of the first or the second half of the pixels and of
// the even or the odd panels are the sum of that and `more`; and with `add` added it waits as `keep`.
typedef struct Step {
    Waiting from, more, add, keep;
    bool writes, second, odd;
} Step;

// Writes the results of a tile for one panel of its pair number `duo`. Only in the last row may a second pixel lack.
static void output_rows(Emit *e, const Tile *t, const Step *step, int duo, Val panel) {
    const Plan *p = t->set->p;
    Val pixel = step->second ? e_add_const(e, t->pair, p->s.half) : t->pair;
    Val channel = e_mul_const(e, panel, p->s.block);
    bool dense = image_is_dense(&p->y);
    Dest plane = dest_at(e, t->set->block->y, e_mul_const(e, panel, p->y.stride.channel));
    Dest start = dest_at(e, plane, pixel_offset(e, &p->y, pixel));
    for (int row = 0; row < t->rows; row++) {
        Val here = e_add_const(e, pixel, row), exists = e_bool(e, true);
        if (step->second && p->s.pixels % 2 && row == t->rows - 1)
            exists = e_lt(e, here, e_index(e, p->s.pixels));
        EMIT_IF(e, exists) {
            Dest to = dense ? start : dest_at(e, plane, pixel_offset(e, &p->y, here));
            output_row(e, t, row, duo, to, dense ? row * p->y.stride.pixel : 0, channel, step->more);
        }
    }
}

static void tile_output(Emit *e, const Tile *t, const Step *step) {
    const Sizes *s = &t->set->p->s;
    for (int duo = 0; duo < t->set->duos; duo++) {
        Val panel = e_add_const(e, e_mul_const(e, t->set->duo, 2), 2 * duo + step->odd), exists = e_bool(e, true);
        if (step->odd && s->panels % 2)
            exists = e_lt(e, panel, e_index(e, s->panels));
        EMIT_IF(e, exists)
            output_rows(e, t, step, duo, panel);
    }
}

// In the order in which the factors lie.
static const Step steps[FACTORS] = {
    {.keep = M1},
    {.from = M1, .writes = true},
    {.from = M1, .keep = U2},
    {.from = U2, .keep = U3},
    {.from = U3, .writes = true, .second = true},
    {.writes = true, .second = true, .odd = true, .more = U3, .add = U2, .keep = U2},
    {.from = U2, .writes = true, .odd = true},
};

static void tile_step(Emit *e, Tile *t, int number) {
    const Step *step = &steps[number];
    for (int i = 0; i < t->rows * t->vecs; i++)
        t->sum[i] = e_var(e, waiting_sum(e, t, step->from, i));
    tile_product(e, t, number);
    if (step->writes)
        tile_output(e, t, step);
    for (int i = 0; step->keep && i < t->rows * t->vecs; i++) {
        Val sum = e_get(e, t->sum[i]);
        e_store_const(e, waiting_at(e, t, step->keep), (int64_t)i * t->set->p->lanes,
                      step->add ? e_add(e, waiting_sum(e, t, step->add, i), sum) : sum);
    }
}

// A step of one of a group's tiles, whose number in the group is `index`.
typedef struct StepAt {
    const SetAt *set;
    int number;
    Val index;
} StepAt;

static void step_tile(Emit *e, const void *context, int64_t rows, Val pair) {
    const StepAt *step = context;
    const Plan *p = step->set->p;
    Tile tile = {.set = step->set, .rows = (int)rows, .vecs = step->set->duos * p->vecs, .pair = pair};
    tile.waiting = e_at(e, p->waiting, e_mul_const(e, step->index, (int64_t)PRODUCT_MAX * p->lanes));
    tile_step(e, &tile, step->number);
}

static void set_emit(Emit *e, const Plan *p, const BlockAt *block, int64_t duos, Val number) {
    SetAt set = {p, block, (int)duos, e_mul_const(e, number, p->s.each_duos)};
    EMIT_FOR(e, group, block->first, block->last, p->s.group) {
        Val end = e_min(e, e_add_const(e, group.i, p->s.group), block->last);
        for (int i = 0; i < FACTORS; i++)
            EMIT_FOR(e, tile, group.i, end, 1) {
                StepAt step = {&set, i, e_sub(e, tile.i, group.i)};
                row_tile_emit(e, &p->s.tiles, tile.i, step_tile, &step);
            }
    }
}

// For the sets of pairs of panels first .. last - 1, of which the very last one may have fewer.
static void block_emit(Emit *e, const Plan *p, const BlockAt *block, Val first, Val last) {
    Val plane = e_mul_const(e, block->batch, 2 * p->s.inner / p->s.block);
    Val whole = e_index(e, p->s.duos / p->s.each_duos), end = row_tile_start(e, &p->s.tiles, block->last);
    int64_t rest = p->s.duos % p->s.each_duos;
    left_factors(e, p, image_plane(e, &p->x, plane), block->start, e_sub(e, end, block->start));
    EMIT_FOR(e, set, first, rest ? e_min(e, last, whole) : last, 1)
        set_emit(e, p, block, p->s.each_duos, set.i);
    if (rest)
        EMIT_IF(e, e_gt(e, last, whole))
            set_emit(e, p, block, rest, whole);
}

static Plan plan_of(Emit *e, const Node *node) {
    const StrassenParams *params = node->params;
    const Target *target = e_target(e);
    Plan p = {.node = node,
              .x = image_of(e_in(e, 0), &node->in[0]->type),
              .y = image_of(e_out(e, 0), &node->out[0]->type),
              .u = e_in(e, 1),
              .has_bias = node_in(node, 2) != NULL,
              .act = &((const ConvAttrs *)node->attrs)->act,
              .s = sizes_of(node, params),
              .ahead = params->ahead,
              .lanes = target_lanes(target, 32)};
    if (p.has_bias)
        p.bias = e_in(e, 2);
    p.vecs = (int)p.s.block / p.lanes;
    p.v = e_scratch(e, DT_F32, conv_strassen_scratch(node, target));
    p.waiting = e_at_const(e, p.v, FACTORS * v_factor(&p.s));
    return p;
}

static void part_emit(Emit *e, void *opaque, Val set, Val first, Val last) {
    const Plan *p = opaque;
    const Sizes *s = &p->s;
    Val count = e_index(e, s->blocks), batch = e_div(e, set, count), number = e_rem(e, set, count);
    Val plane = e_mul_const(e, batch, s->panels), end = e_index(e, s->panels);
    EMIT_IF(e, e_eq(e, number, e_index(e, 0))) {
        int64_t each = 2 * s->each_duos;
        Val from = e_mul_const(e, first, each), to = e_min(e, e_mul_const(e, last, each), end);
        lower_border(e, p->y.p, &p->node->out[0]->type, e_add(e, plane, from), e_add(e, plane, to));
    }
    BlockAt block = {.batch = batch, .first = e_mul_const(e, number, s->each)};
    block.y = dest_plane(e, p->node, &p->y, plane);
    Val next = e_add_const(e, block.first, s->each), is_last = e_eq(e, number, e_index(e, s->blocks - 1));
    block.last = e_select(e, is_last, e_index(e, s->tiles.count), next);
    block.start = row_tile_start(e, &s->tiles, block.first);
    block_emit(e, p, &block, first, last);
}

// Units are (batch, block of pixel pairs, part of the sets of panels); the rim is cleared with an image's first block.
void conv_strassen_lower(Emit *e, const Node *node) {
    Plan p = plan_of(e, node);
    share_sets(e, p.y.batch * p.s.blocks, ((const StrassenParams *)node->params)->split, p.s.sets, part_emit, &p);
}
