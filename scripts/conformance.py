"""Runs ONNX's own tests through `sqzc run --test`; see scripts/conformance --help.

A test may be refused with an error code if tests/conformance/xfail.txt lists it; that list may only shrink. A wrong
result, a crash, or a listed test that passes now is a failure.

Random numbers are those of NumPy's generator in the tests, which the standard asks of nobody: where a model draws some,
the types and shapes of its results must be right, and their values are tests/e2e/random-numbers.py's business.
"""

import argparse
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("SQZC_BUILD", os.path.join(ROOT, "build"))
SQZC = os.path.join(BUILD, "bin", "sqzc")
SUITE = os.path.join(ROOT, "build", "conformance")
XFAIL = os.path.join(ROOT, "tests", "conformance", "xfail.txt")
BATCH = 40
RANDOM = ("RandomUniform", "RandomUniformLike", "RandomNormal", "RandomNormalLike", "Bernoulli", "Multinomial")


def to_proto(array, name, kind):
    if kind.HasField("optional_type"):
        return numpy_helper.from_optional(array, name)
    if isinstance(array, onnx.TensorProto):
        return array
    if kind.HasField("sequence_type"):
        return numpy_helper.from_list(array, name)
    return numpy_helper.from_array(np.asarray(array), name)


def export_case(case):
    """Writes a test case of the onnx package as model.onnx and test_data_set_N/*.pb."""
    for number, (inputs, outputs) in enumerate(case.data_sets):
        folder = os.path.join(SUITE, case.name, f"test_data_set_{number}")
        os.makedirs(folder, exist_ok=True)
        graph = case.model.graph
        for kind, arrays, values in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            for index, (array, value) in enumerate(zip(arrays, values)):
                with open(os.path.join(folder, f"{kind}_{index}.pb"), "wb") as file:
                    file.write(to_proto(array, value.name, value.type).SerializeToString())
    onnx.save(case.model, os.path.join(SUITE, case.name, "model.onnx"))


def export():
    """Makes build/conformance once per release of onnx: the node tests, and links to the tests made by PyTorch."""
    stamp = os.path.join(SUITE, "stamp")
    if os.path.exists(stamp) and open(stamp).read().strip() == onnx.__version__:
        return
    from onnx.backend.test.case.node import collect_testcases
    shutil.rmtree(SUITE, ignore_errors=True)
    os.makedirs(SUITE)
    tolerances, operators = [], set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    for case in cases:
        export_case(case)
        tolerances.append(f"{case.name} {case.rtol} {case.atol}")
        operators |= {node.op_type for node in case.model.graph.node}
    data = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
    for group in ("pytorch-converted", "pytorch-operator", "simple"):
        for name in sorted(os.listdir(os.path.join(data, group))):
            os.symlink(os.path.join(data, group, name), os.path.join(SUITE, name))
            tolerances.append(f"{name} 0.001 1e-07")
    for path, lines in (("tests.txt", tolerances), ("operators.txt", sorted(operators)), ("stamp", [onnx.__version__])):
        with open(os.path.join(SUITE, path), "w") as file:
            file.writelines(line + "\n" for line in lines)


def suite(patterns):
    """Test name -> (rtol, atol), for the names that contain one of the patterns."""
    with open(os.path.join(SUITE, "tests.txt")) as file:
        rows = [line.split() for line in file]
    return {name: (rtol, atol) for name, rtol, atol in rows if not patterns or any(p in name for p in patterns)}


def run_batch(names, tolerance, flags):
    """Name -> the line that sqzc printed for it. A test without a line took the whole process down."""
    command = [SQZC, "run", *flags, "--rtol", tolerance[0], "--atol", tolerance[1], "--test"]
    try:
        done = subprocess.run(command + [os.path.join(SUITE, name) for name in names], capture_output=True, text=True,
                              errors="replace", timeout=600)
        printed, end = done.stdout, done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    except subprocess.TimeoutExpired as late:
        printed, end = (late.stdout or b"").decode(errors="replace"), ["timed out"]
    lines = {}
    for line in printed.splitlines():
        found = re.match(r"(?:ok|FAIL|refused E\d+) ([^\s:]+)", line)
        if found:
            lines[found.group(1)] = line
    return {name: lines.get(name, f"FAIL {name}: no result ({' '.join(end)})") for name in names}


def run(tests, flags):
    groups = collections.defaultdict(list)
    for name, tolerance in tests.items():
        groups[tolerance].append(name)
    batches = [(names[i:i + BATCH], tolerance) for tolerance, names in groups.items()
               for i in range(0, len(names), BATCH)]
    lines = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        for result in workers.map(lambda batch: run_batch(*batch, flags), batches):
            lines.update(result)
    for name, line in lines.items():
        if re.search(r": \d+ of \d+ differ, ", line) and is_random(name):
            lines[name] = "ok " + name
    return lines


def read_xfail():
    """Test name -> error code."""
    if not os.path.exists(XFAIL):
        return {}
    with open(XFAIL) as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return {name: code for code, name in rows}


def is_random(name):
    """Whether the test's model draws random numbers."""
    model = onnx.load(os.path.join(SUITE, name, "model.onnx"))
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    return any(node.op_type in RANDOM or (node.op_type == "Dropout" and len(node.input) > 2) for node in nodes)


def judge(line, name, listed):
    """passed, failed or skipped; and what to print about a failure."""
    if line.startswith("ok "):
        return ("failed", f"FAIL {name}: passes now, take it off the list") if name in listed else ("passed", None)
    if line.startswith("refused "):
        if name not in listed:
            return "failed", f"FAIL {name}: {line}"
        code = line.split()[1]
        return "skipped", None if code == listed[name] else f"note: {name} is refused with {code}, not {listed[name]}"
    return "failed", line


def is_node(name):
    """Whether it is one of the node tests, not of the older suites, to which the suite has links."""
    return not os.path.islink(os.path.join(SUITE, name))


def print_counts(tests, levels):
    """`levels` has a Counter of passing node tests, of older ones, and of those of each with --bind, for each level."""
    groups = [("node", [n for n in tests if is_node(n)]), ("older", [n for n in tests if not is_node(n)])]
    for group, names in groups:
        if names:
            parts = [f"{count[group]} at {level}, {count[group + ' bound']} of them with --bind"
                     for level, count in levels.items()]
            print(f"of {len(names)} {group} tests pass: {'; '.join(parts)}")


def print_refused(refused):
    """How many are refused by each code, and what it means."""
    listed = subprocess.run([SQZC, "list", "errors"], capture_output=True, text=True, check=True).stdout
    meaning = dict(line.split(maxsplit=1) for line in listed.splitlines() if " " in line)
    for code, n in sorted(collections.Counter(refused.values()).items()):
        print(f"refused with {code}, {meaning.get(code, 'which is not listed')}: {n}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("patterns", nargs="*", help="only tests whose names contain one of these")
    parser.add_argument("--levels", default="O0,O2", help="optimisation levels (default: O0,O2)")
    parser.add_argument("--full", action="store_true", help="all levels, and this machine's CPU")
    parser.add_argument("--export", action="store_true", help="only write the tests to build/conformance")
    parser.add_argument("--shrink", action="store_true", help="take what passes now off the list")
    parser.add_argument("--print-xfail", action="store_true", help="print the list as it would have to be")
    options = parser.parse_args()
    export()
    if options.export:
        return
    tests, listed = suite(options.patterns), read_xfail()
    runs = [["-" + level] for level in options.levels.split(",")]
    if options.full:
        runs += [["-O1"], ["-O3"], ["-Os"], ["-O2", "--mcpu=native"]]
    total, levels, passing, refused = collections.Counter(), {}, set(tests), {}
    for flags in runs:
        lines = run(tests, flags)
        count = levels[" ".join(flags)] = collections.Counter()
        for name, line in lines.items():
            verdict, report = judge(line, name, listed)
            count[verdict] += 1
            if report and not options.print_xfail:
                print(f"{report} [{' '.join(flags)}]")
            if line.startswith("ok "):
                group = "node" if is_node(name) else "older"
                count[group] += 1
                count[group + " bound"] += line.endswith(" with --bind")
            else:
                passing.discard(name)
            if line.startswith("refused "):
                refused[name] = line.split()[1]
        total.update(count)
        if not options.print_xfail:
            print(f"{' '.join(flags)}: {count['passed']} passed, {count['failed']} failed, {count['skipped']} refused")
    if options.print_xfail:
        print("\n".join(sorted(f"{code} {name}" for name, code in refused.items())))
        return
    if options.shrink:
        with open(XFAIL) as file:
            kept = [line for line in file if not line.strip() or line.split()[-1] not in passing]
        with open(XFAIL, "w") as file:
            file.writelines(kept)
    print_counts(tests, levels)
    print_refused(refused)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    sys.exit(1 if total["failed"] else 0)


main()
