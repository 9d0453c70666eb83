// Control flow of the kernel language: functions, loops, branches and variables, without a phi in sight. A variable is
// a stack slot in the function's entry block, which LLVM turns into registers.
#include <llvm-c/Core.h>
#include <string.h>

#include "codegen/emit_internal.h"

void emit_attribute(Emit *e, LLVMValueRef function, unsigned index, const char *name) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(function, index, LLVMCreateEnumAttribute(e->context, kind, 0));
}

static void text_attribute(Emit *e, LLVMValueRef function, const char *name, const char *text) {
    LLVMAttributeRef attribute =
        LLVMCreateStringAttribute(e->context, name, (unsigned)strlen(name), text, (unsigned)strlen(text));
    LLVMAddAttributeAtIndex(function, (unsigned)LLVMAttributeFunctionIndex, attribute);
}

LLVMBasicBlockRef emit_block(Emit *e, const char *name) {
    return LLVMAppendBasicBlockInContext(e->context, e->function, name);
}

LLVMValueRef emit_function(Emit *e, const char *name, LLVMTypeRef type, bool external) {
    LLVMValueRef function = LLVMAddFunction(e->module, name, type);
    LLVMSetLinkage(function, external ? LLVMExternalLinkage : LLVMInternalLinkage);
    emit_attribute(e, function, (unsigned)LLVMAttributeFunctionIndex, "nounwind");
    text_attribute(e, function, "no-builtins", "");
    text_attribute(e, function, "target-cpu", e->target->level);
    if (strcmp(e->target->level, e->target->cpu))
        text_attribute(e, function, "tune-cpu", e->target->cpu);
    if (e->target->features[0])
        text_attribute(e, function, "target-features", e->target->features);
    e->function = function;
    e->entry = emit_block(e, "entry");
    LLVMPositionBuilderAtEnd(e->builder, e->entry);
    return function;
}

// ---- Variables

static LLVMValueRef new_slot(Emit *e, LLVMTypeRef type) {
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMValueRef first = LLVMGetFirstInstruction(e->entry);
    if (first)
        LLVMPositionBuilderBefore(e->builder, first);
    else
        LLVMPositionBuilderAtEnd(e->builder, e->entry);
    LLVMValueRef slot = LLVMBuildAlloca(e->builder, type, "");
    LLVMPositionBuilderAtEnd(e->builder, here);
    return slot;
}

Var e_var(Emit *e, Val initial) {
    LLVMValueRef slot = new_slot(e, emit_type(e, initial.dtype, initial.lanes));
    LLVMBuildStore(e->builder, initial.v, slot);
    return (Var){slot, initial.dtype, initial.lanes};
}

Val e_get(Emit *e, Var var) {
    return (Val){LLVMBuildLoad2(e->builder, emit_type(e, var.dtype, var.lanes), var.v, ""), var.dtype, var.lanes};
}

void e_set(Emit *e, Var var, Val v) {
    LLVMBuildStore(e->builder, v.v, var.v);
}

// ---- Loops: tested at the bottom, and before the first turn where the range may be empty.

Loop e_loop_open(Emit *e, Val begin, Val end, int64_t step) {
    int64_t first, last;
    bool known = e_is_const(begin, &first) && e_is_const(end, &last);
    if (known && first >= last)
        return (Loop){.open = false};
    Loop loop = {.open = true, .begin = begin, .end = end, .step = step};
    if (known && last - first <= step) {  // one turn
        loop.i = begin;
        return loop;
    }
    Var variable = e_var(e, begin);
    loop.variable = variable.v;
    loop.before = LLVMGetInsertBlock(e->builder);
    loop.body = emit_block(e, "loop");
    loop.exit = emit_block(e, "done");
    if (known)
        LLVMBuildBr(e->builder, loop.body);
    else
        LLVMBuildCondBr(e->builder, e_lt(e, begin, end).v, loop.body, loop.exit);
    LLVMPositionBuilderAtEnd(e->builder, loop.body);
    loop.i = e_get(e, variable);
    return loop;
}

// Code generation for x86 runs without loop strength reduction (object.c).
Val e_along_from(Emit *e, Loop *loop, Val start, int64_t distance) {
    bool carries = e->target->arch == ARCH_X86_64 && e_fast(e) && loop->variable && loop->carries < LOOP_CARRIES;
    if (!carries || distance == 1)
        return e_mul_const(e, e_add(e, start, loop->i), distance);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMValueRef slot = new_slot(e, emit_type(e, loop->i.dtype, 1));
    LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(loop->before));
    LLVMBuildStore(e->builder, e_mul_const(e, e_add(e, start, loop->begin), distance).v, slot);
    LLVMPositionBuilderAtEnd(e->builder, here);
    loop->carried[loop->carries].variable = slot;
    loop->carried[loop->carries++].step = distance * loop->step;
    return e_get(e, (Var){slot, loop->i.dtype, 1});
}

Val e_along(Emit *e, Loop *loop, int64_t distance) {
    return e_along_from(e, loop, e_index(e, 0), distance);
}

static void carry_on(Emit *e, LLVMValueRef slot, int64_t step) {
    LLVMValueRef now = LLVMBuildLoad2(e->builder, emit_type(e, e_index_type(e), 1), slot, "");
    LLVMBuildStore(e->builder, LLVMBuildNSWAdd(e->builder, now, e_index(e, step).v, ""), slot);
}

void e_loop_close(Emit *e, Loop *loop) {
    loop->open = false;
    if (!loop->body && !loop->exit)
        return;
    if (!loop->body) {
        LLVMBuildBr(e->builder, loop->exit);
        LLVMPositionBuilderAtEnd(e->builder, loop->exit);
        return;
    }
    LLVMValueRef step = e_index(e, loop->step).v;
    Val next = {LLVMBuildNSWAdd(e->builder, loop->i.v, step, ""), loop->i.dtype, 1};
    LLVMBuildStore(e->builder, next.v, loop->variable);
    for (int i = 0; i < loop->carries; i++)
        carry_on(e, loop->carried[i].variable, loop->carried[i].step);
    LLVMBuildCondBr(e->builder, e_lt(e, next, loop->end).v, loop->body, loop->exit);
    LLVMMoveBasicBlockAfter(loop->exit, LLVMGetInsertBlock(e->builder));
    LLVMPositionBuilderAtEnd(e->builder, loop->exit);
}

void e_break_if(Emit *e, Loop *loop, Val condition) {
    if (!loop->exit)
        loop->exit = emit_block(e, "done");
    LLVMBasicBlockRef go_on = emit_block(e, "on");
    LLVMBuildCondBr(e->builder, condition.v, loop->exit, go_on);
    LLVMPositionBuilderAtEnd(e->builder, go_on);
}

Branch e_if_open(Emit *e, Val condition) {
    int64_t known;
    if (e_is_const(condition, &known))
        return (Branch){.open = known != 0};
    Branch branch = {.open = true, .exit = emit_block(e, "endif")};
    LLVMBasicBlockRef then = emit_block(e, "then");
    LLVMBuildCondBr(e->builder, condition.v, then, branch.exit);
    LLVMPositionBuilderAtEnd(e->builder, then);
    return branch;
}

void e_if_close(Emit *e, Branch *branch) {
    branch->open = false;
    if (!branch->exit)
        return;
    LLVMBuildBr(e->builder, branch->exit);
    LLVMMoveBasicBlockAfter(branch->exit, LLVMGetInsertBlock(e->builder));
    LLVMPositionBuilderAtEnd(e->builder, branch->exit);
}

// ---- What the node being lowered has

LLVMValueRef kernel_param(Emit *e, int which) {
    const Node *node = e->kernel.node;
    return LLVMGetParam(e->kernel.function, (unsigned)(node->nin + node->nout + which));
}

static Ptr operand(Emit *e, int index, const Value *value) {
    e->kernel.used[index] = true;
    return (Ptr){LLVMGetParam(e->kernel.function, (unsigned)index), value->type.dtype};
}

Ptr e_in(Emit *e, int index) {
    return operand(e, index, e->kernel.node->in[index]);
}

Ptr e_out(Emit *e, int index) {
    return operand(e, e->kernel.node->nin + index, e->kernel.node->out[index]);
}

Share e_share(Emit *e, int64_t units) {
    return e_share_all(e, e_index(e, units));
}

Share e_share_all(Emit *e, Val all) {
    DType index = e_index_type(e);
    Val shard = {kernel_param(e, PARAM_SHARD), index, 1}, shards = {kernel_param(e, PARAM_SHARDS), index, 1};
    e->kernel.shared = true;
    Val each = e_div(e, all, shards), more = e_rem(e, all, shards);
    Val next = e_add_const(e, shard, 1);
    Val begin = e_add(e, e_mul(e, each, shard), e_min(e, shard, more));
    Val end = e_add(e, e_mul(e, each, next), e_min(e, next, more));
    return (Share){begin, end};
}

Val e_samples(Emit *e) {
    e->kernel.wide = true;
    return (Val){kernel_param(e, PARAM_SAMPLES), e_index_type(e), 1};
}

Ptr e_scratch(Emit *e, DType dtype, int64_t bytes) {
    e->kernel.scratch_bytes = bytes;
    return (Ptr){kernel_param(e, PARAM_SCRATCH), dtype};
}

void e_fail_if(Emit *e, Val condition) {
    enum { RANGE = 3 };  // SQZ_ERANGE
    EMIT_IF(e, condition)
        LLVMBuildStore(e->builder, e_int(e, DT_I32, RANGE).v, kernel_param(e, PARAM_STATUS));
}

// ---- Helper functions

static LLVMValueRef helper_make(Emit *e, const char *name, HelperBody make, DType result, int lanes, const Val *args,
                                int count) {
    LLVMTypeRef types[8];
    Val params[8];
    for (int i = 0; i < count; i++)
        types[i] = emit_type(e, args[i].dtype, args[i].lanes);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), entry = e->entry;
    LLVMValueRef caller = e->function;
    LLVMTypeRef type = LLVMFunctionType(emit_type(e, result, lanes), types, (unsigned)count, 0);
    LLVMValueRef function = emit_function(e, name, type, false);
    for (int i = 0; i < count; i++)
        params[i] = (Val){LLVMGetParam(function, (unsigned)i), args[i].dtype, args[i].lanes};
    LLVMBuildRet(e->builder, make(e, params).v);
    e->function = caller;
    e->entry = entry;
    LLVMPositionBuilderAtEnd(e->builder, here);
    return function;
}

Val e_call_helper(Emit *e, const char *name, HelperBody make, DType result, int lanes, const Val *args, int count) {
    Helper *helper = e->helpers;
    while (helper && strcmp(helper->name, name))
        helper = helper->next;
    if (!helper) {
        helper = ARENA_NEW(e->arena, Helper);
        helper->name = arena_string(e->arena, name);
        helper->function = helper_make(e, helper->name, make, result, lanes, args, count);
        helper->next = e->helpers;
        e->helpers = helper;
    }
    LLVMValueRef values[8];
    for (int i = 0; i < count; i++)
        values[i] = args[i].v;
    LLVMTypeRef type = LLVMGlobalGetValueType(helper->function);
    return (Val){LLVMBuildCall2(e->builder, type, helper->function, values, (unsigned)count, ""), result, lanes};
}
