// Resize: nearest, linear and cubic, in any number of dimensions.
//
// The weights of an N-dimensional resize are products of weights along each axis. For each resized axis a table in the
// scratch memory says, for each position of the result, which elements of the input count (`taps` offsets) and how
// much (`taps` weights), and whether the position lies inside the input at all (for tf_crop_and_resize). The loops then
// only read tables. Positions are computed in f64, so that ties fall as the standard's reference has them.
#include "codegen/lower.h"
#include "ir/infer.h"
#include "ops/copy.h"
#include "support/checked.h"

enum { MAX_TAPS = 4, UNROLLED = 16 };

typedef struct Axis {
    int64_t in, out, from, to;  // sizes and steps
    double scale, start, end;   // start and end: the region of interest, in parts of the whole
    bool resized;
    int64_t offsets, weights, inside;  // where its tables start in the scratch memory, in elements of their types
} Axis;

typedef struct Resize {
    const ResizeAttrs *attrs;
    Ptr x, y, offsets, weights;  // the tables: index, f32 or f64
    DType dtype;                 // of the weights
    int rank, taps;
    Axis axis[MAX_RANK];
    int64_t from_origin, to_origin;
} Resize;

// The position in the input that belongs to position `o` of the result.
static Val original(Emit *e, const Resize *r, const Axis *a, Val o) {
    double in = (double)a->in, width = a->scale * in;
    Val x = e_cast(e, DT_F64, o);
    Val half = e_float(e, DT_F64, 0.5), scale = e_float(e, DT_F64, a->scale);
    Val centred = e_sub(e, e_div(e, e_add(e, x, half), scale), half);
    double first = a->start * (in - 1), range = (a->end - a->start) * (in - 1);
    switch ((ResizeCoordinate)r->attrs->coordinate) {
    case RESIZE_HALF_PIXEL:
        return centred;
    case RESIZE_HALF_PIXEL_SYMMETRIC:
        return e_add(e, centred, e_float(e, DT_F64, in / 2 * (1 - (double)a->out / width)));
    case RESIZE_PYTORCH_HALF_PIXEL:
        return a->out > 1 ? centred : e_float(e, DT_F64, 0);
    case RESIZE_ALIGN_CORNERS:
        if (width == 1 || a->out == 1)
            return e_float(e, DT_F64, 0);
        return e_div(e, e_mul(e, x, e_float(e, DT_F64, in - 1)), e_float(e, DT_F64, width - 1));
    case RESIZE_ASYMMETRIC:
        return e_div(e, x, scale);
    case RESIZE_CROP:
        if (a->out == 1)
            return e_float(e, DT_F64, first + range / 2);
        x = e_div(e, e_mul(e, x, e_float(e, DT_F64, range)), e_float(e, DT_F64, (double)a->out - 1));
        return e_add(e, x, e_float(e, DT_F64, first));
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

// Weights of the taps for a position `t` (0 to 1) behind the one before it: Keys' convolution kernel with coefficient a.
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

// Weights outside of the input become 0, and the others add up to 1 again.
static void exclude_outside(Emit *e, const Resize *r, const Axis *a, const Val *position, Val *weight) {
    Val zero = e_float(e, DT_F64, 0), last = e_float(e, DT_F64, (double)(a->in - 1)), sum = zero;
    for (int t = 0; t < r->taps; t++) {
        Val inside = e_and(e, e_ge(e, position[t], zero), e_le(e, position[t], last));
        weight[t] = e_select(e, inside, weight[t], zero);
        sum = e_add(e, sum, weight[t]);
    }
    sum = e_select(e, e_eq(e, sum, zero), e_float(e, DT_F64, 1), sum);
    for (int t = 0; t < r->taps; t++)
        weight[t] = e_div(e, weight[t], sum);
}

static void fill_entry(Emit *e, const Resize *r, const Axis *a, Val o) {
    Val x = original(e, r, a, o), zero = e_float(e, DT_F64, 0), last = e_float(e, DT_F64, (double)(a->in - 1));
    Val position[MAX_TAPS], weight[MAX_TAPS];
    if (r->attrs->mode == RESIZE_NEAREST) {
        position[0] = nearest(e, r, x);
    } else {
        Val low = e_floor(e, x);
        tap_weights(e, r, e_sub(e, x, low), weight);
        for (int t = 0; t < r->taps; t++)
            position[t] = e_add(e, low, e_float(e, DT_F64, t - (r->taps / 2 - 1)));
        if (r->attrs->exclude_outside)
            exclude_outside(e, r, a, position, weight);
    }
    Val entry = e_mul_const(e, o, r->taps);
    for (int t = 0; t < r->taps; t++) {
        Val i = e_to_index(e, e_min(e, e_max(e, position[t], zero), last));
        e_store(e, r->offsets, e_add_const(e, entry, a->offsets + t), e_mul_const(e, i, a->from));
        if (r->taps > 1)
            e_store(e, r->weights, e_add_const(e, entry, a->weights + t), e_cast(e, r->dtype, weight[t]));
    }
    Val outside = e_or(e, e_lt(e, x, zero), e_gt(e, x, last));
    if (r->attrs->coordinate == RESIZE_CROP)
        e_store(e, r->offsets, e_add_const(e, o, a->inside),
                e_select(e, outside, e_index(e, 0), e_index(e, 1)));
}

// The weighted sum over the taps of axes from `axis` on.
static Val sum_taps(Emit *e, const Resize *r, int axis, const Val *position, Val from, bool unroll) {
    while (axis < r->rank && !r->axis[axis].resized)
        axis++;
    if (axis == r->rank)
        return e_cast(e, r->dtype, load_compute(e, r->x, from, 1));
    const Axis *a = &r->axis[axis];
    Val entry = e_mul_const(e, position[axis], r->taps);
    Var sum = e_var(e, e_zero(e, r->dtype, 1));
    EMIT_TIMES(e, tap, unroll ? 1 : r->taps)
        for (int t = 0; t < (unroll ? r->taps : 1); t++) {
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
    int combinations = 1;
    for (int i = 0; i < r->rank; i++) {
        const Axis *a = &r->axis[i];
        to = e_add(e, to, e_mul_const(e, position[i], a->to));
        if (!a->resized) {
            from = e_add(e, from, e_mul_const(e, position[i], a->from));
            continue;
        }
        combinations *= combinations > UNROLLED ? 1 : r->taps;
        if (r->attrs->coordinate == RESIZE_CROP) {
            Val flag = e_load(e, r->offsets, e_add_const(e, position[i], a->inside), 1);
            inside = e_and(e, inside, e_ne(e, flag, e_index(e, 0)));
        }
    }
    if (r->taps == 1)
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
    Ints ints = {0};
    Arena *arena = node->graph->module->arena;
    if (!node_in(node, input))
        return absent;
    if (value_as_doubles(node->in[input], arena, &floats) && entry < floats.n)
        return floats.v[entry];
    if (value_as_ints(node->in[input], arena, &ints) && entry < ints.n)
        return (double)ints.v[entry];
    return absent;
}

static void set_axis(Resize *r, const Node *node, int axis, int entry, int entries) {
    Axis *a = &r->axis[axis];
    double scale = listed(node, 2, entry, 0);
    a->scale = scale > 0 ? scale : (double)a->out / (double)a->in;
    if (r->attrs->coordinate == RESIZE_CROP) {
        a->start = listed(node, 1, entry, 0);
        a->end = listed(node, 1, entries + entry, 1);
    }
    a->resized = a->scale != 1 || a->out != a->in || a->start != 0 || a->end != 1;
}

// With an aspect ratio to keep, all axes have one scale.
static void keep_aspect(Resize *r, const Node *node, int entries) {
    double scale = 0;
    for (int i = 0; i < entries; i++) {
        int axis = r->attrs->axes.n ? type_axis(&node->in[0]->type, r->attrs->axes.v[i]) : i;
        double own = listed(node, 3, i, 1) / (double)r->axis[axis].in;
        bool takes = i == 0 || (r->attrs->keep_aspect_ratio_policy == ASPECT_NOT_LARGER ? own < scale : own > scale);
        scale = takes ? own : scale;
    }
    for (int i = 0; i < r->rank; i++)
        if (r->axis[i].resized)
            r->axis[i].scale = scale;
}

static Resize resize_of(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    Resize r = {.attrs = node->attrs, .x = e_in(e, 0), .y = e_out(e, 0), .rank = in->rank};
    int64_t from[MAX_RANK], to[MAX_RANK];
    r.taps = r.attrs->mode == RESIZE_NEAREST ? 1 : r.attrs->mode == RESIZE_LINEAR ? 2 : 4;
    r.dtype = in->dtype == DT_F32 || dtype_info[in->dtype].bits < 32 ? DT_F32 : DT_F64;
    r.from_origin = type_steps(in, from);
    r.to_origin = type_steps(out, to);
    for (int i = 0; i < r.rank; i++)
        r.axis[i] = (Axis){.in = type_size(in, i), .out = type_size(out, i), .from = from[i], .to = to[i],
                           .scale = 1, .end = 1};
    int entries = r.attrs->axes.n ? r.attrs->axes.n : r.rank;
    for (int i = 0; i < entries; i++)
        set_axis(&r, node, r.attrs->axes.n ? type_axis(in, r.attrs->axes.v[i]) : i, i, entries);
    if (r.attrs->keep_aspect_ratio_policy != ASPECT_STRETCH && listed(node, 2, 0, 0) == 0)
        keep_aspect(&r, node, entries);
    return r;
}

// Places the tables: first the offsets and flags, then the weights.
static void place_tables(Emit *e, Resize *r) {
    int64_t offsets = 0, weights = 0, size = dtype_info[e_index_type(e)].bits / 8;
    for (int i = 0; i < r->rank; i++) {
        Axis *a = &r->axis[i];
        if (!a->resized)
            continue;
        a->offsets = offsets;
        a->inside = offsets + a->out * r->taps;
        offsets = a->inside + a->out;
        a->weights = weights;
        weights += a->out * r->taps;
    }
    int64_t split = align_up(offsets * size, 64);
    r->offsets = e_scratch(e, e_index_type(e), split + weights * (dtype_info[r->dtype].bits / 8));
    r->weights = e_retype(e_at_const(e, r->offsets, split / size), r->dtype);
}

static void lower_resize(Emit *e, const Node *node) {
    const Type *out = &node->out[0]->type;
    if (type_count(out) == 0 || type_count(&node->in[0]->type) == 0)
        return;
    Resize r = resize_of(e, node);
    int64_t size[MAX_RANK];
    type_sizes(out, size);
    place_tables(e, &r);
    for (int i = 0; i < r.rank; i++)
        if (r.axis[i].resized)
            EMIT_TIMES(e, o, r.axis[i].out)
                fill_entry(e, &r, &r.axis[i], o.i);
    int outer = r.rank > 0 ? r.rank - 1 : 0;
    Share share = e_share(e, product(size, outer));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, outer, position);
        EMIT_TIMES(e, i, r.rank > 0 ? size[outer] : 1) {
            position[outer] = i.i;
            resize_at(e, &r, position);
        }
    }
}

const OpImpl impl_Resize = {.lower = lower_resize};
