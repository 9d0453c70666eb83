// DFT and STFT: transforms of rows of a signal. Both are described by one plan: where row u starts and its elements
// lie, in the signal and in the result; the frames of an STFT are rows that overlap. A group of rows, as many as a
// vector has lanes, is copied side by side to scratch, transformed there (ops/fft.h), and copied to the result.
//
// A real row of even length n is packed: element 2 i as the real and 2 i + 1 as the imaginary part of a row z of m =
// n/2 elements. Its transform Z gives that of the row: with E = (Z[k] + conj Z[m-k]) / 2, O = (Z[k] - conj Z[m-k]) /
// 2i,
//
//     X[k] = E + exp(-2 pi i k / n) O,     k = 0 .. m,     X[n - k] = conj X[k]
//
// An inverse transform is the forward one with real and imaginary parts swapped before and after, divided by n. One
// that knows only one side of a real signal's transform fills in the other as it copies.
#include "codegen/lower.h"
#include "ir/infer.h"
#include "ops/copy.h"
#include "ops/fft.h"
#include "ops/known.h"
#include "support/checked.h"

enum { SIDE_BY_SIDE_MAX = 1 << 15 };  // elements of all rows of a group: beyond, caches suffer

typedef struct Rows {
    int64_t n, given;               // of a transform; of these, the elements that the signal has
    int64_t bins;                   // of a result
    bool complex, inverse, packed;
    bool hermitian;                 // of the elements one side is given; the result is real
    int outer;                      // loops over rows: sizes and steps
    int64_t size[MAX_RANK], x[MAX_RANK], y[MAX_RANK];
    int64_t x_origin, y_origin, x_step, x_part, y_step, y_part;
    int window;                     // the operand that elements are multiplied by, or -1
} Rows;

static void keep_outer(Rows *r, const Type *type, int axis, const int64_t *x, const int64_t *y) {
    for (int i = 0; i < type->rank - 1; i++)
        if (i != axis) {
            r->size[r->outer] = type_size(type, i);
            r->x[r->outer] = x[i];
            r->y[r->outer++] = y[i];
        }
}

static Rows rows_of(const Node *node, Arena *arena) {
    const DftAttrs *attrs = node->attrs;
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t x[MAX_RANK], y[MAX_RANK], step = 1, frames = 1;
    int axis = 1, bins = 2;
    Diag quiet = {0};
    Infer infer = known_infer(arena, node, &quiet);
    Rows r = {.inverse = attrs->inverse, .window = -1,
              .hermitian = attrs->inverse && attrs->onesided};
    r.complex = (node->op == OP_DFT || in->rank == 3) && type_size(in, in->rank - 1) == 2;
    r.x_origin = type_steps(in, x);
    r.y_origin = type_steps(out, y);
    if (node->op == OP_STFT) {
        stft_sizes(&infer, node, &r.n, &step, &frames);
        r.window = node_in(node, 2) ? 2 : -1;
        r.outer = 2;
        r.size[0] = type_size(in, 0);
        r.x[0] = x[0];
        r.y[0] = y[0];
        r.size[1] = frames;
        r.x[1] = step * x[1];
        r.y[1] = y[1];
        r.given = r.n;
    } else {
        dft_sizes(&infer, node, &axis, &r.n);
        bins = axis;
        keep_outer(&r, in, axis, x, y);
        r.given = min_i64(type_size(in, axis), r.hermitian ? r.n / 2 + 1 : r.n);
    }
    r.bins = type_size(out, bins);
    r.x_step = x[axis];
    r.x_part = x[in->rank - 1];
    r.y_step = y[bins];
    r.y_part = y[out->rank - 1];
    r.packed = !r.complex && !r.inverse && r.n % 2 == 0;
    return r;
}

static int64_t length(const Rows *r) {  // of what is transformed
    return r->packed ? r->n / 2 : r->n;
}

// How many rows of a group; one where there are few rows, or long ones.
static int64_t width(const Rows *r, int lanes) {
    bool few = product(r->size, r->outer) * 2 < lanes, long_ = r->n > SIDE_BY_SIDE_MAX / lanes;
    return few || long_ ? 1 : lanes;
}

static int64_t buffer(const Rows *r, int lanes) {  // elements; one more than a transform has, for unpacking
    return align_up(max_i64(length(r) + 1, fft_room(length(r))) * width(r, lanes), 16);
}

static int64_t dft_scratch(const Node *node, const Target *target) {
    DType dtype = compute_type(node->in[0]->type.dtype);
    Rows r = rows_of(node, node->graph->module->arena);
    int bytes = dtype_info[dtype].bits / 8;
    return 4 * bytes * max_i64(buffer(&r, target_lanes(target, bytes * 8)), buffer(&r, 1));
}

// To scratch.

static Complex read(Emit *e, const Rows *r, Val base, Val i) {
    Ptr x = e_in(e, 0);
    Val at = e_add(e, base, e_mul_const(e, i, r->x_step)), re = load_compute(e, x, at, 1);
    Val im = r->complex ? load_compute(e, x, e_add_const(e, at, r->x_part), 1) : e_zero(e, re.dtype, 1);
    if (r->window >= 0) {
        Val weight = load_compute(e, e_in(e, r->window), i, 1);
        re = e_mul(e, re, weight);
        im = r->complex ? e_mul(e, im, weight) : im;
    }
    return r->inverse ? (Complex){im, re} : (Complex){re, im};
}

static void put(Emit *e, const Fft *f, Val at, Complex z) {
    e_store(e, f->re[f->at], at, z.re);
    e_store(e, f->im[f->at], at, z.im);
}

// The row that starts at `base`, as row b of the group.
static void read_row(Emit *e, const Rows *r, const Fft *f, Val base, Val b) {
    EMIT_TIMES(e, i, r->packed ? r->given / 2 : r->given) {
        Val at = e_add(e, e_mul_const(e, i.i, f->width), b);
        if (r->packed) {
            Val even = e_mul_const(e, i.i, 2);
            put(e, f, at, (Complex){read(e, r, base, even).re, read(e, r, base, e_add_const(e, even, 1)).re});
        } else {
            put(e, f, at, read(e, r, base, i.i));
        }
    }
    if (r->packed && r->given % 2)
        e_store(e, f->re[f->at], e_add_const(e, b, r->given / 2 * f->width),
                read(e, r, base, e_index(e, r->given - 1)).re);
    if (r->hermitian)  // swapped, the conjugate has the real part's sign changed
        EMIT_FOR(e, i, e_index(e, 1), e_index(e, min_i64(r->given, (r->n + 1) / 2)), 1) {
            Complex z = read(e, r, base, i.i);
            Val at = e_add(e, e_mul_const(e, e_sub(e, e_index(e, r->n), i.i), f->width), b);
            put(e, f, at, (Complex){e_neg(e, z.re), z.im});
        }
}

// In scratch: from the transform of the packed rows to their own.

static Complex get(Emit *e, const Fft *f, Val at, int lanes) {
    return (Complex){e_load(e, f->re[f->at], at, lanes), e_load(e, f->im[f->at], at, lanes)};
}

static void unpack(Emit *e, Fft *f) {
    int lanes = f->width == 1 ? 1 : f->lanes;
    Fft to = *f;
    to.at = !f->at;
    Complex first = get(e, f, e_index(e, 0), lanes);
    Val zero = e_zero(e, first.re.dtype, lanes), half = e_splat(e, e_float(e, first.re.dtype, 0.5), lanes);
    put(e, &to, e_index(e, 0), (Complex){e_add(e, first.re, first.im), zero});
    put(e, &to, e_index(e, f->n * f->width), (Complex){e_sub(e, first.re, first.im), zero});
    EMIT_FOR(e, k, e_index(e, 1), e_index(e, f->n), 1) {
        Val here = e_mul_const(e, k.i, f->width), there = e_sub(e, e_index(e, f->n * f->width), here);
        Complex a = get(e, f, here, lanes), b = get(e, f, there, lanes);
        Complex even = {e_mul(e, half, e_add(e, a.re, b.re)), e_mul(e, half, e_sub(e, a.im, b.im))};
        Complex odd = {e_mul(e, half, e_add(e, a.im, b.im)), e_mul(e, half, e_sub(e, b.re, a.re))};
        Complex part = complex_mul(e, odd, fft_root(e, f->roots, k.i, lanes));
        put(e, &to, here, (Complex){e_add(e, even.re, part.re), e_add(e, even.im, part.im)});
    }
    f->at = to.at;
}

// To the result.

// Element `from` of a transformed row as element k of the result; `mirrored`: its conjugate.
static void write(Emit *e, const Rows *r, Val at, Complex z, bool mirrored) {
    Ptr y = e_out(e, 0);
    Val share = e_float(e, z.re.dtype, 1 / (double)r->n);
    if (r->inverse)
        z = (Complex){e_mul(e, z.im, share), e_mul(e, z.re, share)};
    store_compute(e, y, at, z.re);
    if (!r->hermitian)
        store_compute(e, y, e_add_const(e, at, r->y_part), mirrored ? e_neg(e, z.im) : z.im);
}

static void write_row(Emit *e, const Rows *r, const Fft *f, Val base, Val b) {
    int64_t known = r->packed ? min_i64(r->bins, r->n / 2 + 1) : r->bins;
    EMIT_TIMES(e, k, known)
        write(e, r, e_add(e, base, e_mul_const(e, k.i, r->y_step)),
              get(e, f, e_add(e, e_mul_const(e, k.i, f->width), b), 1), false);
    EMIT_FOR(e, k, e_index(e, known), e_index(e, r->bins), 1) {
        Val other = e_sub(e, e_index(e, r->n), k.i);
        write(e, r, e_add(e, base, e_mul_const(e, k.i, r->y_step)),
              get(e, f, e_add(e, e_mul_const(e, other, f->width), b), 1), true);
    }
}

typedef void (*RowBody)(Emit *e, const Rows *r, const Fft *f, Val base, Val b);

// The rows of a group; in the last one, those behind the last row are that row again.
static void each_row(Emit *e, const Rows *r, const Fft *f, Val group, bool results, RowBody body) {
    int64_t count = product(r->size, r->outer);
    EMIT_TIMES(e, b, f->width) {
        Val position[MAX_RANK], row = e_add(e, e_mul_const(e, group, f->width), b.i), last = e_index(e, count - 1);
        decode(e, e_select(e, e_lt(e, row, last), row, last), r->size, r->outer, position);
        Val origin = e_index(e, results ? r->y_origin : r->x_origin);
        body(e, r, f, locate(e, origin, position, results ? r->y : r->x, r->outer), b.i);
    }
}

static void lower_dft(Emit *e, const Node *node) {
    DType dtype = compute_type(node->in[0]->type.dtype);
    Rows r = rows_of(node, e_arena(e));
    int64_t count = product(r.size, r.outer);
    int lanes = e_lanes(e, dtype);
    if (count == 0)
        return;
    Fft f = {.n = length(&r), .width = width(&r, lanes), .lanes = lanes, .root = r.n / length(&r)};
    int64_t size = buffer(&r, lanes);
    Ptr scratch = e_scratch(e, dtype, dft_scratch(node, e_target(e)));
    for (int i = 0; i < 2; i++) {
        f.re[i] = e_at_const(e, scratch, 2 * i * size);
        f.im[i] = e_at_const(e, scratch, (2 * i + 1) * size);
    }
    f.roots = fft_roots(e, dtype, r.n);
    Share share = e_share(e, div_up(count, f.width));
    EMIT_FOR(e, group, share.begin, share.end, 1) {
        f.at = 0;
        if (r.given < r.n)
            e_clear(e, scratch, e_index(e, 0), 2 * size);
        each_row(e, &r, &f, group.i, false, read_row);
        fft_emit(e, &f);
        if (r.packed)
            unpack(e, &f);
        each_row(e, &r, &f, group.i, true, write_row);
    }
}

const OpImpl impl_DFT = {.lower = lower_dft, .scratch = dft_scratch};
const OpImpl impl_STFT = {.lower = lower_dft, .scratch = dft_scratch};
