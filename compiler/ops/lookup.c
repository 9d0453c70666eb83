// sqz.Lookup: y = values[i] where x = keys[i], the last value where x is no key.
//
// Keys are in ascending order, NaN behind all numbers and equal to itself. A binary search of log2 steps, unrolled:
// position p moves up by half of what is left where the key before the new position is smaller than x. Keys in another
// order give other values, but nothing is read outside.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"

typedef struct Lookup {
    Ptr x, keys, values, y;
    int64_t n;
} Lookup;

static Val key_less(Emit *e, Val a, Val b) {
    Val less = e_lt(e, a, b);
    return dtype_is_float(a.dtype) ? e_or(e, less, e_and(e, e_is_nan(e, b), e_not(e, e_is_nan(e, a)))) : less;
}

static Val key_equal(Emit *e, Val a, Val b) {
    Val equal = e_eq(e, a, b);
    return dtype_is_float(a.dtype) ? e_or(e, equal, e_and(e, e_is_nan(e, a), e_is_nan(e, b))) : equal;
}

static void lookup_one(Emit *e, void *arg, Val from, Val to, int lanes) {
    const Lookup *t = arg;
    (void)lanes;  // one
    Val x = load_compute(e, t->x, from, 1), position = e_index(e, 0), last = e_index(e, t->n - 1);
    int64_t half = 1;
    while (half * 2 <= t->n)
        half *= 2;
    for (; half > 0 && t->n > 0; half /= 2) {
        Val next = e_add_const(e, position, half);
        Val key = load_compute(e, t->keys, e_min(e, e_add_const(e, next, -1), last), 1);
        Val up = e_and(e, e_le(e, next, e_index(e, t->n)), key_less(e, key, x));
        position = e_select(e, up, next, position);
    }
    if (t->n > 0) {
        Val key = load_compute(e, t->keys, e_min(e, position, last), 1);
        Val found = e_and(e, e_lt(e, position, e_index(e, t->n)), key_equal(e, key, x));
        position = e_select(e, found, position, e_index(e, t->n));
    }
    e_store(e, t->y, to, e_load(e, t->values, position, 1));
}

static void lower_lookup(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t x[MAX_RANK], y[MAX_RANK];
    if (type_count(out) == 0)
        return;
    Kept kept = {.x_origin = type_steps(type, x), .y_origin = type_steps(out, y)};
    for (int i = 0; i < type->rank; i++)
        kept_add(&kept, type_size(type, i), x[i], y[i]);
    Lookup lookup = {e_in(e, 0), e_in(e, 1), e_in(e, 2), e_out(e, 0), type_size(&node->in[1]->type, 0)};
    kept_loops(e, &kept, 1, lookup_one, &lookup);
}

const OpImpl impl_Lookup = {.lower = lower_lookup};
