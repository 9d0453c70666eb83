# RUN: %python %s %sqzc %t
"""The nodes that the fast kernels take have the same bits at -O2 --strict as at -O0, for each kind of CPU."""

import importlib
import os
import sys

sys.path[:0] = [os.path.join(os.path.dirname(__file__), "Inputs"), os.path.dirname(__file__)]
from kernels import strict

TARGETS = [("x86-64", "x86-64-v2"), ("x86-64", "x86-64-v3"), ("aarch64", "cortex-a53"), ("arm", "generic")]
SWEEPS = {"conv": 4, "depthwise": 2, "pool": 2, "chains": 2, "narrow": 3}  # parts of each

failures = 0
for title in sys.argv[3:] or SWEEPS:
    sweep = importlib.import_module(f"kernels-{title}")
    failures += strict(title, sweep.make, [(*target, i % SWEEPS[title]) for i, target in enumerate(TARGETS)])
sys.exit(failures != 0)
