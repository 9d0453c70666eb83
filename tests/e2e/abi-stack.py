# RUN: %python %s %sqzc %t %models/squeezenet11.onnx %models/mobilenetv2.onnx %models/small_resize.onnx
"""No function of an object has a stack frame of 16 KB, on any architecture: read from the assembly."""

import os
import re
import subprocess
import sys

LIMIT = 16384
TARGETS = {
    "x86_64-unknown-linux-gnu": (["x86-64", "x86-64-v3", "x86-64-v4"], r"subq\s+\$(\d+), %rsp"),
    "aarch64-unknown-linux-gnu": (["generic"], r"sub\s+sp, sp, #(\d+)(, lsl #12)?"),
    "armv7a-unknown-linux-gnueabihf": (["generic"], r"sub\s+sp, sp, (?:#(\d+)|r)"),
}


def frames(text, pattern):
    """The largest frame, and the function that has it."""
    name, size, worst = "", 0, (0, "")
    for line in text.split("\n"):
        label = re.match(r"([A-Za-z_]\w*):", line)
        if label:
            name, size = label.group(1), 0
        found = re.search(pattern, line)
        if found:
            number = int(found.group(1)) if found.group(1) else LIMIT  # a size in a register is a large one
            size += number << (12 if len(found.groups()) > 1 and found.group(2) else 0)
            worst = max(worst, (size, name))
    return worst


sqzc, folder, *models = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
failures = 0
for triple, (cpus, pattern) in TARGETS.items():
    for cpu in cpus:
        for model in models:
            output = os.path.join(folder, "model.s")
            subprocess.run([sqzc, model, "-o", output, f"--target={triple}", f"--mcpu={cpu}"], check=True)
            with open(output, errors="replace") as file:
                size, name = frames(file.read(), pattern)
            print(f"{os.path.basename(model)} {triple} {cpu}: {size} bytes in {name}")
            failures += size >= LIMIT or not size
sys.exit(failures != 0)
