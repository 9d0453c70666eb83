// Any bytes as IR text, compiled at -O0 and -O2. Whatever the text says, the compiler ends with code or with an error
// that the text is to blame for.
#include <stdint.h>
#include <stdlib.h>

#include "codegen/compile.h"
#include "ir/parse.h"
#include "ir/verify.h"
#include "passes/pass.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_bug(const Diag *diag) {
    return diag->last == E_INTERNAL || diag->last == E_BACKEND;
}

static void ignore(void *context, const void *bytes, size_t size) {
    (void)context, (void)bytes, (void)size;
}

static void compile(const uint8_t *data, size_t size, char level) {
    Arena *arena = arena_new(), *scratch = arena_new();
    Diag diag = {.out = stderr, .file = "fuzz"};
    Target target;
    Module *module = parse_module_with(arena, (const char *)data, size, "", 0, &diag);
    bool ok = module && target_find(&target, arena, "x86_64-unknown-linux-gnu", "x86-64-v3", NULL, &diag);
    if (ok) {
        PassContext context = {.module = module, .target = &target, .scratch = scratch, .diag = &diag};
        ok = passes_run(&context, &(PassOptions){.names = pipeline(level), .verify_each = true, .out = stderr});
    }
    if (ok) {
        Sink out = {ignore, NULL};
        CompileOptions options = {.prefix = "fuzz", .level = level};
        ok = compile_module(&(Variant){module, &target}, 1, &options, OUTPUT_OBJECT, &out, &diag);
    }
    if (ok ? diag.errors : !diag.errors || is_bug(&diag))
        abort();
    arena_free(scratch);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    compile(data, size, '0');
    compile(data, size, '2');
    return 0;
}
