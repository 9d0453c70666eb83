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
// goes through three steps, so that its left factors stay in the second-level cache:
//
//     1. left      V[factor][pixel pair][input] = A11, A12, S2, S1, S4, S3, A22
//     2. products  for each pair of panels, seven products, each added to the sum of an earlier one:
//                      M1 = A11 B11        C11 = M1 + A12 B21    U2 = M1 + S2 T2       U4 = U2 + S1 T1
//                      C12 = U4 + S4 B22   U3 = U2 + S3 T3       C21 = U3 - A22 T4     (C22 = U4 + U3 - U2)
//     3. output    y = act(C + bias)
//
// Adding on costs no more than starting at zero, so the only work beside the products is step 1 and the sums in C22.
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
static const double SUMS = 16;  // cycles for a vector of sums, which go from product to product and into the output

static const AttrRow strassen_rows[] = {
    {"rows", ATTR_INT, offsetof(StrassenParams, rows), "1", NULL, true},
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
    // blocks of pixel pairs, pairs of all but the last one, of the last one: half to one and a half of that
    int64_t blocks, each, last;
    int64_t most;              // pairs of the largest block
} Sizes;

static Sizes sizes_of(const Node *node, int64_t pairs) {
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    Sizes s = {.block = y->layout.block, .inner = x->dim[1].n / 2, .pixels = y->dim[2].n * y->dim[3].n};
    s.half = div_up(s.pixels, 2);
    s.panels = div_up(y->dim[1].n, s.block);
    s.duos = div_up(s.panels, 2);
    s.each = min_i64(pairs, s.half);
    s.blocks = max_i64(1, (s.half + s.each / 2) / s.each);
    s.last = s.half - (s.blocks - 1) * s.each;
    s.most = max_i64(s.each, s.last);
    return s;
}

static int64_t v_row(const Sizes *s) {
    return s->inner + GAP;
}

static int64_t v_factor(const Sizes *s) {
    return s->most * v_row(s) + GAP;
}

// The sums that one pair of panels goes through.
typedef enum Plane { M1, C11, U2, U4, C12, U3, C21, PLANES } Plane;

static int64_t plane_size(const Sizes *s) {
    return s->most * s->block + GAP;
}

int64_t conv_strassen_scratch(const Node *node, const Target *target) {
    (void)target;
    Sizes s = sizes_of(node, ((const StrassenParams *)node->params)->pairs);
    return (FACTORS * v_factor(&s) + PLANES * plane_size(&s)) * (int64_t)sizeof(float);
}

// ---- What it accepts, and what it costs

bool conv_strassen_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    return !node_pools(node) && conv_direct_layouts(node, target, in, out) && in->kind == LAYOUT_NCHWC;
}

static bool params_fit(const Node *node, const Target *target) {
    const StrassenParams *params = node->params;
    if (params->pairs < 1)
        return false;
    Sizes s = sizes_of(node, params->pairs);
    return params->split >= 1 && params->split <= s.duos &&
           product_fits(params->rows, target->block / target_lanes(target, 32));
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

// Pairs of pixels of a block: their left factors take half of the second-level cache, their sums half of the
// first-level one. If possible, so many that whole register tiles fill them.
static int64_t choose_pairs(const Sizes *s, const Target *target, int64_t rows) {
    int64_t left = FACTORS * v_row(s) * (int64_t)sizeof(float), sums = PLANES * s->block * (int64_t)sizeof(float);
    int64_t most = max_i64(1, min_i64(target->l2_bytes / 2 / left, target->l1_bytes / 2 / sums));
    int64_t even = div_up(s->half, div_up(s->half, most));
    return min_i64(align_up(even, rows), most);
}

// Cycles of a block's left factors, and of a pair of panels: seven products and the outputs.
static double left_cycles(const Sizes *s, const Target *target, int64_t pairs) {
    return (double)(pairs * s->inner / target_lanes(target, 32)) * LEFT;
}

static double duo_cycles(const Sizes *s, const Target *target, int64_t rows, int64_t pairs) {
    int64_t vecs = s->block / target_lanes(target, 32);
    double sums = (double)(pairs * s->block * PLANES) * sizeof(float);
    double products = (double)FACTORS * cost_row(target, pairs, rows, vecs, (double)s->inner);
    return products + (double)(pairs * vecs) * SUMS + cost_near(target, 3 * sums, sums);
}

static int64_t choose_split(const Sizes *s, const Target *target, int64_t rows) {
    SetWork work = {.sets = s->blocks, .pieces = s->duos};
    for (int last = 0; last < 2; last++) {
        work.once[last] = left_cycles(s, target, last ? s->last : s->each);
        work.piece[last] = duo_cycles(s, target, rows, last ? s->last : s->each);
    }
    return cost_split(&work);
}

static double block_cycles(const Sizes *s, const Target *target, int64_t rows, int64_t pairs) {
    return left_cycles(s, target, pairs) + (double)s->duos * duo_cycles(s, target, rows, pairs);
}

// The block that seems best, a smaller and a larger one.
bool conv_strassen_choice(Node *node, const Target *target, int number) {
    StrassenParams *params = node->params;
    Sizes s = sizes_of(node, 1);
    params->rows = product_most_rows(target, target->block / target_lanes(target, 32));
    int64_t pairs = choose_pairs(&s, target, params->rows);
    const int64_t options[] = {pairs, max_i64(1, pairs / 2), min_i64(2 * pairs, s.half)};
    if (number >= 3)
        return false;
    params->pairs = options[number];
    s = sizes_of(node, params->pairs);
    params->split = choose_split(&s, target, params->rows);
    params->ahead = weights_bytes(&s) > target->l2_bytes / 2 ? AHEAD : 0;
    return true;
}

double conv_strassen_cost(const Node *node, const Target *target) {
    const StrassenParams *params = node->params;
    Sizes s = sizes_of(node, params->pairs);
    double cycles = (double)(s.blocks - 1) * block_cycles(&s, target, params->rows, s.each) +
                    block_cycles(&s, target, params->rows, s.last);
    double weights = (double)weights_bytes(&s), left = (double)(FACTORS * v_factor(&s)) * sizeof(float);
    double again = (params->ahead ? HIDDEN : 1) * cost_again(target, weights * (double)(s.blocks - 1), weights);
    double read = cost_far(target, weights) + again;
    double out = (double)type_bytes(&node->out[0]->type), batch = (double)node->out[0]->type.dim[0].n;
    double bytes = params->ahead ? cost_ahead(node, target, weights, read, cycles) : read;
    bytes += cost_near(target, left * (double)(s.duos * s.blocks), left) + cost_near(target, out, out);
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
    Ptr u, bias, v, planes;
    bool has_bias;
    const Act *act;
    Sizes s;
    int64_t ahead;
    int lanes, vecs, rows;
} Plan;

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
            const Val left[FACTORS] = {a11, a12, s2, s1, s4, s3, a22};
            Ptr to = e_at(e, v, e_add_const(e, e_along(e, &i, block), (int64_t)vec * p->lanes));
            for (int f = 0; f < FACTORS; f++)
                e_store_const(e, to, f * factor, left[f]);
        }
}

// `x`: the image's first channel block; the block's `count` pairs begin at `start`.
static void left_factors(Emit *e, const Plan *p, Ptr x, Val start, int64_t count, bool is_last) {
    bool odd = is_last && p->s.pixels % 2;
    EMIT_TIMES(e, pair, odd ? count - 1 : count) {
        Val pixel = e_add(e, start, pair.i);
        Ptr second = e_at(e, x, pixel_offset(e, &p->x, e_add_const(e, pixel, p->s.half)));
        left_pair(e, p, e_at(e, x, pixel_offset(e, &p->x, pixel)), &second,
                  e_at(e, p->v, e_mul_const(e, pair.i, v_row(&p->s))));
    }
    if (odd) {
        Val pixel = e_add_const(e, start, count - 1);
        left_pair(e, p, e_at(e, x, pixel_offset(e, &p->x, pixel)), NULL,
                  e_at_const(e, p->v, (count - 1) * v_row(&p->s)));
    }
}

static void product_tile(Emit *e, const Plan *p, int rows, Ptr v, Ptr u, const Ptr *from, Ptr to) {
    Product product = {.rows = rows,
                       .vecs = p->vecs,
                       .lanes = p->lanes,
                       .panels = 1,
                       .row_stride = v_row(&p->s),
                       .panel = p->s.block,
                       .ahead = p->ahead};
    Var sum[PRODUCT_MAX];
    for (int i = 0; i < rows * p->vecs; i++)
        sum[i] = e_var(e, from ? e_load_const(e, *from, (int64_t)i * p->lanes, p->lanes) : e_zero(e, DT_F32, p->lanes));
    product_run(e, &product, sum, v, u, p->s.inner);
    for (int i = 0; i < rows * p->vecs; i++)
        e_store_const(e, to, (int64_t)i * p->lanes, e_get(e, sum[i]));
}

static Ptr plane_at(Emit *e, const Plan *p, Plane plane) {
    return e_at_const(e, p->planes, plane * plane_size(&p->s));
}

// `count` tiles of `rows` pixel pairs from pair `first` on.
static void product_tiles(Emit *e, const Plan *p, int64_t first, int64_t count, int64_t rows, Ptr v, Ptr u,
                          const Ptr *from, Ptr to) {
    EMIT_TIMES(e, t, count) {
        Val pair = e_add_const(e, e_mul_const(e, t.i, rows), first), at = e_mul_const(e, pair, p->s.block);
        Ptr start = from ? e_at(e, *from, at) : to;
        product_tile(e, p, (int)rows, e_at(e, v, e_mul_const(e, pair, v_row(&p->s))), u, from ? &start : NULL,
                     e_at(e, to, at));
    }
}

static void product_emit(Emit *e, const Plan *p, int64_t count, Ptr v, Ptr u, const Ptr *from, Ptr to) {
    RowTiles tiles = row_tiles(count, p->rows);
    product_tiles(e, p, 0, tiles.extra, tiles.base + 1, v, u, from, to);
    product_tiles(e, p, tiles.extra * (tiles.base + 1), tiles.count - tiles.extra, tiles.base, v, u, from, to);
}

// Entry `number` of a table of planes, four bits each.
static Ptr plane_of(Emit *e, const Plan *p, const Plane *table, Val number) {
    int64_t packed = 0;
    for (int f = 0; f < FACTORS; f++)
        packed |= (int64_t)table[f] << 4 * f;
    Val shifted = e_shr(e, e_index(e, packed), e_mul_const(e, number, 4));
    return e_at(e, p->planes, e_mul_const(e, e_and(e, shifted, e_index(e, 15)), plane_size(&p->s)));
}

// `u`: the first right factor of this pair of panels. The first product starts from zero; the others are one loop,
// since code for each would take long to compile.
static void products(Emit *e, const Plan *p, int64_t count, Ptr u) {
    static const Plane from[FACTORS] = {M1, M1, M1, U2, U4, U2, U3}, to[FACTORS] = {M1, C11, U2, U4, C12, U3, C21};
    product_emit(e, p, count, p->v, u, NULL, plane_at(e, p, M1));
    EMIT_FOR(e, f, e_index(e, 1), e_index(e, FACTORS), 1) {
        Ptr v = e_at(e, p->v, e_mul_const(e, f.i, v_factor(&p->s))), start = plane_of(e, p, from, f.i);
        Ptr right = e_at(e, u, e_mul_const(e, f.i, p->s.inner * p->s.block));
        product_emit(e, p, count, v, right, &start, plane_of(e, p, to, f.i));
    }
}

// The place of the pixel that is as many behind `first` as the loop has turned.
static Dest output_pixel(Emit *e, const Image *y, Val first, Loop *loop, Dest to) {
    bool dense = image_is_dense(y);
    return dest_at(
        e, to, dense ? e_along_from(e, loop, first, y->stride.pixel) : pixel_offset(e, y, e_add(e, first, loop->i)));
}

// Writes a quarter of the results: pixels from `pixel` on, of the panel whose first channel is `channel`. It is the
// plane, and C22 the sum of U3, which tells it, and U4 without U2.
static void output_quarter(Emit *e, const Plan *p, Plane plane, int64_t count, Val pixel, Val channel, Dest y) {
    const Plane parts[3] = {plane, U2, U4};
    Val vector = e_stride(e, p->lanes), sum[3];
    int n = plane == U3 ? 3 : 1;
    EMIT_TIMES(e, pair, count) {
        Dest to = output_pixel(e, &p->y, pixel, &pair, y);
        Ptr from[3];
        for (int i = 0; i < n; i++)
            from[i] = e_at(e, plane_at(e, p, parts[i]), e_along(e, &pair, p->s.block));
        for (int vec = 0; vec < p->vecs; vec++) {
            int64_t lane = (int64_t)vec * p->lanes;
            Val first = e_add_const(e, channel, lane);
            for (int i = 0; i < n; i++) {
                sum[i] = e_load_const(e, from[i], 0, p->lanes);
                from[i] = e_walk(e, from[i], vector);
            }
            Val all = n == 1 ? sum[0] : e_add(e, sum[2], e_sub(e, sum[0], sum[1]));
            if (p->has_bias)
                all = e_add(e, all, e_load(e, p->bias, first, p->lanes));
            dest_store(e, to, lane, &p->y, p->act, first, all);
        }
    }
}

static void outputs(Emit *e, const Plan *p, int64_t count, bool is_last, Val start, Val batch, Val duo) {
    Val panel = e_mul_const(e, duo, 2), second = e_add_const(e, start, p->s.half);
    Val plane = e_add(e, e_mul_const(e, batch, p->s.panels), panel), channel = e_mul_const(e, panel, p->s.block);
    int64_t count2 = is_last && p->s.pixels % 2 ? count - 1 : count;
    Dest y = dest_plane(e, p->node, &p->y, plane);
    output_quarter(e, p, C11, count, start, channel, y);
    output_quarter(e, p, C21, count2, second, channel, y);
    EMIT_IF(e, e_lt(e, e_add_const(e, panel, 1), e_index(e, p->s.panels))) {
        Dest right = dest_at(e, y, e_index(e, p->y.stride.channel));
        Val next = e_add_const(e, channel, p->s.block);
        output_quarter(e, p, C12, count, start, next, right);
        output_quarter(e, p, U3, count2, second, next, right);
    }
}

// One block of pixel pairs from `start` on, for the pairs of panels first .. last - 1.
static void block_emit(Emit *e, const Plan *p, int64_t count, bool is_last, Val batch, Val start, Val first, Val last) {
    Val plane = e_mul_const(e, batch, 2 * p->s.inner / p->s.block);
    left_factors(e, p, image_plane(e, &p->x, plane), start, count, is_last);
    EMIT_FOR(e, duo, first, last, 1) {
        products(e, p, count, e_at(e, p->u, e_mul_const(e, duo.i, FACTORS * p->s.inner * p->s.block)));
        outputs(e, p, count, is_last, start, batch, duo.i);
    }
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
              .s = sizes_of(node, params->pairs),
              .ahead = params->ahead,
              .lanes = target_lanes(target, 32),
              .rows = (int)params->rows};
    if (p.has_bias)
        p.bias = e_in(e, 2);
    p.vecs = (int)p.s.block / p.lanes;
    p.v = e_scratch(e, DT_F32, conv_strassen_scratch(node, target));
    p.planes = e_at_const(e, p.v, FACTORS * v_factor(&p.s));
    return p;
}

static void part_emit(Emit *e, void *opaque, Val set, Val first, Val last) {
    const Plan *p = opaque;
    Val count = e_index(e, p->s.blocks), batch = e_div(e, set, count), number = e_rem(e, set, count);
    Val start = e_mul_const(e, number, p->s.each), plane = e_mul_const(e, batch, p->s.panels),
        end = e_index(e, p->s.panels);
    EMIT_IF(e, e_eq(e, number, e_index(e, 0))) {
        Val from = e_mul_const(e, first, 2), to = e_min(e, e_mul_const(e, last, 2), end);
        lower_border(e, p->y.p, &p->node->out[0]->type, e_add(e, plane, from), e_add(e, plane, to));
    }
    EMIT_IF(e, e_lt(e, number, e_index(e, p->s.blocks - 1)))
        if (p->s.blocks > 1)
            block_emit(e, p, p->s.each, false, batch, start, first, last);
    EMIT_IF(e, e_eq(e, number, e_index(e, p->s.blocks - 1)))
        block_emit(e, p, p->s.last, true, batch, start, first, last);
}

// Units are (batch, block of pixel pairs, part of the pairs of panels); the rim is cleared with an image's first block.
void conv_strassen_lower(Emit *e, const Node *node) {
    Plan p = plan_of(e, node);
    share_sets(e, p.y.batch * p.s.blocks, ((const StrassenParams *)node->params)->split, p.s.duos, part_emit, &p);
}
