// What the files of the entries share: abi.c makes the functions and data that users see, run.c what is behind them.
#ifndef CODEGEN_ABI_PARTS_H
#define CODEGEN_ABI_PARTS_H

#include "codegen/program.h"

// The parameters of run.c's function: arrays of pointers, the memory, a pool or null, the open dimension (I64; unused
// where there is none). It checks them all.
enum { RUN_INPUTS, RUN_OUTPUTS, RUN_WORKSPACE, RUN_WORKSPACE_SIZE, RUN_POOL, RUN_DIM, RUN_PARAMS };
struct LLVMOpaqueValue *run_function(Program *program);

struct LLVMOpaqueValue *abi_field(Program *program, struct LLVMOpaqueType *type, struct LLVMOpaqueValue *object,
                                  unsigned index);
// Whether an address has one of the low bits of `mask` set, or is null.
struct LLVMOpaqueValue *abi_bad_pointer(Program *program, struct LLVMOpaqueValue *p, unsigned mask);

#endif
