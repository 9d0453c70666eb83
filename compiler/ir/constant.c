// Reading constants: their bytes, stored or computed from another's, and their elements as doubles, for passes that
// compute on parameters (folding a BatchNormalization) and for shape inference that reads scales.
#include <string.h>

#include "ir/element.h"
#include "ir/ir.h"
#include "support/checked.h"

// ---- Bytes

// `count` floats in place, beginning with number `first` of all: pieces of one factor.
static void scale_floats(const Scaled *scaled, int64_t first, int64_t count, unsigned char *bytes) {
    for (int64_t done = 0; done < count;) {
        int64_t at = first + done, piece = min_i64(scaled->run - at % scaled->run, count - done);
        double factor = scaled->factor[at / scaled->run % scaled->n];
        for (int64_t i = done; i < done + piece; i++) {
            float x;
            memcpy(&x, bytes + i * (int64_t)sizeof x, sizeof x);
            x = (float)((double)x * factor);
            memcpy(bytes + i * (int64_t)sizeof x, &x, sizeof x);
        }
        done += piece;
    }
}

static void scale_elements(const Scaled *scaled, int64_t first, int64_t count, void *bytes) {
    if (scaled->dtype == DT_F32) {
        scale_floats(scaled, first, count, bytes);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        double factor = scaled->factor[(first + i) / scaled->run % scaled->n];
        element_set(scaled->dtype, bytes, i, element_double(scaled->dtype, bytes, i) * factor);
    }
}

void constant_read(const Constant *constant, DType dtype, int64_t first, int64_t count, void *to) {
    int64_t bytes = dtype_info[dtype].bits / 8;
    if (constant->stored) {
        memcpy(to, (const unsigned char *)constant->stored + first * bytes, (size_t)(count * bytes));
        return;
    }
    constant_read(constant->scaled->base, dtype, first, count, to);
    scale_elements(constant->scaled, first, count, to);
}

const void *constant_bytes(const Constant *constant) {
    const Scaled *scaled = constant->scaled;
    if (!constant->stored && scaled) {
        void *bytes = arena_alloc(scaled->arena, (size_t)constant->size);
        constant_read(constant, scaled->dtype, 0, constant->size * 8 / dtype_info[scaled->dtype].bits, bytes);
        ((Constant *)(uintptr_t)constant)->stored = bytes;
    }
    return constant->stored;
}

static bool scaled_equal(const Scaled *a, const Scaled *b) {
    return a->dtype == b->dtype && a->run == b->run && a->n == b->n &&
           !memcmp(a->factor, b->factor, (size_t)a->n * sizeof *a->factor) && constant_equal(a->base, b->base);
}

bool constant_equal(const Constant *a, const Constant *b) {
    if (a->size != b->size)
        return false;
    if (a->scaled && b->scaled)
        return scaled_equal(a->scaled, b->scaled);
    return !a->scaled && !b->scaled && (a->stored == b->stored || !memcmp(a->stored, b->stored, (size_t)a->size));
}

Value *value_scaled(Graph *graph, const Value *other, const double *factor, int64_t run, int64_t n) {
    Arena *arena = graph->module->arena;
    double *copy = ARENA_ARRAY(arena, double, n);
    memcpy(copy, factor, (size_t)n * sizeof *copy);
    Scaled *scaled = ARENA_NEW(arena, Scaled);
    *scaled =
        (Scaled){.base = other->data, .dtype = other->type.dtype, .factor = copy, .run = run, .n = n, .arena = arena};
    Constant *constant = ARENA_NEW(arena, Constant);
    *constant = (Constant){.size = other->data->size, .scaled = scaled};
    Value *value = value_new(graph, other->name, other->type);
    value->data = constant;
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
