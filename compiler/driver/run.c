// sqzc run MODEL: reads the inputs, compiles in memory (or opens a shared library), calls, writes or prints outputs.
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/instance.h"
#include "driver/npy.h"
#include "ir/element.h"
#include "support/checked.h"
#include "support/str.h"

typedef struct Given {  // an input from the command line
    const char *name;   // null: by order
    Type type;
    const void *data;
} Given;

typedef struct Run {
    Session session;
    const Options *options;
    Given *given;
    int ngiven;
} Run;

// "x=FILE", or "FILE"; a name may have any character but '=', a path any.
static bool read_given(Run *run) {
    const Words *words = &run->options->inputs;
    run->given = ARENA_ARRAY(run->session.arena, Given, words->n + 1);
    for (run->ngiven = 0; run->ngiven < words->n; run->ngiven++) {
        Given *given = &run->given[run->ngiven];
        const char *word = words->item[run->ngiven], *equals = strchr(word, '=');
        if (equals)
            given->name = arena_copy(run->session.arena, word, (size_t)(equals - word));
        if (!tensor_load(&run->session, equals ? equals + 1 : word, &given->type, &given->data))
            return false;
    }
    return true;
}

// The given tensor for input `index` called `name`; null if there is none. Unnamed ones fill the inputs in order.
static const Given *given_for(const Run *run, int index, const char *name) {
    int unnamed = 0;
    for (int i = 0; i < run->ngiven; i++)
        if (run->given[i].name ? !strcmp(run->given[i].name, name) : unnamed++ == index)
            return &run->given[i];
    return NULL;
}

// Loads the model; open dimensions of its inputs take the sizes of the given tensors.
static bool load(Run *run, const char *path) {
    Session *s = &run->session;
    if (!session_load(s, path, NULL))
        return false;
    const ValueList *inputs = &s->module->graphs.item[0]->inputs;
    OnnxShape *shapes = ARENA_ARRAY(s->arena, OnnxShape, inputs->n + 1);
    OnnxOptions more = {.shapes = shapes};
    for (int i = 0; i < inputs->n; i++) {
        const Value *value = inputs->item[i];
        const Given *given = given_for(run, i, value->name);
        if (!given || type_is_static(&value->type))
            continue;
        OnnxShape *shape = &shapes[more.nshapes++];
        *shape = (OnnxShape){.input = value->name, .rank = given->type.rank};
        for (int d = 0; d < given->type.rank; d++)
            shape->dim[d] = given->type.dim[d].n;
    }
    return !more.nshapes || str_ends_with(path, ".sqz") || session_load(s, path, &more);
}

static bool missing_inputs(Run *run, const Instance *instance) {
    Str list = {.arena = run->session.arena};
    for (int i = 0; i < instance->ninputs; i++) {
        const Port *port = &instance->inputs[i];
        if (!given_for(run, i, port->name))
            str_printf(&list, "%s--input %s=FILE (%s)", list.length ? ", " : "", port->name,
                       type_text(run->session.arena, &port->type));
    }
    return diag_error(&run->session.diag, NULL, E_USAGE, "inputs are missing: %s", list.text);
}

static bool check_names(Run *run, const Instance *instance) {
    for (int i = 0; i < run->ngiven; i++) {
        const char *name = run->given[i].name;
        bool known = !name;
        for (int k = 0; k < instance->ninputs && !known; k++)
            known = !strcmp(instance->inputs[k].name, name);
        if (!known)
            return diag_error(&run->session.diag, NULL, E_USAGE, "--input: the model has no input '%s'", name);
    }
    return true;
}

// The open dimension's value, from the first input that has it.
static bool set_size(Run *run, Instance *instance) {
    for (int i = 0; i < instance->ninputs && instance->dim_name; i++) {
        const Port *port = &instance->inputs[i];
        const Given *given = given_for(run, i, port->name);
        int64_t each = port->open >= 0 ? port->type.dim[port->open].n / instance->n : 0;
        if (!given || each < 1 || given->type.rank <= port->open)
            continue;
        int64_t whole = given->type.dim[port->open].n;
        return whole % each
                   ? diag_error(instance->diag, NULL, E_RUN, "input '%s': dimension %d is %lld, no multiple of %lld",
                                port->name, port->open, (long long)whole, (long long)each)
                   : instance_resize(instance, whole / each);
    }
    return true;
}

static bool set_inputs(Run *run, Instance *instance) {
    if (!check_names(run, instance))
        return false;
    int used = 0;
    if (!set_size(run, instance))
        return false;
    for (int i = 0; i < instance->ninputs; i++) {
        Port *port = &instance->inputs[i];
        const Given *given = given_for(run, i, port->name);
        if (!given)
            return missing_inputs(run, instance);
        used++;
        if (!instance_set(instance, port, &given->type, given->data))
            return false;
    }
    return used == run->ngiven || diag_error(&run->session.diag, NULL, E_USAGE, "%d inputs given, the model has %d",
                                             run->ngiven, instance->ninputs);
}

// Outputs.

static const char *output_path(Run *run, const char *name) {
    char *safe = arena_string(run->session.arena, name);
    for (char *c = safe; *c; c++)
        if (*c == '/' || iscntrl((unsigned char)*c))
            *c = '_';
    return arena_printf(run->session.arena, "%s/%s.npy", run->options->output, safe);
}

static bool write_outputs(Run *run, const Instance *instance) {
    const char *folder = run->options->output;
    if (mkdir(folder, 0777) && errno != EEXIST)
        return diag_error(&run->session.diag, NULL, E_IO, "cannot make the folder %s: %s", folder, strerror(errno));
    for (int i = 0; i < instance->noutputs; i++) {
        const Port *port = &instance->outputs[i];
        Str text = {.arena = run->session.arena};
        Type type;
        const void *data;
        if (port->counts)
            continue;
        instance_result(instance, port, &type, &data);
        npy_write(&text, &type, data);
        if (!file_write(output_path(run, port->name), text.text, text.length, &run->session.diag))
            return false;
    }
    return true;
}

static void print_outputs(const Run *run, const Instance *instance) {
    enum { MOST = 8 };
    for (int i = 0; i < instance->noutputs; i++) {
        const Port *port = &instance->outputs[i];
        Type type;
        const void *data;
        if (port->counts)
            continue;
        instance_result(instance, port, &type, &data);
        int64_t count = type_count(&type);
        Str text = {.arena = run->session.arena};
        const void *elements = elements_wide(run->session.arena, &type, data);
        str_printf(&text, "%s %s:", port->name, type_text(run->session.arena, &type));
        for (int64_t k = 0; k < min_i64(count, MOST); k++) {
            str_add(&text, " ");
            element_print(&text, type.dtype, elements, k);
        }
        puts(arena_printf(run->session.arena, "%s%s", text.text, count > MOST ? " ..." : ""));
    }
}

static bool run_model(Run *run, Instance *instance) {
    const Options *o = run->options;
    if (o->words.n != 1)
        return diag_error(&run->session.diag, NULL, E_USAGE, "sqzc run wants one model (see sqzc run --help)");
    const char *path = o->words.item[0];
    if (!read_given(run))
        return false;
    bool ready = str_ends_with(path, ".so") ? instance_open(instance, &run->session, path, o->threads)
                                            : load(run, path) && session_run_passes(&run->session) &&
                                                  instance_compile(instance, &run->session, o->threads);
    if (!ready || !set_inputs(run, instance) || !instance_call(instance))
        return false;
    if (o->output)
        return write_outputs(run, instance);
    print_outputs(run, instance);
    return true;
}

int command_run(const Options *options) {
    if (options->test)
        return command_test(options);
    Options here = *options;
    options_for_here(&here);
    Run run = {.options = &here};
    Instance instance = {0};
    session_begin(&run.session, &here, stderr);
    run_model(&run, &instance);
    instance_close(&instance);
    int code = exit_code(&run.session.diag);
    session_end(&run.session);
    return code;
}
