// Products of small integers, several to a lane of 32 bits, by the instructions that targets have for them
// (target->dots): four of bytes, or two of 16 bits.
#include <llvm-c/Core.h>
#include <string.h>

#include "codegen/emit_internal.h"

static LLVMValueRef bytes_x86(Emit *e, Val sum, LLVMValueRef *args) {
    const char *name = sum.lanes == 16  ? "llvm.x86.avx512.vpdpbusd.512"
                       : sum.lanes == 8 ? "llvm.x86.avx512.vpdpbusd.256"
                                        : "llvm.x86.avx512.vpdpbusd.128";
    return emit_intrinsic(e, name, NULL, args, 3);
}

static LLVMValueRef bytes_arm(Emit *e, Val sum, LLVMValueRef *args) {
    static const char name[] = "llvm.aarch64.neon.sdot";
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMTypeRef overloads[2] = {emit_type(e, DT_I32, sum.lanes), LLVMTypeOf(args[1])};
    LLVMTypeRef type = LLVMIntrinsicGetType(e->context, id, overloads, 2);
    return LLVMBuildCall2(e->builder, type, LLVMGetIntrinsicDeclaration(e->module, id, overloads, 2), args, 3, "");
}

// LLVM would add up the products of several steps first, which then need registers.
static LLVMValueRef words_x86(Emit *e, Val sum, LLVMValueRef *args) {
    const char *name = sum.lanes == 16  ? "llvm.x86.avx512.pmaddw.d.512"
                       : sum.lanes == 8 ? "llvm.x86.avx2.pmadd.wd"
                                        : "llvm.x86.sse2.pmadd.wd";
    return emit_pinned(e, LLVMBuildAdd(e->builder, sum.v, emit_intrinsic(e, name, NULL, args + 1, 2), ""));
}

Val e_dots(Emit *e, Val sum, Val a, Val b) {
    bool swapped = b.dtype == DT_U8;  // the unsigned ones come first
    LLVMValueRef args[3] = {sum.v, swapped ? b.v : a.v, swapped ? a.v : b.v};
    LLVMValueRef (*add)(Emit *, Val, LLVMValueRef *) = a.dtype == DT_I16                   ? words_x86
                                                       : e->target->arch == ARCH_X86_64 ? bytes_x86
                                                                                        : bytes_arm;
    return val(add(e, sum, args), DT_I32, sum.lanes);
}

Val e_splat_dots(Emit *e, Val some, int lanes) {
    Val word = val(LLVMBuildBitCast(e->builder, some.v, emit_type(e, DT_I32, 1), ""), DT_I32, 1);
    Val words = e_splat(e, word, lanes);
    int count = some.lanes * lanes;
    return val(LLVMBuildBitCast(e->builder, words.v, emit_type(e, some.dtype, count), ""), some.dtype, count);
}

Val e_load_dots(Emit *e, Ptr p, int64_t index, int count, int lanes) {
    int each = p.dtype == DT_I16 ? 2 : 4;
    Val some = e_zero(e, p.dtype, each);
    if (count == each)
        some = e_load_const(e, p, index, each);
    for (int i = 0; count < each && i < count; i++)
        some = e_set_lane(e, some, i, e_load_const(e, p, index + i, 1));
    return e_splat_dots(e, some, lanes);
}
