// The way through LLVM: from a module to an object, assembly, IR or bitcode, or to a module for the JIT.
//
// The weights are a global of zeros while LLVM works, since it is slow and hungry with large constants: a section
// without bytes (.bss...). In the finished object it becomes one with bytes, at the end of the file, which are packed
// and handed on piece by piece. So a model takes little more memory than its file does.
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
#include "support/checked.h"

static const char weights_section[] = ".rodata.sqz.weights";
// Of the same length; no symbol ends in a dot, so the string table shares these bytes with no other name.
static const char empty_section[] = ".bss.sqz.weights...";
_Static_assert(sizeof weights_section == sizeof empty_section, "one replaces the other in place");

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
    LLVMCodeGenOptLevel optimise = level == '0'   ? LLVMCodeGenLevelLess
                                   : level == '3' ? LLVMCodeGenLevelAggressive
                                                  : LLVMCodeGenLevelDefault;
    return LLVMCreateTargetMachine(found, target->triple, target->level, target->features, optimise, LLVMRelocPIC,
                                   LLVMCodeModelDefault);
}

static bool optimise(Emit *e, LLVMTargetMachineRef machine) {
    static const char *const plain = "function(mem2reg,instsimplify,simplifycfg)";
    static const char *const full =
        "function(mem2reg,early-cse,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm),early-cse),globaldce";
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(e->module, e->level == '0' ? plain : full, machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (!error)
        return true;
    char *text = LLVMGetErrorMessage(error);
    diag_error(e->diag, NULL, E_BACKEND, "LLVM: %s", text);
    LLVMDisposeErrorMessage(text);
    return false;
}

static bool is_sound(Emit *e) {
    char *text = NULL;
    bool broken = LLVMVerifyModule(e->module, LLVMReturnStatusAction, &text);
    if (broken)
        diag_error(e->diag, NULL, E_INTERNAL, "LLVM rejects the code: %s", text);
    LLVMDisposeMessage(text);
    return !broken;
}

bool backend_optimise(Emit *e, LLVMTargetMachineRef machine) {
    LLVMContextSetDiagnosticHandler(e->context, on_diagnostic, e->diag);
    return is_sound(e) && optimise(e, machine);
}

static LLVMTypeRef context_type(Emit *e) {
    LLVMTypeRef p = emit_pointer_type(e), w = LLVMInt32TypeInContext(e->context), n = emit_index_type(e);
    LLVMTypeRef fields[] = {p, p, p, w, w, w, n, n, n, p, p};
    return LLVMStructTypeInContext(e->context, fields, sizeof fields / sizeof *fields, 0);
}

// The weights' size is known only when all layers are lowered, so a placeholder stands for them until then.
static void settle_weights(Program *program, LLVMValueRef placeholder, const unsigned char *bytes) {
    Emit *e = program->e;
    LLVMTypeRef byte = LLVMInt8TypeInContext(e->context);
    LLVMTypeRef type = LLVMArrayType2(byte, (uint64_t)program->weights_size);
    LLVMValueRef global = LLVMAddGlobal(e->module, type, arena_printf(e->arena, "%s_weights", program->prefix));
    LLVMValueRef initial =
        bytes ? LLVMConstStringInContext2(e->context, (const char *)bytes, (size_t)program->weights_size, 1)
              : LLVMConstNull(type);
    LLVMSetInitializer(global, initial);
    LLVMSetGlobalConstant(global, 1);
    LLVMSetLinkage(global, LLVMInternalLinkage);
    LLVMSetExternallyInitialized(global, 1);
    LLVMSetAlignment(global, 64);
    LLVMSetSection(global, bytes ? weights_section : empty_section);
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
    set_target(e, machine);
    program->context_type = context_type(e);
    LLVMValueRef placeholder = weights_placeholder(e);
    program->weights_base = placeholder;
    if (!program_lower(program))
        return false;
    if (program->weights_size < 0 || (e->target->pointer_bits == 32 && program->weights_size > INT32_MAX))
        return diag_error(e->diag, NULL, E_TOO_BIG, "the weights exceed what the target can address");
    if (mode != WEIGHTS_APPENDED) {
        *weights = arena_alloc(e->arena, (size_t)program->weights_size);
        program_weights(program, *weights);
    }
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
    return true;
}

// ---- Appending the weights

// Gives the empty section bytes at the end of an ELF file, `*end`, if it is there; `*found` says so.
#define GIVE_BYTES(Header, Section, Offset)                                                                \
    {                                                                                                      \
        const Header *header = (const Header *)(void *)bytes;                                              \
        Section *sections = (Section *)(void *)(bytes + header->e_shoff);                                  \
        char *names = (char *)bytes + sections[header->e_shstrndx].sh_offset;                              \
        for (int i = 0; i < header->e_shnum; i++) {                                                        \
            Section *section = &sections[i];                                                               \
            if (strcmp(names + section->sh_name, empty_section))                                           \
                continue;                                                                                  \
            memcpy(names + section->sh_name, weights_section, sizeof weights_section);                     \
            section->sh_type = SHT_PROGBITS;                                                               \
            section->sh_flags &= ~(Offset)SHF_WRITE;                                                       \
            section->sh_offset = (Offset)end;                                                              \
            return (int64_t)section->sh_size;                                                              \
        }                                                                                                  \
        return 0;                                                                                          \
    }

static int64_t give_bytes32(unsigned char *bytes, size_t end) GIVE_BYTES(Elf32_Ehdr, Elf32_Shdr, Elf32_Word)
static int64_t give_bytes64(unsigned char *bytes, size_t end) GIVE_BYTES(Elf64_Ehdr, Elf64_Shdr, Elf64_Xword)

static bool write_object(Program *program, Str *object, const Sink *sink) {
    static const char zeros[64] = {0};
    size_t end = (size_t)align_up((int64_t)object->length, 64);
    str_add_bytes(object, zeros, end - object->length);
    unsigned char *bytes = (unsigned char *)object->text;
    int64_t size = (bytes[EI_CLASS] == ELFCLASS32 ? give_bytes32 : give_bytes64)(bytes, end);
    if (size && size != program->weights_size)
        return diag_error(program->e->diag, NULL, E_INTERNAL, "the section of the weights has a wrong size");
    sink->write(sink->context, object->text, object->length);
    if (size)  // 0: no code reads them
        program_stream(program, sink);
    return true;
}

// ---- Output

LLVMMemoryBufferRef backend_code(Emit *e, LLVMTargetMachineRef machine, bool text) {
    LLVMMemoryBufferRef buffer = NULL;
    char *message = NULL;
    int errors = e->diag->errors;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, e->module, text ? LLVMAssemblyFile : LLVMObjectFile, &message,
                                            &buffer)) {
        diag_error(e->diag, NULL, E_BACKEND, "LLVM: %s", message);
        LLVMDisposeMessage(message);
        return NULL;
    }
    if (e->diag->errors == errors)
        return buffer;
    LLVMDisposeMemoryBuffer(buffer);
    return NULL;
}

static void take_buffer(Str *out, LLVMMemoryBufferRef buffer) {
    if (buffer)
        str_add_bytes(out, LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
    if (buffer)
        LLVMDisposeMemoryBuffer(buffer);
}

static bool write_text(Program *program, LLVMTargetMachineRef machine, OutputKind kind, Str *out) {
    Emit *e = program->e;
    if (!backend_optimise(e, machine))
        return false;
    switch (kind) {
    case OUTPUT_OBJECT: break;
    case OUTPUT_ASSEMBLY: take_buffer(out, backend_code(e, machine, true)); break;
    case OUTPUT_LLVM_IR: {
        char *text = LLVMPrintModuleToString(e->module);
        str_add(out, text);
        LLVMDisposeMessage(text);
        break;
    }
    case OUTPUT_BITCODE: take_buffer(out, LLVMWriteBitcodeToMemoryBuffer(e->module)); break;
    }
    return out->length > 0;
}

void emit_open(Emit *e, Arena *arena, const Target *target, const CompileOptions *options, Diag *diag) {
    *e = (Emit){.arena = arena, .target = target, .diag = diag, .level = options->level, .strict = options->strict};
    e->context = LLVMContextCreate();
    e->module = LLVMModuleCreateWithNameInContext(options->prefix, e->context);
    e->builder = LLVMCreateBuilderInContext(e->context);
}

void emit_close(Emit *e) {
    LLVMDisposeBuilder(e->builder);
    LLVMDisposeModule(e->module);
    LLVMContextDispose(e->context);
}

static bool write_all(Program *program, LLVMTargetMachineRef machine, OutputKind kind, int threads, const Sink *sink) {
    Str text = {.arena = program->e->arena};
    if (kind == OUTPUT_OBJECT)
        return parts_compile(program, threads, &text) && write_object(program, &text, sink);
    if (!write_text(program, machine, kind, &text))
        return false;
    sink->write(sink->context, text.text, text.length);
    return true;
}

bool compile_module(const Variant *variants, int count, const CompileOptions *options, OutputKind kind,
                    const Sink *sink, Diag *diag) {
    backend_init(variants[0].target, options->level);
    Arena *arena = arena_new();
    Emit e;
    emit_open(&e, arena, variants[0].target, options, diag);
    Program program;
    program_open(&program, &e, variants, count, options->prefix);
    program.debug = options->debug;
    program.parted = kind == OUTPUT_OBJECT && !options->debug && e.target->pointer_bits == 64;
    LLVMTargetMachineRef machine = backend_machine(variants[0].target, options->level, diag);
    unsigned char *weights = NULL;
    WeightsMode mode = kind == OUTPUT_OBJECT ? WEIGHTS_APPENDED : WEIGHTS_IN_TEXT;
    bool ok = machine && backend_program(&program, machine, mode, &weights) &&
              write_all(&program, machine, kind, options->threads, sink);
    if (machine)
        LLVMDisposeTargetMachine(machine);
    for (int i = 0; i < program.parts.n; i++)
        emit_close(program.parts.item[i]);
    emit_close(&e);
    arena_free(arena);
    return ok;
}
