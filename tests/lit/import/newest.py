# RUN: %python %s %t && %sqzc opt %t/newest.onnx && not %sqzc opt %t/next.onnx 2>&1 | FileCheck %s
"""The newest operator set and IR version of the pinned onnx package are known, and nothing newer."""

import os
import sys

import onnx
from onnx import TensorProto, helper

newest, folder = onnx.defs.onnx_opset_version(), sys.argv[1]
os.makedirs(folder, exist_ok=True)
values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
for name, opset in (("newest", newest), ("next", newest + 1)):
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=onnx.IR_VERSION)
    onnx.save(model, os.path.join(folder, name + ".onnx"))
# CHECK: error[E0102]: the model uses operator set
