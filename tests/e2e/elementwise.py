# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Elementwise operators: types, broadcasting, special values."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

F32, F64, I32, I64, I8, U8, BOOL = (np.dtype(t) for t in ("f4", "f8", "i4", "i8", "i1", "u1", "?"))
SPECIAL = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 3e38, -3e38, 0.5, -0.5, 1.5, 2.5, -2.5, 1e9,
                    -8388609, 16777217], np.float32)


def data(dtype, *shape):
    if dtype.kind == "f":
        return floats(*shape, dtype=dtype)
    if dtype.kind == "b":
        return ints(0, 2, *shape, dtype=dtype)
    return ints(0 if dtype.kind == "u" else -100, 100, *shape, dtype=dtype)


def between(low, high, *shape, dtype=np.float32):
    return (np.abs(np.sin(floats(*shape))) * (high - low) + low).astype(dtype)


# Broadcasting, by an operator that tells its operands apart.
broadcast = Sweep()
PAIRS = [((3, 4, 5), (3, 4, 5)), ((3, 4, 5), (5,)), ((5,), (3, 4, 5)), ((3, 1, 5), (1, 4, 1)), ((), (3, 40)),
         ((1,), (7,)), ((2, 3, 16, 17), (3, 1, 1)), ((2, 3, 16, 17), (1, 3, 1, 17)), ((2, 1, 3, 1, 2, 1), (1, 2, 1, 2, 1, 2)),
         ((1, 1, 1, 1, 1, 1, 1, 33), (2, 1, 2, 1, 1, 1, 1, 1)), ((70, 1), (1, 70)), ((0, 3), (3,)), ((), ()),
         ((300, 100), (300, 1)), ((40000,), (1,)), ((4, 130, 131), (1, 130, 131)), ((90, 300), (300,))]
for a, b in PAIRS:
    for dtype in (F32, I32, F64):
        broadcast.add("Sub", [data(dtype, *a), data(dtype, *b)])
    broadcast.add("Less", [data(F32, *a), data(F32, *b)], types=[BOOL])
    broadcast.add("Where", [data(BOOL, *a), data(F32, *b), data(F32)], types=[F32])
for shape in ((5,), (4, 1), (3, 1, 1), (1,), (2, 3, 4, 5)):
    broadcast.add("PRelu", [floats(2, 3, 4, 5), floats(*shape)])
for count in (1, 2, 5):
    for op in ("Max", "Min", "Sum", "Mean"):
        broadcast.add(op, [floats(3, 20), floats(20), floats(3, 1), floats(), floats(3, 20)][:count])

# Arithmetic in all types; division by zero gives 0 here and is left out there.
arithmetic = Sweep()
wide = np.concatenate([ints(-2**63, 2**63, 60), np.array([-2**63, 2**63 - 1, -1, 1, 2**32, -2**32, 0])])
for dtype in (I64, np.dtype("u8")):
    divisor = np.where(wide[::-1] == 0, 7, wide[::-1] >> ints(0, 63, wide.size))
    divisor[(divisor == 0) | (divisor == -1)] = 3
    for op in ("Div", "Mod"):
        arithmetic.add(op, [wide.astype(dtype), divisor.astype(dtype)])
for dtype in (I32, np.dtype("u4")):  # in vectors by way of floats
    ends = np.array([-2**31, 2**31 - 1, -2**31 + 1, 2**31 - 2, 1, -1, 2, 2**16, 2**16 + 1, 46341, -46340], np.int64)
    spread = np.concatenate([np.repeat(ends, ends.size), ints(-2**31, 2**31, 80)])
    divisor = np.concatenate([np.tile(ends, ends.size), ints(-2**31, 2**31, 80) >> ints(0, 31, 80)])
    divisor[divisor == 0] = 7
    divisor[(spread == -2**31) & (divisor == -1)] = 5
    for op in ("Div", "Mod"):
        arithmetic.add(op, [spread.astype(dtype), divisor.astype(dtype)])
every = np.arange(-128, 128)
for dtype in (I8, U8):  # each pair but -128 and -1
    a, b = np.repeat(every, 256), np.tile(every, 256)
    kept = (b != 0) & ((a != -128) | (b != -1))
    for op in ("Div", "Mod"):
        arithmetic.add(op, [a[kept].astype(dtype), b[kept].astype(dtype)], reference=op == "Div")
for dtype in (F32, F64, I32, I64, I8, U8):
    a, b = data(dtype, 67), data(dtype, 67)
    nonzero = np.where(b == 0, b.dtype.type(3), b)
    kernels = dtype in (F32, F64, I32, I64)
    for op in ("Add", "Sub", "Mul"):
        arithmetic.add(op, [a, b], reference=not kernels)
    if kernels:
        arithmetic.add("Div", [a, nonzero])
    arithmetic.add("Mod", [a, nonzero], fmod=int(dtype.kind == "f"))
    arithmetic.add("Mod", [a, nonzero], fmod=1)
    for op in ("Max", "Min"):
        arithmetic.add(op, [a, b])
    arithmetic.add("Abs", [a])
    arithmetic.add("Sign", [a])
    if dtype.kind != "u":
        arithmetic.add("Neg", [a])
    arithmetic.add("Clip", [a, np.array(1, dtype), np.array(40, dtype)])
    arithmetic.add("Clip", [a, None, np.array(2, dtype)])
    arithmetic.add("Clip", [a, np.array(0, dtype)], constants=[1])
    arithmetic.add("Clip", [a])
    for op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
        arithmetic.add(op, [data(dtype, 67) // dtype.type(10), data(dtype, 67) // dtype.type(10)], types=[BOOL],
                       reference=not kernels)
    arithmetic.add("Where", [data(BOOL, 67), a, b], types=[dtype])
    if dtype.kind != "f":
        for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
            arithmetic.add(op, [a, b])
        arithmetic.add("BitwiseNot", [a])
arithmetic.add("Mod", [np.array([5.3, -5.3, 1e30, 7, -0.0, np.inf, 1e-40, 3], F32),
                       np.array([2.1, 2.1, 3, np.inf, 1, 2, 1e-45, -1e-30], F32)], fmod=1)
for dtype in (U8, np.dtype("u4"), np.dtype("u8")):
    for direction in ("LEFT", "RIGHT"):
        arithmetic.add("BitShift", [ints(0, 200, 50, dtype=dtype), ints(0, 8, 50, dtype=dtype)], direction=direction)
for op in ("And", "Or", "Xor", "Equal"):
    arithmetic.add(op, [data(BOOL, 99), data(BOOL, 99)], types=[BOOL])
arithmetic.add("Not", [data(BOOL, 99)])
for x, y in ((F32, F32), (F64, F64), (F32, I32), (F32, I64), (F64, I32), (I32, I32), (I64, I64), (I32, F32), (I64, F64)):
    base = between(0.1, 9, 80, dtype=np.float64) if x.kind == "f" else ints(-6, 7, 80)
    exponent = floats(80) * 3 if y.kind == "f" and x.kind == "f" else ints(0, 7, 80)
    arithmetic.add("Pow", [base.astype(x), exponent.astype(y)])
grid = np.array([0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, np.inf, -np.inf, np.nan, 2.5], np.float64)
for dtype in (F32, F64):
    arithmetic.add("Pow", [np.repeat(grid, grid.size).astype(dtype), np.tile(grid, grid.size).astype(dtype)])
for exponent in (2, 3, 1, 0, -1, -2, 0.5, -0.5, 1.5):
    for dtype in (F32, F64):
        arithmetic.add("Pow", [grid.astype(dtype), np.array(exponent, dtype)], constants=[1])
    arithmetic.add("Pow", [grid.astype(F32), np.array([int(exponent)])], constants=[1])
arithmetic.add("Pow", [np.abs(ints(-9, 9, 20)), np.array(2)], constants=[1])

# Functions, over their ranges and at special values.
functions = Sweep()
RANGES = {"Acos": (-1, 1), "Acosh": (1, 50), "Asin": (-1, 1), "Atanh": (-0.999, 0.999), "Log": (0, 9), "Sqrt": (0, 9),
          "Tan": (-1.5, 1.5)}
FUNCTIONS = ("Acos Acosh Asin Asinh Atan Atanh Cos Cosh Erf Exp Log Sin Sinh Sqrt Tan Tanh Sigmoid Softplus Softsign "
             "Reciprocal Ceil Floor Round Abs Neg Sign").split()
for op in FUNCTIONS:
    low, high = RANGES.get(op, (-12, 12))
    functions.add(op, [between(low, high, 333)])
    functions.add(op, [between(low, high, 50, dtype=np.float64)], reference=True)
    functions.add(op, [SPECIAL], reference=op in ("Sign", "Softplus"))
    if "armv7" not in sys.argv:  # whose vectors take subnormal numbers for zero
        functions.add(op, [np.array([1e-40, -1e-40, 1e-45, -1e-45], np.float32)], reference=op in ("Sign", "Softplus"))
for op in ("Ceil", "Floor", "Round"):
    functions.add(op, [np.arange(-40, 41).astype(F32) / 8])
    functions.add(op, [np.arange(-40, 41).astype(F64) / 8 + 2.0**40])
functions.add("IsNaN", [SPECIAL], types=[BOOL])
for negative in (0, 1):
    for positive in (0, 1):
        functions.add("IsInf", [SPECIAL], types=[BOOL], detect_negative=negative, detect_positive=positive)

activations = Sweep()
for op, attributes in [("Relu", {}), ("LeakyRelu", {}), ("LeakyRelu", {"alpha": 0.3}), ("Elu", {}), ("Elu", {"alpha": 2.0}),
                       ("Selu", {}), ("Selu", {"alpha": 1.5, "gamma": 0.7}), ("Celu", {"alpha": 1.7}),
                       ("HardSigmoid", {}), ("HardSigmoid", {"alpha": 0.4, "beta": 0.1}), ("HardSwish", {}),
                       ("ThresholdedRelu", {"alpha": 0.8}), ("Shrink", {"bias": 0.3, "lambd": 0.7}), ("Mish", {})]:
    x = floats(5, 77) * np.float32(4)
    activations.add(op, [x], reference=op in ("Mish", "Celu"), **attributes)
    activations.add(op, [np.array([0, -0.0, np.inf, 100, -100, 1e-30], F32)], reference=op in ("Mish", "Celu"), **attributes)
activations.add("Relu", [data(I32, 20)])

# Every pair of types, in range; and what saturates or wraps where numpy says how.
casts = Sweep()
TYPES = [F32, F64, I8, np.dtype("i2"), I32, I64, U8, np.dtype("u2"), np.dtype("u4"), np.dtype("u8"), BOOL]
for source in TYPES:
    for to in TYPES:
        x = data(source, 45)
        if source.kind == "f":
            x = x * source.type(30)
        if to.kind == "u":
            x = np.abs(x) if x.dtype.kind in "fi" else x
        casts.add("Cast", [x], types=[to], to={"f4": 1, "u1": 2, "i1": 3, "u2": 4, "i2": 5, "i4": 6, "i8": 7, "b1": 9,
                                               "f8": 11, "u4": 12, "u8": 13}[to.str[1:]])
casts.add("Cast", [np.array([2**40 + 1, -2**62 - 1, 2**63 - 1, 2**24 + 1, -2**63], I64)], types=[F32], to=1)
casts.add("Cast", [np.array([2**64 - 1, 2**53 + 1, 2**63], np.uint64)], types=[F64], to=11)
for dtype in (I64, np.dtype("u8")):
    casts.add("Cast", [wide.astype(dtype)], types=[F32], to=1)
    casts.add("Cast", [wide.astype(dtype)], types=[F64], to=11)
    casts.add("Cast", [(wide.astype(dtype) // 3).astype(F64)], types=[dtype], to=7 if dtype == I64 else 13)
casts.add("Cast", [np.array([300, -1, 256], I32)], types=[U8], to=2)
casts.add("Cast", [np.array([0.4, -0.4, np.nan, 0, np.inf], F32)], types=[BOOL], to=9)

sweeps = dict(broadcast=broadcast, arithmetic=arithmetic, functions=functions, activations=activations, casts=casts)
finish(*[sweep.run(name) for name, sweep in sweeps.items()])
