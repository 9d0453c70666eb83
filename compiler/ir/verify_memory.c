// Nothing is written where something else is still alive, nor into what isn't ours to change: the model's inputs and
// the constants.
//
// Nodes are steps; those in a Fire's body run one after the other like those around it, and a sqz.Map is one step. A
// value is alive from the step that defines it to the last one that reads it. Values that lie in one another belong to
// one storage, that of their root: within a storage, each write is compared with the values there; between storages in
// the workspace, it suffices to compare when they are in use.
#include <limits.h>

#include "ir/verify_parts.h"

enum { NEAR = 4096 };  // storages whose first uses are further apart are not compared

typedef struct Member Member;
struct Member {
    const Value *value;
    bool written;       // and not a view of what is there
    int first, last;    // steps, both included
    int64_t begin, end; // elements of the storage
    Member *next;
};

typedef struct Storage {
    const Value *root;
    int first, last;
    Member *members;
} Storage;

typedef struct Memory {
    const Verifier *v;
    Storage *item;
    int n, capacity, step;
} Memory;

static bool is_fixed(const Value *root) {
    return value_data(root) || (root->def && (op_info[root->def->op].flags & RECIPE));
}

static Storage *storage_of(Memory *m, const Value *root) {
    for (int i = m->n - 1; i >= 0; i--)
        if (m->item[i].root == root)
            return &m->item[i];
    Storage storage = {.root = root, .first = m->step, .last = m->step};
    LIST_PUSH(m->v->arena, m, storage);
    return &m->item[m->n - 1];
}

// Inputs and outputs of a Fire's body are the values outside.
static const Value *outermost(const Value *value) {
    for (const Value *next = value; next; next = value->place.kind == PLACE_IN ? NULL : value_outside(value))
        value = next;
    return value;
}

static Member *member_of(const Memory *m, Storage *storage, const Value *value, int64_t begin) {
    for (Member *member = storage->members; member; member = member->next)
        if (member->value == value)
            return member;
    Member *member = ARENA_NEW(m->v->arena, Member);
    *member = (Member){value, false, m->step, m->step, begin, begin + type_storage(&value->type), storage->members};
    storage->members = member;
    return member;
}

static bool touch(Memory *m, const Value *value, bool written) {
    value = outermost(value);
    int64_t begin;
    const Value *root = place_root(value, &begin);
    bool input = !root->graph->owner && value_is_input(root);
    if (written && (is_fixed(root) || input))
        return fail_value(m->v, value, "is written into '%s', which is not to be changed", root->name);
    if (is_fixed(root) || value->type.dtype == DT_NONE || !type_is_static(&value->type))
        return true;
    Storage *storage = storage_of(m, root);
    Member *member = member_of(m, storage, value, begin);
    member->written |= written;
    member->last = storage->last = m->step;
    return true;
}

static bool walk(Memory *m, const Graph *graph) {
    for (const Node *node = graph->first; node; node = node->next) {
        bool written = !kernel_is_view(node->kernel) && !(op_info[node->op].flags & RECIPE);
        if (node->op == OP_Fire) {
            if (!walk(m, node->body))
                return false;
            continue;
        }
        for (int i = 0; i < node->nin; i++)
            if (node->in[i] && !touch(m, node->in[i], false))
                return false;
        for (int i = 0; i < node->nout; i++)
            if (!touch(m, node->out[i], written))
                return false;
        m->step++;
    }
    return true;
}

static bool fail_alive(const Memory *m, const Value *value, const Value *alive) {
    return fail_value(m->v, value, "lies where '%s' is still alive", alive->name);
}

static bool verify_members(const Memory *m, const Storage *storage) {
    for (const Member *b = storage->members; b; b = b->next) {
        if (!b->written)
            continue;
        for (const Member *a = storage->members; a; a = a->next) {
            bool alive = a != b && a->first <= b->first && b->first <= a->last;
            if (alive && a->begin < b->end && b->begin < a->end)
                return fail_alive(m, b->value, a->value);
        }
    }
    return true;
}

// The storages stand in the order of their first uses.
static bool verify_storages(const Memory *m) {
    for (int i = 0; i < m->n; i++) {
        const Storage *a = &m->item[i];
        int64_t begin = a->root->place.offset, end = begin + type_bytes(&a->root->type);
        if (a->root->place.kind != PLACE_WORKSPACE)
            continue;
        for (int k = i + 1; k < m->n && k < i + NEAR && m->item[k].first <= a->last; k++) {
            const Value *b = m->item[k].root;
            bool placed = b->place.kind == PLACE_WORKSPACE;
            if (placed && b->place.offset < end && begin < b->place.offset + type_bytes(&b->type))
                return fail_alive(m, b, a->root);
        }
    }
    return true;
}

bool verify_memory(const Verifier *v, const Graph *graph) {
    Memory m = {.v = v};
    for (int i = 0; i < graph->inputs.n; i++)
        touch(&m, graph->inputs.item[i], false);
    m.step = 1;
    if (!walk(&m, graph))
        return false;
    m.step = INT_MAX;
    for (int i = 0; i < graph->outputs.n; i++)
        touch(&m, graph->outputs.item[i], false);
    for (int i = 0; i < m.n; i++)
        if (!verify_members(&m, &m.item[i]))
            return false;
    return verify_storages(&m);
}
