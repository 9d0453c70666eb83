// The thread pool: each shard runs exactly once, whatever the numbers of threads and shards; results are there when
// run returns; jobs may follow each other at once or after a pause. To be run under ThreadSanitizer too.
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "runtime/sqz.h"
#include "tests/unit/unit.h"

enum { SHARDS = 70 };

typedef struct Job {
    int hits[SHARDS];  // not atomic: each shard has its own, and run orders them
    atomic_int running, most;
} Job;

static void count_hit(void *arg, int shard) {
    Job *job = arg;
    int running = atomic_fetch_add(&job->running, 1) + 1, most = atomic_load(&job->most);
    while (running > most && !atomic_compare_exchange_weak(&job->most, &most, running))
        ;
    job->hits[shard]++;
    for (volatile int i = 0; i < shard % 7 * 30; i++)
        ;
    atomic_fetch_sub(&job->running, 1);
}

static void pause_briefly(void) {
    nanosleep(&(struct timespec){0, 3000000}, NULL);  // longer than the workers spin
}

static void check_pool(int threads, int jobs) {
    sqz_pool *pool = sqz_pool_create(threads);
    if (!CHECK(pool != NULL))
        return;
    CHECK(pool->threads == threads);
    Job job;
    memset(&job, 0, sizeof job);
    int expected[SHARDS] = {0};
    for (int i = 0; i < jobs; i++) {
        int shards = i * 13 % (SHARDS + 1);
        pool->run(pool->self, shards, count_hit, &job);
        for (int k = 0; k < shards; k++)
            expected[k]++;
        if (!CHECK(memcmp(expected, job.hits, sizeof expected) == 0))
            break;
        if (i % 100 == 0)
            pause_briefly();
    }
    CHECK(atomic_load(&job.running) == 0);
    CHECK(atomic_load(&job.most) <= threads);
    sqz_pool_destroy(pool);
}

static void check_texts(void) {
    CHECK_TEXT(sqz_error_string(SQZ_OK), "success");
    CHECK_TEXT(sqz_error_string(99), "unknown error");
    CHECK_TEXT(sqz_error_string(-1), "unknown error");
    for (int code = SQZ_EARGUMENT; code <= SQZ_ECPU; code++)
        CHECK(strcmp(sqz_error_string(code), sqz_error_string(99)) != 0);
}

void test_runtime(void) {
    for (int threads = 1; threads <= 5; threads++)
        check_pool(threads, 500);
    sqz_pool *all = sqz_pool_create(0);
    CHECK(all && all->threads >= 1);
    sqz_pool_destroy(all);
    sqz_pool_destroy(sqz_pool_create(3));  // never used
    sqz_pool_destroy(NULL);
    check_texts();
}
