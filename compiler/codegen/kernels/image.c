// What the kernels on images share: strides, planes and the division of rows into tiles.
#include "codegen/kernels/kernels.h"
#include "support/checked.h"

Image image_of(Ptr p, const Type *type) {
    return (Image){.p = p,
                   .batch = type->dim[0].n,
                   .channels = type->dim[1].n,
                   .height = type->dim[2].n,
                   .width = type->dim[3].n,
                   .block = type->layout.kind == LAYOUT_NCHWC ? type->layout.block : 1,
                   .border = type->layout.border,
                   .stride = type_strides(type)};
}

int64_t image_blocks(const Image *image) {
    return div_up(image->channels, image->block);
}

bool image_is_dense(const Image *image) {
    return image->stride.row == image->width * image->stride.pixel;
}

Ptr image_plane(Emit *e, const Image *image, Val unit) {
    Val offset = e_mul_const(e, unit, image->stride.channel);  // batches follow one another without a gap
    return e_at(e, image->p, e_add_const(e, offset, image->stride.origin));
}

Val image_act(Emit *e, const Image *image, const Act *act, Val channel, Val x) {
    Val y = e_act(e, act, x);
    if (image->channels % image->block == 0)
        return y;
    Val number = e_add(e, e_splat(e, e_cast(e, DT_I32, channel), x.lanes), e_iota(e, DT_I32, x.lanes));
    Val exists = e_lt(e, number, e_splat(e, e_int(e, DT_I32, image->channels), x.lanes));
    return e_select(e, exists, y, e_zero(e, y.dtype, y.lanes));
}

bool addend_fits(const Node *node) {
    const Value *addend = node_in(node, 3);
    return !addend || layout_equal(&addend->type.layout, &node->out[0]->type.layout);
}

Dest dest_plane(Emit *e, const Node *node, const Image *image, Val unit) {
    Dest dest = {.y = image_plane(e, image, unit), .adds = node_in(node, 3) != NULL};
    dest.act_first = ((const ConvAttrs *)node->attrs)->act_first;
    if (dest.adds) {
        Image addend = image_of(e_in(e, 3), &node->in[3]->type);
        dest.addend = image_plane(e, &addend, unit);
    }
    return dest;
}

Dest dest_at(Emit *e, Dest dest, Val index) {
    dest.y = e_at(e, dest.y, index);
    if (dest.adds)
        dest.addend = e_at(e, dest.addend, index);
    return dest;
}

void dest_store(Emit *e, Dest to, int64_t index, const Image *image, const Act *act, Val channel, Val x) {
    Val addend = to.adds ? e_load_const(e, to.addend, index, x.lanes) : x;
    if (to.adds && !to.act_first)
        x = e_add(e, x, addend);
    x = image_act(e, image, act, channel, x);
    if (to.adds && to.act_first)
        x = e_add(e, x, addend);
    e_store_const(e, to.y, index, x);
}

void share_sets(Emit *e, int64_t sets, int64_t split, int64_t pieces, PartEmit emit, void *context) {
    Share share = e_share(e, sets * split);
    Val parts = e_index(e, split), zero = e_index(e, 0);
    EMIT_FOR(e, set, e_div(e, share.begin, parts), e_div(e, e_add_const(e, share.end, split - 1), parts), 1) {
        Val start = e_mul_const(e, set.i, split);
        Val low = e_max(e, e_sub(e, share.begin, start), zero), high = e_min(e, e_sub(e, share.end, start), parts);
        Val first = e_div(e, e_mul_const(e, low, pieces), parts), last = e_div(e, e_mul_const(e, high, pieces), parts);
        emit(e, context, set.i, first, last);
    }
}

bool is_row_major(const Type *type, DType dtype) {
    return type->dtype == dtype && type_is_static(type) && type_is_plain(type) && type_count(type) > 0;
}

bool is_image(const Type *type) {
    return type->dtype == DT_F32 && type->rank == 4 && type_is_static(type) && type_count(type) > 0;
}

bool is_blocked(const Type *type, const Target *target) {
    return is_image(type) && type->layout.kind == LAYOUT_NCHWC && type->layout.block == target->block;
}

int needed_border(const Window *window) {
    int64_t border = 0;
    for (int i = 0; i < 2; i++)
        border = max_i64(border, max_i64(window->begin[i], window->end[i]));
    return (int)min_i64(border, 1 << 20);
}

RowTiles row_tiles(int64_t length, int64_t most) {
    int64_t count = div_up(length, most);
    return (RowTiles){count, length / count, length % count};
}

OpenTiles open_tiles(Emit *e, Val length, int64_t most) {
    Val count = e_div(e, e_add_const(e, length, most - 1), e_index(e, most));
    return (OpenTiles){count, e_div(e, length, count), e_rem(e, length, count), most};
}

void open_tile_emit(Emit *e, const OpenTiles *tiles, Val tile, RowsEmit emit, const void *context) {
    Val row = e_add(e, e_mul(e, tile, tiles->base), e_min(e, tile, tiles->extra));
    Val more = e_select(e, e_lt(e, tile, tiles->extra), e_index(e, 1), e_index(e, 0));
    Val rows = e_add(e, tiles->base, more);
    for (int64_t size = 1; size <= tiles->most; size++)
        EMIT_IF(e, e_eq(e, rows, e_index(e, size)))
            emit(e, context, size, row);
}

Val row_tile_start(Emit *e, const RowTiles *tiles, Val tile) {
    return e_add(e, e_mul_const(e, tile, tiles->base), e_min(e, tile, e_index(e, tiles->extra)));
}

void row_tile_emit(Emit *e, const RowTiles *tiles, Val tile, RowsEmit emit, const void *context) {
    Val extra = e_index(e, tiles->extra), row = row_tile_start(e, tiles, tile);
    if (tiles->extra)
        EMIT_IF(e, e_lt(e, tile, extra))
            emit(e, context, tiles->base + 1, row);
    EMIT_IF(e, e_ge(e, tile, extra))
        emit(e, context, tiles->base, row);
}
