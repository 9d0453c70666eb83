# RUN: %python %s %sqzc %t
"""conv_transposed against the generic lowering: kernels, strides and dilations that leave phases with several taps, one or
none, pads beyond the kernel, output_padding, few and odd channels, batches and activations."""

import importlib
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import Module, spread, sweep

kernels_conv = importlib.import_module("kernels-conv")
PARTS = 3


def transposed(module, x, channels, filters, kernel, bias, **attributes):
    operands = [x, module.constant(channels, filters, *kernel)] + ([module.constant(filters)] if bias else [])
    return module.node("ConvTranspose", operands, **attributes)


def axis(number):
    """Kernel, stride, dilation, input size, pads and output padding whose result has an element."""
    choose = random.choice
    while True:
        kernel, stride, dilation = choose([1, 2, 3, 3, 4, 4, 5, 7]), choose([1, 2, 2, 2, 3, 4]), choose([1, 1, 1, 2, 3])
        size, extra = choose([1, 2, 5, random.randint(1, 20)]), choose([0, 0, 1]) if stride > 1 else 0
        pads = [choose([0, 0, 1, 2, 3]) for _ in range(2)] if number % 2 else [(kernel - 1) // 2] * 2
        if (size - 1) * stride + dilation * (kernel - 1) + 1 + extra - sum(pads) > 0:
            return kernel, stride, dilation, size, pads, extra


def case(module, number):
    axes = [axis(number), axis(number)]
    kernel, strides, dilations, size, pads, extra = map(list, zip(*axes))
    channels, filters, batch = random.randint(1, 35), random.randint(8, 35), random.choice([1, 1, 3])
    attributes = {"strides": strides, "dilations": dilations, "pads": [p[0] for p in pads] + [p[1] for p in pads]}
    if any(extra):
        attributes["output_padding"] = extra
    x = module.input(batch, channels, *size)
    y = transposed(module, x, channels, filters, kernel, number % 3 > 0, **attributes)
    activation = kernels_conv.ACTIVATIONS[number % len(kernels_conv.ACTIVATIONS)]
    y = kernels_conv.activate(module, y, activation)
    if number % 4 == 0:  # a reader of blocks with a rim, so that this one writes it
        y = module.conv(y, filters, 16, 3, pads=[1] * 4)
    label = f"{batch}x{channels}x{size} {filters} of {kernel} {attributes} {activation}"
    module.output(y, label.replace('"', "").replace("'", ""))


def make(part):
    module = Module()
    for number in range(30):
        case(module, part * 30 + number)
    if part == 0:  # input channels in several slices; a chain whose values stay in blocks
        y = transposed(module, module.input(1, 160, 6, 7), 160, 96, (4, 4), True, strides=[2, 2], pads=[1] * 4)
        y = transposed(module, y, 96, 32, (3, 3), True, strides=[2, 2], pads=[1] * 4, output_padding=[1, 1])
        module.output(transposed(module, y, 32, 16, (2, 2), True, strides=[2, 2]), "chain")
    return module


if __name__ == "__main__":
    sweep(make, spread(PARTS), "conv_transposed", 20)
