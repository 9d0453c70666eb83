// sqzc bench --layers: how long each layer takes on one thread. No code of the model is changed for it: a pool that
// runs all shards on the caller's thread sees each shared layer as one call of its `run`, and reads the clock around
// it. What passes between two calls belongs to the layers between them that are not shared (small ones, by and large).
// Each layer shows its best time of several passes.
#include <time.h>

#include "codegen/kernel.h"
#include "driver/bench.h"

enum { PASSES = 20 };

typedef struct Watch {
    sqz_pool pool;
    const JitLayer *layers;
    double *seconds;  // of each layer, in this pass
    double *best;     // of all passes
    double last;      // when the latest layer ended
    int count, at;    // at: the next layer
} Watch;

// The time since the last shared layer goes to the first of those that are not.
static void pass_unshared(Watch *watch, double now) {
    int first = watch->at;
    while (watch->at < watch->count && !watch->layers[watch->at].shared)
        watch->at++;
    if (watch->at > first)
        watch->seconds[first] = now - watch->last;
}

static void watch_run(void *self, int shards, void (*task)(void *arg, int shard), void *arg) {
    Watch *watch = self;
    double before = bench_seconds();
    pass_unshared(watch, before);
    for (int i = 0; i < shards; i++)
        task(arg, i);
    watch->last = bench_seconds();
    if (watch->at < watch->count)
        watch->seconds[watch->at++] = watch->last - before;
}

static void print_layer(const Watch *watch, int index, double total) {
    const Node *node = watch->layers[index].node;
    double seconds = watch->best[index], macs = bench_macs(node);
    const char *name = node->loc && node->loc->node ? node->loc->node : node->out[0]->name;
    printf("%9.4f ms %5.1f%%", 1e3 * seconds, 100 * seconds / total);
    if (macs > 0)
        printf(" %8.2f GFLOP/s", 2e-9 * macs / seconds);
    else
        printf("%17s", "");
    printf("  %-16s %-14s %s\n", op_info[node->op].name, kernel_info[node->kernel].name, name);
}

static bool watch_pass(Watch *watch, Instance *instance, bool is_first) {
    watch->at = 0;
    watch->last = bench_seconds();
    if (!instance_call(instance))
        return false;
    pass_unshared(watch, bench_seconds());
    for (int i = 0; i < watch->count; i++)
        if (is_first || watch->seconds[i] < watch->best[i])
            watch->best[i] = watch->seconds[i];
    return true;
}

bool bench_layers(Instance *instance) {
    Watch watch = {0};
    watch.layers = jit_layers(instance->jit, &watch.count);
    watch.seconds = ARENA_ARRAY(instance->arena, double, watch.count + 1);
    watch.best = ARENA_ARRAY(instance->arena, double, watch.count + 1);
    watch.pool = (sqz_pool){&watch, 2, watch_run};  // with two threads, layers are cut into shards
    sqz_pool *pool = instance->pool;
    instance->pool = &watch.pool;
    bool ok = true;
    for (int i = 0; i < PASSES && ok; i++)
        ok = watch_pass(&watch, instance, i == 0);
    instance->pool = pool;
    double total = 0;
    for (int i = 0; i < watch.count; i++)
        total += watch.best[i];
    for (int i = 0; i < watch.count && ok; i++)
        print_layer(&watch, i, total > 0 ? total : 1);
    return ok;
}
