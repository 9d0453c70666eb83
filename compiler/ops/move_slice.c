// Slice and Pad. Amounts that are read as the model runs are turned into a start and a step, or into the elements
// before and behind, of each axis; nothing is copied unless they give the declared shape.
#include "codegen/lower.h"
#include "ir/infer_check.h"
#include "ops/copy.h"
#include "ops/known.h"
#include "ops/declared.h"
#include "support/checked.h"

// Numbers as i64.
static Val wide(Emit *e, int64_t n) {
    return e_int(e, DT_I64, n);
}

// The axis that entry `entry` of the lists is for, if it is `axis`: by operand `input`, or by order where there is
// none.
static Val is_for_axis(Emit *e, const Node *node, int input, int entry, int axis) {
    if (!node_in(node, input))
        return e_bool(e, entry == axis);
    Val named = operand_int(e, input, entry);
    return e_or(e, e_eq(e, named, wide(e, axis)), e_eq(e, named, wide(e, axis - node->in[0]->type.rank)));
}

// Whether the axes that operand `input` names exist, each once.
static Val axes_exist(Emit *e, const Node *node, int input) {
    Val ok = e_bool(e, true);
    if (node_in(node, input))
        operand_axes(e, node, input, node->in[0]->type.rank, &ok);
    return ok;
}

typedef struct AxisSlice {
    Val start, step, fits;  // fits: as many elements as the result has
} AxisSlice;

static Val clamped(Emit *e, Val v, int64_t low, int64_t high) {
    return e_max(e, e_min(e, v, wide(e, high)), wide(e, low));
}

// infer_move.c's slice_range, of numbers that are not known.
static AxisSlice slice_entry(Emit *e, const Node *node, int entry, int64_t n, int64_t out) {
    Val zero = wide(e, 0), start = operand_int(e, 1, entry), end = operand_int(e, 2, entry);
    Val step = node_in(node, 4) ? operand_int(e, 4, entry) : wide(e, 1), up = e_gt(e, step, zero);
    start = e_select(e, e_lt(e, start, zero), e_add_const(e, start, n), start);
    end = e_select(e, e_lt(e, end, zero), e_add_const(e, end, n), end);
    start = e_select(e, up, clamped(e, start, 0, n), clamped(e, start, 0, max_i64(n - 1, 0)));
    end = e_select(e, up, clamped(e, end, 0, n), clamped(e, end, -1, n - 1));
    Val way = e_sub(e, end, start);
    way = e_select(e, up, e_add_const(e, way, -1), e_add_const(e, way, 1));
    Val some = n ? e_select(e, up, e_gt(e, end, start), e_gt(e, start, end)) : e_bool(e, false);
    Val count = e_select(e, some, e_add_const(e, e_div(e, way, step), 1), zero);
    Val fits = e_and(e, e_eq(e, count, wide(e, out)), e_ne(e, step, zero));
    return (AxisSlice){start, step, fits};
}

static AxisSlice slice_axis(Emit *e, const Node *node, int axis) {
    int64_t n = type_size(&node->in[0]->type, axis), out = type_size(&node->out[0]->type, axis);
    AxisSlice slice = {wide(e, 0), wide(e, 1), e_bool(e, n == out)};
    for (int i = 0; i < type_count(&node->in[1]->type); i++) {
        Val mine = is_for_axis(e, node, 3, i, axis);
        AxisSlice entry = slice_entry(e, node, i, n, out);
        slice.start = e_select(e, mine, entry.start, slice.start);
        slice.step = e_select(e, mine, entry.step, slice.step);
        slice.fits = e_select(e, mine, entry.fits, slice.fits);
    }
    return slice;
}

static void slice_as_read(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t to[MAX_RANK], from[MAX_RANK], size[MAX_RANK], target = type_steps(out, to);
    Val source = e_index(e, type_steps(in, from)), step[MAX_RANK], ok = axes_exist(e, node, 3);
    for (int i = 0; i < out->rank; i++) {
        AxisSlice slice = slice_axis(e, node, i);
        ok = e_and(e, ok, slice.fits);
        source = e_add(e, source, e_mul_const(e, e_to_index(e, slice.start), from[i]));
        step[i] = e_mul_const(e, e_to_index(e, slice.step), from[i]);
    }
    e_fail_if(e, e_not(e, ok));
    type_sizes(out, size);
    Share share = e_share(e, type_count(out));
    EMIT_IF(e, ok)
        EMIT_FOR(e, u, share.begin, share.end, 1) {
            Val position[MAX_RANK], x = source;
            decode(e, u.i, size, out->rank, position);
            for (int i = 0; i < out->rank; i++)
                x = e_add(e, x, e_mul(e, position[i], step[i]));
            e_store(e, e_out(e, 0), locate(e, e_index(e, target), position, to, out->rank),
                    e_load(e, e_in(e, 0), x, 1));
        }
}

static void lower_slice(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    Diag quiet = {0};
    if (is_declared(e, node)) {
        slice_as_read(e, node);
        return;
    }
    Infer infer = known_infer(e_arena(e), node, &quiet);
    SliceRange range[MAX_RANK] = {0};
    int64_t to[MAX_RANK], from[MAX_RANK];
    Box box = {.to_origin = type_steps(out, to), .from_origin = type_steps(in, from)};
    infer_slice_ranges(&infer, node, range);
    for (int i = 0; i < out->rank; i++) {
        box_add(&box, type_size(out, i), to[i], from[i] * range[i].step);
        box.from_origin += from[i] * range[i].start;
    }
    copy_whole(e, &box);
}

typedef struct Pad {
    Ptr x, y;
    Val value;  // of constant mode
    int mode, rank;
    int64_t out[MAX_RANK], from[MAX_RANK], to[MAX_RANK], to_origin;
    Val in[MAX_RANK], before[MAX_RANK], from_origin;  // of what negative pads leave of the input
    Val ok;                                           // the pads give the shape
    Val row, line, valid;  // offsets of the innermost line in y and x; whether the line exists in x
} Pad;

// Where position o of the result lies in the input, for o outside of it too; always a position that exists.
static Val pad_source(Emit *e, const Pad *pad, int axis, Val o) {
    Val n = pad->in[axis], zero = e_index(e, 0), last = e_add_const(e, n, -1);
    Val i = e_sub(e, o, pad->before[axis]);
    if (pad->mode == PAD_REFLECT) {
        i = e_abs(e, i);
        i = e_sub(e, last, e_abs(e, e_sub(e, last, i)));
    } else if (pad->mode == PAD_WRAP) {
        i = e_rem(e, i, n);
        i = e_select(e, e_lt(e, i, zero), e_add(e, i, n), i);
    }
    return e_max(e, e_min(e, i, last), zero);
}

static Val pad_inside(Emit *e, const Pad *pad, int axis, Val o) {
    Val i = e_sub(e, o, pad->before[axis]);
    return e_and(e, e_ge(e, i, e_index(e, 0)), e_lt(e, i, pad->in[axis]));
}

static void fill_span(Emit *e, void *arg, Val i, int lanes) {
    const Pad *pad = arg;
    e_store(e, pad->y, e_add(e, pad->row, i), e_splat(e, pad->value, lanes));
}

static void inner_span(Emit *e, void *arg, Val i, int lanes) {
    const Pad *pad = arg;
    Val from = e_add(e, pad->line, e_sub(e, i, pad->before[pad->rank - 1]));
    e_store(e, pad->y, e_add(e, pad->row, i), e_load(e, pad->x, from, lanes));
}

static void outer_span(Emit *e, void *arg, Val i, int lanes) {
    const Pad *pad = arg;
    (void)lanes;
    Val from = e_add(e, pad->line, pad_source(e, pad, pad->rank - 1, i));
    e_store(e, pad->y, e_add(e, pad->row, i), e_load(e, pad->x, from, 1));
}

// One innermost line: what lies before the input, in it, behind it.
static void pad_line(Emit *e, Pad *pad) {
    int last = pad->rank - 1, lanes = e_lanes(e, pad->y.dtype);
    Val zero = e_index(e, 0), width = e_index(e, pad->out[last]), before = pad->before[last];
    Val begin = e_min(e, before, width), end = e_max(e, e_min(e, e_add(e, before, pad->in[last]), width), begin);
    bool constant = pad->mode == PAD_CONSTANT;
    if (constant)
        EMIT_IF(e, e_not(e, pad->valid))
            cover_span(e, zero, width, lanes, fill_span, pad);
    EMIT_IF(e, pad->valid) {
        emit_span(e, zero, begin, constant ? lanes : 1, constant ? fill_span : outer_span, pad);
        cover_span(e, begin, end, lanes, inner_span, pad);
        emit_span(e, end, width, constant ? lanes : 1, constant ? fill_span : outer_span, pad);
    }
}

// Negative pads cut the input first. Where they leave nothing to repeat, one element stays.
static void pad_cut(Emit *e, Pad *pad, const Type *in, int axis, Val before, Val after) {
    int64_t size = type_size(in, axis);
    Val zero = wide(e, 0), skip = e_max(e, e_neg(e, before), zero), behind = e_max(e, e_neg(e, after), zero);
    int64_t least = pad->mode == PAD_CONSTANT || size == 0 ? 0 : 1;
    Val left = e_max(e, e_sub(e, wide(e, size), e_add(e, skip, behind)), wide(e, least));
    skip = e_min(e, skip, wide(e, max_i64(size - least, 0)));
    pad->from_origin = e_add(e, pad->from_origin, e_mul_const(e, e_to_index(e, skip), pad->from[axis]));
    pad->in[axis] = e_to_index(e, left);
    pad->before[axis] = e_to_index(e, e_max(e, before, zero));
}

// Pads that are read: they must give the shape, in steps of no more than it and the input.
static void pad_axis_as_read(Emit *e, Pad *pad, const Node *node, int axis) {
    const Type *in = &node->in[0]->type;
    int64_t size = type_size(in, axis), out = pad->out[axis], entries = type_count(&node->in[1]->type) / 2;
    int64_t most = pad->mode == PAD_REFLECT ? size - 1 : out;
    Val before = wide(e, 0), after = before;
    for (int i = 0; i < entries; i++) {
        Val mine = is_for_axis(e, node, 3, i, axis);
        before = e_select(e, mine, operand_int(e, 1, i), before);
        after = e_select(e, mine, operand_int(e, 1, entries + i), after);
    }
    Val none = e_and(e, e_eq(e, before, wide(e, 0)), e_eq(e, after, wide(e, 0)));
    Val low = e_and(e, e_ge(e, before, wide(e, -size)), e_ge(e, after, wide(e, -size)));
    Val high = e_and(e, e_le(e, before, wide(e, most)), e_le(e, after, wide(e, most)));
    Val sum = e_eq(e, e_add_const(e, e_add(e, before, after), size), wide(e, out));
    pad->ok = e_and(e, pad->ok, e_and(e, e_or(e, none, e_and(e, low, high)), sum));
    pad_cut(e, pad, in, axis, clamped(e, before, -size, out), clamped(e, after, -size, out));
}

static void pad_axes(Emit *e, Pad *pad, const Node *node) {
    const Type *in = &node->in[0]->type;
    pad->ok = e_bool(e, true);
    for (int i = 0; i < in->rank; i++) {
        pad->in[i] = e_index(e, type_size(in, i));
        pad->before[i] = e_index(e, 0);
    }
    if (is_declared(e, node)) {
        pad->ok = axes_exist(e, node, 3);
        for (int i = 0; i < in->rank; i++)
            pad_axis_as_read(e, pad, node, i);
        e_fail_if(e, e_not(e, pad->ok));
        return;
    }
    Ints pads = known_ints(e_arena(e), node, 1), axes = known_ints(e_arena(e), node, 3);
    for (int i = 0; i < pads.n / 2; i++) {
        int axis = node_in(node, 3) ? type_axis(in, axes.v[i]) : i;
        pad_cut(e, pad, in, axis, wide(e, pads.v[i]), wide(e, pads.v[i + pads.n / 2]));
    }
}

// A scalar gets a dimension.
static Pad pad_of(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    Pad pad = {.x = e_in(e, 0), .y = e_out(e, 0), .mode = ((const PadAttrs *)node->attrs)->mode, .rank = in->rank};
    type_sizes(out, pad.out);
    pad.from_origin = e_index(e, type_steps(in, pad.from));
    pad.to_origin = type_steps(out, pad.to);
    pad_axes(e, &pad, node);
    if (pad.rank == 0) {
        pad.in[0] = e_index(e, 1);
        pad.before[0] = e_index(e, 0);
        pad.from[0] = pad.to[0] = pad.out[0] = 1;
        pad.rank = 1;
    }
    pad.value = node_in(node, 2) ? e_load_const(e, e_in(e, 2), 0, 1) : e_zero(e, pad.y.dtype, 1);
    return pad;
}

// The innermost line at this position.
static void pad_at(Emit *e, Pad *pad, const Val *position, Val empty) {
    int outer = pad->rank - 1;
    pad->row = locate(e, e_index(e, pad->to_origin), position, pad->to, outer);
    pad->line = pad->from_origin;
    pad->valid = e_not(e, empty);
    for (int i = 0; i < outer; i++) {
        if (pad->mode == PAD_CONSTANT)
            pad->valid = e_and(e, pad->valid, pad_inside(e, pad, i, position[i]));
        pad->line = e_add(e, pad->line, e_mul_const(e, pad_source(e, pad, i, position[i]), pad->from[i]));
    }
    pad_line(e, pad);
}

// Shards share lines or, where there are enough of them, planes of lines.
static void lower_pad(Emit *e, const Node *node) {
    enum { PLANES = 16 };
    if (type_count(&node->out[0]->type) == 0)
        return;
    Pad pad = pad_of(e, node);
    int outer = pad.rank - 1, shared = outer > 1 && product(pad.out, outer - 1) >= PLANES ? outer - 1 : outer;
    Val empty = e_bool(e, false);  // then the mode is constant
    for (int i = 0; i < pad.rank; i++)
        empty = e_or(e, empty, e_eq(e, pad.in[i], e_index(e, 0)));
    Share share = e_share(e, product(pad.out, shared));
    EMIT_FOR(e, u, share.begin, e_select(e, pad.ok, share.end, share.begin), 1) {
        Val position[MAX_RANK];
        decode(e, u.i, pad.out, shared, position);
        EMIT_TIMES(e, line, shared < outer ? pad.out[shared] : 1) {
            position[shared] = line.i;  // behind the others, or unused
            pad_at(e, &pad, position, empty);
        }
    }
}

const OpImpl impl_Slice = {.lower = lower_slice};
const OpImpl impl_Pad = {.lower = lower_pad};
