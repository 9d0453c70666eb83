// Dimensions whose size is data. NonZero and its kin give a value of which nobody knows how much there will be: its
// dimension is the most that it can be, its count another output. Memory is laid out for the most, and what lies behind
// the count is any number. So an operator can take such a value where each element of the result comes from elements at
// the same position of that dimension: then what comes from behind the count lies behind it again.
//
// One thing more may go wrong there: an index may be out of range, which would fail the run. The pass trim-tails puts
// zeros there.
#include "ir/infer.h"

#include <string.h>

#include "ir/infer_check.h"
#include "support/checked.h"

int counted_output(const Node *node) {
    switch ((int)node->op) {
    case OP_NonZero:
    case OP_NonMaxSuppression:
    case OP_Compress: return 1;
    case OP_Unique: return 4;
    case OP_Loop: return ((const LoopAttrs *)node->attrs)->counted ? flow_carried(node) - 1 : -1;
    default: return -1;
    }
}

bool counted_dim(Infer *infer, const Node *node, int input, int64_t n, Dim *dim) {
    int index = counted_output(node);
    *dim = dim_const(n);
    if (node->graph->owner)
        return diag_error(
            infer->diag, node->loc, E_COUNTED,
            "the size of the result is known only as the model runs, which cannot be in a loop or branch: take the "
            "node out of it, or compute it outside of the network");
    if (node->nout <= index)
        return fail_dynamic(infer, node, input);
    dim->count = module_symbol(node->graph->module, node->out[index]->name);
    return true;
}

static bool is_axis(const Type *type, int64_t axis, int counted) {
    return (axis < 0 ? axis + type->rank : axis) == counted;
}

// Whether a product sums over dimension `axis` of factor `index`.
static bool sums_over(const Node *node, int index, int axis) {
    int rank = input_type(node, index)->rank;
    if (node->op == OP_Gemm) {
        const GemmAttrs *attrs = node->attrs;
        return axis == (index ? attrs->trans_b : !attrs->trans_a);
    }
    Ints perm = index ? ((const MatMulAttrs *)node->attrs)->perm_b : ((const MatMulAttrs *)node->attrs)->perm_a;
    int64_t summed = index == 0 ? rank - 1 : max_i64(rank - 2, 0);
    return axis == (perm.n == rank ? perm.v[summed] : summed);  // what is no transposition is refused later
}

// Reductions, ArgMax and ArgMin lose what they reduce, which counted_results_ok sees.
static bool takes(const Node *node, int index, int axis) {
    const Type *type = input_type(node, index);
    const AxisAttrs *attrs = node->attrs;
    if ((op_info[node->op].flags & ELEMENTWISE) || node->op == OP_Map)
        return true;
    switch ((int)node->op) {
    case OP_Transpose:
    case OP_Squeeze:
    case OP_Unsqueeze:
    case OP_Reshape:
    case OP_Flatten:
    case OP_Slice:
    case OP_Pack:
    case OP_Unpack:
    case OP_Expand:
    case OP_Tile:
    case OP_ReduceL1:
    case OP_ReduceL2:
    case OP_ReduceLogSum:
    case OP_ReduceLogSumExp:
    case OP_ReduceMax:
    case OP_ReduceMean:
    case OP_ReduceMin:
    case OP_ReduceProd:
    case OP_ReduceSum:
    case OP_ReduceSumSquare:
    case OP_ArgMax:
    case OP_ArgMin:
    case OP_Trim: return index == 0;
    case OP_Concat:
    case OP_Softmax:
    case OP_LogSoftmax: return !is_axis(type, attrs->axis, axis);
    case OP_GatherElements:
    case OP_Gather: return index == 1 || !is_axis(type, attrs->axis, axis);
    case OP_GatherND: return index == 1 && axis < type->rank - 1 && ((const BatchAttrs *)node->attrs)->batch_dims == 0;
    case OP_ScatterND:
    case OP_ScatterElements: return (index == 1 || index == 2) && axis == 0 && node->nin == 4;
    case OP_RoiAlign: return index > 0;
    case OP_If: return !node->body;  // what its branches gave, which infer_if refuses
    case OP_Split: return !is_axis(type, ((const SplitAttrs *)node->attrs)->axis, axis);
    case OP_TopK: return index == 0 && !is_axis(type, ((const TopKAttrs *)node->attrs)->axis, axis);
    case OP_MatMul:
    case OP_Gemm: return index < 2 && !sums_over(node, index, axis);
    default: return index == 0 && axis == 0 && (op_info[node->op].flags & KEEPS_MASK) == KEEPS_FIRST;
    }
}

bool counted_inputs_ok(Infer *infer, const Node *node) {
    for (int i = 0; i < node->nin; i++) {
        int axis = node->in[i] ? type_counted_axis(&node->in[i]->type) : -1;
        if (axis >= 0 && !takes(node, i, axis))
            return fail_counted(infer, node, node->in[i]->type.dim[axis]);
    }
    return true;
}

// A dimension of the inputs is still there, and there are not two. A reshape leaves rows where they are.
bool counted_results_ok(Infer *infer, const Node *node, const Type *out) {
    for (int i = 0; i < node->nin; i++) {
        int axis = node->in[i] ? type_counted_axis(&node->in[i]->type) : -1;
        if (axis < 0 || node->op == OP_Trim || node->op == OP_ScatterND || node->op == OP_ScatterElements)
            continue;
        Dim dim = node->in[i]->type.dim[axis];
        int to = type_counted_axis(&out[0]);
        if (to < 0 || !dim_equal(out[0].dim[to], dim))
            return fail_counted(infer, node, dim);
        for (int k = to + 1; k < out[0].rank; k++)
            if (out[0].dim[k].count)
                return fail_counted(infer, node, out[0].dim[k]);
        bool moves = node->op == OP_Reshape || node->op == OP_Flatten;
        if (moves && type_before(&out[0], to) != type_before(&node->in[i]->type, axis))
            return fail_counted(infer, node, dim);
    }
    return true;
}

bool check_scatter_rows(Infer *infer, const Node *node) {
    return check_dtype(infer, node, 3, DTYPE_BIT(I64)) && check_rank(infer, node, 3, 0, 0);
}

// With an axis the count is a new one; without, it must be that of the dimension, unless nothing stays counted.
bool infer_trim(Infer *infer, const Node *node, Type *out) {
    const TrimAttrs *attrs = node->attrs;
    *out = infer_like(input_type(node, 0));
    int axis = type_counted_axis(out);
    if (attrs->axis != TRIM_COUNTED) {
        if (axis >= 0)
            return fail_counted(infer, node, out->dim[axis]);
        if (!infer_axis(infer, node, attrs->axis, out->rank, &axis))
            return false;
        if (out->dim[axis].sym)
            return fail_symbol(infer, node, out->dim[axis]);
    } else if (axis < 0 || (!attrs->whole && strcmp(out->dim[axis].count->name, node->in[1]->name))) {
        return diag_error(infer->diag, node->loc, E_SHAPE, "'%s' does not count a dimension of %s", node->in[1]->name,
                          type_text(infer->arena, out));
    }
    out->dim[axis].count = attrs->whole ? NULL : module_symbol(node->graph->module, node->in[1]->name);
    return check_dtype(infer, node, 1, DTYPE_BIT(I64)) && check_rank(infer, node, 1, 0, 0) &&
           check_same_dtype(infer, node, 0, 2) && check_scalar(infer, node, 2);
}
