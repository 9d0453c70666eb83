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
X86, ARM64, ARMV7 = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "armv7a-unknown-linux-gnueabihf"
FLAGS = [  # targets lack different things: rounding on x86-64, 64-bit division on ARMv7, any division on Cortex-A9
    ["-O0", f"--target={X86}"], ["-O2", f"--target={X86}", "--mcpu=haswell"],
    ["-O2", f"--target={X86}", "--mcpu=x86-64-v4"],
    ["-O0", f"--target={ARM64}"], ["-O2", f"--target={ARM64}"],
    ["-O0", f"--target={ARMV7}"], ["-O0", f"--target={ARMV7}", "--mcpu=cortex-a9"],
    ["-O2", f"--target={ARMV7}", "--mcpu=cortex-a9"],
]


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


def check_flags(path, flags):
    """A complaint, None where all is well, "" where the model is refused."""
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "model.o")
        done = subprocess.run([SQZC, path, "-o", output, *flags], capture_output=True, text=True)
        if done.returncode == 1 and "error[E" in done.stderr:
            return ""
        if done.returncode:
            return f"exit {done.returncode}: {done.stderr[-300:]}"
        symbols = subprocess.run(["llvm-nm", "-u", output], capture_output=True, text=True).stdout.split()
        left = [s for s in symbols if s not in ("U", "w")]
        return f"undefined {' '.join(left)}" if left else None


def check(model):
    name, path = model
    results = []
    for flags in FLAGS:
        found = check_flags(path, flags)
        results.append(f"{name} {' '.join(flags)}: {found}" if found else found)
        if found == "":
            break
    return results


with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
    results = [r for rs in workers.map(check, chosen()) for r in rs]
complaints = [r for r in results if r]
print("\n".join(complaints))
print(f"{results.count(None)} objects are self-contained, {results.count('')} models refused, {len(complaints)} wrong")
sys.exit(1 if complaints or not results.count(None) else 0)
