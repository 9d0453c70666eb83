/* Runs the model `sweep` between guard pages and writes its outputs, or compares them with those of another build:
 *
 *     kernels write FILE | kernels compare FILE TOLERANCE
 *
 * Every buffer ends where an inaccessible page begins, then begins behind one. The workspace is full of NaN, so that
 * whoever reads what nobody wrote spoils a result. Pools of 3 and 64 threads, which run shards from the last to the
 * first, have to give the same bits. Differences are relative to an output's largest value; without any tolerance bits
 * may not differ either, but for those of NaN. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sqz.h"

extern const sqz_model sweep_model;
extern int sweep_call(const sqz_call *call);

enum { PAGE = 65536 }; /* a multiple of any machine's */

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "kernels: %s %s\n", what, name);
    exit(2);
}

static size_t tensor_count(const sqz_tensor *tensor)
{
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++)
        count *= (size_t)tensor->dims[i];
    return count;
}

static char *guarded(size_t bytes, int at_end)
{
    size_t inside = (bytes + PAGE - 1) / PAGE * PAGE;
    char *memory = mmap(NULL, inside + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || (inside && mprotect(memory + PAGE, inside, PROT_READ | PROT_WRITE)))
        fail("no memory", "");
    char *buffer = at_end ? memory + PAGE + inside - bytes : memory + PAGE;
    memset(buffer, 0xFF, bytes);
    return buffer;
}

static void backwards(void *self, int shards, void (*task)(void *, int), void *arg)
{
    (void)self;
    for (int i = shards - 1; i >= 0; i--)
        task(arg, i);
}

static void fill(float *x, size_t count, unsigned seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
    }
}

typedef struct Buffers {
    const void **inputs;
    void **outputs;
} Buffers;

static Buffers run(int threads, int at_end)
{
    const sqz_model *model = &sweep_model;
    Buffers buffers = {calloc((size_t)model->inputs + 1, sizeof(void *)),
                       calloc((size_t)model->outputs + 1, sizeof(void *))};
    for (int i = 0; i < model->inputs + model->outputs; i++) {
        size_t count = tensor_count(sqz_model_tensor(model, i));
        float *buffer = (float *)(void *)guarded(count * sizeof(float), at_end);
        if (i < model->inputs)
            fill(buffer, count, (unsigned)i + 1);
        if (i < model->inputs)
            buffers.inputs[i] = buffer;
        else
            buffers.outputs[i - model->inputs] = buffer;
    }
    size_t size = (size_t)(model->workspace_size + (uint64_t)(threads > 1 ? threads - 1 : 0) * model->shard_size);
    sqz_pool pool = {NULL, threads, backwards};
    sqz_call call = {.size = sizeof call, .inputs = buffers.inputs, .outputs = buffers.outputs,
                     .workspace = guarded(size, at_end), .workspace_size = size, .pool = threads ? &pool : NULL};
    int result = sweep_call(&call);
    if (result) {
        fprintf(stderr, "kernels: the model returned %d\n", result);
        exit(1);
    }
    return buffers;
}

static int differs(const char *name, const float *x, const float *wanted, size_t count, double tolerance)
{
    double largest = 1e-30, worst = 0;
    size_t other = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)x[i] - (double)wanted[i]);
        if (isfinite(wanted[i]) && fabs((double)wanted[i]) > largest)
            largest = fabs((double)wanted[i]);
        if (!memcmp(&x[i], &wanted[i], sizeof *x) || (isnan(x[i]) && isnan(wanted[i])))
            continue;
        other++;
        if (!(difference <= worst))
            worst = isnan(difference) ? INFINITY : difference;
    }
    if (worst <= tolerance * largest && (tolerance > 0 || !other))
        return 0;
    printf("FAIL %s: %.2e of the largest value, %zu of %zu elements\n", name, worst / largest, other, count);
    return 1;
}

int main(int argc, char **argv)
{
    const sqz_model *model = &sweep_model;
    int failures = 0, comparing = argc > 3;
    FILE *file = argc > 2 ? fopen(argv[2], comparing ? "rb" : "wb") : NULL;
    if (!file)
        fail("cannot open", argc > 2 ? argv[2] : "");
    Buffers first = run(0, 1), second = run(3, 0), third = run(64, 1);
    for (int i = 0; i < model->outputs; i++) {
        const sqz_tensor *tensor = sqz_model_tensor(model, model->inputs + i);
        const char *name = sqz_tensor_name(tensor);
        size_t count = tensor_count(tensor);
        if (memcmp(first.outputs[i], second.outputs[i], count * sizeof(float)) ||
            memcmp(first.outputs[i], third.outputs[i], count * sizeof(float))) {
            printf("FAIL %s: a pool changes it\n", name);
            failures++;
        }
        if (!comparing) {
            fwrite(first.outputs[i], sizeof(float), count, file);
            continue;
        }
        float *wanted = malloc(count * sizeof(float) + 1);
        if (!wanted || fread(wanted, sizeof(float), count, file) != count)
            fail("cannot read", argv[2]);
        failures += differs(name, first.outputs[i], wanted, count, atof(argv[3]));
        free(wanted);
    }
    fclose(file);
    return failures != 0;
}
