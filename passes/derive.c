// Nodes on large constants that need not be computed: Transpose, Slice, Split and reshapes only move elements, Concat
// joins, Cast converts them where that is simple, and Add, Sub and Mul with few numbers are what a DequantizeLinear
// consists of. Their results say how they follow from the constants (ir.h, Derived).
#include "passes/derive.h"
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "support/checked.h"

// ---- Moved

// A constant as elements of itself, or of what its own are elements of.
static Derived moved_nowhere(const Value *value) {
    const Type *type = &value->type;
    const Derived *before = value->data->derived;
    Derived derived = {.how = MOVED, .base = value->data, .moved.rank = type->rank};
    int64_t step = 1;
    bool same = before && before->how == MOVED && before->moved.rank == type->rank;
    for (int i = type->rank - 1; i >= 0; step *= type->dim[i--].n) {
        derived.moved.step[i] = step;
        same = same && before->moved.dim[i] == type->dim[i].n;
    }
    return same ? *before : derived;
}

// As moved_nowhere, with the size of the result.
static Derived moved_to(const Node *node, int index) {
    const Type *to = &node->out[index]->type;
    Derived derived = moved_nowhere(node->in[0]);
    derived.dtype = to->dtype;
    derived.moved.rank = to->rank;
    for (int i = 0; i < to->rank; i++)
        derived.moved.dim[i] = to->dim[i].n;
    return derived;
}

static bool derive_transpose(const Node *node, const Constant **results, Arena *arena) {
    Moved before = moved_nowhere(node->in[0]).moved;
    Derived derived = moved_to(node, 0);
    for (int i = 0; i < before.rank; i++)
        derived.moved.step[i] = before.step[permuted_axis(node, i)];
    derived.arena = arena;
    results[0] = constant_derived(&derived);
    return results[0];
}

static bool derive_slice(PassContext *ctx, const Node *node, const Constant **results) {
    Diag quiet = {0};
    Infer infer = {.arena = ctx->scratch, .diag = &quiet};
    SliceRange range[MAX_RANK];
    if (!infer_slice_ranges(&infer, node, range))
        return false;
    Derived derived = moved_to(node, 0);
    for (int i = 0; i < derived.moved.rank; i++) {
        derived.moved.first += range[i].start * derived.moved.step[i];
        derived.moved.step[i] *= range[i].step;
    }
    derived.arena = ctx->module->arena;
    results[0] = constant_derived(&derived);
    return results[0];
}

static int axis_of(int64_t axis, const Type *type) {
    return (int)(axis < 0 ? axis + type->rank : axis);
}

static bool derive_split(const Node *node, const Constant **results, Arena *arena) {
    int axis = axis_of(((const SplitAttrs *)node->attrs)->axis, &node->in[0]->type);
    int64_t start = 0;
    for (int i = 0; i < node->nout; i++) {
        Derived derived = moved_to(node, i);
        derived.moved.first += start * derived.moved.step[axis];
        derived.arena = arena;
        start += derived.moved.dim[axis];
        results[i] = constant_derived(&derived);
        if (!results[i])
            return false;
    }
    return true;
}

// ---- Joined, converted, scaled, shifted

enum { LONG_RUN = 16 };  // elements that lie together; shorter ones cost more than computing the whole

static bool derive_concat(const Node *node, const Constant **results, Arena *arena) {
    int axis = axis_of(((const AxisAttrs *)node->attrs)->axis, &node->out[0]->type);
    Derived derived = {.how = JOINED, .dtype = node->out[0]->type.dtype, .parts = node->nin, .arena = arena};
    derived.part = ARENA_ARRAY(arena, const Constant *, node->nin);
    derived.runs = ARENA_ARRAY(arena, int64_t, node->nin);
    for (int i = 0; i < node->nin; i++) {
        derived.part[i] = node->in[i]->data;
        derived.runs[i] = 1;
        for (int k = axis; k < node->in[i]->type.rank; k++)
            derived.runs[i] *= node->in[i]->type.dim[k].n;
        if (derived.runs[i] < LONG_RUN)
            return false;
    }
    results[0] = constant_derived(&derived);
    return results[0];
}

// Each number becomes the nearest one, which no attribute of a Cast changes and which a double holds on the way.
static bool is_simple_cast(DType from, DType to) {
    if (dtype_info[from].bits > 32 && from != DT_F64)
        return false;
    if (to == DT_F32 || to == DT_F64)
        return true;
    bool widens = dtype_is_signed(to) ? dtype_info[to].packed > dtype_info[from].packed
                                      : !dtype_is_signed(from) && dtype_info[to].packed >= dtype_info[from].packed;
    return dtype_is_int(to) && dtype_is_int(from) && (widens || to == from);
}

static bool derive_cast(const Node *node, const Constant **results, Arena *arena) {
    DType from = node->in[0]->type.dtype, to = node->out[0]->type.dtype;
    if (!is_simple_cast(from, to))
        return false;
    results[0] = constant_derived(
        &(Derived){.how = CONVERTED, .dtype = to, .from = from, .base = node->in[0]->data, .arena = arena});
    return results[0];
}

// Which of the two operands has the elements, as many as the result; -1: none.
static int large_operand(const Node *node) {
    int64_t count = type_count(&node->out[0]->type);
    for (int i = 0; i < 2; i++)
        if (type_count(&node->in[i]->type) == count && type_count(&node->in[1 - i]->type) <= count / LONG_RUN)
            return node->op == OP_Sub && i ? -1 : i;
    return -1;
}

// Number i of the result meets number i / run % n of the few; false where their axes do not lie together.
static bool find_run(const Type *few, const Type *result, int64_t *run, int64_t *n) {
    bool behind = false;
    *run = *n = 1;
    for (int i = 1; i <= result->rank; i++) {
        int64_t whole = result->dim[result->rank - i].n, size = i <= few->rank ? few->dim[few->rank - i].n : 1;
        if (size > 1 && behind)
            return false;
        if (size > 1)
            *n *= size;
        else if (*n == 1)
            *run *= whole;
        else
            behind = behind || whole > 1;
    }
    return true;
}

static bool derive_adjusted(PassContext *ctx, const Node *node, const Constant **results) {
    const Type *result = &node->out[0]->type;
    int large = large_operand(node);
    Derived derived = {.how = node->op == OP_Mul ? SCALED : SHIFTED, .dtype = result->dtype};
    Floats number;
    derived.arena = ctx->module->arena;
    if (!find_run(&node->in[1 - large]->type, result, &derived.run, &derived.n) ||
        !value_as_doubles(node->in[1 - large], derived.arena, &number))
        return false;
    for (int i = 0; node->op == OP_Sub && i < number.n; i++)
        number.v[i] = -number.v[i];
    derived.base = node->in[large]->data;
    derived.number = number.v;
    results[0] = constant_derived(&derived);
    return results[0];
}

// ---- All

static bool is_view(const Node *node) {
    return (op_info[node->op].flags & VIEW) != 0;
}

static bool is_adjustment(const Node *node) {
    return node->op == OP_Add || node->op == OP_Sub || node->op == OP_Mul;
}

enum { LARGE_BYTES = 1 << 16 };  // of the results; smaller ones are computed at once

bool derive_accepts(const Node *node) {
    int64_t bytes = 0;
    for (int i = 0; i < node->nout; i++) {
        const Value *result = node->out[i];
        if (!result || value_is_output(result) || !type_is_static(&result->type) || result->type.rank < 1 ||
            type_counted_axis(&result->type) >= 0 || type_is_packed(&result->type))
            return false;
        bytes = min_i64(bytes + type_bytes(&result->type), INT64_MAX / 8);
    }
    const Value *first = node_in(node, 0);
    if (bytes <= LARGE_BYTES || !first || first->type.rank < 1 || type_is_packed(&first->type))
        return false;
    if (is_adjustment(node))
        return node->out[0]->type.dtype == DT_F32 && large_operand(node) >= 0;
    if (node->op == OP_Cast)
        return is_simple_cast(first->type.dtype, node->out[0]->type.dtype);
    return is_view(node) || node->op == OP_Transpose || node->op == OP_Slice || node->op == OP_Split ||
           node->op == OP_Concat;
}

static bool derive(PassContext *ctx, const Node *node, const Constant **results) {
    switch ((int)node->op) {
    case OP_Transpose: return derive_transpose(node, results, ctx->module->arena);
    case OP_Slice: return derive_slice(ctx, node, results);
    case OP_Split: return derive_split(node, results, ctx->module->arena);
    case OP_Concat: return derive_concat(node, results, ctx->module->arena);
    case OP_Cast: return derive_cast(node, results, ctx->module->arena);
    case OP_Add:
    case OP_Sub:
    case OP_Mul: return derive_adjusted(ctx, node, results);
    default: results[0] = node->in[0]->data; return true;  // a view
    }
}

bool derive_constants(PassContext *ctx, Node *node) {
    const Constant **results = ARENA_ARRAY(ctx->scratch, const Constant *, node->nout);
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && !node->in[i]->data)
            return false;
    if (!derive_accepts(node) || !derive(ctx, node, results))
        return false;
    for (int i = 0; i < node->nout; i++)
        node->out[i]->data = results[i];
    node_remove(node);
    return true;
}
