// Whether a model treats each sample of a batch by itself, so that the number of samples may stay open.
#ifndef IR_OPEN_H
#define IR_OPEN_H

#include "ir/ir.h"

enum { OPEN_NONE = -1, OPEN_SEVERAL = -2 };

// The axis whose dimension is a multiple of a symbol, OPEN_NONE, or OPEN_SEVERAL. Samples lie one after the other where
// type_before is 1 for it.
int type_open_axis(const Type *type);

// Null where the node, given several samples side by side along the open axes of its inputs, makes of each what it
// makes of that one alone, side by side along the open axes of its outputs; else the reason why not. Types must be
// inferred, with the symbol. `counts` says, by value id, which values hold a number of samples, and is set for the
// outputs. Of control flow the bodies must be looked at, too.
const char *open_reason(Arena *arena, const Node *node, bool *counts);

// Bytes that a value of the type takes in the workspace, for all samples that there is room for; -1 where these are
// more than a size can be.
int64_t open_bytes(const Module *module, const Type *type);

// The open dimension in the module's interface, after open-batch: are the axes those of the graph's operands?
bool open_is_sound(const Module *module);

#endif
