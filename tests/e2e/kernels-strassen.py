# RUN: %python %s %sqzc %t
"""conv_strassen against the generic lowering: odd and even numbers of pixels and of panels, rims, batches, blocks of
pixel pairs of any size, work cut in parts. Its cost keeps it off small layers, so the texts name it."""

import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import Module, TWICE, spread, sweep

PARTS = 2
ACTIVATIONS = [None, "Relu", "Sigmoid"]
SHAPES = [(1, 1, 2), (1, 3, 3), (1, 13, 13), (2, 5, 4), (1, 2, 31), (3, 1, 3), (1, 27, 9), (1, 14, 14)]


def case(module, number):
    batch, height, width = SHAPES[number % len(SHAPES)]
    channels, filters = 32 * random.randint(1, 4), random.randint(17, 90)
    y = module.conv(module.input(batch, channels, height, width), channels, filters, 1, random.choice([True, False]),
                    twice=TWICE.get(number % 5))
    activation = random.choice(ACTIVATIONS)
    if activation:
        y = module.node(activation, [y])
    if number % 3 == 0:  # its reader wants a rim
        y = module.conv(y, filters, 16, 3, pads=[1, 1, 1, 1])
    module.output(y, f"{batch}x{channels}x{height}x{width} {filters} {activation}")


def make(part):
    module = Module()
    for number in range(16):
        case(module, part * 16 + number)
    module.output(module.conv(module.input(1, 512, 13, 13), 512, 200, 1), "512x13x13 200")
    return module


def ceil_div(a, b):
    return -(-a // b)


def force(match):
    pairs_of_panels = ceil_div(ceil_div(int(match["filters"]), 16), 2)
    duos = random.randint(1, min(pairs_of_panels, 3))
    rows = random.randint(1, 4 if duos < 3 else 2)  # 32 registers at most
    tiles = ceil_div(ceil_div(int(match["height"]) * int(match["width"]), 2), rows)
    group, pairs = random.randint(1, min(tiles, 5)), random.choice([1, 2, 5, 12, 40, 200])
    split = random.randint(1, ceil_div(pairs_of_panels, duos))
    return f"{match['node']}kernel(conv_strassen rows={rows} duos={duos} group={group} pairs={pairs} split={split})"


def choose(text):
    node = r"(?P<node>= Conv\((?:(?!pads).)* : f32<\d+x(?P<filters>\d+)x(?P<height>\d+)x(?P<width>\d+).*)kernel\(conv_(?:direct|strassen)[^)]*\)"
    return re.sub(node, force, text)


if __name__ == "__main__":
    sweep(make, spread(PARTS), "conv_strassen", 17, choose=choose)
