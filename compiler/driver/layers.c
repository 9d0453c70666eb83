// sqzc bench --layers: how long each layer takes on one thread, beside what choose-kernels predicted. The code is
// compiled so that a pool sees each layer as one call of its `run`, with a single shard; the clock is read around it.
// Each layer shows its best time of several passes: more of them where that takes little time.
//
// A multiply-add counts as two operations of a direct convolution, so Winograd may exceed the machine's peak.
#include "codegen/kernel.h"
#include "driver/bench.h"

enum { PASSES = 20, MOST_PASSES = 100 };
static const double EFFORT = 0.5;  // seconds that are worth more passes
static const double BOUND = 0.25;  // predictions within it count as good

typedef struct Watch {
    sqz_pool pool;
    double *best;  // of all passes
    int count, at; // at: the next layer
    bool is_first;
} Watch;

static void watch_run(void *self, int shards, void (*task)(void *arg, int shard), void *arg) {
    Watch *watch = self;
    double before = bench_seconds();
    for (int i = 0; i < shards; i++)
        task(arg, i);
    double seconds = bench_seconds() - before;
    double *best = &watch->best[watch->at];
    watch->at = (watch->at + 1) % watch->count;  // a model of several samples runs them one after the other
    *best = watch->is_first || seconds < *best ? seconds : *best;
}

bool layer_times(Session *session, int passes, double effort, LayerTimes *times) {
    Instance instance = {0};
    if (!instance_compile_by_layer(&instance, session))
        return false;
    const Node *const *nodes = jit_layers(instance.jit, &times->n);
    const Node **copy = ARENA_ARRAY(session->arena, const Node *, times->n + 1);
    for (int i = 0; i < times->n; i++)
        copy[i] = nodes[i];
    times->node = copy;
    times->seconds = ARENA_ARRAY(session->arena, double, times->n + 1);
    Watch watch = {.best = times->seconds, .count = times->n};
    watch.pool = (sqz_pool){&watch, 1, watch_run};
    bench_fill_inputs(&instance);
    instance.pool = &watch.pool;
    bool ok = true;
    double end = bench_seconds() + effort;
    for (int i = 0; ok && (i < passes || (i < MOST_PASSES && bench_seconds() < end)); i++) {
        watch.at = 0;
        watch.is_first = i == 0;
        ok = instance_call(&instance);
    }
    instance.pool = NULL;
    instance_close(&instance);
    return ok;
}

static double peak(const Target *target) {
    return 2 * target->ghz * target->fma_per_cycle * target_lanes(target, 32);
}

static void print_layer(const Node *node, double seconds, double total, const Target *target) {
    double macs = kernel_macs(node), rate = 2e-9 * macs / seconds, predicted = kernel_seconds(node, target);
    const char *name = node->loc && node->loc->node ? node->loc->node : node->out[0]->name;
    printf("%9.4f ms %9.4f ms %5.1f%%", 1e3 * predicted, 1e3 * seconds, 100 * seconds / total);
    if (macs > 0)
        printf(" %8.2f GFLOP/s %5.1f%%", rate, 100 * rate / peak(target));
    else
        printf("%24s", "");
    printf(" %9.1f KiB  %-16s %-14s %s\n", kernel_bytes(node) / 1024, op_info[node->op].name,
           kernel_info[node->kernel].name, name);
}

static bool is_close(double predicted, double measured) {
    return predicted <= (1 + BOUND) * measured && predicted >= (1 - BOUND) * measured;
}

// How good the predictions are: of all layers, and of those with a fast kernel.
static void print_summary(const LayerTimes *times, double total, const Target *target) {
    double predicted = 0;
    int close = 0, fast = 0, fast_close = 0;
    for (int i = 0; i < times->n; i++) {
        double seconds = kernel_seconds(times->node[i], target);
        bool is_fast = kernel_info[times->node[i]->kernel].cost != NULL, good = is_close(seconds, times->seconds[i]);
        predicted += seconds;
        close += good;
        fast += is_fast;
        fast_close += is_fast && good;
    }
    printf("%9.4f ms %9.4f ms  in all; predicted within %.0f%%: %d of %d layers, %d of %d with fast kernels\n",
           1e3 * predicted, 1e3 * total, 100 * BOUND, close, times->n, fast_close, fast);
}

bool bench_layers(Session *session) {
    LayerTimes times;
    if (!layer_times(session, PASSES, EFFORT, &times))
        return false;
    double total = 0;
    for (int i = 0; i < times.n; i++)
        total += times.seconds[i];
    printf("%12s %12s %6s %16s %6s %13s  %-16s %-14s %s\n", "predicted", "measured", "share", "rate", "peak", "moved",
           "operator", "kernel", "layer");
    for (int i = 0; i < times.n; i++)
        print_layer(times.node[i], times.seconds[i], total > 0 ? total : 1, &session->target);
    print_summary(&times, total, &session->target);
    return true;
}
