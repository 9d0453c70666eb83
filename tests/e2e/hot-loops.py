# RUN: %python %s %sqzc %t
"""The inner loops of the fast kernels, read in the assembly: of the vector instructions that are no loads or stores at
least 80% must be multiply-adds, none may touch the stack, and there is no address arithmetic.

What counts: a loop is what lies between a label and a branch back to it, innermost if no other loop lies inside. Of a
kernel's innermost loops those with multiply-adds are its products. Winograd and Strassen have transforms beside them,
which store what they compute in every turn, as no product does; they need no share of multiply-adds, but may not touch the
stack either, with 16 registers for the eight points of F(6x6), their sums and differences. Every vector instruction but loads and stores counts, moves included: a copy between registers is how a failing
allocation shows where it does not spill.
The stack is whatever names sp: without alloca and variable arguments no other register leads there.
Address arithmetic is any scalar instruction but branches, comparisons, prefetches and the steps of counters, by a constant
and once for each register. ARM's addresses take no index with an offset, so there a pointer has to step for them, which
is not told from it."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from kernels import AFTER_KERNELS, Module

LEAST = 0.8
LABEL = re.compile(r"(\.LBB\w+):")
TRANSFORMS = ("conv_winograd", "conv_strassen")


class Machine:
    """An architecture's CPUs and how its assembly is read: patterns that match instructions from their start."""

    def __init__(self, triple, cpus, branch, multiply_add, vector, moves, stack, stores, scalar=None):
        self.triple, self.cpus = triple, cpus
        self.branch = re.compile(r"\t(?:" + branch + r")\t.*?(\.LBB\w+)")
        self.multiply_add = re.compile(multiply_add)
        self.vector, self.moves = re.compile(vector), re.compile(moves)  # has a vector operand; is no more than a load or store
        self.stack, self.stores = re.compile(stack), re.compile(stores)  # stores: of vectors
        self.scalar = scalar and re.compile(scalar)  # what else may be in a loop


ARM_BRANCH = r"b\S*|cbn?z|tbn?z"
MACHINES = [
    Machine("x86_64-linux-gnu", ["x86-64-v3", "znver3", "x86-64-v4", "skylake-avx512", "znver4"], r"j\w+", r"vfn?m(add|sub)",
            r".*%[xyz]mm", r"v(mov|broadcast)\S*\s+[^%]*\(|v(mov|broadcast).*\)$", r".*%rsp",
            r"vmov\S*\s+%[xyz]mm\d+, .*\)",
            r"j|cmp|test|prefetch|(inc|dec|add|sub)q\s+(\$\S+, )?%\w+$|leaq\s+-?\d+\((%\w+)\), \3$"),
    Machine("aarch64-linux-gnu", ["generic", "cortex-a53", "cortex-a72", "neoverse-n1"], ARM_BRANCH, r"fml[as]",
            r"(?!st|ld|prf).*\b[vqs]\d+\b", r"ld|st", r".*\bsp\b", r"st.*\b[vqs]\d"),
    Machine("armv7a-linux-gnueabihf", ["generic", "cortex-a7", "cortex-a9"], ARM_BRANCH, r"vml[as]|vfm[as]",
            r"v", r"v(ld|st|push|pop)", r".*\bsp\b", r"vst"),
]


def conv(shape, filters, kernel, **attributes):
    return lambda module: module.conv(module.input(*shape), shape[1], filters, kernel, **attributes)


def matmul(rows, inner, columns):
    return lambda module: module.node("MatMul", [module.input(rows, inner), module.constant(inner, columns)])


SAME = {"pads": [1, 1, 1, 1]}


def squeeze(shape, filters):
    """A 1x1 convolution whose output gets a rim, so that tiles go along rows."""
    return lambda module: module.conv(module.conv(module.input(*shape), shape[1], filters, 1), filters, 16, 3, **SAME)


CASES = [  # kernel, what it does, how the module is made; perhaps the size of Winograd's tiles
    ("conv_direct", "3x3", conv((1, 32, 14, 14), 64, 3, strides=[2, 2], **SAME)),
    ("conv_direct", "1x1", conv((1, 64, 14, 14), 64, 1)),
    ("conv_direct", "1x1 before a 3x3", squeeze((1, 128, 28, 28), 32)),
    ("conv_direct", "1x1 on 13x13", conv((1, 48, 13, 13), 80, 1)),
    ("conv_direct", "dilated 5x5", conv((1, 32, 14, 14), 48, 5, strides=[2, 2], pads=[2, 2, 2, 2], dilations=[2, 2])),
    ("conv_direct", "first layer, 3x3", conv((1, 3, 33, 33), 64, 3, strides=[2, 2])),
    ("conv_direct", "first layer, 5x5", conv((1, 3, 33, 33), 32, 5)),
    ("conv_direct", "one channel, 1x64", conv((1, 1, 1, 600), 64, (1, 64), strides=[1, 4])),
    ("conv_winograd", "3x3", conv((1, 32, 28, 28), 64, 3, **SAME)),
    ("conv_winograd", "3x3 on 13x13", conv((1, 48, 13, 13), 48, 3, **SAME)),
    *(("conv_winograd", f"3x3 on 13x13, tiles of {tile}", conv((1, 32, 13, 13), 32, 3, **SAME), tile) for tile in (2, 3, 4, 5, 6)),
    ("conv_winograd", "5x5, tiles of 3", conv((1, 32, 13, 13), 32, 5, pads=[2, 2, 2, 2]), 3),
    ("conv_strassen", "1x1", conv((1, 64, 13, 13), 96, 1)),
    ("conv_depthwise", "3x3", conv((1, 64, 14, 14), 64, 3, group=64, **SAME)),
    ("conv_depthwise", "5x5", conv((1, 32, 14, 14), 32, 5, group=32, pads=[2, 2, 2, 2])),
    ("conv_depthwise", "5x5, stride 2", conv((1, 32, 28, 28), 32, 5, group=32, strides=[2, 2])),
    ("conv_depthwise", "7x7", conv((1, 32, 28, 28), 32, 7, group=32, pads=[3, 3, 3, 3])),
    ("conv_depthwise", "dilated 3x3", conv((1, 32, 28, 28), 32, 3, group=32, pads=[2, 2, 2, 2], dilations=[2, 2])),
    ("conv_depthwise", "3x3, stride 2", conv((1, 32, 28, 28), 32, 3, group=32, strides=[2, 2], **SAME)),
    ("matmul_packed", "8 rows", matmul(8, 64, 128)),
    ("matmul_packed", "1 row", matmul(1, 64, 128)),
]


def assembly(sqzc, stem, kernel, make, tile, triple, cpu):
    """The assembly of one node by the kernel. Where another one, or another tile, is cheaper, the text is made to name it."""
    module = Module()
    module.output(make(module), kernel)
    target = [f"--target={triple}", f"--mcpu={cpu}"]
    with open(stem + ".sqz", "w") as file:
        file.write(module.text())
    subprocess.run([sqzc, "opt", stem + ".sqz", "-O2", "--stop-after=choose-kernels", "-o", stem + ".chosen.sqz", *target],
                   check=True)
    with open(stem + ".chosen.sqz") as file:
        text = file.read()
    fewer = "rows=4" if triple.startswith("armv7") else r"\1"  # as conv_strassen chooses
    rows = {"conv_strassen": f"kernel(conv_strassen {fewer} pairs=12)", "conv_winograd": r"kernel(conv_winograd \1 tile=4 band=2)",
            "conv_direct": r"kernel(conv_direct \1)"}.get(kernel)
    if f"kernel({kernel}" not in text and rows:
        text = re.sub(r"kernel\(conv_\w+[^)]*?(rows=\d+)[^)]*\)", rows, text)
    if tile:
        text = re.sub(r"(kernel\(conv_winograd )(tile=\d+ )?", rf"\g<1>tile={tile} ", text)
    with open(stem + ".chosen.sqz", "w") as file:
        file.write(text)
    subprocess.run([sqzc, stem + ".chosen.sqz", "-o", stem + ".s", "--name=loops", AFTER_KERNELS, *target], check=True)
    with open(stem + ".s") as file:
        return file.read()


def function(text, kernel):
    """The lines of the kernel's function, without directives."""
    match = re.search(rf"^loops_kernel\d+_{kernel}:\n(.*?)^\.Lfunc_end", text, re.M | re.S)
    lines = match[1].splitlines() if match else []
    return [line for line in lines if LABEL.match(line) or re.match(r"\t[^.#@]", line)]


def innermost(machine, lines):
    """The instructions of each innermost loop."""
    labels = {match[1]: i for i, line in enumerate(lines) if (match := LABEL.match(line))}
    ends = [(labels[match[1]], i) for i, line in enumerate(lines) if (match := machine.branch.match(line)) and match[1] in labels]
    spans = {(first, last) for first, last in ends if first < last}
    for first, last in sorted(spans):
        if not any(span != (first, last) and first <= span[0] and span[1] <= last for span in spans):
            yield [line.strip() for line in lines[first:last + 1] if line.startswith("\t")]


def computes(machine, instruction):
    """Whether it computes with vectors, or moves them between registers."""
    return machine.vector.match(instruction) and not machine.moves.match(instruction)


def addresses(machine, loop):
    """The scalar instructions that are more than steps of counters."""
    if not machine.scalar:
        return []
    scalars = [line for line in loop if not machine.vector.match(line)]
    steps = [line.split()[-1] for line in scalars if re.match("inc|dec|add|sub|lea", line)]
    return [line for line in scalars if not machine.scalar.match(line) or steps.count(line.split()[-1]) > 1]


def check(machine, name, kernel, lines):
    """What is wrong with the loops of a kernel, as a list; transforms are counted."""
    wrong, products, transforms, spilled = [], 0, 0, 0
    for loop in innermost(machine, lines):
        vectors = [line for line in loop if computes(machine, line)]
        added = [line for line in vectors if machine.multiply_add.match(line)]
        stack, more = [line for line in loop if machine.stack.match(line)], addresses(machine, loop)
        if kernel in TRANSFORMS and vectors and any(machine.stores.match(line) for line in loop if line not in stack):
            transforms += 1
            if stack or more:
                spilled += bool(stack)
                wrong.append(f"{name}: a transform with {len(stack)} on the stack, addresses {more}\n  " + "\n  ".join(loop))
            continue
        if not added:
            continue
        products += 1
        share = len(added) / len(vectors)
        if share < LEAST or stack or more:
            wrong.append(f"{name}: {share:.0%} multiply-adds of {len(vectors)}, {len(stack)} on the stack, addresses {more}\n  " +
                         "\n  ".join(loop))
    if transforms:
        print(f"{name}: {products} products, {transforms} transforms, {spilled} of them spill")
    return wrong if products else [f"{name}: no product loops"]


def main():
    sqzc, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    wrong = []
    for machine in MACHINES:
        for cpu in machine.cpus:
            for number, (kernel, what, make, *tile) in enumerate(CASES):
                stem, architecture = os.path.join(folder, f"{machine.triple[:3]}-{cpu}-{number}"), machine.triple.split("-")[0]
                text = assembly(sqzc, stem, kernel, make, tile[0] if tile else None, machine.triple, cpu)
                wrong += check(machine, f"{architecture} {cpu}, {kernel} {what}", kernel, function(text, kernel))
    print("\n".join(wrong))
    print(f"{len(wrong)} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
