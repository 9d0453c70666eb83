// Winograd's minimal filtering: matrices and their application.
#ifndef CODEGEN_KERNELS_WINOGRAD_H
#define CODEGEN_KERNELS_WINOGRAD_H

#include "codegen/emit.h"

enum { WINOGRAD_TAPS = 5, WINOGRAD_MOST = 6, WINOGRAD_POINTS = 8 };  // the most of each

// F(size, taps) in one dimension: `size` outputs from points = size + taps - 1 inputs, with as many multiplications.
//     y = output * ((weights * g) .* (input * d))
typedef struct Winograd {
    int size, taps, points;
    double input[WINOGRAD_POINTS][WINOGRAD_POINTS];
    double output[WINOGRAD_MOST][WINOGRAD_POINTS];
    double weights[WINOGRAD_POINTS][WINOGRAD_TAPS];
} Winograd;

// F(size, taps) over the weights of F(full, taps), size <= full: a narrower tile uses the first points only, and its
// `input` makes up for the difference. `weights` are those of F(full, taps).
Winograd winograd_make(int size, int full, int taps);

// Whether there are matrices for F(full, taps).
bool winograd_exists(int full, int taps);

// The largest error of F(full x full, taps x taps) in f32 over so many input channels, relative to the largest output,
// as measured on random images and weights.
double winograd_error(int full, int taps, int64_t channels);

// What a matrix multiplies by, for loops that apply it: where multiply-adds take lanes and there are registers enough,
// several numbers share one. As vectors of their own they would not fit beside the values: made before all loops, they
// would spill.
typedef struct WinogradFactors {
    double number[2 * WINOGRAD_POINTS * WINOGRAD_POINTS];
    Val packed[2 * WINOGRAD_POINTS * WINOGRAD_POINTS];  // as many to a vector as it has lanes
    int count, lanes;                                   // count 0: numbers are constants
} WinogradFactors;
WinogradFactors winograd_factors(Emit *e, const double *matrix, int stride, int rows, int cols, int lanes);

// out = matrix * in for `rows` x `cols` of a matrix whose lines are `stride` apart; values may be vectors. Lines or
// columns that differ in signs only are computed from shared sums.
void winograd_apply(Emit *e, const WinogradFactors *factors, const double *matrix, int stride, int rows, int cols,
                    const Val *in, Val *out);

#endif
