// The domain ai.onnx.ml: what prepares features and encodes labels, as graphs of core operators, and the table of all
// of the domain. Linear models and support vectors are in ml_models.c, trees in ml_trees.c.
//
// Numbers are computed in float, as the standard's results are. There are no strings: an operator that needs them is
// refused, but a classifier's labels that are strings become their indices (ml_take_labels).
#include "onnx/ml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/element.h"

// What the files of the domain share.

Value *ml_list(Importer *im, const Draft *d, const char *part, DType dtype, const double *v, int64_t n) {
    Type type = type_make(dtype, 1, &n);
    void *bytes = arena_alloc(im->arena, (size_t)type_bytes(&type));
    for (int64_t i = 0; i < n; i++)
        element_set(dtype, bytes, i, v[i]);
    return draft_constant(im, d, part, &type, bytes);
}

Value *ml_matrix(Importer *im, const Draft *d, const char *part, const double *v, int64_t rows, int64_t columns) {
    int64_t dims[] = {rows, columns};
    Type type = type_make(DT_F32, 2, dims);
    float *bytes = ARENA_ARRAY(im->arena, float, rows * columns);
    for (int64_t i = 0; i < rows * columns; i++)
        bytes[i] = (float)v[i];
    return draft_constant(im, d, part, &type, bytes);
}

Value *ml_rows(Importer *im, const Draft *d) {
    Value *x = draft_cast(im, d, d->in[0], DT_F32);
    return draft_rank(d, 0) == 1 ? draft_node(im, d, OP_Unsqueeze, x, draft_int(im, d, "row_axis", 0), NULL) : x;
}

static bool no_strings(Importer *im, const Draft *d, const char *what) {
    return diag_error(im->diag, d->loc, E_DTYPE, "%s are strings, which are not supported: export the model with "
                      "integers in their place", what);
}

// A number in the type that comparisons with `x` are made in: f64 for f64, else f32.
static DType float_like(const Value *x) {
    return x->type.dtype == DT_F64 ? DT_F64 : DT_F32;
}

// Features.

static bool make_scaler(Importer *im, Draft *d) {
    Floats offset, scale;
    if (!draft_need(im, d, 1) || !draft_take_floats(im, d, "offset", &offset) ||
        !draft_take_floats(im, d, "scale", &scale))
        return false;
    DType dtype = float_like(d->in[0]);
    Value *y = draft_cast(im, d, d->in[0], dtype);
    if (offset.n)
        y = draft_node(im, d, OP_Sub, y, ml_list(im, d, "offset", dtype, offset.v, offset.n), NULL);
    if (scale.n)
        y = draft_node(im, d, OP_Mul, y, ml_list(im, d, "scale", dtype, scale.v, scale.n), NULL);
    return draft_done(im, d, draft_cast(im, d, y, DT_F32));
}

// Rows divided by their largest element or by a norm; a row whose divisor is 0 stays.
static bool make_normalizer(Importer *im, Draft *d) {
    static const char *const norms[] = {"MAX", "L1", "L2", NULL};
    static const OpKind ops[] = {OP_ReduceMax, OP_ReduceL1, OP_ReduceL2};
    int norm = 0;
    if (!draft_need(im, d, 1) || !draft_take_word(im, d, "norm", norms, &norm))
        return false;
    Value *x = draft_cast(im, d, d->in[0], DT_F32);
    Value *by = draft_node(im, d, ops[norm], x, draft_int(im, d, "axis", draft_rank(d, 0) == 1 ? 0 : 1), NULL);
    Value *zero = draft_node(im, d, OP_Equal, by, draft_scalar(im, d, "zero", DT_F32, 0), NULL);
    by = draft_node(im, d, OP_Where, zero, draft_scalar(im, d, "one", DT_F32, 1), by);
    return draft_done(im, d, draft_node(im, d, OP_Div, x, by, NULL));
}

static bool make_binarizer(Importer *im, Draft *d) {
    double threshold;
    if (!draft_need(im, d, 1) || !draft_take_float(im, d, "threshold", 0, &threshold))
        return false;
    DType dtype = float_like(d->in[0]);
    Value *x = draft_cast(im, d, d->in[0], dtype);
    Value *above = draft_node(im, d, OP_Greater, x, draft_scalar(im, d, "threshold", dtype, threshold), NULL);
    return draft_done(im, d, draft_cast(im, d, above, draft_dtype(d, 0)));
}

// One number in place of another, which may be NaN.
static bool make_imputer(Importer *im, Draft *d) {
    Floats floats;
    Ints ints;
    bool found;
    double replaced;
    int64_t replaced_int;
    if (!draft_need(im, d, 1) || !draft_take_floats(im, d, "imputed_value_floats", &floats) ||
        !draft_take_float(im, d, "replaced_value_float", 0, &replaced) ||
        !draft_take_ints(im, d, "imputed_value_int64s", &ints, &found) ||
        !draft_take_int(im, d, "replaced_value_int64", 0, &replaced_int))
        return false;
    Value *x = d->in[0], *hit, *by;
    DType dtype = draft_dtype(d, 0);
    if (!floats.n && !ints.n)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "it has no imputed values");
    if (!floats.n) {
        Value *old = draft_cast(im, d, draft_int(im, d, "replaced", replaced_int), dtype);
        hit = draft_node(im, d, OP_Equal, x, old, NULL);
        by = draft_cast(im, d, draft_ints(im, d, "imputed", ints.v, ints.n), dtype);
    } else {
        hit = isnan(replaced) ? draft_node(im, d, OP_IsNaN, x, NULL, NULL)
                              : draft_node(im, d, OP_Equal, x, draft_scalar(im, d, "replaced", dtype, replaced), NULL);
        by = ml_list(im, d, "imputed", dtype, floats.v, floats.n);
    }
    return draft_done(im, d, draft_node(im, d, OP_Where, hit, by, x));
}

// Columns of the data, which may be a list.
static bool make_array_feature_extractor(Importer *im, Draft *d) {
    if (!draft_need(im, d, 2))
        return false;
    Value *x = d->in[0];
    if (draft_rank(d, 0) == 1)
        x = draft_node(im, d, OP_Unsqueeze, x, draft_int(im, d, "row_axis", 0), NULL);
    Value *index = draft_node(im, d, OP_Reshape, d->in[1], draft_int(im, d, "flat", -1), NULL);
    Value *y = draft_node(im, d, OP_Gather, x, index, NULL);
    ((AxisAttrs *)y->def->attrs)->axis = -1;
    draft_infer(im, y->def);
    return draft_done(im, d, y);
}

// One input of a FeatureVectorizer as a matrix with `size` columns: cut, or with zeros behind.
static Value *feature_columns(Importer *im, const Draft *d, int input, int64_t size) {
    Value *x = draft_cast(im, d, d->in[input], DT_F32);
    if (draft_rank(d, input) == 1)
        x = draft_node(im, d, OP_Unsqueeze, x, draft_int(im, d, "row_axis", 0), NULL);
    const Type *type = &x->type;
    if (size < 0 || type->rank != 2 || type->dim[1].sym || type->dim[1].n == size)
        return x;
    if (size < type->dim[1].n) {
        Value *ends[] = {draft_int(im, d, "start", 0), draft_int(im, d, "end", size), draft_int(im, d, "columns", 1)};
        Value *cut = draft_node(im, d, OP_Slice, x, ends[0], ends[1]);
        node_set_input(cut->def, 3, ends[2]);
        draft_infer(im, cut->def);
        return cut;
    }
    int64_t pads[] = {0, 0, 0, size - type->dim[1].n};
    return draft_node(im, d, OP_Pad, x, draft_ints(im, d, "pads", pads, 4), NULL);
}

static bool make_feature_vectorizer(Importer *im, Draft *d) {
    Ints sizes;
    bool found;
    if (!draft_need(im, d, d->nin > 1 ? d->nin : 1) ||
        !draft_take_ints(im, d, "inputdimensions", &sizes, &found))
        return false;
    Value *y = NULL;
    for (int i = 0; i < d->nin; i++) {
        Value *next = feature_columns(im, d, i, i < sizes.n ? sizes.v[i] : -1);
        y = y ? ml_pair(im, d, y, next) : next;
    }
    return draft_done(im, d, d->nin == 1 ? draft_node(im, d, OP_Identity, y, NULL, NULL) : y);
}

Value *ml_pair(Importer *im, const Draft *d, Value *low, Value *high) {
    Value *y = draft_node(im, d, OP_Concat, low, high, NULL);
    ((AxisAttrs *)y->def->attrs)->axis = 1;
    draft_infer(im, y->def);
    return y;
}

// 1 in the column of the category. One that is not among them gives zeros, or makes the run fail.
static bool make_one_hot_encoder(Importer *im, Draft *d) {
    Ints categories;
    bool found;
    int64_t zeros;
    if (!draft_need(im, d, 1) || !draft_take_ints(im, d, "cats_int64s", &categories, &found) ||
        !draft_take_int(im, d, "zeros", 1, &zeros))
        return false;
    if (draft_take(d, "cats_strings"))
        return no_strings(im, d, "the categories");
    Value *list = draft_ints(im, d, "categories", categories.v, categories.n);
    Value *x = draft_node(im, d, OP_Unsqueeze, draft_cast(im, d, d->in[0], DT_I64), draft_int(im, d, "last", -1), NULL);
    Value *hit = draft_cast(im, d, draft_node(im, d, OP_Equal, x, list, NULL), DT_F32);
    if (!zeros) {  // as many hits as are allowed are read from a list that has nothing for none
        Value *count = draft_node(im, d, OP_ReduceMax, hit, draft_int(im, d, "last", -1), NULL);
        Value *missing = draft_node(im, d, OP_Sub, draft_scalar(im, d, "one", DT_F32, 1), count, NULL);
        double one = 1;
        Value *checked = draft_node(im, d, OP_Gather, ml_list(im, d, "known", DT_F32, &one, 1),
                                    draft_cast(im, d, missing, DT_I64), NULL);
        hit = draft_node(im, d, OP_Mul, hit, checked, NULL);
    }
    return draft_done(im, d, hit);
}

// LabelEncoder: a list of keys, sorted, with a value for each and one more for all others.

typedef struct Table {
    Type keys, values;
    const void *key, *value, *other;  // bytes
} Table;

// `name`_int64s, `name`_floats or `name`_tensor as a list; a missing one has no bytes.
static bool take_list(Importer *im, Draft *d, const char *name, Type *type, const void **bytes) {
    const Onnx__AttributeProto *a;
    *bytes = NULL;
    if (draft_take(d, arena_printf(im->scratch, "%s_strings", name)))
        return no_strings(im, d, name);
    if ((a = draft_take(d, arena_printf(im->scratch, "%s_tensor", name)))) {
        if (!a->t)
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s_tensor' has no tensor", name);
        return tensor_read(&im->tensors, d->loc, name, a->t, type, bytes);
    }
    if ((a = draft_take(d, arena_printf(im->scratch, "%s_int64s", name)))) {
        int64_t n = (int64_t)a->n_ints;
        *type = type_make(DT_I64, 1, &n);
        *bytes = a->ints;
    } else if ((a = draft_take(d, arena_printf(im->scratch, "%s_floats", name)))) {
        int64_t n = (int64_t)a->n_floats;
        *type = type_make(DT_F32, 1, &n);
        *bytes = a->floats;
    }
    return true;
}

static bool take_default(Importer *im, Draft *d, Table *table) {
    const Onnx__AttributeProto *a = draft_take(d, "default_tensor");
    int64_t number;
    double real;
    Type type;
    if (!draft_take_int(im, d, "default_int64", -1, &number) || !draft_take_float(im, d, "default_float", -0.0, &real))
        return false;
    draft_take(d, "default_string");
    if (a && a->t) {
        if (!tensor_read(&im->tensors, d->loc, "default_tensor", a->t, &type, &table->other))
            return false;
        return (type.dtype == table->values.dtype && type_count(&type) == 1) ||
               diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'default_tensor' must have one value, of the type "
                          "of the values");
    }
    void *other = arena_alloc(im->arena, 8);
    element_set(table->values.dtype, other, 0, dtype_is_float(table->values.dtype) ? real : (double)number);
    table->other = other;
    return true;
}

typedef struct Key {
    double real;
    int64_t whole;
    int index;
} Key;

// NaN behind all numbers; equal keys in the order of the list, the first of which counts.
static int compare_keys(const void *a, const void *b) {
    const Key *x = a, *y = b;
    if (isnan(x->real) != isnan(y->real))
        return isnan(x->real) ? 1 : -1;
    if (x->real < y->real || x->real > y->real)
        return x->real < y->real ? -1 : 1;
    if (x->whole != y->whole)
        return x->whole < y->whole ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static Value *lookup(Importer *im, const Draft *d, const Table *table, int64_t n) {
    Key *sorted = ARENA_ARRAY(im->scratch, Key, n);
    size_t wide = (size_t)dtype_info[table->keys.dtype].bits / 8,
           size = (size_t)dtype_info[table->values.dtype].bits / 8;
    bool real = dtype_is_float(table->keys.dtype);
    for (int i = 0; i < n; i++)
        sorted[i] = (Key){real ? element_double(table->keys.dtype, table->key, i) : 0,
                          real ? 0 : element_int(table->keys.dtype, table->key, i), i};
    if (n)
        qsort(sorted, (size_t)n, sizeof *sorted, compare_keys);
    char *keys = arena_alloc(im->arena, (size_t)n * wide), *values = arena_alloc(im->arena, (size_t)(n + 1) * size);
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        const Key *key = &sorted[i], *last = i ? key - 1 : NULL;
        bool same =
            last && last->whole == key->whole && (last->real == key->real || (isnan(last->real) && isnan(key->real)));
        if (same)
            continue;
        memcpy(keys + (size_t)kept * wide, (const char *)table->key + (size_t)key->index * wide, wide);
        memcpy(values + (size_t)kept * size, (const char *)table->value + (size_t)key->index * size, size);
        kept++;
    }
    memcpy(values + (size_t)kept * size, table->other, size);
    int64_t count = kept + 1;
    Type key_type = type_make(table->keys.dtype, 1, &kept), value_type = type_make(table->values.dtype, 1, &count);
    return draft_node(im, d, OP_Lookup, d->in[0], draft_constant(im, d, "keys", &key_type, keys),
                      draft_constant(im, d, "values", &value_type, values));
}

static bool make_label_encoder(Importer *im, Draft *d) {
    Table table = {0};
    if (!draft_need(im, d, 1))
        return false;
    if (draft_take(d, "classes_strings"))
        return no_strings(im, d, "the classes");
    if (!take_list(im, d, "keys", &table.keys, &table.key) || !take_list(im, d, "values", &table.values, &table.value))
        return false;
    if (!table.key || !table.value)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "it has no keys, or no values");
    int64_t n = type_count(&table.keys);
    if (n != type_count(&table.values))
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "it has %lld keys, but %lld values", (long long)n,
                          (long long)type_count(&table.values));
    return take_default(im, d, &table) && draft_done(im, d, lookup(im, d, &table, n));
}

static bool make_category_mapper(Importer *im, Draft *d) {
    return no_strings(im, d, "the categories");
}

// A list of maps from classes to probabilities has no place in C: the tensor is passed on under the map's name.
static bool make_zip_map(Importer *im, Draft *d) {
    if (!draft_need(im, d, 1))
        return false;
    draft_take(d, "classlabels_strings");
    draft_take(d, "classlabels_int64s");
    diag_warn(im->diag, d->loc, "output '%s' is a tensor with a column for each class, not a list of maps",
              d->out[0]);
    return draft_done(im, d, draft_node(im, d, OP_Identity, d->in[0], NULL, NULL));
}

static const struct {
    const char *op;
    Decomposition decompose;
} table[] = {
    {"ArrayFeatureExtractor", make_array_feature_extractor},
    {"Binarizer", make_binarizer},
    {"CategoryMapper", make_category_mapper},
    {"FeatureVectorizer", make_feature_vectorizer},
    {"Imputer", make_imputer},
    {"LabelEncoder", make_label_encoder},
    {"LinearClassifier", make_linear_classifier},
    {"LinearRegressor", make_linear_regressor},
    {"Normalizer", make_normalizer},
    {"OneHotEncoder", make_one_hot_encoder},
    {"SVMClassifier", make_svm_classifier},
    {"SVMRegressor", make_svm_regressor},
    {"Scaler", make_scaler},
    {"TreeEnsemble", make_tree_ensemble},
    {"TreeEnsembleClassifier", make_tree_classifier},
    {"TreeEnsembleRegressor", make_tree_regressor},
    {"ZipMap", make_zip_map},
};

Decomposition ml_find(const char *op) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].op, op))
            return table[i].decompose;
    return NULL;
}
