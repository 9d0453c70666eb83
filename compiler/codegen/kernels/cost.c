// Predictions: how many cycles the parts of a kernel take, from the numbers of the target alone, and a simple
// prediction for nodes without a fast kernel.
//
// A kernel's `cost` adds up what it does: steps of its register tile, which are limited by multiply-adds, loads or the
// latency of a chain of sums; what a tile needs besides; and the bytes that pass between the caches. Data that the
// layer before has just written comes from the cache that holds it; weights come from farther away, since all other
// layers' have passed since. ARCHITECTURE.md says how far predictions are from measured times.
#include "codegen/kernels/cost.h"

#include "codegen/compile.h"
#include "codegen/kernel.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/pool_separable.h"
#include "ir/infer.h"
#include "support/checked.h"

// Cycles, on any target.
static const double LATENCY = 4;  // of a multiply-add
// Of vectors as wide as a line of the cache, where multiply-adds hide less: a load, and a sum that waits in memory.
// They were fitted on AVX-512, and are too small to measure on others.
static const double LOAD = 0.2, WAITING = 5;
static const double ALONE = 0.5;  // of multiply-adds, that hides reading from memory, which other threads do as well
static const double WORDS = 1.37;  // times as long as a multiply-add: a product of words and an addition
static const double TILE = 4;     // what a register tile needs besides and does not hide
static const double CALL = 300;   // of a layer
static const double SCALAR = 4;   // an element of a loop that is not vectorised

static const double SHOWN = 0.25;  // of the time that reading takes: the rest hides behind arithmetic
static const double FAR = 1.5;     // times as long from the third-level cache, where nothing is fetched ahead
static const double BARE = 2.5;       // times as much of it shows where there is hardly any arithmetic
static const double VECTOR = 0.4;     // cycles for a vector of an elementwise operand
static const double ROWS = 1.3;       // times as long as multiply-adds alone take, where a convolution goes along rows
static const double COPIED = 1.2;     // cycles for a vector that is copied
static const double RUN = 4;          // cycles for each run of elements that lie together, when they are copied
static const double PACKED_ROW = 1.5;  // cycles for each row of a channel that goes into blocks
static const double REPEATED = 2;     // cycles for each block of channels that an operand without pixels meets
static const double TAP_VECTOR = 1.6, TAP_LANE = 0.6;  // for a vector of a pool's taps; for each lane if they lie apart
static const double TAP = 1.8;        // cycles for one tap of a pool for itself
static const double OPERATION = 1, DIVISION = 5, FUNCTION = 14;  // cycles for a vector, of one of a chain of operators
// In second-level caches: how much of what was written last, and of weights, is still in the third one.
enum { WARM_L2S = 8, COLD_L2S = 24 };
// How much farther away nothing comes from the second-level cache any more, and where memory begins.
static const double SPREAD = 2, LAST_L2S = 64;
enum { LINE_BITS = 512 };  // of the cache
// Up to so many parts are tried; many sets need none.
enum { MOST_THREADS = 4, MOST_SPLIT = 16, MOST_SETS = 64 };

double cost_seconds(const Target *target, double cycles) {
    return cycles / (target->ghz * 1e9);
}

bool cost_is_wide(const Target *target) {
    return target->vector_bits == LINE_BITS;
}

bool cost_hides_loads(const Target *target) {
    return cost_is_wide(target) && target->loads_hide;
}

bool cost_has_room(const Target *target) {
    return cost_is_wide(target) && target->fma_per_cycle < target->loads_per_cycle;
}

// Splats are loads, except where multiply-adds take a lane.
static double step_cycles(const Target *target, int64_t rows, int64_t vecs) {
    double work = (double)(rows * vecs) / target->fma_per_cycle;
    double loads = (double)vecs + (target->fma_lane ? (double)rows / target_lanes(target, 32) : (double)rows);
    double shown = cost_is_wide(target) && !cost_hides_loads(target) ? LOAD * loads : 0;
    return larger(larger(work, loads / target->loads_per_cycle), LATENCY) + shown;
}

double cost_tile(const Target *target, int64_t rows, int64_t vecs, double steps) {
    return steps * step_cycles(target, rows, vecs) + TILE;
}

double cost_row(const Target *target, int64_t length, int64_t most, int64_t vecs, double steps) {
    RowTiles tiles = row_tiles(length, most);
    double wide = tiles.extra ? (double)tiles.extra * cost_tile(target, tiles.base + 1, vecs, steps) : 0;
    return wide + (double)(tiles.count - tiles.extra) * cost_tile(target, tiles.base, vecs, steps);
}

double cost_dots(int dots) {
    return dots == 2 ? WORDS : 1;
}

double cost_waiting(const Target *target, int64_t vectors) {
    return cost_is_wide(target) ? WAITING * (double)vectors : 0;
}

double cost_near(const Target *target, double bytes, double size) {
    if (size <= target->l1_bytes / 2)
        return 0;
    bool warm = size <= (double)WARM_L2S * target->l2_bytes;
    int rate = size <= target->l2_bytes ? target->l2_rate : warm ? target->l3_rate : target->memory_rate;
    return SHOWN * bytes / rate;
}

static bool is_cold(const Target *target, double size) {
    return size > (double)COLD_L2S * target->l2_bytes;
}

double cost_again(const Target *target, double bytes, double size) {
    return is_cold(target, size) ? bytes / target->memory_rate : cost_near(target, bytes, size);
}

double cost_far(const Target *target, double bytes) {
    return is_cold(target, bytes) ? bytes / target->memory_rate : FAR * bytes / target->l3_rate;
}

double cost_farthest(const Target *target) {
    return 2 * LAST_L2S * target->l2_bytes;
}

static double clamp(double x) {
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

// The farther away, the more of it comes from the next cache.
double cost_since(const Target *target, double bytes, double distance) {
    double l2 = target->l2_bytes, l3 = LAST_L2S * l2;
    double l3_part = clamp((distance / l2 - 1) / SPREAD), memory_part = clamp(distance / l3 - 1);
    double each = (1 - l3_part) / target->l2_rate + (l3_part - memory_part) / target->l3_rate;
    each += memory_part / target->memory_rate;
    return distance <= target->l1_bytes / 2 ? 0 : BARE * SHOWN * bytes * each;
}

double cost_call(const Target *target) {
    (void)target;
    return CALL;
}

// ---- Shares

// What the shard of units begin .. end - 1 takes.
static double shard_cycles(const SetWork *work, int64_t split, int64_t begin, int64_t end) {
    double cycles = 0;
    for (int64_t set = begin / split; set * split < end; set++) {
        int64_t first = max_i64(begin - set * split, 0), last = min_i64(end - set * split, split);
        bool is_last = set == work->sets - 1;
        cycles += work->once[is_last] +
                  work->piece[is_last] * (double)(last * work->pieces / split - first * work->pieces / split);
    }
    return cycles;
}

// When all shards are done, if each goes to the first of the threads that is free.
static double done_cycles(const SetWork *work, int64_t split, int threads) {
    double busy[MOST_THREADS] = {0};
    int64_t units = work->sets * split, shards = threads * SHARDS_PER_THREAD, begin = 0;
    for (int64_t shard = 0; shard < shards; shard++) {
        int64_t end = begin + units / shards + (shard < units % shards);
        int free = 0;
        for (int t = 1; t < threads; t++)
            free = busy[t] < busy[free] ? t : free;
        busy[free] += end > begin ? shard_cycles(work, split, begin, end) : 0;
        begin = end;
    }
    double done = 0;
    for (int t = 0; t < threads; t++)
        done = larger(done, busy[t]);
    return done;
}

int64_t cost_split(const SetWork *work) {
    int64_t best = 1;
    double least = 0;
    for (int64_t split = 1; split <= min_i64(work->pieces, MOST_SPLIT) && work->sets <= MOST_SETS; split++) {
        double cycles = 0;
        for (int threads = 2; threads <= MOST_THREADS; threads *= 2)
            cycles += threads * done_cycles(work, split, threads);
        if (split == 1 || cycles < 0.99 * least) {
            best = split;
            least = cycles;
        }
    }
    return best;
}

// ---- Any node

// Taps of a convolution's window times the input channels of a group: what each output sums over. (The weights may be
// packed, so the input says how many channels there are.)
static double conv_taps(const Node *node) {
    const ConvAttrs *attrs = node->attrs;
    const Type *x = &node->in[0]->type, *w = &node->in[1]->type;
    if (x->rank < 2 || attrs->group < 1)
        return 0;
    double taps = (double)x->dim[1].n / (double)attrs->group;
    if (attrs->kernel_shape.n)
        for (int i = 0; i < attrs->kernel_shape.n; i++)
            taps *= (double)attrs->kernel_shape.v[i];
    else
        for (int i = 2; i < w->rank; i++)
            taps *= (double)w->dim[i].n;
    return taps;
}

double kernel_macs(const Node *node) {
    if (node->nin < 2 || !node->in[0] || !node->in[1] || !type_is_static(&node->out[0]->type) ||
        !type_is_static(&node->in[0]->type) || !type_is_static(&node->in[1]->type))
        return 0;
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    double outputs = (double)type_count(y);
    Type map = *y;
    switch ((int)node->op) {
    case OP_Conv:
        map = conv_map_type(node);
        return (double)type_count(&map) * conv_taps(node);
    case OP_ConvTranspose:
        return y->rank > 1 ? (double)type_count(x) * conv_taps(node) / (double)x->dim[1].n * (double)y->dim[1].n : 0;
    case OP_MatMul:
        map = matmul_factor(node, 0);
        return x->rank ? outputs * (double)map.dim[x->rank - 1].n : 0;
    case OP_Gemm:
        return x->rank == 2 ? outputs * (double)x->dim[((const GemmAttrs *)node->attrs)->trans_a ? 0 : 1].n : 0;
    default:
        return 0;
    }
}

static double value_bytes(const Value *value) {
    return value && type_is_static(&value->type) ? (double)type_bytes(&value->type) : 0;
}

static double all_constants(const ValueList *values) {
    double bytes = 0;
    for (int i = 0; i < values->n; i++)
        bytes += values->item[i]->data ? value_bytes(values->item[i]) : 0;
    return bytes;
}

bool cost_from_memory(const Node *node, const Target *target) {
    Module *module = node->graph->module;
    if (module->constant_bytes == 0)
        module->constant_bytes = all_constants(&module->graphs.item[0]->values);
    return is_cold(target, module->constant_bytes);
}

double cost_ahead(const Node *node, const Target *target, double weights, double cycles, double work) {
    if (!cost_has_room(target))
        return cycles;
    if (cost_from_memory(node, target))
        return larger(0, weights / target->memory_rate - ALONE * work);
    return larger(0, cycles - work);
}

double kernel_bytes(const Node *node) {
    double bytes = 0;
    if (node->kernel == KERNEL_view)
        return 0;
    for (int i = 0; i < node->nin; i++)
        bytes += value_bytes(node->in[i]);
    for (int i = 0; i < node->nout; i++)
        bytes += value_bytes(node->out[i]);
    return bytes;
}

bool kernel_copies(const Node *node) {
    if (node->kernel == KERNEL_view)
        return false;
    switch ((int)node->op) {
    case OP_Concat:
    case OP_DepthToSpace:
    case OP_Expand:
    case OP_Flatten:
    case OP_Gather:
    case OP_Identity:
    case OP_Pack:
    case OP_Pad:
    case OP_Reshape:
    case OP_Slice:
    case OP_SpaceToDepth:
    case OP_Split:
    case OP_Squeeze:
    case OP_Tile:
    case OP_Transpose:
    case OP_Unpack:
    case OP_Unsqueeze:
        return true;
    default:
        return false;
    }
}

// Cycles for a vector that an elementwise operator computes.
static double operation_cycles(const Node *node) {
    switch ((int)node->op) {
    case OP_Div:
    case OP_Reciprocal:
    case OP_Sqrt:
        return DIVISION;
    case OP_Erf:
    case OP_Exp:
    case OP_Log:
    case OP_Sigmoid:
    case OP_Softplus:
    case OP_Swish:
    case OP_Tanh:
        return FUNCTION;
    default:
        return OPERATION;
    }
}

static double body_cycles(const Node *node) {
    double cycles = 0;
    if (node->op != OP_Map)
        return operation_cycles(node);
    for (const Node *inner = node->body->first; inner; inner = inner->next)
        cycles += operation_cycles(inner);
    return cycles;
}

// Cycles for an element of the output of operators that are neither elementwise nor products.
static double element_cycles(const Node *node) {
    switch ((int)node->op) {
    case OP_Pack: {
        const Type *y = &node->out[0]->type;
        return y->layout.kind == LAYOUT_NCHWC ? 0.2 + PACKED_ROW / (double)y->dim[3].n : 0.45;
    }
    case OP_Unpack:
        return 0.25;
    case OP_Phases:
        return 1;
    case OP_Normalize:
        return 0.8;
    case OP_LRN:
        return 18;
    default:
        return kernel_copies(node) ? 0.6 : SCALAR;
    }
}

// Elements that lie together in what a node copies and in its copy.
static double run_length(const Node *node) {
    const Type *y = &node->out[0]->type;
    int at = y->rank - 1;
    double run = y->rank ? (double)y->dim[at].n : 1;
    if (node->op != OP_Transpose)
        return run;
    Ints perm = ((const TransposeAttrs *)node->attrs)->perm;
    for (run = 1; at >= 0 && perm.n == y->rank && perm.v[at] == at; at--)
        run *= (double)y->dim[at].n;
    return run;
}

static bool copies_runs(const Node *node, int lanes) {
    return kernel_copies(node) && node->op != OP_Pack && node->op != OP_Unpack && run_length(node) >= lanes;
}

// The windows of a row go in vectors as far as they lie inside; what is left over, and the edges, one by one.
static double pool_cycles(const Node *node, int lanes) {
    Window w = node_window(node);
    int last = w.n - 1;
    int64_t low = min_i64(div_up(w.begin[last], w.stride[last]), w.out[last]);
    int64_t room = w.in[last] + w.begin[last] - (w.kernel[last] - 1) * w.dilation[last] - 1;
    int64_t high = room < 0 ? low : max_i64(min_i64(room / w.stride[last] + 1, w.out[last]), low);
    while (lanes > 1 && lanes > high - low)
        lanes /= 2;
    int64_t vectors = lanes > 1 ? (high - low) / lanes : 0, single = w.out[last] - vectors * lanes;
    double rows = (double)type_count(&node->out[0]->type) / (double)max_i64(w.out[last], 1);
    double vector = w.stride[last] == 1 ? TAP_VECTOR : TAP_LANE * lanes, taps = 1;
    for (int i = 0; i < w.n; i++)
        taps *= (double)min_i64(w.kernel[i], w.in[i]);
    return rows * taps * ((double)vectors * vector + (double)single * TAP);
}

// Blocks of channels that meet an operand without pixels, as the gates of squeeze-and-excitation are: a short loop
// each.
static double repeated_blocks(const Node *node) {
    const Type *y = &node->out[0]->type;
    if (y->layout.kind != LAYOUT_NCHWC)
        return 0;
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && type_count(&node->in[i]->type) > 1 && !type_same_shape(&node->in[i]->type, y))
            return (double)type_storage(y) / y->layout.block;
    return 0;
}

double cost_moved(const Node *node, const Target *target) {
    double cycles = 0, all = kernel_bytes(node);
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && !node->in[i]->data)
            cycles += cost_since(target, value_bytes(node->in[i]), cost_distance(node, i, target));
    for (int i = 0; i < node->nout; i++)
        cycles += cost_since(target, value_bytes(node->out[i]), all);
    return cycles;
}

// Elementwise operators touch vectors of all operands; chains of them are limited by what they compute.
static double elementwise_cycles(const Node *node, const Target *target, double moved) {
    const Type *y = &node->out[0]->type;
    double vectors = (double)type_count(y) / target_lanes(target, dtype_info[y->dtype].bits);
    double touched = moved + VECTOR * kernel_bytes(node) * 8 / target->vector_bits + REPEATED * repeated_blocks(node);
    return larger(touched, vectors * body_cycles(node));
}

static double generic_cycles(const Node *node, const Target *target) {
    const Type *y = &node->out[0]->type;
    if (!type_is_static(y))
        return 0;
    double moved = cost_moved(node, target), macs = kernel_macs(node);
    int lanes = target_lanes(target, dtype_info[y->dtype].bits);
    if (macs > 0)
        return moved + macs / lanes * (node->op == OP_Conv ? ROWS / target->fma_per_cycle : SCALAR);
    if ((op_info[node->op].flags & ELEMENTWISE) || node->op == OP_Map)
        return elementwise_cycles(node, target, moved);
    double in = node_in(node, 0) && type_is_static(&node->in[0]->type) ? (double)type_count(&node->in[0]->type) : 0;
    if (node->op == OP_MaxPool || node->op == OP_AveragePool)
        return moved + (pool_separable_pays(node) ? pool_separable_cycles(node, target) : pool_cycles(node, lanes));
    if (copies_runs(node, lanes))
        return moved + (double)type_count(y) * (COPIED / lanes + RUN / run_length(node));
    return moved + element_cycles(node) * larger((double)type_count(y), in);
}

double kernel_seconds(const Node *node, const Target *target) {
    if (kernel_info[node->kernel].cost)
        return kernel_info[node->kernel].cost(node, target);
    if (node->kernel == KERNEL_view)
        return 0;
    return cost_seconds(target, cost_call(target) + generic_cycles(node, target));
}
