// Slice and Pad, whose amounts are constant.
#include "codegen/lower.h"
#include "ir/infer_check.h"
#include "ops/copy.h"
#include "ops/known.h"
#include "support/checked.h"

static void lower_slice(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    Diag quiet = {0};
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
    int64_t in[MAX_RANK], out[MAX_RANK], before[MAX_RANK];
    int64_t from[MAX_RANK], to[MAX_RANK], from_origin, to_origin;
    Val row, line, valid;  // offsets of the innermost line in y and x; whether the line exists in x
} Pad;

// Where position o of the result lies in the input, for o outside of it too; always a position that exists.
static Val pad_source(Emit *e, const Pad *pad, int axis, Val o) {
    Val n = e_index(e, pad->in[axis]), zero = e_index(e, 0), last = e_index(e, pad->in[axis] - 1);
    Val i = e_add_const(e, o, -pad->before[axis]);
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
    Val i = e_add_const(e, o, -pad->before[axis]);
    return e_and(e, e_ge(e, i, e_index(e, 0)), e_lt(e, i, e_index(e, pad->in[axis])));
}

static void fill_span(Emit *e, void *arg, Val i, int lanes) {
    const Pad *pad = arg;
    e_store(e, pad->y, e_add(e, pad->row, i), e_splat(e, pad->value, lanes));
}

static void inner_span(Emit *e, void *arg, Val i, int lanes) {
    const Pad *pad = arg;
    Val from = e_add(e, pad->line, e_add_const(e, i, -pad->before[pad->rank - 1]));
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
    int64_t width = pad->out[last], begin = min_i64(max_i64(pad->before[last], 0), width);
    int64_t end = max_i64(min_i64(pad->before[last] + pad->in[last], width), begin);
    bool constant = pad->mode == PAD_CONSTANT;
    if (constant)
        EMIT_IF(e, e_not(e, pad->valid))
            emit_span(e, e_index(e, 0), e_index(e, width), lanes, fill_span, pad);
    EMIT_IF(e, pad->valid) {
        emit_span(e, e_index(e, 0), e_index(e, begin), constant ? lanes : 1, constant ? fill_span : outer_span, pad);
        emit_span(e, e_index(e, begin), e_index(e, end), lanes, inner_span, pad);
        emit_span(e, e_index(e, end), e_index(e, width), constant ? lanes : 1, constant ? fill_span : outer_span, pad);
    }
}

// Negative pads cut the input first. Where they leave nothing to repeat, one element stays.
static void pad_cut(Pad *pad, int axis, int64_t before, int64_t after) {
    int64_t skip = max_i64(-before, 0), left = pad->in[axis] - skip - max_i64(-after, 0);
    if (left <= 0) {
        left = pad->mode == PAD_CONSTANT || pad->in[axis] == 0 ? 0 : 1;
        skip = left ? min_i64(skip, pad->in[axis] - 1) : 0;
    }
    pad->from_origin += skip * pad->from[axis];
    pad->in[axis] = left;
    pad->before[axis] = max_i64(before, 0);
}

// A scalar gets a dimension.
static Pad pad_of(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    Ints pads = known_ints(e_arena(e), node, 1), axes = known_ints(e_arena(e), node, 3);
    Pad pad = {.x = e_in(e, 0), .y = e_out(e, 0), .mode = ((const PadAttrs *)node->attrs)->mode, .rank = in->rank};
    type_sizes(in, pad.in);
    type_sizes(out, pad.out);
    pad.from_origin = type_steps(in, pad.from);
    pad.to_origin = type_steps(out, pad.to);
    for (int i = 0; i < pads.n / 2; i++)
        pad_cut(&pad, node_in(node, 3) ? type_axis(in, axes.v[i]) : i, pads.v[i], pads.v[i + pads.n / 2]);
    if (pad.rank == 0)
        pad.in[pad.rank++] = pad.out[0] = 1;
    pad.value = node_in(node, 2) ? e_load_const(e, e_in(e, 2), 0, 1) : e_zero(e, pad.y.dtype, 1);
    return pad;
}

static void lower_pad(Emit *e, const Node *node) {
    if (type_count(&node->out[0]->type) == 0)
        return;
    Pad pad = pad_of(e, node);
    int outer = pad.rank - 1;
    bool empty = product(pad.in, pad.rank) == 0;  // then the mode is constant
    Share share = e_share(e, product(pad.out, outer));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, pad.out, outer, position);
        pad.row = locate(e, e_index(e, pad.to_origin), position, pad.to, outer);
        pad.line = e_index(e, pad.from_origin);
        pad.valid = e_bool(e, !empty);
        for (int i = 0; i < outer && !empty; i++) {
            if (pad.mode == PAD_CONSTANT)
                pad.valid = e_and(e, pad.valid, pad_inside(e, &pad, i, position[i]));
            pad.line = e_add(e, pad.line, e_mul_const(e, pad_source(e, &pad, i, position[i]), pad.from[i]));
        }
        pad_line(e, &pad);
    }
}

const OpImpl impl_Slice = {.lower = lower_slice};
const OpImpl impl_Pad = {.lower = lower_pad};
