# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""MatMul and Gemm."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

matmul = Sweep()
SHAPES = [((3, 4), (4, 5)), ((1, 7), (7, 300)), ((9, 33), (33, 1)), ((17, 64), (64, 70)), ((5,), (5,)), ((5,), (5, 6)),
          ((4, 5), (5,)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((3, 2, 4), (4,)),
          ((4,), (3, 4, 2)), ((2, 3, 1, 4), (1, 3, 4, 1)), ((130, 3), (3, 260)), ((2, 0), (0, 3)), ((0, 2), (2, 3))]
for a, b in SHAPES:
    matmul.add("MatMul", [floats(*a), floats(*b)])
    matmul.add("MatMul", [ints(-50, 50, *a, dtype=np.int32), ints(-50, 50, *b, dtype=np.int32)])
matmul.add("MatMul", [floats(3, 40, dtype=np.float64), floats(40, 50, dtype=np.float64)])
matmul.add("MatMul", [ints(-50, 50, 3, 40), ints(-50, 50, 40, 20)])
matmul.add("MatMul", [ints(0, 50, 3, 4, dtype=np.uint32), ints(0, 50, 4, 2, dtype=np.uint32)])

for m, k, n in ((3, 4, 5), (1, 100, 37), (6, 1, 40), (33, 70, 65)):
    for ta in (0, 1):
        for tb in (0, 1):
            a, b = floats(*((k, m) if ta else (m, k))), floats(*((n, k) if tb else (k, n)))
            matmul.add("Gemm", [a, b], transA=ta, transB=tb)
            for c in ((n,), (m, 1), (1, n), (m, n), ()):
                matmul.add("Gemm", [a, b, floats(*c)], constants=[1, 2], transA=ta, transB=tb, alpha=0.5, beta=2.0)
matmul.add("Gemm", [floats(3, 9, dtype=np.float64), floats(9, 6, dtype=np.float64), floats(6, dtype=np.float64)])
finish(matmul.run("matmul"))
