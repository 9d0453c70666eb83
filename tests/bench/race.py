"""What the programs of this folder share: runtimes as contestants, and how their time is taken."""

import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "models"))

import compare as accuracy  # that of tests/models
import native

QUIET_SHARE = 0.5


# Contestants: made from a model, a number of threads and a folder for files; called with the model's inputs.

class Sqzc:
    """A shared library made by sqzc, with libsqz's pool where there are several threads."""

    def __init__(self, path, threads, folder, flags):
        name = "net_" + "".join(c if c.isalnum() else "_" for c in os.path.basename(path)[:-len(".onnx")])
        library = os.path.join(folder, name + ".so")
        start = time.perf_counter()
        subprocess.run([native.SQZC, path, "-o", library, f"--name={name}", *flags], check=True)
        self.compile_seconds = time.perf_counter() - start
        self.library = ctypes.CDLL(library)
        self.model = native.Model.in_dll(self.library, name + "_model")
        self.entry = getattr(self.library, name + "_call")
        count = self.model.inputs + self.model.outputs
        tensors = (native.Tensor * count).from_address(ctypes.addressof(self.model) + self.model.tensors)
        self.kinds = [(native.DTYPES[t.dtype], list(t.dims[:t.rank])) for t in tensors]
        self.pool = self.make_pool(threads, folder) if threads > 1 else None
        size = self.model.workspace_size + (threads - 1) * self.model.shard_size
        self.workspace = native.aligned(size)
        self.buffers = [native.aligned(int(np.prod(shape)) * np.dtype(dtype).itemsize).view(dtype).reshape(shape)
                        for dtype, shape in self.kinds]
        self.call = native.Call(ctypes.sizeof(native.Call), self.pointers(self.buffers[:self.model.inputs]),
                                self.pointers(self.buffers[self.model.inputs:]), self.workspace.ctypes.data, size,
                                self.pool)

    @staticmethod
    def pointers(buffers):
        return (ctypes.c_void_p * max(len(buffers), 1))(*[b.ctypes.data for b in buffers])

    @staticmethod
    def make_pool(threads, folder):
        path = os.path.join(folder, "pool.so")
        if not os.path.exists(path):
            source = os.path.join(ROOT, "runtime", "pool.c")
            subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC", "-pthread", "-I", ROOT, source, "-o", path],
                           check=True)
        create = ctypes.CDLL(path).sqz_pool_create
        create.restype = ctypes.c_void_p
        return create(threads)

    def set_inputs(self, arrays):
        for buffer, array in zip(self.buffers, arrays):
            buffer[...] = array

    def run(self):
        code = self.entry(ctypes.byref(self.call))
        if code:
            raise RuntimeError(f"the model returned {code}")

    def outputs(self):
        return self.buffers[self.model.inputs:]


class OnnxRuntime:
    def __init__(self, path, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = [i.name for i in self.session.get_inputs()]

    def set_inputs(self, arrays):
        self.feeds = dict(zip(self.names, arrays))

    def run(self):
        self.results = self.session.run(None, self.feeds)

    def outputs(self):
        return self.results


class OpenVino:
    def __init__(self, path, threads):
        import openvino
        core = openvino.Core()
        hints = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
                 "INFERENCE_PRECISION_HINT": "f32"}
        self.request = core.compile_model(core.read_model(path), "CPU", hints).create_infer_request()

    def set_inputs(self, arrays):
        for index, array in enumerate(arrays):
            self.request.get_input_tensor(index).data[...] = array

    def run(self):
        self.request.infer()

    def outputs(self):
        return [self.request.get_output_tensor(i).data for i in range(len(self.request.model_outputs))]


class Mnn:
    """One input and one output; the converter's messages are not shown."""

    def __init__(self, path, threads):
        import MNN
        self.mnn = MNN
        with tempfile.TemporaryDirectory() as folder:
            model = os.path.join(folder, "model.mnn")
            words = ["--modelFile", path, "--MNNModel", model, "--bizCode", "bench"]
            subprocess.run([os.path.join(os.path.dirname(sys.executable), "mnnconvert"), "-f", "ONNX", *words], check=True,
                           capture_output=True)
            self.net = MNN.Interpreter(model)
            self.session = self.net.createSession({"numThread": threads, "backend": "CPU", "precision": "high"})
        self.input = self.net.getSessionInput(self.session)

    def set_inputs(self, arrays):
        kind = self.mnn.Tensor_DimensionType_Caffe
        host = self.mnn.Tensor(arrays[0].shape, self.mnn.Halide_Type_Float, arrays[0], kind)
        self.input.copyFrom(host)

    def run(self):
        self.net.runSession(self.session)

    def outputs(self):
        output = self.net.getSessionOutput(self.session)
        shape = output.getShape()
        host = self.mnn.Tensor(shape, self.mnn.Halide_Type_Float, np.zeros(shape, np.float32),
                               self.mnn.Tensor_DimensionType_Caffe)
        output.copyToHostTensor(host)
        return [np.array(host.getNumpyData()).reshape(shape)]


class Ncnn:
    """One input and one output, converted by pnnx."""

    def __init__(self, path, threads):
        import ncnn
        self.ncnn = ncnn
        shape = [d.dim_value for d in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
        with tempfile.TemporaryDirectory() as folder:
            words = ["model.onnx", "inputshape=[" + ",".join(map(str, shape)) + "]", "fp16=0"]
            os.symlink(os.path.abspath(path), os.path.join(folder, "model.onnx"))
            subprocess.run([os.path.join(os.path.dirname(sys.executable), "pnnx"), *words], check=True, cwd=folder,
                           capture_output=True)
            self.net = ncnn.Net()
            self.net.opt.num_threads = threads
            self.net.opt.use_fp16_packed = self.net.opt.use_fp16_storage = self.net.opt.use_fp16_arithmetic = False
            self.net.opt.use_bf16_storage = False
            self.net.load_param(os.path.join(folder, "model.ncnn.param"))
            self.net.load_model(os.path.join(folder, "model.ncnn.bin"))

    def set_inputs(self, arrays):
        self.input = self.ncnn.Mat(np.ascontiguousarray(arrays[0][0]))

    def run(self):
        extractor = self.net.create_extractor()
        extractor.input(self.net.input_names()[0], self.input)
        _, self.result = extractor.extract(self.net.output_names()[0])

    def outputs(self):
        return [np.array(self.result)]


PEERS = {  # name -> made from (path, threads); a row adds a peer
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "mnn": Mnn,
    "ncnn": Ncnn,
}


# Measuring

def measure(contestant, inferences):
    """Milliseconds of wall and of CPU time for one inference, from a few in a row."""
    contestant.run()  # caches are the previous contestant's
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    for _ in range(inferences):
        contestant.run()
    return ((time.perf_counter_ns() - wall) / inferences / 1e6, (time.thread_time_ns() - cpu) / inferences / 1e6)


def inferences_for(contestant, milliseconds=40):
    wall, _ = measure(contestant, 1)
    return max(1, int(milliseconds / max(wall, 1e-3)))


def noise(measured, threads):
    """Of one round: how far wall time is from CPU time, or with several threads how long all took."""
    if threads > 1:
        return sum(wall for wall, _ in measured.values())
    return max(wall / max(cpu, 1e-6) for wall, cpu in measured.values())


def race(contestants, rounds, threads):
    """Name -> medians of wall and CPU time over the quieter rounds."""
    counts = {name: inferences_for(c) for name, c in contestants.items()}
    names, results = list(contestants), []
    for number in range(rounds):
        turn = names[number % len(names):] + names[:number % len(names)]
        measured = {}
        for name in turn:
            measured[name] = measure(contestants[name], counts[name])
            if threads > 1:
                time.sleep(0.02)  # waiting threads may spin for a while
        results.append(measured)
    results.sort(key=lambda measured: noise(measured, threads))
    quiet = results[:max(1, int(rounds * QUIET_SHARE))]
    return {name: tuple(statistics.median(r[name][i] for r in quiet) for i in range(2)) for name in names}


def bound(model):
    """Flags that make each dimension 1 which the model leaves open, as the random inputs are."""
    names = {d.dim_param for value in accuracy.true_inputs(model) for d in value.type.tensor_type.shape.dim if d.dim_param}
    return [word for name in sorted(names) for word in ("--dim", f"{name}=1")]


class Race:
    """The contestants of one model, after a first run on seeded inputs; `apart` has the differences to sqzc's outputs."""

    def __init__(self, path, peers, threads, folder, flags):
        model, random = onnx.load(path), np.random.default_rng(3)
        arrays = [accuracy.random_input(value, random) for value in accuracy.true_inputs(model)]
        self.threads = threads
        self.contestants = {"sqzc": Sqzc(path, threads, folder, [*flags, *bound(model)])}
        self.contestants.update((name, PEERS[name](path, threads)) for name in peers)
        for contestant in self.contestants.values():
            contestant.set_inputs(arrays)
            contestant.run()
        ours = self.contestants["sqzc"].outputs()
        self.apart = {name: max(accuracy.error(a, np.asarray(b).reshape(a.shape))
                                for a, b in zip(ours, self.contestants[name].outputs(), strict=True))
                      for name in peers}

    def run(self, rounds):
        return race(self.contestants, rounds, self.threads)
