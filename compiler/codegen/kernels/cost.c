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
#include "ir/infer.h"
#include "support/checked.h"

// Cycles, on any target.
static const double LATENCY = 4;  // of a multiply-add
static const double TILE = 4;     // what a register tile needs besides and does not hide
static const double CALL = 600;   // of a layer
static const double SCALAR = 4;   // an element of a loop that is not vectorised

static const double SHOWN = 0.25;  // of the time that reading takes: the rest hides behind arithmetic
static const double FAR = 1.5;     // times as long from the third-level cache, where nothing is fetched ahead
static const double BARE = 2.5;       // times as much of it shows where there is hardly any arithmetic
static const double VECTOR = 0.4;     // cycles for a vector of an elementwise operand
static const double OPERATION = 1;    // cycles for a vector that one of a chain of operators computes
// In second-level caches: how much of what was written last, and of weights, is still in the third one.
enum { WARM_L2S = 8, COLD_L2S = 24 };
// Up to so many parts are tried; many sets need none.
enum { MOST_THREADS = 4, MOST_SPLIT = 16, MOST_SETS = 64 };

double cost_seconds(const Target *target, double cycles) {
    return cycles / (target->ghz * 1e9);
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

// Splats are loads, except where multiply-adds take a lane.
static double step_cycles(const Target *target, int64_t rows, int64_t vecs) {
    double work = (double)(rows * vecs) / target->fma_per_cycle;
    double loads = (double)vecs + (target->fma_lane ? (double)rows / target_lanes(target, 32) : (double)rows);
    return larger(larger(work, loads / target->loads_per_cycle), LATENCY);
}

double cost_tile(const Target *target, int64_t rows, int64_t vecs, double steps) {
    return steps * step_cycles(target, rows, vecs) + TILE;
}

double cost_row(const Target *target, int64_t length, int64_t most, int64_t vecs, double steps) {
    RowTiles tiles = row_tiles(length, most);
    double wide = tiles.extra ? (double)tiles.extra * cost_tile(target, tiles.base + 1, vecs, steps) : 0;
    return wide + (double)(tiles.count - tiles.extra) * cost_tile(target, tiles.base, vecs, steps);
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
        cycles += work->once[is_last] + work->piece[is_last] * (double)(last * work->pieces / split - first * work->pieces / split);
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
        return x->rank ? outputs * (double)x->dim[x->rank - 1].n : 0;
    case OP_Gemm:
        return x->rank == 2 ? outputs * (double)x->dim[((const GemmAttrs *)node->attrs)->trans_a ? 0 : 1].n : 0;
    default:
        return 0;
    }
}

static double value_bytes(const Value *value) {
    return value && type_is_static(&value->type) ? (double)type_bytes(&value->type) : 0;
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

static int node_count(const Graph *graph) {
    int count = 0;
    for (const Node *node = graph ? graph->first : NULL; node; node = node->next)
        count++;
    return count;
}

// Cycles for an element of the output of operators that are neither elementwise nor products.
static double element_cycles(const Node *node) {
    switch ((int)node->op) {
    case OP_Pack:
        return node->out[0]->type.layout.kind == LAYOUT_NCHWC ? 0.15 : 0.45;
    case OP_Unpack:
        return 0.25;
    case OP_Phases:
        return 1;
    case OP_LRN:
        return 18;
    case OP_MaxPool:
    case OP_AveragePool: {
        Window window = node_window(node);
        return 0.5 * window_taps(&window);
    }
    default:
        return kernel_copies(node) ? 0.6 : SCALAR;
    }
}

// Elementwise operators touch vectors of all operands; chains of them are limited by what they compute.
static double elementwise_cycles(const Node *node, const Target *target, double moved) {
    const Type *y = &node->out[0]->type;
    double vectors = (double)type_count(y) / target_lanes(target, dtype_info[y->dtype].bits);
    double touched = moved + VECTOR * kernel_bytes(node) * 8 / target->vector_bits;
    return larger(touched, vectors * OPERATION * node_count(node->body));
}

static double generic_cycles(const Node *node, const Target *target) {
    const Type *y = &node->out[0]->type;
    if (!type_is_static(y))
        return 0;
    double bytes = kernel_bytes(node), warm = (double)WARM_L2S * target->l2_bytes, macs = kernel_macs(node);
    double moved = BARE * cost_near(target, bytes, 2 * bytes < warm ? 2 * bytes : warm);  // the layer before takes as much
    if (macs > 0)
        return moved + macs / target_lanes(target, dtype_info[y->dtype].bits) * (node->op == OP_Conv ? 1 : SCALAR);
    if ((op_info[node->op].flags & ELEMENTWISE) || node->op == OP_Map)
        return elementwise_cycles(node, target, moved);
    double in = node_in(node, 0) && type_is_static(&node->in[0]->type) ? (double)type_count(&node->in[0]->type) : 0;
    bool pools = node->op == OP_MaxPool || node->op == OP_AveragePool;
    return moved + element_cycles(node) * (pools ? (double)type_count(y) : larger((double)type_count(y), in));
}

double kernel_seconds(const Node *node, const Target *target) {
    if (kernel_info[node->kernel].cost)
        return kernel_info[node->kernel].cost(node, target);
    if (node->kernel == KERNEL_view)
        return 0;
    return cost_seconds(target, cost_call(target) + generic_cycles(node, target));
}
