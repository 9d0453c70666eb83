"""The ratio of sqzc's time to onnxruntime's for single operators, as a user's network may hold them:

    operators.py [--rounds N] [--threads N] [--list] [NAME...] [-- FLAGS OF SQZC...]

NAME is a case or the beginning of one. Each is a model of one node, whose weights are constants; how time is taken
stands in race.py. Prints a Markdown table: below 1, sqzc is faster. Calls of a few microseconds are left out: there the
interface of each runtime is what is measured.
"""

import argparse
import os
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import race
from table import head, machine, row, split_flags

RANDOM = np.random.default_rng(5)


def normal(*shape, scale=0.1):
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32)


def node(op, shape, *weights, outputs=1, **attributes):
    """A model of one node: input of `shape`, constants behind it (None: left out)."""
    names = [f"w{i}" if w is not None else "" for i, w in enumerate(weights)]
    results = [f"y{i}" for i in range(outputs)]
    made = helper.make_node(op, ["x", *names], results, **attributes)
    constants = [numpy_helper.from_array(w, name) for w, name in zip(weights, names) if w is not None]
    graph = helper.make_graph([made], "operator", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [onnx.ValueInfoProto(name=r) for r in results], constants)
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 20),
                                                                  helper.make_opsetid("com.microsoft", 1)])
    return onnx.shape_inference.infer_shapes(model)


def transpose(channels, filters, size, kernel, stride, pad=0, group=1, **more):
    return lambda: node("ConvTranspose", [1, channels, *size], normal(channels, filters // group, *[kernel] * len(size)),
                        normal(filters), strides=[stride] * len(size), pads=[pad] * (2 * len(size)), group=group, **more)


def recurrent(op, batch, gates):
    def make():
        return node(op, [32, batch, 128], normal(1, gates * 128, 128), normal(1, gates * 128, 128),
                    normal(1, 2 * gates * 128), hidden_size=128)
    return make


def product(*columns):
    return lambda: node("Einsum", [512, 1024], normal(1024, *columns), equation="ij,jk->ik" if columns else "ij,j->i")


def elementwise(op, **attributes):
    return lambda: node(op, [1, 64, 56, 56], **attributes)


def sample(mode):
    grid = RANDOM.uniform(-1, 1, (1, 64, 64, 2)).astype(np.float32)
    return lambda: node("GridSample", [1, 16, 64, 64], grid, mode=mode)


def nibbles():
    """A product with weights of 4 bits: scales for each 32, unpacked in the model."""
    weights = helper.make_tensor("w", TensorProto.INT4, [512, 512], [int(i) for i in RANDOM.integers(-8, 8, 512 * 512)])
    scales = numpy_helper.from_array(np.abs(normal(16, 512)), "s")
    nodes = [helper.make_node("DequantizeLinear", ["w", "s"], ["d"], axis=0, block_size=32),
             helper.make_node("MatMul", ["x", "d"], ["y"])]
    graph = helper.make_graph(nodes, "operator", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16, 512])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [16, 512])], [weights, scales])
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


CASES = {
    "transpose-2x2-s2": transpose(128, 64, (28, 28), 2, 2),
    "transpose-3x3-s2": transpose(64, 32, (28, 28), 3, 2, 1, output_padding=[1, 1]),
    "transpose-4x4-s2": transpose(64, 32, (28, 28), 4, 2, 1),
    "transpose-4x4-s2-rgb": transpose(64, 3, (64, 64), 4, 2, 1),
    "transpose-4x4-s2-deep": transpose(512, 256, (8, 8), 4, 2, 1),
    "transpose-3x3-s1": transpose(64, 64, (28, 28), 3, 1, 1),
    "transpose-5x5-s3": transpose(32, 32, (20, 20), 5, 3, 1),
    "transpose-4x4-s2-depthwise": transpose(64, 64, (28, 28), 4, 2, 1, group=64),
    "transpose-1d-s4": transpose(128, 64, (400,), 8, 4, 2),
    "transpose-3d-s2": transpose(16, 16, (8, 14, 14), 2, 2),
    "conv3d": lambda: node("Conv", [1, 16, 8, 28, 28], normal(32, 16, 3, 3, 3), normal(32), pads=[1] * 6),
    "conv3d-s2": lambda: node("Conv", [1, 16, 16, 28, 28], normal(32, 16, 3, 3, 3), normal(32), pads=[1] * 6, strides=[2] * 3),
    "einsum-vector": product(),
    "einsum-matrix": product(256),
    "maxpool-2x2": lambda: node("MaxPool", [1, 64, 56, 56], kernel_shape=[2, 2], strides=[2, 2]),
    "maxpool-3x3-s2": lambda: node("MaxPool", [1, 64, 56, 56], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
    "averagepool-3x3": lambda: node("AveragePool", [1, 64, 56, 56], kernel_shape=[3, 3], pads=[1] * 4),
    "globalaveragepool": lambda: node("GlobalAveragePool", [1, 512, 14, 14]),
    "relu": elementwise("Relu"), "tanh": elementwise("Tanh"), "sigmoid": elementwise("Sigmoid"), "erf": elementwise("Erf"), "gelu": elementwise("Gelu"),
    "exp": elementwise("Exp"), "log": elementwise("Log"), "softplus": elementwise("Softplus"), "sin": elementwise("Sin"),
    "topk": lambda: node("TopK", [64, 1000], np.array([10]), outputs=2),
    "topk-inner": lambda: node("TopK", [1, 1000, 64], np.array([5]), outputs=2, axis=1),
    "argmax": lambda: node("ArgMax", [64, 1000], axis=1),
    "argmax-inner": lambda: node("ArgMax", [1, 21, 128, 128], axis=1),
    "gridsample": sample("linear"), "gridsample-nearest": sample("nearest"),
    "lstm-1": recurrent("LSTM", 1, 4), "lstm-8": recurrent("LSTM", 8, 4), "gru-1": recurrent("GRU", 1, 3),
    "gru-8": recurrent("GRU", 8, 3), "rnn-8": recurrent("RNN", 8, 1),
    "int4": nibbles,
}


def main():
    arguments, flags = split_flags(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print the names, measure nothing")
    options = parser.parse_args(arguments)
    wanted = [name for name in CASES if not options.names or any(name.startswith(n) for n in options.names)]
    if options.list:
        print("\n".join(wanted))
        return
    print(machine() + "\n")
    head(["operator", "sqzc ms", "onnxruntime ms", "ratio", "CPU ratio", "difference"])
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            path = os.path.join(folder, name + ".onnx")
            onnx.save(CASES[name](), path)
            match = race.Race(path, ["onnxruntime"], options.threads, folder, flags)
            times = match.run(options.rounds)
            ours, peer = times["sqzc"], times["onnxruntime"]
            row([name, f"{ours[0]:.4f}", f"{peer[0]:.4f}", *(f"{a / b:.2f}" for a, b in zip(ours, peer)),
                 f"{match.apart['onnxruntime']:.1e}"])


if __name__ == "__main__":
    main()
