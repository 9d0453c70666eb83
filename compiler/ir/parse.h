// Reads the text form of the IR.
#ifndef IR_PARSE_H
#define IR_PARSE_H

#include <stddef.h>

#include "ir/ir.h"

// Null after an error, which names the line. `folder` is where sidecar files are looked for (null: the current one).
Module *parse_module(Arena *arena, const char *text, size_t length, const char *folder, Diag *diag);

// The same with the bytes of the sidecar at hand, whatever its name; the module borrows them. Reads no file.
Module *parse_module_with(Arena *arena, const char *text, size_t length, const void *sidecar, size_t size, Diag *diag);

#endif
