# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""DFT and STFT of all kinds of lengths, windows, weights of mel filters, against ONNX's reference."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats

LENGTHS = (1, 2, 3, 4, 5, 8, 12, 17, 18, 49, 64, 67, 100, 121, 158, 201, 400, 512)
dft = Sweep()
for n in LENGTHS:
    for parts in (1, 2):
        x = floats(9, n, parts)
        dft.add("DFT", [x], reference=True)
        dft.add("DFT", [x, None, np.array(-2)], constants=[2], reference=True, inverse=1)
        dft.add("DFT", [x], reference=True, onesided=1)
    if n > 1:
        dft.add("DFT", [floats(9, n // 2 + 1, 2), np.array(n)], constants=[1], reference=True, inverse=1, onesided=1)
x = floats(3, 10, 6, 1)  # other axes, padded and cut
for axis in (0, 1, -2):
    for length in (None, np.array(7), np.array(16, np.int32)):
        for more in ({}, {"inverse": 1}, {"onesided": 1}):
            dft.add("DFT", [x, length, np.array(axis)], constants=[1, 2], reference=True, **more)
            dft.add("DFT", [np.repeat(x, 2, -1), length, np.array(axis)], constants=[1, 2], reference=True, **more)
dft.add("DFT", [floats(2, 9, 2), None, np.array(1)], constants=[2], reference=True, inverse=1, onesided=1)
dft.add("DFT", [floats(2, 3, 1), np.array(16)], constants=[1], reference=True, inverse=1, onesided=1)
dft.add("DFT", [floats(1, 4096, 1)], reference=True, onesided=1)
dft.add("DFT", [floats(16384, 2)], reference=True)
dft.add("DFT", [floats(3, 6000, 2)], reference=True, inverse=1)
dft.add("DFT", [floats(10007, 2)], reference=True)
dft.add("DFT", [floats(5, 60, 2, dtype=np.float64)], reference=True)
halves = Sweep(tolerance=5e-4)  # half a unit in the last place of the largest
halves.add("DFT", [floats(5, 60, 1, dtype=np.float16)], reference=True)

older = Sweep(opset=17)
for axis in (1, 2):
    older.add("DFT", [floats(2, 6, 8, 1)], reference=True, axis=axis)
older.add("DFT", [floats(2, 6, 2), np.array(8)], constants=[1], reference=True, inverse=1)

stft = Sweep()
for frame, step in ((16, 4), (25, 10), (7, 7), (64, 1), (400, 160)):
    window = np.hanning(frame).astype(np.float32)
    signal = floats(2, 1000, 1)
    stft.add("STFT", [signal, np.array(step), window, np.array(frame)], constants=[1, 2, 3], reference=True)
    stft.add("STFT", [signal, np.array(step), window], constants=[1], reference=True, onesided=0)
    stft.add("STFT", [signal, np.array(step), None, np.array(frame)], constants=[1, 3], reference=True)
    stft.add("STFT", [floats(2, frame + 99, 2), np.array(step, np.int32), None, np.array(frame, np.int32)],
             constants=[1, 3], reference=True, onesided=0)
stft.add("STFT", [floats(1, 90, 1, dtype=np.float64), np.array(3), np.hanning(30)], constants=[1], reference=True)

windows = Sweep(tolerance=1e-6)
for op in ("HannWindow", "HammingWindow", "BlackmanWindow"):
    for size in (3, 5, 16, 400):
        for periodic in (0, 1):
            windows.add(op, [np.array(size)], constants=[0], types=[np.float32], reference=True, periodic=periodic)
    windows.add(op, [np.array(10, np.int32)], constants=[0], types=[np.float64], reference=True, output_datatype=11)
for bands, length, rate, low, high in ((8, 16, 8192, 0, 4096), (40, 512, 16000, 20, 7600), (80, 400, 16000, 0, 8000),
                                       (128, 64, 22050, 0, 11025)):
    edges = [np.array(low, np.float32), np.array(high, np.float32)]
    windows.add("MelWeightMatrix", [np.array(bands), np.array(length), np.array(rate)] + edges,
                constants=range(5), types=[np.float32], reference=True)
finish(dft.run("dft"), halves.run("halves"), older.run("older"), stft.run("stft"), windows.run("windows"))
