// Nothing is written where something else is still alive, nor into what isn't ours to change: the model's inputs and
// the constants.
//
// Nodes are steps; those in a Fire's body run one after the other like those around it, and a sqz.Map is one step. A
// body of control flow stands between two steps of its node. A value is alive from the step that defines it to the last
// one that reads it. Values that lie in one another belong to one storage, that of their root: within a storage, each
// write is compared with the values there; between storages in the workspace, it suffices to compare when they are in
// use.
#include <limits.h>

#include "ir/open.h"
#include "ir/verify_parts.h"

enum {
    NEAR = 4096,        // storages whose first uses are further apart are not compared
    MEMBERS_MAX = 8192  // of a storage
};

typedef struct Member Member;
struct Member {
    const Value *value;
    int first, last;    // steps, both included
    int written;        // the first one that writes it, rather than being a view of what is there; 0: none
    int64_t begin, end; // elements of the storage
    bool closed;        // a later value of the same name, of another branch, is a member of its own
    Member *next;
};

typedef struct Storage {
    const Value *root;
    int first, last, count;
    Member *members;
} Storage;

typedef struct Memory {
    const Verifier *v;
    Storage *item;
    int n, capacity, step;
    int *slot;     // 1 + the index of the storage whose root hashes to here; 0: free
    size_t slots;  // a power of two, more than twice the storages
} Memory;

static bool is_fixed(const Value *root) {
    return value_data(root) || (root->def && (op_info[root->def->op].flags & RECIPE));
}

static int *slot_of(const Memory *m, const Value *root) {
    size_t i = ((uintptr_t)root >> 4) * 0x9e3779b1 & (m->slots - 1);
    while (m->slot[i] && m->item[m->slot[i] - 1].root != root)
        i = (i + 1) & (m->slots - 1);
    return &m->slot[i];
}

static void grow_slots(Memory *m) {
    m->slots = m->slots ? 2 * m->slots : 64;
    m->slot = ARENA_ARRAY(m->v->arena, int, m->slots);
    for (int i = 0; i < m->n; i++)
        *slot_of(m, m->item[i].root) = i + 1;
}

static Storage *storage_of(Memory *m, const Value *root) {
    if (2 * (size_t)m->n >= m->slots)
        grow_slots(m);
    int *slot = slot_of(m, root);
    if (!*slot) {
        Storage storage = {.root = root, .first = m->step, .last = m->step};
        LIST_PUSH(m->v->arena, m, storage);
        *slot = m->n;
    }
    return &m->item[*slot - 1];
}

// Inputs and outputs of a body are the values outside.
static const Value *outermost(const Value *value) {
    for (const Value *next = value; next; next = value->place.kind == PLACE_IN ? NULL : value_outside(value))
        value = next;
    return value;
}

// Null where there are too many.
static Member *member_of(const Memory *m, Storage *storage, const Value *value, int64_t begin) {
    for (Member *member = storage->members; member; member = member->next)
        if (member->value == value && !member->closed)
            return member;
    if (storage->count++ == MEMBERS_MAX)
        return NULL;
    Member *member = ARENA_NEW(m->v->arena, Member);
    *member = (Member){.value = value, .first = m->step, .last = m->step, .begin = begin,
                       .end = begin + type_storage(&value->type), .next = storage->members};
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
    if (!member)
        return fail_value(m->v, root, "holds more than %d values", MEMBERS_MAX);
    if (written && !member->written)
        member->written = m->step;
    member->last = storage->last = m->step;
    return true;
}

static bool walk(Memory *m, const Graph *graph);

static bool touch_all(Memory *m, Value *const *values, int count, bool written) {
    for (int i = 0; i < count; i++)
        if (values[i] && !touch(m, values[i], written))
            return false;
    return true;
}

// What one branch of an If gave is not there when the other runs.
static void close_outputs(Memory *m, const Node *node) {
    for (int i = 0; i < node->nout; i++) {
        int64_t begin;
        const Value *value = node->out[i] ? outermost(node->out[i]) : NULL;
        Storage *storage = value ? storage_of(m, place_root(value, &begin)) : NULL;
        for (Member *member = storage ? storage->members : NULL; member; member = member->next)
            member->closed = member->closed || member->value == value;
    }
}

// Before its first turn and after each one a Loop or Scan copies to what the next turn reads; after it, from the body's
// outputs. The branches of an If run one after the other here, in the order of its bodies.
static bool walk_flow(Memory *m, const Node *node) {
    bool turns = node->op != OP_If;
    for (int b = 0; b < 2; b++) {
        const Graph *body = node_body(node, b);
        if (!body)
            continue;
        if (!turns && b)
            close_outputs(m, node);
        for (int end = 0; end < 2; end++) {
            if (!touch_all(m, node->in, node->nin, false) ||
                (turns && !touch_all(m, body->inputs.item, flow_captures(node), true)) ||
                (turns && end && !touch_all(m, body->outputs.item, body->outputs.n, false)) ||
                ((turns || end) && !touch_all(m, node->out, node->nout, turns)))
                return false;
            m->step++;
            if (!end && !walk(m, body))
                return false;
        }
    }
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
        if (node_is_flow(node)) {
            if (!walk_flow(m, node))
                return false;
            continue;
        }
        if (!touch_all(m, node->in, node->nin, false) || !touch_all(m, node->out, node->nout, written))
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
            bool alive = a != b && a->first <= b->written && b->written <= a->last;
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
        if (a->root->place.kind != PLACE_WORKSPACE)
            continue;  // it may have no type yet
        int64_t begin = a->root->place.offset, end = begin + open_bytes(m->v->module, &a->root->type);
        for (int k = i + 1; k < m->n && k < i + NEAR && m->item[k].first <= a->last; k++) {
            const Value *b = m->item[k].root;
            bool placed = b->place.kind == PLACE_WORKSPACE;
            if (placed && b->place.offset < end && begin < b->place.offset + open_bytes(m->v->module, &b->type))
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
