"""Writes gate.onnx, a network of two layers that computes exclusive or: relu(x + y) - 2 relu(x + y - 1)."""

import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def constant(name, value):
    return numpy_helper.from_array(np.array(value, np.float32), name)


graph = helper.make_graph(
    [helper.make_node("Gemm", ["bits", "w1", "b1"], ["sums"]), helper.make_node("Relu", ["sums"], ["hidden"]),
     helper.make_node("MatMul", ["hidden", "w2"], ["differs"])],
    "gate",
    [helper.make_tensor_value_info("bits", TensorProto.FLOAT, [1, 2])],
    [helper.make_tensor_value_info("differs", TensorProto.FLOAT, [1, 1])],
    [constant("w1", [[1, 1], [1, 1]]), constant("b1", [0, -1]), constant("w2", [[1], [-2]])])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, os.path.join(os.path.dirname(__file__), "gate.onnx"))
