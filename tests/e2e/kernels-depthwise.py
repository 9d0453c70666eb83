# RUN: %python %s %sqzc %t
"""conv_depthwise against the generic lowering. A plain convolution leads into blocks before it and one reads its
result, so that lanes behind the last channel and rims matter."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import TWICE, cases, spread, sweep

PARTS = 2
ACTIVATIONS = [None, "Relu", "Sigmoid", "HardSwish", "Tanh", "Swish"]


def case(module, number):
    choose = random.choice
    kernel = (random.randint(1, 7), random.randint(1, 7)) if number % 3 == 0 else (choose([3, 3, 5]),) * 2
    stride, dilation = [choose([1, 1, 2, 3]) for _ in range(2)], [choose([1, 1, 2, 3]) for _ in range(2)]
    pads = [choose([0, 1, 2, 3]) for _ in range(4)]
    channels, batch = random.randint(2, 35), choose([1, 1, 3])
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
    height = max(1, reach[0] - pads[0] - pads[2]) + choose([0, 1, 4])
    width = max(1, reach[1] - pads[1] - pads[3], random.randint(1, 40))
    x = module.input(batch, channels, height, width)
    if number % 2:
        x = module.conv(x, channels, channels, 1)
    y = module.conv(x, channels, channels, kernel, choose([True, False]), channels, TWICE.get(number % 5), strides=stride, pads=pads,
                    dilations=dilation)
    activation = ACTIVATIONS[number % len(ACTIVATIONS)]
    if activation:
        y = module.node(activation, [y])
    if number % 4 == 3:
        y = module.conv(y, channels, 5, 3, pads=[1, 2, 1, 2])
    module.output(y, f"{batch}x{channels}x{height}x{width} {kernel} s{stride} p{pads} d{dilation} {activation}")


make = cases(case, 40)

if __name__ == "__main__":
    sweep(make, spread(PARTS), "conv_depthwise", 36)
