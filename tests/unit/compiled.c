#include "tests/unit/compiled.h"

#include <stdio.h>
#include <string.h>

#include "ir/parse.h"
#include "passes/pass.h"

static bool prepare(Compiled *compiled, const Target *target, char level, const char *const *passes, Diag *diag) {
    PassContext context = {.module = compiled->module, .target = target, .scratch = arena_new(), .diag = diag};
    PassOptions options = {.names = passes ? passes : pipeline(level), .verify_each = true, .out = stderr};
    bool ok = passes_run(&context, &options);
    arena_free(context.scratch);
    return ok;
}

Compiled compiled_make(const char *text, char level, const char *const *passes, const char *cpu) {
    Compiled compiled = {.arena = arena_new()};
    Diag diag = {.out = stderr, .file = "unit"};
    Target target;
    compiled.module = parse_module(compiled.arena, text, strlen(text), NULL, &diag);
    if (compiled.module && target_find(&target, compiled.arena, NULL, cpu, NULL, &diag) &&
        prepare(&compiled, &target, level, passes, &diag))
        compiled.jit = jit_compile(compiled.module, &target, &(CompileOptions){.prefix = "jit", .level = level}, &diag);
    return compiled;
}

void compiled_free(Compiled *compiled) {
    if (compiled->jit)
        jit_free(compiled->jit);
    arena_free(compiled->arena);
}
