# RUN: %python %s native %models/small_*.onnx
# RUN: %if arm64-qemu %{ %python %s arm64 %models/small_*.onnx %}
# RUN: %if armv7-qemu %{ %python %s armv7 %models/small_*.onnx %}
# RUN: %python %s corners
# RUN: %python %s native %models/squeezenet1*.onnx %models/resnet18.onnx %models/mobilenet*.onnx
# RUN: %python %s native %models/bert.onnx %models/lstm_tagger.onnx %models/gru_tagger.onnx %models/segmenter.onnx
# RUN: %python %S/conv.py --strict native
# RUN: %python %S/matmul.py --strict native
# RUN: %python %S/pool.py --strict native
# RUN: %python %S/reduce.py --strict native
# RUN: %python %S/sequence.py --strict native
# RUN: %python %S/elementwise.py --strict native
# RUN: %if arm64-qemu %{ %python %S/conv.py --strict arm64 && %python %S/matmul.py --strict arm64 %}
# RUN: %if armv7-qemu %{ %python %S/reduce.py --strict armv7 && %python %S/sequence.py --strict armv7 %}
"""What --strict gives has the bytes of what -O0 gives: whole networks, and the sweeps of operators."""

import os
import sys
import tempfile

import numpy as np
import onnx

import compare

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from strict import compare_strict

# What an order alone does not settle. Inputs are zeros of both signs, infinities, NaN, and small and large numbers.
CORNERS = {
    "exponent": ("%x: f32<64>", """const %two: i64<> = fill(2)
        %e = Cast(%two) {to = f32} : f32<>
        %y = Pow(%x, %e) : f32<64>"""),
    "constants": ("%x: f32<64>", """const %a: f32<8x700> = random(1)
        const %b: f32<700x64> = random(2)
        %c = MatMul(%a, %b) : f32<8x64>
        %y = Add(%x, %c) : f32<8x64>"""),
    "clip": ("%x: f32<1x16x8x8>", """const %w: f32<16x16x1x1> = random(1)
        const %low: f32<> = fill(0)
        const %high: f32<> = fill(6)
        %c = Conv(%x, %w) : f32<1x16x8x8>
        %p = Clip(%c, %low) : f32<1x16x8x8>
        %d = Conv(%x, %w) : f32<1x16x8x8>
        %q = Clip(%d, _, %high) : f32<1x16x8x8>
        %y = Add(%p, %q) : f32<1x16x8x8>"""),
    "padding": ("%x: f32<1x20x7x7>", """const %w: f32<16x20x3x3> = random(1)
        const %inf: f32<> = fill(inf)
        const %b: f32<16> = fill(-0)
        %v = Mul(%w, %inf) : f32<16x20x3x3>
        %f = Conv(%x, %v, %b) {pads = [1, 1, 1, 1]} : f32<1x16x7x7>
        %z = Sub(%x, %x) : f32<1x20x7x7>
        %g = Conv(%z, %w, %b) {pads = [1, 1, 1, 1]} : f32<1x16x7x7>
        %y = Concat(%f, %g) {axis = 1} : f32<1x32x7x7>"""),
    "few": ("%x: f32<1x16x9x9>", """const %a: f32<3x16x1x1> = random(1)
        const %b: f32<16x3x3x3> = random(2)
        %c = Conv(%x, %a) : f32<1x3x9x9>
        %y = Conv(%c, %b) {pads = [1, 1, 1, 1]} : f32<1x16x9x9>"""),
    "pools": ("%x: f32<1x16x8x8>", """const %w: f32<16x1x1x1> = fill(1)
        %c = Conv(%x, %w) {group = 16} : f32<1x16x8x8>
        %m = MaxPool(%c) {kernel_shape = [2, 2]} : f32<1x16x7x7>
        %a = AveragePool(%c) {kernel_shape = [2, 2]} : f32<1x16x7x7>
        %g = GlobalAveragePool(%c) : f32<1x16x1x1>
        %s = GlobalMaxPool(%c) : f32<1x16x1x1>
        %t = Add(%g, %s) : f32<1x16x1x1>
        %u = Concat(%m, %a) {axis = 0} : f32<2x16x7x7>
        %y = Add(%u, %t) : f32<2x16x7x7>"""),
    "halves": ("%x: f32<1x8x8x8>", """const %w: f32<8x8x3x3> = random(1)
        const %m: f32<8x40> = random(2)
        %h = Cast(%x) {to = f16} : f16<1x8x8x8>
        %v = Cast(%w) {to = f16} : f16<8x8x3x3>
        %n = Cast(%m) {to = f16} : f16<8x40>
        %c = Conv(%h, %v) : f16<1x8x6x6>
        %s = Sigmoid(%c) : f16<1x8x6x6>
        %r = Mul(%s, %c) : f16<1x8x6x6>
        %f = Flatten(%h) {axis = 3} : f16<64x8>
        %g = Gemm(%f, %n) : f16<64x40>
        %t = Tanh(%g) : f16<64x40>
        %l = Softmax(%t) : f16<64x40>
        %one = Cast(%r) {to = f32} : f32<1x8x6x6>
        %two = Cast(%l) {to = f32} : f32<64x40>
        %k = GlobalAveragePool(%one) : f32<1x8x1x1>
        %o = ReduceMean(%two) : f32<1x1>
        %y = Add(%k, %o) : f32<1x8x1x1>"""),
}


def corner(name, folder):
    path, (given, body) = os.path.join(folder, name + ".sqz"), CORNERS[name]
    with open(path, "w") as file:
        file.write(f"graph @main({given}) -> (%y) {{\n{body}\n}}\n")
    shape = [int(n) for n in given[given.index("<") + 1:-1].split("x")]
    random = np.random.default_rng(3)
    x = random.standard_normal(shape).astype(np.float32)
    x *= random.choice(np.array([0, -1, 1, 1, 1e-3, 1e3], np.float32), shape)
    special = random.random(shape)
    for low, value in ((0.1, np.nan), (0.2, np.inf), (0.3, -np.inf), (0.4, -0.0), (0.5, 1e30)):
        x[(special > low) & (special < low + 0.002)] = value
    return path, [x]


def given(path):
    inputs = compare.true_inputs(onnx.load(path, load_external_data=False))
    random = np.random.default_rng(7)
    return path, [compare.random_input(value, random) for value in inputs]


def differing(path, arrays, machine):
    """The flags under which some output has other bytes."""
    levels = ("-O1", "-O2", "-O3", "-Os") if os.path.getsize(path) < 1 << 20 else ("-O2",)
    with tempfile.TemporaryDirectory() as folder:
        for flags, differ in compare_strict(path, folder, arrays, machine, levels):
            if any(differ):
                yield f"{flags}: {sum(differ)} of {len(differ)} outputs"


machine, paths = sys.argv[1], sys.argv[2:]
failures = 0
with tempfile.TemporaryDirectory() as texts:
    if machine == "corners":
        machine, models = "native", [corner(name, texts) for name in paths or CORNERS]
    else:
        models = (given(path) for path in paths)
    for path, arrays in models:
        for where in differing(path, arrays, machine):
            failures += 1
            print(f"FAIL {machine} {os.path.basename(path)} {where}", flush=True)
print(f"{machine}: {failures} failures")
sys.exit(failures != 0)
