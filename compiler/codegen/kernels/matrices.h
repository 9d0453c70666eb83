// A register tile of a product of matrices, from its first load to its stores: what matmul_packed and matmul_strided
// share.
#ifndef CODEGEN_KERNELS_MATRICES_H
#define CODEGEN_KERNELS_MATRICES_H

#include "codegen/kernels/fused.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/narrow.h"

enum { MATRIX_PANEL = 16 };  // columns of a panel
enum { MATRIX_SUMS = 8 };    // accumulators that hide the latency of a multiply-add

// y = act(sum + bias + addend) or, if not `bias_last`, act(sum that starts from the bias). Rows of `a`, whose elements
// are neighbours, lie a_row apart, those of y and of what is added y_row; b lies in panels, line by line.
typedef struct Matrices {
    Ptr a, b, bias, addend, y;
    bool has_bias, bias_last, adds;
    int dots;  // of small integers, whose sums are i32: so many lie side by side in a panel; or 0
    Fused fused;  // only of these
    const Act *act;
    int64_t rows, inner, columns, panel, a_row, y_row;
    int lanes, panels;  // panels of a tile
    const OpenTiles *open;  // of rows whose number is known as the code runs; or null
    const Narrow *narrow;   // what the panels are, if they are quantized; or null
} Matrices;

// The columns column .. column + valid - 1 of `rows` rows, from panels that begin at `b`.
void matrix_tile(Emit *e, const Matrices *m, int64_t rows, int panels, int64_t valid, Val row, Val column, Ptr b);
// The same of the rows of tile number `tile`.
void matrix_row_tile(Emit *e, const Matrices *m, const RowTiles *tiles, Val tile, int panels, int64_t valid, Val column,
                     Ptr b);

// The lanes of the columns first .. valid - 1 at `at`; zeros behind them.
Val matrix_columns(Emit *e, int lanes, Ptr x, Val at, int64_t first, int64_t valid);

#endif
