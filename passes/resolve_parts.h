// What the rewrites of counted values share (resolve_counts.h).
#ifndef PASSES_RESOLVE_PARTS_H
#define PASSES_RESOLVE_PARTS_H

#include "passes/counts.h"

typedef struct Resolver {
    Counts counts;
    bool data;  // elements that nothing is known of may decide
} Resolver;

static inline int counted_axis(const Value *value) {
    return value ? type_counted_axis(&value->type) : -1;
}

int resolve_axis(int64_t axis, int rank);  // counted from the front; -1 where there is no such axis

// What fills the place of elements that are not there.
typedef enum Filler { FILL_ZERO, FILL_ONE, FILL_LOWEST, FILL_HIGHEST } Filler;
Value *resolve_filler(Resolver *r, Filler filler, DType dtype);  // null for zeros

// All elements of a counted value, `fill` (null: zeros) behind those that there are; any other value itself.
Value *resolve_whole(Resolver *r, Value *value, Value *fill);
// Of the n elements along `axis` of a value none of whose dimensions is counted, as many as `count` says.
Value *resolve_counted(Resolver *r, Value *value, int axis, int64_t n, Dim count);
// A value of `from` elements along `axis`, none of whose dimensions is counted: the first `to`, or all and zeros.
Value *resolve_resize(Resolver *r, Value *value, int axis, int64_t from, int64_t to);
// The value, whose dimension `axis` is `from`, with the dimension `to`; a run in which they are not equal fails.
Value *resolve_equal(Resolver *r, Value *value, int axis, Dim from, Dim to);
// `count` elements along `axis` from `start` on.
Value *resolve_slice(Resolver *r, Value *value, int axis, int64_t start, int64_t count);
Value *resolve_gather(Resolver *r, Value *value, Value *indices, int axis);
Value *resolve_range(Resolver *r, int64_t n);  // 0 .. n - 1
// The node's output `index` becomes `value`. Nothing may use the node behind the last one.
void resolve_output(Resolver *r, int index, Value *value);
bool resolve_done(Resolver *r, Value *value);  // output 0, of a node that has no other, which is removed; true
// Element i of an input of integers: a number, a count, or, with r->data, what the data says.
bool resolve_element(Resolver *r, int input, int i, Dim *dim);

// The rewrites: true if the node was changed or replaced.
bool resolve_moves_concat(Resolver *r);
bool resolve_moves_slice(Resolver *r);
bool resolve_moves_pad(Resolver *r);
bool resolve_moves_gather(Resolver *r);
bool resolve_moves_scatter(Resolver *r);
bool resolve_moves_reshape(Resolver *r);
bool resolve_moves_expand(Resolver *r);
bool resolve_moves_tile(Resolver *r);
bool resolve_moves_fill(Resolver *r);
bool resolve_moves_range(Resolver *r);

// Whether the branches of an If must become nodes of the graph.
bool resolve_branches_concern(const Node *node);
bool resolve_branches(Resolver *r);

#endif
