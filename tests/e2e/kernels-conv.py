# RUN: %python %s %sqzc %t
"""conv_direct against the generic lowering: shapes, windows, groups, batches and activations."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import Module, TWICE, spread, sweep

PARTS = 4
LANES = PARTS  # a part of its own, since nothing finite must lie in memory before it
ACTIVATIONS = [None, ("Relu", {}), ("LeakyRelu", {"alpha": 0.1}), ("Sigmoid", {}), ("Tanh", {}), ("HardSwish", {}),
               ("Swish", {"alpha": 1.5}), ("HardSigmoid", {"alpha": 0.3, "beta": 0.6}), ("Clip", {}), ("Clip up", {})]


def activate(module, x, activation):
    if not activation:
        return x
    op, attributes = activation
    if op.startswith("Clip"):
        low, high = ("fill(0.25)", "fill(8)") if op == "Clip up" else ("fill(-0.5)", "fill(6)")
        return module.node("Clip", [x, module.constant(data=low), module.constant(data=high)])
    return module.node(op, [x], **attributes)


def case(module, number):
    choose = random.choice
    kernel = (random.randint(1, 7), random.randint(1, 7)) if number % 3 == 0 else (choose([1, 1, 3, 3, 5]),) * 2
    stride, dilation = [choose([1, 1, 2, 3]) for _ in range(2)], [choose([1, 1, 1, 2, 3]) for _ in range(2)]
    pads = [choose([0, 0, 1, 2, 3]) for _ in range(4)] if number % 2 else [kernel[0] // 2, kernel[1] // 2] * 2
    group = choose([1, 1, 1, 1, 2, 3])
    channels, filters = (group * 16, group * choose([16, 32])) if group > 1 else (random.randint(1, 35), random.randint(1, 35))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
    height = max(1, reach[0] - pads[0] - pads[2]) + choose([0, 1, 4])
    width = max(1, reach[1] - pads[1] - pads[3], random.randint(1, 40))
    batch, activation = choose([1, 1, 3]), ACTIVATIONS[number % len(ACTIVATIONS)]
    bias = choose([True, True, False])
    if activation and activation[0] in ("Tanh", "Sigmoid") and channels // group * kernel[0] * kernel[1] > 200:
        activation = None  # sums of so many products are far above 1, and so are their errors
    x = module.input(batch, channels, height, width)
    y = module.conv(x, channels, filters, kernel, bias, group, TWICE.get(number % 5), strides=stride, pads=pads, dilations=dilation)
    y = activate(module, y, activation)
    label = f"{batch}x{channels}x{height}x{width} {filters} of {kernel} s{stride} p{pads} d{dilation} g{group} {activation}"
    module.output(y, label.replace('"', ""))


def make(part):
    module = Module()
    if part == LANES:  # those behind the last channel meet zeros in the next one's weights
        x = module.conv(module.input(1, 16, 9, 9), 16, 36, 1)
        module.output(module.conv(x, 36, 36, (3, 3), group=9, pads=[1] * 4), "lanes behind the last channel")
        return module
    for number in range(36):
        case(module, part * 36 + number)
    if part == 0:  # input channels in several slices, flat planes of several runs, whole panels in pairs, all panels of a row
        for channels, filters, size, kernel in ((64, 64, 9, 3), (160, 32, 5, 3), (24, 40, 20, 1), (96, 64, 3, 5), (384, 48, 27, 1)):
            y = module.conv(module.input(1, channels, size, size), channels, filters, kernel, pads=[kernel // 2] * 4)
            module.output(y, f"{channels} {size}x{size} {filters} of {kernel}")
    if part == 2:  # one channel, long rows of the filter
        module.output(module.conv(module.input(1, 1, 1, 500), 1, 20, (1, 41), strides=[1, 3]), "long row")
    if part == 1:  # a wide rim
        module.output(module.conv(module.input(1, 17, 100, 120), 17, 5, (3, 39), pads=[1, 19, 1, 19]), "wide")
        for rate, size, stride in ((12, (14, 17), 1), (18, (33, 30), 1), (5, (9, 21), 2), (7, (40, 6), 3)):  # taps outside
            y = module.conv(module.input(2, 33, *size), 33, 20, (3, 3), pads=[rate] * 4, dilations=[rate, rate - 1],
                            strides=[stride, 1])
            module.output(y, f"rate {rate} {size} s{stride}")
    if part in (1, 3):  # dilated along a row, which is cut up: the last piece whole or not, padded on both sides or one
        for dilation, taps, length, group in ((8, 5, 50, 1), (16, 3, 64, 1), (5, 2, 23, 1), (4, 3, 40, 2), (32, 4, 33, 1)):
            reach = dilation * (taps - 1)
            pads = [0, reach // 2, 0, reach // 2] if length % 2 == 0 and taps % 2 else [0, reach, 0, 0]
            y = module.conv(module.input(2, 32, 1, length), 32, 32, (1, taps), group=group, dilations=[1, dilation], pads=pads)
            module.output(module.node("Relu", [y]), f"row of {length} {taps} d{dilation} p{pads} g{group}")
    return module


if __name__ == "__main__":
    sweep(make, spread(PARTS + 1), "conv_direct", lambda part: 1 if part == LANES else 30)
