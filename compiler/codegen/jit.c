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
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(builder, LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(machine));
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
    bool ok = machine && backend_program(&program, machine, WEIGHTS_IN_MEMORY, &weights) && backend_optimise(&e, machine);
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
    sqz_call arguments = {.size = sizeof arguments, .inputs = inputs, .outputs = outputs, .workspace = workspace, .workspace_size = size};
    int result = call(&arguments);
    free(workspace);
    return result;
}

// ---- Folding: the nodes become a model of their own, whose outputs are all the values that they compute.

static Value *clone_value(Graph *graph, ValueList *from, ValueList *to, const Value *value) {
    for (int i = 0; i < from->n; i++)
        if (from->item[i] == value)
            return to->item[i];
    Value *clone = value->data ? value_constant(graph, value->name, value->type, constant_bytes(value->data))
                               : value_new(graph, value->name, value->type);
    LIST_PUSH(graph->module->arena, from, (Value *)(uintptr_t)value);
    LIST_PUSH(graph->module->arena, to, clone);
    return clone;
}

static Module *module_of(Arena *arena, Node *const *nodes, int count) {
    Module *module = module_new(arena, "fold");
    Graph *graph = graph_new(module, "main");
    LIST_PUSH(arena, &module->graphs, graph);
    ValueList from = {0}, to = {0};
    for (int i = 0; i < count; i++) {
        Node *copy = node_new(graph, nodes[i]->op, nodes[i]->nin, nodes[i]->nout);
        copy->attrs = nodes[i]->attrs;
        copy->loc = nodes[i]->loc;
        for (int k = 0; k < copy->nin; k++)
            copy->in[k] = nodes[i]->in[k] ? clone_value(graph, &from, &to, nodes[i]->in[k]) : NULL;
        for (int k = 0; k < copy->nout; k++) {
            copy->out[k] = clone_value(graph, &from, &to, nodes[i]->out[k]);
            copy->out[k]->def = copy;
            LIST_PUSH(arena, &graph->outputs, copy->out[k]);
        }
        graph_append(graph, copy);
    }
    return module;
}

// Room for the results, in the arena of the model that they will be constants of.
static void **result_buffers(Arena *arena, const Graph *graph) {
    void **buffers = ARENA_ARRAY(arena, void *, graph->outputs.n);
    for (int i = 0; i < graph->outputs.n; i++)
        buffers[i] = arena_alloc(arena, (size_t)type_bytes(&graph->outputs.item[i]->type));
    return buffers;
}

static void make_constants(Arena *arena, Node *const *nodes, int count, void **buffers) {
    for (int i = 0, n = 0; i < count; i++) {
        for (int k = 0; k < nodes[i]->nout; k++) {
            Value *value = nodes[i]->out[k];
            Constant *constant = ARENA_NEW(arena, Constant);
            *constant = (Constant){.stored = buffers[n++], .size = type_bytes(&value->type)};
            value->data = constant;
        }
    }
    for (int i = count - 1; i >= 0; i--)
        node_remove(nodes[i]);
}

bool jit_fold(Graph *graph, Node *const *nodes, int count, const Target *as, Diag *diag) {
    Arena *arena = arena_new(), *owner = graph->module->arena;
    Target target;
    target_baseline(&target);
    if (as) {
        target.fma = as->fma;  // a function of the C library where the baseline has none
        target.block = as->block;
    }
    Module *module = module_of(arena, nodes, count);
    void **buffers = result_buffers(owner, module->graphs.item[0]);
    Jit *jit = jit_compile(module, &target, &(CompileOptions){.prefix = "jit", .level = '0'}, diag);
    int result = jit ? jit_call(jit, NULL, buffers) : -1;
    jit_free(jit);
    arena_free(arena);
    if (result == SQZ_OK) {
        make_constants(owner, nodes, count, buffers);
        return true;
    }
    if (result != SQZ_ERANGE)
        return result < 0 ? false : diag_error(diag, nodes[0]->loc, E_INTERNAL, "folding returned %d", result);
    if (count == 1)
        return diag_error(diag, nodes[0]->loc, E_RANGE, "a constant index is out of range");
    for (int i = 0; i < count; i++)  // one by one, to name the node
        if (!jit_fold(graph, nodes + i, 1, as, diag))
            return false;
    return true;
}
