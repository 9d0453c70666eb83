// Types of operators that choose elements by indices which are data: the Gather and Scatter families, TopK,
// ReverseSequence; and NonZero and Compress, whose selections are counted here. Indices are checked where they
// are used, when the model runs.
#include "ir/element.h"
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "support/checked.h"

bool infer_gather_elements(Infer *infer, const Node *node, Type *out) {
    const AxisAttrs *attrs = node->attrs;
    const Type *data = input_type(node, 0), *indices = input_type(node, 1);
    int axis;
    if (!check_dtype(infer, node, 1, SET_INDEX) || !infer_axis(infer, node, attrs->axis, data->rank, &axis) ||
        !check_rank(infer, node, 1, data->rank, data->rank))
        return false;
    *out = infer_like(indices);
    out->dtype = data->dtype;
    for (int i = 0; i < data->rank; i++) {
        Dim most = data->dim[i], found = indices->dim[i];
        if (i == axis || dim_equal(found, most))
            continue;
        if (found.sym || most.sym)
            return fail_symbol(infer, node, found.sym ? found : most);
        if (found.n > most.n)
            return diag_error(infer->diag, node->loc, E_SHAPE, "indices %s reach beyond the data, %s, in dimension %d",
                              type_text(infer->arena, indices), type_text(infer->arena, data), i);
    }
    return true;
}

// How many dimensions of the data, from `first` on, the last dimension of the indices chooses from.
static bool index_depth(Infer *infer, const Node *node, int first, int64_t *depth) {
    const Type *data = input_type(node, 0), *indices = input_type(node, 1);
    if (!check_dtype(infer, node, 1, SET_INDEX) || !check_rank(infer, node, 0, 1, MAX_RANK) ||
        !check_rank(infer, node, 1, 1, MAX_RANK) ||
        !check_number(infer, node, indices->dim[indices->rank - 1], depth))
        return false;
    if (*depth <= data->rank - first)
        return true;
    return diag_error(infer->diag, node->loc, E_SHAPE, "indices of %lld numbers are too many for %s", (long long)*depth,
                      type_text(infer->arena, data));
}

bool infer_gather_nd(Infer *infer, const Node *node, Type *out) {
    const BatchAttrs *attrs = node->attrs;
    const Type *data = input_type(node, 0), *indices = input_type(node, 1);
    int64_t batch = attrs->batch_dims, depth;
    if (batch < 0 || batch >= data->rank || batch >= indices->rank)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "attribute 'batch_dims' = %lld is out of range",
                          (long long)batch);
    if (!index_depth(infer, node, (int)batch, &depth))
        return false;
    for (int i = 0; i < batch; i++)
        if (!check_dim(infer, node, indices->dim[i], data->dim[i], "a batch dimension of the indices"))
            return false;
    int first = (int)(batch + depth), rank = indices->rank - 1 + data->rank - first;
    if (!check_result_rank(infer, node, rank))
        return false;
    *out = infer_like(data);
    for (int i = 0; i < indices->rank - 1; i++)
        out->dim[i] = indices->dim[i];
    for (int i = first; i < data->rank; i++)
        out->dim[indices->rank - 1 + i - first] = data->dim[i];
    out->rank = rank;
    return true;
}

static bool check_reduction(Infer *infer, const Node *node, int reduction) {
    return check_same_dtype(infer, node, 0, 2) &&
           (reduction == SCATTER_NONE || check_dtype(infer, node, 0, SET_NUMBER));
}

bool infer_scatter_elements(Infer *infer, const Node *node, Type *out) {
    const ScatterAttrs *attrs = node->attrs;
    const Type *indices = input_type(node, 1), *updates = input_type(node, 2);
    if (!check_reduction(infer, node, attrs->reduction) || !check_scatter_rows(infer, node) ||
        !infer_gather_elements(infer, node, out) ||
        !check_rank(infer, node, 2, indices->rank, indices->rank))
        return false;
    for (int i = 0; i < indices->rank; i++)
        if (!check_dim(infer, node, updates->dim[i], indices->dim[i], "a dimension of the updates"))
            return false;
    *out = infer_like(input_type(node, 0));
    return true;
}

bool infer_scatter_nd(Infer *infer, const Node *node, Type *out) {
    const ScatterAttrs *attrs = node->attrs;
    const Type *data = input_type(node, 0), *indices = input_type(node, 1), *updates = input_type(node, 2);
    int64_t depth;
    if (!check_reduction(infer, node, attrs->reduction) || !check_scatter_rows(infer, node) ||
        !index_depth(infer, node, 0, &depth))
        return false;
    int outer = indices->rank - 1, rank = outer + data->rank - (int)depth;
    if (!check_rank(infer, node, 2, rank, rank))
        return false;
    for (int i = 0; i < rank; i++) {
        Dim wanted = i < outer ? indices->dim[i] : data->dim[i - outer + depth];
        if (!check_dim(infer, node, updates->dim[i], wanted, "a dimension of the updates"))
            return false;
    }
    *out = infer_like(data);
    return true;
}

bool infer_tensor_scatter(Infer *infer, const Node *node, Type *out) {
    const TensorScatterAttrs *attrs = node->attrs;
    const Type *cache = input_type(node, 0), *update = input_type(node, 1);
    int64_t rows, steps;
    int axis = 0;
    if (!check_same_dtype(infer, node, 0, 1) || !check_rank(infer, node, 1, cache->rank, cache->rank) ||
        !infer_axis(infer, node, attrs->axis, cache->rank, &axis))
        return false;
    if (axis == 0)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "attribute 'axis' cannot be 0, the batch");
    for (int i = 0; i < cache->rank; i++)
        if (i != axis && !check_dim(infer, node, update->dim[i], cache->dim[i], "a dimension of the update"))
            return false;
    if (!check_number(infer, node, cache->dim[axis], &rows) || !check_number(infer, node, update->dim[axis], &steps))
        return false;
    if (steps > rows)
        return diag_error(infer->diag, node->loc, E_SHAPE, "an update of %lld rows does not fit a cache of %lld",
                          (long long)steps, (long long)rows);
    if (node_in(node, 2) && (!check_dtype(infer, node, 2, DTYPE_BIT(I64)) || !check_rank(infer, node, 2, 1, 1) ||
                             !check_dim(infer, node, input_type(node, 2)->dim[0], cache->dim[0], "the batch")))
        return false;
    *out = infer_like(cache);
    return true;
}

bool infer_topk(Infer *infer, const Node *node, Type *out) {
    const TopKAttrs *attrs = node->attrs;
    const Type *x = input_type(node, 0);
    Ints k;
    int64_t n;
    int axis;
    if (!check_dtype(infer, node, 0, SET_NUMBER) || !check_dtype(infer, node, 1, SET_INDEX) ||
        !check_scalar(infer, node, 1) || !infer_axis(infer, node, attrs->axis, x->rank, &axis) ||
        !check_number(infer, node, x->dim[axis], &n) || !infer_ints(infer, node, 1, &k))
        return false;
    if (k.v[0] < 0 || k.v[0] > n)
        return diag_error(infer->diag, node->loc, E_RANGE, "k = %lld is out of range for %lld elements",
                          (long long)k.v[0], (long long)n);
    out[0] = infer_like(x);
    out[0].dim[axis] = dim_const(k.v[0]);
    if (node->nout > 1) {
        out[1] = out[0];
        out[1].dtype = DT_I64;
    }
    return true;
}

bool infer_reverse_sequence(Infer *infer, const Node *node, Type *out) {
    const ReverseAttrs *attrs = node->attrs;
    if (!check_rank(infer, node, 0, 2, MAX_RANK) || !check_rank(infer, node, 1, 1, 1) ||
        !check_dtype(infer, node, 1, DTYPE_BIT(I64)))
        return false;
    *out = infer_like(input_type(node, 0));
    if (attrs->batch_axis < 0 || attrs->batch_axis > 1 || attrs->time_axis != 1 - attrs->batch_axis)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE,
                          "'batch_axis' = %lld and 'time_axis' = %lld must be 0 and 1, or 1 and 0",
                          (long long)attrs->batch_axis, (long long)attrs->time_axis);
    return check_dim(infer, node, input_type(node, 1)->dim[0], out->dim[attrs->batch_axis],
                     "the number of sequence lengths");
}

bool infer_eye(Infer *infer, const Node *node, Type *out) {
    const EyeAttrs *attrs = node->attrs;
    *out = infer_like(input_type(node, 0));
    if (attrs->dtype != DT_NONE)
        out->dtype = attrs->dtype;
    return check_rank(infer, node, 0, 2, 2);
}

bool infer_center_crop_pad(Infer *infer, const Node *node, Type *out) {
    const AxesAttrs *attrs = node->attrs;
    Ints shape;
    bool set[MAX_RANK];
    *out = infer_like(input_type(node, 0));
    if (!check_dtype(infer, node, 1, SET_INDEX) || !infer_ints(infer, node, 1, &shape) ||
        !check_axes(infer, node, &attrs->axes, out->rank, set))
        return false;
    int count = attrs->axes.n ? attrs->axes.n : out->rank;
    if (shape.n != count)
        return diag_error(infer->diag, node->loc, E_SHAPE, "the shape has %d sizes for %d axes", shape.n, count);
    for (int i = 0; i < count; i++) {
        int axis = i;
        if (attrs->axes.n && !infer_axis(infer, node, attrs->axes.v[i], out->rank, &axis))
            return false;
        out->dim[axis] = dim_const(shape.v[i]);
    }
    return true;
}

// How many elements of a constant are not 0.
static int64_t count_set(const Value *value) {
    int64_t set = 0, n = type_count(&value->type);
    for (int64_t i = 0; i < n; i++)
        set += element_double(value->type.dtype, constant_bytes(value->data), i) != 0;
    return set;
}

// An output that counts: there is one where the node has it already, or its input is not constant.
static bool selected(Infer *infer, const Node *node, int input, int64_t most, Type *out, int axis) {
    if (node->nout == 1 && node->in[input]->data) {
        out->dim[axis] = dim_const(count_set(node->in[input]));
        return true;
    }
    if (!counted_dim(infer, node, input, most, &out->dim[axis]))
        return false;
    out[1] = type_make(DT_I64, 0, NULL);
    return true;
}

bool infer_non_zero(Infer *infer, const Node *node, Type *out) {
    const Type *x = input_type(node, 0);
    Dim count;
    if (!check_dtype(infer, node, 0, SET_ANY))
        return false;
    if (!dim_count(x, &count))
        return fail_too_big(infer, node);
    if (count.sym)
        return fail_symbol(infer, node, count);
    *out = type_make(DT_I64, 2, (const int64_t[]){x->rank, 0});
    return selected(infer, node, 0, count.n, out, 1);
}

bool infer_compress(Infer *infer, const Node *node, Type *out) {
    const CompressAttrs *attrs = node->attrs;
    const Type *x = input_type(node, 0);
    bool flat = attrs->axis == COMPRESS_FLAT;
    Dim size;
    int axis = 0;
    if (!check_dtype(infer, node, 1, DTYPE_BIT(BOOL)) || !check_rank(infer, node, 1, 1, 1) ||
        !check_rank(infer, node, 0, 1, MAX_RANK) ||
        (!flat && !infer_axis(infer, node, attrs->axis, x->rank, &axis)))
        return false;
    if (!flat)
        size = x->dim[axis];
    else if (!dim_count(x, &size))
        return fail_too_big(infer, node);
    int64_t length = input_type(node, 1)->dim[0].n;
    if (size.sym)
        return fail_symbol(infer, node, size);
    if (length > size.n)
        return diag_error(infer->diag, node->loc, E_SHAPE, "the condition has %lld values for %lld elements",
                          (long long)length, (long long)size.n);
    *out = infer_like(x);
    if (flat)
        out->rank = 1;
    return selected(infer, node, 1, length, out, axis);
}

bool infer_unique(Infer *infer, const Node *node, Type *out) {
    const UniqueAttrs *attrs = node->attrs;
    const Type *x = input_type(node, 0);
    Dim size, counted;
    int axis = 0;
    bool flat = attrs->axis == COMPRESS_FLAT;
    if (!check_dtype(infer, node, 0, SET_ANY) || (!flat && !infer_axis(infer, node, attrs->axis, x->rank, &axis)))
        return false;
    if (!flat)
        size = x->dim[axis];
    else if (!dim_count(x, &size))
        return fail_too_big(infer, node);
    if (size.sym)
        return fail_symbol(infer, node, size);
    if (!counted_dim(infer, node, 0, size.n, &counted))
        return false;
    out[0] = infer_like(x);
    out[0].rank = flat ? 1 : x->rank;
    out[0].dim[axis] = counted;
    for (int i = 1; i <= 3; i++) {
        out[i] = type_make(DT_I64, 1, &size.n);
        out[i].dim[0] = i == 2 ? size : counted;  // 2: of all slices, which group they are in
    }
    out[4] = type_make(DT_I64, 0, NULL);
    return true;
}

// How many boxes of a class may be taken, if that is known.
static int64_t nms_most(const Node *node, int64_t n, Arena *arena) {
    Ints ints;
    if (!node_in(node, 2) || type_count(input_type(node, 2)) == 0)
        return 0;
    if (!value_as_ints(node->in[2], arena, &ints) || ints.n != 1)
        return n;
    return min_i64(max_i64(ints.v[0], 0), n);
}

bool infer_nms(Infer *infer, const Node *node, Type *out) {
    int64_t batches, classes, n, most;
    if (!check_dtype(infer, node, 0, DTYPE_BIT(F32)) || !check_dtype(infer, node, 1, DTYPE_BIT(F32)) ||
        !check_dtype(infer, node, 2, DTYPE_BIT(I64)) || !check_rank(infer, node, 0, 3, 3) ||
        !check_rank(infer, node, 1, 3, 3))
        return false;
    const Type *boxes = input_type(node, 0), *scores = input_type(node, 1);
    if (!check_number(infer, node, scores->dim[0], &batches) || !check_number(infer, node, scores->dim[1], &classes) ||
        !check_number(infer, node, scores->dim[2], &n) ||
        !check_dim(infer, node, boxes->dim[0], scores->dim[0], "the number of batches") ||
        !check_dim(infer, node, boxes->dim[1], scores->dim[2], "the number of boxes") ||
        !check_dim(infer, node, boxes->dim[2], dim_const(4), "the numbers of a box"))
        return false;
    for (int i = 2; i < node->nin; i++)
        if (node->in[i] && type_count(input_type(node, i)) > 0 &&
            (!check_scalar(infer, node, i) || (i > 2 && !check_dtype(infer, node, i, DTYPE_BIT(F32)))))
            return false;
    if (!checked_mul(batches, classes, &most) || !checked_mul(most, nms_most(node, n, infer->arena), &most))
        return fail_too_big(infer, node);
    *out = type_make(DT_I64, 2, (const int64_t[]){0, 3});
    if (most == 0 && node->nout == 1)
        return true;
    if (!counted_dim(infer, node, 0, most, &out->dim[0]))
        return false;
    out[1] = type_make(DT_I64, 0, NULL);
    return true;
}
