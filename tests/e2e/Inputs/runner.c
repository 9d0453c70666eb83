// Runs any compiled model on raw files: runner OUTPUT-PREFIX INPUT.raw... writes OUTPUT-PREFIX0.raw, ...
// Compile with -DMODEL=<name>_model -DCALL=<name>_call and link with the object. -DSTACK=<bytes> runs the model on a
// thread with so small a stack, -DDIM=<n> gives an open dimension its value.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqz.h"

extern const sqz_model MODEL;
extern int CALL(const sqz_call *call);

#ifndef DIM
#define DIM 1
#endif

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "runner: %s %s\n", what, name);
    exit(2);
}

static size_t tensor_bytes(const sqz_tensor *tensor)
{
    size_t bytes = (size_t)sqz_tensor_bytes(tensor);
    for (int i = 0; i < tensor->rank; i++)
        bytes *= tensor->open >> i & 1 ? DIM : 1;
    return bytes;
}

// A buffer with a rim of known bytes on both sides, to see whether the model writes outside.
enum { RIM = 64 };
static char *buffer_new(size_t bytes)
{
    void *memory;
    if (posix_memalign(&memory, 64, bytes + 2 * RIM) != 0)
        fail("out of memory", "");
    memset(memory, 0xA5, bytes + 2 * RIM);
    return (char *)memory + RIM;
}

static void buffer_check(const char *buffer, size_t bytes, const char *name)
{
    for (int i = 1; i <= RIM; i++)
        if ((unsigned char)buffer[-i] != 0xA5 || (unsigned char)buffer[bytes + (size_t)i - 1] != 0xA5)
            fail("bytes written outside of", name);
}

static void *run(void *argument)
{
    sqz_call *call = argument;
    return (void *)(intptr_t)CALL(call);
}

#ifdef STACK
static void *run_on_thread(sqz_call *call)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *result;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, STACK) || pthread_create(&thread, &attributes, run, call) ||
        pthread_join(thread, &result))
        fail("no thread", "");
    return result;
}
#define run run_on_thread
#endif

// What there is of an output, whose sizes are `dims`.
static void write_output(const char *path, const sqz_tensor *tensor, const char *buffer, const int64_t *dims)
{
    FILE *file = fopen(path, "wb");
    size_t bytes = tensor_bytes(tensor), rows = 1, used = bytes, row = bytes;
    const int axis = sqz_tensor_counted_axis(tensor);
    if (axis >= 0 && bytes) {
        for (int i = 0; i < axis; i++)
            rows *= (size_t)dims[i];
        row = bytes / rows;
        used = row / (size_t)tensor->dims[axis] * (size_t)dims[axis];
    }
    if (!file)
        fail("cannot write", path);
    for (size_t i = 0; i < rows; i++)
        if (fwrite(buffer + i * row, 1, used, file) != used)
            fail("cannot write", path);
    if (fclose(file))
        fail("cannot write", path);
}

int main(int argc, char **argv)
{
    const sqz_model *model = &MODEL;
    const int count = model->inputs + model->outputs;
    char **buffers = calloc((size_t)count, sizeof *buffers);
    char *workspace = buffer_new((size_t)model->workspace_size);
    if (!buffers || argc != model->inputs + 2)
        fail("wrong number of inputs for", sqz_model_name(model));
    for (int i = 0; i < count; i++)
        buffers[i] = buffer_new(tensor_bytes(sqz_model_tensor(model, i)));
    for (int i = 0; i < model->inputs; i++) {
        FILE *file = fopen(argv[i + 2], "rb");
        size_t bytes = tensor_bytes(sqz_model_tensor(model, i));
        if (!file || fread(buffers[i], 1, bytes, file) != bytes || fgetc(file) != EOF)
            fail("wrong size or no file:", argv[i + 2]);
        fclose(file);
    }

    const int64_t dim = DIM;
    sqz_call call = {.size = sizeof call,
                     .inputs = (const void *const *)buffers,
                     .outputs = (void *const *)(buffers + model->inputs),
                     .workspace = workspace,
                     .workspace_size = (size_t)model->workspace_size,
                     .dims = &dim,
                     .output_dims = calloc((size_t)model->outputs * SQZ_MAX_RANK, sizeof(int64_t))};
    int result = (int)(intptr_t)run(&call);
    if (result) {
        fprintf(stderr, "runner: the model returned %d\n", result);
        return 1;
    }

    buffer_check(workspace, (size_t)model->workspace_size, "the workspace");
    for (int i = 0; i < count; i++)
        buffer_check(buffers[i], tensor_bytes(sqz_model_tensor(model, i)), sqz_tensor_name(sqz_model_tensor(model, i)));
    const int64_t *sizes = call.output_dims;
    for (int i = 0; i < model->outputs; i++) {
        char path[4096];
        const sqz_tensor *tensor = sqz_model_tensor(model, model->inputs + i);
        snprintf(path, sizeof path, "%s%d.raw", argv[1], i);
        write_output(path, tensor, buffers[model->inputs + i], sizes);
        sizes += tensor->rank;
    }
    return 0;
}
