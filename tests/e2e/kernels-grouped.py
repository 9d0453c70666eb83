# RUN: %python %s %sqzc %t
"""conv_grouped against the generic lowering: groups whose channels do not fill blocks, in or out, with windows, batches,
activations, sums and pools."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import TWICE, cases, spread, sweep

PARTS = 3
WIDTHS = [(68, 68), (24, 24), (8, 8), (40, 40), (17, 17), (16, 8), (8, 16), (6, 20), (33, 5), (48, 24), (16, 1), (5, 70), (12, 28)]
ACTIVATIONS = ["none", "relu", "sigmoid", "hard_swish"]


def case(module, number):
    choose = random.choice
    ins, outs = WIDTHS[number % len(WIDTHS)]
    group, kernel, dilation = random.randint(2, 9 if ins < 20 else 5), choose([1, 1, 3, 3, 5]), choose([1, 1, 1, 2])
    pad, strides, batch = choose([0, kernel // 2, 2]), [choose([1, 1, 2, 3]) for _ in range(2)], choose([1, 1, 3])
    reach = dilation * (kernel - 1) + 1
    size = [max(1, reach - 2 * pad) + random.randint(0, most) for most in (9, 33)]
    map_size = [(n + 2 * pad - reach) // s + 1 for n, s in zip(size, strides)]
    pools, label = {}, f"{batch}x{group}*{ins}x{size} {group}*{outs} of {kernel} s{strides} p{pad} d{dilation}"
    if number % 8 == 3:
        pools = {"pool": "average", "pool_shape": map_size}
    elif number % 8 == 7:
        pools = {"pool": "max", "pool_shape": [min(n, 3) for n in map_size], "pool_strides": [2, 2]}
    x = module.input(batch, group * ins, *size)
    twice = None if pools else TWICE.get(number % 5)
    y = module.conv(x, group * ins, group * outs, kernel, number % 4 != 1, group, twice, strides=strides, pads=[pad] * 4,
                    dilations=[dilation] * 2, act=ACTIVATIONS[number % 4], **pools)
    module.output(y, f"{label} {pools}".replace("'", ""))


def make(part):
    module = cases(case, 39)(part)
    if part == 0:  # weights in slices of the input, of which some panels see fewer than others
        for group, ins, outs, kernel in ((3, 136, 40, 3), (2, 330, 33, 3), (2, 1000, 24, 1)):
            y = module.conv(module.input(1, group * ins, 7, 9), group * ins, group * outs, kernel, group=group,
                            pads=[kernel // 2] * 4)
            module.output(y, f"slices {group}*{ins} {group}*{outs} of {kernel}")
    return module


if __name__ == "__main__":
    sweep(make, spread(PARTS), "conv_grouped", 35)
