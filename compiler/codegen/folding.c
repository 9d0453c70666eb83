// Folding: nodes on constants become a model of their own, whose outputs are all the values that they compute, and
// which runs in memory.
//
// An object for several CPUs is made of several loaded models, which fold the same nodes. So results are remembered, by
// the text of the nodes, what they read of each other and the bytes of the constants: they are computed, and exist,
// once.
#include <string.h>

#include "codegen/jit.h"
#include "ir/print.h"
#include "runtime/sqz.h"
#include "support/str.h"

// ---- What was computed before

struct Fold {
    const char *text;          // of the nodes
    const Constant **inputs;   // of all of them, in order
    const Constant **outputs;  // the same
    int ninputs;
    Fold *next;
};

// Where a node's input comes from: output `out` of one of the nodes before it.
static bool find_maker(Node *const *nodes, int before, const Value *value, int *node, int *out) {
    for (*node = before - 1; *node >= 0; --*node)
        for (*out = 0; *out < nodes[*node]->nout; ++*out)
            if (nodes[*node]->out[*out] == value)
                return true;
    return false;
}

static Fold *fold_new(Arena *arena, Node *const *nodes, int count) {
    Str text = {.arena = arena};
    Fold *fold = ARENA_NEW(arena, Fold);
    int most = 0;
    for (int i = 0; i < count; i++)
        most += nodes[i]->nin;
    fold->inputs = ARENA_ARRAY(arena, const Constant *, most + 1);
    for (int i = 0; i < count; i++) {
        print_signature(&text, nodes[i]);
        for (int k = 0; k < nodes[i]->nin; k++) {
            int node, out;
            const Value *value = nodes[i]->in[k];
            if (value && value->data)
                fold->inputs[fold->ninputs++] = value->data;
            else if (value && find_maker(nodes, i, value, &node, &out))
                str_printf(&text, " %d=%d.%d", k, node, out);
        }
    }
    fold->text = text.text;
    return fold;
}

static bool same_fold(const Fold *a, const Fold *b) {
    if (a->ninputs != b->ninputs || strcmp(a->text, b->text))
        return false;
    for (int i = 0; i < a->ninputs; i++)
        if (!constant_equal(a->inputs[i], b->inputs[i]))
            return false;
    return true;
}

static const Fold *find_fold(const Folds *folds, const Fold *wanted) {
    const Fold *fold = folds->first;
    while (fold && !same_fold(fold, wanted))
        fold = fold->next;
    return fold;
}

// The nodes' outputs become constants; the nodes go.
static void make_constants(Node *const *nodes, int count, const Constant *const *outputs) {
    for (int i = 0, n = 0; i < count; i++)
        for (int k = 0; k < nodes[i]->nout; k++)
            nodes[i]->out[k]->data = outputs[n++];
    for (int i = count - 1; i >= 0; i--)
        node_remove(nodes[i]);
}

// ---- Computing

static Value *clone_value(Graph *graph, ValueList *from, ValueList *to, const Value *value) {
    for (int i = 0; i < from->n; i++)
        if (from->item[i] == value)
            return to->item[i];
    Value *clone = value->data ? value_constant(graph, value->name, value->type, constant_bytes(value->data))
                               : value_new(graph, value->name, value->type);
    LIST_PUSH(graph->module->arena, from, (Value *)(uintptr_t)value);
    LIST_PUSH(graph->module->arena, to, clone);
    return clone;
}

static Module *module_of(Arena *arena, Node *const *nodes, int count) {
    Module *module = module_new(arena, "fold");
    Graph *graph = graph_new(module, "main");
    LIST_PUSH(arena, &module->graphs, graph);
    ValueList from = {0}, to = {0};
    for (int i = 0; i < count; i++) {
        Node *copy = node_new(graph, nodes[i]->op, nodes[i]->nin, nodes[i]->nout);
        copy->attrs = nodes[i]->attrs;
        copy->loc = nodes[i]->loc;
        for (int k = 0; k < copy->nin; k++)
            copy->in[k] = nodes[i]->in[k] ? clone_value(graph, &from, &to, nodes[i]->in[k]) : NULL;
        for (int k = 0; k < copy->nout; k++) {
            copy->out[k] = clone_value(graph, &from, &to, nodes[i]->out[k]);
            copy->out[k]->def = copy;
            LIST_PUSH(arena, &graph->outputs, copy->out[k]);
        }
        graph_append(graph, copy);
    }
    return module;
}

// Room for the results, in the arena of the model that they will be constants of.
static void **result_buffers(Arena *arena, const Graph *graph, const Constant **outputs) {
    void **buffers = ARENA_ARRAY(arena, void *, graph->outputs.n);
    for (int i = 0; i < graph->outputs.n; i++) {
        int64_t size = type_bytes(&graph->outputs.item[i]->type);
        Constant *constant = ARENA_NEW(arena, Constant);
        buffers[i] = arena_alloc(arena, (size_t)size);
        *constant = (Constant){.stored = buffers[i], .size = size};
        outputs[i] = constant;
    }
    return buffers;
}

// Runs the nodes; the code of the run, or -1 after a reported error.
static int compute(Arena *owner, Node *const *nodes, int count, const Target *as, Fold *fold, Diag *diag) {
    Arena *arena = arena_new();
    Target target;
    target_baseline(&target);
    if (as) {
        target.fma = as->fma;  // a function of the C library where the baseline has none
        target.block = as->block;
    }
    Module *module = module_of(arena, nodes, count);
    const Graph *graph = module->graphs.item[0];
    fold->outputs = ARENA_ARRAY(owner, const Constant *, graph->outputs.n + 1);
    void **buffers = result_buffers(owner, graph, fold->outputs);
    Jit *jit = jit_compile(module, &target, &(CompileOptions){.prefix = "jit", .level = '0'}, diag);
    int result = jit ? jit_call(jit, NULL, buffers) : -1;
    jit_free(jit);
    arena_free(arena);
    return result;
}

bool jit_fold(Graph *graph, Node *const *nodes, int count, const Target *as, Folds *folds, Diag *diag) {
    Arena *owner = graph->module->arena;
    Fold *fold = fold_new(owner, nodes, count);
    folds = as ? NULL : folds;
    const Fold *known = folds ? find_fold(folds, fold) : NULL;
    int result = known ? SQZ_OK : compute(owner, nodes, count, as, fold, diag);
    if (result == SQZ_OK) {
        make_constants(nodes, count, known ? known->outputs : fold->outputs);
        if (folds && !known) {
            fold->next = folds->first;
            folds->first = fold;
        }
        return true;
    }
    if (result != SQZ_ERANGE)
        return result < 0 ? false : diag_error(diag, nodes[0]->loc, E_INTERNAL, "folding returned %d", result);
    if (count == 1)
        return diag_error(diag, nodes[0]->loc, E_RANGE, "a constant index is out of range");
    for (int i = 0; i < count; i++)  // one by one, to name the node
        if (!jit_fold(graph, nodes + i, 1, as, folds, diag))
            return false;
    return true;
}
