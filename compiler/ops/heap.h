// A heap of entries, indices or what stands for them, for those that sort or pick.
#ifndef OPS_HEAP_H
#define OPS_HEAP_H

#include "codegen/emit.h"

// Whether entry a comes before entry b. No two may be equal.
typedef Val (*HeapOrder)(Emit *e, const void *arg, Val a, Val b);
typedef struct Heap {
    Ptr entry;
    int64_t most;  // entries
    HeapOrder before;
    const void *arg;
} Heap;

// Moves the entry at `start` down among the first `size` until both of its children come before it.
void heap_sift(Emit *e, const Heap *heap, Val start, Val size);
void heap_build(Emit *e, const Heap *heap);  // of entries in any order
void heap_sort(Emit *e, const Heap *heap);   // what heap_build has built, perhaps changed since

// a > b, where NaN is larger than all numbers.
Val heap_greater(Emit *e, Val a, Val b);

#endif
