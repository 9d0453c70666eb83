// Types: the table of element types, sizes, strides, and the text form. Sizes saturate instead of overflowing, so a
// caller may compute first and let verification refuse what is too large.
#include "ir/type.h"

#include <ctype.h>
#include <string.h>

#include "ir/text.h"
#include "support/checked.h"

const DTypeInfo dtype_info[DT_COUNT] = {
#define DTYPE(id, name, bits, packed, onnx, c_type, compute) {name, bits, packed, onnx, c_type, DT_##compute},
#include "ir/dtypes.def"
#undef DTYPE
};

DType dtype_from_name(const char *name) {
    for (int i = 0; i < DT_COUNT; i++)
        if (!strcmp(dtype_info[i].name, name))
            return (DType)i;
    return DT_NONE;
}

DType dtype_from_onnx(int onnx) {
    for (int i = 0; i < DT_COUNT; i++)
        if (dtype_info[i].onnx == onnx)
            return (DType)i;
    return DT_NONE;
}

bool dtype_is_whole_float(DType dtype) {
    return dtype == DT_F32 || dtype == DT_F64;
}

bool dtype_is_float(DType dtype) {
    return dtype < DT_COUNT && (dtype_info[dtype].compute == DT_F32 || dtype_info[dtype].compute == DT_F64);
}

bool dtype_is_signed(DType dtype) {
    if (dtype >= DT_COUNT || dtype_is_float(dtype))
        return dtype < DT_COUNT;
    DType compute = dtype_info[dtype].compute;
    return compute == DT_I8 || compute == DT_I16 || compute == DT_I32 || compute == DT_I64;
}

bool dtype_is_int(DType dtype) {
    return dtype < DT_COUNT && dtype != DT_BOOL && !dtype_is_float(dtype);
}

bool dtype_is_packed(DType dtype) {
    return dtype < DT_COUNT && dtype_info[dtype].packed < 8;
}

bool dtype_stands_for(DType from, DType to) {
    bool lacking = to == DT_BF16 || (dtype_is_float(to) && dtype_info[to].bits == 8) || dtype_is_packed(to);
    return lacking && (dtype_info[to].bits == 8 ? from == DT_U8 || from == DT_I8 : from == DT_U16);
}

Type type_unknown(void) {
    return (Type){.dtype = DT_NONE, .layout = {.block = 1}, .rank = -1};
}

Type type_make(DType dtype, int rank, const int64_t *dims) {
    Type type = {.dtype = dtype, .layout = {.block = 1}, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.dim[i] = dim_const(dims[i]);
    return type;
}

bool type_is_packed(const Type *type) {
    return type->layout.kind == LAYOUT_PACKED;
}

Type type_of_users(Type type) {
    type.layout = (Layout){.kind = dtype_is_packed(type.dtype) ? LAYOUT_PACKED : LAYOUT_ROW_MAJOR, .block = 1};
    return type;
}

static bool same_symbol(const Symbol *a, const Symbol *b) {
    return a == b || (a && b && !strcmp(a->name, b->name));
}

bool dim_equal(Dim a, Dim b) {
    return a.n == b.n && same_symbol(a.sym, b.sym) && same_symbol(a.count, b.count);
}

int type_counted_axis(const Type *type) {
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i].count)
            return i;
    return -1;
}

bool type_is_static(const Type *type) {
    if (type->rank < 0)
        return false;
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i].sym)
            return false;
    return true;
}

bool type_same_shape(const Type *a, const Type *b) {
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (!dim_equal(a->dim[i], b->dim[i]))
            return false;
    return true;
}

static int64_t saturating_mul(int64_t a, int64_t b) {
    int64_t product;
    return checked_mul(a, b, &product) ? product : INT64_MAX;
}

static int64_t saturating_add(int64_t a, int64_t b) {
    int64_t sum;
    return checked_add(a, b, &sum) ? sum : INT64_MAX;
}

// Pixels from one row to the next, of a rank-4 type.
static int64_t row_pitch(const Type *type) {
    return type->layout.pitch ? type->layout.pitch : saturating_add(type->dim[3].n, 2 * (int64_t)type->layout.border);
}

bool type_equal(const Type *a, const Type *b) {
    if (a->dtype != b->dtype || !type_same_shape(a, b))
        return false;
    const Layout *x = &a->layout, *y = &b->layout;
    if (x->kind != y->kind || x->block != y->block || x->border != y->border)
        return false;
    return x->pitch == y->pitch || (a->rank == 4 && row_pitch(a) == row_pitch(b));
}

bool layout_equal(const Layout *a, const Layout *b) {
    return a->kind == b->kind && a->block == b->block && a->border == b->border && a->pitch == b->pitch;
}

bool type_is_plain(const Type *type) {
    return type->layout.kind == LAYOUT_ROW_MAJOR && type->layout.border == 0 && type->layout.pitch == 0;
}

bool type_is_vector(const Type *type) {
    return type->rank == 4 && type->dim[0].n == 1 && type->dim[2].n == 1 && type->dim[3].n == 1 &&
           type->layout.border == 0 && type->layout.pitch == 0;
}

bool type_is_sliceable(const Type *whole, int64_t axis) {
    axis += axis < 0 ? whole->rank : 0;
    for (int64_t i = 0; i < axis && i < whole->rank; i++)
        if (whole->dim[i].n != 1)
            return false;
    return type_is_plain(whole) || (whole->layout.kind == LAYOUT_NCHWC && axis == 1);
}

int64_t type_count(const Type *type) {
    int64_t count = 1;
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i].n == 0)
            return 0;
    for (int i = 0; i < type->rank; i++)
        count = saturating_mul(count, type->dim[i].n);
    return count;
}

int64_t type_before(const Type *type, int axis) {
    Type outer = *type;
    outer.rank = axis;
    return type_count(&outer);
}

int64_t type_storage(const Type *type) {
    if (type->rank != 4 || type_count(type) == 0)
        return type_count(type);
    int64_t rows = saturating_add(type->dim[2].n, 2 * (int64_t)type->layout.border);
    int64_t plane = saturating_mul(saturating_mul(rows, row_pitch(type)), type->layout.block);
    int64_t planes = saturating_mul(type->dim[0].n, div_up(type->dim[1].n, type->layout.block));
    return saturating_mul(plane, planes);
}

int64_t type_bytes(const Type *type) {
    int64_t storage = type_storage(type);
    const DTypeInfo *info = &dtype_info[type->dtype];
    if (type_is_packed(type) && dtype_is_packed(type->dtype))
        return div_up(storage, 8 / info->packed);
    return saturating_mul(storage, info->bits / 8);
}

Strides type_strides(const Type *type) {
    const Layout *layout = &type->layout;
    Strides strides = {.pixel = layout->block};
    strides.row = saturating_mul(row_pitch(type), layout->block);
    strides.channel = saturating_mul(saturating_add(type->dim[2].n, 2 * (int64_t)layout->border), strides.row);
    strides.batch = saturating_mul(div_up(type->dim[1].n, layout->block), strides.channel);
    strides.origin = saturating_mul(layout->border, saturating_add(strides.row, strides.pixel));
    return strides;
}

// A symbol prints bare if it looks like a name; an x would end it, since that separates dimensions.
static bool symbol_is_bare(const char *name) {
    if (!*name || isdigit((unsigned char)*name))
        return false;
    for (const char *c = name; *c; c++)
        if (*c == 'x' || (!isalnum((unsigned char)*c) && *c != '_'))
            return false;
    return true;
}

static void print_symbol(Str *out, const Symbol *symbol) {
    if (symbol_is_bare(symbol->name))
        str_add(out, symbol->name);
    else
        text_quote(out, symbol->name);
}

static void print_dim(Str *out, Dim dim) {
    if (dim.count)
        str_add(out, "<=");
    if (!dim.sym || dim.n != 1)
        str_printf(out, "%lld", (long long)dim.n);
    if (dim.sym && dim.n != 1)
        str_add(out, "*");
    if (dim.sym)
        print_symbol(out, dim.sym);
    if (dim.count) {
        str_add(out, ":");
        print_symbol(out, dim.count);
    }
}

static void print_layout(Str *out, const Layout *layout) {
    if (layout->kind == LAYOUT_NCHWC)
        str_printf(out, ", nchw%dc", layout->block);
    if (layout->kind == LAYOUT_PACKED)
        str_add(out, ", packed");
    if (layout->border)
        str_printf(out, ", border=%d", layout->border);
    if (layout->pitch)
        str_printf(out, ", pitch=%lld", (long long)layout->pitch);
}

const char *type_text(Arena *arena, const Type *type) {
    if (type->dtype == DT_NONE && type->rank < 0)
        return "?";
    Str out = {.arena = arena};
    str_add(&out, type->dtype == DT_NONE ? "?" : dtype_info[type->dtype].name);
    str_add(&out, "<");
    if (type->rank < 0)
        str_add(&out, "?");
    for (int i = 0; i < type->rank; i++) {
        if (i)
            str_add(&out, "x");
        print_dim(&out, type->dim[i]);
    }
    print_layout(&out, &type->layout);
    str_add(&out, ">");
    return out.text;
}
