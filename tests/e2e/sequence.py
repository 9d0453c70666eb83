# RUN: %python %s
"""RNN, GRU, LSTM in all directions and layouts; Einsum."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

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
    # LSTM with a clip is compared below: onnxruntime does not apply it to the input of the last activation.
    for clip in ({}, {"clip": 0.5}) if op != "LSTM" else ({},):
        sequence.add(op, more + tail, direction="bidirectional", hidden_size=h, **own, **clip)
    names = {"RNN": ["Relu"], "GRU": ["HardSigmoid", "Softsign"], "LSTM": ["HardSigmoid", "ScaledTanh", "Elu"]}[op]
    parameters = {} if op != "LSTM" else {"activation_alpha": [0.3, 1.5, 0.7] * 2, "activation_beta": [0.4, 0.6] * 2}
    if op == "GRU":
        parameters = {"activation_alpha": [0.3] * 2, "activation_beta": [0.4] * 2}
    sequence.add(op, more, direction="bidirectional", hidden_size=h, activations=names * 2, **parameters, **own)


def clipped_lstm(x, w, r, b, p, clip):
    """One direction, by the equations of the standard: the clip bounds the input of every activation."""
    def squash(f, x):
        return f(np.clip(x, -clip, clip))

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    hidden = r.shape[1]
    state = cell = np.zeros((x.shape[1], hidden))
    states = []
    for step in x.astype(np.float64):
        gates = step @ w.T + state @ r.T + b[:4 * hidden] + b[4 * hidden:]
        i, o, f, n = np.split(gates, 4, axis=1)
        pi, po, pf = np.split(p, 3)
        old = cell
        cell = squash(sigmoid, f + pf * old) * old + squash(sigmoid, i + pi * old) * squash(np.tanh, n)
        state = squash(sigmoid, o + po * cell) * squash(np.tanh, cell)
        states.append(state)
    return np.array(states)[:, None].astype(np.float32)


for hidden in (4, 17):
    x, w, r = floats(9, 2, 5), 2 * floats(1, 4 * hidden, 5), 2 * floats(1, 4 * hidden, hidden)
    b, p = floats(1, 8 * hidden), floats(1, 3 * hidden)
    sequence.add("LSTM", [x, w, r, b, None, None, None, p], hidden_size=hidden, clip=0.3,
                 expected=[clipped_lstm(x, w[0], r[0], b[0], p[0], 0.3)])
for equation, shapes in (("ij,jk->ik", ((3, 4), (4, 5))), ("...ii->...i", ((2, 3, 3),)), ("ij->", ((3, 4),)),
                         ("bij,bjk", ((2, 3, 4), (2, 4, 5))), ("i,j,k->kij", ((2,), (3,), (4,))), ("ij->ji", ((3, 4),))):
    sequence.add("Einsum", [floats(*shape) for shape in shapes], equation=equation)

# Products of matrices, which lower-einsum finds: every place of the batch, of rows, columns and sums, with and without
# a constant factor, in other types; and equations that look like one.
products = (("bihd,bjhd->bhij", ((2, 6, 3, 4), (2, 5, 3, 4))), ("bhij,bjhd->bihd", ((2, 3, 6, 5), (2, 5, 3, 4))),
            ("ij,jk->ki", ((9, 5), (5, 33))), ("ij,kj", ((7, 19), (6, 19))), ("ji,jk->ik", ((3, 4), (3, 5))),
            ("...j,jo->...o", ((2, 3, 6, 5), (5, 17))), ("abc,bacd->d", ((2, 3, 4), (3, 2, 4, 5))),
            ("abc,cbad->d", ((2, 3, 4), (4, 3, 2, 5))), ("ij,j->i", ((6, 21), (21,))), ("j,j->", ((40,), (40,))),
            ("bi,bi->b", ((5, 17), (5, 17))), ("bij,bjk->kbi", ((2, 3, 4), (2, 4, 5))),
            ("b...ij,b...jk->...bik", ((2, 3, 2, 3, 4), (2, 3, 2, 4, 5))), ("aibj,bkja->kiab", ((2, 3, 4, 5), (4, 6, 5, 2))),
            ("ibc,bcd->id", ((3, 1, 4), (1, 4, 5))), ("...ij,...jk->...ik", ((1, 3, 4), (2, 4, 5))),
            ("ii,ij->j", ((4, 4), (4, 3))), ("ij,kl->il", ((2, 3), (4, 5))), ("ij,jk->ijk", ((2, 3), (3, 4))),
            ("ij,jk,kl->il", ((2, 3), (3, 4), (4, 5))), ("i,j->ij", ((19,), (21,))), ("i,j->ji", ((19,), (21,))),
            ("bi,bj->bij", ((3, 4), (3, 5))), ("abc,cda->dabc", ((3, 1, 4), (4, 2, 3))), ("ij,ij->ji", ((3, 4), (3, 4))),
            ("...i,j->...ij", ((2, 3, 1), (5,))), (",ij->ij", ((), (3, 4))))
for equation, shapes in products:
    factors = [floats(*shape) for shape in shapes]
    sequence.add("Einsum", factors, equation=equation)
    sequence.add("Einsum", factors, constants=(0,), equation=equation)
    sequence.add("Einsum", factors, constants=(1,), equation=equation)
sequence.add("Einsum", [floats(2, 3, 4, dtype=np.float64), floats(4, 5, dtype=np.float64)], equation="abc,cd->adb")
sequence.add("Einsum", [ints(-9, 9, 3, 4), ints(-9, 9, 4, 5)], equation="ij,jk->ki")
sequence.add("Einsum", [ints(-9, 9, 3, 4), ints(-9, 9, 4, 5)], equation="ij,jk->kij")
finish(sequence.run("sequence"))
