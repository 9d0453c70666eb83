// What declared nodes check as the model runs. Sizes are compared as i64, whatever the index type of the target.
#include "ops/declared.h"

#include "ops/copy.h"
#include "ops/known.h"
#include "support/checked.h"

bool is_declared(Emit *e, const Node *node) {
    Diag quiet = {0};
    if (!node_is_declared(node))
        return false;
    Infer infer = known_infer(e_arena(e), node, &quiet);
    return infer_is_declared(&infer, node);
}

static Val number(Emit *e, int64_t n) {
    return e_int(e, DT_I64, n);
}

static Val is_number(Emit *e, Val v, int64_t n) {
    return e_eq(e, v, number(e, n));
}

Val operand_int(Emit *e, int input, int64_t index) {
    return e_cast(e, DT_I64, e_load_const(e, e_in(e, input), index, 1));
}

Val operand_axes(Emit *e, const Node *node, int input, int rank, Val *ok) {
    Val seen = number(e, 0);
    *ok = e_bool(e, true);
    for (int64_t i = 0; i < type_count(&node->in[input]->type); i++) {
        Val axis = operand_int(e, input, i);
        axis = e_select(e, e_lt(e, axis, number(e, 0)), e_add_const(e, axis, rank), axis);
        Val inside = e_and(e, e_ge(e, axis, number(e, 0)), e_lt(e, axis, number(e, rank)));
        Val bit = e_shl(e, number(e, 1), e_select(e, inside, axis, number(e, 0)));
        *ok = e_and(e, *ok, e_and(e, inside, is_number(e, e_and(e, seen, bit), 0)));
        seen = e_or(e, seen, bit);
    }
    return seen;
}

// One of the sets of axes that give the shape.
static Val axes_ok(Emit *e, const Node *node) {
    const Type *type = node->op == OP_Unsqueeze ? &node->out[0]->type : &node->in[0]->type;
    unsigned sets[AXIS_SETS_MAX];
    int n = node_axis_sets(node, sets);
    Val ok, axes = operand_axes(e, node, 1, type->rank, &ok), found = e_bool(e, false);
    for (int i = 0; i < n; i++)
        found = e_or(e, found, is_number(e, axes, sets[i]));
    return e_and(e, ok, found);
}

// Each number is the size, or stands for it: 0 copies the input's, and one -1 is what is left.
static Val reshape_ok(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    bool copies = !((const ReshapeAttrs *)node->attrs)->allowzero;
    Val ok = e_bool(e, true), rests = number(e, 0);
    for (int i = 0; i < out->rank; i++) {
        int64_t size = type_size(out, i), others = 1;
        for (int k = 0; k < out->rank; k++)
            others *= k == i ? 1 : type_size(out, k);
        Val n = operand_int(e, 1, i), rest = e_and(e, is_number(e, n, -1), e_bool(e, others > 0));
        Val same = is_number(e, n, size);
        if (copies)
            same = e_select(e, is_number(e, n, 0), e_bool(e, i < in->rank && type_size(in, i) == size), same);
        ok = e_and(e, ok, e_or(e, same, rest));
        rests = e_add(e, rests, e_cast(e, DT_I64, rest));
    }
    return e_and(e, ok, e_le(e, rests, number(e, 1)));
}

static Val expand_ok(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    int n = (int)type_count(&node->in[1]->type);
    Val ok = e_bool(e, true);
    for (int i = 0; i < n; i++) {
        int to = out->rank - n + i, from = in->rank - n + i;
        Val size = operand_int(e, 1, i), same = is_number(e, size, type_size(out, to));
        if (from >= 0 && type_size(in, from) == type_size(out, to))
            same = e_or(e, same, is_number(e, size, 1));
        ok = e_and(e, ok, same);
    }
    return ok;
}

static Val tile_ok(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    Val ok = e_bool(e, true);
    for (int i = 0; i < in->rank; i++) {
        Val times = operand_int(e, 1, i);
        int64_t size = type_size(in, i);
        ok = e_and(e, ok, size ? is_number(e, times, type_size(out, i) / size) : e_ge(e, times, number(e, 0)));
    }
    return ok;
}

static Val split_ok(Emit *e, const Node *node) {
    int axis = type_axis(&node->in[0]->type, ((const SplitAttrs *)node->attrs)->axis);
    Val ok = e_bool(e, true);
    for (int i = 0; i < node->nout; i++)
        ok = e_and(e, ok, is_number(e, operand_int(e, 1, i), type_size(&node->out[i]->type, axis)));
    return ok;
}

// An operand that is the shape itself.
static Val shape_ok(Emit *e, const Node *node, int input) {
    Val ok = e_bool(e, true);
    for (int i = 0; i < node->out[0]->type.rank; i++)
        ok = e_and(e, ok, is_number(e, operand_int(e, input, i), type_size(&node->out[0]->type, i)));
    return ok;
}

static Val fill_ok(Emit *e, const Node *node) {
    return shape_ok(e, node, 0);
}

static Val unpool_ok(Emit *e, const Node *node) {
    return shape_ok(e, node, 2);
}

static Val crop_ok(Emit *e, const Node *node) {
    const Ints *axes = &((const AxesAttrs *)node->attrs)->axes;
    const Type *out = &node->out[0]->type;
    Val ok = e_bool(e, true);
    for (int i = 0; i < (axes->n ? axes->n : out->rank); i++)
        ok = e_and(e, ok, is_number(e, operand_int(e, 1, i), type_size(out, axes->n ? type_axis(out, axes->v[i]) : i)));
    return ok;
}

static Val topk_ok(Emit *e, const Node *node) {
    const Type *out = &node->out[0]->type;
    return is_number(e, operand_int(e, 1, 0), type_size(out, type_axis(out, ((const TopKAttrs *)node->attrs)->axis)));
}

// ceil((limit - start) / delta) elements, none where that is negative.
static Val float_range_ok(Emit *e, int64_t count) {
    Val v[3], zero = e_float(e, DT_F64, 0), n = e_float(e, DT_F64, (double)count);
    for (int i = 0; i < 3; i++)
        v[i] = e_cast(e, DT_F64, load_compute(e, e_in(e, i), e_index(e, 0), 1));
    Val found = e_ceil(e, e_div(e, e_sub(e, v[1], v[0]), v[2]));
    return e_and(e, e_ne(e, v[2], zero), count ? e_eq(e, found, n) : e_le(e, found, zero));
}

static Val int_range_ok(Emit *e, int64_t count) {
    Val start = operand_int(e, 0, 0), limit = operand_int(e, 1, 0), delta = operand_int(e, 2, 0), zero = number(e, 0);
    Val way = e_sub(e, limit, start);
    Val up = e_gt(e, limit, start), overflow = e_ne(e, up, e_gt(e, way, zero));
    Val whole = e_div(e, way, delta), rest = e_ne(e, e_rem(e, way, delta), zero);
    Val found = e_add(e, whole, e_cast(e, DT_I64, rest));
    Val empty = e_or(e, e_eq(e, way, zero), e_ne(e, e_lt(e, way, zero), e_lt(e, delta, zero)));
    found = e_select(e, empty, zero, found);
    return e_and(e, e_and(e, e_ne(e, delta, zero), e_not(e, overflow)), is_number(e, found, count));
}

static Val range_ok(Emit *e, const Node *node) {
    int64_t count = type_count(&node->out[0]->type);
    return dtype_is_float(node->in[0]->type.dtype) ? float_range_ok(e, count) : int_range_ok(e, count);
}

void declared_check(Emit *e, const Node *node) {
    static const struct {
        OpKind op;
        Val (*ok)(Emit *e, const Node *node);
    } rows[] = {{OP_Reshape, reshape_ok}, {OP_Squeeze, axes_ok}, {OP_Unsqueeze, axes_ok}, {OP_Expand, expand_ok},
                {OP_Tile, tile_ok},       {OP_Split, split_ok},  {OP_ConstantOfShape, fill_ok}, {OP_Range, range_ok},
                {OP_CenterCropPad, crop_ok}, {OP_TopK, topk_ok},
                {OP_MaxUnpool, unpool_ok}};
    if (!is_declared(e, node))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == node->op)
            e_fail_if(e, e_not(e, rows[i].ok(e, node)));
}
