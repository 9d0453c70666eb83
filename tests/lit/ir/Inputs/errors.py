"""Tables of wrong IR texts: each row is (code, part of the message, line or 0, the text)."""

import os
import re
import subprocess
import sys
import tempfile


def complaint(path, row, flags):
    code, message, line, text = row
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    run = subprocess.run([os.environ["SQZC"], "opt", path, *flags], capture_output=True, check=False)
    said = run.stderr.decode(errors="replace")
    wanted = f"{path}:{line}: " if line else f"{path}: "
    if run.returncode == 1 and not run.stdout and f"error[{code}]" in said and message in said and said.startswith(wanted):
        return None
    return f"wanted exit 1 and line {line} {code} {message}\ngot exit {run.returncode} and {said}of\n{text[:4000]}\n"


def check(rows, passes=""):
    flags = [f"--passes={passes}"] if passes else []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "wrong.sqz")
        wrong = [c for c in (complaint(path, row, flags) for row in rows) if c]
    print("\n".join(wrong) or f"{len(rows)} texts are refused as they should")
    sys.exit(bool(wrong))


def node(text):
    """A graph whose only node stands in line 2."""
    return f"graph @main(%x: f32<1x8x4x4>) -> (%y) {{\n  %y = {text}\n}}\n"


def constant(text):
    return f"graph @main() -> (%c) {{\n  const %c: {text}\n}}\n"
