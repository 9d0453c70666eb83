// Calling a network whose signature is known at run time only: its typed entries through libffi.
#include "driver/instance.h"

#include <dlfcn.h>
#include <ffi.h>
#include <stdlib.h>
#include <string.h>

#include "ir/element.h"
#include "support/checked.h"

enum { MOST_PORTS = 4096 };

static void *fresh(Arena *arena, int64_t size) {
    return arena_alloc(arena, (size_t)max_i64(size, 64));  // 64 bytes and more are 64-aligned
}

static Port *port_at(Instance *instance, int index) {
    return index < instance->ninputs ? &instance->inputs[index] : &instance->outputs[index - instance->ninputs];
}

bool instance_resize(Instance *instance, int64_t n) {
    if (instance->dim_name && (n < instance->least || n > instance->most))
        return diag_error(instance->diag, NULL, E_RUN, "dimension '%s' is %lld, the model takes %lld to %lld",
                          instance->dim_name, (long long)n, (long long)instance->least, (long long)instance->most);
    for (int i = 0; i < instance->ninputs + instance->noutputs; i++) {
        Port *port = port_at(instance, i);
        bool open = port->open >= 0;
        if (port->buffer && (!open || n == instance->n))
            continue;
        if (open)
            port->type.dim[port->open].n = port->type.dim[port->open].n / instance->n * n;
        port->buffer = fresh(instance->arena, type_bytes(&port->type));
    }
    instance->n = n;
    return true;
}

static bool make_ports(Instance *instance, int64_t workspace, int64_t shard, int threads) {
    if (instance->ninputs + instance->noutputs > MOST_PORTS)
        return diag_error(instance->diag, NULL, E_LIMIT, "more than %d inputs and outputs", MOST_PORTS);
    instance->n = 1;
    if (!instance_resize(instance, max_i64(instance->least, 1)))
        return false;
    if (threads != 1) {
        instance->pool = sqz_pool_create(threads);
        if (!instance->pool)
            return diag_error(instance->diag, NULL, E_RUN, "cannot have %d threads", threads);
    }
    int64_t others = instance->pool ? instance->pool->threads - 1 : 0;
    instance->workspace_size = (size_t)(workspace + others * (instance->dim_name ? workspace : shard));
    instance->workspace = fresh(instance->arena, (int64_t)instance->workspace_size);
    return true;
}

static Port *ports_of(Arena *arena, const ValueList *values, const int *open) {
    Port *ports = ARENA_ARRAY(arena, Port, values->n + 1);
    for (int i = 0; i < values->n; i++)
        ports[i] = (Port){.name = values->item[i]->name, .type = values->item[i]->type, .open = open ? open[i] : -1,
                          .axis = -1, .count = -1};
    return ports;
}

// What the model's text says of sizes that depend on data is not known any more where ports are.
static void link_counts(Instance *instance, const Graph *graph) {
    for (int i = 0; i < instance->noutputs; i++) {
        Port *port = &instance->outputs[i];
        port->axis = type_counted_axis(&graph->outputs.item[i]->type);
        port->count = graph_count_output(graph, graph->outputs.item[i]);
        if (port->axis < 0)
            continue;
        port->type.dim[port->axis].count = NULL;
        instance->outputs[port->count].counts = true;
    }
}

static void (*entry(Jit *jit, const char *suffix))(void) {
    void (*function)(void);
    void *address = jit_address(jit, suffix);
    memcpy(&function, &address, sizeof function);
    return function;
}

static bool compile(Instance *instance, Session *session, int threads, bool by_layer) {
    const Module *module = session->module;
    const Graph *graph = module->graphs.item[0];
    *instance = (Instance){.arena = session->arena, .diag = &session->diag};
    const Options *o = session->options;
    CompileOptions how = {.prefix = "jit", .level = o->level, .strict = o->strict, .by_layer = by_layer};
    instance->jit = jit_compile(module, &session->target, &how, &session->diag);
    if (!instance->jit)
        return false;
    instance->run = entry(instance->jit, "_run");
    instance->run_on = entry(instance->jit, "_run_on");
    if (!instance->run || !instance->run_on)
        return diag_error(&session->diag, NULL, E_INTERNAL, "the compiled module has no entry");
    const Open *open = module->open.axis ? &module->open : NULL;
    instance->inputs = ports_of(session->arena, &graph->inputs, open ? open->axis : NULL);
    instance->outputs = ports_of(session->arena, &graph->outputs, open ? open->axis + graph->inputs.n : NULL);
    if (open) {
        instance->dim_name = open->symbol->name;
        instance->least = open->least;
        instance->most = open->most;
    }
    instance->ninputs = graph->inputs.n;
    instance->noutputs = graph->outputs.n;
    link_counts(instance, graph);
    Interface interface = interface_of(module, "jit", session->arena);
    return make_ports(instance, interface.workspace_bytes, interface.shard_bytes, threads);
}

bool instance_compile(Instance *instance, Session *session, int threads) {
    return compile(instance, session, threads, false);
}

bool instance_compile_by_layer(Instance *instance, Session *session) {
    return compile(instance, session, 1, true);
}

// Shared libraries.

static bool port_of_tensor(Instance *instance, const sqz_tensor *tensor, Port *port) {
    DType dtype = dtype_from_onnx(tensor->dtype);
    if (dtype == DT_NONE || tensor->rank < 0 || tensor->rank > MAX_RANK)
        return diag_error(instance->diag, NULL, E_RUN, "an input or output that this sqzc does not know");
    port->name = sqz_tensor_name(tensor);
    port->type = type_of_users(type_make(dtype, tensor->rank, tensor->dims));
    port->open = -1;
    port->axis = sqz_tensor_counted_axis(tensor);
    port->count = sqz_tensor_count_output(tensor);
    if (port->axis >= tensor->rank || port->count >= instance->noutputs)
        return diag_error(instance->diag, NULL, E_RUN, "output '%s' is damaged", port->name);
    if (port->axis >= 0)
        instance->outputs[port->count].counts = true;
    for (int i = 0; i < tensor->rank; i++)
        if (tensor->open & 1 << i)
            port->open = i;
    return true;
}

static bool read_model(Instance *instance, const sqz_model *model, int threads) {
    if (model->abi != SQZ_ABI)
        return diag_error(instance->diag, NULL, E_RUN, "made for ABI %u, this is %d", (unsigned)model->abi, SQZ_ABI);
    if (model->size >= sizeof *model && model->open) {
        instance->dim_name = (const char *)model + model->dim_name;
        instance->least = model->dim_min;
        instance->most = model->dim_max;
    }
    instance->ninputs = model->inputs;
    instance->noutputs = model->outputs;
    instance->inputs = ARENA_ARRAY(instance->arena, Port, model->inputs + model->outputs + 1);
    instance->outputs = instance->inputs + model->inputs;
    for (int i = 0; i < model->inputs + model->outputs; i++)
        if (!port_of_tensor(instance, sqz_model_tensor(model, i), &instance->inputs[i]))
            return false;
    return make_ports(instance, (int64_t)model->workspace_size, (int64_t)model->shard_size, threads);
}

bool instance_open(Instance *instance, Session *session, const char *path, int threads) {
    Arena *arena = session->arena;
    *instance = (Instance){.arena = arena, .diag = &session->diag};
    session->diag.file = path;
    const char *prefix = session_prefix(session, path);
    if (!prefix)
        return false;
    // Without a slash, dlopen would look in the system's folders.
    void *library = dlopen(strchr(path, '/') ? path : arena_printf(arena, "./%s", path), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return diag_error(&session->diag, NULL, E_IO, "cannot open it: %s", dlerror());
    void *run = dlsym(library, arena_printf(arena, "%s_run", prefix));
    void *run_on = dlsym(library, arena_printf(arena, "%s_run_on", prefix));
    const sqz_model *model = dlsym(library, arena_printf(arena, "%s_model", prefix));
    if (!run || !run_on || !model)
        return diag_error(&session->diag, NULL, E_NAME, "it has no %s_run and %s_model (--name=ID says how its symbols "
                          "begin)", prefix, prefix);
    memcpy(&instance->run, &run, sizeof run);
    memcpy(&instance->run_on, &run_on, sizeof run_on);
    return read_model(instance, model, threads);
}

void instance_close(Instance *instance) {
    sqz_pool_destroy(instance->pool);
    if (instance->jit)
        jit_free(instance->jit);
    *instance = (Instance){0};
}

// Calls.

bool instance_set(Instance *instance, Port *port, const Type *type, const void *data) {
    Type given = *type;
    if (dtype_stands_for(type->dtype, port->type.dtype)) {
        given = type_of_users((Type){port->type.dtype, type->layout, type->rank, {{0}}});
        memcpy(given.dim, type->dim, sizeof given.dim);
        if (type_is_packed(&given))
            data = elements_pack(instance->arena, given.dtype, data, type_count(&given));
        type = &given;
    }
    if (type->dtype != port->type.dtype || !type_same_shape(type, &port->type))
        return diag_error(instance->diag, NULL, E_RUN, "input '%s' is %s, not %s", port->name,
                          type_text(instance->arena, &port->type), type_text(instance->arena, type));
    if (type_bytes(type))
        memcpy(port->buffer, data, (size_t)type_bytes(type));
    return true;
}

void instance_result(const Instance *instance, const Port *port, Type *type, const void **data) {
    *type = port->type;
    *data = port->buffer;
    if (port->axis < 0)
        return;
    int64_t size = port->type.dim[port->axis].n, count, rows = 1;
    memcpy(&count, instance->outputs[port->count].buffer, sizeof count);
    count = min_i64(max_i64(count, 0), size);
    for (int i = 0; i < port->axis; i++)
        rows *= port->type.dim[i].n;
    int64_t row = rows && size ? type_bytes(&port->type) / rows : 0, used = size ? row / size * count : 0;
    char *result = fresh(instance->arena, rows * used);
    for (int64_t i = 0; i < rows; i++)
        if (used)
            memcpy(result + i * used, (const char *)port->buffer + i * row, (size_t)used);
    type->dim[port->axis].n = count;
    *data = result;
}

// NAME_run(inputs..., outputs..., workspace), or with a pool
// NAME_run_on(pool, inputs..., outputs..., workspace, workspace_size). An open dimension stands before the inputs.
bool instance_call(Instance *instance) {
    ffi_type *types[MOST_PORTS + 4];
    void *args[MOST_PORTS + 4];
    unsigned n = 0;
    if (instance->pool)
        args[n++] = &instance->pool;
    unsigned dim = n;
    if (instance->dim_name)
        args[n++] = &instance->n;
    for (int i = 0; i < instance->ninputs; i++)
        args[n++] = &instance->inputs[i].buffer;
    for (int i = 0; i < instance->noutputs; i++)
        args[n++] = &instance->outputs[i].buffer;
    args[n++] = &instance->workspace;
    for (unsigned i = 0; i < n; i++)
        types[i] = instance->dim_name && i == dim ? &ffi_type_sint64 : &ffi_type_pointer;
    if (instance->pool) {
        types[n] = sizeof(size_t) == 8 ? &ffi_type_uint64 : &ffi_type_uint32;
        args[n++] = &instance->workspace_size;
    }
    ffi_cif cif;
    ffi_arg result = 0;
    if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, n, &ffi_type_sint, types) != FFI_OK)
        return diag_error(instance->diag, NULL, E_INTERNAL, "libffi refuses the call");
    ffi_call(&cif, instance->pool ? instance->run_on : instance->run, &result, args);
    int code = (int)result;
    return code == SQZ_OK || diag_error(instance->diag, NULL, E_RUN, "%s", sqz_error_string(code));
}
