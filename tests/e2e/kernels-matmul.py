# RUN: %python %s %sqzc
"""MatMul and Gemm with constants against -O0: shapes around the tile, transposed factors, biases, activations. They are
packed, but for single columns, which are dot products. Under --strict all bytes are those of -O0."""
import os
import subprocess
import sys
import tempfile

import numpy as np

sqzc = sys.argv[1]
random = np.random.default_rng(1)
CASES = [  # rows of a, K, N, operator, transposed, bias, activation
    ((), 8, 40, "MatMul", 0, 0, 0), ((1,), 64, 10, "MatMul", 0, 0, 0), ((5,), 7, 33, "MatMul", 0, 0, 0),
    ((2, 3, 9), 20, 16, "MatMul", 0, 0, 0), ((1,), 1300, 100, "Gemm", 1, 1, 1), ((17,), 31, 50, "Gemm", 0, 1, 0),
    ((40,), 1025, 64, "Gemm", 1, 1, 0), ((3,), 16, 7, "Gemm", 0, 0, 0), ((100,), 48, 97, "MatMul", 0, 0, 0),
    ((1,), 1, 1, "MatMul", 0, 0, 0), ((9,), 1000, 1, "MatMul", 0, 0, 0), ((3, 2), 37, 1, "MatMul", 0, 0, 0),
    ((6,), 29, 1, "Gemm", 1, 1, 1), ((2,), 8, 1, "Gemm", 0, 1, 0), ((7,), 5, 128, "Gemm", 1, 1, 1),
    # panels left over behind tiles of several, before a part of one
    ((20,), 300, 83, "MatMul", 0, 0, 0), ((33,), 65, 16 * 17, "Gemm", 1, 1, 1), ((6,), 40, 16 * 7 + 5, "MatMul", 0, 0, 0),
    ((2,), 24, 16 * 7, "Gemm", 0, 1, 1), ((1,), 70, 16 * 7 + 3, "MatMul", 0, 0, 0), ((50,), 31, 16 * 5, "Gemm", 1, 1, 0)]


def shape(dims):
    return "x".join(map(str, dims))


def model(number, rows, k, n, operator, transposed, bias, act):
    """The lines of one case: inputs, constants and the node."""
    attrs = ["act = relu"] * act + ["transB = true"] * transposed
    weights = (n, k) if transposed else (k, n)
    return (f"%x{number}: f32<{shape(rows + (k,))}>",
            f"  const %w{number}: f32<{shape(weights)}> = random({number})\n"
            f"  const %b{number}: f32<{n}> = random({number + 50})\n",
            f"  %y{number} = {operator}(%x{number}, %w{number}{f', %b{number}' * bias})"
            f"{' {' + ', '.join(attrs) + '}' if attrs else ''} : f32<{shape(rows + (n,))}>\n")


parts = [model(i, *case) for i, case in enumerate(CASES)]
text = (f'module "m"\ngraph @m({", ".join(p[0] for p in parts)}) -> ({", ".join(f"%y{i}" for i in range(len(CASES)))}) {{\n'
        + "".join(p[1] for p in parts) + "".join(p[2] for p in parts) + "}\n")
bad = 0
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "m.sqz")
    open(path, "w").write(text)
    inputs = []
    for i, (rows, k, *_) in enumerate(CASES):
        np.save(f"{folder}/x{i}.npy", random.standard_normal(rows + (k,), dtype=np.float32))
        inputs += ["--input", f"x{i}={folder}/x{i}.npy"]
    results = {}
    for flags in ["-O0"], ["-O2", "--mcpu=x86-64"], ["-O2", "--mcpu=native"]:
        subprocess.run([sqzc, "run", path, *flags, *inputs, "--output", folder], check=True)
        results[tuple(flags)] = [np.load(f"{folder}/y{i}.npy") for i in range(len(CASES))]
    for cpu in "x86-64", "native":
        pair = []
        for flags in ["-O0"], ["-O2", "--strict"]:
            subprocess.run([sqzc, "run", path, *flags, f"--mcpu={cpu}", *inputs, "--output", folder], check=True)
            pair.append([np.load(f"{folder}/y{i}.npy").tobytes() for i in range(len(CASES))])
        for i, (plain, strict) in enumerate(zip(*pair)):
            if plain != strict:
                print(f"{CASES[i]} {cpu}: --strict has other bytes than -O0")
                bad += 1
    chosen = subprocess.run([sqzc, path, "--mcpu=native", "--emit=sqz", "-o", "-"], capture_output=True, text=True)
    bad += chosen.stdout.count("matmul_packed") != sum(case[2] > 1 for case in CASES)
    for flags, outputs in results.items():
        for i, (got, want) in enumerate(zip(outputs, results[("-O0",)])):
            error = np.abs(got - want).max() / max(np.abs(want).max(), 1e-30)
            if not error < 1e-5:
                print(f"{CASES[i]} {' '.join(flags)}: {error:.1e}")
                bad += 1
sys.exit(bad > 0)
