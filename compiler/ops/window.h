// Windowed operators as three spatial loops: 1-D and 2-D ones get leading axes of size 1.
#ifndef OPS_WINDOW_H
#define OPS_WINDOW_H

#include "codegen/emit.h"
#include "ir/infer.h"

typedef struct Space {  // how a value with N, C and up to three spatial axes lies in memory
    int64_t batch, channel, step[3], origin;
} Space;

Window window_three(Window window);
Space space_of(const Type *type);
// The offset of position {n, c, three spatial ones}.
Val space_at(Emit *e, const Space *space, const Val *position);

// What part of the window at output position `o` of an axis lies inside: window steps low .. high - 1, whose first
// possible position (window step 0) is `start`.
typedef struct Reach {
    Val low, high, start;
} Reach;
Reach window_reach(Emit *e, const Window *w, int axis, Val o);
// The same for the end of the padded input: how many window steps count.
Val window_padded(Emit *e, const Window *w, int axis, Val o);

// Writes zeros to the rim of output 0, if it has one, for (batch, channel) pairs of the share.
void clear_rim(Emit *e, const Node *node, Share share);

#endif
