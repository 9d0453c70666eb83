// Products of quantized numbers: zero points are subtracted, Conv and MatMul work in 32-bit integers, and where the
// result is quantized it is clip(round(product * (scale * scale / scale) + zero)), in float, as the standard has it.
#include "onnx/qlinear.h"

#include <math.h>
#include <string.h>

// A scale or zero point as a number, or as a list along the axis that `behind` others follow.
Value *quantized_along(Importer *im, const Draft *d, Value *value, int behind) {
    const Type *type = &value->type;
    if (type->rank == 1 && !type->dim[0].sym && type->dim[0].n == 1)
        return draft_node(im, d, OP_Reshape, value, draft_ints(im, d, "scalar", NULL, 0), NULL);
    return type->rank == 1 ? draft_add_axes(im, d, value, 1, behind) : value;
}

// Operand `index` less its zero point, if it has one.
Value *quantized_centred(Importer *im, const Draft *d, int index, int zero, int behind) {
    Value *x = draft_cast(im, d, d->in[index], DT_I32);
    if (!draft_in(d, zero))
        return x;
    return draft_node(im, d, OP_Sub, x, quantized_along(im, d, draft_cast(im, d, d->in[zero], DT_I32), behind), NULL);
}

static bool take_conv(Importer *im, Draft *d, ConvAttrs *attrs) {
    const char *auto_pad;
    const char *const *words = attrs_find(&conv_attrs, "auto_pad")->words;
    bool found;
    if (!draft_take_text(im, d, "auto_pad", words[0], &auto_pad) ||
        !draft_take_ints(im, d, "dilations", &attrs->dilations, &found) ||
        !draft_take_int(im, d, "group", 1, &attrs->group) ||
        !draft_take_ints(im, d, "kernel_shape", &attrs->kernel_shape, &found) ||
        !draft_take_ints(im, d, "pads", &attrs->pads, &found) ||
        !draft_take_ints(im, d, "strides", &attrs->strides, &found))
        return false;
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], auto_pad)) {
            attrs->auto_pad = i;
            return true;
        }
    return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'auto_pad' is '%s', which is not known", auto_pad);
}

// Null after an error.
static Value *conv(Importer *im, Draft *d, Value *x, Value *w, Value *bias) {
    Value *y = draft_node(im, d, OP_Conv, x, w, bias);
    if (!take_conv(im, d, y->def->attrs))
        return NULL;
    draft_infer(im, y->def);
    return y;
}

// How many axes follow the first of a weight.
static bool weight_axes(Importer *im, const Draft *d, int index, int *behind) {
    *behind = draft_rank(d, index) - 1;
    return *behind >= 0 || diag_error(im->diag, d->loc, E_DYNAMIC, "the rank of input %d is not known", index);
}

bool make_conv_integer(Importer *im, Draft *d) {
    int behind;
    if (!draft_need(im, d, 2) || !weight_axes(im, d, 1, &behind))
        return false;
    Value *y = conv(im, d, quantized_centred(im, d, 0, 2, 0), quantized_centred(im, d, 1, 3, behind), NULL);
    return y && draft_done(im, d, y);
}

bool make_matmul_integer(Importer *im, Draft *d) {
    if (!draft_need(im, d, 2))
        return false;
    Value *a = quantized_centred(im, d, 0, 2, 1), *b = quantized_centred(im, d, 1, 3, 0);
    return draft_done(im, d, draft_node(im, d, OP_MatMul, a, b, NULL));
}

// The operands' places are those of both operators: x, scale, zero, w, scale, zero, scale, zero.
static Value *requantize(Importer *im, const Draft *d, Value *product, int x_behind, int w_behind) {
    DType dtype = draft_dtype(d, 7);
    int bits = dtype_info[dtype].packed;
    double low = dtype_is_signed(dtype) ? -ldexp(1, bits - 1) : 0;
    double high = (dtype_is_signed(dtype) ? ldexp(1, bits - 1) : ldexp(1, bits)) - 1;
    Value *x_scale = quantized_along(im, d, d->in[1], x_behind), *w_scale = quantized_along(im, d, d->in[4], w_behind);
    Value *scale = draft_node(im, d, OP_Mul, x_scale, w_scale, NULL);
    scale = draft_node(im, d, OP_Div, scale, quantized_along(im, d, d->in[6], x_behind), NULL);
    Value *scaled =
        draft_node(im, d, OP_Mul, draft_cast(im, d, product, DT_F32), draft_cast(im, d, scale, DT_F32), NULL);
    Value *zero = quantized_along(im, d, draft_cast(im, d, d->in[7], DT_F32), x_behind);
    Value *rounded = draft_node(im, d, OP_Round, draft_node(im, d, OP_Add, scaled, zero, NULL), NULL, NULL);
    Value *clipped = draft_node(im, d, OP_Clip, rounded, draft_scalar(im, d, "low", DT_F32, low),
                                draft_scalar(im, d, "high", DT_F32, high));
    return draft_cast(im, d, clipped, dtype);
}

static bool check_quantized(Importer *im, const Draft *d) {
    if (!draft_need(im, d, 8))
        return false;
    DType dtype = draft_dtype(d, 7);
    return (dtype_is_int(dtype) && dtype_info[dtype].bits <= 16) ||
           diag_error(im->diag, d->loc, E_DTYPE, "quantizing to %s is not supported", dtype_info[dtype].name);
}

bool make_qlinear_conv(Importer *im, Draft *d) {
    int behind;
    if (!check_quantized(im, d) || !weight_axes(im, d, 3, &behind))
        return false;
    Value *y = conv(im, d, quantized_centred(im, d, 0, 2, 0), quantized_centred(im, d, 3, 5, behind), draft_in(d, 8));
    return y && draft_done(im, d, requantize(im, d, y, 0, behind - 1));
}

bool make_qlinear_matmul(Importer *im, Draft *d) {
    if (!check_quantized(im, d))
        return false;
    Value *product =
        draft_node(im, d, OP_MatMul, quantized_centred(im, d, 0, 2, 1), quantized_centred(im, d, 3, 5, 0), NULL);
    return draft_done(im, d, requantize(im, d, product, 1, 0));
}
