// The pass manager: runs a list of passes and checks, prints and times what they do. The module is verified before the
// first pass, since text is untrusted, and after the last one, since what codegen gets must be sound.
#include "passes/pass.h"

#include <string.h>
#include <time.h>

#include "codegen/kernel.h"
#include "ir/parse.h"
#include "ir/print.h"
#include "ir/verify.h"

static const PassInfo passes[] = {
#define PASS(id, name, exact, why) {name, why, exact, pass_##id, NULL},
#define GRAPH_PASS(id, name, exact, why) {name, why, exact, NULL, pass_##id},
#include "passes/passes.def"
#undef PASS
#undef GRAPH_PASS
};

const PassInfo *pass_table(int *count) {
    *count = (int)(sizeof passes / sizeof *passes);
    return passes;
}

static const PassInfo *pass_find(const char *name) {
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++)
        if (!strcmp(passes[i].name, name))
            return &passes[i];
    return NULL;
}

// Names that were mistyped.

enum { NAME_MAX_LENGTH = 32 };

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

// Levenshtein's distance: how many letters must be added, removed or changed.
static size_t edit_distance(const char *a, const char *b) {
    size_t n = strlen(b), row[NAME_MAX_LENGTH + 1];
    if (n > NAME_MAX_LENGTH)
        return n;
    for (size_t k = 0; k <= n; k++)
        row[k] = k;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 1; k <= n; k++) {
            size_t changed = diagonal + (a[i] != b[k - 1]);
            diagonal = row[k];
            row[k] = min_size(changed, 1 + min_size(row[k], row[k - 1]));
        }
    }
    return row[n];
}

static bool fail_unknown(PassContext *ctx, const char *name) {
    Str near = {.arena = ctx->scratch};
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++)
        if (edit_distance(name, passes[i].name) <= 4 || (*name && strstr(passes[i].name, name)))
            str_printf(&near, "%s%s", near.length ? ", " : "; did you mean ", passes[i].name);
    return diag_error(ctx->diag, NULL, E_USAGE, "no pass is called '%s'%s (see sqzc list passes)", name,
                      near.length ? near.text : "");
}

static bool check_names(PassContext *ctx, const PassOptions *options) {
    for (int i = 0; options->names[i]; i++)
        if (!pass_find(options->names[i]))
            return fail_unknown(ctx, options->names[i]);
    if (options->print_after && strcmp(options->print_after, "all") && !pass_find(options->print_after))
        return fail_unknown(ctx, options->print_after);
    return !options->stop_after || pass_find(options->stop_after) || fail_unknown(ctx, options->stop_after);
}

// After a pass.

static bool verify(const PassContext *ctx) {
    return verify_module(ctx->module, ctx->diag) && kernels_check(ctx->module, ctx->target, ctx->diag);
}

static bool verify_after(const PassContext *ctx, const char *name) {
    if (verify(ctx))
        return true;
    return diag_error(ctx->diag, NULL, E_INTERNAL, "pass %s left the IR inconsistent", name);
}

// The text form must say everything: printing, parsing and printing again gives the same text.
static bool check_round_trip(PassContext *ctx, const char *name) {
    Str first = {.arena = ctx->scratch}, second = {.arena = ctx->scratch};
    size_t size;
    const void *sidecar = print_sidecar_bytes(ctx->scratch, ctx->module, &size);
    print_module(&first, ctx->module, "constants");
    const Module *copy = parse_module_with(ctx->scratch, first.text, first.length, sidecar, size, ctx->diag);
    if (!copy)
        return diag_error(ctx->diag, NULL, E_INTERNAL, "the text after pass %s does not parse", name);
    print_module(&second, copy, "constants");
    if (!strcmp(first.text, second.text))
        return true;
    size_t same = 0, line = 1;
    for (; first.text[same] == second.text[same]; same++)
        line += first.text[same] == '\n';
    return diag_error(ctx->diag, NULL, E_INTERNAL, "the text after pass %s reads back differently, in line %zu", name,
                      line);
}

// Large constants print as references to a sidecar that is not written: the text is to be read.
static void print_after(const PassContext *ctx, const PassOptions *options, const char *name) {
    Str text = {.arena = ctx->scratch};
    print_module(&text, ctx->module, "constants");
    fprintf(options->out, "// after %s\n%s", name, text.text);
}

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static bool run_on(PassContext *ctx, const PassInfo *pass, Graph *graph) {
    for (Node *node = graph->first; node; node = node->next)
        for (int i = 0; i < 2 && node_is_flow(node); i++)
            if (node_body(node, i) && !run_on(ctx, pass, node_body(node, i)))
                return false;
    return pass->run_on(ctx, graph);
}

static bool run_on_all(PassContext *ctx, const PassInfo *pass) {
    for (int i = 0; i < ctx->module->graphs.n; i++)
        if (!run_on(ctx, pass, ctx->module->graphs.item[i]))
            return false;
    return true;
}

static bool run_pass(PassContext *ctx, const PassOptions *options, const PassInfo *pass) {
    double start = milliseconds();
    int errors = ctx->diag->errors;
    if (!(pass->run_on ? run_on_all(ctx, pass) : pass->run(ctx))) {
        if (ctx->diag->errors == errors)
            return diag_error(ctx->diag, NULL, E_INTERNAL, "pass %s failed without a message", pass->name);
        return false;
    }
    arena_reset(ctx->scratch);
    if (options->time_report)
        fprintf(options->out, "%10.3f ms  %s\n", milliseconds() - start, pass->name);
    if (options->print_after && (!strcmp(options->print_after, "all") || !strcmp(options->print_after, pass->name)))
        print_after(ctx, options, pass->name);
    bool ok = !options->verify_each || (verify_after(ctx, pass->name) && check_round_trip(ctx, pass->name));
    arena_reset(ctx->scratch);
    return ok;
}

bool passes_run(PassContext *ctx, const PassOptions *options) {
    if (!check_names(ctx, options) || !verify(ctx))
        return false;
    const char *last = NULL;
    for (int i = 0; options->names[i]; i++) {
        last = options->names[i];
        const PassInfo *pass = pass_find(last);
        if ((pass->exact || !ctx->strict) && !run_pass(ctx, options, pass))
            return false;
        if (options->stop_after && !strcmp(options->stop_after, last))
            break;
    }
    return !last || options->verify_each || verify_after(ctx, last);
}
