// Types of convolutions and pools, and the geometry of their windows.
//
// Along one axis, with e = (kernel - 1) * dilation + 1 (what a window spans):
//   Conv, pools:    out = (in + begin + end - e) / stride + 1, rounded down, or up for a pool with ceil_mode, but then
//                   without a last window that would start in the end padding
//   SAME_UPPER/LOWER: out = in / stride rounded up; the padding that this needs is split, the odd one at the end
//                   (UPPER) or at the begin (LOWER). VALID: no padding
//   ConvTranspose:  out = (in - 1) * stride + output_padding + e - begin - end
// Symbolic spatial dimensions pass through where a window with stride 1 keeps the size. In a Window they are -1.
#include <string.h>

#include "ir/infer.h"
#include "ir/infer_check.h"
#include "support/checked.h"


static bool fail_attribute(Infer *infer, const Node *node, const char *name, int64_t value, const char *wanted) {
    return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "'%s' has the value %lld; %s", name, (long long)value,
                      wanted);
}

// Copies the values of an attribute (absent: `initial`), checking count and range.
static bool window_attr(Infer *infer, const Node *node, const char *name, const Ints *ints, int n, int64_t least,
                        int64_t initial, int64_t *values) {
    if (ints->n != 0 && ints->n != n)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "'%s' has %d values; %d are needed", name, ints->n, n);
    for (int i = 0; i < n; i++) {
        values[i] = ints->n ? ints->v[i] : initial;
        if (values[i] < least || values[i] > INT32_MAX)
            return fail_attribute(infer, node, name, values[i], least ? "it must be positive" : "it must be 0 or more");
    }
    return true;
}

static bool window_pads(Infer *infer, const Node *node, const char *name, const Ints *pads, Window *w) {
    int64_t both[2 * MAX_SPATIAL];
    if (!window_attr(infer, node, name, pads, 2 * w->n, 0, 0, both))
        return false;
    for (int i = 0; i < w->n; i++) {
        w->begin[i] = both[i];
        w->end[i] = both[w->n + i];
    }
    return true;
}

static int64_t window_span(const Window *w, int i) {
    return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

static void split_padding(int64_t total, int auto_pad, int64_t *begin, int64_t *end) {
    *begin = auto_pad == AUTO_PAD_SAME_LOWER ? total - total / 2 : total / 2;
    *end = total - *begin;
}

// `room` is how far a window can move; `limit` is where the end padding starts.
static int64_t window_count(int64_t room, int64_t stride, bool ceil_mode, int64_t limit) {
    int64_t count = room < 0 ? 0 : room / stride + 1;
    bool partial = room < 0 ? -room < stride : room % stride != 0;
    return ceil_mode && partial && count * stride < limit ? count + 1 : count;
}

static bool window_axis(Infer *infer, const Node *node, int auto_pad, bool ceil_mode, Window *w, int i) {
    int64_t span = window_span(w, i);
    bool same = auto_pad == AUTO_PAD_SAME_UPPER || auto_pad == AUTO_PAD_SAME_LOWER;
    if (auto_pad == AUTO_PAD_VALID)
        w->begin[i] = w->end[i] = 0;
    if (w->in[i] < 0) {  // symbolic
        if (same && w->stride[i] == 1)
            split_padding(span - 1, auto_pad, &w->begin[i], &w->end[i]);
        w->out[i] = -1;
        if (w->stride[i] == 1 && w->begin[i] + w->end[i] == span - 1)
            return true;
        return fail_symbol(infer, node, input_type(node, 0)->dim[2 + i]);
    }
    if (same) {
        w->out[i] = div_up(w->in[i], w->stride[i]);
        int64_t total = max_i64((w->out[i] - 1) * w->stride[i] + span - w->in[i], 0);
        split_padding(total, auto_pad, &w->begin[i], &w->end[i]);
    } else {
        int64_t room = w->in[i] + w->begin[i] + w->end[i] - span;
        w->out[i] = window_count(room, w->stride[i], ceil_mode, w->in[i] + w->begin[i]);
    }
    if (span > INT32_MAX || w->in[i] + w->begin[i] + w->end[i] > INT32_MAX)  // positions fit an index of 32 bits
        return fail_too_big(infer, node);
    if (w->out[i] >= 1 && w->in[i] >= 1)
        return true;
    return diag_error(infer->diag, node->loc, E_SHAPE, "a window that spans %lld does not fit into axis %d of %s",
                      (long long)span, 2 + i, type_text(infer->arena, input_type(node, 0)));
}

static void window_inputs(const Type *x, Window *w) {
    w->n = x->rank - 2;
    for (int i = 0; i < w->n; i++)
        w->in[i] = x->dim[2 + i].sym ? -1 : x->dim[2 + i].n;
}

// Weights in the form of sqz.PackConv have two dimensions more than the input.
static bool is_packed(const Node *node) {
    return input_type(node, 1)->rank == input_type(node, 0)->rank + 2;
}

// Weights of a ConvTranspose that are packed, by a recipe.
static bool reads_packed(const Node *node) {
    const Node *recipe = node->in[1]->def;
    return node->op == OP_ConvTranspose && is_packed(node) && recipe && recipe->op == OP_PackConv;
}

static bool conv_kernel(Infer *infer, const Node *node, Window *w) {
    const ConvAttrs *attrs = node->attrs;
    const Type *weights = input_type(node, 1);
    if (!window_attr(infer, node, "kernel_shape", &attrs->kernel_shape, w->n, 1, 1, w->kernel))
        return false;
    for (int i = 0; i < w->n; i++) {
        int64_t found;
        if (!check_number(infer, node, weights->dim[2 + i], &found))
            return false;
        if (is_packed(node) && attrs->kernel_shape.n)
            continue;  // weights may be packed for another algorithm
        if (attrs->kernel_shape.n && found != w->kernel[i])
            return diag_error(infer->diag, node->loc, E_SHAPE, "kernel_shape disagrees with the weights %s",
                              type_text(infer->arena, weights));
        if (found < 1 || found > INT32_MAX)
            return diag_error(infer->diag, node->loc, E_SHAPE, "the weights are %s",
                              type_text(infer->arena, weights));
        w->kernel[i] = found;
    }
    return true;
}

static bool conv_window_start(Infer *infer, const Node *node, Window *w) {
    const ConvAttrs *attrs = node->attrs;
    *w = (Window){0};
    window_inputs(input_type(node, 0), w);
    return window_attr(infer, node, "strides", &attrs->strides, w->n, 1, 1, w->stride) &&
           window_attr(infer, node, "dilations", &attrs->dilations, w->n, 1, 1, w->dilation) &&
           window_pads(infer, node, "pads", &attrs->pads, w) && conv_kernel(infer, node, w);
}

bool window_of_conv(Infer *infer, const Node *node, Window *w) {
    const ConvAttrs *attrs = node->attrs;
    if (!conv_window_start(infer, node, w))
        return false;
    for (int i = 0; i < w->n; i++)
        if (!window_axis(infer, node, attrs->auto_pad, false, w, i))
            return false;
    return true;
}

// Padding as large as the kernel would make windows that see no element at all.
static bool check_pool_pads(Infer *infer, const Node *node, const char *name, const Window *w) {
    for (int i = 0; i < w->n; i++)
        if (w->begin[i] >= w->kernel[i] || w->end[i] >= w->kernel[i])
            return fail_attribute(infer, node, name, max_i64(w->begin[i], w->end[i]),
                                  "it must be smaller than the kernel");
    return true;
}

bool window_of_pool(Infer *infer, const Node *node, Window *w) {
    const PoolAttrs *attrs = node->attrs;
    *w = (Window){0};
    window_inputs(input_type(node, 0), w);
    if (attrs->kernel_shape.n != w->n)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "'kernel_shape' has %d values; %d are needed",
                          attrs->kernel_shape.n, w->n);
    if (!window_attr(infer, node, "kernel_shape", &attrs->kernel_shape, w->n, 1, 1, w->kernel) ||
        !window_attr(infer, node, "strides", &attrs->strides, w->n, 1, 1, w->stride) ||
        !window_attr(infer, node, "dilations", &attrs->dilations, w->n, 1, 1, w->dilation) ||
        !window_pads(infer, node, "pads", &attrs->pads, w))
        return false;
    if (attrs->auto_pad == AUTO_PAD_NOTSET && !check_pool_pads(infer, node, "pads", w))
        return false;
    for (int i = 0; i < w->n; i++)
        if (!window_axis(infer, node, attrs->auto_pad, attrs->ceil_mode, w, i))
            return false;
    return true;
}

// The pool over a Conv's results, whose window is `conv`.
static bool window_of_conv_pool(Infer *infer, const Node *node, const Window *conv, Window *w) {
    const ConvPool *pool = &((const ConvAttrs *)node->attrs)->pool;
    *w = (Window){.n = conv->n};
    if (!pool->shape.n)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "'pool_shape' is missing");
    if (!window_attr(infer, node, "pool_shape", &pool->shape, w->n, 1, 1, w->kernel) ||
        !window_attr(infer, node, "pool_strides", &pool->strides, w->n, 1, 1, w->stride) ||
        !window_pads(infer, node, "pool_pads", &pool->pads, w) || !check_pool_pads(infer, node, "pool_pads", w))
        return false;
    for (int i = 0; i < w->n; i++) {
        w->in[i] = conv->out[i];
        w->dilation[i] = 1;
        if (!window_axis(infer, node, AUTO_PAD_NOTSET, false, w, i))
            return false;
    }
    return true;
}

Window node_pool_window(const Node *node) {
    Diag quiet = {0};
    Infer infer = {.arena = node->graph->module->arena, .diag = &quiet};
    Window conv = node_window(node), w;
    window_of_conv_pool(&infer, node, &conv, &w);
    return w;
}

bool node_pools(const Node *node) {
    return node->op == OP_Conv && ((const ConvAttrs *)node->attrs)->pool.kind != CONV_POOL_NONE;
}

Type conv_map_type(const Node *node) {
    Type type = node->out[0]->type;
    if (node_pools(node)) {
        Window window = node_window(node);
        for (int i = 0; i < window.n; i++)
            type.dim[2 + i] = dim_const(window.out[i]);
        type.layout.border = 0;
        type.layout.pitch = 0;
    }
    return type;
}

// ConvTranspose.

static bool fail_transpose(Infer *infer, const Node *node, int i) {
    return diag_error(infer->diag, node->loc, E_SHAPE, "axis %d of the result would have no element", 2 + i);
}

static bool transpose_axis(Infer *infer, const Node *node, int64_t extra, int64_t wanted, Window *w, int i) {
    const ConvAttrs *attrs = node->attrs;
    bool same = attrs->auto_pad == AUTO_PAD_SAME_UPPER || attrs->auto_pad == AUTO_PAD_SAME_LOWER;
    int64_t whole;
    if (w->in[i] < 0)
        return fail_symbol(infer, node, input_type(node, 0)->dim[2 + i]);
    if (w->in[i] < 1)
        return fail_transpose(infer, node, i);
    if (!checked_mul(w->in[i] - 1, w->stride[i], &whole) || !checked_add(whole, window_span(w, i) + extra, &whole) ||
        whole > INT32_MAX)
        return fail_too_big(infer, node);
    if (wanted || same) {
        w->out[i] = wanted ? wanted : w->in[i] * w->stride[i];
        int lower = attrs->auto_pad == AUTO_PAD_SAME_UPPER ? AUTO_PAD_SAME_UPPER : AUTO_PAD_SAME_LOWER;
        split_padding(max_i64(whole - w->out[i], 0), lower, &w->begin[i], &w->end[i]);
    } else {
        if (attrs->auto_pad == AUTO_PAD_VALID)
            w->begin[i] = w->end[i] = 0;
        w->out[i] = whole - w->begin[i] - w->end[i];
    }
    return w->out[i] >= 1 ? true : fail_transpose(infer, node, i);
}

static bool window_of_conv_transpose(Infer *infer, const Node *node, Window *w) {
    const ConvAttrs *attrs = node->attrs;
    int64_t extra[MAX_SPATIAL], wanted[MAX_SPATIAL];
    if (!conv_window_start(infer, node, w) ||
        !window_attr(infer, node, "output_padding", &attrs->output_padding, w->n, 0, 0, extra) ||
        !window_attr(infer, node, "output_shape", &attrs->output_shape, w->n, 0, 0, wanted))
        return false;
    for (int i = 0; i < w->n; i++)
        if (!transpose_axis(infer, node, extra[i], wanted[i], w, i))
            return false;
    return true;
}

Window node_window(const Node *node) {
    Diag quiet = {0};
    Infer infer = {.arena = node->graph->module->arena, .diag = &quiet};
    Window w;
    if (node->op == OP_Conv || node->op == OP_DeformConv)
        window_of_conv(&infer, node, &w);
    else if (node->op == OP_ConvTranspose)
        window_of_conv_transpose(&infer, node, &w);
    else
        window_of_pool(&infer, node, &w);
    return w;
}

// Operators.

static void window_result(const Node *node, const Window *w, Type *out) {
    for (int i = 0; i < w->n; i++)
        if (w->out[i] >= 0)
            out->dim[2 + i] = dim_const(w->out[i]);
        else
            out->dim[2 + i] = input_type(node, 0)->dim[2 + i];
}

static bool check_conv_inputs(Infer *infer, const Node *node) {
    unsigned set = SET_FLOAT | DTYPE_BIT(I32);
    bool fit = node->op == OP_Conv ? check_factors(infer, node, set)
                                   : check_dtype(infer, node, 0, set) && check_same_dtype(infer, node, 0, 1);
    if (!fit || !check_rank(infer, node, 0, 3, 2 + MAX_SPATIAL))
        return false;
    const Type *x = input_type(node, 0);
    int rank = x->rank;
    for (int i = 2; i < FUSED_INPUTS; i++)
        if (!check_dtype(infer, node, i, 1u << sum_dtype(x->dtype)))
            return false;
    bool packed = node->op == OP_Conv ? is_packed(node) : reads_packed(node);
    return packed || check_rank(infer, node, 1, rank, rank);
}

static bool check_group(Infer *infer, const Node *node, int64_t channels, int64_t per_group, int64_t results) {
    const ConvAttrs *attrs = node->attrs;
    int64_t product;
    if (attrs->group < 1)
        return fail_attribute(infer, node, "group", attrs->group, "it must be positive");
    if (checked_mul(per_group, attrs->group, &product) && product == channels && results % attrs->group == 0)
        return true;
    return diag_error(infer->diag, node->loc, E_SHAPE, "input %s and weights %s do not fit with group = %lld",
                      type_text(infer->arena, input_type(node, 0)), type_text(infer->arena, input_type(node, 1)),
                      (long long)attrs->group);
}

// Output channels of one unit of the first dimension: a panel, or a pair of them.
static int64_t packed_unit(const Node *node) {
    const Type *weights = input_type(node, 1);
    const Node *recipe = node->in[1]->def;
    bool pairs = recipe && recipe->op == OP_PackConv && ((const PackAttrs *)recipe->attrs)->strassen;
    return weights->dim[weights->rank - 1].n * (pairs ? 2 : 1);
}

// The output channels of packed weights lie between two panels; the value that the node defines says how many.
static bool packed_channels(Infer *infer, const Node *node, Dim *channels) {
    const Type *weights = input_type(node, 1), unknown = type_unknown();
    const Type *result = node->out[0] ? &node->out[0]->type : &unknown;
    int64_t panels = weights->dim[0].n, panel = packed_unit(node), most;
    int64_t n = result->rank > 1 ? result->dim[1].n : 0;
    *channels = dim_const(n);
    if (checked_mul(panels, panel, &most) && n <= most && n > most - panel)
        return true;
    return diag_error(infer->diag, node->loc, E_SHAPE, "packed weights %s do not fit a result of %lld channels",
                      type_text(infer->arena, weights), (long long)n);
}

static bool conv_channels(Infer *infer, const Node *node, Dim *channels) {
    const Type *x = input_type(node, 0), *weights = input_type(node, 1);
    int64_t in, per_group;
    if (is_packed(node))
        return packed_channels(infer, node, channels);
    *channels = weights->dim[0];
    return check_number(infer, node, x->dim[1], &in) && check_number(infer, node, weights->dim[1], &per_group) &&
           !(channels->sym && !fail_symbol(infer, node, *channels)) &&
           check_group(infer, node, in, per_group, channels->n);
}

static bool check_bias(Infer *infer, const Node *node, Dim channels) {
    if (!node_in(node, 2) || (node->op == OP_Conv && is_packed(node)) || reads_packed(node))
        return true;
    return check_rank(infer, node, 2, 1, 1) &&
           check_dim(infer, node, input_type(node, 2)->dim[0], channels, "the length of the bias");
}

// Input 3, made by fusion, is added to the result before the activation, or behind it (act_first).
static bool check_addend(Infer *infer, const Node *node, const Type *out) {
    if (!node_in(node, 3) || type_same_shape(input_type(node, 3), out))
        return true;
    return diag_error(infer->diag, node->loc, E_SHAPE, "input 3 must be %s, not %s", type_text(infer->arena, out),
                      type_text(infer->arena, input_type(node, 3)));
}

static bool pooled_result(Infer *infer, const Node *node, const Window *conv, Type *out) {
    Window pool;
    if (!window_of_conv_pool(infer, node, conv, &pool))
        return false;
    window_result(node, &pool, out);
    return true;
}

bool infer_conv(Infer *infer, const Node *node, Type *out) {
    Window w;
    Dim channels;
    if (!check_conv_inputs(infer, node) || !conv_channels(infer, node, &channels) ||
        !check_bias(infer, node, channels) || !window_of_conv(infer, node, &w))
        return false;
    *out = infer_like(input_type(node, 0));
    out->dtype = sum_dtype(out->dtype);
    out->dim[1] = channels;
    window_result(node, &w, out);
    return check_addend(infer, node, out) && (!node_pools(node) || pooled_result(infer, node, &w, out)) &&
           infer_fused(infer, node, out);
}

// An operand of `groups` times `each` channels for each pixel of the result.
static bool check_per_pixel(Infer *infer, const Node *node, int index, int64_t groups, int64_t each, const Type *out) {
    int64_t channels;
    if (!node_in(node, index))
        return true;
    const Type *type = input_type(node, index);
    if (!checked_mul(groups, each, &channels))
        return fail_too_big(infer, node);
    return check_rank(infer, node, index, 4, 4) &&
           check_dim(infer, node, type->dim[0], out->dim[0], "the number of images of offsets and mask") &&
           check_dim(infer, node, type->dim[1], dim_const(channels), "the channels of offsets or mask") &&
           check_dim(infer, node, type->dim[2], out->dim[2], "the height of offsets and mask") &&
           check_dim(infer, node, type->dim[3], out->dim[3], "the width of offsets and mask");
}

bool infer_deform_conv(Infer *infer, const Node *node, Type *out) {
    const DeformAttrs *attrs = node->attrs;
    Window w;
    Dim channels;
    int64_t in;
    if (!check_dtype(infer, node, 0, SET_FLOAT) || !check_rank(infer, node, 0, 4, 4))
        return false;
    for (int i = 1; i < node->nin; i++)
        if (!check_same_dtype(infer, node, 0, i))
            return false;
    if (!check_rank(infer, node, 1, 4, 4) || !conv_channels(infer, node, &channels) ||
        !window_of_conv(infer, node, &w) || !check_number(infer, node, input_type(node, 0)->dim[1], &in))
        return false;
    if (attrs->offset_group < 1 || in % attrs->offset_group)
        return fail_attribute(infer, node, "offset_group", attrs->offset_group, "it must divide the channels");
    if (node_in(node, 3) && (!check_rank(infer, node, 3, 1, 1) ||
                             !check_dim(infer, node, input_type(node, 3)->dim[0], channels, "the length of the bias")))
        return false;
    *out = infer_like(input_type(node, 0));
    out->dim[1] = channels;
    window_result(node, &w, out);
    int64_t taps, samples;
    if (!checked_mul(w.kernel[0], w.kernel[1], &taps) || taps > INT32_MAX || !checked_mul(taps, in, &samples) ||
        !checked_mul(samples, max_i64(w.out[1], 1), &samples) || samples > INT32_MAX)  // of a row, in scratch memory
        return fail_too_big(infer, node);
    return check_per_pixel(infer, node, 2, attrs->offset_group, 2 * taps, out) &&
           check_per_pixel(infer, node, 4, attrs->offset_group, taps, out);
}

static bool transpose_channels(Infer *infer, const Node *node, Dim *channels) {
    const ConvAttrs *attrs = node->attrs;
    if (attrs->pool.kind != CONV_POOL_NONE)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "'pool' is for Conv only");
    const Type *x = input_type(node, 0), *weights = input_type(node, 1);
    int64_t in, rows, per_group, all;
    if (attrs->group < 1)
        return fail_attribute(infer, node, "group", attrs->group, "it must be positive");
    if (reads_packed(node))
        return packed_channels(infer, node, channels);
    if (!check_number(infer, node, x->dim[1], &in) || !check_number(infer, node, weights->dim[0], &rows) ||
        !check_number(infer, node, weights->dim[1], &per_group))
        return false;
    if (rows != in || in % attrs->group)
        return check_group(infer, node, in, -1, 0);
    if (!checked_mul(per_group, attrs->group, &all))
        return fail_too_big(infer, node);
    *channels = dim_const(all);
    return true;
}

bool infer_conv_transpose(Infer *infer, const Node *node, Type *out) {
    Window w;
    Dim channels;
    if (!check_conv_inputs(infer, node) || !transpose_channels(infer, node, &channels) ||
        !check_bias(infer, node, channels) || !window_of_conv_transpose(infer, node, &w))
        return false;
    *out = infer_like(input_type(node, 0));
    out->dim[1] = channels;
    window_result(node, &w, out);
    return true;
}

bool infer_pool(Infer *infer, const Node *node, Type *out) {
    bool max = node->op == OP_MaxPool;
    unsigned set = max ? SET_FLOAT | DTYPE_BIT(I8) | DTYPE_BIT(U8) : SET_FLOAT;
    Window w;
    if (!check_dtype(infer, node, 0, set) || !check_rank(infer, node, 0, 3, 2 + MAX_SPATIAL) ||
        !window_of_pool(infer, node, &w))
        return false;
    out[0] = infer_like(input_type(node, 0));
    window_result(node, &w, out);
    if (node->nout > 1) {
        out[1] = out[0];
        out[1].dtype = DT_I64;
    }
    return true;
}

bool infer_global_pool(Infer *infer, const Node *node, Type *out) {
    if (!check_dtype(infer, node, 0, SET_FLOAT) || !check_rank(infer, node, 0, 3, MAX_RANK))
        return false;
    *out = infer_like(input_type(node, 0));
    for (int i = 2; i < out->rank; i++) {
        if (out->dim[i].n == 0)
            return diag_error(infer->diag, node->loc, E_SHAPE, "there is nothing to pool in %s",
                              type_text(infer->arena, out));
        out->dim[i] = dim_const(1);
    }
    return true;
}
