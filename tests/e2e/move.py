# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Operators that move elements, and Resize."""

import itertools
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

move = Sweep()
for perm in itertools.permutations(range(3)):
    move.add("Transpose", [floats(3, 20, 35)], perm=perm)
move.add("Transpose", [floats(2, 3, 4)])
move.add("Transpose", [floats(2, 3, 4, 5)], perm=[0, 1, -1, 2], reference=True)
move.add("Transpose", [ints(0, 200, 3, 17, 19, dtype=np.uint8)], perm=[0, 2, 1])
for dtype in (np.float64, np.float16, np.int16, np.int8, np.int64, np.bool_):  # in square tiles, some with rests
    for shape, perm in (((33, 40), [1, 0]), ((2, 16, 4, 32), [0, 2, 3, 1]), ((1, 5, 8, 6, 7), [0, 2, 1, 4, 3])):
        move.add("Transpose", [ints(0, 2, *shape).astype(dtype)], perm=perm)
move.add("Transpose", [floats(130, 70)], perm=[1, 0])
for n in (2, 3, 4, 5):  # tuples of n, taken apart and put together, in parts of shards and in odd numbers
    for dtype in (np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_):
        for rows, columns in ((1, 8), (5, 43), (97, 101)):
            values = ints(0, 2 if dtype == np.bool_ else 250, 2, rows, columns, n).astype(dtype)
            move.add("Transpose", [values], perm=[0, 3, 1, 2])
            move.add("Transpose", [values.reshape(2, n, rows, columns)], perm=[0, 2, 3, 1])
            move.add("Transpose", [values.reshape(2, columns, rows, n)], perm=[3, 0, 1, 2])
for dtype in (np.uint8, np.bool_, np.float16):  # tiles of small elements
    move.add("Transpose", [ints(0, 2, 2, 61, 83).astype(dtype)], perm=[0, 2, 1])
move.add("Transpose", [floats(1, 128, 4, 64)], perm=[0, 2, 3, 1])
move.add("Transpose", [floats(2, 3, 2, 2, 3, 2)], perm=[5, 0, 3, 1, 4, 2])
for axis in (0, 1, 2, -1):
    move.add("Concat", [floats(2, 3, 4), floats(2, 3, 4)], axis=axis)
move.add("Concat", [floats(2, 3, 40), floats(2, 30, 40), floats(2, 1, 40)], axis=1)
move.add("Concat", [floats(2, 0), floats(2, 5)], axis=1)
move.add("Split", [floats(2, 9, 5)], types=[np.float32] * 3, axis=1, num_outputs=3)
move.add("Split", [floats(2, 10, 5), np.array([2, 7, 1])], constants=[1], types=[np.float32] * 3, axis=-2)
move.add("Split", [floats(10), ], types=[np.float32] * 3, axis=0, num_outputs=3)
for starts, ends, axes, steps in [([1], [3], [0], [1]), ([0, 1], [5, 6], [0, 2], [2, 3]), ([-1], [-9], [2], [-1]),
                                  ([4, -2], [0, -6], [0, 1], [-2, -1]), ([2], [1 << 40], [1], [2]),
                                  ([-100], [100], [2], [7]), ([5], [2], [0], [1])]:
    move.add("Slice", [floats(5, 6, 20)] + [np.array(v) for v in (starts, ends, axes, steps)], constants=[1, 2, 3, 4])
move.add("Slice", [floats(5, 6), np.array([1, 2]), np.array([3, 6])], constants=[1, 2])
for mode in ("constant", "reflect", "edge", "wrap"):
    for pads in ([0, 1, 2, 0, 2, 1], [1, 1, 3, 1, 1, 2], [-1, 1, 0, 1, 0, -2], [0, 0, 4, 0, 0, 4]):
        move.add("Pad", [floats(3, 4, 20), np.array(pads)], constants=[1], mode=mode)
move.add("Pad", [floats(3, 4), np.array([1, 2]), np.array(1.5, np.float32), np.array([1])], constants=[1, 3])
move.add("Pad", [ints(0, 9, 3, 4), np.array([1, 2, 3, 4]), np.array(7)], constants=[1, 2])
move.add("Pad", [floats(3, 4), np.array([1, 2, 3, 4]), np.array(-1, np.float32)], constants=[1])
move.add("Pad", [floats(0, 4), np.array([1, 1, 1, 1])], constants=[1])
for axis in (0, 1, 2, -1):
    move.add("Gather", [floats(4, 5, 20), ints(-4, 4, 2, 3)], axis=axis)
    move.add("Gather", [floats(4, 5, 20), np.array(2)], axis=axis)
    move.add("Gather", [floats(4, 5, 20), ints(0, 4, 6, dtype=np.int32)], constants=[1], axis=axis)
move.add("Gather", [ints(0, 2, 9, dtype=np.bool_), ints(0, 9, 3)])
move.add("Tile", [floats(2, 3), np.array([2, 3])], constants=[1])
move.add("Tile", [floats(2, 3, 17), np.array([1, 4, 2])], constants=[1])
for size in (5, 15, 31, 33):  # rows that are no whole vectors
    move.add("Tile", [floats(2, 3, size), np.array([1, 2, 3])], constants=[1])
    move.add("Tile", [ints(0, 200, 3, size, dtype=np.uint8), np.array([2, 3])], constants=[1])
move.add("Tile", [ints(0, 9, 4, dtype=np.int32), np.array([0])], constants=[1])
move.add("Expand", [floats(3, 1), np.array([2, 3, 40])], constants=[1])
move.add("Expand", [floats(1, 30), np.array([3, 1])], constants=[1])
move.add("Expand", [floats(), np.array([2, 3])], constants=[1])
for mode in ("DCR", "CRD"):
    move.add("DepthToSpace", [floats(2, 12, 3, 5)], blocksize=2, mode=mode)
    move.add("DepthToSpace", [floats(1, 18, 2, 3)], blocksize=3, mode=mode)
move.add("SpaceToDepth", [floats(2, 3, 4, 6)], blocksize=2)
move.add("SpaceToDepth", [floats(1, 2, 9, 6)], blocksize=3)
move.add("Reshape", [floats(2, 3, 4), np.array([4, -1])], constants=[1])
move.add("Flatten", [floats(2, 3, 4)], axis=2)
move.add("Squeeze", [floats(2, 1, 4, 1), np.array([1, -1])], constants=[1])
move.add("Unsqueeze", [floats(2, 4), np.array([0, -1])], constants=[1])
move.add("Shape", [floats(2, 4, 5)], types=[np.int64], start=1)
move.add("Size", [floats(2, 4, 5)], types=[np.int64])

resize = Sweep(opset=19, tolerance=1e-5)
COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric")


def sized(data, sizes, **attributes):
    resize.add("Resize", [data, None, None, np.array(sizes)], constants=[3], **attributes)


def scaled(data, scales, **attributes):
    # onnxruntime takes the whole result's corners for align_corners, the standard those of data times scale.
    corners = attributes.get("coordinate_transformation_mode") == "align_corners"
    resize.add("Resize", [data, None, np.array(scales, np.float32)], constants=[2], reference=corners, **attributes)


for coordinate in COORDINATES:
    for mode in ("nearest", "linear", "cubic"):
        sized(floats(1, 2, 5, 7), [1, 2, 9, 4], mode=mode, coordinate_transformation_mode=coordinate)
        scaled(floats(1, 2, 5, 7), [1, 1, 2, 3], mode=mode, coordinate_transformation_mode=coordinate)
        scaled(floats(1, 2, 9, 7), [1, 1, 0.6, 1.7], mode=mode, coordinate_transformation_mode=coordinate)
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        sized(floats(1, 2, 8, 8), [1, 2, 12, 3], mode="nearest", nearest_mode=rounding,
              coordinate_transformation_mode=coordinate)
scaled(floats(1, 2, 5, 6), [1, 1, 1.5, 0.8], mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5)
for mode in ("nearest", "linear"):
    resize.add("Resize", [floats(1, 2, 5, 6), np.array([0, 0, 0.2, 0.13, 1, 1, 0.8, 1.3], np.float32), None,
                          np.array([1, 2, 6, 7])], constants=[1, 3], mode=mode, extrapolation_value=10.0,
               coordinate_transformation_mode="tf_crop_and_resize")
scaled(floats(1, 1, 4, 5, 6), [1, 1, 2, 1.5, 2], mode="linear")
scaled(ints(0, 200, 1, 2, 5, 5, dtype=np.uint8), [1, 1, 2, 2], mode="nearest",
       coordinate_transformation_mode="asymmetric")
resize.add("Resize", [floats(1, 2, 5, 7), None, np.array([2, 3], np.float32)], constants=[2], mode="linear", axes=[2, 3])
for policy in ("not_larger", "not_smaller"):
    resize.add("Resize", [floats(1, 2, 5, 7), None, None, np.array([9, 9])], constants=[3], mode="linear", axes=[2, 3],
               keep_aspect_ratio_policy=policy)

# An index out of range ends the run with SQZ_ERANGE.
failures = 0
for op, arrays, attributes in [("Gather", [floats(3, 4), np.array([0, 3])], {}),
                               ("Gather", [floats(3, 4), np.array([-5], np.int32)], {"axis": 1}),
                               ("Gather", [floats(0, 4), np.array([0])], {}),
                               ("CumSum", [floats(3, 4), np.array(2)], {})]:
    bad = Sweep()
    bad.add(op, arrays, **attributes)
    failures += bad.run_code() != 3
print(f"range: 4 cases, {failures} failures")
finish(move.run("move"), resize.run("resize"), failures)
