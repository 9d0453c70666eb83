// LinearAttention: a recurrence over time with a matrix as state, for each batch and head of keys and values.
//
//     S = diag(exp(decay)) S                    gated, gated_delta: a decay for each key dimension, or one for the head
//     v = beta (v - S' k)                       delta, gated_delta
//     S = S + k v'
//     o = scale S' q                            for each head of queries that shares this state
//
// The columns of S do not meet, so each step goes through them in vectors: all of a step for one block of columns, then
// the next. Keys, queries and decays of the step are first copied to scratch in the type of the arithmetic.
#include <math.h>

#include "codegen/lower.h"
#include "ops/copy.h"
#include "support/checked.h"

enum { TOGETHER = 4 };  // heads of queries read as the state is written; more read it again

typedef struct Linear {
    const Node *node;
    const LinearAttrs *attrs;
    DType dtype;
    int64_t batches, steps, heads, shared, keys, values;  // shared: heads of queries for each state
    int64_t decays, betas;                                // last axes of decay and beta; 0: none
    Ptr state, key, query, decay;                         // scratch
    Val batch, head, step;
} Linear;

static Linear linear_of(const Node *node) {
    Linear a = {.node = node, .attrs = node->attrs, .dtype = compute_type(node->in[0]->type.dtype)};
    a.batches = type_size(&node->in[0]->type, 0);
    a.steps = type_size(&node->in[0]->type, 1);
    a.heads = a.attrs->kv_num_heads;
    a.shared = a.attrs->q_num_heads / a.heads;
    a.keys = type_size(&node->in[1]->type, 2) / a.heads;
    a.values = type_size(&node->in[2]->type, 2) / a.heads;
    a.decays = node_in(node, 4) ? type_size(&node->in[4]->type, 2) : 0;
    a.betas = node_in(node, 5) ? type_size(&node->in[5]->type, 2) : 0;
    return a;
}

static int64_t pitch(int64_t n) {
    return align_up(n, 16);
}

static int64_t linear_scratch(const Node *node, const Target *target) {
    Linear a = linear_of(node);
    (void)target;
    int64_t elements = pitch(a.keys * a.values) + (2 + a.shared) * pitch(a.keys);
    return elements * (dtype_info[a.dtype].bits / 8);
}

// Rows that are copied as they are converted.

typedef struct Row {
    Ptr from, to;
    Val from_at, to_at;
    double scale;
    bool exponential;
} Row;

static void row_body(Emit *e, void *arg, Val i, int lanes) {
    const Row *row = arg;
    Val x = load_compute(e, row->from, e_add(e, row->from_at, i), lanes);
    if (row->exponential)
        x = e_exp(e, x);
    if (row->scale != 1)
        x = e_mul(e, x, e_splat(e, e_float(e, x.dtype, row->scale), lanes));
    store_compute(e, row->to, e_add(e, row->to_at, i), x);
}

static void copy_row(Emit *e, const Linear *a, Row row, int64_t n) {
    emit_span(e, e_index(e, 0), e_index(e, n), e_lanes(e, a->dtype), row_body, &row);
}

// Where the step's row of an operand with `size` numbers in its last axis starts.
static Val row_at(Emit *e, const Linear *a, int64_t size) {
    Val row = e_add(e, e_mul_const(e, a->batch, a->steps), a->step);
    return e_mul_const(e, row, size);
}

static void take_step(Emit *e, const Linear *a) {
    int64_t queries = a->heads * a->shared * a->keys;
    Val own = e_mul_const(e, a->head, a->keys), none = e_index(e, 0);
    Row key = {.from = e_in(e, 1), .to = a->key, .to_at = none, .scale = 1};
    key.from_at = e_add(e, row_at(e, a, a->heads * a->keys), own);
    copy_row(e, a, key, a->keys);
    Row query = {.from = e_in(e, 0), .to = a->query, .to_at = none, .scale = a->attrs->scale};
    if (query.scale == 0)
        query.scale = a->keys ? 1 / sqrt((double)a->keys) : 1;
    query.from_at = e_add(e, row_at(e, a, queries), e_mul_const(e, own, a->shared));
    copy_row(e, a, query, a->shared * a->keys);
    if (!a->decays)
        return;
    bool each = a->decays == a->heads * a->keys;
    Row decay = {.from = e_in(e, 4), .to = a->decay, .to_at = none, .scale = 1, .exponential = true};
    decay.from_at = e_add(e, row_at(e, a, a->decays), each ? own : a->head);
    copy_row(e, a, decay, each ? a->keys : 1);
}

// Columns of the state.

static Val scalar(Emit *e, Ptr p, Val index, int lanes) {
    return e_splat(e, e_load(e, p, index, 1), lanes);
}

static Val state_at(Emit *e, const Linear *a, Val key, Val column) {
    return e_add(e, e_mul_const(e, key, a->values), column);
}

static Val decayed(Emit *e, const Linear *a, Val key, Val s) {
    bool each = a->decays == a->heads * a->keys;
    return a->decays ? e_mul(e, s, scalar(e, a->decay, each ? key : e_index(e, 0), s.lanes)) : s;
}

// beta (v - S' k), as the state decays
static Val corrected(Emit *e, const Linear *a, Val column, Val v) {
    Var sum = e_var(e, e_zero(e, a->dtype, v.lanes));
    EMIT_TIMES(e, key, a->keys) {
        Val at = state_at(e, a, key.i, column), s = decayed(e, a, key.i, e_load(e, a->state, at, v.lanes));
        e_store(e, a->state, at, s);
        e_set(e, sum, e_fma(e, s, scalar(e, a->key, key.i, v.lanes), e_get(e, sum)));
    }
    Val at = e_add(e, row_at(e, a, a->betas), a->betas == 1 ? e_index(e, 0) : a->head);
    Val beta = e_splat(e, load_compute(e, e_in(e, 5), at, 1), v.lanes);
    return e_mul(e, beta, e_sub(e, v, e_get(e, sum)));
}

static void give(Emit *e, const Linear *a, Val query, Val column, Val o) {
    Val at = row_at(e, a, a->heads * a->shared * a->values);
    Val head = e_add(e, e_mul_const(e, a->head, a->shared), query);
    store_compute(e, e_out(e, 0), e_add(e, e_add(e, at, e_mul_const(e, head, a->values)), column), o);
}

static void column_body(Emit *e, void *arg, Val column, int lanes) {
    const Linear *a = arg;
    int together = (int)min_i64(a->shared, TOGETHER);
    Val value = e_add(e, e_mul_const(e, a->head, a->values), column), zero = e_zero(e, a->dtype, lanes);
    Val v = load_compute(e, e_in(e, 2), e_add(e, row_at(e, a, a->heads * a->values), value), lanes);
    Var o[TOGETHER];
    if (a->betas)
        v = corrected(e, a, column, v);
    for (int q = 0; q < together; q++)
        o[q] = e_var(e, zero);
    EMIT_TIMES(e, key, a->keys) {
        Val at = state_at(e, a, key.i, column), s = e_load(e, a->state, at, lanes);
        s = a->betas ? s : decayed(e, a, key.i, s);
        s = e_fma(e, scalar(e, a->key, key.i, lanes), v, s);
        e_store(e, a->state, at, s);
        for (int q = 0; q < together; q++) {
            Val weight = scalar(e, a->query, e_add_const(e, key.i, q * a->keys), lanes);
            e_set(e, o[q], e_fma(e, weight, s, e_get(e, o[q])));
        }
    }
    for (int q = 0; q < together; q++)
        give(e, a, e_index(e, q), column, e_get(e, o[q]));
    EMIT_FOR(e, q, e_index(e, together), e_index(e, a->shared), 1) {
        Var sum = e_var(e, zero);
        EMIT_TIMES(e, key, a->keys) {
            Val weight = scalar(e, a->query, e_add(e, e_mul_const(e, q.i, a->keys), key.i), lanes);
            Val s = e_load(e, a->state, state_at(e, a, key.i, column), lanes);
            e_set(e, sum, e_fma(e, weight, s, e_get(e, sum)));
        }
        give(e, a, q.i, column, e_get(e, sum));
    }
}

static void emit_head(Emit *e, Linear *a, Val unit) {
    int64_t size = a->keys * a->values;
    Val none = e_index(e, 0), at = e_mul_const(e, unit, size);
    if (node_in(a->node, 3))
        copy_row(e, a, (Row){.from = e_in(e, 3), .to = a->state, .from_at = at, .to_at = none, .scale = 1}, size);
    else
        e_clear(e, a->state, none, size);
    EMIT_TIMES(e, step, a->steps) {
        a->step = step.i;
        take_step(e, a);
        emit_span(e, none, e_index(e, a->values), e_lanes(e, a->dtype), column_body, a);
    }
    if (a->node->nout > 1 && a->node->out[1])
        copy_row(e, a, (Row){.from = a->state, .to = e_out(e, 1), .from_at = none, .to_at = at, .scale = 1}, size);
}

static void lower_linear_attention(Emit *e, const Node *node) {
    Linear a = linear_of(node);
    if (a.batches * a.keys * a.values == 0) {
        if (type_count(&node->out[0]->type) > 0)
            e_clear(e, e_out(e, 0), e_index(e, 0), type_count(&node->out[0]->type));
        return;
    }
    a.state = e_scratch(e, a.dtype, linear_scratch(node, e_target(e)));
    a.key = e_at_const(e, a.state, pitch(a.keys * a.values));
    a.decay = e_at_const(e, a.key, pitch(a.keys));
    a.query = e_at_const(e, a.decay, pitch(a.keys));
    Share share = e_share(e, a.batches * a.heads);
    EMIT_FOR(e, unit, share.begin, share.end, 1) {
        a.batch = e_div(e, unit.i, e_index(e, a.heads));
        a.head = e_rem(e, unit.i, e_index(e, a.heads));
        emit_head(e, &a, unit.i);
    }
}

const OpImpl impl_LinearAttention = {.lower = lower_linear_attention, .scratch = linear_scratch};
