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
    LLVMValueRef reg[4];  // a, b, c, d
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
    CpuRegisters registers;
    for (unsigned i = 0; i < 4; i++)
        registers.reg[i] = LLVMBuildExtractValue(e->builder, result, i, "");
    return registers;
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

// ---- What an x86 must have

// Where the CPU says what it has: a register that CPUID gives.
enum { ONE_C, EXTENDED_C, SEVEN_B, SEVEN_C, SEVEN_D, SEVEN_1_A, WORDS };
static const struct {
    unsigned leaf, subleaf;
    int reg;  // 0: eax, ...
} words[WORDS] = {{1, 0, 2}, {0x80000001, 0, 2}, {7, 0, 1}, {7, 0, 2}, {7, 0, 3}, {7, 1, 0}};

enum { NO_LEVEL = 9 };

// Features: LLVM's name, bit, the first level of x86-64 that has it, and bits of the registers it goes with, without
// which it is not used.
typedef struct Needed {
    const char *name;
    int word, bit, level, vector_bits;
} Needed;

static const Needed features[] = {
    {"sse3", ONE_C, 0, 2, 0},
    {"ssse3", ONE_C, 9, 2, 0},
    {"fma", ONE_C, 12, 3, 256},
    {"cx16", ONE_C, 13, 2, 0},
    {"sse4.1", ONE_C, 19, 2, 0},
    {"sse4.2", ONE_C, 20, 2, 0},
    {"movbe", ONE_C, 22, 3, 0},
    {"popcnt", ONE_C, 23, 2, 0},
    {"xsave", ONE_C, 27, 3, 256},  // and the system uses it, so XGETBV is there
    {"avx", ONE_C, 28, 3, 256},
    {"f16c", ONE_C, 29, 3, 256},
    {"lzcnt", EXTENDED_C, 5, 3, 0},
    {"bmi", SEVEN_B, 3, 3, 0},
    {"avx2", SEVEN_B, 5, 3, 256},
    {"bmi2", SEVEN_B, 8, 3, 0},
    {"avx512f", SEVEN_B, 16, 4, 512},
    {"avx512dq", SEVEN_B, 17, 4, 512},
    {"avx512ifma", SEVEN_B, 21, NO_LEVEL, 512},
    {"avx512cd", SEVEN_B, 28, 4, 512},
    {"avx512bw", SEVEN_B, 30, 4, 512},
    {"avx512vl", SEVEN_B, 31, 4, 512},
    {"avx512vbmi", SEVEN_C, 1, NO_LEVEL, 512},
    {"avx512vbmi2", SEVEN_C, 6, NO_LEVEL, 512},
    {"avx512vnni", SEVEN_C, 11, NO_LEVEL, 512},
    {"avx512bitalg", SEVEN_C, 12, NO_LEVEL, 512},
    {"avx512vpopcntdq", SEVEN_C, 14, NO_LEVEL, 512},
    {"avx512fp16", SEVEN_D, 23, NO_LEVEL, 512},
    {"avxvnni", SEVEN_1_A, 4, NO_LEVEL, 256},
    {"avx512bf16", SEVEN_1_A, 5, NO_LEVEL, 512},
};

static bool is_needed(const Target *target, const Needed *feature) {
    const char *version = strrchr(target->level, 'v');
    int level = version ? version[1] - '0' : 1;
    char sign = feature_sign(target->features, feature->name);
    bool saved = !strcmp(feature->name, "xsave") && target->vector_bits > 128;
    return feature->vector_bits <= target->vector_bits && (sign ? sign == '+' : feature->level <= level || saved);
}

// Fills in the bits of each word that a target needs; whether there are any, so that not every CPU will do.
static bool needs(const Target *target, unsigned *masks) {
    bool any = false;
    memset(masks, 0, WORDS * sizeof *masks);
    if (target->arch != ARCH_X86_64)
        return false;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (is_needed(target, &features[i])) {
            masks[features[i].word] |= 1u << features[i].bit;
            any = true;
        }
    return any;
}

// Goes to `no` unless the CPU has what the target needs, and the operating system saves the registers (XCR0).
static void require_target(Program *program, const Target *target, LLVMBasicBlockRef no) {
    LLVMValueRef seven = LLVMConstInt(int32(program), 7, 0);
    unsigned masks[WORDS];
    bool asked = false;
    needs(target, masks);
    for (int i = 0; i < WORDS; i++) {
        if (!masks[i])
            continue;
        if (words[i].leaf == 7 && !asked) {  // a CPU without leaf 7 answers as for its last one
            LLVMValueRef last = cpu_ask(program, "cpuid", 0, 0).reg[0];
            require(program, LLVMBuildICmp(program->e->builder, LLVMIntUGE, last, seven, ""), no);
            asked = true;
        }
        CpuRegisters answer = cpu_ask(program, "cpuid", words[i].leaf, words[i].subleaf);
        require(program, has_bits(program, answer.reg[words[i].reg], masks[i]), no);
        if (i == ONE_C && target->vector_bits > 128)
            require(program,
                    has_bits(program, cpu_ask(program, "xgetbv", 0, 0).reg[0], target->vector_bits == 512 ? 0xe6 : 6),
                    no);
    }
}

static bool better(const Target *a, const Target *b) {
    if (a->vector_bits != b->vector_bits)
        return a->vector_bits > b->vector_bits;
    return a->dots != b->dots ? a->dots > b->dots : a->rounds > b->rounds;
}

// The versions from the best to the least; equal ones as they were given.
static void rank(const Program *program, int *order) {
    for (int i = 0; i < program->ncpus; i++) {
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
    int *order = ARENA_ARRAY(e->arena, int, program->ncpus);
    rank(program, order);
    for (int i = 0; i < program->ncpus; i++) {
        const Target *target = program->versions[order[i]].target;
        LLVMBasicBlockRef next = emit_block(e, "lacks");
        require_target(program, target, next);
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
    unsigned masks[WORDS];
    if (program->ncpus == 1 && !needs(program->versions[0].target, masks))
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
