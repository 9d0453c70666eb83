// What the subcommands share: a session is one model on its way from file to code.
#ifndef DRIVER_DRIVER_H
#define DRIVER_DRIVER_H

#include "codegen/jit.h"
#include "driver/options.h"
#include "ir/ir.h"
#include "onnx/import.h"
#include "passes/pass.h"
#include "support/file.h"
#include "target/target.h"

typedef struct MappedFile {
    const char *path;
    File file;
} MappedFile;

typedef struct MappedFiles {
    MappedFile *item;
    int n, capacity;
} MappedFiles;

typedef struct Session {
    const Options *options;
    Arena *arena;
    Diag diag;
    Target target;
    Module *module;
    Words read;  // paths of all files read so far; they stay mapped
    MappedFiles maps;             // the files that this session has mapped
    const struct Session *first;  // another session, whose mappings it uses too, or null
    const char *packing_cpu;      // of several versions, the one whose predictions say how weights are packed; or null
    Folds own_folds, *folds;      // results of folding: its own, and those that it uses, the first session's
    double started;
    Decisions decisions;  // of choose-kernels
} Session;

// What is compiled in memory to run here is for this very CPU, unless the flags say otherwise.
void options_for_here(Options *options);

void session_begin(Session *session, const Options *options, FILE *messages);
void session_end(Session *session);

// Loads .onnx (or, by its suffix, .sqz), with the flags' --dim, --shape, --bind, --keep. `more` (may be null) adds
// shapes and binds to the flags'.
bool session_load(Session *session, const char *path, const OnnxOptions *more);
// --tune: times what choose-kernels may take and makes session->decisions want the fastest. Trials load the model anew.
bool session_tune(Session *session, const char *path, const OnnxOptions *more);
bool session_run_passes(Session *session);  // the flags' passes, or those of the level
// The bytes that the module's text form refers to as "FILE.bin", if there are any.
bool session_write_sidecar(Session *session, const char *path);
const unsigned char *session_map(Session *session, const char *path, size_t *size);  // null after an error
void session_time(Session *session, const char *what);  // says how long the step since the last call took

// "models/my net.onnx" -> "my_net"; or --name. Null after an error.
const char *session_prefix(Session *session, const char *path);
// The path without its folder and its last suffix.
const char *path_stem(Arena *arena, const char *path);

// One tensor from a .npy or .pb file.
bool tensor_load(Session *session, const char *path, Type *type, const void **data);

// The subcommands: exit codes.
enum { EXIT_DONE = 0, EXIT_MODEL = 1, EXIT_FLAGS = 2 };
int exit_code(const Diag *diag);  // 2 after a usage or I/O error, else 1
int command_compile(const Options *options);
int command_opt(const Options *options);
int command_run(const Options *options);
int command_test(const Options *options);
int command_bench(const Options *options);
int command_list(const Options *options);
int command_explain(const Options *options);

void memory_report(FILE *out, const Module *module, const Target *target);

#endif
