# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Reductions, ArgMax and ArgMin, Softmax, CumSum."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

reduce = Sweep()
OPS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
for op in OPS:
    def data(*shape, dtype=np.float32):
        return np.asarray(np.abs(floats(*shape, dtype=dtype)) + np.asarray(0.5, dtype)) if op in ("LogSum", "Prod") else \
            floats(*shape, dtype=dtype)
    for axes in ([0], [1], [2], [0, 1], [0, 2], [-1, -2], [0, 1, 2]):
        reduce.add("Reduce" + op, [data(3, 5, 7), np.array(axes)], constants=[1], keepdims=len(axes) % 2)
    reduce.add("Reduce" + op, [data(2, 3, 4)])
    reduce.add("Reduce" + op, [data(2, 3, 4), np.array([], np.int64)], constants=[1], noop_with_empty_axes=1,
               reference=True)
    reduce.add("Reduce" + op, [data(3, 70), np.array([1])], constants=[1])
    reduce.add("Reduce" + op, [data(70, 3), np.array([0])], constants=[1])
    # Several vectors of neighbouring results side by side, and what is left over: 8, 4, 1 and single ones.
    for shape, axes in (((6, 301), [0]), ((2, 5, 173), [1]), ((3, 2, 3, 43), [0, 2]), ((20, 3, 67), [1])):
        reduce.add("Reduce" + op, [data(*shape), np.array(axes)], constants=[1], keepdims=0)
    reduce.add("Reduce" + op, [data(7, 99), np.array([0])], constants=[1])
    reduce.add("Reduce" + op, [data(5, 6, dtype=np.float64), np.array([0])], constants=[1])
    reduce.add("Reduce" + op, [data()])
for op in ("Sum", "Max", "Mean", "Min", "Prod"):
    reduce.add("Reduce" + op, [ints(1, 5, 4, 6, dtype=np.int32), np.array([1])], constants=[1])
for op in ("Sum", "Max", "Min"):
    reduce.add("Reduce" + op, [ints(-9, 9, 4, 60), np.array([0])], constants=[1])
    reduce.add("Reduce" + op, [floats(2, 0, 3), np.array([1])], constants=[1], reference=True)
for kind in (np.int8, np.uint8):
    reduce.add("ReduceMax", [ints(0, 99, 4, 70, dtype=kind), np.array([1])], constants=[1])
    reduce.add("ReduceMin", [ints(0, 99, 70, 4, dtype=kind), np.array([0])], constants=[1])
reduce.add("ReduceMax", [ints(0, 2, 3, 4, dtype=np.bool_), np.array([1])], constants=[1])
for n in (1000, 40000, 1 << 20):
    reduce.add("ReduceSum", [np.abs(floats(n))])
    reduce.add("ReduceMean", [np.abs(floats(n // 8, 8)), np.array([0])], constants=[1])
special = np.array([[np.inf, 1], [-np.inf, 2], [-np.inf, -np.inf], [1000, 1000]], np.float32)
reduce.add("ReduceLogSumExp", [special, np.array([1])], constants=[1])

others = Sweep()
for op in ("ArgMax", "ArgMin"):
    for axis in (0, 1, 2, -1):
        for last in (0, 1):
            others.add(op, [ints(0, 5, 4, 9, 5, dtype=np.int32)], types=[np.int64], axis=axis, select_last_index=last,
                       keepdims=last)
    others.add(op, [floats(30, 70)], types=[np.int64], axis=0)
    others.add(op, [floats(3, 70, dtype=np.float64)], types=[np.int64], axis=1)
    for n in (64, 101, 400):  # in vectors; all lanes have the extreme element
        for last in (0, 1):
            others.add(op, [np.round(floats(5, n))], types=[np.int64], axis=-1, select_last_index=last)
            others.add(op, [ints(-3, 3, 2, n)], types=[np.int64], axis=-1, select_last_index=last)
    holes = floats(3, 90)
    holes[0, 5:80] = holes[1, 0] = holes[2, 88:] = np.nan
    want = np.nanargmax(holes, 1) if op == "ArgMax" else np.nanargmin(holes, 1)
    others.add(op, [holes], types=[np.int64], axis=1, keepdims=0, expected=[want * [1, 0, 1]])
for op in ("Softmax", "LogSoftmax"):
    for axis in (0, 1, 2, -1):
        others.add(op, [floats(3, 20, 37)], axis=axis)
    others.add(op, [floats(1000)])
    others.add(op, [floats(2, 3, 4, 5, dtype=np.float64)], axis=1)
    others.add(op, [floats(4, 5) * 100])
    others.add(op, [np.array([[1, -np.inf, 2], [-np.inf, -np.inf, -3]], np.float32)])
    others.add(op, [np.where(floats(4, 40) < 0, np.float32(-10000), floats(4, 40))])  # a mask
    for poison in (np.nan, np.inf):
        others.add(op, [np.where(np.arange(200).reshape(5, 40) == 77, np.float32(poison), floats(5, 40))])
for axis in (0, 1, 2, -1):
    for exclusive in (0, 1):
        for reverse in (0, 1):
            others.add("CumSum", [floats(3, 4, 17), np.array(axis)], constants=[1], exclusive=exclusive, reverse=reverse)
others.add("CumSum", [ints(-9, 9, 5, 6), np.array(-2)])
others.add("CumSum", [ints(-9, 9, 5, 6, dtype=np.int32), np.array(1, np.int32)])
finish(reduce.run("reduce"), others.run("others"))
