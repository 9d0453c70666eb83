// The graph: what the importer builds, each pass annotates and codegen obeys. Everything lives in the module's arena.
//
// Read this file first. A Module has graphs; the first is the model. A Graph is a list of Nodes in the order in which
// they run. A Node has an operator (ir/op.h), attributes, and Values as inputs and outputs. A Value is a graph input,
// the result of one node, or a constant (`data` set). All that is decided about a node or a value (kernel, layout,
// place) is a field here and prints in the text form (ir/print.h).
#ifndef IR_IR_H
#define IR_IR_H

#include <stdbool.h>
#include <stdint.h>

#include "ir/op.h"
#include "ir/type.h"
#include "support/arena.h"
#include "support/diag.h"

typedef struct Value Value;
typedef struct Node Node;
typedef struct Graph Graph;
typedef struct Module Module;

typedef struct ValueList {
    Value **item;
    int n, capacity;
} ValueList;

typedef struct GraphList {
    Graph **item;
    int n, capacity;
} GraphList;

// The bytes of a constant in its logical row-major order, little-endian, bool as one byte. Borrowed from the mapped
// model file or owned by the arena; may be unaligned.
typedef struct Constant {
    const void *stored;            // null: `derived` says what they are
    int64_t size;                  // equals type_bytes of the value's type
    const struct Derived *derived;
    bool held;                     // by constant_hold
} Constant;

// How the elements of a large constant follow from those of others. They are computed where and when they are read, so
// that a large model's weights exist once.
typedef enum Derivation {
    CONVERTED,  // to another type, which changes or rounds their numbers
    SCALED,     // number i times number[i / run % n], rounded
    SHIFTED,    // the same, added
    MOVED,      // that at (i, j, ...) of `dim` is number first + i * step[0] + j * step[1] + ... of the base
    JOINED,     // run[0] of the first part, run[1] of the second, ..., and so on again from the first
} Derivation;

typedef struct Moved {
    int rank;  // at least 1
    int64_t dim[MAX_RANK], step[MAX_RANK], first;
} Moved;

typedef struct Derived {
    Derivation how;
    DType dtype, from;      // of the elements; of those of the base (CONVERTED)
    const Constant *base;   // JOINED: null
    int depth, sources;     // how many such follow from each other; how many constants are read
    const double *number;   // SCALED, SHIFTED
    int64_t run, n;
    Moved moved;
    const Constant **part;  // JOINED
    int64_t *runs;
    int parts;
    Arena *arena;
} Derived;

enum { DERIVED_DEPTH = 8, DERIVED_SOURCES = 1 << 16 };  // at most, since reading recurs

const void *constant_bytes(const Constant *constant);  // all of them; once computed they are kept
void constant_read(const Constant *constant, DType dtype, int64_t first, int64_t count, void *to);  // some elements
bool constant_equal(const Constant *a, const Constant *b);
// In its arena, which has a copy; `depth`, `sources` and what isn't the kind's need not be set. Null if there are too
// many.
const Constant *constant_derived(const Derived *derived);
void derived_read(const Derived *derived, int64_t first, int64_t count, void *to);
bool derived_equal(const Derived *a, const Derived *b);

// What elements follow from out of order is computed as a whole where they are read. Between these two it is kept.
typedef struct HeldConstants {
    Arena *arena;
    Constant **item;
    int n, capacity;
} HeldConstants;
void constant_hold(const Constant *constant, HeldConstants *held);
void constant_release(HeldConstants *held);

// Where a value lies. PLACE_IN: `offset` elements behind the start of `base`'s storage (a channel slice, or a
// reshaped view). PLACE_WORKSPACE: `offset` bytes from the start of the workspace.
typedef enum PlaceKind { PLACE_NONE, PLACE_IN, PLACE_WORKSPACE } PlaceKind;
typedef struct Place {
    PlaceKind kind;
    Value *base;
    int64_t offset;
} Place;

struct Value {
    const char *name;      // unique in its graph; any bytes (the printer quotes); changed by value_rename
    Type type;
    const Type *declared;  // while the type isn't known: what the model says it is, static; or null
    Graph *graph;
    Node *def;             // null for graph inputs and constants
    const Constant *data;  // set for constants
    Place place;
    int id;                // index into graph->values
};

struct Node {
    OpKind op;
    int kernel;    // KernelKind of codegen/kernel.h; 0 is the generic lowering
    void *attrs;   // the struct of op_info[op].attrs
    void *params;  // the struct of the kernel's parameter table, or null
    Graph *body;   // HAS_BODY: closed; body inputs stand for the node's inputs in order. FUSES: perhaps an elementwise
                   // one, whose inputs are the sum and what stands for the node's inputs from FUSED_INPUTS on
    Graph *otherwise;  // If: the body where the condition is false
    Loc *loc;
    Graph *graph;
    int nin, nout;
    Value **in, **out;  // an input may be null: an optional one left out
    Node *prev, *next;
};

// Values by their names (names.c).
typedef struct Names {
    Value **slot;  // null: free
    size_t n, capacity;
} Names;

struct Graph {
    Module *module;
    Node *owner;       // the node whose body this is; null for a graph of the module
    const char *name;
    Node *first, *last;
    ValueList values;  // all of them, constants too; ids index this list
    Names names;
    ValueList inputs, outputs;
};

// A dimension that stays open: the number of samples in a call, `least` to `most`. Until open-batch it is a symbol in
// types; behind it the graph is that of one sample, and `axis` says of the model's inputs, then
// its outputs, along which dimension samples lie (-1: all samples share it).
typedef struct Open {
    Symbol *symbol;  // null: there is none
    int64_t least, most;
    int64_t block;   // samples that each value has room for in the workspace; 0: one, and kernels get one at a time
    int *axis;       // null before open-batch
    int count;
} Open;

// What the numbers of an output stand for, where that was a string in the model.
typedef struct OutputLabels OutputLabels;
struct OutputLabels {
    const char *output;  // its name
    const char **text;   // of number 0, 1, ...
    int n;
    OutputLabels *next;
};

struct Module {
    Arena *arena;
    const char *name;
    GraphList graphs;  // [0] is the model; bodies hang on their nodes, not here
    Symbol *symbols;
    Open open;
    OutputLabels *labels;
    int64_t workspace_bytes;  // of planned values; 0 before plan-memory
    int64_t shard_bytes;      // scratch of a shard
    double constant_bytes;    // of the model's graph, as predictions see it (kernels/cost.c); 0: not summed up yet
};

Module *module_new(Arena *arena, const char *name);
Symbol *module_symbol(Module *module, const char *name);  // found or made
Graph *graph_new(Module *module, const char *name);       // not yet in module->graphs

// `name` is made unique by a suffix if the graph has it already (null: "v").
Value *value_new(Graph *graph, const char *name, Type type);
Value *value_append(Graph *graph, const char *name, Type type);  // the same for a name known to be free, not copied
Value *value_constant_like(Graph *graph, const Value *other, Type type);  // of another shape, with the same bytes
Value *value_scaled(Graph *graph, const Value *other, const double *factor, int64_t run, int64_t n);
Value *value_constant(Graph *graph, const char *name, Type type, const void *bytes);  // borrows `bytes`
Value *value_find(const Graph *graph, const char *name);  // null if there is none
void value_rename(Value *value, const char *name);         // to a name that is free or will be, not copied
void names_add(Graph *graph, Value *value);                // that is in the list already; for graph.c
Value *value_int64s(Graph *graph, const char *name, const int64_t *v, int n);  // a rank-1 i64 constant
bool value_is_input(const Value *value);
bool value_is_output(const Value *value);
int value_uses(const Value *value);           // by nodes of its graph, each input counted, plus graph outputs
Node *value_single_user(const Value *value);  // the one node that reads it, if it isn't a graph output; or null
void value_replace(Value *old, Value *new_);  // in all nodes' inputs and the graph's outputs
void value_adopt(Graph *graph, Value *value);  // that was another graph's; its name is made unique
// The integers of a constant (i32 or i64), sign-extended, into the arena; false if it is no such constant.
bool value_as_ints(const Value *value, Arena *arena, Ints *ints);
// The elements of a constant of any type as doubles, into the arena; false if it is no constant.
bool value_as_doubles(const Value *value, Arena *arena, Floats *numbers);
// A constant of a float or integer type from one number per element of the (static) type, rounded to nearest.
Value *value_doubles(Graph *graph, const char *name, Type type, const double *v);
bool value_as_double(const Value *value, double *number);  // a constant of one float or integer element

// A node with default attributes and room for its operands, not yet in a list.
Node *node_new(Graph *graph, OpKind op, int nin, int nout);
void graph_append(Graph *graph, Node *node);
void graph_insert_before(Node *where, Node *node);
void graph_insert_after(Node *where, Node *node);
void graph_move_before(Node *where, Node *node);  // of the same graph; to its end if `where` is null
void node_remove(Node *node);   // from its list; its outputs must have no users any more
Value *node_output(Node *node, int index, const char *name, Type type);  // makes and sets out[index]
// The result of a new node before `where`, with its origin and the name of its result; b may be null.
Value *node_before(Node *where, OpKind op, Value *a, Value *b, Type type);
static inline Value *node_in(const Node *node, int index) {  // null if left out
    return index < node->nin ? node->in[index] : 0;
}
void node_set_input(Node *node, int index, Value *value);  // room is made where there is none
// Removes a node whose first output equals `value`, which its users then read. Where that output is one of the graph,
// the producer of `value` writes it instead; false, with nothing changed, where none could (`value` is a graph input,
// a constant or an output itself).
bool node_bypass(Node *node, Value *value);
Loc *loc_join(Arena *arena, const Loc *a, const Loc *b);  // a copy of both chains; either may be null

static inline Value *graph_operand(const Graph *graph, int index) {  // the inputs, then the outputs
    return index < graph->inputs.n ? graph->inputs.item[index] : graph->outputs.item[index - graph->inputs.n];
}

// Removes values that nothing refers to and renumbers the others.
void graph_compact(Graph *graph);

// Sums that are not stored as they are.
enum { FUSED_INPUTS = 4 };
static inline bool node_fuses(const Node *node) {
    return node->body && (op_info[node->op].flags & FUSES);
}
static inline int node_most_inputs(const Node *node) {
    return node_fuses(node) ? MANY : op_info[node->op].in_max;
}
static inline const Type *node_sum_type(const Node *node) {
    return node_fuses(node) ? &node->body->inputs.item[0]->type : &node->out[0]->type;
}

// Bodies of control flow: If, Loop, Scan.
static inline bool node_is_flow(const Node *node) {
    return (op_info[node->op].flags & FLOW) != 0;
}
static inline Graph *node_body(const Node *node, int index) {  // 0 or 1; null if there is none
    return index ? node->otherwise : node->body;
}
int flow_carried(const Node *node);   // how many of its outputs, the first, go from turn to turn; of an If 0
int flow_captures(const Node *node);  // the first of its inputs that the bodies see as it is
void flow_drop_capture(Node *node, int index);  // that no body reads
// Removes the outputs that nobody reads, but those that a turn hands to the next; true if there were such. One is left.
bool flow_drop_outputs(Node *node);
// Makes a Loop count its turns (LoopAttrs.counted).
void flow_count_turns(Node *node);
// Moves the nodes of a body before its node, which is removed: they write what it would have written. The body's
// inputs and outputs must be those of the node, as an If's are. Returns the first of them, or what followed the node.
Node *node_inline(Node *node, Graph *body);

// What stands outside for an input or output of a body that shares its storage; null for all other values. Those of
// Fire and If are the node's own; what a Loop or Scan carries lies in the node's outputs.
Value *value_outside(const Value *value);

// The value that owns the storage, and the offset into it in elements. Follows places, and leads out of bodies.
Value *place_root(const Value *value, int64_t *offset);
// The bytes of a constant, also where a body sees it as an input; null for what is no constant.
const Constant *value_data(const Value *value);

#endif
