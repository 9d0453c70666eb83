# RUN: %python %s
"""What inference refuses of control flow, at the line of the node."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "ir", "Inputs"))
from errors import check

BODY = "body(%i: ?, %c: ?, %v: ?) -> (%c2, %w) {"


def text(inputs, *lines):
    return f"graph @main({inputs}) -> (%y) {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def loop(step, inputs="%n: i64<>, %c: bool<>, %x: f32<4>", attributes="{carried = 1}", operands="%n, %c, %x"):
    return text(inputs, f"%y = Loop({operands}) {attributes} : ? {BODY} %c2 = Not(%c) : ? %w = {step} : ? }}")


check([
    ("E0121", "output 0 is f32<4> if the condition is true, and f32<2> if it is false", 2, text(
        "%c: bool<>, %x: f32<4>, %z: f32<2>",
        "%y = If(%c, %x, %z) : ? body(%c: ?, %x: ?, %z: ?) -> (%o) { %o = Neg(%x) : ? } "
        "else(%c: ?, %x: ?, %z: ?) -> (%o) { %o = Neg(%z) : ? }")),
    ("E0105", "the condition must be one bool, not f32<4>", 2, text(
        "%x: f32<4>", "%y = If(%x) : ? body(%x: ?) -> (%o) { %o = Neg(%x) : ? } else(%x: ?) -> (%o) { %o = Abs(%x) : ? }")),
    ("E0121", "'x' is f32<4> before the first iteration and f32<8> ('w') after one", 2, loop("Concat(%v, %v)")),
    ("E0105", "input 0 is i32; accepted: i64", 2, loop("Neg(%v)", "%n: i32<>, %c: bool<>, %x: f32<4>")),
    ("E0121", "the condition must be one bool, not bool<2>", 2, loop("Neg(%v)", "%n: i64<>, %c: bool<2>, %x: f32<4>")),
    ("E0123", "input 0 ('n') decides the shape, and the model does not declare the shape of 'y'", 2, loop("Neg(%v)", attributes="")),
    ("E0123", "the model does not declare the shape of 'y'", 2, text(
        "%n: i64<>, %c: bool<>, %x: f32<4>",
        "%a, %y = Loop(%n, %c, %x) {carried = 1} : ?, ? body(%i: ?, %c: ?, %v: ?) -> (%c2, %w, %u) "
        "{ %c2 = Not(%c) : ? %w = Neg(%v) : ? %u = Abs(%v) : ? }")),
    ("E0124", "the result would be larger than 2^40 bytes", 4, text(
        "%x: f32<4>", "const %n: i64<> = list(99999999999999)", "const %c: bool<> = list(true)",
        f"%y = Loop(%n, %c, %x) : ? {BODY} %c2 = Identity(%c) : ? %w = Neg(%v) : ? }}")),
    ("E0123", "the loop has scan outputs but no trip count", 4, text(
        "%x: f32<4>", "const %n: i64<> = list(9223372036854775807)", "const %c: bool<> = list(true)",
        f"%y = Loop(%n, %c, %x) : ? {BODY} %c2 = Identity(%c) : ? %w = Neg(%v) : ? }}")),
    ("E0104", "a loop that counts its turns must carry their number", 2, loop("Neg(%v)", attributes="{counted = true}")),
    ("E0105", "input 2 is f32; accepted: i64", 2, loop("Neg(%v)", attributes="{carried = 1, counted = true}")),
    ("E0104", "attribute 'num_scan_inputs' must be 1 or more", 2, text(
        "%x: f32<4>", "%y = Scan(%x) {states = 1} : ? body(%s: ?) -> (%t) { %t = Neg(%s) : ? }")),
    ("E0121", "the length of each scan input must be 4, not 3", 2, text(
        "%x: f32<4>, %z: f32<3>",
        "%y = Scan(%x, %z) {num_scan_inputs = 2} : ? body(%s: ?, %t: ?) -> (%u) { %u = Add(%s, %t) : ? }")),
    ("E0121", "axis 1 is out of range for rank 1", 2, text(
        "%x: f32<4>",
        "%y = Scan(%x) {num_scan_inputs = 1, scan_input_axes = [1]} : ? body(%s: ?) -> (%t) { %t = Neg(%s) : ? }")),
], "infer-shapes")
