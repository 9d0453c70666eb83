#include "passes/window.h"

void conv_set_window(Node *node, const Window *window) {
    Arena *arena = node->graph->module->arena;
    ConvAttrs *attrs = node->attrs;
    int n = window->n;
    int64_t pads[2 * 3];
    for (int i = 0; i < n; i++) {
        pads[i] = window->begin[i];
        pads[n + i] = window->end[i];
    }
    attrs->auto_pad = AUTO_PAD_NOTSET;
    attrs->kernel_shape = ints_copy(arena, window->kernel, n);
    attrs->strides = ints_copy(arena, window->stride, n);
    attrs->dilations = ints_copy(arena, window->dilation, n);
    attrs->pads = ints_copy(arena, pads, 2 * n);
}
