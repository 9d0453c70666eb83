// Small integer tensors as arrays of dimensions, which may be symbolic, and the few operators on them that exporters
// use to compute shapes. What is not exact here, or too large, is simply not known; the operator still runs.
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "support/checked.h"

enum { MAX_ELEMENTS = 1024 };

static DimTensor *tensor_new(Infer *infer, int64_t n) {
    if (n < 0 || n > MAX_ELEMENTS)
        return NULL;
    DimTensor *tensor = ARENA_NEW(infer->arena, DimTensor);
    tensor->n = (int)n;
    tensor->v = ARENA_ARRAY(infer->arena, Dim, n);
    return tensor;
}

// A constant's elements; a bool is 0 or 1.
static bool small_ints(Infer *infer, const Value *value, Ints *ints) {
    if (!value->data || !type_is_static(&value->type) || type_count(&value->type) > MAX_ELEMENTS)
        return false;
    if (value->type.dtype != DT_BOOL)
        return value_as_ints(value, infer->arena, ints);
    *ints = (Ints){(int)type_count(&value->type), ARENA_ARRAY(infer->arena, int64_t, type_count(&value->type))};
    for (int i = 0; i < ints->n; i++)
        ints->v[i] = ((const unsigned char *)constant_bytes(value->data))[i] != 0;
    return true;
}

DimTensor *infer_known(Infer *infer, const Value *value) {
    if (infer->known && value->id < infer->nknown && infer->known[value->id])
        return infer->known[value->id];
    Ints ints;
    if (type_is_static(&value->type) && type_count(&value->type) == 0)
        return tensor_new(infer, 0);
    if (!small_ints(infer, value, &ints))
        return NULL;
    DimTensor *tensor = tensor_new(infer, ints.n);
    for (int i = 0; tensor && i < ints.n; i++)
        tensor->v[i] = dim_const(ints.v[i]);
    return tensor;
}

static DimTensor *known_input(Infer *infer, const Node *node, int index) {
    return node_in(node, index) ? infer_known(infer, node->in[index]) : NULL;
}

static DimTensor *eval_shape(Infer *infer, const Node *node, const Type *out) {
    const ShapeAttrs *attrs = node->attrs;
    const Type *type = input_type(node, 0);
    int64_t start = attrs->start < 0 ? attrs->start + type->rank : attrs->start;
    DimTensor *result = tensor_new(infer, out->dim[0].n);
    start = max_i64(start, 0);
    for (int i = 0; result && i < result->n; i++)
        result->v[i] = type->dim[start + i];
    return result;
}

static DimTensor *eval_size(Infer *infer, const Node *node) {
    DimTensor *result = tensor_new(infer, 1);
    return dim_count(input_type(node, 0), &result->v[0]) ? result : NULL;
}

// Position of an element of `out` as indices, last axis fastest.
static void unravel(const Type *type, int64_t flat, int64_t *index) {
    for (int i = type->rank - 1; i >= 0; i--) {
        index[i] = flat % type->dim[i].n;
        flat /= type->dim[i].n;
    }
}

static int64_t ravel(const Type *type, const int64_t *index) {
    int64_t flat = 0;
    for (int i = 0; i < type->rank; i++)
        flat = flat * type->dim[i].n + index[i];
    return flat;
}

static DimTensor *eval_gather(Infer *infer, const Node *node, const Type *out) {
    const AxisAttrs *attrs = node->attrs;
    const Type *type = input_type(node, 0), *which = input_type(node, 1);
    DimTensor *data = known_input(infer, node, 0), *indices = known_input(infer, node, 1);
    int axis = (int)(attrs->axis < 0 ? attrs->axis + type->rank : attrs->axis);
    DimTensor *result = data && indices ? tensor_new(infer, type_count(out)) : NULL;
    for (int i = 0; result && i < result->n; i++) {
        int64_t at[2 * MAX_RANK] = {0}, from[MAX_RANK] = {0};
        unravel(out, i, at);
        Dim chosen = indices->v[ravel(which, at + axis)];
        chosen.n += chosen.n < 0 ? type->dim[axis].n : 0;
        if (chosen.sym || chosen.n < 0 || chosen.n >= type->dim[axis].n)
            return NULL;
        for (int k = 0; k < type->rank; k++)
            from[k] = k < axis ? at[k] : k == axis ? chosen.n : at[k - 1 + which->rank];
        result->v[i] = data->v[ravel(type, from)];
    }
    return result;
}

static DimTensor *eval_concat(Infer *infer, const Node *node, const Type *out) {
    DimTensor *result = out->rank == 1 ? tensor_new(infer, out->dim[0].n) : NULL;
    int n = 0;
    for (int i = 0; result && i < node->nin; i++) {
        const DimTensor *part = known_input(infer, node, i);
        if (!part)
            return NULL;
        for (int k = 0; k < part->n; k++)
            result->v[n++] = part->v[k];
    }
    return result;
}

static DimTensor *eval_slice(Infer *infer, const Node *node, const Type *out) {
    SliceRange range[MAX_RANK];
    const DimTensor *data = known_input(infer, node, 0);
    if (!data || !infer_slice_ranges(infer, node, range))
        return NULL;
    DimTensor *result = tensor_new(infer, type_count(out));
    for (int i = 0; result && i < result->n; i++) {
        int64_t at[MAX_RANK] = {0};
        unravel(out, i, at);
        for (int k = 0; k < out->rank; k++)
            at[k] = range[k].start + at[k] * range[k].step;
        result->v[i] = data->v[ravel(input_type(node, 0), at)];
    }
    return result;
}

static bool fits(DType dtype, Dim dim) {
    return dtype == DT_I64 || dtype == DT_BOOL || (dtype == DT_I32 && dim.n >= INT32_MIN && dim.n <= INT32_MAX);
}

// The same elements: Identity, Squeeze, Unsqueeze, Reshape, Cast between integers.
static DimTensor *eval_copy(Infer *infer, const Node *node, const Type *out) {
    DimTensor *data = known_input(infer, node, 0);
    for (int i = 0; data && i < data->n; i++)
        if (!fits(out->dtype, data->v[i]))
            return NULL;
    return data;
}

// Whether two are equal; false where that depends on a symbol, which stands for 1 or more.
static bool compare(Dim a, Dim b, Dim *equal) {
    bool same = dim_equal(a, b), sure = same || (a.sym == b.sym && !a.count && !b.count);
    *equal = dim_const(same);
    if (!sure && !a.count && !b.count)
        sure = (!a.sym && a.n <= 0 && b.n > 0) || (!b.sym && b.n <= 0 && a.n > 0);
    return sure;
}

static bool apply(OpKind op, Dim a, Dim b, Dim *result) {
    if (op == OP_Equal)
        return compare(a, b, result);
    if (op == OP_Add)
        return dim_add(a, b, result);
    if (op == OP_Sub)
        return dim_sub(a, b, result);
    return op == OP_Mul ? dim_mul(a, b, result) : dim_div(a, b, result);
}

// Index of an element of `out` in an input that broadcasts to it.
static int64_t broadcast_index(const Type *out, const Type *in, int64_t flat) {
    int64_t at[MAX_RANK] = {0}, from[MAX_RANK] = {0};
    unravel(out, flat, at);
    for (int i = 0; i < in->rank; i++)
        from[i] = in->dim[i].n == 1 ? 0 : at[out->rank - in->rank + i];
    return ravel(in, from);
}

static DimTensor *eval_binary(Infer *infer, const Node *node, const Type *out) {
    const DimTensor *a = known_input(infer, node, 0), *b = known_input(infer, node, 1);
    DimTensor *result = a && b ? tensor_new(infer, type_count(out)) : NULL;
    for (int i = 0; result && i < result->n; i++) {
        Dim x = a->v[broadcast_index(out, input_type(node, 0), i)];
        Dim y = b->v[broadcast_index(out, input_type(node, 1), i)];
        if (!apply(node->op, x, y, &result->v[i]) || !fits(out->dtype, result->v[i]))
            return NULL;
    }
    return result;
}

static DimTensor *eval_where(Infer *infer, const Node *node, const Type *out) {
    const DimTensor *condition = known_input(infer, node, 0);
    const DimTensor *choice[2] = {known_input(infer, node, 2), known_input(infer, node, 1)};
    DimTensor *result = condition && choice[0] && choice[1] ? tensor_new(infer, type_count(out)) : NULL;
    for (int i = 0; result && i < result->n; i++) {
        bool yes = condition->v[broadcast_index(out, input_type(node, 0), i)].n != 0;
        result->v[i] = choice[yes]->v[broadcast_index(out, input_type(node, yes ? 1 : 2), i)];
    }
    return result;
}

static DimTensor *eval_range(Infer *infer, const Node *node, const Type *out) {
    const DimTensor *start = known_input(infer, node, 0), *delta = known_input(infer, node, 2);
    DimTensor *result = start && delta ? tensor_new(infer, out->dim[0].n) : NULL;
    for (int i = 0; result && i < result->n; i++) {
        Dim way;
        if (!dim_mul(dim_const(i), delta->v[0], &way) || !dim_add(start->v[0], way, &result->v[i]))
            return NULL;
    }
    return result;
}

static DimTensor *eval_fill(Infer *infer, const Node *node, const Type *out) {
    const FillAttrs *attrs = node->attrs;
    double limit = 0x1p53;
    if (!(attrs->value > -limit && attrs->value < limit))
        return NULL;
    DimTensor *result = tensor_new(infer, type_count(out));
    for (int i = 0; result && i < result->n; i++)
        result->v[i] = dim_const((int64_t)attrs->value);
    return result;
}

DimTensor *infer_eval_dims(Infer *infer, const Node *node) {
    Diag quiet = {0};
    Infer own = *infer;
    Type out;
    own.diag = &quiet;
    if (!(op_info[node->op].flags & DIMS) || node->nout != 1 || !infer_node(&own, node, &out))
        return NULL;
    if (!type_is_static(&out) || (out.dtype != DT_I64 && out.dtype != DT_I32 && node->op != OP_Equal))
        return NULL;
    switch ((int)node->op) {
    case OP_Shape: return eval_shape(&own, node, &out);
    case OP_Size: return eval_size(&own, node);
    case OP_Gather: return eval_gather(&own, node, &out);
    case OP_Concat: return eval_concat(&own, node, &out);
    case OP_Slice: return eval_slice(&own, node, &out);
    case OP_Identity:
    case OP_Cast:
    case OP_Squeeze:
    case OP_Unsqueeze:
    case OP_Reshape: return eval_copy(&own, node, &out);
    case OP_Where: return eval_where(&own, node, &out);
    case OP_Equal:
    case OP_Add:
    case OP_Sub:
    case OP_Mul:
    case OP_Div: return eval_binary(&own, node, &out);
    case OP_Range: return eval_range(&own, node, &out);
    case OP_ConstantOfShape: return eval_fill(&own, node, &out);
    default: return NULL;
    }
}
