// What the files of the verifier share: verify.c checks graphs, verify_place.c places.
#ifndef IR_VERIFY_PARTS_H
#define IR_VERIFY_PARTS_H

#include "ir/ir.h"

typedef struct Verifier {
    const Module *module;
    Arena *arena;  // emptied at the end
    Diag *diag;
} Verifier;

// Reports E_VERIFY at the node that defines a value, if any, and returns false.
bool fail_value(const Verifier *v, const Value *value, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool verify_places(const Verifier *v, const Graph *graph);

#endif
