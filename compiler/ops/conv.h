// What the two ways to lower a Conv share.
#ifndef OPS_CONV_H
#define OPS_CONV_H

#include "ops/window.h"

typedef struct Conv {
    Ptr x, w, b, r, y;  // b and r (a sum from elsewhere, added before the activation) may be null
    Space xs, ws, rs, ys;
    Window window;
    const Act *act;
    int64_t inputs, outputs;  // channels of a group
    int64_t channels;         // of the output
    DType dtype;
} Conv;

// Offsets of a batch and an output channel: of the group's inputs, and of the channel's weights.
Val conv_input(Emit *e, const Conv *conv, Val n, Val m);
Val conv_weights(Emit *e, const Conv *conv, Val m);
// Along one axis, the offset of the input under window step `k`.
Val conv_step(Emit *e, const Conv *conv, int axis, const Reach *reach, Val k);
// The bias of channel m, or 0.
Val conv_bias(Emit *e, const Conv *conv, Val m);
// Adds what is to be added and applies the activation: the results from `position` on, which conv_store stores.
Val conv_result(Emit *e, const Conv *conv, const Val *position, Val sum);
void conv_store(Emit *e, const Conv *conv, const Val *position, Val sum);
// One element of the output.
void conv_pixel(Emit *e, const Conv *conv, const Val *position);

// Everything, in vectors along the rows of the output.
void conv_rows(Emit *e, const Conv *conv, const Node *node);

#endif
