// Types of reductions along axes.
#include "ir/infer.h"
#include "ir/infer_check.h"

static void remove_axes(Type *type, const bool axes[MAX_RANK], bool keep) {
    int rank = 0;
    for (int i = 0; i < type->rank; i++)
        if (!axes[i])
            type->dim[rank++] = type->dim[i];
        else if (keep)
            type->dim[rank++] = dim_const(1);
    type->rank = rank;
}

bool infer_reduce(Infer *infer, const Node *node, Type *out) {
    const ReduceAttrs *attrs = node->attrs;
    bool extreme = node->op == OP_ReduceMax || node->op == OP_ReduceMin;
    Ints axes;
    bool set[MAX_RANK];
    if (!check_dtype(infer, node, 0, extreme ? SET_ANY : SET_NUMBER) || !check_dtype(infer, node, 1, SET_INDEX) ||
        !infer_ints(infer, node, 1, &axes))
        return false;
    *out = infer_like(input_type(node, 0));
    if (!check_axes(infer, node, &axes, out->rank, set))
        return false;
    if (axes.n == 0 && attrs->noop_with_empty_axes)
        return true;
    for (int i = 0; axes.n == 0 && i < out->rank; i++)
        set[i] = true;
    remove_axes(out, set, attrs->keepdims);
    return true;
}

bool infer_arg(Infer *infer, const Node *node, Type *out) {
    const ArgAttrs *attrs = node->attrs;
    bool set[MAX_RANK] = {false};
    int axis;
    *out = infer_like(input_type(node, 0));
    if (!check_dtype(infer, node, 0, SET_NUMBER) || !infer_axis(infer, node, attrs->axis, out->rank, &axis))
        return false;
    if (out->dim[axis].n == 0)
        return diag_error(infer->diag, node->loc, E_SHAPE, "there is no element along axis %d of %s", axis,
                          type_text(infer->arena, input_type(node, 0)));
    set[axis] = true;
    remove_axes(out, set, attrs->keepdims);
    out->dtype = DT_I64;
    return true;
}
