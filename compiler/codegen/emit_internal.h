// The state behind the kernel language, for codegen's own files: the only ones that see LLVM.
#ifndef CODEGEN_EMIT_INTERNAL_H
#define CODEGEN_EMIT_INTERNAL_H

#include "codegen/emit.h"

struct LLVMOpaqueContext;
struct LLVMOpaqueModule;
struct LLVMOpaqueBuilder;
struct LLVMOpaqueValue;
struct LLVMOpaqueType;
struct LLVMOpaqueBasicBlock;

typedef struct Helper Helper;
struct Helper {
    const char *name;
    struct LLVMOpaqueValue *function;
    Helper *next;
};

// What is known of the kernel function that is being emitted.
typedef struct KernelState {
    const Node *node;
    struct LLVMOpaqueValue *function;
    bool *used;             // by operand: inputs, then outputs
    bool shared;            // e_share was called
    bool wide;              // e_samples was called
    int64_t scratch_bytes;  // e_scratch's
} KernelState;

struct Emit {
    Arena *arena;
    const Target *target;
    Diag *diag;
    char level;
    bool strict;
    struct LLVMOpaqueContext *context;
    struct LLVMOpaqueModule *module;
    struct LLVMOpaqueBuilder *builder;
    struct LLVMOpaqueValue *function;     // where instructions go
    struct LLVMOpaqueBasicBlock *entry;   // of it; holds the allocas
    Helper *helpers;
    KernelState kernel;
};

static inline Val val(const void *v, DType dtype, int lanes) {
    return (Val){(void *)(uintptr_t)v, dtype, lanes};
}

struct LLVMOpaqueType *emit_type(Emit *e, DType dtype, int lanes);    // of a Val
struct LLVMOpaqueType *emit_memory_type(Emit *e, DType dtype, int lanes);
struct LLVMOpaqueType *emit_pointer_type(Emit *e);
struct LLVMOpaqueType *emit_index_type(Emit *e);
// A function with the attributes that all of ours have; it becomes the place where instructions go.
struct LLVMOpaqueValue *emit_function(Emit *e, const char *name, struct LLVMOpaqueType *type, bool external);
void emit_attribute(Emit *e, struct LLVMOpaqueValue *function, unsigned index, const char *name);
struct LLVMOpaqueBasicBlock *emit_block(Emit *e, const char *name);
struct LLVMOpaqueValue *emit_intrinsic(Emit *e, const char *name, struct LLVMOpaqueType *overload,
                                       struct LLVMOpaqueValue **args, unsigned count);
// The same vector, of an x86, computed here and in this order (e_pin).
struct LLVMOpaqueValue *emit_pinned(Emit *e, struct LLVMOpaqueValue *vector);

// The parameters of a kernel function behind its operands.
enum { PARAM_SCRATCH, PARAM_STATUS, PARAM_SHARD, PARAM_SHARDS, PARAM_SAMPLES, PARAM_COUNT };
struct LLVMOpaqueValue *kernel_param(Emit *e, int which);

// Lane i is that of number lane[i] among the lanes of all n vectors.
Val emit_gather_lanes(Emit *e, const Val *v, int n, const int *lane);

#endif
