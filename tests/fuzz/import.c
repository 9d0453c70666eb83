// Any bytes as a model, and as a tensor: the importer must end with a module that prints, or with an error. The last
// byte picks the options; external data is looked for in a folder that doesn't exist.
#include <stdint.h>
#include <stdlib.h>

#include "ir/print.h"
#include "onnx/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void import_model(Arena *arena, const uint8_t *bytes, size_t size) {
    static const OnnxDim dims[] = {{"N", 1}};
    unsigned char last = size ? bytes[size - 1] : 0;
    OnnxOptions options = {.keep_all = last & 1, .dims = dims, .ndims = last >> 1 & 1};
    Diag diag = {0};
    Module *module = onnx_import(arena, bytes, size, "no-such-folder", &options, &diag);
    if (!module && !diag.errors)
        abort();  // no module, and nobody says why
    Str text = {.arena = arena};
    if (module)
        print_module(&text, module, "sidecar.bin");
}

static void import_tensor(Arena *arena, const uint8_t *bytes, size_t size) {
    Type type;
    const void *data;
    Diag diag = {0};
    if (!onnx_tensor(arena, bytes, size, "no-such-folder", &type, &data, &diag))
        return;
    volatile unsigned char sum = 0;  // each byte must be there
    for (int64_t i = 0; i < type_bytes(&type); i++)
        sum = (unsigned char)(sum + ((const unsigned char *)data)[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    Arena *arena = arena_new();
    import_model(arena, bytes, size);
    import_tensor(arena, bytes, size);
    arena_free(arena);
    return 0;
}
