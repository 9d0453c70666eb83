// What the lowerings of this folder share: strides, decoded positions, spans of vectors, and the copy of a box.
#ifndef OPS_COPY_H
#define OPS_COPY_H

#include "codegen/emit.h"

enum { BOX_RANK = 2 * MAX_RANK };

// The distance in elements of two neighbours along each dimension of a row-major type; returns the offset of the
// first element, which a border moves.
int64_t type_steps(const Type *type, int64_t *steps);
int64_t product(const int64_t *v, int n);
int64_t type_size(const Type *type, int dim);   // of a static type
void type_sizes(const Type *type, int64_t *sizes);
int type_axis(const Type *type, int64_t axis);  // negatives count from the end

// Elements in the type that arithmetic is done in (f16 in f32, for example).
DType compute_type(DType dtype);
Val load_compute(Emit *e, Ptr p, Val index, int lanes);
void store_compute(Emit *e, Ptr p, Val index, Val v);

// Position of `flat` in dimensions of these sizes, row-major.
void decode(Emit *e, Val flat, const int64_t *size, int n, Val *position);
// base + the sum of position[i] * step[i].
Val locate(Emit *e, Val base, const Val *position, const int64_t *step, int n);

// body(i, lanes) for i in begin .. end - 1: whole vectors first, then single elements.
typedef void (*SpanBody)(Emit *e, void *arg, Val i, int lanes);
void emit_span(Emit *e, Val begin, Val end, int lanes, SpanBody body, void *arg);

// The same in any order, some of it twice: where begin and end are known, the last vector may lie over the one before.
void cover_span(Emit *e, Val begin, Val end, int lanes, SpanBody body, void *arg);

// Work on `count` elements in equal parts. One part, and no sharing, where there is little of it.
typedef struct Parts {
    Share share;
    int64_t n;
} Parts;
Parts share_parts(Emit *e, int64_t count);
// This shard's part of a loop of `size` steps.
Share part_of(Emit *e, const Parts *parts, int64_t size);

// to[to_origin + sum(i * to)] = from[from_origin + sum(i * from)] for all i below size. Steps may be 0 or negative.
typedef struct Box {
    int rank;
    int64_t size[BOX_RANK], to[BOX_RANK], from[BOX_RANK];
    int64_t to_origin, from_origin;
} Box;
void box_add(Box *box, int64_t size, int64_t to, int64_t from);  // the next inner loop
void copy_box(Emit *e, Ptr to, Ptr from, const Box *box, const Parts *parts);
// The whole of a node that is one box.
void copy_whole(Emit *e, const Box *box);

#endif
