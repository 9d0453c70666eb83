# RUN: %python %s %t.onnx
# RUN: %sqzc opt %t.onnx --passes=infer-shapes | FileCheck %s
"""A graph of 60,000 values, as many as a large transformer written in small operators has."""

# CHECK: %v1 = Add(%x, %w0) : f32<3>
# CHECK: %v29999 = Add(%v29998, %w29998) : f32<3>

import sys

import onnx
from onnx import TensorProto, helper

COUNT = 29999
nodes = [helper.make_node("Add", [f"v{i}" if i else "x", f"w{i}"], [f"v{i + 1}"]) for i in range(COUNT)]
weights = [helper.make_tensor(f"w{i}", TensorProto.FLOAT, [3], [i, 1, 2]) for i in range(COUNT)]
infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("x", f"v{COUNT}")]
graph = helper.make_graph(nodes, "large", infos[:1], infos[1:], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])
