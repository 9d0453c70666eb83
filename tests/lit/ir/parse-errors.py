# RUN: %python %s
"""What the parser refuses, with the line."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from errors import check, constant, node

R = "Relu(%x) : f32<1x8x4x4>"
deep = "graph @main(%x: f32<1>) -> (%y) {\n" + \
    "%y = sqz.Map(%x) : f32<1> body(%x: f32<1>) -> (%y) {" * 20 + "%y = Relu(%x) : f32<1>" + "}" * 21

check([
    # The frame.
    ("E0140", "expected a graph", 1, ""),
    ("E0140", "expected a graph", 2, "// nothing\n"),
    ("E0140", "expected a string", 1, "module squeezenet"),
    ("E0140", "expected an integer", 1, 'module "m" workspace x'),
    ("E0140", "not negative", 1, 'module "m" shard -1'),
    ("E0140", "expected '@'", 1, "graph main"),
    ("E0140", "expected a name", 1, "graph @(%x: f32<1>) -> ()"),
    ("E0140", "expected '->'", 1, "graph @main() {}"),
    ("E0140", "expected '{'", 1, "graph @main() -> ()"),
    ("E0140", "found the end", 3, "graph @main() -> () {\n  // unfinished\n"),
    ("E0140", "expected a graph", 2, "graph @main() -> () {}\n}"),
    ("E0140", "zero byte", 2, b"graph @main() -> () {}\n\0"),
    ("E0140", "expected '%'", 2, b"graph @main() -> () {\n\0}"),
    ("E0101", "more than 1024 graphs", 1, "graph @g() -> () {} " * 1025),
    # Names.
    ("E0140", "%x is defined twice", 1, "graph @main(%x: f32<1>, %x: f32<1>) -> () {}"),
    ("E0140", "%x is defined twice", 2, "graph @main(%x: f32<1>) -> () {\n  %x = Relu(%x) : f32<1>\n}"),
    ("E0140", "%z is not defined", 3, "graph @main() -> (%z) {\n\n}"),
    ("E0140", "%y is not defined", 2, node("Relu(%y) : f32<1>")),
    ("E0140", "expected a string", 1, 'graph @main(%"a\\00": f32<1>) -> () {}'),
    ("E0140", "expected a string", 1, 'graph @main(%"a\n": f32<1>) -> () {}'),
    # Types.
    ("E0140", "'f33' is no element type", 1, "graph @main(%x: f33<1>) -> () {}"),
    ("E0140", "expected '<'", 1, "graph @main(%x: f32) -> () {}"),
    ("E0140", "expected a dimension", 1, "graph @main(%x: f32<1x>) -> () {}"),
    ("E0140", "expected a dimension", 1, "graph @main(%x: f32<-1>) -> () {}"),
    ("E0140", "more than 64 bits", 1, "graph @main(%x: f32<99999999999999999999>) -> () {}"),
    ("E0101", "more than 8 dimensions", 1, "graph @main(%x: f32<1x1x1x1x1x1x1x1x1>) -> () {}"),
    ("E0140", "expected nchw16c", 1, "graph @main(%x: f32<1x1x1x1, nhwc>) -> () {}"),
    ("E0140", "not in 1 .. 1024", 1, "graph @main(%x: f32<1x1x1x1, nchw0c>) -> () {}"),
    ("E0140", "not in 0 .. 1024", 1, "graph @main(%x: f32<1x1x1x1, border=2000>) -> () {}"),
    ("E0101", "more than 1024 symbols", 1,
     "graph @main(" + ", ".join(f"%v{i}: f32<N{i}>" for i in range(1100)) + ") -> () {}"),
    ("E0140", "expected '<'", 3, node("Relu(%x) : ?f32")),
    ("E0140", "'g32' is no element type", 2, node("Relu(%x) : ?g32<1>")),
    ("E0140", "expected a number behind <=", 1, "graph @main(%x: f32<<=N>) -> () {}"),
    ("E0140", "expected ':'", 1, "graph @main(%x: f32<<=4>) -> () {}"),
    # Constants.
    ("E0140", "expected list, fill", 2, constant("f32<1> = zeros")),
    ("E0140", "needs an element type and plain dimensions", 2, constant("f32<N> = fill(1)")),
    ("E0140", "needs an element type and plain dimensions", 2, constant("? = fill(1)")),
    ("E0140", "element 1 of a list is no i8", 2, constant("i8<2> = list(1, 128)")),
    ("E0140", "element 0 of a list is no u8", 2, constant("u8<1> = list(-1)")),
    ("E0140", "element 0 of a list is no f32", 2, constant("f32<1> = list(one)")),
    ("E0140", "expected ','", 2, constant("f32<2> = list(1)")),
    ("E0140", "expected ')'", 2, constant("f32<1> = list(1, 2)")),
    ("E0140", "fewer elements than its type", 2, constant("f32<1000000000> = list(1)")),
    ("E0101", "constants made by rules", 2, constant("f32<1000000000> = fill(1)")),
    ("E0101", "constants made by rules", 2, constant("i8<20000000> = iota")),
    ("E0101", "constants made by rules", 2, constant("f32<20000000> = random(1)")),
    ("E0124", "larger than 2^40", 2, constant("f32<1000000x1000000> = fill(1)")),
    ("E0124", "larger than 2^40", 2, constant("f32<4000000000x4000000000> = fill(1)")),
    ("E0140", "expected 'of'", 2, constant('f32<1> = bytes(0 in "a.bin")')),
    ("E0140", "not negative", 2, constant('f32<1> = bytes(-4 of "a.bin")')),
    ("E0106", "lies beside its text", 2, constant('f32<1> = bytes(0 of "../a.bin")')),
    ("E0106", "lies beside its text", 2, constant('f32<1> = bytes(0 of "/etc/passwd")')),
    ("E0106", "lies beside its text", 2, constant('f32<1> = bytes(0 of "..")')),
    ("E0106", "behind the end", 2, constant('f32<1000> = bytes(0 of "wrong.sqz")')),
    ("E0106", "behind the end", 2, constant('f32<1> = bytes(9223372036854775807 of "wrong.sqz")')),
    # Nodes.
    ("E0103", "'Relo' is no operator", 2, node("Relo(%x) : f32<1>")),
    ("E0140", "expected '='", 2, "graph @main(%x: f32<1>) -> () {\n  %y Relu(%x) : f32<1>\n}"),
    ("E0140", "expected ':'", 2, "graph @main(%x: f32<1>) -> () {\n  %y = Relu(%x) }"),
    ("E0140", "expected ','", 2, "graph @main(%x: f32<2>) -> () {\n  %y, %z = Split(%x) : f32<1> }"),
    ("E0104", "Relu has no attribute 'alpha'", 2, node("Relu(%x) {alpha = 1} : f32<1>")),
    ("E0104", "the value of 'axis' cannot be read", 2, node("Softmax(%x) {axis = one} : f32<1>")),
    ("E0104", "the value of 'axis' cannot be read", 2, node("Softmax(%x) {axis = 99999999999999999999} : f32<1>")),
    ("E0104", "the value of 'pads' cannot be read", 2, node("MaxPool(%x) {pads = [1, 2} : f32<1>")),
    ("E0104", "the value of 'auto_pad' cannot be read", 2, node("MaxPool(%x) {auto_pad = SAME} : f32<1>")),
    ("E0104", "the value of 'to' cannot be read", 2, node("Cast(%x) {to = f33} : f32<1>")),
    ("E0140", "'conv_magic' is no kernel", 2, node(R + " kernel(conv_magic)")),
    ("E0104", "kernel view has no parameter 'rows'", 2, node(R + " kernel(view rows=2)")),
    ("E0140", "expected '+'", 2, node(R + " at(%x)")),
    ("E0140", "%nowhere is not defined", 2, node(R + " at(%nowhere + 0)")),
    ("E0140", "not negative", 2, node(R + " at(%x + -8)")),
    ("E0140", "expected an integer", 2, node(R + " at(here)")),
    ("E0140", "a place for each output", 3, node("Split(%x) : f32<1>").replace("%y =", "%y, %z =")
     .replace("f32<1>", "f32<1>, f32<1> at(0)")),
    ("E0140", "expected a string", 2, node(R + " loc(conv1)")),
    ("E0140", "Relu has no body", 2, node(R + " body() -> () {}")),
    ("E0140", "%x is not defined", 3, "graph @main(%x: f32<1>) -> () {\n"
     "%y = sqz.Map(%x) : f32<1> body(%i: f32<1>) -> (%o) {\n%o = Relu(%x) : f32<1> } }"),
    ("E0101", "bodies lie more than 16 deep", 2, deep),
])
