# RUN: %python %s %t
"""Elements that NumPy lacks, given as the integers of their bits: as inputs, as constants by --bind, and with an open batch,
where each sample has whole bytes. All three give the same."""

import os
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

from native import SQZC

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)


def sqzc(*arguments):
    return subprocess.run([SQZC, "run", *arguments, "--output", folder], capture_output=True, text=True)


def cast(name, kind, width):
    """q + y, where q is of the small type."""
    nodes = [helper.make_node("Cast", ["q"], ["x"], to=TensorProto.FLOAT), helper.make_node("Add", ["x", "y"], ["z"])]
    infos = [helper.make_tensor_value_info("q", kind, ["N", width]), helper.make_tensor_value_info("y", 1, ["N", width])]
    graph = helper.make_graph(nodes, "g", infos, [helper.make_tensor_value_info("z", 1, ["N", width])])
    path = os.path.join(folder, name + ".onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=12), path)
    return path


def numpy(name, array):
    path = os.path.join(folder, name + ".npy")
    np.save(path, array)
    return path


CASES = [  # the type, its elements as integers, what they are
    ("i4", TensorProto.INT4, np.arange(-8, 8, dtype=np.int8), np.arange(-8, 8)),
    ("i4bits", TensorProto.INT4, np.arange(-8, 8, dtype=np.int8).view(np.uint8), np.arange(-8, 8)),
    ("u4", TensorProto.UINT4, np.arange(16, dtype=np.uint8), np.arange(16)),
    ("u2", TensorProto.UINT2, np.arange(16, dtype=np.uint8) % 4, np.arange(16) % 4),
    ("f4e2m1", TensorProto.FLOAT4E2M1, np.arange(16, dtype=np.uint8),
     [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]),
    ("f8e8m0", TensorProto.FLOAT8E8M0, np.arange(120, 136, dtype=np.uint8), 2.0 ** np.arange(-7, 9)),
    ("bf16", TensorProto.BFLOAT16, np.arange(16, dtype=np.float32).view(np.uint32) >> 16, np.arange(16)),
]
failures = 0
for name, kind, bits, numbers in CASES:
    bits = bits.astype(np.uint16) if name == "bf16" else bits
    model, q = cast(name, kind, 4), numpy("q", bits.reshape(4, 4))
    y = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)
    want = np.asarray(numbers, np.float32).reshape(4, 4) + y
    ways = (["--input", f"q={q}", "--dim", "N=4"], ["--bind", f"q={q}"], ["--input", f"q={q}", "--dim", "N=1..9"])
    for way in ways:
        done = sqzc(model, *way, "--input", f"y={numpy('y', y)}")
        if done.returncode or not np.array_equal(np.load(os.path.join(folder, "z.npy")), want):
            failures += 1
            print(f"FAIL {name} {way[0]} {way[-1]}: {done.stderr}")
odd = sqzc(cast("odd", TensorProto.INT4, 3), "--input", f"q={numpy('q', np.zeros((2, 3), np.int8))}", "--dim", "N=1..9",
           "--input", f"y={numpy('y', np.zeros((2, 3), np.float32))}")
wrong = sqzc(cast("wrong", TensorProto.INT4, 4), "--bind", f"q={numpy('q', np.zeros((2, 4), np.float32))}",
             "--input", f"y={numpy('y', np.zeros((2, 4), np.float32))}")
for done, message in ((odd, "E0126"), (odd, "one may end within a byte"), (wrong, "input 'q' is i4, the file f32")):
    if not done.returncode or message not in done.stderr:
        failures += 1
        print(f"FAIL: wanted {message}: {done.stderr}")
sys.exit(failures != 0)
