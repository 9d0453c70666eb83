// Matrices of F(m, r) after Toom and Cook: evaluate at m + r - 2 finite points and at infinity, multiply, interpolate.
//
// With M_p(x) the product of (x - q) over the finite points q other than p, and N_p = M_p(p):
//     input    row p: the coefficients of M_p;           row of infinity: those of the product over all points
//     weights  row p: (1, p, ..., p^(r-1)) / N_p;        row of infinity: (0, ..., 0, 1)
//     output   column p: (1, p, p^2, ...);               column of infinity: (0, ..., 0, 1)
// (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; the points are ours.)
//
// Infinity comes first and the finite points in an order in which each prefix serves a narrower tile. A prefix has
// other N_p, so a narrower tile over the weights of the full one has row p of its input matrix multiplied by the ratio.
#include "codegen/kernels/winograd.h"

#include <math.h>

#include "support/checked.h"

// Points by their number: pairs of opposite ones, whose transforms share sums, spread so that powers stay small.
static const double points3[] = {0, 1, -1};
static const double points5[] = {0, 0.7, -0.7, 1.4, -1.4};
static const double points6[] = {0.44, -0.44, 0.9, -0.9, 1.6, -1.6};
static const double points7[] = {0, 0.58, -0.58, 1.03, -1.03, 1.7, -1.7};

static const double *points_of(int finite) {
    return finite <= 3 ? points3 : finite <= 5 ? points5 : finite == 6 ? points6 : points7;
}

bool winograd_exists(int full, int taps) {
    return full >= 2 && full <= WINOGRAD_MOST && taps >= 2 && taps <= WINOGRAD_TAPS &&
           full + taps - 1 <= WINOGRAD_POINTS;
}

// Measured in f32 against f64 over 64 channels of normally distributed weights and their positive half as image
// (tests/e2e/kernels-winograd.py bounds whole layers); it grows with the square root of the number of channels. A
// direct sum has 3e-7.
double winograd_error(int full, int taps, int64_t channels) {
    static const double over64[] = {[3] = 3e-7, [4] = 4e-7, [5] = 1.1e-6, [6] = 1.4e-6, [7] = 3.6e-6, [8] = 9e-6};
    return over64[full + taps - 1] * sqrt((double)max_i64(channels, 16) / 64);
}

// N_p over the first `count` points.
static double norm(const double *points, int count, int p) {
    double product = 1;
    for (int q = 0; q < count; q++)
        if (q != p)
            product *= points[p] - points[q];
    return product;
}

// The coefficients of the product of (x - q) over the first `count` points but `skipped`, times `scale`.
static void polynomial(const double *points, int count, int skipped, double scale, double *coefficients) {
    int degree = 0;
    coefficients[0] = scale;
    for (int q = 0; q < count; q++) {
        if (q == skipped)
            continue;
        coefficients[++degree] = 0;
        for (int k = degree; k > 0; k--)
            coefficients[k] = coefficients[k - 1] - points[q] * coefficients[k];
        coefficients[0] *= -points[q];
    }
}

Winograd winograd_make(int size, int full, int taps) {
    int all = full + taps - 2, finite = size + taps - 2;
    const double *points = points_of(all);
    Winograd w = {.size = size, .taps = taps, .points = finite + 1};
    polynomial(points, finite, -1, 1, w.input[0]);
    w.output[size - 1][0] = 1;
    w.weights[0][taps - 1] = 1;
    for (int p = 0; p < finite; p++) {
        polynomial(points, finite, p, norm(points, all, p) / norm(points, finite, p), w.input[p + 1]);
        for (int k = 0; k < size; k++)
            w.output[k][p + 1] = pow(points[p], k);
    }
    for (int p = 0; p < all; p++)
        for (int k = 0; k < taps; k++)
            w.weights[p + 1][k] = pow(points[p], k) / norm(points, all, p);
    return w;
}

// ---- Application

static bool same_size(double a, double b) {
    return fabs(fabs(a) - fabs(b)) <= 1e-12 * fabs(a);
}

static void list_factor(WinogradFactors *f, double factor) {
    for (int i = 0; i < f->count; i++)
        if (f->number[i] == factor)
            return;
    f->number[f->count++] = factor;
}

// Signs may change as lines and columns are paired.
WinogradFactors winograd_factors(Emit *e, const double *matrix, int stride, int rows, int cols, int lanes) {
    const Target *target = e_target(e);
    WinogradFactors f = {.lanes = lanes};
    if (!target->fma_lane || target->registers <= 16)
        return f;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            double x = fabs(matrix[r * stride + c]);
            if (x > 1e-12 && x != 1) {
                list_factor(&f, x);
                list_factor(&f, -x);
            }
        }
    Ptr table = f.count ? e_hidden(e, e_table(e, DT_F32, f.number, div_up(f.count, lanes) * lanes)) : (Ptr){0};
    for (int i = 0; i < f.count; i += lanes)
        f.packed[i / lanes] = e_load_const(e, table, i, lanes);
    return f;
}

static Val factor_vector(Emit *e, const WinogradFactors *f, double factor, Val like) {
    for (int i = 0; i < f->count; i++)
        if (f->number[i] == factor)
            return e_splat(e, e_lane(e, f->packed[i / f->lanes], i % f->lanes), like.lanes);
    return e_splat(e, e_float(e, like.dtype, factor), like.lanes);
}

// sum + factor * x; a null sum is 0.
static Val accumulate(Emit *e, const WinogradFactors *f, Val sum, double factor, Val x) {
    Val scale = factor == 1 || factor == -1 ? x : factor_vector(e, f, factor, x);
    if (!sum.v)
        return factor == 1 ? x : factor == -1 ? e_neg(e, x) : e_mul(e, x, scale);
    if (factor == 1)
        return e_add(e, sum, x);
    return factor == -1 ? e_sub(e, sum, x) : e_fma(e, scale, x, sum);
}

// Terms with the factor 1 first, since they cost nothing to start with.
static Val dot(Emit *e, const WinogradFactors *f, const double *factors, int count, const Val *in) {
    Val sum = {0};
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < count; k++)
            if (fabs(factors[k]) > 1e-12 && (factors[k] == 1) == (pass == 0))
                sum = accumulate(e, f, sum, factors[k], in[k]);
    return sum.v ? sum : e_zero(e, in[0].dtype, in[0].lanes);
}

// Whether two columns differ in signs only, with some of both kinds.
static bool columns_pair(const double *matrix, int stride, int rows, int a, int b) {
    bool same = false, opposite = false;
    for (int r = 0; r < rows; r++) {
        double x = matrix[r * stride + a], y = matrix[r * stride + b];
        if (!same_size(x, y))
            return false;
        if (fabs(x) > 1e-12)
            *(x * y > 0 ? &same : &opposite) = true;
    }
    return same && opposite;
}

static bool rows_pair(const double *a, const double *b, int cols) {
    bool same = false, opposite = false;
    for (int c = 0; c < cols; c++) {
        if (!same_size(a[c], b[c]))
            return false;
        if (fabs(a[c]) > 1e-12)
            *(a[c] * b[c] > 0 ? &same : &opposite) = true;
    }
    return same && opposite;
}

// Replaces pairs of inputs by their sum and difference, and the matrix by one of half the terms.
static void pair_columns(Emit *e, double *matrix, int stride, int rows, int cols, Val *in) {
    for (int c = 0; c + 1 < cols; c++) {
        if (!columns_pair(matrix, stride, rows, c, c + 1))
            continue;
        Val sum = e_add(e, in[c], in[c + 1]), difference = e_sub(e, in[c], in[c + 1]);
        for (int r = 0; r < rows; r++) {
            double *x = &matrix[r * stride + c], *y = x + 1;
            bool same = *x * *y > 0;
            *(same ? y : x) = 0;
            if (!same)
                *y = -*y;
        }
        in[c] = sum;
        in[c + 1] = difference;
        c++;
    }
}

static void pair_of_rows(Emit *e, const WinogradFactors *f, const double *a, const double *b, int cols, const Val *in,
                         Val *out) {
    double same[WINOGRAD_POINTS] = {0}, opposite[WINOGRAD_POINTS] = {0};
    for (int c = 0; c < cols; c++)
        *(a[c] * b[c] > 0 ? &same[c] : &opposite[c]) = a[c];
    Val even = dot(e, f, same, cols, in), odd = dot(e, f, opposite, cols, in);
    out[0] = e_add(e, even, odd);
    out[1] = e_sub(e, even, odd);
}

void winograd_apply(Emit *e, const WinogradFactors *factors, const double *matrix, int stride, int rows, int cols,
                    const Val *in, Val *out) {
    double own[WINOGRAD_POINTS * WINOGRAD_POINTS];
    Val terms[WINOGRAD_POINTS];
    for (int c = 0; c < cols; c++)
        terms[c] = in[c];
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            own[r * cols + c] = matrix[r * stride + c];
    pair_columns(e, own, cols, rows, cols, terms);
    for (int r = 0; r < rows; r++) {
        if (r + 1 < rows && rows_pair(own + r * cols, own + (r + 1) * cols, cols)) {
            pair_of_rows(e, factors, own + r * cols, own + (r + 1) * cols, cols, terms, out + r);
            r++;
        } else {
            out[r] = dot(e, factors, own + r * cols, cols, terms);
        }
    }
}
