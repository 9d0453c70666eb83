// Fast Fourier transforms in scratch memory, several side by side.
#ifndef OPS_FFT_H
#define OPS_FFT_H

#include "codegen/emit.h"

typedef struct Complex {
    Val re, im;
} Complex;

// Element i of transform b lies at i * width + b of `re` and `im`; `at` says which of the two pairs of buffers has it.
typedef struct Fft {
    int64_t n, width;
    int lanes;         // of vectors
    int64_t root;      // turns: how many elements of the roots one step of a transform of n elements is
    Ptr roots;         // fft_roots(n * root)
    Ptr re[2], im[2];
    int at;
} Fft;

// exp(-2 pi i k / n) for all k below n: the real part at 2 k, the imaginary one behind it.
Ptr fft_roots(Emit *e, DType dtype, int64_t n);
Complex fft_root(Emit *e, Ptr roots, Val k, int lanes);
Complex complex_mul(Emit *e, Complex a, Complex b);
// How many elements each buffer must have room for in each transform: n, or more where n has large prime factors.
int64_t fft_room(int64_t n);
// y[k] = sum of x[j] exp(-2 pi i j k / n), in `re[at]` and `im[at]`; `at` may have changed.
void fft_emit(Emit *e, Fft *f);

#endif
