# RUN: %root/scripts/conformance --export
# RUN: %python %s
"""No object refers to a symbol outside: for each operator, element type and target, as many conformance models as it
takes to have seen them all."""

import concurrent.futures
import os
import subprocess
import sys
import tempfile

import onnx

from build import ROOT
from native import SQZC

SUITE = os.path.join(ROOT, "build", "conformance")
TARGETS = {  # what each lacks differs: roundeven and half on x86-64, 64-bit division on ARMv7, idiv on Cortex-A9
    "x86-64": ["--target=x86_64-unknown-linux-gnu"],
    "haswell": ["--target=x86_64-unknown-linux-gnu", "--mcpu=haswell"],
    "x86-64-v4": ["--target=x86_64-unknown-linux-gnu", "--mcpu=x86-64-v4"],
    "aarch64": ["--target=aarch64-unknown-linux-gnu"],
    "armv7": ["--target=armv7a-unknown-linux-gnueabihf"],
    "cortex-a9": ["--target=armv7a-unknown-linux-gnueabihf", "--mcpu=cortex-a9"],
}
LEVELS = ["-O0", "-O2"]


def features(path):
    """The pairs of operator and element type that a model holds, roughly: each operator with each type it declares."""
    graph = onnx.load(path).graph
    types = {v.type.tensor_type.elem_type for v in (*graph.input, *graph.output)}
    return {(node.op_type, kind) for node in graph.node for kind in types}


def chosen():
    seen = set()
    for name in sorted(os.listdir(SUITE)):
        path = os.path.join(SUITE, name, "model.onnx")
        if os.path.exists(path):
            new = features(path) - seen
            seen |= new
            if new:
                yield name, path


def check(job):
    """A complaint, None where all is well, "" where the model is refused."""
    name, path, target, level = job
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "model.o")
        done = subprocess.run([SQZC, path, "-o", output, level, *TARGETS[target]], capture_output=True, text=True)
        if done.returncode == 1 and "error[E" in done.stderr:
            return ""
        if done.returncode:
            return f"{name} {target} {level}: exit {done.returncode}: {done.stderr[-300:]}"
        symbols = subprocess.run(["llvm-nm", "-u", output], capture_output=True, text=True).stdout.split()
        left = [s for s in symbols if s not in ("U", "w")]
        return f"{name} {target} {level}: undefined {' '.join(left)}" if left else None


jobs = [(*model, target, level) for model in chosen() for target in TARGETS for level in LEVELS]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
    results = list(workers.map(check, jobs))
complaints = [r for r in results if r]
print("\n".join(complaints))
print(f"{results.count(None)} objects are self-contained, {results.count('')} refused, {len(complaints)} wrong")
sys.exit(1 if complaints or not results.count(None) else 0)
