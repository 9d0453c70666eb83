# UNSUPPORTED: asan
# RUN: %python %s %sqzc %t
"""What compiling takes: a model of large weights at most twice its file's size of memory, whatever its object's, and a
graph of 2,000 nodes less than 1 GB. CPU time is printed, not judged."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SQZC, FOLDER = sys.argv[1:]
RANDOM = np.random.default_rng(11)


class Graph:
    def __init__(self, name, shape):
        self.name, self.shape, self.nodes, self.weights, self.last = name, shape, [], [], "x"

    def weight(self, *shape, scale=1.0):
        name = f"w{len(self.weights)}"
        array = RANDOM.standard_normal(shape, np.float32) * np.float32(scale)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def constant(self, array):
        self.weights.append(numpy_helper.from_array(np.asarray(array), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def node(self, op, *inputs, **attributes):
        self.last = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [self.last], name=f"n{len(self.nodes)}", **attributes))
        return self.last

    def save(self, path):
        graph = helper.make_graph(self.nodes, self.name,
                                  [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
                                  [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)], self.weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def large_product():
    graph = Graph("product", [1, 8000])
    graph.node("Gemm", "x", graph.weight(8000, 8000, scale=0.01), transB=1)
    return graph


def large_convolutions():
    graph, x = Graph("convolutions", [1, 512, 8, 8]), "x"
    for _ in range(20):
        x = graph.node("Conv", x, graph.weight(512, 512, 3, 3, scale=0.01), pads=[1] * 4)
    return graph


def large_normalised():
    graph, x = Graph("normalised", [1, 512, 8, 8]), "x"
    for _ in range(24):
        x = graph.node("Conv", x, graph.weight(512, 512, 3, 3, scale=0.01), pads=[1] * 4)
        variance = graph.constant(np.float32(RANDOM.uniform(0.5, 2, 512)))
        x = graph.node("Relu", graph.node("BatchNormalization", x, *(graph.weight(512) for _ in range(3)), variance))
    return graph


def large_products():
    graph, x = Graph("products", [4, 2048]), "x"
    for _ in range(14):
        x = graph.node("Relu", graph.node("Gemm", x, graph.weight(2048, 2048, scale=0.02), graph.weight(2048)))
    return graph


def turned():
    graph, x = Graph("turned", [4, 2048]), "x"
    for _ in range(14):
        w = graph.node("Transpose", graph.weight(2048, 2048, scale=0.02), perm=[1, 0])
        x = graph.node("Relu", graph.node("MatMul", x, w))
    return graph


# Filters of another order of axes, as tf2onnx writes them.
def turned_convolutions():
    graph, x = Graph("turned", [1, 512, 8, 8]), "x"
    for _ in range(20):
        w = graph.node("Transpose", graph.weight(3, 3, 512, 512, scale=0.01), perm=[3, 2, 0, 1])
        x = graph.node("Conv", x, w, pads=[1] * 4)
    return graph


# Parts of one matrix, in another shape.
def sliced():
    graph, x = Graph("sliced", [4, 2048]), "x"
    all_weights = graph.node("Reshape", graph.weight(2048 * 14, 2048, scale=0.02), graph.constant(np.int64([-1, 2048])))
    for i in range(14):
        w = graph.node("Slice", all_weights, *(graph.constant(np.int64([n])) for n in (2048 * i, 2048 * i + 2048, 0)))
        x = graph.node("Relu", graph.node("MatMul", x, graph.node("Transpose", w, perm=[1, 0])))
    return graph


# Weights in parts, of which some are turned, and the whole is turned again.
def joined():
    graph, x = Graph("joined", [4, 2048]), "x"
    for _ in range(14):
        upright, turned = graph.weight(2048, 512, scale=0.02), graph.weight(512, 2048, scale=0.02)
        left = graph.node("Concat", upright, graph.node("Transpose", turned, perm=[1, 0]), axis=1)
        right = graph.weight(2048, 1024, scale=0.02)
        w = graph.node("Transpose", graph.node("Concat", left, right, axis=1), perm=[1, 0])
        x = graph.node("Relu", graph.node("MatMul", x, w))
    return graph


def split():
    graph, x = Graph("split", [4, 2048]), "x"
    for i in range(5):
        parts = [f"part{i}.{k}" for k in range(3)]
        graph.nodes.append(helper.make_node("Split", [graph.weight(2048, 6144, scale=0.02)], parts, axis=1))
        for part in parts:
            x = graph.node("Relu", graph.node("MatMul", x, part))
    return graph


# Weights as halves and bytes: the object has them as floats, and the model is what memory is compared with.
def halves():
    graph, x = Graph("halves", [4, 2048]), "x"
    for _ in range(28):
        w = graph.constant((RANDOM.standard_normal((2048, 2048), np.float32) * 0.02).astype(np.float16))
        x = graph.node("Relu", graph.node("MatMul", x, graph.node("Cast", w, to=TensorProto.FLOAT)))
    return graph


def quantized():
    graph, x = Graph("quantized", [4, 2048]), "x"
    for _ in range(48):
        w = graph.constant(RANDOM.integers(0, 255, (2048, 2048), np.uint8))
        scale = graph.constant(RANDOM.random(2048, np.float32) * np.float32(0.001))
        zero = graph.constant(np.full(2048, 128, np.uint8))
        x = graph.node("Relu", graph.node("MatMul", x, graph.node("DequantizeLinear", w, scale, zero, axis=1)))
    return graph


def elementwise():
    graph, values = Graph("elementwise", [1, 16, 8, 8]), ["x"]
    for i in range(2000):
        other = values[max(0, len(values) - 1 - int(RANDOM.integers(1, 8)))]
        values.append(graph.node(("Add", "Mul", "Max", "Sub")[i % 4], values[-1], other))
    return graph


def small_convolutions():
    graph, x, channels = Graph("small", [1, 16, 14, 14]), "x", 16
    for i in range(1000):
        filters, kernel = int(RANDOM.choice([16, 24, 32, 40])), (1, 3)[i % 2]
        w = graph.weight(filters, channels, kernel, kernel, scale=0.2)
        x, channels = graph.node("Relu", graph.node("Conv", x, w, pads=[kernel // 2] * 4)), filters
    return graph


def transformer():
    width, heads = 64, 4
    graph, x = Graph("transformer", [1, 32, 64]), "x"

    def linear(x, a, b):
        return graph.node("Add", graph.node("MatMul", x, graph.weight(a, b, scale=0.1)), graph.weight(b))

    def norm(x):
        centred = graph.node("Sub", x, graph.node("ReduceMean", x, axes=[-1]))
        variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), axes=[-1])
        root = graph.node("Sqrt", graph.node("Add", variance, graph.constant(np.float32(1e-5))))
        return graph.node("Add", graph.node("Mul", graph.node("Div", centred, root), graph.weight(width)),
                          graph.weight(width))

    while len(graph.nodes) < 2000:
        h = norm(x)
        q, k, v = (graph.node("Transpose", graph.node("Reshape", linear(h, width, width), graph.constant(
            np.int64([0, 0, heads, width // heads]))), perm=perm) for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
        mixed = graph.node("MatMul", graph.node("Softmax", graph.node("MatMul", q, k)), v)
        joined = graph.node("Reshape", graph.node("Transpose", mixed, perm=[0, 2, 1, 3]),
                            graph.constant(np.int64([0, 0, width])))
        x = graph.node("Add", x, linear(joined, width, width))
        h = linear(norm(x), width, 4 * width)
        h = graph.node("Mul", h, graph.node("Erf", h))
        x = graph.node("Add", x, linear(h, 4 * width, width))
    return graph


def made(build):
    """The path of the model. It is built in a process of its own, since the peak of one that
    is started later would count this one's memory too."""
    path = os.path.join(FOLDER, build.__name__ + ".onnx")
    child = os.fork()
    if not child:
        build().save(path)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit("no model")
    return path


def check(build, limit, *flags):
    """`limit` in bytes; null: twice the model's."""
    path = made(build)
    size, output = os.path.getsize(path), path + ".o"
    command = [SQZC, path, "-o", output, *flags]
    _, status, usage = os.wait4(os.posix_spawn(SQZC, command, os.environ), 0)
    peak, limit = usage.ru_maxrss * 1024, limit or 2 * size
    good = status == 0 and peak <= limit and os.path.getsize(output) > size // 2
    print(f"{'ok' if good else 'FAIL'} {build.__name__} {' '.join(flags)}: {size / 1e6:.0f} MB, peak {peak / 1e6:.0f} of "
          f"{limit / 1e6:.0f} MB, {usage.ru_utime:.1f} s")
    os.remove(path)
    os.remove(output)
    return good


os.makedirs(FOLDER, exist_ok=True)
good = [check(large_product, None), check(large_product, None, "-O0"), check(large_convolutions, None, "--mcpu=native"),
        check(large_convolutions, None, "-Os"), check(large_normalised, None), check(large_normalised, None, "-O1"),
        check(large_products, None), check(turned, None), check(turned_convolutions, None), check(sliced, None, "--mcpu=native"),
        check(joined, None), check(split, None), check(halves, None, "--mcpu=native"),
        check(quantized, None, "--mcpu=native")]
good += [check(build, 10**9, level) for build in (elementwise, small_convolutions, transformer) for level in ("-O0", "-O2")]
sys.exit(not all(good))
