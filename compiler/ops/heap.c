// The last of all entries is at the root. Loops have a bound that is known, so that they end whatever the data says.
#include "ops/heap.h"

Val heap_greater(Emit *e, Val a, Val b) {
    Val plain = e_gt(e, a, b);
    if (!dtype_is_float(a.dtype))
        return plain;
    return e_or(e, plain, e_and(e, e_is_nan(e, a), e_not(e, e_is_nan(e, b))));
}

void heap_sift(Emit *e, const Heap *heap, Val start, Val size) {
    Var hole = e_var(e, start);
    Val moved = e_load(e, heap->entry, start, 1), last = e_add_const(e, size, -1);
    int levels = 1;
    while (((int64_t)1 << levels) <= heap->most)
        levels++;
    EMIT_TIMES(e, level, levels) {
        Val at = e_get(e, hole), left = e_add_const(e, e_mul_const(e, at, 2), 1);
        e_break_if(e, &level, e_ge(e, left, size));
        Val right = e_min(e, e_add_const(e, left, 1), last);
        Val one = e_load(e, heap->entry, left, 1), other = e_load(e, heap->entry, right, 1);
        Val later = heap->before(e, heap->arg, one, other), up = e_select(e, later, other, one);
        e_break_if(e, &level, e_not(e, heap->before(e, heap->arg, moved, up)));
        e_store(e, heap->entry, at, up);
        e_set(e, hole, e_select(e, later, right, left));
    }
    e_store(e, heap->entry, e_get(e, hole), moved);
}

void heap_build(Emit *e, const Heap *heap) {
    EMIT_TIMES(e, i, heap->most / 2)
        heap_sift(e, heap, e_sub(e, e_index(e, heap->most / 2 - 1), i.i), e_index(e, heap->most));
}

void heap_sort(Emit *e, const Heap *heap) {
    EMIT_TIMES(e, i, heap->most - 1) {
        Val last = e_sub(e, e_index(e, heap->most - 1), i.i), root = e_load_const(e, heap->entry, 0, 1);
        e_store_const(e, heap->entry, 0, e_load(e, heap->entry, last, 1));
        e_store(e, heap->entry, last, root);
        heap_sift(e, heap, e_index(e, 0), last);
    }
}
