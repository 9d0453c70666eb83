// What the entries of an object promise, on the model mixed.sqz: which arguments they refuse and with which result,
// what the record says, and that all three give the same.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mixed.h"
#include "sqz.h"

static int failures;
static void check(int holds, const char *what)
{
    if (holds)
        return;
    printf("FAIL: %s\n", what);
    failures++;
}
#define CHECK(condition) check((condition) != 0, #condition)

static float x[MIXED_X_COUNT], y[MIXED_Y_COUNT], again[MIXED_Y_COUNT];
static double d[MIXED_D_COUNT] = {1.5, -2}, z[MIXED_Z_COUNT];
static uint8_t b[MIXED_B_COUNT] = {7, 0, 255};
static int64_t n[MIXED_N_COUNT];
static char *w;

static void *off(void *pointer, int bytes)
{
    return (char *)pointer + bytes;
}

static void refuse_run(void)
{
    CHECK(mixed_run(NULL, d, b, y, z, n, w) == SQZ_EARGUMENT);
    CHECK(mixed_run(x, NULL, b, y, z, n, w) == SQZ_EARGUMENT);
    CHECK(mixed_run(x, d, NULL, y, z, n, w) == SQZ_EARGUMENT);
    CHECK(mixed_run(x, d, b, NULL, z, n, w) == SQZ_EARGUMENT);
    CHECK(mixed_run(x, d, b, y, NULL, n, w) == SQZ_EARGUMENT);
    CHECK(mixed_run(x, d, b, y, z, NULL, w) == SQZ_EARGUMENT);
    CHECK(mixed_run(off(x, 2), d, b, y, z, n, w) == SQZ_EARGUMENT);
    CHECK(mixed_run(x, off(d, 4), b, y, z, n, w) == SQZ_EARGUMENT);
    CHECK(mixed_run(x, d, b, off(y, 1), z, n, w) == SQZ_EARGUMENT);
    CHECK(mixed_run(x, d, b, y, z, off(n, 4), w) == SQZ_EARGUMENT);
    CHECK(mixed_run(x, d, b, y, z, n, NULL) == SQZ_EWORKSPACE);
    CHECK(mixed_run(x, d, b, y, z, n, w + 32) == SQZ_EWORKSPACE);
    CHECK(mixed_run(x, d, off(b, 1), y, z, n, w) == SQZ_OK);  // bytes have no alignment
}

static void refuse_run_on(void)
{
    const size_t size = MIXED_WORKSPACE_SIZE;
    sqz_pool none = {NULL, 0, NULL}, one = {NULL, 1, NULL};
    CHECK(mixed_run_on(NULL, x, d, b, y, z, n, w, size) == SQZ_OK);
    CHECK(mixed_run_on(&none, x, d, b, y, z, n, w, size) == SQZ_OK);
    CHECK(mixed_run_on(&one, x, d, b, y, z, n, w, size) == SQZ_OK);
    CHECK(mixed_run_on(NULL, x, d, b, y, z, n, w, size - 1) == SQZ_EWORKSPACE);
    CHECK(mixed_run_on(NULL, x, d, b, y, z, n, w, 0) == SQZ_EWORKSPACE);
    CHECK(mixed_run_on(NULL, NULL, d, b, y, z, n, w, size) == SQZ_EARGUMENT);
    CHECK(mixed_run_on(NULL, x, d, b, y, z, n, w + 8, size) == SQZ_EWORKSPACE);
}

static void refuse_call(void)
{
    const void *inputs[] = {x, d, b}, *wrong[] = {x, NULL, b};
    void *outputs[] = {y, z, n};
    sqz_call good = {.size = sizeof good,
                     .inputs = inputs,
                     .outputs = outputs,
                     .workspace = w,
                     .workspace_size = MIXED_WORKSPACE_SIZE};
    sqz_call call = good;
    CHECK(mixed_call(&call) == SQZ_OK);
    CHECK(mixed_call(NULL) == SQZ_EARGUMENT);
    CHECK(mixed_call((const sqz_call *)off(&call, 4)) == SQZ_EARGUMENT);
    call.size = sizeof call - 1;
    CHECK(mixed_call(&call) == SQZ_EARGUMENT);
    call.size = 0;
    CHECK(mixed_call(&call) == SQZ_EARGUMENT);
    call.size = sizeof call + 8;  // of a later version
    CHECK(mixed_call(&call) == SQZ_OK);
    call = good, call.inputs = NULL;
    CHECK(mixed_call(&call) == SQZ_EARGUMENT);
    call = good, call.outputs = NULL;
    CHECK(mixed_call(&call) == SQZ_EARGUMENT);
    call = good, call.inputs = wrong;
    CHECK(mixed_call(&call) == SQZ_EARGUMENT);
    call = good, call.workspace = NULL;
    CHECK(mixed_call(&call) == SQZ_EWORKSPACE);
    call = good, call.workspace_size--;
    CHECK(mixed_call(&call) == SQZ_EWORKSPACE);
}

static void read_record(void)
{
    const sqz_model *model = &mixed_model;
    const int ranks[] = {4, 1, 1, 4, 1, 1}, types[] = {SQZ_F32, SQZ_F64, SQZ_U8, SQZ_F32, SQZ_F64, SQZ_I64};
    CHECK(model->abi == SQZ_ABI && model->size == sizeof *model);
    CHECK(model->inputs == 3 && model->outputs == 3);
    CHECK(model->workspace_size == MIXED_WORKSPACE_SIZE);
    CHECK(model->workspace_size + 2 * model->shard_size == MIXED_WORKSPACE_SIZE_ON(3));
    CHECK(model->weights_size >= 4 * 3 * 3 * 3 * sizeof(float));
    CHECK(!strcmp(sqz_model_name(model), "mixed"));
    for (int i = 0; i < 6; i++) {
        const sqz_tensor *tensor = sqz_model_tensor(model, i);
        char name[2] = {"xdbyzn"[i], 0};
        check(!strcmp(sqz_tensor_name(tensor), name), name);
        check(tensor->rank == ranks[i] && tensor->dtype == types[i], name);
    }
    const sqz_tensor *result = sqz_model_tensor(model, 3);
    CHECK(result->dims[0] == 1 && result->dims[1] == 4 && result->dims[2] == 5 && result->dims[3] == 5 &&
          result->dims[4] == 0);
}

static int (*call_of(const sqz_model *model))(const sqz_call *)
{
    int (*call)(const sqz_call *);
    const void *address = (const char *)model + model->call;
    memcpy(&call, &address, sizeof call);
    return call;
}

static void call_by_record(void)
{
    const void *inputs[] = {x, d, b};
    void *outputs[] = {again, z, n};
    sqz_call call = {.size = sizeof call,
                     .inputs = inputs,
                     .outputs = outputs,
                     .workspace = w,
                     .workspace_size = MIXED_WORKSPACE_SIZE};
    memset(z, 0, sizeof z);
    memset(n, 0, sizeof n);
    CHECK(mixed_run(x, d, b, y, z, n, w) == SQZ_OK);
    CHECK(call_of(&mixed_model)(&call) == SQZ_OK);
    CHECK(!memcmp(y, again, sizeof y));
    CHECK(z[0] == -1.5 && z[1] == 2);
    CHECK(n[0] == 7 && n[1] == 0 && n[2] == 255);
}

int main(void)
{
    char *memory = malloc(MIXED_WORKSPACE_SIZE + 64);
    if (!memory)
        return 2;
    w = memory + (64 - (uintptr_t)memory % 64) % 64;
    for (int i = 0; i < MIXED_X_COUNT; i++)
        x[i] = (float)(i % 7) - 3;
    refuse_run();
    refuse_run_on();
    refuse_call();
    read_record();
    call_by_record();
    free(memory);
    printf("%d failures\n", failures);
    return failures != 0;
}
