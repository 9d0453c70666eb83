# RUN: %python %s %sqzc %t
"""matmul_packed over quantized weights, widened as they are used or once for all rows, against the generic lowerings: types,
blocks along the sums, of which the last may be shorter, zeros for each block or one, transposed factors, few rows and many."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import cases, spread, sweep

PARTS = 3
ROWS = [1, 1, 2, 3, 7, 16, 17, 40]
SIZES = [(64, 48), (40, 33), (136, 7), (1100, 20), (512, 16), (97, 50), (600, 18)]
BITS = {"i4": 4, "u4": 4, "i8": 8, "u8": 8, "i2": 2, "u2": 2}


def dequantized(module, dtype, inner, columns, block, zeros, transposed):
    """A matrix of inner x columns, or transposed: weights, scales and perhaps zeros of blocks."""
    def turned(a, b):
        return (b, a) if transposed else (a, b)
    narrow = dtype[1] != "8"

    def integers(*dims):
        value = module.constant(*dims, dtype=dtype, layout="packed" if narrow else "")
        return module.node("sqz.UnpackBits", [value]) if narrow else value
    each = columns if block else 1  # without blocks, one scale for all
    rows, across = block or inner, 1 if block else columns
    shape = turned(-(-inner // rows), each)
    operands = [integers(*turned(inner, columns)), module.constant(*shape)] + ([integers(*shape)] if zeros == "each" else [])
    rows, across = turned(rows, across)
    more = {"zero": 1 << (BITS[dtype] - 1)} if zeros == "one" else {}
    return module.node("sqz.Dequantize", operands, rows=rows, columns=across, **more)


def case(module, number):
    rows, (inner, columns) = ROWS[number % len(ROWS)], SIZES[number % len(SIZES)]
    dtype, zeros = random.choice(list(BITS)), random.choice(["", "one", "each"])
    block = random.choice([0, inner, 16, 32, 32, 48, 128])
    block = min(block, inner)
    gemm, turned = number % 3 == 0, number % 2 == 0
    w = dequantized(module, dtype, inner, columns, block, zeros, turned)
    x = module.input(rows, inner)
    if gemm:
        y = module.node("Gemm", [x, w, module.constant(columns)], transB=str(turned).lower(), act="relu")
    else:
        y = module.node("MatMul", [x, w], **({"perm_b": [1, 0]} if turned else {}))
    module.output(y, f"{rows}x{inner}x{columns} {dtype} of {block} {zeros} {turned}")


make = cases(case, 24)

if __name__ == "__main__":
    sweep(make, spread(PARTS), "matmul_packed", 24)
