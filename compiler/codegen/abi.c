// The entries of an object: NAME_run, NAME_run_on, NAME_call and NAME_model, as runtime/sqz.h states them.
//
// All three entries lead to one internal function, which picks the code for this CPU, checks its arguments, decides how
// many shards the workspace has room for, and runs the layers in order: directly, or through the caller's pool where a
// kernel can be split. The entries themselves are code for any CPU of the architecture.
#include <llvm-c/Core.h>
#include <string.h>

#include "codegen/program.h"
#include "runtime/sqz.h"
#include "support/checked.h"

// Shards of each of the pool's threads: a thread that is held up then delays only a part of its share.

// Order of the fields of sqz_call that are used.
enum { CALL_SIZE, CALL_INPUTS, CALL_OUTPUTS, CALL_WORKSPACE, CALL_WORKSPACE_SIZE, CALL_POOL, CALL_FIELDS = 10 };
enum { POOL_SELF, POOL_THREADS, POOL_RUN };
enum { RUN_INPUTS, RUN_OUTPUTS, RUN_WORKSPACE, RUN_WORKSPACE_SIZE, RUN_POOL, RUN_PARAMS };

static LLVMTypeRef int32(Program *program) {
    return LLVMInt32TypeInContext(program->e->context);
}

static LLVMTypeRef pointer(Program *program) {
    return emit_pointer_type(program->e);
}

static LLVMTypeRef struct_type(Program *program, LLVMTypeRef *fields, unsigned count) {
    return LLVMStructTypeInContext(program->e->context, fields, count, 0);
}

static LLVMTypeRef call_type(Program *program) {
    LLVMTypeRef p = pointer(program), size = emit_index_type(program->e);
    LLVMTypeRef fields[CALL_FIELDS] = {int32(program), p, p, p, size, p, p, p, p, p};
    return struct_type(program, fields, CALL_FIELDS);
}

static LLVMTypeRef pool_type(Program *program) {
    LLVMTypeRef fields[3] = {pointer(program), int32(program), pointer(program)};
    return struct_type(program, fields, 3);
}

static LLVMValueRef field(Program *program, LLVMTypeRef type, LLVMValueRef object, unsigned index) {
    LLVMBuilderRef b = program->e->builder;
    LLVMValueRef address = LLVMBuildStructGEP2(b, type, object, index, "");
    return LLVMBuildLoad2(b, LLVMStructGetTypeAtIndex(type, index), address, "");
}

static void set_field(Program *program, LLVMTypeRef type, LLVMValueRef object, unsigned index, LLVMValueRef v) {
    LLVMBuilderRef b = program->e->builder;
    LLVMBuildStore(b, v, LLVMBuildStructGEP2(b, type, object, index, ""));
}

// ---- Checks

// Whether an address has one of the low bits of `mask` set, or is null.
static LLVMValueRef is_bad_pointer(Program *program, LLVMValueRef p, unsigned mask) {
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
        emit_return_if(program, is_bad_pointer(program, p, mask), SQZ_EARGUMENT);
    }
}

// ---- Running the layers

// How many shards: so many to each thread, as far as the workspace has room for their scratch.
static Val shard_count(Program *program, LLVMValueRef pool, Val room) {
    Emit *e = program->e;
    Var shards = e_var(e, e_index(e, 1));
    Val pooled = {LLVMBuildIsNotNull(e->builder, pool, ""), DT_BOOL, 1};
    EMIT_IF(e, pooled) {
        Val threads = {field(program, pool_type(program), pool, POOL_THREADS), DT_I32, 1};
        Val cap = e_int(e, DT_I32, MAX_SHARDS / SHARDS_PER_THREAD);
        Val wanted = e_mul_const(e, e_to_index(e, e_min(e, threads, cap)), SHARDS_PER_THREAD);
        if (program->interface.shard_bytes)
            wanted = e_min(e, wanted, e_add_const(e, e_div(e, room, e_index(e, program->interface.shard_bytes)), 1));
        EMIT_IF(e, e_gt(e, threads, e_int(e, DT_I32, 1)))
            e_set(e, shards, wanted);
    }
    return e_get(e, shards);
}

static void run_layer(Program *program, const Layer *layer, LLVMValueRef context, LLVMValueRef pool, Val split) {
    Emit *e = program->e;
    LLVMTypeRef params[2] = {pointer(program), int32(program)};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), params, 2, 0);
    LLVMValueRef args[2] = {context, LLVMConstInt(int32(program), 0, 0)};
    if (!layer->kernel->shared) {
        LLVMBuildCall2(e->builder, type, layer->function, args, 2, "");
        return;
    }
    LLVMBasicBlockRef together = emit_block(e, "pool"), alone = emit_block(e, "alone"), next = emit_block(e, "next");
    LLVMBuildCondBr(e->builder, split.v, together, alone);
    LLVMPositionBuilderAtEnd(e->builder, alone);
    LLVMBuildCall2(e->builder, type, layer->function, args, 2, "");
    LLVMBuildBr(e->builder, next);
    LLVMPositionBuilderAtEnd(e->builder, together);
    LLVMTypeRef run_params[4] = {pointer(program), int32(program), pointer(program), pointer(program)};
    LLVMTypeRef run_type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), run_params, 4, 0);
    LLVMValueRef run_args[4] = {field(program, pool_type(program), pool, POOL_SELF),
                                field(program, program->context_type, context, CONTEXT_SHARDS), layer->function, context};
    LLVMBuildCall2(e->builder, run_type, field(program, pool_type(program), pool, POOL_RUN), run_args, 4, "");
    LLVMBuildBr(e->builder, next);
    LLVMPositionBuilderAtEnd(e->builder, next);
}

static LLVMValueRef main_function(Program *program) {
    Emit *e = program->e;
    const Graph *graph = program->versions[0].module->graphs.item[0];
    LLVMTypeRef p = pointer(program), params[RUN_PARAMS] = {p, p, p, emit_index_type(e), p};
    LLVMTypeRef type = LLVMFunctionType(int32(program), params, RUN_PARAMS, 0);
    LLVMValueRef function = emit_function(e, arena_printf(e->arena, "%s_main", program->prefix), type, false);
    LLVMValueRef inputs = LLVMGetParam(function, RUN_INPUTS), outputs = LLVMGetParam(function, RUN_OUTPUTS);
    LLVMValueRef workspace = LLVMGetParam(function, RUN_WORKSPACE), pool = LLVMGetParam(function, RUN_POOL);
    Val size = {LLVMGetParam(function, RUN_WORKSPACE_SIZE), e_index_type(e), 1};
    LLVMValueRef context = LLVMBuildAlloca(e->builder, program->context_type, "context");
    Val cpu = cpu_select(program);
    check_operands(program, inputs, &graph->inputs);
    check_operands(program, outputs, &graph->outputs);
    if (program->interface.workspace_bytes) {
        emit_return_if(program, is_bad_pointer(program, workspace, 63), SQZ_EWORKSPACE);
        LLVMValueRef need = e_index(e, program->interface.workspace_bytes).v;
        emit_return_if(program, LLVMBuildICmp(e->builder, LLVMIntULT, size.v, need, ""), SQZ_EWORKSPACE);
    }
    Val shards = shard_count(program, pool, e_sub(e, size, e_index(e, program->interface.workspace_bytes)));
    set_field(program, program->context_type, context, CONTEXT_WORKSPACE, workspace);
    set_field(program, program->context_type, context, CONTEXT_INPUTS, inputs);
    set_field(program, program->context_type, context, CONTEXT_OUTPUTS, outputs);
    set_field(program, program->context_type, context, CONTEXT_STATUS, LLVMConstInt(int32(program), SQZ_OK, 0));
    set_field(program, program->context_type, context, CONTEXT_SHARDS, e_cast(e, DT_I32, shards).v);
    Val split = e_gt(e, shards, e_index(e, 1));
    for (int i = 0; i < program->nversions; i++)
        EMIT_IF(e, cpu.v ? e_eq(e, cpu, e_int(e, DT_I32, i)) : e_bool(e, true))
            for (const Layer *layer = program->versions[i].layers; layer; layer = layer->next)
                run_layer(program, layer, context, pool, split);
    LLVMBuildRet(e->builder, field(program, program->context_type, context, CONTEXT_STATUS));
    return function;
}

// ---- Entries

static LLVMValueRef call_main(Program *program, LLVMValueRef main, LLVMValueRef *args) {
    return LLVMBuildCall2(program->e->builder, LLVMGlobalGetValueType(main), main, args, RUN_PARAMS, "");
}

// An array on the stack with the parameters from `first` on.
static LLVMValueRef gather_params(Program *program, LLVMValueRef function, int first, int count) {
    Emit *e = program->e;
    LLVMTypeRef array = LLVMArrayType2(pointer(program), (uint64_t)max_i64(count, 1));
    LLVMValueRef slots = LLVMBuildAlloca(e->builder, array, "");
    for (int i = 0; i < count; i++) {
        LLVMValueRef index[1] = {e_index(e, i).v};
        LLVMValueRef slot = LLVMBuildInBoundsGEP2(e->builder, pointer(program), slots, index, 1, "");
        LLVMBuildStore(e->builder, LLVMGetParam(function, (unsigned)(first + i)), slot);
    }
    return slots;
}

// NAME_run (inputs, outputs, workspace), and with `on` NAME_run_on (pool, inputs, outputs, workspace, size).
static void typed_entry(Program *program, LLVMValueRef main, bool on) {
    Emit *e = program->e;
    int inputs = program->interface.inputs, outputs = program->interface.outputs, first = on;
    int count = first + inputs + outputs + 1 + on;
    LLVMTypeRef *params = ARENA_ARRAY(e->arena, LLVMTypeRef, count);
    for (int i = 0; i < count; i++)
        params[i] = pointer(program);
    if (on)
        params[count - 1] = emit_index_type(e);
    LLVMTypeRef type = LLVMFunctionType(int32(program), params, (unsigned)count, 0);
    const char *name = arena_printf(e->arena, "%s_run%s", program->prefix, on ? "_on" : "");
    LLVMValueRef function = emit_function(e, name, type, true);
    LLVMValueRef args[RUN_PARAMS];
    args[RUN_INPUTS] = gather_params(program, function, first, inputs);
    args[RUN_OUTPUTS] = gather_params(program, function, first + inputs, outputs);
    args[RUN_WORKSPACE] = LLVMGetParam(function, (unsigned)(first + inputs + outputs));
    args[RUN_WORKSPACE_SIZE] = on ? LLVMGetParam(function, (unsigned)count - 1) : e_index(e, program->interface.workspace_bytes).v;
    args[RUN_POOL] = on ? LLVMGetParam(function, 0) : LLVMConstNull(pointer(program));
    LLVMBuildRet(e->builder, call_main(program, main, args));
}

static LLVMValueRef uniform_entry(Program *program, LLVMValueRef main) {
    Emit *e = program->e;
    LLVMTypeRef params[1] = {pointer(program)}, call = call_type(program);
    LLVMTypeRef type = LLVMFunctionType(int32(program), params, 1, 0);
    LLVMValueRef function = emit_function(e, arena_printf(e->arena, "%s_call", program->prefix), type, true);
    LLVMValueRef object = LLVMGetParam(function, 0);
    emit_return_if(program, is_bad_pointer(program, object, (unsigned)e->target->pointer_bits / 8 - 1), SQZ_EARGUMENT);
    unsigned size = (unsigned)e->target->pointer_bits / 8 * CALL_FIELDS;
    LLVMValueRef given = field(program, call, object, CALL_SIZE);
    emit_return_if(program, LLVMBuildICmp(e->builder, LLVMIntULT, given, LLVMConstInt(int32(program), size, 0), ""), SQZ_EARGUMENT);
    LLVMValueRef args[RUN_PARAMS] = {
        [RUN_INPUTS] = field(program, call, object, CALL_INPUTS),
        [RUN_OUTPUTS] = field(program, call, object, CALL_OUTPUTS),
        [RUN_WORKSPACE] = field(program, call, object, CALL_WORKSPACE),
        [RUN_WORKSPACE_SIZE] = field(program, call, object, CALL_WORKSPACE_SIZE),
        [RUN_POOL] = field(program, call, object, CALL_POOL)};
    LLVMBuildRet(e->builder, call_main(program, main, args));
    return function;
}

// ---- NAME_model: sqz_model, the sqz_tensors and their names, in one object with offsets instead of pointers

static LLVMValueRef number32(Program *program, int64_t n) {
    return LLVMConstInt(int32(program), (unsigned long long)n, 1);
}

static LLVMValueRef number64(Program *program, uint64_t n) {
    return LLVMConstInt(LLVMInt64TypeInContext(program->e->context), n, 0);
}

static LLVMValueRef tensor_record(Program *program, const Value *value, int64_t name) {
    LLVMValueRef dims[SQZ_MAX_RANK];
    for (int i = 0; i < SQZ_MAX_RANK; i++)
        dims[i] = number64(program, i < value->type.rank ? (uint64_t)value->type.dim[i].n : 0);
    LLVMTypeRef int64 = LLVMInt64TypeInContext(program->e->context);
    LLVMValueRef fields[5] = {number32(program, name), number32(program, dtype_info[value->type.dtype].onnx),
                              number32(program, value->type.rank), number32(program, 0),
                              LLVMConstArray2(int64, dims, SQZ_MAX_RANK)};
    return LLVMConstStructInContext(program->e->context, fields, 5, 0);
}

static LLVMValueRef text_constant(Program *program, const Str *text) {
    return LLVMConstStringInContext2(program->e->context, text->text, text->length, 1);
}

static LLVMValueRef model_record(Program *program, LLVMValueRef offset_of_call, int64_t name) {
    const Interface *face = &program->interface;
    LLVMValueRef fields[] = {
        number32(program, SQZ_ABI), number32(program, sizeof(sqz_model)), number64(program, face->hash),
        number32(program, name), number32(program, sizeof(sqz_model)), number32(program, face->inputs),
        number32(program, face->outputs), number64(program, (uint64_t)face->workspace_bytes),
        number64(program, (uint64_t)face->shard_bytes), number64(program, (uint64_t)program->weights_size),
        offset_of_call, number32(program, 0)};
    return LLVMConstStructInContext(program->e->context, fields, sizeof fields / sizeof *fields, 0);
}

static LLVMValueRef constant_global(Program *program, const char *suffix, LLVMTypeRef type) {
    LLVMValueRef global = LLVMAddGlobal(program->e->module, type, arena_printf(program->e->arena, "%s%s", program->prefix, suffix));
    LLVMSetGlobalConstant(global, 1);
    return global;
}

static void model_global(Program *program, LLVMValueRef call) {
    Emit *e = program->e;
    const Graph *graph = program->versions[0].module->graphs.item[0];
    int inputs = graph->inputs.n, count = inputs + graph->outputs.n;
    Str names = {.arena = e->arena};
    LLVMValueRef *tensors = ARENA_ARRAY(e->arena, LLVMValueRef, count + 1);
    int64_t names_at = (int64_t)(sizeof(sqz_model) + (size_t)count * sizeof(sqz_tensor));
    for (int i = 0; i < count; i++) {
        const Value *value = i < inputs ? graph->inputs.item[i] : graph->outputs.item[i - inputs];
        int64_t here = (int64_t)(sizeof(sqz_model) + (size_t)i * sizeof(sqz_tensor));
        tensors[i] = tensor_record(program, value, names_at + (int64_t)names.length - here);
        str_add_bytes(&names, value->name, strlen(value->name) + 1);
    }
    int64_t model_name = names_at + (int64_t)names.length;
    str_add_bytes(&names, program->prefix, strlen(program->prefix) + 1);
    LLVMTypeRef tensor_type = count ? LLVMTypeOf(tensors[0]) : LLVMInt8TypeInContext(e->context);
    LLVMValueRef parts[3] = {model_record(program, number32(program, 0), model_name),
                             LLVMConstArray2(tensor_type, tensors, (uint64_t)count), text_constant(program, &names)};
    LLVMTypeRef types[3] = {LLVMTypeOf(parts[0]), LLVMTypeOf(parts[1]), LLVMTypeOf(parts[2])};
    // Both ends of the distance are local symbols, which cannot be interposed: so it is known when the program is
    // linked, and the model lies in read-only memory.
    LLVMTypeRef type = struct_type(program, types, 3), index = emit_index_type(e);
    LLVMValueRef global = constant_global(program, "_model_here", type);
    LLVMSetLinkage(global, LLVMInternalLinkage);
    LLVMValueRef here = LLVMAddAlias2(e->module, LLVMGlobalGetValueType(call), 0, call,
                                      arena_printf(e->arena, "%s_call_here", program->prefix));
    LLVMSetLinkage(here, LLVMInternalLinkage);
    // A copy of the record in a program that uses a shared library would be too far from NAME_call; the linker refuses.
    LLVMValueRef model = LLVMAddAlias2(e->module, type, 0, global, arena_printf(e->arena, "%s_model", program->prefix));
    LLVMSetVisibility(model, LLVMProtectedVisibility);
    LLVMValueRef distance = LLVMConstSub(LLVMConstPtrToInt(here, index), LLVMConstPtrToInt(global, index));
    if (e->target->pointer_bits == 64)
        distance = LLVMConstTrunc(distance, int32(program));
    parts[0] = model_record(program, distance, model_name);
    LLVMSetInitializer(global, LLVMConstStructInContext(e->context, parts, 3, 0));
    LLVMSetAlignment(global, 8);
}

static void interface_symbol(Program *program) {
    const char *suffix = arena_printf(program->e->arena, "_interface_%016llx", (unsigned long long)program->interface.hash);
    LLVMValueRef global = constant_global(program, suffix, LLVMInt8TypeInContext(program->e->context));
    LLVMSetInitializer(global, LLVMConstInt(LLVMInt8TypeInContext(program->e->context), 0, 0));
}

void program_entries(Program *program) {
    Target any = *program->e->target;
    if (any.arch == ARCH_X86_64) {
        any.cpu = "x86-64";
        any.features = "";
    }
    program->e->target = &any;
    LLVMValueRef main = main_function(program);
    typed_entry(program, main, false);
    typed_entry(program, main, true);
    LLVMValueRef call = uniform_entry(program, main);
    model_global(program, call);
    interface_symbol(program);
    program->e->target = program->versions[0].target;
}
