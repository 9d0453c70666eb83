// Products of quantized numbers, MatMul and Conv of i32, as products of the bytes themselves, which targets with an
// instruction for these (target->dots) add up four at a time, or, widened to i16, two:
//
//     y[m, n] = sum over k of (a[m, k] - z) * b[k, n]  =  (sum of a[m, k] * b[k, n]) - z * (sum of b[k, n])
//
// b is constant, or bytes less zero points that are, perhaps transposed, which are too large to have been folded. Its
// sums are computed here, and with a constant z so is all that is added, the row at input 2. What b
// has in one column must fit into i8, or is made to by a number for the column, whose product with the sum of a row of
// a - z is added behind. Images are padded with z before they are convolved. The target says whether the left bytes
// have a sign; those of the other kind change by 128, as z does. Where it multiplies words, filters are words, which
// hold what bytes do not, and so is the left factor of a MatMul. All is exact, modulo 2^32, as the sums of the standard
// are.
#include "passes/byte_products.h"

#include <string.h>

#include "codegen/kernel.h"
#include "ir/infer.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/checked.h"

typedef struct Bytes {
    Value *x;     // of 8 bits
    Value *zero;  // an i32, or null
} Bytes;

// The weights as small integers, less `shift` of their columns, and the sums of these. A column is what one result is
// made with; those of a Conv, its filters, lie one after the other.
typedef struct Weights {
    int64_t rows, columns;
    bool filters;
    DType dtype;  // i8 or i16
    void *numbers;
    int64_t *shift, *sum;
    bool shifted;
} Weights;

static bool is_byte(DType dtype) {
    return dtype == DT_I8 || dtype == DT_U8;
}

static bool match_bytes(const Value *value, Bytes *bytes) {
    const Node *node = value->def;
    *bytes = (Bytes){0};
    if (node && node->op == OP_Sub && type_is_static(&node->in[1]->type) && node->in[1]->type.rank < 2 &&
        type_count(&node->in[1]->type) == 1) {
        bytes->zero = node->in[1];
        node = node->in[0]->def;
    }
    if (!node || node->op != OP_Cast)
        return false;
    bytes->x = node->in[0];
    return is_byte(bytes->x->type.dtype) && type_same_shape(&bytes->x->type, &value->type);
}

static bool is_plain_matmul(const Node *node) {
    return node->op == OP_MatMul && node->nin == 2 && !matmul_transposes(node) &&
           !((const MatMulAttrs *)node->attrs)->act.kind && node->in[1]->type.rank == 2;
}

static bool is_plain_conv(const Node *node, const Target *target) {
    const ConvAttrs *attrs = node->attrs;
    return node->op == OP_Conv && !node_in(node, 3) && !attrs->act.kind && !node_pools(node) &&
           node->in[1]->type.rank == 4 && (attrs->group == 1 || kernel_takes_planes(node, target));
}

static bool is_plain_gemm(const Node *node) {
    const GemmAttrs *attrs = node->attrs;
    return node->op == OP_Gemm && !attrs->trans_a && !attrs->act.kind;
}

static int64_t columns_of(const Node *node) {
    const Type *right = &node->in[1]->type;
    bool first = node->op == OP_Conv || (node->op == OP_Gemm && ((const GemmAttrs *)node->attrs)->trans_b);
    return right->dim[first ? 0 : 1].n;
}

bool takes_bytes(const Node *node, const Target *target) {
    if (!target->dots || node->kernel || (node->op != OP_MatMul && node->op != OP_Conv && node->op != OP_Gemm))
        return false;
    return type_is_static(&node->out[0]->type) && type_is_static(&node->in[1]->type) &&
           (is_plain_matmul(node) || is_plain_conv(node, target) || is_plain_gemm(node)) && columns_of(node) > 1;
}

static bool match(const Node *node, const Target *target, Bytes *bytes) {
    return node->op != OP_Gemm && takes_bytes(node, target) && node->out[0]->type.dtype == DT_I32 &&
           match_bytes(node->in[0], bytes);
}

// Where the numbers of the weights come from: i32 or bytes, perhaps less zero points, of all or of each column.
typedef struct Source {
    const Value *stored, *zero;  // zero: null if there is none
    bool swapped;                // stored is transposed
} Source;

static int64_t column_of(const Weights *w, int64_t i) {
    return w->filters ? i / w->rows : i % w->columns;
}

// What has to be taken from the numbers of each column, so that they fit; false where nothing would do.
static bool find_shifts(Weights *w, const int32_t *numbers, Arena *scratch) {
    int64_t *low = ARENA_ARRAY(scratch, int64_t, w->columns), *high = ARENA_ARRAY(scratch, int64_t, w->columns);
    int64_t least = w->dtype == DT_I8 ? INT8_MIN : INT16_MIN, most = -1 - least;
    for (int64_t i = 0; i < w->rows * w->columns; i++) {
        int64_t n = column_of(w, i);
        low[n] = min_i64(low[n], numbers[i]);
        high[n] = max_i64(high[n], numbers[i]);
    }
    for (int64_t n = 0; n < w->columns; n++) {
        bool fits = low[n] >= least && high[n] <= most;
        w->shift[n] = fits ? 0 : low[n] - least;
        w->shifted |= !fits;
        if (high[n] - w->shift[n] > most)
            return false;
    }
    return true;
}

// Zero points of all columns, or of one after the other, along the axis of the stored ones.
static bool zeros_fit(const Source *source, const Weights *w) {
    const Type *type = &source->zero->type;
    int64_t count = type_count(type), axis = w->filters || source->swapped ? 0 : type->rank - 1;
    if (!source->zero->data || type->dtype != DT_I32)
        return false;
    bool whole_rank = axis > 0 || type->rank == source->stored->type.rank;
    return count == 1 || (count == w->columns && type->rank > 0 && type->dim[axis].n == count &&
                          (whole_rank || (!w->filters && !source->swapped)));
}

static bool match_source(const Value *b, const Weights *w, Source *source) {
    *source = (Source){0};
    if (b->def && b->def->op == OP_Transpose && !w->filters) {  // of rank 2, whose axes can only change places
        source->swapped = true;
        b = b->def->in[0];
    }
    if (b->def && b->def->op == OP_Sub) {
        source->zero = b->def->in[1];
        b = b->def->in[0];
    }
    if (b->def && b->def->op == OP_Cast)
        b = b->def->in[0];
    source->stored = b;
    return b->data && (is_byte(b->type.dtype) || b->type.dtype == DT_I32) &&
           type_count(&b->type) == w->rows * w->columns && (!source->zero || zeros_fit(source, w));
}

static int32_t read_number(DType dtype, const unsigned char *bytes, int64_t index) {
    int32_t number;
    if (dtype != DT_I32)
        return dtype == DT_U8 ? bytes[index] : (int8_t)bytes[index];
    memcpy(&number, bytes + index * (int64_t)sizeof number, sizeof number);
    return number;
}

// In the order of the product's right factor.
static int32_t *read_numbers(const Source *source, const Weights *w, Arena *scratch) {
    int64_t count = w->rows * w->columns;
    bool each = source->zero && type_count(&source->zero->type) > 1;
    int32_t *numbers = ARENA_ARRAY(scratch, int32_t, count);
    const unsigned char *stored = constant_bytes(source->stored->data);
    const unsigned char *zeros = source->zero ? constant_bytes(source->zero->data) : NULL;
    for (int64_t i = 0; i < count; i++) {
        int64_t n = column_of(w, i), at = source->swapped ? n * w->rows + i / w->columns : i;
        int32_t zero = zeros ? read_number(DT_I32, zeros, each ? n : 0) : 0;
        numbers[i] = (int32_t)((uint32_t)read_number(source->stored->type.dtype, stored, at) - (uint32_t)zero);
    }
    return numbers;
}

static void write_number(Weights *w, int64_t index, int64_t number) {
    if (w->dtype == DT_I8)
        ((int8_t *)w->numbers)[index] = (int8_t)number;
    else
        ((int16_t *)w->numbers)[index] = (int16_t)number;
}

static bool narrow(const Value *b, bool filters, DType dtype, Arena *arena, Arena *scratch, Weights *w) {
    int64_t count = type_count(&b->type), columns = b->type.dim[filters ? 0 : 1].n;
    Source source;
    if (count == 0)
        return false;
    *w = (Weights){.rows = count / columns, .columns = columns, .filters = filters, .dtype = dtype};
    if (!match_source(b, w, &source))
        return false;
    const int32_t *numbers = read_numbers(&source, w, scratch);
    w->shift = ARENA_ARRAY(scratch, int64_t, w->columns);
    w->sum = ARENA_ARRAY(scratch, int64_t, w->columns);
    if (!find_shifts(w, numbers, scratch) || (filters && w->shifted))
        return false;
    w->numbers = dtype == DT_I8 ? (void *)ARENA_ARRAY(arena, int8_t, count) : ARENA_ARRAY(arena, int16_t, count);
    for (int64_t i = 0; i < count; i++) {
        int64_t n = column_of(w, i);
        write_number(w, i, numbers[i] - w->shift[n]);
        w->sum[n] += numbers[i] - w->shift[n];
    }
    return true;
}

static Value *row_of(Node *where, const char *name, const int64_t *numbers, int64_t n, int64_t times) {
    int32_t *row = ARENA_ARRAY(where->graph->module->arena, int32_t, n);
    for (int64_t i = 0; i < n; i++)
        row[i] = (int32_t)((uint32_t)numbers[i] * (uint32_t)times);
    return value_constant(where->graph, name, type_make(DT_I32, 1, &n), row);
}

static Value *number(Graph *graph, DType dtype, double n) {
    return value_doubles(graph, "n", type_make(dtype, 0, NULL), &n);
}

static Value *cast_before(Node *where, Value *x, DType to) {
    Type type = x->type;
    type.dtype = to;
    Value *y = node_before(where, OP_Cast, x, NULL, type);
    ((CastAttrs *)y->def->attrs)->to = to;
    return y;
}

// The left bytes as the target wants them: as words, or with a sign or without, and what their zero point changes by.
static Value *factor_as(Node *where, Value *x, DType wanted, int *change) {
    *change = 0;
    if (x->type.dtype == wanted)
        return x;
    if (wanted == DT_I16)
        return cast_before(where, x, wanted);
    Type type = x->type;
    bool is_signed = type.dtype == DT_I8;
    *change = is_signed ? 128 : -128;
    Value *top = number(where->graph, type.dtype, is_signed ? -128 : 128);
    return cast_before(where, node_before(where, OP_BitwiseXor, x, top, type), wanted);
}

// What is added to each row: the sums of the weights, times the zero point.
static Value *row_before(Node *where, const Value *b, const Bytes *bytes, const Weights *w, int change) {
    int64_t zero = 0;
    Ints ints;
    if (!bytes->zero || value_as_ints(bytes->zero, where->graph->module->arena, &ints)) {
        zero = (bytes->zero ? ints.v[0] : 0) + change;
        return zero ? row_of(where, b->name, w->sum, w->columns, -zero) : NULL;
    }
    Value *sums = row_of(where, b->name, w->sum, w->columns, -1);
    Value *row = node_before(where, OP_Mul, sums, bytes->zero, sums->type);
    if (!change)
        return row;
    return node_before(where, OP_Add, row, row_of(where, b->name, w->sum, w->columns, -change), sums->type);
}

// The shifts of the columns times the sums of the rows of `a`.
static Value *shifts_before(Node *where, Value *a, const Weights *w) {
    Type type = a->type;
    type.dim[type.rank - 1] = dim_const(1);
    int64_t last = a->type.rank - 1;
    Value *sums = node_before(where, OP_ReduceSum, a, value_int64s(where->graph, "axes", &last, 1), type);
    return node_before(where, OP_Mul, sums, row_of(where, "shift", w->shift, w->columns, 1), where->out[0]->type);
}

// The zero point as a byte.
static Value *zero_before(Node *where, const Bytes *bytes, DType dtype, int change) {
    Ints ints = {0};
    if (!bytes->zero || value_as_ints(bytes->zero, where->graph->module->arena, &ints))
        return number(where->graph, dtype, (double)((bytes->zero ? ints.v[0] : 0) + change));
    Type type = bytes->zero->type;
    Value *moved = bytes->zero;
    if (change)
        moved = node_before(where, OP_Add, moved, number(where->graph, DT_I32, change), type);
    return cast_before(where, moved, dtype);
}

// x within zero points instead of the convolution's padding, which is taken from it.
static Value *padded_before(Node *conv, Value *x, Value *zero) {
    Window w = node_window(conv);
    int64_t pads[8] = {0, 0, w.begin[0], w.begin[1], 0, 0, w.end[0], w.end[1]};
    Type type = x->type;
    for (int i = 0; i < 2; i++) {
        type.dim[2 + i].n += w.begin[i] + w.end[i];
        w.begin[i] = w.end[i] = 0;
    }
    if (type_same_shape(&type, &x->type))
        return x;
    conv_set_window(conv, &w);
    Value *y = node_before(conv, OP_Pad, x, value_int64s(conv->graph, "pads", pads, 8), type);
    node_set_input(y->def, 2, zero);
    return y;
}

// Adds a row to what is added already.
static void add_row(Node *node, Value *row) {
    Value *bias = node_in(node, 2), *sum = row;
    Ints a, b;
    Arena *arena = node->graph->module->arena;
    if (row && bias && value_as_ints(bias, arena, &a) && value_as_ints(row, arena, &b)) {
        for (int i = 0; i < a.n; i++)
            a.v[i] += b.v[i];
        sum = row_of(node, bias->name, a.v, a.n, 1);
    } else if (row && bias) {
        sum = node_before(node, OP_Add, bias, row, row->type);
    }
    if (row)
        node_set_input(node, 2, sum);
}

// The node itself becomes the last one, so that its result keeps its name.
static void apply(Node *node, const Bytes *bytes, const Weights *w, DType wanted) {
    Value *a = node->in[0], *b = node->in[1];
    Type narrow_type = b->type;
    int change;
    Value *x = factor_as(node, bytes->x, wanted, &change), *row = row_before(node, b, bytes, w, change);
    narrow_type.dtype = w->dtype;
    node->in[0] = w->filters ? padded_before(node, x, zero_before(node, bytes, wanted, change)) : x;
    node->in[1] = value_constant(node->graph, b->name, narrow_type, w->numbers);
    add_row(node, row);
    if (!w->shifted)
        return;
    Value *y = node_before(node, OP_MatMul, x, node->in[1], node->out[0]->type);
    if (row)
        node_set_input(y->def, 2, row);
    Value *more = shifts_before(node, a, w);
    node->op = OP_Add;
    node->attrs = attrs_new(op_info[OP_Add].attrs, node->graph->module->arena);
    node->in[0] = y;
    node->in[1] = more;
    node->nin = 2;
}

static DType weights_dtype(const Node *node, const Target *target) {
    if (node->op != OP_Conv)
        return DT_I8;
    return ((const ConvAttrs *)node->attrs)->group > 1 ? DT_I16 : kernel_filters(target);
}

bool pass_byte_products(PassContext *ctx, Graph *graph) {
    const Target *target = ctx->target;
    Bytes bytes;
    Weights weights;
    for (Node *node = graph->first; node; node = node->next) {
        if (!match(node, target, &bytes))
            continue;
        Arena *numbers = arena_new();  // of large weights those of one node are enough at a time
        DType dtype = weights_dtype(node, target);
        bool as_it_is = node->op == OP_Conv && dtype == DT_I16;
        if (narrow(node->in[1], node->op == OP_Conv, dtype, ctx->module->arena, numbers, &weights))
            apply(node, &bytes, &weights, as_it_is ? bytes.x->type.dtype : kernel_dots(target));
        arena_free(numbers);
    }
    return true;
}
