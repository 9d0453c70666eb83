// Quantization to and from small types: y = (x / scale, rounded) + zero, clipped, and x = (y - zero) * scale. Scale and
// zero are numbers, lists along an axis, or tensors with an element for each block of an axis. The division is done in
// the type that the standard says, all else in float.
//
// Blocks that divide the axis are an axis of their own, of a reshaped x, and the scale is broadcast along it: nothing
// is copied. Where the last block is shorter, scale and zero are repeated and cut instead.
#include "onnx/quantize.h"

#include <math.h>

#include "support/checked.h"

typedef struct Blocks {
    Value *x;           // with the blocks' axis, where there are any
    int64_t axis, size;  // of blocks; 0: none
    bool even;          // x was reshaped
    int64_t back[MAX_RANK];  // the shape of the result: 0 where it is x's
} Blocks;

static bool blocks_fail(Importer *im, const Draft *d, const char *why) {
    return diag_error(im->diag, d->loc, E_SHAPE, "attribute 'block_size': %s", why);
}

// Along the axis and behind it, x must have plain dimensions.
static bool check_blocks(Importer *im, const Draft *d, Blocks *b) {
    const Type *type = &d->in[0]->type;
    if (b->size < 0 || type->rank < 0)
        return blocks_fail(im, d, b->size < 0 ? "it is negative" : "the rank of input 0 is not known");
    b->axis += b->axis < 0 ? type->rank : 0;
    if (b->axis < 0 || b->axis >= type->rank || type->rank == MAX_RANK)
        return blocks_fail(im, d, "the axis is none of input 0's, or that has too many axes");
    for (int i = (int)b->axis; i < type->rank; i++)
        if (type->dim[i].sym || type->dim[i].n == 0)
            return blocks_fail(im, d, "dimensions of input 0 from the axis on have to be known, and not 0");
    b->size = min_i64(b->size, type->dim[b->axis].n);
    return true;
}

static bool take_blocks(Importer *im, Draft *d, Blocks *b) {
    *b = (Blocks){0};
    if (!draft_need(im, d, 2) || !draft_take_int(im, d, "axis", 1, &b->axis) ||
        !draft_take_int(im, d, "block_size", 0, &b->size))
        return false;
    b->x = d->in[0];
    if (!b->size)
        return true;
    if (!check_blocks(im, d, b))
        return false;
    const Type *type = &d->in[0]->type;
    int64_t shape[MAX_RANK + 1] = {0}, n = type->dim[b->axis].n;
    b->even = n % b->size == 0;
    for (int i = (int)b->axis; i < type->rank; i++)
        shape[i + 1] = b->back[i] = type->dim[i].n;
    shape[b->axis] = n / b->size;
    shape[b->axis + 1] = b->size;
    if (b->even)
        b->x = draft_node(im, d, OP_Reshape, b->x, draft_ints(im, d, "blocks", shape, type->rank + 1), NULL);
    return true;
}

static bool blocks_done(Importer *im, Draft *d, const Blocks *b, Value *result) {
    if (b->size && b->even)
        result = draft_node(im, d, OP_Reshape, result, draft_ints(im, d, "shape", b->back, d->in[0]->type.rank), NULL);
    return draft_done(im, d, result);
}

// An element for each block, repeated so that there is one for each element.
static Value *repeat(Importer *im, Draft *d, const Blocks *b, Value *value) {
    int64_t n = b->back[b->axis], count = div_up(n, b->size), times[MAX_RANK], shape[MAX_RANK] = {0}, zero = 0;
    for (int i = 0; i <= d->in[0]->type.rank; i++)
        times[i] = i == b->axis + 1 ? b->size : 1;
    for (int i = (int)b->axis; i < d->in[0]->type.rank; i++)
        shape[i] = i == b->axis ? count * b->size : b->back[i];
    Value *tiled = draft_node(im, d, OP_Tile, value, draft_ints(im, d, "times", times, d->in[0]->type.rank + 1), NULL);
    tiled = draft_node(im, d, OP_Reshape, tiled, draft_ints(im, d, "repeated", shape, d->in[0]->type.rank), NULL);
    Value *cut = draft_node(im, d, OP_Slice, tiled, draft_int(im, d, "start", zero), draft_int(im, d, "end", n));
    node_set_input(cut->def, 3, draft_int(im, d, "axis", b->axis));
    draft_infer(im, cut->def);
    return cut;
}

static Value *spread_blocks(Importer *im, Draft *d, int input, const Blocks *b, Value *value) {
    const Type *type = &d->in[input]->type, *x = &d->in[0]->type;
    if (type->rank != x->rank || type->dim[b->axis].sym || type->dim[b->axis].n != div_up(x->dim[b->axis].n, b->size)) {
        diag_error(im->diag, d->loc, E_SHAPE, "input %d must have an element for each block of %lld along axis %lld",
                   input, (long long)b->size, (long long)b->axis);
        return NULL;
    }
    Value *apart = draft_node(im, d, OP_Unsqueeze, value, draft_int(im, d, "behind", b->axis + 1), NULL);
    return b->even ? apart : repeat(im, d, b, apart);
}

// A scale or zero in type `to`, shaped to meet the first input.
static Value *spread(Importer *im, Draft *d, int input, const Blocks *b, DType to) {
    Value *value = draft_cast(im, d, d->in[input], to);
    const Type *type = &d->in[input]->type;
    if (type->rank == 0)
        return value;
    if (type->rank == 1 && !type->dim[0].sym && type->dim[0].n == 1)
        return draft_node(im, d, OP_Reshape, value, draft_ints(im, d, "scalar", NULL, 0), NULL);
    if (b->size)
        return spread_blocks(im, d, input, b, value);
    int behind = draft_axes_behind(b->axis, draft_rank(d, 0));
    if (type->rank == 1 && behind >= 0)
        return draft_add_axes(im, d, value, 1, behind);
    diag_error(im->diag, d->loc, E_SHAPE, "input %d must be a scalar or a list along the axis", input);
    return NULL;
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

static bool is_real(DType dtype) {
    return dtype == DT_F32 || dtype == DT_F16 || dtype == DT_BF16;
}

static bool is_constant(const Value *value) {
    const Node *def = value->def;
    return value->data || (def && def->op == OP_UnpackBits && def->in[0]->data);
}

// Weights: a constant matrix of small integers, with what there is for each block of it. Products read it as it is.
static bool is_matrix(const Draft *d, DType to) {
    const Type *type = &d->in[0]->type;
    bool constant = true;
    for (int i = 0; i < d->nin; i++)
        constant = constant && (!d->in[i] || is_constant(d->in[i]));
    return constant && to == DT_F32 && type->rank == 2 && dtype_is_int(type->dtype) &&
           dtype_info[type->dtype].bits == 8 && draft_dtype(d, 1) == DT_F32 && type->dim[0].n > 0 &&
           type->dim[1].n > 0 && (!draft_in(d, 2) || draft_dtype(d, 2) == type->dtype);
}

Value *quantize_matrix(Importer *im, const Draft *d, Value *value, int64_t rows, int64_t columns) {
    const int64_t shape[2] = {rows, columns};
    const Type *type = &value->type;
    Value *packed = value->data ? value : value->def && value->def->op == OP_UnpackBits ? value->def->in[0] : NULL;
    bool known = type_is_static(type);
    if (known && type->rank == 2)
        return type->dim[0].n == rows && type->dim[1].n == columns ? value : NULL;
    if (known && type_count(type) != rows * columns)
        return NULL;
    if (!packed || !packed->data)
        return draft_node(im, d, OP_Reshape, value, draft_ints(im, d, "blocks", shape, 2), NULL);
    Type matrix = type_make(type->dtype, 2, shape);
    if (packed == value)
        return value_constant_like(im->graph, value, matrix);
    return import_unpacked(im, value_constant_like(im->graph, packed, type_of_users(matrix)));
}

// The matrix as one node, or null where its blocks are none of the standard's: what reports that comes then.
static Value *dequantize_matrix(Importer *im, const Draft *d, const Blocks *b) {
    const Type *x = &d->in[0]->type, *scale = &d->in[1]->type;
    int64_t axis = b->axis < 0 ? b->axis + 2 : b->axis;
    bool one = type_count(scale) == 1;
    if (axis < 0 || axis > 1 || scale->rank != (b->size ? 2 : one ? scale->rank : 1) || scale->rank > 2)
        return NULL;
    int64_t size[2] = {x->dim[0].n, x->dim[1].n};
    if (b->size || !one) {
        size[axis] = b->size ? b->size : 1;
        size[!axis] = b->size ? 1 : size[!axis];
    }
    DequantizeAttrs attrs = {size[0], size[1], 0};
    int64_t rows = div_up(x->dim[0].n, size[0]), columns = div_up(x->dim[1].n, size[1]);
    Value *scales = quantize_matrix(im, d, d->in[1], rows, columns), *zeros = NULL;
    if (draft_in(d, 2) && scales)
        zeros = quantize_matrix(im, d, d->in[2], rows, columns);
    if (!scales || (draft_in(d, 2) && !zeros))
        return NULL;
    Value *y = draft_node(im, d, OP_Dequantize, d->in[0], scales, zeros);
    *(DequantizeAttrs *)y->def->attrs = attrs;
    draft_infer(im, y->def);
    return y;
}

bool make_dequantize(Importer *im, Draft *d) {
    Blocks b;
    DType dtype;
    if (!take_blocks(im, d, &b) || !take_dtype(im, d, "output_dtype", draft_dtype(d, 1), &dtype))
        return false;
    if (!is_real(dtype))
        return diag_error(im->diag, d->loc, E_DTYPE, "dequantizing to %s is not possible: set 'output_dtype'",
                          dtype_info[dtype].name);
    Value *matrix = is_matrix(d, dtype) ? dequantize_matrix(im, d, &b) : NULL;
    if (matrix)
        return draft_done(im, d, matrix);
    Value *scale = spread(im, d, 1, &b, DT_F32), *zero = draft_in(d, 2) ? spread(im, d, 2, &b, DT_F32) : NULL;
    if (!scale || (draft_in(d, 2) && !zero))
        return false;
    Value *x = draft_cast(im, d, b.x, DT_F32);
    if (zero)
        x = draft_node(im, d, OP_Sub, x, zero, NULL);
    Value *result = draft_node(im, d, OP_Mul, x, scale, NULL);
    return blocks_done(im, d, &b, draft_cast(im, d, result, dtype));
}

// To an integer; `x` is divided already, `zero` may be null.
static Value *round_to(Importer *im, const Draft *d, Value *x, Value *zero, DType dtype) {
    int bits = dtype_info[dtype].packed;
    double low = dtype_is_signed(dtype) ? -ldexp(1, bits - 1) : 0;
    double high = (dtype_is_signed(dtype) ? ldexp(1, bits - 1) : ldexp(1, bits)) - 1;
    Value *rounded = draft_cast(im, d, draft_node(im, d, OP_Round, x, NULL, NULL), DT_F32);
    if (zero)
        rounded = draft_node(im, d, OP_Add, rounded, zero, NULL);
    Value *clipped = draft_node(im, d, OP_Clip, rounded, draft_scalar(im, d, "low", DT_F32, low),
                                draft_scalar(im, d, "high", DT_F32, high));
    return draft_cast(im, d, clipped, dtype);
}

Value *quantize_real(Importer *im, const Draft *d, Value *x, Value *scale, Value *zero, DType dtype) {
    return round_to(im, d, draft_node(im, d, OP_Div, x, scale, NULL), zero, dtype);
}

// To a float, whose zero is not added where it is float8.
static Value *narrow_to(Importer *im, const Draft *d, Value *x, Value *zero, DType dtype, bool saturate) {
    if (zero && dtype_is_packed(dtype))
        x = draft_node(im, d, OP_Add, x, zero, NULL);
    Value *result = draft_node(im, d, OP_Cast, x, NULL, NULL);
    CastAttrs *attrs = result->def->attrs;
    attrs->to = dtype;
    attrs->saturate = saturate;
    draft_infer(im, result->def);
    return result;
}

static bool check_quantized(Importer *im, const Draft *d, DType dtype) {
    bool known = dtype_is_int(dtype) ? dtype_info[dtype].bits <= 16
                                     : dtype_is_float(dtype) && dtype_info[dtype].bits == 8 && dtype != DT_F8E8M0;
    if (known && (!draft_in(d, 2) || draft_dtype(d, 2) == dtype))
        return true;
    return diag_error(im->diag, d->loc, E_DTYPE, known ? "quantizing to %s, but the zero is of another type"
                                                       : "quantizing to %s is not possible", dtype_info[dtype].name);
}

// The type to divide in: `precision`, else that of x and scale where they agree.
static bool take_precision(Importer *im, Draft *d, DType *dtype) {
    DType x = draft_dtype(d, 0);
    if (!take_dtype(im, d, "precision", x == draft_dtype(d, 1) && is_real(x) ? x : DT_F32, dtype))
        return false;
    return is_real(*dtype) ||
           diag_error(im->diag, d->loc, E_DTYPE, "attribute 'precision': dividing in %s is not possible",
                      dtype_info[*dtype].name);
}

bool make_quantize(Importer *im, Draft *d) {
    Blocks b;
    int64_t saturate;
    DType dtype, precision;
    if (!take_blocks(im, d, &b) || !draft_take_int(im, d, "saturate", 1, &saturate) ||
        !take_precision(im, d, &precision) ||
        !take_dtype(im, d, "output_dtype", draft_in(d, 2) ? draft_dtype(d, 2) : DT_U8, &dtype) ||
        !check_quantized(im, d, dtype))
        return false;
    bool to_int = dtype_is_int(dtype);
    Value *scale = spread(im, d, 1, &b, precision), *zero = NULL;
    if (draft_in(d, 2))
        zero = spread(im, d, 2, &b, to_int ? DT_F32 : precision);
    if (!scale || (draft_in(d, 2) && !zero))
        return false;
    Value *x = draft_node(im, d, OP_Div, draft_cast(im, d, b.x, precision), scale, NULL);
    return blocks_done(im, d, &b, to_int ? round_to(im, d, x, zero, dtype)
                                         : narrow_to(im, d, x, zero, dtype, saturate != 0));
}

// To u8, with a scale and a zero that fit the range of x, 0 included.
Value *quantize_dynamic(Importer *im, const Draft *d, Value *x, Value **scale, Value **zero) {
    Value *none = draft_scalar(im, d, "none", DT_F32, 0);
    Node *most = draft_node(im, d, OP_ReduceMax, x, NULL, NULL)->def;
    Node *least = draft_node(im, d, OP_ReduceMin, x, NULL, NULL)->def;
    ((ReduceAttrs *)most->attrs)->keepdims = false;
    ((ReduceAttrs *)least->attrs)->keepdims = false;
    draft_infer(im, most);
    draft_infer(im, least);
    Value *high = draft_node(im, d, OP_Max, most->out[0], none, NULL);
    Value *low = draft_node(im, d, OP_Min, least->out[0], none, NULL);
    Value *range = draft_node(im, d, OP_Sub, high, low, NULL);
    *scale = draft_node(im, d, OP_Div, range, draft_scalar(im, d, "steps", DT_F32, 255), NULL);
    *zero = quantize_real(im, d, draft_node(im, d, OP_Sub, none, low, NULL), *scale, NULL, DT_U8);
    return quantize_real(im, d, x, *scale, draft_cast(im, d, *zero, DT_F32), DT_U8);
}

bool make_dynamic_quantize(Importer *im, Draft *d) {
    Value *scale, *zero;
    if (!draft_need(im, d, 1))
        return false;
    Value *y = quantize_dynamic(im, d, d->in[0], &scale, &zero);
    return draft_define(im, d, 1, scale) && draft_define(im, d, 2, zero) && draft_done(im, d, y);
}
