// Grouping: several nodes become the body of one.
#ifndef PASSES_GROUP_H
#define PASSES_GROUP_H

#include "ir/ir.h"

// Replaces `nodes`, which are in the order of the graph, by one node of kind `op` in the last one's place. Its body
// holds copies of them and is closed: it has an input for each value that the nodes read and none of them makes, in the
// order of reading. Only the last node's first output may be read by others.
Node *group_nodes(OpKind op, Node *const *nodes, int count);

#endif
