// A fast Fourier transform in passes of mixed radix, after Stockham: each reads one pair of buffers and writes the
// other in an order that needs no reversal of digits at the end. With s = width * (product of the radices so far), n =
// (length left), m = n / r and w = exp(-2 pi i / n), a pass of radix r is
//
//     y[q + s (r p + k)] = w^(p k) sum over j of x[q + s (p + m j)] exp(-2 pi i j k / r)     q < s, p < m, k < r
//
// q is the inner loop, along memory: with as many transforms side by side as a vector has lanes, all passes are vectors
// without a shuffle; a single transform has them as soon as s reaches a vector. Radices are 4, 2 and the odd primes up
// to RADIX_MAX, whose sums are unrolled; larger prime factors are sums in loops.
//
// A length with a prime factor beyond PRIME_MAX is done after Bluestein: as j k = (j^2 + k^2 - (k - j)^2) / 2, with the
// chirp c[j] = exp(-pi i j^2 / n)
//
//     y[k] = c[k] sum over j of (x[j] c[j]) conj c[k - j],
//
// a convolution, by transforms of a power of two that has room for it. That of conj c is known while compiling.
#include "ops/fft.h"

#include <math.h>

enum { RADIX_MAX = 13, PRIME_MAX = 61 };

typedef struct Pass {
    int64_t n, s, r;
    int lanes;
    Ptr x_re, x_im, y_re, y_im;
} Pass;

static double turn(int64_t k, int64_t n) {
    return 2 * acos(-1) * (double)(k % n) / (double)n;
}

Ptr fft_roots(Emit *e, DType dtype, int64_t n) {
    double *roots = ARENA_ARRAY(e_arena(e), double, 2 * n);
    for (int64_t k = 0; k < n; k++) {
        roots[2 * k] = cos(turn(k, n));
        roots[2 * k + 1] = -sin(turn(k, n));
    }
    return e_table(e, dtype, roots, 2 * n);
}

Complex fft_root(Emit *e, Ptr roots, Val k, int lanes) {
    Val at = e_mul_const(e, k, 2);
    return (Complex){e_splat(e, e_load(e, roots, at, 1), lanes),
                     e_splat(e, e_load(e, roots, e_add_const(e, at, 1), 1), lanes)};
}

static Complex complex_add(Emit *e, Complex a, Complex b) {
    return (Complex){e_add(e, a.re, b.re), e_add(e, a.im, b.im)};
}

static Complex complex_sub(Emit *e, Complex a, Complex b) {
    return (Complex){e_sub(e, a.re, b.re), e_sub(e, a.im, b.im)};
}

Complex complex_mul(Emit *e, Complex a, Complex b) {
    return (Complex){e_fma(e, a.re, b.re, e_neg(e, e_mul(e, a.im, b.im))),
                     e_fma(e, a.re, b.im, e_mul(e, a.im, b.re))};
}

static Complex turned(Emit *e, Complex a) {  // -i a
    return (Complex){a.im, e_neg(e, a.re)};
}

// Sums of a few elements, unrolled.

static void sums_of_two(Emit *e, Complex *a) {
    Complex sum = complex_add(e, a[0], a[1]);
    a[1] = complex_sub(e, a[0], a[1]);
    a[0] = sum;
}

static void sums_of_four(Emit *e, Complex *a) {
    Complex even = complex_add(e, a[0], a[2]), odd = complex_add(e, a[1], a[3]);
    Complex apart = complex_sub(e, a[0], a[2]), side = turned(e, complex_sub(e, a[1], a[3]));
    a[0] = complex_add(e, even, odd);
    a[1] = complex_add(e, apart, side);
    a[2] = complex_sub(e, even, odd);
    a[3] = complex_sub(e, apart, side);
}

static Val scaled(Emit *e, Val x, double by, Val plus) {
    return e_fma(e, x, e_splat(e, e_float(e, x.dtype, by), x.lanes), plus);
}

// Elements j and r - j meet the same cosine, and sines of opposite sign; so do results k and r - k.
static void sums_of_odd(Emit *e, Complex *a, int r) {
    Complex first = a[0], sum[RADIX_MAX], apart[RADIX_MAX];
    for (int j = 1; j <= r / 2; j++) {
        sum[j] = complex_add(e, a[j], a[r - j]);
        apart[j] = turned(e, complex_sub(e, a[j], a[r - j]));
        a[0] = complex_add(e, a[0], sum[j]);
    }
    for (int k = 1; k <= r / 2; k++) {
        Val zero = e_zero(e, first.re.dtype, first.re.lanes);
        Complex even = first, odd = {zero, zero};
        for (int j = 1; j <= r / 2; j++) {
            double c = cos(turn((int64_t)j * k, r)), s = sin(turn((int64_t)j * k, r));
            even = (Complex){scaled(e, sum[j].re, c, even.re), scaled(e, sum[j].im, c, even.im)};
            odd = (Complex){scaled(e, apart[j].re, s, odd.re), scaled(e, apart[j].im, s, odd.im)};
        }
        a[k] = complex_add(e, even, odd);
        a[r - k] = complex_sub(e, even, odd);
    }
}

static void few_sums(Emit *e, Complex *a, int r) {
    if (r == 2)
        sums_of_two(e, a);
    else if (r == 4)
        sums_of_four(e, a);
    else
        sums_of_odd(e, a, r);
}

static Complex element(Emit *e, const Pass *pass, Val at) {
    return (Complex){e_load(e, pass->x_re, at, pass->lanes), e_load(e, pass->x_im, at, pass->lanes)};
}

static void put(Emit *e, const Pass *pass, Val at, Complex y) {
    e_store(e, pass->y_re, at, y.re);
    e_store(e, pass->y_im, at, y.im);
}

// w^(p k) among the roots: all are powers of the longest transform's.
static Complex twiddle(Emit *e, const Fft *f, const Pass *pass, Val p, Val k) {
    return fft_root(e, f->roots, e_mul_const(e, e_mul(e, p, k), f->n / pass->n * f->root), pass->lanes);
}

static void small_pass(Emit *e, const Fft *f, const Pass *pass) {
    int r = (int)pass->r;
    int64_t m = pass->n / r, s = pass->s;
    EMIT_TIMES(e, p, m) {
        Complex w[RADIX_MAX + 1], a[RADIX_MAX + 1];
        for (int k = 1; k < r && m > 1; k++)
            w[k] = twiddle(e, f, pass, p.i, e_index(e, k));
        Val from = e_mul_const(e, p.i, s), to = e_mul_const(e, p.i, s * r);
        EMIT_FOR(e, q, e_index(e, 0), e_index(e, s), pass->lanes) {
            for (int j = 0; j < r; j++)
                a[j] = element(e, pass, e_add_const(e, e_add(e, from, q.i), s * m * j));
            few_sums(e, a, r);
            for (int k = 0; k < r; k++)
                put(e, pass, e_add_const(e, e_add(e, to, q.i), s * k), k && m > 1 ? complex_mul(e, a[k], w[k]) : a[k]);
        }
    }
}

// The sum over j of x[from + s m j] exp(-2 pi i j k / r): the exponent is kept below r.
static Complex long_sum(Emit *e, const Fft *f, const Pass *pass, Val from, Val k) {
    Var re = e_var(e, e_zero(e, pass->x_re.dtype, pass->lanes)), im = e_var(e, e_get(e, re));
    Var turns = e_var(e, e_index(e, 0));
    Val r = e_index(e, pass->r);
    EMIT_TIMES(e, j, pass->r) {
        Complex x = element(e, pass, e_add(e, from, e_mul_const(e, j.i, pass->s * (pass->n / pass->r))));
        Val at = e_mul_const(e, e_get(e, turns), f->n / pass->r * f->root);
        x = complex_mul(e, x, fft_root(e, f->roots, at, pass->lanes));
        e_set(e, re, e_add(e, e_get(e, re), x.re));
        e_set(e, im, e_add(e, e_get(e, im), x.im));
        Val next = e_add(e, e_get(e, turns), k);
        e_set(e, turns, e_select(e, e_ge(e, next, r), e_sub(e, next, r), next));
    }
    return (Complex){e_get(e, re), e_get(e, im)};
}

static void large_pass(Emit *e, const Fft *f, const Pass *pass) {
    EMIT_TIMES(e, p, pass->n / pass->r)
        EMIT_TIMES(e, k, pass->r) {
            Complex w = twiddle(e, f, pass, p.i, k.i);
            Val from = e_mul_const(e, p.i, pass->s);
            Val to = e_mul_const(e, e_add(e, e_mul_const(e, p.i, pass->r), k.i), pass->s);
            EMIT_FOR(e, q, e_index(e, 0), e_index(e, pass->s), pass->lanes)
                put(e, pass, e_add(e, to, q.i), complex_mul(e, long_sum(e, f, pass, e_add(e, from, q.i), k.i), w));
        }
}

static int64_t next_radix(int64_t n) {
    if (n % 4 == 0)
        return 4;
    for (int64_t r = 2; r * r <= n; r++)
        if (n % r == 0)
            return r;
    return n;
}

static void passes_emit(Emit *e, Fft *f) {
    int64_t s = f->width;
    for (int64_t n = f->n; n > 1;) {
        Pass pass = {.n = n, .s = s, .r = next_radix(n), .lanes = s % f->lanes == 0 ? f->lanes : 1,
                     .x_re = f->re[f->at], .x_im = f->im[f->at], .y_re = f->re[!f->at], .y_im = f->im[!f->at]};
        if (pass.r <= RADIX_MAX)
            small_pass(e, f, &pass);
        else
            large_pass(e, f, &pass);
        f->at = !f->at;
        n /= pass.r;
        s *= pass.r;
    }
}

// Lengths with large prime factors.

int64_t fft_room(int64_t n) {
    int64_t left = n, room = 1;
    while (left > 1 && next_radix(left) <= PRIME_MAX)
        left /= next_radix(left);
    while (left > 1 && room < 2 * n - 1)
        room *= 2;
    return left > 1 ? room : n;
}

// The transform of n numbers, a power of two, that lie `step` apart, in place of `y`.
static void transform(const double *x, int64_t step, int64_t n, double *y) {
    if (n == 1) {
        y[0] = x[0];
        y[1] = x[1];
        return;
    }
    transform(x, 2 * step, n / 2, y);
    transform(x + 2 * step, 2 * step, n / 2, y + n);
    for (int64_t k = 0; k < n / 2; k++) {
        double *a = y + 2 * k, *b = a + n, c = cos(turn(k, n)), s = sin(turn(k, n));
        double re = b[0] * c + b[1] * s, im = b[1] * c - b[0] * s;
        b[0] = a[0] - re;
        b[1] = a[1] - im;
        a[0] += re;
        a[1] += im;
    }
}

// c[j] for j below n, and the transform of conj c on both sides of 0, divided by its length.
static void chirp_tables(Emit *e, DType dtype, int64_t n, int64_t room, Ptr *chirp, Ptr *spectrum) {
    double *c = ARENA_ARRAY(e_arena(e), double, 2 * n), *b = ARENA_ARRAY(e_arena(e), double, 2 * room);
    double *y = ARENA_ARRAY(e_arena(e), double, 2 * room);
    for (int64_t j = 0; j < n; j++) {
        c[2 * j] = cos(turn(j * j, 2 * n));
        c[2 * j + 1] = -sin(turn(j * j, 2 * n));
        for (int side = 0; side < (j ? 2 : 1); side++) {
            int64_t at = side ? room - j : j;
            b[2 * at] = c[2 * j] / (double)room;
            b[2 * at + 1] = -c[2 * j + 1] / (double)room;
        }
    }
    transform(b, 1, room, y);
    *chirp = e_table(e, dtype, c, 2 * n);
    *spectrum = e_table(e, dtype, y, 2 * room);
}

// Elements times those of a table, `count` of them; swapped before or after.
static void multiply(Emit *e, const Fft *f, Ptr table, int64_t count, bool before, bool after) {
    int lanes = f->width == 1 ? 1 : f->lanes;
    EMIT_TIMES(e, k, count) {
        Val at = e_mul_const(e, k.i, f->width);
        Complex x = {e_load(e, f->re[f->at], at, lanes), e_load(e, f->im[f->at], at, lanes)};
        x = before ? (Complex){x.im, x.re} : x;
        x = complex_mul(e, x, fft_root(e, table, k.i, lanes));
        e_store(e, f->re[f->at], at, after ? x.im : x.re);
        e_store(e, f->im[f->at], at, after ? x.re : x.im);
    }
}

void fft_emit(Emit *e, Fft *f) {
    int64_t room = fft_room(f->n), rest = (room - f->n) * f->width;
    Ptr chirp, spectrum;
    if (room == f->n) {
        passes_emit(e, f);
        return;
    }
    Fft inner = *f;
    inner.n = room;
    inner.root = 1;
    inner.roots = fft_roots(e, f->re[0].dtype, room);
    chirp_tables(e, f->re[0].dtype, f->n, room, &chirp, &spectrum);
    multiply(e, &inner, chirp, f->n, false, false);
    e_clear(e, inner.re[inner.at], e_index(e, f->n * f->width), rest);
    e_clear(e, inner.im[inner.at], e_index(e, f->n * f->width), rest);
    passes_emit(e, &inner);
    multiply(e, &inner, spectrum, room, false, true);
    passes_emit(e, &inner);
    multiply(e, &inner, chirp, f->n, true, false);
    f->at = inner.at;
}
