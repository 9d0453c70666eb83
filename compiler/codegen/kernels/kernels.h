// The functions behind the rows of kernels.def, one file each, and what they share.
#ifndef CODEGEN_KERNELS_KERNELS_H
#define CODEGEN_KERNELS_KERNELS_H

#include "codegen/emit.h"
#include "codegen/kernel.h"
#include "ir/infer.h"

#define KERNEL_FUNCTIONS(id)                                                                    \
    bool id##_layouts(const Node *node, const Target *target, Layout *in, Layout *out);         \
    bool id##_accepts(const Node *node, const Target *target);                                  \
    double id##_cost(const Node *node, const Target *target);                                   \
    void id##_lower(Emit *e, const Node *node);
KERNEL_FUNCTIONS(conv_direct)
KERNEL_FUNCTIONS(conv_depthwise)
KERNEL_FUNCTIONS(conv_transposed)
KERNEL_FUNCTIONS(conv_winograd)
KERNEL_FUNCTIONS(conv_strassen)
KERNEL_FUNCTIONS(pool_blocked)
KERNEL_FUNCTIONS(global_pool)
#undef KERNEL_FUNCTIONS
bool conv_bytes_accepts(const Node *node, const Target *target);
bool conv_bytes_choice(Node *node, const Target *target, int number);
double conv_bytes_cost(const Node *node, const Target *target);
int64_t conv_bytes_scratch(const Node *node, const Target *target);
void conv_bytes_lower(Emit *e, const Node *node);
bool conv_planes_accepts(const Node *node, const Target *target);
double conv_planes_cost(const Node *node, const Target *target);
void conv_planes_lower(Emit *e, const Node *node);
bool matmul_strided_accepts(const Node *node, const Target *target);
bool matmul_strided_choice(Node *node, const Target *target, int number);
double matmul_strided_cost(const Node *node, const Target *target);
int64_t matmul_strided_scratch(const Node *node, const Target *target);
void matmul_strided_lower(Emit *e, const Node *node);
bool matmul_packed_accepts(const Node *node, const Target *target);
int64_t matmul_packed_scratch(const Node *node, const Target *target);
double matmul_packed_cost(const Node *node, const Target *target);
bool matmul_packed_choice(Node *node, const Target *target, int number);
bool conv_direct_choice(Node *node, const Target *target, int number);
bool conv_depthwise_choice(Node *node, const Target *target, int number);
bool conv_transposed_choice(Node *node, const Target *target, int number);
bool conv_winograd_choice(Node *node, const Target *target, int number);
bool rnn_packed_accepts(const Node *node, const Target *target);
double rnn_packed_cost(const Node *node, const Target *target);
void rnn_packed_packing(const Node *node, PackAttrs *attrs);
int64_t rnn_packed_scratch(const Node *node, const Target *target);
void rnn_packed_lower(Emit *e, const Node *node);
void matmul_packed_packing(const Node *node, PackAttrs *attrs);
void matmul_packed_lower(Emit *e, const Node *node);
int64_t pool_blocked_scratch(const Node *node, const Target *target);
void conv_direct_packing(const Node *node, PackAttrs *attrs);
int64_t conv_direct_scratch(const Node *node, const Target *target);
bool conv_grouped_layouts(const Node *node, const Target *target, Layout *in, Layout *out);
bool conv_grouped_accepts(const Node *node, const Target *target);
void conv_grouped_packing(const Node *node, PackAttrs *attrs);
void conv_depthwise_packing(const Node *node, PackAttrs *attrs);
void conv_transposed_packing(const Node *node, PackAttrs *attrs);
void conv_winograd_packing(const Node *node, PackAttrs *attrs);
int64_t conv_winograd_scratch(const Node *node, const Target *target);
bool conv_strassen_choice(Node *node, const Target *target, int number);
void conv_strassen_packing(const Node *node, PackAttrs *attrs);
int64_t conv_strassen_scratch(const Node *node, const Target *target);

typedef struct DirectParams {
    int64_t rows;    // pixels of a register tile
    int64_t panels;  // panels of output channels of a register tile
    int64_t depth;   // input channel blocks done for all rows before the next ones; 0: all of them
    bool across;     // all panels of a row before the next row
    bool ahead;      // the weights of the next tile's panels are prefetched
} DirectParams;
extern const AttrTable direct_params;

typedef struct WinogradParams {
    int64_t tile;   // outputs of a tile in each direction
    int64_t rows;   // tiles of a register tile of the products
    int64_t panels; // panels of output channels of a register tile
    int64_t band;   // rows of tiles of a block
    int64_t ahead;  // weights prefetched so many elements ahead; 0: none
    int64_t split;  // parts of the output channels that shards may do for themselves
    int64_t late;   // input channel blocks whose weights are transformed together, when they are needed; 0: all were
                    // transformed when the object was written
} WinogradParams;
extern const AttrTable winograd_params;

typedef struct StrassenParams {
    int64_t rows;   // pixel pairs of a register tile of the products
    int64_t duos;   // pairs of panels of a register tile
    int64_t group;  // tiles that go through one product after the other
    int64_t pairs;  // pixel pairs of a block
    int64_t ahead;  // as above
    int64_t split;
} StrassenParams;
extern const AttrTable strassen_params;

// ---- Shared

// A rank-4 operand: sizes, strides in elements, and where its first element lies.
typedef struct Image {
    Ptr p;
    int64_t batch, channels, height, width, block, border;
    Strides stride;
} Image;
Image image_of(Ptr p, const Type *type);
Ptr image_plane(Emit *e, const Image *image, Val unit);  // of pair number `unit` of (batch, channel block)
int64_t image_blocks(const Image *image);                // channel blocks of one batch element
bool image_is_dense(const Image *image);                 // rows follow one another, so a plane is one long row
// The activation of a vector of channels from `channel` (of the batch element) on: 0 behind the last channel.
Val image_act(Emit *e, const Image *image, const Act *act, Val channel, Val x);

// Where a kernel stores its results, and what it adds to them as it does: a Conv's input 3, which has the layout of the
// output, so that both lie at the same distance from their starts.
typedef struct Dest {
    Ptr y, addend;
    bool adds, act_first;
} Dest;
bool addend_fits(const Node *node);                            // whether input 3, if there is one, is such
Dest dest_plane(Emit *e, const Node *node, const Image *image, Val unit);  // as image_plane, of a Conv's output
Dest dest_at(Emit *e, Dest dest, Val index);
void dest_store(Emit *e, Dest to, int64_t index, const Image *image, const Act *act, Val channel, Val x);

bool is_blocked(const Type *type, const Target *target);  // static rank-4 f32 NCHWc of the target's block
bool is_image(const Type *type);                          // static rank-4 f32
bool is_row_major(const Type *type, DType dtype);         // static, of that type, with elements

// The rim that an input needs so that a window never leaves it.
int needed_border(const Window *window);
// Shares `sets` pieces of work, each of which consists of `pieces` that `split` shards may do for themselves: calls
// `emit` once, in a loop, for pieces first .. last - 1 of a set.
typedef void (*PartEmit)(Emit *e, void *context, Val set, Val first, Val last);
void share_sets(Emit *e, int64_t sets, int64_t split, int64_t pieces, PartEmit emit, void *context);

// A row of `length` pixels as tiles of nearly equal size, at most `most`: `extra` of base + 1, then the rest of base.
typedef struct RowTiles {
    int64_t count, base, extra;
} RowTiles;
RowTiles row_tiles(int64_t length, int64_t most);
Val row_tile_start(Emit *e, const RowTiles *tiles, Val tile);  // where one begins
// One of them, whose number is known as the code runs: calls `emit` for each size that it may have.
typedef void (*RowsEmit)(Emit *e, const void *context, int64_t rows, Val row);
void row_tile_emit(Emit *e, const RowTiles *tiles, Val tile, RowsEmit emit, const void *context);

// The same of a length that is known as the code runs; each size up to `most` may occur.
typedef struct OpenTiles {
    Val count, base, extra;
    int64_t most;
} OpenTiles;
OpenTiles open_tiles(Emit *e, Val length, int64_t most);
void open_tile_emit(Emit *e, const OpenTiles *tiles, Val tile, RowsEmit emit, const void *context);

#endif
