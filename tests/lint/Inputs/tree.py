"""What the lints share: the project's files, and how to end."""

import glob
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
FOLDERS = ("compiler", "onnx", "passes", "runtime", "examples", "tests", "scripts", "cmake")


def files(*patterns):
    """Paths, from the root, of the files that match any of the patterns (`**` for any depth)."""
    found = set()
    for pattern in patterns:
        found |= set(glob.glob(pattern, root_dir=ROOT, recursive=True))
    return sorted(p for p in found if os.path.isfile(os.path.join(ROOT, p)) and not p.startswith("build"))


def sources(*suffixes):
    """The files with these suffixes in all our folders."""
    return files(*[f"{folder}/**/*{suffix}" for folder in FOLDERS for suffix in suffixes])


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def finish(complaints):
    """Prints the complaints and exits with 1 where there are any."""
    print("\n".join(complaints))
    sys.exit(1 if complaints else 0)
