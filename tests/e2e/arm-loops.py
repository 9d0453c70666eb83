# RUN: %python %s %sqzc %t
"""The inner loops of the fast kernels on ARM, read in the assembly: of the vector instructions that are no loads or stores
at least 80% must be multiply-adds, and none may touch the stack.

What counts: a loop is what lies between a label and a branch back to it, innermost if no other loop lies inside. Of a
kernel's innermost loops those with multiply-adds are its products. Winograd and Strassen have transforms beside them,
which add vectors or multiply without adding, as no product does; those are told by just that, need no share of
multiply-adds, but may not touch the stack either, with 16 registers for the eight points of F(6x6), their sums and
differences. Every vector instruction but loads and stores counts, moves included: a copy between registers is how a failing
allocation shows where it does not spill.
The stack is whatever names sp: without alloca and variable arguments no other register leads there."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import AFTER_KERNELS, Module

CPUS = {"aarch64-linux-gnu": ["generic", "cortex-a53", "cortex-a72", "neoverse-n1"],
        "armv7a-linux-gnueabihf": ["generic", "cortex-a7", "cortex-a9"]}
LEAST = 0.8
LABEL = re.compile(r"(\.LBB\w+):")
BRANCH = re.compile(r"\t(?:b\S*|cbn?z|tbn?z)\t.*?(\.LBB\w+)")
MULTIPLY_ADD = re.compile(r"fml[as]|vml[as]|vfm[as]")
TRANSFORM = re.compile(r"f(add|sub|mul)|v(add|sub|mul)\.f32")
TRANSFORMS = ("conv_winograd", "conv_strassen")


def conv(shape, filters, kernel, **attributes):
    return lambda module: module.conv(module.input(*shape), shape[1], filters, kernel, **attributes)


def matmul(rows, inner, columns):
    return lambda module: module.node("MatMul", [module.input(rows, inner), module.constant(inner, columns)])


SAME = {"pads": [1, 1, 1, 1]}
CASES = [  # kernel, what it does, how the module is made
    ("conv_direct", "3x3", conv((1, 32, 14, 14), 64, 3, strides=[2, 2], **SAME)),
    ("conv_direct", "1x1", conv((1, 64, 14, 14), 64, 1)),
    ("conv_direct", "1x1 on 13x13", conv((1, 48, 13, 13), 80, 1)),
    ("conv_direct", "dilated 5x5", conv((1, 32, 14, 14), 48, 5, strides=[2, 2], pads=[2, 2, 2, 2], dilations=[2, 2])),
    ("conv_direct", "first layer, 3x3", conv((1, 3, 33, 33), 64, 3, strides=[2, 2])),
    ("conv_direct", "first layer, 5x5", conv((1, 3, 33, 33), 32, 5)),
    ("conv_winograd", "3x3", conv((1, 32, 28, 28), 64, 3, **SAME)),
    ("conv_winograd", "3x3 on 13x13", conv((1, 48, 13, 13), 48, 3, **SAME)),
    ("conv_strassen", "1x1", conv((1, 64, 13, 13), 96, 1)),
    ("conv_depthwise", "3x3", conv((1, 64, 14, 14), 64, 3, group=64, **SAME)),
    ("conv_depthwise", "5x5", conv((1, 32, 14, 14), 32, 5, group=32, pads=[2, 2, 2, 2])),
    ("conv_depthwise", "5x5, stride 2", conv((1, 32, 28, 28), 32, 5, group=32, strides=[2, 2])),
    ("conv_depthwise", "3x3, stride 2", conv((1, 32, 28, 28), 32, 3, group=32, strides=[2, 2], **SAME)),
    ("matmul_packed", "8 rows", matmul(8, 64, 128)),
    ("matmul_packed", "1 row", matmul(1, 64, 128)),
]


def assembly(sqzc, stem, kernel, make, triple, cpu):
    """The assembly of one node by the kernel. Where another one is cheaper, the text is made to name it."""
    module = Module()
    module.output(make(module), kernel)
    target = [f"--target={triple}", f"--mcpu={cpu}"]
    with open(stem + ".sqz", "w") as file:
        file.write(module.text())
    subprocess.run([sqzc, "opt", stem + ".sqz", "-O2", "--stop-after=choose-kernels", "-o", stem + ".chosen.sqz", *target],
                   check=True)
    with open(stem + ".chosen.sqz") as file:
        text = file.read()
    rows = {"conv_strassen": r"kernel(conv_strassen \1 pairs=12)", "conv_winograd": r"kernel(conv_winograd \1 tile=4 band=2)",
            "conv_direct": r"kernel(conv_direct \1)"}.get(kernel)
    if f"kernel({kernel}" not in text and rows:
        text = re.sub(r"kernel\(conv_\w+[^)]*?(rows=\d+)[^)]*\)", rows, text)
    with open(stem + ".chosen.sqz", "w") as file:
        file.write(text)
    subprocess.run([sqzc, stem + ".chosen.sqz", "-o", stem + ".s", "--name=loops", AFTER_KERNELS, *target], check=True)
    with open(stem + ".s") as file:
        return file.read()


def function(text, kernel):
    """The lines of the kernel's function, without directives."""
    match = re.search(rf"^loops_kernel\d+_{kernel}:\n(.*?)^\.Lfunc_end", text, re.M | re.S)
    lines = match[1].splitlines() if match else []
    return [line for line in lines if LABEL.match(line) or (line.startswith("\t") and not line.startswith("\t."))]


def innermost(lines):
    """The instructions of each innermost loop."""
    labels = {match[1]: i for i, line in enumerate(lines) if (match := LABEL.match(line))}
    ends = [(labels[match[1]], i) for i, line in enumerate(lines) if (match := BRANCH.match(line)) and match[1] in labels]
    spans = {(first, last) for first, last in ends if first < last}
    for first, last in sorted(spans):
        if not any(span != (first, last) and first <= span[0] and span[1] <= last for span in spans):
            yield [line.strip() for line in lines[first:last + 1] if line.startswith("\t")]


def is_vector(instruction):
    """Whether it computes with vectors, or moves them between registers."""
    name = instruction.split()[0]
    if re.match(r"v?(ld|st)|vp(ush|op)|prf|pld", name):
        return False
    return name.startswith("v") or re.search(r"\b[vqs]\d+\b", instruction) is not None


def on_stack(loop):
    return [line for line in loop if re.search(r"\bsp\b", line)]


def check(name, kernel, lines):
    """What is wrong with the loops of a kernel, as a list; transforms are counted."""
    wrong, products, transforms, spilled = [], 0, 0, 0
    for loop in innermost(lines):
        vectors = [line for line in loop if is_vector(line)]
        added = [line for line in vectors if MULTIPLY_ADD.match(line)]
        if kernel in TRANSFORMS and any(TRANSFORM.match(line) for line in vectors):
            transforms += 1
            if on_stack(loop):
                spilled += 1
                wrong.append(f"{name}: a transform with {len(on_stack(loop))} on the stack\n  " + "\n  ".join(loop))
            continue
        if not added:
            continue
        products += 1
        share = len(added) / len(vectors)
        if share < LEAST or on_stack(loop):
            wrong.append(f"{name}: {share:.0%} multiply-adds of {len(vectors)}, {len(on_stack(loop))} on the stack\n  " +
                         "\n  ".join(loop))
    if transforms:
        print(f"{name}: {products} products, {transforms} transforms, {spilled} of them spill")
    return wrong if products else [f"{name}: no product loops"]


def main():
    sqzc, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    wrong = []
    for triple, cpus in CPUS.items():
        for cpu in cpus:
            for number, (kernel, what, make) in enumerate(CASES):
                stem = os.path.join(folder, f"{triple[:3]}-{cpu}-{number}")
                text = assembly(sqzc, stem, kernel, make, triple, cpu)
                wrong += check(f"{triple.split('-')[0]} {cpu}, {kernel} {what}", kernel, function(text, kernel))
    print("\n".join(wrong))
    print(f"{len(wrong)} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
