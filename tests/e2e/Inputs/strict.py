"""-O0 and --strict give the same bytes: what a test of a model asks. NaNs are alike, whatever their bits."""

import os

import numpy as np

from native import Network, Program

LEVELS = ("-O2",)
CPUS = ("native", "x86-64-v2")  # with fused multiply-adds, and without them


def same_bits(a, b):
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if np.issubdtype(a.dtype, np.floating):
        a, b = (np.where(np.isnan(x), np.array(np.nan, x.dtype), x) for x in (a, b))
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def results(path, folder, machine, flags, arrays, shapes):
    folder = os.path.join(folder, "".join([machine, *flags]).replace("=", ""))
    if machine == "native":
        return Network(path, folder, *flags)(arrays)
    return Program(path, folder, machine, shapes, *flags)(arrays)


def compare_strict(path, folder, arrays, machine="native", levels=LEVELS, cpus=CPUS):
    """(flags, [whether each output has other bytes than at -O0]) for each level and CPU."""
    shapes = None
    if machine != "native":
        shapes = [(r.shape, r.dtype) for r in Network(path, os.path.join(folder, "shapes"), "-O0")(arrays)]
    for cpu in cpus if machine == "native" else (None,):
        own = [f"--mcpu={cpu}"] if cpu else []
        plain = results(path, folder, machine, ["-O0", *own], arrays, shapes)
        for level in levels:
            flags = [level, "--strict", *own]
            strict = results(path, folder, machine, flags, arrays, shapes)
            yield " ".join(flags), [not same_bits(a, b) for a, b in zip(plain, strict, strict=True)]
