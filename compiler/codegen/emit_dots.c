// Products of bytes, four to a lane of 32 bits, by the instructions that targets have for them (target->dots).
#include <llvm-c/Core.h>
#include <string.h>

#include "codegen/emit_internal.h"

static LLVMValueRef dots_x86(Emit *e, Val sum, LLVMValueRef *args) {
    const char *name = sum.lanes == 16  ? "llvm.x86.avx512.vpdpbusd.512"
                       : sum.lanes == 8 ? "llvm.x86.avx512.vpdpbusd.256"
                                        : "llvm.x86.avx512.vpdpbusd.128";
    return emit_intrinsic(e, name, NULL, args, 3);
}

static LLVMValueRef dots_arm(Emit *e, Val sum, LLVMValueRef *args) {
    static const char name[] = "llvm.aarch64.neon.sdot";
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMTypeRef overloads[2] = {emit_type(e, DT_I32, sum.lanes), LLVMTypeOf(args[1])};
    LLVMTypeRef type = LLVMIntrinsicGetType(e->context, id, overloads, 2);
    return LLVMBuildCall2(e->builder, type, LLVMGetIntrinsicDeclaration(e->module, id, overloads, 2), args, 3, "");
}

Val e_dots(Emit *e, Val sum, Val a, Val b) {
    bool swapped = b.dtype == DT_U8;  // the unsigned ones come first
    LLVMValueRef args[3] = {sum.v, swapped ? b.v : a.v, swapped ? a.v : b.v};
    return val(e->target->arch == ARCH_X86_64 ? dots_x86(e, sum, args) : dots_arm(e, sum, args), DT_I32, sum.lanes);
}

Val e_load_dots(Emit *e, Ptr p, int64_t index, int count, int lanes) {
    Val four = e_zero(e, p.dtype, 4);
    if (count == 4)
        four = e_load_const(e, p, index, 4);
    for (int i = 0; count < 4 && i < count; i++)
        four = e_set_lane(e, four, i, e_load_const(e, p, index + i, 1));
    Val word = val(LLVMBuildBitCast(e->builder, four.v, emit_type(e, DT_I32, 1), ""), DT_I32, 1);
    Val words = e_splat(e, word, lanes);
    return val(LLVMBuildBitCast(e->builder, words.v, emit_type(e, p.dtype, 4 * lanes), ""), p.dtype, 4 * lanes);
}
