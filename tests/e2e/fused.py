# RUN: %python %s
# RUN: %if arm64-qemu %{ %python %s arm64 %}
"""What onnxruntime's optimizer makes of several operators, in the domain com.microsoft, and its products of quantized
numbers. Weights of 8 bits keep to 7: onnxruntime's sums of 16 bits overflow else on a CPU without VNNI."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from sweep import Sweep, finish, floats, ints

fused = Sweep(opset=17, domain="com.microsoft")

# Gelu
fused.add("Gelu", [floats(3, 17)])
fused.add("BiasGelu", [floats(2, 3, 17), floats(17)])
fused.add("FastGelu", [floats(3, 17)])
fused.add("FastGelu", [floats(2, 3, 17), floats(17)])
fused.add("QuickGelu", [floats(3, 17)])
fused.add("QuickGelu", [floats(3, 17)], alpha=1.0)

# Products
for a, b, attributes in (((2, 3, 5), (2, 5, 4), {}), ((2, 5, 3), (2, 5, 4), {"transA": 1}),
                         ((2, 3, 5), (2, 4, 5), {"transB": 1, "alpha": 0.125}), ((7, 3), (3, 4), {"alpha": 2.0}),
                         ((6, 2, 3, 5), (6, 2, 4, 5), {"transB": 1}),
                         ((3, 2, 5), (2, 5, 4), {"transBatchA": 1}), ((3, 2, 5), (5, 2, 4), {"transBatchA": 1, "transBatchB": 1}),
                         ((5, 2, 3), (2, 4, 5), {"transBatchA": 1, "transA": 1, "transB": 1})):
    fused.add("FusedMatMul", [floats(*a), floats(*b)], **attributes)
fused.add("TransposeMatMul", [floats(2, 3, 5), floats(2, 4, 5)], transB=1, alpha=0.5)
for activation, params in (("Relu", {}), ("Tanh", {}), ("Sigmoid", {}), ("LeakyRelu", {"activation_alpha": 0.2}),
                           ("Elu", {"activation_alpha": 0.7}), ("Softplus", {}), ("Softsign", {}),
                           ("HardSigmoid", {"activation_alpha": 0.3, "activation_beta": 0.4}),
                           ("Selu", {"activation_alpha": 1.5, "activation_gamma": 1.1}),
                           ("ThresholdedRelu", {"activation_alpha": 0.5})):
    fused.add("FusedGemm", [floats(3, 7), floats(5, 7), floats(5)], constants=(1, 2), activation=activation, transB=1,
              alpha=0.5, **params)
for activation, params in (("Relu", None), ("Tanh", None), ("Sigmoid", None), ("LeakyRelu", [0.2]), ("Clip", [-0.5, 1.0]),
                           ("HardSigmoid", [0.3, 0.4])):
    more = {"activation_params": params} if params else {}
    fused.add("FusedConv", [floats(1, 3, 9, 8), floats(6, 3, 3, 3), floats(6)], constants=(1, 2), activation=activation,
              pads=[1, 1, 1, 1], **more)
fused.add("FusedConv", [floats(1, 3, 9, 8), floats(6, 3, 3, 3), floats(6), floats(1, 6, 7, 6)], constants=(1, 2),
          activation="Relu")
fused.add("FusedConv", [floats(2, 4, 9), floats(6, 2, 3)], constants=(1,), activation="Relu", group=2, strides=[2])

# Sums that are normalized
fused.add("SkipLayerNormalization", [floats(2, 3, 8), floats(2, 3, 8), floats(8), floats(8)], epsilon=1e-5)
fused.add("SkipLayerNormalization", [floats(2, 3, 8), floats(2, 3, 8), floats(8), floats(8), floats(8)])
fused.add("SkipLayerNormalization", [floats(2, 3, 8), floats(3, 8), floats(8)])
fused.add("SkipSimplifiedLayerNormalization", [floats(2, 3, 8), floats(2, 3, 8), floats(8)], epsilon=1e-5)
fused.add("SkipSimplifiedLayerNormalization", [floats(2, 3, 8), floats(2, 3, 8), floats(8), floats(8)], epsilon=1e-5)

# Embeddings
words, segments = ints(0, 20, 2, 5, dtype=np.int32), ints(0, 2, 2, 5, dtype=np.int32)
mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
tables = floats(20, 8), floats(9, 8), floats(2, 8), floats(8), floats(8)
fused.add("EmbedLayerNormalization", [words, segments, *tables], types=[np.float32, np.int32], epsilon=1e-5)
fused.add("EmbedLayerNormalization", [words, segments, *tables, mask], types=[np.float32, np.int32])
fused.add("EmbedLayerNormalization", [words, None, *tables[:2], None, *tables[3:]], types=[np.float32, np.int32])
fused.add("EmbedLayerNormalization", [words, segments, *tables, mask, ints(0, 9, 2, 5, dtype=np.int32)],
          types=[np.float32, np.int32])

# Attention
weights = [floats(8, 24) * np.float32(0.4), floats(24)]
several = np.stack([mask, mask[::-1], mask], 1)[:, [0, 1, 2, 0, 1]]
for more in ([], [mask], [several], [np.array([3, 5], np.int32)]):
    fused.add("Attention", [floats(2, 5, 8), *weights, *more], constants=(1, 2), num_heads=2)
fused.add("Attention", [floats(2, 5, 8), *weights], constants=(1, 2), num_heads=2, unidirectional=1, scale=0.3)
fused.add("Attention", [floats(2, 5, 8), *weights, mask, None, floats(1, 2, 5, 5)], constants=(1, 2), num_heads=2,
          mask_filter_value=-100.0)
fused.add("Attention", [floats(2, 5, 8), floats(8, 20), floats(20), mask], constants=(1, 2), num_heads=2,
          qkv_hidden_sizes=[8, 8, 4])
fused.add("Attention", [floats(1, 3, 8), *weights, None, floats(2, 1, 2, 4, 4)], types=[np.float32] * 2, num_heads=2,
          unidirectional=1)
fused.add("Attention", [floats(2, 3, 8), *weights], types=[np.float32] * 2, num_heads=2)
fused.add("MultiHeadAttention", [floats(2, 5, 8), floats(2, 7, 8), floats(2, 7, 8)], num_heads=2)
fused.add("MultiHeadAttention", [floats(2, 5, 8), floats(2, 7, 8), floats(2, 7, 12), floats(28)], num_heads=2, scale=0.2)
fused.add("MultiHeadAttention", [floats(2, 5, 8), floats(2, 5, 8), floats(2, 5, 8), None, mask, floats(2, 2, 5, 5)],
          num_heads=2)
fused.add("MultiHeadAttention", [floats(2, 5, 8), floats(2, 2, 7, 4), floats(2, 2, 7, 4)], num_heads=2)
q, k, v = floats(2, 5, 8), floats(2, 5, 8), floats(2, 5, 8)
apart = Sweep(opset=17, domain="com.microsoft")  # onnxruntime does not take packed operands on CPUs
apart.add("MultiHeadAttention", [q, k, v], num_heads=2)
packed = np.stack([x.reshape(2, 5, 2, 4) for x in (q, k, v)], 3)
fused.add("MultiHeadAttention", [packed], expected=apart.expected().values(), num_heads=2)
fused.add("MultiHeadAttention", [q, packed[:, :, :, 1:].copy()], expected=apart.expected().values(), num_heads=2)
fused.add("MultiHeadAttention", [floats(2, 3, 8), floats(2, 3, 8), floats(2, 3, 8), floats(24), None, None, floats(2, 2, 4, 4),
                                 floats(2, 2, 4, 4)], types=[np.float32] * 3, num_heads=2, unidirectional=1)

# Products of quantized numbers. Those that quantize their inputs themselves may round one of them the other way.
quantized = Sweep(opset=17, domain="com.microsoft")
bytes8 = ints(0, 255, 3, 16, dtype=np.uint8)
b8 = ints(-60, 60, 16, 6, dtype=np.int8)
zero = np.array(100, np.uint8)


def number(value, dtype=np.float32):
    return np.array(value, dtype)


for scale, b_zero in ((number(0.02), number(3, np.int8)), (np.abs(floats(6)) * np.float32(0.1), ints(-4, 4, 6, dtype=np.int8))):
    quantized.add("DynamicQuantizeMatMul", [floats(2, 3, 16), b8, scale], constants=(1, 2))
    quantized.add("DynamicQuantizeMatMul", [floats(3, 16), b8, scale, b_zero, floats(6)], constants=(1, 2, 3, 4))
    quantized.add("MatMulIntegerToFloat", [bytes8, b8, number(0.03), scale], types=[np.float32], constants=(1,))
    quantized.add("MatMulIntegerToFloat", [bytes8, b8, number(0.03), scale, zero, b_zero, floats(6)], types=[np.float32])
    c = ints(-500, 500, 6, dtype=np.int32)
    quantized.add("QGemm", [bytes8, number(0.03), zero, b8, scale, b_zero], types=[np.float32], constants=(3,))
    quantized.add("QGemm", [bytes8, number(0.03), zero, b8.T.copy(), scale, b_zero, c], types=[np.float32], transB=1,
                  alpha=0.5)
    quantized.add("QGemm", [bytes8, number(0.03), zero, b8, scale, b_zero, c, number(0.371), number(90, np.uint8)],
                  types=[np.uint8])
for bits, k, block in ((4, 64, 32), (4, 40, 16), (8, 64, 32), (2, 64, 32)):
    blocks = -(-k // block)
    q = ints(0, 255, 6, blocks, block * bits // 8, dtype=np.uint8)
    scales = np.abs(floats(6 * blocks))
    sizes = {"K": k, "N": 6, "bits": bits, "block_size": block}
    quantized.add("MatMulNBits", [floats(2, 3, k), q, scales], constants=(1, 2), **sizes)
    zeros = ints(0, 255, 6 * -(-blocks * bits // 8), dtype=np.uint8)
    quantized.add("MatMulNBits", [floats(3, k), q, scales, zeros], constants=(1, 2, 3), **sizes)

# 16 bits
wide = Sweep(opset=17, domain="com.microsoft")
wide.add("QuantizeLinear", [floats(3, 5), number(0.001), number(-7, np.int16)], types=[np.int16])
wide.add("DequantizeLinear", [ints(0, 60000, 3, 5, dtype=np.uint16), number(0.001), number(300, np.uint16)],
         types=[np.float32])


def integers():
    """Products of whole numbers, exact also where they are made in floats, and with sums that floats do not hold."""
    sweep = Sweep(opset=17)
    for terms in (300, 1200):
        a, b = ints(0, 255, 7, terms, dtype=np.uint8), ints(-128, 127, terms, 40, dtype=np.int8)
        y = ((a.astype(np.int64) - 100) @ b).astype(np.int32)
        sweep.add("MatMulInteger", [a, b, zero], types=[np.int32], constants=(1, 2), expected=[y])
        a, b = np.full_like(a, 255), np.full_like(b, 127)
        y = (a.astype(np.int64) @ b).astype(np.int32)
        sweep.add("MatMulInteger", [a, b], types=[np.int32], constants=(1,), expected=[y])
    for channels in (20, 130):
        x, w = ints(0, 255, 1, channels, 14, 14, dtype=np.uint8), ints(-128, 127, 24, channels, 3, 3, dtype=np.int8)
        padded = np.pad(x.astype(np.int64) - 100, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
        y = np.einsum("nchwij,ocij->nohw", windows, w.astype(np.int64)).astype(np.int32)
        sweep.add("ConvInteger", [x, w, zero], types=[np.int32], constants=(1, 2), expected=[y], pads=[1] * 4)
    return sweep


def dequantized_lstm():
    """DynamicQuantizeLSTM keeps its states as they are, where onnxruntime rounds them to 8 bits: the reference is LSTM."""
    sweep = Sweep(opset=17, domain="com.microsoft")
    for directions, columns in ((1, False), (2, True)):
        plain = Sweep(opset=17)
        w, r = ints(-60, 60, directions, 5, 16, dtype=np.int8), ints(-60, 60, directions, 4, 16, dtype=np.int8)
        shape = (directions, 16) if columns else (directions,)
        scales = [np.abs(floats(*shape)) * np.float32(0.02) for _ in range(2)]
        zeros = [ints(-4, 4, *shape, dtype=np.int8) for _ in range(2)]
        x, bias = floats(6, 2, 5), floats(directions, 32)
        spread = (slice(None), None) if columns else (slice(None), None, None)
        real = [((q.astype(np.float32) - z[spread]) * s[spread]).transpose(0, 2, 1).copy()
                for q, z, s in zip((w, r), zeros, scales)]
        attributes = {"hidden_size": 4, "direction": "bidirectional" if directions == 2 else "forward"}
        plain.add("LSTM", [x, *real, bias], types=[np.float32] * 3, **attributes)
        sweep.add("DynamicQuantizeLSTM", [x, w, r, bias, None, None, None, None, scales[0], zeros[0], scales[1], zeros[1]],
                  constants=(1, 2, 8, 9, 10, 11), types=[np.float32] * 3, expected=plain.expected().values(), **attributes)
    return sweep


finish(fused.run("fused"), quantized.run("quantized"), wide.run("wide"), dequantized_lstm().run("lstm"),
       integers().run("integers"))
