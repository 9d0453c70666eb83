// Indices that are data: checked where they are used.
#ifndef OPS_INDEX_H
#define OPS_INDEX_H

#include "codegen/emit.h"

// An index below `limit`, which is positive; negative ones count from the end. One out of range makes the run fail, and
// 0 takes its place.
Val index_checked(Emit *e, Val index, int64_t limit);

// For each position of the indices, input 1: body(other, picked), with the offset of that position in `other`, and that
// in `picked`, whose coordinate along `axis` is the index instead.
typedef void (*IndexBody)(Emit *e, void *arg, Val other, Val picked);
typedef struct IndexLoop {
    const Type *indices, *other, *picked;
    int axis;
    bool shared;  // the work may be shared
    const Val *rows;  // null: all; else so many of the positions without the last dimension, or of those of a list
    IndexBody body;
    void *arg;
} IndexLoop;
void index_each(Emit *e, const IndexLoop *loop);

// `from` + the sum of index[k] * step[k]: `count` indices below limit[k] that lie `apart` elements apart from `at` on.
Val index_tuple(Emit *e, Val from, Val at, int64_t apart, const int64_t *limit, const int64_t *step, int count);

#endif
