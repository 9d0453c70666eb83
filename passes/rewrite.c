#include "passes/rewrite.h"

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

Value *reshape_before(Node *where, Value *x, int rank, const int64_t *size) {
    Value *shape = value_int64s(where->graph, "shape", size, rank);
    return node_before(where, OP_Reshape, x, shape, type_make(x->type.dtype, rank, size));
}

Value *transpose_before(Node *where, Value *x, Ints perm) {
    Value *y = node_before(where, OP_Transpose, x, NULL, type_permuted(&x->type, perm));
    ((TransposeAttrs *)y->def->attrs)->perm = perm;
    return y;
}

Node *split_channels_before(Node *where, Value *x, const int64_t *sizes, int n) {
    Node *split = node_new(where->graph, OP_Split, 2, n);
    ((SplitAttrs *)split->attrs)->axis = 1;
    split->loc = where->loc;
    for (int i = 0; i < n; i++) {
        Type type = x->type;
        type.dim[1].n = sizes[i];
        node_output(split, i, x->name, type);
    }
    split->in[0] = x;
    split->in[1] = value_int64s(where->graph, x->name, sizes, n);
    graph_insert_before(where, split);
    return split;
}
