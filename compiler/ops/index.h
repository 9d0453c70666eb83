// Indices that are data: checked where they are used.
#ifndef OPS_INDEX_H
#define OPS_INDEX_H

#include "codegen/emit.h"

// An index below `limit`, which is positive; negative ones count from the end. One out of range makes the run fail, and
// 0 takes its place.
Val index_checked(Emit *e, Val index, int64_t limit);

#endif
