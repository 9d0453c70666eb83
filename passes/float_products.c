// Products of quantized numbers, MatMul and Conv of i32, as products of floats, which have faster kernels:
//
//     y = MatMul(a, b)  ->  y = Cast_i32(MatMul(Cast_f32(a), Cast_f32(b)))
//
// That is exact where no sum can pass 2^24 in magnitude: then each product and each partial sum, in any order, is a
// whole number that an f32 holds. What a sum can come to follows from the operands: a cast from 8 or 16 bits, less a
// zero point, has a range, and constants are known, so of those the magnitudes are added up for each result. Kernels
// that transform their operands (Winograd, Strassen) would have fractions or larger numbers on the way; `exact` of a
// Conv keeps them off.
#include <math.h>

#include "ir/infer.h"
#include "passes/pass.h"
#include "support/checked.h"

static const double MOST = 16777216;  // 2^24
enum { DEPTH = 8 };                   // nodes that ranges are followed through

typedef struct Range {
    double low, high;
} Range;

static double magnitude(Range r) {
    return fmax(fabs(r.low), fabs(r.high));
}

static bool range_of_type(DType dtype, Range *range) {
    if (!dtype_is_int(dtype) || dtype_info[dtype].bits > 16)
        return false;
    int bits = dtype_info[dtype].packed;
    range->low = dtype_is_signed(dtype) ? -ldexp(1, bits - 1) : 0;
    range->high = range->low + ldexp(1, bits) - 1;
    return true;
}

static bool range_of_constant(const Value *value, Arena *arena, Range *range) {
    Floats all;
    if (!value_as_doubles(value, arena, &all) || all.n == 0)
        return false;
    *range = (Range){all.v[0], all.v[0]};
    for (int64_t i = 1; i < all.n; i++)
        *range = (Range){fmin(range->low, all.v[i]), fmax(range->high, all.v[i])};
    return true;
}

// What the elements of an i32 can be; false where that is not known to be little.
static bool range_of(const Value *value, Arena *arena, int depth, Range *range) {
    Range less;
    const Node *node = value->def;
    if (value->data)
        return range_of_constant(value, arena, range);
    if (!node || depth == 0)
        return false;
    switch ((int)node->op) {
    case OP_Cast:
        return range_of_type(node->in[0]->type.dtype, range);
    case OP_Reshape:
    case OP_Transpose:
    case OP_Unsqueeze:
        return range_of(node->in[0], arena, depth - 1, range);
    case OP_Sub:
        if (!range_of(node->in[0], arena, depth - 1, range) || !range_of(node->in[1], arena, depth - 1, &less))
            return false;
        *range = (Range){range->low - less.high, range->high - less.low};
        return true;
    default:
        return false;
    }
}

// The largest sum of the magnitudes of `count` elements that lie `step` apart, in each of `outer` pieces.
static double largest_sum(const double *v, int64_t outer, int64_t count, int64_t step) {
    double most = 0;
    for (int64_t i = 0; i < outer; i++)
        for (int64_t j = 0; j < step; j++) {
            double sum = 0;
            for (int64_t k = 0; k < count; k++)
                sum += fabs(v[(i * count + k) * step + j]);
            most = fmax(most, sum);
        }
    return most;
}

// What the magnitudes of the terms of one result, each over that of the left factor, can add up to.
static bool sum_of_weights(const Node *node, Arena *arena, double *most) {
    const Value *b = node->in[1];
    const Type *type = &b->type;
    bool conv = node->op == OP_Conv;
    int64_t columns = conv || type->rank < 2 ? 1 : type->dim[type->rank - 1].n, total = type_count(type);
    int64_t terms = conv ? total / max_i64(type->dim[0].n, 1) : type->dim[type->rank < 2 ? 0 : type->rank - 2].n;
    Floats all;
    Range range;
    if (b->data && terms * columns > 0 && value_as_doubles(b, arena, &all)) {
        *most = largest_sum(all.v, total / (terms * columns), terms, columns);
        return true;
    }
    if (conv || !range_of(b, arena, DEPTH, &range))
        return false;
    *most = magnitude(range) * (double)terms;
    return true;
}

// Nothing is fused with it yet.
static bool is_plain_matmul(const Node *node) {
    return node->op == OP_MatMul && !matmul_transposes(node) && !((const MatMulAttrs *)node->attrs)->act.kind;
}

static bool match(const Node *node, Arena *arena) {
    if ((!is_plain_matmul(node) && node->op != OP_Conv) || node->kernel || node->in[0]->type.dtype != DT_I32 ||
        !type_is_static(&node->in[0]->type) || !type_is_static(&node->in[1]->type) || node_in(node, 3))
        return false;
    const Value *bias = node_in(node, 2);
    Range left, start = {0, 0};
    double weights;
    if (bias && (node->op == OP_MatMul || !bias->data || !range_of_constant(bias, arena, &start)))
        return false;
    return range_of(node->in[0], arena, DEPTH, &left) && sum_of_weights(node, arena, &weights) &&
           magnitude(left) * weights + magnitude(start) <= MOST;
}

static Value *cast_before(Node *where, Value *value, Arena *scratch) {
    Type type = value->type;
    type.dtype = DT_F32;
    if (value->data) {
        Floats all;
        value_as_doubles(value, scratch, &all);
        return value_doubles(where->graph, value->name, type, all.v);
    }
    Value *result = node_before(where, OP_Cast, value, NULL, type);
    ((CastAttrs *)result->def->attrs)->to = DT_F32;
    return result;
}

// The node itself becomes the cast, so that its result keeps its name.
static void apply(Node *node, Arena *scratch) {
    Type type = node->out[0]->type;
    type.dtype = DT_F32;
    Value *y = node_before(node, node->op, cast_before(node, node->in[0], scratch),
                           cast_before(node, node->in[1], scratch), type);
    if (node_in(node, 2))
        node_set_input(y->def, 2, cast_before(node, node->in[2], scratch));
    if (node->op == OP_Conv) {
        *(ConvAttrs *)y->def->attrs = *(const ConvAttrs *)node->attrs;
        ((ConvAttrs *)y->def->attrs)->exact = true;
    }
    node->op = OP_Cast;
    node->attrs = attrs_new(&cast_attrs, node->graph->module->arena);
    ((CastAttrs *)node->attrs)->to = DT_I32;
    node->in[0] = y;
    node->nin = 1;
}

bool pass_float_products(PassContext *ctx, Graph *graph) {
    for (Node *node = graph->first; node; node = node->next)
        if (match(node, ctx->scratch))
            apply(node, ctx->scratch);
    return true;
}
