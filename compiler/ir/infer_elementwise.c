// Types of operators whose result has the (broadcast) shape of their inputs.
#include "ir/infer.h"
#include "ir/infer_check.h"

// The element types that an operator takes as input 0. Operators that are not listed take floats.
static const struct {
    OpKind op;
    unsigned set;
} accepted[] = {
    {OP_Identity, SET_ANY},      {OP_Abs, SET_NUMBER},        {OP_Neg, SET_FLOAT | SET_SIGNED},
    {OP_Sign, SET_NUMBER},       {OP_Relu, SET_FLOAT | SET_SIGNED}, {OP_Erf, SET_NUMBER},
    {OP_Not, SET_BOOL},          {OP_BitwiseNot, SET_INT},    {OP_Shrink, SET_NUMBER},
    {OP_CumSum, SET_NUMBER},     {OP_CumProd, SET_NUMBER},    {OP_Add, SET_NUMBER},        {OP_Sub, SET_NUMBER},
    {OP_Mul, SET_NUMBER},        {OP_Div, SET_NUMBER},        {OP_Mod, SET_NUMBER},
    {OP_BitShift, SET_INT},      {OP_BitwiseAnd, SET_INT},    {OP_BitwiseOr, SET_INT},
    {OP_BitwiseXor, SET_INT},    {OP_Equal, SET_ANY},         {OP_Greater, SET_NUMBER},
    {OP_GreaterOrEqual, SET_NUMBER}, {OP_Less, SET_NUMBER},   {OP_LessOrEqual, SET_NUMBER},
    {OP_Max, SET_NUMBER},        {OP_Min, SET_NUMBER},        {OP_And, SET_BOOL},
    {OP_Or, SET_BOOL},           {OP_Xor, SET_BOOL},          {OP_Clip, SET_NUMBER},
    {OP_Pow, SET_NUMBER},        {OP_PRelu, SET_NUMBER},
};

static unsigned accepted_set(OpKind op) {
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
        if (accepted[i].op == op)
            return accepted[i].set;
    return SET_FLOAT;
}

static bool check_cumsum_axis(Infer *infer, const Node *node) {
    if (!check_dtype(infer, node, 1, SET_INDEX) || !check_scalar(infer, node, 1))
        return false;
    DimTensor *axis = infer_known(infer, node->in[1]);
    int index;
    return !axis || axis->v[0].sym || infer_axis(infer, node, axis->v[0].n, input_type(node, 0)->rank, &index);
}

static bool check_softmax_axis(Infer *infer, const Node *node) {
    const AxisAttrs *attrs = node->attrs;
    int index, rank = input_type(node, 0)->rank;
    return rank == 0 || infer_axis(infer, node, attrs->axis, rank, &index);
}

static bool check_lrn(Infer *infer, const Node *node) {
    const LrnAttrs *attrs = node->attrs;
    if (attrs->size < 1)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "size must be positive, not %lld",
                          (long long)attrs->size);
    return check_rank(infer, node, 0, 3, 5);
}

bool infer_same(Infer *infer, const Node *node, Type *out) {
    if (!check_dtype(infer, node, 0, accepted_set(node->op)))
        return false;
    if ((node->op == OP_CumSum || node->op == OP_CumProd) && !check_cumsum_axis(infer, node))
        return false;
    if ((node->op == OP_Softmax || node->op == OP_LogSoftmax) && !check_softmax_axis(infer, node))
        return false;
    if (node->op == OP_LRN && !check_lrn(infer, node))
        return false;
    *out = infer_like(input_type(node, 0));
    return true;
}

bool infer_binary(Infer *infer, const Node *node, Type *out) {
    return check_dtype(infer, node, 0, accepted_set(node->op)) && check_same_dtype(infer, node, 0, 1) &&
           infer_broadcast(infer, node, input_type(node, 0), input_type(node, 1), out);
}

bool infer_logic(Infer *infer, const Node *node, Type *out) {
    return infer_binary(infer, node, out);
}

bool infer_compare(Infer *infer, const Node *node, Type *out) {
    if (!infer_binary(infer, node, out))
        return false;
    out->dtype = DT_BOOL;
    return true;
}

bool infer_to_bool(Infer *infer, const Node *node, Type *out) {
    if (!check_dtype(infer, node, 0, SET_FLOAT))
        return false;
    *out = infer_like(input_type(node, 0));
    out->dtype = DT_BOOL;
    return true;
}

bool infer_variadic(Infer *infer, const Node *node, Type *out) {
    if (!check_dtype(infer, node, 0, accepted_set(node->op)))
        return false;
    *out = infer_like(input_type(node, 0));
    for (int i = 1; i < node->nin; i++)
        if (!check_same_dtype(infer, node, 0, i) || !infer_broadcast(infer, node, out, input_type(node, i), out))
            return false;
    return true;
}

bool infer_cast(Infer *infer, const Node *node, Type *out) {
    const CastAttrs *attrs = node->attrs;
    *out = infer_like(input_type(node, 0));
    out->dtype = attrs->to;
    if (attrs->to == DT_NONE)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "'to' is missing");
    return true;
}

bool infer_bit_cast(Infer *infer, const Node *node, Type *out) {
    if (!infer_cast(infer, node, out))
        return false;
    int from = dtype_info[input_type(node, 0)->dtype].packed, to = dtype_info[out->dtype].packed;
    return from == to ||
           diag_error(infer->diag, node->loc, E_DTYPE, "%s has %d bits, %s has %d: the same number is needed",
                      dtype_info[input_type(node, 0)->dtype].name, from, dtype_info[out->dtype].name, to);
}

bool infer_clip(Infer *infer, const Node *node, Type *out) {
    for (int i = 1; i <= 2; i++)
        if (!check_same_dtype(infer, node, 0, i) || !check_scalar(infer, node, i))
            return false;
    return infer_same(infer, node, out);
}

bool infer_pow(Infer *infer, const Node *node, Type *out) {
    return check_dtype(infer, node, 0, SET_NUMBER) && check_dtype(infer, node, 1, SET_NUMBER) &&
           infer_broadcast(infer, node, input_type(node, 0), input_type(node, 1), out);
}

bool infer_prelu(Infer *infer, const Node *node, Type *out) {
    return check_same_dtype(infer, node, 0, 1) &&
           infer_broadcast_to(infer, node, input_type(node, 1), input_type(node, 0)) && infer_same(infer, node, out);
}

bool infer_where(Infer *infer, const Node *node, Type *out) {
    if (!check_dtype(infer, node, 0, SET_BOOL) || !check_same_dtype(infer, node, 1, 2) ||
        !infer_broadcast(infer, node, input_type(node, 1), input_type(node, 2), out))
        return false;
    return infer_broadcast(infer, node, out, input_type(node, 0), out);
}
