// The domain com.microsoft: what onnxruntime's optimizer writes is in fused.c, its products of quantized numbers in
// qproducts.c. Here are the quantizer's other operators: real numbers are made of quantized ones, the core operator
// works on them, and its result is quantized again. Scales and zero points are single numbers.
#include "onnx/microsoft.h"

#include <string.h>

#include "onnx/decompose.h"
#include "onnx/fused.h"
#include "onnx/qproducts.h"
#include "onnx/quantize.h"

// A scale or zero point as a scalar of f32; null after an error, and where the zero point is left out.
static Value *number(Importer *im, const Draft *d, int input) {
    Value *value = draft_cast(im, d, d->in[input], DT_F32);
    const Type *type = &d->in[input]->type;
    if (type->rank == 0)
        return value;
    if (type->rank == 1 && !type->dim[0].sym && type->dim[0].n == 1)
        return draft_node(im, d, OP_Reshape, value, draft_ints(im, d, "scalar", NULL, 0), NULL);
    diag_error(im->diag, d->loc, E_SHAPE, "input %d must be a single number", input);
    return NULL;
}

// (x - zero) * scale of the operands `x`, `x` + 1 (the scale) and `x` + 2 (the zero point, which may be left out).
static Value *real(Importer *im, const Draft *d, int x) {
    Value *scale = number(im, d, x + 1), *value = draft_cast(im, d, d->in[x], DT_F32);
    if (draft_in(d, x + 2)) {
        Value *zero = number(im, d, x + 2);
        value = zero ? draft_node(im, d, OP_Sub, value, zero, NULL) : NULL;
    }
    return scale && value ? draft_node(im, d, OP_Mul, value, scale, NULL) : NULL;
}

// The result, quantized as operands `scale` and `scale` + 1 say, in the type of operand 0 where there is no zero point.
static bool done(Importer *im, Draft *d, Value *y, int scale) {
    bool has_zero = draft_in(d, scale + 1) != NULL;
    Value *by = number(im, d, scale), *zero = has_zero ? number(im, d, scale + 1) : NULL;
    DType dtype = draft_dtype(d, has_zero ? scale + 1 : 0);
    if (!by || (has_zero && !zero))
        return false;
    if (!dtype_is_int(dtype) || dtype_info[dtype].bits > 16)
        return diag_error(im->diag, d->loc, E_DTYPE, "quantizing to %s is not supported", dtype_info[dtype].name);
    return draft_done(im, d, quantize_real(im, d, y, by, zero, dtype));
}

// a, scale, zero, b, scale, zero, scale and zero of the result
static bool make_binary(Importer *im, Draft *d, OpKind op) {
    if (!draft_need(im, d, 2) || !draft_in(d, 3) || !draft_in(d, 4) || !draft_in(d, 6))
        return draft_need(im, d, 7);
    Value *a = real(im, d, 0), *b = real(im, d, 3);
    return a && b && done(im, d, draft_node(im, d, op, a, b, NULL), 6);
}

static bool make_add(Importer *im, Draft *d) {
    return make_binary(im, d, OP_Add);
}

static bool make_mul(Importer *im, Draft *d) {
    return make_binary(im, d, OP_Mul);
}

// x, scale, zero, scale and zero of the result; the attributes are those of the core operator.
static bool make_unary(Importer *im, Draft *d, OpKind op) {
    int64_t channels_last;
    if (!draft_need(im, d, 2) || !draft_in(d, 3))
        return draft_need(im, d, 4);
    if (!draft_take_int(im, d, "channels_last", 0, &channels_last))
        return false;
    if (channels_last)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'channels_last' is not supported");
    Value *x = real(im, d, 0);
    Value *y = x ? draft_node(im, d, op, x, NULL, NULL) : NULL;
    if (!y || !draft_set_attributes(im, d, y->def))
        return false;
    d->nattr = 0;  // all taken
    draft_infer(im, y->def);
    return done(im, d, y, 3);
}

static bool make_average_pool(Importer *im, Draft *d) {
    return make_unary(im, d, OP_AveragePool);
}

static bool make_global_average_pool(Importer *im, Draft *d) {
    return make_unary(im, d, OP_GlobalAveragePool);
}

static bool make_leaky_relu(Importer *im, Draft *d) {
    return make_unary(im, d, OP_LeakyRelu);
}

static bool make_sigmoid(Importer *im, Draft *d) {
    return make_unary(im, d, OP_Sigmoid);
}

// Attribute `opset` says whether the axis is that of Softmax-13, one axis, or of an older one, which is a matrix.
static bool make_softmax(Importer *im, Draft *d) {
    int64_t opset, axis;
    if (!draft_take_int(im, d, "opset", 13, &opset) || !draft_take_int(im, d, "axis", opset < 13 ? 1 : -1, &axis))
        return false;
    if (opset < 13 && axis != -1 && axis != draft_rank(d, 0) - 1)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE,
                          "attribute 'opset' %lld with an axis that is not the last is not "
                          "supported",
                          (long long)opset);
    draft_set_int(im, d, "axis", axis);
    return make_unary(im, d, OP_Softmax);
}

// Scale and zero of the result, then x, scale and zero of each part
static bool make_concat(Importer *im, Draft *d) {
    int64_t axis;
    if (d->nin < 5 || d->nin % 3 != 2)
        return diag_error(im->diag, d->loc, E_ARITY,
                          "it takes a scale and a zero point, then three inputs for each part");
    if (!draft_need(im, d, d->nin) || !draft_take_int(im, d, "axis", 0, &axis))
        return false;
    Value *y = real(im, d, 2);
    for (int part = 5; part < d->nin && y; part += 3) {
        Value *x = real(im, d, part);
        if (!x)
            return false;
        y = draft_node(im, d, OP_Concat, y, x, NULL);
        ((AxisAttrs *)y->def->attrs)->axis = axis;
        draft_infer(im, y->def);
    }
    return y && done(im, d, y, 0);
}

static const struct {
    const char *op;
    Decomposition decompose;
} table[] = {
    {"Attention", make_fused_attention},
    {"BiasGelu", make_bias_gelu},
    {"DequantizeLinear", make_dequantize},
    {"DynamicQuantizeLSTM", make_dynamic_quantize_lstm},
    {"DynamicQuantizeMatMul", make_dynamic_quantize_matmul},
    {"EmbedLayerNormalization", make_embed_layer_normalization},
    {"FastGelu", make_fast_gelu},
    {"FusedConv", make_fused_conv},
    {"FusedGemm", make_fused_gemm},
    {"FusedMatMul", make_fused_matmul},
    {"Gelu", make_gelu},
    {"GroupQueryAttention", make_group_query_attention},
    {"MatMulIntegerToFloat", make_matmul_integer_to_float},
    {"MatMulNBits", make_matmul_nbits},
    {"MultiHeadAttention", make_multi_head_attention},
    {"QAttention", make_quantized_attention},
    {"QGemm", make_qgemm},
    {"QLinearAdd", make_add},
    {"QLinearAveragePool", make_average_pool},
    {"QLinearConcat", make_concat},
    {"QLinearGlobalAveragePool", make_global_average_pool},
    {"QLinearLeakyRelu", make_leaky_relu},
    {"QLinearMul", make_mul},
    {"QLinearSigmoid", make_sigmoid},
    {"QLinearSoftmax", make_softmax},
    {"QuantizeLinear", make_quantize},
    {"QuickGelu", make_quick_gelu},
    {"RotaryEmbedding", make_fused_rotary},
    {"SkipLayerNormalization", make_skip_layer_normalization},
    {"SkipSimplifiedLayerNormalization", make_skip_rms_normalization},
    {"TransposeMatMul", make_fused_matmul},
};

Decomposition microsoft_find(const char *op) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].op, op))
            return table[i].decompose;
    return NULL;
}
