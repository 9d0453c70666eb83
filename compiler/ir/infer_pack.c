// Weights of convolutions as kernels want them (sqz.PackConv), and what of them panels see, if they have groups.
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "support/checked.h"

enum { MOST_GROUPED = 1 << 20 };  // panels, which are looked at one by one
enum { MOST_TAPS = 5, MOST_POINTS = 8 };  // of Winograd's transforms

// [panels, 1, points, points, input channels, panel]: the rank that packed weights have.
static bool pack_for_winograd(Infer *infer, const Node *node, Type *out) {
    const PackAttrs *attrs = node->attrs;
    const Type *weights = input_type(node, 0);
    bool square = weights->rank == 4 && type_is_static(weights) && weights->dim[2].n == weights->dim[3].n;
    if (!square || weights->dim[2].n < 2 || weights->dim[2].n > MOST_TAPS)
        return diag_error(infer->diag, node->loc, E_SHAPE, "the weights are %s; they must be square, of 2 to %d taps",
                          type_text(infer->arena, weights), MOST_TAPS);
    int64_t taps = weights->dim[2].n, points = attrs->tile < 2 || attrs->tile > 6 ? 0 : attrs->tile + taps - 1;
    if (points == 0 || points > MOST_POINTS)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "there are no tiles of %lld for these weights",
                          (long long)attrs->tile);
    int64_t dims[6] = {div_up(weights->dim[0].n, attrs->panel), 1, points, points,
                       align_up(weights->dim[1].n, attrs->block), attrs->panel};
    *out = type_make(DT_F32, 6, dims);
    return true;
}

// [pairs of panels, 1, 1, 7, half of the input channels, panel].
static bool pack_for_strassen(Infer *infer, const Node *node, Type *out) {
    const PackAttrs *attrs = node->attrs;
    const Type *weights = input_type(node, 0);
    bool point = weights->rank == 4 && type_is_static(weights) && weights->dim[2].n == 1 && weights->dim[3].n == 1;
    if (!point || weights->dim[1].n % 2)
        return diag_error(infer->diag, node->loc, E_SHAPE,
                          "the weights are %s; they must be 1x1, of an even number of inputs",
                          type_text(infer->arena, weights));
    int64_t dims[6] = {
        div_up(div_up(weights->dim[0].n, attrs->panel), 2), 1, 1, 7, weights->dim[1].n / 2, attrs->panel};
    *out = type_make(DT_F32, 6, dims);
    return true;
}

BlockRange groups_range(const Groups *groups, int64_t panel) {
    int64_t begin = panel * groups->panel, end = begin + groups->panel - 1;
    int64_t last = min_i64(end / groups->outs + 1, groups->count);
    return (BlockRange){begin / groups->outs * groups->ins / groups->block,
                        div_up(last * groups->ins, groups->block)};
}

int64_t groups_room(const Groups *groups) {
    int64_t panels = div_up(groups->count * groups->outs, groups->panel), room = 0;
    for (int64_t p = 0; p < panels; p++) {
        BlockRange range = groups_range(groups, p);
        room = max_i64(room, range.last - range.first);
    }
    return room;
}

// [panels, blocks that a panel sees, KH, KW, block, panel]. Weights f32<O, I, KH, KW> show the inputs of one group.
static bool pack_groups(Infer *infer, const Node *node, Type *out) {
    const PackAttrs *attrs = node->attrs;
    int64_t outs = out->dim[0].n, all;
    bool fit = attrs->groups >= 1 && outs >= attrs->groups && outs % attrs->groups == 0 && out->dim[1].n >= 1 &&
               checked_mul(out->dim[1].n, attrs->groups, &all) && all <= INT32_MAX && outs <= INT32_MAX &&
               div_up(outs, attrs->panel) <= MOST_GROUPED;
    if (!fit || attrs->transposed)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "weights %s do not have %lld groups",
                          type_text(infer->arena, input_type(node, 0)), (long long)attrs->groups);
    Groups groups = {attrs->groups, out->dim[1].n, outs / attrs->groups, attrs->panel, attrs->block};
    out->dim[1].n = groups_room(&groups) * attrs->block;
    return true;
}

// f32<O, I, KH, KW>, or transposed f32<I, O, KH, KW>, becomes f32<ceil(O / panel), ceil(I / block), KH, KW, block,
// panel>.
bool infer_pack_conv(Infer *infer, const Node *node, Type *out) {
    const PackAttrs *attrs = node->attrs;
    if (attrs->panel < 1 || attrs->block < 1 || attrs->panel > INT32_MAX || attrs->block > INT32_MAX)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "panel and block must be positive");
    if (!check_dtype(infer, node, 0, DTYPE_BIT(F32)) || !check_rank(infer, node, 0, 3, 2 + MAX_SPATIAL))
        return false;
    if (attrs->tile)
        return pack_for_winograd(infer, node, out);
    if (attrs->strassen)
        return pack_for_strassen(infer, node, out);
    *out = infer_like(input_type(node, 0));
    for (int i = 0; i < 2; i++)
        if (out->dim[i].sym)
            return fail_symbol(infer, node, out->dim[i]);
    if (attrs->groups && !pack_groups(infer, node, out))
        return false;
    if (attrs->transposed) {
        Dim inputs = out->dim[0];
        out->dim[0] = out->dim[1];
        out->dim[1] = inputs;
    }
    out->dim[0].n = div_up(out->dim[0].n, attrs->panel);
    out->dim[1].n = div_up(out->dim[1].n, attrs->block);
    out->dim[out->rank++] = dim_const(attrs->block);
    out->dim[out->rank++] = dim_const(attrs->panel);
    return true;
}
