// Values that come from shapes or numbers: Shape, Size, ConstantOfShape, Range.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/declared.h"
#include "support/checked.h"

static void lower_shape(Emit *e, const Node *node) {
    const ShapeAttrs *attrs = node->attrs;
    const Type *in = &node->in[0]->type;
    int64_t start = attrs->start < 0 ? attrs->start + in->rank : attrs->start;
    int64_t first = min_i64(max_i64(start, 0), in->rank), count = type_count(&node->out[0]->type);
    for (int64_t i = 0; i < count; i++)
        e_store_const(e, e_out(e, 0), i, e_int(e, DT_I64, type_size(in, (int)(first + i))));
}

static void lower_size(Emit *e, const Node *node) {
    e_store_const(e, e_out(e, 0), 0, e_int(e, DT_I64, type_count(&node->in[0]->type)));
}

typedef struct Fill {
    Ptr y;
    Val value, step;
} Fill;

static void same_span(Emit *e, void *arg, Val i, int lanes) {
    const Fill *fill = arg;
    e_store(e, fill->y, i, e_splat(e, fill->value, lanes));
}

static void lower_fill(Emit *e, const Node *node) {
    declared_check(e, node);
    const FillAttrs *attrs = node->attrs;
    Fill fill = {.y = e_out(e, 0), .value = e_number(e, node->out[0]->type.dtype, attrs->value)};
    int64_t count = type_count(&node->out[0]->type);
    Parts parts = share_parts(e, count);
    Share part = part_of(e, &parts, count);
    emit_span(e, part.begin, part.end, e_lanes(e, fill.y.dtype), same_span, &fill);
}

// In place of a branch that its inputs do not fit: it fails, and what it gives is never used.
static void lower_refuse(Emit *e, const Node *node) {
    e_fail_if(e, e_int(e, DT_BOOL, 1));
    lower_fill(e, node);
}

static void range_span(Emit *e, void *arg, Val i, int lanes) {
    const Fill *fill = arg;
    (void)lanes;
    store_compute(e, fill->y, i, e_add(e, fill->value, e_mul(e, e_cast(e, fill->value.dtype, i), fill->step)));
}

static void lower_range(Emit *e, const Node *node) {
    declared_check(e, node);
    Val zero = e_index(e, 0);
    Fill fill = {
        .y = e_out(e, 0), .value = load_compute(e, e_in(e, 0), zero, 1), .step = load_compute(e, e_in(e, 2), zero, 1)};
    emit_span(e, zero, e_index(e, type_count(&node->out[0]->type)), 1, range_span, &fill);
}

const OpImpl impl_Shape = {.lower = lower_shape};
const OpImpl impl_Size = {.lower = lower_size};
const OpImpl impl_ConstantOfShape = {.lower = lower_fill};
const OpImpl impl_Refuse = {.lower = lower_refuse};
const OpImpl impl_Range = {.lower = lower_range};
