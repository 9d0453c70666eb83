// Windows are sums of cosines, a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N), and the weights of mel filters are
// triangles whose corners are equally far apart on the mel scale. Their sizes are constants nearly always, so that all
// of it is folded; it is computed in f64, then cast.
#include "onnx/signal.h"

#include <math.h>
#include <string.h>

static bool take_dtype(Importer *im, Draft *d, DType *dtype) {
    int64_t onnx;
    if (!draft_take_int(im, d, "output_datatype", dtype_info[DT_F32].onnx, &onnx))
        return false;
    *dtype = onnx > 0 && onnx < 100 ? dtype_from_onnx((int)onnx) : DT_NONE;
    return *dtype != DT_NONE ||
           diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'output_datatype' is no supported type: %lld",
                      (long long)onnx);
}

static Value *real(Importer *im, const Draft *d, double number) {
    return draft_scalar(im, d, "number", DT_F64, number);
}

static Value *apply(Importer *im, const Draft *d, OpKind op, Value *a, Value *b) {
    return draft_node(im, d, op, a, b, NULL);
}

static Value *times(Importer *im, const Draft *d, Value *x, double factor) {
    return apply(im, d, OP_Mul, x, real(im, d, factor));
}

static Value *plus(Importer *im, const Draft *d, Value *x, double number) {
    return apply(im, d, OP_Add, x, real(im, d, number));
}

// A scalar operand in f64; one with an axis of size 1 will do.
static Value *scalar(Importer *im, const Draft *d, int index) {
    Value *x = draft_cast(im, d, d->in[index], DT_F64);
    return apply(im, d, OP_Reshape, x, draft_ints(im, d, "scalar", NULL, 0));
}

static const struct {
    const char *op;
    double a0, a1, a2;
} windows[] = {
    {"BlackmanWindow", 0.42, 0.5, 0.08},
    {"HammingWindow", 25.0 / 46, 21.0 / 46, 0},
    {"HannWindow", 0.5, 0.5, 0},
};

bool make_window(Importer *im, Draft *d) {
    int64_t periodic;
    DType dtype;
    size_t which = 0;
    if (!draft_need(im, d, 1) || !draft_take_int(im, d, "periodic", 1, &periodic) || !take_dtype(im, d, &dtype))
        return false;
    while (strcmp(windows[which].op, d->op))
        which++;
    Value *period = plus(im, d, scalar(im, d, 0), periodic ? 0 : -1);
    Value *n = draft_cast(im, d, draft_count_up(im, d, draft_cast(im, d, d->in[0], DT_I64), 0), DT_F64);
    Value *angle = apply(im, d, OP_Div, times(im, d, n, 2 * acos(-1)), period);
    Value *y = plus(im, d, times(im, d, apply(im, d, OP_Cos, angle, NULL), -windows[which].a1), windows[which].a0);
    if (windows[which].a2 != 0) {
        Value *twice = apply(im, d, OP_Cos, times(im, d, angle, 2), NULL);
        y = apply(im, d, OP_Add, y, times(im, d, twice, windows[which].a2));
    }
    return draft_done(im, d, draft_cast(im, d, y, dtype));
}

// 2595 log10(1 + f / 700)
static Value *mel(Importer *im, const Draft *d, int index) {
    Value *x = plus(im, d, times(im, d, scalar(im, d, index), 1 / 700.0), 1);
    return times(im, d, apply(im, d, OP_Log, x, NULL), 2595 / log(10));
}

// The corners of the triangles, as numbers of bins of the spectrum: `bands` + 2 of them.
static Value *corners(Importer *im, const Draft *d, Value *bands) {
    Value *count = apply(im, d, OP_Add, bands, draft_scalar(im, d, "corners", DT_I64, 2));
    Value *low = mel(im, d, 3), *range = apply(im, d, OP_Sub, mel(im, d, 4), low);
    Value *step = apply(im, d, OP_Div, range, plus(im, d, scalar(im, d, 0), 2));
    Value *place = draft_cast(im, d, draft_count_up(im, d, count, 0), DT_F64);
    Value *mels = apply(im, d, OP_Add, apply(im, d, OP_Mul, place, step), low);
    Value *power = apply(im, d, OP_Exp, times(im, d, mels, log(10) / 2595), NULL);
    Value *hertz = times(im, d, plus(im, d, power, -1), 700);
    Value *bins = apply(im, d, OP_Mul, hertz, plus(im, d, scalar(im, d, 1), 1));
    return apply(im, d, OP_Floor, apply(im, d, OP_Div, bins, scalar(im, d, 2)), NULL);
}

static Value *corner(Importer *im, const Draft *d, Value *all, Value *band, double which) {
    return apply(im, d, OP_Gather, all, apply(im, d, OP_Add, band, draft_scalar(im, d, "corner", DT_I64, which)));
}

static Value *both(Importer *im, const Draft *d, OpKind first, Value *a, Value *b, OpKind second, Value *x, Value *y) {
    return apply(im, d, OP_And, apply(im, d, first, a, b), apply(im, d, second, x, y));
}

bool make_mel_weights(Importer *im, Draft *d) {
    DType dtype;
    if (!draft_need(im, d, 5) || !take_dtype(im, d, &dtype))
        return false;
    Value *bands = draft_cast(im, d, d->in[0], DT_I64), *length = draft_cast(im, d, d->in[1], DT_I64);
    Value *band = draft_count_up(im, d, bands, 0), *all = corners(im, d, bands);
    Value *left = corner(im, d, all, band, 0), *peak = corner(im, d, all, band, 1),
          *right = corner(im, d, all, band, 2);
    Value *bins = apply(im, d, OP_Div, length, draft_scalar(im, d, "two", DT_I64, 2));
    bins = apply(im, d, OP_Add, bins, draft_scalar(im, d, "one", DT_I64, 1));
    Value *bin = draft_cast(im, d, draft_count_up(im, d, bins, 1), DT_F64);
    Value *up = apply(im, d, OP_Div, apply(im, d, OP_Sub, bin, left), apply(im, d, OP_Sub, peak, left));
    Value *down = apply(im, d, OP_Div, apply(im, d, OP_Sub, right, bin), apply(im, d, OP_Sub, right, peak));
    Value *steep = draft_node(im, d, OP_Where, apply(im, d, OP_Equal, left, peak), real(im, d, 1), up);
    Value *rising = both(im, d, OP_GreaterOrEqual, bin, left, OP_LessOrEqual, bin, peak);
    Value *falling = both(im, d, OP_GreaterOrEqual, bin, peak, OP_Less, bin, right);
    Value *y = draft_node(im, d, OP_Where, rising, steep, real(im, d, 0));
    y = draft_node(im, d, OP_Where, falling, down, y);
    return draft_done(im, d, draft_cast(im, d, y, dtype));
}
