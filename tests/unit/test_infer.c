// Shape inference: types by operator as text, symbolic dimensions, windows, arithmetic on dimensions, large numbers.
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "ir/parse.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

// The last node of a graph of the given inputs and body.
static Node *last_node(Arena *arena, const char *inputs, const char *body, Diag *diag) {
    const char *last = strstr(body, "%y"), *type = last && strstr(last, " : ") ? "" : " : ?";
    const char *text = arena_printf(arena, "graph @main(%s) -> (%%y) {\n%s%s\n}\n", inputs, body, type);
    Module *module = parse_module(arena, text, strlen(text), NULL, diag);
    return module ? module->graphs.item[0]->last : NULL;
}

// The type of its first output, or the number of the error.
static const char *inferred(Arena *arena, const char *inputs, const char *body) {
    Diag diag = {.file = "test"};
    Node *node = last_node(arena, inputs, body, &diag);
    Infer infer = {.arena = arena, .diag = &diag};
    Type types[8];
    if (!CHECK(node != NULL))
        return "";
    bool done = infer_node(&infer, node, types);
    CHECK(done == (diag.errors == 0));
    return done ? type_text(arena, &types[0]) : arena_printf(arena, "E%04d", (int)diag.last);
}

typedef struct InferRow {
    const char *inputs, *body, *want;
} InferRow;

#define TREES(nodes, roots, targets) \
    "const %n: i32<3x4> = " nodes "\nconst %s: f32<3> = list(0.5, 0, 0)\nconst %r: i32<1> = " roots \
    "\nconst %t: i32<2> = " targets "\nconst %w: f32<2> = list(1, 2)\n%y = sqz.Trees(%x, %n, %s, %r, %t, %w)"

#define GRAMS(grams, columns) \
    "const %g: " grams "\nconst %c: i32<2> = " columns "\n%y = sqz.Grams(%x, %g, %c)"

static const InferRow rows[] = {
    // states
    {"%q: f32<NxTx8>, %k: f32<NxTx4>, %v: f32<NxTx6>, %g: f32<NxTx2>",
     "%y = LinearAttention(%q, %k, %v, _, %g) {q_num_heads = 4, kv_num_heads = 2, update_rule = gated}", "f32<NxTx12>"},
    {"%q: f32<2x3x8>, %k: f32<2x3x4>, %v: f32<2x3x6>",
     "%y = LinearAttention(%q, %k, %v) {q_num_heads = 4, kv_num_heads = 2}", "E0120"},
    {"%q: f32<2x3x8>, %k: f32<2x3x4>, %v: f32<2x3x6>",
     "%y = LinearAttention(%q, %k, %v) {q_num_heads = 3, kv_num_heads = 2, update_rule = linear}", "E0104"},
    {"%q: f32<2x3x8>, %k: f32<2x3x2>, %v: f32<2x3x6>",
     "%y = LinearAttention(%q, %k, %v) {q_num_heads = 4, kv_num_heads = 2, update_rule = linear}", "E0121"},
    {"%q: f32<2x3x8>, %k: f32<2x4x4>, %v: f32<2x3x6>",
     "%y = LinearAttention(%q, %k, %v) {q_num_heads = 4, kv_num_heads = 2, update_rule = linear}", "E0121"},
    {"%q: f32<2x3x8>, %k: f32<2x3x4>, %v: f32<2x3x6>, %s: f16<2x2x2x4>",
     "%y = LinearAttention(%q, %k, %v, %s) {q_num_heads = 4, kv_num_heads = 2, update_rule = linear}", "E0121"},
    {"%q: f32<1x1x900000>, %k: f32<1x1x900000>, %v: f32<1x1x900000>",
     "%y = LinearAttention(%q, %k, %v) {q_num_heads = 1, kv_num_heads = 1, update_rule = linear}", "E0124"},
    {"%x: f32<1x200000x200x200>, %w: f32<1x200000x9x9>, %o: f32<1x162x192x192>", "%y = DeformConv(%x, %w, %o)",
     "E0124"},
    {"%a: f32<Nx8x5>, %b: f32<Nx3x5>, %i: i64<N>", "%y = TensorScatter(%a, %b, %i)", "f32<Nx8x5>"},
    {"%a: f32<2x8x5>, %b: f32<2x9x5>", "%y = TensorScatter(%a, %b)", "E0121"},
    {"%a: f32<2x8x5>, %b: f32<2x3x5>", "%y = TensorScatter(%a, %b) {axis = 0}", "E0104"},
    {"%a: f32<2x8x5>, %b: f32<2x3x5>, %i: i64<3>", "%y = TensorScatter(%a, %b, %i)", "E0121"},
    {"%x: f32<Nx4x5x6>, %w: f32<8x2x3x3>, %o: f32<Nx36x3x4>",
     "%y = DeformConv(%x, %w, %o) {group = 2, offset_group = 2}", "f32<Nx8x3x4>"},
    {"%x: f32<1x4x5x6>, %w: f32<8x4x3x3>, %o: f32<1x36x3x4>", "%y = DeformConv(%x, %w, %o)", "E0121"},
    {"%x: f32<1x4x5x6>, %w: f32<8x4x3x3>, %o: f32<1x18x3x3>", "%y = DeformConv(%x, %w, %o)", "E0121"},
    {"%x: f32<1x4x5x6>, %w: f32<8x4x3x3>, %o: f32<1x54x3x4>", "%y = DeformConv(%x, %w, %o) {offset_group = 3}",
     "E0104"},
    // signals
    {"%a: f32<Nx8x1>", "%y = DFT(%a)", "f32<Nx8x2>"},
    {"%a: f32<2x8x1>", "%y = DFT(%a) {onesided = true}", "f32<2x5x2>"},
    {"%a: f32<2x5x2>", "%y = DFT(%a) {inverse = true, onesided = true}", "f32<2x8x1>"},
    {"%a: f32<2x5x2>", "const %n: i64<> = list(9)\n%y = DFT(%a, %n) {inverse = true, onesided = true}", "f32<2x9x1>"},
    {"%a: f32<2x5x2>", "const %x: i64<> = list(0)\n%y = DFT(%a, _, %x)", "f32<2x5x2>"},
    {"%a: f32<2x5x2>", "const %x: i64<> = list(2)\n%y = DFT(%a, _, %x)", "E0121"},
    {"%a: f32<2xNx2>", "%y = DFT(%a)", "E0122"},
    {"%a: f32<2x5x3>", "%y = DFT(%a)", "E0121"},
    {"%a: f32<2x0x2>", "%y = DFT(%a)", "E0121"},
    {"%a: f32<2x5x2>, %n: i64<>", "%y = DFT(%a, %n)", "E0123"},
    {"%a: f32<2x5x2>", "const %n: i64<> = list(9999999)\n%y = DFT(%a, %n)", "E0101"},
    {"%a: f32<Nx90x1>, %w: f32<16>", "const %s: i64<> = list(4)\n%y = STFT(%a, %s, %w)", "f32<Nx19x9x2>"},
    {"%a: f32<Nx90>, %w: f32<16>", "const %s: i64<> = list(4)\n%y = STFT(%a, %s, %w)", "f32<Nx19x9x2>"},
    {"%a: f32<1x90x1>", "const %s: i64<> = list(4)\n%y = STFT(%a, %s) {onesided = false}", "f32<1x1x90x2>"},
    {"%a: f32<1x90x1>, %w: f32<16>", "const %n: i64<> = list(4)\n%y = STFT(%a, %n, %w, %n)", "E0121"},
    {"%a: f32<1x9x1>, %w: f32<16>", "const %n: i64<> = list(4)\n%y = STFT(%a, %n, %w)", "E0121"},
    {"%a: f32<1x90x1>, %w: f32<16>", "const %n: i64<> = list(0)\n%y = STFT(%a, %n, %w)", "E0121"},
    // tables
    {"%a: i64<Nx3>, %k: i64<4>, %v: f32<5>", "%y = sqz.Lookup(%a, %k, %v)", "f32<Nx3>"},
    {"%a: i64<3>, %k: i64<4>, %v: f32<4>", "%y = sqz.Lookup(%a, %k, %v)", "E0121"},
    {"%a: i64<3>, %k: i32<4>, %v: f32<5>", "%y = sqz.Lookup(%a, %k, %v)", "E0105"},
    {"%a: i64<3>, %k: i64<N>, %v: f32<5>", "%y = sqz.Lookup(%a, %k, %v)", "E0122"},
    // classes of pairs
    {"%r: f32<Nx10>", "%y = sqz.Couple(%r)", "f32<Nx5>"},
    {"%r: f32<2x1>", "%y = sqz.Couple(%r)", "f32<2x2>"},
    {"%r: f32<2x4>", "%y = sqz.Couple(%r)", "E0121"},
    {"%r: f32<2x0>", "%y = sqz.Couple(%r)", "E0121"},
    {"%r: f32<10>", "%y = sqz.Couple(%r)", "E0121"},
    {"%r: f64<2x3>", "%y = sqz.Couple(%r)", "E0105"},
    {"%r: f32<2xN>", "%y = sqz.Couple(%r)", "E0122"},
    // n-grams
    {"%x: i64<Nx9>", GRAMS("i64<2x3> = list(1, 2, 3, 4, 5, 6)", "list(0, 6)") " {skips = 2, columns = 7}", "f32<Nx7>"},
    {"%x: i64<9>", GRAMS("i64<2x1> = list(1, 2)", "list(0, 0)"), "f32<1>"},
    {"%x: i64<9>", GRAMS("i64<2x1> = list(1, 2)", "list(0, 1)"), "E0125"},
    {"%x: i64<9>", GRAMS("i64<2x1> = list(1, 2)", "list(0, 0)") " {skips = -1}", "E0104"},
    {"%x: i64<9>", GRAMS("i64<3x1> = list(1, 2, 3)", "list(0, 0)"), "E0121"},
    {"%x: i64<3x9x1>", GRAMS("i64<2x1> = list(1, 2)", "list(0, 0)"), "E0121"},
    {"%x: i32<9>", GRAMS("i64<2x1> = list(1, 2)", "list(0, 0)"), "E0105"},
    {"%x: i64<3xN>", GRAMS("i64<2x1> = list(1, 2)", "list(0, 0)"), "E0122"},
    {"%x: i64<9>, %g: i64<2x1>, %c: i32<2>", "%y = sqz.Grams(%x, %g, %c)", "E0123"},
    // products that add a row and a residual
    {"%x: f32<Nx2x4>, %w: f32<4x3>, %b: f32<3>, %r: f32<Nx2x3>", "%y = MatMul(%x, %w, %b, %r) {act = gelu}",
     "f32<Nx2x3>"},
    {"%x: f32<2x4>, %w: f32<4x3>, %r: f32<2x3>", "%y = MatMul(%x, %w, _, %r)", "f32<2x3>"},
    {"%x: f32<2x4>, %w: f32<4x3>, %b: f32<4>", "%y = MatMul(%x, %w, %b)", "E0121"},
    {"%x: f32<2x4>, %w: f32<4x3>, %b: f32<1x3>", "%y = MatMul(%x, %w, %b)", "E0121"},
    {"%x: f32<4>, %w: f32<4x3>, %b: f32<3>", "%y = MatMul(%x, %w, %b)", "E0121"},
    {"%x: f32<2x4>, %w: f32<4>, %b: f32<2>", "%y = MatMul(%x, %w, %b)", "E0121"},
    {"%x: f32<2x4>, %w: f32<4x3>, %b: f64<3>", "%y = MatMul(%x, %w, %b)", "E0105"},
    {"%x: f32<2x4>, %w: f32<4x3>, %r: f32<1x3>", "%y = MatMul(%x, %w, _, %r)", "E0121"},
    {"%x: f32<2x4>, %w: f32<4x3>, %r: f32<3>", "%y = MatMul(%x, %w, _, %r)", "E0121"},
    {"%x: f32<1x5x2x4>, %w: f32<1x3x2x4>", "%y = MatMul(%x, %w) {perm_a = [0, 2, 1, 3], perm_b = [0, 2, 3, 1]}",
     "f32<1x2x5x3>"},
    {"%x: f32<Nx2x5x4>, %w: f32<4x3>", "%y = MatMul(%x, %w) {perm_y = [0, 2, 1, 3]}", "f32<Nx5x2x3>"},
    {"%x: f32<2x4>, %w: f32<3x4>", "%y = MatMul(%x, %w) {perm_b = [1, 1]}", "E0121"},
    {"%x: f32<2x4>, %w: f32<3x4>", "%y = MatMul(%x, %w) {perm_b = [0, 2, 1]}", "E0121"},
    {"%x: f32<2x4>, %w: f32<3x4>", "%y = MatMul(%x, %w) {perm_b = [1, -2]}", "E0104"},
    {"%x: f32<2x4>, %w: f32<4x3>", "%y = MatMul(%x, %w) {perm_y = [0, 2]}", "E0121"},
    {"%x: f32<2x4>, %w: f32<4x3>, %b: f32<2>", "%y = MatMul(%x, %w, %b) {perm_y = [1, 0]}", "E0104"},
    // normalizations
    {"%x: f32<Nx3x4>, %s: f32<4>, %b: f32<1x4>", "%y = sqz.Normalize(%x, %s, %b)", "f32<Nx3x4>"},
    {"%x: f32<2x3x4>, %b: f32<3x4>", "%y = sqz.Normalize(%x, _, %b) {axis = 1}", "f32<2x3x4>"},
    {"%x: f32<2x3x4>, %s: f32<3>", "%y = sqz.Normalize(%x, %s)", "E0121"},
    {"%x: f32<2x3x4>, %s: f32<3x4>", "%y = sqz.Normalize(%x, %s)", "E0121"},
    {"%x: f32<2x3x4>, %s: f32<4>", "%y = sqz.Normalize(%x, %s) {axis = 1}", "E0121"},
    {"%x: f32<2x3x4>", "%y = sqz.Normalize(%x) {axis = 3}", "E0121"},
    {"%x: f16<2x3x4>", "%y = sqz.Normalize(%x)", "E0105"},
    {"%x: f16<2x3>", "%y = Gelu(%x) {approximate = tanh}", "f16<2x3>"},
    // random
    {"%x: f32<2x3>", "%s = Shape(%x) : i64<2>\n%y = sqz.Random(%s) {kind = normal, dtype = f64}", "E0123"},
    {"%x: f32<2x3>", "const %s: i64<2> = list(2, 3)\n%y = sqz.Random(%s) {kind = normal, dtype = f64}", "f64<2x3>"},
    {"%x: f32<2x3>", "const %s: i64<2> = list(2, 3)\n%y = sqz.Random(%s) {dtype = i32}", "E0105"},
    {"%x: f32<2x3>", "const %s: i64<2> = list(70000, 70000)\n%y = sqz.Random(%s)", "E0124"},
    // trees: {0, 1, 1, 2} asks for feature 1, {6, 0, 1, 0} is a leaf
    {"%x: f32<Nx2>", TREES("list(0, 1, 1, 2, 6, 0, 1, 0, 6, 1, 2, 0)", "list(0)", "list(0, 1)") " {targets = 2}",
     "f32<Nx2>"},
    {"%x: f64<Nx2>", TREES("list(0, 1, 1, 2, 6, 0, 1, 0, 6, 1, 2, 0)", "list(0)", "list(0, 0)"), "E0105"},
    {"%x: f32<Nx2>", TREES("list(0, 2, 1, 2, 6, 0, 1, 0, 6, 1, 2, 0)", "list(0)", "list(0, 0)"), "E0125"},
    {"%x: f32<Nx2>", TREES("list(0, 1, 0, 2, 6, 0, 1, 0, 6, 1, 2, 0)", "list(0)", "list(0, 0)"), "E0125"},
    {"%x: f32<Nx2>", TREES("list(0, 1, 1, 3, 6, 0, 1, 0, 6, 1, 2, 0)", "list(0)", "list(0, 0)"), "E0125"},
    {"%x: f32<Nx2>", TREES("list(0, 1, 1, 2, 6, 0, 1, 0, 6, 1, 3, 0)", "list(0)", "list(0, 0)"), "E0125"},
    {"%x: f32<Nx2>", TREES("list(7, 1, 1, 2, 6, 0, 1, 0, 6, 1, 2, 0)", "list(0)", "list(0, 0)"), "E0125"},
    {"%x: f32<Nx2>", TREES("list(14, 0, 1, 0, 6, 0, 1, 0, 6, 1, 2, 0)", "list(0)", "list(0, 0)"), "E0125"},
    {"%x: f32<Nx2>", TREES("list(0, 1, 1, 2, 6, 0, 1, 0, 6, 1, 2, 0)", "list(3)", "list(0, 0)"), "E0125"},
    {"%x: f32<Nx2>", TREES("list(0, 1, 1, 2, 6, 0, 1, 0, 6, 1, 2, 0)", "list(0)", "list(0, 1)"), "E0125"},
    {"%x: f32<2>", TREES("list(0, 1, 1, 2, 6, 0, 1, 0, 6, 1, 2, 0)", "list(0)", "list(0, 0)"), "E0121"},
    {"%x: f32<Nx2>, %n: i32<3x4>, %s: f32<3>, %r: i32<1>", "%y = sqz.Trees(%x, %n, %s, %r, %r, %s)", "E0123"},
    // broadcasting
    {"%a: f32<2x1x4>, %b: f32<3x1>", "%y = Add(%a, %b)", "f32<2x3x4>"},
    {"%a: f32<>, %b: f32<0x3>", "%y = Mul(%a, %b)", "f32<0x3>"},
    {"%a: f32<0>, %b: f32<3>", "%y = Mul(%a, %b)", "E0121"},
    {"%a: i32<2>, %b: i32<2>", "%y = Less(%a, %b)", "bool<2>"},
    {"%c: bool<4>, %a: f32<3x1>, %b: f32<>", "%y = Where(%c, %a, %b)", "f32<3x4>"},
    {"%a: f32<3x4>, %s: f32<3x1>", "%y = PRelu(%a, %s)", "f32<3x4>"},
    {"%a: f32<4>, %s: f32<3x4>", "%y = PRelu(%a, %s)", "E0121"},
    {"%a: f32<2>, %b: i64<2>", "%y = Pow(%a, %b)", "f32<2>"},
    // symbols
    {"%a: f32<Nx3>, %b: f32<3>", "%y = Add(%a, %b)", "f32<Nx3>"},
    {"%a: f32<Nx3>, %b: f32<Nx3>", "%y = Add(%a, %b)", "f32<Nx3>"},
    {"%a: f32<Nx3>, %b: f32<1x3>", "%y = Add(%a, %b)", "f32<Nx3>"},
    {"%a: f32<Nx3>, %b: f32<2x3>", "%y = Add(%a, %b)", "E0122"},
    {"%a: f32<Nx3>, %b: f32<Nx3>", "%y = Concat(%a, %b)", "f32<2*Nx3>"},
    {"%a: f32<Nx3>, %b: f32<2x3>", "%y = Concat(%a, %b)", "E0122"},
    {"%a: f32<Nx3>, %b: f32<Nx5>", "%y = Concat(%a, %b) {axis = 1}", "f32<Nx8>"},
    {"%a: f32<Nx3x4>", "%y = Flatten(%a) {axis = 1}", "f32<Nx12>"},
    {"%a: f32<Nx3x4>", "%y = Flatten(%a) {axis = 2}", "f32<3*Nx4>"},
    {"%a: f32<NxMx4>", "%y = Flatten(%a) {axis = 2}", "E0122"},
    {"%a: f32<Nx3x4>", "const %s: i64<2> = list(0, -1)\n%y = Reshape(%a, %s)", "f32<Nx12>"},
    {"%a: f32<NxMx4>", "const %s: i64<3> = list(0, 0, -1)\n%y = Reshape(%a, %s)", "f32<NxMx4>"},
    {"%a: f32<Nx3x4>", "const %s: i64<2> = list(-1, 6)\n%y = Reshape(%a, %s)", "f32<2*Nx6>"},
    {"%a: f32<Nx3x4>", "const %s: i64<2> = list(-1, 5)\n%y = Reshape(%a, %s)", "E0122"},
    {"%a: f32<Nx4x5x6>, %w: f32<2x4x3x3>", "%y = Conv(%a, %w)", "f32<Nx2x3x4>"},
    {"%a: f32<1x4xHx6>, %w: f32<2x4x3x3>", "%y = Conv(%a, %w) {pads = [1, 1, 1, 1]}", "f32<1x2xHx6>"},
    {"%a: f32<1x4xHx6>, %w: f32<2x4x3x3>", "%y = Conv(%a, %w) {auto_pad = SAME_LOWER}", "f32<1x2xHx6>"},
    {"%a: f32<1x4xHx6>, %w: f32<2x4x3x3>", "%y = Conv(%a, %w)", "E0122"},
    {"%a: f32<Nx4>, %b: f32<4x5>", "%y = MatMul(%a, %b)", "f32<Nx5>"},
    {"%a: f32<Nx4>", "%y = ReduceSum(%a)", "f32<1x1>"},
    // matrices
    {"%a: f32<2x1x3x4>, %b: f32<5x4x6>", "%y = MatMul(%a, %b)", "f32<2x5x3x6>"},
    {"%a: f32<4>, %b: f32<5x4x6>", "%y = MatMul(%a, %b)", "f32<5x6>"},
    {"%a: f32<3x4>, %b: f32<4>", "%y = MatMul(%a, %b)", "f32<3>"},
    {"%a: f32<4>, %b: f32<4>", "%y = MatMul(%a, %b)", "f32<>"},
    {"%a: f32<4>, %b: f32<>", "%y = MatMul(%a, %b)", "E0121"},
    {"%a: f32<4x3>, %b: f32<5x4>, %c: f32<5>", "%y = Gemm(%a, %b, %c) {transA = true, transB = true}", "f32<3x5>"},
    {"%a: f32<3x4>, %b: f32<4x5>, %c: f32<2x5>", "%y = Gemm(%a, %b, %c)", "E0121"},
    // windows
    {"%a: f32<1x1x4x4>", "%y = MaxPool(%a) {kernel_shape = [2, 2], strides = [3, 3], ceil_mode = true}",
     "f32<1x1x2x2>"},
    {"%a: f32<1x1x2x2>", "%y = MaxPool(%a) {kernel_shape = [1, 1], strides = [2, 2], ceil_mode = true}",
     "f32<1x1x1x1>"},
    {"%a: f32<1x1x1x1>", "%y = MaxPool(%a) {kernel_shape = [2, 2], strides = [2, 2], ceil_mode = true}",
     "f32<1x1x1x1>"},
    {"%a: f32<1x1x1x1>", "%y = MaxPool(%a) {kernel_shape = [2, 2], strides = [2, 2]}", "E0121"},
    {"%a: f32<1x1x5x5>", "%y = MaxPool(%a) {kernel_shape = [2]}", "E0104"},
    {"%a: f32<1x4x9x9>, %w: f32<6x4x3x3>", "%y = Conv(%a, %w) {pool = max, pool_shape = [3, 2], pool_strides = [2, 2]}",
     "f32<1x6x3x3>"},
    {"%a: f32<1x4x9>, %w: f32<6x4x3>", "%y = Conv(%a, %w) {pool = average, pool_shape = [7]}", "f32<1x6x1>"},
    {"%a: f32<1x4x9x9>, %w: f32<6x4x3x3>",
     "%y = Conv(%a, %w) {pool = max, pool_shape = [3, 3], pool_pads = [2, 0, 0, 1]}", "f32<1x6x7x6>"},
    {"%a: f32<1x4x9x9>, %w: f32<6x4x3x3>, %r: f32<1x6x7x7>",
     "%y = Conv(%a, %w, _, %r) {pool = max, pool_shape = [2, 2], pool_strides = [2, 2]}", "f32<1x6x3x3>"},
    {"%a: f32<1x4x9x9>, %w: f32<6x4x3x3>, %r: f32<1x6x3x3>",
     "%y = Conv(%a, %w, _, %r) {pool = max, pool_shape = [2, 2], pool_strides = [2, 2]}", "E0121"},
    {"%a: f32<1x4x9x9>, %w: f32<6x4x3x3>", "%y = Conv(%a, %w) {pool = max}", "E0104"},
    {"%a: f32<1x4x9x9>, %w: f32<6x4x3x3>", "%y = Conv(%a, %w) {pool = max, pool_shape = [2]}", "E0104"},
    {"%a: f32<1x4x9x9>, %w: f32<6x4x3x3>", "%y = Conv(%a, %w) {pool = max, pool_shape = [2, 8]}", "E0121"},
    {"%a: f32<1x4x9x9>, %w: f32<6x4x3x3>",
     "%y = Conv(%a, %w) {pool = max, pool_shape = [2, 2], pool_pads = [2, 0, 0, 0]}", "E0104"},
    {"%a: f32<1x4x9x9>, %w: f32<4x6x3x3>", "%y = ConvTranspose(%a, %w) {pool = max, pool_shape = [2, 2]}", "E0104"},
    {"%a: f32<1x4x5x5>, %w: f32<6x2x1x1>", "%y = Conv(%a, %w) {group = 2}", "f32<1x6x5x5>"},
    {"%a: f32<1x4x5x5>, %w: f32<5x2x1x1>", "%y = Conv(%a, %w) {group = 2}", "E0121"},
    {"%a: f32<1x4x5x5>, %w: f32<4x4x1x1>", "%y = Conv(%a, %w) {group = 0}", "E0104"},
    {"%a: f32<1x4x5x5>, %w: f32<4x3x2x2>",
     "%y = ConvTranspose(%a, %w) {group = 2, output_padding = [1, 0], strides = [2, 2]}", "f32<1x6x11x10>"},
    {"%w: f32<18x20x3x3>", "%y = sqz.PackConv(%w) {panel = 16, block = 8}", "f32<2x3x3x3x8x16>"},
    {"%x: f32<1x3x5>, %w: f32<3x2x3x1x1>", "%y = ConvTranspose(%x, %w)", "E0121"},
    {"%w: f32<2x40x9>", "%y = sqz.PackMatrix(%w) {panel = 16, block = 1, transposed = true}", "f32<6x9x16>"},
    {"%w: f32<2x40x9x1>", "%y = sqz.PackMatrix(%w) {panel = 16, block = 1}", "E0121"},
    {"%w: bf16<40x9>", "%y = sqz.PackMatrix(%w) {panel = 16, block = 1}", "bf16<1x40x16>"},
    {"%w: u4<70x20, packed>, %s: f32<3x20>", "%y = sqz.PackMatrix(%w, %s) {panel = 16, block = 32}", "u32<2x3x80>"},
    {"%w: i8<20x70>, %s: f32<1x1>, %z: i8<1x1>",
     "%y = sqz.PackMatrix(%w, %s, %z) {panel = 16, block = 70, transposed = true}", "u32<2x1x308>"},
    {"%w: i8<20x70>, %s: f32<20x70>", "%y = sqz.PackMatrix(%w, %s) {panel = 16, block = 1, transposed = true}",
     "E0104"},
    {"%w: i8<20x64>, %s: f32<2x20>", "%y = sqz.PackMatrix(%w, %s) {panel = 16, block = 32, transposed = true}",
     "E0121"},
    {"%w: i8<20x70>, %s: f32<20x3>", "%y = sqz.Dequantize(%w, %s) {columns = 32}", "f32<20x70>"},
    {"%w: i8<20x70>, %s: f32<20x2>", "%y = sqz.Dequantize(%w, %s) {columns = 32}", "E0121"},
    {"%w: i8<20x70>, %s: f32<20x70>", "%y = sqz.Dequantize(%w, %s) {columns = 0}", "E0104"},
    {"%w: i8<20x70>, %s: f32<1x1>, %z: u8<1x1>", "%y = sqz.Dequantize(%w, %s, %z) {rows = 20, columns = 70}", "E0105"},
    {"%w: f32<18x20x3x3>", "%y = sqz.PackConv(%w) {panel = 16, block = 8, transposed = true}", "f32<2x3x3x3x8x16>"},
    {"%w: f32<18x20x3x3>", "%y = sqz.PackConv(%w) {panel = 16, block = 8, tile = 4}", "f32<2x1x6x6x24x16>"},
    {"%w: f32<18x20x3x3>", "%y = sqz.PackConv(%w) {panel = 16, block = 8, tile = 9223372036854775807}", "E0104"},
    {"%w: f32<18x20x1x1>", "%y = sqz.PackConv(%w) {panel = 16, block = 8, tile = 4}", "E0121"},
    {"%w: f32<96x24x3x3>", "%y = sqz.PackConv(%w) {panel = 16, block = 16, groups = 4}", "f32<6x3x3x3x16x16>"},
    {"%w: f32<128x32x1x1>", "%y = sqz.PackConv(%w) {panel = 16, block = 16, groups = 4}", "f32<8x2x1x1x16x16>"},
    {"%w: f32<10x3x1x1>", "%y = sqz.PackConv(%w) {panel = 16, block = 16, groups = 2}", "f32<1x1x1x1x16x16>"},
    {"%w: f32<96x24x3x3>", "%y = sqz.PackConv(%w) {panel = 16, block = 16, groups = 5}", "E0104"},
    {"%w: f32<96x24x3x3>", "%y = sqz.PackConv(%w) {panel = 16, block = 16, groups = -4}", "E0104"},
    {"%w: f32<96x24x3x3>", "%y = sqz.PackConv(%w) {panel = 16, block = 16, groups = 4, transposed = true}", "E0104"},
    // axes
    {"%a: f32<2x3>", "const %i: i64<2> = list(0, -2)\n%y = ReduceMax(%a, %i)", "E0121"},
    {"%a: f32<2x1x3>", "const %i: i64<2> = list(0, 3)\n%y = Unsqueeze(%a, %i)", "f32<1x2x1x1x3>"},
    {"%a: f32<2x1x3>", "const %i: i64<1> = list(0)\n%y = Squeeze(%a, %i)", "E0121"},
    {"%a: f32<2x1x3>", "%y = Squeeze(%a)", "f32<2x3>"},
    {"%a: f32<1x2x1x1x1x1x1x1>", "const %i: i64<1> = list(0)\n%y = Unsqueeze(%a, %i)", "E0121"},
    {"%a: f32<2x3>", "%y = Transpose(%a) {perm = [0, 0]}", "E0121"},
    {"%a: f32<0x3>", "%y = ArgMax(%a)", "E0121"},
    // numbers that are too large, negative or none
    {"%a: f32<4>", "const %i: i64<1> = list(9223372036854775807)\n%y = Tile(%a, %i)", "E0124"},
    {"%a: f32<4>", "const %i: i64<1> = list(-1)\n%y = Tile(%a, %i)", "E0125"},
    {"%a: f32<4>", "const %i: i64<2> = list(9223372036854775807, 9223372036854775807)\n%y = Pad(%a, %i)", "E0124"},
    {"%a: f32<4>", "const %i: i64<2> = list(4, 0)\n%y = Pad(%a, %i) {mode = reflect}", "E0121"},
    {"%a: f32<4>", "const %i: i64<2> = list(-3, -2)\n%y = Pad(%a, %i)", "E0121"},
    {"%a: f32<4>", "const %i: i64<1> = list(-9223372036854775808)\n%y = Slice(%a, %i, %i, _, %i)", "f32<1>"},
    {"%a: f32<4>", "const %i: i64<1> = list(0)\n%y = Slice(%a, %i, %i, _, %i)", "E0125"},
    {"%a: f32<4>", "const %s: f32<1> = list(1e30)\n%y = Resize(%a, _, %s)", "E0124"},
    {"%a: f32<4>", "const %s: f32<1> = list(nan)\n%y = Resize(%a, _, %s)", "E0125"},
    {"", "const %i: i64<3> = list(1000000, 1000000, 1000000)\n%y = ConstantOfShape(%i)", "E0124"},
    {"", "const %i: i64<> = list(0)\nconst %j: i64<> = list(1)\n%y = Range(%i, %j, %i)", "E0125"},
    {"",
     "const %i: i64<> = list(10)\nconst %j: i64<> = list(-1)\nconst %d: i64<> = list(-4)\n"
     "%y = Range(%i, %j, %d)",
     "i64<3>"},
    {"",
     "const %i: i64<> = list(1)\nconst %j: i64<> = list(9)\nconst %d: i64<> = list(-4)\n"
     "%y = Range(%i, %j, %d)",
     "i64<0>"},
    {"",
     "const %i: f32<> = list(1)\nconst %j: f32<> = list(2)\nconst %d: f32<> = list(0.3)\n"
     "%y = Range(%i, %j, %d)",
     "f32<4>"},
};

static void check_rows(const InferRow *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        Arena *arena = arena_new();
        const char *got = inferred(arena, list[i].inputs, list[i].body);
        if (!CHECK_TEXT(got, list[i].want))
            fprintf(stderr, "    in (%s) %s\n", list[i].inputs, list[i].body);
        arena_free(arena);
    }
}

// Nodes whose shape is decided by an input, with the type that the model declares.
static const InferRow declared_rows[] = {
    {"%x: f32<6>, %s: i64<2>", "%y = Reshape(%x, %s) : f32<2x3>", "f32<2x3>"},
    {"%x: f32<6>, %s: i64<2>", "%y = Reshape(%x, %s) : f32<2x4>", "E0121"},
    {"%x: f32<6>, %s: i64<3>", "%y = Reshape(%x, %s) : f32<2x3>", "E0121"},
    {"%x: f32<6>, %s: i64<2>", "%y = Reshape(%x, %s) : f64<2x3>", "E0105"},
    {"%x: f32<6>, %s: f32<2>", "%y = Reshape(%x, %s) : f32<2x3>", "E0105"},
    {"%x: f32<6>, %s: i64<2>", "%y = Reshape(%x, %s) : ?", "E0123"},
    {"%x: f32<Nx6>, %s: i64<2>", "%y = Reshape(%x, %s) : f32<2x3>", "E0123"},
    {"%x: f32<6>, %s: i64<0>", "%y = Reshape(%x, %s) : ?", "E0121"},
    {"%x: f32<1>, %s: i64<0>", "%y = Reshape(%x, %s) : ?", "f32<>"},
    {"%x: f32<2x1x3>, %s: i64<1>", "%y = Squeeze(%x, %s) : f32<2x3>", "f32<2x3>"},
    {"%x: f32<2x1x3>, %s: i64<2>", "%y = Squeeze(%x, %s) : f32<2x3>", "E0121"},
    {"%x: f32<2x1x3>, %s: i64<1>", "%y = Squeeze(%x, %s) : f32<1x3>", "E0121"},
    {"%x: f32<2x3>, %s: i64<1>", "%y = Unsqueeze(%x, %s) : f32<2x1x3>", "f32<2x1x3>"},
    {"%x: f32<2x3>, %s: i64<1>", "%y = Unsqueeze(%x, %s) : f32<2x2x3>", "E0121"},
    {"%x: f32<2x3x3>, %a: i64<1>", "%y = ReduceSum(%x, %a) : f32<2x1x3>", "f32<2x1x3>"},
    {"%x: f32<2x3x3>, %a: i64<2>", "%y = ReduceSum(%x, %a) : f32<2x1x3>", "E0121"},
    {"%x: f32<2x3x3>, %a: i64<1>", "%y = ReduceSum(%x, %a) {keepdims = false} : f32<2x3>", "f32<2x3>"},
    {"%x: bool<2x3>, %a: i64<1>", "%y = ReduceSum(%x, %a) : bool<2x1>", "E0105"},
    {"%x: f32<3x1>, %s: i64<2>", "%y = Expand(%x, %s) : f32<3x5>", "f32<3x5>"},
    {"%x: f32<3x1>, %s: i64<3>", "%y = Expand(%x, %s) : f32<3x5>", "E0121"},
    {"%x: f32<3x2>, %s: i64<2>", "%y = Expand(%x, %s) : f32<3x5>", "E0121"},
    {"%x: f32<3x2>, %s: i64<2>", "%y = Tile(%x, %s) : f32<3x4>", "f32<3x4>"},
    {"%x: f32<3x2>, %s: i64<2>", "%y = Tile(%x, %s) : f32<3x5>", "E0121"},
    {"%x: f32<9>, %s: i64<1>, %e: i64<1>", "%y = Slice(%x, %s, %e) : f32<4>", "f32<4>"},
    {"%x: f32<9>, %s: i64<1>, %e: i64<1>", "%y = Slice(%x, %s, %e) : f32<10>", "E0121"},
    {"%x: f32<9>, %s: i64<2>, %e: i64<2>", "%y = Slice(%x, %s, %e) : f32<4>", "E0121"},
    {"%x: f32<9>, %s: i64<1>, %e: i64<2>", "%y = Slice(%x, %s, %e) : f32<4>", "E0121"},
    {"%x: f32<3x4>, %p: i64<4>", "%y = Pad(%x, %p) : f32<5x4>", "f32<5x4>"},
    {"%x: f32<3x4>, %p: i64<3>", "%y = Pad(%x, %p) : f32<5x4>", "E0121"},
    {"%x: f32<0x4>, %p: i64<4>", "%y = Pad(%x, %p) {mode = edge} : f32<5x4>", "E0121"},
    {"%x: f32<3x4>, %s: f32<2>", "%y = Resize(%x, _, %s) : f32<6x5>", "f32<6x5>"},
    {"%x: f32<3x4>, %s: f32<3>", "%y = Resize(%x, _, %s) : f32<6x5>", "E0121"},
    {"%x: f32<3x4>, %s: i64<1>", "%y = Resize(%x, _, _, %s) {axes = [1]} : f32<6x5>", "E0121"},
    {"%x: f32<0x4>, %s: f32<2>", "%y = Resize(%x, _, %s) : f32<6x5>", "E0121"},
    {"%x: f32<4>, %r: f32<2>, %s: f32<1>",
     "%y = Resize(%x, %r, %s) {coordinate_transformation_mode = tf_crop_and_resize} : f32<6>", "E0123"},
    {"%x: f32<4x9>, %k: i64<>", "%y = TopK(%x, %k) : f32<4x3>", "f32<4x3>"},
    {"%x: f32<4x9>, %k: i64<>", "%y = TopK(%x, %k) : f32<4x10>", "E0121"},
    {"%x: f32<4>, %s: i64<1>", "%y = Split(%x, %s) : f32<4>", "f32<4>"},
    {"%x: f32<4>, %s: i64<1>", "%y = Split(%x, %s) : f32<3>", "E0121"},
    {"%s: i64<2>", "%y = ConstantOfShape(%s) : f32<4x5>", "f32<4x5>"},
    {"%s: i64<2>", "%y = ConstantOfShape(%s) : f32<4>", "E0121"},
    {"%s: i64<2>", "%y = ConstantOfShape(%s) {dtype = i64} : f32<4x5>", "E0105"},
    {"%a: f32<>, %b: f32<>, %c: f32<>", "%y = Range(%a, %b, %c) : f32<7>", "f32<7>"},
    {"%a: f32<>, %b: f32<2>, %c: f32<>", "%y = Range(%a, %b, %c) : f32<7>", "E0121"},
    {"%a: f32<>, %b: f32<>, %c: f32<>", "%y = Range(%a, %b, %c) : f32<7x1>", "E0121"},
    {"%x: f32<4x5>, %s: i64<1>", "%y = CenterCropPad(%x, %s) {axes = [1]} : f32<4x9>", "f32<4x9>"},
    {"%x: f32<4x5>, %s: i64<1>", "%y = CenterCropPad(%x, %s) {axes = [1]} : f32<3x9>", "E0121"},
    {"%x: f32<1x1x2x2>, %i: i64<1x1x2x2>, %s: i64<4>",
     "%y = MaxUnpool(%x, %i, %s) {kernel_shape = [2, 2], strides = [2, 2]} : f32<1x1x5x5>", "f32<1x1x5x5>"},
    {"%x: f32<1x1x2x2>, %i: i64<1x1x2x2>, %s: i64<4>",
     "%y = MaxUnpool(%x, %i, %s) {kernel_shape = [2, 2], strides = [2, 2]} : f32<1x1x3x5>", "E0121"},
};

// Sizes that depend on data. %n is what counts them.
#define PICK "%i, %n = NonZero(%x) : i64<2x<=12:n>, i64<>\n"
#define ROWS PICK "%r = Transpose(%i) {perm = [1, 0]} : i64<<=12:nx2>\n"
static const InferRow counted_rows[] = {
    {"%x: f32<3x4>", PICK "%y = Transpose(%i) {perm = [1, 0]}", "i64<<=12:nx2>"},
    {"%x: f32<3x4>", PICK "%y = Add(%i, %i)", "i64<2x<=12:n>"},
    {"%x: f32<3x4>, %a: i64<2x1>", PICK "%y = Add(%i, %a)", "i64<2x<=12:n>"},
    {"%x: f32<3x4>, %a: i64<2x12>", PICK "%y = Add(%i, %a)", "E0127"},
    {"%x: f32<3x4>, %z: f32<3x4>", PICK "%j, %m = NonZero(%z) : i64<2x<=12:m>, i64<>\n%y = Add(%i, %j)", "E0127"},
    {"%x: f32<3x4>", PICK "%y = Concat(%i, %i)", "i64<4x<=12:n>"},
    {"%x: f32<3x4>", PICK "%y = Concat(%i, %i) {axis = 1}", "E0127"},
    {"%x: f32<3x4>, %d: f32<5x6>", ROWS "%y = GatherND(%d, %r)", "f32<<=12:n>"},
    {"%x: f32<3x4>, %d: f32<5x6>", PICK "%y = GatherND(%d, %i)", "E0127"},
    {"%x: f32<3x4>, %d: f32<5x6>", PICK "%y = Gather(%d, %i)", "f32<2x<=12:nx6>"},
    {"%x: f32<3x4>", PICK "const %k: i64<> = list(1)\n%y = Gather(%i, %k)", "i64<<=12:n>"},
    {"%x: f32<3x4>", PICK "const %k: i64<> = list(1)\n%y = Gather(%i, %k) {axis = 1}", "E0127"},
    {"%x: f32<3x4>", PICK "%y = Gather(%i, %i)", "E0127"},
    {"%x: f32<3x4>", PICK "const %a: i64<1> = list(0)\n%y = ReduceMax(%i, %a)", "i64<1x<=12:n>"},
    {"%x: f32<3x4>", PICK "const %a: i64<1> = list(1)\n%y = ReduceMax(%i, %a)", "E0127"},
    {"%x: f32<3x4>", PICK "%y = ArgMax(%i)", "i64<1x<=12:n>"},
    {"%x: f32<3x4>", PICK "%y = ArgMax(%i) {axis = 1}", "E0127"},
    {"%x: f32<3x4>", PICK "const %s: i64<3> = list(1, 2, -1)\n%y = Reshape(%i, %s)", "i64<1x2x<=12:n>"},
    {"%x: f32<3x4>", PICK "const %s: i64<2> = list(-1, 2)\n%y = Reshape(%i, %s)", "E0127"},
    {"%x: f32<3x4>", PICK "const %s: i64<1> = list(-1)\n%y = Reshape(%i, %s)", "E0127"},
    {"%x: f32<3x4>", PICK "%y = Flatten(%i)", "i64<2x<=12:n>"},
    {"%x: f32<3x4>", PICK "%y = Flatten(%i) {axis = 0}", "E0127"},
    {"%x: f32<3x4>", PICK "const %s: i64<1> = list(0)\nconst %e: i64<1> = list(1)\n%y = Slice(%i, %s, %e)",
     "i64<1x<=12:n>"},
    {"%x: f32<3x4>", PICK "const %s: i64<2> = list(0, 0)\nconst %e: i64<2> = list(1, 1)\n%y = Slice(%i, %s, %e)",
     "E0127"},
    {"%x: f32<3x4>, %w: i64<2x5>", ROWS "%y = MatMul(%r, %w)", "i64<<=12:nx5>"},
    {"%x: f32<3x4>, %w: i64<12x5>", PICK "%y = MatMul(%i, %w)", "E0127"},
    {"%x: f32<3x4>, %w: i64<2x5>", PICK "%y = MatMul(%i, %w) {perm_a = [1, 0]}", "i64<<=12:nx5>"},
    {"%x: f32<3x4>, %w: i64<12x5>", ROWS "%y = MatMul(%r, %w) {perm_a = [1, 0]}", "E0127"},
    {"%x: f32<3x4>, %w: i64<2x5>", ROWS "%y = MatMul(%r, %w) {perm_a = [1]}", "E0121"},
    {"%x: f32<3x4>", PICK "%y = MatMul(%i, %i)", "E0127"},
    {"%x: f32<3x4>", ROWS "%y = MatMul(%i, %r)", "E0127"},
    {"%x: f32<3x4>", PICK "%y = Shape(%i)", "E0127"},
    {"%x: f32<3x4>", PICK "%y = NonZero(%i)", "E0127"},
    {"%x: f32<3x4>", PICK "%y = sqz.Trim(%i, %n)", "i64<2x<=12:n>"},
    {"%x: f32<3x4>, %k: i64<>", PICK "%y = sqz.Trim(%i, %k)", "E0121"},
    {"%x: f32<3x4>", PICK "const %f: i64<> = list(7)\n%y = sqz.Trim(%i, %n, %f) {whole = true}", "i64<2x12>"},
    {"%x: f32<3x4>", PICK "const %f: f32<> = list(7)\n%y = sqz.Trim(%i, %n, %f)", "E0105"},
    {"%x: f32<3x4>", PICK "%y = sqz.Trim(%x, %n) {axis = -2}", "f32<<=3:nx4>"},
    {"%x: f32<3x4>", PICK "%y = sqz.Trim(%x, %n) {axis = 2}", "E0121"},
    {"%x: f32<3x4>", PICK "%y = sqz.Trim(%i, %n) {axis = 0}", "E0127"},
    {"%x: f32<3x4>, %v: f32<12>", ROWS "%y = ScatterND(%x, %r, %v, %n)", "E0127"},
    {"%x: f32<3x4>", ROWS "%v = GatherND(%x, %r) : f32<<=12:n>\n%y = ScatterND(%x, %r, %v, %n)", "f32<3x4>"},
    {"%x: f32<3x4>", ROWS "%v = GatherND(%x, %r) : f32<<=12:n>\n%y = ScatterND(%x, %r, %v)", "E0127"},
    {"%x: f32<3x4>, %k: f32<>", ROWS "%v = GatherND(%x, %r) : f32<<=12:n>\n%y = ScatterND(%x, %r, %v, %k)", "E0105"},
    {"%x: f32<3x4>", "%y = NonZero(%x)", "E0123"},
    {"%x: f32<3x4>", "%y, %a, %b, %c, %n = Unique(%x) : f32<<=12:n>, i64<<=12:n>, i64<12>, i64<<=12:n>, i64<>",
     "f32<<=12:n>"},
    {"%x: f32<3x4>",
     "%y, %a, %b, %c, %n = Unique(%x) {axis = -2} : f32<<=3:nx4>, i64<<=3:n>, i64<3>, i64<<=3:n>, i64<>",
     "f32<<=3:nx4>"},
    {"%x: f32<3x4>", "%y, %a, %b, %c, %n = Unique(%x) {axis = 2} : ?, ?, ?, ?, ?", "E0121"},
    {"%x: f32<3x4>", "%y = Unique(%x)", "E0123"},
    {"%b: f32<2x9x4>, %s: f32<2x3x9>, %m: i64<1>", "%y, %n = NonMaxSuppression(%b, %s, %m) : ?, ?", "i64<<=54:nx3>"},
    {"%b: f32<2x9x4>, %s: f32<2x3x9>", "const %m: i64<> = list(4)\n%y, %n = NonMaxSuppression(%b, %s, %m) : ?, ?",
     "i64<<=24:nx3>"},
    {"%b: f32<2x9x4>, %s: f32<2x3x9>", "%y = NonMaxSuppression(%b, %s)", "i64<0x3>"},
    {"%b: f32<2x9x4>, %s: f32<2x3x9>, %m: i64<1>", "%y = NonMaxSuppression(%b, %s, %m)", "E0123"},
    {"%b: f32<2x9x4>, %s: f32<1x3x9>, %m: i64<1>", "%y = NonMaxSuppression(%b, %s, %m)", "E0121"},
    {"%b: f32<2x9x4>, %s: f32<2x3x8>, %m: i64<1>", "%y = NonMaxSuppression(%b, %s, %m)", "E0121"},
    {"%b: f32<2x9x5>, %s: f32<2x3x9>, %m: i64<1>", "%y = NonMaxSuppression(%b, %s, %m)", "E0121"},
    {"%b: f32<2x9x4>, %s: f32<2x3x9>, %m: i64<2>", "%y = NonMaxSuppression(%b, %s, %m)", "E0121"},
    {"%b: f64<2x9x4>, %s: f32<2x3x9>, %m: i64<1>", "%y = NonMaxSuppression(%b, %s, %m)", "E0105"},
    {"%x: f32<3x4>, %c: bool<3>", "%y, %n = Compress(%x, %c) {axis = 0} : f32<<=3:nx4>, i64<>", "f32<<=3:nx4>"},
    {"%x: f32<3x4>, %c: bool<4>", "%y, %n = Compress(%x, %c) {axis = 0} : f32<<=3:nx4>, i64<>", "E0121"},
};

static void check_window(void) {
    Arena *arena = arena_new();
    Diag diag = {.file = "test"};
    Node *node = last_node(arena, "%x: f32<1x1x6x7>, %w: f32<1x1x3x4>",
                           "%y = Conv(%x, %w) {auto_pad = SAME_UPPER, strides = [2, 2]}", &diag);
    if (CHECK(node != NULL)) {
        Window w = node_window(node);
        CHECK(w.n == 2 && w.in[0] == 6 && w.in[1] == 7 && w.kernel[0] == 3 && w.kernel[1] == 4);
        CHECK(w.out[0] == 3 && w.begin[0] == 0 && w.end[0] == 1);
        CHECK(w.out[1] == 4 && w.begin[1] == 1 && w.end[1] == 2);
    }
    node = last_node(arena, "%x: f32<1x1x4x4>, %w: f32<1x1x3x3>",
                     "%y = ConvTranspose(%x, %w) {output_shape = [8, 7], strides = [2, 2]}", &diag);
    if (CHECK(node != NULL)) {
        Window w = node_window(node);  // 9 without padding
        CHECK(w.out[0] == 8 && w.begin[0] == 1 && w.end[0] == 0);
        CHECK(w.out[1] == 7 && w.begin[1] == 1 && w.end[1] == 1);
    }
    arena_free(arena);
}

static void check_dims(void) {
    Symbol n = {.name = "N"}, m = {.name = "M"};
    Dim two = dim_const(2), zero = dim_const(0), sixn = {.n = 6, .sym = &n}, fourn = {.n = 4, .sym = &n},
        onem = {.n = 1, .sym = &m}, dim;
    CHECK(dim_add(sixn, fourn, &dim) && dim_equal(dim, (Dim){.n = 10, .sym = &n}));
    CHECK(dim_add(zero, fourn, &dim) && dim_equal(dim, fourn));
    CHECK(!dim_add(two, fourn, &dim) && !dim_add(onem, fourn, &dim));
    CHECK(dim_sub(fourn, fourn, &dim) && dim_equal(dim, zero));
    CHECK(dim_mul(two, fourn, &dim) && dim_equal(dim, (Dim){.n = 8, .sym = &n}));
    CHECK(dim_mul(zero, fourn, &dim) && dim_equal(dim, zero));
    CHECK(!dim_mul(onem, fourn, &dim));
    CHECK(dim_div(sixn, two, &dim) && dim_equal(dim, (Dim){.n = 3, .sym = &n}));
    CHECK(dim_div(sixn, (Dim){.n = 3, .sym = &n}, &dim) && dim_equal(dim, two));
    CHECK(!dim_div(sixn, fourn, &dim) && !dim_div(sixn, dim_const(4), &dim) && !dim_div(two, zero, &dim));
    CHECK(!dim_div(two, fourn, &dim));
    CHECK(dim_div(dim_const(-7), two, &dim) && dim_equal(dim, dim_const(-3)));
    CHECK(!dim_add(dim_const(INT64_MAX), two, &dim) && !dim_mul(dim_const(INT64_MAX), two, &dim));
    CHECK(!dim_sub(dim_const(INT64_MIN), two, &dim) && !dim_div(dim_const(INT64_MIN), dim_const(-1), &dim));
}

// What is computed on tensors of dimensions, with a symbol among them.
static void check_tensors(void) {
    Arena *arena = arena_new();
    Diag diag = {.file = "test"};
    Node *node = last_node(arena, "%x: f32<Nx3x4>", "%s = Shape(%x) : i64<3>\n"
                           "const %i: i64<2x2> = list(0, -1, 2, 1)\n%y = Gather(%s, %i)", &diag);
    if (CHECK(node != NULL)) {
        Graph *graph = node->graph;
        Infer infer = {.arena = arena, .diag = &diag, .nknown = graph->values.n};
        infer.known = ARENA_ARRAY(arena, DimTensor *, graph->values.n);
        infer.known[node->in[0]->id] = infer_eval_dims(&infer, graph->first);
        const DimTensor *tensor = infer_eval_dims(&infer, node);
        if (CHECK(tensor && tensor->n == 4)) {
            CHECK(tensor->v[0].sym && !strcmp(tensor->v[0].sym->name, "N") && tensor->v[0].n == 1);
            CHECK(tensor->v[1].n == 4 && tensor->v[2].n == 4 && tensor->v[3].n == 3);
        }
    }
    arena_free(arena);
}

void test_infer(void) {
    check_rows(rows, sizeof rows / sizeof *rows);
    check_rows(counted_rows, sizeof counted_rows / sizeof *counted_rows);
    check_rows(declared_rows, sizeof declared_rows / sizeof *declared_rows);
    check_window();
    check_dims();
    check_tensors();
}
