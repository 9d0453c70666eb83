"""Networks of other kinds than classifiers, with seeded weights and in the words of exporters: transformers with
LayerNormalization, Gelu and attention spelled out, recurrent taggers, a U-Net, squeeze-and-excitation, a detector."""

import numpy as np
from onnx import TensorProto, helper

from build import Net, model


class Words(Net):
    """Net with what exporters of torch write for its layers."""

    def __init__(self, name, shape, dtype=TensorProto.FLOAT, **options):
        super().__init__(name, shape, seed=sum(name.encode()), **options)
        self.inputs[0] = helper.make_tensor_value_info(options.get("input", "data"), dtype, shape)

    def input(self, name, dtype, shape):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def constant(self, array, dtype=np.float32):
        return self.weight(f"constant{len(self.weights)}", np.asarray(array, dtype))

    def ints(self, *values):
        return self.constant(values, np.int64)

    def op(self, op, *inputs, **attributes):
        """A node; numbers among its inputs become constants."""
        return self.node(op, [i if isinstance(i, str) else self.constant(i) for i in inputs], **attributes)

    def reshape(self, x, *shape):
        return self.op("Reshape", x, self.ints(*shape))

    def transpose(self, x, *perm):
        return self.op("Transpose", x, perm=list(perm))

    def split(self, x, sizes, axis):
        return self.node("Split", [x, self.ints(*sizes)], outputs=len(sizes), axis=axis)

    def linear(self, x, inputs, outputs, bias=True):
        y = self.op("MatMul", x, self.weight(f"w{len(self.weights)}", self.normal(inputs, outputs, scale=inputs ** -0.5)))
        return self.op("Add", self.weight(f"b{len(self.weights)}", self.normal(outputs, scale=0.05)), y) if bias else y

    def layernorm(self, x, width):
        centred = self.op("Sub", x, self.op("ReduceMean", x, axes=[-1]))
        variance = self.op("ReduceMean", self.op("Pow", centred, 2.0), axes=[-1])
        y = self.op("Div", centred, self.op("Sqrt", self.op("Add", variance, 1e-5)))
        scale, bias = self.normal(width, scale=0.1, mean=1), self.normal(width, scale=0.1)
        return self.op("Add", self.op("Mul", y, self.constant(scale)), self.constant(bias))

    def gelu(self, x):
        y = self.op("Add", self.op("Erf", self.op("Div", x, np.sqrt(2))), 1.0)
        return self.op("Mul", self.op("Mul", x, y), 0.5)

    def gelu_tanh(self, x):
        inner = self.op("Add", x, self.op("Mul", self.op("Pow", x, 3.0), 0.044715))
        y = self.op("Add", self.op("Tanh", self.op("Mul", inner, np.sqrt(2 / np.pi))), 1.0)
        return self.op("Mul", self.op("Mul", x, 0.5), y)

    def silu(self, x):
        return self.op("Mul", x, self.op("Sigmoid", x))

    def hardswish(self, x):
        return self.op("Mul", x, self.op("HardSigmoid", x, alpha=1 / 6, beta=0.5))

    def conv_bn(self, x, filters, kernel, stride=1, group=1, act=None):
        x = self.conv(x, filters, kernel, strides=stride, pads=kernel // 2, group=group, bias=False)
        x = self.batchnorm(x)
        return act(x) if act else x

    def embedding(self, indices, count, width):
        return self.op("Gather", self.weight(f"e{len(self.weights)}", self.normal(count, width)), indices)


def ends(net, x, name="result"):
    return net.output(x, name)


# Transformers

@model
def bert():
    """Two encoder layers of 256 channels on 128 tokens, with an attention mask."""
    tokens, width, heads, wide = 128, 256, 4, 1024
    net = Words("bert", [1, tokens], TensorProto.INT64, input="input_ids")
    mask = net.op("Cast", net.input("attention_mask", TensorProto.BOOL, [1, tokens]), to=TensorProto.FLOAT)
    mask = net.op("Unsqueeze", net.op("Unsqueeze", mask, net.ints(1)), net.ints(2))
    mask = net.op("Mul", net.op("Sub", 1.0, mask), -10000.0)
    x = net.op("Add", net.embedding("input_ids", 1000, width), net.embedding(net.constant([[0] * tokens], np.int64), 2, width))
    x = net.layernorm(net.op("Add", x, net.embedding(net.constant([range(tokens)], np.int64), 512, width)), width)

    def split_heads(y, *perm):
        return net.transpose(net.reshape(y, 1, tokens, heads, width // heads), *perm)

    for _ in range(2):
        q = split_heads(net.linear(x, width, width), 0, 2, 1, 3)
        k = split_heads(net.linear(x, width, width), 0, 2, 3, 1)
        v = split_heads(net.linear(x, width, width), 0, 2, 1, 3)
        scores = net.op("Add", net.op("Div", net.op("MatMul", q, k), np.sqrt(width / heads)), mask)
        y = net.op("MatMul", net.op("Softmax", scores, axis=-1), v)
        y = net.linear(net.reshape(net.transpose(y, 0, 2, 1, 3), 1, tokens, width), width, width)
        x = net.layernorm(net.op("Add", y, x), width)
        y = net.linear(net.gelu(net.linear(x, width, wide)), wide, width)
        x = net.layernorm(net.op("Add", y, x), width)
    ends(net, x, "last_hidden_state")
    first = net.op("Gather", "last_hidden_state", net.constant(0, np.int64), axis=1)
    return ends(net, net.op("Tanh", net.gemm(first, width, width)), "pooler_output").finish()


@model
def vit():
    """Patches of 16 x 16, a class token, three layers of 192 channels with one matrix for q, k and v."""
    side, patch, width, heads = 128, 16, 192, 3
    count = (side // patch) ** 2
    net = Words("vit", [1, 3, side, side])
    x = net.conv("data", width, patch, strides=patch)
    x = net.transpose(net.reshape(x, 1, width, count), 0, 2, 1)
    token = net.op("Expand", net.constant(net.normal(1, 1, width)), net.ints(1, 1, 1))
    x = net.op("Add", net.node("Concat", [token, x], axis=1), net.constant(net.normal(1, count + 1, width)))
    for _ in range(3):
        y = net.linear(net.layernorm(x, width), width, 3 * width)
        y = net.transpose(net.reshape(y, 1, count + 1, 3, heads, width // heads), 2, 0, 3, 1, 4)
        q, k, v = (net.op("Gather", y, net.constant(i, np.int64), axis=0) for i in range(3))
        scores = net.op("MatMul", net.op("Mul", q, (width / heads) ** -0.5), net.transpose(k, 0, 1, 3, 2))
        y = net.op("MatMul", net.op("Softmax", scores, axis=-1), v)
        y = net.linear(net.reshape(net.transpose(y, 0, 2, 1, 3), 1, count + 1, width), width, width)
        x = net.op("Add", x, y)
        y = net.linear(net.gelu(net.linear(net.layernorm(x, width), width, 4 * width)), 4 * width, width)
        x = net.op("Add", x, y)
    x = net.op("Gather", net.layernorm(x, width), net.constant(0, np.int64), axis=1)
    return ends(net, net.gemm(x, width, 1000), "logits").finish()


def gpt(name, new, past):
    """Two decoder layers of 256 channels: `new` tokens behind `past` ones, whose keys and values are inputs."""
    width, heads, vocabulary, longest = 256, 4, 1000, 256
    size, total = width // heads, past + new
    net = Words(name, [1, new], TensorProto.INT64, input="input_ids")
    x = net.op("Add", net.embedding("input_ids", vocabulary, width),
               net.embedding(net.constant([range(past, total)], np.int64), longest, width))
    causal = net.constant(np.tril(np.ones((1, 1, longest, longest))), bool)
    presents = []
    for layer in range(2):
        y = net.linear(net.layernorm(x, width), width, 3 * width)
        q, k, v = (net.transpose(net.reshape(part, 1, new, heads, size), 0, 2, 1, 3)
                   for part in net.split(y, [width] * 3, 2))
        cache = [net.input(f"past_{part}_{layer}", TensorProto.FLOAT, [1, heads, past, size]) for part in ("key", "value")]
        k, v = (net.node("Concat", [old, part], axis=2) for old, part in zip(cache, (k, v)))
        presents += [(k, f"present_key_{layer}"), (v, f"present_value_{layer}")]
        scores = net.op("Div", net.op("MatMul", q, net.transpose(k, 0, 1, 3, 2)), np.sqrt(size))
        if new > 1:
            seen = net.op("Slice", causal, net.ints(past), net.ints(total), net.ints(2))
            seen = net.op("Slice", seen, net.ints(0), net.ints(total), net.ints(3))
            scores = net.op("Where", seen, scores, np.finfo(np.float32).min)
        y = net.op("MatMul", net.op("Softmax", scores, axis=-1), v)
        y = net.linear(net.reshape(net.transpose(y, 0, 2, 1, 3), 1, new, width), width, width)
        x = net.op("Add", y, x)
        y = net.linear(net.gelu_tanh(net.linear(net.layernorm(x, width), width, 4 * width)), 4 * width, width)
        x = net.op("Add", x, y)
    ends(net, net.linear(net.layernorm(x, width), width, vocabulary, bias=False), "logits")
    for value, label in presents:
        ends(net, value, label)
    return net.finish()


@model
def gpt_decode():
    return gpt("gpt_decode", 1, 127)


@model
def gpt_prompt():
    return gpt("gpt_prompt", 64, 64)


# Recurrent networks

def tagger(op, gates, **attributes):
    """Two bidirectional layers over 50 embedded words, and a class for each word."""
    words, width, hidden, tags = 50, 128, 128, 20
    net = Words(op.lower() + "_tagger", [words, 1], TensorProto.INT64, input="words")
    x, wide = net.embedding("words", 500, width), width
    for layer in range(2):
        weights = [net.constant(net.normal(2, *shape, scale=hidden ** -0.5)) for shape in
                   ((gates * hidden, wide), (gates * hidden, hidden), (2 * gates * hidden,))]
        state = [net.constant(np.zeros((2, 1, hidden))) for _ in range(1 if op == "GRU" else 2)]
        outputs = net.node(op, [x, *weights, "", *state], outputs=1 + len(state), hidden_size=hidden,
                           direction="bidirectional", **attributes)
        x, wide = net.reshape(net.transpose(outputs[0], 0, 2, 1, 3), 0, 0, -1), 2 * hidden
    return ends(net, net.op("LogSoftmax", net.linear(x, wide, tags), axis=-1), "tags").finish()


@model
def gru_tagger():
    return tagger("GRU", 3, linear_before_reset=1)


@model
def lstm_tagger():
    return tagger("LSTM", 4)


# Images

@model
def unet():
    """Three levels down by MaxPool, up by ConvTranspose, joined by Concat."""
    net = Words("unet", [1, 3, 128, 128])

    def twice(x, filters):
        return net.conv_bn(net.conv_bn(x, filters, 3, act=net.relu), filters, 3, act=net.relu)

    x, skips = "data", []
    for filters in (16, 32, 64):
        skips.append(twice(x, filters))
        x = net.maxpool(skips[-1], 2, 2)
    x = twice(x, 128)
    for skip in reversed(skips):
        filters = net.channels[skip]
        weights = net.normal(2 * filters, filters, 2, 2, scale=(2 * filters) ** -0.5)
        x = net.node("ConvTranspose", [x, net.constant(weights), net.constant(net.normal(filters, scale=0.05))],
                     channels=filters, kernel_shape=[2, 2], strides=[2, 2])
        x = twice(net.concat([skip, x]), filters)
    return ends(net, net.op("Sigmoid", net.conv(x, 2, 1)), "mask").finish()


# Blocks of MobileNetV3-Small: (kernel, expanded, filters, squeeze and excitation, activation is HardSwish, stride).
V3_SMALL = [(3, 16, 16, True, False, 2), (3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1),
            (5, 96, 40, True, True, 2), (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1),
            (5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1), (5, 288, 96, True, True, 2),
            (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1)]


@model
def mobilenetv3():
    net = Words("mobilenetv3", [1, 3, 224, 224])

    def excite(x):
        channels = net.channels[x]
        squeezed = max(8, (channels // 4 + 4) // 8 * 8)
        y = net.relu(net.conv(net.op("GlobalAveragePool", x), squeezed, 1))
        return net.op("Mul", net.op("HardSigmoid", net.conv(y, channels, 1), alpha=1 / 6, beta=0.5), x)

    x = net.conv_bn("data", 16, 3, 2, act=net.hardswish)
    for kernel, expanded, filters, squeeze, swish, stride in V3_SMALL:
        skip, act = x, net.hardswish if swish else net.relu
        if expanded != net.channels[x]:
            x = net.conv_bn(x, expanded, 1, act=act)
        x = net.conv_bn(x, expanded, kernel, stride, expanded, act)
        x = net.conv_bn(excite(x) if squeeze else x, filters, 1)
        if stride == 1 and net.channels[skip] == filters:
            x = net.add(skip, x)
    x = net.op("GlobalAveragePool", net.conv_bn(x, 576, 1, act=net.hardswish))
    x = net.hardswish(net.gemm(net.op("Flatten", x), 576, 1024))
    return ends(net, net.gemm(x, 1024, 1000), "logits").finish()


@model
def detector():
    """A small backbone with SiLU, two maps of features joined by Resize, and boxes from grids and anchors."""
    side, classes = 160, 10
    anchors = {8: [(10, 13), (16, 30), (33, 23)], 16: [(30, 61), (62, 45), (59, 119)]}
    net = Words("detector", [1, 3, side, side])

    def block(x, filters):
        """Half of the channels go through bottlenecks, then both halves are joined."""
        a, b = (net.conv_bn(x, filters // 2, 1, act=net.silu) for _ in range(2))
        y = net.conv_bn(net.conv_bn(a, filters // 2, 1, act=net.silu), filters // 2, 3, act=net.silu)
        return net.conv_bn(net.concat([net.add(a, y), b]), filters, 1, act=net.silu)

    x = net.conv_bn("data", 16, 3, 2, act=net.silu)
    x = block(net.conv_bn(x, 32, 3, 2, act=net.silu), 32)
    fine = x = block(net.conv_bn(x, 64, 3, 2, act=net.silu), 64)
    x = block(net.conv_bn(x, 128, 3, 2, act=net.silu), 128)
    pools = [net.conv_bn(x, 64, 1, act=net.silu)]
    for _ in range(3):
        pools.append(net.maxpool(pools[-1], 5, 1, pads=[2, 2, 2, 2]))
    coarse = net.conv_bn(net.concat(pools), 64, 1, act=net.silu)
    up = net.node("Resize", [coarse, "", net.constant([1, 1, 2, 2])], mode="nearest", nearest_mode="floor",
                  coordinate_transformation_mode="asymmetric")
    maps = {8: block(net.concat([up, fine]), 64), 16: coarse}
    boxes = []
    for stride, x in maps.items():
        cells = side // stride
        x = net.reshape(net.conv(x, 3 * (5 + classes), 1), 1, 3, 5 + classes, cells, cells)
        x = net.op("Sigmoid", net.transpose(x, 0, 1, 3, 4, 2))
        xy, wh, rest = net.split(x, [2, 2, 1 + classes], 4)
        rows, columns = np.mgrid[:cells, :cells]
        grid = np.stack([columns, rows], axis=2).reshape(1, 1, cells, cells, 2) - 0.5
        xy = net.op("Mul", net.op("Add", net.op("Mul", xy, 2.0), grid), float(stride))
        wh = net.op("Mul", net.op("Pow", net.op("Mul", wh, 2.0), 2.0), np.reshape(anchors[stride], (1, 3, 1, 1, 2)))
        boxes.append(net.reshape(net.node("Concat", [xy, wh, rest], axis=4), 1, 3 * cells * cells, 5 + classes))
    return ends(net, net.node("Concat", boxes, axis=1), "boxes").finish()


@model
def segmenter():
    """Dilated convolutions, a branch of the mean over the image, and linear Resize back to the image's size."""
    net = Words("segmenter", [1, 3, 128, 128])
    x = net.conv_bn("data", 24, 3, 2, act=net.relu)
    x = net.conv_bn(net.conv_bn(x, 48, 3, 2, act=net.relu), 64, 3, 2, act=net.relu)
    wide = net.op("GlobalAveragePool", x)
    wide = net.node("Resize", [net.relu(net.conv(wide, 32, 1)), "", "", net.ints(1, 32, 16, 16)], channels=32,
                    mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    parts = [net.relu(net.conv(x, 32, 3, pads=d, dilations=d)) for d in (1, 2, 4)]
    x = net.conv(net.conv_bn(net.concat([*parts, wide]), 64, 1, act=net.relu), 8, 1)
    x = net.node("Resize", [x, "", "", net.ints(1, 8, 128, 128)], mode="linear",
                 coordinate_transformation_mode="pytorch_half_pixel")
    return ends(net, net.op("Softmax", x, axis=1), "classes").finish()
