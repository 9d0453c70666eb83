# RUN: %python %s
"""Sequences and optionals, whose elements are values of the graph: what each operator on them does to lists of known
length, in loops and branches too, and as outputs and inputs of the model, which are one for each element."""

import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import compare
from native import Network
from sweep import floats

TEXT = """
<ir_version: 10, opset_import: ["": 21]>
lists (seq(float[N, 3]) given, float[6, 3] x, float[2, 3] y, bool c, int64 at)
  => (seq(float[]) kept, float[] last, float[] joined, float[] stacked, int64[] length, seq(float[]) rows, seq(float[]) parts,
      seq(float[]) grown, seq(float[]) chosen, float[] got, float[] sums, float[] picked)
<int64 one = {1}, int64 first = {0}, int64 back = {-1}, int64 two = {2}, int64[3] sizes = {1, 2, 3}, int64 three = {3},
 bool true = {1}>
{
  some = SequenceConstruct (x, y)
  more = SequenceInsert (some, y, first)
  most = SequenceInsert (more, x)
  kept = SequenceErase (most, one)
  last = SequenceAt (kept, back)
  joined = ConcatFromSequence <axis = 0> (kept)
  rows = SplitToSequence <keepdims = 0> (y)
  stacked = ConcatFromSequence <axis = -1, new_axis = 1> (rows)
  length = SequenceLength (most)
  parts = SplitToSequence <axis = 0> (x, sizes)
  uneven = SplitToSequence <axis = 0> (x, two)
  none = SequenceEmpty <dtype = 1> ()
  grown = Loop (three, true, none) <body = turn (int64 i, bool go, seq(float[]) s) => (bool go2, seq(float[]) s2) {
      go2 = Identity (go)
      f = Cast <to = 1> (i)
      z = Mul (y, f)
      s2 = SequenceInsert (s, z)
    }>
  chosen = If (c) <then_branch = a () => (p) { p = SequenceConstruct (y) },
                   else_branch = b () => (q) { m = Neg (y)  q = SequenceConstruct (m) }>
  head = SequenceAt (given, first)
  held = Optional (head)
  full = OptionalHasElement (held)
  got = If (full) <then_branch = t () => (u) { u = OptionalGetElement (held) },
                   else_branch = e () => (v) { v = Neg (y) }>
  pairs = SplitToSequence <axis = 0> (x, two)
  picked = SequenceAt (pairs, at)
  sums = ConcatFromSequence <axis = 0> (given)
}
"""


def main():
    model = onnx.parser.parse_model(TEXT)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    given, x, y, failures = [floats(2, 3), floats(4, 3)], floats(6, 3), floats(2, 3), 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "lists.onnx")
        onnx.save(model, path)
        for level in ("-O0", "-O2"):
            network = Network(path, os.path.join(folder, level), level, "--shape=given_0=2x3", "--shape=given_1=4x3")
            for c, at in ((True, 2), (False, -3)):
                want, at = [], np.array(at)
                for value in session.run(None, {"given": given, "x": x, "y": y, "c": np.array(c), "at": at}):
                    want += value if isinstance(value, list) else [value]
                for number, (a, b) in enumerate(zip(network([*given, x, y, np.array(c), at]), want, strict=True)):
                    off = compare.error(a, np.asarray(b))
                    if not off <= 1e-6:
                        failures += 1
                        print(f"FAIL {level} c={c} output {number}: {off:.1e}")
    print(f"lists: {failures} failures")
    return failures


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
