// sqzc run --test DIR...: ONNX's test folders. Each has model.onnx and test_data_set_N with input_K.pb and output_K.pb.
// A folder runs in a process of its own under a time limit, so that a crash or a hang is one failed test. A line each:
//     ok NAME        ok NAME with --bind        refused E0123 NAME: why        FAIL NAME: why
//
// Some node tests feed shapes and axes as inputs and do not declare the shape that comes of them. Where a model is
// refused for that (E_DYNAMIC), it is compiled again with such inputs bound to the test's data, as --bind does: first
// the integers of rank 0 and 1, then everything but the first input. The line says so.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "driver/instance.h"
#include "ir/element.h"
#include "support/checked.h"
#include "support/str.h"

enum { BIND_NONE, BIND_SMALL_INTS, BIND_ALL_BUT_FIRST, BIND_STAGES };

typedef struct Tensor {  // an empty sequence or optional has rank -1
    const char *name;
    Type type;
    const void *data;
} Tensor;

typedef struct Set {  // one test_data_set under way
    Session session;
    const Options *options;
    const char *folder, *model;
    int stage;
    bool by_port;  // the data is read before the model, since it decides what the importer makes
    OnnxPorts in, out;  // of the model, where one of them is no tensor; else empty
    Tensor *inputs;
    int ninputs, capacity;
    Instance instance;
    char *messages;  // what the session's Diag said
    size_t length;
} Set;

static bool exists(const char *path) {
    struct stat info;
    return !stat(path, &info);
}

// Reading.

// Which inputs and outputs of the model are sequences or optionals.
static bool read_ports(Set *set) {
    Session *s = &set->session;
    size_t size;
    const unsigned char *bytes = session_map(s, set->model, &size);
    bool lists = false;
    if (!bytes || !onnx_ports(s->arena, bytes, size, &set->in, &set->out, &s->diag))
        return false;
    for (int i = 0; i < set->in.n; i++)
        lists = lists || set->in.item[i].sequence || set->in.item[i].optional;
    for (int i = 0; i < set->out.n; i++)
        lists = lists || set->out.item[i].sequence || set->out.item[i].optional;
    if (!lists && !set->by_port)
        set->in.n = set->out.n = 0;
    return true;
}

// The tensors in a file; those of a sequence are called NAME_0, NAME_1, ...
static bool read_values(Set *set, const OnnxPort *port, const char *path, OnnxValues *values) {
    Session *s = &set->session;
    OnnxValue value;
    size_t size;
    *values = (OnnxValues){0};
    if (!exists(path))
        return diag_error(&s->diag, NULL, E_RUN, "no data for '%s'", port->name);
    if (!port->sequence && !port->optional) {
        if (!tensor_load(s, path, &value.type, &value.data))
            return false;
        LIST_PUSH(s->arena, values, value);
        return true;
    }
    const unsigned char *bytes = session_map(s, path, &size);
    return bytes && onnx_values(s->arena, bytes, size, NULL, port, values, &s->diag);
}

static void add_input(Set *set, const char *name, const OnnxValue *value) {
    set->inputs = arena_grow(set->session.arena, set->inputs, set->ninputs, &set->capacity, sizeof *set->inputs);
    set->inputs[set->ninputs++] = (Tensor){name, value->type, value->data};
}

static bool read_listed_inputs(Set *set) {
    Arena *arena = set->session.arena;
    static const OnnxValue none = {.type = {.rank = -1}};
    for (int i = 0; i < set->in.n; i++) {
        const OnnxPort *port = &set->in.item[i];
        OnnxValues values;
        if (!read_values(set, port, arena_printf(arena, "%s/input_%d.pb", set->folder, i), &values))
            return false;
        for (int k = 0; k < values.n; k++)
            add_input(set, port->sequence ? arena_printf(arena, "%s_%d", port->name, k) : port->name, &values.item[k]);
        if (!values.n)
            add_input(set, port->name, &none);
    }
    return true;
}

static bool read_inputs(Set *set) {
    Session *s = &set->session;
    const ValueList *values = &s->module->graphs.item[0]->inputs;
    set->inputs = ARENA_ARRAY(s->arena, Tensor, values->n + 1);
    for (int i = 0; i < values->n; i++) {
        const char *path = arena_printf(s->arena, "%s/input_%d.pb", set->folder, i);
        if (!exists(path))
            return diag_error(&s->diag, NULL, E_RUN, "no data for input '%s'", values->item[i]->name);
        set->inputs[i].name = values->item[i]->name;
        if (!tensor_load(s, path, &set->inputs[i].type, &set->inputs[i].data))
            return false;
    }
    set->ninputs = values->n;
    return true;
}

static bool is_bound(const Set *set, int index) {
    const Type *type = &set->inputs[index].type;
    bool integers = type->dtype == DT_I64 || type->dtype == DT_I32 || (type->dtype == DT_BOOL && type->rank == 0);
    if (type->rank < 0)
        return false;
    return (set->stage == BIND_SMALL_INTS && integers && type->rank <= 1) ||
           (set->stage == BIND_ALL_BUT_FIRST && index > 0);
}

// Loads again, with the shapes of the data for open dimensions, and with inputs bound.
static bool load_for_data(Set *set) {
    Session *s = &set->session;
    OnnxShape *shapes = ARENA_ARRAY(s->arena, OnnxShape, set->ninputs + 1);
    OnnxBind *binds = ARENA_ARRAY(s->arena, OnnxBind, set->ninputs + 1);
    OnnxOptions more = {.shapes = shapes, .binds = binds};
    for (int i = 0; i < set->ninputs; i++) {
        const Tensor *input = &set->inputs[i];
        if (is_bound(set, i)) {
            binds[more.nbinds++] = (OnnxBind){.input = input->name, .type = input->type, .bytes = input->data};
        } else if (set->in.n || !type_is_static(&s->module->graphs.item[0]->inputs.item[i]->type)) {
            OnnxShape *shape = &shapes[more.nshapes++];
            *shape = (OnnxShape){.input = input->name, .rank = input->type.rank};
            for (int d = 0; d < input->type.rank; d++)
                shape->dim[d] = input->type.dim[d].n;
        }
    }
    return (!set->out.n && !more.nshapes && !more.nbinds) || session_load(s, set->model, &more);
}

// Comparing, as ONNX's own runner does.

static bool is_close(const Options *options, DType dtype, double got, double want) {
    if (isnan(got) || isnan(want))
        return isnan(got) && isnan(want);
    if (got == want)
        return true;
    double rtol = dtype == DT_BF16 ? fmax(options->rtol, 0x1p-6) : options->rtol;  // 2^-6: two units of bf16
    return dtype_is_float(dtype) && isfinite(got) && isfinite(want) &&
           fabs(got - want) <= options->atol + rtol * fabs(want);
}

static bool compare_output(Set *set, const Port *port, const Type *type, const void *data) {
    Session *s = &set->session;
    Type found;
    const void *result;
    instance_result(&set->instance, port, &found, &result);
    DType dtype = found.dtype;
    if (dtype != type->dtype || !type_same_shape(&found, type))
        return diag_error(&s->diag, NULL, E_MISMATCH, "output '%s' is %s, should be %s", port->name,
                          type_text(s->arena, &found), type_text(s->arena, type));
    int64_t wrong = 0, first = -1, count = type_count(type);
    const void *got = elements_wide(s->arena, &found, result);
    data = elements_wide(s->arena, type, data);
    for (int64_t i = 0; i < count; i++) {
        bool same = dtype == DT_I64 || dtype == DT_U64
                        ? element_int(dtype, got, i) == element_int(dtype, data, i)
                        : is_close(set->options, dtype, element_double(dtype, got, i),
                                   element_double(dtype, data, i));
        if (!same && first < 0)
            first = i;
        wrong += !same;
    }
    if (!wrong)
        return true;
    return diag_error(&s->diag, NULL, E_MISMATCH,
                      "output '%s': %" PRId64 " of %" PRId64 " differ, element %" PRId64 " is %.9g, should be %.9g",
                      port->name, wrong, count, first, element_double(dtype, got, first),
                      element_double(dtype, data, first));
}

// The elements of a sequence are outputs that follow each other.
static bool compare_listed_outputs(Set *set) {
    Session *s = &set->session;
    int at = 0;
    for (int i = 0; i < set->out.n; i++) {
        const OnnxPort *port = &set->out.item[i];
        OnnxValues values;
        if (!read_values(set, port, arena_printf(s->arena, "%s/output_%d.pb", set->folder, i), &values))
            return false;
        for (int k = 0; k < values.n; k++, at++) {
            const char *name = port->sequence ? arena_printf(s->arena, "%s_%d", port->name, k) : port->name;
            if (at >= set->instance.noutputs || strcmp(set->instance.outputs[at].name, name))
                return diag_error(&s->diag, NULL, E_MISMATCH, "there is no output '%s'", name);
            if (!compare_output(set, &set->instance.outputs[at], &values.item[k].type, values.item[k].data))
                return false;
        }
    }
    if (at < set->instance.noutputs && !set->instance.outputs[at].counts)
        return diag_error(&s->diag, NULL, E_MISMATCH, "output '%s' should not be there",
                          set->instance.outputs[at].name);
    return true;
}

static bool compare_outputs(Set *set) {
    Session *s = &set->session;
    for (int i = 0; i < set->instance.noutputs; i++) {
        const char *path = arena_printf(s->arena, "%s/output_%d.pb", set->folder, i);
        if (set->instance.outputs[i].counts)
            continue;  // behind the model's own
        Type type;
        const void *data;
        if (!exists(path))
            return diag_error(&s->diag, NULL, E_RUN, "no data for output '%s'", set->instance.outputs[i].name);
        if (!tensor_load(s, path, &type, &data) || !compare_output(set, &set->instance.outputs[i], &type, data))
            return false;
    }
    return true;
}

// Running.

static bool set_inputs(Set *set) {
    for (int i = 0; i < set->instance.ninputs; i++) {
        Port *port = &set->instance.inputs[i];
        for (int k = 0; k < set->ninputs; k++)
            if (!strcmp(port->name, set->inputs[k].name) &&
                !instance_set(&set->instance, port, &set->inputs[k].type, set->inputs[k].data))
                return false;
    }
    return true;
}

static bool run_set(Set *set) {
    Session *s = &set->session;
    if (!read_ports(set))
        return false;
    bool read = set->out.n ? read_listed_inputs(set) : session_load(s, set->model, NULL) && read_inputs(set);
    return read && load_for_data(set) && session_run_passes(s) &&
           instance_compile(&set->instance, s, set->options->threads) && set_inputs(set) &&
           instance_call(&set->instance) &&
           (set->out.n ? compare_listed_outputs(set) : compare_outputs(set));
}

// One attempt; returns the code of its error, or 0. `why` gets the first message without its file and code.
static int try_set(const Options *options, const char *folder, const char *model, int stage, bool by_port, char **why) {
    Set set = {.options = options, .folder = folder, .model = model, .stage = stage, .by_port = by_port};
    FILE *messages = open_memstream(&set.messages, &set.length);
    if (!messages)
        return E_INTERNAL;
    session_begin(&set.session, options, messages);
    run_set(&set);
    int code = set.session.diag.errors ? (int)set.session.diag.last : 0;
    instance_close(&set.instance);
    session_end(&set.session);
    fclose(messages);
    char *text = strstr(set.messages, "]: ");
    *why = strdup(text ? text + 3 : set.messages);
    if (*why)
        (*why)[strcspn(*why, "\n")] = 0;
    free(set.messages);
    return code;
}

static int run_folder(const Options *options, const char *folder, char **why, bool *bound) {
    Arena *arena = arena_new();
    const char *model = arena_printf(arena, "%s/model.onnx", folder);
    int code = 0;
    *why = NULL;
    *bound = false;
    bool by_port = false;
    for (int number = 0; !code; number++) {
        const char *set = arena_printf(arena, "%s/test_data_set_%d", folder, number);
        if (number && !exists(set))
            break;
        code = E_DYNAMIC;
        for (int stage = BIND_NONE; stage < BIND_STAGES && code == E_DYNAMIC; stage++) {
            free(*why);
            code = try_set(options, set, model, stage, by_port, why);
            if (code == E_SYMBOL && !by_port) {
                by_port = true;
                free(*why);
                code = try_set(options, set, model, stage, by_port, why);
            }
            *bound = *bound || stage != BIND_NONE;
        }
    }
    arena_free(arena);
    return code;
}

// What the compiler says of the model is a refusal; our own bugs, wrong flags and wrong results are failures.
static bool is_refusal(int code) {
    return code >= E_MODEL && code < E_TARGET && code != E_VERIFY;
}

static const char *folder_name(Arena *arena, const char *folder) {
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    const char *path = arena_copy(arena, folder, length), *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

// The child: its verdict as a line into the pipe.
static void report_folder(const Options *options, const char *folder, int pipe_end) {
    char *why;
    bool bound;
    int code = run_folder(options, folder, &why, &bound);
    Arena *arena = arena_new();
    const char *name = folder_name(arena, folder);
    const char *line = !code              ? arena_printf(arena, "ok %s%s", name, bound ? " with --bind" : "")
                       : is_refusal(code) ? arena_printf(arena, "refused E%04d %s: %s", code, name, why ? why : "")
                                          : arena_printf(arena, "FAIL %s: %s", name, why ? why : "");
    ssize_t written = write(pipe_end, line, strlen(line));
    (void)written;
    free(why);
    arena_free(arena);
}

static int64_t milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

// Reads what the child writes until it ends or the limit is over; false on a time-out.
static bool read_line(int pipe_end, int limit, char *line, size_t size) {
    int64_t deadline = milliseconds() + (int64_t)limit * 1000;
    size_t length = 0;
    for (;;) {
        line[length] = 0;
        int64_t left = deadline - milliseconds();
        struct pollfd poll_end = {.fd = pipe_end, .events = POLLIN};
        int ready = left > 0 ? poll(&poll_end, 1, (int)min_i64(left, 1000000)) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        ssize_t n = read(pipe_end, line + length, size - 1 - length);
        if (n <= 0)
            return true;
        length += (size_t)n;
    }
}

static void test_folder(const Options *options, Arena *arena, const char *folder, int count[3]) {
    char line[4096] = "";
    const char *name = folder_name(arena, folder);
    int ends[2], status = 0;
    fflush(stdout);
    pid_t child = pipe(ends) ? -1 : fork();
    if (child == 0) {
        report_folder(options, folder, ends[1]);
        _exit(0);
    }
    if (child < 0) {
        printf("FAIL %s: cannot start a process\n", name);
        count[1]++;
        return;
    }
    close(ends[1]);
    bool late = !read_line(ends[0], options->limit, line, sizeof line);
    close(ends[0]);
    if (late)
        kill(child, SIGKILL);
    waitpid(child, &status, 0);
    const char *result = late                  ? arena_printf(arena, "FAIL %s: no result in %d s", name, options->limit)
                         : WIFSIGNALED(status) ? arena_printf(arena, "FAIL %s: crashed with signal %d", name,
                                                              WTERMSIG(status))
                         : !*line              ? arena_printf(arena, "FAIL %s: ended with status %d", name,
                                                              WEXITSTATUS(status))
                                               : line;
    puts(result);
    count[result[0] == 'o' ? 0 : result[0] == 'F' ? 1 : 2]++;
}

int command_test(const Options *options) {
    Diag diag = {.out = stderr};
    if (!options->words.n || options->inputs.n || options->output) {
        diag_error(&diag, NULL, E_USAGE, "sqzc run --test wants folders, and no --input or --output");
        return EXIT_FLAGS;
    }
    Arena *arena = arena_new();
    int count[3] = {0};
    for (int i = 0; i < options->words.n; i++)
        test_folder(options, arena, options->words.item[i], count);
    printf("%d passed, %d failed, %d refused\n", count[0], count[1], count[2]);
    arena_free(arena);
    return count[1] ? EXIT_MODEL : EXIT_DONE;
}
