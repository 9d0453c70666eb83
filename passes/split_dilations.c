// A dilated convolution along one row as one of neighbours along columns. The row is cut into rows as long as the
// dilation, one below the other, so that what the filter reads stands in one column:
//
//     dilation 4:   x0 x1 x2 x3 x4 x5 ..  x11         x0 x1 x2  x3
//                   w0          w1          w2        x4 x5 x6  x7
//                                                     x8 x9 x10 x11
//
//     y[t] = sum over j of x[t + d j - p] w[j];  with t = d r + c:  y[r, c] = sum over j of x[r + j - p / d, c] w[j]
//
// It is for the padding: p zeros on either side of a row are p rows of zeros above and below it in the layouts that the
// fast kernels read, many times the row itself, while p / d rows are few. So a short dilation stays, and what has no
// padding. The zeros that fill up the last row are such as padding has; results behind the row's end are cut off.
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/checked.h"

enum { LEAST_DILATION = 4 };  // a shorter row would not fill a tile of registers

typedef struct Fold {
    int64_t width, rows, padded;     // of the input: rows of `width`, and how much longer they are than the row
    int64_t taps, begin, end;        // of the new filter; its padding
    int64_t out_rows, length;        // of the result, and how much of it counts
} Fold;

static bool is_row(const Type *type) {
    bool plain = type->layout.kind == LAYOUT_ROW_MAJOR && !type->layout.border;
    return plain && type->dtype == DT_F32 && type->rank == 4 && type_is_static(type) && type->dim[2].n == 1;
}

static bool match(const Node *node, Fold *fold) {
    bool conv = node->op == OP_Conv && !node->kernel && !node_pools(node) && !node_in(node, 3) && node->in[1]->data;
    if (!conv || !is_row(&node->in[0]->type) || !is_row(&node->out[0]->type) || node->in[1]->type.dim[2].n != 1)
        return false;
    Window w = node_window(node);
    int64_t d = w.dilation[1], rows = div_up(w.in[1], d), out_rows = div_up(w.out[1], d);
    if (w.begin[0] || w.end[0] || w.stride[0] != 1 || w.stride[1] != 1 || d < LEAST_DILATION || d > w.in[1] ||
        w.begin[1] % d || w.begin[1] + w.end[1] == 0 || w.out[1] < 1)
        return false;
    *fold = (Fold){d, rows, rows * d - w.in[1], w.kernel[1], w.begin[1] / d, 0, out_rows, w.out[1]};
    fold->end = out_rows + w.kernel[1] - 1 - rows - fold->begin;
    return fold->end >= 0;
}

static Value *reshaped(Node *where, Value *x, int64_t high, int64_t wide) {
    return reshape_before(where, x, 4, (int64_t[]){x->type.dim[0].n, x->type.dim[1].n, high, wide});
}

static Value *folded_input(Node *node, const Fold *fold) {
    Value *x = node->in[0];
    if (fold->padded) {
        Type type = x->type;
        type.dim[3].n += fold->padded;
        int64_t pads[8] = {[7] = fold->padded};
        x = node_before(node, OP_Pad, x, value_int64s(node->graph, "pads", pads, 8), type);
    }
    return reshaped(node, x, fold->rows, fold->width);
}

// The node gives rows below each other, of which its old result is what counts.
static void unfold_output(Node *node, const Fold *fold) {
    Graph *graph = node->graph;
    Value *out = node->out[0];
    int64_t size[4] = {out->type.dim[0].n, out->type.dim[1].n, fold->out_rows, fold->width};
    Value *rows = node_output(node, 0, out->name, type_make(DT_F32, 4, size));
    bool whole = fold->out_rows * fold->width == fold->length;
    Node *last = node_new(graph, whole ? OP_Reshape : OP_Slice, whole ? 2 : 4, 1);
    last->loc = node->loc;
    graph_insert_after(node, last);
    last->out[0] = out;
    out->def = last;
    if (whole) {
        last->in[0] = rows;
        last->in[1] = value_int64s(graph, "shape", (int64_t[]){size[0], size[1], 1, fold->length}, 4);
        return;
    }
    last->in[0] = reshaped(last, rows, 1, fold->out_rows * fold->width);
    last->in[1] = value_int64s(graph, "starts", (int64_t[]){0}, 1);
    last->in[2] = value_int64s(graph, "ends", &fold->length, 1);
    last->in[3] = value_int64s(graph, "axes", (int64_t[]){3}, 1);
}

static void apply(Node *node, const Fold *fold) {
    const Value *weights = node->in[1];
    Type turned = weights->type;
    turned.dim[2].n = fold->taps;
    turned.dim[3].n = 1;
    node->in[0] = folded_input(node, fold);
    node->in[1] = value_constant_like(node->graph, weights, turned);
    conv_set_window(node, &(Window){.n = 2, .kernel = {fold->taps, 1}, .stride = {1, 1}, .dilation = {1, 1},
                                    .begin = {fold->begin}, .end = {fold->end}});
    unfold_output(node, fold);
}

bool pass_split_dilations(PassContext *ctx, Graph *graph) {
    (void)ctx;
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        Fold fold;
        if (match(node, &fold))
            apply(node, &fold);
    }
    return true;
}
