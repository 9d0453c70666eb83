# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
"""Gradient of a network that has each operator with a derivative, broadcast operands, values read twice and one that y
does not depend on: compared with differences of y, in double."""

import os
import sys
import tempfile

import numpy as np
import onnx

import compare
from native import Network, Program

TEXT = """
<ir_version: 8, opset_import: ["": 17, "ai.onnx.preview.training": 1]>
net (double[3, 4] x, double[4, 5] w, double[5] b, double[3, 1] c, double[2] other, double[3, 5] fixed)
  => (double[3, 4] dx, double[4, 5] dw, double[5] db, double[3, 1] dc, double[2] dother, double[3, 5] dh)
<double half = {0.5}, double one = {1.0}>
{
  p = MatMul (x, w)
  h = Add (p, b)
  t = Tanh (h)
  s = Sigmoid (t)
  r = Relu (h)
  e = Exp (s)
  u = Add (e, one)
  l = Log (u)
  q = Div (e, l)
  v = Sqrt (q)
  n = Neg (v)
  m = Mul (n, c)
  f = Mul (m, fixed)
  k = Sub (f, r)
  i = Identity (k)
  y = Mul (i, half)
  dx, dw, db, dc, dother = ai.onnx.preview.training.Gradient <xs = ["x", "w", "b", "c", "other"], zs = ["fixed"], y = "y"> (x, w, b, c, other, fixed)
  dh = ai.onnx.preview.training.Gradient <xs = ["h"], y = "y"> (h)
}
"""
STEP = 1e-6


def of_h(h, c, fixed):
    e = np.exp(1 / (1 + np.exp(-np.tanh(h))))
    return (0.5 * (-np.sqrt(e / np.log(e + 1)) * c * fixed - np.maximum(h, 0))).sum()


def of_all(x, w, b, c, other, fixed):
    return of_h(x @ w + b, c, fixed)


def differences(function, arrays, index):
    result = np.zeros_like(arrays[index])
    for at in np.ndindex(result.shape):
        near, far = [a.copy() for a in arrays], [a.copy() for a in arrays]
        near[index][at] -= STEP
        far[index][at] += STEP
        result[at] = (function(*far) - function(*near)) / (2 * STEP)
    return result


random = np.random.default_rng(3)
arrays = [random.standard_normal(shape) for shape in ((3, 4), (4, 5), (5,), (3, 1), (2,), (3, 5))]
expected = [differences(of_all, arrays, i) for i in range(5)]
expected.append(differences(of_h, [arrays[0] @ arrays[1] + arrays[2], arrays[3], arrays[5]], 0))
failures = 0
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "net.onnx")
    onnx.save(onnx.parser.parse_model(TEXT), path)
    for flag in sys.argv[1:] or ("-O0", "-O2"):
        shapes = [(e.shape, e.dtype) for e in expected]
        called = Program(path, folder, flag, shapes) if sys.argv[1:] else Network(path, os.path.join(folder, flag), flag)
        for index, (result, wanted) in enumerate(zip(called(arrays), expected, strict=True)):
            off = compare.error(result, wanted)
            if not off <= 1e-7:
                failures += 1
                print(f"FAIL {flag}, output {index}: {off:.1e}")
print(f"{failures} failures")
sys.exit(failures > 0)
