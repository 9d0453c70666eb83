// What the families of shape inference share: checks that report, and exact arithmetic on dimensions.
#ifndef IR_INFER_CHECK_H
#define IR_INFER_CHECK_H

#include "ir/infer.h"

// Sets of element types, a bit for each.
#define DTYPE_BIT(id) (1u << DT_##id)
enum DTypeSet {
    SET_FLOAT = DTYPE_BIT(F32) | DTYPE_BIT(F64) | DTYPE_BIT(F16) | DTYPE_BIT(BF16),
    SET_SIGNED = DTYPE_BIT(I8) | DTYPE_BIT(I16) | DTYPE_BIT(I32) | DTYPE_BIT(I64),
    SET_UNSIGNED = DTYPE_BIT(U8) | DTYPE_BIT(U16) | DTYPE_BIT(U32) | DTYPE_BIT(U64),
    SET_WIDE_INT = DTYPE_BIT(I32) | DTYPE_BIT(I64) | DTYPE_BIT(U32) | DTYPE_BIT(U64),
    SET_INDEX = DTYPE_BIT(I32) | DTYPE_BIT(I64),
    SET_BOOL = DTYPE_BIT(BOOL),
    SET_INT = SET_SIGNED | SET_UNSIGNED,
    SET_NUMBER = SET_FLOAT | SET_INT,
    SET_SMALL = DTYPE_BIT(F8E4M3FN) | DTYPE_BIT(F8E4M3FNUZ) | DTYPE_BIT(F8E5M2) | DTYPE_BIT(F8E5M2FNUZ) |
                DTYPE_BIT(F8E8M0) | DTYPE_BIT(F4E2M1) | DTYPE_BIT(I4) | DTYPE_BIT(I2) | DTYPE_BIT(U4) | DTYPE_BIT(U2),
    SET_ANY = SET_NUMBER | SET_BOOL | SET_SMALL  // SET_SMALL is for what only moves or converts elements
};

static inline const Type *input_type(const Node *node, int index) {
    return &node->in[index]->type;
}

// Each reports what is wrong and returns false. `index` is that of an input; one left out passes.
bool check_dtype(Infer *infer, const Node *node, int index, unsigned accepted);
bool check_same_dtype(Infer *infer, const Node *node, int first, int second);
bool check_rank(Infer *infer, const Node *node, int index, int least, int most);
bool check_result_rank(Infer *infer, const Node *node, int rank);  // at most MAX_RANK
bool check_scalar(Infer *infer, const Node *node, int index);      // one element
bool check_number(Infer *infer, const Node *node, Dim dim, int64_t *number);  // not symbolic
bool check_dim(Infer *infer, const Node *node, Dim found, Dim wanted, const char *what);
bool check_axes(Infer *infer, const Node *node, const Ints *axes, int rank, bool set[MAX_RANK]);  // no repetition
bool fail_symbol(Infer *infer, const Node *node, Dim dim);
bool fail_dynamic(Infer *infer, const Node *node, int index);  // the elements of an input must be known
bool fail_counted(Infer *infer, const Node *node, Dim dim);
bool fail_too_big(Infer *infer, const Node *node);

// The factors of a product have one type; or both are bytes, with sign or without, or i16, and sums are i32.
bool check_factors(Infer *infer, const Node *node, unsigned accepted);
DType sum_dtype(DType factor);
// What a node makes whose sums have the type *out: that, or what its body makes of them.
bool infer_fused(Infer *infer, const Node *node, Type *out);

// Dimensions whose size is data (infer_counted.c): whether the operator can take them, and gives such as have a
// meaning.
bool counted_inputs_ok(Infer *infer, const Node *node);
bool counted_results_ok(Infer *infer, const Node *node, const Type *out);
// Input 3 of a scatter: how many of the first rows of its indices there are.
bool check_scatter_rows(Infer *infer, const Node *node);
// Dimension n, counted by the output that counted_output says. False (E_DYNAMIC, blaming `input`) where there is none
// yet, or in the body of another node (E_COUNTED).
bool counted_dim(Infer *infer, const Node *node, int input, int64_t n, Dim *dim);

// The type of an input with row-major layout.
Type infer_like(const Type *type);
bool infer_broadcast_to(Infer *infer, const Node *node, const Type *from, const Type *to);  // one way only

// False where the result is no number and no multiple of one symbol, or overflows.
bool dim_add(Dim a, Dim b, Dim *sum);
bool dim_sub(Dim a, Dim b, Dim *difference);
bool dim_mul(Dim a, Dim b, Dim *product);
bool dim_div(Dim a, Dim b, Dim *quotient);  // towards zero, as C and ONNX do
bool dim_count(const Type *type, Dim *count);

// What is known of an integer value, or null.
DimTensor *infer_known(Infer *infer, const Value *value);

// The ranges of a Slice after clamping: element i of the result is element start + i * step.
typedef struct SliceRange {
    int64_t start, step;
    Dim count;
} SliceRange;
bool infer_slice_ranges(Infer *infer, const Node *node, SliceRange range[MAX_RANK]);

#endif
