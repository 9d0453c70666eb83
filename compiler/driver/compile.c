// sqzc MODEL: from a model to the files that a product links. Texts are produced in memory, code in a temporary file,
// since it may be large; all get their names at the end, so that nothing is written on failure.
#include "codegen/compile.h"

#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codegen/kernel.h"
#include "driver/driver.h"
#include "ir/print.h"
#include "support/checked.h"
#include "support/str.h"

extern char **environ;

typedef enum Kind { KIND_O, KIND_S, KIND_LL, KIND_BC, KIND_SQZ, KIND_SO, KIND_COUNT } Kind;

static const struct {
    const char *name, *suffix;
    OutputKind output;
    bool header;  // written beside it unless the flags say otherwise
} kinds[KIND_COUNT] = {
    [KIND_O] = {"o", ".o", OUTPUT_OBJECT, true},
    [KIND_S] = {"s", ".s", OUTPUT_ASSEMBLY, true},
    [KIND_LL] = {"ll", ".ll", OUTPUT_LLVM_IR, false},
    [KIND_BC] = {"bc", ".bc", OUTPUT_BITCODE, false},
    [KIND_SQZ] = {"sqz", ".sqz", OUTPUT_OBJECT, false},
    [KIND_SO] = {"so", ".so", OUTPUT_OBJECT, true},
};

// A file to be written.
typedef struct Product {
    const char *path;  // null: none
    Str text;
} Product;

enum { MOST_CPUS = 8, FEW_ROWS = 8, BLOCK = 64 };

typedef struct Compile {
    Session session;           // for the first CPU
    Session more[2 * MOST_CPUS];  // for the others, then for blocks of samples
    Options flags[MOST_CPUS];     // of the other CPUs
    int nmore;
    bool opens;  // a dimension is open, and open-batch is still to see it
    const Options *options;
    const char *model, *prefix;
    Kind kind;
    Product code, header, rule;
    FileWriter object;      // the code but of KIND_SQZ, on its way
    size_t object_bytes;    // so far
    const char *object_path;
    bool begun;
    const char *sidecar;  // of KIND_SQZ: the file of its large constants, or null
} Compile;

static bool usage(Compile *c, const char *what, const char *word) {
    return diag_error(&c->session.diag, NULL, E_USAGE, "%s%s", what, word);
}

// What is written, and where.

static bool choose_kind(Compile *c) {
    const Options *o = c->options;
    if (o->emit) {
        for (c->kind = KIND_O; c->kind < KIND_COUNT; c->kind++)
            if (!strcmp(o->emit, kinds[c->kind].name))
                return true;
        return usage(c, "--emit knows o, s, ll, bc, sqz and so, not ", o->emit);
    }
    c->kind = o->stop_after ? KIND_SQZ : KIND_O;
    if (!o->output)
        return true;
    for (Kind kind = KIND_O; kind < KIND_COUNT; kind++)
        if (str_ends_with(o->output, kinds[kind].suffix)) {
            c->kind = kind;
            return true;
        }
    const char *file = strrchr(o->output, '/');
    const char *dot = strrchr(file ? file : o->output, '.');
    if (dot && dot[1] && strcmp(o->output, "."))
        return diag_error(&c->session.diag, NULL, E_FORMAT,
                          "%s: no kind of output has this suffix (--emit=KIND picks one)", o->output);
    return true;
}

static const char *with_suffix(Arena *arena, const char *path, const char *suffix) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    return arena_printf(arena, "%.*s%s", dot ? (int)(dot - path) : (int)strlen(path), path, suffix);
}

static bool is_stream(const char *path) {
    return !strcmp(path, "-") || !strncmp(path, "/dev/", 5);
}

static bool choose_paths(Compile *c) {
    const Options *o = c->options;
    Arena *arena = c->session.arena;
    c->code.path = o->output ? o->output
                             : arena_printf(arena, "%s%s", path_stem(arena, c->model), kinds[c->kind].suffix);
    bool stream = is_stream(c->code.path);
    if (c->kind == KIND_SO && stream)
        return usage(c, "a shared library cannot be written to ", c->code.path);
    if (o->stop_after && c->kind != KIND_SQZ)
        return usage(c, "--stop-after leaves no code: write a .sqz file, not ", c->code.path);
    c->header.path = o->header                               ? o->header
                     : kinds[c->kind].header && !stream ? with_suffix(arena, c->code.path, ".h")
                                                             : NULL;
    if (o->deps || o->depfile)
        c->rule.path = o->depfile ? o->depfile : with_suffix(arena, c->code.path, ".d");
    if (c->rule.path && stream && !o->depfile)
        return usage(c, "-MD wants -MF FILE when the output is ", c->code.path);
    if (c->kind == KIND_SQZ && !stream)
        c->sidecar = arena_printf(arena, "%s.bin", c->code.path);
    return true;
}

// Versions for several CPUs: each is the model loaded and optimised anew, for another target.

// The CPUs of an object that is to run on any x86-64.
static const char any_x86[] = "x86-64,x86-64-v3,x86-64-v4";

static bool split_cpus(Compile *c, Options *first) {
    const char *list = c->options->mcpu;
    bool code = c->kind != KIND_SQZ;
    if (!list && code && !c->options->mattr && c->options->level != '0' && !c->options->passes) {
        Target target;
        if (!target_find(&target, c->session.arena, c->options->target, NULL, NULL, &c->session.diag))
            return false;
        list = target.arch == ARCH_X86_64 ? any_x86 : NULL;
    }
    *first = *c->options;
    if (!list || !strchr(list, ','))
        return true;
    if (!code)
        return diag_error(&c->session.diag, NULL, E_FORMAT, "a .sqz text is for one CPU, not for %s", list);
    int n = 0;
    for (const char *at = list; *at && n <= MOST_CPUS; n++) {
        size_t length = strcspn(at, ",");
        const char *name = arena_copy(c->session.arena, at, length);
        Options *flags = n ? &c->flags[n - 1] : first;
        *flags = *c->options;
        flags->mcpu = name;
        if (n)
            flags->time_report = flags->memory_report = false, flags->print_after = NULL;
        at += length + (at[length] == ',');
    }
    c->nmore = n - 1;
    c->session.packing_cpu = (n / 2 ? &c->flags[n / 2 - 1] : first)->mcpu;  // the one in the middle
    return n <= MOST_CPUS || diag_error(&c->session.diag, NULL, E_TARGET, "--mcpu takes %d CPUs at most", MOST_CPUS);
}

// All versions have one interface, so they get the largest workspace of any.
static void share_workspace(Compile *c) {
    int64_t workspace = c->session.module->workspace_bytes, shard = c->session.module->shard_bytes;
    for (int i = 0; i < c->nmore; i++) {
        workspace = max_i64(workspace, c->more[i].module->workspace_bytes);
        shard = max_i64(shard, c->more[i].module->shard_bytes);
    }
    c->session.module->workspace_bytes = workspace;
    c->session.module->shard_bytes = shard;
    for (int i = 0; i < c->nmore; i++) {
        c->more[i].module->workspace_bytes = workspace;
        c->more[i].module->shard_bytes = shard;
    }
}

// Whether a node is a product with weights that has few rows of one sample.
static bool reads_weights_often(const Node *node) {
    const Value *weights = node_in(node, 1);
    const Type *type = &node->out[0]->type;
    bool constant = weights && (weights->data || (weights->def && (op_info[weights->def->op].flags & RECIPE)));
    return (node->op == OP_MatMul || node->op == OP_Gemm) && constant && type->rank > 0 &&
           type_count(type) < FEW_ROWS * type->dim[type->rank - 1].n;
}

// Whether samples of an open dimension are to go through the network layer by layer, so that weights are read once for
// all of them. That pays where nearly all the work are such products; images would leave the caches.
static bool wants_blocks(const Compile *c) {
    const Module *module = c->session.module;
    double all = 0, often = 0;
    bool plain = c->kind == KIND_SQZ || c->options->level == '0' || c->options->passes;
    if (plain || !c->opens || !module->open.axis || module->open.most == 1)
        return false;
    for (const Node *node = module->graphs.item[0]->first; node; node = node->next) {
        double macs = kernel_macs(node);
        all += macs;
        often += reads_weights_often(node) ? macs : 0;
        if (node_is_flow(node))
            return false;
    }
    return often > 0 && often >= 0.9 * all;
}

static bool load_versions(Compile *c) {
    int cpus = c->nmore + 1;
    Options *alone = ARENA_NEW(c->session.arena, Options);
    *alone = *c->session.options;
    alone->time_report = alone->memory_report = false, alone->print_after = NULL;
    if (wants_blocks(c))
        c->nmore += cpus;
    for (int i = 0; i < c->nmore; i++) {
        Session *s = &c->more[i];
        int cpu = (i + 1) % cpus;
        session_begin(s, cpu ? &c->flags[cpu - 1] : alone, stderr);
        s->diag.no_warnings = true;  // those of the first version
        s->first = &c->session;
        s->folds = &c->session.own_folds;
        s->packing_cpu = c->session.packing_cpu;
        bool ok = session_load(s, c->model, NULL);
        if (ok && i + 1 >= cpus)
            s->module->open.block = min_i64(s->module->open.most, BLOCK);
        if (!ok || !session_run_passes(s)) {
            c->session.diag.errors += s->diag.errors;
            c->session.diag.last = s->diag.last;
            return false;
        }
    }
    share_workspace(c);
    return true;
}

// Making the texts.

static void make_rule(Compile *c) {
    Str *out = &c->rule.text;
    Words words = {0};
    LIST_PUSH(c->session.arena, &words, c->code.path);
    if (c->header.path)
        LIST_PUSH(c->session.arena, &words, c->header.path);
    int targets = words.n;
    for (int i = 0; i < c->session.read.n; i++)
        LIST_PUSH(c->session.arena, &words, c->session.read.item[i]);
    for (int i = 0; i < words.n; i++) {
        str_add(out, i == targets ? ": " : i ? " " : "");
        for (const char *p = words.item[i]; *p; p++) {
            if (*p == ' ' || *p == '#' || *p == '\\')
                str_add(out, "\\");
            str_add(out, *p == '$' ? "$" : "");
            str_add_bytes(out, p, 1);
        }
    }
    str_add(out, "\n");
}

static void add_code(void *context, const void *bytes, size_t size) {
    Compile *c = context;
    if (!c->begun)
        file_begin(&c->object, c->object_path);
    c->begun = true;
    c->object_bytes += size;
    file_add(&c->object, bytes, size);
}

static bool make_code(Compile *c) {
    const Options *o = c->options;
    Session *s = &c->session;
    if (c->kind == KIND_SQZ) {
        const char *slash = c->sidecar ? strrchr(c->sidecar, '/') : NULL;
        print_module(&c->code.text, s->module, slash ? slash + 1 : c->sidecar);
    } else {
        CompileOptions how = {.prefix = c->prefix, .level = o->level, .strict = o->strict, .debug = o->debug,
                              .threads = o->jobs};
        Variant variants[2 * MOST_CPUS + 1] = {{s->module, &s->target}};
        for (int i = 0; i < c->nmore; i++)
            variants[i + 1] = (Variant){c->more[i].module, &c->more[i].target};
        Sink sink = {add_code, c};
        c->object_path =
            c->kind == KIND_SO ? arena_printf(s->arena, "%s.%ld.o", c->code.path, (long)getpid()) : c->code.path;
        if (!compile_module(variants, c->nmore + 1, &how, kinds[c->kind].output, &sink, &s->diag))
            return false;
    }
    if (o->memory_report && (c->kind == KIND_O || c->kind == KIND_SO))
        fprintf(stderr, "%-27s %12zu bytes\n", "object", c->object_bytes);
    if (c->header.path)
        header_text(&c->header.text, s->module, c->prefix);
    if (c->rule.path)
        make_rule(c);
    session_time(s, "codegen");
    return true;
}

// Writing them.

static bool run_linker(Compile *c, const char *object, const char *library) {
    const char *cc = getenv("CC");
    const char *words[] = {cc && *cc ? cc : "cc",  "-shared", "-nostdlib", "-Wl,--build-id=none", "-o", library,
                           object, NULL};
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, words[0], NULL, NULL, (char *const *)(void *)words, environ))
        return diag_error(&c->session.diag, NULL, E_IO, "cannot run %s to link %s", words[0], library);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
        return diag_error(&c->session.diag, NULL, E_IO, "%s could not link %s", words[0], library);
    return true;
}

// Links into a file beside the library, then renames.
static bool write_library(Compile *c) {
    Arena *arena = c->session.arena;
    const char *base = arena_printf(arena, "%s.%ld", c->code.path, (long)getpid());
    bool ok = file_finish(&c->object, &c->session.diag) && run_linker(c, c->object_path, base);
    if (ok && rename(base, c->code.path))
        ok = diag_error(&c->session.diag, NULL, E_IO, "cannot write %s", c->code.path);
    unlink(c->object_path);
    if (!ok)
        unlink(base);
    return ok;
}

static bool write_product(Compile *c, const Product *product) {
    if (product == &c->code && c->kind == KIND_SO)
        return write_library(c);
    if (product == &c->code && c->begun)
        return file_finish(&c->object, &c->session.diag);
    return file_write(product->path, product->text.text, product->text.length, &c->session.diag);
}

// The code comes last, as make wants it. When one file cannot be written, the ones before are taken away.
static bool write_all(Compile *c) {
    const Product *products[] = {&c->rule, &c->header, &c->code};
    for (int i = 0; i < 3; i++) {
        if (!products[i]->path || write_product(c, products[i]))
            continue;
        if (c->begun)
            file_drop(&c->object);
        while (i-- > 0)
            if (products[i]->path && !is_stream(products[i]->path))
                unlink(products[i]->path);
        return false;
    }
    if (c->sidecar && !session_write_sidecar(&c->session, c->sidecar)) {
        unlink(c->code.path);
        return false;
    }
    session_time(&c->session, "write");
    return true;
}

static void say_what(const Compile *c) {
    const Target *target = &c->session.target;
    fprintf(stderr, "sqzc " SQZC_VERSION ": %s for %s, cpu %s%s%s, -O%c, symbols %s_...\n", c->model, target->triple,
            c->session.packing_cpu ? "several" : target->cpu, *target->features ? ", " : "", target->features,
            c->options->level, c->prefix);
    for (int i = 0; i < c->session.read.n; i++)
        fprintf(stderr, "  read  %s\n", c->session.read.item[i]);
    const Product *products[] = {&c->rule, &c->header, &c->code};
    for (int i = 0; i < 3; i++)
        if (products[i]->path)
            fprintf(stderr, "  wrote %s\n", products[i]->path);
}

static bool compile(Compile *c) {
    Session *s = &c->session;
    if (c->options->words.n != 1)
        return c->options->words.n ? usage(c, "one model at a time; a second one is ", c->options->words.item[1])
                                   : usage(c, "no model: ", "see sqzc --help");
    c->model = c->options->words.item[0];
    c->code.text.arena = c->header.text.arena = c->rule.text.arena = s->arena;
    c->prefix = session_prefix(s, c->model);
    Options *first = ARENA_NEW(s->arena, Options);
    if (!c->prefix || !choose_kind(c) || !choose_paths(c) || !split_cpus(c, first))
        return false;
    s->options = first;
    if (!session_load(s, c->model, NULL))
        return false;
    session_time(s, "load");
    c->opens = s->module->open.symbol && !s->module->open.axis && !s->module->open.block;
    if (!session_run_passes(s) || !load_versions(c) || !make_code(c) || !write_all(c))
        return false;
    if (c->options->verbose)
        say_what(c);
    return true;
}

int command_compile(const Options *options) {
    Arena *arena = arena_new();
    Compile *c = ARENA_NEW(arena, Compile);
    Options *flags = ARENA_NEW(arena, Options);
    *flags = *options;
    if (flags->tune)
        options_for_here(flags);
    c->options = flags;
    session_begin(&c->session, flags, stderr);
    compile(c);
    int code = exit_code(&c->session.diag);
    for (int i = 0; i < c->nmore; i++)
        session_end(&c->more[i]);
    session_end(&c->session);
    arena_free(arena);
    return code;
}
