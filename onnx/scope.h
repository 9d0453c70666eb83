// The names of one ONNX graph or function body, and the values that they stand for.
#ifndef ONNX_SCOPE_H
#define ONNX_SCOPE_H

#include <onnx.pb-c.h>

#include "ir/ir.h"

typedef enum NameState {
    NAME_VALUE,     // stands for `value`
    NAME_ABSENT,    // an optional input of a function that the caller left out
    NAME_FAILED,    // its node was reported already
    NAME_TRAINING   // a result that only training gives
} NameState;

typedef struct Name {
    const char *text;  // null: a free slot
    NameState state;
    Value *value;
} Name;

typedef struct Scope Scope;
struct Scope {
    Arena *arena;
    Name *slot;  // a hash table, its size a power of two
    int n, capacity;
    int64_t opset;  // of ai.onnx here
    // Of a function body that is being inlined; null and 0 for the model's graph.
    Scope *caller;
    const Onnx__FunctionProto *function;
    const char *prefix;               // of names and nodes: "call/"
    const char *const *result_names;  // what the caller's values are to be called, one for each output
    Onnx__AttributeProto *const *attributes;  // of the call
    int nattributes;
};

Name *scope_find(const Scope *scope, const char *text);  // null if it isn't defined
bool scope_define(Scope *scope, const char *text, NameState state, Value *value);  // false if it is defined already

// What the value that `text` stands for is to be called in the IR.
const char *scope_label(const Scope *scope, const char *text);

#endif
