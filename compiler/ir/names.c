// Finding the values of a graph by their names: a hash table with linear probing, at most half full. A large model has
// tens of thousands of names.
//
// An entry is a value that had a name with that hash, once. What it is called now, and whether the graph still has it,
// is compared when it is found; so values may leave a graph without a word, and only new names are noted.
#include <string.h>

#include "ir/ir.h"
#include "support/str.h"

static bool is_there(const Graph *graph, const Value *value) {
    return value->graph == graph && value->id < graph->values.n && graph->values.item[value->id] == value;
}

static void put(Names *names, Value *value) {
    size_t at = text_hash(value->name) & (names->capacity - 1);
    while (names->slot[at])
        at = (at + 1) & (names->capacity - 1);
    names->slot[at] = value;
    names->n++;
}

// Forgets what has left. The new value is in the graph's list already.
static void rebuild(Graph *graph) {
    size_t capacity = 64;
    while (capacity < 4 * (size_t)graph->values.n)
        capacity *= 2;
    graph->names = (Names){ARENA_ARRAY(graph->module->arena, Value *, capacity), 0, capacity};
    for (int i = 0; i < graph->values.n; i++)
        put(&graph->names, graph->values.item[i]);
}

void names_add(Graph *graph, Value *value) {
    if (2 * (graph->names.n + 1) > graph->names.capacity)
        rebuild(graph);
    else
        put(&graph->names, value);
}

Value *value_find(const Graph *graph, const char *name) {
    const Names *names = &graph->names;
    size_t at = names->capacity ? text_hash(name) & (names->capacity - 1) : 0;
    for (; names->capacity && names->slot[at]; at = (at + 1) & (names->capacity - 1))
        if (is_there(graph, names->slot[at]) && !strcmp(names->slot[at]->name, name))
            return names->slot[at];
    return NULL;
}

void value_rename(Value *value, const char *name) {
    value->name = name;
    names_add(value->graph, value);
}
