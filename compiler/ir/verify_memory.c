// Values that are alive at the same time share no bytes of the workspace. A value is alive from the node that first
// writes it, or something that lies in it, to the last one that reads it; the nodes in a Fire's body run one after the
// other like those around it, a sqz.Map is one step.
#include "ir/verify_parts.h"

enum { NEAR = 4096 };  // values further apart in the order of their first writes are not compared

typedef struct Interval {
    const Value *value;
    int first, last;  // steps, both included
    int64_t begin, end;
} Interval;

typedef struct Intervals {
    Interval *item;
    int n, capacity, step;
} Intervals;

static Interval *interval_of(Intervals *all, const Value *root) {
    for (int i = all->n - 1; i >= 0 && i >= all->n - NEAR; i--)
        if (all->item[i].value == root)
            return &all->item[i];
    return NULL;
}

static void touch(const Verifier *v, Intervals *all, const Value *value) {
    int64_t offset;
    const Value *root = value ? place_root(value, &offset) : NULL;
    if (!root || root->place.kind != PLACE_WORKSPACE || type_bytes(&root->type) == 0)
        return;
    Interval *known = interval_of(all, root);
    if (known) {
        known->last = all->step;
        return;
    }
    int64_t begin = root->place.offset;
    Interval interval = {root, all->step, all->step, begin, begin + type_bytes(&root->type)};
    LIST_PUSH(v->arena, all, interval);
}

static void walk(const Verifier *v, Intervals *all, const Graph *graph) {
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op == OP_Fire) {
            walk(v, all, node->body);
            continue;
        }
        for (int i = 0; i < node->nin; i++)
            touch(v, all, node->in[i]);
        for (int i = 0; i < node->nout; i++)
            touch(v, all, node->out[i]);
        all->step++;
    }
}

// The intervals stand in the order of their first steps.
bool verify_memory(const Verifier *v, const Graph *graph) {
    Intervals all = {0};
    walk(v, &all, graph);
    for (int i = 0; i < all.n; i++) {
        const Interval *a = &all.item[i];
        for (int k = i + 1; k < all.n && k < i + NEAR && all.item[k].first <= a->last; k++) {
            const Interval *b = &all.item[k];
            if (a->begin < b->end && b->begin < a->end)
                return fail_value(v, b->value, "lies where '%s' is still alive", a->value->name);
        }
    }
    return true;
}
