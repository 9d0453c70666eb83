# RUN: %python %s
"""RNN, GRU, LSTM in all directions and layouts; Einsum."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats

sequence = Sweep()
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
for op, gates in GATES.items():
    for direction, count in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
        for hidden in (3, 17):
            operands = [floats(4, 2, 5), floats(count, gates * hidden, 5), floats(count, gates * hidden, hidden)]
            sequence.add(op, operands, direction=direction, hidden_size=hidden)
            sequence.add(op, operands + [floats(count, 2 * gates * hidden)], direction=direction, hidden_size=hidden)
h = 17  # what a cell can be told: lengths, states, peepholes, the reset, other activations, a clip
more = [floats(4, 3, 5), None, None, None, np.array([4, 1, 3], np.int32), floats(2, 3, h)]
for op, gates in GATES.items():
    more[1:4] = [floats(2, gates * h, 5), floats(2, gates * h, h), floats(2, 2 * gates * h)]
    tail = [floats(2, 3, h), floats(2, 3 * h)] if op == "LSTM" else []
    own = {"GRU": {"linear_before_reset": 1}}.get(op, {})
    # LSTM with a clip is not compared: onnxruntime differs from what is read here as the standard, and ONNX's
    # reference has no clip.
    for clip in ({}, {"clip": 0.5}) if op != "LSTM" else ({},):
        sequence.add(op, more + tail, direction="bidirectional", hidden_size=h, **own, **clip)
    names = {"RNN": ["Relu"], "GRU": ["HardSigmoid", "Softsign"], "LSTM": ["HardSigmoid", "ScaledTanh", "Elu"]}[op]
    parameters = {} if op != "LSTM" else {"activation_alpha": [0.3, 1.5, 0.7] * 2, "activation_beta": [0.4, 0.6] * 2}
    if op == "GRU":
        parameters = {"activation_alpha": [0.3] * 2, "activation_beta": [0.4] * 2}
    sequence.add(op, more, direction="bidirectional", hidden_size=h, activations=names * 2, **parameters, **own)
for equation, shapes in (("ij,jk->ik", ((3, 4), (4, 5))), ("...ii->...i", ((2, 3, 3),)), ("ij->", ((3, 4),)),
                         ("bij,bjk", ((2, 3, 4), (2, 4, 5))), ("i,j,k->kij", ((2,), (3,), (4,))), ("ij->ji", ((3, 4),))):
    sequence.add("Einsum", [floats(*shape) for shape in shapes], equation=equation)
finish(sequence.run("sequence"))
