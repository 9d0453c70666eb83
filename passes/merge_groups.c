// Groups of a few channels are too narrow for blocks of channels: several of them become one, whose filters have zeros
// where they would see another group's channels:
//
//     %y = Conv(%x, %w) {group = 32}  : 128 channels, filters 128x4x3x3      Conv {group = 8}, filters 128x16x3x3
//
// That multiplies up to four times as often as needed, at several times the speed. Groups that are left over are a
// convolution of their own, between a Split and a Concat, which are views:
//
//     13 groups of 8 channels       %a, %b = Split(%x)       : 96 and 8 channels
//                                   %c = Conv(%a) {group = 6},  %d = Conv(%b),  %y = Concat(%c, %d)
//
// Weights grow as well, so -Os leaves this out; an infinity or NaN reaches the groups that its own was merged with.
// Channel by channel (depthwise) there is a better kernel.
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/checked.h"

enum { MOST_MERGED = 4 };

typedef struct Groups {
    int64_t ins, outs;  // channels of one
    int64_t merged;     // so many become one
    int64_t rest;       // so many are left over, and become one of their own
} Groups;

static bool fills_blocks(const Groups *groups, int64_t times, const Target *target) {
    return groups->ins * times % target->block == 0 && groups->outs * times % target->block == 0;
}

static bool match(const Node *node, const PassContext *ctx, Groups *groups) {
    if (node->op != OP_Conv || node->kernel || !node->in[1]->data || node->in[1]->type.dtype != DT_F32 ||
        !type_is_static(&node->out[0]->type) || (node_in(node, 2) && !node->in[2]->data))
        return false;
    int64_t group = ((const ConvAttrs *)node->attrs)->group, times = 1;
    *groups = (Groups){.ins = node->in[1]->type.dim[1].n, .outs = node->in[1]->type.dim[0].n / max_i64(group, 1)};
    if (group < 2 || groups->ins < 2 || type_count(&node->out[0]->type) == 0)
        return false;
    while (times <= MOST_MERGED && times < group && !fills_blocks(groups, times, ctx->target))
        times++;
    groups->merged = times;
    groups->rest = group % times;
    bool splits = node->in[0]->type.dim[0].n == 1 && !node_in(node, 3);  // what is one image's slice is a view
    return times > 1 && times <= MOST_MERGED && (!groups->rest || splits);
}

// The filters of `count` groups from `first` on, each merged with others to `merged` in all.
static Value *merged_weights(const Node *node, const Groups *groups, int64_t first, int64_t count, int64_t merged) {
    const Value *old = node->in[1];
    Module *module = node->graph->module;
    Type type = old->type;
    type.dim[0].n = count * groups->outs;
    type.dim[1].n = merged * groups->ins;
    int64_t filter = type_count(&old->type) / old->type.dim[0].n, wide = filter * merged;
    Floats from;
    value_as_doubles(old, module->arena, &from);
    double *to = ARENA_ARRAY(module->arena, double, type_count(&type));
    for (int64_t o = 0; o < type.dim[0].n; o++)
        for (int64_t k = 0; k < filter; k++)
            to[o * wide + o / groups->outs % merged * filter + k] = from.v[(first * groups->outs + o) * filter + k];
    return value_doubles(node->graph, arena_printf(module->arena, "%s.merged", old->name), type, to);
}

static Value *part_of_bias(const Node *node, int64_t first, int64_t count) {
    Floats all;
    Type type = node->in[2]->type;
    if (count == type.dim[0].n)
        return node->in[2];
    type.dim[0].n = count;
    value_as_doubles(node->in[2], node->graph->module->arena, &all);
    return value_doubles(node->graph, node->in[2]->name, type, all.v + first);
}

// The convolution of `count` groups from `first` on, whose inputs are `x`.
static Value *convolve(Node *node, const Groups *groups, Value *x, int64_t first, int64_t count, int64_t merged) {
    Type type = node->out[0]->type;
    type.dim[1].n = count * groups->outs;
    Value *y = node_before(node, OP_Conv, x, merged_weights(node, groups, first, count, merged), type);
    ConvAttrs *attrs = y->def->attrs = attrs_copy(&conv_attrs, node->graph->module->arena, node->attrs);
    attrs->group = count / merged;
    if (node_in(node, 2))
        node_set_input(y->def, 2, part_of_bias(node, first * groups->outs, count * groups->outs));
    if (node_in(node, 3))
        node_set_input(y->def, 3, node->in[3]);
    return y;
}

static Value *merge(Node *node, const Groups *groups) {
    int64_t group = ((const ConvAttrs *)node->attrs)->group, whole = group - groups->rest;
    if (!groups->rest)
        return convolve(node, groups, node->in[0], 0, group, groups->merged);
    Value *x = node->in[0];
    int64_t sizes[2] = {whole * groups->ins, groups->rest * groups->ins};
    Node *split = split_channels_before(node, x, sizes, 2);
    Value *first = convolve(node, groups, split->out[0], 0, whole, groups->merged);
    Value *last = convolve(node, groups, split->out[1], whole, groups->rest, groups->rest);
    Value *y = node_before(node, OP_Concat, first, last, node->out[0]->type);
    ((AxisAttrs *)y->def->attrs)->axis = 1;
    return y;
}

bool pass_merge_groups(PassContext *ctx, Graph *graph) {
    for (Node *node = graph->first, *next; node && !ctx->small; node = next) {
        Groups groups;
        next = node->next;
        if (match(node, ctx, &groups))
            node_bypass(node, merge(node, &groups));
    }
    return true;
}
