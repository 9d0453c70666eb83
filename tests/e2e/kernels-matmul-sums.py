# RUN: %python %s %sqzc
"""What fusion lets a MatMul do as it stores, with a packed right factor and with one that is data: a row, a residual, an
activation, against the operators one by one at -O0. Under --strict all bytes are the same, and on several threads."""
import os
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from text import TextModel, shape

sqzc = sys.argv[1]
random = np.random.default_rng(1)
CASES = [  # rows of a, K, N, has a row, has a residual, activation
    ((9,), 33, 40, 1, 0, ""), ((2, 13), 600, 21, 1, 1, "Gelu"), ((1,), 70, 130, 0, 1, "Relu"), ((3, 5, 7), 24, 64, 1, 1, ""),
    ((20,), 48, 35, 1, 0, "Gelu {approximate = tanh}"), ((6, 4), 10, 16, 0, 1, "Tanh"), ((31,), 64, 96, 1, 1, "Sigmoid"),
    ((2, 3), 9, 50, 1, 0, "Relu")]


def model(number, rows, k, n, row, residual, act):
    """Inputs, constants and nodes of one case. In every other one the right factor is an input, with batches."""
    batch = rows[:-1] if number % 2 else ()
    factor, result = shape(batch + (k, n)), f"f32<{shape(rows + (n,))}>"
    inputs = {f"x{number}": rows + (k,), f"r{number}": rows + (n,)} | ({f"w{number}": batch + (k, n)} if number % 2 else {})
    constants = [f"%b{number}: f32<{n}> = random({number + 50})"]
    constants += [] if number % 2 else [f"%w{number}: f32<{factor}> = random({number})"]
    steps = [f"MatMul(%x{number}, %w{number})"] + [f"Add(%LAST, %b{number})"] * row + [f"Add(%r{number}, %LAST)"] * residual
    op, _, attributes = act.partition(" ")
    steps += [f"{op}(%LAST) {attributes}"] if act else []
    names = [f"t{number}.{i}" for i in range(len(steps) - 1)] + [f"y{number}"]
    lines = [f"  const {c}\n" for c in constants]
    lines += [f"  %{name} = {step.replace('LAST', last)} : {result}\n" for last, name, step in zip([""] + names, names, steps)]
    return inputs, "".join(lines)


parts = [model(i, *case) for i, case in enumerate(CASES)]
given = {name: size for inputs, _ in parts for name, size in inputs.items()}
bad = 0
with tempfile.TemporaryDirectory() as folder:
    texts = TextModel(sqzc, folder, given, "".join(p[1] for p in parts), len(CASES), random)
    run, chosen = texts.run, texts.chosen()
    bad += chosen.count("matmul_packed") != len(CASES) // 2 or " = Add(" in chosen or "sqz.Map" in chosen
    for cpu in "x86-64", "native":
        plain, fused, shared = (run(f"--mcpu={cpu}", *flags) for flags in (["-O0"], ["-O2"], ["-O2", "--threads=5"]))
        strict = run(f"--mcpu={cpu}", "-O2", "--strict")
        for case, want, got, again, exact in zip(CASES, plain, fused, shared, strict):
            error = np.abs(got - want).max() / np.abs(want).max()
            if not error < 1e-5 or got.tobytes() != again.tobytes() or want.tobytes() != exact.tobytes():
                print(f"{case} {cpu}: {error:.1e}, threads {np.abs(got - again).max()}, strict {np.abs(want - exact).max()}")
                bad += 1
sys.exit(bad > 0)
