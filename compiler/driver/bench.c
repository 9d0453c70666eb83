// sqzc bench: how long a model takes here. Inputs are seeded random numbers. GFLOP/s counts two operations for each
// multiply-add of the graph as imported, direct convolutions, so that numbers compare across levels and algorithms.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codegen/kernel.h"
#include "driver/bench.h"
#include "ir/element.h"
#include "support/checked.h"

enum { MOST_RUNS = 100000, LEAST_RUNS = 5 };

double bench_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// Counted on a copy of the model after shape inference, before other passes rewrite it.
static double model_macs(const Options *options, const char *path) {
    Options counting = *options;
    counting.passes = "infer-shapes,open-batch";
    counting.print_after = NULL;
    counting.time_report = counting.memory_report = false;
    Session session;
    session_begin(&session, &counting, NULL);
    double macs = 0;
    if (session_load(&session, path, NULL) && session_run_passes(&session))
        for (const Node *node = session.module->graphs.item[0]->first; node; node = node->next)
            macs += kernel_macs(node);
    session_end(&session);
    return macs;
}

void bench_fill_inputs(Instance *instance) {
    uint32_t state = 7;
    for (int i = 0; i < instance->ninputs; i++) {
        Port *port = &instance->inputs[i];
        bool real = dtype_is_float(port->type.dtype);
        for (int64_t k = 0, n = type_count(&port->type); k < n; k++) {
            state = state * 1664525u + 1013904223u;
            element_set(port->type.dtype, port->buffer, k, real ? (state >> 8) * 0x1p-23 - 1 : (double)(state >> 31));
        }
    }
}

static int compare_times(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Sorted times of the runs; 0 of them after an error.
static int measure(Instance *instance, int wanted, double *times) {
    if (!instance_call(instance))  // warms up
        return 0;
    int runs = 0;
    for (double start = bench_seconds(), now = start; runs < (wanted ? wanted : MOST_RUNS); runs++) {
        if (!wanted && runs >= LEAST_RUNS && now - start > 1)
            break;
        double before = now;
        if (!instance_call(instance))
            return 0;
        now = bench_seconds();
        times[runs] = now - before;
    }
    qsort(times, (size_t)runs, sizeof *times, compare_times);
    return runs;
}

static bool bench(Session *session, Instance *instance, const Options *options) {
    if (options->words.n != 1)
        return diag_error(&session->diag, NULL, E_USAGE, "sqzc bench wants one model (see sqzc bench --help)");
    const char *path = options->words.item[0];
    if (!session_load(session, path, NULL) || !session_run_passes(session) ||
        !instance_compile(instance, session, options->threads))
        return false;
    bench_fill_inputs(instance);
    int wanted = options->runs < MOST_RUNS ? options->runs : MOST_RUNS;
    double *times = ARENA_ARRAY(session->arena, double, MOST_RUNS);
    int runs = measure(instance, wanted, times);
    if (!runs)
        return false;
    double macs = model_macs(options, path), median = times[runs / 2];
    printf("%s: median %.3f ms, min %.3f ms, %.2f GFLOP/s (%.1f MMAC, %d runs, %d thread%s)\n", path, 1e3 * median,
           1e3 * times[0], 2e-9 * macs / median, 1e-6 * macs, runs, instance->pool ? instance->pool->threads : 1,
           instance->pool && instance->pool->threads > 1 ? "s" : "");
    return !options->layers || bench_layers(session);
}

int command_bench(const Options *options) {
    Options here = *options;
    Session session;
    Instance instance = {0};
    options_for_here(&here);
    session_begin(&session, &here, stderr);
    bench(&session, &instance, &here);
    instance_close(&instance);
    int code = exit_code(&session.diag);
    session_end(&session);
    return code;
}
