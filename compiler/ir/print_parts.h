// The parts of a node's text that print.c and signature.c have in common.
#ifndef IR_PRINT_PARTS_H
#define IR_PRINT_PARTS_H

#include "ir/ir.h"
#include "support/str.h"

void print_attrs(Str *out, const Node *node);   // " {strides = [2, 2]}", or nothing
void print_kernel(Str *out, const Node *node);  // " kernel(name key=value)", or nothing
void print_list(Str *out, const Value *packed);  // "list(1, 2, 3)"

#endif
