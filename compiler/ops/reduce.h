// Reductions: one value from many. Also what Softmax, normalisation and global pooling are made of.
#ifndef OPS_REDUCE_H
#define OPS_REDUCE_H

#include "codegen/emit.h"
#include "ops/copy.h"

// acc = combine(acc, term(x[base + sum(i * step)])) over all i. Each loop has an accumulator of its own, and long
// loops are cut, so that the error of a sum grows slowly. The order is fixed.
typedef struct Reduce Reduce;
struct Reduce {
    Ptr x;
    int rank;
    int64_t size[BOX_RANK], step[BOX_RANK];
    DType dtype;                                           // of the accumulator
    double initial;
    Val (*term)(Emit *e, const Reduce *r, Val x, Val at);  // null: the element itself, cast to dtype
    Val (*combine)(Emit *e, Val a, Val b);
    Val extra;                                             // for term: as many lanes as results, see reduce_extra
    Ptr also;                                              // for term: a second array with the steps of x
};

void reduce_add_loop(Reduce *r, int64_t size, int64_t step);  // the next inner loop
// The result at `base`; `lanes` > 1 gives those of consecutive bases.
Val reduce_at(Emit *e, const Reduce *r, Val base, int lanes);
Val reduce_extra(Emit *e, const Reduce *r, Val like);  // r->extra with the lanes of `like`

Val combine_add(Emit *e, Val a, Val b);
Val combine_max(Emit *e, Val a, Val b);  // NaN where either is
double lowest_of(DType dtype);           // -infinity, or the least integer
double highest_of(DType dtype);

// The loops over what is kept: body(x, y, lanes) for each position, or for `lanes` consecutive ones (or
// `vectors` times as many) where the innermost kept loop has step 1 on both sides. Shared.
typedef struct Kept {
    int rank;
    int64_t size[BOX_RANK], x[BOX_RANK], y[BOX_RANK];
    int64_t x_origin, y_origin;
    int vectors;  // that the body takes at once where there are so many neighbours, a power of two; 0: one
} Kept;
typedef void (*KeptBody)(Emit *e, void *arg, Val x, Val y, int lanes);
void kept_add(Kept *kept, int64_t size, int64_t x, int64_t y);
void kept_loops(Emit *e, const Kept *kept, int lanes, KeptBody body, void *arg);
// The same inside of other loops, from positions x and y on: all of it, in order, not shared.
void kept_inside(Emit *e, const Kept *kept, Val x, Val y, int lanes, KeptBody body, void *arg);
// Copies what lies there at x of `from` to y of `to`.
void kept_copy(Emit *e, const Kept *kept, Ptr from, Val x, Ptr to, Val y);

static inline Val fit(Emit *e, Val v, int lanes) {  // a scalar or a vector of so many lanes as that
    return v.lanes == lanes ? v : e_splat(e, v, lanes);
}

#endif
