// The way through LLVM: from a module to an object, assembly, IR or bitcode, or to a module for the JIT.
//
// The weights are a global of zeros while LLVM works, since it is slow and hungry with large constants; their bytes
// are written into the finished object at the offset of their section.
#include <elf.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/BitWriter.h>
#include <llvm-c/Core.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/backend.h"
#include "codegen/program.h"

static const char weights_section[] = ".rodata.sqz.weights";

// Loop strength reduction takes a third of the time of code generation and gains nothing on x86, whose addresses take
// an index. The switch is one of the whole process, and an error when given twice; a process compiles for one
// architecture, apart from folding, which is at -O0.
static void leave_out_lsr(void) {
    static bool done = false;
    static const char *const words[] = {"sqzc", "-disable-lsr"};
    if (!done)
        LLVMParseCommandLineOptions(2, words, NULL);
    done = true;
}

void backend_init(const Target *target, char level) {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeARMTargetInfo();
    LLVMInitializeARMTarget();
    LLVMInitializeARMTargetMC();
    LLVMInitializeARMAsmPrinter();
    if (target->arch == ARCH_X86_64 && level != '0')
        leave_out_lsr();
}

static void on_diagnostic(LLVMDiagnosticInfoRef info, void *diag) {
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError)
        return;
    char *text = LLVMGetDiagInfoDescription(info);
    diag_error(diag, NULL, E_BACKEND, "LLVM: %s", text);
    LLVMDisposeMessage(text);
}

LLVMTargetMachineRef backend_machine(const Target *target, char level, Diag *diag) {
    LLVMTargetRef found;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(target->triple, &found, &message)) {
        diag_error(diag, NULL, E_BACKEND, "LLVM: %s", message);
        LLVMDisposeMessage(message);
        return NULL;
    }
    LLVMCodeGenOptLevel optimise = level == '0' ? LLVMCodeGenLevelLess : level == '3' ? LLVMCodeGenLevelAggressive : LLVMCodeGenLevelDefault;
    return LLVMCreateTargetMachine(found, target->triple, target->cpu, target->features, optimise, LLVMRelocPIC,
                                   LLVMCodeModelDefault);
}

static bool optimise(Program *program, LLVMTargetMachineRef machine) {
    static const char *const plain = "function(mem2reg,instsimplify,simplifycfg)";
    static const char *const full =
        "function(mem2reg,early-cse,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm),early-cse),globaldce";
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(program->e->module, program->e->level == '0' ? plain : full, machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (!error)
        return true;
    char *text = LLVMGetErrorMessage(error);
    diag_error(program->e->diag, NULL, E_BACKEND, "LLVM: %s", text);
    LLVMDisposeErrorMessage(text);
    return false;
}

static bool is_sound(Program *program) {
    char *text = NULL;
    bool broken = LLVMVerifyModule(program->e->module, LLVMReturnStatusAction, &text);
    if (broken)
        diag_error(program->e->diag, NULL, E_INTERNAL, "LLVM rejects the code: %s", text);
    LLVMDisposeMessage(text);
    return !broken;
}

static LLVMTypeRef context_type(Emit *e) {
    LLVMTypeRef p = emit_pointer_type(e), w = LLVMInt32TypeInContext(e->context), n = emit_index_type(e);
    LLVMTypeRef fields[] = {p, p, p, w, w, w, n, n, p};
    return LLVMStructTypeInContext(e->context, fields, sizeof fields / sizeof *fields, 0);
}

// The weights' size is known only when all layers are lowered, so a placeholder stands for them until then.
static void settle_weights(Program *program, LLVMValueRef placeholder, const unsigned char *bytes) {
    Emit *e = program->e;
    LLVMTypeRef byte = LLVMInt8TypeInContext(e->context);
    LLVMTypeRef type = LLVMArrayType2(byte, (uint64_t)program->weights_size);
    LLVMValueRef global = LLVMAddGlobal(e->module, type, arena_printf(e->arena, "%s_weights", program->prefix));
    LLVMValueRef initial = bytes ? LLVMConstStringInContext2(e->context, (const char *)bytes, (size_t)program->weights_size, 1)
                                 : LLVMConstNull(type);
    LLVMSetInitializer(global, initial);
    LLVMSetGlobalConstant(global, 1);
    LLVMSetLinkage(global, LLVMInternalLinkage);
    LLVMSetExternallyInitialized(global, 1);
    LLVMSetAlignment(global, 64);
    LLVMSetSection(global, weights_section);
    LLVMReplaceAllUsesWith(placeholder, global);
    LLVMDeleteGlobal(placeholder);
}

static LLVMValueRef weights_placeholder(Emit *e) {
    return LLVMAddGlobal(e->module, LLVMInt8TypeInContext(e->context), "sqz_weights_placeholder");
}

static void set_target(Emit *e, LLVMTargetMachineRef machine) {
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetModuleDataLayout(e->module, layout);
    LLVMDisposeTargetData(layout);
    LLVMSetTarget(e->module, e->target->triple);
}

bool backend_program(Program *program, LLVMTargetMachineRef machine, WeightsMode mode, unsigned char **weights) {
    Emit *e = program->e;
    LLVMContextSetDiagnosticHandler(e->context, on_diagnostic, e->diag);
    set_target(e, machine);
    program->context_type = context_type(e);
    LLVMValueRef placeholder = weights_placeholder(e);
    program->weights_base = placeholder;
    if (!program_lower(program))
        return false;
    if (program->weights_size < 0 || (e->target->pointer_bits == 32 && program->weights_size > INT32_MAX))
        return diag_error(e->diag, NULL, E_TOO_BIG, "the weights exceed what the target can address");
    *weights = arena_alloc(e->arena, (size_t)program->weights_size);
    program_weights(program, *weights);
    if (mode == WEIGHTS_IN_MEMORY) {
        LLVMValueRef address = LLVMConstInt(emit_index_type(e), (uintptr_t)*weights, 0);
        LLVMReplaceAllUsesWith(placeholder, LLVMConstIntToPtr(address, emit_pointer_type(e)));
        LLVMDeleteGlobal(placeholder);
    } else {
        settle_weights(program, placeholder, mode == WEIGHTS_IN_TEXT ? *weights : NULL);
    }
    program_entries(program);
    if (program->debug)
        program_debug(program);
    return is_sound(program) && optimise(program, machine);
}

// ---- Filling in the weights

// Offset and size of a section in an ELF file; false if it isn't there.
#define FIND_SECTION(Header, Section)                                                             \
    {                                                                                             \
        const Header *header = (const Header *)(const void *)bytes;                               \
        const Section *sections = (const Section *)(const void *)(bytes + header->e_shoff);       \
        const char *names = (const char *)bytes + sections[header->e_shstrndx].sh_offset;         \
        for (int i = 0; i < header->e_shnum; i++)                                                 \
            if (!strcmp(names + sections[i].sh_name, weights_section)) {                          \
                *offset = sections[i].sh_offset;                                                  \
                *size = sections[i].sh_size;                                                      \
                return true;                                                                      \
            }                                                                                     \
        return false;                                                                             \
    }

static bool find_section32(const unsigned char *bytes, size_t *offset, size_t *size) FIND_SECTION(Elf32_Ehdr, Elf32_Shdr)
static bool find_section64(const unsigned char *bytes, size_t *offset, size_t *size) FIND_SECTION(Elf64_Ehdr, Elf64_Shdr)

static bool patch_weights(Program *program, Str *object, const unsigned char *weights) {
    if (!program->weights_size)
        return true;
    unsigned char *bytes = (unsigned char *)object->text;
    size_t offset = 0, size = 0;
    bool found = bytes[EI_CLASS] == ELFCLASS32 ? find_section32(bytes, &offset, &size) : find_section64(bytes, &offset, &size);
    if (!found)  // no code reads them
        return true;
    if (size != (size_t)program->weights_size)
        return diag_error(program->e->diag, NULL, E_INTERNAL, "the section of the weights has a wrong size");
    memcpy(bytes + offset, weights, size);
    return true;
}

// ---- Output

static bool write_machine_code(Program *program, LLVMTargetMachineRef machine, LLVMCodeGenFileType kind, Str *out) {
    LLVMMemoryBufferRef buffer = NULL;
    char *message = NULL;
    int errors = program->e->diag->errors;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, program->e->module, kind, &message, &buffer)) {
        diag_error(program->e->diag, NULL, E_BACKEND, "LLVM: %s", message);
        LLVMDisposeMessage(message);
        return false;
    }
    str_add_bytes(out, LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
    LLVMDisposeMemoryBuffer(buffer);
    return program->e->diag->errors == errors;
}

static bool write_output(Program *program, LLVMTargetMachineRef machine, OutputKind kind, Str *out) {
    switch (kind) {
    case OUTPUT_OBJECT: return write_machine_code(program, machine, LLVMObjectFile, out);
    case OUTPUT_ASSEMBLY: return write_machine_code(program, machine, LLVMAssemblyFile, out);
    case OUTPUT_LLVM_IR: {
        char *text = LLVMPrintModuleToString(program->e->module);
        str_add(out, text);
        LLVMDisposeMessage(text);
        return true;
    }
    case OUTPUT_BITCODE: {
        LLVMMemoryBufferRef buffer = LLVMWriteBitcodeToMemoryBuffer(program->e->module);
        str_add_bytes(out, LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
        LLVMDisposeMemoryBuffer(buffer);
        return true;
    }
    }
    return false;
}

void emit_open(Emit *e, Arena *arena, const Target *target, char level, const char *name, Diag *diag) {
    *e = (Emit){.arena = arena, .target = target, .diag = diag, .level = level};
    e->context = LLVMContextCreate();
    e->module = LLVMModuleCreateWithNameInContext(name, e->context);
    e->builder = LLVMCreateBuilderInContext(e->context);
}

bool compile_module(const Variant *variants, int count, const CompileOptions *options, OutputKind kind, Str *out,
                    Diag *diag) {
    backend_init(variants[0].target, options->level);
    Arena *arena = arena_new();
    Emit e;
    emit_open(&e, arena, variants[0].target, options->level, options->prefix, diag);
    Program program;
    program_open(&program, &e, variants, count, options->prefix);
    program.debug = options->debug;
    LLVMTargetMachineRef machine = backend_machine(variants[0].target, options->level, diag);
    unsigned char *weights = NULL;
    WeightsMode mode = kind == OUTPUT_OBJECT ? WEIGHTS_PATCHED : WEIGHTS_IN_TEXT;
    bool ok = machine && backend_program(&program, machine, mode, &weights) && write_output(&program, machine, kind, out) &&
              (kind != OUTPUT_OBJECT || patch_weights(&program, out, weights));
    if (machine)
        LLVMDisposeTargetMachine(machine);
    LLVMDisposeBuilder(e.builder);
    LLVMDisposeModule(e.module);
    LLVMContextDispose(e.context);
    arena_free(arena);
    return ok;
}
