// Places: each lies in storage that is large enough, and chains of them end. What the caller of the model owns (its
// inputs and outputs) and what lies among the weights (constants) has no place; other values may lie in those.
#include "ir/open.h"
#include "ir/verify_parts.h"
#include "support/checked.h"

enum { WORKSPACE_ALIGN = 64, CHAIN_MAX = 1024 };


static bool verify_workspace(const Verifier *v, const Value *value) {
    int64_t end, offset = value->place.offset;
    if (offset < 0 || offset % WORKSPACE_ALIGN)
        return fail_value(v, value, "lies at %lld, which is no multiple of %d", (long long)offset, WORKSPACE_ALIGN);
    if (!checked_add(offset, open_bytes(v->module, &value->type), &end) || end < offset ||
        end > v->module->workspace_bytes)
        return fail_value(v, value, "ends at byte %lld, behind the workspace's end", (long long)end);
    return true;
}

static bool verify_inside(const Verifier *v, const Value *value) {
    const Value *base = value->place.base;
    int64_t end, offset = value->place.offset;
    if (!base || base->graph != value->graph)
        return fail_value(v, value, "lies in a value of another graph");
    if (base->type.dtype != value->type.dtype || !type_is_static(&base->type))
        return fail_value(v, value, "lies in '%s', which has another element type or an open shape", base->name);
    if (type_is_packed(&value->type) || type_is_packed(&base->type))
        return fail_value(v, value, "lies in '%s', but what is packed lies by itself", base->name);
    if (offset < 0 || offset % value->type.layout.block)
        return fail_value(v, value, "begins at element %lld of '%s', which is no multiple of its block",
                          (long long)offset, base->name);
    if (!checked_add(offset, type_storage(&value->type), &end) || end > type_storage(&base->type))
        return fail_value(v, value, "reaches behind the end of '%s'", base->name);
    return true;
}

static bool verify_place(const Verifier *v, const Value *value) {
    PlaceKind kind = value->place.kind;
    if (kind == PLACE_NONE)
        return true;
    if (value->type.dtype == DT_NONE || !type_is_static(&value->type))
        return fail_value(v, value, "has a place, but no static type");
    return kind == PLACE_IN ? verify_inside(v, value) : verify_workspace(v, value);
}

// Follows each chain up to where an earlier walk came by, so that every place is followed once.
static bool verify_chains(const Verifier *v, const Graph *graph) {
    int *walk = ARENA_ARRAY(v->arena, int, graph->values.n);  // by id: the number of the walk that came by
    for (int i = 0; i < graph->values.n; i++) {
        const Value *value = graph->values.item[i];
        for (; !walk[value->id] && value->place.kind == PLACE_IN; value = value->place.base)
            walk[value->id] = i + 1;
        if (walk[value->id] == i + 1)
            return fail_value(v, value, "lies in itself");
    }
    return true;
}

// Whoever looks for a value's storage walks the chain, so its length is bounded.
static bool verify_depth(const Verifier *v, const Graph *graph) {
    for (int i = 0; i < graph->values.n; i++) {
        int depth = 0;
        for (const Value *value = graph->values.item[i]; value->place.kind == PLACE_IN; value = value->place.base)
            if (++depth > CHAIN_MAX)
                return fail_value(v, graph->values.item[i], "lies more than %d values deep in others", CHAIN_MAX);
    }
    return true;
}

// What a model's caller sees of elements below 8 bits is packed; nothing else leaves or enters the model.
static bool verify_packed(const Verifier *v, const Graph *graph, const ValueList *list) {
    for (int i = 0; i < list->n && !graph->owner; i++) {
        const Type *type = &list->item[i]->type;
        if (dtype_is_packed(type->dtype) && type->rank >= 0 && !type_is_packed(type))
            return fail_value(v, list->item[i], "is an input or output of the model, so it has to be packed: %s",
                              type_text(v->arena, &(Type){.dtype = type->dtype, .layout = {LAYOUT_PACKED, 1, 0, 0}}));
    }
    return true;
}

static bool verify_owners(const Verifier *v, const Graph *graph) {
    const ValueList *lists[] = {&graph->inputs, &graph->outputs};
    for (int l = 0; l < 2; l++)
        for (int i = 0; i < lists[l]->n; i++) {
            const Value *value = lists[l]->item[i];
            if (value->place.kind == PLACE_IN || (value->place.kind != PLACE_NONE && !graph->owner))
                return fail_value(v, value, "is an %s of its graph, but has a place", l ? "output" : "input");
        }
    if (!verify_packed(v, graph, &graph->inputs) || !verify_packed(v, graph, &graph->outputs))
        return false;
    for (int i = 0; i < graph->values.n; i++) {
        const Value *value = graph->values.item[i];
        if (value->data && value->place.kind != PLACE_NONE)
            return fail_value(v, value, "is a constant, but has a place");
    }
    return true;
}

bool verify_places(const Verifier *v, const Graph *graph) {
    for (int i = 0; i < graph->values.n; i++)
        if (!verify_place(v, graph->values.item[i]))
            return false;
    return verify_owners(v, graph) && verify_chains(v, graph) && verify_depth(v, graph);
}
