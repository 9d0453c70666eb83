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

static uint64_t hash_open(uint64_t hash, const Open *open) {
    hash = hash_int(hash_int(hash_text(hash, open->symbol->name), open->least), open->most);
    for (int i = 0; i < open->count; i++)
        hash = hash_int(hash, open->axis[i]);
    return hash;
}

int graph_count_output(const Graph *graph, const Value *value) {
    int axis = type_counted_axis(&value->type);
    for (int i = 0; axis >= 0 && i < graph->outputs.n; i++)
        if (!strcmp(graph->outputs.item[i]->name, value->type.dim[axis].count->name))
            return i;
    return -1;
}

Interface interface_of(const Module *module, const char *prefix, Arena *arena) {
    const Graph *graph = module->graphs.item[0];
    Interface interface = {.inputs = graph->inputs.n, .outputs = graph->outputs.n};
    int count = interface.inputs + interface.outputs;
    interface.shard_bytes = align_up(module->shard_bytes, ALIGNMENT);
    interface.workspace_bytes =
        max_i64(align_up(module->workspace_bytes, ALIGNMENT) + interface.shard_bytes, ALIGNMENT);
    const char **names = ARENA_ARRAY(arena, const char *, count + 1);  // the open dimension's first
    interface.c_names = names + 1;
    interface.open = module->open.axis ? &module->open : NULL;
    names[0] = interface.open_name = interface.open ? c_name(arena, module->open.symbol->name, NULL, 0) : "";
    uint64_t hash = hash_text(hash_int(0xcbf29ce484222325u, SQZ_ABI), prefix);
    hash = hash_int(hash_int(hash, interface.workspace_bytes), interface.shard_bytes);
    hash = hash_int(hash_int(hash, interface.inputs), interface.outputs);
    for (int i = 0; i < count; i++) {
        interface.c_names[i] = c_name(arena, graph_operand(graph, i)->name, names, i + 1);
        hash = hash_value(hash, graph_operand(graph, i));
        if (type_counted_axis(&graph_operand(graph, i)->type) >= 0)
            hash = hash_int(hash, graph_count_output(graph, graph_operand(graph, i)));
    }
    interface.hash = interface.open ? hash_open(hash, interface.open) : hash;
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

static int open_axis(const Writer *w, int index) {
    return w->face.open ? w->face.open->axis[index] : -1;
}

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

// The open dimension is `n` times what the type has.
static void write_shape(const Writer *w, int index, const char *n, const char *separator) {
    const Type *type = &graph_operand(w->graph, index)->type;
    for (int i = 0; i < type->rank; i++) {
        str_add(w->out, i ? separator : "");
        bool open = i == open_axis(w, index);
        if (open)
            str_add(w->out, n);
        if (!open || type->dim[i].n != 1)
            str_printf(w->out, "%s%" PRId64, open ? " * " : "", type->dim[i].n);
    }
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

static void write_open(const Writer *w) {
    const Open *open = w->face.open;
    str_add(w->out, "/* The dimension ");
    write_name(w->out, open->symbol->name);
    str_printf(w->out,
               " is open: how many samples a call has. */\n"
               "#define %s_%s_MIN %" PRId64 "\n"
               "#define %s_%s_MAX %" PRId64 "\n\n",
               w->upper, upper_case(w->out->arena, w->face.open_name), open->least, w->upper,
               upper_case(w->out->arena, w->face.open_name), open->most);
}

static void write_workspace_on(const Writer *w) {
    int64_t bytes = w->face.workspace_bytes, more = w->face.shard_bytes;
    str_printf(w->out, "#define %s_WORKSPACE_SIZE_ON(%sthreads) \\\n    ((size_t)%" PRId64 " + ", w->upper,
               w->face.open ? "n, " : "", bytes);
    if (w->face.open)  // a whole workspace for each thread that has a sample, or scratch for each to share one
        str_printf(w->out, "(size_t)((n) < (threads) ? %" PRId64 " : %" PRId64 ")", more, bytes);
    else
        str_printf(w->out, "(size_t)%" PRId64, more);
    str_add(w->out, " * (size_t)((threads) > 1 ? (threads) - 1 : 0))\n");
}

static void write_workspace(const Writer *w) {
    str_add(w->out,
            "/* Bytes of scratch memory that a call needs, and their alignment; any memory will do. On a pool each\n"
            " * thread has scratch of its own; with less of it fewer threads take part.");
    if (w->face.open)
        str_printf(
            w->out,
            "\n * Samples run one after the other in the same memory, so it is as much for any n. A pool's threads\n"
            " * take whole samples where there is one for each of them and room for as many workspaces. */\n"
            "#define %s_WORKSPACE_SIZE(n) ((size_t)%" PRId64 ")\n",
            w->upper, w->face.workspace_bytes);
    else
        str_printf(w->out, " */\n#define %s_WORKSPACE_SIZE %" PRId64 "\n", w->upper, w->face.workspace_bytes);
    write_workspace_on(w);
    str_printf(w->out, "#define %s_WORKSPACE_ALIGN %d\n\n", w->upper, ALIGNMENT);
}

static void write_count(const Writer *w, int index, const char *name, int64_t number) {
    const char *upper = upper_case(w->out->arena, w->face.c_names[index]);
    if (open_axis(w, index) >= 0)
        str_printf(w->out, "#define %s_%s_%s(n) ((size_t)(n) * %" PRId64 ")\n", w->upper, upper, name, number);
    else
        str_printf(w->out, "#define %s_%s_%s %" PRId64 "\n", w->upper, upper, name, number);
}

// What a C type does not say.
static const char *type_note(Arena *arena, const Type *type) {
    const DTypeInfo *info = &dtype_info[type->dtype];
    if (type->dtype == DT_BOOL)
        return " (0 or 1)";
    if (dtype_is_packed(type->dtype))
        return arena_printf(arena, " (%d to a byte, the first in the lowest bits, across rows)", 8 / info->packed);
    return dtype_is_float(type->dtype) && info->bits < 32 ? arena_printf(arena, " (its bits in a %s)", info->c_type)
                                                          : "";
}

// A string literal; octal digits cannot run into what follows.
static void write_string(Str *out, const char *text) {
    str_add(out, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 32 || *c > 126 || *c == '"' || *c == '?' || *c == '\\')
            str_printf(out, "\\%03o", *c);
        else
            str_add_bytes(out, (const char *)c, 1);
    str_add(out, "\"");
}

// What initializes an array of strings.
static void write_labels(const Writer *w, const Value *value, const char *upper) {
    const OutputLabels *labels = w->module->labels;
    while (labels && strcmp(labels->output, value->name))
        labels = labels->next;
    if (!labels || !labels->n)
        return;
    str_printf(w->out, "/* What its numbers stand for: const char *const labels[] = %s_%s_LABELS; */\n", w->upper,
               upper);
    str_printf(w->out, "#define %s_%s_LABELS { \\\n", w->upper, upper);
    for (int i = 0; i < labels->n; i++) {
        str_add(w->out, "    ");
        write_string(w->out, labels->text[i]);
        str_add(w->out, i < labels->n - 1 ? ", \\\n" : "}\n");
    }
}

static void write_tensor(const Writer *w, int index) {
    bool input = index < w->face.inputs, open = open_axis(w, index) >= 0;
    const Value *value = graph_operand(w->graph, index);
    const Type *type = &value->type;
    const char *upper = upper_case(w->out->arena, w->face.c_names[index]);
    int64_t count = type_count(type);
    str_printf(w->out, "/* %s %d: ", input ? "Input" : "Output", input ? index : index - w->face.inputs);
    write_name(w->out, value->name);
    str_printf(w->out, ", %s", dtype_info[type->dtype].name);
    if (type->rank) {
        str_add(w->out, ", ");
        write_shape(w, index, "n", " x ");
    }
    int count_output = graph_count_output(w->graph, value);
    if (count_output >= 0)
        str_printf(w->out, "; *%s of the %" PRId64 " along dimension %d are there, zeros behind them",
                   w->face.c_names[w->face.inputs + count_output], type->dim[type_counted_axis(type)].n,
                   type_counted_axis(type));
    str_printf(w->out, "%s */\n", type_note(w->out->arena, type));
    write_count(w, index, "COUNT", count);
    str_printf(w->out, "#define %s_%s_RANK %d\n#define %s_%s_SHAPE%s {", w->upper, upper, type->rank, w->upper, upper,
               open ? "(n)" : "");
    if (type->rank)
        write_shape(w, index, "(n)", ", ");
    else
        str_add(w->out, "0");  // C has no empty initializer
    str_add(w->out, "}\n");
    write_count(w, index, "BYTES", type_bytes(type));
    if (!input)
        write_labels(w, value, upper);
    str_add(w->out, "\n");
}

// "const float *x, float *y,", in lines of bearable length.
static void write_parameters(const Writer *w) {
    enum { WIDTH = 80 };
    size_t line = w->out->length;
    if (w->face.open)
        str_printf(w->out, "int64_t %s, ", w->face.open_name);
    for (int i = 0; i < w->face.inputs + w->face.outputs; i++) {
        bool is_full = w->out->length - line > WIDTH;
        if (is_full)
            line = w->out->length;
        str_printf(w->out, "%s%s%s *%s,", is_full ? "\n    " : i ? " " : "", i < w->face.inputs ? "const " : "",
                   dtype_info[graph_operand(w->graph, i)->type.dtype].c_type, w->face.c_names[i]);
    }
}

static const char *open_note(const Writer *w) {
    return w->face.open ? arena_printf(w->out->arena, ", or %s is not MIN to MAX", w->face.open_name) : "";
}

static void write_functions(const Writer *w) {
    str_printf(w->out,
               "struct sqz_pool;  /* these three are in sqz.h, which only their users need */\n"
               "struct sqz_call;\n"
               "struct sqz_model;\n\n"
               "/* Runs the network once on the calling thread. Returns 0, or\n"
               " *   1  a pointer is null, or not aligned as its C type wants%s\n"
               " *   2  the workspace is null or not aligned to %s_WORKSPACE_ALIGN bytes\n"
               " *   3  an index in the input data is out of range, or numbers that decide a shape do not give the\n"
               " *      one of this header; the outputs are then unspecified\n"
               " *   4  the CPU lacks instructions that the network was compiled for (x86 only)\n"
               " * (SQZ_E... of sqz.h). Inputs and outputs must not overlap. Calls at the same time are safe when\n"
               " * each has its own outputs and workspace. What a workspace holds before and after means nothing. */\n"
               "int %s_run(",
               open_note(w), w->upper, w->prefix);
    write_parameters(w);
    str_printf(w->out,
               " void *workspace);\n\n"
               "/* The same on a pool's threads (null: none). The results are the same to the bit. Returns 2 also\n"
               " * when workspace_size is less than %s_WORKSPACE_SIZE%s. A pool serves one call at a time. */\n"
               "int %s_run_on(const struct sqz_pool *pool, ",
               w->upper, w->face.open ? "(n)" : "", w->prefix);
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
    if (w.face.open)
        write_open(&w);
    write_workspace(&w);
    for (int i = 0; i < w.face.inputs + w.face.outputs; i++)
        write_tensor(&w, i);
    write_functions(&w);
    write_check(&w);
    str_add(out, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
