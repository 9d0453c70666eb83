# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
"""What exporters put behind results whose size depends on the data, as they write it: boxes and scores picked by masks,
shapes of such results as numbers, the best hundred or as many as there are, detectors' tails."""

import os
import sys

import numpy as np
from onnx import helper

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from chain import Net, chain
from sweep import finish, floats, ints

F, I, B = np.float32, np.int64, np.bool_
FIRST = [2**63 - 1]


def picked(net, data, mask):
    """data[mask], as torch exports it: NonZero of its own, Transpose, GatherND."""
    return net.GatherND(data, net.Transpose(net.NonZero(mask), perm=[1, 0]))


def length(net, value, axis=0):
    return net.Gather(net.Shape(value), axis, axis=0)


def masks():
    """Three values picked by one mask, each with a NonZero of its own, joined; two joined end to end; parts of them."""
    net = Net()
    boxes, scores, other = net.input("boxes", F, 9, 4), net.input("scores", F, 9), net.input("other", F, 6)
    mask = net.Greater(scores, net.constant(0.1, F))
    a, b = picked(net, boxes, mask), picked(net, scores, mask)
    net.output(net.Concat(a, net.Unsqueeze(b, [1]), axis=1))
    net.output(net.Mul(b, picked(net, scores, mask)))
    c = picked(net, other, net.Less(other, net.constant(0, F)))
    net.output(net.Concat(c, b, c, axis=0))
    net.output(net.Concat(b, other, axis=0))
    net.output(net.Slice(b, [0], [3], [0]))
    net.output(net.Slice(a, [1], FIRST, [0]))
    net.output(net.Slice(a, [-2, 1], [2**62, 3], [0, 1]))
    net.output(net.Slice(a, [0], [-1], [0]))
    net.output(net.Slice(b, net.Unsqueeze(net.Div(length(net, b), 2), [0]), FIRST, [0]))
    net.output(net.Where(net.Greater(b, net.constant(0.8, F)), b, net.Neg(b)))
    return net, [{"boxes": floats(9, 4), "scores": s, "other": floats(6)}
                 for s in (floats(9), np.zeros(9, F), np.ones(9, F), np.eye(9, dtype=F)[4])]


def shapes():
    """The shape of a counted value as data and as a shape."""
    net = Net()
    x = net.input("x", F, 3, 5)
    rows = net.Transpose(net.NonZero(x), perm=[1, 0])
    v = net.GatherND(x, rows)
    n = length(net, v)
    net.output(net.Shape(rows), I)
    net.output(net.Size(rows), I)
    net.output(net.Cast(n, to=1))
    net.output(net.ConstantOfShape(net.Shape(rows)))
    net.output(net.ConstantOfShape(net.Concat(net.Unsqueeze(n, [0]), net.constant([3]), axis=0)))
    net.output(net.Range(0, n, 1), I)
    net.output(net.Range(2, net.Add(n, 7), 3), I)
    net.output(net.Reshape(rows, [-1]), I)
    net.output(net.Reshape(net.Reshape(rows, [-1]), [-1, 2]), I)
    net.output(net.Reshape(rows, net.Concat(net.Unsqueeze(n, [0]), net.constant([2]), axis=0)), I)
    net.output(net.Reshape(rows, net.Concat(net.constant([1]), net.Unsqueeze(n, [0]), net.constant([2]), axis=0)), I)
    net.output(net.Expand(net.constant([[2.5]], F), net.Shape(rows)))
    net.output(net.Expand(net.Unsqueeze(v, [1]), net.Concat(net.Unsqueeze(n, [0]), net.constant([4]), axis=0)))
    net.output(net.Tile(net.constant([[1, 2]], F), net.Concat(net.Unsqueeze(n, [0]), net.constant([1]), axis=0)))
    # As torch writes x.expand(n, 2): -1 keeps a dimension
    shape = net.Concat(net.Unsqueeze(n, [0]), net.constant([2]), axis=0)
    ones = net.ConstantOfShape([2], value=ints_tensor(1))
    shape = net.Where(net.Equal(shape, net.Mul(ones, -1)), ones, shape)
    net.output(net.Expand(net.Unsqueeze(v, [1]), shape))
    return net, [{"x": x} for x in (floats(3, 5), np.zeros((3, 5), F), np.eye(5, dtype=F)[1:4])]


def ints_tensor(value):
    from onnx import numpy_helper
    return numpy_helper.from_array(np.array([value], np.int64))


def reductions():
    net = Net()
    x, w = net.input("x", F, 7, 3), net.input("w", F, 7)
    i = net.Compress(net.constant(np.arange(7)), net.Greater(w, net.constant(0, F)), axis=0)
    rows = net.Gather(x, i, axis=0)
    for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
               "ReduceLogSumExp"):
        net.output(getattr(net, op)(rows, [0], keepdims=0))
        net.output(getattr(net, op)(rows, keepdims=1))
    net.output(net.ReduceMax(net.Cast(rows, to=6), [0]), np.int32)
    net.output(net.ArgMax(rows, axis=0), I)
    net.output(net.ArgMin(rows, axis=0, keepdims=0), I)
    net.output(net.Softmax(rows, axis=0))
    net.output(net.LogSoftmax(net.Transpose(rows, perm=[1, 0]), axis=1))
    net.output(net.CumSum(rows, 0))
    net.output(net.CumSum(rows, 0, reverse=1, exclusive=1))
    net.output(net.MatMul(net.Transpose(rows, perm=[1, 0]), rows))
    net.output(net.Gemm(rows, rows, transA=1))
    net.output(net.Gather(rows, [0, -1], axis=0))
    net.output(net.GatherND(rows, [[-1, 2], [0, 0]]))
    net.output(net.NonZero(net.Greater(rows, net.constant(0, F))), I)
    net.output(net.Compress(rows, net.Greater(net.Gather(w, i), net.constant(0.5, F)), axis=0))
    values, places = net.TopK(rows, [1], axis=0, outputs=2, largest=0)
    net.output(values)
    net.output(places, I)
    return net, [{"x": floats(7, 3), "w": w} for w in (np.abs(floats(7)), np.eye(7, dtype=F)[6], np.sign(floats(7)) + 0.5)]


def scatters():
    """x[mask] = v, added up, and into what was picked."""
    net = Net()
    x, v = net.input("x", F, 6, 4), net.input("v", F, 6)
    where = net.Transpose(net.NonZero(net.Greater(x, net.constant(0.3, F))), perm=[1, 0])
    n = net.Unsqueeze(length(net, where), [0])
    net.output(net.ScatterND(x, where, net.Expand(net.constant([7], F), n)))
    rows = net.Reshape(net.NonZero(net.Greater(v, net.constant(0, F))), [-1])
    there = net.Gather(x, rows, axis=0)
    net.output(net.ScatterND(x, net.Unsqueeze(rows, [1]), net.Mul(there, there)))
    net.output(net.ScatterND(x, net.Unsqueeze(rows, [1]), there, reduction="add"))
    net.output(net.ScatterElements(v, rows, net.Gather(v, rows), axis=0, reduction="mul"))
    net.output(net.ScatterElements(net.constant(np.zeros((6, 4)), F),
                                   net.Expand(net.Unsqueeze(rows, [1]), net.Shape(there)), there, axis=0))
    high = net.Unsqueeze(net.Compress(rows, net.Greater(net.Gather(v, rows), net.constant(9, F)), axis=0), [1])
    net.output(net.ScatterND(there, net.Sub(high, high), net.Gather(x, net.Squeeze(high, [1]))))
    return net, [{"x": floats(6, 4), "v": v} for v in (floats(6), np.ones(6, F), -np.ones(6, F))]


def boxes_of(*shape):
    corners = np.sort(floats(*shape, 2, 2), axis=-2)
    return corners.reshape(*shape, 4)


def yolo():
    """A grid of predictions: decoded, those above a threshold kept, classes kept apart by an offset, suppressed, the 20 best."""
    net = Net()
    raw = net.input("raw", F, 1, 40, 8)  # x, y, w, h, objectness, three classes
    raw = net.Squeeze(raw, [0])
    centre, size = net.Slice(raw, [0], [2], [1]), net.Exp(net.Slice(raw, [2], [4], [1]))
    score = net.Mul(net.Sigmoid(net.Slice(raw, [4], [5], [1])), net.Sigmoid(net.Slice(raw, [5], [8], [1])))
    half = net.Mul(size, net.constant(0.5, F))
    box = net.Concat(net.Sub(centre, half), net.Add(centre, half), axis=1)
    best, label = net.ReduceMax(score, [1], keepdims=0), net.ArgMax(score, axis=1, keepdims=0)
    keep = net.Greater(best, net.input("least", F))
    box, best, label = (picked(net, v, keep) for v in (box, best, label))
    apart = net.Mul(net.Cast(label, to=1), net.Add(net.ReduceMax(box, keepdims=0), net.constant(1, F)))
    moved = net.Add(box, net.Unsqueeze(apart, [1]))
    chosen = net.NonMaxSuppression(net.Unsqueeze(moved, [0]), net.Unsqueeze(best, [0, 1]), [100], net.constant([0.45], F))
    index = net.Squeeze(net.Slice(chosen, [2], [3], [1]), [1])
    index = net.Slice(index, [0], [20], [0])
    found = net.Concat(net.Gather(box, index), net.Unsqueeze(net.Gather(best, index), [1]),
                       net.Cast(net.Unsqueeze(net.Gather(label, index), [1]), to=1), axis=1)
    net.output(found)
    net.output(net.Unsqueeze(length(net, found), [0]), I)
    return net, [{"raw": floats(1, 40, 8), "least": np.array(t, F)} for t in (0.0, 0.3, 0.45, 0.7)]


def ssd():
    """As tf2onnx writes combined suppression: per class, the 12 best of all, filled up with zeros to 12."""
    net = Net()
    boxes, scores = net.input("boxes", F, 1, 30, 4), net.input("scores", F, 1, 3, 30)
    chosen = net.NonMaxSuppression(boxes, scores, [8], net.constant([0.5], F), net.input("least", F, 1))
    score = net.GatherND(scores, chosen)
    k = net.Cast(net.Min(net.Cast(net.Shape(score), to=6), net.constant([12], np.int32)), to=7)
    best, place = net.TopK(score, k, outputs=2)
    chosen = net.Gather(chosen, place)
    box = net.Gather(net.Squeeze(boxes, [0]), net.Squeeze(net.Slice(chosen, [2], [3], [1]), [1]))
    label = net.Cast(net.Squeeze(net.Slice(chosen, [1], [2], [1]), [1]), to=1)
    missing = net.Sub(net.constant([12]), net.Shape(best))
    net.output(net.Unsqueeze(net.Pad(box, net.Concat(net.constant([0, 0]), missing, net.constant([0]), axis=0)), [0]))
    for value in (best, label):
        net.output(net.Unsqueeze(net.Pad(value, net.Concat(net.constant([0]), missing, axis=0), net.constant(-1, F)), [0]))
    net.output(net.Cast(net.Squeeze(net.Shape(best)), to=6), np.int32)
    return net, [{"boxes": boxes_of(1, 30), "scores": floats(1, 3, 30), "least": np.array([t], F)} for t in (-9, 0, 1.5, 9)]


def two_stages():
    """As torchvision's detectors end: proposals of two levels, clipped, small ones dropped, suppressed; features of each
    from the level that its size chooses, merged by scattering; a head; one more suppression, class by class."""
    net = Net()
    levels = [net.input("small", F, 1, 6, 8, 8), net.input("large", F, 1, 6, 4, 4)]
    proposals, scores = [], []
    for name, n in (("near", 24), ("far", 6)):
        boxes, score = net.input(name, F, n, 4), net.input(name + "_score", F, n)
        k = net.ReduceMin(net.Concat(net.Shape(score), net.constant([16]), axis=0), keepdims=0)
        best, place = net.TopK(score, net.Reshape(k, [-1]), outputs=2)
        proposals.append(net.Gather(boxes, place))
        scores.append(best)
    boxes, score = net.Concat(*proposals, axis=0), net.Concat(*scores, axis=0)
    boxes = net.Clip(boxes, net.constant(0, F), net.constant(32, F))
    size = net.Sub(net.Slice(boxes, [2], [4], [1]), net.Slice(boxes, [0], [2], [1]))
    big = net.And(net.Greater(net.Squeeze(net.Slice(size, [0], [1], [1]), [1]), net.constant(1, F)),
                  net.Greater(net.Squeeze(net.Slice(size, [1], [2], [1]), [1]), net.constant(1, F)))
    keep = net.Squeeze(net.Transpose(net.NonZero(big), perm=[1, 0]), [1])
    boxes, score = net.Gather(boxes, keep), net.Gather(score, keep)
    chosen = net.NonMaxSuppression(net.Unsqueeze(boxes, [0]), net.Unsqueeze(score, [0, 1]), [1000], net.constant([0.7], F))
    keep = net.Slice(net.Squeeze(net.Slice(chosen, [2], [3], [1]), [1]), [0], [10], [0])
    rois = net.Gather(boxes, keep)

    batch = net.ConstantOfShape(net.Concat(net.Unsqueeze(length(net, rois), [0]), net.constant([1]), axis=0))
    rois5 = net.Concat(batch, rois, axis=1)
    corner = net.Sub(net.Slice(rois, [2], [4], [1]), net.Slice(rois, [0], [2], [1]))
    area = net.Mul(net.Slice(corner, [0], [1], [1]), net.Slice(corner, [1], [2], [1]))
    level = net.Cast(net.Greater(net.Squeeze(area, [1]), net.constant(60, F)), to=7)
    features = net.ConstantOfShape(net.Concat(net.Unsqueeze(length(net, rois), [0]), net.constant([6, 3, 3]), axis=0))
    for i, x in enumerate(levels):
        where = net.Squeeze(net.Transpose(net.NonZero(net.Equal(level, i)), perm=[1, 0]), [1])
        at = net.Gather(rois5, where)
        here = net.RoiAlign(x, net.Slice(at, [1], [5], [1]), net.Cast(net.Squeeze(net.Slice(at, [0], [1], [1]), [1]), to=7),
                            output_height=3, output_width=3, sampling_ratio=2, spatial_scale=0.25 / (1 + i))
        index = net.Expand(net.Reshape(where, [-1, 1, 1, 1]), net.Shape(here))
        features = net.ScatterElements(features, index, here, axis=0)
    flat = net.Flatten(net.Relu(net.Conv(features, net.constant(floats(6, 6, 3, 3) / 8, F), pads=[1, 1, 1, 1])), axis=1)
    hidden = net.Relu(net.Gemm(flat, net.constant(floats(54, 16) / 7, F), net.constant(floats(16), F)))
    probability = net.Softmax(net.Gemm(hidden, net.constant(floats(16, 3), F)), axis=1)
    delta = net.Reshape(net.Gemm(hidden, net.constant(floats(16, 12) / 9, F)), [-1, 3, 4])
    box = net.Add(net.Unsqueeze(rois, [1]), delta)

    n = net.Unsqueeze(length(net, rois), [0])
    labels = net.Expand(net.Reshape(net.Range(0, 3, 1), [1, -1]), net.Concat(n, net.constant([3]), axis=0))
    box = net.Reshape(net.Slice(box, [1], [3], [1]), [-1, 4])
    probability = net.Reshape(net.Slice(probability, [1], [3], [1]), [-1])
    labels = net.Reshape(net.Slice(labels, [1], [3], [1]), [-1])
    keep = net.Squeeze(net.Transpose(net.NonZero(net.Greater(probability, net.constant(0.2, F))), perm=[1, 0]), [1])
    box, probability, labels = (net.Gather(v, keep) for v in (box, probability, labels))
    apart = net.Mul(net.Cast(labels, to=1), net.Add(net.ReduceMax(box, keepdims=0), net.constant(1, F)))
    chosen = net.NonMaxSuppression(net.Unsqueeze(net.Add(box, net.Unsqueeze(apart, [1])), [0]),
                                   net.Unsqueeze(probability, [0, 1]), [1000], net.constant([0.5], F))
    keep = net.Slice(net.Squeeze(net.Slice(chosen, [2], [3], [1]), [1]), [0], [7], [0])
    net.output(net.Gather(box, keep))
    net.output(net.Gather(labels, keep), I)
    net.output(net.Gather(probability, keep))

    def some(scale):
        near, far = np.abs(boxes_of(24)) * scale, np.abs(boxes_of(6)) * scale * 2
        return {"small": floats(1, 6, 8, 8), "large": floats(1, 6, 4, 4), "near": near, "near_score": floats(24),
                "far": far, "far_score": floats(6)}
    return net, [some(12), some(20), some(3)]


def either(net, condition, yes, no):
    """An If whose branches are what `yes` and `no` put into a Net of their own; returns the names of its results."""
    bodies, count = [], 0
    for number, build in enumerate((yes, no)):
        body, start = Net(), 1000 * (2 * len(net.nodes) + number + 1)
        body.nodes, body.constants = [None] * start, net.constants  # names are numbered by the nodes before
        results = [helper.make_tensor_value_info(name, kind, None) for name, kind in build(body)]
        bodies.append(helper.make_graph(body.nodes[start:], f"branch{start}", [], results))
        count = len(results)
    found = net.If(condition, then_branch=bodies[0], else_branch=bodies[1], outputs=count)
    return [found] if count == 1 else found


def branches():
    """As torchvision guards its suppression: of no boxes nothing, else those that are chosen, with an If in the branch."""
    net = Net()
    boxes, scores, least = net.input("boxes", F, 12, 4), net.input("scores", F, 12), net.input("least", F)
    mask = net.Greater(scores, least)
    box, score = picked(net, boxes, mask), picked(net, scores, mask)
    few = net.Less(length(net, box), 4)

    def suppress(body):
        moved = body.Add(box, body.ReduceMax(box, keepdims=0))
        chosen = body.NonMaxSuppression(body.Unsqueeze(moved, [0]), body.Unsqueeze(score, [0, 1]), [100],
                                        body.constant([0.3], F))
        keep = body.Squeeze(body.Slice(chosen, [2], [3], [1]), [1])
        one = either(body, few, lambda b: [(b.Slice(keep, [0], [1], [0]), 7)], lambda b: [(b.Neg(keep), 7)])[0]
        return [(body.Identity(keep), 7), (body.Gather(body.Concat(score, body.constant([3], F), axis=0), one), 1)]

    none = net.Equal(net.ReduceProd(net.Shape(box), keepdims=0), 0)
    keep, best = either(net, none, lambda b: [(b.Identity(b.constant(np.zeros(0, I))), 7), (b.Neg(b.constant([1, 2], F)), 1)],
                        suppress)
    net.output(keep, I)
    net.output(best)
    net.output(net.Gather(box, keep))
    net.output(net.Expand(net.constant(2, F), net.Shape(keep)))
    for part in net.Split(box, [1, 3], axis=1, outputs=2):
        net.output(part)
    large = net.Greater(net.ReduceMax(scores, keepdims=0), net.constant(0.5, F))
    part, same = either(net, large, lambda b: [(b.Transpose(b.NonZero(scores), perm=[1, 0]), 7), (b.Neg(boxes), 1)],
                        lambda b: [(b.Cast(b.Slice(boxes, [0], [1], [1]), to=7), 7), (b.Abs(boxes), 1)])
    net.output(part, I)
    net.output(same)
    return net, [{"boxes": boxes_of(12), "scores": s, "least": np.array(t, F)}
                 for s, t in ((floats(12), -9), (floats(12), 0), (-abs(floats(12)), 0), (np.eye(12, dtype=F)[4], 0.5))]


def sizes():
    """How many there are as inputs: of the best, and of a slice."""
    net = Net()
    x = net.input("x", F, 12)
    values, places = net.TopK(x, net.input("k", I, 1), outputs=2)
    net.output(values)
    net.output(places, I)
    net.output(net.Slice(x, net.input("start", I, 1), net.input("end", I, 1)))
    return net, [{"x": floats(12), "k": np.array([k]), "start": np.array([a]), "end": np.array([b])}
                 for k, a, b in ((3, 0, 5), (12, -4, 12), (0, 5, -2), (1, 9, 3))]


failures = []
for build in (masks, shapes, reductions, scatters, yolo, ssd, two_stages, branches, sizes):
    net, sets = build()
    failures.append(chain(net.model(), sets, build.__name__, flags=("-O0", "-O2"), tolerance=2e-5))
finish(*failures)
