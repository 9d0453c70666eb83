// Nodes whose shape depends on numbers that are there only when the model runs: the sizes of a Resize as an input, say.
// Such a node is called declared. The model declares the shape of its result; here it is checked whether the operator
// can give that shape at all, and the lowering checks the numbers against it as the model runs.
//
// Each check makes sure of what the lowering relies on: ranks, lengths of operands, sizes that do not depend on them.
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "support/checked.h"

// The region of interest of a Resize is plain data, unless it is cropped to by scales.
static bool decides(const Node *node, int index) {
    if (!(op_info[node->op].flags & DECIDES(index)) || !node_in(node, index))
        return false;
    if (node->op != OP_Resize || index != 1)
        return true;
    return ((const ResizeAttrs *)node->attrs)->coordinate == RESIZE_CROP && node_in(node, 2) != NULL;
}

static bool is_empty(const Value *value) {
    return type_is_static(&value->type) && type_count(&value->type) == 0;
}

static bool reads_shape(Infer *infer, const Node *node) {
    for (int i = 0; i < node->nin && i < DECIDES_MAX; i++)
        if (decides(node, i) && !node->in[i]->data && !is_empty(node->in[i]) &&
            !(infer && infer_known(infer, node->in[i])))
            return true;
    return false;
}

bool node_is_declared(const Node *node) {
    return reads_shape(NULL, node);
}

bool infer_is_declared(Infer *infer, const Node *node) {
    return reads_shape(infer, node);
}

static bool fail_declared(Infer *infer, const Node *node, const char *why) {
    return diag_error(infer->diag, node->loc, E_SHAPE, "'%s' cannot be %s, made from %s: %s", node->out[0]->name,
                      type_text(infer->arena, &node->out[0]->type), type_text(infer->arena, input_type(node, 0)), why);
}

static bool is_list(Infer *infer, const Node *node, int index) {
    return check_dtype(infer, node, index, SET_INDEX) && check_rank(infer, node, index, 0, 1);
}

// How many integers an operand has; `absent` where it is left out.
static int64_t list_length(const Node *node, int index, int64_t absent) {
    return node_in(node, index) ? type_count(input_type(node, index)) : absent;
}

static bool has_length(Infer *infer, const Node *node, int index, int64_t length) {
    if (list_length(node, index, length) == length)
        return true;
    return diag_error(infer->diag, node->loc, E_SHAPE, "input %d has %lld values; %lld are needed", index,
                      (long long)list_length(node, index, length), (long long)length);
}

static bool same_size(const Node *node, int axis) {
    return input_type(node, 0)->dim[axis].n == node->out[0]->type.dim[axis].n;
}

static bool same_rank(Infer *infer, const Node *node) {
    return node->out[0]->type.rank == input_type(node, 0)->rank || fail_declared(infer, node, "the rank stays");
}

// Sets of axes.

static bool removes(const Type *whole, const Type *part, unsigned axes, bool of_one, bool keep) {
    int at = 0;
    for (int i = 0; i < whole->rank; i++) {
        int64_t n = whole->dim[i].n;
        bool removed = axes >> i & 1;
        if (removed && of_one && n != 1)
            return false;
        if (removed && !keep)
            continue;
        if (at == part->rank || part->dim[at++].n != (removed ? 1 : n))
            return false;
    }
    return at == part->rank;
}

static bool axes_fit(const Node *node, unsigned axes) {
    const Type *in = input_type(node, 0), *out = &node->out[0]->type;
    if (node->op == OP_Squeeze)
        return removes(in, out, axes, true, false);
    if (node->op == OP_Unsqueeze)
        return removes(out, in, axes, true, false);
    return removes(in, out, axes, false, ((const ReduceAttrs *)node->attrs)->keepdims);
}

int node_axis_sets(const Node *node, unsigned sets[AXIS_SETS_MAX]) {
    const Type *type = node->op == OP_Unsqueeze ? &node->out[0]->type : input_type(node, 0);
    int64_t length = list_length(node, 1, 0);
    int n = 0;
    for (unsigned axes = 0; axes < 1u << type->rank; axes++) {
        int64_t count = 0;
        for (int i = 0; i < type->rank; i++)
            count += axes >> i & 1;
        if (count == length && axes_fit(node, axes))
            sets[n++] = axes;
    }
    return n;
}

static bool fits_axes(Infer *infer, const Node *node) {
    unsigned sets[AXIS_SETS_MAX];
    return is_list(infer, node, 1) &&
           (node_axis_sets(node, sets) > 0 || fail_declared(infer, node, "no axes give that shape"));
}

// The operators.

static bool fits_reshape(Infer *infer, const Node *node) {
    const Type *out = &node->out[0]->type;
    return check_dtype(infer, node, 1, SET_INDEX) && check_rank(infer, node, 1, 1, 1) &&
           has_length(infer, node, 1, out->rank) &&
           (type_count(out) == type_count(input_type(node, 0)) ||
            fail_declared(infer, node, "the number of elements differs"));
}

static bool fits_expand(Infer *infer, const Node *node) {
    const Type *in = input_type(node, 0), *out = &node->out[0]->type;
    return is_list(infer, node, 1) && infer_broadcast_to(infer, node, in, out) &&
           (max_i64(in->rank, list_length(node, 1, 0)) == out->rank || fail_declared(infer, node, "the rank differs"));
}

static bool fits_tile(Infer *infer, const Node *node) {
    const Type *in = input_type(node, 0), *out = &node->out[0]->type;
    if (!is_list(infer, node, 1) || !same_rank(infer, node) || !has_length(infer, node, 1, in->rank))
        return false;
    for (int i = 0; i < in->rank; i++)
        if (in->dim[i].n ? out->dim[i].n % in->dim[i].n : out->dim[i].n)
            return fail_declared(infer, node, "a size is no multiple");
    return true;
}

static bool fits_slice(Infer *infer, const Node *node) {
    const Type *in = input_type(node, 0), *out = &node->out[0]->type;
    int64_t length = list_length(node, 1, 0);
    if (!same_rank(infer, node))
        return false;
    for (int i = 1; i <= 4; i++)
        if (!is_list(infer, node, i) || !has_length(infer, node, i, length))
            return false;
    for (int i = 0; i < in->rank; i++)
        if (out->dim[i].n > in->dim[i].n)
            return fail_declared(infer, node, "a slice cannot be larger");
    return length <= in->rank || fail_declared(infer, node, "more slices than axes");
}

static bool fits_pad(Infer *infer, const Node *node) {
    const Type *in = input_type(node, 0), *out = &node->out[0]->type;
    int64_t axes = list_length(node, 3, in->rank);
    if (!is_list(infer, node, 1) || !is_list(infer, node, 3) || !check_same_dtype(infer, node, 0, 2) ||
        !check_scalar(infer, node, 2) || !same_rank(infer, node) || !has_length(infer, node, 1, 2 * axes))
        return false;
    for (int i = 0; i < in->rank; i++)
        if (((const PadAttrs *)node->attrs)->mode != PAD_CONSTANT && in->dim[i].n == 0 && out->dim[i].n)
            return fail_declared(infer, node, "there is nothing to repeat");
    return axes <= in->rank || fail_declared(infer, node, "more pads than axes");
}

static bool fits_resize(Infer *infer, const Node *node) {
    const ResizeAttrs *attrs = node->attrs;
    const Type *in = input_type(node, 0), *out = &node->out[0]->type;
    bool set[MAX_RANK], by_scales = list_length(node, 2, 0) != 0;
    int64_t entries = attrs->axes.n ? attrs->axes.n : in->rank;
    if (!check_dtype(infer, node, 0, SET_NUMBER) || !check_dtype(infer, node, 2, SET_FLOAT) ||
        !same_rank(infer, node) || !is_list(infer, node, 3) || !check_axes(infer, node, &attrs->axes, in->rank, set) ||
        !has_length(infer, node, by_scales ? 2 : 3, entries))
        return false;
    if (by_scales == (list_length(node, 3, 0) != 0))
        return diag_error(infer->diag, node->loc, E_ARITY, "exactly one of 'scales' and 'sizes' must be given");
    if (by_scales && attrs->coordinate == RESIZE_CROP)
        return diag_error(infer->diag, node->loc, E_DYNAMIC, "scales must be constant where an image is cropped");
    for (int i = 0; i < in->rank; i++) {
        if (attrs->axes.n && !set[i] && !same_size(node, i))
            return fail_declared(infer, node, "an axis that is not resized has another size");
        if (in->dim[i].n == 0 && out->dim[i].n)
            return fail_declared(infer, node, "there is nothing to resize");
    }
    return true;
}

static bool fits_topk(Infer *infer, const Node *node) {
    const TopKAttrs *attrs = node->attrs;
    const Type *in = input_type(node, 0), *out = &node->out[0]->type;
    int axis;
    if (!check_dtype(infer, node, 0, SET_NUMBER) || !check_dtype(infer, node, 1, SET_INDEX) ||
        !check_scalar(infer, node, 1) || !same_rank(infer, node) ||
        !infer_axis(infer, node, attrs->axis, in->rank, &axis))
        return false;
    for (int i = 0; i < in->rank; i++)
        if (i == axis ? out->dim[i].n > in->dim[i].n : !same_size(node, i))
            return fail_declared(infer, node, "only as many elements as there are can be chosen");
    return node->nout == 1 || type_same_shape(out, &node->out[1]->type) ||
           fail_declared(infer, node, "the indices have another shape");
}

static bool fits_split(Infer *infer, const Node *node) {
    const Type *in = input_type(node, 0);
    int64_t sum = 0;
    int axis;
    if (!is_list(infer, node, 1) || !has_length(infer, node, 1, node->nout) ||
        !infer_axis(infer, node, ((const SplitAttrs *)node->attrs)->axis, in->rank, &axis))
        return false;
    for (int k = 0; k < node->nout; k++) {
        const Type *out = &node->out[k]->type;
        bool fits = out->rank == in->rank;
        for (int i = 0; fits && i < in->rank; i++)
            fits = i == axis || out->dim[i].n == in->dim[i].n;
        if (!fits)
            return fail_declared(infer, node, "the parts differ from the whole in more than one axis");
        sum += out->dim[axis].n;
    }
    return sum == in->dim[axis].n || fail_declared(infer, node, "the parts do not add up to the whole");
}

static bool fits_fill(Infer *infer, const Node *node) {
    return check_dtype(infer, node, 0, SET_INDEX) && check_rank(infer, node, 0, 1, 1) &&
           has_length(infer, node, 0, node->out[0]->type.rank);
}

static bool fits_range(Infer *infer, const Node *node) {
    for (int i = 0; i < 3; i++)
        if (!check_dtype(infer, node, i, SET_FLOAT | SET_INDEX | DTYPE_BIT(I16)) ||
            !check_same_dtype(infer, node, 0, i) || !check_scalar(infer, node, i))
            return false;
    return node->out[0]->type.rank == 1 || fail_declared(infer, node, "a range has one dimension");
}

static bool fits_crop(Infer *infer, const Node *node) {
    const AxesAttrs *attrs = node->attrs;
    int rank = input_type(node, 0)->rank;
    bool set[MAX_RANK];
    if (!is_list(infer, node, 1) || !same_rank(infer, node) || !check_axes(infer, node, &attrs->axes, rank, set) ||
        !has_length(infer, node, 1, attrs->axes.n ? attrs->axes.n : rank))
        return false;
    for (int i = 0; i < rank; i++)
        if (attrs->axes.n && !set[i] && !same_size(node, i))
            return fail_declared(infer, node, "an axis that is not named has another size");
    return true;
}

static bool fits_unpool(Infer *infer, const Node *node) {
    const Type *out = &node->out[0]->type;
    int64_t size[MAX_RANK];
    if (!check_dtype(infer, node, 0, SET_FLOAT) || !check_rank(infer, node, 0, 3, 5) ||
        !check_dtype(infer, node, 1, DTYPE_BIT(I64)) || !check_dtype(infer, node, 2, DTYPE_BIT(I64)) ||
        !same_rank(infer, node) || !has_length(infer, node, 2, out->rank) || !unpool_sizes(infer, node, size))
        return false;
    for (int i = 0; i < out->rank; i++)
        if (out->dim[i].n < size[i])
            return fail_declared(infer, node, "it is smaller than without an output shape");
    return type_same_shape(input_type(node, 0), input_type(node, 1)) ||
           diag_error(infer->diag, node->loc, E_SHAPE, "the indices must be %s, not %s",
                      type_text(infer->arena, input_type(node, 0)), type_text(infer->arena, input_type(node, 1)));
}

static bool fits_reduce(Infer *infer, const Node *node) {
    bool extreme = node->op == OP_ReduceMax || node->op == OP_ReduceMin;
    return check_dtype(infer, node, 0, extreme ? SET_ANY : SET_NUMBER) && fits_axes(infer, node);
}

typedef struct FitRow {
    OpKind op;
    bool (*check)(Infer *infer, const Node *node);
} FitRow;

static const FitRow rows[] = {
    {OP_Reshape, fits_reshape},       {OP_Squeeze, fits_axes},           {OP_Unsqueeze, fits_axes},
    {OP_Expand, fits_expand},         {OP_Tile, fits_tile},              {OP_Slice, fits_slice},
    {OP_Pad, fits_pad},               {OP_Resize, fits_resize},          {OP_TopK, fits_topk},
    {OP_Split, fits_split},           {OP_ConstantOfShape, fits_fill},   {OP_Range, fits_range},
    {OP_CenterCropPad, fits_crop},    {OP_MaxUnpool, fits_unpool},       {OP_ReduceL1, fits_reduce},
    {OP_ReduceL2, fits_reduce},       {OP_ReduceLogSum, fits_reduce},    {OP_ReduceLogSumExp, fits_reduce},
    {OP_ReduceMax, fits_reduce},      {OP_ReduceMean, fits_reduce},      {OP_ReduceMin, fits_reduce},
    {OP_ReduceProd, fits_reduce},     {OP_ReduceSum, fits_reduce},       {OP_ReduceSumSquare, fits_reduce},
};

static bool all_static(const Node *node) {
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && !type_is_static(&node->in[i]->type))
            return false;
    for (int i = 0; i < node->nout; i++)
        if (!node->out[i] || node->out[i]->type.dtype == DT_NONE || !type_is_static(&node->out[i]->type))
            return false;
    return true;
}

DType declared_dtype(const Node *node, int index) {
    if (node->op == OP_TopK && index == 1)
        return DT_I64;
    if (node->op != OP_ConstantOfShape)
        return input_type(node, 0)->dtype;
    DType dtype = ((const FillAttrs *)node->attrs)->dtype;
    return dtype == DT_NONE ? DT_F32 : dtype;
}

bool infer_declared(Infer *infer, const Node *node, Type *out, bool *done) {
    const FitRow *row = NULL;
    *done = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == node->op)
            row = &rows[i];
    if (!row || !all_static(node) || !reads_shape(infer, node))
        return true;
    *done = true;
    for (int i = 0; i < node->nout; i++) {
        out[i] = infer_like(&node->out[i]->type);
        if (out[i].dtype != declared_dtype(node, i))
            return diag_error(infer->diag, node->loc, E_DTYPE, "'%s' is declared as %s, but has elements of %s",
                              node->out[i]->name, dtype_info[out[i].dtype].name,
                              dtype_info[declared_dtype(node, i)].name);
    }
    return row->check(infer, node);
}
