// Composite operators as graphs of core ones, after the function bodies that the ONNX standard gives for them. Each
// builder takes what attributes it knows from the draft, makes nodes and names the last one's result; attributes that
// remain are refused by draft_done. Normalizations are in norms.c, quantization is in quantize.c.
#include "onnx/decompose.h"

#include <math.h>
#include <string.h>

#include "ir/element.h"
#include "onnx/affine.h"
#include "onnx/attention.h"
#include "onnx/flow.h"
#include "onnx/grams.h"
#include "onnx/lists.h"
#include "onnx/losses.h"
#include "onnx/microsoft.h"
#include "onnx/ml.h"
#include "onnx/norms.h"
#include "onnx/preview.h"
#include "onnx/qlinear.h"
#include "onnx/quantize.h"
#include "onnx/random.h"
#include "onnx/sequence.h"
#include "onnx/training.h"
#include "onnx/signal.h"

// Constants.

static bool constant_list(Importer *im, Draft *d, const Onnx__AttributeProto *a, DType dtype, bool scalar) {
    int64_t n = scalar ? 1 : (int64_t)(dtype == DT_F32 ? a->n_floats : a->n_ints);
    Type type = type_make(dtype, scalar ? 0 : 1, &n);
    void *bytes = arena_alloc(im->arena, (size_t)type_bytes(&type));
    if (dtype == DT_F32 && n)
        memcpy(bytes, scalar ? &a->f : a->floats, (size_t)n * sizeof a->f);
    else if (n)
        memcpy(bytes, scalar ? &a->i : a->ints, (size_t)n * sizeof a->i);
    const char *name = d->out[0];
    return draft_done(im, d, value_constant(im->graph, scope_label(d->scope, name), type, bytes));
}

static bool constant_tensor(Importer *im, Draft *d, const Onnx__AttributeProto *a) {
    Type type;
    const void *bytes;
    const char *name = d->out[0];
    if (!a->t)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'value' has no tensor");
    return tensor_read(&im->tensors, d->loc, name, a->t, &type, &bytes) &&
           draft_done(im, d, value_constant(im->graph, scope_label(d->scope, name), type, bytes));
}

static bool make_constant(Importer *im, Draft *d) {
    const Onnx__AttributeProto *a;
    if ((a = draft_take(d, "value")))
        return constant_tensor(im, d, a);
    if ((a = draft_take(d, "value_float")))
        return constant_list(im, d, a, DT_F32, true);
    if ((a = draft_take(d, "value_floats")))
        return constant_list(im, d, a, DT_F32, false);
    if ((a = draft_take(d, "value_int")))
        return constant_list(im, d, a, DT_I64, true);
    if ((a = draft_take(d, "value_ints")))
        return constant_list(im, d, a, DT_I64, false);
    if (draft_take(d, "value_string") || draft_take(d, "value_strings"))
        return diag_error(im->diag, d->loc, E_DTYPE, "strings are not supported");
    if (draft_take(d, "sparse_value"))
        return diag_error(im->diag, d->loc, E_TENSOR, "sparse tensors are not supported");
    return diag_error(im->diag, d->loc, E_ATTRIBUTE, "it has no value");
}

// A 64-bit integer that no double holds is expanded from a constant.
static bool fits_double(const Type *type, const void *bytes) {
    if (type->dtype != DT_I64 && type->dtype != DT_U64)
        return true;
    int64_t number = element_int(type->dtype, bytes, 0);
    return number >= -((int64_t)1 << 53) && number <= (int64_t)1 << 53;
}

static bool make_filled(Importer *im, Draft *d) {
    const Onnx__AttributeProto *a = draft_take(d, "value");
    Type type = type_make(DT_F32, 0, NULL);
    const float zero = 0;
    const void *bytes = &zero;
    if (!draft_need(im, d, 1))
        return false;
    if (a && a->t && !tensor_read(&im->tensors, d->loc, "value", a->t, &type, &bytes))
        return false;
    if ((a && !a->t) || type_count(&type) != 1)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'value' must be a tensor of one element");
    bytes = elements_wide(im->arena, &type, bytes);
    if (!fits_double(&type, bytes)) {
        Type scalar = type_make(type.dtype, 0, NULL);
        Value *value = draft_constant(im, d, "value", &scalar, bytes);
        return draft_done(im, d, draft_node(im, d, OP_Expand, value, d->in[0], NULL));
    }
    Value *result = draft_node(im, d, OP_ConstantOfShape, d->in[0], NULL, NULL);
    *(FillAttrs *)result->def->attrs = (FillAttrs){element_double(type.dtype, bytes, 0), type.dtype};
    draft_infer(im, result->def);
    return draft_done(im, d, result);
}

// Shape

static bool make_shape(Importer *im, Draft *d) {
    bool has_end = false;
    for (int i = 0; i < d->nattr; i++)
        has_end = has_end || !strcmp(d->attr[i]->name, "end");
    if (!draft_finish(im, d, OP_Shape))
        return false;
    Node *node = im->graph->last;
    ((ShapeAttrs *)node->attrs)->has_end = has_end;
    draft_infer(im, node);
    return true;
}

// The number that an optional input is; false where it is no constant.
static bool constant_number(const Draft *d, int index, double absent, double *number) {
    const Value *value = draft_in(d, index);
    *number = absent;
    if (!value)
        return true;
    if (!value->data || type_count(&value->type) != 1)
        return false;
    *number = element_double(value->type.dtype, constant_bytes(value->data), 0);
    return true;
}

// Dropout passes its input on, in training (random.c) too where nothing is dropped; the mask says that it kept all.
static bool make_dropout(Importer *im, Draft *d) {
    double on, ratio;
    if (!draft_need(im, d, 1))
        return false;
    bool nothing = draft_in(d, 1) && constant_number(d, 1, 0, &ratio) && ratio == 0;
    if (!nothing && (!constant_number(d, 2, 0, &on) || on != 0))
        return make_training_dropout(im, d);
    draft_take(d, "ratio");
    draft_take(d, "seed");
    draft_take(d, "is_test");
    if (draft_wants(d, 1)) {
        Value *shape = draft_node(im, d, OP_Shape, d->in[0], NULL, NULL);
        Value *mask = draft_node(im, d, OP_ConstantOfShape, shape, NULL, NULL);
        // Before opset 10 the mask had the type of the data.
        *(FillAttrs *)mask->def->attrs = (FillAttrs){1, d->opset < 10 ? draft_dtype(d, 0) : DT_BOOL};
        draft_infer(im, mask->def);
        if (!draft_define(im, d, 1, mask))
            return false;
    }
    return draft_done(im, d, draft_node(im, d, OP_Identity, d->in[0], NULL, NULL));
}

static bool make_cast_like(Importer *im, Draft *d) {
    if (!draft_need(im, d, 2))
        return false;
    if (d->in[1]->type.dtype == DT_NONE)
        return diag_error(im->diag, d->loc, E_DYNAMIC, "the element type of input 1 is not known");
    draft_set_int(im, d, "to", dtype_info[d->in[1]->type.dtype].onnx);
    d->nin = 1;
    return draft_finish(im, d, OP_Cast);
}

// Activations

bool make_gelu(Importer *im, Draft *d) {
    return draft_finish(im, d, OP_Gelu);
}

// x sigmoid(alpha x)
static Value *swish(Importer *im, const Draft *d, Value *x, double alpha) {
    Value *result = draft_node(im, d, OP_Swish, x, NULL, NULL);
    ((ActAttrs *)result->def->attrs)->alpha = alpha;
    return result;
}

// swish(a) b, of one shape
static bool make_swiglu(Importer *im, Draft *d) {
    double alpha;
    if (!draft_need(im, d, 2) || !draft_take_float(im, d, "alpha", 1, &alpha))
        return false;
    return draft_done(im, d, draft_node(im, d, OP_Mul, swish(im, d, d->in[0], alpha), d->in[1], NULL));
}

// Arithmetic

// From left to right, as the standard's reference adds: what looks for Add finds sums of two, too.
static bool make_sum(Importer *im, Draft *d) {
    if (!draft_need(im, d, d->nin ? d->nin : 1))
        return false;
    Value *sum = d->in[0];
    for (int i = 1; i < d->nin; i++)
        sum = draft_node(im, d, OP_Add, sum, d->in[i], NULL);
    return draft_done(im, d, sum);
}

// Positions

// 1 where the first largest element along `axis` is, 0 elsewhere
static Value *hardmax(Importer *im, Draft *d, Value *x, int64_t axis, int behind) {
    Value *largest = draft_node(im, d, OP_ArgMax, x, NULL, NULL);
    ((ArgAttrs *)largest->def->attrs)->axis = axis;
    draft_infer(im, largest->def);
    Value *shape = draft_node(im, d, OP_Shape, x, NULL, NULL);
    Value *size = draft_node(im, d, OP_Gather, shape, draft_int(im, d, "axis", axis), NULL);
    Value *hit = draft_node(im, d, OP_Equal, largest, draft_count_up(im, d, size, behind), NULL);
    return draft_cast(im, d, hit, draft_dtype(d, 0));
}

static bool make_hardmax(Importer *im, Draft *d) {
    int64_t axis;
    if (!draft_need(im, d, 1) || !draft_take_int(im, d, "axis", d->opset < 13 ? 1 : -1, &axis))
        return false;
    Value *x = d->in[0];
    if (d->opset < 13 && axis != -1) {  // of the matrix that Flatten gives
        Value *matrix = draft_node(im, d, OP_Flatten, x, NULL, NULL);
        ((AxisAttrs *)matrix->def->attrs)->axis = axis;
        draft_infer(im, matrix->def);
        Value *shape = draft_node(im, d, OP_Shape, x, NULL, NULL);
        return draft_done(im, d, draft_node(im, d, OP_Reshape, hardmax(im, d, matrix, -1, 0), shape, NULL));
    }
    int behind = draft_axes_behind(axis, draft_rank(d, 0));
    if (behind < 0)
        return diag_error(im->diag, d->loc, E_SHAPE, "axis %lld is out of range, or the input's rank is not known",
                          (long long)axis);
    return draft_done(im, d, hardmax(im, d, x, axis, behind));
}

// Dimension `axis` of what the model declares of the result is the length of the range that `positions` is made of.
static void declare_range(Importer *im, const Draft *d, const Value *positions, int axis) {
    Type type, *declared;
    while (positions->def && positions->def->op != OP_Range)
        positions = positions->def->in[0];
    if (!positions->def || !import_declared_type(im, d->scope, d->out[0], &type) || axis >= type.rank)
        return;
    declared = ARENA_NEW(im->arena, Type);
    *declared = type_make(DT_I64, 1, &type.dim[axis].n);
    positions->def->out[0]->declared = declared;
}

// Where(indices == 0..depth-1 along the new axis, on, off), negative indices counted from the end
static bool make_one_hot(Importer *im, Draft *d) {
    int64_t axis;
    if (!draft_need(im, d, 3) || !draft_take_int(im, d, "axis", -1, &axis))
        return false;
    int rank = draft_rank(d, 0), behind = draft_axes_behind(axis, rank < 0 ? -1 : rank + 1);
    if (behind < 0)
        return diag_error(im->diag, d->loc, E_SHAPE, "axis %lld is out of range, or the input's rank is not known",
                          (long long)axis);
    Value *index = draft_cast(im, d, d->in[0], DT_I64);
    Value *depth = draft_node(im, d, OP_Reshape, draft_cast(im, d, d->in[1], DT_I64), draft_int(im, d, "one", 1), NULL);
    Value *negative = draft_node(im, d, OP_Less, index, draft_scalar(im, d, "zero", DT_I64, 0), NULL);
    Value *wrapped = draft_node(im, d, OP_Where, negative, draft_node(im, d, OP_Add, index, depth, NULL), index);
    Value *spread = draft_node(im, d, OP_Unsqueeze, wrapped, draft_int(im, d, "axis", axis), NULL);
    Value *range = draft_count_up(im, d, depth, behind);
    declare_range(im, d, range, rank - behind);
    Value *hit = draft_node(im, d, OP_Equal, spread, range, NULL);
    Value *off = draft_node(im, d, OP_Gather, d->in[2], draft_scalar(im, d, "off", DT_I64, 0), NULL);
    Value *on = draft_node(im, d, OP_Gather, d->in[2], draft_scalar(im, d, "on", DT_I64, 1), NULL);
    return draft_done(im, d, draft_node(im, d, OP_Where, hit, on, off));
}

// x where column - row >= k (upper) or <= k (lower), 0 elsewhere
static bool make_trilu(Importer *im, Draft *d) {
    int64_t upper;
    if (!draft_need(im, d, 1) || !draft_take_int(im, d, "upper", 1, &upper))
        return false;
    Value *shape = draft_node(im, d, OP_Shape, d->in[0], NULL, NULL);
    Value *rows = draft_node(im, d, OP_Gather, shape, draft_int(im, d, "row_axis", -2), NULL);
    Value *columns = draft_node(im, d, OP_Gather, shape, draft_int(im, d, "column_axis", -1), NULL);
    Value *k = draft_in(d, 1) ? d->in[1] : draft_scalar(im, d, "k", DT_I64, 0);
    Value *edge = draft_node(im, d, OP_Add, draft_count_up(im, d, rows, 1), k, NULL);
    OpKind compare = upper ? OP_GreaterOrEqual : OP_LessOrEqual;
    Value *inside = draft_node(im, d, compare, draft_count_up(im, d, columns, 0), edge, NULL);
    Value *zero = draft_scalar(im, d, "zero", draft_dtype(d, 0), 0);
    return draft_done(im, d, draft_node(im, d, OP_Where, inside, d->in[0], zero));
}

static const struct {
    const char *op;
    Decomposition decompose;
} composites[] = {
    {"AffineGrid", make_affine_grid},
    {"Attention", make_attention},
    {"Bernoulli", make_bernoulli},
    {"BlackmanWindow", make_window},
    {"CastLike", make_cast_like},
    {"CausalConvWithState", make_causal_conv},
    {"ConcatFromSequence", make_concat_from_sequence},
    {"Constant", make_constant},
    {"ConstantOfShape", make_filled},
    {"ConvInteger", make_conv_integer},
    {"DequantizeLinear", make_dequantize},
    {"Dropout", make_dropout},
    {"DynamicQuantizeLinear", make_dynamic_quantize},
    {"GlobalLpPool", make_global_lp_pool},
    {"GroupNormalization", make_group_normalization},
    {"GRU", make_recurrent},
    {"HammingWindow", make_window},
    {"HannWindow", make_window},
    {"Hardmax", make_hardmax},
    {"Identity", make_identity},
    {"If", make_if},
    {"LayerNormalization", make_layer_normalization},
    {"Loop", make_loop},
    {"LpNormalization", make_lp_normalization},
    {"LSTM", make_recurrent},
    {"MatMulInteger", make_matmul_integer},
    {"MeanVarianceNormalization", make_mean_variance_normalization},
    {"MelWeightMatrix", make_mel_weights},
    {"Multinomial", make_multinomial},
    {"NegativeLogLikelihoodLoss", make_nll_loss},
    {"OneHot", make_one_hot},
    {"Optional", make_optional},
    {"OptionalGetElement", make_optional_get_element},
    {"OptionalHasElement", make_optional_has_element},
    {"QLinearConv", make_qlinear_conv},
    {"QLinearMatMul", make_qlinear_matmul},
    {"QuantizeLinear", make_quantize},
    {"RMSNormalization", make_rms_normalization},
    {"RNN", make_recurrent},
    {"RandomNormal", make_random},
    {"RandomNormalLike", make_random},
    {"RandomUniform", make_random},
    {"RandomUniformLike", make_random},
    {"RotaryEmbedding", make_rotary_embedding},
    {"Scan", make_scan},
    {"SequenceAt", make_sequence_at},
    {"SequenceConstruct", make_sequence_construct},
    {"SequenceEmpty", make_sequence_empty},
    {"SequenceErase", make_sequence_erase},
    {"SequenceInsert", make_sequence_insert},
    {"SequenceLength", make_sequence_length},
    {"SequenceMap", make_sequence_map},
    {"Shape", make_shape},
    {"SimplifiedLayerNormalization", make_rms_normalization},  // onnxruntime's name, in this domain
    {"SoftmaxCrossEntropyLoss", make_softmax_cross_entropy_loss},
    {"SplitToSequence", make_split_to_sequence},
    {"Sum", make_sum},
    {"SwiGLU", make_swiglu},
    {"TfIdfVectorizer", make_tfidf_vectorizer},
    {"Trilu", make_trilu},
};

// Other domains.
static const struct {
    const char *domain;
    int64_t newest;
    Decomposition (*find)(const char *op);
} domains[] = {
    {"ai.onnx.ml", 5, ml_find},
    {"ai.onnx.preview", 1, preview_find},
    {"com.microsoft", 1, microsoft_find},
    {"ai.onnx.preview.training", 1, training_find},
};

int64_t decompose_newest(const char *domain) {
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        if (domain && !strcmp(domains[i].domain, domain))
            return domains[i].newest;
    return 0;
}

Decomposition decompose_find(const Draft *d) {
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        if (d->domain && !strcmp(domains[i].domain, d->domain))
            return domains[i].find(d->op);
    for (size_t i = 0; i < sizeof composites / sizeof *composites && domain_is_onnx(d->domain); i++)
        if (!strcmp(composites[i].op, d->op))
            return composites[i].decompose;
    return NULL;
}
