// The machinery of conv_direct, for kernels that are convolutions of stride 1 in parts (conv_transposed). The picture is
// in conv_direct.c.
#ifndef CODEGEN_KERNELS_DIRECT_H
#define CODEGEN_KERNELS_DIRECT_H

#include "codegen/kernels/kernels.h"

typedef struct Direct {
    const Node *node;
    Image x, y;
    Ptr w, bias;
    bool has_bias;
    Window window;
    const Act *act;
    int64_t group, blocks_in, panels_out;  // of one group
    int64_t row_length, rows;              // of the output as the kernel walks it
    int64_t depth, slices;                 // input blocks of a slice, and how many slices
    int64_t taps;                          // of the packed weights
    int64_t tap[2];                        // between taps in the weights that are neighbours in a column, in a row
    int lanes, vecs;                       // of a pixel of the tile, over its panels
    int panels;
} Direct;

// The node as it is; taps follow one another in the weights.
Direct direct_of(Emit *e, const Node *node);

// Calls `emit` once, in a loop, for rows first .. last - 1 of `panels` panels from `panel` on, and clears rims. Units of the
// work are rows of groups of panels; a shard's rows of one group are done together.
typedef void (*SetEmit)(Emit *e, const void *context, Val batch, Val panel, Val first, Val last);
void direct_share(Emit *e, const Direct *d, SetEmit emit, const void *context);

// These rows, in tiles of at most `most` pixels, slice by slice of the input channels.
void direct_set(Emit *e, const Direct *d, int64_t most, Val batch, Val panel, Val first, Val last);

// Static images, constant weights and bias.
bool direct_operands(const Node *node);
bool direct_params_fit(const Node *node, const Target *target);
// conv_direct_choice for filters that see so many taps at a time.
bool direct_choice(Node *node, const Target *target, int number, int64_t taps);

#endif
