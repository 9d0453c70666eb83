# RUN: %python %s
"""Small files that stand for huge graphs, and files with far too many parts, are refused soon and in little memory."""

import os
import resource
import subprocess
import sys
import tempfile

SQZC = os.environ["SQZC"]
SECONDS, MEMORY = 20, 3 << 30  # of processor time: the machine may be busy
SANITIZED = "address" in os.environ.get("SQZC_SANITIZE", "")  # its shadow memory needs the whole address space


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


# The fields of onnx.proto by name.
def node(op, inputs, outputs, name="", domain="", attributes=b""):
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) + field(3, name) +
            field(4, op) + field(7, domain) + attributes)


def tensor_type(*dims):
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
    return field(1, field(1, 1) + field(2, shape))


def value(name, *dims):
    return field(1, name) + field(2, tensor_type(*dims))


def function(name, nodes, inputs=("a",), outputs=("r",)):
    return (field(1, name) + b"".join(field(4, i) for i in inputs) + b"".join(field(5, o) for o in outputs) +
            b"".join(field(7, n) for n in nodes) + field(9, field(1, "") + field(2, 15)) + field(10, "own"))


def graph(nodes, inputs, outputs, rest=b""):
    return (b"".join(field(1, n) for n in nodes) + field(2, "g") + rest + b"".join(field(11, i) for i in inputs) +
            b"".join(field(12, o) for o in outputs))


def model(the_graph, functions=()):
    return (field(1, 8) + field(7, the_graph) + field(8, field(1, "") + field(2, 15)) +
            field(8, field(1, "own") + field(2, 1)) + b"".join(field(25, f) for f in functions))


X, Y = value("x", 2), value("y", 2)
relu = node("Relu", ["x"], ["y"])


def doubling(levels):
    """Function i calls function i + 1 twice."""
    last = function(f"f{levels}", [node("Relu", ["a"], ["r"])])
    return [function(f"f{i}", [node(f"f{i + 1}", ["a"], ["b"], domain="own"), node(f"f{i + 1}", ["b"], ["r"], domain="own")])
            for i in range(levels)] + [last]


MODELS = {
    "functions-doubling": model(graph([node("f0", ["x"], ["y"], domain="own")], [X], [Y]), doubling(30)),
    "functions-deep": model(graph([node("f0", ["x"], ["y"], domain="own")], [X], [Y]),
                            [function(f"f{i}", [node(f"f{i + 1}", ["a"], ["r"], domain="own")]) for i in range(1000)]),
    "functions-many": model(graph([relu], [X], [Y]), [function(f"f{i}", []) for i in range(20000)]),
    "functions-long-names": model(
        graph([node("f", ["x"], [f"y{i}"], name="n", domain="own") for i in range(5000)], [X], [value("y1", 2)]),
        [function("f", [node("Relu", ["a"], ["t" * 1000000]), node("Relu", ["a"], ["r"])])]),
    "functions-wide": model(
        graph([node("f", ["x"], [f"y{i}"], domain="own") for i in range(2000)], [X], [value("y1", 2)]),
        [function("f", [node("Max", ["a"] * 100000, ["r"])])]),
    "functions-shared-list": model(
        graph([node("f", [], [f"y{i}"], domain="own") for i in range(10000)], [X], [value("y1", 2)]),
        [function("f", [node("Constant", [], ["r"], attributes=field(5, field(1, "value_ints") + field(20, 7) + field(21, "v")))],
                  inputs=[]) + field(11, field(1, "v") + field(20, 7) + field(8, bytes(1000000)))]),
    "nodes": model(graph([node("Relu", ["x"], [f"v{i}"]) for i in range(300000)], [X], [value("v1", 2)])),
    "empty-nodes": model(graph([b""] * 500000, [X], [Y])),
    "unsupported-nodes": model(graph([node("No", ["x"], [f"v{i}"]) for i in range(30000)], [X], [value("v1", 2)])),
    "undefined-values": model(graph([node("Max", [f"u{k}" for k in range(1000)], [f"v{i}"]) for i in range(300)], [X], [Y])),
    "outputs-of-a-node": model(graph([node("Split", ["x"], [f"v{i}" for i in range(300000)])], [X], [value("v1", 2)])),
    "inputs": model(graph([relu], [value(f"x{i}", *[f"d{i}_{k}" for k in range(8)]) for i in range(100000)], [Y])),
    "initializers": model(graph([relu], [X], [Y], b"".join(field(5, field(1, 0) + field(2, 1) + field(8, f"w{i}"))
                                                          for i in range(300000)))),
    "outputs": model(graph([relu], [X], [Y] * 200000)),
    "attributes": model(graph([node("Relu", ["x"], ["y"], attributes=b"".join(
        field(5, field(1, f"a{i}") + field(20, 2) + field(3, 1)) for i in range(300000)))], [X], [Y])),
    "fields": field(1, 8) * 5000000,
}


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS * (10 if SANITIZED else 1),) * 2)
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


complaints = []
with tempfile.TemporaryDirectory() as folder:
    for name, content in MODELS.items():
        path = os.path.join(folder, name + ".onnx")
        with open(path, "wb") as file:
            file.write(content)
        done = subprocess.run([SQZC, path, "-o", path + ".o"], capture_output=True, text=True, errors="replace",
                              preexec_fn=limit)
        lines = done.stderr.splitlines()
        print(f"{name}: {len(lines)} lines: {lines[0][len(path):150 + len(path)] if lines else ''}")
        if done.returncode != 1 or "error[E" not in done.stderr or len(lines) > 110 or os.path.exists(path + ".o"):
            complaints.append(f"{name}: exit {done.returncode}, {len(lines)} lines: {done.stderr[-300:]}")
print("\n".join(complaints))
print(f"{len(MODELS)} models, {len(complaints)} complaints")
sys.exit(1 if complaints else 0)
