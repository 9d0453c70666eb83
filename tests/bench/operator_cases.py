"""The models that operators.py times: name -> what makes one.

Most are one node: an input `x`, constants behind it. Sizes are those of usual networks, so that a call takes longer than
the interface of a runtime.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RANDOM = np.random.default_rng(5)
MAP = [1, 64, 56, 56]     # of a convolutional network
ROWS = [1, 128, 768]      # of a transformer


def normal(*shape, scale=0.1):
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32)


def integers(low, high, *shape, dtype=np.int64):
    return RANDOM.integers(low, high, shape).astype(dtype)


def operand(name, shape, dtype=np.float32):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def model(nodes, inputs, results, constants=(), opset=20):
    """A model of (op, inputs, outputs, attributes); constants are TensorProtos or pairs of name and array."""
    made = [helper.make_node(op, names, outputs, **attributes) for op, names, outputs, attributes in nodes]
    for each in made:
        each.domain = "com.microsoft" if each.op_type == "MatMulNBits" else ""
    tensors = [c if isinstance(c, TensorProto) else numpy_helper.from_array(c[1], c[0]) for c in constants]
    graph = helper.make_graph(made, "operator", inputs, [onnx.ValueInfoProto(name=r) for r in results], tensors)
    whole = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset),
                                                                   helper.make_opsetid("com.microsoft", 1)])
    return onnx.shape_inference.infer_shapes(whole)


def node(op, shape, *weights, outputs=1, dtype=np.float32, opset=20, **attributes):
    """A model of one node: input of `shape`, constants behind it (None: left out)."""
    names = [f"w{i}" if w is not None else "" for i, w in enumerate(weights)]
    results = [f"y{i}" for i in range(outputs)]
    return model([(op, ["x", *names], results, attributes)], [operand("x", shape, dtype)], results,
                 [(name, w) for w, name in zip(weights, names) if w is not None], opset)


def one(op, shape, *weights, **more):
    return lambda: node(op, shape, *weights, **more)


def pair(op, a, b, dtype=np.float32, **attributes):
    """One node of two inputs."""
    return lambda: model([(op, ["a", "b"], ["y"], attributes)], [operand("a", a, dtype), operand("b", b, dtype)], ["y"])


def elementwise(op, shape=MAP, **attributes):
    return one(op, shape, **attributes)


def conv(channels, filters, size, kernel, group=1, stride=1, dilation=1):
    rank = len(size)
    kernel = [kernel] * rank if isinstance(kernel, int) else kernel
    pads = [dilation * (k - 1) // 2 for k in kernel]
    return lambda: node("Conv", [1, channels, *size], normal(filters, channels // group, *kernel), normal(filters),
                        pads=pads * 2, group=group, strides=[stride] * rank, dilations=[dilation] * rank)


def transpose(channels, filters, size, kernel, stride, pad=0, group=1, **more):
    return lambda: node("ConvTranspose", [1, channels, *size], normal(channels, filters // group, *[kernel] * len(size)),
                        normal(filters), strides=[stride] * len(size), pads=[pad] * (2 * len(size)), group=group, **more)


def recurrent(op, batch, gates):
    def make():
        return node(op, [32, batch, 128], normal(1, gates * 128, 128), normal(1, gates * 128, 128),
                    normal(1, 2 * gates * 128), hidden_size=128)
    return make


def product(*columns):
    return lambda: node("Einsum", [512, 1024], normal(1024, *columns), equation="ij,jk->ik" if columns else "ij,j->i")


def sample(mode):
    grid = RANDOM.uniform(-1, 1, (1, 64, 64, 2)).astype(np.float32)
    return lambda: node("GridSample", [1, 16, 64, 64], grid, mode=mode)


def resize(shape, scales, mode, **attributes):
    return lambda: node("Resize", shape, None, np.array(scales, np.float32), mode=mode, **attributes)


def norm(op, shape, size, opset=20, **attributes):
    return lambda: node(op, shape, normal(size), normal(size), opset=opset, **attributes)


def batch_norm():
    return node("BatchNormalization", MAP, normal(64), normal(64), normal(64), np.abs(normal(64)) + 1)


def reduction(op, shape, *axes, **attributes):
    return lambda: node(op, shape, np.array(axes), **attributes)


def where(*shape):
    return lambda: model([("Where", ["c", "a", "b"], ["y"], {})],
                         [operand("c", shape, np.bool_), operand("a", MAP), operand("b", [])], ["y"])


def gather(op, shape, indices, axis):
    return lambda: model([(op, ["x", "i"], ["y"], {"axis": axis})], [operand("x", shape), operand("i", indices, np.int64)],
                         ["y"])


def embedding():
    return model([("Gather", ["w", "i"], ["y"], {})], [operand("i", [1, 512], np.int64)], ["y"],
                 [("w", normal(1000, 768))])


def scatter():
    points = np.stack([RANDOM.permutation(512)[:256], np.zeros(256, np.int64)], 1)
    return model([("ScatterND", ["x", "i", "u"], ["y"], {})], [operand("x", [512, 1, 256]), operand("u", [256, 256])],
                 ["y"], [("i", points)])


def concat(axis, *shapes):
    names = [f"x{i}" for i in range(len(shapes))]
    return lambda: model([("Concat", names, ["y"], {"axis": axis})], [operand(n, s) for n, s in zip(names, shapes)], ["y"])


def scales_of(*shape):
    return np.abs(normal(*shape)) + np.float32(0.01)


def quantized_conv(channels, filters, size, kernel):
    def make():
        constants = [("xs", np.float32(0.02)), ("xz", np.uint8(120)), ("ws", scales_of(filters)),
                     ("w", integers(-127, 128, filters, channels, kernel, kernel, dtype=np.int8)),
                     ("wz", np.zeros(filters, np.int8)), ("ys", np.float32(0.3)), ("yz", np.uint8(128))]
        return model([("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["y"],
                       {"pads": [kernel // 2] * 4})], [operand("x", [1, channels, *size], np.uint8)], ["y"], constants)
    return make


def integer_conv():
    return model([("ConvInteger", ["x", "w", "z"], ["y"], {"pads": [1] * 4})], [operand("x", [1, 64, 28, 28], np.uint8)],
                 ["y"], [("w", integers(-127, 128, 64, 64, 3, 3, dtype=np.int8)), ("z", np.uint8(120))])


def quantized_product(rows):
    constants = [("xs", np.float32(0.02)), ("xz", np.uint8(120)), ("ws", np.float32(0.01)), ("wz", np.int8(0)),
                 ("w", integers(-127, 128, 768, 768, dtype=np.int8)), ("ys", np.float32(0.3)), ("yz", np.uint8(128))]
    return lambda: model([("QLinearMatMul", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["y"], {})],
                         [operand("x", [rows, 768], np.uint8)], ["y"], constants)


def dynamic_product(rows):
    """What dynamic quantization makes of a MatMul."""
    nodes = [("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], {}), ("MatMulInteger", ["q", "w", "z", "wz"], ["i"], {}),
             ("Cast", ["i"], ["f"], {"to": TensorProto.FLOAT}), ("Mul", ["s", "ws"], ["t"], {}),
             ("Mul", ["f", "t"], ["y"], {})]
    constants = [("w", integers(-127, 128, 768, 768, dtype=np.int8)), ("wz", np.int8(0)), ("ws", np.float32(0.01))]
    return lambda: model(nodes, [operand("x", [rows, 768])], ["y"], constants)


def nibbles(rows, size=512):
    """A product with weights of 4 bits: scales for each 32, unpacked in the model."""
    def make():
        weights = helper.make_tensor("w", TensorProto.INT4, [size, size], [int(i) for i in integers(-8, 8, size * size)])
        nodes = [("DequantizeLinear", ["w", "s"], ["d"], {"axis": 0, "block_size": 32}), ("MatMul", ["x", "d"], ["y"], {})]
        return model(nodes, [operand("x", [rows, size])], ["y"], [weights, ("s", scales_of(size // 32, size))], 21)
    return make


def nbits(rows, size=512):
    """The same as onnxruntime's own operator."""
    def make():
        constants = [("w", integers(0, 256, size, size // 32, 16, dtype=np.uint8)), ("s", scales_of(size * size // 32))]
        return model([("MatMulNBits", ["x", "w", "s"], ["y"], {"K": size, "N": size, "bits": 4, "block_size": 32})],
                     [operand("x", [1, rows, size])], ["y"], constants)
    return make


def halves(op, shape):
    """An operator on f16, between casts."""
    nodes = [("Cast", ["x"], ["a"], {"to": TensorProto.FLOAT16}), (op, ["a", "w"], ["b"], {}),
             ("Cast", ["b"], ["y"], {"to": TensorProto.FLOAT})]
    return lambda: model(nodes, [operand("x", shape)], ["y"], [("w", normal(shape[-1], shape[-1]).astype(np.float16))])


def pieces(shape, axis, *sizes):
    return one("Split", shape, np.array(sizes), outputs=len(sizes), axis=axis)


def part(shape, starts, ends, axes, steps):
    return one("Slice", shape, *(np.array(v) for v in (starts, ends, axes, steps)))


def turn(shape, *order):
    return one("Transpose", shape, perm=order)


def einsum(equation, a, b):
    return pair("Einsum", a, b, equation=equation)


CASES = {
    # Convolutions
    "transpose-2x2-s2": transpose(128, 64, (28, 28), 2, 2),
    "transpose-3x3-s2": transpose(64, 32, (28, 28), 3, 2, 1, output_padding=[1, 1]),
    "transpose-4x4-s2": transpose(64, 32, (28, 28), 4, 2, 1),
    "transpose-4x4-s2-rgb": transpose(64, 3, (64, 64), 4, 2, 1),
    "transpose-4x4-s2-deep": transpose(512, 256, (8, 8), 4, 2, 1),
    "transpose-3x3-s1": transpose(64, 64, (28, 28), 3, 1, 1),
    "transpose-5x5-s3": transpose(32, 32, (20, 20), 5, 3, 1),
    "transpose-4x4-s2-depthwise": transpose(64, 64, (28, 28), 4, 2, 1, group=64),
    "transpose-1d-s4": transpose(128, 64, (400,), 8, 4, 2),
    "transpose-3d-s2": transpose(16, 16, (8, 14, 14), 2, 2),
    "conv1d": conv(64, 128, (400,), 3),
    "conv1d-deep": conv(256, 256, (100,), 5),
    "conv1d-waveform": conv(1, 64, (8000,), [15], stride=4),
    "conv3d": conv(16, 32, (8, 28, 28), 3),
    "conv3d-s2": conv(16, 32, (16, 28, 28), 3, stride=2),
    "conv-depthwise-3x3": conv(128, 128, (28, 28), 3, 128),
    "conv-depthwise-5x5": conv(128, 128, (28, 28), 5, 128),
    "conv-depthwise-5x5-s2": conv(96, 96, (28, 28), 5, 96, stride=2),
    "conv-depthwise-7x7": conv(96, 96, (28, 28), 7, 96),
    "conv-depthwise-1d": conv(256, 256, (400,), 31, 256),
    "conv-depthwise-dilated": conv(128, 128, (28, 28), 3, 128, dilation=2),
    "conv-dilated": conv(64, 64, (28, 28), 3, dilation=2),
    "conv-groups-32": conv(128, 128, (28, 28), 3, 32),
    "conv-groups-4": conv(128, 128, (28, 28), 3, 4),
    "conv-groups-1x1": conv(240, 240, (28, 28), 1, 3),
    "conv-gray": conv(1, 8, (112, 112), 3),
    "conv-asymmetric": conv(64, 64, (17, 17), [1, 7]),
    # Pools
    "maxpool-2x2": one("MaxPool", MAP, kernel_shape=[2, 2], strides=[2, 2]),
    "maxpool-3x3-s2": one("MaxPool", MAP, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
    "maxpool-5x5-s1": one("MaxPool", [1, 256, 20, 20], kernel_shape=[5, 5], pads=[2] * 4),
    "maxpool-13x13-s1": one("MaxPool", [1, 256, 20, 20], kernel_shape=[13, 13], pads=[6] * 4),
    "maxpool-1d": one("MaxPool", [1, 64, 4000], kernel_shape=[4], strides=[4]),
    "averagepool-3x3": one("AveragePool", MAP, kernel_shape=[3, 3], pads=[1] * 4),
    "averagepool-2x2": one("AveragePool", MAP, kernel_shape=[2, 2], strides=[2, 2]),
    "averagepool-7x7": one("AveragePool", [1, 256, 28, 28], kernel_shape=[7, 7]),
    "averagepool-14x14": one("AveragePool", MAP, kernel_shape=[14, 14], strides=[14, 14]),
    "lppool": one("LpPool", MAP, kernel_shape=[3, 3], strides=[2, 2]),
    "globalaveragepool": one("GlobalAveragePool", [1, 512, 14, 14]),
    "globalmaxpool": one("GlobalMaxPool", [1, 512, 14, 14]),
    # Images
    "resize-nearest-2x": resize([1, 64, 28, 28], [1, 1, 2, 2], "nearest", nearest_mode="floor",
                                coordinate_transformation_mode="asymmetric"),
    "resize-nearest-half": resize([1, 64, 28, 28], [1, 1, 2, 2], "nearest"),
    "resize-linear-2x": resize([1, 64, 28, 28], [1, 1, 2, 2], "linear"),
    "resize-linear-corners": resize([1, 64, 28, 28], [1, 1, 4, 4], "linear",
                                    coordinate_transformation_mode="align_corners"),
    "resize-linear-half": resize([1, 64, 56, 56], [1, 1, 0.5, 0.5], "linear"),
    "resize-linear-rgb": resize([1, 3, 256, 256], [1, 1, 1.7, 1.7], "linear"),
    "resize-cubic-2x": resize([1, 32, 28, 28], [1, 1, 2, 2], "cubic"),
    "gridsample": sample("linear"),
    "gridsample-nearest": sample("nearest"),
    "gridsample-cubic": sample("cubic"),
    "depthtospace": one("DepthToSpace", [1, 64, 64, 64], blocksize=2, mode="CRD"),
    "spacetodepth": one("SpaceToDepth", [1, 16, 128, 128], blocksize=2),
    # Normalisations
    "batchnorm": batch_norm,
    "instancenorm": norm("InstanceNormalization", MAP, 64),
    "instancenorm-large": norm("InstanceNormalization", [1, 16, 256, 256], 16),
    "groupnorm": norm("GroupNormalization", MAP, 64, 21, num_groups=8),
    "layernorm": norm("LayerNormalization", ROWS, 768),
    "layernorm-small": norm("LayerNormalization", [1, 3136, 32], 32),
    "layernorm-large": norm("LayerNormalization", [16, 8192], 8192),
    "lpnorm": one("LpNormalization", [512, 256], axis=1),
    "lrn": one("LRN", MAP, size=5),
    # Elementwise
    "relu": elementwise("Relu"), "tanh": elementwise("Tanh"), "sigmoid": elementwise("Sigmoid"),
    "erf": elementwise("Erf"), "gelu": elementwise("Gelu"), "gelu-tanh": elementwise("Gelu", approximate="tanh"),
    "exp": elementwise("Exp"), "log": elementwise("Log"), "softplus": elementwise("Softplus"),
    "sin": elementwise("Sin"), "cos": elementwise("Cos"), "sqrt": elementwise("Sqrt"), "abs": elementwise("Abs"),
    "reciprocal": elementwise("Reciprocal"), "floor": elementwise("Floor"), "elu": elementwise("Elu"),
    "leakyrelu": elementwise("LeakyRelu"), "hardswish": elementwise("HardSwish"), "mish": elementwise("Mish"),
    "hardsigmoid": elementwise("HardSigmoid"), "selu": elementwise("Selu"), "softsign": elementwise("Softsign"),
    "prelu": one("PRelu", MAP, normal(64, 1, 1)),
    "clip": one("Clip", MAP, np.float32(0), np.float32(6)),
    "pow-2": one("Pow", MAP, np.float32(2)), "pow-half": one("Pow", MAP, np.float32(0.5)),
    "pow": one("Pow", MAP, np.float32(1.7)),
    "add": pair("Add", MAP, MAP), "add-channels": pair("Add", MAP, [1, 64, 1, 1]), "add-rows": pair("Add", ROWS, [768]),
    "mul-scalar": pair("Mul", MAP, []), "mul-columns": pair("Mul", ROWS, [1, 128, 1]), "div": pair("Div", MAP, MAP),
    "max": pair("Max", MAP, MAP), "greater": pair("Greater", MAP, MAP), "equal-scalar": pair("Equal", MAP, []),
    "less-channels": pair("Less", MAP, [1, 64, 1, 1]), "where": where(*MAP), "where-rows": where(56),
    "and": pair("And", MAP, MAP, np.bool_), "not": elementwise("Not", dtype=np.bool_),
    "add-i64": pair("Add", MAP, MAP, np.int64), "mul-i64": pair("Mul", MAP, MAP, np.int64),
    "div-i64": one("Div", MAP, np.int64(7), dtype=np.int64), "mod-i64": one("Mod", MAP, np.int64(7), dtype=np.int64),
    "div-i32": pair("Div", MAP, [], np.int32), "equal-i64": pair("Equal", MAP, [], np.int64),
    "cast-u8": one("Cast", MAP, dtype=np.uint8, to=TensorProto.FLOAT),
    "cast-i64": one("Cast", MAP, dtype=np.int64, to=TensorProto.FLOAT),
    "cast-f16": one("Cast", MAP, to=TensorProto.FLOAT16),
    "cast-half": one("Cast", MAP, dtype=np.float16, to=TensorProto.FLOAT),
    "cast-bool": one("Cast", MAP, dtype=np.bool_, to=TensorProto.FLOAT),
    # Softmax, reductions
    "softmax": one("Softmax", [12, 128, 128], axis=-1),
    "softmax-1000": one("Softmax", [16, 1000], axis=-1),
    "softmax-long": one("Softmax", [1, 32000], axis=-1),
    "softmax-channels": one("Softmax", [1, 21, 128, 128], axis=1),
    "softmax-dfl": one("Softmax", [1, 16, 4, 2100], axis=1),
    "logsoftmax": one("LogSoftmax", [64, 1000], axis=-1),
    "reducemean-last": reduction("ReduceMean", ROWS, -1),
    "reducemean-image": reduction("ReduceMean", MAP, 2, 3),
    "reducemean-channels": reduction("ReduceMean", MAP, 1),
    "reducesum-middle": reduction("ReduceSum", [64, 128, 64], 1),
    "reducesum-first": reduction("ReduceSum", [128, 4096], 0),
    "reducesum-all": reduction("ReduceSum", MAP, 0, 1, 2, 3),
    "reducemax-last": reduction("ReduceMax", ROWS, -1),
    "reducemax-middle": reduction("ReduceMax", [64, 128, 64], 1),
    "reducel2-last": reduction("ReduceL2", ROWS, -1),
    "reducelogsumexp": reduction("ReduceLogSumExp", [64, 1000], 1),
    "reduceprod": reduction("ReduceProd", ROWS, -1),
    "reducesum-i64": reduction("ReduceSum", [128, 1024], 1, dtype=np.int64),
    "argmax": one("ArgMax", [64, 1000], axis=1),
    "argmax-inner": one("ArgMax", [1, 21, 128, 128], axis=1),
    "topk": one("TopK", [64, 1000], np.array([10]), outputs=2),
    "topk-inner": one("TopK", [1, 1000, 64], np.array([5]), outputs=2, axis=1),
    "topk-long": one("TopK", [1, 25200], np.array([300]), outputs=2),
    "topk-all": one("TopK", [16, 1000], np.array([1000]), outputs=2),
    "topk-one": one("TopK", [256, 1000], np.array([1]), outputs=2),
    "cumsum": one("CumSum", [64, 1000], np.array(1)),
    "cumsum-first": one("CumSum", [256, 512], np.array(0)),
    # Moves
    "transpose2d": turn([1024, 768], 1, 0),
    "transpose-heads": turn([1, 128, 12, 64], 0, 2, 1, 3),
    "transpose-keys": turn([1, 128, 12, 64], 0, 2, 3, 1),
    "transpose-nhwc": turn(MAP, 0, 2, 3, 1),
    "transpose-nchw": turn([1, 56, 56, 64], 0, 3, 1, 2),
    "transpose-rgb": turn([1, 224, 224, 3], 0, 3, 1, 2),
    "transpose-windows": turn([1, 8, 7, 8, 7, 96], 0, 1, 3, 2, 4, 5),
    "transpose-shuffle": turn([1, 4, 32, 28, 28], 0, 2, 1, 3, 4),
    "transpose-u8": one("Transpose", [1, 224, 224, 3], dtype=np.uint8, perm=[0, 3, 1, 2]),
    "concat-channels": concat(1, MAP, MAP),
    "concat-last": concat(-1, [1, 128, 384], [1, 128, 384]),
    "concat-last-narrow": concat(-1, [1, 8400, 4], [1, 8400, 80]),
    "split-channels": pieces(MAP, 1, 32, 32),
    "split-last": pieces([1, 128, 2304], 2, 768, 768, 768),
    "slice-crop": part([1, 64, 64, 64], [4, 4], [60, 60], [2, 3], [1, 1]),
    "slice-strided": part([1, 64, 64, 64], [0, 0], [64, 64], [2, 3], [2, 2]),
    "slice-last": part([1, 4096, 64], [0], [32], [2], [1]),
    "slice-reversed": part([1, 128, 768], [-1], [-1000], [1], [-1]),
    "pad": one("Pad", MAP, np.array([0, 0, 1, 1, 0, 0, 1, 1])),
    "pad-reflect": one("Pad", MAP, np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="reflect"),
    "pad-edge": one("Pad", MAP, np.array([0, 0, 3, 3, 0, 0, 3, 3]), mode="edge"),
    "expand": one("Expand", [1, 128, 1, 64], np.array([1, 128, 32, 64])),
    "tile": one("Tile", [1, 32, 28, 28], np.array([1, 2, 2, 2])),
    "gather-embedding": embedding,
    "gather-columns": gather("Gather", [512, 512], [64], 1),
    "gather-elements": gather("GatherElements", [128, 512], [128, 256], 1),
    "gather-elements-first": gather("GatherElements", [128, 512], [64, 512], 0),
    "gather-nd": one("GatherND", [128, 128, 64], integers(0, 128, 1000, 2)),
    "scatter-nd": scatter,
    "scatter-elements": one("ScatterElements", [256, 512], np.argsort(normal(256, 512), 1)[:, :128], normal(256, 128),
                            axis=1),
    "onehot": one("OneHot", [4096], np.array(100), np.array([0, 1], np.float32), dtype=np.int64),
    "trilu": one("Trilu", [12, 128, 128]),
    # Products
    "matmul": one("MatMul", [128, 768], normal(768, 768)),
    "matmul-vector": one("MatMul", [1, 768], normal(768, 3072)),
    "matmul-4": one("MatMul", [4, 768], normal(768, 768)),
    "matmul-odd": one("MatMul", [197, 333], normal(333, 251)),
    "matmul-narrow": one("MatMul", [1000, 256], normal(256, 10)),
    "matmul-deep": one("MatMul", [16, 4096], normal(4096, 64)),
    "matmul-heads": pair("MatMul", [12, 128, 64], [12, 64, 128]),
    "matmul-scores": pair("MatMul", [12, 128, 128], [12, 128, 64]),
    "matmul-cache": pair("MatMul", [12, 1, 64], [12, 64, 512]),
    "matmul-values": pair("MatMul", [12, 1, 512], [12, 512, 64]),
    "matmul-square": pair("MatMul", [256, 256], [256, 256]),
    "gemm": one("Gemm", [16, 1024], normal(1000, 1024), normal(1000), transB=1),
    "gemm-vector": one("Gemm", [1, 2048], normal(1000, 2048), normal(1000), transB=1),
    "gemm-transposed": pair("Gemm", [256, 128], [256, 192], transA=1),
    "einsum-vector": product(),
    "einsum-matrix": product(256),
    "einsum-scores": einsum("bqhd,bkhd->bhqk", [1, 128, 12, 64], [1, 128, 12, 64]),
    "einsum-values": einsum("bhqk,bkhd->bqhd", [1, 12, 128, 128], [1, 128, 12, 64]),
    "einsum-channels": einsum("nchw,ck->nkhw", [1, 64, 28, 28], [64, 64]),
    "einsum-outer": einsum("i,j->ij", [512], [512]),
    "einsum-inner": einsum("bij,bij->bi", [8, 128, 256], [8, 128, 256]),
    "lstm-1": recurrent("LSTM", 1, 4), "lstm-8": recurrent("LSTM", 8, 4), "gru-1": recurrent("GRU", 1, 3),
    "gru-8": recurrent("GRU", 8, 3), "rnn-8": recurrent("RNN", 8, 1),
    # Quantized
    "quantize": one("QuantizeLinear", MAP, np.float32(0.02), np.uint8(120)),
    "quantize-channels": one("QuantizeLinear", MAP, scales_of(64), np.zeros(64, np.int8), axis=1),
    "dequantize": one("DequantizeLinear", MAP, np.float32(0.02), np.uint8(120), dtype=np.uint8),
    "quantize-dynamic": one("DynamicQuantizeLinear", ROWS, outputs=3),
    "qlinearconv-1x1": quantized_conv(128, 128, (28, 28), 1),
    "qlinearconv-3x3": quantized_conv(64, 64, (28, 28), 3),
    "convinteger": integer_conv,
    "qlinearmatmul": quantized_product(128),
    "qlinearmatmul-1": quantized_product(1),
    "dynamic-1": dynamic_product(1), "dynamic-128": dynamic_product(128),
    "int4": nibbles(16), "int4-1": nibbles(1), "int4-128": nibbles(128),
    "nbits-1": nbits(1), "nbits-16": nbits(16), "nbits-128": nbits(128),
    "half-matmul": halves("MatMul", [128, 256]), "half-add": halves("Add", [768, 768]),
}
