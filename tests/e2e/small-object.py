# RUN: %make_models squeezenet10 squeezenet11 resnet18 mobilenetv2
# RUN: %python %s %sqzc %t %models/squeezenet10.onnx %models/squeezenet11.onnx %models/resnet18.onnx %models/mobilenetv2.onnx
"""-Os keeps an object within 1.05 of its fp32 weights plus 64 KB: no weights transformed for Winograd, and versions for
several CPUs share theirs. So they do at -O2: all are the same but for a few. What --memory-report says about weights and the object is true of the file."""

import os
import re
import subprocess
import sys

import numpy as np
import onnx

TARGETS = [[], ["--mcpu=x86-64-v3"], ["--target=aarch64-linux-gnu"]]


def weights(path):
    """The bytes of a model's constants, in fp32."""
    return sum(4 * int(np.prod(tensor.dims)) for tensor in onnx.load(path).graph.initializer if tensor.data_type == 1)


def compiled(sqzc, folder, path, *flags):
    """The size of the object, and the report as numbers by name."""
    target = os.path.join(folder, "model.o")
    words = [sqzc, path, "-o", target, "--memory-report", *flags]
    report = subprocess.run(words, check=True, stderr=subprocess.PIPE, text=True).stderr
    return os.path.getsize(target), {name: int(n) for name, n in re.findall(r"^(\w[\w ]+?) +(\d+) bytes$", report, re.M)}


def main():
    sqzc, folder, *models = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    bad = 0
    for path in models:
        plain = weights(path)
        for flags in TARGETS:
            size, report = compiled(sqzc, folder, path, "-Os", *flags)
            limit = 1.05 * plain + 64 * 1024
            print(f"{os.path.basename(path)} {' '.join(flags)}: weights {plain}, object {size}, {size / limit:.3f} of the limit")
            bad += size > limit or report["object"] != size or report["weights beyond plain ones"] > 0.05 * plain
        size, report = compiled(sqzc, folder, path, "-O2", "--mcpu=x86-64-v3")
        expected = plain + report["weights beyond plain ones"]  # less what is folded
        bad += not 0.95 * expected <= report["weights"] <= expected + 64 * 1024
        bad += report["weights"] > size or report["object"] != size
        versions, _ = compiled(sqzc, folder, path, "-O2")
        print(f"{os.path.basename(path)}: three versions are {versions / size:.2f} of one")
        bad += versions > 1.1 * size + 1024 * 1024
    print(f"{bad} wrong")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
