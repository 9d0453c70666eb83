"""Nets of a few KB, small enough to run on an emulated CPU."""

import numpy as np

from build import Net, model


def start(name, shape=(1, 3, 12, 12), **options):
    return Net(name, list(shape), seed=sum(name.encode()), **options)


def ends(net, x):
    return net.output(x, "result").finish()


def fire(net, x, squeeze, expand, batchnorm=False):
    norm = net.batchnorm if batchnorm else (lambda y: y)
    s = net.relu(norm(net.conv(x, squeeze, 1, bias=not batchnorm)))
    one = norm(net.conv(s, expand, 1, bias=not batchnorm))
    three = norm(net.conv(s, expand, 3, pads=1, bias=not batchnorm))
    return net.relu(net.concat([one, three])) if batchnorm else net.concat([net.relu(one), net.relu(three)])


@model
def small_conv():
    net = start("conv")
    return ends(net, net.relu(net.conv("data", 20, 3, pads=1)))


@model
def small_stride():
    net = start("stride", (1, 3, 15, 13))
    return ends(net, net.conv(net.conv("data", 17, 5, strides=2), 9, 3, pads=[0, 1, 2, 1], dilations=2))


@model
def small_pool():
    net = start("pool", (1, 16, 13, 11))
    x = net.maxpool("data", ceil_mode=1)
    return ends(net, net.node("AveragePool", [x], kernel_shape=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1))


@model
def small_fire():
    net = start("fire", (1, 16, 9, 9))
    return ends(net, fire(net, fire(net, "data", 8, 16), 8, 24))


@model
def small_fire_bn():
    net = start("fire_bn", (1, 16, 9, 9))
    return ends(net, fire(net, fire(net, "data", 8, 16, True), 8, 24, True))


@model
def small_bypass():
    net = start("bypass", (1, 32, 9, 9))
    return ends(net, net.add(fire(net, "data", 8, 16), "data"))


@model
def small_complex_bypass():
    net = start("complex_bypass", (1, 16, 9, 9))
    return ends(net, net.add(fire(net, "data", 8, 16), net.conv("data", 32, 1)))


@model
def small_squeezenet():
    """All of SqueezeNet's operators, once each."""
    net = start("squeezenet", (1, 3, 31, 31))
    x = net.maxpool(net.relu(net.conv("data", 16, 3, strides=2)), ceil_mode=1)
    x = net.node("Dropout", [fire(net, fire(net, x, 4, 8), 8, 16)])
    x = net.relu(net.conv(x, 10, 1))
    return ends(net, net.node("Softmax", [net.node("GlobalAveragePool", [x])], axis=1))


@model
def small_depthwise():
    net = start("depthwise", (1, 16, 10, 10))
    x = net.clip(net.batchnorm(net.conv("data", 16, 3, group=16, pads=1, bias=False)), 0, 6)
    return ends(net, net.conv(x, 24, 1))


@model
def small_group():
    net = start("group", (1, 12, 8, 8))
    return ends(net, net.conv("data", 24, 3, group=3, auto_pad="SAME_UPPER", strides=2))


@model
def small_shuffle():
    """Channel shuffle by Reshape, Transpose, Reshape, then a Split and a Slice."""
    net = start("shuffle", (1, 8, 6, 6))
    x = net.node("Reshape", ["data", net.weight("split", np.array([1, 2, 4, 6, 6]))])
    x = net.node("Transpose", [x], perm=[0, 2, 1, 3, 4])
    x = net.node("Reshape", [x, net.weight("merge", np.array([0, 8, 6, 6]))])
    low, high = net.node("Split", [x, net.weight("sizes", np.array([3, 5]))], outputs=2, axis=1)
    starts, end, axes = (net.weight(n, np.array(v)) for n, v in (("starts", [1]), ("ends", [4]), ("axes", [1])))
    net.channels[low] = 3
    return ends(net, net.add(low, net.node("Slice", [high, starts, end, axes])))


@model
def small_mlp():
    net = start("mlp", (1, 20))
    x = net.relu(net.gemm("data", 20, 33))
    x = net.node("Tanh", [net.gemm(x, 33, 17)])
    return ends(net, net.node("Softmax", [net.gemm(x, 17, 5)]))


@model
def small_matmul():
    net = start("matmul", (2, 3, 5, 7))
    x = net.node("MatMul", ["data", net.weight("w", net.normal(3, 7, 9))])
    return ends(net, net.add(x, net.weight("b", net.normal(9))))


@model
def small_elementwise():
    net = start("elementwise", (2, 3, 4, 5))
    x = net.node("Sigmoid", [net.node("Mul", ["data", net.weight("scale", net.normal(3, 1, 1))])])
    x = net.node("Sub", [x, net.node("Exp", ["data"])])
    x = net.node("LeakyRelu", [x], alpha=0.1)
    return ends(net, net.node("Div", [x, net.weight("divisor", np.float32([3]))]))


@model
def small_reduce():
    net = start("reduce", (2, 3, 4, 5))
    x = net.node("ReduceMean", ["data"], axes=[2, 3], keepdims=1)
    x = net.node("Sub", ["data", x])
    return ends(net, net.node("ReduceMax", [x], axes=[1], keepdims=0))


@model
def small_lrn():
    net = start("lrn", (1, 9, 5, 5))
    return ends(net, net.node("LRN", ["data"], size=5, alpha=0.01, beta=0.75, bias=1.0))


@model
def small_residual():
    net = start("residual", (1, 8, 9, 9))
    x = net.relu(net.batchnorm(net.conv("data", 8, 3, pads=1, bias=False)))
    x = net.batchnorm(net.conv(x, 8, 3, pads=1, bias=False))
    x = net.node("GlobalAveragePool", [net.relu(net.add(x, "data"))])
    return ends(net, net.gemm(net.node("Flatten", [x]), 8, 6))


@model
def small_transposed():
    net = start("transposed", (1, 4, 5, 6))
    w, b = net.weight("w", net.normal(4, 3, 3, 3)), net.weight("b", net.normal(3))
    return ends(net, net.node("ConvTranspose", ["data", w, b], strides=[2, 2], pads=[1, 1, 1, 1],
                              output_padding=[1, 0]))


@model
def small_resize():
    net = start("resize", (1, 3, 5, 6))
    x = net.node("Resize", ["data", "", net.weight("scales", np.float32([1, 1, 2, 2]))], mode="nearest",
                 coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return ends(net, net.conv(x, 4, 3, pads=1))


@model
def small_conv1d():
    net = start("conv1d", (1, 5, 20))
    return ends(net, net.relu(net.conv("data", 7, [3], pads=1, strides=2)))


@model
def small_conv3d():
    net = start("conv3d", (1, 2, 5, 6, 7))
    return ends(net, net.conv("data", 3, [3, 2, 3], pads=[1, 0, 1, 1, 0, 1]))


@model
def small_concat():
    """Concats of concats, with slices that are not multiples of any vector width."""
    net = start("concat", (1, 5, 7, 7))
    a, b = net.relu(net.conv("data", 3, 1)), net.conv("data", 6, 3, pads=1)
    inner = net.concat([a, b])
    return ends(net, net.relu(net.concat([inner, "data", net.maxpool(inner, 3, 1, pads=[1, 1, 1, 1])])))
