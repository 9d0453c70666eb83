# RUN: %python %s
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""What trains: optimizers, and BatchNormalization in training mode."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats

optimizers = Sweep(domain="ai.onnx.preview.training", version=1)
for kind in (np.float32, np.float64):
    for step in (0, 1, 40):
        rate, t = np.array(0.25, kind), np.array(step)
        shapes = [(3, 4)], [(5,), (2, 3)]
        for group in shapes:
            def tensors(kinds):
                return [np.abs(floats(*shape, dtype=kind)) for _ in range(kinds) for shape in group]
            def add(op, kinds, results, **attributes):
                optimizers.add(op, [rate, t, *tensors(kinds)], types=[kind] * results * len(group), reference=True,
                               **attributes)
            if (kind == np.float32) == (len(group) > 1):  # the reference's Adam gives floats for several tensors only
                add("Adam", 4, 3, norm_coefficient=0.1, alpha=0.9, beta=0.99, epsilon=1e-2)
                add("Adam", 4, 3, norm_coefficient_post=0.25)
            add("Adagrad", 3, 2, norm_coefficient=0.1, decay_factor=0.5, epsilon=1e-3)
            for mode in ("standard", "nesterov"):
                add("Momentum", 3, 2, norm_coefficient=0.01, alpha=0.95, beta=0.5, mode=mode)

batch = Sweep(opset=15)
for shape in ((4, 3), (2, 3, 7), (2, 3, 5, 5)):
    channels = [floats(3), floats(3), floats(3), np.abs(floats(3))]
    batch.add("BatchNormalization", [floats(*shape), *channels], types=[np.float32] * 3, reference=True, training_mode=1,
              momentum=0.75, epsilon=0.01)
batch.add("BatchNormalization", [floats(4, 3, 8), *channels], reference=True, training_mode=1)

finish(optimizers.run("optimizers"), batch.run("batch"))
