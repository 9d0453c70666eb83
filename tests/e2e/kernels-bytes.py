# RUN: %python %s
# RUN: %if x86 %{ %python %s "native --mcpu=x86-64" %}
# RUN: %if arm64-qemu %{ %python %s "arm64 --mcpu=neoverse-n1" "arm64" %}
"""Products of bytes, exactly: all pairs of types, zero points at the ends of their ranges and in between, sums that 16
bits do not hold, sizes around four bytes and the tile. With machines, and flags, as arguments: emulated, at -O2."""

import itertools
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish

random = np.random.default_rng(8)
TYPES = (np.uint8, np.int8)


def some(dtype, *shape, ends=False):
    """Bytes; with `ends` the largest and the smallest only."""
    info = np.iinfo(dtype)
    return np.array(random.choice([info.min, info.max], shape) if ends else random.integers(info.min, info.max + 1, shape),
                    dtype)


def zero_points(dtype):
    info = np.iinfo(dtype)
    return [np.array(z, dtype) for z in (info.min, 0, info.max // 2 + 3, info.max)]


def products():
    sweep = Sweep(opset=17, tolerance=0)
    sizes = itertools.cycle([(1, 1, 2), (2, 3, 17), (5, 4, 16), (7, 130, 50), (1, 261, 150), (33, 18, 33), (3, 64, 5)])
    for a_type, b_type in itertools.product(TYPES, TYPES):
        for a_zero, b_zero in itertools.product([None, *zero_points(a_type)], [None, *zero_points(b_type)]):
            rows, inner, columns = next(sizes)
            ends = bool(random.integers(2))
            a, b = some(a_type, rows, inner, ends=ends), some(b_type, inner, columns, ends=ends)
            y = (a.astype(np.int64) - int(a_zero or 0)) @ (b.astype(np.int64) - int(b_zero or 0))
            known = (1, 3) if random.integers(2) else (1, 2, 3)  # the left zero point may be data
            sweep.add("MatMulInteger", [a, b, a_zero, b_zero], types=[np.int32], expected=[y.astype(np.int32)],
                      constants=[i for i in known if i == 1 or (a_zero, b_zero)[i - 2] is not None])
    return sweep


def batches():
    """Rows of several axes, a zero point for each column of the weights, and long sums at the ends of the ranges."""
    sweep = Sweep(opset=17, tolerance=0)
    a, b, zeros = some(np.uint8, 2, 3, 20), some(np.uint8, 20, 40), some(np.uint8, 40)
    y = (a.astype(np.int64) - 7) @ (b.astype(np.int64) - zeros)
    sweep.add("MatMulInteger", [a, b, np.uint8(7), zeros], types=[np.int32], expected=[y.astype(np.int32)],
              constants=(1, 2, 3))
    a, b = np.full((20, 5000), 255, np.uint8), np.full((5000, 48), -128, np.int8)
    y = (a.astype(np.int32) @ b).astype(np.int32)
    sweep.add("MatMulInteger", [a, b], types=[np.int32], constants=(1,), expected=[y])
    return sweep


SHAPES = [  # batch, channels, filters, height, width, size of a filter, stride, dilation, padding
    (1, 3, 5, 20, 21, 3, 1, 1, 1), (2, 4, 17, 7, 7, 3, 1, 1, 1), (1, 16, 40, 14, 14, 3, 1, 1, 1),
    (2, 8, 33, 7, 7, 1, 1, 1, 0), (1, 3, 16, 40, 40, 7, 2, 1, 3), (1, 5, 20, 9, 33, 3, 2, 1, 0),
    (2, 6, 3, 19, 34, 3, 1, 2, 2), (1, 7, 9, 1, 1, 1, 1, 1, 0), (1, 130, 30, 5, 5, 1, 1, 1, 0),
    (2, 9, 18, 15, 13, 3, 2, 1, 1), (1, 4, 6, 8, 8, 1, 2, 1, 0), (2, 3, 2, 3, 4, 2, 1, 1, 1), (1, 5, 7, 4, 30, 3, 3, 1, 1)]


def convolved(x, w, stride, dilation, pad):
    """Of numbers less their zero points."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    reach = (w.shape[2] - 1) * dilation + 1
    windows = np.lib.stride_tricks.sliding_window_view(x, (reach, reach), (2, 3))
    windows = windows[:, :, ::stride, ::stride, ::dilation, ::dilation]
    return np.einsum("nchwij,ocij->nohw", windows, w).astype(np.int32)


def convolutions():
    sweep = Sweep(opset=17, tolerance=0)
    for number, (batch, channels, filters, height, width, size, stride, dilation, pad) in enumerate(SHAPES):
        for dtype in TYPES:
            ends = bool(random.integers(2))
            x = some(dtype, batch, channels, height, width, ends=ends)
            w_type = TYPES[number // 3 % 2]
            w = some(w_type, filters, channels, size, size, ends=ends)
            zero, w_zero = zero_points(dtype)[number % 4], zero_points(w_type)[number % 3 + 1]
            y = convolved(x.astype(np.int64) - int(zero), w.astype(np.int64) - int(w_zero), stride, dilation, pad)
            sweep.add("ConvInteger", [x, w, zero, w_zero], types=[np.int32], expected=[y], strides=[stride] * 2,
                      constants=(1, 2, 3) if random.integers(2) else (1, 3), dilations=[dilation] * 2, pads=[pad] * 4)
    x, w = np.full((1, 200, 9, 9), 255, np.uint8), np.full((7, 200, 3, 3), -128, np.int8)
    y = convolved(x.astype(np.int64), w.astype(np.int64), 1, 1, 0)
    sweep.add("ConvInteger", [x, w], types=[np.int32], expected=[y], constants=(1,))
    return sweep


DEPTHWISE = [  # batch, channels, filters of each, height, width, filter, strides, dilations, padding
    (1, 3, 1, 9, 16, (3, 3), (1, 1), (1, 1), 1), (2, 5, 1, 7, 7, (3, 3), (1, 1), (1, 1), 1),
    (1, 4, 2, 14, 14, (3, 3), (1, 1), (1, 1), 1), (1, 3, 1, 12, 40, (5, 5), (1, 1), (1, 1), 2),
    (2, 3, 1, 15, 15, (3, 3), (2, 2), (1, 1), 1), (1, 2, 3, 33, 35, (3, 3), (2, 2), (1, 1), 0),
    (1, 6, 1, 8, 9, (2, 2), (1, 1), (1, 1), 0), (1, 2, 1, 30, 70, (7, 7), (2, 2), (1, 1), 3),
    (1, 3, 1, 20, 17, (3, 4), (2, 1), (2, 1), 2), (1, 3, 1, 6, 4, (3, 2), (1, 1), (1, 1), 1),
    (1, 3, 1, 3, 30, (3, 3), (1, 1), (1, 1), 0), (1, 2, 1, 6, 11, (3, 3), (1, 1), (1, 1), 0),
    (2, 2, 1, 7, 19, (3, 3), (2, 2), (1, 1), 0), (1, 2, 1, 6, 33, (5, 5), (1, 1), (1, 1), 0),
    # not by the kernel: few columns, gaps between taps, a wide stride, one tap a row, groups of two channels
    (1, 3, 1, 9, 3, (3, 3), (1, 1), (1, 1), 1), (1, 3, 1, 20, 20, (3, 3), (1, 1), (2, 2), 2),
    (1, 3, 1, 20, 20, (3, 3), (3, 3), (1, 1), 1), (1, 3, 1, 9, 9, (3, 1), (1, 1), (1, 1), 0)]


def depthwise():
    """Of every zero point, at the ends of the ranges and in between; rounded to bytes again, too."""
    sweep = Sweep(opset=17, tolerance=0)
    for number, (batch, channels, times, height, width, size, strides, dilations, pad) in enumerate(DEPTHWISE):
        for dtype, w_type in itertools.product(TYPES, TYPES):
            ends = bool(random.integers(2))
            x = some(dtype, batch, channels, height, width, ends=ends)
            w = some(w_type, channels * times, 1, *size, ends=ends)
            zero, w_zero = zero_points(dtype)[number % 4], zero_points(w_type)[number % 3]
            padded = np.pad(x.astype(np.int64) - int(zero), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
            reach = [(n - 1) * d + 1 for n, d in zip(size, dilations)]
            windows = np.lib.stride_tricks.sliding_window_view(padded, reach, (2, 3))
            windows = windows[:, :, ::strides[0], ::strides[1], ::dilations[0], ::dilations[1]].repeat(times, 1)
            y = np.einsum("nchwij,cij->nchw", windows, w[:, 0].astype(np.int64) - int(w_zero)).astype(np.int32)
            attributes = dict(strides=strides, dilations=dilations, pads=[pad] * 4, group=channels)
            sweep.add("ConvInteger", [x, w, zero, w_zero], types=[np.int32], expected=[y], constants=(1, 2, 3), **attributes)
            scale, y_zero = np.float32(random.uniform(0.001, 0.02, channels * times)), np.array(17, dtype)
            bias = random.integers(-2000, 2000, channels * times).astype(np.int32)
            y = requantized(y + bias[:, None, None], 0.25, scale[:, None, None], 0.5, y_zero)
            zeros = np.full(scale.shape, w_zero)
            sweep.add("QLinearConv", [x, np.float32(0.25), zero, w, scale, zeros, np.float32(0.5), y_zero, bias],
                      types=[dtype], expected=[y], constants=range(1, 9), **attributes)
    return sweep


def requantized(sums, x_scale, w_scale, y_scale, y_zero):
    """In floats, as the importer has it."""
    info = np.iinfo(y_zero.dtype)
    scale = np.float32(x_scale) * w_scale.astype(np.float32) / np.float32(y_scale)
    y = np.rint(sums.astype(np.float32) * scale + np.float32(y_zero))
    return np.clip(y, info.min, info.max).astype(y_zero.dtype)


def results():
    """Sums that are rounded to bytes again, with a scale for each column or channel, or one; most are cut off."""
    sweep = Sweep(opset=17, tolerance=0)
    for number, (rows, inner, columns) in enumerate([(1, 9, 2), (5, 64, 16), (17, 31, 45), (40, 8, 97)]):
        dtype = TYPES[number % 2]
        a, b, zero, y_zero = some(dtype, rows, inner), some(np.int8, inner, columns), np.array(17, dtype), np.array(90, dtype)
        scale = np.float32(random.uniform(0.001, 0.02, columns if number % 3 else 1))
        y = requantized((a.astype(np.int64) - 17) @ b.astype(np.int64), 0.25, scale, 0.5, y_zero)
        sweep.add("QLinearMatMul", [a, np.float32(0.25), zero, b, scale, np.zeros(scale.shape, np.int8), np.float32(0.5), y_zero],
                  types=[dtype], expected=[y], constants=range(1, 8))
    for number, (batch, channels, filters, height, width, size, stride, dilation, pad) in enumerate(SHAPES):
        dtype, y_type = TYPES[number % 2], TYPES[number // 2 % 2]
        x, w = some(dtype, batch, channels, height, width), some(np.int8, filters, channels, size, size)
        bias = random.integers(-2000, 2000, filters).astype(np.int32)
        scale = np.float32(random.uniform(0.001, 0.02, filters))
        zero, y_zero = zero_points(dtype)[number % 4], zero_points(y_type)[number % 3]
        sums = convolved(x.astype(np.int64) - int(zero), w.astype(np.int64), stride, dilation, pad)
        y = requantized(sums + bias[:, None, None], 0.25, scale[:, None, None], 0.5, y_zero)
        sweep.add("QLinearConv", [x, np.float32(0.25), zero, w, scale, np.zeros(filters, np.int8), np.float32(0.5), y_zero, bias],
                  types=[y_type], expected=[y], constants=range(1, 9), strides=[stride] * 2, dilations=[dilation] * 2,
                  pads=[pad] * 4)
    return sweep


finish(products().run("products"), batches().run("batches"), convolutions().run("convolutions"),
       depthwise().run("depthwise"), results().run("results"))
