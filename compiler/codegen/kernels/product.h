// The register tile that convolutions and matrix products share: a few rows of the one factor, splat element by
// element, times a panel of the other.
#ifndef CODEGEN_KERNELS_PRODUCT_H
#define CODEGEN_KERNELS_PRODUCT_H

#include "codegen/emit.h"

enum { PRODUCT_MAX = 32 };  // accumulators
enum { PRODUCT_TURN = 4 };  // steps of a turn of the loop, or a multiple of them

typedef struct Product {
    int rows, vecs, lanes;  // vecs: vectors of a row, over all panels
    int panels;             // of the tile
    int dots;               // of small integers: a step takes so many (e_dots), which lie side by side in both factors
    int64_t row_stride;     // between the rows of the left factor
    int64_t panel;          // elements of a panel's line
    int64_t panel_stride;   // between two panels
    int64_t ahead;          // elements behind a line that are fetched while it is used; 0: none
} Product;

// The most rows whose accumulators, panel line and splat fit into the registers.
int64_t product_most_rows(const Target *target, int vecs);

// The most rows, so many bytes apart, of which the first-level cache holds the lines that a step reads: those that lie
// a page apart share a set.
int64_t product_close_rows(const Target *target, int64_t apart);

// Whether a register tile of so many rows and vectors can be emitted: parameters may come from a text.
static inline bool product_fits(int64_t rows, int64_t vecs) {
    return rows >= 1 && vecs >= 1 && rows <= PRODUCT_MAX && vecs <= PRODUCT_MAX && rows * vecs <= PRODUCT_MAX;
}

// acc[row * vecs + vec] += left[row][at] * line[vec] for one element `at` of each row.
void product_line(Emit *e, const Product *p, Val *acc, Ptr left, int64_t at, const Val *line);

// The same for one line of the panels, whose elements are widened where they are not f32.
void product_step(Emit *e, const Product *p, Val *acc, Ptr left, int64_t at, Ptr right, int64_t line);
// Between two steps: the next one's lines are not loaded before the registers of this one's are free.
void product_barrier(Emit *e, const Product *p, Val *acc);

// The same for `count` consecutive elements and their lines, in a loop that is unrolled by four. `sum` are the
// accumulators. What there is of the right factor behind `count`, up to a multiple of `dots`, is zeros.
void product_run(Emit *e, const Product *p, const Var *sum, Ptr left, Ptr right, int64_t count);
// The same for a number of f32 elements that is known when the code runs, and a multiple of PRODUCT_TURN.
void product_run_to(Emit *e, const Product *p, const Var *sum, Ptr left, Ptr right, Val count);

#endif
