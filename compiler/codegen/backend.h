// What object.c and jit.c share: making an LLVM module of a Program.
#ifndef CODEGEN_BACKEND_H
#define CODEGEN_BACKEND_H

#include "codegen/program.h"

struct LLVMOpaqueTargetMachine;
struct LLVMOpaqueMemoryBuffer;

// How the code gets at the weights.
typedef enum WeightsMode {
    WEIGHTS_APPENDED,  // zeros, which the object is given at its end
    WEIGHTS_IN_TEXT,   // in the module, since its text must hold them
    WEIGHTS_IN_MEMORY  // at their address in this process
} WeightsMode;

void backend_init(const Target *target, char level);
struct LLVMOpaqueTargetMachine *backend_machine(const Target *target, char level, Diag *diag);  // null after an error
void emit_open(Emit *e, Arena *arena, const Target *target, const CompileOptions *options, Diag *diag);
void emit_close(Emit *e);
// Lowers everything. `weights` are in e->arena; none are made where they are appended.
bool backend_program(Program *program, struct LLVMOpaqueTargetMachine *machine, WeightsMode mode,
                     unsigned char **weights);

// What LLVM does to one module. May be called on several threads, each with modules of its own.
bool backend_optimise(Emit *e, struct LLVMOpaqueTargetMachine *machine);
// Assembly or an object; null after an error.
struct LLVMOpaqueMemoryBuffer *backend_code(Emit *e, struct LLVMOpaqueTargetMachine *machine, bool text);

#endif
