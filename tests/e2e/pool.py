# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Pools, and the normalisations that look at neighbours."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

pool = Sweep()
for op in ("MaxPool", "AveragePool"):
    for kernel in ([2, 2], [3, 3], [3, 1]):
        for stride in (1, 2, 3):
            for ceil in (0, 1):
                for pads in ([0] * 4, [1, 0, 1, 0]):
                    pool.add(op, [floats(1, 3, 10, 11)], kernel_shape=kernel, strides=[stride] * 2, ceil_mode=ceil,
                             pads=pads)
    pool.add(op, [floats(2, 3, 13)], kernel_shape=[4], strides=[3], pads=[2, 1])
    pool.add(op, [floats(2, 3, 5, 6, 7)], kernel_shape=[2, 3, 2], strides=[1, 2, 2], pads=[1, 0, 0, 0, 1, 1])
    pool.add(op, [floats(1, 3, 9, 8)], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    pool.add(op, [floats(1, 3, 9, 8)], kernel_shape=[2, 3], strides=[2, 3], auto_pad="SAME_LOWER")
    pool.add(op, [floats(1, 3, 9, 8)], kernel_shape=[2, 3], strides=[2, 3], auto_pad="VALID")
    pool.add(op, [floats(1, 3, 12, 12)], kernel_shape=[3, 2], dilations=[2, 3], strides=[1, 2], pads=[1, 1, 2, 1])
    pool.add("Global" + op, [floats(2, 5, 7, 6)])
    pool.add("Global" + op, [floats(2, 5, 33)])
    pool.add("Global" + op, [floats(1, 2, 3, 4, 5)])
for pads in ([0] * 4, [1, 1, 0, 1]):
    for ceil in (0, 1):
        pool.add("AveragePool", [floats(1, 2, 9, 10)], kernel_shape=[3, 3], strides=[2, 2], pads=pads, ceil_mode=ceil,
                 count_include_pad=1)
        pool.add("MaxPool", [floats(2, 2, 9, 10)], types=[np.float32, np.int64], kernel_shape=[3, 3], strides=[2, 2],
                 pads=pads, ceil_mode=ceil)
pool.add("AveragePool", [floats(1, 2, 9, 10)], kernel_shape=[3, 3], dilations=[2, 2], pads=[2, 1, 2, 2],
         count_include_pad=1)
pool.add("MaxPool", [floats(1, 2, 6, 5)], types=[np.float32, np.int64], kernel_shape=[2, 2], storage_order=1)
pool.add("MaxPool", [ints(-100, 100, 1, 2, 9, dtype=np.int8)], kernel_shape=[2], strides=[2])
pool.add("MaxPool", [ints(0, 200, 1, 2, 6, 6, dtype=np.uint8)], kernel_shape=[3, 3])
pool.add("MaxPool", [floats(1, 2, 6, 6, dtype=np.float64)], kernel_shape=[3, 3])

# Large windows, which go by rows and then by columns: clipped at all sides, in several bands, types of all widths.
LARGE = [([13, 13], [1, 1], [6] * 4, (1, 3, 20, 20)), ([5, 9], [1, 2], [2, 4, 1, 3], (2, 2, 11, 37)),
         ([7, 7], [7, 7], [0] * 4, (1, 2, 30, 29)), ([4, 18], [2, 3], [3, 9, 2, 17], (1, 1, 5, 19)),
         ([21, 3], [1, 1], [10, 1, 10, 1], (1, 2, 9, 7)), ([5, 5], [1, 1], [2] * 4, (1, 1, 70, 300))]
for kernel, strides, pads, shape in LARGE:
    for ceil in (0, 1):
        same = {"kernel_shape": kernel, "strides": strides, "pads": pads, "ceil_mode": ceil}
        for count in (0, 1):
            pool.add("AveragePool", [floats(*shape)], count_include_pad=count, **same)
        pool.add("MaxPool", [floats(*shape)], **same)
        pool.add("MaxPool", [ints(-100, 100, *shape, dtype=np.int8)], **same)
        pool.add("MaxPool", [floats(*shape, dtype=np.float64)], **same)
pool.add("MaxPool", [floats(1, 2, 23, 40)], kernel_shape=[5, 6], dilations=[3, 2], pads=[4, 5, 4, 5])

norm = Sweep()
for shape in ((2, 5, 6, 7), (3, 4), (2, 3, 11), (1, 2, 3, 4, 5)):
    channels = shape[1]
    scale, bias, mean, variance = floats(channels), floats(channels), floats(channels), np.abs(floats(channels))
    norm.add("BatchNormalization", [floats(*shape), scale, bias, mean, variance], epsilon=1e-3)
    if len(shape) > 2:
        norm.add("InstanceNormalization", [floats(*shape), scale, bias], epsilon=1e-3)
for size in (1, 3, 5):
    norm.add("LRN", [floats(2, 6, 5, 7)], size=size, alpha=0.01, beta=0.75, bias=2.0)
finish(pool.run("pool"), norm.run("norm"))
