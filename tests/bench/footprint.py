"""What a network costs besides time for each inference: the file that ships, from process start to the first result, and
peak memory, beside onnxruntime:

    footprint.py [--runs N] [MODEL.onnx...] [-- FLAGS OF SQZC...]

sqzc's side is a C program linked with model.o (tests/e2e/Inputs/runner.c): it reads an input from a file, computes and
writes the outputs to files. onnxruntime's side is a Python program that reads the same input and computes; what the same
program takes that imports numpy and reads the input, but no onnxruntime, is taken off in time and memory. What
ships with it are its core library and the model. Printed is a Markdown table: medians of the runs.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import onnx

from race import ROOT, accuracy, bound, native
from table import head, machine, row, split_flags

DEFAULT = ["squeezenet10", "squeezenet11", "mobilenetv2", "resnet18"]
HERE = os.path.dirname(os.path.abspath(__file__))

# Run by a Python of its own: an input file for each input, and with a model its first result.
PEER = """
import sys
import numpy
arrays = [numpy.load(path) for path in sys.argv[2:]]
if sys.argv[1]:
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    session.run(None, dict(zip([i.name for i in session.get_inputs()], arrays)))
"""


def launcher(folder):
    path = os.path.join(folder, "launch")
    if not os.path.exists(path):
        subprocess.run(["cc", "-O1", os.path.join(HERE, "launch.c"), "-o", path], check=True)
    return path


def launched(folder, runs, words):
    """Medians of milliseconds from start to end, and of MB at the peak."""
    text = subprocess.run([launcher(folder), str(runs), *words], check=True, capture_output=True, text=True).stdout
    lines = [[int(n) for n in line.split()] for line in text.splitlines()]
    return statistics.median(ns for ns, _ in lines) / 1e6, statistics.median(kib for _, kib in lines) * 1024 / 1e6



def library_megabytes():
    """The core of onnxruntime: the largest of its shared libraries."""
    import onnxruntime
    capi = os.path.join(os.path.dirname(onnxruntime.__file__), "capi")
    return max(os.path.getsize(os.path.join(capi, name)) for name in os.listdir(capi)
               if re.search(r"\.so(\.|$)", name)) / 1e6


def inputs_of(path, folder):
    """Seeded inputs as .npy and as raw files."""
    random, numpys, raws = np.random.default_rng(3), [], []
    for number, value in enumerate(accuracy.true_inputs(onnx.load(path))):
        array = accuracy.random_input(value, random)
        numpys.append(os.path.join(folder, f"in{number}.npy"))
        raws.append(os.path.join(folder, f"in{number}.raw"))
        np.save(numpys[-1], array)
        array.tofile(raws[-1])
    return numpys, raws


class Footprint:
    """Of one model: megabytes and milliseconds of both sides."""

    def __init__(self, path, folder, flags, runs=11):
        flags = [*flags, *bound(onnx.load(path))]
        numpys, raws = inputs_of(path, folder)
        _, small = native.compile_model(path, os.path.join(folder, "small"), "-Os", *flags)
        self.small_object = os.path.getsize(small + ".o") / 1e6
        program = native.Program(path, folder, "native", [], *flags)
        self.object = os.path.getsize(program.stem + ".o") / 1e6
        self.model = os.path.getsize(path) / 1e6
        self.start, self.peak = launched(folder, runs, [program.stem, os.path.join(folder, "out"), *raws])
        python = [sys.executable, "-c", PEER]
        bare_start, bare_peak = launched(folder, runs, [*python, "", *numpys])
        start, peak = launched(folder, runs, [*python, path, *numpys])
        self.peer_start, self.peer_peak = start - bare_start, peak - bare_peak


COLUMNS = ["object MB", "at -Os", "onnxruntime + model MB", "first result ms", "onnxruntime", "ratio", "peak MB",
           "onnxruntime"]


def cells(footprint):
    f = footprint
    return [f"{f.object:.1f}", f"{f.small_object:.1f}", f"{library_megabytes():.1f} + {f.model:.1f}", f"{f.start:.1f}",
            f"{f.peer_start:.0f}", f"{f.peer_start / f.start:.1f}", f"{f.peak:.1f}", f"{f.peer_peak:.0f}"]


def main():
    arguments, flags = split_flags(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--runs", type=int, default=11)
    options = parser.parse_args(arguments)
    found = [os.path.join(ROOT, "build", "models", name + ".onnx") for name in DEFAULT]
    print(machine() + "\n")
    head(["model", *COLUMNS])
    for path in options.models or filter(os.path.exists, found):
        with tempfile.TemporaryDirectory() as folder:
            row([os.path.basename(path)[:-len(".onnx")], *cells(Footprint(path, folder, flags, options.runs))])


if __name__ == "__main__":
    main()
