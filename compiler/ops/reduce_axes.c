// ReduceSum and its kin: one row of a table each. Where the axes are read as the model runs there are loops for each
// set of axes that gives the declared shape, of which one runs. Mostly there is only one such set.
//
// With noop_with_empty_axes and no axes nothing is reduced, but terms and finishes still apply, as in ReduceSumSquare.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/known.h"
#include "ops/declared.h"
#include "ops/reduce.h"

enum { SIDE_BY_SIDE = 8 };  // vectors of neighbouring results

typedef struct ReduceRow {
    OpKind op;
    Val (*term)(Emit *e, const Reduce *r, Val x, Val at);
    Val (*combine)(Emit *e, Val a, Val b);
    Val (*finish)(Emit *e, Val v, int64_t count);
    double (*initial)(DType dtype);  // null: 0
    bool real;                       // computes in floats, whatever the type
} ReduceRow;

static Val combine_mul(Emit *e, Val a, Val b) {
    return e_mul(e, a, b);
}

static Val combine_min(Emit *e, Val a, Val b) {
    return e_min_nan(e, a, b);
}

static double one(DType dtype) {
    (void)dtype;
    return 1;
}

static Val term_abs(Emit *e, const Reduce *r, Val x, Val at) {
    (void)at;
    return e_abs(e, e_cast(e, r->dtype, x));
}

static Val term_square(Emit *e, const Reduce *r, Val x, Val at) {
    (void)at;
    x = e_cast(e, r->dtype, x);
    return e_mul(e, x, x);
}

static Val term_exp(Emit *e, const Reduce *r, Val x, Val at) {
    (void)at;
    x = e_cast(e, r->dtype, x);
    return e_exp(e, e_sub(e, x, reduce_extra(e, r, x)));
}

static Val finish_mean(Emit *e, Val v, int64_t count) {
    return e_div(e, v, fit(e, e_number(e, v.dtype, (double)count), v.lanes));
}

static Val finish_root(Emit *e, Val v, int64_t count) {
    (void)count;
    return e_sqrt(e, dtype_is_float(v.dtype) ? v : e_cast(e, DT_F64, v));
}

static Val finish_log(Emit *e, Val v, int64_t count) {
    (void)count;
    return e_log(e, v);
}

static const ReduceRow rows[] = {
    {OP_ReduceL1, term_abs, combine_add, NULL, NULL, false},
    {OP_ReduceL2, term_square, combine_add, finish_root, NULL, false},
    {OP_ReduceLogSum, NULL, combine_add, finish_log, NULL, true},
    {OP_ReduceLogSumExp, term_exp, combine_add, finish_log, NULL, true},
    {OP_ReduceMax, NULL, combine_max, NULL, lowest_of, false},
    {OP_ReduceMean, NULL, combine_add, finish_mean, NULL, false},
    {OP_ReduceMin, NULL, combine_min, NULL, highest_of, false},
    {OP_ReduceProd, NULL, combine_mul, NULL, one, false},
    {OP_ReduceSum, NULL, combine_add, NULL, NULL, false},
    {OP_ReduceSumSquare, term_square, combine_add, NULL, NULL, false},
};

typedef struct ReduceNode {
    const ReduceRow *row;
    Reduce reduce;
    Ptr y;
    int64_t count;
} ReduceNode;

// The largest term, to be subtracted before exp; infinities are left alone, since their difference is no number.
static Val shift_of(Emit *e, const ReduceNode *n, Val x, int lanes) {
    Reduce max = n->reduce;
    max.term = NULL;
    max.combine = combine_max;
    max.initial = lowest_of(max.dtype);
    Val v = reduce_at(e, &max, x, lanes), zero = e_zero(e, v.dtype, lanes);
    Val infinite = e_eq(e, e_abs(e, v), fit(e, e_number(e, v.dtype, highest_of(v.dtype)), lanes));
    return e_select(e, infinite, zero, v);
}

static void reduce_row(Emit *e, void *arg, Val x, Val y, int lanes) {
    ReduceNode *n = arg;
    bool shifted = n->row->term == term_exp;
    if (shifted)
        n->reduce.extra = shift_of(e, n, x, lanes);
    Val v = reduce_at(e, &n->reduce, x, lanes);
    if (n->row->finish)
        v = n->row->finish(e, v, n->count);
    if (shifted)
        v = e_add(e, v, n->reduce.extra);
    store_compute(e, n->y, y, v);
}

static unsigned known_axes(const Node *node) {
    const Type *type = &node->in[0]->type;
    const ReduceAttrs *attrs = node->attrs;
    Ints list = known_ints(node->graph->module->arena, node, 1);
    unsigned axes = list.n == 0 && !attrs->noop_with_empty_axes ? (1u << type->rank) - 1 : 0;
    for (int i = 0; i < list.n; i++)
        axes |= 1u << type_axis(type, list.v[i]);
    return axes;
}

static void add_axes(ReduceNode *n, Kept *kept, const Node *node, unsigned axes) {
    const Type *type = &node->in[0]->type;
    const ReduceAttrs *attrs = node->attrs;
    int64_t x[MAX_RANK], y[MAX_RANK];
    kept->x_origin = type_steps(type, x);
    kept->y_origin = type_steps(&node->out[0]->type, y);
    n->count = 1;
    for (int i = 0, to = 0; i < type->rank; i++) {
        if (axes >> i & 1) {
            reduce_add_loop(&n->reduce, type_size(type, i), x[i]);
            n->count *= type_size(type, i);
            to += attrs->keepdims;
        } else {
            kept_add(kept, type_size(type, i), x[i], y[to++]);
        }
    }
}

// A bool is a byte of 0 or 1, of which the extremes are those of unsigned bytes.
static Ptr as_number(Ptr p) {
    return p.dtype == DT_BOOL ? e_retype(p, DT_U8) : p;
}

static ReduceNode reduce_of(Emit *e, const Node *node) {
    ReduceNode n = {.y = as_number(e_out(e, 0))};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == node->op)
            n.row = &rows[i];
    Ptr x = as_number(e_in(e, 0));
    DType dtype = compute_type(x.dtype);
    if (n.row->real && !dtype_is_float(dtype))
        dtype = DT_F64;
    n.reduce = (Reduce){.x = x, .dtype = dtype, .term = n.row->term, .combine = n.row->combine};
    n.reduce.initial = n.row->initial ? n.row->initial(dtype) : 0;
    return n;
}

// Where a term is an instruction or two, and memory or their latency is what takes time.
static bool goes_side_by_side(const ReduceNode *n) {
    DType dtype = n->reduce.dtype;
    return n->reduce.x.dtype == dtype && dtype_info[dtype].bits >= 32 && n->row->term != term_exp;
}

// Work is shared where there is one set of axes only.
static void reduce_axes(Emit *e, const Node *node, unsigned axes, bool shared) {
    ReduceNode n = reduce_of(e, node);
    Kept kept = {0};
    add_axes(&n, &kept, node, axes);
    int lanes = e_lanes(e, n.reduce.dtype);
    kept.vectors = goes_side_by_side(&n) ? SIDE_BY_SIDE : 1;
    if (shared)
        kept_loops(e, &kept, lanes, reduce_row, &n);
    else
        kept_inside(e, &kept, e_index(e, kept.x_origin), e_index(e, kept.y_origin), lanes, reduce_row, &n);
}

static void lower_reduce(Emit *e, const Node *node) {
    if (!is_declared(e, node)) {
        reduce_axes(e, node, known_axes(node), true);
        return;
    }
    unsigned sets[AXIS_SETS_MAX];
    int n = node_axis_sets(node, sets);
    Val ok, axes = operand_axes(e, node, 1, node->in[0]->type.rank, &ok), found = e_bool(e, false);
    for (int i = 0; i < n; i++) {
        Val chosen = e_and(e, ok, e_eq(e, axes, e_int(e, DT_I64, sets[i])));
        found = e_or(e, found, chosen);
        if (n == 1)
            reduce_axes(e, node, sets[i], true);
        else
            EMIT_IF(e, chosen)
                reduce_axes(e, node, sets[i], false);
    }
    e_fail_if(e, e_not(e, found));
}

const OpImpl impl_ReduceL1 = {.lower = lower_reduce};
const OpImpl impl_ReduceL2 = {.lower = lower_reduce};
const OpImpl impl_ReduceLogSum = {.lower = lower_reduce};
const OpImpl impl_ReduceLogSumExp = {.lower = lower_reduce};
const OpImpl impl_ReduceMax = {.lower = lower_reduce};
const OpImpl impl_ReduceMean = {.lower = lower_reduce};
const OpImpl impl_ReduceMin = {.lower = lower_reduce};
const OpImpl impl_ReduceProd = {.lower = lower_reduce};
const OpImpl impl_ReduceSum = {.lower = lower_reduce};
const OpImpl impl_ReduceSumSquare = {.lower = lower_reduce};
