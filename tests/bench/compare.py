"""Times networks compiled by sqzc beside other runtimes, in one run:

    compare.py [--threads N] [--rounds N] [--peers NAME,...] [MODEL.onnx...] [-- FLAGS OF SQZC...]

Contestants take turns, a few inferences each, so that what disturbs the machine disturbs all. Of the rounds the quieter
half counts: those in which wall time is closest to CPU time (with several threads: the shortest ones). Printed are the
medians in a Markdown table, wall and CPU time of the calling thread (CPU time with one thread only), how many times as
long as sqzc's each peer's is, and the largest difference of the outputs relative to the largest value.

The default models are those of build/models that a phone would run. Flags default to --mcpu=native.
"""

import argparse
import os
import sys
import tempfile

from race import PEERS, ROOT, Race
from table import head, machine, row, split_flags

DEFAULT = ["squeezenet10", "squeezenet11", "mobilenetv2", "resnet18", "efficientnet_lite0", "light_shufflenet",
           "light_densenet121"]
DEFAULT_PEERS = "onnxruntime"  # the others are in scripts/requirements-bench.txt


def compare_model(path, options, folder):
    """A row of the table."""
    match = Race(path, options.peers, options.threads, folder, options.flags)
    times = match.run(options.rounds)
    wall, cpu = times["sqzc"]
    one = options.threads == 1
    cells = [os.path.basename(path)[:-len(".onnx")], f"{match.contestants['sqzc'].compile_seconds:.2f}", f"{wall:.2f}"]
    cells += [f"{cpu:.2f}"] if one else []
    for name in options.peers:
        other_wall, other_cpu = times[name]
        cells += [f"{other_wall:.2f}"] + ([f"{other_cpu:.2f}"] if one else []) + [f"{other_wall / wall:.2f}"]
        cells += ([f"{other_cpu / cpu:.2f}"] if one else []) + [f"{match.apart[name]:.1e}"]
    return cells


def header(options):
    one = options.threads == 1
    cells = ["model", "compile s", "sqzc ms"] + (["sqzc CPU ms"] if one else [])
    for name in options.peers:
        cells += [f"{name} ms"] + ([f"{name} CPU ms"] if one else []) + ["ratio"] + (["CPU ratio"] if one else [])
        cells += ["difference"]
    return cells


def main():
    arguments, flags = split_flags(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--peers", default=DEFAULT_PEERS, help=f"of {', '.join(PEERS)}")
    options = parser.parse_args(arguments)
    options.flags, options.peers = flags, [name for name in options.peers.split(",") if name]
    for name in options.peers:
        if name not in PEERS:
            parser.error(f"unknown peer '{name}'; known: {', '.join(PEERS)}")
    found = [os.path.join(ROOT, "build", "models", name + ".onnx") for name in DEFAULT]
    print(machine() + "\n")
    head(header(options))
    with tempfile.TemporaryDirectory() as folder:
        for path in options.models or filter(os.path.exists, found):
            row(compare_model(path, options, folder))


if __name__ == "__main__":
    main()
