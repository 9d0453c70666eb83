// Operators that only move elements: each describes one or more boxes for ops/copy.h.
#include "codegen/lower.h"
#include "ir/infer.h"
#include "ops/copy.h"
#include "ops/declared.h"

static bool is_contiguous(const Type *type) {
    return type_storage(type) == type_count(type);
}

// Reshape and its kin, where the output was not placed as a view of the input: the same elements in the same order.
static void lower_view(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    declared_check(e, node);
    if (is_contiguous(in) && is_contiguous(out)) {
        Box box = {0};
        box_add(&box, type_count(out), 1, 1);
        copy_whole(e, &box);
        return;
    }
    int64_t from[MAX_RANK], to[MAX_RANK], from_size[MAX_RANK], to_size[MAX_RANK];
    Val start = e_index(e, type_steps(in, from)), target = e_index(e, type_steps(out, to));
    type_sizes(in, from_size);
    type_sizes(out, to_size);
    Share share = e_share(e, type_count(out));
    EMIT_FOR(e, i, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, i.i, from_size, in->rank, position);
        Val x = e_load(e, e_in(e, 0), locate(e, start, position, from, in->rank), 1);
        decode(e, i.i, to_size, out->rank, position);
        e_store(e, e_out(e, 0), locate(e, target, position, to, out->rank), x);
    }
}

// Copies input i to where it lies along the axis.
static void lower_concat(Emit *e, const Node *node) {
    const Type *out = &node->out[0]->type;
    int axis = type_axis(out, ((const AxisAttrs *)node->attrs)->axis);
    int64_t to[MAX_RANK], from[MAX_RANK];
    int64_t at = type_steps(out, to);
    Parts parts = share_parts(e, type_count(out));
    for (int i = 0; i < node->nin; i++) {
        const Type *in = &node->in[i]->type;
        Box box = {.to_origin = at, .from_origin = type_steps(in, from)};
        for (int d = 0; d < out->rank; d++)
            box_add(&box, type_size(in, d), to[d], from[d]);
        copy_box(e, e_out(e, 0), e_in(e, i), &box, &parts);
        at += type_size(in, axis) * to[axis];
    }
}

static void lower_split(Emit *e, const Node *node) {
    declared_check(e, node);
    const Type *in = &node->in[0]->type;
    int axis = type_axis(in, ((const SplitAttrs *)node->attrs)->axis);
    int64_t to[MAX_RANK], from[MAX_RANK];
    int64_t at = type_steps(in, from);
    Parts parts = share_parts(e, type_count(in));
    for (int i = 0; i < node->nout; i++) {
        if (!node->out[i])
            continue;
        const Type *out = &node->out[i]->type;
        Box box = {.to_origin = type_steps(out, to), .from_origin = at};
        for (int d = 0; d < in->rank; d++)
            box_add(&box, type_size(out, d), to[d], from[d]);
        copy_box(e, e_out(e, i), e_in(e, 0), &box, &parts);
        at += type_size(out, axis) * from[axis];
    }
}

static void lower_transpose(Emit *e, const Node *node) {
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t to[MAX_RANK], from[MAX_RANK];
    Box box = {.to_origin = type_steps(out, to), .from_origin = type_steps(in, from)};
    for (int d = 0; d < out->rank; d++)
        box_add(&box, type_size(out, d), to[d], from[permuted_axis(node, d)]);
    copy_whole(e, &box);
}

static void lower_expand(Emit *e, const Node *node) {
    declared_check(e, node);
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t to[MAX_RANK], from[MAX_RANK];
    Box box = {.to_origin = type_steps(out, to), .from_origin = type_steps(in, from)};
    for (int d = 0; d < out->rank; d++) {
        int i = d - (out->rank - in->rank);
        box_add(&box, type_size(out, d), to[d], i < 0 || type_size(in, i) == 1 ? 0 : from[i]);
    }
    copy_whole(e, &box);
}

// A repeated dimension is two loops: the repetition, which stands still in the input, and the input's own.
static void lower_tile(Emit *e, const Node *node) {
    declared_check(e, node);
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t to[MAX_RANK], from[MAX_RANK];
    Box box = {.to_origin = type_steps(out, to), .from_origin = type_steps(in, from)};
    for (int d = 0; d < out->rank; d++) {
        int64_t size = type_size(in, d), times = size == 0 ? 0 : type_size(out, d) / size;
        if (times != 1)
            box_add(&box, times, to[d] * size, 0);
        box_add(&box, size, to[d], from[d]);
    }
    copy_whole(e, &box);
}

static void lower_depth_to_space(Emit *e, const Node *node) {
    const DepthAttrs *attrs = node->attrs;
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t to[MAX_RANK], from[MAX_RANK], b = attrs->blocksize, channels = type_size(out, 1);
    bool dcr = attrs->mode == DEPTH_DCR;
    Box box = {.to_origin = type_steps(out, to), .from_origin = type_steps(in, from)};
    int64_t channel = dcr ? from[1] : from[1] * b * b, block = dcr ? from[1] * channels : from[1];
    box_add(&box, type_size(out, 0), to[0], from[0]);
    box_add(&box, channels, to[1], channel);
    box_add(&box, type_size(in, 2), to[2] * b, from[2]);
    box_add(&box, b, to[2], block * b);
    box_add(&box, type_size(in, 3), to[3] * b, from[3]);
    box_add(&box, b, to[3], block);
    copy_whole(e, &box);
}

static void lower_space_to_depth(Emit *e, const Node *node) {
    const DepthAttrs *attrs = node->attrs;
    const Type *in = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t to[MAX_RANK], from[MAX_RANK], b = attrs->blocksize, channels = type_size(in, 1);
    bool dcr = attrs->mode == DEPTH_DCR;
    Box box = {.to_origin = type_steps(out, to), .from_origin = type_steps(in, from)};
    int64_t channel = dcr ? to[1] : to[1] * b * b, block = dcr ? to[1] * channels : to[1];
    box_add(&box, type_size(out, 0), to[0], from[0]);
    box_add(&box, channels, channel, from[1]);
    box_add(&box, b, block * b, from[2]);
    box_add(&box, b, block, from[3]);
    box_add(&box, type_size(out, 2), to[2], from[2] * b);
    box_add(&box, type_size(out, 3), to[3], from[3] * b);
    copy_whole(e, &box);
}

const OpImpl impl_Reshape = {.lower = lower_view};
const OpImpl impl_Flatten = {.lower = lower_view};
const OpImpl impl_Squeeze = {.lower = lower_view};
const OpImpl impl_Unsqueeze = {.lower = lower_view};
const OpImpl impl_Concat = {.lower = lower_concat};
const OpImpl impl_Split = {.lower = lower_split};
const OpImpl impl_Transpose = {.lower = lower_transpose};
const OpImpl impl_Expand = {.lower = lower_expand};
const OpImpl impl_Tile = {.lower = lower_tile};
const OpImpl impl_DepthToSpace = {.lower = lower_depth_to_space};
const OpImpl impl_SpaceToDepth = {.lower = lower_space_to_depth};
