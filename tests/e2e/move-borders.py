# RUN: %python %s
"""Lowerings read and write values whose rows have a border and a pitch as they do those without."""

import os
import subprocess
import sys
import tempfile

import numpy as np

from native import SQZC

RIM = ", border=2, pitch=13"
# operator, its other operands (constants in the text form), attributes, the shape of the result from <2x4x6x8>
CASES = [
    ("Softmax", [], "axis = 1", "2x4x6x8"), ("Softmax", [], "axis = 3", "2x4x6x8"),
    ("LogSoftmax", [], "axis = 2", "2x4x6x8"), ("Conv", ["f32<5x4x3x3> = random(3)"], "", "2x5x4x6"),
    ("ConvTranspose", ["f32<4x3x2x2> = random(3)"], "strides = [2, 2]", "2x3x12x16"),
    ("MaxPool", [], "kernel_shape = [2, 2]", "2x4x5x7"), ("AveragePool", [], "kernel_shape = [3, 2]", "2x4x4x7"),
    ("GlobalAveragePool", [], "", "2x4x1x1"), ("GlobalMaxPool", [], "", "2x4x1x1"),
    ("ReduceSum", ["i64<1> = list(1)"], "", "2x1x6x8"), ("ReduceMax", ["i64<2> = list(2, 3)"], "keepdims = false", "2x4"),
    ("ReduceL2", ["i64<1> = list(-1)"], "", "2x4x6x1"), ("LRN", [], "size = 3", "2x4x6x8"),
    ("InstanceNormalization", ["f32<4> = random(1)", "f32<4> = random(2)"], "", "2x4x6x8"),
    ("sqz.Normalize", ["f32<8> = random(1)", "f32<8> = random(2)"], "", "2x4x6x8"),
    ("sqz.Normalize", ["f32<4x6x8> = random(1)"], "axis = 1, centred = false", "2x4x6x8"),
    ("BatchNormalization", ["f32<4> = random(1)", "f32<4> = random(2)", "f32<4> = random(3)", "f32<4> = fill(1)"], "",
     "2x4x6x8"),
    ("Transpose", [], "perm = [0, 2, 3, 1]", "2x6x8x4"), ("Reshape", ["i64<2> = list(8, 48)"], "", "8x48"),
    ("Flatten", [], "axis = 1", "2x192"), ("Concat", ["f32<2x1x6x8> = random(9)"], "axis = 1", "2x5x6x8"),
    ("Slice", ["i64<2> = list(5, 1)", "i64<2> = list(0, 8)", "i64<2> = list(2, 3)", "i64<2> = list(-2, 3)"], "",
     "2x4x3x3"),
    ("Pad", ["i64<8> = list(0, 1, 2, 3, 0, 0, 1, 1)"], "mode = reflect", "2x5x9x12"),
    ("Pad", ["i64<8> = list(0, 1, 2, 3, 0, 0, -1, 1)"], "", "2x5x7x12"),
    ("Gather", ["i64<3> = list(2, 0, -1)"], "axis = 2", "2x4x3x8"), ("Tile", ["i64<4> = list(1, 2, 1, 2)"], "", "2x8x6x16"),
    ("Expand", ["i64<5> = list(3, 1, 1, 1, 1)"], "", "3x2x4x6x8"),
    ("DepthToSpace", [], "blocksize = 2", "2x1x12x16"), ("SpaceToDepth", [], "blocksize = 2", "2x16x3x4"),
    ("MatMul", ["f32<8x5> = random(4)"], "", "2x4x6x5"), ("CumSum", ["i64<> = list(2)"], "", "2x4x6x8"),
    ("Resize", ["_", "f32<4> = list(1, 1, 1.5, 2)"], "mode = linear", "2x4x9x16"),
]


def text(case, rim):
    operator, others, attributes, shape = case
    lines = ["  const %w: f32<4x4x1x1> = random(7)"]
    lines += [f"  const %k{i}: {other}" for i, other in enumerate(others) if other != "_"]
    operands = ", ".join(["%c"] + ["_" if other == "_" else f"%k{i}" for i, other in enumerate(others)])
    result = f"f32<{shape}>"
    lines += [f"  %c = Conv(%x, %w) : f32<2x4x6x8{rim}>",
              f"  %d = {operator}({operands}) {f'{{{attributes}}} ' if attributes else ''}: {result}",
              f"  %y = Identity(%d) : {result}"]
    return "\n".join(['module "borders"', "graph @main(%x: f32<2x4x6x8>) -> (%y) {", *lines, "}", ""])


def run(folder, case, rim, level):
    path = os.path.join(folder, "borders.sqz")
    with open(path, "w") as file:
        file.write(text(case, rim))
    subprocess.run([SQZC, "run", path, level, "--passes=plan-memory", "--input", f"{folder}/x.npy", "--output", folder],
                   check=True)
    return np.load(os.path.join(folder, "y.npy"))


failures = 0
with tempfile.TemporaryDirectory() as folder:
    np.save(os.path.join(folder, "x.npy"), np.random.default_rng(5).standard_normal((2, 4, 6, 8)).astype(np.float32))
    for case in CASES:
        for level in ("-O0", "-O2"):
            plain, rimmed = run(folder, case, "", level), run(folder, case, RIM, level)
            if not np.allclose(plain, rimmed, 1e-5, 1e-6):
                failures += 1
                print(f"FAIL {case[0]} {case[2]} {level}: {np.abs(plain - rimmed).max()}")
print(f"{len(CASES)} cases, {failures} failures")
sys.exit(1 if failures else 0)
