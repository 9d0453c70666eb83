"""Sweeps of one operator's shapes and attributes: each case is a node of one model, whose outputs are compared with
onnxruntime's (or, where that lacks the type, with those of ONNX's reference) at -O0, -O2, -O2 for this CPU, and on
several threads. With machines (of native.MACHINES), perhaps with flags, as arguments: in an emulated program for each,
at -O2.
With --strict as the first argument: what --strict gives is compared with what -O0 gives, byte by byte."""

import glob
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import compare
from native import Network, Program
from strict import compare_strict

LEVELS = (["-O0"], ["-O2"], ["-O2", "--mcpu=native"], ["-O2", "--threads=5"])
random = np.random.default_rng(11)


def floats(*shape, dtype=np.float32):
    return np.array(random.standard_normal(shape), dtype, ndmin=len(shape))


def ints(low, high, *shape, dtype=np.int64):
    return np.asarray(random.integers(low, high, shape)).astype(dtype)


def undefined(title, folder, flags):
    """How many symbols the objects in the case's folder leave undefined."""
    objects = glob.glob(os.path.join(folder, "".join(flags).replace("=", ""), "*.o"))
    symbols = [line.split()[-1] for path in objects
               for line in subprocess.run(["llvm-nm", "-u", path], capture_output=True, text=True,
                                          check=True).stdout.splitlines()]
    if symbols:
        print(f"FAIL {' '.join(flags)} {title}: undefined {' '.join(symbols)}")
    return len(symbols)


class Sweep:
    def __init__(self, opset=22, tolerance=1e-5, domain="", version=1):
        """`domain` is that of the nodes, besides ai.onnx."""
        self.opset, self.tolerance, self.domain = opset, tolerance, domain
        self.imports = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, version)] if domain else [])
        self.nodes, self.inputs, self.outputs, self.constants, self.labels = [], {}, [], [], {}
        self.reference, self.given = set(), {}

    def add(self, op, arrays, constants=(), types=None, reference=False, expected=None, **attributes):
        """One case. `arrays` are the inputs (None: left out), those whose index is in `constants` are initializers;
        `types` are those of the outputs (default: that of the first input); `expected` are their values, where neither
        onnxruntime nor the reference has them."""
        case = f"case{len(self.nodes)}"
        names = []
        for i, array in enumerate(arrays):
            names.append("" if array is None else f"{case}_in{i}")
            if array is None:
                continue
            if i in constants:
                self.constants.append(numpy_helper.from_array(np.asarray(array), names[-1]))
            else:
                self.inputs[names[-1]] = array
        types = types or [arrays[0].dtype]
        outputs = [f"{case}_out{i}" for i in range(len(types))]
        self.nodes.append(helper.make_node(op, names, outputs, name=case, domain=self.domain, **attributes))
        self.outputs += [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.dtype(t)), None)
                         for n, t in zip(outputs, types)]
        shapes = [None if a is None else f"{a.dtype}{list(a.shape)}" for a in arrays]
        for name in outputs:
            self.labels[name] = f"{op} {shapes} {attributes}"
            if reference:
                self.reference.add(name)
        self.given.update(zip(outputs, expected or ()))

    def model(self, wanted):
        """The model of the nodes that have outputs `wanted` makes true."""
        nodes = [n for n in self.nodes if wanted(n.output[0])]
        used = {name for n in nodes for name in n.input}
        inputs = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
                  for n, a in self.inputs.items() if n in used]
        graph = helper.make_graph(nodes, "sweep", inputs, [o for o in self.outputs if wanted(o.name)],
                                  [c for c in self.constants if c.name in used])
        return helper.make_model(graph, opset_imports=self.imports, ir_version=10)

    def expected(self):
        results = dict(self.given)
        for by_reference in (False, True):
            model = self.model(lambda name: name not in self.given and (name in self.reference) == by_reference)
            if not model.graph.node:
                continue
            given = {i.name: np.asarray(self.inputs[i.name]) for i in model.graph.input}
            if by_reference:
                values = ReferenceEvaluator(model).run(None, given)
            else:
                options = onnxruntime.SessionOptions()
                options.log_severity_level = 3
                options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
                values = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, given)
            results.update(zip([o.name for o in model.graph.output], values))
        return results

    def compiled(self, path, model, folder, flags, expected):
        if flags[-1].startswith("--threads"):
            os.makedirs(folder)
            return compare.sqzc_run(path, model, folder, flags)
        if flags[0].startswith("-"):
            return Network(path, folder, *flags)
        values = [np.asarray(expected[o.name]) for o in self.outputs]
        return Program(path, folder, flags[0], [(v.shape, v.dtype) for v in values], *flags[1:])

    def run_code(self):
        """What the model returns, as at -O2: 0, or one of SQZ_E..."""
        model = self.model(lambda name: True)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "code.onnx")
            onnx.save(model, path)
            try:
                Network(path, folder)([self.inputs[i.name] for i in model.graph.input])
            except RuntimeError as why:
                return int(str(why).rsplit(maxsplit=1)[-1])
        return 0

    def run_strict(self, title, machine):
        model, failures = self.model(lambda name: True), 0
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f"{title}.onnx")
            onnx.save(model, path)
            arrays = [self.inputs[i.name] for i in model.graph.input]
            for flags, differ in compare_strict(path, folder, arrays, machine):
                failures += sum(differ)
                for output, bad in zip(model.graph.output, differ):
                    if bad:
                        print(f"FAIL {machine} {flags} {output.name} {self.labels[output.name]}")
        print(f"{title}, {machine}: {len(self.nodes)} cases, {failures} differ")
        return failures

    def run(self, title):
        if sys.argv[1:2] == ["--strict"]:
            return sum(self.run_strict(title, machine) for machine in sys.argv[2:] or ["native"])
        expected, failures = self.expected(), 0
        model = self.model(lambda name: True)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f"{title}.onnx")
            onnx.save(model, path)
            for flags in [machine.split() for machine in sys.argv[1:]] or LEVELS:
                network = self.compiled(path, model, os.path.join(folder, "".join(flags).replace("=", "")), flags,
                                        expected)
                failures += undefined(title, folder, flags)
                results = network([self.inputs[i.name] for i in model.graph.input])
                for output, result in zip(model.graph.output, results, strict=True):
                    off = compare.error(result, np.asarray(expected[output.name]))
                    if not off <= self.tolerance:
                        failures += 1
                        print(f"FAIL {' '.join(flags)} {output.name} {self.labels[output.name]}: {off:.1e}")
                        if os.environ.get("SWEEP_SHOW"):
                            print(result, expected[output.name], sep="\n")
        print(f"{title}: {len(self.nodes)} cases, {failures} failures")
        return failures


def finish(*failures):
    sys.exit(1 if any(failures) else 0)
