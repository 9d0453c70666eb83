// What the predictions of kernels are made of. All are cycles; cost_seconds turns them into seconds.
#ifndef CODEGEN_KERNELS_COST_H
#define CODEGEN_KERNELS_COST_H

#include "ir/ir.h"
#include "target/target.h"

static inline double larger(double a, double b) {
    return a > b ? a : b;
}

double cost_seconds(const Target *target, double cycles);

// One register tile of `rows` x `vecs` accumulators over `steps` lines of its panel, from its first load to its stores.
double cost_tile(const Target *target, int64_t rows, int64_t vecs, double steps);
// A row of `length` cut into tiles of at most `most` (row_tiles).
double cost_row(const Target *target, int64_t length, int64_t most, int64_t vecs, double steps);
// How many times as long as a multiply-add of f32 a step takes that adds up products of so many bytes, or of two words.
double cost_dots(int dots);
// So many vectors of sums, which are stored and loaded again between two slices of a product.
double cost_waiting(const Target *target, int64_t vectors);

// Whether a vector is as wide as a line of the cache, so that multiply-adds hide less of what else there is.
bool cost_is_wide(const Target *target);
// Whether loads of them hide behind as many multiply-adds nevertheless.
bool cost_hides_loads(const Target *target);
// Whether one of them is multiplied in a cycle where two are loaded: what is fetched ahead hides.
bool cost_has_room(const Target *target);

// What reading or writing `bytes` of something that is `size` bytes large adds to the arithmetic: it lies in the
// smallest cache that holds it.
double cost_near(const Target *target, double bytes, double size);
// The same for weights that are read again and again: large ones push out everything else.
double cost_again(const Target *target, double bytes, double size);
// The same for what has not been touched since the last inference, as weights are not.
double cost_far(const Target *target, double bytes);
// Whether the network's weights together don't stay in the third-level cache from one inference to the next.
bool cost_from_memory(const Node *node, const Target *target);
// What is left of such `cycles` for so many bytes of weights, where these are fetched ahead during so much work.
double cost_ahead(const Node *node, const Target *target, double weights, double cycles, double work);

// Work that shards share (share_sets): sets of so many pieces, in cycles. Each shard that does a part of a set pays
// `once` for it.
typedef struct SetWork {
    int64_t sets, pieces;
    double once[2], piece[2];  // of all sets but the last one, of the last one
} SetWork;
// In how many parts the pieces of a set should be cut, so that the slowest of two or four threads is done early.
int64_t cost_split(const SetWork *work);

// The bytes that have passed since an input was written (distance.c), no more than cost_farthest: from there it is read
// from memory.
double cost_distance(const Node *node, int input, const Target *target);
double cost_farthest(const Target *target);
// What reading `bytes` of something that is so far away adds where little arithmetic hides it.
double cost_since(const Target *target, double bytes, double distance);
// All that a node reads and writes, in this way.
double cost_moved(const Node *node, const Target *target);

// What every layer pays once.
double cost_call(const Target *target);

#endif
