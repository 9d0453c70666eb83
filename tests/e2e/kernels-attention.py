# RUN: %python %s %sqzc
"""MatMul of two factors that are no constants against -O0: shapes around the tile, batches that repeat, factors and results that
are transposed as they are read and stored, sums, few rows. Under --strict all bytes are those of -O0; so they are with a pool."""
import os
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from text import TextModel, shape

sqzc = sys.argv[1]
random = np.random.default_rng(1)
CASES = [  # shapes of a and b, transpositions of a, b and the result; what is added: a row, what has the result's shape
    ((1, 4, 17, 9), (1, 4, 9, 33), None, None, None, ""), ((2, 3, 8, 64), (64, 16), None, None, None, "r"),
    ((3, 1, 40, 7), (2, 7, 5), None, None, None, "br"), ((9, 1030), (1030, 20), None, None, None, "b"),
    ((200, 48), (48, 17), None, None, None, "r"), ((8, 1), (1, 31), None, None, None, ""),
    ((1, 30, 3, 20), (1, 41, 3, 20), [0, 2, 1, 3], [0, 2, 3, 1], None, ""),
    ((2, 3, 19, 50), (2, 50, 3, 24), None, [0, 2, 1, 3], [0, 2, 1, 3], ""),
    ((70, 33), (18, 33), None, [1, 0], None, "b"), ((12, 20), (5, 3, 20), None, [1, 2, 0], None, ""),
    ((3, 1, 64), (3, 50, 64), None, [0, 2, 1], None, ""), ((5, 7, 30), (21, 30), None, [1, 0], [1, 0, 2], ""),
    ((30, 11), (30, 40), [1, 0], None, None, ""), ((11, 30), (30, 40), None, None, [1, 0], ""),
    ((16, 12), (9, 12), None, None, None, "v")]


def permuted(dims, perm):
    return tuple(dims[i] for i in perm) if perm else dims


def model(number, a, b, perm_a, perm_b, perm_y, sums):
    """The inputs of one case, their shapes, and its node."""
    if sums == "v":  # a vector on the right
        b = b[1:]
    y = np.matmul(np.zeros(permuted(a, perm_a), np.int8), np.zeros(permuted(b, perm_b), np.int8)).shape
    attrs = [f"perm_{name} = {list(p)}" for name, p in zip("aby", (perm_a, perm_b, perm_y)) if p]
    attrs += ["act = relu"] * (number % 3 == 0)
    inputs = {f"a{number}": a, f"b{number}": b}
    operands = f"%a{number}, %b{number}"
    if "b" in sums or "r" in sums:
        operands += f", %c{number}" if "b" in sums else ", _"
        inputs |= {f"c{number}": y[-1:]} if "b" in sums else {}
    if "r" in sums:
        operands += f", %r{number}"
        inputs[f"r{number}"] = y
    text = f" {{{', '.join(attrs)}}}" if attrs else ""
    return inputs, f"  %y{number} = MatMul({operands}){text} : f32<{shape(permuted(y, perm_y))}>\n"


parts = [model(i, *case) for i, case in enumerate(CASES)]
inputs = {name: dims for part, _ in parts for name, dims in part.items()}
bad = 0
with tempfile.TemporaryDirectory() as folder:
    texts = TextModel(sqzc, folder, inputs, "".join(line for _, line in parts), len(CASES), random)
    run = texts.run
    for cpu in "x86-64", "native":
        plain = run("-O0", f"--mcpu={cpu}")
        strict = run("-O2", "--strict", f"--mcpu={cpu}")
        for level, outputs in ("-O1", run("-O1", f"--mcpu={cpu}")), ("-O2", run("-O2", f"--mcpu={cpu}")):
            for case, got, want in zip(CASES, outputs, plain):
                error = np.abs(got - want).max() / max(np.abs(want).max(), 1e-30)
                if not error < 1e-5:
                    print(f"{case} {level} {cpu}: {error:.1e}")
                    bad += 1
        for case, got, want in zip(CASES, strict, plain):
            if got.tobytes() != want.tobytes():
                print(f"{case} {cpu}: --strict has other bytes than -O0")
                bad += 1
        for case, got, want in zip(CASES, run("-O2", f"--mcpu={cpu}", "--threads=3"), run("-O2", f"--mcpu={cpu}")):
            if got.tobytes() != want.tobytes():
                print(f"{case} {cpu}: a pool gives other bytes")
                bad += 1
    for index, (part, line) in enumerate(parts):  # against NumPy, so that transpositions mean what they say
        a, b = (np.load(f"{folder}/{name}{index}.npy").astype(np.float64) for name in "ab")
        case = CASES[index]
        y = np.matmul(a.transpose(case[2]) if case[2] else a, b.transpose(case[3]) if case[3] else b)
        for name in "cr":
            if f"{name}{index}" in part:
                y = y + np.load(f"{folder}/{name}{index}.npy")
        y = np.maximum(y, 0) if index % 3 == 0 else y
        y = y.transpose(case[4]) if case[4] else y
        if np.abs(plain[index] - y).max() > 1e-5 * np.abs(y).max():
            print(f"{case}: -O0 is not what NumPy says")
            bad += 1
    bad += texts.chosen().count("matmul_strided") != 10
sys.exit(bad > 0)
