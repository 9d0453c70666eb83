# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Images read and written by indices and coordinates: GridSample, AffineGrid, RoiAlign, MaxUnpool, Col2Im, DeformConv;
LpPool."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

grid = Sweep()
for padding in ("zeros", "border", "reflection"):
    for align in (0, 1):
        for mode in ("linear", "nearest", "cubic"):
            # onnxruntime clamps taps only, the standard's reference the coordinate first.
            reference = mode == "cubic" and padding == "border"
            grid.add("GridSample", [floats(2, 3, 5, 7), floats(2, 4, 6, 2)], mode=mode, padding_mode=padding,
                     align_corners=align, reference=reference)
            grid.add("GridSample", [floats(1, 2, 4, 3), 3 * floats(1, 5, 5, 2)], mode=mode, padding_mode=padding,
                     align_corners=align, reference=reference)
            grid.add("GridSample", [floats(2, 3, 9, 11), 1.3 * floats(2, 3, 37, 2)], mode=mode, padding_mode=padding,
                     align_corners=align, reference=reference)
            if mode != "cubic":
                grid.add("GridSample", [floats(1, 2, 3, 4, 5), 1.2 * floats(1, 2, 3, 19, 3)], mode=mode,
                         padding_mode=padding, align_corners=align)
                grid.add("GridSample", [floats(2, 2, 3, 4, 5), floats(2, 3, 2, 4, 3)], mode=mode,
                         padding_mode=padding, align_corners=align)
near = Sweep()
for shape, scales in (((2, 3, 5, 7), [1, 1, 2, 2]), ((1, 2, 6, 37), [1, 1, 3, 3]), ((1, 2, 4, 34), [1, 1, 1.5, 1.5]),
                      ((1, 3, 4, 19), [1, 1, 1, 8]), ((1, 3, 4, 5), [1, 1, 9, 9]), ((2, 4, 5, 3), [1, 2, 2, 1]),
                      ((7, 40), [2, 0.5]), ((16,), [4]), ((2, 3, 4, 18), [2, 2, 2, 2])):
    for rounding in ("floor", "ceil", "round_prefer_floor"):
        for where in ("asymmetric", "half_pixel", "align_corners"):
            dtype = np.float32 if where == "asymmetric" else np.uint8
            near.add("Resize", [ints(0, 250, *shape).astype(dtype), None, np.array(scales, np.float32)], constants=[2],
                     mode="nearest", nearest_mode=rounding, coordinate_transformation_mode=where)
deform = Sweep()


def deformed(image, weights, out, spread=1.0, bias=False, mask=False, offset_group=1, **attributes):
    taps = weights[2] * weights[3] * offset_group
    operands = [floats(*image), floats(*weights), spread * floats(image[0], 2 * taps, *out),
                floats(weights[0]) if bias else None, np.abs(floats(image[0], taps, *out)) if mask else None]
    deform.add("DeformConv", operands, constants=[1, 3], offset_group=offset_group, **attributes)


deformed((1, 3, 9, 11), (5, 3, 3, 3), (7, 9))
deformed((2, 4, 9, 30), (6, 2, 3, 3), (9, 30), 4.0, bias=True, mask=True, group=2, pads=[1, 1, 1, 1], offset_group=2)
deformed((1, 6, 8, 7), (9, 6, 2, 3), (4, 4), mask=True, strides=[2, 2], pads=[1, 2, 0, 1], offset_group=3)
deformed((2, 2, 12, 12), (2, 1, 3, 3), (8, 8), bias=True, group=2, dilations=[2, 2])
deformed((1, 2, 1, 5), (3, 2, 1, 1), (1, 5), kernel_shape=[1, 1])
deformed((1, 2, 6, 5), (3, 2, 3, 3), (4, 3), 1e9)

old = Sweep(opset=16)
for mode in ("bilinear", "nearest", "bicubic"):
    old.add("GridSample", [floats(2, 3, 5, 7), floats(2, 4, 6, 2)], mode=mode)

def regions(n, width, height):
    corner = np.abs(floats(n, 2)) * [width / 4, height / 4]
    return np.concatenate([corner, corner + np.abs(floats(n, 2)) * [width / 2, height / 2] + 0.1], 1).astype(np.float32)


roi, old_roi = Sweep(opset=16, tolerance=3e-5), Sweep(opset=10)
for mode in ("avg", "max"):
    for ratio in (0, 1, 2, 3):
        for coordinates in ("half_pixel", "output_half_pixel"):
            roi.add("RoiAlign", [floats(2, 3, 12, 16), regions(5, 32, 24), ints(0, 2, 5)], mode=mode,
                    sampling_ratio=ratio, output_height=3, output_width=4, spatial_scale=0.5,
                    coordinate_transformation_mode=coordinates, reference=mode == "max")
# So many samples are possible along an axis that there is no table of them.
for width, height in ((400, 3), (3, 400)):
    roi.add("RoiAlign", [floats(1, 2, height, width), regions(2, width, height), np.zeros(2, np.int64)],
            output_height=10 if height > width else 2, output_width=2 if height > width else 10)
old_roi.add("RoiAlign", [floats(2, 3, 12, 16), regions(5, 16, 12), ints(0, 2, 5)], sampling_ratio=2, output_height=2,
            output_width=2)

others = Sweep(opset=18)
for shape, window in (((2, 3, 9), dict(kernel_shape=[3])), ((2, 3, 9, 8), dict(kernel_shape=[3, 2], strides=[2, 2])),
                      ((1, 2, 9, 8), dict(kernel_shape=[3, 3], pads=[1, 0, 1, 2])),
                      ((1, 2, 5, 6, 7), dict(kernel_shape=[2, 2, 2])),
                      ((1, 2, 9, 8), dict(kernel_shape=[2, 2], auto_pad="SAME_UPPER", strides=[2, 2]))):
    for p in (1, 2, 3):
        others.add("LpPool", [floats(*shape)], p=p, **window)
for shape, window in (((2, 3, 5), dict(kernel_shape=[2], strides=[2])),
                      ((2, 3, 4, 5), dict(kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 0]))):
    sizes = [(n - 1) * 2 - 2 * window.get("pads", [0, 0])[0] + k if k == 3 else (n - 1) * 2 + k
             for n, k in zip(shape[2:], window["kernel_shape"])]
    where = np.random.default_rng(5).permutation(shape[0] * shape[1] * np.prod(sizes))[:np.prod(shape)]
    index = where.reshape(shape).astype(np.int64)
    others.add("MaxUnpool", [floats(*shape), index], reference=True, **window)
    larger = np.array([*shape[:2], *[size + 3 for size in sizes]])
    others.add("MaxUnpool", [floats(*shape), index, larger], constants=[2], reference=True, **window)
for image, block, window in (([5, 6], [2, 3], {}), ([5, 6], [2, 2], dict(strides=[2, 1], pads=[1, 0, 0, 1])),
                             ([7, 6], [2, 2], dict(dilations=[2, 3])), ([9], [3], {}), ([3, 4, 5], [2, 1, 3], {})):
    n = len(image)
    strides, dilations = window.get("strides", [1] * n), window.get("dilations", [1] * n)
    pads = window.get("pads", [0] * 2 * n)
    columns = np.prod([(image[i] + pads[i] + pads[i + n] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1
                       for i in range(n)])
    others.add("Col2Im", [floats(2, 3 * np.prod(block), columns), np.array(image), np.array(block)], constants=[1, 2],
               reference=True, **window)

affine = Sweep()
for size, theta in (((2, 3, 4, 5), (2, 2, 3)), ((1, 3, 2, 7), (1, 2, 3)), ((2, 1, 3, 4, 5), (2, 3, 4))):
    for align in (0, 1):
        affine.add("AffineGrid", [floats(*theta), np.array(size)], constants=[1], align_corners=align, reference=True)
affine.add("AffineGrid", [floats(1, 2, 3), np.array([1, 1, 1, 4])], constants=[1], reference=True)

failures = [sweep.run(title) for title, sweep in (("grid", grid), ("near", near), ("affine", affine), ("old", old), ("roi", roi),
                                                  ("old_roi", old_roi),
                                                 ("others", others), ("deform", deform))]

# A region of an image that isn't there, or one that would take forever, makes the run fail, as an index does.
if not sys.argv[1:]:
    image = floats(1, 1, 4, 4)
    for op, arrays, attributes in (
            ("RoiAlign", [image, regions(1, 4, 4), np.array([1])], {}),
            ("RoiAlign", [image, np.array([[0, 0, 1e9, 4]], np.float32), np.array([0])], {}),
            ("RoiAlign", [image, np.array([[0, 0, np.nan, 4]], np.float32), np.array([0])], {}),
            ("MaxUnpool", [image, np.full((1, 1, 4, 4), 64)], dict(kernel_shape=[2, 2], strides=[2, 2]))):
        case = Sweep()
        case.add(op, arrays, **attributes)
        code = case.run_code()
        failures.append(code != 3)
        print(f"{op} out of range returns {code}")
    wild = np.array([[[[np.inf, 0], [-np.inf, 0.5], [1e30, -1e30], [-3, 5e9], [np.nan, 0]]]], np.float32)
    case = Sweep()
    case.add("DeformConv", [floats(1, 2, 1, 5), floats(1, 2, 1, 1), wild[0].transpose(2, 0, 1)[None].copy()])
    failures.append(case.run_code())
    for mode in ("linear", "nearest", "cubic"):
        for padding in ("zeros", "border", "reflection"):
            case = Sweep()
            case.add("GridSample", [floats(1, 2, 4, 3), wild], mode=mode, padding_mode=padding)
            failures.append(case.run_code())
finish(*failures)
