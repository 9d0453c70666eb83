// Resize: nearest, linear and cubic, in any number of dimensions.
//
// The weights of an N-dimensional resize are products of weights along each axis. For each resized axis a table in the
// scratch memory says, for each position of the result, which elements of the input count (`taps` offsets) and how
// much (`taps` weights), and whether the position lies inside the input at all (for tf_crop_and_resize). The loops then
// only read tables. Positions are computed in f64, those of the nearest elements by scales in f32, as their scales are,
// so that ties fall as the standard's reference has them. With antialias an axis that shrinks has a kernel stretched
// by 1 / scale, and so more taps.
//
// Scales that are read as the model runs are known within limits, since they must give the declared sizes: the tables
// are made for the smallest one. Where all axes that keep their size have a scale of exactly 1, which is usual for
// batches and channels, they are left alone in code of its own.
//
// A row of nearest elements is copied from the row before it if that has the same source, as it is when images grow. If
// the width is a multiple of the input's and the table repeats each element so often, that is done in vectors.
#include <math.h>

#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/known.h"
#include "ops/declared.h"
#include "support/checked.h"

enum { UNROLLED = 16, MOST_TIMES = 8 };

typedef struct Axis {
    int64_t in, out, from, to;  // sizes and steps
    double scale;               // if it is read as the model runs, the smallest that it can be
    Val factor;                 // the scale
    Val start, end;             // the region of interest, in parts of the whole (tf_crop_and_resize)
    bool resized, stretched;    // stretched: by antialias
    int64_t taps;
    int64_t offsets, weights, inside;  // where its tables start in the scratch memory, in elements of their types
} Axis;

typedef struct Resize {
    const ResizeAttrs *attrs;
    Ptr x, y, offsets, weights;  // the tables: index, f32 or f64
    DType dtype;                 // of the weights
    DType position;              // in which positions are computed
    int rank, entries;           // entries: of the lists, for all axes or those that are named
    int64_t split;               // where the weights start in the scratch memory, in elements of the offsets' type
    Axis axis[MAX_RANK];
    int64_t from_origin, to_origin;
} Resize;

static Val cropped(Emit *e, const Axis *a, Val o) {
    Val last = e_float(e, DT_F64, (double)(a->in - 1));
    Val first = e_mul(e, a->start, last), range = e_mul(e, e_sub(e, a->end, a->start), last);
    if (a->out == 1)
        return e_add(e, first, e_mul(e, range, e_float(e, DT_F64, 0.5)));
    return e_add(e, first, e_div(e, e_mul(e, o, range), e_float(e, DT_F64, (double)(a->out - 1))));
}

// The position in the input that belongs to position `o` of the result.
static Val original(Emit *e, const Resize *r, const Axis *a, Val o) {
    DType t = r->position;
    double in = (double)a->in;
    Val x = e_cast(e, t, o), zero = e_float(e, t, 0), one = e_float(e, t, 1), half = e_float(e, t, 0.5);
    Val scale = e_cast(e, t, a->factor), width = e_mul(e, scale, e_float(e, t, in));
    Val from_half = e_div(e, e_add(e, x, half), scale), centred = e_sub(e, from_half, half);
    switch ((ResizeCoordinate)r->attrs->coordinate) {
    case RESIZE_HALF_PIXEL:
        return centred;
    case RESIZE_HALF_PIXEL_SYMMETRIC:
        return e_add(e, centred,
                     e_mul(e, e_float(e, t, in / 2), e_sub(e, one, e_div(e, e_float(e, t, (double)a->out), width))));
    case RESIZE_PYTORCH_HALF_PIXEL:
        return a->out > 1 ? centred : zero;
    case RESIZE_TF_HALF_PIXEL:
        return from_half;
    case RESIZE_ALIGN_CORNERS:
        if (a->out == 1)
            return zero;
        return e_select(e, e_eq(e, width, one), zero,
                        e_div(e, e_mul(e, x, e_float(e, t, in - 1)), e_sub(e, width, one)));
    case RESIZE_ASYMMETRIC:
        return e_div(e, x, scale);
    case RESIZE_CROP:
        return cropped(e, a, e_cast(e, DT_F64, o));
    }
    return centred;
}

static Val nearest(Emit *e, const Resize *r, Val x) {
    Val half = e_float(e, DT_F64, 0.5), low = e_floor(e, x), high = e_ceil(e, x);
    Val part = e_sub(e, x, low);
    switch ((ResizeRound)r->attrs->nearest_mode) {
    case ROUND_PREFER_FLOOR:
        return e_select(e, e_le(e, part, half), low, high);
    case ROUND_PREFER_CEIL:
        return e_select(e, e_lt(e, part, half), low, high);
    case ROUND_FLOOR:
        return low;
    case ROUND_CEIL:
        return high;
    }
    return low;
}

static Val polynomial(Emit *e, Val x, double a, double b, double c, double d) {
    Val y = e_float(e, DT_F64, a);
    const double rest[3] = {b, c, d};
    for (int i = 0; i < 3; i++)
        y = e_add(e, e_mul(e, y, x), e_float(e, DT_F64, rest[i]));
    return y;
}

// Weights of the taps for a position `t` (0 to 1) behind the one before it: Keys' convolution kernel with coefficient
// a.
static void tap_weights(Emit *e, const Resize *r, Val t, Val *weight) {
    Val one = e_float(e, DT_F64, 1), rest = e_sub(e, one, t);
    double a = r->attrs->cubic_coeff_a;
    if (r->attrs->mode == RESIZE_LINEAR) {
        weight[0] = rest;
        weight[1] = t;
        return;
    }
    weight[0] = polynomial(e, e_add(e, t, one), a, -5 * a, 8 * a, -4 * a);
    weight[1] = polynomial(e, t, a + 2, -(a + 3), 0, 1);
    weight[2] = polynomial(e, rest, a + 2, -(a + 3), 0, 1);
    weight[3] = polynomial(e, e_add(e, rest, one), a, -5 * a, 8 * a, -4 * a);
}

// The stretched kernel at distance `d`: a triangle, or Keys' pieces.
static Val stretched_weight(Emit *e, const Resize *r, const Axis *a, Val d) {
    Val one = e_float(e, DT_F64, 1), two = e_float(e, DT_F64, 2), zero = e_float(e, DT_F64, 0);
    double c = r->attrs->cubic_coeff_a;
    d = e_abs(e, e_mul(e, d, e_min(e, a->factor, one)));
    if (r->attrs->mode == RESIZE_LINEAR)
        return e_max(e, e_sub(e, one, d), zero);
    Val near = polynomial(e, d, c + 2, -(c + 3), 0, 1), far = polynomial(e, d, c, -5 * c, 8 * c, -4 * c);
    return e_select(e, e_le(e, d, one), near, e_select(e, e_lt(e, d, two), far, zero));
}

static Val is_inside(Emit *e, const Axis *a, Val position) {
    return e_and(e, e_ge(e, position, e_float(e, DT_F64, 0)),
                 e_le(e, position, e_float(e, DT_F64, (double)(a->in - 1))));
}

// Writes tap `t` of position `o`; positions outside stand for the nearest inside.
static void set_tap(Emit *e, const Resize *r, const Axis *a, Val o, Val t, Val position, const Val *weight) {
    Val zero = e_float(e, DT_F64, 0), last = e_float(e, DT_F64, (double)(a->in - 1));
    Val entry = e_add(e, e_mul_const(e, o, a->taps), t);
    Val i = e_to_index(e, e_min(e, e_max(e, position, zero), last));
    e_store(e, r->offsets, e_add_const(e, entry, a->offsets), e_mul_const(e, i, a->from));
    if (weight)
        e_store(e, r->weights, e_add_const(e, entry, a->weights), e_cast(e, r->dtype, *weight));
}

// Divides the weights of an entry by their sum.
static void scale_weights(Emit *e, const Resize *r, const Axis *a, Val o, Val sum) {
    sum = e_select(e, e_eq(e, sum, e_float(e, DT_F64, 0)), e_float(e, DT_F64, 1), sum);
    EMIT_TIMES(e, t, a->taps) {
        Val at = e_add_const(e, e_add(e, e_mul_const(e, o, a->taps), t.i), a->weights);
        Val weight = e_div(e, e_cast(e, DT_F64, e_load(e, r->weights, at, 1)), sum);
        e_store(e, r->weights, at, e_cast(e, r->dtype, weight));
    }
}

static void fill_stretched(Emit *e, const Resize *r, const Axis *a, Val o, Val x) {
    // Taps start at `before` behind the position at the left, which for a whole x is the one before it.
    int64_t before = 1 - a->taps / 2;
    Val low = e_sub(e, e_ceil(e, x), e_float(e, DT_F64, 1));
    Var sum = e_var(e, e_float(e, DT_F64, 0));
    EMIT_TIMES(e, t, a->taps) {
        Val position = e_add(e, low, e_cast(e, DT_F64, e_add_const(e, t.i, before)));
        Val weight = stretched_weight(e, r, a, e_sub(e, position, x));
        if (r->attrs->exclude_outside)
            weight = e_select(e, is_inside(e, a, position), weight, e_float(e, DT_F64, 0));
        set_tap(e, r, a, o, t.i, position, &weight);
        e_set(e, sum, e_add(e, e_get(e, sum), weight));
    }
    scale_weights(e, r, a, o, e_get(e, sum));
}

static void fill_taps(Emit *e, const Resize *r, const Axis *a, Val o, Val x) {
    Val low = e_floor(e, x), weight[4], sum = e_float(e, DT_F64, 0);
    tap_weights(e, r, e_sub(e, x, low), weight);
    for (int t = 0; t < a->taps; t++) {
        Val position = e_add(e, low, e_float(e, DT_F64, (double)(t + 1 - a->taps / 2)));
        if (r->attrs->exclude_outside)
            weight[t] = e_select(e, is_inside(e, a, position), weight[t], e_float(e, DT_F64, 0));
        sum = e_add(e, sum, weight[t]);
        set_tap(e, r, a, o, e_index(e, t), position, &weight[t]);
    }
    if (r->attrs->exclude_outside)
        scale_weights(e, r, a, o, sum);
}

static void fill_entry(Emit *e, const Resize *r, const Axis *a, Val o) {
    Val x = e_cast(e, DT_F64, original(e, r, a, o));
    if (r->attrs->mode == RESIZE_NEAREST)
        set_tap(e, r, a, o, e_index(e, 0), nearest(e, r, x), NULL);
    else if (a->stretched)
        fill_stretched(e, r, a, o, x);
    else
        fill_taps(e, r, a, o, x);
    if (r->attrs->coordinate == RESIZE_CROP)
        e_store(e, r->offsets, e_add_const(e, o, a->inside),
                e_select(e, is_inside(e, a, x), e_index(e, 1), e_index(e, 0)));
}

// The weighted sum over the taps of axes from `axis` on.
static Val sum_taps(Emit *e, const Resize *r, int axis, const Val *position, Val from, bool unroll) {
    while (axis < r->rank && !r->axis[axis].resized)
        axis++;
    if (axis == r->rank)
        return e_cast(e, r->dtype, load_compute(e, r->x, from, 1));
    const Axis *a = &r->axis[axis];
    Val entry = e_mul_const(e, position[axis], a->taps);
    Var sum = e_var(e, e_zero(e, r->dtype, 1));
    EMIT_TIMES(e, tap, unroll ? 1 : a->taps)
        for (int64_t t = 0; t < (unroll ? a->taps : 1); t++) {
            Val at = e_add_const(e, e_add(e, entry, tap.i), t);
            Val next = e_add(e, from, e_load(e, r->offsets, e_add_const(e, at, a->offsets), 1));
            Val weight = e_load(e, r->weights, e_add_const(e, at, a->weights), 1);
            e_set(e, sum, e_fma(e, weight, sum_taps(e, r, axis + 1, position, next, unroll), e_get(e, sum)));
        }
    return e_get(e, sum);
}

static Val nearest_at(Emit *e, const Resize *r, const Val *position, Val from) {
    for (int i = 0; i < r->rank; i++)
        if (r->axis[i].resized)
            from = e_add(e, from, e_load(e, r->offsets, e_add_const(e, position[i], r->axis[i].offsets), 1));
    return e_load(e, r->x, from, 1);
}

// Integers are rounded, half to even.
static Val to_result(Emit *e, const Resize *r, Val v) {
    return e_cast(e, r->y.dtype, dtype_is_float(r->y.dtype) ? v : e_round(e, v));
}

static void resize_at(Emit *e, const Resize *r, const Val *position) {
    Val from = e_index(e, r->from_origin), to = e_index(e, r->to_origin), inside = e_bool(e, true), v;
    int64_t combinations = 1;
    for (int i = 0; i < r->rank; i++) {
        const Axis *a = &r->axis[i];
        to = e_add(e, to, e_mul_const(e, position[i], a->to));
        if (!a->resized) {
            from = e_add(e, from, e_mul_const(e, position[i], a->from));
            continue;
        }
        combinations *= combinations > UNROLLED ? 1 : a->taps;
        if (r->attrs->coordinate == RESIZE_CROP) {
            Val flag = e_load(e, r->offsets, e_add_const(e, position[i], a->inside), 1);
            inside = e_and(e, inside, e_ne(e, flag, e_index(e, 0)));
        }
    }
    if (r->attrs->mode == RESIZE_NEAREST)
        v = nearest_at(e, r, position, from);
    else
        v = to_result(e, r, sum_taps(e, r, 0, position, from, e_fast(e) && combinations <= UNROLLED));
    if (r->attrs->coordinate == RESIZE_CROP)
        v = e_select(e, inside, v, e_number(e, v.dtype, r->attrs->extrapolation_value));
    e_store(e, r->y, to, v);
}

// The number that belongs to axis `index` of a list for all axes or for those of the attribute.
static double listed(const Node *node, int input, int entry, double absent) {
    Floats floats = {0};
    Arena *arena = node->graph->module->arena;
    if (!node_in(node, input))
        return absent;
    if (value_as_doubles(node->in[input], arena, &floats) && entry < floats.n)
        return floats.v[entry];
    Ints ints = known_ints(arena, node, input);
    return entry < ints.n ? (double)ints.v[entry] : absent;
}

// As many taps as the kernel is wide: 2 for linear, 4 for cubic, more if it is stretched.
static void set_taps(const Resize *r, Axis *a) {
    double reach = r->attrs->mode == RESIZE_LINEAR ? 1 : 2;
    a->stretched = r->attrs->antialias && a->scale < 1 && r->attrs->mode != RESIZE_NEAREST;
    if (r->attrs->mode == RESIZE_NEAREST)
        a->taps = 1;
    else
        a->taps = 2 * (a->stretched ? -(int64_t)floor(-reach / a->scale) : (int64_t)reach);
}

// The region of interest is data; a scalar of any float type.
static Val region(Emit *e, int entry) {
    return e_cast(e, DT_F64, load_compute(e, e_in(e, 1), e_index(e, entry), 1));
}

static int listed_axis(const Resize *r, const Node *node, int entry) {
    return r->attrs->axes.n ? type_axis(&node->in[0]->type, r->attrs->axes.v[entry]) : entry;
}

static bool crops(const Resize *r, const Node *node) {
    return r->attrs->coordinate == RESIZE_CROP && node_in(node, 1) &&
           type_count(&node->in[1]->type) == 2 * r->entries;
}

static void set_axis(Resize *r, const Node *node, int entry) {
    Axis *a = &r->axis[listed_axis(r, node, entry)];
    double scale = listed(node, 2, entry, 0);
    a->scale = scale > 0 ? scale : (double)a->out / (double)a->in;
    a->resized = a->scale != 1 || a->out != a->in || crops(r, node);
}

static bool by_scales(const Node *node) {
    return node_in(node, 2) && type_count(&node->in[2]->type) > 0;
}

static Val f64(Emit *e, double x) {
    return e_float(e, DT_F64, x);
}

static Val scale_as_read(Emit *e, int entry) {
    return e_cast(e, DT_F64, load_compute(e, e_in(e, 2), e_index(e, entry), 1));
}

// Sizes with an aspect ratio to keep: one scale, the smallest or largest of all axes.
static Val common_scale_as_read(Emit *e, const Resize *r, const Node *node) {
    Val scale = f64(e, 1);
    for (int i = 0; i < r->entries; i++) {
        Val own =
            e_div(e, e_cast(e, DT_F64, operand_int(e, 3, i)), f64(e, (double)r->axis[listed_axis(r, node, i)].in));
        bool smallest = r->attrs->keep_aspect_ratio_policy == ASPECT_NOT_LARGER;
        scale = i == 0 ? own : smallest ? e_min(e, own, scale) : e_max(e, own, scale);
    }
    return scale;
}

// The factors of a declared node, in *ok whether they give the sizes, in *still whether sizes that stay have factor 1.
static void factors_as_read(Emit *e, Resize *r, const Node *node, Val *ok, Val *still) {
    bool scales = by_scales(node), stretch = r->attrs->keep_aspect_ratio_policy == ASPECT_STRETCH;
    Val common = scales || stretch ? f64(e, 1) : common_scale_as_read(e, r, node);
    *ok = *still = e_bool(e, true);
    for (int i = 0; i < r->entries; i++) {
        Axis *a = &r->axis[listed_axis(r, node, i)];
        Val in = f64(e, (double)a->in), out = f64(e, (double)a->out);
        if (scales) {
            a->factor = scale_as_read(e, i);
            *ok = e_and(e, *ok,
                        e_and(e, e_gt(e, a->factor, f64(e, 0)), e_eq(e, e_floor(e, e_mul(e, in, a->factor)), out)));
        } else {
            Val size = operand_int(e, 3, i);
            Val fits = e_eq(e, size, e_int(e, DT_I64, a->out));
            a->factor = stretch ? a->factor : common;
            if (!stretch)
                fits = e_and(e, e_gt(e, size, e_int(e, DT_I64, 0)),
                             e_eq(e, e_floor(e, e_add(e, e_mul(e, in, common), f64(e, 0.5))), out));
            *ok = e_and(e, *ok, fits);
        }
        if (a->in == a->out)
            *still = e_and(e, *still, e_eq(e, a->factor, f64(e, 1)));
    }
}

// What is known of a declared node: the smallest scales that give the sizes.
static void axes_as_declared(Resize *r, const Node *node) {
    double slack = by_scales(node) || r->attrs->keep_aspect_ratio_policy == ASPECT_STRETCH ? 0 : 0.5;
    for (int i = 0; i < r->entries; i++) {
        Axis *a = &r->axis[listed_axis(r, node, i)];
        a->resized = true;
        a->scale = fmax((double)a->out - slack, 0.5) / (double)a->in;
    }
}

static void set_regions(Emit *e, Resize *r, const Node *node) {
    for (int i = 0; i < r->rank; i++) {
        r->axis[i].start = e_float(e, DT_F64, 0);
        r->axis[i].end = e_float(e, DT_F64, 1);
    }
    for (int i = 0; i < r->entries && crops(r, node); i++) {
        Axis *a = &r->axis[listed_axis(r, node, i)];
        a->start = region(e, i);
        a->end = region(e, r->entries + i);
    }
}

// With an aspect ratio to keep, all axes have one scale.
static void keep_aspect(Resize *r, const Node *node) {
    double scale = 0;
    for (int i = 0; i < r->entries; i++) {
        double own = listed(node, 3, i, 1) / (double)r->axis[listed_axis(r, node, i)].in;
        bool takes = i == 0 || (r->attrs->keep_aspect_ratio_policy == ASPECT_NOT_LARGER ? own < scale : own > scale);
        scale = takes ? own : scale;
    }
    for (int i = 0; i < r->rank; i++)
        if (r->axis[i].resized)
            r->axis[i].scale = scale;
}

// Places the tables: first the offsets and flags, then the weights. Returns the bytes they need.
static int64_t place_tables(Resize *r, DType index) {
    int64_t offsets = 0, weights = 0, size = dtype_info[index].bits / 8;
    for (int i = 0; i < r->rank; i++) {
        Axis *a = &r->axis[i];
        if (!a->resized)
            continue;
        a->offsets = offsets;
        a->inside = offsets + a->out * a->taps;
        offsets = a->inside + a->out;
        a->weights = weights;
        weights += a->out * a->taps;
    }
    r->split = align_up(offsets * size, 64) / size;
    return r->split * size + weights * (dtype_info[r->dtype].bits / 8);
}

// All that is known of the node; operands, factors and regions are still missing.
static Resize resize_of(const Node *node, bool declared) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    Resize r = {.attrs = node->attrs, .rank = in->rank};
    int64_t from[MAX_RANK], to[MAX_RANK];
    r.position = r.attrs->mode == RESIZE_NEAREST && by_scales(node) ? DT_F32 : DT_F64;
    r.dtype = in->dtype == DT_F32 || dtype_info[in->dtype].bits < 32 ? DT_F32 : DT_F64;
    r.from_origin = type_steps(in, from);
    r.to_origin = type_steps(out, to);
    for (int i = 0; i < r.rank; i++)
        r.axis[i] = (Axis){.in = type_size(in, i), .out = type_size(out, i), .from = from[i], .to = to[i], .scale = 1};
    r.entries = r.attrs->axes.n ? r.attrs->axes.n : r.rank;
    if (declared)
        axes_as_declared(&r, node);
    for (int i = 0; i < r.entries && !declared; i++)
        set_axis(&r, node, i);
    if (!declared && r.attrs->keep_aspect_ratio_policy != ASPECT_STRETCH && listed(node, 2, 0, 0) == 0)
        keep_aspect(&r, node);
    for (int i = 0; i < r.rank; i++)
        set_taps(&r, &r.axis[i]);
    return r;
}

static int64_t rows_of(const Node *node) {
    int64_t size[MAX_RANK];
    type_sizes(&node->out[0]->type, size);
    return product(size, node->out[0]->type.rank > 0 ? node->out[0]->type.rank - 1 : 0);
}

static bool is_empty(const Node *node) {
    return type_count(&node->out[0]->type) == 0 || type_count(&node->in[0]->type) == 0;
}

static int64_t resize_scratch(const Node *node, const Target *target) {
    if (is_empty(node))
        return 0;
    Resize r = resize_of(node, node_is_declared(node));
    return place_tables(&r, target->pointer_bits == 64 ? DT_I64 : DT_I32);
}

static void fill_tables(Emit *e, Resize *r) {
    int64_t bytes = place_tables(r, e_index_type(e));
    r->offsets = e_scratch(e, e_index_type(e), bytes);
    r->weights = e_retype(e_at_const(e, r->offsets, r->split), r->dtype);
    for (int i = 0; i < r->rank; i++)
        if (r->axis[i].resized)
            EMIT_TIMES(e, o, r->axis[i].out)
                fill_entry(e, r, &r->axis[i], o.i);
}

// A row of the result of nearest elements: from element `from` of the input on, or what the row at `before` has.
typedef struct NearestRow {
    const Resize *r;
    Val from, to, before;
    int times;
} NearestRow;

static void nearest_span(Emit *e, void *arg, Val i, int lanes) {
    const NearestRow *row = arg;
    const Axis *a = &row->r->axis[row->r->rank - 1];
    Val source = a->resized ? e_load(e, row->r->offsets, e_add_const(e, i, a->offsets), 1) : e_mul_const(e, i, a->from);
    e_store(e, row->r->y, e_add(e, row->to, e_mul_const(e, i, a->to)),
            e_load(e, row->r->x, e_add(e, row->from, source), lanes));
}

// Elements i to i + lanes - 1 of the input, each of them several times.
static void repeat_span(Emit *e, void *arg, Val i, int lanes) {
    const NearestRow *row = arg;
    Val to = e_add(e, row->to, e_mul_const(e, i, row->times)), v[MOST_TIMES];
    for (int k = 0; k < row->times; k++)
        v[k] = e_load(e, row->r->x, e_add(e, row->from, i), lanes);
    if (lanes > 1)
        e_join_tuples(e, v, row->times);
    for (int k = 0; k < row->times; k++)
        e_store(e, row->r->y, e_add_const(e, to, k * lanes), v[k]);
}

static void before_span(Emit *e, void *arg, Val i, int lanes) {
    const NearestRow *row = arg;
    int64_t step = row->r->axis[row->r->rank - 1].to;
    Val v = e_load(e, row->r->y, e_add(e, row->before, e_mul_const(e, i, step)), lanes);
    e_store(e, row->r->y, e_add(e, row->to, e_mul_const(e, i, step)), v);
}

// How often the elements of a row may follow each other, all as often; 1: not in vectors.
static int most_times(Emit *e, const Resize *r) {
    const Axis *a = &r->axis[r->rank - 1];
    bool whole = a->resized && a->from == 1 && a->to == 1 && a->out % a->in == 0 && a->out / a->in <= MOST_TIMES;
    return whole && e_lanes(e, r->y.dtype) > 1 && r->y.dtype != DT_BOOL ? (int)(a->out / a->in) : 1;
}

// Whether they do, as the table has it.
static Val repeats(Emit *e, const Resize *r, int times) {
    const Axis *a = &r->axis[r->rank - 1];
    Var all = e_var(e, e_bool(e, times > 1));
    EMIT_TIMES(e, o, times > 1 ? a->out : 0) {
        Val offset = e_load(e, r->offsets, e_add_const(e, o.i, a->offsets), 1);
        e_set(e, all, e_and(e, e_get(e, all), e_eq(e, offset, e_div(e, o.i, e_index(e, times)))));
    }
    return e_get(e, all);
}

static void nearest_row(Emit *e, NearestRow *row, Val repeated) {
    const Axis *a = &row->r->axis[row->r->rank - 1];
    Val none = e_index(e, 0);
    int lanes = e_lanes(e, row->r->y.dtype), plain = !a->resized && a->from == 1 && a->to == 1 ? lanes : 1;
    if (row->times > 1)
        EMIT_IF(e, repeated)
            cover_span(e, none, e_index(e, a->in), lanes, repeat_span, row);
    EMIT_IF(e, row->times > 1 ? e_not(e, repeated) : e_bool(e, true))
        cover_span(e, none, e_index(e, a->out), plain, nearest_span, row);
}

// Rows that have the same source as the row before them are copied from there.
static void resize_nearest(Emit *e, const Resize *r, const int64_t *size, Share share) {
    NearestRow row = {.r = r, .times = most_times(e, r)};
    int last = r->rank - 1, lanes = r->axis[last].to == 1 ? e_lanes(e, r->y.dtype) : 1;
    Val repeated = repeats(e, r, row.times);
    Var from = e_var(e, e_index(e, -1)), before = e_var(e, e_index(e, 0));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, last, position);
        row.from = e_index(e, r->from_origin);
        row.to = e_index(e, r->to_origin);
        for (int i = 0; i < last; i++) {
            const Axis *a = &r->axis[i];
            row.to = e_add(e, row.to, e_mul_const(e, position[i], a->to));
            row.from = e_add(e, row.from, a->resized ? e_load(e, r->offsets, e_add_const(e, position[i], a->offsets), 1)
                                                     : e_mul_const(e, position[i], a->from));
        }
        row.before = e_get(e, before);
        Val same = e_eq(e, row.from, e_get(e, from));
        EMIT_IF(e, same)
            cover_span(e, e_index(e, 0), e_index(e, r->axis[last].out), lanes, before_span, &row);
        EMIT_IF(e, e_not(e, same))
            nearest_row(e, &row, repeated);
        e_set(e, from, row.from);
        e_set(e, before, row.to);
    }
}

static void resize_all(Emit *e, Resize *r, const Node *node, Share share) {
    int64_t size[MAX_RANK];
    int outer = r->rank > 0 ? r->rank - 1 : 0;
    type_sizes(&node->out[0]->type, size);
    fill_tables(e, r);
    if (r->attrs->mode == RESIZE_NEAREST && r->attrs->coordinate != RESIZE_CROP && r->rank > 0) {
        resize_nearest(e, r, size, share);
        return;
    }
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, outer, position);
        EMIT_TIMES(e, i, r->rank > 0 ? size[outer] : 1) {
            position[outer] = i.i;
            resize_at(e, r, position);
        }
    }
}

static void resize_as_read(Emit *e, Resize *r, const Node *node, Share share) {
    Resize part = *r;
    Val ok, still;
    factors_as_read(e, r, node, &ok, &still);
    e_fail_if(e, e_not(e, ok));
    bool keeps = false;
    for (int i = 0; i < r->rank; i++) {
        part.axis[i].factor = r->axis[i].factor;
        if (r->axis[i].in == r->axis[i].out && !crops(r, node))
            part.axis[i].resized = false;
        keeps = keeps || part.axis[i].resized != r->axis[i].resized;
    }
    if (keeps)
        EMIT_IF(e, e_and(e, ok, still))
            resize_all(e, &part, node, share);
    EMIT_IF(e, keeps ? e_and(e, ok, e_not(e, still)) : ok)
        resize_all(e, r, node, share);
}

static void lower_resize(Emit *e, const Node *node) {
    if (is_empty(node))
        return;
    bool declared = is_declared(e, node);
    Resize r = resize_of(node, declared);
    r.x = e_in(e, 0);
    r.y = e_out(e, 0);
    set_regions(e, &r, node);
    for (int i = 0; i < r.rank; i++)
        r.axis[i].factor =
            e_float(e, DT_F64, declared ? (double)r.axis[i].out / (double)r.axis[i].in : r.axis[i].scale);
    Share share = e_share(e, rows_of(node));
    if (declared)
        resize_as_read(e, &r, node, share);
    else
        resize_all(e, &r, node, share);
}

const OpImpl impl_Resize = {.lower = lower_resize, .scratch = resize_scratch};
