// What a value is: an element type, a shape in ONNX's order, and how it lies in memory.
#ifndef IR_TYPE_H
#define IR_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "support/arena.h"

typedef enum DType {
#define DTYPE(id, name, bits, packed, onnx, c_type, compute) DT_##id,
#include "ir/dtypes.def"
#undef DTYPE
    DT_COUNT,
    DT_NONE = DT_COUNT  // not inferred yet
} DType;

typedef struct DTypeInfo {
    const char *name;
    int bits;    // of an element in memory
    int packed;  // of one in a packed tensor: fewer than `bits` where several share a byte
    int onnx;
    const char *c_type;
    DType compute;
} DTypeInfo;

extern const DTypeInfo dtype_info[DT_COUNT];
DType dtype_from_name(const char *name);  // DT_NONE if unknown
DType dtype_from_onnx(int onnx);          // DT_NONE if unknown
bool dtype_is_float(DType dtype);
bool dtype_is_whole_float(DType dtype);  // computed in itself; others are rounded once more when they are stored
bool dtype_is_signed(DType dtype);  // floats are
bool dtype_is_int(DType dtype);     // bool isn't
bool dtype_is_packed(DType dtype);  // users see several elements in a byte
// Whether elements of an integer type are, in files of NumPy's, the bits of those of a type that NumPy lacks.
bool dtype_stands_for(DType from, DType to);

enum { MAX_RANK = 8 };

// A dimension: n, or n * sym; or, with a count, what a value of that name in the graph says as the model runs, n at
// most.
typedef struct Symbol Symbol;
struct Symbol {
    const char *name;
    Symbol *next;
};

typedef struct Dim {
    int64_t n;
    Symbol *sym;
    Symbol *count;  // then memory is laid out for n, and what lies behind the count is any number
} Dim;

typedef enum LayoutKind {
    LAYOUT_ROW_MAJOR,  // the ONNX order
    LAYOUT_NCHWC,      // N, C/block, H, W, block: rank 4 only; lanes behind the last channel hold 0
    LAYOUT_PACKED      // the ONNX order, several elements to a byte, low bits first: as users see types below 8 bits
} LayoutKind;

// `border` is a zeroed rim around H and W (rank 4, either kind). It belongs to the value: whoever writes the value
// writes the rim. `pitch` is the distance of two rows in pixels, W + 2 * border or more.
typedef struct Layout {
    LayoutKind kind;
    int block;  // 1 for row-major
    int border;
    int64_t pitch;  // 0 means W + 2 * border
} Layout;

typedef struct Type {
    DType dtype;
    Layout layout;
    int rank;  // -1: not known yet
    Dim dim[MAX_RANK];
} Type;

Type type_unknown(void);
Type type_make(DType dtype, int rank, const int64_t *dims);  // row-major
bool type_is_packed(const Type *type);                       // by its layout
Type type_of_users(Type type);                               // row-major, packed where its elements are
bool type_is_static(const Type *type);                       // rank and all dimensions are numbers
bool type_same_shape(const Type *a, const Type *b);
bool type_equal(const Type *a, const Type *b);               // layout too
bool layout_equal(const Layout *a, const Layout *b);
bool type_is_plain(const Type *type);   // row-major, without rim or pitch
// One image of one pixel: its channels lie one after the other in either layout.
bool type_is_vector(const Type *type);
// Whether parts along the axis are contiguous pieces of the whole, one after the other: nothing but ones comes before
// the axis, and blocks hold channels.
bool type_is_sliceable(const Type *whole, int64_t axis);

// No value may be larger: then sums and products of a few dimensions cannot overflow anywhere.
#define TYPE_BYTES_MAX ((int64_t)1 << 40)

// The following need static types. `count` is logical elements, `storage` includes lanes, borders and pitch;
// both saturate at INT64_MAX, and verification refuses types that large.
int64_t type_count(const Type *type);
int64_t type_storage(const Type *type);
int64_t type_bytes(const Type *type);  // of the storage
int64_t type_before(const Type *type, int axis);  // the elements of one that has only the dimensions before the axis

// Strides in elements of a rank-4 type in its layout; `channel` moves by one block.
typedef struct Strides {
    int64_t batch, channel, row, pixel, origin;  // origin: offset of element (0, 0, 0, 0)
} Strides;
Strides type_strides(const Type *type);

bool dim_equal(Dim a, Dim b);
int type_counted_axis(const Type *type);  // the first with a count; -1: none
static inline Dim dim_const(int64_t n) {
    return (Dim){n, 0, 0};
}

// "f32<1x3x224x224, nchw16c, border=1>"
const char *type_text(Arena *arena, const Type *type);

#endif
