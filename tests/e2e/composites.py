# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Operators that are written in parts, or taken apart on import, and found again: layer normalizations, Gelu, Softmax. As
single nodes at every level and on several threads, then as exporters spell them, compared with onnxruntime."""

import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import parser

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import compare
from native import Network
from sweep import Sweep, finish, floats

LEVELS = (["-O0"], ["-O1"], ["-O2"], ["-O2", "--mcpu=native"], ["-O2", "--strict"])
WIDTHS = (1, 3, 4, 7, 8, 31, 64, 257, 1000)

norms = Sweep(opset=23)
for width in WIDTHS:
    scale, bias = floats(width), floats(width)
    norms.add("LayerNormalization", [floats(3, 5, width), scale, bias], epsilon=1e-3)
    norms.add("LayerNormalization", [floats(40, width), scale])
    norms.add("RMSNormalization", [floats(3, 5, width), scale], epsilon=1e-3, reference=True)
for axis, shape in ((0, (3, 5, 9)), (1, (5, 9)), (2, (9,)), (-2, (5, 9))):
    norms.add("LayerNormalization", [floats(3, 5, 9), floats(*shape), floats(*shape)], axis=axis)
    norms.add("RMSNormalization", [floats(3, 5, 9), floats(*shape)], axis=axis, reference=True)
norms.add("LayerNormalization", [floats(2, 3, 4, 16), floats(16), floats(16)])
norms.add("LayerNormalization", [floats(6, 33, dtype=np.float64), floats(33, dtype=np.float64)], reference=True)
norms.add("LayerNormalization", [floats(6, 33) + np.float32(30), floats(33)], reference=True)

gelus = Sweep(opset=20)
for approximate in ("none", "tanh"):
    for x in (floats(5, 77) * np.float32(4), np.linspace(-12, 12, 2401, dtype=np.float32), floats(3, dtype=np.float64)):
        gelus.add("Gelu", [x], approximate=approximate, reference=x.dtype == np.float64)
    gelus.add("Gelu", [np.array([0, -0.0, 1e-30, -1e-30, 100, -100, 1e30, -1e30, np.inf, np.nan], np.float32)],
              approximate=approximate)

HEAD = '<ir_version: 10, opset_import: ["": 18]>\n'
STATISTICS = "m = ReduceMean(x, axis) d = Sub(x, m) p = Pow(d, two) v = ReduceMean(p, axis) e = Add(v, eps) s = Sqrt(e)"
CONSTANTS = "<float eps = {0.00001}, float two = {2}, float one = {1}, int64[1] axis = {-1}>"
TEXTS = {
    "torch": f"""g (float[4, 6, 33] x, float[33] w, float[33] b) => (float[4, 6, 33] y) {CONSTANTS} {{
        {STATISTICS} n = Div(d, s) q = Mul(n, w) y = Add(q, b) }}""",
    "tf2onnx": f"""g (float[4, 6, 33] x, float[33] w, float[33] b) => (float[4, 6, 33] y) {CONSTANTS} {{
        {STATISTICS} r = Reciprocal(s) f = Mul(r, w) a = Mul(x, f) c = Mul(m, f) k = Sub(b, c) y = Add(a, k) }}""",
    "rms": f"""g (float[4, 6, 33] x, float[33] w) => (float[4, 6, 33] y) {CONSTANTS} {{
        p = Mul(x, x) v = ReduceMean(p, axis) e = Add(v, eps) s = Sqrt(e) r = Div(one, s) n = Mul(x, r) y = Mul(w, n) }}""",
    "scale for each row": f"""g (float[4, 6, 33] x, float[6, 1] w, float[33] b) => (float[4, 6, 33] y) {CONSTANTS} {{
        {STATISTICS} n = Div(d, s) q = Mul(n, w) y = Add(q, b) }}""",
    "square without keepdims": """g (float[9, 9] x) => (float[9, 9] y)
        <float eps = {0.00001}, float two = {2}, int64[1] axis = {-1}> {
        m = ReduceMean<keepdims = 0>(x, axis) d = Sub(x, m) p = Pow(d, two) v = ReduceMean<keepdims = 0>(p, axis)
        e = Add(v, eps) s = Sqrt(e) y = Div(d, s) }""",
    "softmax": """g (float[3, 50, 4] x) => (float[3, 50, 4] y) <int64[1] axis = {1}> {
        m = ReduceMax(x, axis) d = Sub(x, m) e = Exp(d) s = ReduceSum(e, axis) y = Div(e, s) }""",
    "log softmax": """g (float[3, 50] x) => (float[3, 50] y) <int64[1] axis = {-1}> {
        m = ReduceMax(x, axis) d = Sub(x, m) e = Exp(d) s = ReduceSum(e, axis) l = Log(s) y = Sub(d, l) }""",
    "gelu of tanh": """g (float[3, 50] x) => (float[3, 50] y)
        <float three = {3}, float c = {0.044715}, float f = {0.7978845608}, float one = {1}, float half = {0.5}> {
        p = Pow(x, three) q = Mul(p, c) a = Add(x, q) d = Mul(a, f) t = Tanh(d) g = Add(t, one) h = Mul(x, half)
        y = Mul(h, g) }""",
    "gelu": """g (float[3, 50] x) => (float[3, 50] y)
        <float two = {1.4142135}, float one = {1}, float half = {0.5}> {
        a = Div(x, two) b = Erf(a) c = Add(b, one) d = Mul(x, c) y = Mul(d, half) }""",
}


def check(name, text):
    model = parser.parse_model(HEAD + text)
    given = [floats(*[d.dim_value for d in i.type.tensor_type.shape.dim]) * np.float32(3) for i in model.graph.input[:3]
             if i.name in "xwb"]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    expected = session.run(None, dict(zip([i.name for i in session.get_inputs()], given, strict=True)))
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        onnx.save(model, path)
        for flags in LEVELS:
            result, = Network(path, os.path.join(folder, "".join(flags).replace("=", "")), *flags)(given)
            off = compare.error(result, expected[0])
            if not off <= 1e-5:
                failures += 1
                print(f"FAIL {' '.join(flags)} {name}: {off:.1e}")
    return failures


spelled = [] if sys.argv[1:] else [check(name, text) for name, text in TEXTS.items()]
print(f"{len(spelled)} spelled out, {sum(spelled)} failures")
finish(norms.run("norms"), gelus.run("gelus"), *spelled)
