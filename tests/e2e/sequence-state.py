# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""What carries a state from step to step: LinearAttention by all rules, CausalConvWithState, TensorScatter; FlexAttention, SwiGLU.
Against ONNX's reference: onnxruntime lacks them."""

import os
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

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



def modifier(kind, op, number=None):
    """A graph of one node, whose second operand, if any, is a number."""
    constants = [] if number is None else [numpy_helper.from_array(np.array(number, np.float32).astype(
        helper.tensor_dtype_to_np_dtype(kind)), "number")]
    node = helper.make_node(op, ["x"] + [c.name for c in constants], ["y"])
    values = [helper.make_tensor_value_info(name, kind, ["B", "H", "L", "S"]) for name in "xy"]
    return helper.make_graph([node], "modifier", values[:1], values[1:], constants)


flex = Sweep(opset=24, domain="ai.onnx.preview")
for heads, shared, key, value in ((2, 2, 8, 8), (6, 2, 4, 19), (3, 1, 1, 5)):
    for kind in (np.float32, np.float64):
        operands = [floats(2, heads, 5, key, dtype=kind), floats(2, shared, 7, key, dtype=kind),
                    floats(2, shared, 7, value, dtype=kind)]
        proto = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        flex.add("FlexAttention", operands, reference=True)
        flex.add("FlexAttention", operands, reference=True, scale=0.3, score_mod=modifier(proto, "Tanh"))
        flex.add("FlexAttention", operands, reference=True, score_mod=modifier(proto, "Mul", 1.5),
                 prob_mod=modifier(proto, "Sub", 0.25))
    flex.add("FlexAttention", [o.astype(np.float32) for o in operands], reference=True,
             softmax_precision=TensorProto.DOUBLE, score_mod=modifier(TensorProto.DOUBLE, "Abs"))

beyond = Sweep(opset=24)  # a row that the cache does not have
beyond.add("TensorScatter", [floats(2, 8, 3), floats(2, 2, 3), np.array([0, 7])])
refused = [] if sys.argv[1:] else [beyond.run_code() != 3]
finish(linear.run("linear"), causal.run("causal"), scatter.run("scatter"), glu.run("glu"),
       flex.run("flex"), *refused)
