// Building and changing graphs. Graphs are small (60 to 2,000 nodes), so whoever wants to know something looks at all
// of them: uses are counted by scanning. (Names are hashed, in names.c; passes that ask of many values who reads them
// count the readers of all once, in passes/uses.h.)
#include "ir/ir.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "ir/element.h"

Module *module_new(Arena *arena, const char *name) {
    Module *module = ARENA_NEW(arena, Module);
    module->arena = arena;
    module->name = arena_string(arena, name);
    return module;
}

Symbol *module_symbol(Module *module, const char *name) {
    Symbol **end = &module->symbols;
    for (; *end; end = &(*end)->next)
        if (!strcmp((*end)->name, name))
            return *end;
    *end = ARENA_NEW(module->arena, Symbol);
    (*end)->name = arena_string(module->arena, name);
    return *end;
}

Graph *graph_new(Module *module, const char *name) {
    Graph *graph = ARENA_NEW(module->arena, Graph);
    graph->module = module;
    graph->name = arena_string(module->arena, name);
    return graph;
}

static const char *unique_name(const Graph *graph, const char *name) {
    Arena *arena = graph->module->arena;
    if (!name || !*name)
        name = "v";
    if (!value_find(graph, name))
        return arena_string(arena, name);
    char *candidate;
    int suffix = graph->values.n;  // more likely to be free than small numbers
    do
        candidate = arena_printf(arena, "%s_%d", name, suffix++);
    while (value_find(graph, candidate));
    return candidate;
}

Value *value_append(Graph *graph, const char *name, Type type) {
    Value *value = ARENA_NEW(graph->module->arena, Value);
    value->name = name;
    value->type = type;
    value->graph = graph;
    value->id = graph->values.n;
    LIST_PUSH(graph->module->arena, &graph->values, value);
    names_add(graph, value);
    return value;
}

void value_adopt(Graph *graph, Value *value) {
    value->name = unique_name(graph, value->name);
    value->graph = graph;
    value->id = graph->values.n;
    LIST_PUSH(graph->module->arena, &graph->values, value);
    names_add(graph, value);
}

Value *value_new(Graph *graph, const char *name, Type type) {
    return value_append(graph, unique_name(graph, name), type);
}

Value *value_constant(Graph *graph, const char *name, Type type, const void *bytes) {
    Value *value = value_new(graph, name, type);
    Constant *constant = ARENA_NEW(graph->module->arena, Constant);
    constant->stored = bytes;
    constant->size = type_bytes(&type);
    value->data = constant;
    return value;
}

Value *value_constant_like(Graph *graph, const Value *other, Type type) {
    Value *value = value_new(graph, other->name, type);
    value->data = other->data;
    return value;
}

Value *value_int64s(Graph *graph, const char *name, const int64_t *v, int n) {
    int64_t *copy = ARENA_ARRAY(graph->module->arena, int64_t, n);
    if (n)
        memcpy(copy, v, (size_t)n * sizeof *v);
    int64_t count = n;
    return value_constant(graph, name, type_make(DT_I64, 1, &count), copy);
}

static int list_count(const ValueList *list, const Value *value) {
    int count = 0;
    for (int i = 0; i < list->n; i++)
        count += list->item[i] == value;
    return count;
}

bool value_is_input(const Value *value) {
    return list_count(&value->graph->inputs, value) > 0;
}

bool value_is_output(const Value *value) {
    return list_count(&value->graph->outputs, value) > 0;
}

static int node_reads(const Node *node, const Value *value) {
    int count = 0;
    for (int i = 0; i < node->nin; i++)
        count += node->in[i] == value;
    return count;
}

int value_uses(const Value *value) {
    int count = list_count(&value->graph->outputs, value);
    for (const Node *node = value->graph->first; node; node = node->next)
        count += node_reads(node, value);
    return count;
}

Node *value_single_user(const Value *value) {
    Node *user = NULL;
    if (value_is_output(value))
        return NULL;
    for (Node *node = value->graph->first; node; node = node->next) {
        if (!node_reads(node, value))
            continue;
        if (user)
            return NULL;
        user = node;
    }
    return user;
}

void value_replace(Value *old, Value *new_) {
    for (Node *node = old->graph->first; node; node = node->next)
        for (int i = 0; i < node->nin; i++)
            if (node->in[i] == old)
                node->in[i] = new_;
    ValueList *outputs = &old->graph->outputs;
    for (int i = 0; i < outputs->n; i++)
        if (outputs->item[i] == old)
            outputs->item[i] = new_;
}

bool value_as_ints(const Value *value, Arena *arena, Ints *ints) {
    if (!value->data || (value->type.dtype != DT_I64 && value->type.dtype != DT_I32))
        return false;
    int64_t count = value->data->size / (dtype_info[value->type.dtype].bits / 8);
    if (count > INT_MAX)
        return false;
    *ints = (Ints){.n = (int)count, .v = ARENA_ARRAY(arena, int64_t, count)};
    for (int i = 0; i < ints->n; i++)
        ints->v[i] = element_int(value->type.dtype, constant_bytes(value->data), i);
    return true;
}

bool value_as_double(const Value *value, double *number) {
    if (!value->data || value->type.dtype == DT_BOOL || type_count(&value->type) != 1)
        return false;
    *number = element_double(value->type.dtype, constant_bytes(value->data), 0);
    return true;
}

Node *node_new(Graph *graph, OpKind op, int nin, int nout) {
    Arena *arena = graph->module->arena;
    Node *node = ARENA_NEW(arena, Node);
    node->op = op;
    node->graph = graph;
    node->attrs = attrs_new(op_info[op].attrs, arena);
    node->nin = nin;
    node->nout = nout;
    node->in = ARENA_ARRAY(arena, Value *, nin);
    node->out = ARENA_ARRAY(arena, Value *, nout);
    return node;
}

// Links `node` between two neighbours, either of which may be null.
static void link_between(Graph *graph, Node *prev, Node *node, Node *next) {
    assert(node->graph == graph);
    node->prev = prev;
    node->next = next;
    *(prev ? &prev->next : &graph->first) = node;
    *(next ? &next->prev : &graph->last) = node;
}

void graph_append(Graph *graph, Node *node) {
    link_between(graph, graph->last, node, NULL);
}

void graph_insert_before(Node *where, Node *node) {
    link_between(where->graph, where->prev, node, where);
}

void graph_insert_after(Node *where, Node *node) {
    link_between(where->graph, where, node, where->next);
}

static void unlink_node(Node *node) {
    Graph *graph = node->graph;
    *(node->prev ? &node->prev->next : &graph->first) = node->next;
    *(node->next ? &node->next->prev : &graph->last) = node->prev;
    node->prev = node->next = NULL;
}

void graph_move_before(Node *where, Node *node) {
    unlink_node(node);
    if (where)
        graph_insert_before(where, node);
    else
        graph_append(node->graph, node);
}

void node_remove(Node *node) {
    unlink_node(node);
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && node->out[i]->def == node)
            node->out[i]->def = NULL;
}

Value *node_output(Node *node, int index, const char *name, Type type) {
    assert(index < node->nout);
    Value *value = value_new(node->graph, name, type);
    value->def = node;
    node->out[index] = value;
    return value;
}

static bool loc_equal(const Loc *a, const Loc *b) {
    bool same_node = a->node == b->node || (a->node && b->node && !strcmp(a->node, b->node));
    bool same_op = a->op == b->op || (a->op && b->op && !strcmp(a->op, b->op));
    return same_node && same_op && a->line == b->line;
}

// Adds copies of the parts that `chain` doesn't have yet.
static void loc_add(Arena *arena, Loc **chain, const Loc *parts) {
    for (; parts; parts = parts->next) {
        Loc **end = chain;
        while (*end && !loc_equal(*end, parts))
            end = &(*end)->next;
        if (*end)
            continue;
        *end = ARENA_NEW(arena, Loc);
        **end = *parts;
        (*end)->next = NULL;
    }
}

Loc *loc_join(Arena *arena, const Loc *a, const Loc *b) {
    Loc *chain = NULL;
    loc_add(arena, &chain, a);
    loc_add(arena, &chain, b);
    return chain;
}

// Marks a value and those that its place lies in. Ids are free while a graph is compacted: 1 means marked.
static void mark(Value *value) {
    for (; value && !value->id; value = value->place.kind == PLACE_IN ? value->place.base : NULL)
        value->id = 1;
}

static void mark_all(Value *const *values, int count) {
    for (int i = 0; i < count; i++)
        mark(values[i]);
}

void graph_compact(Graph *graph) {
    for (int i = 0; i < graph->values.n; i++)
        graph->values.item[i]->id = 0;
    mark_all(graph->inputs.item, graph->inputs.n);
    mark_all(graph->outputs.item, graph->outputs.n);
    for (const Node *node = graph->first; node; node = node->next) {
        mark_all(node->in, node->nin);
        mark_all(node->out, node->nout);
    }
    int kept = 0;
    for (int i = 0; i < graph->values.n; i++) {
        Value *value = graph->values.item[i];
        if (!value->id)
            continue;
        graph->values.item[kept] = value;
        value->id = kept++;
    }
    graph->values.n = kept;
}

static int position_of(const ValueList *list, const Value *value) {
    for (int i = 0; i < list->n; i++)
        if (list->item[i] == value)
            return i;
    return -1;
}

int flow_carried(const Node *node) {
    return node->op == OP_Loop   ? (int)((const LoopAttrs *)node->attrs)->carried
           : node->op == OP_Scan ? (int)((const ScanAttrs *)node->attrs)->states
                                 : 0;
}

// Which of the node's inputs a body's inputs of these numbers carry from turn to turn: first, and one behind the last.
static void carried_range(const Node *node, int64_t *first, int64_t *end) {
    *first = *end = 0;
    if (node->op == OP_Loop) {
        *first = 2;
        *end = 2 + ((const LoopAttrs *)node->attrs)->carried;
    } else if (node->op == OP_Scan) {
        *end = ((const ScanAttrs *)node->attrs)->states;
    }
}

int flow_captures(const Node *node) {
    int64_t first, end;
    carried_range(node, &first, &end);
    if (node->op == OP_Scan)
        end += ((const ScanAttrs *)node->attrs)->num_scan_inputs;
    return node->op == OP_If ? 1 : end < 0 || end > node->nin ? node->nin : (int)end;
}

Value *value_outside(const Value *value) {
    const Graph *graph = value->graph;
    const Node *owner = graph->owner;
    if (!owner || (owner->op != OP_Fire && !node_is_flow(owner)))
        return NULL;
    bool turns = owner->op == OP_Loop || owner->op == OP_Scan;
    int output = position_of(&graph->outputs, value), input = position_of(&graph->inputs, value);
    if (output >= 0 && output < owner->nout)
        return turns ? NULL : owner->out[output];
    if (input < 0 || input >= owner->nin)
        return NULL;
    if (!turns || input >= flow_captures(owner))
        return owner->in[input];
    int64_t first, end;
    carried_range(owner, &first, &end);
    return input >= first && input < end && input - first < owner->nout ? owner->out[input - first] : NULL;
}

Value *place_root(const Value *value, int64_t *offset) {
    int64_t sum = 0;
    const Value *next = value;
    while (next) {
        value = next;
        next = NULL;
        if (value->place.kind == PLACE_IN) {
            sum += value->place.offset;
            next = value->place.base;
        } else if (value->graph) {
            next = value_outside(value);
        }
    }
    *offset = sum;
    return (Value *)(uintptr_t)value;
}

const Constant *value_data(const Value *value) {
    while (value && !value->data)
        value = value->def ? NULL : value_outside(value);
    return value ? value->data : NULL;
}
