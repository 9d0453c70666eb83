// Who reads the values of a graph, counted once, for passes that walk over its nodes in their order and take nodes out
// on the way:
//
//     Uses uses = uses_of(graph, ctx->scratch);
//     for (Node *node = graph->first, *next; node; node = next) {
//         next = node->next;
//         uses_catch_up(&uses, node);
//         ... uses_count(&uses, value) ... uses_bypass(&uses, node, value) ...
//     }
//
// What replaces a value is noted; its readers change when the walk comes to them, which costs nothing for each node
// that is taken out. The walk has to go on to the end.
#ifndef PASSES_USES_H
#define PASSES_USES_H

#include "ir/ir.h"

typedef struct Uses {
    int n;          // values counted: those with ids below; of later ones the readers are looked for
    int *count;     // by id, as value_uses
    Node **reader;  // by id: the first that read it; null once that is gone
    Value **now;    // by id: what its readers are to read instead; or null
} Uses;

Uses uses_of(const Graph *graph, Arena *arena);
int uses_count(const Uses *uses, const Value *value);          // as value_uses
Node *uses_reader(const Uses *uses, const Value *value);         // one of several; null if none is known
Node *uses_single_reader(const Uses *uses, const Value *value);  // null if its one use is no node's, or it has several
void uses_add(Uses *uses, const Value *value, Node *reader);     // that reads it from now on
void uses_catch_up(const Uses *uses, Node *node);                // its inputs are what they are to be
bool uses_bypass(Uses *uses, Node *node, Value *value);          // as node_bypass; `value` was counted

#endif
