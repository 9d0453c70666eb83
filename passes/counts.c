// Counts are i64 scalars: the outputs of NonZero and its kin, and what is computed from them here. Models compute
// shapes from the shapes of counted values ("the 100 best, or as many as there are"); inference follows that with
// DimTensors, in which a counted dimension has its most and the name of its count. Arithmetic on such dimensions makes
// a scalar node for each new count. Its most follows from the nodes alone, so it is the same whenever it is asked for;
// an expression that is in the graph already is taken from there, and a few laws (k + (100 - k) is 100) keep what is a
// number a number.
#include "passes/counts.h"

#include <string.h>

#include "ir/infer_check.h"
#include "support/checked.h"

enum { DEPTH = 32 };

static void insert(Counts *c, Node *node) {
    node->loc = c->where->loc;
    graph_insert_before(c->where, node);
    c->first = c->first ? c->first : node;
}

Value *counts_node(Counts *c, OpKind op, Value *a, Value *b) {
    Value *result = node_before(c->where, op, a, b, type_unknown());
    if (!c->first)
        c->first = result->def;
    return result;
}

Value *counts_int(Counts *c, int64_t n) {
    int64_t *bytes = ARENA_ARRAY(c->graph->module->arena, int64_t, 1);
    *bytes = n;
    return value_constant(c->graph, "n", type_make(DT_I64, 0, NULL), bytes);
}

Value *counts_ints(Counts *c, const int64_t *v, int n) {
    return value_int64s(c->graph, "n", v, n);
}

Value *counts_value(Counts *c, Dim dim) {
    return dim.count ? value_find(c->graph, dim.count->name) : counts_int(c, dim.n);
}

Value *counts_list(Counts *c, const Dim *dims, int n) {
    Node *concat = node_new(c->graph, OP_Concat, n, 1);
    for (int i = 0; i < n; i++) {
        Value *number = counts_ints(c, dims[i].count ? &(int64_t){0} : &dims[i].n, 1);
        concat->in[i] = dims[i].count ? counts_node(c, OP_Unsqueeze, counts_value(c, dims[i]), number) : number;
    }
    insert(c, concat);
    return node_output(concat, 0, c->where->out[0]->name, type_unknown());
}

// ---- What is certain of a count.

static Dim operand(const Value *value) {
    int64_t n;
    double number;
    if (value->data && value->type.dtype == DT_I64 && value_as_double(value, &number)) {
        memcpy(&n, constant_bytes(value->data), sizeof n);
        return dim_const(n);
    }
    return (Dim){INT64_MAX, NULL, module_symbol(value->graph->module, value->name)};
}

static bool is_arithmetic(OpKind op) {
    return op == OP_Add || op == OP_Sub || op == OP_Mul || op == OP_Div || op == OP_Min || op == OP_Max;
}

static bool is_scalar_op(const Node *node) {
    return is_arithmetic(node->op) && node->nin == 2;
}

static const Node *maker(const Graph *graph, Dim dim) {
    const Value *value = dim.count ? value_find(graph, dim.count->name) : NULL;
    return value ? value->def : NULL;
}

// Numbers of nodes that select.
static bool is_source(const Node *node, const Symbol *name) {
    int index = node ? counted_output(node) : -1;
    return index >= 0 && node->nout > index && !strcmp(node->out[index]->name, name->name);
}

static int64_t most_of(const Graph *graph, Dim dim, int depth);

static bool is_natural(const Graph *graph, Dim dim, int depth) {
    if (!dim.count)
        return dim.n >= 0;
    const Node *node = maker(graph, dim);
    if (!node || depth == DEPTH)
        return false;
    if (is_source(node, dim.count))
        return true;
    if (!is_scalar_op(node))
        return false;
    Dim a = operand(node->in[0]), b = operand(node->in[1]);
    if (node->op == OP_Sub)
        return !a.count && most_of(graph, b, depth + 1) <= a.n;
    bool first = is_natural(graph, a, depth + 1), second = is_natural(graph, b, depth + 1);
    return node->op == OP_Max ? first || second : first && second;
}

// Of two numbers, INT64_MAX where that overflows.
static int64_t combine(OpKind op, int64_t a, int64_t b) {
    int64_t result;
    switch ((int)op) {
    case OP_Add: return checked_add(a, b, &result) ? result : INT64_MAX;
    case OP_Sub: return checked_sub(a, b, &result) ? result : INT64_MAX;
    case OP_Mul: return checked_mul(a, b, &result) ? result : INT64_MAX;
    case OP_Div: return b > 0 ? a / b : INT64_MAX;
    case OP_Min: return min_i64(a, b);
    default: return max_i64(a, b);
    }
}

static int64_t most_of(const Graph *graph, Dim dim, int depth) {
    if (!dim.count)
        return dim.n;
    const Node *node = maker(graph, dim);
    if (!node || depth == DEPTH)
        return INT64_MAX;
    if (is_source(node, dim.count)) {
        int axis = type_counted_axis(&node->out[0]->type);
        return axis < 0 ? INT64_MAX : node->out[0]->type.dim[axis].n;
    }
    if (!is_scalar_op(node))
        return INT64_MAX;
    Dim a = operand(node->in[0]), b = operand(node->in[1]);
    int64_t first = most_of(graph, a, depth + 1), second = most_of(graph, b, depth + 1);
    bool natural = is_natural(graph, a, depth + 1) && is_natural(graph, b, depth + 1);
    if (node->op == OP_Sub)
        return !is_natural(graph, b, depth + 1) ? INT64_MAX : b.count || first < b.n ? first : first - b.n;
    if (node->op == OP_Div)
        return b.count || !natural ? INT64_MAX : combine(OP_Div, first, b.n);
    if (node->op == OP_Mul && !natural)
        return INT64_MAX;
    return combine(node->op, first, second);
}

Dim counts_of(const Value *value) {
    Dim dim = operand(value);
    dim.n = most_of(value->graph, dim, 0);
    return dim;
}

bool counts_is_natural(const Counts *c, Dim dim) {
    return is_natural(c->graph, dim, 0);
}

// ---- Arithmetic.

static bool same(Dim a, Dim b) {
    return a.count || b.count ? a.count == b.count : a.n == b.n;
}

static bool is_number(Dim dim, int64_t n) {
    return !dim.count && dim.n == n;
}

// The node that makes `dim` as `op` of two, whose operands it gives.
static bool made_by(const Counts *c, OpKind op, Dim dim, Dim *a, Dim *b) {
    const Node *node = maker(c->graph, dim);
    if (!node || node->op != op || !is_scalar_op(node))
        return false;
    *a = operand(node->in[0]);
    *b = operand(node->in[1]);
    return true;
}

// Laws that need no new node.
static bool simplify(const Counts *c, OpKind op, Dim a, Dim b, Dim *result) {
    Dim x, y;
    *result = a;
    switch ((int)op) {
    case OP_Add:
        if (made_by(c, OP_Sub, a, &x, &y) && same(y, b))
            *result = x;
        else if (made_by(c, OP_Sub, b, &x, &y) && same(y, a))
            *result = x;
        else if (is_number(a, 0))
            *result = b;
        else
            return is_number(b, 0);
        return true;
    case OP_Sub:
        if (same(a, b))
            *result = dim_const(0);
        else if (made_by(c, OP_Add, a, &x, &y) && (same(x, b) || same(y, b)))
            *result = same(x, b) ? y : x;
        else
            return is_number(b, 0);
        return true;
    case OP_Mul:
        if (is_number(a, 0) || is_number(b, 0))
            *result = dim_const(0);
        else if (is_number(a, 1))
            *result = b;
        else
            return is_number(b, 1);
        return true;
    case OP_Div:
        if (made_by(c, OP_Mul, a, &x, &y) && !b.count && b.n && (same(x, b) || same(y, b)))
            *result = same(x, b) ? y : x;
        else
            return is_number(b, 1);
        return true;
    default: break;
    }
    bool least = op == OP_Min;
    if (same(a, b))
        return true;
    int64_t most_a = most_of(c->graph, a, 0), most_b = most_of(c->graph, b, 0);
    if (least && !a.count && a.n <= 0 && counts_is_natural(c, b))
        return true;
    if (!b.count && (least ? most_a <= b.n : b.n <= 0 && counts_is_natural(c, a)))
        return true;
    bool second = least && !b.count && b.n <= 0 && counts_is_natural(c, a);
    second = second || (!a.count && (least ? most_b <= a.n : a.n <= 0 && counts_is_natural(c, b)));
    if (made_by(c, op, a, &x, &y) && (same(x, b) || same(y, b)))
        return true;
    second = second || (made_by(c, op, b, &x, &y) && (same(x, a) || same(y, a)));
    if (second)
        *result = b;
    return second;
}

static bool is_operand(const Value *value, Dim dim) {
    return value->type.rank == 0 && same(operand(value), dim);
}

// The same expression, at or before the place of new nodes.
static Value *find(const Counts *c, OpKind op, Dim a, Dim b) {
    bool swaps = op != OP_Sub && op != OP_Div;
    for (const Node *node = c->graph->first; node; node = node->next) {
        if (node->op == op && node->nin == 2 && ((is_operand(node->in[0], a) && is_operand(node->in[1], b)) ||
                                               (swaps && is_operand(node->in[0], b) && is_operand(node->in[1], a))))
            return node->out[0];
        if (node == c->where)
            break;
    }
    return NULL;
}

Dim counts_apply(Counts *c, OpKind op, Dim a, Dim b) {
    Dim result;
    if (!a.count && !b.count)
        return dim_const(combine(op, a.n, b.n));
    if (simplify(c, op, a, b, &result)) {
        result.n = most_of(c->graph, result, 0);
        return result;
    }
    Value *value = find(c, op, a, b);
    if (value)
        return counts_of(value);
    Node *node = node_new(c->graph, op, 2, 1);
    node->in[0] = counts_value(c, a);
    node->in[1] = counts_value(c, b);
    insert(c, node);
    const char *name = arena_printf(c->graph->module->arena, "%s.count", c->where->out[0]->name);
    return counts_of(node_output(node, 0, name, type_make(DT_I64, 0, NULL)));
}

Value *counts_equal(Counts *c, Dim a, Dim b) {
    Value *equal = counts_node(c, OP_Equal, counts_value(c, a), counts_value(c, b));
    Value *either = counts_node(c, OP_Where, equal, counts_value(c, b));
    node_set_input(either->def, 2, counts_int(c, -1));
    return either;
}

// ---- Tensors of dimensions.

bool counts_any(const DimTensor *tensor) {
    for (int i = 0; tensor && i < tensor->n; i++)
        if (tensor->v[i].count)
            return true;
    return false;
}

static DimTensor *tensor_new(Counts *c, int64_t n) {
    DimTensor *tensor = ARENA_NEW(c->infer->arena, DimTensor);
    tensor->n = (int)n;
    tensor->v = ARENA_ARRAY(c->infer->arena, Dim, n);
    return tensor;
}

// One of rank 0 or 1 broadcasts to another: its only element, or that at the same position.
static Dim element(const DimTensor *tensor, int i) {
    return tensor->v[tensor->n == 1 ? 0 : i];
}

static bool apply_all(Counts *c, OpKind op, DimTensor *to, const DimTensor *with) {
    for (int i = 0; i < to->n; i++) {
        if (to->v[i].sym || element(with, i).sym)
            return false;
        to->v[i] = counts_apply(c, op, to->v[i], element(with, i));
    }
    return true;
}

static bool is_plain(const Value *value) {
    return (value->type.dtype == DT_I64 || value->type.dtype == DT_I32) && value->type.rank <= 1;
}

static DimTensor *eval_fold(Counts *c) {
    const Node *node = c->where;
    int64_t n = node->out[0]->type.rank ? node->out[0]->type.dim[0].n : 1;
    DimTensor *result = tensor_new(c, n);
    for (int i = 0; i < node->nin; i++) {
        const DimTensor *in = infer_known(c->infer, node->in[i]);
        if (!in || !is_plain(node->in[i]) || (in->n != n && in->n != 1))
            return NULL;
        if (i == 0)
            for (int k = 0; k < n; k++)
                result->v[k] = element(in, k);
        else if (!apply_all(c, node->op, result, in))
            return NULL;
    }
    return result;
}

static DimTensor *eval_reduce(Counts *c, OpKind op) {
    const Node *node = c->where;
    const DimTensor *in = infer_known(c->infer, node->in[0]);
    const Type *out = &node->out[0]->type;
    if (!in || !is_plain(node->in[0]) || in->n == 0 || node->in[0]->type.rank != 1 || in->v[0].sym ||
        (out->rank && out->dim[0].n != 1))
        return NULL;
    DimTensor *result = tensor_new(c, 1);
    result->v[0] = in->v[0];
    for (int i = 1; i < in->n; i++)
        if (!apply_all(c, op, result, &(DimTensor){1, &in->v[i]}))
            return NULL;
    return result;
}

// Whether dimensions equal others, where that is certain: no size is below 0.
static DimTensor *eval_equal(Counts *c) {
    const Node *node = c->where;
    const DimTensor *a = infer_known(c->infer, node->in[0]), *b = infer_known(c->infer, node->in[1]);
    if (!a || !b || node->out[0]->type.rank > 1)
        return NULL;
    int n = (int)max_i64(a->n, b->n);
    DimTensor *result = tensor_new(c, n);
    for (int i = 0; i < n; i++) {
        Dim x = element(a, i), y = element(b, i);
        bool equal = same(x, y), never = !x.count && !y.count && x.n != y.n;
        never |= !x.count && x.n < 0 && counts_is_natural(c, y);
        never |= !y.count && y.n < 0 && counts_is_natural(c, x);
        if (x.sym || y.sym || (!equal && !never))
            return NULL;
        result->v[i] = dim_const(equal);
    }
    return result;
}

DimTensor *counts_eval(Counts *c) {
    const Node *node = c->where;
    bool counted = false;
    for (int i = 0; i < node->nin; i++)
        counted |= node->in[i] && counts_any(infer_known(c->infer, node->in[i]));
    if (!counted || node->nout != 1)
        return NULL;
    if (is_arithmetic(node->op))
        return is_plain(node->out[0]) ? eval_fold(c) : NULL;
    switch ((int)node->op) {
    case OP_ReduceMin: return eval_reduce(c, OP_Min);
    case OP_ReduceMax: return eval_reduce(c, OP_Max);
    case OP_ReduceSum: return eval_reduce(c, OP_Add);
    case OP_ReduceProd: return eval_reduce(c, OP_Mul);
    case OP_Equal: return eval_equal(c);
    default: return NULL;
    }
}
