# RUN: %python %s %t && %sqzc opt %t/good.onnx | FileCheck %s
# RUN: not %sqzc opt %t/bad.onnx 2>&1 | FileCheck %s --check-prefix=BAD
# RUN: %sqzc %t/file.onnx -o %t/file.o -MD && FileCheck %s --check-prefix=DEPENDS < %t/file.d
"""Tensors as raw bytes, as lists of wider numbers and in files beside the model; wrong ones of each kind."""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "weights.bin"), "wb") as file:
    file.write(np.arange(8, dtype=np.float32).tobytes())


def external(name, dims, **entries):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def listed(name, kind, dims, **fields):
    return TensorProto(name=name, data_type=kind, dims=dims, **fields)


def save(name, tensors):
    nodes = [helper.make_node("Identity", [t.name], ["out_" + t.name]) for t in tensors]
    outputs = [helper.make_tensor_value_info("out_" + t.name, t.data_type, None) for t in tensors]
    graph = helper.make_graph(nodes, name, [], outputs, tensors)
    with open(os.path.join(folder, name + ".onnx"), "wb") as file:
        file.write(helper.make_model(graph).SerializeToString())


save("good", [
    numpy_helper.from_array(np.array([1, -2], np.int16), "raw16"),
    listed("i8", TensorProto.INT8, [2], int32_data=[-1, 127]),
    listed("u8", TensorProto.UINT8, [2], int32_data=[0, 255]),
    listed("half", TensorProto.FLOAT16, [2], int32_data=[0x3C00, 0xC000]),
    listed("flags", TensorProto.BOOL, [3], int32_data=[0, 1, 1]),
    listed("odd_flags", TensorProto.BOOL, [3], raw_data=b"\x00\x02\xff"),
    listed("wide", TensorProto.DOUBLE, [2], double_data=[0.1, 2]),
    listed("u32", TensorProto.UINT32, [2], uint64_data=[7, 4294967295]),
    listed("i64", TensorProto.INT64, [2], int64_data=[-7, 1 << 40]),
    listed("scalar", TensorProto.FLOAT, [], float_data=[1.5]),
    listed("nothing", TensorProto.FLOAT, [2, 0]),
    external("tail", [3], location="weights.bin", offset=20, length=12),
    external("all", [2, 2], location="./weights.bin"),
])
# External files are dependencies, each once.
save("file", [external("a", [1], location="weights.bin"), external("b", [1], location="weights.bin", offset=4)])
# DEPENDS:     file.onnx
# DEPENDS:     weights.bin
# DEPENDS-NOT: weights.bin
# CHECK-DAG: const %raw16: i16<2> = list(1, -2)
# CHECK-DAG: const %i8: i8<2> = list(-1, 127)
# CHECK-DAG: const %u8: u8<2> = list(0, 255)
# CHECK-DAG: const %half: f16<2> = list(1, -2)
# CHECK-DAG: const %flags: bool<3> = list({{0|false}}, {{1|true}}, {{1|true}})
# CHECK-DAG: const %odd_flags: bool<3> = list({{0|false}}, {{1|true}}, {{1|true}})
# CHECK-DAG: const %wide: f64<2> = list(0.1, 2)
# CHECK-DAG: const %u32: u32<2> = list(7, 4294967295)
# CHECK-DAG: const %i64: i64<2> = list(-7, 1099511627776)
# CHECK-DAG: const %scalar: f32<> = fill(1.5)
# CHECK-DAG: const %nothing: f32<2x0> = list()
# CHECK-DAG: const %tail: f32<3> = list(5, 6, 7)
# CHECK-DAG: const %all: f32<2x2> = list(0, 1, 2, 3)

save("bad", [
    listed("short", TensorProto.FLOAT, [3], float_data=[1, 2]),
    listed("wrong_list", TensorProto.FLOAT, [1], int32_data=[1]),
    listed("long", TensorProto.FLOAT, [1], raw_data=bytes(5)),
    listed("text", TensorProto.STRING, [1], string_data=[b"x"]),
    listed("deep", TensorProto.FLOAT, [1] * 9, float_data=[1]),
    listed("huge", TensorProto.FLOAT, [1 << 40, 1 << 40, 0]),
    listed("part", TensorProto.FLOAT, [1], float_data=[1], segment=TensorProto.Segment(begin=0, end=1)),
    external("homeless", [1], offset=0),
    external("beyond", [4], location="weights.bin", offset=20),
    external("sizes", [4], location="weights.bin", length=12),
    external("folder", [1], location="."),
    external("sneaky", [1], location="x/../weights.bin"),
])
# BAD:      error[E0108]: tensor 'short': float_data has 2 elements, the shape needs 3
# BAD-NEXT: error[E0108]: tensor 'wrong_list': float_data has 0 elements, the shape needs 1
# BAD-NEXT: error[E0108]: tensor 'long': raw_data has 5 bytes, the shape needs 4
# BAD-NEXT: error[E0105]: tensor 'text': element type STRING is not supported
# BAD-NEXT: error[E0108]: tensor 'deep': rank 9; at most 8 is supported
# BAD-NEXT: error[E0124]: tensor 'huge': its size overflows
# BAD-NEXT: error[E0108]: tensor 'part': tensors in segments are not supported
# BAD-NEXT: error[E0106]: tensor 'homeless': its external data has no location
# BAD-NEXT: error[E0106]: tensor 'beyond': 16 bytes from offset 20 reach beyond the end of 'weights.bin' (32 bytes)
# BAD-NEXT: error[E0106]: tensor 'sizes': its external data has 12 bytes, its shape needs 16
# BAD-NEXT: error[E0106]: tensor 'folder': '.' is not a regular file
# BAD-NEXT: error[E0106]: tensor 'sneaky': 'x/../weights.bin' leaves the model's folder
