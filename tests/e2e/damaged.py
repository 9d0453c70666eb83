# RUN: %python %s
"""Damaged and hostile models end in an error with a code, soon, in little memory, and without a file written."""

import concurrent.futures
import os
import re
import resource
import subprocess
import sys
import tempfile

import hostile
from native import SQZC

SECONDS, MEMORY = 60, 4 << 30
SANITIZED = "address" in os.environ.get("SQZC_SANITIZE", "")  # its shadow memory needs the whole address space


def limit():
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def check(name, content, may_compile, folder):
    """A complaint, or None."""
    model, output = os.path.join(folder, name + ".onnx"), os.path.join(folder, name + ".o")
    with open(model, "wb") as file:
        file.write(content)
    try:
        done = subprocess.run([SQZC, model, "-o", output], capture_output=True, text=True, errors="replace",
                              timeout=SECONDS, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return f"{name}: still running after {SECONDS} s"
    written = os.path.exists(output) or os.path.exists(output[:-2] + ".h")
    if done.returncode == 0 and may_compile:
        return None if written else f"{name}: success, but no object"
    if done.returncode != 1:
        return f"{name}: exit {done.returncode}: {done.stderr[-400:]}"
    if not re.search(r"error\[E\d{4}\]", done.stderr):
        return f"{name}: no error code in {done.stderr[-400:]!r}"
    return f"{name}: refused, but a file was written" if written else None


with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
    with open(os.path.join(folder, "data.bin"), "wb") as file:
        file.write(bytes(64))
    os.symlink("/etc/hostname", os.path.join(folder, "link.bin"))
    models = [(*item, False) for item in hostile.bad()] + [(*item, True) for item in hostile.doubtful()]
    complaints = [c for c in workers.map(lambda item: check(*item, folder), models) if c]
print("\n".join(complaints))
print(f"{len(models)} models, {len(complaints)} complaints")
sys.exit(1 if complaints else 0)
