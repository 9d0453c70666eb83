// The last of all indices is at the root. Loops have a bound that is known, so that they end whatever the data says.
#include "ops/heap.h"

Val heap_greater(Emit *e, Val a, Val b) {
    Val plain = e_gt(e, a, b);
    if (!dtype_is_float(a.dtype))
        return plain;
    return e_or(e, plain, e_and(e, e_is_nan(e, a), e_not(e, e_is_nan(e, b))));
}

void heap_sift(Emit *e, const Heap *heap, Val start, Val size) {
    Var hole = e_var(e, start);
    int levels = 1;
    while (((int64_t)1 << levels) <= heap->most)
        levels++;
    EMIT_TIMES(e, level, levels) {
        Val at = e_get(e, hole), left = e_add_const(e, e_mul_const(e, at, 2), 1), right = e_add_const(e, left, 1);
        e_set(e, hole, size);  // unless an entry moves up, there is no more to do
        EMIT_IF(e, e_lt(e, left, size)) {
            Var child = e_var(e, left);
            EMIT_IF(e, e_lt(e, right, size)) {
                Val one = e_load(e, heap->index, left, 1), other = e_load(e, heap->index, right, 1);
                EMIT_IF(e, heap->before(e, heap->arg, one, other))
                    e_set(e, child, right);
            }
            Val last = e_get(e, child), down = e_load(e, heap->index, at, 1), up = e_load(e, heap->index, last, 1);
            EMIT_IF(e, heap->before(e, heap->arg, down, up)) {
                e_store(e, heap->index, at, up);
                e_store(e, heap->index, last, down);
                e_set(e, hole, last);
            }
        }
    }
}

void heap_build(Emit *e, const Heap *heap) {
    EMIT_TIMES(e, i, heap->most)
        e_store(e, heap->index, i.i, i.i);
    EMIT_TIMES(e, i, heap->most / 2)
        heap_sift(e, heap, e_sub(e, e_index(e, heap->most / 2 - 1), i.i), e_index(e, heap->most));
}

void heap_sort(Emit *e, const Heap *heap) {
    EMIT_TIMES(e, i, heap->most - 1) {
        Val last = e_sub(e, e_index(e, heap->most - 1), i.i), root = e_load_const(e, heap->index, 0, 1);
        e_store_const(e, heap->index, 0, e_load(e, heap->index, last, 1));
        e_store(e, heap->index, last, root);
        heap_sift(e, heap, e_index(e, 0), last);
    }
}
