"""Writes the test folders of test.test to the current folder."""

import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def folder(name, op, inputs, outputs, shape=(2, 3), sets=1):
    values = [helper.make_tensor_value_info(f"x{i or ''}", helper.np_dtype_to_tensor_dtype(x.dtype),
                                            shape if i == 0 else x.shape) for i, x in enumerate(inputs)]
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(op, [v.name for v in values], ["y"])], name, values, [result])
    os.makedirs(name)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), name + "/model.onnx")
    for number in range(sets):
        data = f"{name}/test_data_set_{number}"
        os.makedirs(data)
        for kind, arrays in (("input", inputs), ("output", outputs)):
            for i, array in enumerate(arrays):
                with open(f"{data}/{kind}_{i}.pb", "wb") as file:
                    file.write(numpy_helper.from_array(array + array.dtype.type(number and kind == "output")).SerializeToString())


wrong = -X
wrong[1, 1] -= 1
folder("good", "Neg", [X], [-X])
folder("wrong", "Neg", [X], [wrong])
folder("close", "Neg", [X], [-X * np.float32(1.0001)])
folder("bound", "Reshape", [X, np.int64([3, 2])], [X.reshape(3, 2)])
folder("shaped", "Neg", [X], [-X], shape=("N", 3))
folder("unknown", "Nonsense", [X], [X])
folder("type", "Neg", [X], [-X.astype(np.float64)])
os.makedirs("empty")
folder("missing", "Neg", [X], [-X])
os.remove("missing/test_data_set_0/input_0.pb")
folder("two", "Neg", [X], [-X], sets=2)
