// A .npy file is a magic word, a version, the length of a header, the header (a Python dict literal), and the elements.
// The header is read by looking for its three keys; NumPy itself always writes them in one form.
#include "driver/npy.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ir/element.h"
#include "support/checked.h"

static const struct {
    DType dtype;
    const char *descr;  // without the byte order
} descrs[] = {{DT_F32, "f4"}, {DT_F64, "f8"}, {DT_F16, "f2"}, {DT_I8, "i1"},  {DT_I16, "i2"},
              {DT_I32, "i4"}, {DT_I64, "i8"}, {DT_U8, "u1"},  {DT_U16, "u2"}, {DT_U32, "u4"},
              {DT_U64, "u8"}, {DT_BOOL, "b1"}, {DT_BF16, "u2"},
              {DT_U8, "V1"},  {DT_U16, "V2"}, {DT_I4, "i1"},  {DT_I2, "i1"}};

enum { DESCRS = sizeof descrs / sizeof *descrs };

// The text behind `'key':`, or null.
static const char *value_of(const char *header, const char *key) {
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    return at + strspn(at, " ");
}

static DType parse_descr(const char *at) {
    if (!at || *at != '\'' || !strchr("<|=", at[1]) || !at[1])
        return DT_NONE;
    for (int i = 0; i < DESCRS; i++)
        if (!strncmp(at + 2, descrs[i].descr, 2) && at[4] == '\'')
            return descrs[i].dtype;
    return DT_NONE;
}

static bool parse_shape(const char *at, Type *type) {
    if (!at || *at++ != '(')
        return false;
    for (at += strspn(at, " "); *at != ')'; at += strspn(at, " ,")) {
        char *end;
        if (!isdigit((unsigned char)*at) || type->rank == MAX_RANK)
            return false;
        long long n = strtoll(at, &end, 10);
        if (n < 0 || n == INT64_MAX)
            return false;
        type->dim[type->rank++] = dim_const(n);
        at = end + strspn(end, "L");
    }
    return true;
}

bool npy_is(const unsigned char *bytes, size_t size) {
    return size >= 6 && !memcmp(bytes, "\x93NUMPY", 6);
}

// Finds the header of any version; its text and where the elements start.
static bool find_header(Arena *arena, const unsigned char *bytes, size_t size, const char **header, size_t *start) {
    if (size < 12 || !npy_is(bytes, size) || bytes[6] < 1 || bytes[6] > 3)
        return false;
    size_t length = bytes[8] | (size_t)bytes[9] << 8, first = 10;
    if (bytes[6] > 1) {
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
        first = 12;
    }
    if (length > size - first)
        return false;
    *header = arena_copy(arena, (const char *)bytes + first, length);
    *start = first + length;
    return true;
}

bool npy_read(Arena *arena, const unsigned char *bytes, size_t size, const char *path, Type *type, const void **data,
              Diag *diag) {
    const char *header;
    size_t start;
    if (!find_header(arena, bytes, size, &header, &start))
        return diag_error(diag, NULL, E_RUN, "%s is not a .npy file", path);
    const char *order = value_of(header, "'fortran_order':");
    int64_t none[MAX_RANK] = {0};
    *type = type_make(parse_descr(value_of(header, "'descr':")), 0, none);
    if (type->dtype == DT_NONE)
        return diag_error(diag, NULL, E_RUN, "%s: an element type that sqzc does not know, or big-endian", path);
    if (!order || strncmp(order, "False", 5))
        return diag_error(diag, NULL, E_RUN, "%s is in Fortran's order; save it with numpy.ascontiguousarray", path);
    if (!parse_shape(value_of(header, "'shape':"), type))
        return diag_error(diag, NULL, E_RUN, "%s: a malformed shape, or more than %d dimensions", path, MAX_RANK);
    if (type_bytes(type) > (int64_t)(size - start))
        return diag_error(diag, NULL, E_RUN, "%s is truncated", path);
    *data = bytes + start;
    return true;
}

void npy_write(Str *out, const Type *type, const void *data) {
    const char *descr = "u1";  // also of types of 8 bits and fewer that NumPy lacks
    int64_t count = type_count(type);
    for (int i = DESCRS - 1; i >= 0; i--)
        if (descrs[i].dtype == type->dtype)
            descr = descrs[i].descr;
    Str header = {.arena = out->arena};
    int bits = dtype_info[type->dtype].bits;
    str_printf(&header, "{'descr': '%s%s', 'fortran_order': False, 'shape': (", bits > 8 ? "<" : "|", descr);
    for (int i = 0; i < type->rank; i++)
        str_printf(&header, "%" PRId64 ",%s", type->dim[i].n, i + 1 < type->rank ? " " : "");
    str_add(&header, "), }");
    size_t length = (size_t)align_up((int64_t)header.length + 11, 64) - 10;  // the elements begin at a multiple of 64
    while (header.length + 1 < length)
        str_add(&header, " ");
    str_add(&header, "\n");
    const unsigned char start[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, length & 255, (length >> 8) & 255};
    str_add_bytes(out, (const char *)start, sizeof start);
    str_add_bytes(out, header.text, header.length);
    str_add_bytes(out, elements_wide(out->arena, type, data), (size_t)(count * bits / 8));
}
