# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""The domain ai.onnx.ml: features, labels, linear models, support vectors. TfIdfVectorizer of the main domain."""

import os
import sys

import numpy as np
from onnx import numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

ML = "ai.onnx.ml"
features = Sweep(domain=ML, version=3)
one, nan = np.float32, float("nan")
for data in (floats(4, 3), floats(4, 3, dtype=np.float64), ints(-9, 9, 4, 3), ints(-9, 9, 4, 3, dtype=np.int32)):
    features.add("Scaler", [data], types=[one], offset=[0.5, -1.0, 2.0], scale=[2.0, 0.1, -3.0])
    features.add("Scaler", [data], types=[one], offset=[0.5], scale=[2.0])
    for norm in ("MAX", "L1", "L2"):
        features.add("Normalizer", [np.abs(data) if norm == "MAX" else data], types=[one], norm=norm)
zeros = floats(3, 4)
zeros[1] = 0
for norm in ("MAX", "L1", "L2"):
    features.add("Normalizer", [zeros], norm=norm)
features.add("Normalizer", [floats(5)], norm="L2")
features.add("Binarizer", [floats(3, 7)], threshold=0.25)
features.add("Binarizer", [np.array([[0.5, 0.25, 1e30, -1]], one)], threshold=0.25)
holes = floats(4, 3)
holes[0, 1] = holes[2, 0] = nan
holes[1, 2] = holes[3, 1] = 7
for replaced in (nan, 7.0):
    features.add("Imputer", [holes], imputed_value_floats=[1.0, 2.0, 3.0], replaced_value_float=replaced)
    features.add("Imputer", [holes], imputed_value_floats=[-1.5], replaced_value_float=replaced)
features.add("Imputer", [ints(0, 4, 4, 3)], imputed_value_int64s=[10, 20, 30], replaced_value_int64=2)
features.add("ArrayFeatureExtractor", [floats(4, 6), np.array([5, 0, 2])])
features.add("ArrayFeatureExtractor", [ints(0, 9, 2, 3, 6), np.array([[5, 1]])])
features.add("ArrayFeatureExtractor", [floats(6), np.array([5, 1])])
features.add("OneHotEncoder", [ints(0, 6, 3, 4)], types=[one], cats_int64s=[1, 2, 5])
features.add("OneHotEncoder", [ints(0, 6, 3, 4).astype(one)], types=[one], cats_int64s=[1, 2, 5])
features.add("OneHotEncoder", [np.array([5, 1, 2, 5])], types=[one], cats_int64s=[1, 2, 5], zeros=0)
features.add("FeatureVectorizer", [floats(3, 2), floats(3, 4)], inputdimensions=[2, 4])
features.add("FeatureVectorizer", [ints(0, 9, 3, 2), ints(0, 9, 3, 4)], types=[one], inputdimensions=[2, 4])

labels = Sweep(domain=ML, version=2)
labels.add("LabelEncoder", [ints(0, 9, 3, 5)], keys_int64s=[7, 1, 3, 1], values_int64s=[70, 10, 30, 99])
labels.add("LabelEncoder", [ints(0, 9, 40)], types=[one], keys_int64s=[7, 1, 3], values_floats=[0.7, 0.1, 0.3],
           default_float=2.5)
labels.add("LabelEncoder", [np.array([1.5, -2, 0, 9], one)], keys_floats=[1.5, 9.0], values_floats=[1.0, 2.0])
labels.add("LabelEncoder", [ints(-2**62, 2**62, 64) // 2**58 * 2**58], keys_int64s=[k * 2**58 for k in range(-9, 9, 2)],
           values_int64s=list(range(9)))
labels.add("LabelEncoder", [ints(0, 3000, 2, 3, 4, 50)], keys_int64s=[int(k) for k in ints(0, 3000, 1000)],
           values_int64s=list(range(1000)))

newer = Sweep(domain=ML, version=4)  # NaN is a key like any other
newer.add("LabelEncoder", [np.array([[1.5, -2, nan], [0, 9, 1.5]], one)], types=[np.int64], keys_floats=[1.5, nan, 0.0],
          values_int64s=[15, -1000, 5], default_int64=-7)
for kind in (np.int64, np.int32, np.float64):
    keys = numpy_helper.from_array(np.array([1, 2, 4, 8], kind))
    newer.add("LabelEncoder", [ints(0, 9, 3, 5, dtype=kind)], types=[np.float64 if kind == np.float64 else kind], keys_tensor=keys,
              values_tensor=keys, default_tensor=numpy_helper.from_array(np.array([100], kind)), reference=kind == np.int32)

models = Sweep(domain=ML, version=3)
both = [np.int64, one]
for data in (floats(5, 3), ints(-3, 3, 5, 3), floats(5, 3, dtype=np.float64)):
    models.add("LinearClassifier", [data], types=both, coefficients=[0.5, -1.0, 0.25], intercepts=[0.75],
               classlabels_ints=[4, 7])
models.add("LinearRegressor", [floats(5, 3)], coefficients=[0.5, -1.0, 0.25], intercepts=[0.75])
for transform in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"):
    # PROBIT wants scores in 0..1, and onnxruntime's formula loses digits near 0.5.
    small = floats(6, 3) * 0.01
    models.add("LinearRegressor", [small], coefficients=[0.5, -1.0, 0.25, 1.0, 2.0, 3.0], targets=2,
               intercepts=[0.25, 0.75], post_transform=transform)
    models.add("LinearClassifier", [small], types=both, coefficients=[0.5, -1.0, 0.25, 1.0, 2.0, 3.0, 1.0, 1.0, 0.0],
               intercepts=[0.25, 0.75, 0.375], classlabels_ints=[4, 7, -2], post_transform=transform)
    if transform != "PROBIT":
        models.add("LinearClassifier", [floats(6, 3)], types=both, coefficients=[0.5, -1.0, 0.25], intercepts=[-0.1],
                   classlabels_ints=[0, 1], post_transform=transform)
vectors = floats(7, 3)
for kernel, parameters in (("LINEAR", [0.5, 0.0, 3.0]), ("POLY", [0.5, 0.25, 3.0]), ("RBF", [0.4, 0.0, 0.0]),
                           ("SIGMOID", [0.3, 0.1, 0.0])):
    common = dict(kernel_type=kernel, kernel_params=parameters, support_vectors=vectors.ravel().tolist())
    for one_class in (0, 1):
        models.add("SVMRegressor", [floats(6, 3)], n_supports=7, coefficients=floats(7).tolist(), rho=[0.2],
                   one_class=one_class, **common)
    models.add("SVMClassifier", [floats(6, 3)], types=both, coefficients=floats(14).tolist(), rho=[0.2, -0.1, 0.3],
               vectors_per_class=[2, 3, 2], classlabels_ints=[3, 1, 2], **common)
    for transform in ("NONE", "LOGISTIC"):
        models.add("SVMClassifier", [floats(6, 3)], types=both, coefficients=floats(7).tolist(), rho=[0.2],
                   vectors_per_class=[4, 3], classlabels_ints=[0, 1], post_transform=transform, **common)
    # With probabilities, which are fitted to decide for one of a pair, and which any transform may follow.
    for transform in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"):
        for per_class in ([4, 3], [2, 3, 2], [1, 2, 0, 1, 3]):
            k = len(per_class)
            pairs = k * (k - 1) // 2
            models.add("SVMClassifier", [floats(6, 3)], types=both, coefficients=floats(7 * (k - 1)).tolist(),
                       rho=floats(pairs).tolist(), prob_a=(-1 - np.abs(floats(pairs))).tolist(), prob_b=floats(pairs).tolist(),
                       vectors_per_class=per_class, classlabels_ints=list(range(7, 7 + k)), post_transform=transform, **common)
models.add("SVMClassifier", [floats(300, 3)], types=both, coefficients=floats(7 * 6).tolist(), rho=floats(21).tolist(),
           prob_a=[-40.0] * 21, prob_b=[0.0] * 21, vectors_per_class=[1] * 7, classlabels_ints=list(range(7)), **common)
models.add("SVMRegressor", [floats(6, 3)], coefficients=[0.5, -1.0, 0.25], rho=[0.2], kernel_type="LINEAR",
           kernel_params=[0.0, 0.0, 0.0])
models.add("SVMClassifier", [floats(6, 3)], types=both, coefficients=floats(9).tolist(), rho=[0.2],
           classlabels_ints=[0, 1, 2], kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0])

# TfIdfVectorizer: n-grams of words, which are numbers; of every mode and length, near and far.
grams = Sweep()
many = sorted({tuple(int(k) for k in ints(0, 9, 2)) for _ in range(40)}, key=lambda gram: gram[::-1])
pools = [([0], [4, 1, 7, 3]), ([0, 3], [4, 1, 7, 1, 7, 4, 4, 3, 0]), ([0, 0], [5, 6, 6, 5, 6, 6, 1, 5]),
         ([0, 2, 6], [2, 3, 2, 3, 4, 4, 2, 3, 1, 4, 4, 4]), ([0, 1], [8] + [k for gram in many for k in gram])]
for starts, items in pools:
    ends = starts[1:] + [len(items)]
    count = sum((end - start) // (i + 1) for i, (start, end) in enumerate(zip(starts, ends)))
    for least, most, skips in ((1, 1, 2), (1, 2, 0), (1, 2, 3), (2, 2, 5), (2, 3, 1), (1, 3, 40)):
        if most > len(starts):
            continue
        common = dict(ngram_counts=starts, pool_int64s=items, min_gram_length=least, max_gram_length=most,
                      max_skip_count=skips, ngram_indexes=[(i * 7 + 3) % count if count % 7 else i for i in range(count)])
        grams.add("TfIdfVectorizer", [ints(0, 9, 3, 40)], types=[one], mode="TF", **common)
        grams.add("TfIdfVectorizer", [ints(0, 9, 30, dtype=np.int32)], types=[one], mode="IDF", **common)
        for mode in ("IDF", "TFIDF"):
            grams.add("TfIdfVectorizer", [ints(0, 9, 2, 25, dtype=np.int32)], types=[one], mode=mode,
                      weights=floats(count).tolist(), **common)
    grams.add("TfIdfVectorizer", [ints(0, 9, 4, 1)], types=[one], mode="TF", **common)
grams.add("TfIdfVectorizer", [ints(0, 9, 30)], types=[one], mode="TFIDF", ngram_counts=[0], pool_int64s=[4, 1, 7, 2],
          ngram_indexes=[2, 0, 2, 5], weights=[0.5, 3.0, 0.5, -1.0], min_gram_length=1, max_gram_length=1, max_skip_count=0)
far = [k * 2**60 + 1 for k in (-3, 2, 5, -3, 5)]  # words that a float would confuse
grams.add("TfIdfVectorizer", [np.array(far + far + [1 - 3 * 2**60, 0])], types=[one], mode="TF", ngram_counts=[0, 1],
          pool_int64s=[far[1], far[0], far[1], far[3], far[4], far[4], far[4] - 1], ngram_indexes=[4, 2, 0, 1],
          min_gram_length=1, max_gram_length=2, max_skip_count=1)

failures = [grams.run("grams"), features.run("features"), labels.run("labels"), newer.run("newer"), models.run("models")]
if not sys.argv[1:]:  # a category that must be known
    case = Sweep(domain=ML, version=3)
    case.add("OneHotEncoder", [np.array([1, 3])], types=[one], cats_int64s=[1, 2], zeros=0)
    failures.append(case.run_code() != 3)
finish(*failures)
