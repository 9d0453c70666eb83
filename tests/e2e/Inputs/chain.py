"""Graphs of a few nodes whose results have sizes that depend on the data, compared with onnxruntime call by call."""

import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import compare
from native import Network, Program


def model(nodes, inputs, outputs, constants=(), opset=18):
    infos = [[helper.make_tensor_value_info(n, t, s) for n, t, s in side] for side in (inputs, outputs)]
    graph = helper.make_graph(nodes, "counted", *infos, [numpy_helper.from_array(a, n) for n, a in constants])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, output.split(), **attributes)


class Net:
    """A graph written down as calls: net.Add(a, b) appends a node and returns the name of its result."""

    def __init__(self):
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []

    def input(self, name, dtype, *shape):
        self.inputs.append((name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape)))
        return name

    def constant(self, value, dtype=np.int64):
        self.constants.append((f"c{len(self.constants)}", np.array(value, dtype)))
        return self.constants[-1][0]

    def output(self, name, dtype=np.float32):
        self.outputs.append((name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None))

    def __getattr__(self, op):
        def append(*inputs, outputs=1, **attributes):
            names = [f"{op.lower()}{len(self.nodes)}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
            inputs = [i if isinstance(i, str) else self.constant(i) for i in inputs]
            self.nodes.append(helper.make_node(op, inputs, names, **attributes))
            return names[0] if outputs == 1 else names
        return append

    def model(self):
        return model(self.nodes, self.inputs, self.outputs, self.constants)


def chain(network_model, data_sets, title, flags=("-O0", "-O1", "-O2", "-Os"), tolerance=1e-5):
    """Calls the compiled model with each set of inputs, here at several levels or on the machines that argv names."""
    failures, session = 0, onnxruntime.InferenceSession(network_model.SerializeToString())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{title}.onnx")
        onnx.save(network_model, path)
        for flag in sys.argv[1:] or flags:
            network = None if sys.argv[1:] else Network(path, os.path.join(folder, flag), flag)
            for data in data_sets:
                expected = session.run(None, data)
                called = network or Program(path, folder, flag, [(e.shape, e.dtype) for e in expected])
                for output, result, wanted in zip(network_model.graph.output, called(list(data.values())), expected,
                                                  strict=True):
                    off = compare.error(result, wanted) if result.shape == wanted.shape else np.inf
                    if not off <= tolerance:
                        failures += 1
                        print(f"FAIL {title} {flag} {output.name}: {result.shape} {wanted.shape} {off}")
    print(f"{title}: {len(data_sets)} calls, {failures} failures")
    return failures
