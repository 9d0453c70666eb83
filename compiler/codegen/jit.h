// Compiling in memory and running it here: constant folding, and `sqzc run`.
#ifndef CODEGEN_JIT_H
#define CODEGEN_JIT_H

#include "codegen/compile.h"
#include "ir/ir.h"

typedef struct Jit Jit;

// Compiles a finished module for this machine. Null after an error.
Jit *jit_compile(const Module *module, const Target *target, const CompileOptions *options, Diag *diag);
// The address of `<the options' prefix><suffix>`, such as "_call" or "_run"; null if there is none.
void *jit_address(Jit *jit, const char *suffix);
void jit_free(Jit *jit);

// The nodes that have code in the order in which they run, those of Fire's bodies in its place.
const Node *const *jit_layers(const Jit *jit, int *count);

// Runs a module in memory on the given inputs; outputs are buffers of the outputs' row-major sizes. Returns the
// SQZ_E... code of the run, or -1 after a reported error.
int jit_call(Jit *jit, const void *const *inputs, void *const *outputs);

// Computes `nodes` (in order, all of whose inputs are constants or outputs of earlier ones) at -O0 on the baseline,
// and turns their outputs into constants whose bytes are in the module's arena. With `as` the results are what that
// target would compute, to the bit. `folds` (may be null) remembers the others, for modules that die together. False
// after an error.
typedef struct Fold Fold;
typedef struct Folds {
    Fold *first;
} Folds;
bool jit_fold(Graph *graph, Node *const *nodes, int count, const Target *as, Folds *folds, Diag *diag);

#endif
