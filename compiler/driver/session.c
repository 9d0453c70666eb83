// A session: loads a model and runs passes, as the flags say.
#include "driver/driver.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "driver/npy.h"
#include "ir/parse.h"
#include "ir/print.h"
#include "passes/pass.h"
#include "support/checked.h"
#include "support/str.h"

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void session_begin(Session *session, const Options *options, FILE *messages) {
    *session = (Session){.options = options, .arena = arena_new(), .started = now()};
    session->diag.out = messages;
}

void session_end(Session *session) {
    arena_free(session->arena);
}

int exit_code(const Diag *diag) {
    if (!diag->errors)
        return EXIT_DONE;
    return diag->last == E_USAGE || diag->last == E_IO ? EXIT_FLAGS : EXIT_MODEL;
}

void session_time(Session *session, const char *what) {
    double time = now();
    if (session->options->time_report)
        fprintf(stderr, "%10.3f ms  %s\n", 1e3 * (time - session->started), what);
    session->started = time;
}

// Paths.

static const char *path_file(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_stem(Arena *arena, const char *path) {
    const char *file = path_file(path), *dot = strrchr(file, '.');
    return arena_copy(arena, file, dot && dot != file ? (size_t)(dot - file) : strlen(file));
}

static const char *path_folder(Arena *arena, const char *path) {
    size_t length = (size_t)(path_file(path) - path);
    return length ? arena_copy(arena, path, length) : NULL;
}

const char *session_prefix(Session *session, const char *path) {
    const char *name = session->options->name;
    if (name && strcmp(name, str_identifier(session->arena, name))) {
        diag_error(&session->diag, NULL, E_NAME, "--name=%s is not a C identifier", name);
        return NULL;
    }
    if (!name)
        name = str_identifier(session->arena, path_stem(session->arena, path));
    if (!strcasecmp(name, "sqz")) {
        diag_error(&session->diag, NULL, E_NAME, "'%s' is the runtime's own name: choose another with --name=ID", name);
        return NULL;
    }
    return name;
}

static bool find_map(const Session *session, const char *path, File *file) {
    for (int i = 0; session && i < session->maps.n; i++)
        if (!strcmp(session->maps.item[i].path, path)) {
            *file = session->maps.item[i].file;
            return true;
        }
    return false;
}

const unsigned char *session_map(Session *session, const char *path, size_t *size) {
    File file;
    if (!find_map(session->first, path, &file)) {
        if (!file_map(&file, path, &session->diag))
            return NULL;
        MappedFile mapped = {path, file};
        LIST_PUSH(session->arena, &session->maps, mapped);
    }
    LIST_PUSH(session->arena, &session->read, path);
    *size = file.size;
    return file.size ? file.bytes : (const unsigned char *)"";
}

bool tensor_load(Session *session, const char *path, Type *type, const void **data) {
    size_t size;
    const unsigned char *bytes = session_map(session, path, &size);
    if (!bytes)
        return false;
    if (str_ends_with(path, ".npy") || npy_is(bytes, size))
        return npy_read(session->arena, bytes, size, path, type, data, &session->diag);
    const char *folder = path_folder(session->arena, path), *model = session->diag.file;
    bool named = str_ends_with(path, ".pb");
    Diag quiet = {0};
    session->diag.file = path;
    bool ok = onnx_tensor(session->arena, bytes, size, folder, type, data, named ? &session->diag : &quiet);
    session->diag.file = model;
    if (!ok && !named)
        return diag_error(&session->diag, NULL, E_RUN, "%s: neither a .npy file nor a TensorProto", path);
    return ok;
}

void options_for_here(Options *options) {
    if (!options->mcpu && !options->target)
        options->mcpu = "native";
}

// The flags that shape the model.

static bool parse_size(const char *text, char end_char, const char **end, int64_t *n) {
    char *stop;
    errno = 0;
    *n = isdigit((unsigned char)*text) ? strtoll(text, &stop, 10) : -1;
    if (*n < 0 || errno || (*stop && *stop != end_char))
        return false;
    *end = stop;
    return true;
}

// Splits "NAME=VALUE" at the last '=' (names may have any character).
static bool split_word(Session *session, const char *flag, const char *word, const char **name, const char **value) {
    const char *equals = strrchr(word, '=');
    if (!equals || equals == word || !equals[1])
        return diag_error(&session->diag, NULL, E_USAGE, "%s wants NAME=VALUE, not '%s'", flag, word);
    *name = arena_copy(session->arena, word, (size_t)(equals - word));
    *value = equals + 1;
    return true;
}

static bool read_dims(Session *session, OnnxOptions *onnx) {
    const Words *words = &session->options->dims;
    OnnxDim *dims = ARENA_ARRAY(session->arena, OnnxDim, words->n + 1);
    for (int i = 0; i < words->n; i++) {
        const char *value, *end;
        if (!split_word(session, "--dim", words->item[i], &dims[i].name, &value))
            return false;
        dims[i].most = 0;
        bool ok = parse_size(value, '.', &end, &dims[i].value);
        if (ok && *end)
            ok = end[1] == '.' && parse_size(end + 2, 0, &end, &dims[i].most) && dims[i].most;
        if (!ok)
            return diag_error(&session->diag, NULL, E_USAGE, "--dim=%s: not a size, nor a range such as 1..64",
                              words->item[i]);
    }
    onnx->dims = dims;
    onnx->ndims = words->n;
    return true;
}

static bool read_shape(Session *session, const char *word, OnnxShape *shape) {
    const char *value;
    if (!split_word(session, "--shape", word, &shape->input, &value))
        return false;
    if (!strcmp(value, "none")) {
        shape->rank = -1;
        return true;
    }
    for (;; value++) {
        if (shape->rank == MAX_RANK || !parse_size(value, 'x', &value, &shape->dim[shape->rank]))
            return diag_error(&session->diag, NULL, E_USAGE, "--shape=%s: not a shape such as 1x3x224x224", word);
        shape->rank++;
        if (!*value)
            return true;
    }
}

static bool read_shapes(Session *session, OnnxOptions *onnx, const OnnxOptions *more) {
    const Words *words = &session->options->shapes;
    int extra = more ? more->nshapes : 0;
    OnnxShape *shapes = ARENA_ARRAY(session->arena, OnnxShape, words->n + extra + 1);
    for (int i = 0; i < words->n; i++)
        if (!read_shape(session, words->item[i], &shapes[i]))
            return false;
    for (int i = 0; i < extra; i++)
        shapes[words->n + i] = more->shapes[i];
    onnx->shapes = shapes;
    onnx->nshapes = words->n + extra;
    return true;
}

static bool is_number(const char *text, double *number) {
    char *end;
    *number = isdigit((unsigned char)text[*text == '-']) ? strtod(text, &end) : 0;
    return isdigit((unsigned char)text[*text == '-']) && !*end;
}

static bool read_bind(Session *session, const char *word, OnnxBind *bind) {
    const char *value;
    if (!split_word(session, "--bind", word, &bind->input, &value))
        return false;
    bind->bytes = NULL;
    return is_number(value, &bind->number) || tensor_load(session, value, &bind->type, &bind->bytes);
}

static bool read_binds(Session *session, OnnxOptions *onnx, const OnnxOptions *more) {
    const Words *words = &session->options->binds;
    int extra = more ? more->nbinds : 0;
    OnnxBind *binds = ARENA_ARRAY(session->arena, OnnxBind, words->n + extra + 1);
    for (int i = 0; i < words->n; i++)
        if (!read_bind(session, words->item[i], &binds[i]))
            return false;
    for (int i = 0; i < extra; i++)
        binds[words->n + i] = more->binds[i];
    onnx->binds = binds;
    onnx->nbinds = words->n + extra;
    return true;
}

static Words split_list(Arena *arena, const char *text) {
    Words words = {0};
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, ",");
        if (length)
            LIST_PUSH(arena, &words, arena_copy(arena, at, length));
        at += length + (at[length] == ',');
    }
    return words;
}

static void read_keep(Session *session, OnnxOptions *onnx) {
    Words all = {0};
    for (int i = 0; i < session->options->keep.n; i++) {
        Words words = split_list(session->arena, session->options->keep.item[i]);
        for (int k = 0; k < words.n; k++)
            LIST_PUSH(session->arena, &all, words.item[k]);
    }
    onnx->keep_all = all.n == 1 && !strcmp(all.item[0], "all");
    onnx->keep = all.item;
    onnx->nkeep = onnx->keep_all ? 0 : all.n;
}

// Loading.

static void note_read(void *context, const char *path) {
    Session *session = context;
    LIST_PUSH(session->arena, &session->read, path);
}

static bool load_text(Session *session, const char *path, const unsigned char *bytes, size_t size) {
    const Options *o = session->options;
    if (o->dims.n || o->shapes.n || o->binds.n || o->keep.n)
        return diag_error(&session->diag, NULL, E_USAGE, "--dim, --shape, --bind and --keep are for ONNX models");
    const char *folder = path_folder(session->arena, path);
    session->module = parse_module(session->arena, (const char *)bytes, size, folder, &session->diag);
    return session->module != NULL;
}

bool session_load(Session *session, const char *path, const OnnxOptions *more) {
    const Options *o = session->options;
    OnnxOptions onnx = {0};
    if (!target_find(&session->target, session->arena, o->target, o->mcpu, o->mattr, &session->diag) ||
        !read_dims(session, &onnx) || !read_shapes(session, &onnx, more) || !read_binds(session, &onnx, more))
        return false;
    read_keep(session, &onnx);
    onnx.on_read = note_read;
    onnx.context = session;
    size_t size;
    const unsigned char *bytes = session_map(session, path, &size);
    if (!bytes)
        return false;
    session->diag.file = path;
    if (o->tune && !session_tune(session, path, more))
        return false;
    if (str_ends_with(path, ".sqz"))
        return load_text(session, path, bytes, size);
    session->module =
        onnx_import(session->arena, bytes, size, path_folder(session->arena, path), &onnx, &session->diag);
    return session->module != NULL;
}

bool session_write_sidecar(Session *session, const char *path) {
    size_t size;
    const void *bytes = print_sidecar_bytes(session->arena, session->module, &size);
    return !size || file_write(path, bytes, size, &session->diag);
}

// Passes.

static const char *const *pass_names(Session *session) {
    static const char *const nothing[] = {NULL};
    const Options *o = session->options;
    if (!o->passes)
        return o->level ? pipeline(o->level) : nothing;
    Words words = split_list(session->arena, o->passes);
    LIST_PUSH(session->arena, &words, NULL);
    return words.item;
}

bool session_run_passes(Session *session) {
    const Options *o = session->options;
    const char *const *names = pass_names(session), *leader = session->packing_cpu;
    Target packing;
    if (leader && !target_find(&packing, session->arena, o->target, leader, o->mattr, &session->diag))
        return false;
    PassContext context = {
        .module = session->module,
        .target = &session->target,
        .packing = leader ? &packing : NULL,
        .scratch = arena_new(),
        .diag = &session->diag,
        .small = o->level == 's',
        .strict = o->strict,
        .decisions = &session->decisions,
        .folds = session->folds ? session->folds : &session->own_folds,
    };
    PassOptions run = {names, o->print_after, o->stop_after, o->verify_each, o->time_report, stderr};
    bool ok = passes_run(&context, &run);
    arena_free(context.scratch);
    if (ok && o->memory_report)
        memory_report(stderr, session->module, &session->target);
    session->started = now();
    return ok;
}
