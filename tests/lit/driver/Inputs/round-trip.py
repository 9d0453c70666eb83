"""round-trip.py SQZC: .npy files of each type and of odd shapes go through Identity unchanged."""

import subprocess
import sys

import numpy as np

NAMES = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "i8": np.int8, "i16": np.int16, "i32": np.int32,
         "i64": np.int64, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64, "bool": np.bool_}
ALWAYS = ["f32", "f64", "i8", "i32", "i64", "u8", "bool"]  # the others may be refused
SHAPES = [(), (1,), (2, 0, 3), (3, 5), (2, 1, 2, 1, 3)]

for name, dtype in NAMES.items():
    for shape in SHAPES:
        random = np.random.default_rng(7)
        array = random.integers(0, 2, shape).astype(dtype) if name == "bool" else \
            np.frombuffer(random.bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize), dtype).reshape(shape)
        np.save("in.npy", array)
        kind = f"{name}<{'x'.join(map(str, shape))}>"
        with open("same.sqz", "w") as file:
            file.write(f'module "same"\ngraph @same(%x: {kind}) -> (%y) {{\n  %y = Identity(%x) : {kind}\n}}\n')
        done = subprocess.run([sys.argv[1], "run", "same.sqz", "-O0", "--input", "in.npy", "--output", "out"],
                              capture_output=True, text=True)
        if "error[E0105]" in done.stderr and name not in ALWAYS:
            continue
        assert done.returncode == 0, f"{kind}: {done.stderr}"
        result = np.load("out/y.npy")
        assert result.dtype == array.dtype and result.shape == array.shape and result.tobytes() == array.tobytes(), kind
