// Quantized numbers in a graph, as the importer writes QuantizeLinear and DequantizeLinear (onnx/quantize.c):
//
//     x = Mul(Sub(Cast(bytes), zero), scale)                           Dequantized; without a Sub the zero is 0
//     bytes = Cast(Clip(Add(Round(Div(x, scale)), zero), low, high))   Quantized; likewise without an Add
//
// Scales and zeros are constants, perhaps reshaped or converted by nodes, since passes look for these before folding,
// which makes floats of constant bytes.
#ifndef PASSES_QUANTIZED_H
#define PASSES_QUANTIZED_H

#include "ir/ir.h"

// Scale i and zero i are for index i along the axis, or the only ones for all (scale.n, zero.n: 1).
typedef struct Dequantized {
    Value *bytes;  // i8 or u8, or another small integer
    Floats scale, zero;
    int axis;      // -1: there is one of each
} Dequantized;

// To one of 8 bits, with one scale and one zero.
typedef struct Quantized {
    Value *x;     // f32
    Node *first;  // the Div
    DType dtype;
    double scale, zero;
} Quantized;

// Scales are positive numbers of f32, far from its ends: bytes dequantized and quantized again are the same bytes.
bool match_dequantized(const Value *x, Arena *arena, Dequantized *found);
bool match_quantized(const Node *last, Arena *arena, Quantized *found);  // `last` is the Cast

// A constant, also where nodes that keep the order of its numbers stand between.
bool constant_numbers(const Value *value, Arena *arena, Floats *numbers);

#endif
