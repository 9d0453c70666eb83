# RUN: %python %s
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Operators in the forms of old operator sets: attributes that became inputs, other defaults, other names."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints


def spread(*shape):
    """Numbers that are all different, so that an index is right or wrong."""
    return np.random.default_rng(3).permutation(np.prod(shape)).reshape(shape).astype(np.float32)


def forms(opset):
    """The sweep of one operator set up to 12, each operator as it was then."""
    s = Sweep(opset=opset)
    for op in "Softmax", "LogSoftmax", "Hardmax":  # of a matrix
        s.add(op, [floats(2, 3, 4, 5)])
        s.add(op, [floats(2, 3, 4)], axis=0)
        s.add(op, [floats(2, 3, 4)], axis=2)
    for op in "ReduceL1", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceSum":
        s.add(op, [floats(2, 3, 4)])
        s.add(op, [floats(2, 3, 4)], axes=[2, 0], keepdims=0)
    s.add("ArgMax", [ints(0, 3, 4, 5).astype(np.float32)], types=[np.int64], axis=1)
    s.add("Squeeze", [floats(1, 3, 1)])
    s.add("Squeeze", [floats(1, 3, 1)], axes=[2])
    s.add("Unsqueeze", [floats(2, 3)], axes=[3, 0])
    s.add("Split", [floats(6, 4)], types=[np.float32] * 3)
    s.add("Split", [floats(6, 4)], types=[np.float32] * 2, axis=1, split=[1, 3])
    s.add("Flatten", [floats(2, 3, 4)])
    s.add("Dropout", [floats(3, 4)], **({"ratio": 0.3} if opset < 12 else {}))
    s.add("PRelu", [floats(2, 3, 4, 3), floats(3)], constants=[1])
    s.add("BatchNormalization", [floats(2, 3, 4), *[np.abs(floats(3)) for _ in range(4)]], epsilon=0.1)
    s.add("GRU", [floats(4, 2, 3), floats(1, 15, 3), floats(1, 15, 5)], types=[np.float32] * 2, hidden_size=5)
    s.add("Sum", [floats(3, 4), floats(3, 4)])
    if opset < 11:
        s.add("Clip", [floats(3, 4)], min=-0.5)
        s.add("Clip", [floats(3, 4)], max=0.3, min=-0.5)
        for mode in "constant", "reflect", "edge":
            s.add("Pad", [floats(4, 5)], pads=[1, 2, 0, 1], mode=mode)
        s.add("Pad", [floats(4, 5)], pads=[1, -1, -2, 2], value=3.0)
    else:
        s.add("Clip", [floats(3, 4), np.float32(-0.5), np.float32(0.3)], constants=[1, 2])
        s.add("Pad", [floats(4, 5), np.array([1, -1, -2, 2]), np.float32(3)], constants=[1, 2])
    if opset < 10:
        s.add("Slice", [floats(4, 5, 6)], starts=[1, -3], ends=[100, -1], axes=[0, 2])
        s.add("TopK", [floats(4, 6)], types=[np.float32, np.int64], k=3)
    else:
        s.add("Slice", [floats(4, 6), np.array([-1]), np.array([-9]), np.array([1]), np.array([-2])], [1, 2, 3, 4])
        s.add("TopK", [floats(4, 6), np.array([3])], constants=[1], types=[np.float32, np.int64])
    if opset >= 8:
        s.add("MaxPool", [floats(1, 2, 7, 7)], types=[np.float32, np.int64], kernel_shape=[3, 3], storage_order=1)
        s.add("Max", [floats(3, 4), floats(4)])
    if opset >= 9:
        s.add("OneHot", [np.array([0, 2, 5]), np.int64(3), np.array([2, 5], np.float32)], constants=[1], types=[np.float32])
        s.add("Scatter" if opset < 11 else "ScatterElements", [floats(4, 5), np.array([[1], [3]]), floats(2, 1)])
    if opset >= 10:
        s.add("QuantizeLinear", [floats(3, 4) * 9, np.float32(0.5), np.uint8(100)], types=[np.uint8])
        s.add("RoiAlign", [floats(1, 2, 6, 6), np.array([[0, 0, 4, 4]], np.float32), np.array([0])], output_width=2)
    return s


def resizes():
    """Upsample and Resize counted from corners; scales that grow are rounded down, those that shrink up."""
    seven, nine, ten, eleven = [Sweep(opset=n) for n in (7, 9, 10, 11)]
    for mode in "nearest", "linear":
        seven.add("Upsample", [spread(1, 2, 3, 4)], mode=mode, scales=[1.0, 1.0, 2.0, 3.0])
        nine.add("Upsample", [spread(1, 2, 3, 4), np.array([1, 1, 2.5, 1.5], np.float32)], constants=[1], mode=mode)
        for scales in [1, 1, 2, 2.5], [1, 1, 0.6, 0.5], [1, 1, 2, 0.5], [1, 1, 0.4, 1.5]:
            ten.add("Resize", [spread(1, 2, 5, 6), np.array(scales, np.float32)], constants=[1], mode=mode)
    none = np.array([], np.float32)
    for rounding in "round_prefer_floor", "round_prefer_ceil", "floor", "ceil":
        for scales in [1, 1, 2, 2.5], [1, 1, 0.6, 0.5]:
            for coordinate in "tf_half_pixel_for_nn", "half_pixel", "asymmetric":
                eleven.add("Resize", [spread(1, 2, 5, 6), none, np.array(scales, np.float32)], constants=[1, 2],
                           nearest_mode=rounding, coordinate_transformation_mode=coordinate)
    return seven, nine, ten, eleven


finish(*[forms(opset).run(f"forms of {opset}") for opset in range(7, 13)],
       *[sweep.run(f"resizes of {sweep.opset}") for sweep in resizes()])
