"""The ratio of sqzc's time to onnxruntime's, one thread, for every kind of network:

    networks.py [--rounds N] [--list] [NAME | MODEL.onnx...] [-- FLAGS OF SQZC...]

Prints a row for each network and the geometric mean as a Markdown table: below 1, sqzc is faster. Networks that are not
there are made first (tests/models/make.py); those of the shared folder are left out where it is missing. How time is
taken stands in race.py; where this machine is not quiet, the ratio of CPU times is the better one.
"""

import argparse
import glob
import math
import os
import subprocess
import sys
import tempfile

import race
from table import head, row, split_flags

LIGHT = ["light_" + name for name in ("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50",
                                      "shufflenet", "squeezenet", "vgg19", "zfnet512")]
MODERN = ["bert", "vit", "gpt_decode", "gpt_prompt", "gru_tagger", "lstm_tagger", "unet", "mobilenetv3", "detector",
          "segmenter"]
MADE = LIGHT + ["efficientnet_lite0"] + MODERN


def shared_models():
    folder = os.path.join(race.accuracy.SHARED, "data", "models")
    return sorted(glob.glob(os.path.join(folder, "*.onnx")) + glob.glob(os.path.join(folder, "*", "model.onnx")))


def paths(names):
    """The files of networks, made where they are none yet."""
    made = [name for name in names if not name.endswith(".onnx")]
    if made:
        subprocess.run([sys.executable, os.path.join(race.ROOT, "tests", "models", "make.py"), *made], check=True)
    found = [os.path.join(race.ROOT, "build", "models", name + ".onnx") if name in made else name for name in names]
    return [path for path in found if os.path.exists(path)]


def title(path):
    name = os.path.basename(path)[:-len(".onnx")]
    return os.path.basename(os.path.dirname(path)) if name == "model" else name


def geometric_mean(numbers):
    return math.exp(sum(map(math.log, numbers)) / len(numbers))


def main():
    arguments, flags = split_flags(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--list", action="store_true", help="print the networks' names, measure nothing")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join([*MADE, *map(title, shared_models())]))
        return
    head(["network", "sqzc ms", "onnxruntime ms", "ratio", "CPU ratio", "difference"])
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for path in paths(options.networks or MADE) + ([] if options.networks else shared_models()):
            try:
                match = race.Race(path, ["onnxruntime"], 1, folder, flags)
            except subprocess.CalledProcessError:  # the errors stand above
                row([title(path), "refused", "", "", "", ""])
                continue
            times = match.run(options.rounds)
            ours, peer = times["sqzc"], times["onnxruntime"]
            ratios.append([a / b for a, b in zip(ours, peer)])
            row([title(path), f"{ours[0]:.3f}", f"{peer[0]:.3f}", *(f"{r:.2f}" for r in ratios[-1]),
                 f"{match.apart['onnxruntime']:.1e}"])
    row(["geometric mean", "", "", *(f"{geometric_mean(column):.2f}" for column in zip(*ratios)), ""])


if __name__ == "__main__":
    main()
