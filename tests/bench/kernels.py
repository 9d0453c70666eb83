"""How fast each kernel of sqzc is over a sweep of shapes, for itself:

    kernels.py [KERNEL...] [-- FLAGS OF SQZC...]

Each shape is a network of one layer; `sqzc bench --layers` measures it and says what was predicted. A multiply-add counts
as in a direct convolution, so Winograd may exceed the machine's peak. Prints a Markdown table.
"""

import os
import re
import subprocess
import sys
import tempfile

import onnx

from race import ROOT, native
from table import head, machine, row, split_flags

from build import Net


def conv(channels, size, filters, kernel, **attributes):
    """A convolution that keeps the size, or of `strides`."""
    group = channels if attributes.pop("depthwise", False) else attributes.pop("group", 1)
    net = Net("sweep", [1, channels, size, size])
    x = net.conv("data", filters, kernel, pads=kernel // 2, group=group, **attributes)
    more = "".join(f", {key} {value}" for key, value in attributes.items())
    if 1 < group < channels:
        more += f", {group} groups"
    return net, x, f"{channels} -> {filters}, {size}x{size}, {kernel}x{kernel}{more}"


def conv_bytes(channels, size, filters, kernel, group=1, **attributes):
    """ConvInteger of u8 and i8; where the CPU has no products of bytes or words, another kernel takes it."""
    net = Net("sweep", [1, channels, size, size])
    data = net.node("Cast", ["data"], to=onnx.TensorProto.UINT8)
    weights = net.weight("w", (net.normal(filters, channels // group, kernel, kernel) * 40).astype("int8"))
    x = net.node("ConvInteger", [data, weights], channels=filters, pads=[kernel // 2] * 4, group=group, **attributes)
    more = "".join(f", {name} {value[0]}" for name, value in attributes.items())
    return net, net.node("Cast", [x], to=onnx.TensorProto.FLOAT), f"{channels} -> {filters}, {size}x{size}, {kernel}x{kernel}{more}"


def transposed(channels, size, filters, kernel, **attributes):
    """A transposed convolution of stride 2."""
    net = Net("sweep", [1, channels, size, size])
    weights = net.weight("w", net.normal(channels, filters, kernel, kernel, scale=0.1))
    x = net.node("ConvTranspose", ["data", weights], channels=filters, strides=[2, 2], **attributes)
    return net, x, f"{channels} -> {filters}, {size}x{size}, {kernel}x{kernel}"


def pool(op, channels, size, **attributes):
    net = Net("sweep", [1, channels, size, size])
    x = net.node(op, [net.conv("data", channels, 1)], **attributes)  # pools follow convolutions into blocks
    return net, x, f"{channels}, {size}x{size}" + "".join(f", {key} {value}" for key, value in attributes.items())


def matmul(rows, inner, columns):
    net = Net("sweep", [rows, inner])
    x = net.node("MatMul", ["data", net.weight("w", net.normal(inner, columns))])
    return net, x, f"{rows}x{inner} * {inner}x{columns}"


def scores(heads, tokens, width):
    """The products of attention: queries and keys of each head."""
    net = Net("sweep", [1, heads, tokens, width])
    keys = net.node("Transpose", [net.node("Relu", ["data"])], perm=[0, 1, 3, 2])
    return net, net.node("MatMul", ["data", keys]), f"{heads} heads, {tokens} tokens, {width}"


def recurrent(op, batch, gates):
    """32 steps of 128 inputs and hidden units."""
    net = Net("sweep", [32, batch, 128])
    weights = [net.weight(name, net.normal(1, gates * 128, 128, scale=0.1)) for name in "wr"]
    return net, net.node(op, ["data", *weights], hidden_size=128), f"{op}, batch {batch}, 32 steps, 128 -> 128"


# Kernel -> flags that leave no other choice, and the shapes.
SWEEP = {
    "conv_direct": (["--strict"], [
        lambda: conv(3, 224, 64, 3, strides=2), lambda: conv(3, 224, 64, 7, strides=2),
        lambda: conv(16, 56, 64, 1), lambda: conv(64, 56, 256, 1), lambda: conv(256, 28, 64, 1),
        lambda: conv(128, 28, 512, 1), lambda: conv(512, 14, 512, 1), lambda: conv(512, 7, 2048, 1),
        lambda: conv(48, 13, 192, 3), lambda: conv(64, 56, 64, 3), lambda: conv(256, 14, 256, 3),
        lambda: conv(64, 56, 128, 3, strides=2), lambda: conv(64, 28, 64, 3, dilations=2)]),
    "conv_winograd": ([], [
        lambda: conv(16, 55, 64, 3), lambda: conv(64, 56, 64, 3), lambda: conv(128, 28, 128, 3),
        lambda: conv(48, 13, 192, 3), lambda: conv(64, 13, 256, 3), lambda: conv(256, 14, 256, 3),
        lambda: conv(512, 7, 512, 3), lambda: conv(32, 28, 96, 5)]),
    "conv_strassen": ([], [
        lambda: conv(512, 13, 1000, 1), lambda: conv(512, 28, 512, 1), lambda: conv(1024, 14, 1024, 1)]),
    "conv_bytes": ([], [lambda: conv_bytes(64, 56, 64, 3), lambda: conv_bytes(256, 14, 256, 3), lambda: conv_bytes(512, 14, 512, 1)]),
    "conv_planes": ([], [
        lambda: conv_bytes(144, 56, 144, 3, group=144), lambda: conv_bytes(96, 112, 96, 3, group=96, strides=[2, 2]),
        lambda: conv_bytes(384, 14, 384, 3, group=384)]),
    "conv_grouped": ([], [
        lambda: conv(272, 28, 272, 1, group=4), lambda: conv(240, 28, 240, 3, group=10),
        lambda: conv(384, 14, 384, 3, group=16)]),
    "conv_depthwise": ([], [
        lambda: conv(32, 112, 32, 3, depthwise=True), lambda: conv(96, 112, 96, 3, depthwise=True, strides=2),
        lambda: conv(144, 56, 144, 3, depthwise=True), lambda: conv(384, 14, 384, 3, depthwise=True),
        lambda: conv(240, 28, 240, 5, depthwise=True), lambda: conv(960, 7, 960, 3, depthwise=True)]),
    "conv_transposed": ([], [
        lambda: transposed(128, 28, 64, 2), lambda: transposed(64, 28, 32, 3, pads=[1] * 4), lambda: transposed(64, 28, 32, 4, pads=[1] * 4),
        lambda: transposed(512, 8, 256, 4, pads=[1] * 4)]),
    "pool_blocked": ([], [
        lambda: pool("MaxPool", 64, 112, kernel_shape=[3, 3], strides=[2, 2]),
        lambda: pool("MaxPool", 256, 28, kernel_shape=[2, 2], strides=[2, 2]),
        lambda: pool("AveragePool", 128, 28, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        lambda: pool("MaxPool", 256, 20, kernel_shape=[13, 13], pads=[6, 6, 6, 6])]),
    "global_pool": ([], [
        lambda: pool("GlobalAveragePool", 512, 13), lambda: pool("GlobalMaxPool", 1024, 7)]),
    "rnn_packed": ([], [lambda: recurrent("LSTM", 1, 4), lambda: recurrent("LSTM", 8, 4), lambda: recurrent("GRU", 8, 3)]),
    "matmul_packed": ([], [
        lambda: matmul(1, 1280, 1000), lambda: matmul(1, 512, 1000), lambda: matmul(16, 512, 512),
        lambda: matmul(128, 768, 768), lambda: matmul(197, 768, 3072)]),
    "matmul_strided": ([], [lambda: scores(4, 128, 32), lambda: scores(12, 128, 64), lambda: scores(6, 384, 64)]),
}
LINE = re.compile(r" *([\d.]+) ms +([\d.]+) ms +[\d.]+%(?: +([\d.]+) GFLOP/s +([\d.]+)%)? +([\d.]+) KiB +\S+ +(\S+) ")


def layers(path, flags):
    """(predicted ms, measured ms, GFLOP/s, share of peak, KiB, kernel) of each layer; rates may be None."""
    words = [native.SQZC, "bench", path, "--runs=1", "--layers", *flags]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [match.groups() for match in map(LINE.match, text.splitlines()) if match]


def measure(kernel, make, flags, folder):
    """A row of the table; the last layer of that kernel counts."""
    net, x, shape = make()
    path = os.path.join(folder, "sweep.onnx")
    onnx.save(net.output(x, "result").finish(), path)
    found = [layer for layer in layers(path, flags) if layer[5] == kernel]
    if not found:
        return [kernel, shape, "another kernel is faster", "", "", "", ""]
    predicted, measured, rate, share, moved, _ = found[-1]
    return [kernel, shape, f"{float(measured):.4f}", f"{float(predicted):.4f}", rate or "", f"{share}%" if share else "",
            f"{float(moved) / 1024 / float(measured) * 1.048576:.1f}"]


def main():
    wanted, flags = split_flags(sys.argv[1:])
    names = subprocess.run([native.SQZC, "list", "kernels"], check=True, capture_output=True, text=True).stdout
    known = [line.split()[0] for line in names.splitlines() if line.split()[0] not in ("generic", "view")]
    for name in wanted:
        if name not in SWEEP:
            sys.exit(f"no sweep for '{name}'; there is one for {', '.join(SWEEP)}")
    print(machine() + "\n")
    head(["kernel", "shape", "ms", "predicted", "GFLOP/s", "of peak", "GB/s"])
    with tempfile.TemporaryDirectory() as folder:
        for kernel, (more, shapes) in SWEEP.items():
            for make in shapes if not wanted or kernel in wanted else []:
                row(measure(kernel, make, [*more, *flags], folder))
    missing = [name for name in known if name not in SWEEP]
    if missing:
        sys.exit("no sweep for " + ", ".join(missing))


if __name__ == "__main__":
    main()
