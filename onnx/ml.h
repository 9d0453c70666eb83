// Builders for the domain ai.onnx.ml: the classics of machine learning.
#ifndef ONNX_ML_H
#define ONNX_ML_H

#include "onnx/draft.h"

Decomposition ml_find(const char *op);  // null if the domain has no such operator, or it is not supported

// Models; features and the table of all are in ml.c.
bool make_linear_classifier(Importer *im, Draft *d);
bool make_linear_regressor(Importer *im, Draft *d);
bool make_svm_classifier(Importer *im, Draft *d);
bool make_svm_regressor(Importer *im, Draft *d);
bool make_tree_classifier(Importer *im, Draft *d);
bool make_tree_ensemble(Importer *im, Draft *d);
bool make_tree_regressor(Importer *im, Draft *d);

// ---- What the files of the domain share.

// A constant f32 (or f64) list or matrix.
Value *ml_list(Importer *im, const Draft *d, const char *part, DType dtype, const double *v, int64_t n);
Value *ml_matrix(Importer *im, const Draft *d, const char *part, const double *v, int64_t rows, int64_t columns);
// Input 0 as a matrix of f32: a list is one row.
Value *ml_rows(Importer *im, const Draft *d);

typedef enum MlTransform { ML_NONE, ML_SOFTMAX, ML_LOGISTIC, ML_SOFTMAX_ZERO, ML_PROBIT } MlTransform;
bool ml_take_transform(Importer *im, Draft *d, int *transform);
Value *ml_transform(Importer *im, const Draft *d, Value *scores, int transform);  // along the last axis

// The labels of a classifier. Strings are numbered: the label is an index into their list, and a warning says so.
typedef struct MlLabels {
    int n;
    int64_t *v;
} MlLabels;
bool ml_take_labels(Importer *im, Draft *d, MlLabels *labels);
Value *ml_label_of_index(Importer *im, const Draft *d, const MlLabels *labels, Value *index);
// labels[1] where the single column of `scores` is above the threshold, else labels[0] (1 and 0 if there are not two).
Value *ml_label_of_score(Importer *im, const Draft *d, const MlLabels *labels, Value *scores, double threshold);
Value *ml_best(Importer *im, const Draft *d, Value *scores);  // the index of the largest of each row
// Two columns from one: the transform of the score is the second; of the first, 1 - score or (without `complement`)
// -score is taken, and the logistic function of -score.
Value *ml_two_columns(Importer *im, const Draft *d, Value *score, int transform, bool complement);
// Columns of two matrices side by side.
Value *ml_pair(Importer *im, const Draft *d, Value *low, Value *high);

#endif
