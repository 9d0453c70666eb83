# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""A network of products, compiled with --dim N=1..40, gives its samples to the products in blocks. For numbers of
samples around whole blocks it agrees with onnxruntime, on one thread and on several (to the bit). A network of images
has no blocks, nor has one that is not optimised."""

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
  g3 = MatMul (e2, w3)
  y = Mul (g3, scale)
  top = ReduceMax <axes = [1]> (y)
  shared = Neg (scale)
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
COUNTS = (1, 2, 7, 8, 9, 10, 15, 16, 17, 23, 24, 25, 40)


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
    subprocess.run([SQZC, path, "-o", output, "--dim=N=1..40", *flags], check=True)
    return subprocess.run(["nm", output], check=True, capture_output=True, text=True).stdout


def run_library(path, folder, level, session):
    library, failures = os.path.join(folder, "mlp.so"), 0
    subprocess.run([SQZC, path, "-o", library, "--dim=N=1..40", level], check=True)
    for n in COUNTS:
        arrays = {"x": np.random.default_rng(n).standard_normal((n, 40)).astype(np.float32),
                  "scale": np.linspace(-1, 2, 30, dtype=np.float32)}
        first = None
        for threads in (1, 2, 3):
            command = [SQZC, "run", library, f"--threads={threads}", f"--output={folder}"]
            for name, array in arrays.items():
                np.save(f"{folder}/{name}_in.npy", array)
                command += ["--input", f"{name}={folder}/{name}_in.npy"]
            subprocess.run(command, check=True)
            results = [np.load(f"{folder}/{o.name}.npy") for o in session.get_outputs()]
            first = first or results
            failures += differs(f"{level} N={n} threads={threads}", results, session.run(None, arrays))
            if not all(np.array_equal(a, b) for a, b in zip(first, results)):
                failures += 1
                print(f"FAIL {level} N={n}: threads change the result")
    return failures


mlp = parsed(MLP, w1=(24, 40), b1=(24,), w2=(24, 50), b2=(50,), gamma=(50,), beta=(50,), w3=(50, 30))
images = parsed(IMAGES, filters=(16, 3, 5, 5), w=(16, 10))
with tempfile.TemporaryDirectory() as folder:
    path, other = os.path.join(folder, "mlp.onnx"), os.path.join(folder, "images.onnx")
    onnx.save(mlp, path)
    onnx.save(images, other)
    session, failures = onnxruntime.InferenceSession(path), 0
    if sys.argv[1:]:
        n, machine = 13, sys.argv[1]
        arrays = [np.random.default_rng(n).standard_normal((n, 40)).astype(np.float32), np.ones(30, np.float32)]
        expected = session.run(None, {"x": arrays[0], "scale": arrays[1]})
        program = Program(path, folder, machine, [(e.shape, e.dtype) for e in expected], "--dim=N=1..40", dim=n)
        failures += differs(machine, program(arrays), expected)
    else:
        for level in ("-O1", "-O2", "-Os"):
            failures += run_library(path, folder, level, session)
        for what, there, text in (("mlp", True, symbols(path, folder)), ("mlp -O0", False, symbols(path, folder, "-O0")),
                                  ("images", False, symbols(other, folder))):
            if ("blocks" in text) != there:
                failures += 1
                print(f"FAIL {what}: blocks are {'missing' if there else 'there'}")
    print(f"{failures} failures")
sys.exit(failures > 0)
