// Computes, while compiling, what depends on constants only: with the operators' own lowerings, compiled in memory for
// a fixed baseline, so that an object does not depend on the machine that made it. All foldable nodes are one batch, or
// several where their inputs are large. Under --strict the results are those that the target would compute.
//
// What moves, joins, converts or scales the elements of large constants is not computed here: the result is a constant
// that says how it follows from others (derive.c), and is read when the object is written. So large weights exist once.
//
// A node is left alone if it is an output of the model, or if computing it would not pay: an object should not grow by
// what one loop can fill in, so a result may have a few times the bytes of the model's constants that it is made of;
// and compiling should not take long, so the work of all nodes together is bounded.
#include "codegen/jit.h"
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "passes/derive.h"
#include "support/checked.h"

enum { MAX_GROWTH = 4, FREE_BYTES = 1 << 16, FREE_TOTAL = 1 << 24, PIECE_BYTES = 1 << 25, MAX_WORK = 1 << 28 };
enum { MAX_DERIVED = 16, ROUNDS = 4 };

typedef struct Batch {
    Node **item;
    int n, capacity;
    int64_t *origin;     // by value: bytes of the constants that it is made of; 0 if it depends on anything else
    int64_t all;         // bytes of the constants
    int64_t bytes, most; // of all results, and how many there may be
    double work;         // steps of innermost loops
    int64_t derived;     // bytes that are not computed here, of each step from constants to weights
    bool halves;         // kernels may widen f16
} Batch;

// ---- What it would take

// Steps for each element of the result (of the input where that is what the loops walk), and one for each input.
static double node_work(const Node *node) {
    double in = 0, out = (double)type_count(&node->out[0]->type);
    for (int i = 0; i < node->nin; i++)
        if (node->in[i])
            in += (double)type_count(&node->in[i]->type);
    const Type *a = &node->in[0]->type, *b = node->nin > 1 && node->in[1] ? &node->in[1]->type : NULL;
    if (node->op == OP_Conv || node->op == OP_ConvTranspose) {
        double filter = (double)type_count(b) / (double)max_i64(b->dim[0].n, 1);
        Window pool = node_pools(node) ? node_pool_window(node) : (Window){0};
        filter *= window_taps(&pool);
        return in + (node->op == OP_Conv ? out : (double)type_count(a)) * filter;
    }
    if (node->op == OP_MatMul) {
        Type left = matmul_factor(node, 0);
        return in + out * (double)(left.rank ? left.dim[left.rank - 1].n : 1);
    }
    if (node->op == OP_Gemm)
        return in + out * (double)a->dim[!((const GemmAttrs *)node->attrs)->trans_a].n;
    if (node->op == OP_MaxPool || node->op == OP_AveragePool || node->op == OP_LpPool) {
        Window window = node_window(node);
        return in + out * window_taps(&window);
    }
    if (node->op == OP_Det)
        return in + in * (double)a->dim[a->rank - 1].n;
    if (node->op == OP_TopK || node->op == OP_RoiAlign)  // a logarithm; samples of a size that is data
        return node->op == OP_TopK ? 40 * in + 40 * out : 2.0 * (double)MAX_WORK;
    if (node->op == OP_GridSample)
        return in + 64 * out;
    return in + out;
}

// ---- What is folded

static bool is_first(const Node *node, int index) {
    for (int i = 0; i < index; i++)
        if (node->in[i] == node->in[index])
            return false;
    return true;
}

// Bytes of the constants behind a node's inputs; 0 if one of them is no constant.
static int64_t node_origin(const Batch *batch, const Node *node) {
    int64_t origin = 0;
    for (int i = 0; i < node->nin; i++) {
        if (!node->in[i])
            continue;
        int64_t behind = batch->origin[node->in[i]->id];
        if (!behind)
            return 0;
        if (is_first(node, i))
            origin = min_i64(origin + behind, INT64_MAX / 8);
    }
    return origin;
}

// Whether only products read what a node widens, which can do so themselves.
static bool is_read_narrow(const Node *node, bool halves) {
    const Value *y = node->out[0];
    Value *part[MATRIX_PARTS];
    int uses = 0;
    bool widens = node->op == OP_Cast ? node->in[0]->type.dtype != DT_F16 || halves : node->op == OP_Dequantize;
    if (!widens || y->type.rank != 2 || y->type.dtype != DT_F32)
        return false;
    for (const Node *user = node->next; user; user = user->next) {
        bool turned = user->op == OP_Transpose && user->in[0] == y;
        const Node *product = turned ? value_single_user(user->out[0]) : user;
        const Value *factor = turned ? user->out[0] : y;
        if (product && (product->op == OP_MatMul || product->op == OP_Gemm) && product->in[1] == factor &&
            matrix_parts(y, turned != matrix_is_transposed(product), part) && part[0] != y)
            uses++;
    }
    return uses && uses == value_uses(y);
}

static bool is_foldable(const Batch *batch, const Node *node, int64_t origin, int64_t *bytes, double *work) {
    if (!origin || op_info[node->op].flags & (RANDOM | RECIPE | HAS_BODY))
        return false;
    *bytes = 0;
    for (int i = 0; i < node->nout; i++) {
        if (!node->out[i] || value_is_output(node->out[i]) || !type_is_static(&node->out[i]->type) ||
            type_counted_axis(&node->out[i]->type) >= 0)
            return false;
        *bytes = min_i64(*bytes + type_bytes(&node->out[i]->type), INT64_MAX / 8);
    }
    bool narrow = node->op == OP_UnpackBits || is_read_narrow(node, batch->halves);  // and smaller as it is
    if (narrow && *bytes > FREE_BYTES)
        return false;
    *work = node_work(node);
    bool small = *bytes <= FREE_BYTES || *bytes <= MAX_GROWTH * origin;
    return small && *bytes <= batch->most - batch->bytes && *work <= (double)MAX_WORK - batch->work;
}

static bool is_pending(const Node *node) {
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && !node->in[i]->data)
            return true;
    return false;
}

// Makes the node's results constants that are not computed here, if that is possible and pays.
static bool derive(PassContext *ctx, Batch *batch, Node *node) {
    int64_t origin = node_origin(batch, node), bytes = 0;
    for (int i = 0; i < node->nout; i++)
        bytes = min_i64(bytes + (node->out[i] ? type_bytes(&node->out[i]->type) : 0), INT64_MAX / 32);
    if (bytes > FREE_BYTES && is_read_narrow(node, batch->halves))
        return false;
    if (bytes > MAX_GROWTH * origin || bytes > FREE_TOTAL + MAX_DERIVED * batch->all - batch->derived ||
        !derive_constants(ctx, node))
        return false;
    batch->derived += bytes;
    for (int i = 0; i < node->nout; i++)
        batch->origin[node->out[i]->id] = min_i64(origin, node->out[i]->data->size);
    return true;
}

// ---- All nodes

static void visit(PassContext *ctx, Batch *batch, Node *node) {
    int64_t origin = node_origin(batch, node), bytes;
    double work;
    if (!is_foldable(batch, node, origin, &bytes, &work))
        return;
    for (int i = 0; i < node->nout; i++)
        batch->origin[node->out[i]->id] = origin;
    batch->bytes += bytes;
    batch->work += work;
    LIST_PUSH(ctx->scratch, batch, node);
}

static Batch batch_new(PassContext *ctx, const Graph *graph) {
    Batch batch = {.origin = ARENA_ARRAY(ctx->scratch, int64_t, graph->values.n), .halves = ctx->target->halves};
    for (int i = 0; i < graph->values.n; i++) {
        const Value *value = graph->values.item[i];
        if (!value->data)
            continue;
        batch.origin[value->id] = max_i64(value->data->size, 1);
        batch.all = min_i64(batch.all + value->data->size, INT64_MAX / 16);
    }
    batch.most = FREE_TOTAL + MAX_GROWTH * batch.all;
    return batch;
}

// How many of the nodes from `first` on are computed together: more only while their inputs are small, since the code
// that runs has a copy of these.
static int piece_count(const Batch *batch, int first) {
    int64_t bytes = 0;
    int n = 0;
    while (first + n < batch->n && (!n || bytes < PIECE_BYTES)) {
        const Node *node = batch->item[first + n++];
        for (int i = 0; i < node->nin; i++)
            if (node->in[i] && node->in[i]->data)
                bytes = min_i64(bytes + node->in[i]->data->size, INT64_MAX / 4);
    }
    return n;
}

static bool compute(PassContext *ctx, Graph *graph, const Batch *batch) {
    for (int first = 0, n; first < batch->n; first += n) {
        n = piece_count(batch, first);
        if (!jit_fold(graph, batch->item + first, n, ctx->strict ? ctx->target : NULL, ctx->folds, ctx->diag))
            return false;
    }
    return true;
}

// A node that could be derived from what is computed now waits for that.
bool pass_fold_constants(PassContext *ctx, Graph *graph) {
    Batch batch = batch_new(ctx, graph);
    bool waits = true;
    for (int round = 0; waits && round < ROUNDS; round++) {
        waits = false;
        batch.n = 0;
        for (Node *node = graph->first, *next; node; node = next) {
            next = node->next;
            if (derive(ctx, &batch, node))
                continue;
            bool later = round < ROUNDS - 1 && node_origin(&batch, node) && is_pending(node) && derive_accepts(node);
            waits = waits || later;
            if (!later)
                visit(ctx, &batch, node);
        }
        if (!compute(ctx, graph, &batch))
            return false;
    }
    return true;
}
