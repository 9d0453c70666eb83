// Nodes that work on dimensions whose size is data, as nodes that need not know it.
#ifndef PASSES_RESOLVE_COUNTS_H
#define PASSES_RESOLVE_COUNTS_H

#include "ir/infer.h"

// Called by infer-shapes on each node whose inputs have types. Where the node works along a counted dimension, or makes
// one, others take its place; returns the first of these, from which inference goes on, or null where nothing changed.
// With `data`, elements that nothing is known of may decide how much there is of a result.
Node *resolve_counts(Infer *infer, Node *node, bool data);

#endif
