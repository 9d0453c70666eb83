# RUN: %python %s
"""Conversions of 16-bit floats: every f16 and bf16 to f32, f64 and i32, and numbers of all kinds to them, bit by bit."""

import os
import sys
import tempfile

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper

from native import Network

TYPES = {"f16": (TensorProto.FLOAT16, np.float16), "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
         "f32": (TensorProto.FLOAT, np.float32), "f64": (TensorProto.DOUBLE, np.float64),
         "i32": (TensorProto.INT32, np.int32), "bool": (TensorProto.BOOL, np.bool_)}


def every():
    return np.arange(65536, dtype=np.uint32).astype(np.uint16)


def doubles():
    """Each f16, each middle of two neighbours, and what lies just beside; and random numbers of all sizes."""
    finite = every().view(np.float16).astype(np.float64)
    finite = np.unique(finite[np.isfinite(finite)])
    middles = (finite[1:] + finite[:-1]) / 2
    beside = np.concatenate([np.nextafter(middles, -np.inf), np.nextafter(middles, np.inf)])
    rng = np.random.default_rng(5)
    wild = rng.standard_normal(20000) * 2.0 ** rng.integers(-150, 130, 20000)
    edges = np.array([65519.99, 65520, -65520, 1e300, -1e300, 5e-324, 1e-45, np.inf, -np.inf, np.nan, 0.0, -0.0])
    return np.concatenate([finite, middles, beside, wild, edges])


def wanted(x, to):
    if to != np.int32:
        return x.astype(to)
    wide = np.nan_to_num(x.astype(np.float64), nan=0, posinf=np.inf, neginf=-np.inf)
    return np.clip(np.trunc(wide), -2**31, 2**31 - 1).astype(np.int32)


def differences(result, want):
    """Bits must agree; any NaN is as good as another."""
    bits = f"u{want.dtype.itemsize}"
    same = np.asarray(result).reshape(-1).view(bits) == want.view(bits)
    if want.dtype != np.int32 and want.dtype != np.bool_:
        nans = np.asarray(result).reshape(-1).view(want.dtype)
        same |= np.isnan(nans.astype(np.float64)) & np.isnan(want.astype(np.float64))
    return np.flatnonzero(~same)


def cases():
    with np.errstate(all="ignore"):
        wide = doubles()
        for half in ("f16", "bf16"):
            x = every().view(TYPES[half][1])
            for to in ("f32", "f64", "i32", "bool", "bf16" if half == "f16" else "f16"):
                yield half, to, x
            yield "f32", half, wide.astype(np.float32)
            yield "i32", half, np.random.default_rng(1).integers(-70000, 70000, 1000).astype(np.int32)
        yield "f64", "f16", wide


def run(folder, level, source, to, x):
    graph = helper.make_graph([helper.make_node("Cast", ["x"], ["y"], to=TYPES[to][0])], "cast",
                              [helper.make_tensor_value_info("x", TYPES[source][0], x.shape)],
                              [helper.make_tensor_value_info("y", TYPES[to][0], x.shape)])
    path = os.path.join(folder, f"{source}_{to}.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    network = Network(path, os.path.join(folder, f"{source}_{to}{level}"), level)
    return network([x.view(np.uint16) if source == "bf16" else x])[0]


failures = count = 0
with tempfile.TemporaryDirectory() as folder:
    for source, to, x in cases():
        with np.errstate(all="ignore"):
            want = wanted(x, TYPES[to][1])
        for level in ("-O0", "-O2"):
            count += 1
            wrong = differences(run(folder, level, source, to, x), want)
            if len(wrong):
                failures += 1
                print(f"FAIL {level} {source} to {to}: {len(wrong)} differ, {x[wrong[0]]} should be {want[wrong[0]]}")
print(f"{count} conversions, {failures} failures")
sys.exit(1 if failures else 0)
