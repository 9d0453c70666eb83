# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Ensembles of decision trees, random ones: all comparisons, missing values, sums and extremes, several targets, classes."""

import os
import sys

import numpy as np
from onnx import numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints, random

ML = "ai.onnx.ml"
MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
one = np.float32


def forest(trees, depth, features, kind, ids, modes=MODES[:1], weights=None, missing=False, shuffle=False):
    """The attributes of a TreeEnsembleRegressor (kind "target") or -Classifier ("class"); `ids` for each leaf."""
    nodes, leaves = [], []
    for tree in range(trees):
        free, first, start = iter(range(4 ** depth)), len(leaves), len(nodes)

        def grow(level, number):
            if level == depth or (level and random.random() < 0.2):
                nodes.append((tree, number, 0, 0.0, "LEAF", 0, 0, 0))
                leaves.extend((tree, number, k, weights() if weights else float(floats())) for k in ids())
                return
            yes, no = next(free), next(free)
            split = float(np.float32(random.integers(-3, 4) / 2))
            nodes.append((tree, number, int(random.integers(features)), split, str(random.choice(modes)), yes, no,
                          int(missing and random.integers(2))))
            grow(level + 1, yes)
            grow(level + 1, no)

        grow(0, next(free))
        if shuffle:
            place = [int(k) for k in random.permutation(next(free))]
            nodes[start:] = [(t, place[n], *rest, place[yes], place[no], miss) for t, n, *rest, yes, no, miss in nodes[start:]]
            leaves[first:] = [(t, place[n], *rest) for t, n, *rest in leaves[first:]]
    names = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
             "missing_value_tracks_true")
    attributes = {f"nodes_{name}": list(column) for name, column in zip(names, zip(*nodes))}
    for name, column in zip(("treeids", "nodeids", "ids", "weights"), zip(*leaves)):
        attributes[f"{kind}_{name}"] = list(column)
    if kind == "target":
        attributes["n_targets"] = max(attributes["target_ids"]) + 1
    return attributes


def in_double(attributes):
    """The same with numbers of doubles."""
    return {name + ("_as_tensor" if name.endswith(("values", "weights")) else ""):
            numpy_helper.from_array(np.array(v)) if name.endswith(("values", "weights")) else v
            for name, v in attributes.items()}


def data(rows, features, kind=one, holes=False):
    x = (random.integers(-4, 5, (rows, features)) / 2).astype(kind)
    if holes:
        x[random.random(x.shape) < 0.2] = np.nan
    return x


regressors = Sweep(domain=ML, version=3)
single = lambda: [0]
several = lambda: sorted(random.choice(3, random.integers(1, 4), replace=False).tolist())
for mode in MODES:
    regressors.add("TreeEnsembleRegressor", [data(20, 5)], **forest(3, 4, 5, "target", single, [mode]))
for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
    for ids, targets in ((single, 1), (several, 3)):
        for trees in (1, 7):
            base = {} if trees == 1 else {"base_values": floats(targets).tolist()}
            # onnxruntime divides the base values of several targets, too
            reference = aggregate == "AVERAGE" and bool(base)
            regressors.add("TreeEnsembleRegressor", [data(20, 4)], reference=reference, aggregate_function=aggregate,
                           **base, **forest(trees, 4, 4, "target", ids, MODES))
for missing in (False, True):
    regressors.add("TreeEnsembleRegressor", [data(40, 3, holes=True)],
                   **forest(4, 5, 3, "target", single, MODES, missing=missing))
    regressors.add("TreeEnsembleRegressor", [data(40, 3, holes=True)],
                   **forest(4, 5, 3, "target", single, MODES[:1], missing=missing, shuffle=True))
regressors.add("TreeEnsembleRegressor", [data(9, 3, np.float64)], types=[one],
               **in_double(forest(3, 4, 3, "target", single)))
regressors.add("TreeEnsembleRegressor", [data(300, 9)], **forest(60, 7, 9, "target", single))
regressors.add("TreeEnsembleRegressor", [data(7, 3)], post_transform="SOFTMAX",
               **forest(3, 3, 3, "target", several))

classifiers = Sweep(domain=ML, version=3)
both = [np.int64, one]
every = lambda: [0, 1, 2]
positive = lambda: float(abs(floats())) + 0.125
for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
    for base in ({}, {"base_values": [0.5, -0.25, 0.125]}):
        classifiers.add("TreeEnsembleClassifier", [data(20, 5)], types=both, classlabels_int64s=[4, -7, 2],
                        post_transform=transform, **base, **forest(5, 4, 5, "class", every, MODES))
    for weights, base in ((positive, {}), (None, {}), (None, {"base_values": [0.25]})):
        classifiers.add("TreeEnsembleClassifier", [data(20, 5)], types=both, classlabels_int64s=[4, 7],
                        post_transform=transform, **base,
                        **forest(1 if weights else 4, 4, 5, "class", single, weights=weights))
classifiers.add("TreeEnsembleClassifier", [data(20, 5, np.float64)], types=both, classlabels_int64s=[0, 1, 2],
                **in_double(forest(5, 4, 5, "class", every)))
classifiers.add("TreeEnsembleClassifier", [ints(-4, 5, 20, 5)], types=both, classlabels_int64s=[0, 1, 2],
                **forest(5, 4, 5, "class", every))

ensembles = Sweep(domain=ML, version=5)


def ensemble(modes, kind=one, targets=2, members=(), trees=1, missing=0):
    """Complete trees of three branches and four leaves each."""
    def tensor(values, of=kind):
        return numpy_helper.from_array(np.array(values, of))
    n = 3 * trees
    attributes = dict(
        n_targets=targets, tree_roots=[3 * t for t in range(trees)], nodes_modes=tensor(list(modes) * trees, np.uint8),
        nodes_featureids=[int(k) for k in ints(0, 3, n)], nodes_splits=tensor(random.integers(-3, 4, n) / 2),
        nodes_truenodeids=[v for t in range(trees) for v in (3 * t + 1, 4 * t, 4 * t + 2)], nodes_trueleafs=[0, 1, 1] * trees,
        nodes_falsenodeids=[v for t in range(trees) for v in (3 * t + 2, 4 * t + 1, 4 * t + 3)],
        nodes_falseleafs=[0, 1, 1] * trees, leaf_targetids=[int(k) for k in ints(0, targets, 4 * trees)],
        leaf_weights=tensor(floats(4 * trees)))
    if members:
        attributes["membership_values"] = tensor(members)
    if missing:
        attributes["nodes_missing_value_tracks_true"] = [1, 0, 1] * trees
    return attributes


for aggregate in range(4):
    for kind in (one, np.float64):
        ensembles.add("TreeEnsemble", [data(20, 3, kind, True)], aggregate_function=aggregate,
                      **ensemble([0, 3, 1], kind, trees=3, missing=aggregate % 2))
nan = float("nan")
ensembles.add("TreeEnsemble", [data(30, 3, holes=True)], reference=True,
              **ensemble([0, 6, 6], members=[1, -1, 0.5, nan, 2, -2, nan]))
ensembles.add("TreeEnsemble", [data(30, 3)],
              **ensemble([2, 4, 5], targets=3, trees=2))

finish(regressors.run("regressors"), classifiers.run("classifiers"), ensembles.run("ensembles"))
