# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Indices that are data: the Gather and Scatter families, TopK, ReverseSequence, NonZero, Compress; CumProd,
CenterCropPad, EyeLike, Det."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

gather = Sweep()
for axis in (0, 1, 2, -1):
    gather.add("GatherElements", [floats(4, 4, 4), ints(-4, 4, 3, 4, 2)], axis=axis)
    gather.add("GatherElements", [ints(-9, 9, 4, 4, 4), ints(0, 4, 4, 4, 4, dtype=np.int32)], axis=axis)
gather.add("GatherElements", [floats(9), ints(-9, 9, 20)])
gather.add("GatherElements", [ints(0, 2, 3, 5, dtype=np.bool_), ints(0, 5, 3, 7)], axis=1)
gather.add("GatherElements", [floats(3, 5), ints(0, 5, 0, 7)], axis=1, reference=True)
gather.add("GatherND", [floats(3, 4, 5), ints(-3, 3, 2, 1)])
gather.add("GatherND", [floats(3, 4, 5), ints(-3, 3, 2, 6, 2)])
gather.add("GatherND", [floats(3, 4, 5), ints(0, 3, 2, 6, 3)])
gather.add("GatherND", [ints(-9, 9, 2, 3, 4, 5), ints(0, 3, 2, 6, 2)], batch_dims=1)
gather.add("GatherND", [floats(2, 3, 4, 5), ints(0, 4, 2, 3, 1)], batch_dims=2)
gather.add("GatherND", [floats(2, 3, 4, 33), ints(0, 2, 7, 2)])

scatter = Sweep()
for reduction in ("none", "add", "mul", "max", "min"):
    kinds = (np.float32, np.float64, np.int32, np.int64) if reduction != "none" else (np.float32, np.int64, np.uint8)
    for kind in kinds:
        def data(*shape):
            return floats(*shape, dtype=kind) if kind in (np.float32, np.float64) else ints(0, 9, *shape, dtype=kind)
        unique = np.argsort(floats(4, 5, 3), axis=1)[:, :2].astype(np.int64)
        index = unique if reduction == "none" else ints(-5, 5, 4, 9, 3)
        scatter.add("ScatterElements", [data(4, 5, 3), index, data(*index.shape)], axis=1, reduction=reduction)
        rows = np.array([[2], [-4], [1]])
        rows = rows if reduction == "none" else ints(-4, 4, 6, 1)
        scatter.add("ScatterND", [data(4, 5, 9), rows, data(len(rows), 5, 9)], reduction=reduction)
        cells = np.array([[0, 1], [2, 3], [3, 0]]) if reduction == "none" else ints(0, 4, 9, 2)
        scatter.add("ScatterND", [data(4, 5, 3), cells, data(len(cells), 3)], reduction=reduction)
        scatter.add("ScatterND", [data(4, 5), cells, data(len(cells))], reduction=reduction)
scatter.add("ScatterElements", [floats(3, 5), ints(0, 3, 0, 5), floats(0, 5)], reference=True)
scatter.add("ScatterElements", [floats(6), np.array([3, 1]), floats(2)], axis=-1)

RANDOM = np.random.default_rng(8)
top = Sweep()
for largest in (0, 1):
    for axis, k in ((0, 1), (0, 4), (1, 3), (2, 7), (-1, 2), (1, 5)):
        top.add("TopK", [floats(4, 5, 7), np.array([k])], constants=[1], types=[np.float32, np.int64], axis=axis,
                largest=largest)
        top.add("TopK", [ints(0, 3, 4, 5, 7), np.array([k])], constants=[1], types=[np.int64, np.int64], axis=axis,
                largest=largest)
    for k in (1, 2, 3, 16, 17, 31, 64, 500):  # sorted lists, then heaps; whole blocks and what is left of them
        top.add("TopK", [floats(2, 500), np.array([k])], constants=[1], types=[np.float32, np.int64], largest=largest)
        top.add("TopK", [ints(0, 9, 3, 501), np.array([k])], constants=[1], types=[np.int64, np.int64], largest=largest)
        long = np.round(floats(3, 300))
        long[1, 40:] = long[2, 290] = np.nan
        for dtype, low, high in ((np.int32, -2**31, 2**31 - 1), (np.int8, -128, 127), (np.uint8, 0, 255),
                                 (np.uint32, 0, 2**32 - 1), (np.float16, -2, 2), (np.float64, -9, 9)):
            some = np.concatenate([[low, high, high, low, 0], RANDOM.integers(low, high, 295)]).astype(dtype)[None]
            places = np.argsort(-some.astype(np.float64) if largest else some, axis=-1, kind="stable")[:, :min(k, 300)]
            top.add("TopK", [some, np.array([min(k, 300)])], constants=[1], types=[dtype, np.int64], largest=largest,
                    expected=[np.take_along_axis(some, places, -1), places])
        zeros = np.where(RANDOM.integers(0, 2, (2, 300)), np.float32(-0.0), np.float32(0))
        zeros[:, ::7] = np.array([-np.inf, np.inf, 1e-30, -1e-30] * 11)[:43]
        places = np.argsort(-zeros if largest else zeros, axis=-1, kind="stable")[:, :min(k, 300)]
        top.add("TopK", [zeros, np.array([min(k, 300)])], constants=[1], types=[np.float32, np.int64], largest=largest,
                expected=[np.take_along_axis(zeros, places, -1), places])
        top.add("TopK", [long, np.array([min(k, 300)])], constants=[1], types=[np.float32, np.int64], largest=largest,
                reference=True)
    top.add("TopK", [ints(0, 255, 3, 90, dtype=np.uint64), np.array([9])], constants=[1],
            types=[np.uint64, np.int64], largest=largest, reference=True)
    top.add("TopK", [floats(90, dtype=np.float64), np.array([9])], constants=[1], types=[np.float64, np.int64],
            largest=largest, sorted=1)
    nan = floats(3, 8)
    nan[0, 3] = nan[1, 0] = nan[1, 5] = np.nan
    top.add("TopK", [nan, np.array([4])], constants=[1], types=[np.float32, np.int64], largest=largest,
            reference=True)

others = Sweep(opset=26)
for exclusive in (0, 1):
    for reverse in (0, 1):
        for axis in (0, 1, -1):
            others.add("CumProd", [floats(3, 4, 17), np.array(axis)], constants=[1], exclusive=exclusive,
                       reverse=reverse, reference=True)
for axes in (dict(batch_axis=0, time_axis=1), dict(batch_axis=1, time_axis=0)):
    others.add("ReverseSequence", [floats(5, 5, 3), np.array([0, 5, 1, 2, 4])], reference=True, **axes)
    others.add("ReverseSequence", [ints(-9, 9, 5, 5), np.array([3, 5, 1, 2, 4])], reference=True, **axes)
for shape in ([4, 7, 3], [6, 5, 8], [5, 2, 9], [1, 1, 1]):
    others.add("CenterCropPad", [floats(5, 6, 4), np.array(shape)], constants=[1], reference=True)
others.add("CenterCropPad", [floats(5, 6, 4), np.array([9, 3])], constants=[1], axes=[-1, 0], reference=True)
for k in (-9, -2, 0, 1, 3, 9):
    others.add("EyeLike", [floats(4, 6)], k=k, reference=True)
others.add("EyeLike", [floats(4, 3)], types=[np.int64], dtype=7, k=-1, reference=True)
for shape in ((3, 3), (1, 1), (2, 4, 4), (2, 3, 9, 9)):
    others.add("Det", [floats(*shape)], reference=True)
for kind in (np.float32, np.bool_, np.int64):
    others.add("NonZero", [ints(0, 2, 3, 4, 5, dtype=kind)], constants=[0], types=[np.int64], reference=True)
others.add("NonZero", [np.zeros(4, np.int32)], constants=[0], types=[np.int64], reference=True)
for axis in (dict(), dict(axis=0), dict(axis=1), dict(axis=-1)):
    others.add("Compress", [floats(3, 4, 20), np.array([True, False, True])], constants=[1], reference=True, **axis)
others.add("Compress", [floats(3, 4), np.array([False, False])], constants=[1], axis=1, reference=True)
others.add("Det", [floats(5, 5, dtype=np.float64)], reference=True)
others.add("Det", [np.array([[0, 1, 2], [3, 4, 5], [6, 8, 10]], np.float32)], reference=True)
singular = floats(3, 3)
singular[:, 1] = 0
others.add("Det", [singular], reference=True)

failures = [gather.run("gather"), scatter.run("scatter"), top.run("top"), others.run("others")]

# An index that is out of range makes the run fail.
if not sys.argv[1:]:
    bad = np.array([[0, 1, 7]])
    for op, arrays, attributes in (
            ("GatherElements", [floats(3, 4), bad], dict(axis=1)),
            ("GatherND", [floats(3, 4, 5), bad], {}),
            ("ScatterElements", [floats(3, 4), -bad, floats(1, 3)], dict(axis=1)),
            ("ScatterND", [floats(3, 4, 5), bad, floats(1)], {}),
            ("ReverseSequence", [floats(3, 4), np.array([0, 1, 5])], dict(batch_axis=0, time_axis=1))):
        case = Sweep()
        case.add(op, arrays, **attributes)
        code = case.run_code()
        failures.append(code != 3)
        print(f"{op} with an index out of range returns {code}")
finish(*failures)
