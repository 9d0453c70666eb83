# RUN: %python %s
"""Chains of elementwise operators, which become one loop: what exporters write for GELU, SiLU and layer norm, changes
of type, conditions, and random trees. Compared with onnxruntime at -O0, -O2 and -O2 for this CPU."""

import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper, parser

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import compare
from native import Network
from sweep import finish

random = np.random.default_rng(5)
HEAD = '<ir_version: 10, opset_import: ["": 22]>\n'
TEXTS = {
    "gelu": """g (float[3, 50] x) => (float[3, 50] y)
        <float two = {1.4142135}, float one = {1}, float half = {0.5}> {
        a = Div(x, two) b = Erf(a) c = Add(b, one) d = Mul(x, c) y = Mul(d, half) }""",
    "silu": "g (float[2, 20, 5, 6] x) => (float[2, 20, 5, 6] y) { s = Sigmoid(x) y = Mul(x, s) }",
    "norm": """g (float[4, 33] x, float[33] w, float[33] b) => (float[4, 33] y)
        <float eps = {0.00001}, float two = {2}, int64[1] axis = {-1}> {
        m = ReduceMean(x, axis) d = Sub(x, m) p = Pow(d, two) v = ReduceMean(p, axis) e = Add(v, eps) s = Sqrt(e)
        n = Div(d, s) q = Mul(n, w) y = Add(q, b) }""",
    "types": """g (float[7, 9] x, int64[9] n) => (uint8[7, 9] y, int64[7, 9] z) <int64 ten = {10}> {
        a = Round(x) i = Cast<to = 7>(a) j = Add(i, n) k = Mul(j, j) m = Mod(k, ten) y = Cast<to = 2>(m)
        c = Cast<to = 9>(i) f = Cast<to = 11>(n) s = Cast<to = 11>(x) t = Where(c, f, s) z = Cast<to = 7>(t) }""",
    "conditions": """g (float[6, 17] x, float[17] w) => (float[6, 17] y) <float zero = {0}, float top = {1.5}> {
        a = Less(x, w) b = Greater(x, zero) c = And(a, b) d = Not(c) e = Exp(x) f = Clip(e, , top) h = Neg(x)
        y = Where(d, f, h) }""",
    "shared": """g (float[40, 70] x) => (float[40, 70] y, float[40, 70] z) {
        a = Exp(x) b = Log(a) z = Abs(b) c = Add(a, z) d = Mul(c, a) y = Sub(d, b) }""",
    "blocked": """g (float[1, 20, 9, 9] x, float[20, 1, 1] s) => (float[1, 20, 9, 9] y)
        <float[20, 20, 3, 3] w> {
        a = Conv<pads = [1, 1, 1, 1]>(x, w) b = Mul(a, s) c = Exp(b) d = Add(c, a)
        e = Conv<pads = [1, 1, 1, 1]>(d, w) f = Softsign(e) y = Add(f, x) }""",
}
LEVELS = (["-O0"], ["-O2"], ["-O2", "--mcpu=native"])
UNARY = ["Abs", "Neg", "Tanh", "Sigmoid", "Relu", "Softsign", "Sin", "Floor", "Elu", "HardSwish"]
BINARY = ["Add", "Sub", "Mul", "Max", "Min"]


def parse(text):
    model = parser.parse_model(HEAD + text)
    for value in model.graph.value_info:  # weights of the text that are named only
        if value.name == "w":
            shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
            array = random.standard_normal(shape).astype(np.float32) / np.float32(shape[1])
            model.graph.initializer.append(numpy_helper.from_array(array, "w"))
    return model


def tree(index):
    """A graph whose nodes read inputs of several shapes and each other."""
    shape = [(60,), (5, 40), (2, 3, 30), (2, 16, 5, 7)][index % 4]
    shapes = [shape, shape, shape[-1:], (1,), tuple(1 if i % 2 else d for i, d in enumerate(shape))]
    inputs = [helper.make_tensor_value_info(f"x{i}", 1, s) for i, s in enumerate(shapes)]
    names, nodes = [i.name for i in inputs], []
    for k in range(25):
        binary = random.random() < 0.5
        op = random.choice(BINARY if binary else UNARY)
        recent = names[-6:]
        args = [str(random.choice(recent)) for _ in range(2 if binary else 1)]
        nodes.append(helper.make_node(str(op), args, [f"n{k}"]))
        names.append(f"n{k}")
    nodes.append(helper.make_node("Sum", names[-4:] + ["x0"], ["y"]))
    nodes.append(helper.make_node("Add", [names[12], "x0"], ["z"]))
    outputs = [helper.make_tensor_value_info(n, 1, None) for n in "yz"]
    graph = helper.make_graph(nodes, "tree", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def check(name, model):
    weights = {i.name for i in model.graph.initializer}
    given = [compare.random_input(i, random) for i in model.graph.input if i.name not in weights]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    expected = session.run(None, dict(zip([i.name for i in session.get_inputs()], given, strict=True)))
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        onnx.save(model, path)
        for flags in LEVELS:
            results = Network(path, os.path.join(folder, "".join(flags).replace("=", "")), *flags)(given)
            for result, want in zip(results, expected, strict=True):
                off = compare.error(result, want)
                if not off <= 1e-5:
                    failures += 1
                    print(f"FAIL {' '.join(flags)} {name}: {off:.1e}")
    return failures


failures = [check(name, parse(text)) for name, text in TEXTS.items()]
failures += [check(f"tree {i}", tree(i)) for i in range(12)]
print(f"{len(failures)} models, {sum(failures)} failures")
finish(*failures)
