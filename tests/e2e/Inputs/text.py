"""Runs networks that a test writes as IR text, with random inputs."""

import os
import subprocess

import numpy as np


def shape(dims):
    return "x".join(map(str, dims))


class TextModel:
    """A module in `folder` with one graph: `inputs` (names with their shapes, f32), the text of its constants and nodes,
    and results y0, y1, and so on."""

    def __init__(self, sqzc, folder, inputs, body, results, random):
        self.sqzc, self.folder, self.results, self.arguments = sqzc, folder, results, []
        self.path = os.path.join(folder, "m.sqz")
        given = ", ".join(f"%{name}: f32<{shape(dims)}>" for name, dims in inputs.items())
        outputs = ", ".join(f"%y{i}" for i in range(results))
        with open(self.path, "w") as file:
            file.write(f'module "m"\ngraph @m({given}) -> ({outputs}) {{\n{body}}}\n')
        for name, dims in inputs.items():
            np.save(f"{folder}/{name}.npy", random.standard_normal(dims, dtype=np.float32))
            self.arguments += ["--input", f"{name}={folder}/{name}.npy"]

    def run(self, *flags):
        subprocess.run([self.sqzc, "run", self.path, *flags, *self.arguments, "--output", self.folder], check=True)
        return [np.load(f"{self.folder}/y{i}.npy") for i in range(self.results)]

    def chosen(self):
        """The text of what is compiled for this machine, with its kernels."""
        words = [self.sqzc, self.path, "--mcpu=native", "--emit=sqz", "-o", "-"]
        return subprocess.run(words, capture_output=True, text=True).stdout
