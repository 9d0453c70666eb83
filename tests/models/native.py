"""Compiles a model with sqzc and calls it: Network in this process, Program in one of its own, emulated if need be."""

import ctypes
import os
import re
import subprocess

import numpy as np

from build import ROOT

SQZC = os.environ.get("SQZC", os.path.join(ROOT, "build", "bin", "sqzc"))
DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
          10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64, 16: np.uint16,  # bf16 as its bits
          **dict.fromkeys(range(17, 27), np.uint8)}  # float8, and what is packed: their bytes
PACKED = {21: 2, 22: 2, 23: 2, 25: 4, 26: 4}  # elements in a byte


class Model(ctypes.Structure):
    _fields_ = [("abi", ctypes.c_uint32), ("size", ctypes.c_uint32), ("hash", ctypes.c_uint64),
                ("name", ctypes.c_int32), ("tensors", ctypes.c_int32), ("inputs", ctypes.c_int32),
                ("outputs", ctypes.c_int32), ("workspace_size", ctypes.c_uint64), ("shard_size", ctypes.c_uint64),
                ("weights_size", ctypes.c_uint64), ("call", ctypes.c_int32), ("open", ctypes.c_int32),
                ("dim_name", ctypes.c_int32), ("reserved", ctypes.c_int32), ("dim_min", ctypes.c_int64),
                ("dim_max", ctypes.c_int64)]


class Tensor(ctypes.Structure):
    _fields_ = [("name", ctypes.c_int32), ("dtype", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("open", ctypes.c_uint16), ("counted", ctypes.c_uint16), ("dims", ctypes.c_int64 * 8)]


class Call(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("inputs", ctypes.POINTER(ctypes.c_void_p)),
                ("outputs", ctypes.POINTER(ctypes.c_void_p)), ("workspace", ctypes.c_void_p),
                ("workspace_size", ctypes.c_size_t), ("pool", ctypes.c_void_p), ("dims", ctypes.c_void_p),
                ("output_dims", ctypes.c_void_p), ("weights", ctypes.c_void_p), ("state", ctypes.c_void_p)]


RIM = 4096


def aligned(size, alignment=64):
    """`size` bytes of 0xA5 (no model may rely on a cleared workspace) at an aligned address, with a rim of the same."""
    block = np.full(size + alignment + 2 * RIM, 0xA5, np.uint8)
    start = -(block.ctypes.data + RIM) % alignment + RIM
    return block[start:start + size]


def overrun(part):
    """Whether something was written to the rim of what `aligned` made."""
    block = part.base
    start = part.ctypes.data - block.ctypes.data
    rims = block[start - RIM:start], block[start + len(part):start + len(part) + RIM]
    return any((rim != 0xA5).any() for rim in rims)


def compile_model(path, folder, *flags):
    """The model's C name, and the path of FOLDER/NAME.o without its suffix."""
    name = re.sub(r"\W", "_", os.path.splitext(os.path.basename(path))[0])
    stem = os.path.join(folder, name)
    os.makedirs(folder, exist_ok=True)
    subprocess.run([SQZC, path, "-o", stem + ".o", f"--name={name}", *flags], check=True)
    return name, stem


class Network:
    """A compiled model: network(arrays) -> arrays, both in the model's order; `n` is the value of its open dimension.
    Outputs whose size depends on the data have it; behind them there must be zeros."""

    def __init__(self, path, folder, *flags):
        name, stem = compile_model(path, folder, *flags)
        subprocess.run(["cc", "-shared", stem + ".o", "-o", stem + ".so"], check=True)
        self.library = ctypes.CDLL(os.path.abspath(stem + ".so"))
        self.model = Model.in_dll(self.library, name + "_model")
        self.call = getattr(self.library, name + "_call")
        address = ctypes.addressof(self.model) + self.model.tensors
        count = self.model.inputs + self.model.outputs
        tensors = (Tensor * count).from_address(address)
        described = [(ctypes.string_at(ctypes.addressof(t) + t.name).decode(), DTYPES[t.dtype],
                      [-(-int(np.prod(t.dims[:t.rank])) // PACKED[t.dtype])] if t.dtype in PACKED else t.dims[:t.rank])
                     for t in tensors]
        self.inputs, self.outputs = described[:self.model.inputs], described[self.model.inputs:]
        self.open = [[bool(t.open >> axis & 1) for axis in range(t.rank)] for t in tensors]
        self.counted = [t.counted for t in tensors[self.model.inputs:]]
        self.ranks = [t.rank for t in tensors[self.model.inputs:]]
        self.workspace = aligned(self.model.workspace_size)

    def shape(self, index, n):
        dims = (self.inputs + self.outputs)[index][2]
        return [d * n if is_open else d for d, is_open in zip(dims, self.open[index])]

    def __call__(self, arrays, n=1):
        arrays = [np.ascontiguousarray(a, dtype) for a, (_, dtype, _) in zip(arrays, self.inputs, strict=True)]
        outputs = [(dtype, self.shape(len(self.inputs) + i, n)) for i, (_, dtype, _) in enumerate(self.outputs)]
        for index, (array, (name, _, _)) in enumerate(zip(arrays, self.inputs)):
            shape = self.shape(index, n)
            if array.size != np.prod(shape):
                raise ValueError(f"{name}: shape {array.shape}, the model wants {shape}")
        blocks = [aligned(int(np.prod(shape)) * np.dtype(dtype).itemsize) for dtype, shape in outputs]
        results = [block.view(dtype).reshape(shape) for block, (dtype, shape) in zip(blocks, outputs)]

        def pointers(buffers):
            return (ctypes.c_void_p * len(buffers))(*[b.ctypes.data for b in buffers])

        sizes = (ctypes.c_int64 * (sum(self.ranks) + 1))()
        call = Call(ctypes.sizeof(Call), pointers(arrays), pointers(results), self.workspace.ctypes.data,
                    len(self.workspace), dims=ctypes.cast((ctypes.c_int64 * 1)(n), ctypes.c_void_p),
                    output_dims=ctypes.cast(sizes, ctypes.c_void_p))
        code = self.call(ctypes.byref(call))
        if code:
            raise RuntimeError(f"the model returned {code}")
        if any(overrun(block) for block in (*blocks, self.workspace)):
            raise RuntimeError("the model wrote out of bounds")
        return self.cut(results, list(sizes))

    def cut(self, results, sizes):
        """What there is of each result that is the model's own."""
        counts = {(c - 1) // 8 for c in self.counted if c}
        kept = []
        for index, (result, counted, rank) in enumerate(zip(results, self.counted, self.ranks)):
            shape, sizes = sizes[:rank], sizes[rank:]
            part = result if result.ndim != rank else result[tuple(slice(0, size) for size in shape)]  # packed: all
            if counted and (shape[(counted - 1) % 8] != results[(counted - 1) // 8] or
                            np.count_nonzero(result) != np.count_nonzero(part)):
                raise RuntimeError("the sizes differ, or there is something behind them")
            if not counted and part.shape != result.shape:
                raise RuntimeError(f"output {index} is {list(result.shape)}, the model says {shape}")
            if index not in counts:
                kept.append(part)
        return kept


CLANG = ["clang-22", "-fuse-ld=lld", "-static"]
MACHINES = {  # name -> the triple, how to link, how to run
    "native": (None, ["cc", "-pthread"], []),
    "arm64": ("aarch64-unknown-linux-gnu", [*CLANG, "--target=aarch64-unknown-linux-gnu"], ["qemu-aarch64"]),
    "armv7": ("armv7a-unknown-linux-gnueabihf", [*CLANG, "--target=armv7a-unknown-linux-gnueabihf"], ["qemu-arm"]),
    "avx512": (None, ["cc", "-pthread", "-static"], [os.path.join(ROOT, "tests", "bochs", "run.py")]),
}


class Program:
    """The model linked with tests/e2e/Inputs/runner.c for a machine, which also looks for stray writes."""

    def __init__(self, path, folder, machine, outputs, *flags, stack=None, dim=None):
        triple, link, self.emulator = MACHINES[machine]
        name, self.stem = compile_model(path, folder, *([f"--target={triple}"] if triple else []), *flags)
        self.outputs = outputs  # (shape, dtype) of each
        subprocess.run([*link, "-O1", f"-DMODEL={name}_model", f"-DCALL={name}_call",
                        *([f"-DSTACK={stack}"] if stack else []), *([f"-DDIM={dim}"] if dim else []), "-I", os.path.join(ROOT, "runtime"),
                        os.path.join(ROOT, "tests", "e2e", "Inputs", "runner.c"), self.stem + ".o", "-o", self.stem],
                       check=True)

    def __call__(self, arrays):
        files = []
        for index, array in enumerate(arrays):
            files.append(f"{self.stem}.in{index}.raw")
            np.ascontiguousarray(array).tofile(files[-1])
        subprocess.run([*self.emulator, self.stem, self.stem + ".out", *files], check=True)
        return [np.fromfile(f"{self.stem}.out{index}.raw", dtype).reshape(shape)
                for index, (shape, dtype) in enumerate(self.outputs)]
