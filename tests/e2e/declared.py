# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Operands that decide shapes or axes and are read as the model runs: where the model declares the shape of the result,
it is what onnxruntime computes; other numbers end the run with SQZ_ERANGE, and nothing is read or written outside."""

import ctypes
import mmap
import os
import sys
import tempfile

import numpy as np
import onnx
from onnx import helper

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from native import Network
from sweep import Sweep, finish, floats, ints


class Declared(Sweep):
    """A sweep whose model declares the shapes of all results."""

    def declare(self):
        expected = self.expected()
        self.outputs = [helper.make_tensor_value_info(o.name, o.type.tensor_type.elem_type, expected[o.name].shape)
                        for o in self.outputs]
        return self

    def deciding(self):
        """The inputs of integers or of scales, in all nodes but behind the first."""
        names = {n for node in self.nodes for n in node.input[0 if node.op_type in FIRST else 1:] if n in self.inputs}
        return sorted(n for n in names if self.inputs[n].ndim <= 1)


FIRST = ("ConstantOfShape", "Range")
move = Declared(opset=18)
for shape in ([4, 6], [-1, 3], [0, -1], [2, 0, 4], [24]):
    move.add("Reshape", [floats(2, 3, 4), np.array(shape)])
move.add("Reshape", [floats(2, 0, 4), np.array([0, 5])], allowzero=1)
move.add("Squeeze", [floats(2, 1, 4, 1), np.array([1, -1])])
move.add("Squeeze", [floats(1, 1, 4), np.array([-2])])
move.add("Unsqueeze", [floats(2, 4), np.array([0, -1])])
move.add("Unsqueeze", [floats(1, 4), np.array([1])])
move.add("Expand", [floats(3, 1), np.array([2, 3, 40])])
move.add("Expand", [floats(1, 30), np.array([3, 1])])
move.add("Expand", [floats(2, 3), np.array([1])])
move.add("Tile", [floats(2, 3, 17), np.array([1, 4, 2])])
move.add("Tile", [ints(0, 9, 4, dtype=np.int32), np.array([2])])
move.add("Split", [floats(2, 10, 5), np.array([2, 7, 1])], types=[np.float32] * 3, axis=-2)
move.add("Split", [floats(6), np.array([0, 6])], types=[np.float32] * 2)
move.add("ConstantOfShape", [np.array([2, 3])], types=[np.float32])
for values in ([1, 9, 3], [9, 1, -3], [2, 3, 1]):
    for kind in (np.int64, np.int32, np.int16, np.float32, np.float64):
        move.add("Range", [np.array(v, kind) for v in values], types=[kind])
move.add("CenterCropPad", [floats(5, 8), np.array([7, 3])])
move.add("CenterCropPad", [floats(5, 8, 2), np.array([5])], axes=[1])
move.add("TopK", [floats(4, 7), np.array([3])], types=[np.float32, np.int64])
move.add("CumSum", [floats(4, 7), np.array(-1)])
for starts, ends, axes, steps in [([1], [3], [0], [1]), ([0, 1], [5, 6], [0, 2], [2, 3]), ([-1], [-9], [2], [-1]),
                                  ([4, -2], [0, -6], [0, 1], [-2, -1]), ([2], [1 << 40], [1], [2]),
                                  ([-100], [100], [-1], [7]), ([5], [2], [0], [1])]:
    move.add("Slice", [floats(5, 6, 20)] + [np.array(v) for v in (starts, ends, axes, steps)])
    move.add("Slice", [floats(5, 6, 20), *[np.array(v).clip(-999, 999).astype(np.int32) for v in (starts, ends, axes, steps)]])
move.add("Slice", [floats(5, 6), np.array([1, 2]), np.array([3, 6])])
move.add("Slice", [floats(0, 6), np.array([0, 2]), np.array([3, 6])])
for mode in ("constant", "reflect", "edge", "wrap"):
    for pads in ([0, 1, 2, 0, 2, 1], [1, 1, 3, 1, 1, 2], [-1, 1, 0, 1, 0, -2], [0, 0, 4, 0, 0, 4]):
        move.add("Pad", [floats(3, 4, 20), np.array(pads)], mode=mode)
move.add("Pad", [floats(3, 4), np.array([1, 2]), np.array(1.5, np.float32), np.array([-1])])
move.add("Pad", [ints(0, 9, 3, 4), np.array([1, 2, 3, 4]), np.array(7)])
move.add("Pad", [floats(0, 4), np.array([1, 1, 1, 1])])

reduce = Declared(opset=18)
for op in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"):
    for keep in (0, 1):
        data = np.abs(floats(3, 5, 5, 2)) + np.float32(0.5)
        reduce.add("Reduce" + op, [data, np.array([-3])], keepdims=keep)
        reduce.add("Reduce" + op, [data, np.array([0, 2])], keepdims=keep)
reduce.add("ReduceSum", [floats(2, 2, 2, 2), np.array([1, 3])], keepdims=0)
reduce.add("ReduceSum", [floats(2, 3), np.array([], np.int64)])
reduce.add("ReduceSum", [floats(2, 3), np.array([], np.int64)], noop_with_empty_axes=1)
reduce.add("ReduceMax", [ints(-9, 9, 4, 70), np.array([1])])

resize = Declared(opset=19)
for coordinate in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"):
    for mode in ("nearest", "linear", "cubic"):
        kinds = {"mode": mode, "coordinate_transformation_mode": coordinate}
        resize.add("Resize", [floats(1, 2, 5, 7), None, None, np.array([1, 2, 9, 4])], **kinds)
        resize.add("Resize", [floats(1, 2, 5, 7), None, np.array([1, 1, 2, 1.7], np.float32)],
                   reference=coordinate == "align_corners", **kinds)
        resize.add("Resize", [floats(1, 2, 5, 7), None, np.array([1, 1, 0.6, 1.1], np.float32)],
                   reference=coordinate == "align_corners", **kinds)
resize.add("Resize", [floats(5, 7), None, np.array([0.6, 0.4], np.float32)], mode="linear", antialias=1)
resize.add("Resize", [floats(5, 7), None, None, np.array([3, 9])], mode="cubic", antialias=1, reference=True)
resize.add("Resize", [floats(1, 2, 5, 7), None, np.array([2, 3], np.float32)], mode="linear", axes=[2, 3])
for policy in ("not_larger", "not_smaller"):
    resize.add("Resize", [floats(1, 2, 5, 7), None, None, np.array([9, 9])], mode="linear", axes=[2, 3],
               keep_aspect_ratio_policy=policy)

libc = ctypes.CDLL(None)


def guarded(array):
    """The same array, behind which lies a page that cannot be read."""
    array = np.asarray(array)
    size = (array.nbytes + mmap.PAGESIZE - 1) // mmap.PAGESIZE * mmap.PAGESIZE
    memory = mmap.mmap(-1, size + mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert not libc.mprotect(ctypes.c_void_p(address + size), mmap.PAGESIZE, 0)
    view = np.frombuffer(memory, np.uint8, array.nbytes, size - array.nbytes)
    view[:] = np.frombuffer(array.tobytes(), np.uint8)
    return view.view(array.dtype).reshape(array.shape)


def hostile(sweep, title):
    """Each deciding operand in turn gets wrong numbers."""
    model, failures, tried = sweep.model(lambda name: True), 0, 0
    names = [i.name for i in model.graph.input]
    values = [guarded(sweep.inputs[n]) for n in names]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "hostile.onnx")
        onnx.save(model, path)
        network = Network(path, folder)
        for name in sweep.deciding():
            target = values[names.index(name)]
            right = target.copy()
            if not target.size:
                continue
            least, most = (-np.inf, np.inf) if target.dtype.kind == "f" else (np.iinfo(target.dtype).min,
                                                                              np.iinfo(target.dtype).max)
            for wrong in (least, most, -1, 0, 1, 5, 100, -100, np.nan if target.dtype.kind == "f" else 3):
                for i in range(target.size):
                    target.flat[:] = right.flat[:]
                    target.flat[i] = wrong
                    tried += 1
                    try:
                        network(values)
                        code = 0
                    except RuntimeError as why:
                        code = str(why).rsplit(maxsplit=1)[-1]
                    must = abs(wrong) >= 100 and matters(sweep, name)
                    if code not in (0, "3") or (must and code == 0):
                        failures += 1
                        print(f"FAIL {title} {sweep.labels[name.split('_')[0] + '_out0']} {name}[{i}] = {wrong}: {code}")
            target.flat[:] = right.flat[:]
        try:
            network(values)
        except RuntimeError as why:
            failures += 1
            print(f"FAIL {title}: {why} with the right numbers")
    print(f"{title}: {tried} hostile operands, {failures} failures")
    return failures


def matters(sweep, name):
    """Whether any number beyond all sizes is wrong: not where a slice ends, as the limit of a pad's value or a range, as
    the larger of two sizes that keep an aspect ratio; and nothing is checked for a result without elements."""
    node = next(node for node in sweep.nodes if name in node.input)
    data = sweep.inputs[node.input[0]]
    return (node.op_type not in ("Slice", "Range", "Pad") and data.size > 0 and
            not any(a.name == "keep_aspect_ratio_policy" for a in node.attribute))


failures = [sweep.declare().run(title) for sweep, title in ((move, "move"), (reduce, "reduce"), (resize, "resize"))]
if len(sys.argv) == 1:
    failures += [hostile(sweep, title) for sweep, title in ((move, "move"), (reduce, "reduce"), (resize, "resize"))]
finish(*failures)
