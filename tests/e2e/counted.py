# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Results whose size depends on the data: NonZero, Compress; what follows them in a graph; calls with other data."""

import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import compare
from native import Network, Program
from sweep import Sweep, finish, floats, ints

select = Sweep()
for kind in (np.float32, np.bool_, np.int64, np.uint8):
    select.add("NonZero", [ints(0, 2, 3, 4, 5, dtype=kind)], types=[np.int64], reference=kind == np.uint8)
select.add("NonZero", [np.zeros(4, np.int32)], types=[np.int64])
select.add("NonZero", [np.ones((2, 9), np.float32)], types=[np.int64])
select.add("NonZero", [np.zeros((0, 4), np.float32)], types=[np.int64], reference=True)
for axis in (dict(), dict(axis=0), dict(axis=1), dict(axis=-1)):
    select.add("Compress", [floats(3, 4, 20), np.array([True, False, True])], **axis)
select.add("Compress", [floats(3, 4), np.array([False, False])], axis=1)
select.add("Compress", [ints(0, 9, 3, 4, dtype=np.uint8), np.array([True] * 4)], axis=1)
select.add("Compress", [ints(0, 2, 30, dtype=np.bool_), ints(0, 2, 30, dtype=np.bool_)])


def model(nodes, inputs, outputs, constants=()):
    infos = [[helper.make_tensor_value_info(n, t, s) for n, t, s in side] for side in (inputs, outputs)]
    graph = helper.make_graph(nodes, "counted", *infos, [numpy_helper.from_array(a, n) for n, a in constants])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, output.split(), **attributes)


F, I, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
# Indices computed from the selected ones would be out of range behind them; the mean is over what is known.
PICK = model(
    [node("NonZero", ["mask"], "where"), node("Transpose", ["where"], "rows", perm=[1, 0]),
     node("Gather", ["rows", "first"], "index", axis=1), node("Sub", ["seven", "index"], "mirrored"),
     node("Gather", ["data", "mirrored"], "picked"), node("Mul", ["picked", "two"], "scaled"),
     node("ReduceMean", ["scaled", "axes"], "mean", keepdims=0), node("Cast", ["mean"], "half", to=TensorProto.DOUBLE),
     node("MatMul", ["scaled", "weights"], "product"), node("Softmax", ["product"], "soft", axis=1),
     node("Slice", ["soft", "zeros", "ones", "ones"], "part"), node("Squeeze", ["part", "ones"], "flat"),
     node("Concat", ["picked", "soft"], "both", axis=1), node("Unsqueeze", ["both", "zeros"], "batch"),
     node("Reshape", ["batch", "shape"], "reshaped"), node("Compress", ["data", "chosen"], "kept", axis=0),
     node("Exp", ["kept"], "result"), node("ArgMax", ["picked"], "best", axis=1, keepdims=0)],
    [("mask", F, [8]), ("data", F, [8, 5]), ("chosen", B, [6])],
    [("half", TensorProto.DOUBLE, None), ("flat", F, None), ("reshaped", F, None), ("result", F, None),
     ("best", I, None), ("where", I, None)],
    [("first", np.array(0)), ("seven", np.array(7)), ("two", np.array(2, np.float32)), ("axes", np.array([1])),
     ("weights", floats(5, 3)), ("zeros", np.array([0])), ("ones", np.array([1])), ("shape", np.array([-1, 8]))])


def sets():
    for mask in (ints(0, 2, 8), np.zeros(8), np.ones(8), np.arange(8) == 7):
        yield {"mask": mask.astype(np.float32), "data": floats(8, 5), "chosen": ints(0, 2, 6).astype(np.bool_)}


def chain(network_model, data_sets, title):
    failures, session = 0, onnxruntime.InferenceSession(network_model.SerializeToString())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{title}.onnx")
        onnx.save(network_model, path)
        for flags in [[machine] for machine in sys.argv[1:]] or (["-O0"], ["-O1"], ["-O2"], ["-Os"]):
            network = None if sys.argv[1:] else Network(path, os.path.join(folder, flags[0]), *flags)
            for data in data_sets:
                expected = session.run(None, data)
                called = network or Program(path, folder, flags[0], [(e.shape, e.dtype) for e in expected])
                for output, result, wanted in zip(network_model.graph.output, called(list(data.values())), expected,
                                                  strict=True):
                    off = compare.error(result, wanted) if result.shape == wanted.shape else np.inf
                    if not off <= 1e-5:
                        failures += 1
                        print(f"FAIL {title} {flags} {output.name}: {result.shape} {wanted.shape} {off}")
    print(f"{title}: {len(data_sets)} calls, {failures} failures")
    return failures


finish(select.run("select"), chain(PICK, list(sets()), "pick"))
