# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""What carries a state from step to step: LinearAttention by all rules, CausalConvWithState, TensorScatter; SwiGLU.
Against ONNX's reference: onnxruntime lacks them."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

linear = Sweep(opset=27)


def attention(batch, steps, queries, heads, key, value, rule, past=False, each=True, own=True, dtype=np.float32, **more):
    operands = [floats(batch, steps, n * size) for n, size in ((queries, key), (heads, key), (heads, value))]
    operands[1] /= np.sqrt(key)
    operands.append(floats(batch, heads, key, value) if past else None)
    operands.append(-np.abs(floats(batch, steps, heads * key if each else heads)) if "gated" in rule else None)
    operands.append(np.abs(floats(batch, steps, heads if own else 1)) if "delta" in rule else None)
    operands = [None if o is None else o.astype(dtype) for o in operands]
    linear.add("LinearAttention", operands, types=[dtype, dtype], reference=True, q_num_heads=queries,
               kv_num_heads=heads, update_rule=rule, **more)


for rule in ("linear", "gated", "delta", "gated_delta"):
    attention(2, 5, 2, 2, 8, 16, rule)
    attention(1, 7, 6, 2, 4, 19, rule, past=True, each=False, own=False, scale=0.7)
    attention(2, 1, 12, 2, 3, 33, rule, past=True)
    attention(1, 3, 1, 1, 1, 1, rule, dtype=np.float16)

causal = Sweep(opset=27)
for kernel in (1, 2, 4):
    for steps in (1, 9):
        for past in (None, floats(2, 5, kernel - 1)):
            for bias, activation in ((None, "none"), (floats(5), "silu"), (None, "swish")):
                causal.add("CausalConvWithState", [floats(2, 5, steps), floats(5, 1, kernel), bias, past],
                           types=[np.float32, np.float32], reference=True, activation=activation)

scatter = Sweep(opset=24)
for shape, axis, rows in (((3, 8, 5), -2, 2), ((2, 4, 9, 17), 2, 3), ((2, 6, 3), 1, 6), ((3, 7), -1, 4)):
    update = list(shape)
    update[axis] = rows
    for kind in (np.float32, np.int64, np.float16):
        data = [ints(-99, 99, *s).astype(kind) for s in (shape, update)]
        scatter.add("TensorScatter", data, reference=True, axis=axis)
        scatter.add("TensorScatter", data + [ints(0, shape[axis] - rows + 1, shape[0])], reference=True, axis=axis)
        scatter.add("TensorScatter", data + [ints(-50, 50, shape[0])], reference=True, axis=axis, mode="circular")

glu = Sweep(opset=28)
for kind in (np.float32, np.float64):
    glu.add("SwiGLU", [floats(3, 37, dtype=kind), floats(3, 37, dtype=kind)], reference=True)
    glu.add("SwiGLU", [floats(3, 37, dtype=kind), floats(3, 37, dtype=kind)], reference=True, alpha=1.7)

beyond = Sweep(opset=24)  # a row that the cache does not have
beyond.add("TensorScatter", [floats(2, 8, 3), floats(2, 2, 3), np.array([0, 7])])
refused = [] if sys.argv[1:] else [beyond.run_code() != 3]
finish(linear.run("linear"), causal.run("causal"), scatter.run("scatter"), glu.run("glu"), *refused)
