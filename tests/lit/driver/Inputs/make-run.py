"""Writes what run.test reads to the current folder."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

x = np.arange(6, dtype=np.float32).reshape(2, 3)
np.save("x.npy", x)
np.save("shift.npy", np.float32([10, 20, 30]))
np.save("fortran.npy", np.asfortranarray(x))
np.save("complex.npy", x.astype(np.complex64))
open("x.pb", "wb").write(numpy_helper.from_array(x, "x").SerializeToString())
open("bad.npy", "wb").write(b"nonsense")
open("short.npy", "wb").write(open("x.npy", "rb").read()[:-1])

value = helper.make_tensor_value_info
graph = helper.make_graph([helper.make_node("Abs", ["x"], ["middle"]), helper.make_node("Neg", ["middle"], ["y"])], "open",
                          [value("x", TensorProto.FLOAT, ["N", 3])], [value("y", TensorProto.FLOAT, ["N", 3])])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), "open.onnx")
