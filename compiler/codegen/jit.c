// Machine code in memory, on LLVM's ORC.
#include "codegen/jit.h"

#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/TargetMachine.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/backend.h"
#include "runtime/sqz.h"

struct Jit {
    Arena *arena;  // the weights are in it
    const char *prefix;
    LLVMOrcLLJITRef orc;
    int64_t workspace_bytes;
    const Node **layers;
    int nlayers;
};

static bool orc_ok(LLVMErrorRef error, Diag *diag) {
    if (!error)
        return true;
    char *text = LLVMGetErrorMessage(error);
    diag_error(diag, NULL, E_BACKEND, "LLVM: %s", text);
    LLVMDisposeErrorMessage(text);
    return false;
}

static bool orc_add(Jit *jit, Emit *e, Diag *diag) {
    LLVMOrcThreadSafeContextRef context = LLVMOrcCreateNewThreadSafeContextFromLLVMContext(e->context);
    LLVMOrcThreadSafeModuleRef module = LLVMOrcCreateNewThreadSafeModule(e->module, context);
    LLVMOrcDisposeThreadSafeContext(context);
    LLVMErrorRef error = LLVMOrcLLJITAddLLVMIRModule(jit->orc, LLVMOrcLLJITGetMainJITDylib(jit->orc), module);
    return orc_ok(error, diag);
}

static bool orc_open(Jit *jit, const Target *target, char level, Diag *diag) {
    LLVMTargetMachineRef machine = backend_machine(target, level, diag);
    if (!machine)
        return false;
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(builder,
                                                  LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(machine));
    return orc_ok(LLVMOrcCreateLLJIT(&jit->orc, builder), diag);
}

static void keep_layers(Jit *jit, const Program *program) {
    for (const Layer *layer = program->versions[0].layers; layer; layer = layer->next)
        jit->nlayers++;
    jit->layers = ARENA_ARRAY(jit->arena, const Node *, jit->nlayers + 1);
    int i = 0;
    for (const Layer *layer = program->versions[0].layers; layer; layer = layer->next)
        jit->layers[i++] = layer->node;
}

const Node *const *jit_layers(const Jit *jit, int *count) {
    *count = jit->nlayers;
    return jit->layers;
}

Jit *jit_compile(const Module *module, const Target *target, const CompileOptions *options, Diag *diag) {
    backend_init(target, options->level);
    Arena *arena = arena_new();
    Jit *jit = ARENA_NEW(arena, Jit);
    jit->arena = arena;
    jit->prefix = options->prefix;
    Emit e;
    emit_open(&e, arena, target, options, diag);
    Program program;
    program_open(&program, &e, &(Variant){module, target}, 1, options->prefix);
    program.by_layer = options->by_layer;
    jit->workspace_bytes = program.interface.workspace_bytes;
    LLVMTargetMachineRef machine = backend_machine(target, options->level, diag);
    unsigned char *weights = NULL;
    bool ok =
        machine && backend_program(&program, machine, WEIGHTS_IN_MEMORY, &weights) && backend_optimise(&e, machine);
    if (machine)
        LLVMDisposeTargetMachine(machine);
    LLVMDisposeBuilder(e.builder);
    if (!ok) {
        LLVMDisposeModule(e.module);
        LLVMContextDispose(e.context);
        arena_free(arena);
        return NULL;
    }
    keep_layers(jit, &program);
    LLVMContextSetDiagnosticHandler(e.context, NULL, NULL);
    if (orc_open(jit, target, options->level, diag) && orc_add(jit, &e, diag))
        return jit;
    jit_free(jit);
    return NULL;
}

void *jit_address(Jit *jit, const char *suffix) {
    LLVMOrcExecutorAddress address = 0;
    LLVMErrorRef error = LLVMOrcLLJITLookup(jit->orc, &address, arena_printf(jit->arena, "%s%s", jit->prefix, suffix));
    if (error)
        LLVMConsumeError(error);
    return error ? NULL : (void *)(uintptr_t)address;
}

void jit_free(Jit *jit) {
    if (!jit)
        return;
    if (jit->orc) {
        LLVMErrorRef error = LLVMOrcDisposeLLJIT(jit->orc);
        if (error)
            LLVMConsumeError(error);
    }
    arena_free(jit->arena);
}

int jit_call(Jit *jit, const void *const *inputs, void *const *outputs) {
    void *address = jit_address(jit, "_call");
    if (!address)
        return -1;
    int (*call)(const sqz_call *);
    memcpy(&call, &address, sizeof call);
    size_t size = (size_t)jit->workspace_bytes;
    void *workspace = aligned_alloc(64, size ? (size + 63) / 64 * 64 : 64);
    if (!workspace)
        return -1;
    sqz_call arguments = {
        .size = sizeof arguments, .inputs = inputs, .outputs = outputs, .workspace = workspace, .workspace_size = size};
    int result = call(&arguments);
    free(workspace);
    return result;
}
