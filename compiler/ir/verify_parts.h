// What the files of the verifier share: verify.c checks graphs, verify_body.c bodies, verify_place.c and
// verify_memory.c places.
#ifndef IR_VERIFY_PARTS_H
#define IR_VERIFY_PARTS_H

#include "ir/ir.h"

typedef struct Verifier {
    const Module *module;
    Arena *arena;  // emptied at the end
    Diag *diag;
} Verifier;

// Report E_VERIFY, at the node or at the one that defines the value, and return false.
bool fail_node(const Verifier *v, const Node *node, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool fail_value(const Verifier *v, const Value *value, const char *format, ...) __attribute__((format(printf, 3, 4)));

bool verify_counts(const Verifier *v, const Node *node);  // the attributes that say how many operands are of a kind
// Of a body that is a sound graph with as many inputs and outputs as its node.
bool verify_body(const Verifier *v, const Node *node, const Graph *body);
bool verify_places(const Verifier *v, const Graph *graph);
bool verify_memory(const Verifier *v, const Graph *graph);  // of the module

#endif
