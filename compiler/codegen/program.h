// A module on its way to machine code: one kernel function per distinct node, one thin layer function per node, and
// the block of weights.
#ifndef CODEGEN_PROGRAM_H
#define CODEGEN_PROGRAM_H

#include "codegen/compile.h"
#include "codegen/emit_internal.h"

typedef struct Kernel Kernel;
struct Kernel {
    const char *signature;
    const Node *node;  // the first that has it
    int number;
    struct LLVMOpaqueValue *function;  // in the module of the layers: a declaration where the body is in another one
    bool *used;   // by operand: which pointers it reads
    bool shared;  // several shards may run it at a time
    bool scratch;  // it has scratch memory
    bool wide;    // takes several samples at a time
    Kernel *next;
};

// A node of control flow is one layer, whose function runs those of its bodies.
typedef struct Layer Layer;
struct Layer {
    const Node *node;
    const Kernel *kernel;  // null for control flow
    struct LLVMOpaqueValue *function;  // void (context, shard)
    Layer *bodies[2];
    Layer *next;
};

typedef struct Weight {
    const Value *value;
    int64_t offset;
} Weight;

// The code for one CPU.
typedef struct Version {
    const Module *module;
    const Target *target;
    Kernel *kernels;
    Layer *layers, **last_layer;
} Version;

typedef struct Parts {
    Emit **item;
    int n, capacity;
} Parts;

typedef struct Program {
    Emit *e;         // the module of everything but kernels
    Version *versions;
    int nversions;
    int ncpus;  // the first versions, one for each CPU; as many behind them are for blocks of samples, or none
    Version *version;  // the one that is being lowered
    const char *prefix;
    bool debug;     // -g
    bool by_layer;  // on a pool each layer is one shard, for measuring
    Interface interface;
    struct {
        Weight *item;
        int n, capacity;
    } weights;
    int64_t weights_size;
    bool parted;     // kernels may go to modules of their own, so that several threads can compile them
    Parts parts;     // those modules
    Emit *kernels;   // the module that takes the next kernel; null: `e`
    int64_t filled;  // instructions in it
    struct LLVMOpaqueValue *weights_base;     // where the weights lie
    struct LLVMOpaqueValue *splitter;         // run.c's function that gives a layer to the pool; null: not needed yet
    struct LLVMOpaqueValue *take;             // slots.c's that takes a slot; the same
    struct LLVMOpaqueType *context_type;      // of what layers are given
} Program;

// Fields of the context.
enum { CONTEXT_WORKSPACE, CONTEXT_INPUTS, CONTEXT_OUTPUTS, CONTEXT_STATUS, CONTEXT_SHARDS, CONTEXT_CPU, CONTEXT_TASKS,
       CONTEXT_ROUNDS, CONTEXT_SAMPLES, CONTEXT_POOL, CONTEXT_SLOTS };

// Makes room for the versions, one for each variant.
void program_open(Program *program, Emit *e, const Variant *variants, int count, const char *prefix);
bool program_lower(Program *program);                         // kernels and layers of all versions
// run.c: runs layers in their order, where `split` holds on the pool those that can be split; a null one: on this
// thread.
void program_run_layers(Program *program, const Layer *layers, struct LLVMOpaqueValue *context,
                        struct LLVMOpaqueValue *pool, Val split);
bool flow_lower(Program *program, Layer *layer);  // emits the function; the layers of the bodies are there already
// lower.c: a field of the context; where a value lies (null after an error).
struct LLVMOpaqueValue *context_field(Program *program, struct LLVMOpaqueValue *context, unsigned field);
struct LLVMOpaqueValue *address_of(Program *program, struct LLVMOpaqueValue *context, const Value *value,
                                   const Loc *loc);
// run.c: the target for code that runs on any CPU of the architecture, as all do that is not in a version.
Target target_of_all(const Program *program);
// run.c: a function of such code that is emitted when it is first needed: NAME_`name`.
typedef void ProgramBody(Program *program, struct LLVMOpaqueValue *function);
struct LLVMOpaqueValue *program_function(Program *program, struct LLVMOpaqueValue **function, const char *name,
                                         struct LLVMOpaqueType *type, ProgramBody *body);

// slots.c: a word for `count` free slots of scratch, at most as many as slots_most; a shard's slot, and its end.
int slots_most(Emit *e);
struct LLVMOpaqueValue *slots_new(Program *program, Val count);
Val slots_take(Program *program, struct LLVMOpaqueValue *context);
void slots_give(Program *program, struct LLVMOpaqueValue *context, Val slot);

void program_entries(Program *program);                       // abi.c: the functions and data that users see
void program_weights(const Program *program, unsigned char *bytes);  // weights_size bytes, zeroed
void program_stream(const Program *program, const Sink *sink);       // the same bytes, piece by piece

// parts.c: the module for the next kernel, and its having got one; all modules to one object.
Emit *parts_emit(Program *program);
void parts_filled(Program *program, struct LLVMOpaqueValue *kernel);
bool parts_compile(Program *program, int threads, Str *object);

// cpu.c: the number of the version that this CPU can run, as I32; a null value where there is no choice. Returns from
// the function with SQZ_ECPU where it can run none.
Val cpu_select(Program *program);
void emit_return_if(Program *program, struct LLVMOpaqueValue *condition, int result);

void program_debug(Program *program);  // debug.c: names and lines of the layers

// recipe.c: the bytes of a RECIPE node's output: panels first .. first + count - 1, of as many as the output's
// dimension 0 says. The bytes are zeroed.
void recipe_write(const Node *node, int64_t first, int64_t count, unsigned char *bytes, Arena *scratch);

#endif
