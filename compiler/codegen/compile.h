// From a module that the passes have finished to machine code.
#ifndef CODEGEN_COMPILE_H
#define CODEGEN_COMPILE_H

#include "ir/ir.h"
#include "support/str.h"
#include "target/target.h"

typedef enum OutputKind { OUTPUT_OBJECT, OUTPUT_ASSEMBLY, OUTPUT_LLVM_IR, OUTPUT_BITCODE } OutputKind;

typedef struct CompileOptions {
    const char *prefix;  // of the symbols: a C identifier
    char level;          // '0', '1', '2', '3', 's'
    bool strict;         // --strict: as at -O0, to the bit
    bool debug;          // -g
    int threads;         // of LLVM's work; 0: one for each CPU, but a few at most. They change no byte
    bool by_layer;  // of code in memory: on a pool each layer, shared or not, is one call of pool->run with one shard
} CompileOptions;

// The model as the passes have made it for one CPU. All variants of an object have one interface: the same workspace.
// Behind those for single samples there may be one for each of the same CPUs for blocks of samples (Open.block).
typedef struct Variant {
    const Module *module;
    const Target *target;
} Variant;

// Takes an output piece by piece. Errors are the sink's to keep.
typedef struct Sink {
    void (*write)(void *context, const void *bytes, size_t size);
    void *context;
} Sink;

// One object with a version for each variant; the best that the CPU can run is picked when it runs, once.
// Nothing is written before all is known to be well.
bool compile_module(const Variant *variants, int count, const CompileOptions *options, OutputKind kind,
                    const Sink *sink, Diag *diag);

// A call on a pool takes so many threads at most, and is cut into so many shards for each where its workspace has room
// for the scratch of all.
enum { MAX_THREADS = 64, SHARDS_PER_THREAD = 4 };

// What the interface hash covers, and what the header needs.
typedef struct Interface {
    uint64_t hash;
    int64_t workspace_bytes, shard_bytes;  // of one thread all in all; of each further one
    int inputs, outputs;
    const char **c_names;                  // identifiers of the inputs, then the outputs; distinct
    const Open *open;                      // null: no dimension is open
    const char *open_name;                 // its identifier
} Interface;
// Which output counts a dimension of this one; -1: none does.
int graph_count_output(const Graph *graph, const Value *value);
Interface interface_of(const Module *module, const char *prefix, Arena *arena);

// The text of the header beside the object.
void header_text(Str *out, const Module *module, const char *prefix);

#endif
