"""Sweeps of the fast kernels: many small graphs in one module of IR text, compiled at -O0 for this machine and at -O2
for several, each linked with kernels.c into one program. An output's name says what was computed."""

import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RUNTIME = os.path.join(HERE, "..", "..", "..", "runtime")
BOCHS = os.path.join(HERE, "..", "..", "bochs", "run.py")
CLANG = ["clang-22", "-Qunused-arguments", "-fuse-ld=lld", "-static"]
MACHINES = {  # name -> triple, how to compile C, how to run
    "x86-64": (None, ["cc"], []),
    "aarch64": ("aarch64-unknown-linux-gnu", [*CLANG, "--target=aarch64-unknown-linux-gnu"], ["qemu-aarch64"]),
    "arm": ("armv7a-unknown-linux-gnueabihf", [*CLANG, "--target=armv7a-unknown-linux-gnueabihf", "-mfpu=neon"],
            ["qemu-arm"]),
    "avx512": (None, ["cc", "-static"], [BOCHS]),
}
TOLERANCE = 1e-5
TWICE = {2: "sum", 4: "behind"}  # case number modulo 5 -> how a convolution adds to another (Module.conv)


class Module:
    """A module of IR text that grows by constants and nodes. Names come back; types are left to inference."""

    def __init__(self):
        self.signature, self.outputs, self.lines, self.count = [], [], [], 0

    def name(self):
        self.count += 1
        return f"%v{self.count}"

    def input(self, *dims):
        name = self.name()
        self.signature.append(f"{name}: f32<{'x'.join(map(str, dims))}>")
        return name

    def constant(self, *dims, data=None, dtype="f32", layout=""):
        name = self.name()
        kind = f"{dtype}<{'x'.join(map(str, dims))}{', ' * bool(layout)}{layout}>"
        self.lines.append(f"const {name}: {kind} = {data or f'random({self.count})'}")
        return name

    def ints(self, *values):
        name = self.name()
        self.lines.append(f"const {name}: i64<{len(values)}> = list({', '.join(map(str, values))})")
        return name

    def node(self, op, inputs, results=1, **attributes):
        names = [self.name() for _ in range(results)]
        words = ", ".join(f"{k} = {v}" for k, v in attributes.items())
        self.lines.append(f"{', '.join(names)} = {op}({', '.join(inputs)}) {{{words}}} : {', '.join(['?'] * results)}")
        return names[0] if results == 1 else names

    def conv(self, x, channels, filters, kernel, bias=True, group=1, twice=None, **attributes):
        """`twice`: the sum of two, as residual connections have it; one of them adds the other to its result: as it is
        ("sum"), or behind its activation ("behind")."""
        if twice:
            one, other = (self.conv(x, channels, filters, kernel, bias, group, **attributes) for _ in range(2))
            return self.node("Add", [one, self.node("Relu", [other]) if twice == "behind" else other])
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        weights = self.constant(filters, channels // group, *kernel)
        operands = [x, weights] + ([self.constant(filters)] if bias else [])
        return self.node("Conv", operands, group=group, **attributes)

    def output(self, value, label):
        name = f'%"{len(self.outputs)} {label}"'
        self.lines.append(f"{name} = Identity({value}) : ?")
        self.outputs.append(name)

    def text(self):
        body = "\n".join("  " + line for line in self.lines)
        return f"graph @main({', '.join(self.signature)}) -> ({', '.join(self.outputs)}) {{\n{body}\n}}\n"


def cases(case, count):
    """A `make` for sweep: case(module, number) for `count` numbers in each part."""
    def make(part):
        module = Module()
        for number in range(part * count, (part + 1) * count):
            case(module, number)
        return module
    return make


def available(machine):
    emulator = {"avx512": ["bochs"]}.get(machine, MACHINES[machine][2])
    return not emulator or subprocess.run(["which", *emulator], capture_output=True).returncode == 0


def build(sqzc, folder, stem, text, machine, flags):
    """A program that runs the module."""
    triple, compiler, _ = MACHINES[machine]
    runner = os.path.join(folder, machine + ".o")
    if not os.path.exists(runner):
        subprocess.run([*compiler, "-O1", "-c", "-I", RUNTIME, os.path.join(HERE, "kernels.c"), "-o", runner], check=True)
    stem = os.path.join(folder, stem)
    with open(stem + ".sqz", "w") as file:
        file.write(text)
    target = [f"--target={triple}"] if triple else []
    subprocess.run([sqzc, stem + ".sqz", "-o", stem + ".o", "--name=sweep", *target, *flags], check=True)
    subprocess.run([*compiler, runner, stem + ".o", "-lm", "-o", stem], check=True)
    return stem


def uses(sqzc, stem, kernel, choose):
    """How many nodes of a module get a kernel."""
    with open(stem + ".sqz") as file:
        text = file.read()
    return chosen(sqzc, stem, text, choose, []).count(f"kernel({kernel}")


AFTER_KERNELS = "--passes=pack-weights,dead-nodes,place-concats,order-nodes,plan-memory"


def chosen(sqzc, stem, text, choose, flags):
    """The module's text once kernels are chosen, with choose(text) made of it."""
    with open(stem + ".in.sqz", "w") as file:
        file.write(text)
    subprocess.run([sqzc, "opt", stem + ".in.sqz", "-O2", "--stop-after=choose-kernels", "-o", stem + ".chosen.sqz", *flags],
                   check=True)
    with open(stem + ".chosen.sqz") as file:
        return choose(file.read())


def sweep(make, targets, kernel, least, tolerance=TOLERANCE, choose=lambda text: text):
    """Compares the module that make(part) gives at -O2 for each (machine, CPU, part) with -O0 for this machine, and
    exits. In a part the kernel must do least(part) nodes or more, or `least` of each. `choose` may change the kernels in
    the text, to force one that costs too much on small shapes. `sqzc` and a folder come from the command line."""
    sqzc, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    failures, references = 0, {}
    for machine, cpu, part in targets:
        if not available(machine):
            continue
        if part not in references:
            random.seed(part)
            text = make(part).text()
            program = build(sqzc, folder, f"plain{part}", text, "x86-64", ["-O0"])
            references[part] = (text, program + ".raw")
            subprocess.run([program, "write", program + ".raw"], check=True)
            used = uses(sqzc, program, kernel, choose)
            if used < (least(part) if callable(least) else least):
                failures += 1
                print(f"part {part}: only {used} nodes by {kernel}")
        text, wanted = references[part]
        stem, triple = f"{machine}-{cpu}-{part}".replace(" ", ""), MACHINES[machine][0]
        flags = [f"--mcpu={cpu}"] + ([f"--target={triple}"] if triple else [])
        text = chosen(sqzc, os.path.join(folder, stem), text, choose, flags)
        program = build(sqzc, folder, stem, text, machine, [AFTER_KERNELS, f"--mcpu={cpu}"])
        result = subprocess.run([*MACHINES[machine][2], program, "compare", wanted, str(tolerance)], capture_output=True,
                                text=True)
        if result.returncode:
            failures += 1
            print(f"{machine} {cpu}, part {part}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    print(f"{len(targets)} programs, {failures} failures")
    sys.exit(failures != 0)


def strict(title, make, targets):
    """How many of the modules that make(part) gives have other bits at -O2 --strict than at -O0 for the same CPU."""
    sqzc, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    failures = 0
    for machine, cpu, part in targets:
        if not available(machine):
            continue
        random.seed(part)
        text, stem, run = make(part).text(), f"{title}-{machine}-{cpu}-{part}", MACHINES[machine][2]
        plain = build(sqzc, folder, stem + "-plain", text, machine, ["-O0", f"--mcpu={cpu}"])
        subprocess.run([*run, plain, "write", plain + ".raw"], check=True)
        fast = build(sqzc, folder, stem + "-strict", text, machine, ["-O2", "--strict", f"--mcpu={cpu}"])
        result = subprocess.run([*run, fast, "compare", plain + ".raw", "0"], capture_output=True, text=True)
        if result.returncode:
            failures += 1
            print(f"{title} {machine} {cpu}, part {part}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    print(f"{title}: {len(targets)} programs, {failures} failures")
    return failures


NATIVE = [("x86-64", "x86-64"), ("x86-64", "x86-64-v3")]
if "avx512bw" in open("/proc/cpuinfo").read():
    NATIVE.append(("x86-64", "x86-64-v4"))
ARM = [("aarch64", "cortex-a53"), ("aarch64", "neoverse-n1"), ("arm", "generic"), ("arm", "cortex-a7"),
       ("arm", "cortex-a9")]


def spread(parts):
    """Every part on each x86-64, and one part on each ARM. $SQZC_EMULATE names an emulated x86-64 to take instead."""
    emulated = os.environ.get("SQZC_EMULATE")
    if emulated:
        return [(emulated, cpu, part) for cpu in ("x86-64-v4", "skylake-avx512", "znver4") for part in range(parts)]
    return ([(m, cpu, part) for m, cpu in NATIVE for part in range(parts)] +
            [(m, cpu, i % parts) for i, (m, cpu) in enumerate(ARM)])
