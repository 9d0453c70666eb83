# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
"""Operators of the domain com.microsoft on quantized numbers. Scales are such that no result lies near a tie, where
onnxruntime multiplies in another order."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, ints

quantized = Sweep(opset=15, domain="com.microsoft")


def number(value, dtype=np.float32):
    return np.array(value, dtype)


for dtype in (np.uint8, np.int8):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max + 1

    def data(*shape):
        return ints(low, high, *shape, dtype=dtype)

    def scaled(scale, zero):
        return [number(scale), number(zero, dtype)]

    for op in ("QLinearAdd", "QLinearMul"):
        quantized.add(op, [data(2, 5, 7), *scaled(0.5, 3), data(2, 5, 7), *scaled(0.25, 9), *scaled(0.37194, 5)])
        quantized.add(op, [data(3, 4), *scaled(0.5, 3), data(4), *scaled(0.25, 9), *scaled(0.37194, 5)])
    for op in ("QLinearSigmoid", "QLinearLeakyRelu"):
        attributes = {"alpha": 0.3} if op == "QLinearLeakyRelu" else {}
        quantized.add(op, [data(3, 40), *scaled(0.11, 7), *scaled(0.007, 2)], **attributes)
    quantized.add("QLinearAveragePool", [data(1, 3, 8, 8), *scaled(0.5, 3), *scaled(0.37194, 5)], kernel_shape=[2, 2],
                  strides=[2, 2])
    quantized.add("QLinearAveragePool", [data(2, 3, 7, 9), *scaled(0.5, 3), *scaled(0.37194, 5)], kernel_shape=[3, 3],
                  pads=[1, 1, 1, 1])
    quantized.add("QLinearGlobalAveragePool", [data(1, 5, 6, 6), *scaled(0.5, 3), *scaled(0.37194, 5)], channels_last=0)
    quantized.add("QLinearConcat", [*scaled(0.37194, 5), data(2, 3), *scaled(0.5, 3), data(2, 4), *scaled(0.25, 9)], axis=1,
                  types=[dtype])
    quantized.add("QLinearSoftmax", [data(3, 12), *scaled(0.05, 3), *scaled(1 / 256, low)], opset=13)
finish(quantized.run("microsoft"))
