# RUN: %python %s
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


finish(products().run("products"), batches().run("batches"))
