// sqz.Normalize: y = (x - mean) / sqrt(variance + epsilon) * scale + bias over the last axes, as LayerNormalization. If
// it is not centred, the mean counts as 0: RMSNormalization.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/reduce.h"

typedef struct Normalize {
    Ptr x, y, scale, bias;  // the last two may be null
    double epsilon;
    bool centred;
    DType dtype;
    Reduce sum;             // the normalized elements of a row
    Kept inner;             // their loops
    int64_t count;
    Val mean, factor, from, to, at;  // of the row at hand; where this piece of it begins, and in scale and bias
} Normalize;

static Val square_term(Emit *e, const Reduce *r, Val x, Val at) {
    (void)at;
    Val d = r->extra.v ? e_sub(e, x, reduce_extra(e, r, x)) : x;
    return e_mul(e, d, d);
}

static void normalize_span(Emit *e, void *arg, Val i, int lanes) {
    const Normalize *n = arg;
    Val v = load_compute(e, n->x, e_add(e, n->from, i), lanes);
    if (n->centred)
        v = e_sub(e, v, fit(e, n->mean, lanes));
    v = e_mul(e, v, fit(e, n->factor, lanes));
    if (n->scale.v)
        v = e_mul(e, v, load_compute(e, n->scale, e_add(e, n->at, i), lanes));
    if (n->bias.v)
        v = e_add(e, v, load_compute(e, n->bias, e_add(e, n->at, i), lanes));
    store_compute(e, n->y, e_add(e, n->to, i), v);
}

// The loops from `level` on; `at` counts the elements of a row.
static void normalize_level(Emit *e, Normalize *n, int level, Val from, Val to, Val at) {
    const Kept *inner = &n->inner;
    bool piece = level == inner->rank - 1 && inner->x[level] == 1 && inner->y[level] == 1;
    if (level == inner->rank || piece) {
        n->from = from;
        n->to = to;
        n->at = at;
        emit_span(e, e_index(e, 0), e_index(e, piece ? inner->size[level] : 1), e_lanes(e, n->dtype), normalize_span,
                  n);
        return;
    }
    int64_t behind = product(inner->size + level + 1, inner->rank - level - 1);
    EMIT_TIMES(e, i, inner->size[level])
        normalize_level(e, n, level + 1, e_add(e, from, e_mul_const(e, i.i, inner->x[level])),
                        e_add(e, to, e_mul_const(e, i.i, inner->y[level])), e_add(e, at, e_mul_const(e, i.i, behind)));
}

static void normalize_row(Emit *e, void *arg, Val x, Val y, int lanes) {
    (void)lanes;
    Normalize *n = arg;
    Val share = e_number(e, n->dtype, 1.0 / (double)n->count);
    Reduce squares = n->sum;
    squares.term = square_term;
    if (n->centred)
        squares.extra = n->mean = e_mul(e, reduce_at(e, &n->sum, x, 1), share);
    Val variance = e_mul(e, reduce_at(e, &squares, x, 1), share);
    Val deviation = e_sqrt(e, e_add(e, variance, e_number(e, n->dtype, n->epsilon)));
    n->factor = e_div(e, e_number(e, n->dtype, 1), deviation);
    normalize_level(e, n, 0, x, y, e_index(e, 0));
}

static void lower_normalize(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type;
    const NormalizeAttrs *attrs = node->attrs;
    int64_t x[MAX_RANK], y[MAX_RANK];
    int axis = type_axis(type, attrs->axis);
    Normalize n = {.x = e_in(e, 0), .y = e_out(e, 0), .epsilon = attrs->epsilon, .centred = attrs->centred,
                   .dtype = compute_type(type->dtype), .count = 1};
    if (node_in(node, 1))
        n.scale = e_in(e, 1);
    if (node_in(node, 2))
        n.bias = e_in(e, 2);
    Kept kept = {.x_origin = type_steps(type, x), .y_origin = type_steps(&node->out[0]->type, y)};
    n.sum = (Reduce){.x = n.x, .dtype = n.dtype, .combine = combine_add};
    for (int i = 0; i < type->rank; i++) {
        if (i < axis) {
            kept_add(&kept, type_size(type, i), x[i], y[i]);
            continue;
        }
        kept_add(&n.inner, type_size(type, i), x[i], y[i]);
        reduce_add_loop(&n.sum, type_size(type, i), x[i]);
        n.count *= type_size(type, i);
    }
    kept_loops(e, &kept, 1, normalize_row, &n);
}

const OpImpl impl_Normalize = {.lower = lower_normalize};
