// The names of one ONNX graph or function body, and the values that they stand for.
#ifndef ONNX_SCOPE_H
#define ONNX_SCOPE_H

#include <onnx.pb-c.h>

#include "ir/ir.h"

// What a name of a sequence type stands for: its elements. An optional that holds something is that thing; one that
// holds nothing has `none` set.
typedef struct List {
    bool none;
    int n;
    Value **item;
    DType dtype;  // of the elements; none: not known
} List;

typedef enum NameState {
    NAME_VALUE,     // stands for `value`
    NAME_LIST,      // stands for `list`
    NAME_ABSENT,    // an optional input of a function that the caller left out
    NAME_FAILED,    // its node was reported already
    NAME_TRAINING   // a result that only training gives
} NameState;

typedef struct Name {
    const char *text;  // null: a free slot
    NameState state;
    Value *value;
    List *list;
    Value *wide;  // its elements one to a byte, where they are packed and a node has asked for it; or null
} Name;

// What a body reads of the graph around it, and what it sees there: an input of the body each.
typedef struct Captures {
    ValueList outer, inner;
} Captures;

typedef struct Scope Scope;
struct Scope {
    Arena *arena;
    Name *slot;  // a hash table, its size a power of two
    int n, capacity;
    int64_t opset;  // of ai.onnx here
    // Of a subgraph: the scope around it, the graph that its nodes go to, and what it reads of another graph.
    Scope *outer;
    Graph *graph;
    Captures *captures;  // null where `outer` has the same graph
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

bool scope_define_list(Scope *scope, const char *text, List *list);
// The same as scope_find, through the scopes around; values of another graph are captured.
Name *scope_see(Scope *scope, const char *text);

// What the value that `text` stands for is to be called in the IR.
const char *scope_label(const Scope *scope, const char *text);

#endif
