// The text form of the IR. parse_module(print_module(m)) gives m again.
#ifndef IR_PRINT_H
#define IR_PRINT_H

#include "ir/ir.h"
#include "support/str.h"

// Constants of more elements than fit on a line refer to `sidecar` (a file beside the text); with a
// null sidecar they print as `fill`, `list`, or the elements however many.
void print_module(Str *out, const Module *module, const char *sidecar);
void print_node(Str *out, const Node *node);  // one line; a body follows in braces

// The bytes of the sidecar: the large constants one after the other, each at the offset that the text gives.
const void *print_sidecar_bytes(Arena *arena, const Module *module, size_t *size);

// What two nodes must have in common to share one emitted function: operator, kernel, attributes, params, the types
// and layouts of operands, which operands are the same value, bodies, but no names and no places. Of constants the
// type, and the elements of those that a lowering may read: all integers, and up to 8 floats.
void print_signature(Str *out, const Node *node);

#endif
