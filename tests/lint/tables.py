# RUN: %root/scripts/conformance --export
# RUN: %python %s %root
"""Every row of every table is named by some test: operators, passes, kernels, types, targets, errors.

Operators count as named, too, where a node of the ONNX conformance suite uses them.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from tree import files, finish, read

ROW = re.compile(r"^[A-Z_]+\((\w+),\s*(?:\"([^\"]+)\"|(\d+))", re.MULTILINE)


def rows(path):
    """The names by which tests know the rows: the quoted name, or the number of an error as it prints."""
    for identifier, name, number in ROW.findall(read(path)):
        yield f"E{int(number):04}" if number else name or identifier


tests = files("tests/lit/**", "tests/unit/**", "tests/e2e/**", "tests/models/*.py", "tests/bench/**")
named = "\n".join(read(path) for path in tests)
words = set(re.findall(r"[\w.-]+", named)) | set(re.findall(r"\w+", named))
operators = os.path.join(sys.argv[1], "build", "conformance", "operators.txt")
if os.path.exists(operators):
    with open(operators) as file:
        words |= set(file.read().split())
finish([f"{path}: no test names {name}" for path in files("compiler/**/*.def", "passes/*.def") for name in rows(path)
        if name not in words])
