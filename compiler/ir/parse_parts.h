// What the files of the parser share: parse.c reads graphs, parse_type.c types, parse_data.c constants.
#ifndef IR_PARSE_PARTS_H
#define IR_PARSE_PARTS_H

#include "ir/ir.h"
#include "ir/lex.h"

typedef struct Sidecar Sidecar;
struct Sidecar {
    const char *name;  // null: stands for every name
    const void *bytes;
    size_t size;
    Sidecar *next;
};

typedef struct Parser {
    Lexer lex;
    Module *module;
    const char *folder;
    Sidecar *sidecars;
    int64_t made;  // bytes that `fill`, `iota` and `random` made so far
    int depth;     // of bodies
} Parser;

bool parse_type(Parser *p, Type *type);
bool parse_data(Parser *p, const Type *type, const void **bytes);

#endif
