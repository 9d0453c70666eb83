// Attributes are plain structs; this file is what reads them by name: defaults, equality, text. The rows that
// describe each struct are in attr_tables.c.
#include "ir/attrs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ir/text.h"

static void *field(const AttrRow *row, void *attrs) {
    return (char *)attrs + row->offset;
}

static const void *field_const(const AttrRow *row, const void *attrs) {
    return (const char *)attrs + row->offset;
}

void *attrs_new(const AttrTable *table, Arena *arena) {
    void *attrs = arena_alloc(arena, table->size);
    for (const AttrRow *row = table->rows; row->name; row++) {
        if (row->initial)
            attr_parse(arena, row, row->initial, attrs);
        else if (row->kind == ATTR_DTYPE)
            *(DType *)field(row, attrs) = DT_NONE;
    }
    return attrs;
}

static void copy_list(Arena *arena, void **items, int count, size_t size) {
    void *copy = arena_alloc(arena, (size_t)count * size);
    if (count)
        memcpy(copy, *items, (size_t)count * size);
    *items = copy;
}

Ints ints_copy(Arena *arena, const int64_t *v, int n) {
    Ints ints = {n, ARENA_ARRAY(arena, int64_t, n)};
    for (int i = 0; i < n; i++)
        ints.v[i] = v[i];
    return ints;
}

void *attrs_copy(const AttrTable *table, Arena *arena, const void *attrs) {
    void *copy = arena_alloc(arena, table->size);
    memcpy(copy, attrs, table->size);
    for (const AttrRow *row = table->rows; row->name; row++) {
        if (row->kind == ATTR_INTS) {
            Ints *ints = field(row, copy);
            void *items = ints->v;
            copy_list(arena, &items, ints->n, sizeof *ints->v);
            ints->v = items;
        } else if (row->kind == ATTR_FLOATS) {
            Floats *floats = field(row, copy);
            void *items = floats->v;
            copy_list(arena, &items, floats->n, sizeof *floats->v);
            floats->v = items;
        } else if (row->kind == ATTR_STRING) {
            const char **text = field(row, copy);
            *text = *text ? arena_string(arena, *text) : NULL;
        }
    }
    return copy;
}

static bool strings_equal(const char *a, const char *b) {
    return a == b || (a && b && !strcmp(a, b));
}

static bool ints_equal(const Ints *a, const Ints *b) {
    return a->n == b->n && (!a->n || !memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v));
}

static bool floats_equal(const Floats *a, const Floats *b) {
    return a->n == b->n && (!a->n || !memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v));
}

// Floats are compared by their bits: NaN equals itself, and 0 differs from -0.
static bool field_equal(const AttrRow *row, const void *a, const void *b) {
    const void *x = field_const(row, a), *y = field_const(row, b);
    switch (row->kind) {
    case ATTR_INT:
        return *(const int64_t *)x == *(const int64_t *)y;
    case ATTR_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case ATTR_FLOAT:
        return !memcmp(x, y, sizeof(double));
    case ATTR_STRING:
        return strings_equal(*(const char *const *)x, *(const char *const *)y);
    case ATTR_ENUM:
        return *(const int *)x == *(const int *)y;
    case ATTR_DTYPE:
        return *(const DType *)x == *(const DType *)y;
    case ATTR_INTS:
        return ints_equal(x, y);
    case ATTR_FLOATS:
        return floats_equal(x, y);
    }
    return false;
}

bool attrs_equal(const AttrTable *table, const void *a, const void *b) {
    for (const AttrRow *row = table->rows; row->name; row++)
        if (!field_equal(row, a, b))
            return false;
    return true;
}

const AttrRow *attrs_find(const AttrTable *table, const char *name) {
    for (const AttrRow *row = table->rows; row->name; row++)
        if (!strcmp(row->name, name))
            return row;
    return NULL;
}

// The default of one row, in a struct of its own whose only field has offset 0.
typedef union AttrField {
    int64_t number;
    bool flag;
    double real;
    const char *text;
    int word;
    DType dtype;
    Ints ints;
    Floats floats;
} AttrField;

bool attr_is_default(const AttrTable *table, const AttrRow *row, const void *attrs) {
    (void)table;
    AttrField initial, actual;
    memset(&initial, 0, sizeof initial);
    memset(&actual, 0, sizeof actual);
    AttrRow alone = *row;
    alone.offset = 0;
    Arena *arena = NULL;
    if (row->initial && (row->kind == ATTR_INTS || row->kind == ATTR_FLOATS || row->kind == ATTR_STRING))
        arena = arena_new();
    if (row->initial)
        attr_parse(arena, &alone, row->initial, &initial);
    else if (row->kind == ATTR_DTYPE)
        initial.dtype = DT_NONE;
    static const size_t sizes[] = {
        [ATTR_INT] = sizeof(int64_t), [ATTR_BOOL] = sizeof(bool),   [ATTR_FLOAT] = sizeof(double),
        [ATTR_STRING] = sizeof(char *), [ATTR_ENUM] = sizeof(int), [ATTR_DTYPE] = sizeof(DType),
        [ATTR_INTS] = sizeof(Ints),   [ATTR_FLOATS] = sizeof(Floats)};
    memcpy(&actual, field_const(row, attrs), sizes[row->kind]);
    bool equal = field_equal(&alone, &initial, &actual);
    arena_free(arena);
    return equal;
}

static void print_ints(Str *out, const Ints *ints) {
    str_add(out, "[");
    for (int i = 0; i < ints->n; i++)
        str_printf(out, "%s%lld", i ? ", " : "", (long long)ints->v[i]);
    str_add(out, "]");
}

static void print_floats(Str *out, const Floats *floats) {
    str_add(out, "[");
    for (int i = 0; i < floats->n; i++) {
        str_add(out, i ? ", " : "");
        text_double(out, floats->v[i]);
    }
    str_add(out, "]");
}

static const char *enum_word(const AttrRow *row, int index) {
    int count = 0;
    while (row->words[count])
        count++;
    return index >= 0 && index < count ? row->words[index] : "?";
}

const char *attr_text(Arena *arena, const AttrRow *row, const void *attrs) {
    Str out = {.arena = arena};
    const void *p = field_const(row, attrs);
    switch (row->kind) {
    case ATTR_INT:
        str_printf(&out, "%lld", (long long)*(const int64_t *)p);
        break;
    case ATTR_BOOL:
        return *(const bool *)p ? "true" : "false";
    case ATTR_FLOAT:
        text_double(&out, *(const double *)p);
        break;
    case ATTR_STRING:
        text_quote(&out, *(const char *const *)p ? *(const char *const *)p : "");
        break;
    case ATTR_ENUM:
        return enum_word(row, *(const int *)p);
    case ATTR_DTYPE:
        return *(const DType *)p < DT_COUNT ? dtype_info[*(const DType *)p].name : "none";
    case ATTR_INTS:
        print_ints(&out, p);
        break;
    case ATTR_FLOATS:
        print_floats(&out, p);
        break;
    }
    return out.text;
}

static size_t word_length(const char *text) {
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_')
        n++;
    return n;
}

static bool word_is(const char *text, size_t length, const char *word) {
    return strlen(word) == length && !memcmp(text, word, length);
}

static const char *parse_bool(const char *text, bool *flag) {
    size_t n = word_length(text);
    *flag = word_is(text, n, "true") || word_is(text, n, "1");
    return *flag || word_is(text, n, "false") || word_is(text, n, "0") ? text + n : NULL;
}

static const char *parse_enum(const AttrRow *row, const char *text, int *index) {
    size_t n = word_length(text);
    for (int i = 0; row->words[i]; i++) {
        if (word_is(text, n, row->words[i])) {
            *index = i;
            return text + n;
        }
    }
    return NULL;
}

static const char *parse_dtype(const char *text, DType *dtype) {
    size_t n = word_length(text);
    for (int i = 0; i < DT_COUNT; i++) {
        if (word_is(text, n, dtype_info[i].name)) {
            *dtype = (DType)i;
            return text + n;
        }
    }
    *dtype = DT_NONE;
    return word_is(text, n, "none") ? text + n : NULL;
}

static const char *skip_blanks(const char *text) {
    while (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')
        text++;
    return text;
}

// Reads `[a, b, ...]`, handing each item's text to one of the two lists.
static const char *parse_list(Arena *arena, const char *text, Ints *ints, Floats *floats) {
    if (*text != '[')
        return NULL;
    int n = 0, capacity = 0;
    text = skip_blanks(text + 1);
    while (*text != ']') {
        if (n && *text++ != ',')
            return NULL;
        text = skip_blanks(text);
        if (ints) {
            ints->v = arena_grow(arena, ints->v, n, &capacity, sizeof *ints->v);
            text = text_read_int(text, &ints->v[n]);
        } else {
            floats->v = arena_grow(arena, floats->v, n, &capacity, sizeof *floats->v);
            text = text_read_double(text, &floats->v[n]);
        }
        if (!text)
            return NULL;
        n++;
        text = skip_blanks(text);
    }
    *(ints ? &ints->n : &floats->n) = n;
    return text + 1;
}

const char *attr_parse(Arena *arena, const AttrRow *row, const char *text, void *attrs) {
    void *p = field(row, attrs);
    switch (row->kind) {
    case ATTR_INT:
        return text_read_int(text, p);
    case ATTR_BOOL:
        return parse_bool(text, p);
    case ATTR_FLOAT:
        return text_read_double(text, p);
    case ATTR_STRING: {
        char *string;
        const char *end = text_unquote(arena, text, &string);
        if (end)
            *(const char **)p = string;
        return end;
    }
    case ATTR_ENUM:
        return parse_enum(row, text, p);
    case ATTR_DTYPE:
        return parse_dtype(text, p);
    case ATTR_INTS:
        *(Ints *)p = (Ints){0};
        return parse_list(arena, text, p, NULL);
    case ATTR_FLOATS:
        *(Floats *)p = (Floats){0};
        return parse_list(arena, text, NULL, p);
    }
    return NULL;
}
