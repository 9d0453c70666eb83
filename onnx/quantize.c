// Quantization to and from integers, in float arithmetic: y = clip(round(x / scale) + zero, lowest, highest), to even
// at ties, and x = (y - zero) * scale. Scale and zero are numbers, or lists along an axis.
#include "onnx/quantize.h"

#include <math.h>

// A scale or zero as float, shaped to meet the first input along `axis`.
static Value *spread(Importer *im, Draft *d, int input, int64_t axis) {
    Value *value = draft_cast(im, d, d->in[input], DT_F32);
    const Type *type = &d->in[input]->type;
    if (type->rank == 0)
        return value;
    if (type->rank == 1 && !type->dim[0].sym && type->dim[0].n == 1)
        return draft_node(im, d, OP_Reshape, value, draft_ints(im, d, "scalar", NULL, 0), NULL);
    int behind = draft_axes_behind(axis, draft_rank(d, 0));
    if (type->rank == 1 && behind >= 0)
        return draft_add_axes(im, d, value, 1, behind);
    diag_error(im->diag, d->loc, E_SHAPE, "input %d must be a scalar or a list along the axis", input);
    return NULL;
}

static bool take_layout(Importer *im, Draft *d, int64_t *axis, int64_t *block) {
    if (!draft_need(im, d, 2) || !draft_take_int(im, d, "axis", 1, axis) ||
        !draft_take_int(im, d, "block_size", 0, block))
        return false;
    return !*block || diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'block_size': blocks are not supported");
}

// The element type that attribute `name` asks for; `otherwise` where it doesn't.
static bool take_dtype(Importer *im, Draft *d, const char *name, DType otherwise, DType *dtype) {
    int64_t number;
    if (!draft_take_int(im, d, name, 0, &number))
        return false;
    int onnx = number < 0 || number > 1000 ? -1 : (int)number;
    *dtype = onnx ? dtype_from_onnx(onnx) : otherwise;
    if (*dtype != DT_NONE)
        return true;
    return diag_error(im->diag, d->loc, E_DTYPE, "attribute '%s': element type %s is not supported", name,
                      tensor_type_name(im->arena, onnx));
}

bool make_dequantize(Importer *im, Draft *d) {
    int64_t axis, block;
    DType dtype;
    if (!take_layout(im, d, &axis, &block) || !take_dtype(im, d, "output_dtype", draft_dtype(d, 1), &dtype))
        return false;
    Value *scale = spread(im, d, 1, axis), *zero = draft_in(d, 2) ? spread(im, d, 2, axis) : NULL;
    if (!scale || (draft_in(d, 2) && !zero))
        return false;
    Value *x = draft_cast(im, d, d->in[0], DT_F32);
    if (zero)
        x = draft_node(im, d, OP_Sub, x, zero, NULL);
    Value *result = draft_node(im, d, OP_Mul, x, scale, NULL);
    return draft_done(im, d, dtype == DT_F32 ? result : draft_cast(im, d, result, dtype));
}

Value *quantize_real(Importer *im, const Draft *d, Value *x, Value *scale, Value *zero, DType dtype) {
    int bits = dtype_info[dtype].bits;
    double low = dtype_is_signed(dtype) ? -ldexp(1, bits - 1) : 0;
    double high = (dtype_is_signed(dtype) ? ldexp(1, bits - 1) : ldexp(1, bits)) - 1;
    Value *rounded = draft_node(im, d, OP_Round, draft_node(im, d, OP_Div, x, scale, NULL), NULL, NULL);
    if (zero)
        rounded = draft_node(im, d, OP_Add, rounded, zero, NULL);
    Value *clipped = draft_node(im, d, OP_Clip, rounded, draft_scalar(im, d, "low", DT_F32, low),
                                draft_scalar(im, d, "high", DT_F32, high));
    return draft_cast(im, d, clipped, dtype);
}

bool make_quantize(Importer *im, Draft *d) {
    int64_t axis, block, ignored;
    DType dtype, precision;
    if (!take_layout(im, d, &axis, &block) || !draft_take_int(im, d, "saturate", 1, &ignored) ||
        !take_dtype(im, d, "precision", DT_F32, &precision) ||
        !take_dtype(im, d, "output_dtype", draft_in(d, 2) ? draft_dtype(d, 2) : DT_U8, &dtype))
        return false;
    if (!dtype_is_int(dtype) || dtype_info[dtype].bits > 16)
        return diag_error(im->diag, d->loc, E_DTYPE, "quantizing to %s is not supported", dtype_info[dtype].name);
    Value *scale = spread(im, d, 1, axis), *zero = draft_in(d, 2) ? spread(im, d, 2, axis) : NULL;
    if (!scale || (draft_in(d, 2) && !zero))
        return false;
    return draft_done(im, d, quantize_real(im, d, draft_cast(im, d, d->in[0], DT_F32), scale, zero, dtype));
}

// To u8, with a scale and a zero that fit the range of x, 0 included.
bool make_dynamic_quantize(Importer *im, Draft *d) {
    if (!draft_need(im, d, 1))
        return false;
    Value *x = d->in[0], *none = draft_scalar(im, d, "none", DT_F32, 0);
    Node *most = draft_node(im, d, OP_ReduceMax, x, NULL, NULL)->def;
    Node *least = draft_node(im, d, OP_ReduceMin, x, NULL, NULL)->def;
    ((ReduceAttrs *)most->attrs)->keepdims = false;
    ((ReduceAttrs *)least->attrs)->keepdims = false;
    draft_infer(im, most);
    draft_infer(im, least);
    Value *high = draft_node(im, d, OP_Max, most->out[0], none, NULL);
    Value *low = draft_node(im, d, OP_Min, least->out[0], none, NULL);
    Value *range = draft_node(im, d, OP_Sub, high, low, NULL);
    Value *scale = draft_node(im, d, OP_Div, range, draft_scalar(im, d, "steps", DT_F32, 255), NULL);
    Value *zero = quantize_real(im, d, draft_node(im, d, OP_Sub, none, low, NULL), scale, NULL, DT_U8);
    if (!draft_define(im, d, 1, scale) || !draft_define(im, d, 2, zero))
        return false;
    return draft_done(im, d, quantize_real(im, d, x, scale, draft_cast(im, d, zero, DT_F32), DT_U8));
}
