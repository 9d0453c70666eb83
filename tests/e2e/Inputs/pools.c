// A model gives the same bits on any number of threads, and in a workspace with scratch for any number of them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqz.h"
#include "sweep.h"

static float data[SWEEP_DATA_COUNT], wanted[SWEEP_SOFTMAXOUT_COUNT], result[SWEEP_SOFTMAXOUT_COUNT];

static int differs(const sqz_pool *pool, int slots, const char *what, int threads)
{
    size_t size = SWEEP_WORKSPACE_SIZE_ON(slots);
    void *workspace = NULL;
    if (posix_memalign(&workspace, SWEEP_WORKSPACE_ALIGN, size))
        return 1;
    memset(workspace, 0xFF, size);
    memset(result, 0xFF, sizeof result);
    int code = sweep_run_on(pool, data, result, workspace, size);
    free(workspace);
    if (!code && !memcmp(result, wanted, sizeof wanted))
        return 0;
    printf("FAIL: %d threads, room for %s: %s\n", threads, what, code ? sqz_error_string(code) : "other bits");
    return 1;
}

int main(void)
{
    static const int threads[] = {1, 2, 3, 7, 64};
    int failures = 0;
    void *workspace = NULL;
    for (int i = 0; i < SWEEP_DATA_COUNT; i++)
        data[i] = (float)(i * 37 % 255) - 120;
    if (posix_memalign(&workspace, SWEEP_WORKSPACE_ALIGN, SWEEP_WORKSPACE_SIZE) || sweep_run(data, wanted, workspace))
        return 2;
    for (int i = 0; i < 5; i++) {
        sqz_pool *pool = sqz_pool_create(threads[i]);
        if (!pool)
            return 2;
        failures += differs(pool, 1, "one", threads[i]) + differs(pool, 2, "two", threads[i]) +
                    differs(pool, threads[i], "all", threads[i]);
        sqz_pool_destroy(pool);
    }
    free(workspace);
    return failures != 0;
}
