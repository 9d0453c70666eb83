// TfIdfVectorizer: counts of n-grams.
#ifndef ONNX_GRAMS_H
#define ONNX_GRAMS_H

#include "onnx/draft.h"

bool make_tfidf_vectorizer(Importer *im, Draft *d);

#endif
