# RUN: %python %s %sqzc %t
"""conv_winograd against the generic lowering: sizes that whole tiles fill and that they don't, few and many channels,
rims, batches and activations; windows of 2x2 pooled; weights that are transformed when they are needed, and several
panels at once."""

import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import Module, TWICE, spread, sweep

PARTS = 3  # the last one: pooled
ACTIVATIONS = [None, "Relu", "LeakyRelu", "HardSwish", "Swish"]  # of slope 1 where it matters, so errors stay in proportion
MANY = [(64, 64, 13, 13, 3), (48, 192, 27, 27, 3), (160, 40, 6, 7, 3), (128, 256, 4, 5, 3), (24, 24, 40, 9, 5),
        (32, 33, 9, 40, 4)]


def case(module, number):
    choose = random.choice
    kernel = choose([3, 3, 3, 4, 5])
    pads = [kernel // 2] * 4 if number % 2 else [choose([0, 1, 2, 3]) for _ in range(4)]
    channels, filters, batch = random.randint(16, 40), random.randint(1, 40), choose([1, 1, 3])
    height = max(1, kernel - pads[0] - pads[2]) + choose([0, 1, 2, 3, 4, 7, 12])
    width = max(1, kernel - pads[1] - pads[3], random.randint(1, 40))
    y = module.conv(module.input(batch, channels, height, width), channels, filters, kernel, choose([True, False]),
                    twice=TWICE.get(number % 5), pads=pads)
    activation = ACTIVATIONS[number % len(ACTIVATIONS)]
    if activation:
        y = module.node(activation, [y])
    if number % 4 == 3:
        y = module.conv(y, filters, 16, 3, pads=[1, 2, 1, 2])
    module.output(y, f"{batch}x{channels}x{height}x{width} {filters} of {kernel} p{pads} {activation}")


def pooled(module, number):
    choose = random.choice
    kernel = choose([3, 3, 3, 4, 5])
    channels, filters, batch = random.randint(16, 40), random.randint(1, 40), choose([1, 1, 3])
    height, width = 2 * random.randint(1, 9), 2 * random.randint(1, 15)
    pads = [kernel // 2] * 4
    x = module.input(batch, channels, height + (kernel - 1) % 2, width + (kernel - 1) % 2)
    y = module.conv(x, channels, filters, kernel, choose([True, False]), pads=pads, pool="max", pool_shape=[2, 2],
                    pool_strides=[2, 2], act=["none", "relu", "hard_swish"][number % 3])
    if number % 2:
        y = module.conv(y, filters, 5, 3, pads=[1, 2, 1, 2])
    module.output(y, f"{batch}x{channels}x{height}x{width} {filters} of {kernel} pooled")


def make(part):
    module = Module()
    if part == PARTS - 1:
        for number in range(40):
            pooled(module, number)
        return module
    for number in range(24):
        case(module, part * 24 + number)
    for channels, filters, height, width, kernel in MANY[part::PARTS - 1]:
        y = module.conv(module.input(1, channels, height, width), channels, filters, kernel, pads=[kernel // 2] * 4)
        module.output(y, f"{channels}x{height}x{width} {filters} of {kernel}")
    return module


def vary(text):
    """Of three nodes one as it is chosen, one with weights that are transformed late, one with several panels too."""
    lines = text.split("\n")
    nodes = [i for i, line in enumerate(lines) if "kernel(conv_winograd" in line]
    for number, i in enumerate(nodes):
        tile = re.search(r"conv_winograd(?: tile=(\d))?", lines[i]).group(1) or "4"
        channels, block = re.search(r"f32<\d+x(\d+)x\d+x\d+, nchw(\d+)c", lines[i].split("} :")[-1]).groups()
        panels = -(-int(channels) // int(block))
        group = 1 if number % 3 == 1 else next((n for n in (2, 3) if panels % n == 0), 1)
        if number % 3:
            kernel = f"conv_winograd tile={tile} rows=2 panels={group} band=2 late={1 + number % 2}"
            lines[i] = re.sub(r"kernel\([^)]*\)", f"kernel({kernel})", lines[i])
    return "\n".join(lines)


if __name__ == "__main__":
    sweep(make, spread(PARTS), "conv_winograd", 16, choose=vary)
