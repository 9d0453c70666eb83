# RUN: %python %s %sqzc %t
"""Kernels in company: what one leaves in lanes, rims and shared storage must not disturb the next. Each case is a
small graph around Concats, Splits, views and values that several convolutions read with different pads."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import Module, spread, sweep

PARTS = 2
UNARY = ["Sigmoid", "Exp", "Cos", "Neg", "Reciprocal"]


def readers(m, x, channels, label):
    """A value read with several pads and by what adds over all its lanes or pixels."""
    m.output(m.conv(x, channels, 7, 3, pads=[1] * 4), f"{label}, conv 3x3")
    m.output(m.conv(x, channels, 16, 5, pads=[4, 0, 2, 3]), f"{label}, conv 5x5")
    m.output(m.node("GlobalAveragePool", [x]), f"{label}, mean")
    m.output(x, label)


def unary(m):
    """Functions that are not 0 at 0, on channels that leave lanes over."""
    for op in UNARY:
        for channels in (3, 21):
            x = m.conv(m.input(1, 4, 5, 6), 4, channels, 1)
            y = m.node(op, [x])
            if op == "Reciprocal":  # infinite in lanes of zeros
                y = m.node("Clip", [y, m.constant(data="fill(-2)"), m.constant(data="fill(2)")])
            readers(m, y, channels, f"{op} {channels}")


def activated(m):
    """Activations in the convolution itself, read by a depthwise one and by a pool."""
    for op in ("Sigmoid", "HardSigmoid"):
        x = m.node(op, [m.conv(m.input(3, 5, 6, 7), 5, 19, 3, pads=[1] * 4)])
        y = m.node(op, [m.conv(x, 19, 19, 3, group=19, pads=[1] * 4)])
        m.output(m.node("MaxPool", [y], kernel_shape=[2, 2], pads=[1, 1, 0, 0]), f"{op} pool")
        readers(m, y, 19, f"{op} depthwise")


def concats(m):
    for batch in (1, 3):
        for first, second in ((16, 16), (16, 5), (5, 16), (32, 3), (8, 8), (24, 8)):
            label = f"Concat {batch}: {first}, {second}"
            x = m.input(batch, 9, 6, 7)
            a, b = m.conv(x, 9, first, 1), m.conv(x, 9, second, 3, pads=[1] * 4)
            readers(m, m.node("Concat", [a, b], axis=1), first + second, label)
            m.output(m.conv(a, first, 4, 3, pads=[2] * 4), f"{label}, part")
    x = m.input(1, 16, 4, 5)
    a = m.conv(x, 16, 16, 1)
    c = m.constant(1, 16, 4, 5)
    readers(m, m.node("Concat", [a, a], axis=1), 32, "Concat of one value twice")
    readers(m, m.node("Concat", [x, a], axis=1), 32, "Concat with an input")
    readers(m, m.node("Concat", [a, c], axis=1), 32, "Concat with a constant")
    inner = m.node("Concat", [a, m.conv(x, 16, 16, 3, pads=[1] * 4)], axis=1)
    readers(m, m.node("Concat", [inner, m.conv(inner, 32, 16, 1)], axis=1), 48, "Concat in a Concat")
    both = m.node("Concat", [a, inner], axis=1)
    readers(m, m.node("Concat", [inner, both], axis=1), 80, "Concats that share a part")
    m.output(m.node("Concat", [a, a, x], axis=2), "Concat of rows")
    m.output(m.node("Concat", [a, m.conv(x, 16, 16, 1)], axis=0), "Concat of batches")


def splits(m):
    x = m.input(1, 48, 5, 6)
    y = m.conv(x, 48, 48, 3, pads=[1] * 4)
    for value, label in ((x, "input"), (y, "value")):
        a, b, c = m.node("Split", [value, m.ints(16, 16, 16)], 3, axis=1)
        readers(m, m.node("Concat", [c, a, m.conv(b, 16, 16, 3, pads=[1] * 4)], axis=1), 48, f"Split of an {label}")
        p, q = m.node("Split", [value, m.ints(17, 31)], 2, axis=1)
        readers(m, m.node("Concat", [q, m.node("Relu", [p])], axis=1), 48, f"uneven Split of an {label}")
    b1, b2 = m.node("Split", [m.input(2, 16, 3, 3), m.ints(1, 1)], 2, axis=0)
    m.output(m.node("Add", [m.conv(b1, 16, 5, 3, pads=[1] * 4), m.conv(b2, 16, 5, 1)]), "Split of batches")


def views(m):
    x = m.input(1, 6, 4, 5)
    y = m.conv(x, 6, 20, 1)
    flat = m.node("Flatten", [y], axis=1)
    m.output(flat, "Flatten")
    m.output(m.node("Reshape", [y, m.ints(1, 4, 10, 10)]), "Reshape")
    back = m.node("Reshape", [flat, m.ints(1, 20, 4, 5)])
    readers(m, m.conv(back, 20, 20, 3, pads=[1] * 4), 20, "Reshape and back")
    mean = m.node("GlobalAveragePool", [y])
    m.output(m.node("Flatten", [mean], axis=1), "Flatten of a mean")
    scale = m.node("Sigmoid", [m.conv(mean, 20, 20, 1)])
    readers(m, m.node("Mul", [y, scale]), 20, "squeeze and excite")
    readers(m, m.node("Add", [y, m.constant(1, 20, 1, 1)]), 20, "Add of a constant to each channel")
    readers(m, m.node("Add", [y, m.constant(4, 5)]), 20, "Add of a constant to each pixel")
    m.output(m.node("Reshape", [x, m.ints(6, 20)]), "Reshape of an input")
    m.output(m.node("Flatten", [m.node("Flatten", [x], axis=2)], axis=0), "Flatten twice")


def rims(m):
    """Inputs that several convolutions read with different pads, few channels and many."""
    for channels in (2, 3, 16, 20):
        x = m.input(1, channels, 8, 9)
        for kernel, pads in ((1, [0] * 4), (3, [1] * 4), (7, [3] * 4), (3, [0, 2, 1, 0])):
            m.output(m.conv(x, channels, 9, kernel, pads=pads), f"input of {channels} with pads {pads}")
        y = m.node("Add", [m.conv(x, channels, 8, 3, pads=[1] * 4), m.conv(x, channels, 8, 3, pads=[1] * 4)])
        readers(m, m.node("Add", [y, y]), 8, f"Add of convs on {channels}")
        z = m.node("MaxPool", [x], kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])
        readers(m, z, channels, f"MaxPool of an input of {channels}")
    x = m.conv(m.input(2, 3, 9, 9), 3, 18, 3, strides=[2, 2])
    readers(m, m.node("AveragePool", [x], kernel_shape=[2, 2], pads=[0, 0, 1, 1]), 18, "AveragePool")
    readers(m, m.node("Transpose", [x], perm=[0, 1, 3, 2]), 18, "Transpose")
    readers(m, m.node("Softmax", [x], axis=1), 18, "Softmax")


def fires(m):
    for squeeze, one, three in ((16, 16, 16), (3, 16, 16), (5, 24, 8), (17, 7, 9), (16, 32, 5)):
        x = m.conv(m.input(1, 3, 7, 8), 3, 20, 3)
        s = m.node("Relu", [m.conv(x, 20, squeeze, 1)])
        a = m.node("Relu", [m.conv(s, squeeze, one, 1)])
        b = m.node("Relu", [m.conv(s, squeeze, three, 3, pads=[1] * 4)])
        y = m.node("Concat", [a, b], axis=1)
        readers(m, y, one + three, f"Fire {squeeze}: {one}, {three}")
        if one + three == 32:
            readers(m, m.node("Add", [y, m.conv(x, 20, 32, 1)]), 32, f"bypass {squeeze}: {one}, {three}")


def overflow(m):
    """Infinite values stay so: lanes behind the last channel must not make NaN of them."""
    for group in (1, 5):
        x = m.node("Exp", [m.input(1, 5, 40, 4)])
        for weights in ("fill(3e38)", "fill(1)", "fill(1)", "fill(1)"):
            x = m.node("Conv", [x, m.constant(5, 5 // group, 3, 3, data=weights)], strides=[2, 1], pads=[1] * 4, group=group)
        m.output(m.node("Sigmoid", [x]), f"overflow in groups of {group}")
        y = m.conv(x, 5, 5, 1)
        m.output(m.node("Sigmoid", [y]), f"overflow in groups of {group}, mixed")


def make(part):
    module = Module()
    for cases in ((unary, activated, views, fires), (concats, splits, rims, overflow))[part]:
        cases(module)
    return module


if __name__ == "__main__":
    sweep(make, spread(PARTS), "conv_", 60)
