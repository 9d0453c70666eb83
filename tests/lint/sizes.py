# RUN: %python %s
"""Files have at most 800 lines, functions of C at most 100, lines of C at most 120 characters."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from tree import finish, read, sources

FILE_LINES, FUNCTION_LINES, COLUMNS = 800, 100, 120


def functions(lines):
    """(name, first line, count) of each function: it begins in column one and ends with a brace there."""
    start, name, opened = None, None, False
    for number, line in enumerate(lines, 1):
        head = re.match(r"[A-Za-z_].*?(\w+)\(", line)
        if head:
            start, name, opened = number, head.group(1), False
        opened = opened or line.rstrip().endswith("{")
        if start and line.startswith("}"):
            yield name, start, number - start + 1
            start = None
        elif start and not opened and line.rstrip().endswith(";"):
            start = None  # a declaration


complaints = []
for path in sources(".c", ".h", ".def", ".py", ".cmake", ".sh"):
    lines = read(path).splitlines()
    if len(lines) > FILE_LINES:
        complaints.append(f"{path}: {len(lines)} lines, at most {FILE_LINES}")
    if path.endswith((".c", ".h")):
        complaints += [f"{path}:{start}: {name} has {count} lines, at most {FUNCTION_LINES}"
                       for name, start, count in functions(lines) if count > FUNCTION_LINES]
        complaints += [f"{path}:{number}: {len(line)} characters, at most {COLUMNS}"
                       for number, line in enumerate(lines, 1) if len(line) > COLUMNS]
finish(complaints)
