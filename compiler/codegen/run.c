// What all entries of an object lead to: one function that picks the code for this CPU, checks its arguments, decides
// how many shards the workspace has room for, and runs the layers in order: directly, or through the caller's pool
// where a kernel can be split.
//
// With an open dimension the layers run once for each sample. Pointers to its part of the inputs and outputs stand in a
// second context. A pool with as many threads as there are samples, or fewer, takes whole samples, one on each thread,
// where the workspace has room for as many of them; what is left over, and all else, is split layer by layer. Where
// there is a version for blocks, several samples go through it, layer by layer, as many at a time as it has room for.
#include <llvm-c/Core.h>

#include "codegen/abi_parts.h"
#include "runtime/sqz.h"
#include "support/checked.h"

enum { POOL_SELF, POOL_THREADS, POOL_RUN };

static LLVMTypeRef int32(Program *program) {
    return LLVMInt32TypeInContext(program->e->context);
}

static LLVMTypeRef pointer(Program *program) {
    return emit_pointer_type(program->e);
}

static LLVMTypeRef pool_type(Program *program) {
    LLVMTypeRef fields[3] = {pointer(program), int32(program), pointer(program)};
    return LLVMStructTypeInContext(program->e->context, fields, 3, 0);
}

LLVMValueRef abi_field(Program *program, LLVMTypeRef type, LLVMValueRef object, unsigned index) {
    LLVMBuilderRef b = program->e->builder;
    LLVMValueRef address = LLVMBuildStructGEP2(b, type, object, index, "");
    return LLVMBuildLoad2(b, LLVMStructGetTypeAtIndex(type, index), address, "");
}

static LLVMValueRef pool_field(Program *program, LLVMValueRef pool, unsigned index) {
    return abi_field(program, pool_type(program), pool, index);
}

static Val get(Program *program, LLVMValueRef context, unsigned index, DType dtype) {
    return (Val){abi_field(program, program->context_type, context, index), dtype, 1};
}

static void set(Program *program, LLVMValueRef context, unsigned index, LLVMValueRef v) {
    LLVMBuilderRef b = program->e->builder;
    LLVMBuildStore(b, v, LLVMBuildStructGEP2(b, program->context_type, context, index, ""));
}

// ---- Checks

LLVMValueRef abi_bad_pointer(Program *program, LLVMValueRef p, unsigned mask) {
    LLVMBuilderRef b = program->e->builder;
    LLVMTypeRef index = emit_index_type(program->e);
    LLVMValueRef address = LLVMBuildPtrToInt(b, p, index, ""), zero = LLVMConstInt(index, 0, 0);
    LLVMValueRef low = LLVMBuildAnd(b, address, LLVMConstInt(index, mask, 0), "");
    LLVMValueRef misaligned = LLVMBuildICmp(b, LLVMIntNE, low, zero, "");
    return LLVMBuildOr(b, misaligned, LLVMBuildICmp(b, LLVMIntEQ, address, zero, ""), "");
}

static void check_operands(Program *program, LLVMValueRef array, const ValueList *values) {
    if (!values->n)
        return;
    LLVMBuilderRef b = program->e->builder;
    emit_return_if(program, LLVMBuildIsNull(b, array, ""), SQZ_EARGUMENT);
    for (int i = 0; i < values->n; i++) {
        LLVMValueRef index[1] = {e_index(program->e, i).v};
        LLVMValueRef slot = LLVMBuildInBoundsGEP2(b, pointer(program), array, index, 1, "");
        LLVMValueRef p = LLVMBuildLoad2(b, pointer(program), slot, "");
        unsigned mask = (unsigned)dtype_info[values->item[i]->type.dtype].bits / 8 - 1;
        emit_return_if(program, abi_bad_pointer(program, p, mask), SQZ_EARGUMENT);
    }
}

static void check_dim(Program *program, Val n) {
    Emit *e = program->e;
    const Open *open = program->interface.open;
    Val low = e_lt(e, n, e_int(e, DT_I64, open->least)), high = e_gt(e, n, e_int(e, DT_I64, open->most));
    emit_return_if(program, e_or(e, low, high).v, SQZ_EARGUMENT);
}

static void check_workspace(Program *program, LLVMValueRef workspace, LLVMValueRef size) {
    LLVMBuilderRef b = program->e->builder;
    if (!program->interface.workspace_bytes)
        return;
    emit_return_if(program, abi_bad_pointer(program, workspace, 63), SQZ_EWORKSPACE);
    LLVMValueRef need = e_index(program->e, program->interface.workspace_bytes).v;
    emit_return_if(program, LLVMBuildICmp(b, LLVMIntULT, size, need, ""), SQZ_EWORKSPACE);
}

// ---- Running the layers

// Into how many shards a layer is cut, and how many of them have scratch at a time.
typedef struct Shards {
    Val count, slots;
} Shards;

// How many threads a pool has that count here; 1 without a pool.
static Val thread_count(Program *program, LLVMValueRef pool) {
    Emit *e = program->e;
    Var threads = e_var(e, e_index(e, 1));
    EMIT_IF(e, ((Val){LLVMBuildIsNotNull(e->builder, pool, ""), DT_BOOL, 1})) {
        Val has = {pool_field(program, pool, POOL_THREADS), DT_I32, 1};
        e_set(e, threads, e_to_index(e, e_min(e, has, e_int(e, DT_I32, MAX_THREADS))));
    }
    return e_get(e, threads);
}

// For how many shards at a time a workspace has scratch, whose room behind that of the first one is `room`.
static Val slot_count(Program *program, Val threads, Val room) {
    Emit *e = program->e;
    Val most = e_min(e, threads, e_index(e, slots_most(e)));
    if (!program->interface.shard_bytes)
        return most;
    return e_min(e, most, e_add_const(e, e_div(e, room, e_index(e, program->interface.shard_bytes)), 1));
}

// How many shards: several to each thread if there is scratch for all threads, else no more than have scratch.
static Val shard_count(Program *program, Val threads, Val slots) {
    Emit *e = program->e;
    if (program->by_layer)
        return e_index(e, 1);
    Val several = e_and(e, e_gt(e, threads, e_index(e, 1)), e_eq(e, threads, slots));
    return e_select(e, several, e_mul_const(e, slots, SHARDS_PER_THREAD), slots);
}

static void pool_run(Program *program, LLVMValueRef pool, Val shards, LLVMValueRef task, LLVMValueRef context) {
    Emit *e = program->e;
    LLVMTypeRef params[4] = {pointer(program), int32(program), pointer(program), pointer(program)};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), params, 4, 0);
    LLVMValueRef args[4] = {pool_field(program, pool, POOL_SELF), e_cast(e, DT_I32, shards).v, task, context};
    LLVMBuildCall2(e->builder, type, pool_field(program, pool, POOL_RUN), args, 4, "");
}

static LLVMTypeRef task_type(Program *program) {
    LLVMTypeRef params[2] = {pointer(program), int32(program)};
    return LLVMFunctionType(LLVMVoidTypeInContext(program->e->context), params, 2, 0);
}

static LLVMTypeRef splitter_type(Program *program) {
    LLVMTypeRef params[4] = {pointer(program), pointer(program), emit_type(program->e, DT_BOOL, 1), pointer(program)};
    return LLVMFunctionType(LLVMVoidTypeInContext(program->e->context), params, 4, 0);
}

static void splitter_body(Program *program, LLVMValueRef function) {
    Emit *e = program->e;
    LLVMValueRef context = LLVMGetParam(function, 0), pool = LLVMGetParam(function, 1),
                 layer = LLVMGetParam(function, 3);
    LLVMBasicBlockRef together = emit_block(e, "pool"), alone = emit_block(e, "alone");
    LLVMBuildCondBr(e->builder, LLVMGetParam(function, 2), together, alone);
    LLVMPositionBuilderAtEnd(e->builder, alone);
    LLVMBuildCall2(e->builder, task_type(program), layer, (LLVMValueRef[]){context, LLVMConstInt(int32(program), 0, 0)},
                   2, "");
    LLVMBuildRetVoid(e->builder);
    LLVMPositionBuilderAtEnd(e->builder, together);
    pool_run(program, pool, get(program, context, CONTEXT_SHARDS, DT_I32), layer, context);
    LLVMBuildRetVoid(e->builder);
}

// void (context, pool, split, layer): runs a layer that can be split. A function of its own, since branches around each
// of thousands of layers would take LLVM a time that grows with their square.
static LLVMValueRef splitter(Program *program) {
    return program_function(program, &program->splitter, "split_layer", splitter_type(program), splitter_body);
}

Target target_of_all(const Program *program) {
    Target any = *program->versions[0].target;
    if (any.arch == ARCH_X86_64) {
        any.cpu = any.level = "x86-64";
        any.features = "";
    }
    return any;
}

LLVMValueRef program_function(Program *program, LLVMValueRef *made, const char *name, LLVMTypeRef type,
                              ProgramBody *body) {
    Emit *e = program->e;
    if (*made)
        return *made;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), entry = e->entry;
    LLVMValueRef caller = e->function;
    const Target *target = e->target;
    Target any = target_of_all(program);
    e->target = &any;
    *made = emit_function(e, arena_printf(e->arena, "%s_%s", program->prefix, name), type, false);
    emit_attribute(e, *made, (unsigned)LLVMAttributeFunctionIndex, "noinline");
    body(program, *made);
    e->target = target;
    e->function = caller;
    e->entry = entry;
    LLVMPositionBuilderAtEnd(e->builder, here);
    return *made;
}

// A null pool: on this thread.
static void run_layer(Program *program, const Layer *layer, LLVMValueRef context, LLVMValueRef pool, Val split) {
    LLVMBuilderRef b = program->e->builder;
    if (pool && ((layer->kernel && layer->kernel->shared) || program->by_layer)) {
        LLVMValueRef args[4] = {context, pool, split.v, layer->function};
        LLVMBuildCall2(b, splitter_type(program), splitter(program), args, 4, "");
    } else {
        LLVMValueRef args[2] = {context, LLVMConstInt(int32(program), 0, 0)};
        LLVMBuildCall2(b, task_type(program), layer->function, args, 2, "");
    }
}

void program_run_layers(Program *program, const Layer *layers, LLVMValueRef context, LLVMValueRef pool, Val split) {
    for (const Layer *layer = layers; layer; layer = layer->next)
        run_layer(program, layer, context, pool, split);
}

// The version with the number that the context has, or the one for blocks of samples.
static void run_layers(Program *program, LLVMValueRef context, LLVMValueRef pool, Val split, bool blocks) {
    Emit *e = program->e;
    const Version *versions = program->versions + (blocks ? program->ncpus : 0);
    for (int i = 0; i < program->ncpus; i++) {
        Val is_this = e_bool(e, true);
        if (program->ncpus > 1)
            is_this = e_eq(e, get(program, context, CONTEXT_CPU, DT_I32), e_int(e, DT_I32, i));
        EMIT_IF(e, is_this)
            program_run_layers(program, versions[i].layers, context, pool, split);
    }
}

static LLVMValueRef new_context(Program *program, LLVMValueRef inputs, LLVMValueRef outputs, LLVMValueRef workspace,
                                Shards shards, LLVMValueRef cpu, LLVMValueRef pool) {
    LLVMValueRef context = LLVMBuildAlloca(program->e->builder, program->context_type, "context");
    set(program, context, CONTEXT_WORKSPACE, workspace);
    set(program, context, CONTEXT_INPUTS, inputs);
    set(program, context, CONTEXT_OUTPUTS, outputs);
    set(program, context, CONTEXT_STATUS, LLVMConstInt(int32(program), SQZ_OK, 0));
    set(program, context, CONTEXT_SHARDS, e_cast(program->e, DT_I32, shards.count).v);
    set(program, context, CONTEXT_SLOTS, slots_new(program, shards.slots));
    set(program, context, CONTEXT_CPU, cpu);
    set(program, context, CONTEXT_POOL, pool);
    set(program, context, CONTEXT_SAMPLES, e_index(program->e, 1).v);
    return context;
}

// ---- Samples

static LLVMValueRef slot_at(Program *program, LLVMValueRef array, int index) {
    LLVMValueRef at[1] = {e_index(program->e, index).v};
    return LLVMBuildInBoundsGEP2(program->e->builder, pointer(program), array, at, 1, "");
}

// A context for single samples of those of `all`: its operands are an array on the stack.
static LLVMValueRef sample_context(Program *program, LLVMValueRef all, LLVMValueRef workspace, Shards shards,
                                   LLVMValueRef pool) {
    Emit *e = program->e;
    int inputs = program->interface.inputs, count = inputs + program->interface.outputs;
    LLVMTypeRef array = LLVMArrayType2(pointer(program), (uint64_t)max_i64(count, 1));
    LLVMValueRef slots = LLVMBuildAlloca(e->builder, array, "slots");
    return new_context(program, slots, slot_at(program, slots, inputs), workspace, shards,
                       get(program, all, CONTEXT_CPU, DT_I32).v, pool);
}

static void point_to_sample(Program *program, LLVMValueRef all, LLVMValueRef context, Val sample) {
    Emit *e = program->e;
    const Graph *graph = program->versions[0].module->graphs.item[0];
    for (int i = 0; i < program->interface.open->count; i++) {
        unsigned field = i < graph->inputs.n ? CONTEXT_INPUTS : CONTEXT_OUTPUTS;
        int at = i < graph->inputs.n ? i : i - graph->inputs.n;
        LLVMValueRef from = slot_at(program, abi_field(program, program->context_type, all, field), at);
        LLVMValueRef to = slot_at(program, abi_field(program, program->context_type, context, field), at);
        LLVMValueRef p = LLVMBuildLoad2(e->builder, pointer(program), from, "");
        int64_t step = program->interface.open->axis[i] < 0 ? 0 : type_bytes(&graph_operand(graph, i)->type);
        LLVMValueRef offset[1] = {e_mul_const(e, sample, step).v};
        LLVMTypeRef byte = LLVMInt8TypeInContext(e->context);
        LLVMBuildStore(e->builder, LLVMBuildGEP2(e->builder, byte, p, offset, 1, ""), to);
    }
}

// A task of a pool: `rounds` whole samples, in a workspace of its own.
static LLVMValueRef samples_function(Program *program) {
    Emit *e = program->e;
    const char *name = arena_printf(e->arena, "%s_samples", program->prefix);
    LLVMValueRef function = emit_function(e, name, task_type(program), false), all = LLVMGetParam(function, 0);
    Val task = e_to_index(e, (Val){LLVMGetParam(function, 1), DT_I32, 1});
    Val tasks = get(program, all, CONTEXT_TASKS, e_index_type(e)),
        rounds = get(program, all, CONTEXT_ROUNDS, e_index_type(e));
    LLVMValueRef offset[1] = {e_mul_const(e, task, program->interface.workspace_bytes).v};
    LLVMValueRef workspace =
        LLVMBuildGEP2(e->builder, LLVMInt8TypeInContext(e->context),
                      abi_field(program, program->context_type, all, CONTEXT_WORKSPACE), offset, 1, "");
    LLVMValueRef context = sample_context(program, all, workspace, (Shards){e_index(e, 1), e_index(e, 1)},
                                          LLVMConstNull(pointer(program)));
    EMIT_FOR(e, round, e_index(e, 0), rounds, 1) {
        point_to_sample(program, all, context, e_add(e, e_mul(e, round.i, tasks), task));
        run_layers(program, context, NULL, (Val){0}, false);
    }
    Val status = get(program, context, CONTEXT_STATUS, DT_I32);
    EMIT_IF(e, e_ne(e, status, e_int(e, DT_I32, SQZ_OK)))
        set(program, all, CONTEXT_STATUS, status.v);
    LLVMBuildRetVoid(e->builder);
    return function;
}

// Gives whole samples to the pool's threads where there are enough of both; how many are done then.
static Val pool_samples(Program *program, LLVMValueRef task, LLVMValueRef all, LLVMValueRef pool, Val threads, Val n,
                        Val size) {
    Emit *e = program->e;
    Var done = e_var(e, e_index(e, 0));
    Val room = e_div(e, size, e_index(e, program->interface.workspace_bytes));
    Val enough = e_and(e, e_ge(e, n, threads), e_ge(e, room, threads));
    EMIT_IF(e, e_and(e, enough, e_gt(e, threads, e_index(e, 1)))) {
        Val rounds = e_div(e, n, threads);
        set(program, all, CONTEXT_TASKS, threads.v);
        set(program, all, CONTEXT_ROUNDS, rounds.v);
        pool_run(program, pool, threads, task, all);
        e_set(e, done, e_mul(e, rounds, threads));
    }
    return e_get(e, done);
}

// What runs samples on the caller's thread, or layer by layer on the pool.
typedef struct Samples {
    Program *program;
    LLVMValueRef all, context, pool;
    Val threads, size, split;
} Samples;

static void run_alone(const Samples *s, Val begin, Val end) {
    EMIT_FOR(s->program->e, sample, begin, end, 1) {
        point_to_sample(s->program, s->all, s->context, sample.i);
        run_layers(s->program, s->context, s->pool, s->split, false);
    }
}

// As few blocks as there is room for, of nearly the same size.
static void run_blocks(const Samples *s, Val count, int64_t most) {
    Emit *e = s->program->e;
    Val blocks = e_div(e, e_add_const(e, count, most - 1), e_index(e, most));
    Val each = e_div(e, count, blocks), more = e_rem(e, count, blocks);
    EMIT_FOR(e, block, e_index(e, 0), blocks, 1) {
        Val begin = e_add(e, e_mul(e, block.i, each), e_min(e, block.i, more));
        Val size = e_select(e, e_lt(e, block.i, more), e_add_const(e, each, 1), each);
        set(s->program, s->context, CONTEXT_SAMPLES, size.v);
        point_to_sample(s->program, s->all, s->context, begin);
        run_layers(s->program, s->context, s->pool, s->split, true);
    }
}

static void run_samples(const Samples *s, LLVMValueRef task, Val count, int64_t block) {
    Emit *e = s->program->e;
    Val alone = count;
    if (block > 1) {
        Val several = e_gt(e, count, e_index(e, 1));
        EMIT_IF(e, several)
            run_blocks(s, count, block);
        alone = e_select(e, several, e_index(e, 0), count);
    }
    run_alone(s, pool_samples(s->program, task, s->all, s->pool, s->threads, alone, s->size), alone);
    Val status = get(s->program, s->context, CONTEXT_STATUS, DT_I32);
    EMIT_IF(e, e_ne(e, status, e_int(e, DT_I32, SQZ_OK)))
        set(s->program, s->all, CONTEXT_STATUS, status.v);
}

// ---- The function

LLVMValueRef run_function(Program *program) {
    Emit *e = program->e;
    const Interface *face = &program->interface;
    const Graph *graph = program->versions[0].module->graphs.item[0];
    int64_t blocks = program->nversions > program->ncpus ? program->versions[program->ncpus].module->open.block : 1;
    LLVMValueRef task = face->open ? samples_function(program) : NULL;
    LLVMTypeRef p = pointer(program), i64 = LLVMInt64TypeInContext(e->context);
    LLVMTypeRef params[RUN_PARAMS] = {p, p, p, emit_index_type(e), p, i64};
    LLVMTypeRef type = LLVMFunctionType(int32(program), params, RUN_PARAMS, 0);
    LLVMValueRef function = emit_function(e, arena_printf(e->arena, "%s_main", program->prefix), type, false);
    LLVMValueRef inputs = LLVMGetParam(function, RUN_INPUTS), outputs = LLVMGetParam(function, RUN_OUTPUTS);
    LLVMValueRef workspace = LLVMGetParam(function, RUN_WORKSPACE), pool = LLVMGetParam(function, RUN_POOL);
    Val size = {LLVMGetParam(function, RUN_WORKSPACE_SIZE), e_index_type(e), 1};
    Val n = {LLVMGetParam(function, RUN_DIM), DT_I64, 1};
    Val cpu = cpu_select(program);
    check_operands(program, inputs, &graph->inputs);
    check_operands(program, outputs, &graph->outputs);
    if (face->open)
        check_dim(program, n);
    check_workspace(program, workspace, size.v);
    Val threads = thread_count(program, pool);
    Val slots = slot_count(program, threads, e_sub(e, size, e_index(e, face->workspace_bytes)));
    Shards shards = {shard_count(program, threads, slots), slots};
    Val split = e_gt(e, shards.count, e_index(e, 1));
    if (program->by_layer)
        split = (Val){LLVMBuildIsNotNull(e->builder, pool, ""), DT_BOOL, 1};
    LLVMValueRef number = cpu.v ? cpu.v : LLVMConstInt(int32(program), 0, 0);
    LLVMValueRef all = new_context(program, inputs, outputs, workspace, shards, number, pool);
    if (!face->open) {
        run_layers(program, all, pool, split, false);
    } else {
        LLVMValueRef context = sample_context(program, all, workspace, shards, pool);
        Samples samples = {program, all, context, pool, threads, size, split};
        run_samples(&samples, task, e_to_index(e, n), blocks);
    }
    LLVMBuildRet(e->builder, get(program, all, CONTEXT_STATUS, DT_I32).v);
    return function;
}
