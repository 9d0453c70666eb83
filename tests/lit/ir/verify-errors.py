# RUN: %python %s
"""What the verifier refuses in texts that parse: most at the line of the node, values that no node makes without."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from errors import check, node

T = "f32<1x8x4x4>"
R = f"Relu(%x) : {T}"

BRANCH = "body(%c: bool<>, %x: f32<1>) -> (%o) { %o = Relu(%x) : f32<1> }"
LOOP = (f"%o = Loop(%n, %c, %i) {{carried = 1}} : {T} "
        f"body(%k: i64<>, %c: bool<>, %v: {T}) -> (%co, %o) {{ %co = Identity(%c) : bool<> %o = Relu(%v) : {T} }}")


def graph(inputs, outputs, *lines, head=""):
    return head + f"graph @main({inputs}) -> ({outputs}) {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def value(type_text):
    return graph(f"%x: {type_text}", "%x")


def place(text, head='module "m" workspace 0x1000\n'):
    """A node with a place, in line 3."""
    return graph(f"%x: {T}", "%z", f"%y = {R} at({text})", f"%z = Relu(%y) : {T}", head=head)


check([
    ("E0141", "graph 'a' is there twice", 0, "graph @a() -> () {}\ngraph @a() -> () {}\n"),
    ("E0141", "the workspace has an impossible size", 0,
     'module "m" workspace 0x7fffffffffffffff\ngraph @a() -> () {}\n'),
    # Types.
    ("E0141", "'x' is larger than 2^40 bytes", 0, value("f32<1048576x1048576>")),
    ("E0141", "'x' is larger than 2^40 bytes", 0, value("f32<4294967296x4294967296>")),
    ("E0141", "'x' has a layout that is for rank 4 only", 0, value("f32<8x4x4, nchw8c>")),
    ("E0141", "'x' has a layout that is for rank 4 only", 0, value("f32<4x4, border=1>")),
    ("E0141", "'x' has a layout that is for rank 4 only", 0, value("f32<4, pitch=8>")),
    ("E0141", "'x' has rows longer than its pitch, 5", 0, value("f32<1x8x4x4, border=1, pitch=5>")),
    ("E0141", "'x' has rows longer than its pitch, 5", 0, value("f32<1x8x4xW, pitch=5>")),
    ("E0141", "'y' has a declared type that cannot be", 2, node("Relu(%x) : ?f32<1xN>")),
    ("E0141", "'y' has a declared type that cannot be", 2, node("Relu(%x) : ?f32<1048576x1048576>")),
    ("E0141", "'y' has a declared type that cannot be", 2, node("Relu(%x) : ?f32<1x8x4x4, border=1>")),
    ("E0141", "'x' has a dimension counted by 'n', which is no i64<> that a node makes", 0, value("f32<<=4:n>")),
    ("E0141", "'x' cannot have a dimension that is counted", 0,
     graph("%x: f32<<=4:n>, %z: f32<4>", "%y", "%y, %n = NonZero(%z) : i64<1x<=4:n>, i64<>")),
    ("E0141", "'y' has two dimensions that are counted", 2,
     graph("%z: f32<4>", "%y", "%y, %n = NonZero(%z) : i64<<=1:nx<=4:n>, i64<>")),
    ("E0141", "'x' is packed, which is for elements of less than 8 bits", 0, value("i8<4, packed>")),
    ("E0141", "'x' is packed, which is for elements of less than 8 bits, without rims", 0,
     value("i4<1x8x4x4, packed, border=1>")),
    ("E0141", "'x' is an input or output of the model, so it has to be packed: i4<, packed>", 0, value("i4<4>")),
    ("E0141", "'y' is an input or output of the model, so it has to be packed: u2<, packed>", 2,
     graph("%x: u2<4, packed>", "%y", "%y = sqz.UnpackBits(%x) : u2<4>")),
    ("E0141", "'z' lies in 'y', but what is packed lies by itself", 4,
     graph("%x: i4<8, packed>", "%z", "%y = sqz.UnpackBits(%x) : i4<8> at(0x0)", "%z = sqz.PackBits(%y) : i4<8, packed> at(%y + 0)",
           head='module "m" workspace 0x1000\n')),
    ("E0141", "sqz.PackMatrix lacks input 2", 3,
     graph("%x: f32<4>", "%p", "const %w: i8<64x20> = random(1)", "%p = sqz.PackMatrix(%w, %w, _) : u32<2x2x144>")),
    # Operands.
    ("E0141", "Relu has 2 inputs", 2, node(f"Relu(%x, %x) : {T}")),
    ("E0141", "Add has 1 inputs", 2, node(f"Add(%x) : {T}")),
    ("E0141", "Concat has 0 inputs", 2, node(f"Concat() : {T}")),
    ("E0141", "Add lacks input 1", 2, node(f"Add(%x, _) : {T}")),
    ("E0141", "Max lacks input 1", 2, node(f"Max(%x, _) : {T}")),
    ("E0141", "Relu has 2 outputs", 2, node(f"Relu(%x) : {T}, {T}").replace("%y =", "%y, %z =")),
    ("E0141", "sqz.PackConv is a recipe for constants, but 'x' is none", 2,
     node("sqz.PackConv(%x) {panel = 8, block = 8} : f32<1x1x4x4x8x8>")),
    # Inference: its own errors, and types that differ from what it finds.
    ("E0141", "'y' is f32<1x8x4x5>, but Relu makes f32<1x8x4x4>", 2, node("Relu(%x) : f32<1x8x4x5>")),
    ("E0141", "'y' is f64<1x8x4x4>, but Relu makes f32<1x8x4x4>", 2, node("Relu(%x) : f64<1x8x4x4>")),
    ("E0121", "axis 4 is out of range for rank 4", 2, node(f"Concat(%x) {{axis = 4}} : {T}")),
    ("E0105", "input 0 is f32", 2, node(f"Not(%x) : {T}")),
    # Bodies.
    ("E0141", "sqz.Map has no body", 2, node(f"sqz.Map(%x) : {T}")),
    ("E0141", "and its body differ in the number of inputs or outputs", 2,
     node(f"sqz.Map(%x) : {T} body() -> () {{}}")),
    ("E0141", "and its body differ in the type of input 0", 2,
     node(f"sqz.Map(%x) : {T} body(%i: f32<1>) -> (%o) {{ %o = Relu(%i) : f32<1> }}")),
    ("E0141", "and its body differ in the type of input 0", 2,
     node(f"sqz.Map(%x) : {T} body(%i: f32<1x8x4x4, border=1>) -> (%o) {{ %o = Relu(%i) : {T} }}")),
    ("E0141", "and its body differ in the type of output 0", 2,
     node(f"sqz.Map(%x) : f32<1> body(%i: {T}) -> (%o) {{ %o = Relu(%i) : {T} }}")),
    ("E0141", "'k' is a constant in a body", 0,
     node(f"sqz.Map(%x) : {T} body(%i: {T}) -> (%o) {{ const %k: f32<> = fill(1) %o = Add(%i, %k) : {T} }}")),
    ("E0141", "sqz.Map has 2 outputs", 2,
     node(f"sqz.Map(%x) : {T}, {T} body(%i: {T}) -> (%o, %o) {{ %o = Relu(%i) : {T} }}").replace("%y =", "%y, %z =")),
    ("E0141", "sqz.Map cannot broadcast input 0 to its output", 2, graph(
        f"%x: {T}, %k: f32<1>", "%y",
        f"%y = sqz.Map(%x, %k) : f32<1> body(%i: {T}, %k: f32<1>) -> (%o) {{ %o = Relu(%k) : f32<1> }}")),
    ("E0141", "Softmax stands in a body of plain elementwise nodes", 2,
     node(f"sqz.Map(%x) : {T} body(%i: {T}) -> (%o) {{ %o = Softmax(%i) : {T} }}")),
    ("E0141", "sqz.Fire stands in another sqz.Fire", 2,
     node(f"sqz.Fire(%x) : {T} body(%i: {T}) -> (%o) {{ %o = sqz.Fire(%i) : {T} body(%i: {T}) -> (%o) {{ "
          f"%o = Relu(%i) : {T} }} }}")),
    # Control flow.
    ("E0141", "Loop stands in a sqz.Fire", 2, graph(
        f"%n: i64<>, %c: bool<>, %x: {T}", "%y",
        f"%y = sqz.Fire(%n, %c, %x) : {T} body(%n: i64<>, %c: bool<>, %i: {T}) -> (%o) {{ {LOOP} }}")),
    ("E0141", "If has no body", 2, graph("%c: bool<>", "%y", "%y = If(%c) : f32<1>")),
    ("E0141", "If has no body", 2, graph("%c: bool<>, %x: f32<1>", "%y", f"%y = If(%c, %x) : f32<1> {BRANCH}")),
    ("E0141", "If and its body differ in the number of inputs or outputs", 2, graph(
        "%c: bool<>, %x: f32<1>", "%y", f"%y = If(%c) : f32<1> {BRANCH} else{BRANCH[4:]}")),
    ("E0141", "Loop has fewer operands than its attributes say", 2, graph(
        "%n: i64<>, %c: bool<>", "%y",
        "%y = Loop(%n, %c) {carried = 1} : f32<1> body(%i: i64<>, %c: bool<>) -> (%o, %z) {",
        "%o = Not(%c) : bool<> %z = Identity(%o) : bool<> }")),
    ("E0141", "'c' is an output of a body, but not made there", 0, graph(
        "%n: i64<>, %c: bool<>", "%y", "%y = Loop(%n, %c) : f32<1> body(%i: i64<>, %c: bool<>) -> (%c, %i) {}")),
    ("E0141", "'o' is two outputs of a body", 3, graph(
        "%n: i64<>, %c: bool<>", "%y", "%y = Loop(%n, %c) : bool<3> body(%i: i64<>, %c: bool<>) -> (%o, %o) {",
        "%o = Not(%c) : bool<> }")),
    ("E0141", "If has a layout at input 1", 2, graph(
        "%c: bool<>, %x: f32<1x8x4x4, border=1>", "%y", f"%y = If(%c, %x) : f32<1> {BRANCH} else{BRANCH[4:]}")),
    ("E0121", "input 1 is f32<2>, but f32<1> in the body", 2, graph(
        "%c: bool<>, %x: f32<2>", "%y", f"%y = If(%c, %x) : f32<1> {BRANCH} else{BRANCH[4:]}")),
    # Places.
    ("E0141", "'y' ends at byte 4672, behind the workspace's end", 3, place("0x1040")),
    ("E0141", "behind the workspace's end", 2, place("0x0", head="")),
    ("E0141", "'y' lies at 32, which is no multiple of 64", 3, place("0x20")),
    ("E0141", "behind the workspace's end", 3, place("0x7fffffffffffffc0")),
    ("E0141", "'y' lies in itself", 3, place("%y + 0")),
    ("E0141", "lies in itself", 2, graph(f"%x: {T}", "%x", f"%y = {R} at(%z + 0)", f"%z = {R} at(%y + 0)")),
    ("E0141", "'y' reaches behind the end of 'x'", 3, place("%x + 16")),
    ("E0141", "'y' reaches behind the end of 'x'", 3, place("%x + 9223372036854775807")),
    ("E0141", "'y' begins at element 4 of 'x', which is no multiple of its block", 2,
     graph("%x: f32<1x8x4x4, nchw8c>", "%z", "%y = Relu(%x) : f32<1x8x4x4, nchw8c> at(%x + 4)", "%z = Relu(%y) : ?")),
    ("E0141", "'y' lies in 'x', which has another element type", 2,
     graph(f"%x: {T}", "%z", "%y = Cast(%x) {to = i32} : i32<1x8x4x4> at(%x + 0)", "%z = Relu(%y) : i32<1x8x4x4>")),
    ("E0141", "'y' has a place, but no static type", 2,
     graph("%x: f32<Nx4>", "%z", "%y = Relu(%x) : f32<Nx4> at(%x + 0)", "%z = Relu(%y) : f32<Nx4>")),
    ("E0141", "'x' is an input of its graph, but has a place", 0,
     graph(f"%x: {T} at(0x0)", "%y", f"%y = {R}", head='module "m" workspace 0x1000\n')),
    ("E0141", "'y' is an output of its graph, but has a place", 2, node(f"{R} at(%x + 0)")),
    ("E0141", "'c' is a constant, but has a place", 0,
     graph("%x: f32<1>", "%x", "const %c: f32<1> = fill(1) at(%x + 0)")),
    ("E0141", "'z' lies where 'y' is still alive", 4,
     graph(f"%x: {T}", "%w", f"%y = {R} at(0x0)", f"%z = Relu(%y) : {T} at(0x1c0)", f"%w = Relu(%z) : {T}",
           head='module "m" workspace 0x1000\n')),
    ("E0141", "'z' lies where 'y' is still alive", 4,
     graph(f"%x: {T}", "%w", f"%y = {R} at(0x0)", f"%z = {R} at(0x0)", f"%w = Relu(%z) : {T}", f"%u = Relu(%y) : {T}",
           head='module "m" workspace 0x1000\n')),
    ("E0141", "'z' lies where 'y' is still alive", 4,
     graph(f"%x: {T}", "%w", f"%y = {R} at(0x0)", f"%z = Relu(%y) : {T} at(%y + 0)", f"%w = Relu(%z) : {T}",
           head='module "m" workspace 0x1000\n')),
    ("E0141", "'z' lies where 'y' is still alive", 3,
     graph(f"%x: {T}", "%y, %w", f"%y = {R}", f"%z = {R} at(%y + 0)", f"%w = Relu(%z) : {T}")),
    ("E0141", "'y' is written into 'x', which is not to be changed", 3, place("%x + 0")),
    ("E0141", "'y' is written into 'c', which is not to be changed", 3,
     graph(f"%x: {T}", "%z", f"const %c: {T} = fill(1)", f"%y = {R} at(%c + 0)", f"%z = Relu(%y) : {T}")),
    ("E0141", "lies more than 1024 values deep in others", 1026,
     graph(f"%v0: {T}", "%v0", *(f"%v{i + 1} = Identity(%v{i}) : {T} kernel(view) at(%v{i} + 0)" for i in range(1100)))),
    ("E0141", "'v' holds more than 8192 values", 2,
     graph(f"%x: {T}", "%x", f"%v = Relu(%x) : {T}",
           *(f"%v{i + 1} = Identity(%v) : {T} kernel(view) at(%v + 0)" for i in range(9000)))),
    # Kernels that do not fit.
    ("E0141", "'y' cannot be computed by kernel view", 2, node(f"Relu(%x) : {T} kernel(view)")),
    ("E0141", "'y' cannot be computed by kernel view", 2, node(f"Identity(%x) : {T} kernel(view)")),
    ("E0141", "'y' cannot be computed by kernel conv_direct", 2, node(f"Relu(%x) : {T} kernel(conv_direct rows=6)")),
    ("E0141", "'y' cannot be computed by kernel global_pool", 2,
     node("GlobalAveragePool(%x) : f32<1x8x1x1> kernel(global_pool)")),
    *(("E0141", f"'y' cannot be computed by kernel {kernel.split()[0]}", 3,
       graph("%x: f32<1x32x8x8, nchw16c, border=1>", "%z", f"const %w: f32<32x32x{taps}x{taps}> = fill(1)",
             f"%y = Conv(%x, %w) {{pads = [{taps // 2}, {taps // 2}, {taps // 2}, {taps // 2}], {pool}}} : "
             f"f32<1x32x{size}x{size}, nchw16c> kernel({kernel})", "%z = sqz.Unpack(%y) : ?"))
      for kernel, taps, size, pool in (
          ("conv_winograd tile=5", 3, 4, "pool = max, pool_shape = [2, 2], pool_strides = [2, 2]"),
          ("conv_winograd late=65", 3, 8, "act = relu"),
          ("conv_winograd", 3, 7, "pool = max, pool_shape = [2, 2]"),
          ("conv_winograd", 3, 1, "pool = average, pool_shape = [8, 8]"),
          ("conv_strassen", 1, 1, "pool = average, pool_shape = [8, 8]"),
          ("conv_direct panels=3", 3, 8, "act = relu"),
          ("conv_direct depth=1", 3, 7, "pool = max, pool_shape = [2, 2]"),
          ("conv_direct", 3, 3, "pool = max, pool_shape = [6, 6]"),
          ("conv_direct", 3, 7, "pool = average, pool_shape = [2, 2]"))),
    ("E0141", "'y' cannot be computed by kernel pool_blocked", 2,
     node(f"sqz.Map(%x) : {T} kernel(pool_blocked) body(%i: {T}) -> (%o) {{ %o = Relu(%i) : {T} }}")),
])
