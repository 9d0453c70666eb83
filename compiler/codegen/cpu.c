// Which of an object's versions this CPU can run. On x86 the levels are asked of CPUID, and of the operating system,
// which must save the wider registers; on ARM the caller promises the target.
#include <llvm-c/Core.h>
#include <string.h>

#include "codegen/program.h"
#include "runtime/sqz.h"

enum { NO_VERSION = 255 };

static LLVMTypeRef int32(Program *program) {
    return LLVMInt32TypeInContext(program->e->context);
}

void emit_return_if(Program *program, LLVMValueRef condition, int result) {
    Emit *e = program->e;
    LLVMBasicBlockRef bad = emit_block(e, "bad"), good = emit_block(e, "good");
    LLVMBuildCondBr(e->builder, condition, bad, good);
    LLVMPositionBuilderAtEnd(e->builder, bad);
    LLVMBuildRet(e->builder, LLVMConstInt(int32(program), (unsigned)result, 0));
    LLVMPositionBuilderAtEnd(e->builder, good);
}

typedef struct CpuRegisters {
    LLVMValueRef a, b, c, d;
} CpuRegisters;

static CpuRegisters cpu_ask(Program *program, const char *code, unsigned leaf, unsigned subleaf) {
    Emit *e = program->e;
    LLVMTypeRef w = int32(program), fields[4] = {w, w, w, w}, params[2] = {w, w};
    LLVMTypeRef type = LLVMFunctionType(LLVMStructTypeInContext(program->e->context, fields, 4, 0), params, 2, 0);
    const char *constraints = "={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}";
    LLVMValueRef assembly = LLVMGetInlineAsm(type, code, strlen(code), constraints, strlen(constraints), 1, 0,
                                             LLVMInlineAsmDialectATT, 0);
    LLVMValueRef args[2] = {LLVMConstInt(w, leaf, 0), LLVMConstInt(w, subleaf, 0)};
    LLVMValueRef result = LLVMBuildCall2(e->builder, type, assembly, args, 2, "");
    return (CpuRegisters){LLVMBuildExtractValue(e->builder, result, 0, ""), LLVMBuildExtractValue(e->builder, result, 1, ""),
                          LLVMBuildExtractValue(e->builder, result, 2, ""), LLVMBuildExtractValue(e->builder, result, 3, "")};
}

static LLVMValueRef has_bits(Program *program, LLVMValueRef word, unsigned bits) {
    LLVMBuilderRef b = program->e->builder;
    LLVMValueRef mask = LLVMConstInt(int32(program), bits, 0);
    return LLVMBuildICmp(b, LLVMIntEQ, LLVMBuildAnd(b, word, mask, ""), mask, "");
}

// Continues in a new block where the condition holds, and leaves for `no` where it doesn't.
static void require(Program *program, LLVMValueRef condition, LLVMBasicBlockRef no) {
    LLVMBasicBlockRef yes = emit_block(program->e, "has");
    LLVMBuildCondBr(program->e->builder, condition, yes, no);
    LLVMPositionBuilderAtEnd(program->e->builder, yes);
}

// What the levels v2, v3 and v4 of x86-64 need of CPUID, and of the operating system's saved state (XCR0).
static void require_level(Program *program, int vector_bits, LLVMBasicBlockRef no) {
    enum { V2_C1 = 1 << 0 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 23 };                // SSE3 ... SSE4.2, POPCNT
    enum { V3_C1 = 1 << 12 | 1 << 22 | 1 << 27 | 1 << 28 | 1 << 29 };                         // FMA MOVBE OSXSAVE AVX F16C
    enum { V3_B7 = 1 << 3 | 1 << 5 | 1 << 8, LZCNT = 1 << 5 };                                // BMI1 AVX2 BMI2
    unsigned v4_b7 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;                    // AVX512 F DQ CD BW VL
    CpuRegisters one = cpu_ask(program, "cpuid", 1, 0);
    require(program, has_bits(program, one.c, V2_C1), no);
    if (vector_bits < 256)
        return;
    require(program, has_bits(program, one.c, V3_C1), no);
    unsigned state = vector_bits == 512 ? 0xe6 : 6;
    require(program, has_bits(program, cpu_ask(program, "xgetbv", 0, 0).a, state), no);
    require(program, has_bits(program, cpu_ask(program, "cpuid", 0x80000001, 0).c, LZCNT), no);
    CpuRegisters seven = cpu_ask(program, "cpuid", 7, 0);
    require(program, has_bits(program, seven.b, V3_B7 | (vector_bits == 512 ? v4_b7 : 0)), no);
}

// Whether a target needs more than any CPU of its architecture has.
static bool is_level(const Target *target) {
    return target->arch == ARCH_X86_64 && target->rounds;
}

static bool better(const Target *a, const Target *b) {
    return a->vector_bits != b->vector_bits ? a->vector_bits > b->vector_bits : a->rounds > b->rounds;
}

// The versions from the best to the least; equal ones as they were given.
static void rank(const Program *program, int *order) {
    for (int i = 0; i < program->nversions; i++) {
        int at = i;
        for (; at > 0 && better(program->versions[i].target, program->versions[order[at - 1]].target); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static void set_word(Program *program, LLVMValueRef word, Var answer, int n) {
    Val value = e_int(program->e, DT_I32, n);
    LLVMValueRef stored = LLVMBuildStore(program->e->builder, value.v, word);
    LLVMSetOrdering(stored, LLVMAtomicOrderingMonotonic);
    LLVMSetAlignment(stored, 4);
    e_set(program->e, answer, value);
}

// Asks for one version after the other, and goes to `known` with the answer.
static void ask(Program *program, LLVMValueRef word, Var answer, LLVMBasicBlockRef known) {
    Emit *e = program->e;
    int *order = ARENA_ARRAY(e->arena, int, program->nversions);
    rank(program, order);
    for (int i = 0; i < program->nversions; i++) {
        const Target *target = program->versions[order[i]].target;
        LLVMBasicBlockRef next = emit_block(e, "lacks");
        if (is_level(target))
            require_level(program, target->vector_bits, next);
        set_word(program, word, answer, order[i] + 1);
        LLVMBuildBr(e->builder, known);
        LLVMPositionBuilderAtEnd(e->builder, next);
    }
    set_word(program, word, answer, NO_VERSION);
    LLVMBuildBr(e->builder, known);
    LLVMPositionBuilderAtEnd(e->builder, known);
}

// cpuid is slow under virtualisation, so its answer is kept in a word: 0 not asked, else the version's number + 1.
// Writing it twice is harmless.
Val cpu_select(Program *program) {
    Emit *e = program->e;
    if (program->nversions == 1 && !is_level(program->versions[0].target))
        return (Val){0};
    LLVMValueRef word = LLVMAddGlobal(e->module, int32(program), arena_printf(e->arena, "%s_cpu", program->prefix));
    LLVMSetInitializer(word, LLVMConstInt(int32(program), 0, 0));
    LLVMSetLinkage(word, LLVMInternalLinkage);
    LLVMBasicBlockRef asking = emit_block(e, "ask"), known = emit_block(e, "known");
    LLVMValueRef loaded = LLVMBuildLoad2(e->builder, int32(program), word, "");
    LLVMSetOrdering(loaded, LLVMAtomicOrderingMonotonic);
    LLVMSetAlignment(loaded, 4);
    Var answer = e_var(e, (Val){loaded, DT_I32, 1});
    LLVMBuildCondBr(e->builder, LLVMBuildIsNull(e->builder, loaded, ""), asking, known);
    LLVMPositionBuilderAtEnd(e->builder, asking);
    ask(program, word, answer, known);
    Val number = e_get(e, answer);
    emit_return_if(program, e_eq(e, number, e_int(e, DT_I32, NO_VERSION)).v, SQZ_ECPU);
    return e_add_const(e, number, -1);
}
