# RUN: %python %s native
# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""If, Loop and Scan as branches and loops of the generated code: both branches, conditions that end a loop early or at
once, no trip count, scan outputs, states and directions and axes, bodies in bodies, and values from all around them.
A Scan of operator set 8, with a batch of sequences of several lengths. And convolutional blocks in bodies, which are optimised as those outside are: by the same kernels, in blocks of channels."""

import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import compare
from native import Network, Program
from sweep import LEVELS, floats

TEXT = """
<ir_version: 10, opset_import: ["": 21]>
flow (bool c, bool[1] d, int64 n, float limit, float[4, 6] x, float[6, 6] w, float[2, 4, 3] z, float[6] h0)
  => (float[] branch, float[] wide, float[] other, float[] power, int64[] turns, float[] twice, float[] never,
      float[] history, float[] fixed, int64[] counts, float[] rnn, float[] states, float[] back, float[] columns,
      float[] swapped, float[] left, float[] deep, float[] stepped, float[] cells)
<float one = {1.0}, float two = {2.0}, int64[1] zero = {0}, int64 five = {5}, bool true = {1}, float[2] fib = {1, 2}>
{
  branch = If (c) <then_branch = yes () => (r) { r = Relu (x) }, else_branch = no () => (s) { s = Neg (x) }>
  wide, other = If (d) <
    then_branch = yes2 () => (x1, q) { q = MatMul (x, w)  x1 = Identity (x) },
    else_branch = no2 () => (p, t) { t = MatMul (x, w)  p = Tanh (t) }>
  power, turns = Loop ("", true, one, zero) <body = doubled
    (int64 i, bool cond_in, float a, int64[1] k) => (bool cond, float b, int64[1] k2) {
      b = Mul (a, two)
      cond = Less (b, limit)
      step = Constant <value = int64[1] {1}> ()
      k2 = Add (k, step)
    }>
  twice, unread = Loop (n, "", x) <body = same
    (int64 i, bool cond_in, float[4, 6] a) => (bool cond_out, float[4, 6] b, float[4, 6] s) {
      cond_out = Identity (cond_in)
      b = Add (a, branch)
      s = Cos (b)
    }>
  never = Loop (n, c, one) <body = stop (int64 i, bool cond_in, float a) => (bool cond_out, float b) {
      cond_out = Not (cond_in)
      f = Cast <to = 1> (i)
      g = Add (a, f)
      b = Add (g, two)
    }>
  history, fixed, counts = Loop (five, true, h0) <body = grow
    (int64 i, bool cond_in, float[6] h) => (bool cond_out, float[6] h2, float[4, 6] s, int64 i2) {
      cond_out = Identity (cond_in)
      h1 = Mul (h, two)
      h2 = Tanh (h1)
      s = Add (x, h)
      i2 = Identity (i)
    }>
  rnn, states = Scan <num_scan_inputs = 1, body = cell (float[6] h, float[6] v) => (float[6] h2, float[6] y) {
      row = Unsqueeze (h, zero)
      wh = MatMul (row, w)
      flat = Squeeze (wh, zero)
      sum = Add (flat, v)
      h2 = Tanh (sum)
      y = Identity (h2)
    }> (h0, x)
  back, columns, swapped = Scan <num_scan_inputs = 2, scan_input_axes = [2, -1], scan_input_directions = [1, 0],
      scan_output_axes = [1, -1], scan_output_directions = [0, 1], body = two_states
      (float m, float[2, 4] u, float[2, 4] v) => (float m2, float[2, 4] y1, float[2, 4] y2) {
      top = ReduceMax <keepdims = 0> (u)
      m2 = Max (m, top)
      y1 = Sub (u, v)
      y2 = Mul (u, m)
    }> (one, z, z)
  pair1, pair2, left = Loop (five, true, one, two, fib) <body = fibonacci
    (int64 i, bool cond_in, float a, float b, float[2] keep) => (bool cond_in, float b, float sum, float[2] keep) {
      sum = Add (a, b)
    }>
  deep = Loop (n, "", x) <body = outer (int64 i, bool ci, float[4, 6] a) => (bool co, float[4, 6] b) {
      co = Identity (ci)
      rows = Scan <num_scan_inputs = 1, body = inner (float[6] row) => (float[6] out) {
          even = Constant <value = int64 {2}> ()
          rest = Mod (i, even)
          nothing = Constant <value = int64 {0}> ()
          first = Equal (rest, nothing)
          out = If (first) <
            then_branch = t () => (o) { o = Add (row, h0) },
            else_branch = e () => (o) { scaled = Mul (row, limit)  o = Loop (n, "", scaled) <body = innermost
               (int64 k, bool kc, float[6] v) => (bool kc2, float[6] v2) {
                 kc2 = Identity (kc)
                 half = Constant <value = float {0.5}> ()
                 small = Mul (v, half)
                 v2 = Add (small, row)
               }> }>
        }> (a)
      b = Tanh (rows)
    }>
  added = Add (pair1, pair2)
  stepped = Mul (deep, added)
  cells = Concat <axis = 0> (deep, twice)
}
"""

BLOCKS = """
<ir_version: 10, opset_import: ["": 21]>
blocks (int64 n, bool c, float[1, 32, 12, 10] x, float[1, 3, 30, 26] image, float[5, 32, 8, 6] frames, float[1, 32, 20] line)
  => (float[] last, float[] trail, float[] stem, float[] signal, float[] state, float[] maps)
{
  last = Loop (n, "", x) <body = residual (int64 i, bool go, float[1, 32, 12, 10] v) => (bool go_on, float[1, 32, 12, 10] y) {
      go_on = Identity (go)
      a = Conv <pads = [1, 1, 1, 1]> (v, w3)
      an = BatchNormalization (a, gamma, beta, mean, variance)
      ar = Relu (an)
      b = Conv <pads = [1, 1, 1, 1]> (ar, v3)
      bn = BatchNormalization (b, gamma, beta, mean, variance)
      sum = Add (bn, v)
      s = Relu (sum)
      gate = Sigmoid (s)
      h = Mul (s, gate)
      q = Conv (h, squeeze)
      qr = Relu (q)
      e1 = Conv (qr, left)
      e3 = Conv <pads = [1, 1, 1, 1]> (qr, right)
      e = Concat <axis = 1> (e1, e3)
      y = Tanh (e)
    }>
  five = Constant <value = int64 {5}> ()
  rest, trail = Loop (five, "", x) <body = parts
    (int64 i, bool go, float[1, 32, 12, 10] v) => (bool go_on, float[1, 32, 12, 10] y, float[1, 64, 6, 5] p) {
      go_on = Identity (go)
      d = Conv <pads = [1, 1, 1, 1], group = 32> (v, depthwise)
      d6 = Clip (d, low, high)
      y = Conv (d6, point)
      twice = Concat <axis = 1> (y, v)
      half = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (twice)
      top, bottom = Split <axis = 1, num_outputs = 2> (half)
      p = Concat <axis = 1> (bottom, top)
    }>
  stem, signal = If (c) <
    then_branch = yes () => (s, l) {
      first = Conv <pads = [3, 3, 3, 3], strides = [2, 2]> (image, w7)
      s = Relu (first)
      l1 = Conv <pads = [1, 1]> (line, w1d)
      l = Relu (l1)
    },
    else_branch = no () => (s, l) {
      first = Conv <pads = [3, 3, 3, 3], strides = [2, 2]> (image, w7)
      s = Neg (first)
      l = Identity (line)
    }>
  initial = ReduceMean <keepdims = 0> (frames, axis)
  state, maps = Scan <num_scan_inputs = 1, body = frame (float[32, 8, 6] h, float[32, 8, 6] f) => (float[32, 8, 6] h2, float[32, 8, 6] m) {
      wide = Unsqueeze (f, axis)
      conv = Conv <pads = [1, 1, 1, 1]> (wide, w3)
      flat = Squeeze (conv, axis)
      sum = Add (flat, h)
      h2 = Tanh (sum)
      m = Mul (flat, h2)
    }> (initial, frames)
}
"""

WEIGHTS = {
    "w3": (32, 32, 3, 3), "v3": (32, 32, 3, 3), "squeeze": (16, 32, 1, 1), "left": (16, 16, 1, 1), "right": (16, 16, 3, 3),
    "depthwise": (32, 1, 3, 3), "point": (32, 32, 1, 1), "w7": (16, 3, 7, 7), "w1d": (32, 32, 3),
    "gamma": (32,), "beta": (32,), "mean": (32,)}


SCANS = """
<ir_version: 8, opset_import: ["": 8]>
scans (int64[3] lengths, float[3, 4] h0, float[3, 5, 4] x, float[3, 5, 4] z)
  => (float[3, 4] last, float[3, 5, 4] ys, float[3, 5, 1] tops)
{
  last, ys, tops = Scan <num_scan_inputs = 2, directions = [0, 1], body = cell
    (float[4] h, float[4] u, float[4] v) => (float[4] h2, float[4] y, float[1] top) {
      s = Add (h, u)
      h2 = Tanh (s)
      y = Sub (v, h2)
      top = ReduceMax <axes = [0]> (y)
    }> (lengths, h0, x, z)
}
"""


def scans():
    h0, x, z = floats(3, 4), floats(3, 5, 4), floats(3, 5, 4)
    return [{"lengths": np.array(lengths), "h0": h0, "x": x, "z": z} for lengths in ([5, 3, 1], [2, 5, 4])]


def blocks():
    model = onnx.parser.parse_model(BLOCKS)
    arrays = {name: floats(*shape) * (0.1 if len(shape) > 1 else 1) for name, shape in WEIGHTS.items()}
    arrays |= {"variance": np.abs(floats(32)) + 0.5, "low": np.float32(0), "high": np.float32(6), "axis": np.int64([0])}
    for name, array in arrays.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    x, image, frames, line = floats(1, 32, 12, 10), floats(1, 3, 30, 26), floats(5, 32, 8, 6), floats(1, 32, 20)
    given = [{"n": np.array(n, np.int64), "c": np.array(c), "x": x, "image": image, "frames": frames, "line": line}
             for n, c in ((3, True), (1, False))]
    return model, given


def cases():
    x, w, z, h0 = floats(4, 6), floats(6, 6), floats(2, 4, 3), floats(6)
    for c, d, n, limit in ((True, False, 3, 100.0), (False, True, 0, 1.0), (True, True, 1, 2.5), (False, False, 6, -3)):
        yield {"c": np.array(c), "d": np.array([d]), "n": np.array(n, np.int64), "limit": np.array(limit, np.float32),
               "x": x, "w": w, "z": z, "h0": h0}


def check(name, model, given, tolerance, flags, folder):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = [session.run(None, case) for case in given]
    failures = 0
    path = os.path.join(folder, f"{name}.onnx")
    onnx.save(model, path)
    place = os.path.join(folder, name + "".join(flags).replace("=", ""))
    if flags[-1].startswith("--threads"):
        os.makedirs(place)
        network = compare.sqzc_run(path, model, place, flags)
    elif flags[0].startswith("-"):
        network = Network(path, place, *flags)
    else:
        network = Program(path, place, flags[0], [(np.shape(v), np.asarray(v).dtype) for v in expected[0]])
    for case, want in zip(given, expected, strict=True):
        for output, a, b in zip(model.graph.output, network(list(case.values())), want, strict=True):
            off = compare.error(a, np.asarray(b))
            if not off <= tolerance:
                failures += 1
                print(f"FAIL {' '.join(flags)} {output.name} n={case.get('n')} c={case.get('c')}: {off:.1e}")
    return failures


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for flags in [[machine] for machine in sys.argv[1:]] or LEVELS:
            failures += check("flow", onnx.parser.parse_model(TEXT), list(cases()), 1e-5, flags, folder)
            failures += check("scans", onnx.parser.parse_model(SCANS), scans(), 1e-5, flags, folder)
            failures += check("blocks", *blocks(), 1e-5, flags, folder)
    print(f"flow: {failures} failures")
    return failures


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
