// Convolutions in groups of channels that don't fill blocks, by conv_direct's tiles.
//
// All groups are convolved as one, whose filters have zeros where an output would see another group's inputs. But of
// the input's blocks a panel of outputs goes only through those that it sees some channels of:
//
//     4 groups of 24 channels, blocks of 16         blocks of inputs    0  1  2  3  4  5
//     panel 0: outputs 0 .. 15, of group 0                              x  x
//     panel 1: outputs 16 .. 31, of groups 0 and 1                      x  x  x
//     panel 2: outputs 32 .. 47, of group 1                                x  x
//     panel 3: outputs 48 .. 63, of group 2                                      x  x
//
// Packed weights have the blocks that a panel sees one after the other, and room for as many as any panel may see
// (groups_room). An infinity or NaN reaches the other groups of its block. Channel by channel (conv_depthwise) there is
// a better way.
#include "codegen/kernels/direct.h"
#include "codegen/kernels/kernels.h"
#include "ir/infer.h"
#include "support/checked.h"

static const double MOST_SEEN = 4;  // input channels for each one of an output's own group
enum { MOST_PANELS = 1 << 16 };     // panels are looked at one by one

Groups grouped_groups(const Node *node, const Target *target) {
    int64_t count = ((const ConvAttrs *)node->attrs)->group;
    return (Groups){count, node->in[0]->type.dim[1].n / count, node->out[0]->type.dim[1].n / count, target->block,
                    target->block};
}

double grouped_blocks(const Node *node, const Target *target) {
    Groups groups = grouped_groups(node, target);
    int64_t panels = div_up(groups.count * groups.outs, groups.panel), blocks = 0;
    for (int64_t p = 0; p < panels; p++) {
        BlockRange range = groups_range(&groups, p);
        blocks += range.last - range.first;
    }
    return (double)blocks / (double)panels;
}

static bool has_shape(const Node *node, const Target *target) {
    if (node->op != OP_Conv || !direct_operands(node) || !direct_pool_fits(node))
        return false;
    Groups groups = grouped_groups(node, target);
    return direct_groups(node, target) != groups.count && groups.ins > 1 &&
           groups.count * groups.outs <= MOST_PANELS * groups.panel &&
           grouped_blocks(node, target) * (double)groups.block <= MOST_SEEN * (double)groups.ins;
}

bool conv_grouped_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    return has_shape(node, target) && direct_layouts(node, target, false, in, out);
}

bool conv_grouped_accepts(const Node *node, const Target *target) {
    return has_shape(node, target) && direct_laid_out(node, target) && is_blocked(&node->in[0]->type, target) &&
           (node->kernel != KERNEL_conv_grouped || direct_params_fit(node, target));
}

void conv_grouped_packing(const Node *node, PackAttrs *attrs) {
    conv_direct_packing(node, attrs);
    attrs->groups = ((const ConvAttrs *)node->attrs)->group;
}
