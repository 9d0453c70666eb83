// Operators that put elements in other places by simple rules: EyeLike, ReverseSequence, CenterCropPad.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/declared.h"
#include "ops/reduce.h"
#include "support/checked.h"

// y[i, j] = 1 where j = i + k, else 0
static void lower_eye(Emit *e, const Node *node) {
    const EyeAttrs *attrs = node->attrs;
    const Type *type = &node->out[0]->type;
    int64_t rows = type_size(type, 0), columns = type_size(type, 1), k = max_i64(min_i64(attrs->k, columns), -rows);
    Ptr y = e_out(e, 0);
    EMIT_TIMES(e, i, rows)
        EMIT_TIMES(e, j, columns) {
            Val on = e_eq(e, j.i, e_add_const(e, i.i, k));
            store_compute(e, y, e_add(e, e_mul_const(e, i.i, columns), j.i), e_cast(e, compute_type(y.dtype), on));
        }
}

// The length of sequence b, or all of it where that is out of range.
static Val checked_length(Emit *e, Ptr lengths, Val b, int64_t steps) {
    Val length = e_load(e, lengths, b, 1);
    Val bad = e_or(e, e_lt(e, length, e_int(e, DT_I64, 0)), e_gt(e, length, e_int(e, DT_I64, steps)));
    e_fail_if(e, bad);
    return e_to_index(e, e_select(e, bad, e_int(e, DT_I64, steps), length));
}

static void lower_reverse_sequence(Emit *e, const Node *node) {
    const ReverseAttrs *attrs = node->attrs;
    const Type *type = &node->in[0]->type;
    int batch = (int)attrs->batch_axis, time = (int)attrs->time_axis;
    int64_t from[MAX_RANK], to[MAX_RANK], steps = type_size(type, time);
    int64_t from_origin = type_steps(type, from), to_origin = type_steps(&node->out[0]->type, to);
    if (type_count(type) == 0)
        return;
    Kept rest = {0};
    for (int i = 2; i < type->rank; i++)
        kept_add(&rest, type_size(type, i), from[i], to[i]);
    Ptr values = e_in(e, 0), results = e_out(e, 0), lengths = e_in(e, 1);
    Share share = e_share(e, type_size(type, batch));
    EMIT_FOR(e, b, share.begin, share.end, 1) {
        Val length = checked_length(e, lengths, b.i, steps);
        EMIT_TIMES(e, t, steps) {
            Val mirrored = e_add_const(e, e_sub(e, length, t.i), -1);
            Val source = e_select(e, e_lt(e, t.i, length), mirrored, t.i);
            Val x = e_add(e, e_mul_const(e, b.i, from[batch]), e_mul_const(e, source, from[time]));
            Val y = e_add(e, e_mul_const(e, b.i, to[batch]), e_mul_const(e, t.i, to[time]));
            kept_copy(e, &rest, values, e_add_const(e, x, from_origin), results, e_add_const(e, y, to_origin));
        }
    }
}

// What both sizes have in common lies in the middle of each, half an element to the left where it must.
static void lower_center_crop_pad(Emit *e, const Node *node) {
    declared_check(e, node);
    const Type *type = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t from[MAX_RANK], to[MAX_RANK];
    Box box = {.from_origin = type_steps(type, from), .to_origin = type_steps(out, to)};
    bool padded = false;
    if (type_count(out) == 0)
        return;
    for (int i = 0; i < type->rank; i++) {
        int64_t in_size = type_size(type, i), out_size = type_size(out, i), common = min_i64(in_size, out_size);
        padded = padded || out_size > in_size;
        box.from_origin += (in_size - common) / 2 * from[i];
        box.to_origin += (out_size - common) / 2 * to[i];
        box_add(&box, common, to[i], from[i]);
    }
    Parts alone = {{e_index(e, 0), e_index(e, 1)}, 1};
    if (padded)
        e_clear(e, e_out(e, 0), e_index(e, 0), type_storage(out));
    copy_box(e, e_out(e, 0), e_in(e, 0), &box, &alone);
}

const OpImpl impl_EyeLike = {.lower = lower_eye};
const OpImpl impl_ReverseSequence = {.lower = lower_reverse_sequence};
const OpImpl impl_CenterCropPad = {.lower = lower_center_crop_pad};
