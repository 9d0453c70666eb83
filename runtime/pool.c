// A pool of POSIX threads for models made by sqzc.
//
// One job at a time: pool_run publishes a task, takes part itself, and returns when every shard is done. Whoever is
// free claims the next shard by counting up `next`, so uneven shards and busy cores balance out. Workers spin for a
// moment after a job, since a model's next layer comes in microseconds, then sleep on `wake`.
//
// How the fields of a job (shards, task, arg, next) stay free of races: a worker first counts itself in `active`, then
// looks whether `job` is still open. The caller first closes `job`, then waits until `active` is 0. In the one order of
// these sequentially consistent accesses either the worker sees the job closed, or the caller sees the worker active.
// So the fields are written only while nobody reads them, and all claimed shards are done when pool_run returns.
// `sleepers` and `waiting` answer the same question for the two condition variables: does anybody need a signal?
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "sqz.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

enum { SPINS = 2000, MAX_THREADS = 1024 };

typedef struct Pool {
    sqz_pool api;  // first: its address is the pool's
    pthread_mutex_t mutex;
    pthread_cond_t wake, idle;
    int workers, spins;
    unsigned jobs;     // numbers given so far; the caller's alone
    atomic_uint job;   // the number of the open job, 0: none
    atomic_int active, sleepers, waiting, stop;
    atomic_int next;   // shard to claim
    int shards;
    void (*task)(void *arg, int shard);
    void *arg;
    pthread_t thread[];
} Pool;

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__ARM_ARCH_7A__)
    __asm__ volatile("yield");
#endif
}

static void run_shards(Pool *pool) {
    for (int shard; (shard = atomic_fetch_add(&pool->next, 1)) < pool->shards;)
        pool->task(pool->arg, shard);
}

// The workers.

static bool has_news(Pool *pool, unsigned seen) {
    unsigned job = atomic_load(&pool->job);
    return (job && job != seen) || atomic_load(&pool->stop);
}

static void wait_for_news(Pool *pool, unsigned seen) {
    for (int i = 0; i < pool->spins; i++) {
        if (has_news(pool, seen))
            return;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!has_news(pool, seen))
        pthread_cond_wait(&pool->wake, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

// Takes part in the open job, if it still is one; returns its number, or `seen`.
static unsigned take_part(Pool *pool, unsigned seen) {
    atomic_fetch_add(&pool->active, 1);
    unsigned job = atomic_load(&pool->job);
    if (job && job != seen)
        run_shards(pool);
    if (atomic_fetch_sub(&pool->active, 1) == 1 && atomic_load(&pool->waiting)) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_signal(&pool->idle);
        pthread_mutex_unlock(&pool->mutex);
    }
    return job ? job : seen;
}

static void *worker_main(void *self) {
    Pool *pool = self;
    unsigned seen = 0;
    while (!atomic_load(&pool->stop)) {
        wait_for_news(pool, seen);
        seen = take_part(pool, seen);
    }
    return NULL;
}

// The caller.

static void wait_for_workers(Pool *pool) {
    for (int i = 0; i < pool->spins; i++) {
        if (!atomic_load(&pool->active))
            return;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->waiting, 1);
    while (atomic_load(&pool->active))
        pthread_cond_wait(&pool->idle, &pool->mutex);
    atomic_store(&pool->waiting, 0);
    pthread_mutex_unlock(&pool->mutex);
}

static void pool_run(void *self, int shards, void (*task)(void *arg, int shard), void *arg) {
    Pool *pool = self;
    if (shards <= 1 || !pool->workers) {
        for (int i = 0; i < shards; i++)
            task(arg, i);
        return;
    }
    pool->shards = shards;
    pool->task = task;
    pool->arg = arg;
    atomic_store(&pool->next, 0);
    pool->jobs += pool->jobs + 1 ? 1 : 2;  // never 0
    atomic_store(&pool->job, pool->jobs);
    if (atomic_load(&pool->sleepers)) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->mutex);
    }
    run_shards(pool);
    atomic_store(&pool->job, 0);
    wait_for_workers(pool);
}

static int usable_cpus(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set))
        return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < MAX_THREADS ? (int)n : 1;
}

sqz_pool *sqz_pool_create(int threads) {
    int cpus = usable_cpus();
    threads = threads > 0 ? threads : cpus;
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    Pool *pool = calloc(1, sizeof *pool + (size_t)threads * sizeof(pthread_t));
    if (!pool)
        return NULL;
    pool->api = (sqz_pool){pool, threads, pool_run};
    pool->spins = threads <= cpus ? SPINS : 0;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->idle, NULL);
    for (; pool->workers < threads - 1; pool->workers++)
        if (pthread_create(&pool->thread[pool->workers], NULL, worker_main, pool)) {
            sqz_pool_destroy(&pool->api);
            return NULL;
        }
    return &pool->api;
}

void sqz_pool_destroy(sqz_pool *api) {
    if (!api)
        return;
    Pool *pool = api->self;
    atomic_store(&pool->stop, 1);
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->workers; i++)
        pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->idle);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
