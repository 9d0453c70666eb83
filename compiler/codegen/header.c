// The header that is written beside an object: C99 and C++, self-contained.
//
// A name of the model becomes a C identifier by one rule (c_name): characters other than letters, digits and '_' become
// '_'; a leading digit gets '_' before it; keywords and words that are macros on common systems get '_' behind; what
// C reserves gets 't' before it; longer than 60 characters is cut; and a name that differs from an earlier one (or from
// a parameter of ours) by nothing but case gets _2, _3, ... since the macros are in upper case.
//
// The interface hash covers all that a caller compiled in: a caller built with another header refers to a symbol that
// the object lacks, and fails to link.
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "codegen/compile.h"
#include "runtime/sqz.h"
#include "support/checked.h"

enum { NAME_MAX_LENGTH = 60, ALIGNMENT = 64 };

static bool is_reserved(const char *name) {
    static const char *const words[] = {"linux", "unix", "arm",  "i386", "errno", "stdin",     "stdout",
                                        "stderr", "null", "eof", "pool", "call",  "workspace", "workspace_size"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(name, words[i]))
            return true;
    return false;
}

static const char *c_name(Arena *arena, const char *text, const char *const *earlier, int count) {
    char *name = str_identifier(arena, text);
    if (strlen(name) > NAME_MAX_LENGTH)
        name[NAME_MAX_LENGTH] = 0;
    if (name[0] == '_' && (name[1] == '_' || isupper((unsigned char)name[1])))
        name = arena_printf(arena, "t%s", name);
    if (is_reserved(name))
        name = arena_printf(arena, "%s_", name);
    char *unique = name;
    for (int n = 2, i = 0; i < count; i++)
        if (!strcasecmp(earlier[i], unique)) {
            unique = arena_printf(arena, "%s_%d", name, n++);
            i = -1;  // from the first again
        }
    return unique;
}

// FNV-1a, 64 bits.
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_int(uint64_t hash, int64_t n) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)n >> (8 * i));
    return hash_bytes(hash, bytes, sizeof bytes);
}

static uint64_t hash_text(uint64_t hash, const char *text) {
    return hash_bytes(hash, text, strlen(text) + 1);
}

static uint64_t hash_value(uint64_t hash, const Value *value) {
    hash = hash_text(hash, value->name);
    hash = hash_int(hash, dtype_info[value->type.dtype].onnx);
    hash = hash_int(hash, value->type.rank);
    for (int i = 0; i < value->type.rank; i++)
        hash = hash_int(hash, value->type.dim[i].n);
    return hash;
}

static const Value *operand(const Graph *graph, int index) {
    return index < graph->inputs.n ? graph->inputs.item[index] : graph->outputs.item[index - graph->inputs.n];
}

Interface interface_of(const Module *module, const char *prefix, Arena *arena) {
    const Graph *graph = module->graphs.item[0];
    Interface interface = {.inputs = graph->inputs.n, .outputs = graph->outputs.n};
    int count = interface.inputs + interface.outputs;
    interface.shard_bytes = align_up(module->shard_bytes, ALIGNMENT);
    interface.workspace_bytes =
        max_i64(align_up(module->workspace_bytes, ALIGNMENT) + interface.shard_bytes, ALIGNMENT);
    interface.c_names = ARENA_ARRAY(arena, const char *, count);
    uint64_t hash = hash_text(hash_int(0xcbf29ce484222325u, SQZ_ABI), prefix);
    hash = hash_int(hash_int(hash, interface.workspace_bytes), interface.shard_bytes);
    hash = hash_int(hash_int(hash, interface.inputs), interface.outputs);
    for (int i = 0; i < count; i++) {
        interface.c_names[i] = c_name(arena, operand(graph, i)->name, interface.c_names, i);
        hash = hash_value(hash, operand(graph, i));
    }
    interface.hash = hash;
    return interface;
}

// The text.

typedef struct Writer {
    Str *out;
    const Module *module;
    const Graph *graph;
    const char *prefix, *upper;
    Interface face;
} Writer;

static const char *upper_case(Arena *arena, const char *text) {
    char *upper = arena_string(arena, text);
    for (char *c = upper; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return upper;
}

// A name as the model has it, inside a comment.
static void write_name(Str *out, const char *name) {
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c < 32 || *c > 126 || *c == '*' || *c == '?' || *c == '\\')
            str_printf(out, "\\x%02x", *c);
        else
            str_add_bytes(out, (const char *)c, 1);
}

static void write_shape(Str *out, const Type *type, const char *separator) {
    for (int i = 0; i < type->rank; i++)
        str_printf(out, "%s%" PRId64, i ? separator : "", type->dim[i].n);
}

static void write_start(const Writer *w) {
    str_printf(w->out,
               "/* %s: a neural network compiled by sqzc. Link the object that was written with this header.\n"
               " *\n"
               " * Tensors are dense arrays in row-major order, the last dimension fastest. Units are the model's.\n"
               " * All memory is the caller's; nothing is allocated, nothing is kept from one call to the next. */\n"
               "#ifndef %s_SQZC_H\n"
               "#define %s_SQZC_H\n\n"
               "#include <stddef.h>\n"
               "#include <stdint.h>\n\n"
               "#ifdef __cplusplus\n"
               "extern \"C\" {\n"
               "#endif\n\n",
               w->prefix, w->upper, w->upper);
}

static void write_workspace(const Writer *w) {
    str_printf(w->out,
               "/* Bytes of scratch memory that a call needs, and their alignment; any memory will do. On a pool a\n"
               " * call is cut into shards, up to four for each thread, as far as the workspace has room for them. */\n"
               "#define %s_WORKSPACE_SIZE %" PRId64 "\n"
               "#define %s_WORKSPACE_SIZE_ON(shards) "
               "((size_t)%" PRId64 " + (size_t)%" PRId64 " * (size_t)((shards) > 1 ? (shards) - 1 : 0))\n"
               "#define %s_WORKSPACE_ALIGN %d\n\n",
               w->upper, w->face.workspace_bytes, w->upper, w->face.workspace_bytes, w->face.shard_bytes, w->upper,
               ALIGNMENT);
}

static void write_tensor(const Writer *w, int index) {
    bool input = index < w->face.inputs;
    const Value *value = operand(w->graph, index);
    const Type *type = &value->type;
    const char *upper = upper_case(w->out->arena, w->face.c_names[index]);
    int64_t count = type_count(type);
    str_printf(w->out, "/* %s %d: ", input ? "Input" : "Output", input ? index : index - w->face.inputs);
    write_name(w->out, value->name);
    str_printf(w->out, ", %s", dtype_info[type->dtype].name);
    if (type->rank) {
        str_add(w->out, ", ");
        write_shape(w->out, type, " x ");
    }
    str_printf(w->out, "%s */\n#define %s_%s_COUNT %" PRId64 "\n#define %s_%s_RANK %d\n#define %s_%s_SHAPE {",
               type->dtype == DT_BOOL                                  ? " (0 or 1)"
               : type->dtype == DT_F16 || type->dtype == DT_BF16 ? " (its bits in a uint16_t)"
                                                                       : "",
               w->upper, upper, count, w->upper, upper, type->rank, w->upper, upper);
    if (type->rank)
        write_shape(w->out, type, ", ");
    else
        str_add(w->out, "0");  // C has no empty initializer
    str_printf(w->out, "}\n#define %s_%s_BYTES %" PRId64 "\n\n", w->upper, upper,
               count * (dtype_info[type->dtype].bits / 8));
}

// "const float *x, float *y,", in lines of bearable length.
static void write_parameters(const Writer *w) {
    enum { WIDTH = 80 };
    size_t line = w->out->length;
    for (int i = 0; i < w->face.inputs + w->face.outputs; i++) {
        bool is_full = w->out->length - line > WIDTH;
        if (is_full)
            line = w->out->length;
        str_printf(w->out, "%s%s%s *%s,", is_full ? "\n    " : i ? " " : "", i < w->face.inputs ? "const " : "",
                   dtype_info[operand(w->graph, i)->type.dtype].c_type, w->face.c_names[i]);
    }
}

static void write_functions(const Writer *w) {
    str_printf(w->out,
               "struct sqz_pool;  /* these three are in sqz.h, which only their users need */\n"
               "struct sqz_call;\n"
               "struct sqz_model;\n\n"
               "/* Runs the network once on the calling thread. Returns 0, or\n"
               " *   1  a pointer is null, or not aligned as its C type wants\n"
               " *   2  the workspace is null or not aligned to %s_WORKSPACE_ALIGN bytes\n"
               " *   3  an index in the input data is out of range; the outputs are then unspecified\n"
               " *   4  the CPU lacks instructions that the network was compiled for (x86 only)\n"
               " * (SQZ_E... of sqz.h). Inputs and outputs must not overlap. Calls at the same time are safe when\n"
               " * each has its own outputs and workspace. What a workspace holds before and after means nothing. */\n"
               "int %s_run(",
               w->upper, w->prefix);
    write_parameters(w);
    str_printf(w->out,
               " void *workspace);\n\n"
               "/* The same on a pool's threads (null: none). The results are the same to the bit. Returns 2 also\n"
               " * when workspace_size is less than %s_WORKSPACE_SIZE. A pool serves one call at a time. */\n"
               "int %s_run_on(const struct sqz_pool *pool, ",
               w->upper, w->prefix);
    write_parameters(w);
    str_printf(w->out,
               "\n    void *workspace, size_t workspace_size);\n\n"
               "/* The same with all arguments in a struct that is alike for all networks: for generic callers. */\n"
               "int %s_call(const struct sqz_call *call);\n\n"
               "/* Names, types, shapes and sizes, to be read at run time. */\n"
               "extern const struct sqz_model %s_model;\n\n",
               w->prefix, w->prefix);
}

static void write_check(const Writer *w) {
    str_printf(w->out,
               "/* A link error about this symbol means that header and object are not of the same compilation. */\n"
               "extern const char %s_interface_%016" PRIx64 ";\n"
               "#if defined(__GNUC__) && !defined(SQZ_NO_INTERFACE_CHECK)\n"
               "static const char *const %s_interface __attribute__((used)) = &%s_interface_%016" PRIx64 ";\n"
               "#endif\n\n",
               w->prefix, w->face.hash, w->prefix, w->prefix, w->face.hash);
}

void header_text(Str *out, const Module *module, const char *prefix) {
    Writer w = {.out = out, .module = module, .graph = module->graphs.item[0], .prefix = prefix};
    w.upper = upper_case(out->arena, prefix);
    w.face = interface_of(module, prefix, out->arena);
    write_start(&w);
    write_workspace(&w);
    for (int i = 0; i < w.face.inputs + w.face.outputs; i++)
        write_tensor(&w, i);
    write_functions(&w);
    write_check(&w);
    str_add(out, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
