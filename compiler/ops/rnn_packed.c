// Kernel rnn_packed: RNN, GRU and LSTM with constant W and R, packed in panels of 16 columns of all gates
// (sqz.PackMatrix). Formulas are in rnn.c.
//
// Sequences of a batch go in groups, as many as a register tile has rows. W x and the biases are made for a block of
// steps of all of them at once; step by step, R h is added for the group, so that R is read once for all its sequences:
//
//     slots    step t      sequence 0   gates i o f n       rows of W x: any that follow one another
//                          sequence 1
//              step t + 1  sequence 0                       rows of R h: those of one step
//                          sequence 1
//
// Lanes are columns, so nothing is summed across them, and a result does not depend on its group. Sequences that have
// ended are computed along, but their states stay. Panels of a GRU must not lie across gates: they are needed at
// different times.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/product.h"
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/rnn.h"
#include "support/checked.h"

enum { PANEL = 16, TILES = 4, SUMS_WANTED = 8 };  // columns of a panel; tiles of a block of steps

typedef struct Packed {
    Rnn rnn;             // pointers and batch are those of the sequence at hand
    int64_t columns, panels, pitch, slot;
    int lanes, tile;     // tile: rows of a register tile
    int64_t block, rows; // steps of a block, and rows that its slots have room for
    int64_t sequences;   // of the group
    Ptr slots, x, bias, late, states, cells, extras, lengths;  // scratch. late: biases added after the reset
    Val first;           // sequence of the group
} Packed;

// ---- What it accepts, and what it costs

static bool is_weights(const Value *value) {
    const Node *def = value->def;
    return value_data(value) || (def && def->op == OP_PackMatrix);
}

bool rnn_packed_accepts(const Node *node, const Target *target) {
    (void)target;
    if (node->op != OP_LSTM && node->op != OP_GRU && node->op != OP_RNN)
        return false;
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && !type_is_static(&node->in[i]->type))
            return false;
    if (node->in[0]->type.dtype != DT_F32 || !type_is_plain(&node->in[0]->type) ||
        type_count(&node->in[0]->type) == 0 || !is_weights(node->in[1]) || !is_weights(node->in[2]))
        return false;
    Rnn r = rnn_of(node);
    return r.hidden > 0 && (node->op != OP_GRU || r.hidden % PANEL == 0);
}

void rnn_packed_packing(const Node *node, PackAttrs *attrs) {
    (void)node;
    *attrs = (PackAttrs){.panel = PANEL, .block = 1, .transposed = true};
}

static Packed packed_of(const Node *node, const Target *target) {
    Packed p = {.rnn = rnn_of(node), .lanes = target_lanes(target, 32)};
    Rnn *r = &p.rnn;
    r->lanes = p.lanes;
    p.pitch = rnn_pitch(r);
    p.columns = r->gates * r->hidden;
    p.panels = div_up(p.columns, PANEL);
    p.slot = r->slot = p.pitch * (r->gates + (node->op == OP_GRU));
    p.tile = (int)product_most_rows(target, PANEL / p.lanes);
    p.sequences = div_up(r->batches, row_tiles(r->batches, p.tile).count);
    p.block = max_i64(1, min_i64(p.tile * TILES / p.sequences, r->steps));
    p.rows = align_up(p.block * p.sequences, p.tile);
    return p;
}

double rnn_packed_cost(const Node *node, const Target *target) {
    Packed p = packed_of(node, target);
    const Rnn *r = &p.rnn;
    int vecs = PANEL / p.lanes;
    double panels = (double)(p.panels * r->directions), steps = (double)r->steps;
    double step = cost_row(target, r->batches, p.tile, vecs, (double)r->hidden);
    double inputs = cost_row(target, r->steps * r->batches, p.tile, vecs, (double)r->inputs);
    double bytes = panels * (double)(PANEL * r->hidden * (int64_t)sizeof(float));
    double again = cost_near(target, bytes * steps * (double)row_tiles(r->batches, p.tile).count, bytes);
    return cost_seconds(target, cost_call(target) + panels * (steps * step + inputs) + again + cost_far(target, bytes));
}

// Elements of scratch before the lengths.
static int64_t floats_of(const Packed *p) {
    return p->rows * (p->slot + align_up(p->rnn.inputs, PANEL)) + 2 * p->slot + 3 * p->sequences * p->pitch;
}

int64_t rnn_packed_scratch(const Node *node, const Target *target) {
    Packed p = packed_of(node, target);
    return floats_of(&p) * (int64_t)sizeof(float) + p.sequences * 8;
}

static void place_scratch(Emit *e, Packed *p) {
    p->slots = e_scratch(e, DT_F32, rnn_packed_scratch(p->rnn.node, e_target(e)));
    p->x = e_at_const(e, p->slots, p->rows * p->slot);
    p->bias = e_at_const(e, p->x, p->rows * align_up(p->rnn.inputs, PANEL));
    p->late = e_at_const(e, p->bias, p->slot);
    p->states = e_at_const(e, p->late, p->slot);
    p->cells = e_at_const(e, p->states, p->sequences * p->pitch);
    p->extras = e_at_const(e, p->cells, p->sequences * p->pitch);
    p->lengths = e_retype(e_at_const(e, p->slots, floats_of(p)), e_index_type(e));
}

// ---- Products

typedef struct Rows {
    Ptr left, weights, initial, to;
    int64_t stride, inner;         // of the left factor's rows
    int64_t first, last;           // panels
    int64_t initial_stride;  // between the rows of what sums begin with; 0: one for all
    int64_t moved;           // columns that results move
    int count;
} Rows;

// The panels first .. last - 1, `panels` at a time.
static void panels_emit(Emit *e, const Packed *p, const Rows *rows, int64_t first, int64_t last, int panels) {
    int vecs = panels * PANEL / p->lanes;
    Product product = {.rows = rows->count,
                       .vecs = vecs,
                       .lanes = p->lanes,
                       .panels = panels,
                       .row_stride = rows->stride,
                       .panel = PANEL,
                       .panel_stride = rows->inner * PANEL};
    EMIT_FOR(e, panel, e_index(e, first), e_index(e, last), panels) {
        Var sum[PRODUCT_MAX];
        Val column = e_mul_const(e, panel.i, PANEL);
        for (int i = 0; i < rows->count * vecs; i++) {
            Val at = e_add_const(e, column, i / vecs * rows->initial_stride + (int64_t)(i % vecs) * p->lanes);
            sum[i] = e_var(e, e_load(e, rows->initial, at, p->lanes));
        }
        Ptr weights = e_at(e, rows->weights, e_mul_const(e, column, rows->inner));
        product_run(e, &product, sum, rows->left, weights, rows->inner);
        for (int i = 0; i < rows->count * vecs; i++) {
            Val at = e_add_const(e, column, i / vecs * p->slot + rows->moved + (int64_t)(i % vecs) * p->lanes);
            e_store(e, rows->to, at, e_get(e, sum[i]));
        }
    }
}

// Few rows take several panels at once, since sums enough hide the latency of a multiply-add.
static void rows_emit(Emit *e, const Packed *p, const Rows *rows) {
    int panels = (int)max_i64(1, SUMS_WANTED / (rows->count * PANEL / p->lanes));
    int64_t whole = (rows->last - rows->first) / panels * panels;
    panels_emit(e, p, rows, rows->first, rows->first + whole, panels);
    panels_emit(e, p, rows, rows->first + whole, rows->last, 1);
}

// ---- Biases

typedef struct Bias {
    Ptr to, from;     // `from` may be null
    int64_t at[2];    // in `from`; what is added up
    int count;
} Bias;

static void bias_span(Emit *e, void *arg, Val column, int lanes) {
    const Bias *bias = arg;
    Val sum = e_zero(e, DT_F32, lanes);
    for (int i = 0; i < bias->count && bias->from.v; i++)
        sum = e_add(e, sum, e_load(e, bias->from, e_add_const(e, column, bias->at[i]), lanes));
    e_store(e, bias->to, column, sum);
}

// Before a linear reset a GRU's last gate has no bias of R.
static void fill_biases(Emit *e, const Packed *p) {
    const Rnn *r = &p->rnn;
    bool later = r->node->op == OP_GRU && r->attrs->linear_before_reset;
    int64_t split = later ? 2 * r->hidden : p->columns, w = r->direction * 2 * p->columns, end = p->panels * PANEL;
    Bias bias = {p->bias, rnn_operand(e, r->node, 3), {w, w + p->columns}, 2},
         late = {p->late, bias.from, {w + p->columns}, 1};
    emit_span(e, e_index(e, 0), e_index(e, split), p->lanes, bias_span, &bias);
    bias.count = 1;
    emit_span(e, e_index(e, split), e_index(e, p->columns), p->lanes, bias_span, &bias);
    if (later)
        emit_span(e, e_index(e, split), e_index(e, p->columns), p->lanes, bias_span, &late);
    bias.count = 0;
    emit_span(e, e_index(e, p->columns), e_index(e, end), 1, bias_span, &bias);
}

// ---- A group

// The sequence of this row is the one at hand; returns its length.
static Val enter_row(Emit *e, Packed *p, Val row) {
    Val at = e_mul_const(e, row, p->pitch);
    p->rnn.batch = e_add(e, p->first, row);
    p->rnn.state = e_at(e, p->states, at);
    p->rnn.cell = e_at(e, p->cells, at);
    p->rnn.extra = e_at(e, p->extras, at);
    return e_load(e, p->lengths, row, 1);
}

static void copy_span(Emit *e, void *arg, Val i, int lanes) {
    const Ptr *copy = arg;
    e_store(e, copy[0], i, e_load(e, copy[1], i, lanes));
}

// The inputs of the steps begin .. end - 1, side by side; sequences that have ended repeat one, and so does the last
// tile.
static Val copy_inputs(Emit *e, Packed *p, Val begin, Val end) {
    Val count = e_mul_const(e, e_sub(e, end, begin), p->sequences), sequences = e_index(e, p->sequences);
    Val tiles = e_div(e, e_add_const(e, count, p->tile - 1), e_index(e, p->tile)), zero = e_index(e, 0);
    EMIT_FOR(e, q, zero, e_mul_const(e, tiles, p->tile), 1) {
        Val own = e_min(e, q.i, e_add_const(e, count, -1)), t = e_add(e, begin, e_div(e, own, sequences));
        Val length = enter_row(e, p, e_rem(e, own, sequences));
        Val step = rnn_step_at(e, &p->rnn, length, e_min(e, t, e_add_const(e, length, -1)));
        Ptr copy[2] = {e_at(e, p->x, e_mul_const(e, q.i, p->rnn.inputs)),
                       e_at(e, e_in(e, 0), rnn_x_row(e, &p->rnn, e_max(e, step, zero)))};
        emit_span(e, zero, e_index(e, p->rnn.inputs), p->lanes, copy_span, copy);
    }
    return tiles;
}

static void emit_inputs(Emit *e, Packed *p, Val begin, Val end) {
    const Rnn *r = &p->rnn;
    Ptr weights = e_at_const(e, e_in(e, 1), r->direction * p->panels * r->inputs * PANEL);
    Val tiles = copy_inputs(e, p, begin, end);
    EMIT_FOR(e, i, e_index(e, 0), tiles, 1) {
        Rows rows = {.left = e_at(e, p->x, e_mul_const(e, i.i, p->tile * r->inputs)),
                     .weights = weights,
                     .initial = p->bias,
                     .to = e_at(e, p->slots, e_mul_const(e, i.i, p->tile * p->slot)),
                     .stride = r->inputs,
                     .inner = r->inputs,
                     .last = p->panels,
                     .count = p->tile};
        rows_emit(e, p, &rows);
    }
}

static void emit_products(Emit *e, Packed *p, Ptr gates) {
    const Rnn *r = &p->rnn;
    Rows rows = {.left = p->states, .weights = e_at_const(e, e_in(e, 2), r->direction * p->panels * r->hidden * PANEL),
                 .initial = gates, .to = gates, .stride = p->pitch, .inner = r->hidden, .last = p->panels,
                 .initial_stride = p->slot, .count = (int)p->sequences};
    if (r->node->op != OP_GRU) {
        rows_emit(e, p, &rows);
        return;
    }
    rows.last = 2 * r->hidden / PANEL;
    rows_emit(e, p, &rows);
    rows.first = rows.last;
    rows.last = p->panels;
    if (r->attrs->linear_before_reset) {
        rows.initial = p->late;
        rows.initial_stride = 0;
        rows.moved = r->hidden;
    } else {
        EMIT_TIMES(e, row, p->sequences) {
            enter_row(e, p, row.i);
            p->rnn.gate = e_at(e, gates, e_mul_const(e, row.i, p->slot));
            rnn_reset(e, &p->rnn);
        }
        rows.left = p->extras;
    }
    rows_emit(e, p, &rows);
}

static void emit_step(Emit *e, Packed *p, Val t, Ptr gates) {
    emit_products(e, p, gates);
    EMIT_TIMES(e, row, p->sequences) {
        Val length = enter_row(e, p, row.i);
        p->rnn.gate = e_at(e, gates, e_mul_const(e, row.i, p->slot));
        EMIT_IF(e, e_lt(e, t, length)) {
            rnn_finish(e, &p->rnn);
            Val to = rnn_result_at(e, &p->rnn, rnn_step_at(e, &p->rnn, length, t));
            rnn_copy(e, &p->rnn, e_out(e, 0), to, p->rnn.state, e_index(e, 0));
        }
    }
}

// Lengths and states; returns the longest.
static Val start_group(Emit *e, Packed *p) {
    Rnn *r = &p->rnn;
    Val zero = e_index(e, 0);
    Var longest = e_var(e, zero);
    EMIT_TIMES(e, row, p->sequences) {
        enter_row(e, p, row.i);
        Val length = rnn_length(e, r), at = rnn_state_at(e, r);
        e_store(e, p->lengths, row.i, length);
        e_set(e, longest, e_max(e, e_get(e, longest), length));
        rnn_copy(e, r, r->state, zero, rnn_operand(e, r->node, 5), at);
        if (r->node->op == OP_LSTM)
            rnn_copy(e, r, r->cell, zero, rnn_operand(e, r->node, 6), at);
    }
    return e_get(e, longest);
}

static void end_group(Emit *e, Packed *p) {
    Rnn *r = &p->rnn;
    EMIT_TIMES(e, row, p->sequences) {
        Val length = enter_row(e, p, row.i), at = rnn_state_at(e, r);
        rnn_end(e, r, length, at);
    }
}

static void emit_group(Emit *e, const Packed *all, Val first, int64_t sequences) {
    Packed p = *all;
    p.first = first;
    p.sequences = sequences;
    fill_biases(e, &p);
    Val longest = start_group(e, &p);
    EMIT_FOR(e, begin, e_index(e, 0), longest, p.block) {
        Val end = e_min(e, e_add_const(e, begin.i, p.block), longest);
        emit_inputs(e, &p, begin.i, end);
        EMIT_FOR(e, t, begin.i, end, 1) {
            Val slot = e_mul_const(e, e_sub(e, t.i, begin.i), p.sequences);
            emit_step(e, &p, t.i, e_at(e, p.slots, e_mul_const(e, slot, p.slot)));
        }
    }
    end_group(e, &p);
}

void rnn_packed_lower(Emit *e, const Node *node) {
    Packed p = packed_of(node, e_target(e));
    RowTiles groups = row_tiles(p.rnn.batches, p.tile);
    place_scratch(e, &p);
    Share share = e_share(e, p.rnn.directions * groups.count);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val count = e_index(e, groups.count), direction = e_div(e, u.i, count), group = e_rem(e, u.i, count);
        for (p.rnn.direction = 0; p.rnn.direction < p.rnn.directions; p.rnn.direction++)
            EMIT_IF(e, e_eq(e, direction, e_index(e, p.rnn.direction))) {
                if (groups.extra)
                    EMIT_IF(e, e_lt(e, group, e_index(e, groups.extra)))
                        emit_group(e, &p, e_mul_const(e, group, groups.base + 1), groups.base + 1);
                EMIT_IF(e, e_ge(e, group, e_index(e, groups.extra)))
                    emit_group(e, &p, e_add_const(e, e_mul_const(e, group, groups.base), groups.extra), groups.base);
            }
    }
}
