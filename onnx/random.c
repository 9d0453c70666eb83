// Random operators, all of them made of sqz.Random's uniform or normal numbers.
//
// A run of the model gives the same numbers each time. The key of the generator is the operator's `seed` (the bits of
// the float, or Dropout's integer); without one it is KEY with the number of random operators before it in the model
// xored in.
#include "onnx/random.h"

#include <string.h>

static const int64_t KEY = 0x73717a63;

// Always true.
static bool take_key(Importer *im, Draft *d, int64_t *key) {
    const Onnx__AttributeProto *a = draft_take(d, "seed");
    *key = KEY ^ im->draws++;
    if (a && a->has_i) {
        *key = a->i;
    } else if (a) {
        uint32_t bits;
        memcpy(&bits, &a->f, sizeof bits);
        *key = bits;
    }
    return true;
}

static Value *draw(Importer *im, const Draft *d, Value *shape, DType dtype, RandomKind kind, int64_t key) {
    Value *y = draft_node(im, d, OP_Random, shape, NULL, NULL);
    *(RandomAttrs *)y->def->attrs = (RandomAttrs){dtype == DT_F64 ? DT_F64 : DT_F32, (int)kind, key};
    draft_infer(im, y->def);
    return y;
}

static bool take_dtype(Importer *im, Draft *d, DType otherwise, DType *dtype) {
    int64_t number;
    if (!draft_take_int(im, d, "dtype", 0, &number))
        return false;
    int onnx = number < 0 || number > 1000 ? -1 : (int)number;
    *dtype = onnx ? dtype_from_onnx(onnx) : otherwise;
    if (*dtype != DT_NONE)
        return true;
    return diag_error(im->diag, d->loc, E_DTYPE, "attribute 'dtype': element type %s is not supported",
                      tensor_type_name(im->arena, onnx));
}

static Value *shape_of(Importer *im, const Draft *d) {
    return draft_node(im, d, OP_Shape, d->in[0], NULL, NULL);
}

// number * by + offset
static Value *moved(Importer *im, const Draft *d, Value *number, double by, double offset) {
    DType dtype = number->type.dtype;
    Value *y = by == 1 ? number : draft_binary(im, d, OP_Mul, number, draft_scalar(im, d, "by", dtype, by));
    return offset == 0 ? y : draft_binary(im, d, OP_Add, y, draft_scalar(im, d, "offset", dtype, offset));
}

bool make_random(Importer *im, Draft *d) {
    bool normal = !strncmp(d->op, "RandomNormal", 12), like = strstr(d->op, "Like"), found;
    double low, high;
    int64_t key;
    DType dtype;
    Ints sizes;
    if ((like && !draft_need(im, d, 1)) || !draft_take_ints(im, d, "shape", &sizes, &found) ||
        !draft_take_float(im, d, normal ? "mean" : "low", 0, &low) ||
        !draft_take_float(im, d, normal ? "scale" : "high", 1, &high) || !take_key(im, d, &key) ||
        !take_dtype(im, d, like ? draft_dtype(d, 0) : DT_F32, &dtype))
        return false;
    if (!like && !found)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'shape' is missing");
    if (!dtype_is_float(dtype))
        return diag_error(im->diag, d->loc, E_DTYPE, "random numbers are of a float type, not %s",
                          dtype_info[dtype].name);
    Value *shape = like ? shape_of(im, d) : draft_ints(im, d, "shape", sizes.v, sizes.n);
    Value *y = draw(im, d, shape, dtype, normal ? RANDOM_NORMAL : RANDOM_UNIFORM, key);
    return draft_done(im, d, draft_cast(im, d, moved(im, d, y, normal ? high : high - low, low), dtype));
}

// 1 with the probability x
bool make_bernoulli(Importer *im, Draft *d) {
    int64_t key;
    DType dtype;
    if (!draft_need(im, d, 1) || !take_key(im, d, &key) || !take_dtype(im, d, draft_dtype(d, 0), &dtype))
        return false;
    Value *y = draw(im, d, shape_of(im, d), draft_dtype(d, 0), RANDOM_UNIFORM, key);
    Value *hit = draft_binary(im, d, OP_Less, y, draft_cast(im, d, d->in[0], y->type.dtype));
    return draft_done(im, d, draft_cast(im, d, hit, dtype));
}

// Each sample is the number of classes whose probabilities, added up to theirs, are not above a uniform number.
bool make_multinomial(Importer *im, Draft *d) {
    int64_t key, samples;
    DType dtype;
    if (!draft_need(im, d, 1) || !take_key(im, d, &key) || !draft_take_int(im, d, "sample_size", 1, &samples) ||
        !take_dtype(im, d, DT_I32, &dtype))
        return false;
    Value *x = draft_dtype(d, 0) == DT_F64 ? d->in[0] : draft_cast(im, d, d->in[0], DT_F32);
    Value *classes = shape_of(im, d), *zero = draft_int(im, d, "first", 0), *one = draft_int(im, d, "last", 1);
    Value *shape =
        draft_binary(im, d, OP_Concat, draft_binary(im, d, OP_Gather, classes, zero),
                     draft_int(im, d, "samples", samples));
    Value *uniform = draw(im, d, shape, x->type.dtype, RANDOM_UNIFORM, key);
    Value *sums = draft_binary(im, d, OP_CumSum, draft_node(im, d, OP_Softmax, x, NULL, NULL), one);
    Value *passed = draft_binary(im, d, OP_LessOrEqual, draft_binary(im, d, OP_Unsqueeze, sums, one),
                                 draft_binary(im, d, OP_Unsqueeze, uniform, draft_int(im, d, "sample_axis", 2)));
    Value *count = draft_binary(im, d, OP_ReduceSum, draft_cast(im, d, passed, DT_I64),
                                draft_int(im, d, "class_axis", 2));
    ((ReduceAttrs *)count->def->attrs)->keepdims = false;
    draft_infer(im, count->def);
    Value *most = draft_binary(im, d, OP_Sub, draft_binary(im, d, OP_Gather, classes, one), one);
    return draft_done(im, d, draft_cast(im, d, draft_binary(im, d, OP_Min, count, most), dtype));
}

// x / (1 - ratio) where a uniform number is at least the ratio, else 0; without training x everywhere.
bool make_training_dropout(Importer *im, Draft *d) {
    int64_t key;
    if (!draft_need(im, d, 1) || !take_key(im, d, &key))
        return false;
    Value *x = d->in[0], *training = d->in[2];
    DType dtype = draft_dtype(d, 0), in = dtype == DT_F64 ? DT_F64 : DT_F32;
    Value *ratio = draft_in(d, 1) ? draft_cast(im, d, d->in[1], in) : draft_scalar(im, d, "ratio", in, 0.5);
    Value *uniform = draw(im, d, shape_of(im, d), in, RANDOM_UNIFORM, key);
    Value *mask = draft_binary(im, d, OP_GreaterOrEqual, uniform, ratio), *one = draft_scalar(im, d, "one", in, 1);
    mask = draft_binary(im, d, OP_Or, mask, draft_node(im, d, OP_Not, training, NULL, NULL));
    Value *kept = draft_binary(im, d, OP_Sub, one, ratio);
    kept = draft_node(im, d, OP_Where, training, kept, one);
    Value *y = draft_binary(im, d, OP_Div, draft_cast(im, d, x, in), kept);
    y = draft_node(im, d, OP_Where, mask, y, draft_scalar(im, d, "zero", in, 0));
    return draft_define(im, d, 1, mask) && draft_done(im, d, draft_cast(im, d, y, dtype));
}
