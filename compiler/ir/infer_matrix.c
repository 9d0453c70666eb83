// Types of matrix products and normalisations.
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "support/checked.h"

static bool fail_matrix(Infer *infer, const Node *node) {
    return diag_error(infer->diag, node->loc, E_SHAPE, "%s and %s cannot be multiplied",
                      type_text(infer->arena, input_type(node, 0)), type_text(infer->arena, input_type(node, 1)));
}

static bool check_inner(Infer *infer, const Node *node, Dim a, Dim b) {
    if (!a.sym && !b.sym && a.n != b.n)
        return fail_matrix(infer, node);
    return check_dim(infer, node, a, b, "the inner dimension");
}

// Factors that may differ in their types, and have sums of i32.
static const unsigned small = DTYPE_BIT(I8) | DTYPE_BIT(U8) | DTYPE_BIT(I16);

DType sum_dtype(DType factor) {
    return small & 1u << factor ? DT_I32 : factor;
}

static bool check_fused(Infer *infer, const Node *node, const Value *inner, const Type *outer) {
    if (inner->type.dtype == outer->dtype && type_same_shape(&inner->type, outer))
        return true;
    return diag_error(infer->diag, node->loc, E_SHAPE, "'%s' of its body is %s, not %s", inner->name,
                      type_text(infer->arena, &inner->type), type_text(infer->arena, outer));
}

bool infer_fused(Infer *infer, const Node *node, Type *out) {
    const Graph *body = node->body;
    if (!node_fuses(node))
        return true;
    if (body->inputs.n != max_i64(node->nin - FUSED_INPUTS, 0) + 1 || body->outputs.n != 1)
        return diag_error(infer->diag, node->loc, E_ARITY, "the body's inputs and outputs are not those of the node");
    if (!check_fused(infer, node, body->inputs.item[0], out))
        return false;
    for (int i = 1; i < body->inputs.n; i++)
        if (!check_fused(infer, node, body->inputs.item[i], input_type(node, FUSED_INPUTS + i - 1)))
            return false;
    out->dtype = body->outputs.item[0]->type.dtype;
    return check_fused(infer, node, body->outputs.item[0], out);
}

bool check_factors(Infer *infer, const Node *node, unsigned accepted) {
    if (!check_dtype(infer, node, 0, accepted | small))
        return false;
    return small & 1u << input_type(node, 0)->dtype ? check_dtype(infer, node, 1, small)
                                                    : check_same_dtype(infer, node, 0, 1);
}

const Type *matrix_type(const Node *node, int index) {
    const Node *def = node->in[index]->def;
    return def && def->op == OP_PackMatrix ? &def->in[0]->type : &node->in[index]->type;
}

Type type_permuted(const Type *type, Ints perm) {
    Type result = infer_like(type);
    for (int i = 0; i < perm.n; i++)
        result.dim[i] = type->dim[perm.v[i]];
    return result;
}

Type matmul_factor(const Node *node, int index) {
    const MatMulAttrs *attrs = node->attrs;
    return type_permuted(matrix_type(node, index), index ? attrs->perm_b : attrs->perm_a);
}

bool matmul_transposes(const Node *node) {
    const MatMulAttrs *attrs = node->attrs;
    return attrs->perm_a.n || attrs->perm_b.n || attrs->perm_y.n;
}

static bool check_perm(Infer *infer, const Node *node, Ints perm, int rank) {
    bool set[MAX_RANK];
    if (!perm.n)
        return true;
    if (perm.n != rank)
        return diag_error(infer->diag, node->loc, E_SHAPE, "a transposition has %d values for rank %d", perm.n, rank);
    if (!check_axes(infer, node, &perm, rank, set))
        return false;
    for (int i = 0; i < rank; i++)
        if (perm.v[i] < 0)
            return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "the axes of a transposition are not negative");
    return true;
}

// Nothing that a fusion adds is transposed.
static bool check_perms(Infer *infer, const Node *node) {
    const MatMulAttrs *attrs = node->attrs;
    if (attrs->perm_y.n && (node_in(node, 2) || node_in(node, 3)))
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "perm_y is not for a product that adds inputs 2 or 3");
    return check_perm(infer, node, attrs->perm_a, input_type(node, 0)->rank) &&
           check_perm(infer, node, attrs->perm_b, matrix_type(node, 1)->rank);
}

// The factors have one type, unless they are small integers, or the right one is packed from narrower weights.
static bool check_matrices(Infer *infer, const Node *node) {
    const unsigned accepted = SET_FLOAT | SET_WIDE_INT;
    if (matrix_type(node, 1) != input_type(node, 1) && input_type(node, 0)->dtype == DT_F32)
        return true;
    if (node->op == OP_MatMul)
        return check_factors(infer, node, accepted);
    return check_dtype(infer, node, 0, accepted) && check_same_dtype(infer, node, 0, 1);
}

bool infer_gemm(Infer *infer, const Node *node, Type *out) {
    const GemmAttrs *attrs = node->attrs;
    if (!check_matrices(infer, node) || !check_same_dtype(infer, node, 0, 2) || !check_rank(infer, node, 0, 2, 2) ||
        (matrix_type(node, 1)->rank != 2 && !check_rank(infer, node, 1, 2, 2)))
        return false;
    const Type *a = input_type(node, 0), *b = matrix_type(node, 1);
    if (!check_inner(infer, node, a->dim[attrs->trans_a ? 0 : 1], b->dim[attrs->trans_b ? 1 : 0]))
        return false;
    *out = infer_like(a);
    out->dim[0] = a->dim[attrs->trans_a ? 1 : 0];
    out->dim[1] = b->dim[attrs->trans_b ? 0 : 1];
    return !node_in(node, 2) || infer_broadcast_to(infer, node, input_type(node, 2), out);
}

// Inputs 2 and 3 of a MatMul, made by fusion: a row that is added to each row, and what has the result's shape.
static bool check_sums(Infer *infer, const Node *node, const Type *y) {
    const Value *row = node_in(node, 2), *addend = node_in(node, 3);
    if (!check_dtype(infer, node, 2, 1u << y->dtype) || !check_dtype(infer, node, 3, 1u << y->dtype))
        return false;
    if (row && (!check_rank(infer, node, 0, 2, MAX_RANK) || !check_rank(infer, node, 1, 2, MAX_RANK) ||
                !check_rank(infer, node, 2, 1, 1) ||
                !check_dim(infer, node, row->type.dim[0], y->dim[y->rank - 1], "the row's length")))
        return false;
    if (addend && !check_rank(infer, node, 3, y->rank, y->rank))
        return false;
    for (int i = 0; addend && i < y->rank; i++)
        if (!check_dim(infer, node, addend->type.dim[i], y->dim[i], "a dimension of what is added"))
            return false;
    return true;
}

// A vector on the left is a row, on the right a column; the added dimension goes away again. Then the result is
// transposed.
bool infer_matmul(Infer *infer, const Node *node, Type *out) {
    const MatMulAttrs *attrs = node->attrs;
    if (!check_matrices(infer, node) || !check_rank(infer, node, 0, 1, MAX_RANK) ||
        !check_rank(infer, node, 1, 1, MAX_RANK) || !check_perms(infer, node))
        return false;
    Type a = matmul_factor(node, 0), b = matmul_factor(node, 1);
    if (!check_inner(infer, node, a.dim[a.rank - 1], b.dim[b.rank > 1 ? b.rank - 2 : 0]))
        return false;
    Dim rows = a.dim[a.rank > 1 ? a.rank - 2 : 0], columns = b.dim[b.rank - 1];
    bool has_rows = a.rank > 1, has_columns = b.rank > 1;
    a.rank = a.rank > 2 ? a.rank - 2 : 0;
    b.rank = b.rank > 2 ? b.rank - 2 : 0;
    if (!infer_broadcast(infer, node, &a, &b, out))
        return false;
    if (has_rows)
        out->dim[out->rank++] = rows;
    if (has_columns)
        out->dim[out->rank++] = columns;
    if (!check_perm(infer, node, attrs->perm_y, out->rank))
        return false;
    *out = type_permuted(out, attrs->perm_y);
    out->dtype = sum_dtype(out->dtype);
    return check_sums(infer, node, out) && infer_fused(infer, node, out);
}

static bool check_channels(Infer *infer, const Node *node, int index, Dim channels) {
    return check_same_dtype(infer, node, 0, index) && check_rank(infer, node, index, 1, 1) &&
           check_dim(infer, node, input_type(node, index)->dim[0], channels, "the length of a parameter");
}

bool infer_norm(Infer *infer, const Node *node, Type *out) {
    const NormAttrs *attrs = node->attrs;
    if (attrs->training_mode)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "training_mode is not supported: export for inference");
    if (!check_dtype(infer, node, 0, SET_FLOAT) || !check_rank(infer, node, 0, 2, MAX_RANK))
        return false;
    for (int i = 1; i < node->nin; i++)
        if (!check_channels(infer, node, i, input_type(node, 0)->dim[1]))
            return false;
    *out = infer_like(input_type(node, 0));
    return true;
}

// A factor and an addend for each element behind the axis; ones may stand before.
bool infer_normalize(Infer *infer, const Node *node, Type *out) {
    const Type *x = input_type(node, 0);
    int axis;
    if (!check_dtype(infer, node, 0, DTYPE_BIT(F32) | DTYPE_BIT(F64)) ||
        !infer_axis(infer, node, ((const NormalizeAttrs *)node->attrs)->axis, x->rank, &axis))
        return false;
    for (int i = 1; i < node->nin; i++) {
        if (!node->in[i])
            continue;
        const Type *with = input_type(node, i);
        int more = with->rank - (x->rank - axis);
        if (!check_same_dtype(infer, node, 0, i) || !check_rank(infer, node, i, x->rank - axis, MAX_RANK))
            return false;
        for (int d = 0; d < with->rank; d++)
            if (!check_dim(infer, node, with->dim[d], d < more ? dim_const(1) : x->dim[axis + d - more], "a dimension"))
                return false;
    }
    *out = infer_like(x);
    return true;
}

// ---- Narrow weights

static const unsigned SET_ELEMENTS =
    DTYPE_BIT(I8) | DTYPE_BIT(U8) | DTYPE_BIT(I4) | DTYPE_BIT(U4) | DTYPE_BIT(I2) | DTYPE_BIT(U2);
enum { LEAST_ZERO = -128, MOST_ZERO = 255 };

static bool has_blocks(const Type *type, const Type *of, const DequantizeAttrs *attrs) {
    return type->rank == 2 && type->dim[0].n == div_up(of->dim[0].n, attrs->rows) &&
           type->dim[1].n == div_up(of->dim[1].n, attrs->columns);
}

// Zeros are of the elements' type, or real numbers.
static bool has_zeros(Infer *infer, const Node *node) {
    return !node_in(node, 2) || node->in[2]->type.dtype == DT_F32 || check_same_dtype(infer, node, 0, 2);
}

// A matrix of small integers, a scale and perhaps a zero for each block of it: (x - zero) * scale.
bool infer_dequantize(Infer *infer, const Node *node, Type *out) {
    const DequantizeAttrs *attrs = node->attrs;
    const Type *x = input_type(node, 0);
    if (!check_dtype(infer, node, 0, SET_ELEMENTS) || !check_rank(infer, node, 0, 2, 2) ||
        !check_dtype(infer, node, 1, DTYPE_BIT(F32)) || !has_zeros(infer, node))
        return false;
    if (attrs->rows < 1 || attrs->rows > INT32_MAX || attrs->columns < 1 || attrs->columns > INT32_MAX ||
        attrs->zero < LEAST_ZERO || attrs->zero > MOST_ZERO)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "blocks must not be empty, and zero that of 8 bits");
    for (int i = 0; i < 2; i++)
        if (x->dim[i].sym)
            return fail_symbol(infer, node, x->dim[i]);
    for (int i = 1; i < node->nin; i++)
        if (node->in[i] && !has_blocks(input_type(node, i), x, attrs))
            return diag_error(infer->diag, node->loc, E_SHAPE, "input %d is %s, which is not one for each block of %s",
                              i, type_text(infer->arena, input_type(node, i)), type_text(infer->arena, x));
    *out = infer_like(x);
    out->dtype = DT_F32;
    return true;
}

bool matrix_is_transposed(const Node *node) {
    if (node->op == OP_Gemm)
        return ((const GemmAttrs *)node->attrs)->trans_b;
    return node->op == OP_MatMul && ((const MatMulAttrs *)node->attrs)->perm_b.n == 2 &&
           ((const MatMulAttrs *)node->attrs)->perm_b.v[0] == 1;
}

static Value *unpacked_from(Value *value) {
    return value->def && value->def->op == OP_UnpackBits ? value->def->in[0] : value;
}

// Blocks of whole words along the sums, of one column each, or one block for all.
static bool blocks_fit(const Node *dequantize, bool transposed) {
    const DequantizeAttrs *attrs = dequantize->attrs;
    const Type *x = input_type(dequantize, 0);
    int64_t along = transposed ? attrs->columns : attrs->rows, across = transposed ? attrs->rows : attrs->columns;
    int64_t inner = x->dim[transposed].n, outer = x->dim[!transposed].n;
    if (node_in(dequantize, 2) && input_type(dequantize, 2)->dtype != x->dtype)
        return false;
    return (along >= inner || along % (MATRIX_WORD / dtype_info[x->dtype].packed) == 0) &&
           (across == 1 || across >= outer) && inner <= INT32_MAX && outer <= INT32_MAX;
}

int matrix_parts(const Value *factor, bool transposed, Value *part[MATRIX_PARTS]) {
    Node *def = factor->def;
    int n = 1;
    part[0] = (Value *)(uintptr_t)factor;
    if (def && def->op == OP_Cast && factor->type.dtype == DT_F32 && dtype_info[def->in[0]->type.dtype].bits == 16 &&
        dtype_is_float(def->in[0]->type.dtype))
        part[0] = def->in[0];
    if (def && def->op == OP_PackMatrix)
        for (n = 0; n < def->nin && def->in[n]; n++)
            part[n] = def->in[n];
    if (def && def->op == OP_Dequantize && blocks_fit(def, transposed))
        for (n = 0; n < def->nin && def->in[n]; n++)
            part[n] = unpacked_from(def->in[n]);
    for (int i = 0; i < n; i++)
        if (!value_data(part[i]))
            return 0;
    return n;
}

// [panels, blocks, words of a block]: of each column a scale, perhaps a byte for its zero, and the elements, those of a
// column that follow one another in one word.
static bool pack_quantized(Infer *infer, const Node *node, int64_t panels, int64_t inner, Type *out) {
    const PackAttrs *attrs = node->attrs;
    if (!check_dtype(infer, node, 1, DTYPE_BIT(F32)) || !check_same_dtype(infer, node, 0, 2))
        return false;
    int64_t each = MATRIX_WORD / dtype_info[input_type(node, 0)->dtype].packed, columns;
    bool whole = attrs->block % each == 0 || attrs->block == inner;
    if (attrs->block < 1 || attrs->block > inner || !whole || attrs->panel % 4 || attrs->zero < LEAST_ZERO ||
        attrs->zero > MOST_ZERO)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE,
                          "blocks of %lld do not fill words, or zero is not that of 8 bits", (long long)attrs->block);
    for (int i = 1; i < node->nin && node->in[i]; i++) {
        const Type *scale = input_type(node, i);
        columns = scale->dim[attrs->transposed ? 0 : 1].n;
        if (scale->rank != 2 || scale->dim[attrs->transposed ? 1 : 0].n != div_up(inner, attrs->block) ||
            (columns != 1 && columns != input_type(node, 0)->dim[attrs->transposed ? 0 : 1].n))
            return diag_error(infer->diag, node->loc, E_SHAPE, "input %d is %s, which is not one for each block", i,
                              type_text(infer->arena, scale));
    }
    int64_t words = 1 + div_up(attrs->block, each), dims[3] = {panels, div_up(inner, attrs->block), 0};
    if (!checked_mul(words, attrs->panel, &dims[2]))
        return fail_too_big(infer, node);
    dims[2] += node_in(node, 2) ? attrs->panel / 4 : 0;
    *out = type_make(DT_U32, 3, dims);
    return true;
}

// [panels, K, panel] of K x N, or of N x K where it is transposed; of bytes [panels, K / block, panel * block].
bool infer_pack_matrix(Infer *infer, const Node *node, Type *out) {
    const PackAttrs *attrs = node->attrs;
    if (attrs->panel < 1 || attrs->panel > INT32_MAX || attrs->tile || attrs->strassen)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "panel must be positive, tile 0 and strassen false");
    const Type *matrix = input_type(node, 0);
    const unsigned narrow = DTYPE_BIT(F16) | DTYPE_BIT(BF16) | DTYPE_BIT(I8);
    bool quantized = node->nin > 1, bytes = !quantized && matrix->dtype == DT_I8;
    if (!check_dtype(infer, node, 0, quantized ? SET_ELEMENTS : DTYPE_BIT(F32) | narrow) ||
        !check_rank(infer, node, 0, 2, attrs->transposed && !quantized ? 3 : 2))
        return false;
    int64_t block = bytes ? attrs->block : 1;
    if (block < 1 || block > INT32_MAX / attrs->panel || (bytes && attrs->transposed))
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "of bytes, block must be positive, transposed false");
    for (int i = 0; i < matrix->rank; i++)
        if (matrix->dim[i].sym)
            return fail_symbol(infer, node, matrix->dim[i]);
    const Dim *last = matrix->dim + matrix->rank - 2;
    int64_t inner = last[attrs->transposed ? 1 : 0].n, columns = last[attrs->transposed ? 0 : 1].n;
    int64_t dims[3] = {div_up(columns, attrs->panel), div_up(inner, block), attrs->panel * block};
    if (matrix->rank == 3 && !checked_mul(dims[0], matrix->dim[0].n, &dims[0]))
        return fail_too_big(infer, node);
    if (quantized)
        return pack_quantized(infer, node, div_up(columns, attrs->panel), inner, out);
    *out = type_make(matrix->dtype, 3, dims);
    return true;
}
