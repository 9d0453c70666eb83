// The domain ai.onnx.ml: linear models and support vector machines as matrix products, and what all classifiers do
// with their scores: transforms, labels.
//
// Where the standard leaves open how one score becomes two columns, this follows onnxruntime: the score belongs to the
// second label; the first gets 1 - score, its negation, or what the transform makes of that.
#include "onnx/ml.h"

#include "ir/element.h"

// Transforms and labels.

bool ml_take_transform(Importer *im, Draft *d, int *transform) {
    static const char *const words[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT", NULL};
    *transform = ML_NONE;
    return draft_take_word(im, d, "post_transform", words, transform);
}

static Value *number(Importer *im, const Draft *d, Value *like, const char *part, double n) {
    return draft_scalar(im, d, part, like->type.dtype == DT_F64 ? DT_F64 : DT_F32, n);
}

static Value *binary(Importer *im, const Draft *d, OpKind op, Value *a, const char *part, double n) {
    return draft_node(im, d, op, a, number(im, d, a, part, n), NULL);
}

// Softmax in which scores of 0 count as nothing and stay as they are.
static Value *softmax_zero(Importer *im, const Draft *d, Value *x) {
    Value *zero = number(im, d, x, "zero", 0), *axis = draft_int(im, d, "last", -1);
    Value *some = binary(im, d, OP_Greater, draft_node(im, d, OP_Abs, x, NULL, NULL), "tiny", 1e-7);
    Value *most = draft_node(im, d, OP_ReduceMax, x, axis, NULL);
    Value *power = draft_node(im, d, OP_Exp, draft_node(im, d, OP_Sub, x, most, NULL), NULL, NULL);
    power = draft_node(im, d, OP_Where, some, power, zero);
    Value *sum = draft_node(im, d, OP_ReduceSum, power, axis, NULL);
    return draft_node(im, d, OP_Where, some, draft_node(im, d, OP_Div, power, sum, NULL), zero);
}

// sqrt(2) * erfinv(2 x - 1), with Winitzki's approximation: for a = 0.147 and u = 2 / (pi a) + ln(1 - t^2) / 2,
// erfinv(t) = sign(t) sqrt(s - u), where s = sqrt(u^2 - ln(1 - t^2) / a); near t = 0 it is better to take
// -ln(1 - t^2) / (a (s + u)) for s - u
static Value *probit(Importer *im, const Draft *d, Value *x) {
    const double a = 0.147, pi = 3.14159;
    Value *t = binary(im, d, OP_Sub, binary(im, d, OP_Mul, x, "two", 2), "one", 1);
    Value *rest = draft_node(im, d, OP_Mul, draft_node(im, d, OP_Sub, number(im, d, x, "one", 1), t, NULL),
                             binary(im, d, OP_Add, t, "one", 1), NULL);
    Value *log = draft_node(im, d, OP_Log, rest, NULL, NULL);
    Value *u = binary(im, d, OP_Add, binary(im, d, OP_Mul, log, "half", 0.5), "offset", 2 / (pi * a));
    Value *square = draft_node(im, d, OP_Sub, draft_node(im, d, OP_Mul, u, u, NULL),
                               binary(im, d, OP_Mul, log, "by", 1 / a), NULL);
    Value *sum = draft_node(im, d, OP_Add, draft_node(im, d, OP_Sqrt, square, NULL, NULL), u, NULL);
    Value *size = draft_node(im, d, OP_Div, binary(im, d, OP_Mul, log, "minus", -1 / a), sum, NULL);
    size = binary(im, d, OP_Mul, draft_node(im, d, OP_Sqrt, size, NULL, NULL), "root", 1.41421356);
    return draft_node(im, d, OP_Mul, draft_node(im, d, OP_Sign, t, NULL, NULL), size, NULL);
}

Value *ml_transform(Importer *im, const Draft *d, Value *scores, int transform) {
    switch ((MlTransform)transform) {
    case ML_NONE: return scores;
    case ML_SOFTMAX: return draft_node(im, d, OP_Softmax, scores, NULL, NULL);
    case ML_LOGISTIC: return draft_node(im, d, OP_Sigmoid, scores, NULL, NULL);
    case ML_SOFTMAX_ZERO: return softmax_zero(im, d, scores);
    case ML_PROBIT: return probit(im, d, scores);
    }
    return scores;
}

// Of the result `name` the numbers stand for these strings.
static void note_strings(Importer *im, const char *name, const Onnx__AttributeProto *strings) {
    OutputLabels *labels = ARENA_NEW(im->arena, OutputLabels);
    *labels = (OutputLabels){arena_string(im->arena, name), ARENA_ARRAY(im->arena, const char *, strings->n_strings),
                       (int)strings->n_strings, im->labels};
    for (int i = 0; i < labels->n; i++) {
        const ProtobufCBinaryData *string = &strings->strings[i];
        labels->text[i] = arena_printf(im->arena, "%.*s", (int)string->len, (const char *)string->data);
    }
    im->labels = labels;
}

bool ml_take_labels(Importer *im, Draft *d, MlLabels *labels) {
    static const char *const names[] = {"classlabels_ints", "classlabels_int64s"};
    const Onnx__AttributeProto *strings = draft_take(d, "classlabels_strings");
    *labels = (MlLabels){0};
    for (int i = 0; i < 2; i++) {
        Ints ints;
        bool found;
        if (!draft_take_ints(im, d, names[i], &ints, &found))
            return false;
        if (found && ints.n)
            *labels = (MlLabels){ints.n, ints.v};
    }
    if (labels->n || !strings || !strings->n_strings)
        return true;
    labels->n = (int)strings->n_strings;
    labels->v = ARENA_ARRAY(im->arena, int64_t, labels->n);
    for (int i = 0; i < labels->n; i++)
        labels->v[i] = i;
    note_strings(im, d->out[0], strings);
    diag_warn(im->diag, d->loc, "output '%s' has the numbers of the labels in 'classlabels_strings', from 0 on, in "
              "place of the strings", d->out[0]);
    return true;
}

Value *ml_best(Importer *im, const Draft *d, Value *scores) {
    Value *best = draft_node(im, d, OP_ArgMax, scores, NULL, NULL);
    *(ArgAttrs *)best->def->attrs = (ArgAttrs){.axis = 1, .keepdims = false};
    draft_infer(im, best->def);
    return best;
}

Value *ml_label_of_index(Importer *im, const Draft *d, const MlLabels *labels, Value *index) {
    bool plain = true;
    for (int i = 0; i < labels->n; i++)
        plain = plain && labels->v[i] == i;
    if (plain)
        return index;
    return draft_node(im, d, OP_Gather, draft_ints(im, d, "labels", labels->v, labels->n), index, NULL);
}

Value *ml_label_of_score(Importer *im, const Draft *d, const MlLabels *labels, Value *scores, double threshold) {
    Value *flat = draft_node(im, d, OP_Reshape, scores, draft_int(im, d, "flat", -1), NULL);
    Value *above = binary(im, d, OP_Greater, flat, "threshold", threshold);
    Value *yes = draft_scalar(im, d, "yes", DT_I64, 1), *no = draft_scalar(im, d, "no", DT_I64, 0);
    Value *index = draft_node(im, d, OP_Where, above, yes, no);
    return labels->n == 2 ? ml_label_of_index(im, d, labels, index) : index;
}

Value *ml_two_columns(Importer *im, const Draft *d, Value *score, int transform, bool complement) {
    Value *low;
    if (transform == ML_LOGISTIC) {
        low = draft_node(im, d, OP_Sigmoid, draft_node(im, d, OP_Neg, score, NULL, NULL), NULL, NULL);
        score = draft_node(im, d, OP_Sigmoid, score, NULL, NULL);
    } else {
        low = complement ? draft_node(im, d, OP_Sub, number(im, d, score, "one", 1), score, NULL)
                         : draft_node(im, d, OP_Neg, score, NULL, NULL);
    }
    return ml_pair(im, d, low, score);
}

// Linear models.

// x * coefficients^T + intercepts, a row of coefficients for each of `targets`.
static Value *linear(Importer *im, const Draft *d, const Floats *coefficients, const Floats *intercepts,
                     int64_t targets) {
    if (targets < 1 || coefficients->n < 1 || coefficients->n % targets) {
        diag_error(im->diag, d->loc, E_ATTRIBUTE, "%d coefficients make no matrix of %lld rows", coefficients->n,
                   (long long)targets);
        return NULL;
    }
    if (intercepts->n && intercepts->n != targets) {
        diag_error(im->diag, d->loc, E_ATTRIBUTE, "it has %d intercepts for %lld rows of coefficients", intercepts->n,
                   (long long)targets);
        return NULL;
    }
    Value *matrix = ml_matrix(im, d, "coefficients", coefficients->v, targets, coefficients->n / targets);
    Value *added = intercepts->n ? ml_list(im, d, "intercepts", DT_F32, intercepts->v, intercepts->n) : NULL;
    Value *y = draft_node(im, d, OP_Gemm, ml_rows(im, d), matrix, added);
    ((GemmAttrs *)y->def->attrs)->trans_b = true;
    draft_infer(im, y->def);
    return y;
}

bool make_linear_regressor(Importer *im, Draft *d) {
    Floats coefficients, intercepts;
    int64_t targets;
    int transform;
    if (!draft_need(im, d, 1) || !draft_take_floats(im, d, "coefficients", &coefficients) ||
        !draft_take_floats(im, d, "intercepts", &intercepts) || !draft_take_int(im, d, "targets", 1, &targets) ||
        !ml_take_transform(im, d, &transform))
        return false;
    Value *y = linear(im, d, &coefficients, &intercepts, targets);
    return y && draft_done(im, d, ml_transform(im, d, y, transform));
}

bool make_linear_classifier(Importer *im, Draft *d) {
    Floats coefficients, intercepts;
    MlLabels labels;
    int64_t multi;
    int transform;
    if (!draft_need(im, d, 1) || !draft_take_floats(im, d, "coefficients", &coefficients) ||
        !draft_take_floats(im, d, "intercepts", &intercepts) || !draft_take_int(im, d, "multi_class", 0, &multi) ||
        !ml_take_labels(im, d, &labels) || !ml_take_transform(im, d, &transform))
        return false;
    int rows = intercepts.n ? intercepts.n : labels.n;
    if (rows > 1 && labels.n != rows)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "it has %d labels for %d classes", labels.n, rows);
    Value *scores = linear(im, d, &coefficients, &intercepts, rows), *label;
    if (!scores)
        return false;
    if (rows == 1) {
        label = ml_label_of_score(im, d, &labels, scores, 0);
        scores =
            labels.n == 2 ? ml_two_columns(im, d, scores, transform, true) : ml_transform(im, d, scores, transform);
    } else {
        label = ml_label_of_index(im, d, &labels, ml_best(im, d, scores));
        scores = ml_transform(im, d, scores, transform);
    }
    return draft_define(im, d, 1, scores) && draft_done(im, d, label);
}

// Support vector machines.

typedef enum SvmKernel { SVM_LINEAR, SVM_POLY, SVM_RBF, SVM_SIGMOID } SvmKernel;

typedef struct Svm {
    Floats coefficients, rho, vectors;
    int kernel;  // SvmKernel
    double gamma, coef0, degree;
    int transform;
} Svm;

static bool take_svm(Importer *im, Draft *d, Svm *svm) {
    static const char *const kernels[] = {"LINEAR", "POLY", "RBF", "SIGMOID", NULL};
    Floats params;
    *svm = (Svm){.kernel = SVM_LINEAR};
    if (!draft_need(im, d, 1) || !draft_take_floats(im, d, "coefficients", &svm->coefficients) ||
        !draft_take_floats(im, d, "rho", &svm->rho) || !draft_take_floats(im, d, "support_vectors", &svm->vectors) ||
        !draft_take_floats(im, d, "kernel_params", &params) ||
        !draft_take_word(im, d, "kernel_type", kernels, &svm->kernel) || !ml_take_transform(im, d, &svm->transform))
        return false;
    svm->gamma = params.n > 0 ? params.v[0] : 0;
    svm->coef0 = params.n > 1 ? params.v[1] : 0;
    svm->degree = params.n > 2 ? params.v[2] : 0;
    return svm->rho.n || diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'rho' is missing");
}

// The kernel of each row of x with each of `count` vectors: a matrix [rows, count].
static Value *svm_kernel(Importer *im, const Draft *d, const Svm *svm, const Floats *vectors, int64_t count) {
    if (count < 1 || vectors->n < 1 || vectors->n % count) {
        diag_error(im->diag, d->loc, E_ATTRIBUTE, "%d numbers make no matrix of %lld vectors", vectors->n,
                   (long long)count);
        return NULL;
    }
    Value *x = ml_rows(im, d), *v = ml_matrix(im, d, "vectors", vectors->v, count, vectors->n / count);
    if (svm->kernel == SVM_RBF) {  // exp(-gamma * |x - v|^2)
        Value *spread = draft_node(im, d, OP_Unsqueeze, x, draft_int(im, d, "vector_axis", 1), NULL);
        Value *far = draft_node(im, d, OP_Sub, spread, v, NULL);
        Value *sum = draft_node(im, d, OP_ReduceSumSquare, far, draft_int(im, d, "last", -1), NULL);
        ((ReduceAttrs *)sum->def->attrs)->keepdims = false;
        draft_infer(im, sum->def);
        return draft_node(im, d, OP_Exp, binary(im, d, OP_Mul, sum, "gamma", -svm->gamma), NULL, NULL);
    }
    Value *y = draft_node(im, d, OP_Gemm, x, v, NULL);
    ((GemmAttrs *)y->def->attrs)->trans_b = true;
    draft_infer(im, y->def);
    if (svm->kernel == SVM_LINEAR)
        return y;
    y = binary(im, d, OP_Add, binary(im, d, OP_Mul, y, "gamma", svm->gamma), "coef0", svm->coef0);
    return svm->kernel == SVM_POLY ? binary(im, d, OP_Pow, y, "degree", svm->degree)
                                   : draft_node(im, d, OP_Tanh, y, NULL, NULL);
}

bool make_svm_regressor(Importer *im, Draft *d) {
    Svm svm;
    int64_t supports, one_class;
    if (!take_svm(im, d, &svm) || !draft_take_int(im, d, "n_supports", 0, &supports) ||
        !draft_take_int(im, d, "one_class", 0, &one_class))
        return false;
    Value *y;
    if (supports > 0) {
        if (svm.coefficients.n != supports)
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "it has %d coefficients for %lld vectors",
                              svm.coefficients.n, (long long)supports);
        y = svm_kernel(im, d, &svm, &svm.vectors, supports);
        if (y)
            y = draft_node(im, d, OP_MatMul, y, ml_matrix(im, d, "coefficients", svm.coefficients.v, supports, 1),
                           NULL);
    } else {
        svm.kernel = SVM_LINEAR;
        y = svm_kernel(im, d, &svm, &svm.coefficients, 1);
    }
    if (!y)
        return false;
    y = binary(im, d, OP_Add, y, "rho", svm.rho.v[0]);
    if (one_class) {
        Value *inside = binary(im, d, OP_Greater, y, "zero", 0);
        y = draft_node(im, d, OP_Where, inside, number(im, d, y, "one", 1), number(im, d, y, "minus", -1));
    }
    return draft_done(im, d, ml_transform(im, d, y, svm.transform));
}

// The classes of a support vector classifier meet in pairs: pair p of the classes i < j decides for i where
// kernel * weights[p] + rho[p] > 0. The coefficients of the vectors of class i against j stand in row j - 1 of the
// attribute, those of class j against i in row i.
typedef struct Pairs {
    int classes, pairs;
    int64_t vectors, *first;  // of each class; first[classes] is their number
} Pairs;

enum { WEIGHTS_MAX = 1 << 26 };  // of all pairs together

static bool svm_pairs(Importer *im, const Draft *d, const Svm *svm, const Ints *per_class, int classes, Pairs *p) {
    p->classes = classes;
    p->first = ARENA_ARRAY(im->scratch, int64_t, classes + 1);
    if (per_class->n != classes || classes < 2 || classes > COUPLE_CLASSES_MAX)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "'vectors_per_class' has %d numbers for %d labels",
                          per_class->n, classes);
    for (int i = 0; i < classes; i++) {
        int64_t n = per_class->v[i];
        if (n < 0 || n > svm->vectors.n)
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "'vectors_per_class' is out of range");
        p->first[i + 1] = p->first[i] + n;
    }
    p->vectors = p->first[classes];
    p->pairs = classes * (classes - 1) / 2;
    if (p->vectors * p->pairs > WEIGHTS_MAX)
        return diag_error(im->diag, d->loc, E_LIMIT, "%lld vectors for %d pairs of classes are too many",
                          (long long)p->vectors, p->pairs);
    if (svm->coefficients.n != (classes - 1) * p->vectors || svm->rho.n < p->pairs)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "'coefficients' or 'rho' are too few for %lld vectors of %d "
                          "classes", (long long)p->vectors, classes);
    return true;
}

static Value *pair_scores(Importer *im, const Draft *d, const Svm *svm, const Pairs *p, Value *kernel) {
    double *w = ARENA_ARRAY(im->scratch, double, p->vectors * p->pairs);
    int pair = 0;
    for (int i = 0; i < p->classes; i++)
        for (int j = i + 1; j < p->classes; j++, pair++) {
            for (int64_t v = p->first[i]; v < p->first[i + 1]; v++)
                w[v * p->pairs + pair] = svm->coefficients.v[(j - 1) * p->vectors + v];
            for (int64_t v = p->first[j]; v < p->first[j + 1]; v++)
                w[v * p->pairs + pair] = svm->coefficients.v[i * p->vectors + v];
        }
    Value *sum = draft_node(im, d, OP_MatMul, kernel, ml_matrix(im, d, "weights", w, p->vectors, p->pairs), NULL);
    return draft_node(im, d, OP_Add, sum, ml_list(im, d, "rho", DT_F32, svm->rho.v, p->pairs), NULL);
}

// How many pairs decide for each class.
static Value *votes(Importer *im, const Draft *d, const Pairs *p, Value *scores) {
    double *yes = ARENA_ARRAY(im->scratch, double, p->pairs * p->classes);
    double *no = ARENA_ARRAY(im->scratch, double, p->pairs * p->classes);
    int pair = 0;
    for (int i = 0; i < p->classes; i++)
        for (int j = i + 1; j < p->classes; j++, pair++) {
            yes[pair * p->classes + i] = 1;
            no[pair * p->classes + j] = 1;
        }
    Value *first = binary(im, d, OP_Greater, scores, "zero", 0), *second = draft_node(im, d, OP_Not, first, NULL, NULL);
    Value *a = draft_node(im, d, OP_MatMul, draft_cast(im, d, first, DT_F32),
                          ml_matrix(im, d, "first", yes, p->pairs, p->classes), NULL);
    Value *b = draft_node(im, d, OP_MatMul, draft_cast(im, d, second, DT_F32),
                          ml_matrix(im, d, "second", no, p->pairs, p->classes), NULL);
    return draft_node(im, d, OP_Add, a, b, NULL);
}

// Of each class: a logistic function of each score, fitted to it, says how probable the first of the pair is.
static Value *probabilities(Importer *im, const Draft *d, const Pairs *p, Value *scores, const Floats *a,
                            const Floats *b) {
    Value *y = draft_node(im, d, OP_Mul, scores, ml_list(im, d, "prob_a", DT_F32, a->v, p->pairs), NULL);
    y = draft_node(im, d, OP_Add, y, ml_list(im, d, "prob_b", DT_F32, b->v, p->pairs), NULL);
    y = draft_node(im, d, OP_Sub, number(im, d, y, "one", 1), draft_node(im, d, OP_Sigmoid, y, NULL, NULL), NULL);
    y = draft_node(im, d, OP_Clip, y, number(im, d, y, "least", 1e-7), number(im, d, y, "most", 1 - 1e-7));
    return draft_node(im, d, OP_Couple, y, NULL, NULL);
}

bool make_svm_classifier(Importer *im, Draft *d) {
    Svm svm;
    Ints per_class;
    Floats a, b;
    MlLabels labels;
    Pairs pairs = {0};
    bool found;
    if (!take_svm(im, d, &svm) || !draft_take_ints(im, d, "vectors_per_class", &per_class, &found) ||
        !draft_take_floats(im, d, "prob_a", &a) || !draft_take_floats(im, d, "prob_b", &b) ||
        !ml_take_labels(im, d, &labels))
        return false;
    Value *scores, *best;
    if (!per_class.n) {
        svm.kernel = SVM_LINEAR;
        scores = svm_kernel(im, d, &svm, &svm.coefficients, labels.n);
        if (!scores)
            return false;
        scores = binary(im, d, OP_Add, scores, "rho", svm.rho.v[0]);
        best = ml_best(im, d, scores);
    } else {
        if (!svm_pairs(im, d, &svm, &per_class, labels.n, &pairs))
            return false;
        Value *kernel = svm_kernel(im, d, &svm, &svm.vectors, pairs.vectors);
        if (!kernel)
            return false;
        if ((a.n || b.n) && (a.n < pairs.pairs || b.n < pairs.pairs))
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "'prob_a' or 'prob_b' are too few for %d pairs of classes",
                              pairs.pairs);
        scores = pair_scores(im, d, &svm, &pairs, kernel);
        best = ml_best(im, d, votes(im, d, &pairs, scores));
        if (a.n)
            scores = probabilities(im, d, &pairs, scores, &a, &b);
    }
    if (per_class.n && labels.n == 2 && !a.n)
        scores = ml_two_columns(im, d, scores, svm.transform, svm.transform != ML_NONE);
    else
        scores = ml_transform(im, d, scores, svm.transform);
    return draft_define(im, d, 1, scores) && draft_done(im, d, ml_label_of_index(im, d, &labels, best));
}
