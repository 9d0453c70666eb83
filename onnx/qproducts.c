// Products of quantized numbers in the domain com.microsoft, as onnxruntime's quantizer and optimizer write them. Those
// of 8 bits are made in 32-bit integers and scaled, as in qlinear.c. MatMulNBits, whose weights are of 8 bits and fewer
// in blocks, and DynamicQuantizeLSTM, whose states onnxruntime rounds to 8 bits in each step, work with the real
// numbers that their weights stand for.
#include "onnx/qproducts.h"

#include "onnx/qlinear.h"
#include "onnx/quantize.h"
#include "onnx/sequence.h"
#include "support/checked.h"

static Value *scaled(Importer *im, const Draft *d, Value *product, Value *a_scale, Value *b_scale) {
    Value *scale =
        draft_node(im, d, OP_Mul, quantized_along(im, d, a_scale, 1), quantized_along(im, d, b_scale, 0), NULL);
    return draft_node(im, d, OP_Mul, draft_cast(im, d, product, DT_F32), scale, NULL);
}

static Value *biased(Importer *im, const Draft *d, Value *x, Value *bias) {
    return bias ? draft_node(im, d, OP_Add, x, bias, NULL) : x;
}

Value *quantized_product(Importer *im, const Draft *d, const int operand[2], const int zero[2], const int scale[2]) {
    Value *a = quantized_centred(im, d, operand[0], zero[0], 1), *b = quantized_centred(im, d, operand[1], zero[1], 0);
    return scaled(im, d, draft_node(im, d, OP_MatMul, a, b, NULL), d->in[scale[0]], d->in[scale[1]]);
}

// A, B, scales, zero points, bias
bool make_matmul_integer_to_float(Importer *im, Draft *d) {
    if (!draft_need(im, d, 4))
        return false;
    Value *y = quantized_product(im, d, (const int[]){0, 1}, (const int[]){4, 5}, (const int[]){2, 3});
    return draft_done(im, d, biased(im, d, y, draft_in(d, 6)));
}

// The same where A is real: A, B, scale and zero of B, bias
bool make_dynamic_quantize_matmul(Importer *im, Draft *d) {
    Value *scale, *zero;
    if (!draft_need(im, d, 3))
        return false;
    Value *b = quantized_centred(im, d, 1, 3, 0), *b_scale = d->in[2], *bias = draft_in(d, 4);
    Value *a = draft_cast(im, d, quantize_dynamic(im, d, d->in[0], &scale, &zero), DT_I32);
    a = draft_node(im, d, OP_Sub, a, draft_cast(im, d, zero, DT_I32), NULL);
    Value *y = scaled(im, d, draft_node(im, d, OP_MatMul, a, b, NULL), scale, b_scale);
    return draft_done(im, d, biased(im, d, y, bias));
}

static Value *swapped(Importer *im, const Draft *d, Value *matrix, int64_t swap) {
    return swap ? draft_node(im, d, OP_Transpose, matrix, NULL, NULL) : matrix;
}

// A, scale, zero, B, scale, zero, C in units of the product, scale and zero of the result, which is real without them
bool make_qgemm(Importer *im, Draft *d) {
    int64_t swap_a, swap_b;
    double alpha;
    if (!draft_need(im, d, 2) || !draft_in(d, 3) || !draft_in(d, 4))
        return draft_need(im, d, 5);
    if (!draft_take_int(im, d, "transA", 0, &swap_a) || !draft_take_int(im, d, "transB", 0, &swap_b) ||
        !draft_take_float(im, d, "alpha", 1, &alpha))
        return false;
    Value *a = swapped(im, d, quantized_centred(im, d, 0, 2, 0), swap_a);
    Value *b = swapped(im, d, quantized_centred(im, d, 3, 5, swap_b ? 1 : 0), swap_b);
    Value *product = biased(im, d, draft_node(im, d, OP_MatMul, a, b, NULL), draft_in(d, 6));
    Value *y = scaled(im, d, product, d->in[1], d->in[4]);
    if (alpha != 1)
        y = draft_node(im, d, OP_Mul, y, draft_scalar(im, d, "alpha", DT_F32, alpha), NULL);
    if (!draft_in(d, 7))
        return draft_done(im, d, y);
    DType dtype = draft_dtype(d, draft_in(d, 8) ? 8 : 0);
    if (!dtype_is_int(dtype) || dtype_info[dtype].bits > 16)
        return diag_error(im->diag, d->loc, E_DTYPE, "quantizing to %s is not supported", dtype_info[dtype].name);
    Value *zero = draft_in(d, 8) ? quantized_along(im, d, draft_cast(im, d, d->in[8], DT_F32), 0) : NULL;
    return draft_done(im, d, quantize_real(im, d, y, quantized_along(im, d, d->in[7], 0), zero, dtype));
}

// DynamicQuantizeLSTM: the inputs of LSTM, then scale and zero point of W, scale and zero point of R, each for a
// direction or for each of its columns.

static Value *with_axes(Importer *im, const Draft *d, Value *value) {
    static const int64_t one[] = {1}, two[] = {1, 2};
    bool columns = value->type.rank == 2;
    return draft_node(im, d, OP_Unsqueeze, value, draft_ints(im, d, "axes", columns ? one : two, columns ? 1 : 2),
                      NULL);
}

// Weights as LSTM has them, columns before rows.
static Value *real_weights(Importer *im, const Draft *d, int index, int scale) {
    Value *w = draft_cast(im, d, d->in[index], DT_F32);
    if (draft_in(d, scale + 1))
        w = draft_node(im, d, OP_Sub, w, with_axes(im, d, draft_cast(im, d, d->in[scale + 1], DT_F32)), NULL);
    w = draft_node(im, d, OP_Mul, w, with_axes(im, d, d->in[scale]), NULL);
    Value *y = draft_node(im, d, OP_Transpose, w, NULL, NULL);
    Ints perm = {3, ARENA_ARRAY(im->arena, int64_t, 3)};
    perm.v[0] = 0;
    perm.v[1] = 2;
    perm.v[2] = 1;
    ((TransposeAttrs *)y->def->attrs)->perm = perm;
    draft_infer(im, y->def);
    return y;
}

bool make_dynamic_quantize_lstm(Importer *im, Draft *d) {
    if (!draft_need(im, d, 3) || !draft_in(d, 8) || !draft_in(d, 10))
        return draft_need(im, d, 11);
    d->in[1] = real_weights(im, d, 1, 8);
    d->in[2] = real_weights(im, d, 2, 10);
    d->nin = 8;
    d->op = "LSTM";
    return make_recurrent(im, d);
}

// MatMulNBits: A, B as columns x blocks x bytes, scales and zero points of the blocks, a bias. Elements lie in their
// bytes low bits first, as in ONNX's own packed types.

typedef struct Nbits {
    int64_t k, n, bits, block;
    int64_t blocks;  // along k
    DType dtype;     // of an element
} Nbits;

static bool take_nbits(Importer *im, Draft *d, Nbits *b) {
    int64_t bytes;
    if (!draft_take_int(im, d, "K", 0, &b->k) || !draft_take_int(im, d, "N", 0, &b->n) ||
        !draft_take_int(im, d, "bits", 4, &b->bits) || !draft_take_int(im, d, "block_size", 0, &b->block))
        return false;
    draft_take(d, "accuracy_level");  // how exact the sums must be at least
    b->dtype = b->bits == 8 ? DT_U8 : b->bits == 4 ? DT_U4 : b->bits == 2 ? DT_U2 : DT_NONE;
    if (b->dtype == DT_NONE || b->k < 1 || b->n < 1 || b->block < 8 || b->k > INT32_MAX || b->n > INT32_MAX ||
        b->block > b->k + (1 << 16))
        return diag_error(im->diag, d->loc, E_ATTRIBUTE,
                          "weights of K = %lld, N = %lld in blocks of %lld of %lld bits are not "
                          "supported",
                          (long long)b->k, (long long)b->n, (long long)b->block, (long long)b->bits);
    b->blocks = div_up(b->k, b->block);
    if (!checked_mul(b->n, b->blocks, &bytes) || !checked_mul(bytes, b->block * b->bits / 8, &bytes))
        return diag_error(im->diag, d->loc, E_TOO_BIG, "its weights are too large");
    if (draft_in(d, 4))
        return diag_error(im->diag, d->loc, E_ARITY, "an order of groups (input 4) is not supported");
    return true;
}

// The first `keep` of each row of elements; rows are whole bytes.
static void *cut_rows(Arena *arena, const unsigned char *from, int width, int64_t rows, int64_t row_bytes,
                      int64_t keep) {
    int64_t each = 8 / width, mask = (1 << width) - 1;
    unsigned char *to = arena_alloc(arena, (size_t)div_up(rows * keep, each));
    for (int64_t i = 0; i < rows * keep; i++) {
        int64_t column = i % keep;
        int bits = from[i / keep * row_bytes + column / each] >> (column % each * width) & (int)mask;
        to[i / each] = (unsigned char)(to[i / each] | bits << (i % each * width));
    }
    return to;
}

// Bytes of a constant as rows of elements of the type, the first `keep` of each. Null after an error.
static Value *elements(Importer *im, const Draft *d, int index, const Nbits *b, int64_t row_bytes, int64_t keep) {
    const int64_t dims[] = {b->n, keep};
    Type type = type_of_users(type_make(b->dtype, 2, dims));
    const Value *value = d->in[index];
    if (!value->data || value->type.dtype != DT_U8 || value->data->size != b->n * row_bytes) {
        diag_error(im->diag, d->loc, E_SHAPE, "input %d must be a constant of %lld bytes", index,
                   (long long)(b->n * row_bytes));
        return NULL;
    }
    const void *bytes = constant_bytes(value->data);
    if (keep * b->bits != row_bytes * 8)
        bytes = cut_rows(im->arena, bytes, (int)b->bits, b->n, row_bytes, keep);
    Value *packed = draft_constant(im, d, "packed", &type, bytes);
    return type_is_packed(&type) ? import_unpacked(im, packed) : packed;
}

// (element - zero) * scale, for each block; columns of the factor are rows. Null after an error.
static Value *real_columns(Importer *im, const Draft *d, const Nbits *b) {
    Value *q = elements(im, d, 1, b, b->blocks * b->block * b->bits / 8, b->k), *zero = draft_in(d, 3);
    if (q && zero && zero->type.dtype == DT_U8)
        zero = elements(im, d, 3, b, div_up(b->blocks * b->bits, 8), b->blocks);
    else if (q && zero)
        zero = quantize_matrix(im, d, draft_cast(im, d, zero, DT_F32), b->n, b->blocks);
    if (!q || (draft_in(d, 3) && !zero))
        return NULL;
    Value *scale = quantize_matrix(im, d, draft_cast(im, d, d->in[2], DT_F32), b->n, b->blocks);
    if (!scale) {
        diag_error(im->diag, d->loc, E_SHAPE, "input 2 must have a scale for each block");
        return NULL;
    }
    Value *w = draft_node(im, d, OP_Dequantize, q, scale, zero);
    *(DequantizeAttrs *)w->def->attrs = (DequantizeAttrs){1, b->block, zero ? 0 : 1 << (b->bits - 1)};
    draft_infer(im, w->def);
    return w;
}

bool make_matmul_nbits(Importer *im, Draft *d) {
    Nbits b;
    if (!draft_need(im, d, 3) || !take_nbits(im, d, &b))
        return false;
    Value *w = real_columns(im, d, &b);
    if (!w)
        return false;
    w = draft_cast(im, d, draft_node(im, d, OP_Transpose, w, NULL, NULL), draft_dtype(d, 0));
    Value *y = draft_node(im, d, OP_MatMul, d->in[0], w, NULL);
    return draft_done(im, d, biased(im, d, y, draft_in(d, 5)));
}
