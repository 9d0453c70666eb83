// What the two ways to lower a Conv share.
#ifndef OPS_CONV_H
#define OPS_CONV_H

#include "ops/window.h"

typedef struct Conv {
    Ptr x, w, b, r, y;  // b and r (from elsewhere, added before the activation or behind it) may be null
    Space xs, ws, rs, ys;
    Window window;
    const Act *act;
    bool act_first;
    int64_t inputs, outputs;  // channels of a group
    int64_t channels;         // of the output
    DType dtype;
} Conv;

// Offsets of a batch and an output channel: of the group's inputs, and of the channel's weights.
Val conv_input(Emit *e, const Conv *conv, Val n, Val m);
Val conv_weights(Emit *e, const Conv *conv, Val m);
// The bias of channel m, or 0.
Val conv_bias(Emit *e, const Conv *conv, Val m);
// Adds what is to be added and applies the activation: the results from `position` on, which conv_store stores.
Val conv_result(Emit *e, const Conv *conv, const Val *position, Val sum);
void conv_store(Emit *e, const Conv *conv, const Val *position, Val sum);

// The terms of a sum in their order: body(x, w, inside) with the offsets of an input and its weight, which belong
// together. Where `inside`, if it has a v, is false, a zero of the padding stands for the input, whose offset is that
// of another one.
typedef void (*TermBody)(Emit *e, void *arg, Val x, Val w, Val inside);
typedef struct Terms {
    const Conv *conv;
    Val start[3];     // the window's first position
    Val x, w;         // conv_input, conv_weights
    bool row_inside;  // the window does not leave the row
} Terms;
void conv_terms(Emit *e, const Terms *t, TermBody body, void *arg);
// The sum of all terms, with the zeros of channels that the last block lacks: they make +0 of -0.
Val conv_total(Emit *e, const Conv *conv, Val sum);

// One element of the output.
void conv_pixel(Emit *e, const Conv *conv, const Val *position);

// Everything, in vectors along the rows of the output.
void conv_rows(Emit *e, const Conv *conv, const Node *node);

#endif
