// Reading constants: their bytes, stored or derived from others', and their elements as doubles, for passes that
// compute on parameters (folding a BatchNormalization) and for shape inference that reads scales.
#include <string.h>

#include "ir/element.h"
#include "ir/ir.h"
#include "support/checked.h"

// ---- Bytes

void constant_read(const Constant *constant, DType dtype, int64_t first, int64_t count, void *to) {
    int64_t bytes = dtype_info[dtype].bits / 8;
    if (constant->stored)
        memcpy(to, (const unsigned char *)constant->stored + first * bytes, (size_t)(count * bytes));
    else
        derived_read(constant->derived, first, count, to);
}

bool constant_equal(const Constant *a, const Constant *b) {
    if (a == b)
        return true;
    if (a->size != b->size || !a->derived != !b->derived)
        return false;
    if (a->derived)
        return derived_equal(a->derived, b->derived);
    return a->stored == b->stored || !memcmp(a->stored, b->stored, (size_t)a->size);
}

Value *value_scaled(Graph *graph, const Value *other, const double *factor, int64_t run, int64_t n) {
    Arena *arena = graph->module->arena;
    double *copy = ARENA_ARRAY(arena, double, n);
    memcpy(copy, factor, (size_t)n * sizeof *copy);
    Value *value = value_new(graph, other->name, other->type);
    value->data = constant_derived(&(Derived){
        .how = SCALED, .dtype = other->type.dtype, .base = other->data,
        .number = copy, .run = run, .n = n, .arena = arena});
    return value;
}

// ---- Elements

bool value_as_doubles(const Value *value, Arena *arena, Floats *numbers) {
    *numbers = (Floats){0};
    if (!value || !value->data || !type_is_static(&value->type))
        return false;
    int64_t count = type_count(&value->type);
    if (count > INT32_MAX || type_bytes(&value->type) > value->data->size)
        return false;
    numbers->n = (int)count;
    numbers->v = ARENA_ARRAY(arena, double, count);
    const void *bytes = elements_wide(arena, &value->type, constant_bytes(value->data));
    for (int i = 0; i < numbers->n; i++)
        numbers->v[i] = element_double(value->type.dtype, bytes, i);
    return true;
}

Value *value_doubles(Graph *graph, const char *name, Type type, const double *v) {
    int64_t count = type_count(&type);
    void *bytes = arena_alloc(graph->module->arena, (size_t)type_bytes(&type));
    for (int64_t i = 0; i < count; i++)
        element_set(type.dtype, bytes, i, v[i]);
    return value_constant(graph, name, type, bytes);
}
