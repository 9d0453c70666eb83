// One activation into its producer, for rewrites that bring the two together.
#ifndef PASSES_FUSE_ACTIVATION_H
#define PASSES_FUSE_ACTIVATION_H

#include "passes/uses.h"

// If the node is an activation that all producers of its input can apply as they store, they do, and the node is gone.
void fuse_activation(Uses *uses, Node *node);

#endif
