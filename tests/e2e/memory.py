# RUN: %make_models squeezenet10 squeezenet11 resnet18 mobilenetv2 light_densenet121
# RUN: %python %s %sqzc %t %models/squeezenet10.onnx %models/squeezenet11.onnx %models/resnet18.onnx \
# RUN:   %models/mobilenetv2.onnx %models/light_densenet121.onnx
"""The workspace is within 1.15 of the largest sum of values that live at the same time, as the IR prints them, rims
included; no two values that live at the same time share a byte; each place is inside the workspace."""

import math
import os
import re
import subprocess
import sys

SIZES = {"bool": 1, "i8": 1, "u8": 1, "f16": 2, "bf16": 2, "i16": 2, "u16": 2, "i32": 4, "u32": 4, "f32": 4, "i64": 8,
         "u64": 8, "f64": 8}
NAME = r'%(?:"(?:[^"\\]|\\..)*"|[^\s,()]+)'
TYPE = r"\w+<[^>]*>"


def storage(text):
    """Bytes of a value of this type: lanes of blocks, rims and pitch included."""
    dtype, inside = re.fullmatch(r"(\w+)<([^>]*)>", text).groups()
    first, *layout = inside.split(", ")
    dims = [int(d) for d in first.split("x")] if first else []
    border = next((int(w[7:]) for w in layout if w.startswith("border=")), 0)
    pitch = next((int(w[6:]) for w in layout if w.startswith("pitch=")), 0)
    block = next((int(w[4:-1]) for w in layout if w.startswith("nchw")), 1)
    if layout:
        n, c, h, w = dims
        dims = [n, -(-c // block) * block, h + 2 * border, pitch or w + 2 * border]
    return math.prod(dims) * SIZES[dtype]


class Plan:
    """The values of a printed module: when each is used, and where it lies. A Fire's body counts as if it stood in the
    graph around it."""

    def __init__(self, text):
        header = re.search(r'^module .*?(?: workspace (0x[0-9a-f]+))?(?: shard (0x[0-9a-f]+))?$', text, re.M)
        self.workspace = int(header.group(1) or "0", 16)
        self.steps, self.places, self.bytes, self.uses = 0, {}, {}, {}
        self.scopes, self.alias = [""], {}
        for line in text.split("\n")[1:]:
            self.line(line.strip())

    def name(self, text):
        name = self.scopes[-1] + text
        while name in self.alias:
            name = self.alias[name]
        return name

    def line(self, line):
        if line == "}":
            self.scopes.pop()
        elif self.scopes[-1:] == [None]:
            return
        elif line.startswith("graph"):
            self.scopes.append("")
        elif " = " in line and not line.startswith("const"):
            self.node(line)

    def node(self, line):
        line = re.sub(r' loc\(.*?\)(?=$| body)', "", line)
        outputs, rest = line.split(" = ", 1)
        op, operands = re.match(r"([\w.]+)\((.*?)\)(?= |$)", rest).groups()
        outs, ins = re.findall(NAME, outputs), re.findall(NAME, operands)
        head, body = (line.split(" body", 1) + [""])[:2]
        types = re.findall(TYPE, head.split(" : ")[1])
        places = re.findall(r"\bat\(([^)]*)\)", head)
        for name, kind, place in zip(outs, types, places + [None] * len(outs)):
            self.bytes[self.name(name)] = storage(kind)
            if place or self.name(name) not in self.places:  # a Fire's result has its place outside of the body
                self.places[self.name(name)] = place and place.split(" + ")
        if body and op == "sqz.Fire":
            inside = f"{self.scopes[-1]}{outs[0]}/"
            parameters, results = re.match(r"\((.*)\) -> \((.*)\) {", body.strip()).groups()
            for inner, outer in zip(re.findall(f"({NAME}): {TYPE}", parameters), ins):
                self.alias[inside + inner] = self.name(outer)
            self.alias[inside + results] = self.name(outs[0])
            self.scopes.append(inside)
            return
        if op == "sqz.PackConv":
            return
        self.use(outs + ins)
        if body:  # of a sqz.Map: one loop, what is inside has no storage
            self.scopes.append(None)

    def use(self, names):
        """Places may name values further down, so chains are followed late: the uses of a part are kept under it."""
        for name in map(self.name, names):
            if name in self.bytes:
                self.uses.setdefault(name, []).append(self.steps)
        self.steps += 1

    def settle(self):
        """(first use, last use, offset, bytes) of each value that has bytes of the workspace."""
        spans = {}
        for name, steps in self.uses.items():
            base = name
            while self.places[base] and len(self.places[base]) == 2 and self.places[base][0].startswith("%"):
                scope = base[:base.rfind("/%") + 1] if "/%" in base else ""
                base = scope + self.places[base][0]
                while base in self.alias:
                    base = self.alias[base]
                if base not in self.bytes:  # an input of the model
                    break
            if base in self.bytes and self.places[base]:
                spans.setdefault(base, []).extend(steps)
        return [(min(s), max(s), int(self.places[n][0], 16), self.bytes[n]) for n, s in spans.items()]


def check(path, text):
    plan = Plan(text)
    values = plan.settle()
    live = max(sum(b for first, last, _, b in values if first <= step <= last) for step in range(plan.steps))
    good = plan.workspace <= 1.15 * live and len(values) > 10
    for i, (first, last, offset, size) in enumerate(values):
        good &= offset + size <= plan.workspace
        for other_first, other_last, other, other_size in values[:i]:
            if first <= other_last and other_first <= last and offset < other + other_size and other < offset + size:
                good = False
    print(f"{'ok' if good else 'FAIL'} {os.path.basename(path)}: workspace {plan.workspace}, {live} bytes live at most, "
          f"{len(values)} values")
    return good


def main():
    sqzc, folder, *models = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    good = True
    for path in models:
        for cpu in ("x86-64-v3", "x86-64"):
            output = os.path.join(folder, os.path.basename(path) + ".sqz")
            subprocess.run([sqzc, path, "-o", output, f"--mcpu={cpu}"], check=True)
            with open(output) as file:
                good &= check(path, file.read())
    sys.exit(not good)


main()
