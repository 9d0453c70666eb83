// The machinery of conv_direct, for kernels that are convolutions of stride 1 in parts (conv_transposed), and for pools
// over its results. The picture is in conv_direct.c.
#ifndef CODEGEN_KERNELS_DIRECT_H
#define CODEGEN_KERNELS_DIRECT_H

#include "codegen/kernels/kernels.h"

enum { DIRECT_RUN_TILES = 8 };  // of a run, where an image is walked as one row

typedef struct Direct {
    const Node *node;
    Image x, y;                            // y: where results are stored
    Ptr sums;                              // not null: of a tile's channels, to which results are added instead
    Ptr w, bias;
    bool has_bias;
    Window window;
    const Act *act;
    int64_t group, blocks_in, panels_out;  // of one group
    Groups groups;                         // count 0: they fill blocks; else `group` is 1, with fewer blocks_in
    int64_t row_length, rows;              // of the output as the kernel walks it
    int64_t depth, slices;                 // input blocks of a slice, and how many slices
    int64_t rest;                          // channels of the last input block that are worth a step; 0: as of all
    int64_t taps;                          // of the packed weights
    int64_t tap[2];                        // between taps in the weights that are neighbours in a column, in a row
    int lanes, vecs;                       // of a pixel of the tile, over its panels
    int panels;
    bool ahead;  // fetches the weights of the next tile's panels
} Direct;

// The node as it is; taps follow one another in the weights.
Direct direct_of(Emit *e, const Node *node);

// Lets the rows be runs of a few tiles of at most `most` pixels, where an image can be walked as one row.
void direct_cut(Direct *d, int64_t most);

// Calls `emit` in a loop, for rows first .. last - 1 (of `units`) of `d->panels` panels from `panel` on, and clears
// rims. Units of the work are rows of sets of panels; a shard's rows of one set are done together. `emit` is called
// twice where the last set of a group has fewer panels than the others, which its `d` says.
typedef void (*SetEmit)(Emit *e, const Direct *d, const void *context, Val batch, Val panel, Val first, Val last);
void direct_share(Emit *e, const Direct *d, int64_t units, SetEmit emit, const void *context);

// These rows, in tiles of at most `most` pixels, slice by slice of the input channels.
void direct_set(Emit *e, const Direct *d, int64_t most, Val batch, Val panel, Val first, Val last);

// One of them, of one slice, into `to`; rows are so many elements apart in y.
void direct_row(Emit *e, const Direct *d, int64_t most, Val batch, Val panel, Val row, Val slice, Dest to);
int64_t direct_row_distance(const Direct *d);
Val direct_plane(Emit *e, const Direct *d, Val batch, Val panel);  // the panel's number in the output

// Pools (direct_pool.c): whether the node's can be done, if it has one; whether it keeps results in a ring; what
// pooling adds to the cost, where a row of the map takes `row` cycles.
bool direct_pool_fits(const Node *node);
bool direct_has_ring(const Node *node);
double direct_pool_cycles(const Node *node, const Target *target, double row);
void direct_pool_lower(Emit *e, Direct *d);

// Static images, constant weights and bias.
bool direct_operands(const Node *node);
// Whether the layouts of its inputs and output are such, with a rim as wide as the padding.
bool direct_laid_out(const Node *node, const Target *target);
// Vectors of a whole panel of outputs.
static inline int direct_panel_vecs(const Direct *d) {
    return (int)d->y.block / d->lanes;
}

// Vectors of a group's last panel that hold no channel and are left out of its tiles; 0 where these have other panels.
int direct_empty_vecs(const Node *node, const Target *target);
// Pixels of a tile of so many vectors: more than others have where vectors are left out.
int64_t direct_tile_rows(const Node *node, const Target *target, int64_t vecs);
// Groups that are convolved one after the other: all, or as one where they don't fill blocks (conv_grouped).
int64_t direct_groups(const Node *node, const Target *target);
// Whether a panel sees some of the input blocks only, which differ from panel to panel; how many it sees, at most.
bool direct_is_grouped(const Node *node, const Target *target);
int64_t direct_blocks_in(const Node *node, const Target *target);
// Channels of the last input block that are worth a step, in whole turns of the product; 0: as many as of all blocks.
int64_t direct_rest_in(const Node *node, const Target *target);
// Those groups of a node, and the input blocks that an average panel of theirs sees.
Groups grouped_groups(const Node *node, const Target *target);
double grouped_blocks(const Node *node, const Target *target);
// Layouts for input channels in blocks, or `few` ones that are not.
bool direct_layouts(const Node *node, const Target *target, bool few, Layout *in, Layout *out);
bool direct_params_fit(const Node *node, const Target *target);
// conv_direct_choice for filters that see so many taps at a time.
bool direct_choice(Node *node, const Target *target, int number, int64_t taps);
// Cycles of a row of `length` pixels in all panels of a group, each of which sums up `steps` products.
double direct_row_cycles(const Node *node, const Target *target, int64_t length, double steps);

#endif
