#include "passes/quantized.h"

#include <math.h>

static const double MOST_EXACT = 16777216;  // 2^24: integers up to it are numbers of f32
// Beyond these, a number of 16 bits times the scale might not be normal.
static const double LEAST_SCALE = 1e-30, MOST_SCALE = 1e30;

static bool are_exact(const Floats *numbers) {
    for (int64_t i = 0; i < numbers->n; i++)
        if (fabs(numbers->v[i]) > MOST_EXACT)
            return false;
    return true;
}

bool constant_numbers(const Value *value, Arena *arena, Floats *numbers) {
    bool same = true;
    while (value->def) {
        const Node *node = value->def;
        if (node->op != OP_Cast && !(op_info[node->op].flags & VIEW))
            return false;
        same = same && node->op != OP_Cast;
        value = node->in[0];
    }
    return type_is_static(&value->type) && value_as_doubles(value, arena, numbers) && numbers->n > 0 &&
           (same || (dtype_is_int(value->type.dtype) && are_exact(numbers)));
}

static bool scales_fit(const Floats *scale) {
    for (int64_t i = 0; i < scale->n; i++)
        if (!(scale->v[i] >= LEAST_SCALE && scale->v[i] <= MOST_SCALE))
            return false;
    return true;
}

static Node *def_of(const Value *value, OpKind op) {
    return value && value->def && value->def->op == op ? value->def : NULL;
}

// The axis of x that all numbers of a broadcast operand go along: -1 for a single number, -2 for anything else.
static int axis_along(const Type *x, const Type *type) {
    int axis = -1;
    for (int i = 0; i < type->rank; i++) {
        if (type->dim[i].sym || type->dim[i].n == 1)
            continue;
        if (axis != -1 || type->rank > x->rank)
            return -2;
        axis = i + x->rank - type->rank;
    }
    return axis;
}

// One operand, which goes along the axis unless it is a single number; the first one decides which axis that is.
static bool match_along(const Value *x, const Value *operand, Arena *arena, Floats *numbers, int *axis) {
    int along = axis_along(&x->type, &operand->type);
    if (along == -2 || !constant_numbers(operand, arena, numbers) || (along >= 0 && *axis >= 0 && along != *axis))
        return false;
    *axis = along >= 0 ? along : *axis;
    return true;
}

static void set_zero(Arena *arena, Floats *zero, double number) {
    zero->n = 1;
    zero->v = ARENA_ARRAY(arena, double, 1);
    zero->v[0] = number;
}

// sqz.Dequantize, with blocks that are whole rows, whole columns or everything.
static bool match_matrix(const Node *node, Arena *arena, Dequantized *found) {
    const DequantizeAttrs *attrs = node->attrs;
    const Type *type = &node->out[0]->type;
    bool tall = attrs->rows >= type->dim[0].n, wide = attrs->columns >= type->dim[1].n;
    if ((!tall && !(wide && attrs->rows == 1)) || (!wide && attrs->columns != 1))
        return false;
    *found = (Dequantized){.bytes = node->in[0], .axis = tall && wide ? -1 : tall ? 1 : 0};
    set_zero(arena, &found->zero, (double)attrs->zero);
    return constant_numbers(node->in[1], arena, &found->scale) && scales_fit(&found->scale) &&
           (!node_in(node, 2) || constant_numbers(node->in[2], arena, &found->zero));
}

bool match_dequantized(const Value *x, Arena *arena, Dequantized *found) {
    const Node *scaled = x->def;
    if (x->type.dtype != DT_F32 || !type_is_static(&x->type))
        return false;
    if (scaled && scaled->op == OP_Dequantize)
        return match_matrix(scaled, arena, found);
    if (!def_of(x, OP_Mul))
        return false;
    *found = (Dequantized){.axis = -1};
    set_zero(arena, &found->zero, 0);
    const Node *less = def_of(scaled->in[0], OP_Sub), *widened = def_of(less ? less->in[0] : scaled->in[0], OP_Cast);
    if (!widened || !dtype_is_int(widened->in[0]->type.dtype) || !type_same_shape(&widened->out[0]->type, &x->type))
        return false;
    found->bytes = widened->in[0];
    return match_along(x, scaled->in[1], arena, &found->scale, &found->axis) && scales_fit(&found->scale) &&
           (!less || match_along(x, less->in[1], arena, &found->zero, &found->axis));
}

// Whether a Clip's bounds are those of the type.
static bool clips_to(const Node *clip, DType dtype, Arena *arena) {
    Floats low, high;
    double least = dtype_is_signed(dtype) ? -128 : 0;
    return node_in(clip, 1) && node_in(clip, 2) && constant_numbers(clip->in[1], arena, &low) &&
           constant_numbers(clip->in[2], arena, &high) && low.v[0] == least && high.v[0] == least + 255;
}

bool match_quantized(const Node *last, Arena *arena, Quantized *found) {
    DType dtype = last->out[0] ? last->out[0]->type.dtype : DT_NONE;
    if (last->op != OP_Cast || (dtype != DT_I8 && dtype != DT_U8) || !type_is_static(&last->out[0]->type))
        return false;
    const Node *clip = def_of(last->in[0], OP_Clip);
    if (!clip || clip->out[0]->type.dtype != DT_F32 || !clips_to(clip, dtype, arena))
        return false;
    const Node *moved = def_of(clip->in[0], OP_Add), *rounded = def_of(moved ? moved->in[0] : clip->in[0], OP_Round);
    Node *divided = rounded ? def_of(rounded->in[0], OP_Div) : NULL;
    Floats scale, zero = {0};
    if (!divided || !constant_numbers(divided->in[1], arena, &scale) || !scales_fit(&scale) || scale.n != 1 ||
        (moved && (!constant_numbers(moved->in[1], arena, &zero) || zero.n != 1)) ||
        !type_same_shape(&divided->in[0]->type, &last->out[0]->type))
        return false;
    *found = (Quantized){divided->in[0], divided, dtype, scale.v[0], moved ? zero.v[0] : 0};
    return true;
}
