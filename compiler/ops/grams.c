// sqz.Grams: how often each n-gram of a list occurs in each row of x, counted in a column of its own.
//
//     y[row, columns[g]] = how many (start, distance) have x[row, start + k * distance] = grams[g, k] for all k
//
// for distances from 1 to skips + 1. N-grams are in ascending order, as the importer makes them: a binary search finds
// the one that begins at a place. In another order fewer are found, but nothing is read or written outside, since
// inference has checked the columns. Rows are shared among threads.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "support/checked.h"

typedef struct Grams {
    Ptr x, grams, columns, y;
    int64_t words, count, length, width;  // of a row of x; n-grams, items in each; columns of y
} Grams;

typedef struct Order {
    Val less, same;  // of an n-gram and what is in x
} Order;

static Order compare(Emit *e, const Grams *t, Val gram, Val at, Val distance) {
    Val from = e_mul_const(e, gram, t->length);
    Var less = e_var(e, e_bool(e, false)), same = e_var(e, e_bool(e, true));
    EMIT_TIMES(e, k, t->length) {
        Val item = e_load(e, t->grams, e_add(e, from, k.i), 1);
        Val word = e_load(e, t->x, e_add(e, at, e_mul(e, k.i, distance)), 1);
        e_set(e, less, e_or(e, e_get(e, less), e_and(e, e_get(e, same), e_lt(e, item, word))));
        e_set(e, same, e_and(e, e_get(e, same), e_eq(e, item, word)));
    }
    return (Order){e_get(e, less), e_get(e, same)};
}

// Counts what begins at `at`, if it is in the list.
static void count_one(Emit *e, const Grams *t, Val at, Val distance, Val y) {
    int64_t half = 1;
    while (half * 2 <= t->count)
        half *= 2;
    Var position = e_var(e, e_index(e, 0)), step = e_var(e, e_index(e, half));  // n-grams before `position` are smaller
    EMIT_FOR(e, level, e_index(e, 0), e_index(e, 64), 1) {
        Val by = e_get(e, step), next = e_add(e, e_get(e, position), by);
        e_break_if(e, &level, e_eq(e, by, e_index(e, 0)));
        Val gram = e_min(e, e_add_const(e, next, -1), e_index(e, t->count - 1));
        Val up = e_and(e, e_le(e, next, e_index(e, t->count)), compare(e, t, gram, at, distance).less);
        e_set(e, position, e_select(e, up, next, e_get(e, position)));
        e_set(e, step, e_shr(e, by, e_index(e, 1)));
    }
    Val gram = e_get(e, position), inside = e_min(e, gram, e_index(e, t->count - 1));
    Val found = e_and(e, e_lt(e, gram, e_index(e, t->count)), compare(e, t, inside, at, distance).same);
    EMIT_IF(e, found) {
        Val to = e_add(e, y, e_to_index(e, e_load(e, t->columns, inside, 1)));
        e_store(e, t->y, to, e_add(e, e_load(e, t->y, to, 1), e_float(e, DT_F32, 1)));
    }
}

static void lower_grams(Emit *e, const Node *node) {
    const GramAttrs *attrs = node->attrs;
    const Type *type = &node->in[0]->type, *list = &node->in[1]->type;
    Grams t = {e_in(e, 0), e_in(e, 1), e_in(e, 2), e_out(e, 0), type_size(type, type->rank - 1), type_size(list, 0),
               type_size(list, 1), attrs->columns};
    // The farthest distance at which an n-gram still fits into a row.
    int64_t farthest = t.length > 1 ? (t.words - 1) / (t.length - 1) : attrs->skips + 1;
    Share share = e_share(e, type->rank == 2 ? type_size(type, 0) : 1);
    EMIT_FOR(e, row, share.begin, share.end, 1) {
        Val x = e_mul_const(e, row.i, t.words), y = e_mul_const(e, row.i, t.width);
        e_clear(e, t.y, y, t.width);
        if (t.count == 0 || t.words == 0)
            continue;
        EMIT_FOR(e, distance, e_index(e, 1), e_index(e, min_i64(attrs->skips, farthest - 1) + 2), 1) {
            Val span = e_mul_const(e, distance.i, t.length - 1);
            EMIT_FOR(e, start, e_index(e, 0), e_sub(e, e_index(e, t.words), span), 1)
                count_one(e, &t, e_add(e, x, start.i), distance.i, y);
        }
    }
}

const OpImpl impl_Grams = {.lower = lower_grams};
