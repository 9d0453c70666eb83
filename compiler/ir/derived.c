// Constants whose elements follow from those of others (ir.h, Derived), read where they are needed: any run of
// elements, best from front to back. Constants may follow from such constants again; each takes from its base what it
// needs.
#include <string.h>

#include "ir/element.h"
#include "ir/ir.h"
#include "support/checked.h"

// ---- Converted, scaled, shifted

static void convert_elements(const Derived *d, int64_t first, int64_t count, unsigned char *to) {
    uint64_t piece[1024];
    int64_t most = (int64_t)sizeof piece * 8 / dtype_info[d->from].bits, bytes = dtype_info[d->dtype].bits / 8;
    for (int64_t n; count > 0; first += n, count -= n, to += n * bytes) {
        n = min_i64(count, most);
        constant_read(d->base, d->from, first, n, piece);
        elements_convert(d->from, piece, d->dtype, to, n);
    }
}

static double adjusted(const Derived *d, double x, double number) {
    return d->how == SCALED ? x * number : x + number;
}

// `count` floats in place, beginning with number `first` of all. A product or a sum of two floats in double precision,
// rounded, is theirs in single precision.
static void adjust_floats(const Derived *d, int64_t first, int64_t count, unsigned char *bytes) {
    int64_t index = first / d->run % d->n, left = d->run - first % d->run;
    for (int64_t i = 0; i < count; i++) {
        float x;
        memcpy(&x, bytes + i * (int64_t)sizeof x, sizeof x);
        x = (float)adjusted(d, (double)x, d->number[index]);
        memcpy(bytes + i * (int64_t)sizeof x, &x, sizeof x);
        if (--left)
            continue;
        left = d->run;
        index = index + 1 < d->n ? index + 1 : 0;
    }
}

static void adjust_elements(const Derived *d, int64_t first, int64_t count, unsigned char *bytes) {
    constant_read(d->base, d->dtype, first, count, bytes);
    if (d->dtype == DT_F32) {
        adjust_floats(d, first, count, bytes);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        double number = d->number[(first + i) / d->run % d->n];
        element_set(d->dtype, bytes, i, adjusted(d, element_double(d->dtype, bytes, i), number));
    }
}

// ---- Moved

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
    for (int64_t column = 0; column < columns; column++)
        for (int64_t row = 0; row < rows; row++)
            copy_element(to + (row * columns + column) * bytes, from + (row * down + column * across) * bytes, bytes);
}

enum { ROWS_ABREAST = 16, LONG_ROW = 16 };

// Whether rows of the result are rows of the base, which then need not be there as a whole.
static bool reads_rows(const Moved *moved) {
    return moved->step[moved->rank - 1] == 1 && moved->dim[moved->rank - 1] >= LONG_ROW;
}

static void read_moved(const Derived *d, int64_t first, int64_t count, unsigned char *to) {
    const Moved *moved = &d->moved;
    int64_t bytes = dtype_info[d->dtype].bits / 8, columns = moved->dim[moved->rank - 1];
    bool by_rows = reads_rows(moved);
    const unsigned char *base = by_rows ? NULL : constant_bytes(d->base);
    for (int64_t rows, part; count > 0; first += rows * part, count -= rows * part) {
        int64_t at = moved->first, rest = first;
        for (int i = moved->rank - 1; i >= 0; i--) {
            at += rest % moved->dim[i] * moved->step[i];
            rest /= moved->dim[i];
        }
        part = min_i64(columns - first % columns, count);
        rows = 1;
        if (part == columns && moved->rank > 1 && !by_rows) {
            int64_t row = first / columns % moved->dim[moved->rank - 2];
            rows = min_i64(min_i64(count / columns, ROWS_ABREAST), moved->dim[moved->rank - 2] - row);
        }
        if (by_rows)
            constant_read(d->base, d->dtype, at, part, to);
        else
            copy_rows(moved, base + at * bytes, rows, part, bytes, to);
        to += rows * part * bytes;
    }
}

// ---- Joined

static void read_joined(const Derived *d, int64_t first, int64_t count, unsigned char *to) {
    int64_t bytes = dtype_info[d->dtype].bits / 8, turn = 0;
    for (int i = 0; i < d->parts; i++)
        turn += d->runs[i];
    int64_t turns = first / turn, at = first % turn;
    int part = 0;
    for (; at >= d->runs[part]; part++)
        at -= d->runs[part];
    for (int64_t n; count > 0; count -= n, to += n * bytes, at = 0) {
        n = min_i64(d->runs[part] - at, count);
        constant_read(d->part[part], d->dtype, turns * d->runs[part] + at, n, to);
        part = (part + 1) % d->parts;
        turns += part == 0;
    }
}

void derived_read(const Derived *derived, int64_t first, int64_t count, void *to) {
    if (count <= 0)
        return;
    switch (derived->how) {
    case CONVERTED: convert_elements(derived, first, count, to); return;
    case SCALED:
    case SHIFTED: adjust_elements(derived, first, count, to); return;
    case MOVED: read_moved(derived, first, count, to); return;
    case JOINED: read_joined(derived, first, count, to); return;
    }
}

// ---- As a whole

const void *constant_bytes(const Constant *constant) {
    const Derived *derived = constant->derived;
    if (!constant->stored && derived) {
        void *bytes = arena_alloc(derived->arena, (size_t)constant->size);
        derived_read(derived, 0, constant->size * 8 / dtype_info[derived->dtype].bits, bytes);
        ((Constant *)(uintptr_t)constant)->stored = bytes;
    }
    return constant->stored;
}

void constant_hold(const Constant *constant, HeldConstants *held) {
    const Derived *derived = constant->derived;
    if (constant->stored || constant->held || !derived)
        return;
    Constant *mine = (Constant *)(uintptr_t)constant;
    mine->held = true;
    LIST_PUSH(held->arena, held, mine);
    for (int i = 0; i < derived->parts; i++)
        constant_hold(derived->part[i], held);
    const Constant *base = derived->base;
    if (!base)
        return;
    constant_hold(base, held);
    if (derived->how == MOVED && !reads_rows(&derived->moved) && !base->stored) {
        void *bytes = arena_alloc(held->arena, (size_t)base->size);
        derived_read(base->derived, 0, base->size * 8 / dtype_info[derived->dtype].bits, bytes);
        ((Constant *)(uintptr_t)base)->stored = bytes;
    }
}

void constant_release(HeldConstants *held) {
    for (int i = 0; i < held->n; i++) {
        held->item[i]->stored = NULL;
        held->item[i]->held = false;
    }
    held->n = 0;
}

// ---- Making and comparing them

static int64_t derived_size(const Derived *derived) {
    int64_t size = dtype_info[derived->dtype].bits / 8;
    switch (derived->how) {
    case CONVERTED: return derived->base->size * 8 / dtype_info[derived->from].bits * size;
    case SCALED:
    case SHIFTED: return derived->base->size;
    case MOVED:
        for (int i = 0; i < derived->moved.rank; i++)
            size *= derived->moved.dim[i];
        return size;
    case JOINED:
        size = 0;
        for (int i = 0; i < derived->parts; i++)
            size += derived->part[i]->size;
        return size;
    }
    return 0;
}

static void count_source(Derived *derived, const Constant *source) {
    const Derived *behind = source->derived;
    int depth = behind ? behind->depth + 1 : 1;
    derived->depth = depth > derived->depth ? depth : derived->depth;
    derived->sources += behind ? behind->sources : 1;
}

const Constant *constant_derived(const Derived *derived) {
    Derived *copy = ARENA_NEW(derived->arena, Derived);
    Constant *constant = ARENA_NEW(derived->arena, Constant);
    *copy = *derived;
    copy->depth = copy->sources = 0;
    *constant = (Constant){.derived = copy, .size = derived_size(derived)};
    if (derived->base)
        count_source(copy, derived->base);
    for (int i = 0; i < derived->parts && copy->sources <= DERIVED_SOURCES; i++)
        count_source(copy, derived->part[i]);
    return copy->depth > DERIVED_DEPTH || copy->sources > DERIVED_SOURCES ? NULL : constant;
}

static bool moved_equal(const Moved *a, const Moved *b) {
    size_t bytes = (size_t)a->rank * sizeof *a->dim;
    return a->rank == b->rank && a->first == b->first && !memcmp(a->dim, b->dim, bytes) &&
           !memcmp(a->step, b->step, bytes);
}

static bool joined_equal(const Derived *a, const Derived *b) {
    if (a->parts != b->parts || memcmp(a->runs, b->runs, (size_t)a->parts * sizeof *a->runs))
        return false;
    for (int i = 0; i < a->parts; i++)
        if (!constant_equal(a->part[i], b->part[i]))
            return false;
    return true;
}

bool derived_equal(const Derived *a, const Derived *b) {
    if (a->how != b->how || a->dtype != b->dtype || (a->base && !constant_equal(a->base, b->base)))
        return false;
    switch (a->how) {
    case CONVERTED: return a->from == b->from;
    case SCALED:
    case SHIFTED:
        return a->run == b->run && a->n == b->n && !memcmp(a->number, b->number, (size_t)a->n * sizeof *a->number);
    case MOVED: return moved_equal(&a->moved, &b->moved);
    case JOINED: return joined_equal(a, b);
    }
    return false;
}
