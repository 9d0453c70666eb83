// Calls a model once, on an input of small numbers, or not at all where there is no argument: the difference of the
// instructions is what an inference takes. Compile with -DMODEL=<name>_model -DCALL=<name>_call.
#include <stdlib.h>
#include <string.h>

#include "sqz.h"

extern const sqz_model MODEL;
extern int CALL(const sqz_call *call);

static void *buffer_new(size_t bytes)
{
    void *memory;
    if (posix_memalign(&memory, 64, bytes + 64))
        exit(2);
    return memset(memory, 0, bytes + 64);
}

int main(int argc, char **argv)
{
    (void)argv;
    const sqz_model *model = &MODEL;
    const int count = model->inputs + model->outputs;
    const int64_t dim = 1;
    void **buffers = buffer_new((size_t)count * sizeof *buffers);
    for (int i = 0; i < count; i++) {
        size_t bytes = (size_t)sqz_tensor_bytes(sqz_model_tensor(model, i));
        buffers[i] = buffer_new(bytes);
        for (size_t at = 0; at + sizeof(float) <= bytes; at += sizeof(float))
            memcpy((char *)buffers[i] + at, &(float){(float)(at / sizeof(float) % 17) / 16}, sizeof(float));
    }
    sqz_call call = {.size = sizeof call,
                     .inputs = (const void *const *)buffers,
                     .outputs = buffers + model->inputs,
                     .workspace = buffer_new((size_t)model->workspace_size),
                     .workspace_size = (size_t)model->workspace_size,
                     .dims = &dim};
    return argc > 1 ? CALL(&call) : 0;
}
