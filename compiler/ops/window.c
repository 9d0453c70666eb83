// Index arithmetic of windows.
#include "ops/window.h"

#include "codegen/lower.h"
#include "ops/copy.h"

Window window_three(Window w) {
    Window three = {.n = 3};
    for (int i = 0; i < 3; i++) {
        int from = i - (3 - w.n);
        three.in[i] = from < 0 ? 1 : w.in[from];
        three.out[i] = from < 0 ? 1 : w.out[from];
        three.kernel[i] = from < 0 ? 1 : w.kernel[from];
        three.stride[i] = from < 0 ? 1 : w.stride[from];
        three.dilation[i] = from < 0 ? 1 : w.dilation[from];
        three.begin[i] = from < 0 ? 0 : w.begin[from];
        three.end[i] = from < 0 ? 0 : w.end[from];
    }
    return three;
}

Space space_of(const Type *type) {
    int64_t steps[MAX_RANK] = {0};
    Space space = {.origin = type_steps(type, steps)};
    space.batch = steps[0];
    space.channel = steps[1];
    for (int i = 2; i < type->rank; i++)
        space.step[i + 3 - type->rank] = steps[i];
    return space;
}

Val space_at(Emit *e, const Space *space, const Val *position) {
    int64_t steps[5] = {space->batch, space->channel, space->step[0], space->step[1], space->step[2]};
    return locate(e, e_index(e, space->origin), position, steps, 5);
}

// The number of window steps before position `limit`, counted from `start`; not below 0.
static Val steps_before(Emit *e, const Window *w, int axis, Val start, int64_t limit) {
    Val room = e_sub(e, e_index(e, limit), start);
    if (w->dilation[axis] == 1)
        return room;
    room = e_max(e, room, e_index(e, 0));
    return e_div(e, e_add_const(e, room, w->dilation[axis] - 1), e_index(e, w->dilation[axis]));
}

static Val window_start(Emit *e, const Window *w, int axis, Val o) {
    return e_add_const(e, e_mul_const(e, o, w->stride[axis]), -w->begin[axis]);
}

Reach window_reach(Emit *e, const Window *w, int axis, Val o) {
    Reach reach = {.start = window_start(e, w, axis, o), .low = e_index(e, 0), .high = e_index(e, w->kernel[axis])};
    int64_t last = (w->out[axis] - 1) * w->stride[axis] - w->begin[axis] + (w->kernel[axis] - 1) * w->dilation[axis];
    if (w->begin[axis] > 0)
        reach.low = e_max(e, reach.low, steps_before(e, w, axis, reach.start, 0));
    if (last >= w->in[axis])
        reach.high = e_min(e, reach.high, steps_before(e, w, axis, reach.start, w->in[axis]));
    return reach;
}

Val window_padded(Emit *e, const Window *w, int axis, Val o) {
    Val start = window_start(e, w, axis, o);
    return e_min(e, e_index(e, w->kernel[axis]), steps_before(e, w, axis, start, w->in[axis] + w->end[axis]));
}

void clear_rim(Emit *e, const Node *node, Share share) {
    const Type *type = &node->out[0]->type;
    int64_t width = type->rank == 4 ? type_size(type, 3) : 0;
    if (type->rank == 4 && (type->layout.border > 0 || type->layout.pitch > width))
        lower_border(e, e_out(e, 0), type, share.begin, share.end);
}
