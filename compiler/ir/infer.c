// Shape inference: the entry, the checks, dimensions as operands, broadcasting. The operators are in infer_*.c.
//
// Each operator's function (a column of ops.def) reads the types of the inputs and writes those of the outputs.
// Results are row-major: layouts are chosen later, by passes. A dimension is a number or a multiple of a symbol and
// is carried through where that is exact; elsewhere the message names the flag that binds the symbol.
#include "ir/infer.h"

#include "ir/infer_check.h"
#include "support/checked.h"
#include "support/str.h"

bool fail_counted(Infer *infer, const Node *node, Dim dim) {
    return diag_error(infer->diag, node->loc, E_COUNTED,
                      "a dimension of up to %lld is known only as the model runs ('%s'), and %s cannot work on it: "
                      "make what it reads an output, and compute on that outside of the network",
                      (long long)dim.n, dim.count->name, op_info[node->op].name);
}

bool fail_symbol(Infer *infer, const Node *node, Dim dim) {
    if (dim.count)
        return fail_counted(infer, node, dim);
    const char *name = dim.sym ? dim.sym->name : "?";
    return diag_error(infer->diag, node->loc, E_SYMBOL,
                      "dimension '%s' must be a number here: bind it with --dim %s=VALUE", name, name);
}

bool fail_too_big(Infer *infer, const Node *node) {
    return diag_error(infer->diag, node->loc, E_TOO_BIG, "the size of the result overflows");
}

static const char *set_text(Arena *arena, unsigned set) {
    Str text = {.arena = arena};
    for (int i = 0; i < DT_COUNT; i++)
        if (set & 1u << i)
            str_printf(&text, "%s%s", text.length ? ", " : "", dtype_info[i].name);
    return text.text;
}

bool check_dtype(Infer *infer, const Node *node, int index, unsigned accepted) {
    if (!node_in(node, index))
        return true;
    DType dtype = input_type(node, index)->dtype;
    if (accepted & 1u << dtype)
        return true;
    return diag_error(infer->diag, node->loc, E_DTYPE, "input %d is %s; accepted: %s", index, dtype_info[dtype].name,
                      set_text(infer->arena, accepted));
}

bool check_same_dtype(Infer *infer, const Node *node, int first, int second) {
    if (!node_in(node, first) || !node_in(node, second))
        return true;
    DType a = input_type(node, first)->dtype, b = input_type(node, second)->dtype;
    if (a == b)
        return true;
    return diag_error(infer->diag, node->loc, E_DTYPE, "inputs %d and %d must have one element type, not %s and %s",
                      first, second, dtype_info[a].name, dtype_info[b].name);
}

bool check_rank(Infer *infer, const Node *node, int index, int least, int most) {
    if (!node_in(node, index))
        return true;
    const Type *type = input_type(node, index);
    if (type->rank >= least && type->rank <= most)
        return true;
    const char *text = type_text(infer->arena, type);
    if (least == most)
        return diag_error(infer->diag, node->loc, E_SHAPE, "input %d must have rank %d, not %s", index, least, text);
    return diag_error(infer->diag, node->loc, E_SHAPE, "input %d must have rank %d to %d, not %s", index, least, most,
                      text);
}

bool check_result_rank(Infer *infer, const Node *node, int rank) {
    if (rank >= 0 && rank <= MAX_RANK)
        return true;
    return diag_error(infer->diag, node->loc, E_SHAPE, "the result would have rank %d; at most %d is supported", rank,
                      MAX_RANK);
}

bool check_scalar(Infer *infer, const Node *node, int index) {
    if (!node_in(node, index))
        return true;
    const Type *type = input_type(node, index);
    Dim count;
    if (dim_count(type, &count) && dim_equal(count, dim_const(1)))
        return true;
    return diag_error(infer->diag, node->loc, E_SHAPE, "input %d must be a scalar, not %s", index,
                      type_text(infer->arena, type));
}

bool check_number(Infer *infer, const Node *node, Dim dim, int64_t *number) {
    *number = dim.n;
    return dim.sym || dim.count ? fail_symbol(infer, node, dim) : true;
}

bool check_dim(Infer *infer, const Node *node, Dim found, Dim wanted, const char *what) {
    if (dim_equal(found, wanted))
        return true;
    if (found.count || wanted.count)
        return fail_counted(infer, node, found.count ? found : wanted);
    if (found.sym || wanted.sym)
        return fail_symbol(infer, node, found.sym ? found : wanted);
    return diag_error(infer->diag, node->loc, E_SHAPE, "%s must be %lld, not %lld", what, (long long)wanted.n,
                      (long long)found.n);
}

bool check_axes(Infer *infer, const Node *node, const Ints *axes, int rank, bool set[MAX_RANK]) {
    for (int i = 0; i < MAX_RANK; i++)
        set[i] = false;
    for (int i = 0; i < axes->n; i++) {
        int index = 0;
        if (!infer_axis(infer, node, axes->v[i], rank, &index))
            return false;
        if (set[index])
            return diag_error(infer->diag, node->loc, E_SHAPE, "axis %lld is given twice", (long long)axes->v[i]);
        set[index] = true;
    }
    return true;
}

bool infer_axis(Infer *infer, const Node *node, int64_t axis, int rank, int *index) {
    if (axis < -rank || axis >= rank)
        return diag_error(infer->diag, node->loc, E_SHAPE, "axis %lld is out of range for rank %d", (long long)axis,
                          rank);
    *index = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

Type infer_like(const Type *type) {
    Type result = *type;
    result.layout = (Layout){.kind = LAYOUT_ROW_MAJOR, .block = 1};
    return result;
}

// Arithmetic on dimensions.

static Symbol *sum_symbol(Dim a, Dim b) {
    return a.n ? a.sym : b.sym;
}

static bool is_counted(Dim a, Dim b) {
    return a.count || b.count;
}

static bool addable(Dim a, Dim b) {
    return !is_counted(a, b) && (a.sym == b.sym || a.n == 0 || b.n == 0);
}

static Dim dim_make(int64_t n, Symbol *symbol) {
    return (Dim){n, n ? symbol : NULL, NULL};
}

bool dim_add(Dim a, Dim b, Dim *sum) {
    int64_t n;
    if (!addable(a, b) || !checked_add(a.n, b.n, &n))
        return false;
    *sum = dim_make(n, sum_symbol(a, b));
    return true;
}

bool dim_sub(Dim a, Dim b, Dim *difference) {
    int64_t n;
    if (!addable(a, b) || !checked_sub(a.n, b.n, &n))
        return false;
    *difference = dim_make(n, sum_symbol(a, b));
    return true;
}

bool dim_mul(Dim a, Dim b, Dim *product) {
    int64_t n;
    if (a.n == 0 || b.n == 0) {
        *product = dim_const(0);
        return true;
    }
    if (is_counted(a, b)) {
        *product = a.count ? a : b;
        return dim_equal(a.count ? b : a, dim_const(1));
    }
    if ((a.sym && b.sym) || !checked_mul(a.n, b.n, &n))
        return false;
    *product = dim_make(n, a.sym ? a.sym : b.sym);
    return true;
}

bool dim_div(Dim a, Dim b, Dim *quotient) {
    if (b.n == 0 || (b.n == -1 && a.n == INT64_MIN))
        return false;
    bool whole = a.n % b.n == 0;
    if (is_counted(a, b)) {
        *quotient = a;
        return dim_equal(b, dim_const(1));
    }
    if (b.sym && (a.sym != b.sym || !whole))
        return false;
    if (!b.sym && a.sym && !whole)
        return false;
    *quotient = dim_make(a.n / b.n, b.sym ? NULL : a.sym);
    return true;
}

bool dim_count(const Type *type, Dim *count) {
    *count = dim_const(1);
    for (int i = 0; i < type->rank; i++)
        if (!dim_mul(*count, type->dim[i], count))
            return false;
    return true;
}

// Broadcasting.

static Dim dim_from_right(const Type *type, int position) {
    return position < type->rank ? type->dim[type->rank - 1 - position] : dim_const(1);
}

static bool fail_broadcast(Infer *infer, const Node *node, const Type *a, const Type *b) {
    return diag_error(infer->diag, node->loc, E_SHAPE, "%s and %s do not broadcast", type_text(infer->arena, a),
                      type_text(infer->arena, b));
}

static bool broadcast_dim(Infer *infer, const Node *node, const Type *a, const Type *b, int position, Dim *dim) {
    Dim x = dim_from_right(a, position), y = dim_from_right(b, position);
    if (dim_equal(y, dim_const(1)) || dim_equal(x, y)) {
        *dim = x;
        return true;
    }
    if (dim_equal(x, dim_const(1))) {
        *dim = y;
        return true;
    }
    if (x.count || y.count)
        return fail_counted(infer, node, x.count ? x : y);
    if (x.sym || y.sym)
        return fail_symbol(infer, node, x.sym ? x : y);
    return fail_broadcast(infer, node, a, b);
}

bool infer_broadcast(Infer *infer, const Node *node, const Type *a, const Type *b, Type *out) {
    Type result = infer_like(a);
    result.rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 0; i < result.rank; i++)
        if (!broadcast_dim(infer, node, a, b, i, &result.dim[result.rank - 1 - i]))
            return false;
    for (int i = result.rank; i < MAX_RANK; i++)
        result.dim[i] = dim_const(0);
    *out = result;
    return true;
}

bool infer_broadcast_to(Infer *infer, const Node *node, const Type *from, const Type *to) {
    if (from->rank > to->rank)
        return fail_broadcast(infer, node, from, to);
    for (int i = 0; i < from->rank; i++) {
        Dim x = dim_from_right(from, i), y = dim_from_right(to, i);
        if (dim_equal(x, y) || dim_equal(x, dim_const(1)))
            continue;
        if (x.sym || y.sym)
            return fail_symbol(infer, node, x.sym ? x : y);
        return fail_broadcast(infer, node, from, to);
    }
    return true;
}

// Integers as operands.

// The first output of which neither a type nor a declaration is known; else the first.
static const char *undeclared_name(const Node *node) {
    int first = flow_carried(node);
    for (int i = first; i < node->nout; i++)
        if (node->out[i] && !node->out[i]->declared && node->out[i]->type.rank < 0)
            return node->out[i]->name;
    return first < node->nout && node->out[first] ? node->out[first]->name : "?";
}

bool fail_dynamic(Infer *infer, const Node *node, int index) {
    const Value *value = node->in[index];
    const char *remedy = value_is_input(value) ? arena_printf(infer->arena, "or use --bind %s=FILE.npy", value->name)
                                               : "or turn inputs that it comes from into constants with --bind";
    return diag_error(infer->diag, node->loc, E_DYNAMIC,
                      "input %d ('%s') decides the shape, and the model does not declare the shape of '%s': export it "
                      "with static shapes, %s", index, value->name, undeclared_name(node), remedy);
}

bool infer_dims(Infer *infer, const Node *node, int index, const DimTensor **dims) {
    *dims = NULL;
    const Value *value = node_in(node, index);
    if (!value)
        return true;
    *dims = infer_known(infer, value);
    if (*dims)
        return true;
    return fail_dynamic(infer, node, index);
}

bool infer_ints(Infer *infer, const Node *node, int index, Ints *ints) {
    const DimTensor *dims;
    *ints = (Ints){0};
    if (!infer_dims(infer, node, index, &dims))
        return false;
    if (!dims)
        return true;
    ints->v = ARENA_ARRAY(infer->arena, int64_t, dims->n);
    for (ints->n = 0; ints->n < dims->n; ints->n++)
        if (!check_number(infer, node, dims->v[ints->n], &ints->v[ints->n]))
            return false;
    return true;
}

// The entry.

static bool check_arity(Infer *infer, const Node *node) {
    const OpInfo *info = &op_info[node->op];
    if (node->nin < info->in_min || node->nin > node_most_inputs(node))
        return diag_error(infer->diag, node->loc, E_ARITY, "%s has %d inputs; it takes %d%s", info->name, node->nin,
                          info->in_min, info->in_max > info->in_min ? " or more" : "");
    if (node->nout < info->out_min || node->nout > info->out_max)
        return diag_error(infer->diag, node->loc, E_ARITY, "%s has %d outputs; it gives %d%s", info->name, node->nout,
                          info->out_min, info->out_max > info->out_min ? " or more" : "");
    int required = info->in_max == MANY ? node->nin : info->in_min;
    for (int i = 0; i < required; i++)
        if (!node->in[i])
            return diag_error(infer->diag, node->loc, E_ARITY, "input %d of %s is missing", i, info->name);
    return true;
}

static bool check_size(Infer *infer, const Node *node, const char *what, const Type *type) {
    int64_t bytes = (dtype_info[type->dtype].bits + 7) / 8;
    for (int i = 0; i < type->rank; i++) {
        int64_t n = type->dim[i].n;
        if (n < 0)
            return diag_error(infer->diag, node->loc, E_SHAPE, "%s has a negative dimension: %s", what,
                              type_text(infer->arena, type));
        if (!checked_mul(bytes, max_i64(n, 1), &bytes) || bytes > TYPE_BYTES_MAX)
            return diag_error(infer->diag, node->loc, E_TOO_BIG, "%s would be larger than 2^40 bytes: %s", what,
                              type_text(infer->arena, type));
    }
    return true;
}

static bool check_inputs(Infer *infer, const Node *node) {
    for (int i = 0; i < node->nin; i++) {
        const Value *value = node->in[i];
        if (value && (value->type.rank < 0 || value->type.dtype == DT_NONE))
            return diag_error(infer->diag, node->loc, E_SHAPE, "the type of input %d ('%s') is not known", i,
                              value->name);
        if (value && !check_size(infer, node, "an input", &value->type))
            return false;
    }
    return true;
}

bool infer_node(Infer *infer, const Node *node, Type *out) {
    bool declared;
    if (!check_arity(infer, node) || !check_inputs(infer, node) || !counted_inputs_ok(infer, node) ||
        !infer_declared(infer, node, out, &declared) ||
        (!declared && !op_info[node->op].infer(infer, node, out)) || !counted_results_ok(infer, node, out))
        return false;
    for (int i = 0; i < node->nout; i++)
        if (!check_size(infer, node, "the result", &out[i]))
            return false;
    return true;
}
