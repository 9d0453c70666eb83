# RUN: %python %s %t
"""Old forms and composites compute what onnxruntime computes: each model is run by both on the same numbers."""

import os
import subprocess
import sys

import numpy as np
import onnx
import onnx.parser
import onnxruntime

SQZC, folder = os.environ["SQZC"], sys.argv[1]
random = np.random.default_rng(1)

# operator set, inputs, outputs, constants, nodes
MODELS = [
    (7, "float[1,2,3,4] x", "float[1,2,6,8] y", "", 'y = Upsample<mode = "nearest", scales = [1.0, 1.0, 2.0, 2.0]>(x)'),
    (9, "float[1,2,3,4] x", "float[1,2,6,6] y", "float[4] s = {1, 1, 2, 1.5}", 'y = Upsample<mode = "linear">(x, s)'),
    (10, "float[1,2,5,7] x", "float[1,2,12,10] y", "float[4] s = {1, 1, 2.5, 1.5}", "y = Resize(x, s)"),
    (10, "float[1,2,5,7] x", "float[1,2,2,3] y", "float[4] s = {1, 1, 0.5, 0.5}", "y = Resize(x, s)"),
    (10, "float[1,2,5,7] x", "float[1,2,7,9] y", "float[4] s = {1, 1, 1.5, 1.3}", 'y = Resize<mode = "linear">(x, s)'),
    (11, "float[2,3,4] x", "float[2,3,4] a, float[2,3,4] b, float[2,3,4] c", "",
     "a = Softmax(x) b = LogSoftmax<axis = 0>(x) c = Softmax<axis = -2>(x)"),
    (9, "float[2,3,4] x", "float[2,3,4] a, float[2,3,4] b", "", "a = Hardmax(x) b = Hardmax<axis = 2>(x)"),
    (13, "float[2,3,4] x", "float[2,3,4] a, float[2,3,4] b", "", "a = Hardmax<axis = 1>(x) b = Hardmax(x)"),
    (9, "float[2,3,4,5] x", "float[1,2,5] a, float[2,3,4,7] b, float[2,3,4,5] c",
     "", "t = Slice<axes = [0, 1, 2], starts = [-1, 1, 1], ends = [9, 3, 2]>(x) a = Squeeze<axes = [2]>(t) "
     "b = Pad<pads = [0, 0, 0, 1, 0, 0, 0, 1], value = 0.5>(x) c = Clip<min = -0.5, max = 0.5>(x)"),
    (11, "float[2,6,4] x", "float[2,2,4] a, float[2,4,4] b, float[2,4] c, float[1,1,1] d",
     "", "a, b = Split<axis = 1, split = [2, 4]>(x) c = ReduceMean<axes = [1], keepdims = 0>(x) d = ReduceSumSquare(x)"),
    (8, "float[2,3,2,2] x", "float[2,3,2,2] y", "float[3] s = {1, 2, 3}, float[3] m = {0.1, 0.2, 0.3}",
     "y = BatchNormalization<epsilon = 0.01>(x, s, m, m, s)"),
    (20, "float[3,5] x", "float[3,5] a, float[3,5] b", "", 'a = Gelu(x) b = Gelu<approximate = "tanh">(x)'),
    (17, "float[2,3,4] x", "float[2,3,4] y, float[2,1,1] m, float[2,1,1] i", "float[3,4] s = {1,2,3,4,5,6,7,8,9,10,11,12}",
     "y, m, i = LayerNormalization<axis = 1>(x, s, s)"),
    (21, "float[2,6,2,2] x", "float[2,6,2,2] y", "float[6] s = {1,2,3,4,5,6}", "y = GroupNormalization<num_groups = 3>(x, s, s)"),
    (18, "float[2,6,2,2] x", "float[2,6,2,2] y", "float[3] s = {1,2,3}", "y = GroupNormalization<num_groups = 3>(x, s, s)"),
    (13, "float[2,3,4,5] x", "float[2,3,4,5] y", "", "y = MeanVarianceNormalization(x)"),
    (13, "float[2,3,4,5] x", "float[2,3,4,5] a, float[2,3,4,5] b, float[2,3,1,1] c",
     "", "a = LpNormalization<p = 1, axis = 1>(x) b = LpNormalization(x) c = GlobalLpPool<p = 3>(x)"),
    (14, "float[2,4,5] x", "float[2,4,5] a, float[2,4,5] b", "int64 k = {-1}", "a = Trilu(x, k) b = Trilu<upper = 0>(x)"),
    (11, "float[2,3] x", "float[2,4,3] y", "int64[2,3] i = {0, -1, 3, 2, 7, 1}, int64 d = {4}, float[2] v = {-1, 5}",
     "y = OneHot<axis = 1>(i, d, v)"),
    (19, "float[2,3,4] x", "int8[2,3,4] a, float[2,3,4] b, uint8[2,3,4] c",
     "float[3] s = {0.02, 0.01, 0.03}, int8[3] z = {1, -2, 3}, float t = {0.005}",
     "a = QuantizeLinear(x, s, z) b = DequantizeLinear(a, s, z) c = QuantizeLinear(x, t)"),
    (11, "float[2,3] x", "uint8[2,3] a, float b, uint8 c", "", "a, b, c = DynamicQuantizeLinear(x)"),
    (9, "float[2,3] x, int64[2] s", "float[2,3] y", "", "y = Dropout(x)"),
]


def feeds(model):
    values = {}
    for value in model.graph.input:
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        floating = value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        values[value.name] = (random.standard_normal(shape).astype(np.float32) if floating
                              else random.integers(0, 3, shape))
    return values


def run_sqzc(path, values, level):
    command = [SQZC, "run", path, level, f"--output={path}.out"]
    for name, array in values.items():
        np.save(f"{path}.{name}.npy", array)
        command += ["--input", f"{name}={path}.{name}.npy"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{path}: {done.stderr}")
    return lambda name: np.load(f"{path}.out/{name}.npy")


wrong = 0
os.makedirs(folder, exist_ok=True)
for index, (opset, inputs, outputs, constants, nodes) in enumerate(MODELS):
    text = f'<ir_version: 4, opset_import: ["": {opset}]> g ({inputs}) => ({outputs}) <{constants}> {{ {nodes} }}'
    model = onnx.parser.parse_model(text if constants else text.replace("<>", ""))
    model.ir_version = 4 if opset < 10 else 8
    path = os.path.join(folder, f"model{index}.onnx")
    onnx.save(model, path)
    values = feeds(model)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    used = {i.name for i in session.get_inputs()}
    expected = session.run(None, {k: v for k, v in values.items() if k in used})
    for level in "-O0", "-O2":
        result = run_sqzc(path, values, level)
        for value, want in zip(model.graph.output, expected):
            got = result(value.name)
            if got.shape != want.shape or not np.allclose(got, want, rtol=1e-4, atol=1e-5):
                wrong += 1
                print(f"{nodes} (operator set {opset}, {level}): {value.name} is\n{got}\nshould be\n{want}")
print(f"{len(MODELS)} models, {wrong} wrong outputs")
sys.exit(1 if wrong else 0)
