"""Writes test models: make.py [-o FOLDER] [NAME | GROUP]... (default: every model of every group but `large`).

A model is written again when the sources in this folder have changed since.
"""

import argparse
import glob
import hashlib
import os
import sys

import build
import modern
import small
import squeezenet
import zoo

HERE = os.path.dirname(os.path.abspath(__file__))


def groups():
    """Group name -> model names: one group per file, and `large` for what takes long to make or to run."""
    found = {}
    for name, function in build.MODELS.items():
        group = function.__module__
        found.setdefault("large" if name in zoo.LARGE else group, []).append(name)
    return found


def stamp():
    digest = hashlib.sha256()
    for path in sorted(glob.glob(os.path.join(HERE, "*.py"))):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def make(name, folder, current):
    path = os.path.join(folder, name + ".onnx")
    mark = os.path.join(folder, "." + name + ".stamp")
    if os.path.exists(path) and os.path.exists(mark) and open(mark).read() == current:
        return
    try:
        data = build.MODELS[name]().SerializeToString()
    except build.Unavailable as why:
        print(f"{name}: skipped, {why}", file=sys.stderr)
        return
    for target, content in ((path, data), (mark, current.encode())):
        temporary = f"{target}.{os.getpid()}"
        with open(temporary, "wb") as file:
            file.write(content)
        os.replace(temporary, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default=os.path.join(build.ROOT, "build", "models"))
    parser.add_argument("-l", "--list", action="store_true", help="print groups and names, write nothing")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    known = groups()
    if options.list:
        for group, names in known.items():
            print(f"{group}: {' '.join(names)}")
        return
    wanted = []
    for name in options.names or [group for group in known if group != "large"]:
        if name not in known and name not in build.MODELS:
            sys.exit(f"make.py: unknown model '{name}'; known: {' '.join([*known, *build.MODELS])}")
        wanted += known.get(name, [name])
    os.makedirs(options.output, exist_ok=True)
    current = stamp()
    for name in wanted:
        make(name, options.output, current)


if __name__ == "__main__":
    main()
