# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Results whose size depends on the data: NonZero, Compress, Unique, NonMaxSuppression, loops that a condition ends; what follows them in a graph; calls with other data."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from chain import chain, model, node
from sweep import Sweep, finish, floats, ints

select = Sweep()
for kind in (np.float32, np.bool_, np.int64, np.uint8):
    select.add("NonZero", [ints(0, 2, 3, 4, 5, dtype=kind)], types=[np.int64], reference=kind == np.uint8)
select.add("NonZero", [np.zeros(4, np.int32)], types=[np.int64])
select.add("NonZero", [np.ones((2, 9), np.float32)], types=[np.int64])
select.add("NonZero", [np.zeros((0, 4), np.float32)], types=[np.int64], reference=True)
for axis in (dict(), dict(axis=0), dict(axis=1), dict(axis=-1)):
    select.add("Compress", [floats(3, 4, 20), np.array([True, False, True])], **axis)
select.add("Compress", [floats(3, 4), np.array([False, False])], axis=1)
select.add("Compress", [ints(0, 9, 3, 4, dtype=np.uint8), np.array([True] * 4)], axis=1)
select.add("Compress", [ints(0, 2, 30, dtype=np.bool_), ints(0, 2, 30, dtype=np.bool_)])


for axis in (dict(), dict(axis=0), dict(axis=1), dict(axis=-1)):
    for order in (0, 1):
        for kind in (np.float32, np.int64, np.int8):
            types = [kind, np.int64, np.int64, np.int64]
            select.add("Unique", [ints(0, 2, 4, 3, 2, dtype=kind)], types=types, sorted=order, **axis)
select.add("Unique", [ints(-9, 9, 300, dtype=np.int64)], types=[np.int64] * 4)
select.add("Unique", [ints(-9, 9, 300, dtype=np.int64)], types=[np.int64] * 4, sorted=0)
select.add("Unique", [ints(0, 2, 40, 3, dtype=np.bool_)], types=[np.bool_] + [np.int64] * 3, axis=0, reference=True)
select.add("Unique", [np.array([1, np.nan, 0, np.nan, -np.inf, -0.0], np.float32)], types=[np.float32], reference=True)
select.add("Unique", [floats(0)], types=[np.float32], reference=True)


def boxes(batches, n, centred=False):
    corners = np.sort(floats(batches, n, 2, 2), axis=2).reshape(batches, n, 4)
    return np.abs(corners) if centred else np.where(ints(0, 2, batches, n, 1) > 0, corners, corners[..., [2, 1, 0, 3]])


for centred in (0, 1):
    for most, overlap, least in ((9, 0.1, None), (2, 0.3, -0.2), (100, 0.5, 0.4), (0, 0.5, None), (-3, 0.5, None),
                                 (30, 0.0, None), (5, 1.0, 9.0), (4, None, None), (None, None, None)):
        arrays = [boxes(2, 30, centred), floats(2, 3, 30), *[None if v is None else np.array([v], kind) for v, kind in (
            (most, np.int64), (overlap, np.float32), (least, np.float32))]]
        while arrays[-1] is None:
            arrays.pop()
        for constants in ((), (2, 3, 4)):
            select.add("NonMaxSuppression", arrays, types=[np.int64], constants=constants, center_point_box=centred)
equal = np.tile(np.array([[0, 0, 1, 1], [0, 0, 1, 0.5], [5, 5, 6, 6]], np.float32), (1, 4, 1))
select.add("NonMaxSuppression", [equal, np.ones((1, 2, 12), np.float32), np.array(7), np.array(0.5, np.float32)],
           types=[np.int64])


F, I, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
# Indices computed from the selected ones would be out of range behind them; the mean is over what is known.
PICK = model(
    [node("NonZero", ["mask"], "where"), node("Transpose", ["where"], "rows", perm=[1, 0]),
     node("Gather", ["rows", "first"], "index", axis=1), node("Sub", ["seven", "index"], "mirrored"),
     node("Gather", ["data", "mirrored"], "picked"), node("Mul", ["picked", "two"], "scaled"),
     node("ReduceMean", ["scaled", "axes"], "mean", keepdims=0), node("Cast", ["mean"], "half", to=TensorProto.DOUBLE),
     node("MatMul", ["scaled", "weights"], "product"), node("Softmax", ["product"], "soft", axis=1),
     node("Slice", ["soft", "zeros", "ones", "ones"], "part"), node("Squeeze", ["part", "ones"], "flat"),
     node("Concat", ["picked", "soft"], "both", axis=1), node("Unsqueeze", ["both", "zeros"], "batch"),
     node("Reshape", ["batch", "shape"], "reshaped"), node("Compress", ["data", "chosen"], "kept", axis=0),
     node("Exp", ["kept"], "result"), node("ArgMax", ["picked"], "best", axis=1, keepdims=0)],
    [("mask", F, [8]), ("data", F, [8, 5]), ("chosen", B, [6])],
    [("half", TensorProto.DOUBLE, None), ("flat", F, None), ("reshaped", F, None), ("result", F, None),
     ("best", I, None), ("where", I, None)],
    [("first", np.array(0)), ("seven", np.array(7)), ("two", np.array(2, np.float32)), ("axes", np.array([1])),
     ("weights", floats(5, 3)), ("zeros", np.array([0])), ("ones", np.array([1])), ("shape", np.array([-1, 8]))])


def sets():
    for mask in (ints(0, 2, 8), np.zeros(8), np.ones(8), np.arange(8) == 7):
        yield {"mask": mask.astype(np.float32), "data": floats(8, 5), "chosen": ints(0, 2, 6).astype(np.bool_)}


# As exporters end a detector: the boxes and scores of what was selected, one row each.
DETECT = model(
    [node("NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], "selected"),
     node("Gather", ["selected", "two"], "box", axis=1), node("Gather", ["selected", "zero"], "batch", axis=1),
     node("Unsqueeze", ["batch", "last"], "batches"), node("Unsqueeze", ["box", "last"], "places"),
     node("Concat", ["batches", "places"], "pairs", axis=1), node("GatherND", ["boxes", "pairs"], "corners"),
     node("GatherND", ["scores", "selected"], "score"), node("Unsqueeze", ["score", "last"], "column"),
     node("Slice", ["selected", "one", "twos", "one"], "class"), node("Cast", ["class"], "label", to=TensorProto.FLOAT),
     node("Concat", ["corners", "column", "label"], "rows", axis=1), node("Identity", ["selected"], "again")],
    [("boxes", F, [2, 20, 4]), ("scores", F, [2, 3, 20]), ("least", F, [1])],
    [("rows", F, None), ("selected", I, None), ("again", I, None)],
    [("most", np.array([5])), ("overlap", np.array([0.3], np.float32)), ("zero", np.array(0)), ("two", np.array(2)),
     ("last", np.array([-1])), ("one", np.array([1])), ("twos", np.array([2]))])
THRESHOLDS = [{"boxes": boxes(2, 20), "scores": floats(2, 3, 20), "least": np.array([t], np.float32)}
              for t in (-9, 0, 1, 9)]
# A loop that its condition ends: so many rows as it made turns.
GROW = onnx.parser.parse_model("""
<ir_version: 10, opset_import: ["": 21]>
grow (float limit, bool go, float[3] x) => (float[] last, float[] path, float[] sums, float[] best, int64[] numbers)
<int64 six = {6}, float two = {2}, int64[1] one = {1}>
{
  last, path, numbers = Loop (six, go, x) <body = turn
    (int64 i, bool on, float[3] v) => (bool next, float[3] w, float[3] row, int64 number) {
      w = Mul (v, two)
      top = ReduceMax <keepdims = 0> (w)
      next = Less (top, limit)
      row = Neg (w)
      number = Identity (i)
    }>
  scaled = Mul (path, two)
  sums = ReduceSum <keepdims = 0> (scaled, one)
  at = ArgMax <axis = 1, keepdims = 0> (path)
  best = Gather (x, at)
}
""")
TURNS = [{"limit": np.array(limit, np.float32), "go": np.array(go), "x": np.float32([1, 0.5, 0.25])}
         for limit, go in ((3, True), (9, True), (1e9, True), (0, True), (9, False))]
finish(select.run("select"), chain(PICK, list(sets()), "pick"), chain(DETECT, THRESHOLDS, "detect"),
       chain(GROW, TURNS, "grow"))
