# RUN: %python %s %sqzc %t
"""pool_blocked and global_pool against the generic lowerings, behind a convolution that leads into blocks; half of the
results are read by another one, so that lanes behind the last channel and rims matter."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import cases, spread, sweep

PARTS = 2
ACTIVATIONS = [None, "Sigmoid", "Relu"]


def window(op):
    choose = random.choice
    kernel = [random.randint(1, choose([5, 5, 14])) for _ in range(2)]
    dilation = [choose([1, 1, 2]) for _ in range(2)] if op == "MaxPool" else [1, 1]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
    pads = [random.randint(0, kernel[i % 2] - 1) for i in range(4)]
    size = [max(1, reach[i] - pads[i] - pads[i + 2]) + choose([0, 1, 2, 13]) for i in range(2)]
    return size, {"kernel_shape": kernel, "dilations": dilation, "pads": pads, "ceil_mode": choose([0, 1]),
                  "strides": [choose([1, 2, 3]) for _ in range(2)]}


def case(module, number):
    channels, batch = random.randint(1, 35), random.choice([1, 1, 3])
    op = ("MaxPool", "AveragePool", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")[number % 6]
    size, attributes = window(op)
    if op == "AveragePool":
        attributes["count_include_pad"] = random.choice([0, 1])
    if op.startswith("Global"):
        size, attributes = [random.randint(1, 9), random.randint(1, 40)], {}
    x = module.input(batch, 3, *size)
    x = module.conv(x, 3, channels, 1)
    activation = "Log" if op == "MaxPool" and number % 4 == 0 else ACTIVATIONS[number % 3]  # NaN, which maxima ignore
    if activation:
        x = module.node(activation, [x])
    if random.random() < 0.3:  # a rim on the pool's input
        module.output(module.conv(x, channels, 3, 3, pads=[1] * 4), f"{number} neighbour")
    y = module.node(op, [x], **{k: "true" if v is True else v for k, v in attributes.items()})
    if number % 2:
        y = module.conv(y, channels, 5, 3, pads=[1, 2, 1, 2])
    module.output(y, f"{op} {batch}x{channels}x{size} {attributes}".replace("'", ""))


def make(part):
    module = cases(case, 60)(part)
    for size in (6, 9, 17):  # a convolution whose result others read, too, does not pool it itself
        x = module.conv(module.input(1, 3, size, size), 3, 20, 1)
        module.output(x, f"convolution {size}")
        module.output(module.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2]), f"MaxPool {size}")
    return module


if __name__ == "__main__":
    sweep(make, spread(PARTS), "pool_blocked", 36)
