// Debug information for -g: each layer function is a subprogram of its node's name, so that a debugger or profiler
// names the layer, whatever kernel it shares with others. Its line is the layer's number in the order of execution,
// or the line of the text that the model was read from.
#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>
#include <string.h>

#include "codegen/program.h"

static LLVMMetadataRef file_of(LLVMDIBuilderRef builder, const Program *program) {
    const char *name = program->e->diag->file ? program->e->diag->file : program->prefix;
    const char *slash = strrchr(name, '/'),
               *base = slash ? slash + 1 : name;  // no path: the same model, the same bytes
    return LLVMDIBuilderCreateFile(builder, base, strlen(base), ".", 1);
}

static void describe_layer(LLVMDIBuilderRef builder, const Program *program, const Layer *layer, LLVMMetadataRef file,
                           LLVMMetadataRef type, unsigned number) {
    const Loc *loc = layer->node->loc;
    const char *name = loc && loc->node ? loc->node : layer->node->out[0]->name;
    size_t length;
    const char *symbol = LLVMGetValueName2(layer->function, &length);
    unsigned line = loc && loc->line ? (unsigned)loc->line : number;
    LLVMMetadataRef function = LLVMDIBuilderCreateFunction(builder, file, name, strlen(name), symbol, length, file,
                                                           line, type, 1, 1, line, LLVMDIFlagZero, 1);
    LLVMSetSubprogram(layer->function, function);
    LLVMMetadataRef location = LLVMDIBuilderCreateDebugLocation(program->e->context, line, 0, function, NULL);
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(layer->function); block; block = LLVMGetNextBasicBlock(block))
        for (LLVMValueRef i = LLVMGetFirstInstruction(block); i; i = LLVMGetNextInstruction(i))
            LLVMInstructionSetDebugLoc(i, location);
}

static void describe_layers(LLVMDIBuilderRef builder, Program *program, const Layer *layers, LLVMMetadataRef file,
                            LLVMMetadataRef type, unsigned *number) {
    for (const Layer *layer = layers; layer; layer = layer->next) {
        describe_layer(builder, program, layer, file, type, (*number)++);
        for (int i = 0; i < 2; i++)
            describe_layers(builder, program, layer->bodies[i], file, type, number);
    }
}

static void module_flag(Program *program, const char *name, unsigned value) {
    LLVMTypeRef int32 = LLVMInt32TypeInContext(program->e->context);
    LLVMAddModuleFlag(program->e->module, LLVMModuleFlagBehaviorWarning, name, strlen(name),
                      LLVMValueAsMetadata(LLVMConstInt(int32, value, 0)));
}

void program_debug(Program *program) {
    LLVMDIBuilderRef builder = LLVMCreateDIBuilder(program->e->module);
    LLVMMetadataRef file = file_of(builder, program);
    LLVMDIBuilderCreateCompileUnit(builder, LLVMDWARFSourceLanguageC11, file, "sqzc", 4, 1, "", 0, 0, "", 0,
                                   LLVMDWARFEmissionFull, 0, 0, 0, "", 0, "", 0);
    LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(builder, file, NULL, 0, LLVMDIFlagZero);
    for (int i = 0; i < program->nversions; i++) {
        unsigned number = 1;
        describe_layers(builder, program, program->versions[i].layers, file, type, &number);
    }
    module_flag(program, "Debug Info Version", LLVMDebugMetadataVersion());
    module_flag(program, "Dwarf Version", 4);
    LLVMDIBuilderFinalize(builder);
    LLVMDisposeDIBuilder(builder);
}
