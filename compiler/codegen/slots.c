// Scratch memory for the shards of a layer: as many slots as threads, not as shards, so that a thread finds in its
// caches what it wrote there for the shard before. A shard takes the free slot of the least number, and gives it back.
//
// A bit of one word for each slot says that it is free. There are at least as many slots as shards run at a time: if a
// pool breaks its word about that, a shard waits for another one to end.
#include <llvm-c/Core.h>

#include "codegen/program.h"

enum { LINE = 128 };  // bytes that processors pass to each other

static LLVMTypeRef pointer(Program *program) {
    return emit_pointer_type(program->e);
}

int slots_most(Emit *e) {
    return dtype_info[e_index_type(e)].bits;
}

static unsigned word_bytes(Emit *e) {
    return (unsigned)slots_most(e) / 8;
}

LLVMValueRef slots_new(Program *program, Val count) {
    Emit *e = program->e;
    LLVMTypeRef line = LLVMArrayType2(emit_index_type(e), LINE / word_bytes(e));
    LLVMValueRef word = LLVMBuildAlloca(e->builder, line, "slots");
    LLVMSetAlignment(word, LINE);
    Val unused = e_sub(e, e_index(e, slots_most(e)), count);
    LLVMBuildStore(e->builder, LLVMBuildLShr(e->builder, e_index(e, -1).v, unused.v, ""), word);
    return word;
}

// index (context): the slot.
static void take_body(Program *program, LLVMValueRef function) {
    Emit *e = program->e;
    LLVMTypeRef index = emit_index_type(e);
    LLVMValueRef word = context_field(program, LLVMGetParam(function, 0), CONTEXT_SLOTS);
    LLVMBasicBlockRef look = emit_block(e, "look"), take = emit_block(e, "take"), taken = emit_block(e, "taken");
    LLVMBuildBr(e->builder, look);
    LLVMPositionBuilderAtEnd(e->builder, look);
    LLVMValueRef free = LLVMBuildLoad2(e->builder, index, word, "free");
    LLVMSetOrdering(free, LLVMAtomicOrderingMonotonic);
    LLVMSetAlignment(free, word_bytes(e));
    LLVMBuildCondBr(e->builder, LLVMBuildIsNull(e->builder, free, ""), look, take);
    LLVMPositionBuilderAtEnd(e->builder, take);
    LLVMValueRef less = LLVMBuildSub(e->builder, free, e_index(e, 1).v, "");
    LLVMValueRef rest = LLVMBuildAnd(e->builder, free, less, "");
    LLVMValueRef done = LLVMBuildAtomicCmpXchg(e->builder, word, free, rest, LLVMAtomicOrderingAcquire,
                                               LLVMAtomicOrderingMonotonic, 0);
    LLVMBuildCondBr(e->builder, LLVMBuildExtractValue(e->builder, done, 1, ""), taken, look);
    LLVMPositionBuilderAtEnd(e->builder, taken);
    LLVMValueRef args[2] = {free, LLVMConstInt(LLVMInt1TypeInContext(e->context), 1, 0)};
    LLVMBuildRet(e->builder, emit_intrinsic(e, "llvm.cttz", index, args, 2));
}

Val slots_take(Program *program, LLVMValueRef context) {
    LLVMTypeRef params[1] = {pointer(program)};
    LLVMTypeRef type = LLVMFunctionType(emit_index_type(program->e), params, 1, 0);
    LLVMValueRef take = program_function(program, &program->take, "take_slot", type, take_body);
    return (Val){LLVMBuildCall2(program->e->builder, type, take, &context, 1, ""), e_index_type(program->e), 1};
}

void slots_give(Program *program, LLVMValueRef context, Val slot) {
    Emit *e = program->e;
    LLVMBuildAtomicRMW(e->builder, LLVMAtomicRMWBinOpOr, context_field(program, context, CONTEXT_SLOTS),
                       e_shl(e, e_index(e, 1), slot).v, LLVMAtomicOrderingRelease, 0);
}
