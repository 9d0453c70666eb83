# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s "arm64 --mcpu=neoverse-n1" %}
"""Networks in the form that onnxruntime's quantizer writes (QuantizeLinear and DequantizeLinear around operators of floats)
against onnxruntime. Integer products are exact and those of floats are not, so a result may be a step off, which the
layers behind it carry on: few results may differ, and none by much. Without passes, and under --strict, as good as
none. With machines, and flags, as arguments: emulated, at -O2."""

import itertools
import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from native import Network, Program

random = np.random.default_rng(11)
TYPES = {"u8": QuantType.QUInt8, "i8": QuantType.QInt8}
# Flags, how many results may differ, by how many steps.
LEVELS = [(["-O0"], 0.002, 1), (["-O2", "--strict"], 0.002, 1), (["-O2"], 0.05, 2), (["-O2", "--mcpu=native"], 0.05, 2)]


class Net:
    def __init__(self, *shape):
        self.nodes, self.weights, self.outputs = [], [], []
        self.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)

    def node(self, op, *inputs, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [f"v{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def weight(self, *shape, scale=None):
        fan = np.prod(shape[1:]) if len(shape) > 1 else 8
        array = random.standard_normal(shape) * (scale or 1 / np.sqrt(fan))
        self.weights.append(numpy_helper.from_array(array.astype(np.float32), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def ints(self, *numbers):
        self.weights.append(numpy_helper.from_array(np.array(numbers, np.int64), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def conv(self, x, filters, channels, size=1, group=1, **attributes):
        return self.node("Conv", x, self.weight(filters, channels // group, size, size), self.weight(filters),
                         group=group, pads=[size // 2] * 4, **attributes)

    def model(self, *outputs):
        graph = helper.make_graph(self.nodes, "net", [self.input],
                                  [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
                                  self.weights)
        return onnx.shape_inference.infer_shapes(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


def residual():
    """Blocks of a ResNet: a large first filter, a pool, a branch of another stride, the mean and a linear layer."""
    net = Net(2, 3, 31, 31)
    x = net.node("Relu", net.conv("x", 20, 3, 7, strides=[2, 2]))
    x = net.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    y = net.conv(net.node("Relu", net.conv(x, 20, 20, 3)), 20, 20, 3)
    x = net.node("Relu", net.node("Add", x, y))
    y = net.conv(net.node("Relu", net.conv(x, 33, 20, 3, strides=[2, 2])), 33, 33, 3)
    x = net.node("Relu", net.node("Add", net.conv(x, 33, 20, strides=[2, 2]), y))
    x = net.node("Flatten", net.node("GlobalAveragePool", x))
    return net.model(net.node("Gemm", x, net.weight(10, 33), net.weight(10), transB=1))


def fire():
    """Branches that are joined, and moved."""
    net = Net(1, 3, 20, 21)
    x = net.node("Relu", net.conv("x", 18, 3, 3))
    x = net.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    s = net.node("Relu", net.conv(x, 5, 18))
    x = net.node("Concat", net.node("Relu", net.conv(s, 17, 5)), net.node("Relu", net.conv(s, 9, 5, 3)), axis=1)
    x = net.node("Relu", net.conv(net.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]), 16, 26))
    x = net.node("Transpose", x, perm=[0, 2, 3, 1])
    x = net.node("Reshape", x, net.ints(1, -1, 16))
    return net.model(net.node("MatMul", x, net.weight(16, 12)))


def inverted():
    """Blocks of a MobileNet: filters of single channels, clipped activations."""
    net = Net(1, 8, 14, 14)
    bounds = [net.weight(), net.weight()]
    net.weights[-1].CopyFrom(numpy_helper.from_array(np.float32(6), bounds[1]))
    net.weights[-2].CopyFrom(numpy_helper.from_array(np.float32(0), bounds[0]))
    x = net.node("Clip", net.conv("x", 48, 8), *bounds)
    x = net.node("Clip", net.conv(x, 48, 48, 3, group=48), *bounds)
    return net.model(net.node("Add", net.conv(x, 8, 48), "x"))


def attention():
    """Products of which both sides are data, a softmax, and linear layers without a bias."""
    net = Net(1, 24, 32)
    parts = [net.node("MatMul", "x", net.weight(32, 32)) for _ in range(3)]
    heads = [net.node("Transpose", net.node("Reshape", p, net.ints(1, 24, 2, 16)), perm=[0, 2, 3, 1] if i == 1 else [0, 2, 1, 3])
             for i, p in enumerate(parts)]
    scores = net.node("Softmax", net.node("MatMul", heads[0], heads[1]), axis=-1)
    x = net.node("Transpose", net.node("MatMul", scores, heads[2]), perm=[0, 2, 1, 3])
    x = net.node("MatMul", net.node("Reshape", x, net.ints(1, 24, 32)), net.weight(32, 32))
    x = net.node("Add", net.node("Add", x, net.weight(32)), "x")
    x = net.node("Relu", net.node("MatMul", x, net.weight(32, 64)))
    return net.model(net.node("MatMul", x, net.node("Transpose", net.weight(32, 64), perm=[1, 0])))


class Samples(CalibrationDataReader):
    def __init__(self, shape):
        self.left = iter([{"x": random.standard_normal(shape).astype(np.float32)} for _ in range(4)])

    def get_next(self):
        return next(self.left, None)


def quantized(make, kind, path, **options):
    model = make()
    onnx.save(model, path + ".float.onnx")
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    quantize_static(path + ".float.onnx", path, Samples(shape), quant_format=QuantFormat.QDQ,
                    activation_type=TYPES[kind], weight_type=QuantType.QInt8, **options)
    return random.standard_normal(shape).astype(np.float32)


def reference(path, data):
    """As the operators are, without onnxruntime's own integer products, some of which saturate."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, {"x": data})


def last_step(path):
    """The scale that the network's result is in."""
    model = onnx.load(path)
    scales = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    node = next(n for n in model.graph.node if model.graph.output[0].name in n.output)
    return float(scales[node.input[1]])


def failures_of(title, path, data):
    expected, step, failures = reference(path, data)[0], last_step(path), 0
    for flags, share, most in [(m.split(), 0.05, 2) for m in sys.argv[1:]] or LEVELS:
        folder = f"{path}.{''.join(flags).replace(' ', '')}"
        if sys.argv[1:]:
            os.makedirs(folder, exist_ok=True)
            run = Program(path, folder, flags[0], [(expected.shape, expected.dtype)], "-O2", *flags[1:])
        else:
            run = Network(path, folder, *flags)
        steps = np.abs(run([data])[0].astype(np.float64) - expected) / step
        moved = np.count_nonzero(steps > 0.5) / steps.size
        if steps.max() > most + 0.5 or moved > share:
            print(f"FAIL {title} {' '.join(flags)}: {moved:.2%} differ, by up to {steps.max():.1f} steps")
            failures += 1
    return failures


ROWS = [{"per_channel": True}, {"per_channel": False}, {"extra_options": {"AddQDQPairToWeight": True}, "per_channel": True},
        {"extra_options": {"QDQKeepRemovableActivations": True, "ActivationSymmetric": True}}]
failures, kinds = 0, itertools.cycle(["u8", "i8", "i8", "u8", "i8"])
with tempfile.TemporaryDirectory() as top:
    for make, (number, options) in itertools.product((residual, fire, inverted, attention), enumerate(ROWS)):
        kind = next(kinds)
        file = os.path.join(top, f"{make.__name__}_{number}.onnx")
        failures += failures_of(f"{make.__name__} {kind} {options}", file, quantized(make, kind, file, **options))
print(f"{failures} failures")
sys.exit(1 if failures else 0)
