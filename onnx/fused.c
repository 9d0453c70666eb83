// What onnxruntime's optimizer makes of several operators, in the domain com.microsoft: products with a transposition,
// a factor, a sum or an activation; a sum that is normalized; embeddings of words. They are taken apart again, in such
// parts as sqzc's own passes fuse.
#include "onnx/fused.h"

#include <math.h>
#include <string.h>

#include "onnx/decompose.h"
#include "onnx/norms.h"

// Activations.

static const struct {
    const char *name;
    OpKind op;
    const char *params[2];  // attributes, in the order in which they are listed
} activations[] = {
    {"Elu", OP_Elu, {"alpha"}},
    {"HardSigmoid", OP_HardSigmoid, {"alpha", "beta"}},
    {"LeakyRelu", OP_LeakyRelu, {"alpha"}},
    {"Relu", OP_Relu, {0}},
    {"Selu", OP_Selu, {"alpha", "gamma"}},
    {"Sigmoid", OP_Sigmoid, {0}},
    {"Softplus", OP_Softplus, {0}},
    {"Softsign", OP_Softsign, {0}},
    {"Tanh", OP_Tanh, {0}},
    {"ThresholdedRelu", OP_ThresholdedRelu, {"alpha"}},
};

static Value *clip(Importer *im, const Draft *d, Value *x, const Floats *bounds) {
    if (bounds->n != 2) {
        diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'activation_params' must be the two bounds of Clip");
        return NULL;
    }
    DType dtype = draft_dtype(d, 0);
    return draft_node(im, d, OP_Clip, x, draft_scalar(im, d, "low", dtype, bounds->v[0]),
                      draft_scalar(im, d, "high", dtype, bounds->v[1]));
}

// What the attributes say of an activation; numbers that are not given are NaN.
typedef struct Activation {
    const char *name;
    Floats listed;
    double alpha, beta, gamma;
} Activation;

static bool take_activation(Importer *im, Draft *d, Activation *a) {
    return draft_take_text(im, d, "activation", "", &a->name) &&
           draft_take_floats(im, d, "activation_params", &a->listed) &&
           draft_take_float(im, d, "activation_alpha", NAN, &a->alpha) &&
           draft_take_float(im, d, "activation_beta", NAN, &a->beta) &&
           draft_take_float(im, d, "activation_gamma", NAN, &a->gamma);
}

static double activation_number(const Activation *a, const char *param, int index) {
    double named = *param == 'a' ? a->alpha : *param == 'b' ? a->beta : a->gamma;
    return index < a->listed.n ? a->listed.v[index] : named;
}

static Value *activate(Importer *im, const Draft *d, Value *x, const Activation *a) {
    if (!*a->name)
        return x;
    if (!strcmp(a->name, "Clip"))
        return clip(im, d, x, &a->listed);
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strcmp(activations[i].name, a->name))
            continue;
        Value *y = draft_node(im, d, activations[i].op, x, NULL, NULL);
        for (int p = 0; p < 2 && activations[i].params[p]; p++) {
            const char *param = activations[i].params[p];
            double number = activation_number(a, param, p);
            if (!isnan(number))  // else the operator's own default
                *(double *)((char *)y->def->attrs + attrs_find(op_info[y->def->op].attrs, param)->offset) = number;
        }
        return y;
    }
    diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'activation' is '%s', which is not supported", a->name);
    return NULL;
}

// Products.

// The core operator with the draft's attributes; `more`, unless it is null, is added, and the activation follows.
static bool product(Importer *im, Draft *d, OpKind op, Value *c, Value *more) {
    Activation activation;
    if (!draft_need(im, d, 2) || !take_activation(im, d, &activation))
        return false;
    Value *y = draft_node(im, d, op, d->in[0], d->in[1], c);
    if (!draft_set_attributes(im, d, y->def))
        return false;
    d->nattr = 0;  // all taken
    draft_infer(im, y->def);
    Value *result = activate(im, d, draft_sum(im, d, y, more), &activation);
    return result && draft_done(im, d, result);
}

bool make_fused_conv(Importer *im, Draft *d) {
    return product(im, d, OP_Conv, draft_in(d, 2), draft_in(d, 3));
}

bool make_fused_gemm(Importer *im, Draft *d) {
    return product(im, d, OP_Gemm, draft_in(d, 2), NULL);
}

// A factor with its last two axes swapped (`matrix`), after its first was moved behind the other axes of the batch
// (`batch`). Null after an error.
static Value *transposed(Importer *im, const Draft *d, int index, int64_t matrix, int64_t batch) {
    int rank = draft_rank(d, index);
    if (!matrix && !batch)
        return d->in[index];
    if (rank == 1 && !batch)
        return d->in[index];
    if (rank < 2) {
        diag_error(im->diag, d->loc, E_SHAPE, "input %d must have a known rank, of 2 or more, to be transposed", index);
        return NULL;
    }
    Ints perm = {rank, ARENA_ARRAY(im->arena, int64_t, rank)};
    for (int i = 0; i < rank; i++)
        perm.v[i] = !batch || i == rank - 1 ? i : i == rank - 2 ? 0 : i + 1;
    if (matrix) {
        int64_t last = perm.v[rank - 1];
        perm.v[rank - 1] = perm.v[rank - 2];
        perm.v[rank - 2] = last;
    }
    Value *y = draft_node(im, d, OP_Transpose, d->in[index], NULL, NULL);
    ((TransposeAttrs *)y->def->attrs)->perm = perm;
    draft_infer(im, y->def);
    return y;
}

bool make_fused_matmul(Importer *im, Draft *d) {
    double alpha;
    int64_t a, b, batch_a, batch_b;
    if (!draft_need(im, d, 2) || !draft_take_float(im, d, "alpha", 1, &alpha) ||
        !draft_take_int(im, d, "transA", 0, &a) || !draft_take_int(im, d, "transB", 0, &b) ||
        !draft_take_int(im, d, "transBatchA", 0, &batch_a) || !draft_take_int(im, d, "transBatchB", 0, &batch_b))
        return false;
    Value *left = transposed(im, d, 0, a, batch_a), *right = transposed(im, d, 1, b, batch_b);
    if (!left || !right)
        return false;
    Value *y = draft_node(im, d, OP_MatMul, left, right, NULL);
    if (alpha != 1)
        y = draft_node(im, d, OP_Mul, y, draft_scalar(im, d, "alpha", draft_dtype(d, 0), alpha), NULL);
    return draft_done(im, d, y);
}

// Gelu: exact behind a bias (which BiasGelu must have), by tanh in FastGelu, x sigmoid(1.702 x) in QuickGelu.

bool make_bias_gelu(Importer *im, Draft *d) {
    if (!draft_need(im, d, 2))
        return false;
    d->in[0] = draft_sum(im, d, d->in[0], d->in[1]);
    d->nin = 1;
    return make_gelu(im, d);
}

bool make_fast_gelu(Importer *im, Draft *d) {
    if (!draft_need(im, d, 1))
        return false;
    d->in[0] = draft_sum(im, d, d->in[0], draft_in(d, 1));
    d->nin = 1;
    draft_set_text(im, d, "approximate", "tanh");
    return make_gelu(im, d);
}

bool make_quick_gelu(Importer *im, Draft *d) {
    double alpha;
    if (!draft_need(im, d, 1) || !draft_take_float(im, d, "alpha", 1.702f, &alpha))
        return false;
    Value *y = draft_node(im, d, OP_Swish, d->in[0], NULL, NULL);
    ((ActAttrs *)y->def->attrs)->alpha = alpha;
    return draft_done(im, d, y);
}

// Normalizations.

// Operand 0 and its skip and bias, added: this is normalized with scale `scale` and bias `bias`, and is output 3.
static bool take_sum(Importer *im, Draft *d, int skip_bias, Value *bias) {
    double epsilon;
    if (!draft_need(im, d, 3) || !draft_take_float(im, d, "epsilon", 1e-12f, &epsilon))
        return false;
    Value *sum = draft_sum(im, d, draft_sum(im, d, d->in[0], d->in[1]), draft_in(d, skip_bias));
    draft_set_float(im, d, "epsilon", epsilon);
    d->in[0] = sum;
    d->in[1] = d->in[2];
    d->in[2] = bias;
    d->nin = 3;
    return draft_define(im, d, 3, sum);
}

bool make_skip_layer_normalization(Importer *im, Draft *d) {
    return take_sum(im, d, 4, draft_in(d, 3)) && make_layer_normalization(im, d);
}

bool make_skip_rms_normalization(Importer *im, Draft *d) {
    return take_sum(im, d, 3, NULL) && make_rms_normalization(im, d);
}

// How many words of each sequence the mask shows, and none of it is of no use where there is no mask.
static bool define_lengths(Importer *im, Draft *d) {
    if (!draft_wants(d, 1))
        return true;
    Value *shown = draft_in(d, 7);
    if (!shown) {
        Value *zero = draft_scalar(im, d, "zero", DT_I32, 0);
        shown = draft_node(im, d, OP_Mul, draft_cast(im, d, d->in[0], DT_I32), zero, NULL);
    }
    Value *sum = draft_node(im, d, OP_ReduceSum, draft_cast(im, d, shown, DT_I32), draft_int(im, d, "words", 1), NULL);
    ((ReduceAttrs *)sum->def->attrs)->keepdims = false;
    draft_infer(im, sum->def);
    return draft_define(im, d, 1, sum);
}

// Embeddings of words, positions and segments, added and normalized.
bool make_embed_layer_normalization(Importer *im, Draft *d) {
    double epsilon;
    if (!draft_need(im, d, 1) || !draft_in(d, 2) || !draft_in(d, 3) || !draft_in(d, 5) || !draft_in(d, 6))
        return draft_need(im, d, 7);
    if (!draft_take_float(im, d, "epsilon", 1e-12f, &epsilon))
        return false;
    draft_take(d, "mask_index_type");
    Value *places = draft_in(d, 8);
    if (!places) {
        Value *shape = draft_node(im, d, OP_Shape, d->in[0], NULL, NULL);
        Value *words = draft_node(im, d, OP_Gather, shape, draft_int(im, d, "axis", 1), NULL);
        places = draft_count_up(im, d, words, 0);
    }
    Value *sum = draft_sum(im, d, draft_node(im, d, OP_Gather, d->in[2], d->in[0], NULL),
                     draft_node(im, d, OP_Gather, d->in[3], places, NULL));
    if (draft_in(d, 1) && draft_in(d, 4))
        sum = draft_sum(im, d, sum, draft_node(im, d, OP_Gather, d->in[4], d->in[1], NULL));
    if (!define_lengths(im, d) || !draft_define(im, d, 2, sum))
        return false;
    draft_set_float(im, d, "epsilon", epsilon);
    d->in[0] = sum;
    d->in[1] = d->in[5];
    d->in[2] = d->in[6];
    d->nin = 3;
    d->nout = 1;
    return make_layer_normalization(im, d);
}
