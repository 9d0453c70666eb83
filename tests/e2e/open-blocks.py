# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if arm64-qemu %{ %python %s arm64 --mcpu=neoverse-n1 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""A network of products, compiled with --dim N=1..150, gives its samples to the products in blocks of up to 64. For
numbers of samples around whole tiles and blocks it agrees with onnxruntime, on one thread and on several (to the bit).
A network of images has no blocks, nor has one that is not optimised."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

import compare
from native import SQZC, Program

MLP = """
<ir_version: 8, opset_import: ["": 17]>
mlp (float[N, 40] x, float[30] scale) => (float[N, 30] y, float[N, 1] top, float[30] shared)
{
  g1 = Gemm <transB = 1> (x, w1, b1)
  r1 = Relu (g1)
  g2 = MatMul (r1, w2)
  s2 = Add (g2, b2)
  n2 = LayerNormalization <axis = -1> (s2, gamma, beta)
  e2 = Erf (n2)
  h2 = Gemm (e2, w4, e2)
  g3 = MatMul (h2, w3)
  y = Mul (g3, scale)
  top = ReduceMax <axes = [1]> (y)
  shared = Neg (scale)
}
"""
# Samples of several rows, which lie in slices of a Concat, residuals, factors of 8 bits and of floats from 4, what each
# row is scaled by.
MIXED = """
<ir_version: 10, opset_import: ["": 21]>
mixed (float[N, 3, 40] x, float[1, 3, 24] same) => (float[N, 6, 24] y, float[N, 3, 24] q)
{
  a = MatMul (x, w1)
  b = MatMul (x, w2)
  t = MatMul (x, w2)
  s = Add (t, same)
  ab = Concat <axis = 1> (a, s)
  r = Relu (ab)
  c = MatMul (r, w3)
  rc = Add (c, r)
  m = Sigmoid (rc)
  w = DequantizeLinear <axis = 0, block_size = 8> (four, scales)
  d = MatMul (m, w)
  y = Add (d, rc)
  u = QuantizeLinear (x, u_scale, u_zero)
  most = ReduceMax <keepdims = 1> (x, last)
  p = MatMulInteger (u, bytes, u_zero)
  f = Cast <to = 1> (p)
  g = Mul (f, most)
  h = Mul (g, column)
  hb = Add (h, b)
  z = MatMul (x, w4)
  zb = Add (z, same)
  o = MatMul (x, w4)
  of = Add (o, fixed)
  zc = Mul (zb, of)
  q = Add (hb, zc)
}
"""
IMAGES = """
<ir_version: 8, opset_import: ["": 17]>
images (float[N, 3, 20, 20] x) => (float[N, 10] y)
{
  c = Conv (x, filters)
  p = GlobalAveragePool (c)
  f = Flatten (p)
  y = MatMul (f, w)
}
"""
COUNTS = (1, 2, 3, 7, 14, 15, 29, 64, 65, 150)


def parsed(text, **shapes):
    model, random = onnx.parser.parse_model(text), np.random.default_rng(3)
    for name, shape in shapes.items():
        array = (random.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    return model


def differs(what, results, expected):
    off = max(compare.error(a, b) if a.shape == b.shape else np.inf for a, b in zip(results, expected, strict=True))
    if not off <= 1e-5:
        print(f"FAIL {what}: {off:.1e}")
    return not off <= 1e-5


def symbols(path, folder, *flags):
    output = os.path.join(folder, "symbols.o")
    subprocess.run([SQZC, path, "-o", output, "--dim=N=1..150", *flags], check=True)
    return subprocess.run(["nm", output], check=True, capture_output=True, text=True).stdout


def inputs_of(session, n):
    """Normal numbers, of another seed for each n."""
    random = np.random.default_rng(n)
    return {i.name: random.standard_normal([d if isinstance(d, int) else n for d in i.shape]).astype(np.float32)
            for i in session.get_inputs()}


def run_library(path, folder, level):
    session, failures = onnxruntime.InferenceSession(path), 0
    library = path.replace(".onnx", ".so")
    subprocess.run([SQZC, path, "-o", library, "--dim=N=1..150", *level.split()], check=True)
    for n in COUNTS:
        arrays, first = inputs_of(session, n), None
        for threads in (1, 2, 3):
            command = [SQZC, "run", library, f"--threads={threads}", f"--output={folder}"]
            for name, array in arrays.items():
                np.save(f"{folder}/{name}_in.npy", array)
                command += ["--input", f"{name}={folder}/{name}_in.npy"]
            subprocess.run(command, check=True)
            results = [np.load(f"{folder}/{o.name}.npy") for o in session.get_outputs()]
            first = first or results
            failures += differs(f"{os.path.basename(path)} {level} N={n} threads={threads}", results, session.run(None, arrays))
            if not all(np.array_equal(a, b) for a, b in zip(first, results)):
                failures += 1
                print(f"FAIL {level} N={n}: threads change the result")
    return failures


mlp = parsed(MLP, w1=(24, 40), b1=(24,), w2=(24, 50), b2=(50,), gamma=(50,), beta=(50,), w3=(50, 30), w4=(50, 50))
mixed = parsed(MIXED, w1=(40, 24), w2=(40, 24), w3=(24, 24), w4=(40, 24), fixed=(3, 24), scales=(3, 24), column=(24,))
four = np.random.default_rng(5).integers(-8, 8, (24, 24))
mixed.graph.initializer.extend([
    onnx.numpy_helper.from_array(np.float32(0.03), "u_scale"), onnx.numpy_helper.from_array(np.uint8(120), "u_zero"),
    onnx.numpy_helper.from_array(np.array([-1]), "last"),
    onnx.helper.make_tensor("four", onnx.TensorProto.INT4, (24, 24), four),
    onnx.numpy_helper.from_array(np.random.default_rng(6).integers(-9, 9, (40, 24)).astype(np.int8), "bytes")])
images = parsed(IMAGES, filters=(16, 3, 5, 5), w=(16, 10))
with tempfile.TemporaryDirectory() as folder:
    path, other, rows = (os.path.join(folder, name + ".onnx") for name in ("mlp", "images", "mixed"))
    onnx.save(mlp, path)
    onnx.save(images, other)
    onnx.save(mixed, rows)
    failures = 0
    if sys.argv[1:]:
        n, machine = 13, sys.argv[1]
        for model in (path, rows):
            session = onnxruntime.InferenceSession(model)
            arrays = inputs_of(session, n)
            expected = session.run(None, arrays)
            shapes = [(e.shape, e.dtype) for e in expected]
            program = Program(model, folder, machine, shapes, "--dim=N=1..40", *sys.argv[2:], dim=n)
            failures += differs(machine, program(list(arrays.values())), expected)
    else:
        for level in ("-O1", "-O2", "-Os"):
            failures += run_library(path, folder, level) + run_library(rows, folder, level)
        failures += run_library(rows, folder, "-O2 --mcpu=native")
        for what, there, text in (("mlp", True, symbols(path, folder)), ("mixed", True, symbols(rows, folder)),
                                  ("mlp -O0", False, symbols(path, folder, "-O0")),
                                  ("images", False, symbols(other, folder))):
            if ("blocks" in text) != there:
                failures += 1
                print(f"FAIL {what}: blocks are {'missing' if there else 'there'}")
    print(f"{failures} failures")
sys.exit(failures > 0)
