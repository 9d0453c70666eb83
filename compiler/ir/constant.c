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

static void copy_element(unsigned char *to, const unsigned char *from, int64_t bytes) {
    switch (bytes) {
    case 8: memcpy(to, from, 8); return;
    case 4: memcpy(to, from, 4); return;
    case 2: memcpy(to, from, 2); return;
    default: *to = *from;
    }
}

// Rows of what is read, `columns` elements each, from steps apart: along the smaller step first, which is where the
// caches have the next element.
static void copy_rows(const Moved *moved, const unsigned char *from, int64_t rows, int64_t columns, int64_t bytes,
                      unsigned char *to) {
    int64_t across = moved->step[moved->rank - 1], down = moved->rank > 1 ? moved->step[moved->rank - 2] : 0;
    if (rows == 1 && across == 1) {
        memcpy(to, from, (size_t)(columns * bytes));
        return;
    }
    for (int64_t column = 0; column < columns; column++)
        for (int64_t row = 0; row < rows; row++)
            copy_element(to + (row * columns + column) * bytes, from + (row * down + column * across) * bytes, bytes);
}

enum { ROWS_ABREAST = 16 };

static void read_moved(const Moved *moved, int64_t first, int64_t count, unsigned char *to) {
    int64_t bytes = dtype_info[moved->dtype].bits / 8, columns = moved->dim[moved->rank - 1];
    const unsigned char *base = constant_bytes(moved->base);
    for (int64_t rows, part; count > 0; first += rows * part, count -= rows * part) {
        int64_t at = moved->first, rest = first;
        for (int i = moved->rank - 1; i >= 0; i--) {
            at += rest % moved->dim[i] * moved->step[i];
            rest /= moved->dim[i];
        }
        part = min_i64(columns - first % columns, count);
        rows = 1;
        if (part == columns && moved->rank > 1 && moved->step[moved->rank - 1] != 1) {
            int64_t row = first / columns % moved->dim[moved->rank - 2];
            rows = min_i64(min_i64(count / columns, ROWS_ABREAST), moved->dim[moved->rank - 2] - row);
        }
        copy_rows(moved, base + at * bytes, rows, part, bytes, to);
        to += rows * part * bytes;
    }
}

void constant_read(const Constant *constant, DType dtype, int64_t first, int64_t count, void *to) {
    int64_t bytes = dtype_info[dtype].bits / 8;
    if (constant->stored) {
        memcpy(to, (const unsigned char *)constant->stored + first * bytes, (size_t)(count * bytes));
        return;
    }
    if (constant->moved) {
        read_moved(constant->moved, first, count, to);
        return;
    }
    constant_read(constant->scaled->base, dtype, first, count, to);
    scale_elements(constant->scaled, first, count, to);
}

const void *constant_bytes(const Constant *constant) {
    const Scaled *scaled = constant->scaled;
    const Moved *moved = constant->moved;
    if (!constant->stored && (scaled || moved)) {
        void *bytes = arena_alloc(scaled ? scaled->arena : moved->arena, (size_t)constant->size);
        DType dtype = scaled ? scaled->dtype : moved->dtype;
        constant_read(constant, dtype, 0, constant->size * 8 / dtype_info[dtype].bits, bytes);
        ((Constant *)(uintptr_t)constant)->stored = bytes;
    }
    return constant->stored;
}

static bool scaled_equal(const Scaled *a, const Scaled *b) {
    return a->dtype == b->dtype && a->run == b->run && a->n == b->n &&
           !memcmp(a->factor, b->factor, (size_t)a->n * sizeof *a->factor) && constant_equal(a->base, b->base);
}

static bool moved_equal(const Moved *a, const Moved *b) {
    size_t bytes = (size_t)a->rank * sizeof *a->dim;
    return a->dtype == b->dtype && a->rank == b->rank && a->first == b->first && !memcmp(a->dim, b->dim, bytes) &&
           !memcmp(a->step, b->step, bytes) && constant_equal(a->base, b->base);
}

bool constant_equal(const Constant *a, const Constant *b) {
    if (a->size != b->size)
        return false;
    if (a->scaled && b->scaled)
        return scaled_equal(a->scaled, b->scaled);
    if (a->moved && b->moved)
        return moved_equal(a->moved, b->moved);
    if (a->scaled || b->scaled || a->moved || b->moved)
        return false;
    return a->stored == b->stored || !memcmp(a->stored, b->stored, (size_t)a->size);
}

const Constant *constant_moved(const Moved *moved) {
    Moved *copy = ARENA_NEW(moved->arena, Moved);
    Constant *constant = ARENA_NEW(moved->arena, Constant);
    *copy = *moved;
    *constant = (Constant){.size = dtype_info[moved->dtype].bits / 8, .moved = copy};
    for (int i = 0; i < moved->rank; i++)
        constant->size *= moved->dim[i];
    return constant;
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
