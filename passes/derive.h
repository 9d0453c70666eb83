// Large constants that follow from others, made without computing them.
#ifndef PASSES_DERIVE_H
#define PASSES_DERIVE_H

#include "passes/pass.h"

// Whether a node might be derived once all of its inputs are constants.
bool derive_accepts(const Node *node);
// Makes the outputs of a node constants in place that say how they follow from its inputs (ir.h, Derived); the node
// goes. False, with nothing changed, where that is not so simple.
bool derive_constants(PassContext *ctx, Node *node);

#endif
