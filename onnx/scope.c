// A hash table with linear probing, at most half full. It exists since names come from a file that may hold as many
// as it likes.
#include "onnx/scope.h"

#include <string.h>

#include "support/str.h"

static Name *probe(Name *slot, int capacity, const char *text) {
    int at = (int)(text_hash(text) & (uint64_t)(capacity - 1));
    while (slot[at].text && strcmp(slot[at].text, text))
        at = (at + 1) & (capacity - 1);
    return &slot[at];
}

Name *scope_find(const Scope *scope, const char *text) {
    if (!scope->capacity)
        return NULL;
    Name *name = probe(scope->slot, scope->capacity, text);
    return name->text ? name : NULL;
}

static void grow(Scope *scope) {
    int capacity = scope->capacity ? 2 * scope->capacity : 64;
    Name *slot = ARENA_ARRAY(scope->arena, Name, capacity);
    for (int i = 0; i < scope->capacity; i++)
        if (scope->slot[i].text)
            *probe(slot, capacity, scope->slot[i].text) = scope->slot[i];
    scope->slot = slot;
    scope->capacity = capacity;
}

bool scope_define(Scope *scope, const char *text, NameState state, Value *value) {
    if (2 * (scope->n + 1) > scope->capacity)
        grow(scope);
    Name *name = probe(scope->slot, scope->capacity, text);
    if (name->text)
        return false;
    *name = (Name){text, state, value, NULL, NULL};
    scope->n++;
    return true;
}

bool scope_define_list(Scope *scope, const char *text, List *list) {
    if (!scope_define(scope, text, NAME_LIST, NULL))
        return false;
    scope_find(scope, text)->list = list;
    return true;
}

// A constant is one of the body's own: it is the same bytes.
static Value *capture(Scope *scope, Value *value) {
    Captures *captures = scope->captures;
    if (!captures || !value)
        return value;
    if (value->data)
        return value_constant(scope->graph, value->name, value->type, constant_bytes(value->data));
    for (int i = 0; i < captures->outer.n; i++)
        if (captures->outer.item[i] == value)
            return captures->inner.item[i];
    Value *inner = value_new(scope->graph, value->name, value->type);
    LIST_PUSH(scope->arena, &captures->outer, value);
    LIST_PUSH(scope->arena, &captures->inner, inner);
    return inner;
}

static List *capture_list(Scope *scope, const List *list) {
    List *copy = ARENA_NEW(scope->arena, List);
    *copy = *list;
    copy->item = ARENA_ARRAY(scope->arena, Value *, list->n);
    for (int i = 0; i < list->n; i++)
        copy->item[i] = capture(scope, list->item[i]);
    return copy;
}

Name *scope_see(Scope *scope, const char *text) {
    Name *name = scope_find(scope, text);
    if (name || !scope->outer)
        return name;
    const Name *outside = scope_see(scope->outer, text);
    if (!outside)
        return NULL;
    List *list = outside->list ? capture_list(scope, outside->list) : NULL;
    scope_define(scope, text, outside->state,
                 capture(scope, outside->wide && !outside->value->data ? outside->wide : outside->value));
    name = scope_find(scope, text);
    name->list = list;
    return name;
}

const char *scope_label(const Scope *scope, const char *text) {
    if (!scope->function)
        return text;
    for (size_t i = 0; i < scope->function->n_output; i++)
        if (!strcmp(scope->function->output[i], text) && scope->result_names[i])
            return scope->result_names[i];
    return arena_printf(scope->arena, "%s%s", scope->prefix, text);
}
