# RUN: %python %s 60 %t
"""Random networks give the same at -O0 and at -O2, and what onnxruntime gives: a sum of n products may differ by about
n roundings, and no more than its largest value."""

import os
import subprocess
import sys

import numpy as np
import onnx

import compare
import random_nets
from native import Network

TOLERANCE = 2e-5
count, folder = int(sys.argv[1]), sys.argv[2]
first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
os.makedirs(folder, exist_ok=True)
failures = 0
for seed in range(first, first + count):
    model = random_nets.net(seed)
    path = os.path.join(folder, f"random{seed}.onnx")
    onnx.save(model, path)
    data = np.random.default_rng(seed).standard_normal((1, 3, 16, 16)).astype(np.float32)
    expected = compare.reference(path)([data])
    for flags in (["-O0"], ["-O2"], ["-O2", "--mcpu=native"]):
        try:
            results = Network(path, os.path.join(folder, "".join(flags)), *flags)([data])
        except (subprocess.CalledProcessError, RuntimeError) as why:
            print(f"FAIL {path} {' '.join(flags)}: {why}")
            failures += 1
            continue
        worst = max(compare.error(r, e) for r, e in zip(results, expected, strict=True))
        if worst > TOLERANCE:
            print(f"FAIL {path} {' '.join(flags)}: differs by {worst:.1e}")
            failures += 1
print(f"{count} networks, {failures} failures")
sys.exit(1 if failures else 0)
