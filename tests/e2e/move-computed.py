# RUN: %python %s
"""Operands that decide shapes may be computed from shapes, as exporters like to write them."""

import os
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import compare
from native import Network

nodes = [
    helper.make_node("Shape", ["x"], ["shape"]),
    helper.make_node("Gather", ["shape", "two"], ["height"]),
    helper.make_node("Div", ["height", "two"], ["half"]),
    helper.make_node("Unsqueeze", ["half", "zeros"], ["halves"]),
    helper.make_node("Slice", ["x", "zeros", "halves", "twos", "ones"], ["sliced"]),
    helper.make_node("Concat", ["zeros", "zeros", "halves", "ones", "zeros", "zeros", "ones", "twos"], ["pads"], axis=0),
    helper.make_node("Pad", ["x", "pads"], ["padded"]),
    helper.make_node("Range", ["one", "two", "one"], ["axes"]),
    helper.make_node("ReduceSum", ["x", "axes"], ["reduced"]),
    helper.make_node("Sub", ["two", "one"], ["axis"]),
    helper.make_node("CumSum", ["x", "axis"], ["summed"]),
    helper.make_node("Slice", ["shape", "zeros", "twos"], ["front"]),
    helper.make_node("Concat", ["front", "halves", "twos"], ["sizes"], axis=0),
    helper.make_node("Resize", ["x", "", "", "sizes"], ["resized"]),
    helper.make_node("Concat", ["ones", "twos", "ones", "ones"], ["repeats"], axis=0),
    helper.make_node("Tile", ["x", "repeats"], ["tiled"]),
    helper.make_node("Concat", ["front", "minus"], ["flat"], axis=0),
    helper.make_node("Reshape", ["x", "flat"], ["reshaped"]),
    helper.make_node("ConstantOfShape", ["sizes"], ["filled"]),
    helper.make_node("Concat", ["halves", "halves"], ["split"], axis=0),
    helper.make_node("Split", ["x", "split"], ["left", "right"], axis=2),
    helper.make_node("Size", ["x"], ["size"]),
]
constants = {"zeros": [0], "ones": [1], "twos": [2], "minus": [-1], "one": 1, "two": 2}
floats = ["sliced", "padded", "reduced", "summed", "resized", "tiled", "reshaped", "filled", "left", "right"]
graph = helper.make_graph(
    nodes, "computed", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 6, 5])],
    [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in floats] +
    [helper.make_tensor_value_info(n, TensorProto.INT64, None) for n in ("shape", "half", "size")],
    [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in constants.items()])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
data = np.random.default_rng(2).standard_normal((2, 3, 6, 5)).astype(np.float32)
failures = 0
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "computed.onnx")
    onnx.save(model, path)
    expected = compare.reference(path)([data])
    for level in ("-O0", "-O1", "-O2", "-Os", "--passes=infer-shapes,plan-memory"):
        results = Network(path, os.path.join(folder, level.replace(",", "")), level)([data])
        for output, result, wanted in zip(model.graph.output, results, expected, strict=True):
            if compare.error(result, np.asarray(wanted)) > 1e-5:
                failures += 1
                print(f"FAIL {level} {output.name}: {result.shape} {wanted.shape}")
print(f"{len(model.graph.output)} outputs, {failures} failures")
sys.exit(1 if failures else 0)
