# RUN: %python %s %build
"""Each header compiles alone, without a warning; the one that users get is also C99 and C++."""

import concurrent.futures
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from tree import ROOT, files, finish

WARNINGS = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-function"]
includes = subprocess.run(["llvm-config", "--includedir"], capture_output=True, text=True, check=True).stdout.strip()
FOLDERS = ["-I", ROOT, "-I", ROOT + "/compiler", "-isystem", includes, "-isystem", sys.argv[1] + "/proto"]


def check(command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return f"{' '.join(command[-1:])}:\n{done.stderr}" if done.returncode else None


commands = [["cc", "-x", "c", "-std=gnu17", *WARNINGS, *FOLDERS, path]
            for path in files("compiler/**/*.h", "onnx/*.h", "passes/*.h", "runtime/*.h")]
commands += [["cc", "-x", "c", "-std=c99", *WARNINGS, "runtime/sqz.h"],
             ["c++", "-x", "c++", "-std=c++11", *WARNINGS, "runtime/sqz.h"]]
with concurrent.futures.ThreadPoolExecutor(2) as workers:
    finish([c for c in workers.map(check, commands) if c])
