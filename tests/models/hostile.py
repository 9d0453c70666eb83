"""Damaged and hostile models: `bad()` yields those that must be refused, `doubtful()` those that may also compile.

Each item is (name, bytes of the model). What is checked on them is in tests/e2e/damaged.py.
"""

import numpy as np
import onnx
import onnx.parser
from onnx import TensorProto, helper, numpy_helper

import small


def graph_of(nodes, inputs, outputs, constants=(), opset=13, ir_version=8):
    """The bytes of a model, unchecked. inputs: name -> shape; constants: name -> array."""
    graph = helper.make_graph(
        nodes, "hostile",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in dict(constants).items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)
    return model.SerializeToString()


def one(op, inputs, constants=(), shapes=None, **attributes):
    """A model of one node with the output y; the inputs that are not constants are graph inputs x."""
    shapes = shapes or {"x": [1, 4, 8, 8]}
    return graph_of([helper.make_node(op, inputs, ["y"], name="it", **attributes)], shapes, ["y"], constants)


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytearray([value]))


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def nested(levels):
    """A graph whose node has an attribute that is a graph, and so on."""
    content = b""
    for _ in range(levels):
        content = field(1, field(5, field(6, content)))  # GraphProto.node, NodeProto.attribute, AttributeProto.g
    return field(7, content)


def tensor_model(**fields):
    """A model that adds a constant to its input; the constant's fields can be anything."""
    tensor = TensorProto(name="w", data_type=fields.pop("data_type", TensorProto.FLOAT), **fields)
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"], name="it")], "hostile",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    graph.initializer.append(tensor)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


def external(location, offset="0", length="24"):
    entries = [onnx.StringStringEntryProto(key=k, value=v)
               for k, v in (("location", location), ("offset", offset), ("length", length))]
    return tensor_model(dims=[2, 3], data_location=TensorProto.EXTERNAL, external_data=entries)


def bad_files():
    yield "empty", b""
    yield "text", b"This is not a model.\n" * 10
    yield "zeros", bytes(1000)
    yield "deep", nested(10000)
    yield "huge-length", field(7, b"") + varint(7 << 3 | 2) + varint(1 << 62) + b"x"
    yield "endless-varint", b"\xff" * 64
    yield "no-graph", onnx.ModelProto(ir_version=8).SerializeToString()
    yield "ir-version-0", graph_of([], {"x": [1]}, ["x"], ir_version=0)
    yield "opset-999", graph_of([helper.make_node("Relu", ["x"], ["y"])], {"x": [1]}, ["y"], opset=999)


def bad_tensors():
    yield "short-raw-data", tensor_model(dims=[2, 3], raw_data=b"\0" * 20)
    yield "long-raw-data", tensor_model(dims=[2, 3], raw_data=b"\0" * 28)
    yield "few-floats", tensor_model(dims=[2, 3], float_data=[1, 2])
    yield "overflowing-dims", tensor_model(dims=[1 << 32, 1 << 32, 4], raw_data=b"\0" * 24)
    yield "negative-dim", tensor_model(dims=[-2, -3], raw_data=b"\0" * 24)
    yield "unknown-type", tensor_model(dims=[2, 3], data_type=77, raw_data=b"\0" * 24)
    yield "external-absolute", external("/etc/hostname")
    yield "external-parent", external("../../../../../../etc/hostname")
    yield "external-hidden-parent", external("a/../../../../../../../etc/hostname")
    yield "external-missing", external("no-such-file.bin")
    yield "external-negative", external("data.bin", "-8")
    yield "external-beyond", external("data.bin", "1000000")
    yield "external-overflow", external("data.bin", "9223372036854775807", "9223372036854775807")
    yield "external-link", external("link.bin")


def bad_graphs():
    def relu(x, y):
        return helper.make_node("Relu", [x], [y])
    yield "cycle", graph_of([relu("b", "a"), relu("a", "b")], {"x": [1]}, ["b"])
    yield "self-cycle", graph_of([relu("a", "a")], {"x": [1]}, ["a"])
    yield "twice-defined", graph_of([relu("x", "y"), relu("x", "y")], {"x": [1]}, ["y"])
    yield "redefined-input", graph_of([relu("x", "x")], {"x": [1]}, ["x"])
    yield "undefined-input", graph_of([relu("nowhere", "y")], {"x": [1]}, ["y"])
    yield "undefined-output", graph_of([relu("x", "y")], {"x": [1]}, ["z"])
    yield "unknown-operator", one("NoSuchOperator", ["x"])
    yield "no-outputs", graph_of([helper.make_node("OneHot", ["n", "x", "x"], []), relu("x", "y")], {"x": [2]}, ["y"],
                                 {"n": np.array([1])})
    yield "huge-input", one("Relu", ["x"], shapes={"x": [1 << 40, 1 << 40]})
    yield "negative-input", one("Relu", ["x"], shapes={"x": [-5, 3]})


def bad_nodes():
    w = np.zeros((4, 4, 3, 3), np.float32)
    yield "conv-rank", one("Conv", ["x", "w"], {"w": w[0]})
    yield "conv-channels", one("Conv", ["x", "w"], {"w": w[:, :3]})
    yield "conv-group-0", one("Conv", ["x", "w"], {"w": w}, group=0)
    yield "conv-group-3", one("Conv", ["x", "w"], {"w": w}, group=3)
    yield "conv-stride-0", one("Conv", ["x", "w"], {"w": w}, strides=[0, 1])
    yield "conv-dilation-0", one("Conv", ["x", "w"], {"w": w}, dilations=[0, 0])
    yield "conv-huge-pads", one("Conv", ["x", "w"], {"w": w}, pads=[1 << 62] * 4)
    yield "conv-short-pads", one("Conv", ["x", "w"], {"w": w}, pads=[1])
    yield "conv-kernel", one("Conv", ["x", "w"], {"w": w}, kernel_shape=[5, 5])
    yield "conv-kernel-too-large", one("Conv", ["x", "w"], {"w": np.zeros((1, 4, 9, 9), np.float32)})
    yield "conv-attribute-type", one("Conv", ["x", "w"], {"w": w}, strides="two")
    yield "conv-bias", one("Conv", ["x", "w", "b"], {"w": w, "b": np.zeros(3, np.float32)})
    yield "pool-kernel-0", one("MaxPool", ["x"], kernel_shape=[0, 0])
    yield "pool-no-kernel", one("MaxPool", ["x"])
    yield "too-few-inputs", one("Conv", ["x"])
    yield "too-many-inputs", one("Relu", ["x", "x", "x"])
    yield "softmax-axis", one("Softmax", ["x"], axis=7)
    yield "concat-axis", one("Concat", ["x", "x"], axis=-9)
    yield "concat-shapes", one("Concat", ["x", "w"], {"w": w}, axis=0)
    yield "transpose-twice", one("Transpose", ["x"], perm=[0, 1, 1, 2])
    yield "transpose-rank", one("Transpose", ["x"], perm=[0, 1])
    yield "reshape-size", one("Reshape", ["x", "s"], {"s": np.array([7, -1])})
    yield "reshape-two-unknown", one("Reshape", ["x", "s"], {"s": np.array([-1, -1])})
    yield "reshape-overflow", one("Reshape", ["x", "s"], {"s": np.array([1 << 62, 1 << 62, 16])})
    yield "expand-huge", one("Expand", ["x", "s"], {"s": np.array([1 << 30, 1 << 30, 8, 8])})
    yield "fill-huge", graph_of([helper.make_node("ConstantOfShape", ["s"], ["y"])], {"x": [1]}, ["y"],
                                {"s": np.array([1 << 40, 1 << 30])})
    yield "fill-negative", graph_of([helper.make_node("ConstantOfShape", ["s"], ["y"])], {"x": [1]}, ["y"],
                                    {"s": np.array([-4])})
    yield "tile-huge", one("Tile", ["x", "s"], {"s": np.array([1 << 40, 1, 1, 1])})
    yield "tile-negative", one("Tile", ["x", "s"], {"s": np.array([-1, 1, 1, 1])})
    yield "broadcast", one("Add", ["x", "w"], {"w": np.zeros((5, 8), np.float32)})
    yield "gather-range", one("Gather", ["x", "i"], {"i": np.array([99])})
    yield "gather-constant", graph_of([helper.make_node("Gather", ["t", "i"], ["y"])], {"x": [1]}, ["y"],
                                      {"t": np.zeros(3, np.float32), "i": np.array([3])})
    yield "pad-negative", one("Pad", ["x", "p"], {"p": np.array([0, 0, 0, -9, 0, 0, 0, 0])})
    yield "split-sizes", one("Split", ["x", "s"], {"s": np.array([99])})
    yield "squeeze-axis", one("Squeeze", ["x", "a"], {"a": np.array([1])})
    yield "gemm-rank", one("Gemm", ["x", "w"], {"w": np.zeros((8, 8), np.float32)})
    yield "matmul-shapes", one("MatMul", ["x", "w"], {"w": np.zeros((9, 2), np.float32)})
    yield "mixed-types", one("Add", ["x", "w"], {"w": np.zeros(8, np.int64)})
    yield "range-endless", graph_of([helper.make_node("Range", ["a", "b", "c"], ["y"])], {"x": [1]}, ["y"],
                                    {"a": np.float32(0), "b": np.float32(1), "c": np.float32(0)})


def flow(text):
    """The text of a graph of x, a condition c and a number n, after its head."""
    head = '<ir_version: 8, opset_import: ["": 15]> flow (float[4] x, bool c, int64 n) => (float[] y)'
    return onnx.parser.parse_model(head + text).SerializeToString()


def branches(levels):
    """Ifs in each other."""
    inner = "o = Neg (x)"
    for i in range(levels):
        inner = (f"o = If (c) <then_branch = t{i} () => (o) {{ {inner} }}, "
                 f"else_branch = e{i} () => (p) {{ p = Abs (x) }}>")
    return flow(f"{{ {inner}  y = Neg (o) }}")


def bad_flow():
    far = "<int64 far = {9000000000000000000}, int64 many = {4000}, bool on = {1}, int64 two = {2}>"
    turn = "body = b (int64 i, bool go, float[4] v) => (go, w) { w = Neg (v) }"
    yield "branches-deep", branches(20)
    yield "loop-scans-forever", flow(far + "{ s, y = Loop (far, on, x) <body = b (int64 i, bool go, float[4] v) => (go, w, w)"
                                     " { w = Neg (v) }> }")
    yield "loop-without-end-scans", flow('{ y = Loop ("", "") <body = b (int64 i, bool go) => (go, w) { w = Neg (x) }> }')
    yield "loop-grows-forever", flow(far + "{ y = Loop (far, on, x) <body = b (int64 i, bool go, float[m] v) => (go, w)"
                                     " { w = Concat <axis = 0> (v, x) }> }")
    yield "loop-doubles", flow(far + "{ y = Loop (many, on, x) <body = b (int64 i, bool go, float[m] v) => (go, w)"
                               " { w = Concat <axis = 0> (v, v) }> }")
    inner = "u = SequenceInsert (t, x)"
    for i in range(4):
        inner = (f"u = Loop (many, on, t) <body = b{i} (int64 i{i}, bool g{i}, seq(float[4]) t) => (g{i}, u) "
                 f"{{ {inner} }}>")
    yield "loops-of-loops", flow(far + f"{{ t = SequenceEmpty ()  {inner}  y = ConcatFromSequence <axis = 0> (u) }}")
    yield "loop-condition-type", flow("{ y = Loop (n, x, x) <" + turn + "> }")
    yield "loop-few-inputs", flow("{ y = Loop (n, c, x) <body = b (int64 i) => (c, x) { w = Neg (x) }> }")
    yield "scan-of-scalar", flow("{ y = Scan <num_scan_inputs = 1, body = b (bool v) => (w) { w = Not (v) }> (c) }")
    yield "scan-axis", flow("{ y = Scan <num_scan_inputs = 1, scan_input_axes = [-9], body = b (float v) => (w)"
                            " { w = Neg (v) }> (x) }")
    yield "concat-from-sequence-axis", flow("{ s = SplitToSequence (x)  y = ConcatFromSequence <axis = 5> (s) }")
    yield "sequence-position", flow(far + "{ s = SequenceConstruct (x)  y = SequenceAt (s, far) }")


def bad():
    for family in (bad_files, bad_tensors, bad_graphs, bad_nodes, bad_flow):
        yield from family()


def doubtful():
    whole = small.small_squeezenet().SerializeToString()
    random = np.random.default_rng(1)
    for cut in sorted(random.choice(len(whole), 60, replace=False)):
        yield f"cut-at-{cut}", whole[:cut]
    for number in range(300):
        damaged = bytearray(whole)
        for bit in random.integers(0, 8 * len(whole) if number % 2 else 8 * 1500, 1 + number % 3):
            damaged[bit // 8] ^= 1 << bit % 8
        yield f"flip-{number}", bytes(damaged)
    integers = {"a": np.array([7, -(1 << 31)], np.int32), "b": np.array([0, -1], np.int32)}
    for op in ("Div", "Mod"):
        yield f"constant-{op.lower()}-by-zero", graph_of(
            [helper.make_node(op, ["a", "b"], ["c"]), helper.make_node("Cast", ["c"], ["y"], to=1)], {"x": [1]}, ["y"],
            integers)
    chain = [helper.make_node("Relu", [f"v{i}"], [f"v{i + 1}"]) for i in range(5000)]
    yield "long-chain", graph_of(chain, {"v0": [1, 4]}, ["v5000"])
    wide = [helper.make_node("Concat", ["x"] * 3000, ["y"], axis=0)]
    yield "wide-concat", graph_of(wide, {"x": [1, 2]}, ["y"])
    names = helper.make_node("Relu", ['a "b"\n%s[[x]]'], ["\u00e9\u4e2d int"], name="/*\x01*/")
    yield "odd-names", graph_of([names], {'a "b"\n%s[[x]]': [1, 2]}, ["\u00e9\u4e2d int"])
    yield "no-dimension", one("Relu", ["x"], shapes={"x": [0, 3]})
    yield "loop-without-end", flow('{ y = Loop ("", "", x) <body = b (int64 i, bool go, float[4] v) => (go, w)'
                                   " { w = Neg (v) }> }")
    twice = "".join(f"d{i + 1} = And (d{i}, d{i})\n" for i in range(200))
    yield "condition-of-conditions", flow(
        f"<bool d0 = {{1}}> {{ {twice} y = If (d200) <then_branch = t () => (p) {{ p = Neg (x) }},"
        " else_branch = e () => (q) { q = Abs (x) }> }")
    yield "scalar", one("Relu", ["x"], shapes={"x": []})
