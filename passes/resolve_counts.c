// Counted values (ir/infer_counted.c) where an operator does not keep to positions along the counted dimension. Here
// such a node becomes others that work on all elements for which there is room:
//
// - what is not there is filled with what changes nothing (0 for a sum, the lowest for a maximum, false for NonZero),
//   and the result is static, or is given its count again;
// - shapes of counted values become lists of numbers and counts, and operators that a count would give a shape (a
//   Reshape, an Expand, a Slice up to it) make the most that it can be, of which a sqz.Trim says how much there is;
// - values that are joined or broadcast must have equal counts, which the run compares.
//
// This happens while shapes are inferred, since what follows is inferred from the results. What has no rewrite here is
// refused by inference (E_COUNTED). The table is at the end; shapes and movement are in resolve_moves.c.
#include "passes/resolve_counts.h"

#include "ir/infer_check.h"
#include "passes/resolve_parts.h"
#include "support/checked.h"

// ---- Shapes as data.

static bool resolve_shape(Resolver *r) {
    const Node *node = r->counts.where;
    const Type *type = &node->in[0]->type;
    int first, n = shape_part(node, &first);
    bool counted = counted_axis(node->in[0]) >= first && counted_axis(node->in[0]) < first + n;
    return counted && resolve_done(r, counts_list(&r->counts, type->dim + first, n));
}

static Dim size_of(Resolver *r, const Type *type, const bool *axes) {
    Dim size = dim_const(1);
    for (int i = 0; i < type->rank; i++)
        if (!axes || axes[i])
            size = counts_apply(&r->counts, OP_Mul, size, type->dim[i]);
    return size;
}

static bool resolve_size(Resolver *r) {
    Dim size = size_of(r, &r->counts.where->in[0]->type, NULL);
    return size.count && resolve_done(r, counts_value(&r->counts, size));
}

// ---- Reductions.

static Filler neutral(OpKind op) {
    switch ((int)op) {
    case OP_ReduceMax:
    case OP_ReduceLogSumExp:
    case OP_ArgMax:
    case OP_Softmax:
    case OP_LogSoftmax: return FILL_LOWEST;
    case OP_ReduceMin:
    case OP_ArgMin: return FILL_HIGHEST;
    case OP_ReduceProd:
    case OP_CumProd: return FILL_ONE;
    default: return FILL_ZERO;
    }
}

// Input 0 filled with what changes nothing for the operator.
static void fill_input(Resolver *r) {
    Node *node = r->counts.where;
    node->in[0] = resolve_whole(r, node->in[0], resolve_filler(r, neutral(node->op), node->in[0]->type.dtype));
}

static bool reduced_axes(Resolver *r, bool axes[MAX_RANK]) {
    const Node *node = r->counts.where;
    Diag quiet = {0};
    Infer infer = *r->counts.infer;
    Ints ints = {0};
    infer.diag = &quiet;
    const Type *type = &node->in[0]->type;
    if (!infer_ints(&infer, node, 1, &ints) || !check_axes(&infer, node, &ints, type->rank, axes))
        return false;
    for (int i = 0; ints.n == 0 && i < type->rank; i++)
        axes[i] = !((const ReduceAttrs *)node->attrs)->noop_with_empty_axes;
    return true;
}

// The sum, divided by how many there are.
static bool resolve_mean(Resolver *r, const bool *axes) {
    Node *node = r->counts.where;
    const Type type = node->in[0]->type;
    Dim size = size_of(r, &type, axes);
    Value *number = counts_node(&r->counts, OP_Cast, counts_value(&r->counts, size), NULL);
    ((CastAttrs *)number->def->attrs)->to = type.dtype;
    Value *sum = counts_node(&r->counts, OP_ReduceSum, resolve_whole(r, node->in[0], NULL), node_in(node, 1));
    *(ReduceAttrs *)sum->def->attrs = *(const ReduceAttrs *)node->attrs;
    return resolve_done(r, counts_node(&r->counts, OP_Div, sum, number));
}

static bool resolve_reduce(Resolver *r) {
    Node *node = r->counts.where;
    bool axes[MAX_RANK];
    int axis = counted_axis(node->in[0]);
    if (axis < 0 || !reduced_axes(r, axes) || !axes[axis])
        return false;
    if (node->op == OP_ReduceMean)
        return resolve_mean(r, axes);
    fill_input(r);
    return true;
}

static bool resolve_arg(Resolver *r) {
    const Node *node = r->counts.where;
    int axis = counted_axis(node->in[0]);
    if (axis < 0 || resolve_axis(((const ArgAttrs *)node->attrs)->axis, node->in[0]->type.rank) != axis)
        return false;
    fill_input(r);
    return true;
}

// Softmax along the counted dimension, and running sums: as many results as inputs.
static bool along(Resolver *r, int64_t own) {
    Node *node = r->counts.where;
    const Type type = node->in[0]->type;
    int axis = counted_axis(node->in[0]);
    if (axis < 0 || resolve_axis(own, type.rank) != axis)
        return false;
    fill_input(r);
    Value *all = counts_node(&r->counts, node->op, node->in[0], node_in(node, 1));
    all->def->attrs = node->attrs;
    return resolve_done(r, resolve_counted(r, all, axis, type.dim[axis].n, type.dim[axis]));
}

static bool resolve_softmax(Resolver *r) {
    return along(r, ((const AxisAttrs *)r->counts.where->attrs)->axis);
}

static bool resolve_running(Resolver *r) {
    Dim axis;
    int counted = counted_axis(r->counts.where->in[0]);
    return counted >= 0 && resolve_element(r, 1, 0, &axis) && !axis.count && along(r, axis.n);
}

// Factors of a product that sums over what is counted: zeros on both sides, since they may meet NaN.
static bool resolve_product(Resolver *r) {
    Node *node = r->counts.where;
    int a = counted_axis(node->in[0]), b = counted_axis(node->in[1]), rank = node->in[1]->type.rank;
    const GemmAttrs *attrs = node->attrs;
    bool gemm = node->op == OP_Gemm;
    bool first = a >= 0 && a == (gemm && attrs->trans_a ? 0 : node->in[0]->type.rank - 1);
    bool second = b >= 0 && b == (gemm && attrs->trans_b ? 1 : max_i64(rank - 2, 0));
    if (!first || !second || !dim_equal(node->in[0]->type.dim[a], node->in[1]->type.dim[b]))
        return false;
    node->in[0] = resolve_whole(r, node->in[0], NULL);
    node->in[1] = resolve_whole(r, node->in[1], NULL);
    return true;
}

// ---- Selection.

// Of all elements, those that are not there being 0 or false.
static bool resolve_non_zero(Resolver *r) {
    if (counted_axis(r->counts.where->in[0]) < 0)
        return false;
    fill_input(r);
    return true;
}

static bool resolve_compress(Resolver *r) {
    Node *node = r->counts.where;
    int64_t axis = ((const CompressAttrs *)node->attrs)->axis;
    int data = counted_axis(node->in[0]), condition = counted_axis(node->in[1]), rank = node->in[0]->type.rank;
    bool own = axis == COMPRESS_FLAT ? data == 0 && rank == 1 : resolve_axis(axis, rank) == data;
    if ((data < 0 && condition < 0) || (data >= 0 && (!own || condition < 0)))
        return false;
    node->in[0] = resolve_whole(r, node->in[0], NULL);
    node->in[1] = resolve_whole(r, node->in[1], NULL);
    return true;
}

// Of boxes that are not there the score is the lowest, which no threshold lets pass.
static bool resolve_nms(Resolver *r) {
    Node *node = r->counts.where;
    int boxes = counted_axis(node->in[0]), scores = counted_axis(node->in[1]);
    if ((boxes < 0 && scores < 0) || (boxes >= 0 && boxes != 1) || (scores >= 0 && scores != 2))
        return false;
    Dim n = scores >= 0 ? node->in[1]->type.dim[2] : node->in[0]->type.dim[1];
    if (boxes < 0 || (scores >= 0 && !dim_equal(node->in[0]->type.dim[1], n)))
        node->in[0] = resolve_equal(r, node->in[0], 1, node->in[0]->type.dim[1], n);
    if (scores < 0)
        node->in[1] = resolve_equal(r, node->in[1], 2, node->in[1]->type.dim[2], n);
    if (r->counts.first)
        return true;
    Value *lowest = resolve_filler(r, FILL_LOWEST, DT_F32);
    node->in[0] = resolve_whole(r, node->in[0], NULL);
    node->in[1] = resolve_whole(r, node->in[1], lowest);
    if (!node_in(node, 4)) {
        for (int i = node->nin; i < 4; i++)
            node_set_input(node, i, NULL);
        node_set_input(node, 4, lowest);
    }
    return true;
}

// As many as are wanted or there are.
static bool resolve_topk(Resolver *r) {
    Node *node = r->counts.where;
    const TopKAttrs *attrs = node->attrs;
    const Type type = node->in[0]->type;
    int axis = resolve_axis(attrs->axis, type.rank), counted = counted_axis(node->in[0]);
    Dim k;
    if (axis < 0 || (counted >= 0 && counted != axis) || !resolve_element(r, 1, 0, &k) || (!k.count && counted < 0))
        return false;
    k = counts_apply(&r->counts, OP_Min, k, type.dim[axis]);
    int64_t most = min_i64(max_i64(k.n, 0), type.dim[axis].n);
    Value *fill = resolve_filler(r, attrs->largest ? FILL_LOWEST : FILL_HIGHEST, type.dtype);
    Node *all = node_new(node->graph, OP_TopK, 2, 2);
    all->in[0] = resolve_whole(r, node->in[0], fill);
    all->in[1] = counts_ints(&r->counts, &most, 1);
    all->attrs = node->attrs;
    all->loc = node->loc;
    graph_insert_before(node, all);
    r->counts.first = r->counts.first ? r->counts.first : all;
    for (int i = 0; i < 2; i++) {
        const char *name = i < node->nout && node->out[i] ? node->out[i]->name : node->out[0]->name;
        Value *found = node_output(all, i, name, type_unknown());
        if (i < node->nout && node->out[i])
            resolve_output(r, i, resolve_counted(r, found, axis, most, k));
    }
    node_remove(node);
    return true;
}

// ---- Elementwise.

// Makes the counts of the operands along one dimension, numbered from the right, those of the first that has one.
static bool resolve_elementwise(Resolver *r) {
    Node *node = r->counts.where;
    Dim to = dim_const(0);
    int position = -1;
    for (int i = 0; i < node->nin && position < 0; i++)
        if (counted_axis(node->in[i]) >= 0) {
            int axis = counted_axis(node->in[i]);
            position = node->in[i]->type.rank - 1 - axis;
            to = node->in[i]->type.dim[axis];
        }
    bool changed = false;
    for (int i = 0; i < node->nin; i++) {
        int axis = node->in[i] ? node->in[i]->type.rank - 1 - position : -1;
        if (position < 0 || axis < 0)
            continue;
        Dim from = node->in[i]->type.dim[axis];
        if (from.sym || (counted_axis(node->in[i]) >= 0 && counted_axis(node->in[i]) != axis))
            return changed;
        if (dim_equal(from, to) || dim_equal(from, dim_const(1)))
            continue;
        node->in[i] = resolve_equal(r, node->in[i], axis, from, to);
        changed = true;
    }
    return changed;
}

// ---- Which rewrite an operator has.

typedef struct Row {
    OpKind op;
    bool (*resolve)(Resolver *r);
} Row;

static const Row rows[] = {
    {OP_Shape, resolve_shape},
    {OP_Size, resolve_size},
    {OP_ReduceL1, resolve_reduce},
    {OP_ReduceL2, resolve_reduce},
    {OP_ReduceLogSum, resolve_reduce},
    {OP_ReduceLogSumExp, resolve_reduce},
    {OP_ReduceMax, resolve_reduce},
    {OP_ReduceMean, resolve_reduce},
    {OP_ReduceMin, resolve_reduce},
    {OP_ReduceProd, resolve_reduce},
    {OP_ReduceSum, resolve_reduce},
    {OP_ReduceSumSquare, resolve_reduce},
    {OP_ArgMax, resolve_arg},
    {OP_ArgMin, resolve_arg},
    {OP_Softmax, resolve_softmax},
    {OP_LogSoftmax, resolve_softmax},
    {OP_CumSum, resolve_running},
    {OP_CumProd, resolve_running},
    {OP_MatMul, resolve_product},
    {OP_Gemm, resolve_product},
    {OP_NonZero, resolve_non_zero},
    {OP_Compress, resolve_compress},
    {OP_NonMaxSuppression, resolve_nms},
    {OP_TopK, resolve_topk},
    {OP_Concat, resolve_moves_concat},
    {OP_Slice, resolve_moves_slice},
    {OP_Pad, resolve_moves_pad},
    {OP_Gather, resolve_moves_gather},
    {OP_GatherND, resolve_moves_gather},
    {OP_GatherElements, resolve_moves_gather},
    {OP_ScatterElements, resolve_moves_scatter},
    {OP_ScatterND, resolve_moves_scatter},
    {OP_Reshape, resolve_moves_reshape},
    {OP_Flatten, resolve_moves_reshape},
    {OP_Expand, resolve_moves_expand},
    {OP_Tile, resolve_moves_tile},
    {OP_ConstantOfShape, resolve_moves_fill},
    {OP_Range, resolve_moves_range},
    {OP_If, resolve_branches},
};

static bool concerns(const Resolver *r) {
    const Node *node = r->counts.where;
    if (node->op == OP_If)
        return resolve_branches_concern(node);
    for (int i = 0; i < node->nin; i++) {
        bool decides = i < DECIDES_MAX && (op_info[node->op].flags & DECIDES(i)) && node->in[i];
        if (counted_axis(node->in[i]) >= 0 || (decides && counts_any(infer_known(r->counts.infer, node->in[i]))))
            return true;
    }
    return false;
}

Node *resolve_counts(Infer *infer, Node *node, bool data) {
    Resolver r = {.counts = {.graph = node->graph, .infer = infer, .where = node}, .data = data};
    if (node->graph->owner || (!data && !concerns(&r)))
        return NULL;
    bool changed = (op_info[node->op].flags & ELEMENTWISE) && resolve_elementwise(&r);
    for (size_t i = 0; !changed && i < sizeof rows / sizeof *rows; i++)
        changed = rows[i].op == node->op && rows[i].resolve(&r);
    return !changed ? NULL : r.counts.first ? r.counts.first : node;
}
