# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Types of 8 bits and fewer: every bit pattern to other types, numbers of all kinds to them, and what moves, quantizes and
reinterprets them, bit by bit as ONNX's reference computes it. With machines as arguments: emulated, at -O2."""

import os
import sys
import tempfile

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops.op_cast import cast_to

from native import PACKED, Network, Program

LEVELS = (["-O0"], ["-O2"], ["-O2", "--mcpu=native"])
FLOAT8 = ["FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ"]
INTEGERS = ["INT4", "UINT4", "INT2", "UINT2"]
SMALL = [*FLOAT8, "FLOAT8E8M0", "FLOAT4E2M1", *INTEGERS]
WIDE = ["FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE"]
random = np.random.default_rng(3)


def kind(name):
    return getattr(TensorProto, name)


def numpy_type(name):
    return np.dtype(helper.tensor_dtype_to_np_dtype(kind(name)))


def patterns(name, count=None):
    """All values of a type, or `count` random ones."""
    bits = {"FLOAT4E2M1": 4, "INT4": 4, "UINT4": 4, "INT2": 2, "UINT2": 2}.get(name, 8)
    codes = np.arange(2**bits) if count is None else random.integers(0, 2**bits, count)
    if name in ("INT4", "INT2"):
        codes -= 2 ** (bits - 1)
    if name in INTEGERS:
        return codes.astype(np.int8).astype(numpy_type(name))
    return codes.astype(np.uint8).view(numpy_type(name))


def packed(array):
    """A tensor's bytes as a model takes them."""
    each = PACKED.get(helper.np_dtype_to_tensor_dtype(array.dtype))
    if not each:
        return array.reshape(-1).view(np.uint8)
    bits = 8 // each
    codes = array.reshape(-1).view(np.uint8) & (2**bits - 1)
    codes = np.append(codes, np.zeros(-len(codes) % each, np.uint8)).reshape(-1, each)
    return np.bitwise_or.reduce(codes << (np.arange(each, dtype=np.uint8) * bits), axis=1).astype(np.uint8)


def as_bits(array):
    """An input as the C type that a model takes."""
    number = helper.np_dtype_to_tensor_dtype(array.dtype)
    return packed(array) if 17 <= number <= 26 else array.view(np.uint16) if number == TensorProto.BFLOAT16 else array


def unpacked(data, array):
    """Bytes of a model's output as an array like `array`."""
    data = np.asarray(data).reshape(-1).view(np.uint8)
    each = PACKED.get(helper.np_dtype_to_tensor_dtype(array.dtype))
    if each:
        bits = 8 // each
        codes = (data[:, None] >> (np.arange(each, dtype=np.uint8) * bits)) & (2**bits - 1)
        data = codes.reshape(-1)[:array.size].astype(np.uint8)
        if array.dtype in (ml_dtypes.int4, ml_dtypes.int2):
            data = ((data ^ 2 ** (bits - 1)).astype(np.int8) - 2 ** (bits - 1)).astype(np.int8)
            return data.astype(array.dtype).reshape(array.shape)
    return data.view(array.dtype).reshape(array.shape)


def differences(result, want):
    """Bits must agree; any NaN is as good as another."""
    bits = f"u{want.dtype.itemsize}"
    same = result.reshape(-1).view(bits) == want.reshape(-1).view(bits)
    if want.dtype.kind in "fV" and want.dtype.name not in ("int4", "uint4", "int2", "uint2", "float4_e2m1fn"):
        with np.errstate(all="ignore"):
            same |= np.isnan(result.reshape(-1).astype(np.float64)) & np.isnan(want.reshape(-1).astype(np.float64))
    return np.flatnonzero(~same)


def shown(node):
    return [(a.name, helper.get_attribute_value(a)) for a in node.attribute]


class Model:
    """Nodes, each with inputs (arrays) and the output that it should have."""

    def __init__(self, title):
        self.title, self.nodes, self.inputs, self.wanted, self.constants = title, [], {}, {}, []

    def input(self, array):
        for name, other in self.inputs.items():
            if other is array:
                return name
        self.inputs[f"in{len(self.inputs)}"] = array
        return f"in{len(self.inputs) - 1}"

    def constant(self, array, raw=True):
        name = f"const{len(self.constants)}"
        data = packed(array).tobytes() if raw else packed(array).astype(np.int32).tolist()
        tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape)
        if raw:
            tensor.raw_data = data
        else:
            tensor.int32_data.extend(data)
        self.constants.append(tensor)
        return name

    def add(self, op, inputs, want=None, **attributes):
        """`inputs` are arrays or names; without `want`, the reference says what is wanted."""
        output = f"{op}{len(self.nodes)}"
        names = [x if isinstance(x, str) else "" if x is None else self.input(x) for x in inputs]
        node = helper.make_node(op, names, [output], name=output, **attributes)
        if want is None:
            given = {n: self.inputs[n] for n in names if n in self.inputs}
            with np.errstate(all="ignore"):
                want = ReferenceEvaluator(self.model([node], {output: np.zeros(0, np.float32)})).run([output], given)[0]
        self.nodes.append(node)
        self.wanted[output] = np.asarray(want)
        return output

    def model(self, nodes, wanted):
        def info(name, array, shape):
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)
        used = {name for node in nodes for name in node.input}
        graph = helper.make_graph(nodes, self.title, [info(n, a, a.shape) for n, a in self.inputs.items() if n in used],
                                  [info(n, a, None) for n, a in wanted.items()],
                                  [c for c in self.constants if c.name in used])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 26)], ir_version=12)

    def compiled(self, path, folder, flags):
        if flags[0].startswith("-"):
            return Network(path, folder, *flags)
        sizes = [((len(packed(a)),), np.uint8) for a in self.wanted.values()]
        return Program(path, folder, flags[0], sizes)

    def run(self, folder):
        failures = 0
        path = os.path.join(folder, f"{self.title}.onnx")
        onnx.save(self.model(self.nodes, self.wanted), path)
        for flags in [[machine] for machine in sys.argv[1:]] or LEVELS:
            network = self.compiled(path, os.path.join(folder, "".join(flags)), flags)
            given = [as_bits(a) for a in self.inputs.values()]
            for node, result in zip(self.nodes, network(given), strict=True):
                want = self.wanted[node.output[0]]
                wrong = differences(unpacked(result, want), want)
                if len(wrong):
                    failures += 1
                    print(f"FAIL {' '.join(flags)} {self.title} {node.output[0]}: {len(wrong)} of {want.size} differ, number "
                          f"{wrong[0]} is {unpacked(result, want).reshape(-1)[wrong[0]]}, should be "
                          f"{want.reshape(-1)[wrong[0]]} {dict(shown(node))}")
        print(f"{self.title}: {len(self.nodes)} cases, {failures} failures")
        return failures


def numbers():
    """All floats of each small type and the middles between them, what lies just beside, and numbers of all sizes."""
    finite = np.concatenate([patterns(t).astype(np.float32) for t in (*FLOAT8, "FLOAT4E2M1")])
    finite = np.unique(finite[np.isfinite(finite)])
    middles = (finite[1:] + finite[:-1]) / 2
    beside = np.concatenate([np.nextafter(middles, np.float32(s)) for s in (-np.inf, np.inf)])
    wild = (random.standard_normal(999) * 2.0 ** random.integers(-140, 127, 999)).astype(np.float32)
    edges = np.array([np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0, 1e-45, 2.0**-127, 2.0**127, 3e38, -3e38], np.float32)
    powers = (2.0 ** np.arange(-126, 128)).astype(np.float32)
    return np.concatenate([finite, middles, beside, wild, edges, powers, 1.5 * powers[:-1]]).astype(np.float32)


def casts():
    model = Model("casts")
    wide = numbers()
    with np.errstate(all="ignore"):
        for source in SMALL:
            x = patterns(source)
            others = WIDE if source == "FLOAT8E8M0" else [*WIDE, "INT32", "BOOL", *INTEGERS, *FLOAT8, "FLOAT4E2M1"]
            for to in others:
                if to == source or (to not in WIDE and source in FLOAT8 and to in ("INT32", *INTEGERS)):
                    continue  # NaN and what is too large: not defined
                middle = x.astype(np.int32 if source in INTEGERS else np.float32)  # exact
                want = cast_to(middle, kind(to), True) if to in FLOAT8 else middle.astype(numpy_type(to))
                model.add("Cast", [x], want, to=kind(to))
        for source in (*WIDE, "INT32", "INT8", "UINT8", "BOOL"):
            ints = random.integers(-70000, 70000, 500)
            x = (wide if source in WIDE else ints).astype(numpy_type(source))
            for to in (*FLOAT8, "FLOAT4E2M1"):
                for saturate in (0, 1) if to in FLOAT8 else (1,):
                    from_ = x if source in WIDE else x.astype(np.float32)
                    model.add("Cast", [x], cast_to(from_, kind(to), bool(saturate)), to=kind(to), saturate=saturate)
            for mode in ("up", "down", "nearest"):
                for saturate in (0, 1):
                    model.add("Cast", [x], cast_to(x, kind("FLOAT8E8M0"), bool(saturate), mode), to=kind("FLOAT8E8M0"),
                              saturate=saturate, round_mode=mode)
            tame = (random.uniform(-120, 120, 501) if source in WIDE else ints[:501]).astype(numpy_type(source))
            for to in INTEGERS:
                model.add("Cast", [tame], tame.astype(numpy_type(to)), to=kind(to))
                model.add("CastLike", [tame, patterns(to)], tame.astype(numpy_type(to)))
    return model


def moves():
    model = Model("moves")
    for name in SMALL:
        x, y = patterns(name, 105).reshape(3, 5, 7), patterns(name, 63).reshape(3, 3, 7)
        flat = patterns(name, 20001)
        yes = random.integers(0, 2, x.shape).astype(np.bool_)
        model.add("Identity", [x], x)
        model.add("Identity", [flat], flat)
        model.add("Reshape", [x, np.array([15, 7])], x.reshape(15, 7))
        model.add("Transpose", [x], x.transpose(2, 0, 1), perm=[2, 0, 1])
        model.add("Concat", [x, y], np.concatenate([x, y], axis=1), axis=1)
        model.add("Gather", [x, np.array([4, 0, -1, 2])], x[:, [4, 0, 4, 2]], axis=1)
        model.add("Expand", [x[:, :1].copy(), np.array([3, 4, 7])], np.repeat(x[:, :1], 4, axis=1))
        model.add("Where", [yes, x, x[::-1].copy()], np.where(yes, x, x[::-1]))
        model.add("Slice", [x, *map(np.array, ([1], [7], [2], [2]))], x[:, :, 1:7:2])
        for raw in (True, False):
            both = model.constant(x, raw)
            model.add("Identity", [both], x)
            model.add("Cast", [both], x.astype(np.float32), to=kind("FLOAT"))
        model.add("Cast", [model.constant(flat)], flat.astype(np.float32), to=kind("FLOAT"))
    for array in [np.array(v) for v in ([15, 7], [4, 0, -1, 2], [3, 4, 7], [1], [7], [2])]:
        for node in model.nodes:  # what decides a shape is a constant
            for i, name in enumerate(node.input):
                if name in model.inputs and np.array_equal(model.inputs[name], array) and model.inputs[name].dtype == np.int64:
                    constant = onnx.numpy_helper.from_array(array, f"{name}_{array.size}")
                    if constant.name not in [c.name for c in model.constants]:
                        model.constants.append(constant)
                    node.input[i] = constant.name
    model.inputs = {n: a for n, a in model.inputs.items() if any(n in node.input for node in model.nodes)}
    return model


def bit_casts():
    model = Model("bitcasts")
    groups = [["INT4", "UINT4", "FLOAT4E2M1"], ["INT2", "UINT2"], [*FLOAT8, "FLOAT8E8M0", "INT8", "UINT8"],
              ["FLOAT16", "BFLOAT16", "INT16", "UINT16"], ["FLOAT", "INT32", "UINT32"], ["DOUBLE", "INT64", "UINT64"]]
    for group in groups:
        for source in group:
            dtype = numpy_type(source)
            x = patterns(source) if source in SMALL else np.frombuffer(random.bytes(257 * dtype.itemsize), dtype)
            for to in group:
                codes = x.view(np.uint8)
                if to in INTEGERS or source in INTEGERS:
                    bits = 2 if to.endswith("2") else 4
                    codes = (codes & (2**bits - 1)).astype(np.uint8)
                    codes = np.where((codes >> (bits - 1)) & (to in ("INT4", "INT2")), codes | (256 - 2**bits), codes)
                    want = codes.astype(np.uint8).view(np.int8).astype(numpy_type(to)) if to in INTEGERS else \
                        codes.astype(np.uint8).view(numpy_type(to))
                else:
                    want = codes.view(numpy_type(to))
                model.add("BitCast", [x], want, to=kind(to))
    return model


def quantized():
    model = Model("quantized")
    x = (random.standard_normal((4, 6, 10)) * 3).astype(np.float32)
    for name in [*FLOAT8, "FLOAT4E2M1", *INTEGERS, "INT8", "UINT8", "INT16", "UINT16"]:
        count = 4 * 6 * 10
        y = patterns(name, count) if name in SMALL else random.integers(0, 100, count).astype(numpy_type(name))
        y = y.reshape(4, 6, 10)
        zeros = np.zeros(1, np.int8).astype(numpy_type(name))
        for real in ("FLOAT", "FLOAT16", "BFLOAT16"):
            dtype = numpy_type(real)
            for block, shape in ((0, ()), (0, (6,)), (2, (4, 3, 10)), (4, (4, 2, 10)), (6, (4, 1, 10)), (7, (4, 1, 10))):
                scale = random.uniform(0.1, 2, shape).astype(dtype)
                zero = patterns(name, scale.size).reshape(shape) if name in INTEGERS else np.zeros(shape, zeros.dtype)
                more = {"block_size": block} if block else {}
                with np.errstate(all="ignore"):
                    wide = y.astype(np.float32) - spread(zero, 1, block, 6).astype(np.float32)
                    product = wide * spread(scale, 1, block, 6).astype(np.float32)
                    model.add("DequantizeLinear", [y, scale, zero], product.astype(dtype), axis=1, **more)
                    model.add("DequantizeLinear", [y, scale, zero], product.astype(np.float16), axis=-2,
                              output_dtype=kind("FLOAT16"), **more)
                    given = x.astype(dtype)
                    model.add("QuantizeLinear", [given, scale, zero], quantize(given, scale, zero, block, dtype), axis=1,
                              **more)
                    model.add("QuantizeLinear", [x, scale], quantize(x, scale, zeros[0], block, np.dtype(np.float16)),
                              output_dtype=kind(name), axis=1, precision=kind("FLOAT16"), **more)
    return model


def spread(value, axis, block, size):
    if value.ndim == 0:
        return value
    if not block:
        return value.reshape(-1, 1)
    return np.repeat(value, block, axis=axis)[:, :size]


def quantize(x, scale, zero, block, precision):
    """What the standard's reference does, its division in the type `precision`."""
    name = helper.tensor_dtype_to_string(helper.np_dtype_to_tensor_dtype(zero.dtype)).split(".")[-1]
    divided = x.astype(precision) / spread(scale, 1, block, 6).astype(precision)
    if name in FLOAT8:
        return cast_to(divided, kind(name), True)
    zero = spread(np.asarray(zero), 1, block, 6)
    if name == "FLOAT4E2M1":
        return (divided + zero.astype(precision)).astype(zero.dtype)
    info = ml_dtypes.iinfo(zero.dtype)
    return np.clip(np.rint(divided.astype(np.float32)).astype(np.int32) + zero.astype(np.int32), int(info.min),
                   int(info.max)).astype(zero.dtype)


failures = 0
with tempfile.TemporaryDirectory() as folder:
    for make in (casts, moves, bit_casts, quantized):
        failures += make().run(folder)
sys.exit(1 if failures else 0)
