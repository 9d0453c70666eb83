// Constants as arrays of doubles, for passes that compute on parameters (folding a BatchNormalization) and for
// shape inference that reads scales.
#include "ir/element.h"
#include "ir/ir.h"

bool value_as_doubles(const Value *value, Arena *arena, Floats *numbers) {
    *numbers = (Floats){0};
    if (!value || !value->data || !type_is_static(&value->type))
        return false;
    int64_t count = type_count(&value->type);
    if (count > INT32_MAX || type_bytes(&value->type) > value->data->size)
        return false;
    numbers->n = (int)count;
    numbers->v = ARENA_ARRAY(arena, double, count);
    const void *bytes = elements_wide(arena, &value->type, value->data->bytes);
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
