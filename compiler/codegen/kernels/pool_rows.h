// One row of a pool on channel blocks: what pool_blocked and convolutions that pool their own result share.
#ifndef CODEGEN_KERNELS_POOL_ROWS_H
#define CODEGEN_KERNELS_POOL_ROWS_H

#include "codegen/emit.h"
#include "ir/infer.h"

enum { POOL_CLIPPED = 4, POOL_TAPS = 25 };  // clipped rows or columns at each end, taps of a window: the most of each

// The taps first .. last - 1 of one axis at some output positions.
typedef struct Span {
    int64_t begin, end;    // output positions
    int64_t first, last;   // taps inside the input
    int64_t padded;        // taps inside the input or its pads
} Span;

typedef struct Spans {
    int n;
    Span item[2 * POOL_CLIPPED + 1];
} Spans;

typedef struct PoolRows {
    Window window;
    Spans rows, columns;
    bool average, count_pads;
    int lanes, vecs;
    int64_t x_pixel, y_pixel;  // distances
} PoolRows;

// The taps at one position of an axis.
Span pool_span(const Window *window, int axis, int64_t position);

// Finds the spans; false where a window has too many taps, or is clipped in too many ways.
bool pool_rows_make(const Window *window, PoolRows *pool);

// Row `row` of the output of one channel block. tap[v]: pixel 0 of the input row that tap v of the window sees; those
// outside the input are not read.
void pool_row(Emit *e, const PoolRows *pool, Val row, const Ptr tap[POOL_TAPS], Ptr y);

// Cycles for a row of `vectors` vectors in all.
double pool_row_cycles(const Window *window, double vectors);

#endif
