// Several relocatable objects become one.
#ifndef CODEGEN_JOIN_H
#define CODEGEN_JOIN_H

#include <stdbool.h>

#include "support/str.h"

typedef struct ObjectBytes {
    const unsigned char *bytes;  // aligned like a pointer
    size_t size;
} ObjectBytes;

// ELF files of 64 bits as LLVM writes them for this host's byte order. A hidden function of one satisfies the others,
// and is private in the result. False: something is in them that this does not know.
bool join_objects(Arena *arena, const ObjectBytes *objects, int count, Str *out);

#endif
