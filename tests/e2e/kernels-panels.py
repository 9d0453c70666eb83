# RUN: %python %s %sqzc %t
"""Register tiles of conv_direct and conv_transposed with any number of panels, named in the text: numbers of output
channels whose last tile has fewer panels, groups, rims, pools, residuals, input channels in slices, all panels of a row
at a time."""

import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import Module, TWICE, spread, sweep

PARTS = 2
COUNT = 30
MOST_ROWS = 8  # of one panel: as many sums as any CPU's tile may have
POOLS = [{}, {}, {"pool": "average"}, {"pool": "max", "pool_strides": [2, 2], "pool_pads": [1, 0, 1, 1]}]


def case(module, number):
    choose = random.choice
    kernel, stride, group, batch = choose([1, 1, 3]), choose([1, 1, 2]), choose([1, 1, 1, 2]), choose([1, 1, 2])
    filters = group * 16 * random.randint(1, 7) if group > 1 else random.randint(17, 16 * 9)
    channels, size = group * 16 * random.randint(1, 3), [random.randint(3, 9), random.randint(3, 20)]
    pool, map_size = dict(POOLS[number % 4]), [(n - 1) // stride + 1 for n in size]
    if pool:
        pool["pool_shape"] = map_size if pool["pool"] == "average" else [3, 2]
    x = module.input(batch, channels, *size)
    y = module.conv(x, channels, filters, kernel, number % 3 != 1, group, None if pool else TWICE.get(number % 5),
                    strides=[stride] * 2, pads=[kernel // 2] * 4, act=choose(["none", "relu", "sigmoid"]), **pool)
    if number % 4 == 1:  # which wants a rim
        y = module.conv(y, filters, 20, 3, pads=[1] * 4)
    module.output(y, f"{batch}x{channels}x{size} {filters} of {kernel} s{stride} g{group} {pool}".replace("'", ""))


def make(part):
    module = Module()
    for number in range(COUNT):
        case(module, number + part * COUNT)
    for filters in (41, 80):
        x, w = module.input(1, 24, 5, 9), module.constant(24, filters, 4, 4)
        module.output(module.node("ConvTranspose", [x, w], strides=[2, 2], pads=[1] * 4), f"transposed, {filters}")
    return module


def choose(text):
    """Other tiles, slices and orders for every node, the same ones whenever a text has as many lines."""
    order, lines = random.Random(3), text.split("\n")
    for i, line in enumerate(lines):
        found = re.search(r"kernel\(conv_(direct|transposed|winograd|strassen) [^)]*\)", line)
        shape = re.search(r" : f32<\d+x(\d+)x.*?nchw(\d+)c", line)
        if not found or not shape:
            continue
        group = re.search(r"group = (\d+)", line)
        whole = -(-int(shape[1]) // (int(group[1]) if group else 1) // int(shape[2]))
        panels = order.randint(1, min(5, whole))
        params = f"rows={order.randint(1, MOST_ROWS // panels)} panels={panels}"
        transposed, pools = found[1] == "transposed", "pool = " in line
        if "pool = max" not in line and order.random() < 0.4:
            params += f" depth={order.randint(1, 2)}"
        if not transposed and not pools and order.random() < 0.4:
            params += " across=true"
        kernel = "conv_transposed" if transposed else "conv_direct"
        lines[i] = line[:found.start()] + f"kernel({kernel} {params})" + line[found.end():]
    return "\n".join(lines)


if __name__ == "__main__":
    sweep(make, spread(PARTS), "conv_direct", COUNT, choose=choose)
