"""The ratio of sqzc's time to onnxruntime's for single operators, as a user's network may hold them:

    operators.py [--rounds N] [--threads N] [--list] [NAME...] [-- FLAGS OF SQZC...]

NAME is a case of operator_cases.py or the beginning of one; how time is taken stands in race.py. Prints a Markdown
table: below 1, sqzc is faster. Calls of a few microseconds are left out: there the interface of each runtime is what is
measured.
"""

import argparse
import os
import sys
import tempfile

import onnx

import race
from operator_cases import CASES
from table import head, machine, row, split_flags


def main():
    arguments, flags = split_flags(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print the names, measure nothing")
    options = parser.parse_args(arguments)
    wanted = [name for name in CASES if not options.names or any(name.startswith(n) for n in options.names)]
    if options.list:
        print("\n".join(wanted))
        return
    print(machine() + "\n")
    head(["operator", "sqzc ms", "onnxruntime ms", "ratio", "CPU ratio", "difference"])
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            path = os.path.join(folder, name + ".onnx")
            onnx.save(CASES[name](), path)
            match = race.Race(path, ["onnxruntime"], options.threads, folder, flags)
            times = match.run(options.rounds)
            ours, peer = times["sqzc"], times["onnxruntime"]
            row([name, f"{ours[0]:.4f}", f"{peer[0]:.4f}", *(f"{a / b:.2f}" for a, b in zip(ours, peer)),
                 f"{match.apart['onnxruntime']:.1e}"])


if __name__ == "__main__":
    main()
