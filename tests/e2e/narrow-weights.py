# RUN: %python %s %sqzc %t
"""Products with weights of 2 to 8 bits, as exporters write them (DequantizeLinear of a constant, and MatMulNBits), against sums in
double precision: by blocks, for each column, for all; few rows and many. The objects hold the weights as they are."""

import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

from native import Network

sqzc, folder = sys.argv[1:3]
random = np.random.default_rng(3)
TYPES = {"i4": (TensorProto.INT4, -8, 7, 4), "u4": (TensorProto.UINT4, 0, 15, 4), "i8": (TensorProto.INT8, -128, 127, 8),
         "u8": (TensorProto.UINT8, 0, 255, 8)}
CASES = [(1, 512, 400, "i4", 32, True, False), (1, 520, 400, "u4", 48, False, True), (3, 700, 320, "i8", "columns", True, True),
         (40, 512, 336, "i4", 32, False, False), (20, 600, 300, "u8", "all", True, False), (1, 512, 300, "i8", 128, True, True)]


def model(rows, k, n, kind, block, zeros, turned):
    """The model, and the factor that its weights stand for."""
    proto, low, high, _ = TYPES[kind]
    along, shape = int(turned), (n, k) if turned else (k, n)
    q = random.integers(low, high + 1, shape)
    attributes = {"axis": 1 - along} if block == "columns" else {"axis": along, "block_size": block} if block != "all" else {}
    dims = () if block == "all" else (n,) if block == "columns" else (n, -(-k // block)) if turned else (-(-k // block), n)
    scale, zero = (random.random(dims) * 0.1 + 0.01).astype(np.float32), random.integers(low, high + 1, dims)
    tensors = [helper.make_tensor(name, proto, np.shape(v), np.ravel(v).tolist()) for name, v in (("w", q), ("z", zero))]
    tensors.append(helper.make_tensor("s", TensorProto.FLOAT, np.shape(scale), np.ravel(scale).tolist()))
    product = helper.make_node("Gemm", ["x", "d"], ["y"], transB=1) if turned else helper.make_node("MatMul", ["x", "d"], ["y"])
    nodes = [helper.make_node("DequantizeLinear", ["w", "s", "z"][:2 + zeros], ["d"], **attributes), product]
    graph = helper.make_graph(nodes, "narrow", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, k])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, n])], tensors)

    def spread(values):
        if block == "all":
            return values
        values = np.expand_dims(values, along) if block == "columns" else values
        return values if block == "columns" else np.repeat(values, block, along).take(range(k), along)
    w = (q - (spread(zero) if zeros else 0)).astype(np.float32) * spread(scale)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), w.T if turned else w


os.makedirs(folder, exist_ok=True)
bad = 0
for number, case in enumerate(CASES):
    rows, k, n, kind, *_ = case
    made, w = model(*case)
    path = os.path.join(folder, f"case{number}.onnx")
    onnx.save(made, path)
    x = random.standard_normal((rows, k)).astype(np.float32)
    want, most = x.astype(np.float64) @ w, np.abs(x.astype(np.float64)) @ np.abs(w)
    for flags in ["-O0"], ["-O2"], ["-O2", "--mcpu=haswell"], ["-O2", "--mcpu=native"], ["-Os"]:
        apart = os.path.join(folder, f"{number}{''.join(flags)}")
        got = Network(path, apart, *flags)([x])[0]
        if not (np.abs(got - want) < 1e-6 * most).all():
            bad += 1
            print(f"{case} {flags}: {np.abs(got - want).max()}")
    subprocess.run([sqzc, path, "-o", path + ".o", "--name=m", "--mcpu=x86-64-v3"], check=True)
    size, weights = os.path.getsize(path + ".o"), k * n * TYPES[kind][3] // 8
    if size > 1.6 * weights + 30000:
        bad += 1
        print(f"{case}: {size} bytes for weights of {weights}")
sys.exit(bad > 0)
