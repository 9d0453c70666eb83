// A network that can be called here: compiled in memory, or a shared library that sqzc made.
#ifndef DRIVER_INSTANCE_H
#define DRIVER_INSTANCE_H

#include "codegen/jit.h"
#include "driver/driver.h"
#include "runtime/sqz.h"

typedef struct Port {  // an input or an output
    const char *name;
    Type type;     // of one sample, until instance_resize
    int open;      // the axis that counts samples; -1: none
    void *buffer;  // of the type's bytes, for the caller to fill or to read
    int axis, count;  // the axis whose size output `count` says after a call; -1: none
    bool counts;      // it is such an output, which is not the model's own
} Port;

typedef struct Instance {
    Arena *arena;
    Diag *diag;
    Port *inputs, *outputs;
    int ninputs, noutputs;
    Jit *jit;              // or null
    void (*run)(void);     // NAME_run
    void (*run_on)(void);  // NAME_run_on
    const char *dim_name;  // of the open dimension; null: there is none
    int64_t least, most;   // what it may be
    int64_t n;             // and what it is
    sqz_pool *pool;        // null: on this thread
    void *workspace;
    size_t workspace_size;
} Instance;

// Compiles the session's module, whose passes have run. `threads` as sqz_pool_create takes them; 1: no pool.
bool instance_compile(Instance *instance, Session *session, int threads);
// The same for a pool that sees each layer as one call of its `run`, to be put into instance->pool.
bool instance_compile_by_layer(Instance *instance, Session *session);
// Opens NAME.so, whose symbols begin with NAME_ (or what --name says).
bool instance_open(Instance *instance, Session *session, const char *path, int threads);
void instance_close(Instance *instance);

// Gives the open dimension a value, and the ports buffers of that size; false (E_RUN) if the model does not take it.
bool instance_resize(Instance *instance, int64_t n);

bool instance_call(Instance *instance);  // from buffers to buffers
// An output after a call: what there is of it, with its true size.
void instance_result(const Instance *instance, const Port *port, Type *type, const void **data);
// Copies a tensor into an input's buffer; false (E_RUN) if type or shape differ.
bool instance_set(Instance *instance, Port *port, const Type *type, const void *data);

#endif
