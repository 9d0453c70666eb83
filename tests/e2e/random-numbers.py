# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
# RUN: %if armv7-qemu %{ %python %s armv7 %}
"""Random operators give the numbers that README promises: Philox4x32-10 is written down here once more, in Python."""

import os
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats

M0, M1, W0, W1, WORD = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85, 0xFFFFFFFF


def philox(counter, key):
    a, b, c, d = counter
    k0, k1 = key & WORD, key >> 32
    for _ in range(10):
        p, q = M0 * a, M1 * c
        a, b, c, d = (q >> 32) ^ b ^ k0, q & WORD, (p >> 32) ^ d ^ k1, p & WORD
        k0, k1 = (k0 + W0) & WORD, (k1 + W1) & WORD
    return a, b, c, d


# The authors' own known answers.
assert philox((0, 0, 0, 0), 0) == (0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8)
assert philox((WORD,) * 4, 2 ** 64 - 1) == (0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd)


def words(shape, key):
    return np.array([philox((i, 0, 0, 0), key) for i in range(int(np.prod(shape)))], np.uint64).reshape(*shape, 4)


def fraction(a, b, kind, above=0):
    if kind == np.float32:
        return ((a >> np.uint64(8)).astype(np.float64) + above) / 2 ** 24
    return ((a >> np.uint64(5)).astype(np.float64) * 2 ** 26 + (b >> np.uint64(6)).astype(np.float64) + above) / 2 ** 53


def uniform(shape, key, kind=np.float32):
    x = words(shape, key)
    return fraction(x[..., 0], x[..., 1], kind).astype(kind)


def normal(shape, key, kind=np.float32):
    x = words(shape, key)
    u, v = fraction(x[..., 0], x[..., 1], kind, 1), fraction(x[..., 2], x[..., 3], kind)
    return (np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)).astype(kind)


def key_of(seed):
    return struct.unpack("<I", struct.pack("<f", seed))[0]


class Known(Sweep):
    def __init__(self, **more):
        super().__init__(**more)
        self.wanted = []

    def case(self, op, arrays, *wanted, **attributes):
        self.add(op, arrays, types=[np.asarray(w).dtype for w in wanted], **attributes)
        self.wanted += wanted

    def expected(self):
        return dict(zip([o.name for o in self.outputs], self.wanted))


exact, near = Known(tolerance=0), Known(tolerance=2e-5)
for count, shape in enumerate(((7,), (3, 50, 100))):  # unseeded: the first and second of their model
    exact.case("RandomUniform", [], uniform(shape, 0x73717a63 ^ count), shape=shape)
    near.case("RandomNormal", [], normal(shape, 0x73717a63 ^ count), shape=shape)
DOUBLE, INT, LONG, BOOL = 11, 6, 7, 9
exact.case("RandomUniform", [], uniform((2, 99), key_of(3.5), np.float64), shape=(2, 99), dtype=DOUBLE, seed=3.5)
exact.case("RandomUniformLike", [floats(1, 2, 3, 5)], uniform((1, 2, 3, 5), key_of(0.0)), seed=0.0)
near.case("RandomUniform", [], (uniform((40,), key_of(2.0)) * 5 - 2).astype(np.float32), shape=(40,), low=-2.0, high=3.0,
          seed=2.0)
near.case("RandomNormal", [], normal((99,), key_of(1.0), np.float64), shape=(99,), dtype=DOUBLE, seed=1.0)
near.case("RandomNormalLike", [floats(4, 9)], normal((4, 9), key_of(1.0)) * np.float32(0.5) + 2, mean=2.0, scale=0.5, seed=1.0)

chance = np.random.default_rng(5).random((6, 40)).astype(np.float32)
hit = uniform(chance.shape, key_of(9.0)) < chance
exact.case("Bernoulli", [chance], hit.astype(np.float32), seed=9.0)
exact.case("Bernoulli", [chance], hit, seed=9.0, dtype=BOOL)
exact.case("Bernoulli", [chance.astype(np.float64)],
           (uniform(chance.shape, key_of(9.0), np.float64) < chance).astype(np.int64), seed=9.0, dtype=LONG)
exact.case("Bernoulli", [np.array([0, 1] * 20, np.float32)], np.array([0, 1] * 20, np.float32), seed=9.0)

logits = floats(3, 5)
sums = np.cumsum(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), axis=1)
sample = (sums[:, None] <= uniform((3, 60), key_of(4.0))[..., None]).sum(-1)
exact.case("Multinomial", [logits], sample.astype(np.int32), sample_size=60, seed=4.0)
exact.case("Multinomial", [logits], sample.astype(np.int64), sample_size=60, seed=4.0, dtype=LONG)
assert len(set(sample[0])) > 2

data = floats(5, 30)
for ratio in (0.0, 0.25, 0.75):
    mask = uniform(data.shape, 7) >= np.float32(ratio)
    for training in (True, False):
        kept = mask if training else np.ones_like(mask)
        scaled = np.where(kept, data / (1 - np.float32(ratio)) if training else data, 0).astype(np.float32)
        near.case("Dropout", [data, np.array(ratio, np.float32), np.array(training)], scaled, kept, seed=7)

numbers = normal((200, 100), 5)
assert abs(numbers.mean()) < 0.02 and abs(numbers.std() - 1) < 0.02
finish(exact.run("exact"), near.run("near"))
