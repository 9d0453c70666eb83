// How conv_winograd cuts an image into tiles, and how large its buffers are: what both its choice and its code need.
// The picture is in conv_winograd.c.
#ifndef CODEGEN_KERNELS_WINOGRAD_SIZES_H
#define CODEGEN_KERNELS_WINOGRAD_SIZES_H

#include "codegen/kernels/kernels.h"
#include "support/checked.h"

enum { WINOGRAD_GAP = 16 };  // elements between two points, so that their lines don't share a cache set

// Tiles along one axis: `full` of the whole size, and a narrower one behind them (0: none).
typedef struct Cut {
    int64_t full;
    int edge;
} Cut;

static inline Cut cut_of(int64_t length, int64_t tile) {
    return (Cut){length / tile, (int)(length % tile)};
}

// A block of tiles: so many whole rows of tiles, and perhaps the narrower last row.
typedef struct Block {
    int64_t rows;
    bool edge;
} Block;

typedef struct Blocks {
    int64_t count;   // of the image, the last one included
    Block each, last;
} Blocks;

static inline Blocks blocks_of(Cut down, int64_t band) {
    int64_t count = max_i64(1, div_up(down.full, band));
    return (Blocks){count, {band, false}, {down.full - (count - 1) * band, down.edge > 0}};
}

static inline int64_t block_tiles(const Block *block, Cut right) {
    return (block->rows + block->edge) * (right.full + (right.edge > 0));
}

// Of one convolution.
typedef struct Sizes {
    int64_t taps, points, channels, blocks_in, panels, block;
    Cut down, right;
} Sizes;

static inline Sizes sizes_of(const Node *node, int64_t tile) {
    const Type *x = &node->in[0]->type, map = conv_map_type(node), *y = &map;
    int64_t block = y->layout.block, taps = node_window(node).kernel[0];
    return (Sizes){.taps = taps,
                   .points = tile + taps - 1,
                   .channels = x->dim[1].n,
                   .blocks_in = div_up(x->dim[1].n, block),
                   .panels = div_up(y->dim[1].n, block),
                   .block = block,
                   .down = cut_of(y->dim[2].n, tile),
                   .right = cut_of(y->dim[3].n, tile)};
}

static inline int64_t v_stride(const Sizes *s, int64_t tiles) {
    return s->blocks_in * tiles * s->block + WINOGRAD_GAP;
}

// Between two points of a panel's weights that are transformed when they are needed: those of a row of points.
static inline int64_t u_stride(const Sizes *s, int64_t late) {
    return late * s->block * s->block + WINOGRAD_GAP;
}

static inline int64_t m_stride(const Sizes *s, int64_t tiles) {
    return tiles * s->block + WINOGRAD_GAP;
}

static inline int64_t most_tiles(const Sizes *s, int64_t band) {
    Blocks blocks = blocks_of(s->down, band);
    int64_t last = block_tiles(&blocks.last, s->right);
    return blocks.count > 1 ? max_i64(last, block_tiles(&blocks.each, s->right)) : last;
}

#endif
