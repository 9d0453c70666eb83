// The entries of an object: NAME_run, NAME_run_on, NAME_call and NAME_model, as runtime/sqz.h states them.
//
// All three entries lead to the function that run.c makes. The entries themselves are code for any CPU of the
// architecture. A model with an open dimension takes its value as a parameter more.
#include "codegen/abi_parts.h"

#include <llvm-c/Core.h>
#include <string.h>

#include "runtime/sqz.h"
#include "support/checked.h"

// Order of the fields of sqz_call that are used.
enum { CALL_SIZE, CALL_INPUTS, CALL_OUTPUTS, CALL_WORKSPACE, CALL_WORKSPACE_SIZE, CALL_POOL, CALL_DIMS,
       CALL_OUTPUT_DIMS, CALL_FIELDS = 10 };

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

static LLVMValueRef number32(Program *program, int64_t n) {
    return LLVMConstInt(int32(program), (unsigned long long)n, 1);
}

static LLVMValueRef number64(Program *program, uint64_t n) {
    return LLVMConstInt(LLVMInt64TypeInContext(program->e->context), n, 0);
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

// NAME_run (inputs, outputs, workspace), and with `on` NAME_run_on (pool, inputs, outputs, workspace, size); an open
// dimension stands before the inputs.
static void typed_entry(Program *program, LLVMValueRef main, bool on) {
    Emit *e = program->e;
    const Open *open = program->interface.open;
    int inputs = program->interface.inputs, outputs = program->interface.outputs, first = on + (open != NULL);
    int count = first + inputs + outputs + 1 + on;
    LLVMTypeRef *params = ARENA_ARRAY(e->arena, LLVMTypeRef, count);
    for (int i = 0; i < count; i++)
        params[i] = pointer(program);
    if (open)
        params[on] = LLVMInt64TypeInContext(e->context);
    if (on)
        params[count - 1] = emit_index_type(e);
    LLVMTypeRef type = LLVMFunctionType(int32(program), params, (unsigned)count, 0);
    const char *name = arena_printf(e->arena, "%s_run%s", program->prefix, on ? "_on" : "");
    LLVMValueRef function = emit_function(e, name, type, true);
    LLVMValueRef args[RUN_PARAMS];
    args[RUN_INPUTS] = gather_params(program, function, first, inputs);
    args[RUN_OUTPUTS] = gather_params(program, function, first + inputs, outputs);
    args[RUN_WORKSPACE] = LLVMGetParam(function, (unsigned)(first + inputs + outputs));
    args[RUN_WORKSPACE_SIZE] =
        on ? LLVMGetParam(function, (unsigned)count - 1) : e_index(e, program->interface.workspace_bytes).v;
    args[RUN_POOL] = on ? LLVMGetParam(function, 0) : LLVMConstNull(pointer(program));
    args[RUN_DIM] = open ? LLVMGetParam(function, on) : number64(program, 1);
    LLVMBuildRet(e->builder, call_main(program, main, args));
}

// The first of sqz_call.dims.
static LLVMValueRef called_dim(Program *program, LLVMValueRef call) {
    if (!program->interface.open)
        return number64(program, 1);
    LLVMValueRef dims = abi_field(program, call_type(program), call, CALL_DIMS);
    emit_return_if(program, abi_bad_pointer(program, dims, 7), SQZ_EARGUMENT);
    return LLVMBuildLoad2(program->e->builder, LLVMInt64TypeInContext(program->e->context), dims, "");
}

// The size of an output along an axis: a number, times the open dimension, or what the output that counts says.
static Val output_dim(Program *program, const Value *value, int axis, LLVMValueRef outputs, Val open) {
    Emit *e = program->e;
    const Graph *graph = program->versions[0].module->graphs.item[0];
    const Open *dim = program->interface.open;
    if (value->type.dim[axis].count) {
        Ptr slots = {outputs, DT_I64};
        LLVMValueRef index[1] = {e_index(e, graph_count_output(graph, value)).v};
        LLVMValueRef slot = LLVMBuildInBoundsGEP2(e->builder, pointer(program), slots.v, index, 1, "");
        return e_load_const(e, (Ptr){LLVMBuildLoad2(e->builder, pointer(program), slot, ""), DT_I64}, 0, 1);
    }
    Val size = e_int(e, DT_I64, value->type.dim[axis].n);
    for (int i = 0; dim && i < graph->outputs.n; i++)
        if (graph->outputs.item[i] == value && dim->axis[graph->inputs.n + i] == axis)
            size = e_mul(e, size, open);
    return size;
}

// After a call that went well: the true sizes of all outputs, one after the other.
static void write_output_dims(Program *program, LLVMValueRef result, LLVMValueRef dims, LLVMValueRef outputs,
                              Val open) {
    Emit *e = program->e;
    const Graph *graph = program->versions[0].module->graphs.item[0];
    Val given = {LLVMBuildIsNotNull(e->builder, dims, ""), DT_BOOL, 1}, code = {result, DT_I32, 1};
    EMIT_IF(e, e_and(e, given, e_eq(e, code, e_int(e, DT_I32, SQZ_OK)))) {
        int64_t at = 0;
        for (int i = 0; i < graph->outputs.n; i++)
            for (int axis = 0; axis < graph->outputs.item[i]->type.rank; axis++)
                e_store_const(e, (Ptr){dims, DT_I64}, at++,
                              output_dim(program, graph->outputs.item[i], axis, outputs, open));
    }
}

static LLVMValueRef uniform_entry(Program *program, LLVMValueRef main) {
    Emit *e = program->e;
    LLVMTypeRef params[1] = {pointer(program)}, call = call_type(program);
    LLVMTypeRef type = LLVMFunctionType(int32(program), params, 1, 0);
    LLVMValueRef function = emit_function(e, arena_printf(e->arena, "%s_call", program->prefix), type, true);
    LLVMValueRef object = LLVMGetParam(function, 0);
    emit_return_if(program, abi_bad_pointer(program, object, (unsigned)e->target->pointer_bits / 8 - 1), SQZ_EARGUMENT);
    unsigned size = (unsigned)e->target->pointer_bits / 8 * CALL_FIELDS;
    LLVMValueRef given = abi_field(program, call, object, CALL_SIZE);
    emit_return_if(program, LLVMBuildICmp(e->builder, LLVMIntULT, given, LLVMConstInt(int32(program), size, 0), ""),
                   SQZ_EARGUMENT);
    LLVMValueRef args[RUN_PARAMS] = {
        [RUN_INPUTS] = abi_field(program, call, object, CALL_INPUTS),
        [RUN_OUTPUTS] = abi_field(program, call, object, CALL_OUTPUTS),
        [RUN_WORKSPACE] = abi_field(program, call, object, CALL_WORKSPACE),
        [RUN_WORKSPACE_SIZE] = abi_field(program, call, object, CALL_WORKSPACE_SIZE),
        [RUN_POOL] = abi_field(program, call, object, CALL_POOL),
        [RUN_DIM] = called_dim(program, object)};
    LLVMValueRef dims = abi_field(program, call, object, CALL_OUTPUT_DIMS);
    LLVMValueRef wanted = LLVMBuildIsNotNull(e->builder, dims, "");
    emit_return_if(program, LLVMBuildAnd(e->builder, wanted, abi_bad_pointer(program, dims, 7), ""), SQZ_EARGUMENT);
    LLVMValueRef result = call_main(program, main, args);
    write_output_dims(program, result, dims, args[RUN_OUTPUTS], (Val){args[RUN_DIM], DT_I64, 1});
    LLVMBuildRet(e->builder, result);
    return function;
}

// ---- NAME_model: sqz_model, the sqz_tensors and their names, in one object with offsets instead of pointers

static LLVMValueRef tensor_record(Program *program, int index, int64_t name) {
    const Value *value = graph_operand(program->versions[0].module->graphs.item[0], index);
    const Open *open = program->interface.open;
    int64_t mask = open && open->axis[index] >= 0 ? 1 << open->axis[index] : 0, counted = 0;
    if (type_counted_axis(&value->type) >= 0)
        counted = 1 + type_counted_axis(&value->type) +
                  SQZ_MAX_RANK * graph_count_output(program->versions[0].module->graphs.item[0], value);
    LLVMTypeRef int16 = LLVMInt16TypeInContext(program->e->context);
    LLVMValueRef dims[SQZ_MAX_RANK];
    for (int i = 0; i < SQZ_MAX_RANK; i++)
        dims[i] = number64(program, i < value->type.rank ? (uint64_t)value->type.dim[i].n : 0);
    LLVMTypeRef int64 = LLVMInt64TypeInContext(program->e->context);
    LLVMValueRef fields[6] = {number32(program, name), number32(program, dtype_info[value->type.dtype].onnx),
                              number32(program, value->type.rank), LLVMConstInt(int16, (unsigned long long)mask, 0),
                              LLVMConstInt(int16, (unsigned long long)counted, 0),
                              LLVMConstArray2(int64, dims, SQZ_MAX_RANK)};
    return LLVMConstStructInContext(program->e->context, fields, 6, 0);
}

static LLVMValueRef text_constant(Program *program, const Str *text) {
    return LLVMConstStringInContext2(program->e->context, text->text, text->length, 1);
}

static LLVMValueRef model_record(Program *program, LLVMValueRef offset_of_call, int64_t name, int64_t dim_name) {
    const Interface *face = &program->interface;
    const Open *open = face->open;
    LLVMValueRef fields[] = {
        number32(program, SQZ_ABI), number32(program, sizeof(sqz_model)), number64(program, face->hash),
        number32(program, name), number32(program, sizeof(sqz_model)), number32(program, face->inputs),
        number32(program, face->outputs), number64(program, (uint64_t)face->workspace_bytes),
        number64(program, (uint64_t)face->shard_bytes), number64(program, (uint64_t)program->weights_size),
        offset_of_call, number32(program, open != NULL), number32(program, open ? dim_name : 0), number32(program, 0),
        number64(program, open ? (uint64_t)open->least : 0), number64(program, open ? (uint64_t)open->most : 0)};
    return LLVMConstStructInContext(program->e->context, fields, sizeof fields / sizeof *fields, 0);
}

static LLVMValueRef constant_global(Program *program, const char *suffix, LLVMTypeRef type) {
    LLVMValueRef global =
        LLVMAddGlobal(program->e->module, type, arena_printf(program->e->arena, "%s%s", program->prefix, suffix));
    LLVMSetGlobalConstant(global, 1);
    return global;
}

static void model_global(Program *program, LLVMValueRef call) {
    Emit *e = program->e;
    const Graph *graph = program->versions[0].module->graphs.item[0];
    int count = graph->inputs.n + graph->outputs.n;
    Str names = {.arena = e->arena};
    LLVMValueRef *tensors = ARENA_ARRAY(e->arena, LLVMValueRef, count + 1);
    int64_t names_at = (int64_t)(sizeof(sqz_model) + (size_t)count * sizeof(sqz_tensor));
    for (int i = 0; i < count; i++) {
        const Value *value = graph_operand(graph, i);
        int64_t here = (int64_t)(sizeof(sqz_model) + (size_t)i * sizeof(sqz_tensor));
        tensors[i] = tensor_record(program, i, names_at + (int64_t)names.length - here);
        str_add_bytes(&names, value->name, strlen(value->name) + 1);
    }
    int64_t model_name = names_at + (int64_t)names.length;
    str_add_bytes(&names, program->prefix, strlen(program->prefix) + 1);
    int64_t dim_name = names_at + (int64_t)names.length;
    if (program->interface.open)
        str_add_bytes(&names, program->interface.open->symbol->name, strlen(program->interface.open->symbol->name) + 1);
    LLVMTypeRef tensor_type = count ? LLVMTypeOf(tensors[0]) : LLVMInt8TypeInContext(e->context);
    LLVMValueRef parts[3] = {model_record(program, number32(program, 0), model_name, dim_name),
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
    parts[0] = model_record(program, distance, model_name, dim_name);
    LLVMSetInitializer(global, LLVMConstStructInContext(e->context, parts, 3, 0));
    LLVMSetAlignment(global, 8);
}

static void interface_symbol(Program *program) {
    const char *suffix =
        arena_printf(program->e->arena, "_interface_%016llx", (unsigned long long)program->interface.hash);
    LLVMValueRef global = constant_global(program, suffix, LLVMInt8TypeInContext(program->e->context));
    LLVMSetInitializer(global, LLVMConstInt(LLVMInt8TypeInContext(program->e->context), 0, 0));
}

void program_entries(Program *program) {
    Target any = target_of_all(program);
    program->e->target = &any;
    LLVMValueRef main = run_function(program);
    typed_entry(program, main, false);
    typed_entry(program, main, true);
    LLVMValueRef call = uniform_entry(program, main);
    model_global(program, call);
    interface_symbol(program);
    program->e->target = program->versions[0].target;
}
