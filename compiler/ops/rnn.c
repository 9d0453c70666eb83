// RNN, GRU and LSTM. For each direction and batch, with h and c the state, x the input of the step, b = Wb + Rb:
//
//     RNN     h' = f(W x + R h + b)
//     GRU     z = f(Wz x + Rz h + bz), r = f(Wr x + Rr h + br), n = g(Wn x + Rn (r h) + bn)
//             or, linear before the reset, n = g(Wn x + Wbn + r (Rn h + Rbn));  h' = (1 - z) n + z h
//     LSTM    i = f(Wi x + Ri h + Pi c + bi), f likewise (or 1 - i), n = g(Wn x + Rn h + bn)
//             c' = f c + i n, o = f(Wo x + Ro h + Po c' + bo), h' = o h(c')
//
// A clip bounds the input of every activation, f, g and h (onnxruntime: of f and g).
//
// What does not depend on the state, W x and the biases, is made for a block of steps at once, into scratch memory: a
// register tile has the gates of a hidden unit for a few steps, each a dot product along a row of W. Then, step by
// step, R h is added, again as dot products, and vectors of hidden units pass through the activations. Sequences
// shorter than the longest one give zeros behind their end, and a reverse one starts at its own end.
#include <math.h>
#include <string.h>
#include <strings.h>

#include "codegen/lower.h"
#include "ir/infer.h"
#include "ops/copy.h"
#include "ops/reduce.h"
#include "ops/rnn.h"
#include "support/checked.h"

enum {
    TILE_MAX = 8,    // steps of a register tile
    TILES = 6,       // of a block of steps
    SUMS_MAX = GATES_MAX * TILE_MAX,
    SUMS_WANTED = 4  // that hide the latency of a multiply-add
};

static const struct {
    const char *name;
    int parameters;  // how many of alpha and beta it has
    double alpha, beta;
} squashes[SQUASH_COUNT] = {
    [SQUASH_AFFINE] = {"Affine", 2, 1, 0},
    [SQUASH_ELU] = {"Elu", 1, 1, 0},
    [SQUASH_HARD_SIGMOID] = {"HardSigmoid", 2, 0.2, 0.5},
    [SQUASH_LEAKY_RELU] = {"LeakyRelu", 1, 0.01, 0},
    [SQUASH_RELU] = {"Relu", 0, 0, 0},
    [SQUASH_SCALED_TANH] = {"ScaledTanh", 2, 1, 1},
    [SQUASH_SIGMOID] = {"Sigmoid", 0, 0, 0},
    [SQUASH_SOFTPLUS] = {"Softplus", 0, 0, 0},
    [SQUASH_SOFTSIGN] = {"Softsign", 0, 0, 0},
    [SQUASH_TANH] = {"Tanh", 0, 0, 0},
    [SQUASH_THRESHOLDED_RELU] = {"ThresholdedRelu", 1, 1, 0},
};

// An operand that may be left out.
Ptr rnn_operand(Emit *e, const Node *node, int index) {
    return node_in(node, index) ? e_in(e, index) : (Ptr){0};
}

static Activation activation_named(const char *name, size_t length) {
    for (int i = 0; i < SQUASH_COUNT; i++)
        if (strlen(squashes[i].name) == length && !strncasecmp(squashes[i].name, name, length))
            return (Activation){(Squash)i, squashes[i].alpha, squashes[i].beta};
    return (Activation){.kind = SQUASH_COUNT};
}

// Reads the list of names; parameters are taken by the activations that have them, in order.
static void read_activations(Rnn *r) {
    const char *text = r->attrs->activations;
    int alphas = 0, betas = 0;
    for (int i = 0; i < r->directions * r->nacts; i++) {
        Activation *a = &r->act[i / r->nacts][i % r->nacts];
        *a = (Activation){i % r->nacts == 0 && r->nacts > 1 ? SQUASH_SIGMOID : SQUASH_TANH, 0, 0};
        if (text) {
            size_t length = strcspn(text, ",");
            *a = activation_named(text, length);
            text += length + (text[length] == ',');
        }
        if (squashes[a->kind].parameters > 0 && alphas < r->attrs->activation_alpha.n)
            a->alpha = r->attrs->activation_alpha.v[alphas++];
        if (squashes[a->kind].parameters > 1 && betas < r->attrs->activation_beta.n)
            a->beta = r->attrs->activation_beta.v[betas++];
    }
}

static Val like(Emit *e, Val x, double number) {
    return e_splat(e, e_float(e, x.dtype, number), x.lanes);
}

static Val activate(Emit *e, const Rnn *r, int which, Val x) {
    const Activation *a = &r->act[r->direction][which];
    if (r->attrs->clip > 0)
        x = e_min_nan(e, e_max_nan(e, x, like(e, x, -r->attrs->clip)), like(e, x, r->attrs->clip));
    Val zero = e_zero(e, x.dtype, x.lanes), one = like(e, x, 1);
    Val alpha = like(e, x, a->alpha), beta = like(e, x, a->beta);
    switch (a->kind) {
    case SQUASH_AFFINE: return e_add(e, e_mul(e, x, alpha), beta);
    case SQUASH_ELU: return e_select(e, e_lt(e, x, zero), e_mul(e, alpha, e_expm1(e, x)), x);
    case SQUASH_HARD_SIGMOID:
        return e_min_nan(e, e_max_nan(e, e_add(e, e_mul(e, x, alpha), beta), zero), one);
    case SQUASH_LEAKY_RELU: return e_select(e, e_lt(e, x, zero), e_mul(e, alpha, x), x);
    case SQUASH_RELU: return e_max_nan(e, x, zero);
    case SQUASH_SCALED_TANH: return e_mul(e, alpha, e_tanh(e, e_mul(e, beta, x)));
    case SQUASH_SIGMOID: return e_sigmoid(e, x);
    case SQUASH_SOFTPLUS:
        return e_add(e, e_max_nan(e, x, zero), e_log1p(e, e_exp(e, e_neg(e, e_abs(e, x)))));
    case SQUASH_SOFTSIGN: return e_div(e, x, e_add(e, one, e_abs(e, x)));
    case SQUASH_TANH: return e_tanh(e, x);
    case SQUASH_THRESHOLDED_RELU: return e_select(e, e_le(e, x, alpha), zero, x);
    case SQUASH_COUNT: break;
    }
    return x;
}

// Dot products: gates of one or more hidden units for one or more vectors x, side by side.

typedef struct Rows {
    Ptr x, w;
    int64_t n, origin;   // the length of a row; where the weights of this direction start
    int first, count;    // gates
    int units, steps;    // of a tile
    Val x_at[TILE_MAX];  // where the x of each step is
    Ptr to;              // the gates of the first step
    int moved;           // gates are written so many places behind their own
    bool more;           // adds to what the gates have
    unsigned wb, rb;     // else: gates that start with these biases, a bit for each
} Rows;

static Val gate_place(Emit *e, const Rnn *r, const Rows *rows, int gate, int step, Val unit) {
    return e_add_const(e, unit, (gate + rows->moved) * r->hidden + step * r->slot);
}

static Val bias_of(Emit *e, const Rnn *r, const Rows *rows, int gate, Val unit) {
    Val at = e_add_const(e, unit, gate * r->hidden), sum = e_zero(e, r->dtype, 1);
    Ptr bias = rnn_operand(e, r->node, 3);
    int64_t biases = r->direction * 2 * r->gates * r->hidden;
    if (bias.v && (rows->wb >> gate & 1))
        sum = load_compute(e, bias, e_add_const(e, at, biases), 1);
    if (bias.v && (rows->rb >> gate & 1))
        sum = e_add(e, sum, load_compute(e, bias, e_add_const(e, at, biases + r->gates * r->hidden), 1));
    return sum;
}

// Terms begin .. end - 1 of all dot products. A sum's place is ((unit * gates) + gate) * steps + step.
static void dot_part(Emit *e, const Rows *rows, const Val *row, Var *sum, int64_t begin, int64_t end, int lanes) {
    EMIT_FOR(e, k, e_index(e, begin), e_index(e, end), lanes) {
        Val x[TILE_MAX];
        for (int s = 0; s < rows->steps; s++)
            x[s] = load_compute(e, rows->x, e_add(e, rows->x_at[s], k.i), lanes);
        for (int g = 0; g < rows->units * rows->count; g++) {
            Val w = load_compute(e, rows->w, e_add(e, row[g], k.i), lanes);
            for (int s = 0; s < rows->steps; s++)
                e_set(e, sum[g * rows->steps + s], e_fma(e, x[s], w, e_get(e, sum[g * rows->steps + s])));
        }
    }
}

// The gates of rows->units hidden units from `unit` on.
static void emit_tile(Emit *e, const Rnn *r, const Rows *rows, Val unit) {
    int64_t whole = r->lanes > 1 ? rows->n - rows->n % r->lanes : 0;
    int products = rows->units * rows->count;
    Var vector[SUMS_MAX], sum[SUMS_MAX];
    Val row[SUMS_MAX], place[SUMS_MAX];
    for (int p = 0; p < products; p++) {
        int gate = rows->first + p % rows->count;
        Val own = e_add_const(e, unit, p / rows->count);
        row[p] = e_add_const(e, e_mul_const(e, e_add_const(e, own, gate * r->hidden), rows->n), rows->origin);
        Val bias = rows->more ? e_zero(e, r->dtype, 1) : bias_of(e, r, rows, gate, own);
        for (int s = 0, i = p * rows->steps; s < rows->steps; s++, i++) {
            place[i] = gate_place(e, r, rows, gate, s, own);
            sum[i] = e_var(e, rows->more ? e_load(e, rows->to, place[i], 1) : bias);
            if (whole)
                vector[i] = e_var(e, e_zero(e, r->dtype, r->lanes));
        }
    }
    if (whole)
        dot_part(e, rows, row, vector, 0, whole, r->lanes);
    for (int i = 0; i < products * rows->steps && whole; i++)
        e_set(e, sum[i], e_add(e, e_get(e, sum[i]), e_reduce_add(e, e_get(e, vector[i]))));
    dot_part(e, rows, row, sum, whole, rows->n, 1);
    for (int i = 0; i < products * rows->steps; i++)
        e_store(e, rows->to, place[i], e_get(e, sum[i]));
}

// Gates `first` on of all hidden units, for one step.
static void emit_rows(Emit *e, const Rnn *r, Rows *rows) {
    rows->steps = 1;
    rows->units = r->lanes == 1 ? 1 : (int)min_i64(div_up(SUMS_WANTED, rows->count), r->hidden);
    int64_t whole = r->hidden - r->hidden % rows->units;
    EMIT_FOR(e, unit, e_index(e, 0), e_index(e, whole), rows->units)
        emit_tile(e, r, rows, unit.i);
    rows->units = 1;
    EMIT_FOR(e, unit, e_index(e, whole), e_index(e, r->hidden), 1)
        emit_tile(e, r, rows, unit.i);
}

static unsigned all_gates(const Rnn *r) {
    return (1u << r->gates) - 1;
}

static int64_t recurrent_weights(const Rnn *r) {
    return r->direction * r->gates * r->hidden * r->hidden;
}

Val rnn_x_row(Emit *e, const Rnn *r, Val step) {
    Val row = r->attrs->layout ? e_add(e, e_mul_const(e, r->batch, r->steps), step)
                               : e_add(e, e_mul_const(e, step, r->batches), r->batch);
    return e_mul_const(e, row, r->inputs);
}

static bool is_reverse(const Rnn *r) {
    return r->attrs->direction == RNN_REVERSE || r->direction == 1;
}

// The step that comes t-th.
Val rnn_step_at(Emit *e, const Rnn *r, Val length, Val t) {
    return is_reverse(r) ? e_sub(e, e_add_const(e, length, -1), t) : t;
}

// W x and the biases for the steps begin .. end - 1, which are one block. The last tile repeats the last step.
static void emit_inputs(Emit *e, const Rnn *r, Val length, Val begin, Val end) {
    bool later = r->node->op == OP_GRU && r->attrs->linear_before_reset;
    Rows w = {.x = e_in(e, 0), .w = e_in(e, 1), .n = r->inputs, .count = r->gates, .units = 1, .steps = r->tile,
              .origin = r->direction * r->gates * r->hidden * r->inputs, .wb = all_gates(r),
              .rb = later ? 3 : all_gates(r)};
    EMIT_TIMES(e, unit, r->hidden)
        EMIT_FOR(e, t, begin, end, r->tile) {
            Val last = e_add_const(e, end, -1);
            for (int s = 0; s < r->tile; s++)
                w.x_at[s] = rnn_x_row(e, r, rnn_step_at(e, r, length, e_min(e, e_add_const(e, t.i, s), last)));
            w.to = e_at(e, r->gates_at, e_mul_const(e, e_sub(e, t.i, begin), r->slot));
            emit_tile(e, r, &w, unit.i);
        }
}

// Steps, in vectors of hidden units.

static Val gate_at(Emit *e, const Rnn *r, int gate, Val unit, int lanes) {
    return e_load(e, r->gate, e_add_const(e, unit, gate * r->hidden), lanes);
}

static void rnn_span(Emit *e, void *arg, Val unit, int lanes) {
    const Rnn *r = arg;
    e_store(e, r->state, unit, activate(e, r, 0, gate_at(e, r, 0, unit, lanes)));
}

static void lstm_span(Emit *e, void *arg, Val unit, int lanes) {
    const Rnn *r = arg;
    enum { IN, OUT, FORGET, NEW };
    Val gate[GATES_MAX], c = e_load(e, r->cell, unit, lanes), peephole[3];
    Ptr p = rnn_operand(e, r->node, 7);
    for (int g = 0; g < GATES_MAX; g++)
        gate[g] = gate_at(e, r, g, unit, lanes);
    for (int g = 0; g < 3 && p.v; g++)
        peephole[g] = load_compute(e, p, e_add_const(e, unit, (r->direction * 3 + g) * r->hidden), lanes);
    if (p.v) {
        gate[IN] = e_add(e, gate[IN], e_mul(e, peephole[IN], c));
        gate[FORGET] = e_add(e, gate[FORGET], e_mul(e, peephole[FORGET], c));
    }
    Val in = activate(e, r, 0, gate[IN]);
    Val forget = r->attrs->input_forget ? e_sub(e, like(e, in, 1), in) : activate(e, r, 0, gate[FORGET]);
    c = e_add(e, e_mul(e, forget, c), e_mul(e, in, activate(e, r, 1, gate[NEW])));
    if (p.v)
        gate[OUT] = e_add(e, gate[OUT], e_mul(e, peephole[OUT], c));
    e_store(e, r->cell, unit, c);
    e_store(e, r->state, unit, e_mul(e, activate(e, r, 0, gate[OUT]), activate(e, r, 2, c)));
}

static void reset_span(Emit *e, void *arg, Val unit, int lanes) {
    const Rnn *r = arg;
    Val reset = activate(e, r, 0, gate_at(e, r, 1, unit, lanes));
    e_store(e, r->extra, unit, e_mul(e, reset, e_load(e, r->state, unit, lanes)));
}

static void gru_span(Emit *e, void *arg, Val unit, int lanes) {
    const Rnn *r = arg;
    Val z = activate(e, r, 0, gate_at(e, r, 0, unit, lanes)), n = gate_at(e, r, 2, unit, lanes);
    Val h = e_load(e, r->state, unit, lanes);
    if (r->attrs->linear_before_reset) {
        Val reset = activate(e, r, 0, gate_at(e, r, 1, unit, lanes));
        n = e_add(e, n, e_mul(e, reset, gate_at(e, r, 3, unit, lanes)));
    }
    n = activate(e, r, 1, n);
    e_store(e, r->state, unit, e_add(e, e_mul(e, e_sub(e, like(e, z, 1), z), n), e_mul(e, z, h)));
}

static void rnn_over_units(Emit *e, const Rnn *r, SpanBody body) {
    Rnn own = *r;
    emit_span(e, e_index(e, 0), e_index(e, r->hidden), r->lanes, body, &own);
}

void rnn_finish(Emit *e, const Rnn *r) {
    rnn_over_units(e, r, r->node->op == OP_GRU ? gru_span : r->node->op == OP_RNN ? rnn_span : lstm_span);
}

void rnn_reset(Emit *e, const Rnn *r) {
    rnn_over_units(e, r, reset_span);
}

// R h for all gates; of a GRU's last one it is kept apart, or made of the reset state.
static void emit_step(Emit *e, const Rnn *r) {
    bool gru = r->node->op == OP_GRU;
    Rows h = {.x = r->state, .w = e_in(e, 2), .x_at = {e_index(e, 0)}, .n = r->hidden, .more = true,
              .count = gru ? 2 : r->gates, .origin = recurrent_weights(r), .to = r->gate};
    emit_rows(e, r, &h);
    if (!gru) {
        rnn_finish(e, r);
        return;
    }
    h.first = 2;
    h.count = 1;
    if (r->attrs->linear_before_reset) {
        h.more = false;
        h.rb = 4;
        h.moved = 1;
    } else {
        rnn_reset(e, r);
        h.x = r->extra;
    }
    emit_rows(e, r, &h);
    rnn_finish(e, r);
}

// States.

// Of the state of this direction and batch in operands and results.
Val rnn_state_at(Emit *e, const Rnn *r) {
    Val row = r->attrs->layout ? e_add_const(e, e_mul_const(e, r->batch, r->directions), r->direction)
                               : e_add_const(e, r->batch, r->direction * r->batches);
    return e_mul_const(e, row, r->hidden);
}

typedef struct Copy {
    Ptr to, from;  // `from` may be null: zeros
    Val to_at, from_at;
    DType dtype;
} Copy;

static void copy_span(Emit *e, void *arg, Val unit, int lanes) {
    const Copy *c = arg;
    Val v = c->from.v ? load_compute(e, c->from, e_add(e, c->from_at, unit), lanes) : e_zero(e, c->dtype, lanes);
    store_compute(e, c->to, e_add(e, c->to_at, unit), v);
}

void rnn_copy(Emit *e, const Rnn *r, Ptr to, Val to_at, Ptr from, Val from_at) {
    Copy copy = {to, from, to_at, from_at, r->dtype};
    emit_span(e, e_index(e, 0), e_index(e, r->hidden), r->lanes, copy_span, &copy);
}

// Of the result of a step.
Val rnn_result_at(Emit *e, const Rnn *r, Val step) {
    Val row = r->attrs->layout ? e_add(e, e_mul_const(e, r->batch, r->steps), step) : step;
    row = e_add_const(e, e_mul_const(e, row, r->directions), r->direction);
    if (!r->attrs->layout)
        row = e_add(e, e_mul_const(e, row, r->batches), r->batch);
    return e_mul_const(e, row, r->hidden);
}

Val rnn_length(Emit *e, const Rnn *r) {
    Ptr lengths = rnn_operand(e, r->node, 4);
    Val steps = e_index(e, r->steps), zero = e_index(e, 0);
    if (!lengths.v)
        return steps;
    Val length = e_to_index(e, e_load(e, lengths, r->batch, 1));
    Val wrong = e_or(e, e_lt(e, length, zero), e_gt(e, length, steps));
    e_fail_if(e, wrong);
    return e_select(e, wrong, zero, length);
}

void rnn_end(Emit *e, const Rnn *r, Val length, Val state) {
    Val zero = e_index(e, 0);
    EMIT_FOR(e, t, length, e_index(e, r->steps), 1)
        rnn_copy(e, r, e_out(e, 0), rnn_result_at(e, r, t.i), (Ptr){0}, zero);
    if (r->node->nout > 1)
        rnn_copy(e, r, e_out(e, 1), state, r->state, zero);
    if (r->node->nout > 2)
        rnn_copy(e, r, e_out(e, 2), state, r->cell, zero);
}

static void emit_sequence(Emit *e, Rnn *r) {
    Val length = rnn_length(e, r), zero = e_index(e, 0), state = rnn_state_at(e, r);
    int64_t block = r->tile * TILES;
    rnn_copy(e, r, r->state, zero, rnn_operand(e, r->node, 5), state);
    if (r->node->op == OP_LSTM)
        rnn_copy(e, r, r->cell, zero, rnn_operand(e, r->node, 6), state);
    EMIT_FOR(e, begin, zero, length, block) {
        Val end = e_min(e, e_add_const(e, begin.i, block), length);
        emit_inputs(e, r, length, begin.i, end);
        EMIT_FOR(e, t, begin.i, end, 1) {
            r->gate = e_at(e, r->gates_at, e_mul_const(e, e_sub(e, t.i, begin.i), r->slot));
            emit_step(e, r);
            rnn_copy(e, r, e_out(e, 0), rnn_result_at(e, r, rnn_step_at(e, r, length, t.i)), r->state, zero);
        }
    }
    rnn_end(e, r, length, state);
}

Rnn rnn_of(const Node *node) {
    const RnnAttrs *attrs = node->attrs;
    const Type *x = &node->in[0]->type, *h = matrix_type(node, 2);
    Rnn r = {.node = node, .attrs = attrs, .dtype = compute_type(x->dtype), .directions = (int)type_size(h, 0)};
    r.gates = node->op == OP_LSTM ? 4 : node->op == OP_GRU ? 3 : 1;
    r.nacts = node->op == OP_LSTM ? 3 : node->op == OP_GRU ? 2 : 1;
    r.steps = type_size(x, attrs->layout ? 1 : 0);
    r.batches = type_size(x, attrs->layout ? 0 : 1);
    r.inputs = type_size(x, 2);
    r.hidden = type_size(h, 2);
    read_activations(&r);
    return r;
}

// A vector of hidden units, in elements, a multiple of 64 bytes.
int64_t rnn_pitch(const Rnn *r) {
    return div_up(r->hidden, 16) * 16;
}

static void plan_scratch(Rnn *r, const Target *target) {
    int64_t most = (target->registers - 1) / (r->gates + 1);  // a tile's sums, an element of each x, one of W
    r->tile = (int)max_i64(1, min_i64(min_i64(most, TILE_MAX), r->steps));
    r->slot = rnn_pitch(r) * (r->gates + (r->node->op == OP_GRU));
}

static int64_t rnn_scratch(const Node *node, const Target *target) {
    Rnn r = rnn_of(node);
    plan_scratch(&r, target);
    return (r.slot * r.tile * TILES + rnn_pitch(&r) * 3) * (dtype_info[r.dtype].bits / 8);
}

static void lower_rnn(Emit *e, const Node *node) {
    Rnn r = rnn_of(node);
    int64_t pitch = rnn_pitch(&r);
    r.lanes = e_sum_lanes(e, r.dtype);
    plan_scratch(&r, e_target(e));
    if (r.batches * r.hidden == 0)
        return;
    r.gates_at = e_scratch(e, r.dtype, rnn_scratch(node, e_target(e)));
    r.state = e_at_const(e, r.gates_at, r.slot * r.tile * TILES);
    r.cell = e_at_const(e, r.state, pitch);
    r.extra = e_at_const(e, r.cell, pitch);
    Share share = e_share(e, r.directions * r.batches);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val direction = e_div(e, u.i, e_index(e, r.batches));
        r.batch = e_rem(e, u.i, e_index(e, r.batches));
        for (r.direction = 0; r.direction < r.directions; r.direction++)
            EMIT_IF(e, e_eq(e, direction, e_index(e, r.direction)))
                emit_sequence(e, &r);
    }
}

const OpImpl impl_GRU = {.lower = lower_rnn, .scratch = rnn_scratch};
const OpImpl impl_LSTM = {.lower = lower_rnn, .scratch = rnn_scratch};
const OpImpl impl_RNN = {.lower = lower_rnn, .scratch = rnn_scratch};
