# RUN: %python %s
"""No marker of unfinished work, no tab or trailing blank, a newline at the end."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from tree import files, finish, read, sources

MARKER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")

complaints = []
for path in sources(".c", ".h", ".def", ".py", ".cmake", ".sqz", ".test", ".sh") + files("*.md", "CMakeLists.txt"):
    content = read(path)
    for number, line in enumerate(content.splitlines(), 1):
        if MARKER.search(line):
            complaints.append(f"{path}:{number}: marker of unfinished work")
        if "\t" in line or line != line.rstrip():
            complaints.append(f"{path}:{number}: tab or trailing blank")
    if content and not content.endswith("\n"):
        complaints.append(f"{path}: no newline at the end")
finish(complaints)
