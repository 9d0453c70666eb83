"""Instructions that an inference executes on ARM, counted under qemu by a plugin (instructions.c): repeatable to a dozen
or so, which depend on the addresses that the program gets, so a test compares them with instructions.txt. What a CPU makes
of them is another matter; it is the figure that can be had without one.

    instructions.py MODEL.onnx FOLDER             fails where a count is more than 2% above the recorded one, or where
                                                  -O2 needs more than 0.75 of what direct kernels (--strict) need
    instructions.py MODEL.onnx FOLDER --refresh   records what it counts"""

import os
import re
import subprocess
import sys

from build import ROOT
from native import MACHINES, compile_model

HERE = os.path.dirname(os.path.abspath(__file__))
BASELINE = os.path.join(HERE, "instructions.txt")
TARGETS = [("arm64", "cortex-a53"), ("armv7", "cortex-a7")]
FLAGS = ["-O2", "--strict"]
MORE = 1.02   # of the recorded instructions
SHARE = 0.75  # of those of direct kernels


def plugin(folder):
    path = os.path.join(folder, "instructions.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", os.path.join(HERE, "instructions.c"), "-o", path], check=True)
    return path


def executed(emulator, counter, words):
    run = subprocess.run([*emulator, "-plugin", counter, "-d", "plugin", *words], capture_output=True, text=True, check=True)
    return int(re.search(r"^instructions (\d+)$", run.stderr, re.M)[1])


def count(model, folder, counter, machine, cpu, flag):
    triple, link, emulator = MACHINES[machine]
    name, stem = compile_model(model, os.path.join(folder, cpu + flag), f"--target={triple}", f"--mcpu={cpu}", flag)
    subprocess.run([*link, "-O1", f"-DMODEL={name}_model", f"-DCALL={name}_call", "-I", os.path.join(ROOT, "runtime"),
                    os.path.join(HERE, "counted.c"), stem + ".o", "-o", stem], check=True)
    return executed(emulator, counter, [stem, "run"]) - executed(emulator, counter, [stem])


def recorded():
    with open(BASELINE) as file:
        return {tuple(words[:2]): int(words[2]) for words in map(str.split, file) if words and words[0] != "#"}


def refresh(model, counts):
    with open(BASELINE, "w") as file:
        file.write(f"# Instructions of an inference of {os.path.basename(model)}, by CPU and flag. See HACKING.md, Measure.\n")
        for (cpu, flag), n in counts.items():
            file.write(f"{cpu} {flag} {n}\n")


def check(counts):
    wrong, before = 0, recorded()
    for (cpu, flag), n in counts.items():
        ratio = n / before[cpu, flag]
        wrong += ratio > MORE
        print(f"{cpu} {flag}: {n} instructions, {ratio:.3f} of the recorded ones")
    for _, cpu in TARGETS:
        share = counts[cpu, "-O2"] / counts[cpu, "--strict"]
        wrong += share > SHARE
        print(f"{cpu}: {share:.3f} of those of direct kernels")
    print(f"{wrong} wrong")
    return wrong


def main():
    model, folder, *rest = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    counter = plugin(folder)
    counts = {(cpu, flag): count(model, folder, counter, machine, cpu, flag) for machine, cpu in TARGETS for flag in FLAGS}
    if rest == ["--refresh"]:
        refresh(model, counts)
    return check(counts) > 0


if __name__ == "__main__":
    sys.exit(main())
