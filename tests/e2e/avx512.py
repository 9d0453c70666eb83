# REQUIRES: bochs
# RUN: %python %s %sqzc %t
"""Code for AVX-512 on machines that have none: in Bochs, an emulator of whole PCs (tests/bochs/run.py).

First which CPUs an object runs on: where one lacks an instruction, or the operating system does not save the registers, a
call must return SQZ_ECPU or use another version, and never meet that instruction. Then each fast kernel against the
generic lowering. avx512-sweeps.test does more of that."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import BOCHS, Module, build, sweep

SKYLAKE, ICELAKE, HASWELL = "corei7_skylake_x", "corei7_icelake_u", "corei7_haswell_4770"
OK, ECPU = 0, 4
NO_ZMM = ["--states", "7"]
CASES = [  # flags of sqzc, CPU, what a call returns
    (["--mcpu=x86-64-v4"], [SKYLAKE], OK),
    (["--mcpu=x86-64-v4"], [SKYLAKE, *NO_ZMM], ECPU),
    (["--mcpu=x86-64-v4"], [HASWELL], ECPU),
    ([], [SKYLAKE], OK),
    ([], [SKYLAKE, *NO_ZMM], OK),
    (["--mcpu=x86-64-v4", "--mattr=+avx512vnni"], [SKYLAKE], ECPU),
    (["--mcpu=x86-64-v4", "--mattr=+avx512vnni"], [ICELAKE], OK),
    (["--mcpu=icelake-server"], [SKYLAKE], ECPU),
    (["--mcpu=icelake-server"], [ICELAKE], OK),
    (["--mcpu=x86-64-v4,icelake-server"], [SKYLAKE], OK),
    (["--mcpu=x86-64-v3,sapphirerapids"], [SKYLAKE], OK),
]
TILES = [(3, tile) for tile in range(2, 7)] + [(4, tile) for tile in range(2, 6)] + [(5, tile) for tile in range(2, 5)]


def on_bytes():
    """Shifts and shuffles of bytes, for which CPUs newer than their level have instructions of their own."""
    return ("graph @main(%x: f32<3x70>) -> (%y) {\n  const %n: u8<1> = list(3)\n"
            "  %a = Cast(%x) {to = u8} : ?\n  %b = BitShift(%a, %n) {direction = RIGHT} : ?\n"
            "  %c = Transpose(%b) : ?\n  %y = Cast(%c) {to = f32} : ?\n}\n")


def returned(program, cpu):
    """What a call of the model returns there; the exit code of a program that fails otherwise."""
    done = subprocess.run([BOCHS, "--cpu", *cpu, program, "write", program + ".raw"], capture_output=True, text=True)
    code = re.search(r"the model returned (\d+)", done.stderr)
    return int(code[1]) if code else done.returncode


def dispatch(sqzc, folder):
    failures, programs = 0, {}
    for flags, cpu, wanted in CASES:
        name = "cpu" + "".join(flags).replace("=", "").replace(",", "")
        if name not in programs:
            programs[name] = build(sqzc, folder, name, on_bytes(), "avx512", flags)
        code = returned(programs[name], cpu)
        if code != wanted:
            failures += 1
            print(f"{' '.join(flags)} on {' '.join(cpu)}: {code}, not {wanted}")
    print(f"{len(CASES)} calls, {failures} failures")
    return failures


def make(part):
    """Nodes for each kernel; `part` 1 for the tiles of Winograd."""
    module = Module()
    same = {"pads": [1, 1, 1, 1]}
    if part:
        for kernel, tile in TILES:
            y = module.conv(module.input(1, 32, 13, 14), 32, 20 + tile, kernel, pads=[kernel // 2] * 4)
            module.output(module.node("Relu", [y]), f"{kernel}x{kernel} in tiles of {tile}")
        return module
    image = module.input(1, 32, 14, 15)
    for label, y in [
            ("1x1", module.conv(image, 32, 40, 1)), ("stride", module.conv(image, 32, 48, 3, strides=[2, 2], **same)),
            ("dilated", module.conv(image, 32, 20, 3, dilations=[2, 2])),
            ("group", module.conv(image, 32, 32, 3, group=2, **same)),
            ("first", module.conv(module.input(1, 3, 33, 31), 3, 64, 3, strides=[2, 2])),
            ("phases", module.conv(module.input(1, 3, 32, 33), 3, 20, 7, strides=[2, 2], pads=[3, 3, 3, 3])),
            ("strassen", module.conv(module.input(1, 128, 13, 13), 128, 90, 1)),
            ("depthwise 3", module.conv(image, 32, 32, 3, group=32, **same)),
            ("depthwise 5", module.conv(image, 32, 32, 5, group=32, strides=[2, 2], pads=[2, 2, 2, 2])),
            ("max", module.node("MaxPool", [module.conv(image, 32, 32, 1)], kernel_shape=[3, 3], strides=[2, 2])),
            ("average", module.node("AveragePool", [module.conv(image, 32, 32, 1)], kernel_shape=[2, 2])),
            ("global", module.node("GlobalAveragePool", [module.conv(image, 32, 45, 1)])),
            ("matmul", module.node("MatMul", [module.input(9, 70), module.constant(70, 50)])),
            ("softmax", module.node("Softmax", [module.node("MatMul", [module.input(2, 70), module.constant(70, 300)])]))]:
        module.output(y, label)
    return module


def choose(text):
    """Strassen's algorithm for the one that is large enough, and each tile of Winograd's, which a number of filters names."""
    text = re.sub(r"(f32<1x90x13x13, .*)kernel\(conv_[^)]*\)", r"\1kernel(conv_strassen rows=4 pairs=12)", text)
    return re.sub(r"(f32<1x2([2-6])x1[34]x1[45], .*act = relu.*|act = relu.*f32<1x2([2-6])x1[34]x1[45], .*)kernel\(conv_[^)]*\)",
                  lambda match: f"{match[1]}kernel(conv_winograd tile={match[2] or match[3]} rows=14 band=2)", text)


if __name__ == "__main__":
    os.makedirs(sys.argv[2], exist_ok=True)
    if dispatch(*sys.argv[1:]):
        sys.exit(1)
    sweep(make, [("avx512", "x86-64-v4", 0), ("avx512", "x86-64-v4", 1)], "conv_", 8, choose=choose)
