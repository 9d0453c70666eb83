// Unique: the slices of a tensor along an axis (or its elements) without repetition, and which of them are equal.
//
// The numbers of the slices are sorted by a heap in scratch memory, equal slices by their number. Then equal ones are
// neighbours, and the first of each group is the one that comes first in the input. Where the result is to be in the
// order of the input, groups are numbered by those. NaN is larger than all numbers and equal to itself. n slices of m
// elements take m n log n steps.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/heap.h"

enum { ORDER, FIRST, GROUP, SIZE, NUMBER, TABLES };

typedef struct Unique {
    Ptr x, table[TABLES];  // by place: the slice; by group: its first slice, its size, its number; by slice: its group
    int axis, rank;        // axis -1: the elements of all
    int64_t n, m;          // slices, and elements of each
    int64_t size[MAX_RANK], step[MAX_RANK], origin;
} Unique;

// Where element j of slice i lies, for sizes without the axis.
static Val place(Emit *e, const Unique *u, const int64_t *step, int64_t origin, Val slice, Val j) {
    Val position[MAX_RANK];
    if (u->axis < 0) {
        decode(e, slice, u->size, u->rank, position);
        return locate(e, e_index(e, origin), position, step, u->rank);
    }
    int64_t size[MAX_RANK];
    for (int i = 0; i < u->rank; i++)
        size[i] = i == u->axis ? 1 : u->size[i];
    decode(e, j, size, u->rank, position);
    position[u->axis] = slice;
    return locate(e, e_index(e, origin), position, step, u->rank);
}

static Val element(Emit *e, const Unique *u, Val slice, Val j) {
    return load_compute(e, u->x, place(e, u, u->step, u->origin, slice, j), 1);
}

// -1, 0 or 1 as slice a is smaller than b, equal or larger.
static Val compare(Emit *e, const Unique *u, Val a, Val b) {
    Var sign = e_var(e, e_index(e, 0));
    EMIT_TIMES(e, j, u->m)
        EMIT_IF(e, e_eq(e, e_get(e, sign), e_index(e, 0))) {
            Val x = element(e, u, a, j.i), y = element(e, u, b, j.i);
            Val larger = e_select(e, heap_greater(e, x, y), e_index(e, 1), e_index(e, 0));
            e_set(e, sign, e_select(e, heap_greater(e, y, x), e_index(e, -1), larger));
        }
    return e_get(e, sign);
}

static Val before(Emit *e, const void *arg, Val a, Val b) {
    Val sign = compare(e, arg, a, b), zero = e_index(e, 0);
    return e_or(e, e_lt(e, sign, zero), e_and(e, e_eq(e, sign, zero), e_lt(e, a, b)));
}

// Fills the tables of groups; returns how many there are.
static Val group(Emit *e, const Unique *u) {
    Var groups = e_var(e, e_index(e, 0));
    EMIT_TIMES(e, k, u->n) {
        Val slice = e_load(e, u->table[ORDER], k.i, 1), one = e_index(e, 1);
        Val last = e_load(e, u->table[ORDER], e_max(e, e_sub(e, k.i, one), e_index(e, 0)), 1);
        Val differs = e_or(e, e_eq(e, k.i, e_index(e, 0)), e_ne(e, compare(e, u, last, slice), e_index(e, 0)));
        EMIT_IF(e, differs) {
            e_store(e, u->table[FIRST], e_get(e, groups), slice);
            e_store(e, u->table[SIZE], e_get(e, groups), e_index(e, 0));
            e_store(e, u->table[NUMBER], e_get(e, groups), e_get(e, groups));
            e_set(e, groups, e_add(e, e_get(e, groups), one));
        }
        Val mine = e_sub(e, e_get(e, groups), one);
        e_store(e, u->table[GROUP], slice, mine);
        e_store(e, u->table[SIZE], mine, e_add(e, e_load(e, u->table[SIZE], mine, 1), one));
    }
    return e_get(e, groups);
}

// Numbers the groups by their first slices.
static void number(Emit *e, const Unique *u) {
    Var next = e_var(e, e_index(e, 0));
    EMIT_TIMES(e, i, u->n) {
        Val mine = e_load(e, u->table[GROUP], i.i, 1);
        EMIT_IF(e, e_eq(e, e_load(e, u->table[FIRST], mine, 1), i.i)) {
            e_store(e, u->table[NUMBER], mine, e_get(e, next));
            e_set(e, next, e_add_const(e, e_get(e, next), 1));
        }
    }
}

static void write_results(Emit *e, const Unique *u, const Node *node, Val groups) {
    int64_t step[MAX_RANK], origin = type_steps(&node->out[0]->type, step);
    Ptr y = e_out(e, 0), first = e_out(e, 1), inverse = e_out(e, 2), counts = e_out(e, 3), x = e_in(e, 0);
    EMIT_FOR(e, g, e_index(e, 0), groups, 1) {
        Val to = e_load(e, u->table[NUMBER], g.i, 1), slice = e_load(e, u->table[FIRST], g.i, 1);
        e_store(e, first, to, e_cast(e, DT_I64, slice));
        e_store(e, counts, to, e_cast(e, DT_I64, e_load(e, u->table[SIZE], g.i, 1)));
        EMIT_TIMES(e, j, u->m) {
            Val from = place(e, u, u->step, u->origin, slice, j.i);
            Val at = u->axis < 0 ? to : place(e, u, step, origin, to, j.i);
            e_store(e, y, at, e_load(e, x, from, 1));
        }
    }
    EMIT_TIMES(e, i, u->n) {
        Val mine = e_load(e, u->table[NUMBER], e_load(e, u->table[GROUP], i.i, 1), 1);
        e_store(e, inverse, i.i, e_cast(e, DT_I64, mine));
    }
}

static Unique unique_of(const Node *node) {
    const UniqueAttrs *attrs = node->attrs;
    const Type *type = &node->in[0]->type;
    Unique u = {.axis = attrs->axis == COMPRESS_FLAT ? -1 : type_axis(type, attrs->axis), .rank = type->rank};
    type_sizes(type, u.size);
    u.origin = type_steps(type, u.step);
    u.n = u.axis < 0 ? type_count(type) : u.size[u.axis];
    u.m = 1;
    for (int i = 0; i < u.rank; i++)
        u.m *= u.axis < 0 || i == u.axis ? 1 : u.size[i];
    return u;
}

static int64_t unique_scratch(const Node *node, const Target *target) {
    return TABLES * unique_of(node).n * (target->pointer_bits / 8);
}

static void lower_unique(Emit *e, const Node *node) {
    Unique u = unique_of(node);
    u.x = e_in(e, 0).dtype == DT_BOOL ? e_retype(e_in(e, 0), DT_U8) : e_in(e, 0);
    Ptr tables = e_scratch(e, e_index_type(e), unique_scratch(node, e_target(e)));
    for (int i = 0; i < TABLES; i++)
        u.table[i] = e_at_const(e, tables, i * u.n);
    for (int i = 0; i < 4; i++)
        if (i != 2 && type_count(&node->out[i]->type) > 0)
            e_clear(e, e_out(e, i), e_index(e, 0), type_storage(&node->out[i]->type));
    Val groups = e_index(e, 0);
    if (u.n > 0) {
        const Heap heap = {u.table[ORDER], u.n, before, &u};
        EMIT_TIMES(e, i, u.n)
            e_store(e, heap.entry, i.i, i.i);
        heap_build(e, &heap);
        heap_sort(e, &heap);
        groups = group(e, &u);
        if (!((const UniqueAttrs *)node->attrs)->sorted)
            number(e, &u);
        write_results(e, &u, node, groups);
    }
    e_store_const(e, e_out(e, 4), 0, e_cast(e, DT_I64, groups));
}

const OpImpl impl_Unique = {.lower = lower_unique, .scratch = unique_scratch};
