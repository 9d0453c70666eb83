// Types of operators that look at shapes or change nothing but the shape.
#include "ir/infer.h"

#include <math.h>

#include "ir/infer_check.h"
#include "support/checked.h"

static bool fail_reshape(Infer *infer, const Node *node, const Type *out) {
    return diag_error(infer->diag, node->loc, E_SHAPE, "%s cannot be reshaped to %s",
                      type_text(infer->arena, input_type(node, 0)), type_text(infer->arena, out));
}

static bool fail_product(Infer *infer, const Node *node, const Type *type) {
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i].sym || type->dim[i].count)
            return fail_symbol(infer, node, type->dim[i]);
    return fail_too_big(infer, node);
}

// Copies dimensions for 0 and finds the -1, whose index or -1 is returned; -2 after an error.
static int reshape_targets(Infer *infer, const Node *node, Type *out) {
    const ReshapeAttrs *attrs = node->attrs;
    const Type *type = input_type(node, 0);
    int rest = -1;
    for (int i = 0; i < out->rank; i++) {
        Dim *dim = &out->dim[i];
        if (dim->n == 0 && !attrs->allowzero) {
            if (i >= type->rank) {
                diag_error(infer->diag, node->loc, E_SHAPE, "there is no dimension %d to copy in %s", i,
                           type_text(infer->arena, type));
                return -2;
            }
            *dim = type->dim[i];
        } else if (dim->n < 0) {
            if (dim->sym || dim->n != -1 || rest >= 0) {
                diag_error(infer->diag, node->loc, E_SHAPE, "the new shape has the dimension %lld%s",
                           (long long)dim->n, rest >= 0 ? " after a -1" : "");
                return -2;
            }
            rest = i;
        }
    }
    return rest;
}

// Dividing all of the old dimensions by the new ones, each symbol against its like, keeps symbols exact.
static void cancel_equal(Type *a, Type *b) {
    for (int i = 0; i < a->rank; i++)
        for (int k = 0; k < b->rank; k++)
            if (a->dim[i].n && dim_equal(a->dim[i], b->dim[k])) {
                a->dim[i] = dim_const(1);
                b->dim[k] = dim_const(1);
            }
}

static bool reshape_rest(Infer *infer, const Node *node, int rest, Type *out) {
    Type from = infer_like(input_type(node, 0)), to = *out;
    Dim whole, part;
    if (rest >= 0)
        to.dim[rest] = dim_const(1);
    cancel_equal(&from, &to);
    if (!dim_count(&from, &whole) || !dim_count(&to, &part))
        return fail_product(infer, node, dim_count(&from, &whole) ? &to : &from);
    if (rest < 0) {
        if (dim_equal(whole, part))
            return true;
        return whole.sym || whole.count || part.sym || part.count
                   ? fail_symbol(infer, node, whole.sym || whole.count ? whole : part)
                   : fail_reshape(infer, node, out);
    }
    if (part.n == 0)
        return fail_reshape(infer, node, out);
    if (dim_div(whole, part, &out->dim[rest]) && (whole.sym || whole.n % part.n == 0))
        return true;
    return whole.sym || part.sym ? fail_symbol(infer, node, whole.sym ? whole : part) : fail_reshape(infer, node, out);
}

bool infer_reshape(Infer *infer, const Node *node, Type *out) {
    const DimTensor *dims;
    if (!check_dtype(infer, node, 1, SET_INDEX) || !check_rank(infer, node, 1, 1, 1) ||
        !infer_dims(infer, node, 1, &dims) || !check_result_rank(infer, node, dims->n))
        return false;
    *out = infer_like(input_type(node, 0));
    out->rank = dims->n;
    for (int i = 0; i < dims->n; i++)
        out->dim[i] = dims->v[i];
    int rest = reshape_targets(infer, node, out);
    return rest >= -1 && reshape_rest(infer, node, rest, out);
}

static bool product(Infer *infer, const Node *node, int from, int to, Dim *dim) {
    const Type *type = input_type(node, 0);
    Type part = *type;
    part.rank = to - from;
    for (int i = from; i < to; i++)
        part.dim[i - from] = type->dim[i];
    return dim_count(&part, dim) || fail_product(infer, node, &part);
}

bool infer_flatten(Infer *infer, const Node *node, Type *out) {
    const AxisAttrs *attrs = node->attrs;
    const Type *type = input_type(node, 0);
    int64_t axis = attrs->axis;
    if (axis < -type->rank || axis > type->rank)
        return diag_error(infer->diag, node->loc, E_SHAPE, "axis %lld is out of range for rank %d", (long long)axis,
                          type->rank);
    axis = axis < 0 ? axis + type->rank : axis;
    *out = type_make(type->dtype, 2, (const int64_t[]){0, 0});
    return product(infer, node, 0, (int)axis, &out->dim[0]) &&
           product(infer, node, (int)axis, type->rank, &out->dim[1]);
}

bool infer_squeeze(Infer *infer, const Node *node, Type *out) {
    const Type *type = input_type(node, 0);
    Ints axes;
    bool set[MAX_RANK];
    if (!check_dtype(infer, node, 1, SET_INDEX) || !infer_ints(infer, node, 1, &axes) ||
        !check_axes(infer, node, &axes, type->rank, set))
        return false;
    *out = infer_like(type);
    out->rank = 0;
    for (int i = 0; i < type->rank; i++) {
        Dim dim = type->dim[i];
        bool removed = node_in(node, 1) ? set[i] : dim_equal(dim, dim_const(1));
        if (!node_in(node, 1) && dim.sym)
            return fail_symbol(infer, node, dim);
        if (removed && !check_dim(infer, node, dim, dim_const(1), "a squeezed dimension"))
            return false;
        if (!removed)
            out->dim[out->rank++] = dim;
    }
    return true;
}

bool infer_unsqueeze(Infer *infer, const Node *node, Type *out) {
    const Type *type = input_type(node, 0);
    Ints axes;
    bool set[MAX_RANK];
    if (!check_dtype(infer, node, 1, SET_INDEX) || !infer_ints(infer, node, 1, &axes))
        return false;
    int rank = axes.n > MAX_RANK ? MAX_RANK + 1 : type->rank + axes.n;
    if (!check_result_rank(infer, node, rank) || !check_axes(infer, node, &axes, rank, set))
        return false;
    *out = infer_like(type);
    out->rank = rank;
    for (int i = 0, from = 0; i < rank; i++)
        out->dim[i] = set[i] ? dim_const(1) : type->dim[from++];
    return true;
}

int shape_part(const Node *node, int *first) {
    const ShapeAttrs *attrs = node->attrs;
    int rank = input_type(node, 0)->rank;
    int64_t start = attrs->start < 0 ? attrs->start + rank : attrs->start;
    int64_t end = !attrs->has_end ? rank : attrs->end < 0 ? attrs->end + rank : attrs->end;
    start = min_i64(max_i64(start, 0), rank);
    end = min_i64(max_i64(end, 0), rank);
    *first = (int)start;
    return end > start ? (int)(end - start) : 0;
}

bool infer_shape_of(Infer *infer, const Node *node, Type *out) {
    (void)infer;
    int first;
    *out = type_make(DT_I64, 1, (const int64_t[]){shape_part(node, &first)});
    return true;
}

bool infer_size_of(Infer *infer, const Node *node, Type *out) {
    (void)infer;
    (void)node;
    *out = type_make(DT_I64, 0, NULL);
    return true;
}

// Range.

static bool range_of_ints(Infer *infer, const Node *node, const Ints v[3], int64_t *count) {
    int64_t start = v[0].v[0], limit = v[1].v[0], delta = v[2].v[0], way;
    if (delta == 0)
        return diag_error(infer->diag, node->loc, E_RANGE, "delta is 0");
    if (!checked_sub(limit, start, &way) || (way == INT64_MIN && delta == -1))
        return fail_too_big(infer, node);
    *count = way / delta + (way % delta != 0 && (way < 0) == (delta < 0));
    *count = (way < 0) == (delta < 0) ? max_i64(*count, 0) : 0;
    return true;
}

static bool range_of_floats(Infer *infer, const Node *node, int64_t *count) {
    double v[3];
    for (int i = 0; i < 3; i++)
        if (!value_as_double(node->in[i], &v[i]))
            return fail_dynamic(infer, node, i);
    double n = ceil((v[1] - v[0]) / v[2]);
    if (v[2] == 0 || n != n)
        return diag_error(infer->diag, node->loc, E_RANGE, "start, limit and delta give no range");
    if (n > 1e18)
        return fail_too_big(infer, node);
    *count = n > 0 ? (int64_t)n : 0;
    return true;
}

bool infer_range(Infer *infer, const Node *node, Type *out) {
    DType dtype = input_type(node, 0)->dtype;
    int64_t count;
    Ints ints[3];
    if (!check_dtype(infer, node, 0, SET_FLOAT | SET_INDEX | DTYPE_BIT(I16)))
        return false;
    for (int i = 0; i < 3; i++)
        if (!check_same_dtype(infer, node, 0, i) || !check_scalar(infer, node, i))
            return false;
    if (1u << dtype & SET_INDEX) {
        for (int i = 0; i < 3; i++)
            if (!infer_ints(infer, node, i, &ints[i]))
                return false;
        if (!range_of_ints(infer, node, ints, &count))
            return false;
    } else if (!range_of_floats(infer, node, &count)) {
        return false;
    }
    *out = type_make(dtype, 1, &count);
    return true;
}

// Nodes with a body, and changes of layout.

bool infer_body(Infer *infer, const Node *node, Type *out) {
    const Graph *body = node->body;
    if (!body || body->inputs.n != node->nin || body->outputs.n != node->nout)
        return diag_error(infer->diag, node->loc, E_ARITY, "the body's inputs and outputs are not those of the node");
    for (int i = 0; i < node->nin; i++) {
        const Type *inner = &body->inputs.item[i]->type, *outer = input_type(node, i);
        if (inner->dtype != outer->dtype || !type_same_shape(inner, outer))
            return diag_error(infer->diag, node->loc, E_SHAPE, "input %d is %s, but %s in the body", i,
                              type_text(infer->arena, outer), type_text(infer->arena, inner));
    }
    for (int i = 0; i < node->nout; i++)
        out[i] = infer_like(&body->outputs.item[i]->type);
    return true;
}

bool infer_repack(Infer *infer, const Node *node, Type *out) {
    (void)infer;
    *out = infer_like(input_type(node, 0));
    return true;
}

static bool check_packed_dtype(Infer *infer, const Node *node) {
    DType dtype = input_type(node, 0)->dtype;
    return dtype_is_packed(dtype) || diag_error(infer->diag, node->loc, E_DTYPE, "%s elements do not share bytes",
                                                dtype_info[dtype].name);
}

bool infer_pack_bits(Infer *infer, const Node *node, Type *out) {
    *out = type_of_users(*input_type(node, 0));
    return check_packed_dtype(infer, node);
}

bool infer_unpack_bits(Infer *infer, const Node *node, Type *out) {
    *out = infer_like(input_type(node, 0));
    return check_packed_dtype(infer, node);
}
