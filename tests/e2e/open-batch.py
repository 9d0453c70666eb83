# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Networks compiled once with --dim N=1..9 agree with onnxruntime for every N, on one thread and on several (to the
bit), write nothing out of bounds, and return SQZ_EARGUMENT for an N that they do not take."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import compare
import small  # noqa: F401  fills MODELS
import zoo  # noqa: F401
from build import MODELS, Net
from native import SQZC, Network, Program

NETS = ["small_squeezenet", "small_mlp", "small_residual", "small_matmul", "small_elementwise", "small_reduce",
        "small_lrn", "small_transposed", "small_resize", "small_conv1d", "small_conv3d", "small_concat", "small_fire_bn"]
COUNTS = (1, 2, 3, 9)  # 9: a block of samples and one more, where there are blocks
TOLERANCE = 1e-5


def opened(proto):
    """The same model with a batch of N."""
    batch = proto.graph.input[0].type.tensor_type.shape.dim[0]
    batch.ClearField("dim_value")
    batch.dim_param = "N"
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    del proto.graph.value_info[:]
    return proto


def resnet():
    """ResNet-18's blocks, narrow, for small images."""
    net = Net("resnet", [1, 3, 40, 40], seed=18)

    def conv_bn(x, filters, kernel, stride=1):
        return net.batchnorm(net.conv(x, filters, kernel, strides=stride, pads=kernel // 2, bias=False))

    x = net.maxpool(net.relu(conv_bn("data", 16, 7, 2)), pads=[1, 1, 1, 1])
    for filters in (16, 32):
        for repeat in range(2):
            stride = 2 if filters > 16 and repeat == 0 else 1
            y = conv_bn(net.relu(conv_bn(x, filters, 3, stride)), filters, 3)
            skip = conv_bn(x, filters, 1, stride) if stride == 2 else x
            x = net.relu(net.add(y, skip))
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x])])
    return net.output(net.gemm(x, 32, 10), "logits").finish()


def tokens():
    """Embedding, attention over heads, LayerNormalization, an LSTM along axis 0, a scale that all samples share, an
    output that does not depend on the input, and shape arithmetic as exporters write it."""
    random, weights = np.random.default_rng(5), []

    def weight(name, array):
        weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def normal(name, *shape):
        return weight(name, (random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32))

    def node(op, inputs, *outputs, **attributes):
        return helper.make_node(op, inputs, outputs, **attributes)

    nodes = [
        node("Gather", [normal("table", 50, 24), "ids"], "x0"),
        node("Mul", ["x0", "scale"], "x"),
        node("Shape", ["x"], "shape"),
        node("Gather", ["shape", weight("zero", np.int64([0]))], "n"),
        node("Gather", ["shape", weight("one", np.int64([1]))], "length"),
        node("Concat", ["n", "length", weight("heads", np.int64([3, 8]))], "split", axis=0),
        node("Concat", ["n", "length", weight("minus", np.int64([-1]))], "merge", axis=0),
        *[part for k in "qkv" for part in (
            node("MatMul", ["x", normal("w" + k, 24, 24)], k + "0"), node("Reshape", [k + "0", "split"], k + "1"),
            node("Transpose", [k + "1"], k, perm=[0, 2, 3, 1] if k == "k" else [0, 2, 1, 3]))],
        node("MatMul", ["q", "k"], "scores"),
        node("Softmax", ["scores"], "parts", axis=-1),
        node("MatMul", ["parts", "v"], "mixed"),
        node("Transpose", ["mixed"], "back", perm=[0, 2, 1, 3]),
        node("Reshape", ["back", "merge"], "joined"),
        node("Add", ["joined", "x"], "sum"),
        node("LayerNormalization", ["sum", normal("g", 24), normal("b", 24)], "norm", axis=-1),
        node("Concat", ["n", "length", weight("wide", np.int64([24]))], "all", axis=0),
        node("Expand", [normal("place", 1, 6, 24), "all"], "places"),
        node("Add", ["norm", "places"], "placed"),
        node("Transpose", ["placed"], "steps", perm=[1, 0, 2]),
        node("LSTM", ["steps", normal("W", 1, 40, 24), normal("R", 1, 40, 10)], "states", "", "", hidden_size=10),
        node("Squeeze", ["states", "one"], "states1"),
        node("Transpose", ["states1"], "tags", perm=[1, 0, 2]),
        node("ArgMax", ["tags"], "best", axis=2, keepdims=0),
        node("Einsum", ["tags", normal("out", 10, 4)], "logits", equation="nsi,io->nso"),
        node("Neg", ["scale"], "negative"),
    ]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", 6]),
              helper.make_tensor_value_info("scale", TensorProto.FLOAT, [24])]
    outputs = [helper.make_tensor_value_info(name, kind, None) for name, kind in (
        ("logits", TensorProto.FLOAT), ("best", TensorProto.INT64), ("negative", TensorProto.FLOAT))]
    graph = helper.make_graph(nodes, "tokens", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def speech():
    """Features as a recogniser takes them: power of the short-time spectrum in mel bands, its logarithm.
    Frames are a power of two: onnxruntime is off by 3e-5 for others (tests/e2e/signals.py has them)."""
    def scalar(name, number):
        return numpy_helper.from_array(np.asarray(number), name)

    nodes = [
        helper.make_node("HannWindow", ["frame"], ["window"]),
        helper.make_node("STFT", ["samples", "step", "window", "frame"], ["spectrum"]),
        helper.make_node("ReduceSumSquare", ["spectrum", "parts"], ["power"], keepdims=0),
        helper.make_node("MelWeightMatrix", ["bands", "frame", "rate", "low", "high"], ["mel"]),
        helper.make_node("MatMul", ["power", "mel"], ["energies"]),
        helper.make_node("Add", ["energies", "floor"], ["raised"]),
        helper.make_node("Log", ["raised"], ["features"])]
    numbers = [scalar("frame", 512), scalar("step", 160), scalar("parts", [-1]), scalar("bands", 40),
               scalar("rate", 16000), scalar("low", np.float32(20)), scalar("high", np.float32(7600)),
               scalar("floor", np.float32(0.01))]
    inputs = [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["N", 2000])]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "speech", inputs, outputs, numbers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


EXPORTED = """
<ir_version: 8, opset_import: ["": 17]>
exported (float[N, 4, 6] x, int64[N, 3] ids) => (float[] a, float[] b, float[] c, float[] d, float[] e, float[] f, float[] g, float[] h)
<int64 first = {0}, int64 second = {1}, int64[1] zero = {0}, int64[1] one = {1}, int64[1] three = {3},
 int64[1] minus = {-1}, int64[1] far = {9223372036854775807}, int64[1] four = {4}, int64 half = {2},
 int64[3] keep = {0, -1, 3}, int64[2] rows = {-1, 6}, int64[2] pairs = {2, 12}, float single = {1.0}>
{
  # x.view(x.size(0), -1)
  s1 = Shape (x)
  n1 = Gather <axis = 0> (s1, first)
  n1u = Unsqueeze (n1, zero)
  v1 = Concat <axis = 0> (n1u, minus)
  a = Reshape (x, v1)
  # x.view(-1, 6) @ w, back to (n, 4, -1); x.reshape(0, -1, 3)
  r1 = Reshape (x, rows)
  r2 = MatMul (r1, w)
  v2 = Concat <axis = 0> (n1u, four, minus)
  r3 = Reshape (r2, v2)
  b = Reshape (r3, keep)
  # mask.expand(n, 4, -1) as torch writes it: -1 keeps a dimension
  like = Concat <axis = 0> (n1u, four, minus)
  rank = Shape (like)
  ones = ConstantOfShape <value = int64[1] {1}> (rank)
  keeps = Mul (ones, minus)
  same = Equal (like, keeps)
  sizes = Where (same, ones, like)
  mask = Expand (w1, sizes)
  c = Add (x, mask)
  # torch.zeros(1, n, hidden) as the state of a GRU over steps; n * 2 rows; the last step
  z1 = Concat <axis = 0> (one, n1u, three)
  h0 = ConstantOfShape (z1)
  steps = Transpose <perm = [1, 0, 2]> (x)
  states, final = GRU <hidden_size = 3> (steps, W, R, "", "", h0)
  d = Squeeze (final, zero)
  # x.chunk(2, dim=1) with the size computed
  n2 = Gather <axis = 0> (s1, second)
  n2c = Cast <to = 7> (n2)
  n2h = Div (n2c, half)
  n2f = Cast <to = 7> (n2h)
  n2u = Unsqueeze (n2f, zero)
  upper = Slice (x, n2u, far, one)
  lower = Slice (x, zero, n2u, one)
  e = Concat <axis = -1> (upper, lower)
  # view(2 * n, -1) and back
  double = Mul (n1, half)
  doubled = Unsqueeze (double, zero)
  v3 = Concat <axis = 0> (doubled, minus)
  f0 = Reshape (x, v3)
  f1 = Softmax <axis = 1> (f0)
  v4 = Concat <axis = 0> (n1u, pairs)
  f = Reshape (f1, v4)
  # x[:, ids], one row of ids for each sample; elements; rows in reverse
  wide = Unsqueeze (ids, minus)
  within = Mod (wide, four)
  points = GatherND <batch_dims = 1> (x, within)
  lengths = ReduceMax <axes = [1], keepdims = 0> (ids)
  fours = Mod (lengths, three)
  kept = Add (fours, one)
  turned = ReverseSequence <batch_axis = 0, time_axis = 1> (x, kept)
  g = Concat <axis = 1> (points, turned)
  # x[..., [5, 0]] = 1 through a transpose
  front = Transpose <perm = [2, 0, 1]> (x)
  parts = GatherND (front, some)
  zeros = Mul (parts, single)
  put = ScatterND (front, some, zeros)
  back = Transpose <perm = [1, 2, 0]> (put)
  h = Sub (back, x)
}
"""

TURNS = """
<ir_version: 8, opset_import: ["": 17]>
turns (float[N, 5, 4] x, bool flag, int64 n) => (float[] a, float[] b, float[] c, float[] d)
<int64[1] zero = {0}, int64 first = {0}, int64[1] four = {4}, float half = {0.5}, bool true = {1}>
{
  a, shared = If (flag) <then_branch = yes () => (r, s) { t = Relu (x)  r = MatMul (t, w)  s = Neg (half) },
                         else_branch = no () => (r, s) { r = Softmax <axis = 1> (x)  s = Abs (half) }>
  size = Shape (x)
  number = Gather (size, first)
  rows = Unsqueeze (number, zero)
  shape = Concat <axis = 0> (rows, four)
  initial = ConstantOfShape (shape)
  steps = Transpose <perm = [1, 0, 2]> (x)
  b, all = Scan <num_scan_inputs = 1, scan_output_axes = [1], body = cell (h, v) => (h2, y) {
      wh = MatMul (h, w)
      sum = Add (wh, v)
      h2 = Tanh (sum)
      y = Mul (h2, shared)
    }> (initial, steps)
  c = Loop (n, true, all) <body = smooth (int64 i, bool go, v) => (go_on, u) {
      go_on = Identity (go)
      size2 = Shape (v)
      rows2 = Gather (size2, zero)
      flat = Concat <axis = 0> (rows2, minus)
      f = Reshape (v, flat)
      p = Softmax <axis = 1> (f)
      u0 = Reshape (p, size2)
      u = Sub (v, u0)
    }>
  d = Mul (c, half)
}
"""


# A decoder that puts elements back where the encoder's pools found them.
UNPOOL = """
<ir_version: 8, opset_import: ["": 17]>
unpool (float[N, 3, 9, 8] x) => (float[] y)
{
  a, i = MaxPool <kernel_shape = [3, 2], strides = [2, 2]> (x)
  b, j = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (a)
  c = MaxUnpool <kernel_shape = [2, 2], strides = [2, 2]> (b, j)
  d = Relu (c)
  y = MaxUnpool <kernel_shape = [3, 2], strides = [2, 2]> (d, i)
}
"""


def parsed(text, **weights):
    model = onnx.parser.parse_model("\n".join(line for line in text.splitlines() if not line.strip().startswith("#")))
    for name, array in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return model


def exported():
    """What torch writes around a batch that dynamic_axes leaves open: views, expands, states, chunks, indexing."""
    random = np.random.default_rng(8)
    return parsed(EXPORTED, **{name: random.standard_normal(shape).astype(np.float32) for name, shape in (
        ("w", (6, 6)), ("w1", (1, 1, 6)), ("W", (1, 9, 6)), ("R", (1, 9, 3)))}, some=np.int64([[5], [0]]))


def turns():
    """Branches and loops that do to each sample what they do to all; the condition and the turns are shared."""
    return parsed(TURNS, w=np.random.default_rng(9).standard_normal((4, 4)).astype(np.float32), minus=np.int64([-1]))


def arrays_for(proto, n):
    random, arrays = np.random.default_rng(n), []
    for value in proto.graph.input:
        kind = value.type.tensor_type
        shape = [n if d.dim_param else d.dim_value for d in kind.shape.dim]
        if kind.elem_type == TensorProto.BOOL:
            arrays.append(np.asarray(n % 2 > 0))
        else:
            arrays.append(np.asarray(random.integers(0, 50 if shape else 5, shape)) if kind.elem_type == TensorProto.INT64 else
                          random.standard_normal(shape).astype(np.float32))
    return arrays


def check(what, results, expected):
    failures = 0
    for index, (result, wanted) in enumerate(zip(results, expected, strict=True)):
        off = compare.error(result, wanted)
        if not off <= TOLERANCE:
            failures += 1
            print(f"FAIL {what}, output {index}: {off:.1e}")
    return failures


def on_threads(path, proto, arrays, folder, n):
    """Outputs of `sqzc run` for one and for several threads, and whether they are the same to the bit."""
    results = {}
    for threads in (1, 2, 3):
        command = [SQZC, "run", path, "--dim=N=1..9", "--mcpu=x86-64" if os.uname().machine == "x86_64" else "-O2",
                   f"--threads={threads}", f"--output={folder}"]
        for index, (array, value) in enumerate(zip(arrays, proto.graph.input)):
            np.save(f"{folder}/in{index}.npy", array)
            command += ["--input", f"{value.name}={folder}/in{index}.npy"]
        subprocess.run(command, check=True)
        results[threads] = [np.load(f"{folder}/{o.name}.npy") for o in proto.graph.output]
    same = all(np.array_equal(a, b) for k in (2, 3) for a, b in zip(results[1], results[k], strict=True))
    if not same:
        print(f"FAIL {path} N={n}: threads change the result")
    return results[1], not same


def refuses(network, proto):
    failures = 0
    for n in (0, -1, 10, 1 << 62):
        try:
            call_with(network, proto, n)
            failures += 1
            print(f"FAIL N={n} was taken")
        except RuntimeError as why:
            if str(why) != "the model returned 1":
                failures += 1
                print(f"FAIL N={n}: {why}")
    return failures


def call_with(network, proto, n):
    """Buffers of nine samples, and another N in the call."""
    shape = network.shape
    network.shape = lambda index, _: shape(index, 9)
    try:
        return network(arrays_for(proto, 9), n=n)
    finally:
        network.shape = shape


def run(name, proto, folder, machine):
    path, failures = os.path.join(folder, f"{name}.onnx"), 0
    onnx.save(proto, path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options)
    names = [i.name for i in proto.graph.input]
    cases = {n: arrays_for(proto, n) for n in COUNTS}
    expected = {n: session.run(None, dict(zip(names, arrays))) for n, arrays in cases.items()}
    if machine:
        n = 3
        kinds = [(v.shape, v.dtype) for v in expected[n]]
        program = Program(path, folder, machine, kinds, "--dim=N=1..9", dim=n)
        return check(f"{machine} {name} N={n}", program(cases[n]), expected[n])
    for level in ("-O0", "-O1", "-O2"):
        network = Network(path, os.path.join(folder, level), "--dim", "N=1..9", level)
        for n in COUNTS:
            failures += check(f"{level} {name} N={n}", network(cases[n], n=n), expected[n])
        failures += refuses(network, proto)
    for n in (1, 5):
        arrays = arrays_for(proto, n)
        results, differ = on_threads(path, proto, arrays, folder, n)
        failures += differ + check(f"threads {name} N={n}", results, session.run(None, dict(zip(names, arrays))))
    return failures


failures = 0
machine = sys.argv[1] if len(sys.argv) > 1 else None
nets = {name: opened(MODELS[name]()) for name in NETS if not machine or name in NETS[:3]}
nets |= {"resnet": opened(resnet()), "tokens": tokens(), "speech": speech(), "exported": exported(), "turns": turns(),
         "unpool": parsed(UNPOOL)}
for name, proto in nets.items():
    with tempfile.TemporaryDirectory() as folder:
        failures += run(name, proto, folder, machine)
print(f"{len(nets)} networks, {failures} failures")
sys.exit(failures != 0)
