// A module on its way to machine code: one kernel function per distinct node, one thin layer function per node, and
// the block of weights.
#ifndef CODEGEN_PROGRAM_H
#define CODEGEN_PROGRAM_H

#include "codegen/compile.h"
#include "codegen/emit_internal.h"

typedef struct Kernel Kernel;
struct Kernel {
    const char *signature;
    struct LLVMOpaqueValue *function;
    bool *used;   // by operand: which pointers it reads
    bool shared;  // several shards may run it at a time
    Kernel *next;
};

typedef struct Layer Layer;
struct Layer {
    const Node *node;
    const Kernel *kernel;
    struct LLVMOpaqueValue *function;  // void (context, shard)
    Layer *next;
};

typedef struct Weight {
    const Value *value;
    int64_t offset;
} Weight;

typedef struct Program {
    Emit *e;
    const Module *module;
    const char *prefix;
    Interface interface;
    Kernel *kernels;
    Layer *layers, **last_layer;
    struct {
        Weight *item;
        int n, capacity;
    } weights;
    int64_t weights_size;
    struct LLVMOpaqueValue *weights_base;     // where the weights lie
    struct LLVMOpaqueType *context_type;      // of what layers are given
} Program;

// Fields of the context.
enum { CONTEXT_WORKSPACE, CONTEXT_INPUTS, CONTEXT_OUTPUTS, CONTEXT_STATUS, CONTEXT_SHARDS };

bool program_lower(Program *program);                         // kernels and layers
void program_entries(Program *program);                       // abi.c: the functions and data that users see
void program_weights(const Program *program, unsigned char *bytes);  // weights_size bytes, zeroed

// recipe.c: the bytes of a RECIPE node's output.
void recipe_write(const Node *node, unsigned char *bytes);

#endif
