# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Conv and ConvTranspose in one to three dimensions."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats

conv = Sweep()


def add(op, x, w, bias=True, dtype=np.float32, reference=False, **attributes):
    outputs = w[0] if op == "Conv" else w[1] * attributes.get("group", 1)
    arrays = [floats(*x, dtype=dtype), floats(*w, dtype=dtype)] + ([floats(outputs, dtype=dtype)] if bias else [])
    conv.add(op, arrays, constants=range(1, len(arrays)), reference=reference, **attributes)


for kernel in (1, 2, 3, 5):
    for stride in (1, 2, 3):
        for pad in (0, 1):
            for dilation in (1, 2):
                add("Conv", (1, 3, 11, 13), (5, 3, kernel, kernel), strides=[stride] * 2, pads=[pad] * 4,
                    dilations=[dilation] * 2, bias=pad > 0)
add("Conv", (2, 4, 9), (6, 4, 3), pads=[1, 1])
for stride in (2, 3, 4, 5):  # long rows, tiles of 8 channels and what they leave, windows up to the end of the input
    add("Conv", (1, 1, 300), (69, 1, 15), strides=[stride], pads=[7, 7])
    add("Conv", (1, 2, 5, 97), (66, 1, 1, 1), strides=[1, stride], group=2)
add("Conv", (1, 4, 20), (6, 2, 4), pads=[3, 1], strides=[2], group=2)
add("Conv", (1, 2, 5, 6, 7), (3, 2, 3, 2, 3), pads=[1, 0, 1, 1, 1, 2], strides=[1, 2, 1])
add("Conv", (1, 2, 7, 6, 7), (3, 2, 3, 2, 3), dilations=[2, 1, 2], dtype=np.float64, reference=True)
add("Conv", (2, 3, 5, 6, 7), (9, 3, 3, 3, 3), pads=[1] * 6)
add("Conv", (1, 4, 7, 6, 5), (8, 4, 3, 2, 2), pads=[2, 0, 1, 0, 1, 0], strides=[2, 1, 2], dilations=[2, 1, 1])
add("Conv", (1, 3, 4, 6, 7), (8, 3, 1, 3, 3), auto_pad="SAME_UPPER", strides=[3, 2, 2])
add("Conv", (1, 4, 6, 3, 5), (6, 2, 3, 1, 1), pads=[1, 0, 0, 0, 0, 0], strides=[2, 1, 1], group=2)
add("Conv", (1, 5, 2, 3, 4), (7, 5, 1, 1, 1))
add("Conv", (1, 8, 9, 9), (8, 1, 3, 3), pads=[1] * 4, group=8)
add("Conv", (1, 8, 9, 9), (16, 1, 3, 3), pads=[0, 1, 2, 1], group=8, strides=[2, 1])
add("Conv", (2, 6, 7, 7), (4, 3, 3, 3), group=2, auto_pad="SAME_UPPER", strides=[2, 2])
add("Conv", (1, 3, 8, 7), (4, 3, 4, 2), auto_pad="SAME_LOWER", strides=[3, 2])
add("Conv", (1, 3, 8, 7), (4, 3, 4, 2), auto_pad="VALID", strides=[3, 2])
add("Conv", (1, 3, 3, 3), (4, 3, 5, 5), pads=[4, 4, 4, 4])
add("Conv", (1, 64, 6, 6), (32, 64, 3, 3), pads=[1] * 4)
add("Conv", (1, 17, 6, 6), (33, 17, 1, 1))
for group, inputs, outputs in ((13, 8, 8), (8, 4, 4), (6, 4, 8), (3, 24, 24), (2, 5, 7), (4, 8, 12)):  # merged groups
    add("Conv", (1, group * inputs, 7, 8), (group * outputs, inputs, 3, 3), group=group, pads=[1] * 4, strides=[2, 1])
    add("Conv", (2, group * inputs, 11), (group * outputs, inputs, 1), group=group, bias=False)
for rate in (3, 5, 9, 14):  # taps beyond the image
    add("Conv", (1, 18, 8, 5), (20, 18, 3, 3), pads=[rate] * 4, dilations=[rate] * 2)
    add("Conv", (2, 6, 9), (6, 2, 5), pads=[2 * rate] * 2, dilations=[rate], strides=[2], group=3)
add("Conv", (1, 2, 4, 3, 5), (3, 2, 3, 3, 3), pads=[4, 1, 6] * 2, dilations=[4, 1, 6])
for kernel in (1, 3, 5):  # one column
    add("Conv", (1, 20, 40, 1), (40, 20, kernel, 1), pads=[1, 0, 2, 0], strides=[2, 1])
    add("Conv", (2, 16, 19, 1), (16, 16, kernel, 1), dilations=[2, 1])

for group, outputs in ((3, 5), (2, 4), (5, 9)):
    add("Conv", (2, group * 2, 7, 7), (group * outputs, 2, 1, 1), group=group)
    add("Conv", (1, group * 2, 7, 9), (group * outputs, 2, 3, 3), group=group, pads=[1] * 4)
    add("Conv", (1, group * 2, 9, 40), (group * outputs, 2, 3, 3), group=group, pads=[1] * 4, strides=[2, 2])
    add("Conv", (1, group * 2, 70), (group * outputs, 2, 5), group=group, pads=[2, 1])
    add("Conv", (1, group * 2, 3, 4, 33), (group * outputs, 2, 1, 1, 1), group=group)
    add("Conv", (1, group * 2, 3, 4, 33), (group * outputs, 2, 3, 1, 3), group=group, dilations=[1, 1, 3])
add("Conv", (1, 4, 3, 50), (6, 4, 3, 3))
for stride in (1, 2, 3):
    for kernel in (1, 2, 4):
        for dilation in (1, 2):
            add("ConvTranspose", (1, 3, 4, 5), (3, 4, kernel, kernel), strides=[stride] * 2, dilations=[dilation] * 2,
                pads=[0, 1, 0, 0] if kernel > 1 else [0] * 4, bias=stride > 1)
add("ConvTranspose", (1, 4, 6), (4, 3, 3), strides=[2], output_padding=[1], pads=[1, 1])
add("ConvTranspose", (2, 4, 5, 5), (4, 3, 3, 3), strides=[2, 2], group=2, output_shape=[10, 10])
add("ConvTranspose", (1, 4, 5, 5), (4, 3, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER")
add("ConvTranspose", (1, 4, 5, 5), (4, 3, 4, 4), strides=[3, 3], auto_pad="SAME_LOWER")
add("ConvTranspose", (1, 2, 3, 4, 3), (2, 3, 3, 2, 2), strides=[2, 1, 2], pads=[1, 0, 0, 0, 1, 0])
for kernel, stride in ((2, 2), (3, 2), (4, 2), (5, 3), (3, 1), (2, 4)):
    pad = (kernel - 1) // 2
    add("ConvTranspose", (2, 6, 5, 40), (6, 7, kernel, kernel), strides=[stride] * 2, pads=[pad] * 4)
    add("ConvTranspose", (1, 6, 70), (6, 9, kernel), strides=[stride], pads=[pad, 0], group=3)
add("ConvTranspose", (1, 3, 4, 30), (3, 5, 3, 3), strides=[2, 2], dilations=[2, 3], pads=[1, 2, 0, 1])
add("ConvTranspose", (1, 5, 6, 33), (5, 3, 4, 4), strides=[2, 2], pads=[1] * 4)
add("ConvTranspose", (1, 5, 40), (5, 3, 9), strides=[2], pads=[3, 4])
add("ConvTranspose", (1, 3, 12), (3, 2, 40), strides=[2])
finish(conv.run("conv"))
