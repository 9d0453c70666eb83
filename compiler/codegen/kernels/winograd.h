// Winograd's minimal filtering: matrices and their application.
#ifndef CODEGEN_KERNELS_WINOGRAD_H
#define CODEGEN_KERNELS_WINOGRAD_H

#include "codegen/emit.h"

enum { WINOGRAD_TAPS = 3, WINOGRAD_MOST = 6, WINOGRAD_POINTS = WINOGRAD_MOST + WINOGRAD_TAPS - 1 };

// F(size, 3) in one dimension: `size` outputs from points = size + 2 inputs, with as many multiplications.
//     y = output * ((weights * g) .* (input * d))
typedef struct Winograd {
    int size, points;
    double input[WINOGRAD_POINTS][WINOGRAD_POINTS];
    double output[WINOGRAD_MOST][WINOGRAD_POINTS];
    double weights[WINOGRAD_POINTS][WINOGRAD_TAPS];
} Winograd;

// F(size, 3) over the weights of F(full, 3), size <= full: a narrower tile uses the first points only, and its `input`
// makes up for the difference. `weights` are those of F(full, 3). Full tiles are 2, 4 and 6.
Winograd winograd_make(int size, int full);

// out = matrix * in for `rows` x `cols` of a matrix whose lines are `stride` apart; values may be vectors. Lines or
// columns that differ in signs only are computed from shared sums.
void winograd_apply(Emit *e, const double *matrix, int stride, int rows, int cols, const Val *in, Val *out);

#endif
