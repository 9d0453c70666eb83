// A heap of indices, for those that sort or pick.
#ifndef OPS_HEAP_H
#define OPS_HEAP_H

#include "codegen/emit.h"

// Whether index a comes before index b. No two may be equal.
typedef Val (*HeapOrder)(Emit *e, const void *arg, Val a, Val b);
typedef struct Heap {
    Ptr index;
    int64_t most;  // entries
    HeapOrder before;
    const void *arg;
} Heap;

// Moves the entry at `start` down among the first `size` until both of its children come before it.
void heap_sift(Emit *e, const Heap *heap, Val start, Val size);
void heap_build(Emit *e, const Heap *heap);  // of 0, 1, ... most - 1
void heap_sort(Emit *e, const Heap *heap);   // what heap_build has built, perhaps changed since

// a > b, where NaN is larger than all numbers.
Val heap_greater(Emit *e, Val a, Val b);

#endif
