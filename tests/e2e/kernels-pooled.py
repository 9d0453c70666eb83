# RUN: %python %s %sqzc %t
"""Convolutions that pool their own results, in conv_direct and by the generic lowering: windows that are clipped, that
overlap and that leave gaps, averages of whole maps, groups, batches; half of the results are read by another one."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import cases, spread, sweep

PARTS = 3
ACTIVATIONS = ["none", "relu", "sigmoid"]  # the last is not 0 at 0


def pool_of(number, size):
    """A pool over a map of such a size."""
    choose = random.choice
    if number % 3 == 0:
        return {"pool": "average", "pool_shape": size}
    shape = [random.randint(1, min(5, n)) for n in size]
    pads = [random.randint(0, shape[i % 2] - 1) for i in range(4)]
    return {"pool": "max", "pool_shape": shape, "pool_strides": [choose([1, 2, 2, 3, 6]) for _ in range(2)], "pool_pads": pads}


def case(module, number):
    choose = random.choice
    kernel, stride, dilation = choose([1, 1, 3, 3, 5]), choose([1, 1, 2]), choose([1, 1, 2])
    pad, group, batch = choose([0, 1, 2]), choose([1, 1, 1, 2]), choose([1, 1, 3])
    channels, filters = (group * 16, group * choose([16, 32])) if group > 1 else (random.randint(1, 35), random.randint(1, 40))
    if number % 12 == 0:  # weights in slices, with an average
        kernel, group, channels, filters = 1, 1, 560, 20
    map_size = [random.randint(1, 12), random.randint(1, 30)]
    size = [max(1, (n - 1) * stride + dilation * (kernel - 1) + 1 - 2 * pad) for n in map_size]
    map_size = [(n + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1 for n in size]
    pool = pool_of(number, map_size)
    x = module.input(batch, channels, *size)
    y = module.conv(x, channels, filters, kernel, number % 4 != 1, group, strides=[stride] * 2, pads=[pad] * 4,
                    dilations=[dilation] * 2, act=ACTIVATIONS[number // 3 % 3], **pool)
    if number % 2:
        y = module.conv(y, filters, 5, 3, pads=[1, 2, 1, 2])
    label = f"{batch}x{channels}x{size} {filters} of {kernel} s{stride} p{pad} d{dilation} g{group} {pool}"
    module.output(y, label.replace("'", ""))


make = cases(case, 40)

if __name__ == "__main__":
    sweep(make, spread(PARTS), "conv_direct", 40)
