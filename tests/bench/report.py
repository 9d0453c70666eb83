"""The table that README quotes: for each network time, what ships, the first result and memory, beside onnxruntime:

    report.py [--rounds N] [--runs N] [--kernels] [MODEL.onnx...] [-- FLAGS OF SQZC...]

One Markdown table under a line about the machine. --kernels adds the sweep over kernels. Everything is measured in this
run: times as compare.py does (one thread), the rest as footprint.py.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import footprint
from race import ROOT, Race
from table import head, machine, row, split_flags


def network(path, options, flags):
    """A row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        ours, peer = (Race(path, ["onnxruntime"], 1, folder, flags).run(options.rounds)[name][0]
                      for name in ("sqzc", "onnxruntime"))
    with tempfile.TemporaryDirectory() as folder:
        rest = footprint.Footprint(path, folder, flags, options.runs)
    times = [f"{ours:.2f}", f"{peer:.2f}", f"{peer / ours:.2f}"]
    return [os.path.basename(path)[:-len(".onnx")], *times, *footprint.cells(rest)]


def main():
    arguments, flags = split_flags(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--kernels", action="store_true")
    options = parser.parse_args(arguments)
    found = [os.path.join(ROOT, "build", "models", name + ".onnx") for name in footprint.DEFAULT]
    print(machine() + "\n")
    head(["network", "sqzc ms", "onnxruntime ms", "ratio", *footprint.COLUMNS])
    for path in options.models or filter(os.path.exists, found):
        row(network(path, options, flags))
    if options.kernels:
        print("", flush=True)
        subprocess.run([sys.executable, os.path.join(footprint.HERE, "kernels.py"), "--", *flags], check=True)


if __name__ == "__main__":
    main()
