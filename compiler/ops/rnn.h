// What the two ways to compute recurrent layers share: rnn.c, and kernel rnn_packed.
#ifndef OPS_RNN_H
#define OPS_RNN_H

#include "codegen/emit.h"

enum { GATES_MAX = 4, ACTS_MAX = 3 };

typedef enum Squash {
    SQUASH_AFFINE, SQUASH_ELU, SQUASH_HARD_SIGMOID, SQUASH_LEAKY_RELU, SQUASH_RELU, SQUASH_SCALED_TANH, SQUASH_SIGMOID,
    SQUASH_SOFTPLUS, SQUASH_SOFTSIGN, SQUASH_TANH, SQUASH_THRESHOLDED_RELU, SQUASH_COUNT
} Squash;

typedef struct Activation {
    Squash kind;
    double alpha, beta;
} Activation;

typedef struct Rnn {
    const Node *node;
    const RnnAttrs *attrs;
    DType dtype;  // of the arithmetic
    int lanes;    // of its vectors
    int gates, nacts, directions;
    int64_t steps, batches, inputs, hidden;
    Activation act[2][ACTS_MAX];
    int tile;     // steps of a register tile
    int64_t slot; // elements that the gates of a step take, those of a GRU and R h + Rb of its last one
    Ptr gates_at, state, cell, extra;  // scratch: a slot for each step of a block, and vectors of hidden units
    // The direction and batch at hand, and the gates of the step.
    int direction;
    Val batch;
    Ptr gate;
} Rnn;

Rnn rnn_of(const Node *node);      // without what belongs to code: lanes, pointers
int64_t rnn_pitch(const Rnn *r);   // of a vector of hidden units, in elements
Ptr rnn_operand(Emit *e, const Node *node, int index);  // null if left out
Val rnn_length(Emit *e, const Rnn *r);                  // of the sequence at hand, checked
Val rnn_step_at(Emit *e, const Rnn *r, Val length, Val t);  // the step that comes t-th
// Where things of the sequence at hand lie: a step's input and result; the state in operands and results.
Val rnn_x_row(Emit *e, const Rnn *r, Val step);
Val rnn_result_at(Emit *e, const Rnn *r, Val step);
Val rnn_state_at(Emit *e, const Rnn *r);
void rnn_copy(Emit *e, const Rnn *r, Ptr to, Val to_at, Ptr from, Val from_at);  // hidden units; from null: zeros
void rnn_end(Emit *e, const Rnn *r, Val length, Val state);  // zeros behind the sequence, its last states to `state`
// From the gates of a step to the state; before, of a GRU, the reset state into r->extra.
void rnn_finish(Emit *e, const Rnn *r);
void rnn_reset(Emit *e, const Rnn *r);

#endif
