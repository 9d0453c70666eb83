// sqz.Pack and sqz.Unpack: the same elements in another layout (blocks of channels, rims, pitches). Between rows and
// blocks of channels, tiles of pixels and channels are transposed (copy.c); other layouts go by map.c's loops.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/map.h"
#include "support/checked.h"

enum { SHARED = 16384 };  // elements from which on shards are worth it

static Val expr_same(Emit *e, const Node *node, const Val *in) {
    (void)e, (void)node;
    return in[0];
}

typedef struct Repack {
    const Type *in, *out;
    Strides from, to;
    int block;
    int64_t blocks;  // of one batch element
} Repack;

// Channels of one block on one side: the distance of two, and of two blocks.
static int64_t lane_step(const Type *type, const Strides *strides) {
    return type->layout.kind == LAYOUT_NCHWC ? 1 : strides->channel;
}

static Val block_at(Emit *e, const Repack *r, const Type *type, const Strides *strides, Val batch, Val block) {
    int64_t step = type->layout.kind == LAYOUT_NCHWC ? strides->channel : strides->channel * r->block;
    Val at = e_add(e, e_mul_const(e, batch, strides->batch), e_mul_const(e, block, step));
    return e_add_const(e, at, strides->origin);
}

// `channels` of a block, and zeros in the lanes behind them.
static void repack_block(Emit *e, const Repack *r, Ptr to, Ptr from, int64_t channels) {
    int64_t lane_to = lane_step(r->out, &r->to), lane_from = lane_step(r->in, &r->from);
    bool packs = r->out->layout.kind == LAYOUT_NCHWC;
    Box box = {0};
    if (!packs)
        box_add(&box, channels, lane_to, lane_from);
    box_add(&box, r->out->dim[2].n, r->to.row, r->from.row);
    box_add(&box, r->out->dim[3].n, r->to.pixel, r->from.pixel);
    if (packs)
        box_add(&box, channels, lane_to, lane_from);
    Parts all = {{e_index(e, 0), e_index(e, 1)}, 1};
    copy_box(e, to, from, &box, &all);
    if (packs && channels < r->block)
        EMIT_TIMES(e, y, r->out->dim[2].n)
            EMIT_TIMES(e, x, r->out->dim[3].n) {
                Val at = e_add(e, e_mul_const(e, y.i, r->to.row), e_mul_const(e, x.i, r->to.pixel));
                e_clear(e, to, e_add_const(e, at, channels), r->block - channels);
            }
}

static void lower_repack(Emit *e, const Node *node) {
    Repack r = {.in = &node->in[0]->type, .out = &node->out[0]->type};
    bool packs = r.out->layout.kind == LAYOUT_NCHWC;
    if (packs == (r.in->layout.kind == LAYOUT_NCHWC) || (!packs && r.out->layout.border) || type_count(r.out) == 0) {
        map_lower(e, node);
        return;
    }
    r.from = type_strides(r.in);
    r.to = type_strides(r.out);
    r.block = packs ? r.out->layout.block : r.in->layout.block;
    r.blocks = div_up(r.out->dim[1].n, r.block);
    int64_t units = r.out->dim[0].n * r.blocks, rest = r.out->dim[1].n % r.block;
    Share share = {e_index(e, 0), e_index(e, units)};
    if (type_count(r.out) >= SHARED)
        share = e_share(e, units);
    if (packs && r.out->layout.border)
        lower_border(e, e_out(e, 0), r.out, share.begin, share.end);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val batch = e_div(e, u.i, e_index(e, r.blocks)), block = e_rem(e, u.i, e_index(e, r.blocks));
        Ptr to = e_at(e, e_out(e, 0), block_at(e, &r, r.out, &r.to, batch, block));
        Ptr from = e_at(e, e_in(e, 0), block_at(e, &r, r.in, &r.from, batch, block));
        Val last = e_eq(e, block, e_index(e, r.blocks - 1));
        if (!rest || r.blocks > 1)
            EMIT_IF(e, rest ? e_not(e, last) : e_bool(e, true))
                repack_block(e, &r, to, from, r.block);
        if (rest)
            EMIT_IF(e, last)
                repack_block(e, &r, to, from, rest);
    }
}

const OpImpl impl_Pack = {.lower = lower_repack, .expr = expr_same};
const OpImpl impl_Unpack = {.lower = lower_repack, .expr = expr_same};
