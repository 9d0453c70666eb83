"""Random networks of convolutions, pools, activations, concats and sums: net(seed) is always the same one."""

from build import Net
from small import fire


class Grower:
    def __init__(self, seed):
        self.net = Net(f"random{seed}", [1, 3, 16, 16], seed)
        self.random = self.net.random
        self.values = []  # (name, height, width)
        self.channels = self.net.channels

    def choose(self, *options):
        return options[self.random.integers(len(options))]

    def pick(self):
        """A value, the newest more often than the others."""
        return self.values[-1] if self.random.random() < 0.6 else self.values[self.random.integers(len(self.values))]

    def keep(self, name, height, width):
        self.values.append((name, height, width))

    def window(self, size, kernel, stride, pad, dilation=1):
        return (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1

    def conv(self, x, h, w):
        kernel, stride, dilation = self.choose(1, 1, 3, 3, 5), self.choose(1, 1, 1, 2), self.choose(1, 1, 1, 2)
        pad, c = self.choose(0, kernel // 2 * dilation), self.channels[x]
        groups = [g for g in (1, 1, 2, 3, c) if c % g == 0]
        group = self.choose(*groups)
        filters = group * int(self.random.integers(1, 40 // group + 2))
        h, w = (self.window(n, kernel, stride, pad, dilation) for n in (h, w))
        if h > 0 and w > 0:
            self.keep(self.net.conv(x, filters, kernel, strides=stride, pads=pad, dilations=dilation, group=group,
                                    bias=self.choose(True, False)), h, w)

    def pool(self, x, h, w):
        kernel, stride = self.choose(2, 3), self.choose(1, 2)
        pad = self.choose(0, 1)
        if min(h, w) + 2 * pad < kernel:
            return
        op = self.choose("MaxPool", "AveragePool")
        y = self.net.node(op, [x], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)
        self.keep(y, *(self.window(n, kernel, stride, pad) for n in (h, w)))

    def activation(self, x, h, w):
        if self.random.random() < 0.2:
            self.keep(self.net.clip(x, 0, 6), h, w)
        else:
            self.keep(self.net.node(self.choose("Relu", "Relu", "Relu", "Sigmoid", "Tanh", "LeakyRelu"), [x]), h, w)

    def batchnorm(self, x, h, w):
        self.keep(self.net.batchnorm(x), h, w)

    def module(self, x, h, w):
        self.keep(fire(self.net, x, int(self.random.integers(1, 17)), int(self.random.integers(1, 33)),
                       self.choose(True, False)), h, w)

    def concat(self, x, h, w):
        same = [v for v, *size in self.values if size == [h, w]]
        parts = [self.choose(*same) for _ in range(self.random.integers(2, 4))]
        if sum(self.channels[p] for p in parts) <= 128:
            self.keep(self.net.concat(parts), h, w)

    def add(self, x, h, w):
        same = [v for v, *size in self.values if size == [h, w] and self.channels[v] == self.channels[x]]
        self.keep(self.net.node(self.choose("Add", "Add", "Mul"), [x, self.choose(*same)]), h, w)


def net(seed):
    grower = Grower(seed)
    grower.keep("data", 16, 16)
    steps = [grower.conv] * 4 + [grower.activation] * 4 + [grower.pool, grower.batchnorm, grower.module, grower.module,
                                                          grower.concat, grower.concat, grower.add, grower.add]
    while len(grower.net.nodes) < 3:
        for _ in range(grower.random.integers(4, 14)):
            grower.choose(*steps)(*grower.pick())
    used = {i for node in grower.net.nodes for i in node.input}
    for number, (name, *_) in enumerate(v for v in grower.values if v[0] not in used):
        grower.net.output(name, f"result{number}")
    return grower.net.finish()
