// A text of the IR, compiled in memory, for units that look at what the code computes.
#ifndef UNIT_COMPILED_H
#define UNIT_COMPILED_H

#include <stdbool.h>

#include "codegen/jit.h"
#include "ir/ir.h"

typedef struct Compiled {
    Arena *arena;
    Module *module;
    Jit *jit;  // null after an error, which was printed
} Compiled;

// `passes` null: those of the level. `cpu` null: the baseline.
Compiled compiled_make(const char *text, char level, const char *const *passes, const char *cpu);
void compiled_free(Compiled *compiled);

#endif
