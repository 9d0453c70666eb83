"""Compares compiled models with onnxruntime: compare.py MODEL.onnx... [--photos N] [-- FLAGS OF SQZC...]

Prints a line per model and exits 1 when an output differs by more than the tolerance, relative to its largest value.
Inputs are seeded random numbers, or photos for networks that were trained on them.
"""

import argparse
import glob
import os
import subprocess
import sys
import tempfile
import traceback

import numpy as np
import onnx
import onnxruntime
from onnx import helper

import image
from build import SHARED
from native import MACHINES, SQZC, Network, Program


def before_softmax(model):
    """The same model with the input of its last Softmax as its only output."""
    softmax = [n for n in model.graph.node if n.op_type == "Softmax"][-1]
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(softmax.input[0], onnx.TensorProto.FLOAT, None))
    model.graph.node.remove(softmax)
    model = onnx.shape_inference.infer_shapes(model)
    model.graph.name = "logits"
    return model


def true_inputs(model):
    weights = {i.name for i in model.graph.initializer}
    return [i for i in model.graph.input if i.name not in weights]


def random_input(value, random):
    kind = value.type.tensor_type
    shape = [d.dim_value or 1 for d in kind.shape.dim]
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    if np.issubdtype(dtype, np.floating):
        return random.standard_normal(shape).astype(dtype)
    return random.integers(0, 2 if dtype == np.bool_ else 100, shape).astype(dtype)


def photos(count):
    """The first photos of the shared sample, or the three of scikit-image where that is not here."""
    files = sorted(glob.glob(os.path.join(SHARED, "data", "photos", "*.jpg")))
    return files[:count] or [image.sample(name) for name in ("coffee", "chelsea", "motorcycle_left")]


def inputs(model, options):
    """A list of input lists."""
    wanted = true_inputs(model)
    if options.photos:
        prepare = image.efficientnet if options.preprocess == "efficientnet" else image.caffe
        return [[prepare(path)] for path in photos(options.photos)]
    random = np.random.default_rng(7)
    return [[random_input(value, random) for value in wanted] for _ in range(options.runs)]


def reference(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    names = [i.name for i in session.get_inputs()]
    return lambda arrays: session.run(None, dict(zip(names, arrays)))


def sqzc_run(path, model, folder, flags):
    """The model as `sqzc run` computes it."""
    names = [i.name for i in true_inputs(model)]

    def run(arrays):
        command = [SQZC, "run", path, *flags, "--output", folder]
        for index, (name, array) in enumerate(zip(names, arrays)):
            np.save(os.path.join(folder, f"in{index}.npy"), array)
            command += ["--input", f"{name}={folder}/in{index}.npy"]
        subprocess.run(command, check=True)
        return [np.load(os.path.join(folder, o.name.replace("/", "_") + ".npy")) for o in model.graph.output]
    return run


def error(result, expected):
    """The largest difference over the largest value; infinite where shapes, types or special values differ."""
    if result.shape != expected.shape or result.dtype != expected.dtype:
        return float("inf")
    if not np.issubdtype(expected.dtype, np.floating):
        return float((result != expected).any())
    same = (result == expected) | (np.isnan(result) & np.isnan(expected))
    if same.all():
        return 0.0
    if not np.isfinite(result[~same]).all() or not np.isfinite(expected[~same]).all():
        return float("inf")
    scale = np.abs(expected[np.isfinite(expected)], dtype=np.float64).max()
    return float(np.abs(result[~same].astype(np.float64) - expected[~same]).max() / max(scale, 1e-30))


def compare(path, options, folder):
    model = onnx.load(path)
    if options.before_softmax:
        model = before_softmax(model)
        path = os.path.join(folder, os.path.basename(path))
        onnx.save(model, path)
    expect = reference(path)
    cases = [(arrays, expect(arrays)) for arrays in inputs(model, options)]
    if options.run:
        run = sqzc_run(path, model, folder, options.flags)
    elif options.machine or options.stack:
        shapes = [(e.shape, e.dtype) for e in cases[0][1]]
        run = Program(path, folder, options.machine or "native", shapes, *options.flags, stack=options.stack)
    else:
        run = Network(path, folder, *options.flags)
    worst, classes = 0.0, 0
    for arrays, expected in cases:
        results = run(arrays)
        worst = max([worst] + [error(r, e) for r, e in zip(results, expected, strict=True)])
        classes += results[0].argmax() != expected[0].argmax()
    good = worst <= options.tolerance and not (options.photos and classes)
    print(f"{'ok' if good else 'FAIL'} {os.path.basename(path)}: largest difference {worst:.1e} of the largest value"
          + (f", {classes} other first classes" if options.photos else ""), flush=True)
    return good


def isolated(path, options):
    """compare() in a child process, since a broken model may take its process down."""
    child = os.fork()
    if child == 0:
        good = False
        try:
            with tempfile.TemporaryDirectory() as folder:
                good = compare(path, options, folder)
        except (subprocess.CalledProcessError, RuntimeError, ValueError) as why:
            print(f"FAIL {os.path.basename(path)}: {why}", flush=True)
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(0 if good else 1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        print(f"FAIL {os.path.basename(path)}: signal {-code}", flush=True)
    return code == 0


def main():
    arguments, flags = sys.argv[1:], []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, flags = arguments[:at], arguments[at + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    parser.add_argument("--runs", type=int, default=1, help="how many random inputs")
    parser.add_argument("--photos", type=int, default=0, help="use that many photos as inputs, and compare classes")
    parser.add_argument("--preprocess", choices=("caffe", "efficientnet"), default="caffe")
    parser.add_argument("--before-softmax", action="store_true", help="compare what goes into the last Softmax")
    parser.add_argument("--run", action="store_true", help="use `sqzc run` instead of a linked object")
    parser.add_argument("--machine", choices=MACHINES, help="link a program for this machine and run it, emulated")
    parser.add_argument("--stack", type=int, help="run on a thread with a stack of so many bytes")
    options = parser.parse_args(arguments)
    options.flags = flags
    good = [isolated(path, options) for path in options.models]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
