# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""rnn_packed: recurrent layers with constant weights, against onnxruntime: groups of equal and unequal size, one row, columns
that fill their panels and that don't, blocks of steps with a rest, sequences of every length in every direction."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
rnn = Sweep()


def add(op, batch, steps, inputs, hidden, direction="forward", bias=True, lengths=None, states=False, **attributes):
    count, gates = 1 + (direction == "bidirectional"), GATES[op]
    arrays = [floats(steps, batch, inputs), floats(count, gates * hidden, inputs) * 0.4, floats(count, gates * hidden, hidden) * 0.4,
              floats(count, 2 * gates * hidden) if bias else None]
    if lengths or states:
        arrays.append(np.array(lengths, np.int32) if lengths else None)
    if states:
        arrays += [floats(count, batch, hidden) for _ in range(2 if op == "LSTM" else 1)]
        arrays += [floats(count, 3 * hidden)] if op == "LSTM" else []
    rnn.add(op, arrays, constants=(1, 2), types=[np.float32] * (3 if op == "LSTM" else 2), direction=direction,
            hidden_size=hidden, **attributes)


for op in GATES:
    for batch in (1, 2, 5, 6, 7, 13, 16, 29):
        add(op, batch, 5, 9, 16)
    for hidden in (1, 8, 16, 17, 32, 40, 48):
        add(op, 3, 4, 5, hidden, direction="reverse", bias=False)
    for steps in (1, 24, 25, 61):
        add(op, 1, steps, 7, 16, direction="bidirectional")
        add(op, 4, steps, 3, 16, linear_before_reset=1) if op == "GRU" else None
    for direction in ("forward", "reverse", "bidirectional"):
        more = {"linear_before_reset": 1} if op == "GRU" and direction != "reverse" else {}
        add(op, 7, 9, 6, 32, direction=direction, lengths=[9, 1, 3, 8, 2, 9, 5], states=True, **more)
        add(op, 2, 30, 6, 16, direction=direction, lengths=[4, 27], **more)
finish(rnn.run("rnn"))
