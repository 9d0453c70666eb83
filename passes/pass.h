// Passes: each changes a module in place; the manager runs a list of them, verifying and printing on demand.
#ifndef PASSES_PASS_H
#define PASSES_PASS_H

#include <stdio.h>

#include "ir/ir.h"
#include "target/target.h"

// A kernel with params that can compute a node, and its predicted time.
typedef struct KernelOption {
    int kernel;
    void *params;
    double seconds;
} KernelOption;

// A node that choose-kernels decided about: how many options it had, the one predicted to be best first, and which one
// it took.
typedef struct Decision {
    Node *node;
    int options, taken;
} Decision;

// Its decisions in its order, and, if there are `wanted`, the options that it is to take.
typedef struct Decisions {
    Decision *item;
    int n, capacity;
    const int *wanted;
    int nwanted;
} Decisions;

typedef struct PassContext {
    Module *module;
    const Target *target;
    const Target
        *packing;  // of several versions in one object, the one whose weights all have if they can; null: only one
    Arena *scratch;  // emptied after each pass
    Diag *diag;
    bool small;      // -Os
    bool strict;     // --strict: inexact kernels are not chosen, inexact passes do not run
    Decisions *decisions;  // null: nobody asks
    struct Folds *folds;   // results of folding that other versions of the model share; null: none do
} PassContext;

// False after an error that was reported. A pass changes the module as a whole, or one graph at a time: then it is run
// over the bodies of control flow as well, the inner ones first. Inputs and outputs of a body keep their types, and
// stay row-major.
typedef bool (*PassFn)(PassContext *ctx);
typedef bool (*GraphPassFn)(PassContext *ctx, Graph *graph);

typedef struct PassInfo {
    const char *name, *why;
    bool exact;  // may run under --strict
    PassFn run;
    GraphPassFn run_on;  // null: `run`
} PassInfo;

#define PASS(id, name, exact, why) bool pass_##id(PassContext *ctx);
#define GRAPH_PASS(id, name, exact, why) bool pass_##id(PassContext *ctx, Graph *graph);
#include "passes/passes.def"
#undef PASS
#undef GRAPH_PASS

const PassInfo *pass_table(int *count);

// The passes of an optimisation level: '0', '1', '2', '3' or 's'. Null-terminated names.
const char *const *pipeline(char level);

typedef struct PassOptions {
    const char *const *names;  // null-terminated
    const char *print_after;   // a pass, "all", or null
    const char *stop_after;    // a pass or null
    bool verify_each;
    bool time_report;          // to `out`
    FILE *out;                 // where IR and reports are printed
} PassOptions;

bool passes_run(PassContext *ctx, const PassOptions *options);

#endif
