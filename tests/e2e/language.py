# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
"""What exporters of language models write in the domain com.microsoft: GroupQueryAttention with and without a cache,
RotaryEmbedding, and the quantizer's QAttention."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

language = Sweep(opset=17, domain="com.microsoft")
angles = np.arange(20)[:, None] * np.float32(10) ** -np.arange(4, dtype=np.float32)
cosine, sine = np.cos(angles, dtype=np.float32), np.sin(angles, dtype=np.float32)
SIZE = 16  # of a head, as onnxruntime wants it
more_angles = np.arange(20)[:, None] * np.float32(10) ** -np.arange(SIZE // 2, dtype=np.float32)
tables = [np.cos(more_angles, dtype=np.float32), np.sin(more_angles, dtype=np.float32)]


# RotaryEmbedding
places = ints(0, 20, 2, 5, dtype=np.int64)
start = np.array([3], np.int64)
for x, where, more in (((2, 5, 16), places, {}), ((2, 5, 16), start, {"interleaved": 1}), ((2, 2, 5, 8), places, {}),
                       ((2, 2, 5, 8), start, {"interleaved": 1}),
                       ((2, 5, 24), places, {"num_heads": 2, "rotary_embedding_dim": 8})):
    language.add("RotaryEmbedding", [floats(*x), where, cosine, sine], constants=(2, 3), **more)


# What stands behind the last key of a sample is any number in onnxruntime; here it stays, or is 0.
def attended(q, k, v, past_k, past_v, lengths):
    batch, heads, size, scores = len(q), q.shape[2] // SIZE, max(past_k.shape[2], max(lengths)), []
    present = [np.zeros((batch, heads, size, SIZE), np.float32) for _ in "kv"]
    for all_, past, new in (present[0], past_k, k), (present[1], past_v, v):
        all_[:, :, :past.shape[2]] = past
        for sample, length in enumerate(lengths):
            all_[sample, :, length - 1] = new[sample].reshape(heads, SIZE)
    for sample, length in enumerate(lengths):
        weights = np.einsum("hd,hkd->hk", q[sample].reshape(heads, SIZE), present[0][sample, :, :length]) / SIZE ** 0.5
        weights = np.exp(weights - weights.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        scores.append(np.einsum("hk,hkd->hd", weights, present[1][sample, :, :length]).reshape(1, -1))
    return [np.stack(scores).astype(np.float32), *present]


# GroupQueryAttention: queries, keys and values of `new` tokens behind `past` ones; `length` of the cache where it is shared
def group(batch, new, past, heads=4, shared=4, room=0, packed=False, rotary=False, lengths=None, bias=None, places=None,
          **more):
    parts = [floats(batch, new, SIZE * n) for n in (heads, shared, shared)]
    operands = [np.concatenate(parts, 2), None, None] if packed else parts
    cache = [floats(batch, shared, max(past, room), SIZE) for _ in "kv"] if past or room else [None, None]
    total = max(lengths) if lengths else past + new
    last = np.array(lengths or [total] * batch, np.int32) - 1
    inputs = operands + cache + [last, np.array(total, np.int32)] + (tables if rotary else [None, None]) + [places, bias]
    while inputs[-1] is None:
        inputs.pop()
    if past and lengths:
        more["expected"] = attended(*parts, *cache, lengths)
    fixed = [i for i in (6, 7, 8) if i < len(inputs)]
    language.add("GroupQueryAttention", inputs, constants=fixed, types=[np.float32] * 3, num_heads=heads,
                 kv_num_heads=shared, do_rotary=int(rotary), **more)


group(1, 5, 0)
group(2, 5, 0, shared=2, rotary=True)
group(1, 1, 6, shared=1, rotary=True)
group(1, 1, 6, shared=2, packed=True, rotary=True, rotary_interleaved=1)
group(1, 3, 6, shared=2, packed=True, scale=0.3)
group(2, 1, 6, shared=2, rotary=True)
group(2, 1, 6, lengths=[4, 7])
group(2, 1, 6, room=9, lengths=[4, 7])
group(1, 1, 6, room=9, lengths=[5])
group(2, 5, 0, packed=True, lengths=[5, 5], softcap=2.0)
group(1, 1, 6, local_window_size=3)
group(1, 7, 0, local_window_size=3, rotary=True)
group(2, 1, 6, local_window_size=3)
group(2, 1, 6, shared=2, bias=floats(2, 4, 1, 7), rotary=True)
group(1, 2, 6, shared=2, bias=floats(1, 1, 2, 8))
group(1, 1, 6, rotary=True, places=np.array([[11]], np.int64))

# QAttention
mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
weights, bias = ints(-60, 60, 8, 24, dtype=np.int8), floats(24)
scale, weight_scale = np.array(0.02, np.float32), np.array(0.015, np.float32)
zero, weight_zero = np.array(120, np.uint8), np.array(3, np.int8)
bytes8 = ints(0, 255, 2, 5, 8, dtype=np.uint8)
for more in ([], [None, zero], [None, zero, weight_zero], [mask, zero, weight_zero]):
    language.add("QAttention", [bytes8, weights, bias, scale, weight_scale, *more], constants=(1, 2), types=[np.float32],
                 num_heads=2)
language.add("QAttention", [bytes8, weights, bias, scale, weight_scale, None, zero, weight_zero, floats(2, 2, 2, 4, 4)],
             constants=(1, 2), types=[np.float32] * 2, num_heads=2, unidirectional=1)
language.add("QAttention", [bytes8, weights, bias, scale, (np.arange(24, dtype=np.float32) + 1) / 1000, None, zero],
             constants=(1, 2, 4), types=[np.float32], num_heads=2)

finish(language.run("language"))
