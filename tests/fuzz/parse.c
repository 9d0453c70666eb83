// Any bytes as IR text. What parses and verifies must print, and its text must read back to the same text.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ir/parse.h"
#include "ir/print.h"
#include "ir/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_signatures(Str *out, const Module *module) {
    for (int i = 0; i < module->graphs.n; i++)
        for (const Node *node = module->graphs.item[i]->first; node; node = node->next)
            print_signature(out, node);
}

static void check(Arena *arena, const Module *module, Diag *diag) {
    Str first = {.arena = arena}, second = {.arena = arena}, signatures = {.arena = arena};
    size_t size;
    const void *sidecar = print_sidecar_bytes(arena, module, &size);
    print_module(&first, module, "sidecar");
    print_signatures(&signatures, module);
    const Module *copy = parse_module_with(arena, first.text, first.length, sidecar, size, diag);
    if (!copy)
        abort();
    print_module(&second, copy, "sidecar");
    if (strcmp(first.text, second.text) || !verify_module(copy, diag))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_new();
    Diag diag = {.file = "fuzz"};
    Module *module = parse_module_with(arena, (const char *)data, size, "", 0, &diag);
    if (module && verify_module(module, &diag))
        check(arena, module, &diag);
    else if (!diag.errors)
        abort();
    arena_free(arena);
    return 0;
}
