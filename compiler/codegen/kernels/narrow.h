// Quantized weights in panels (sqz.PackMatrix), widened to floats where a product needs them: (element - zero) * scale,
// rounded as sqz.Dequantize rounds it.
#ifndef CODEGEN_KERNELS_NARROW_H
#define CODEGEN_KERNELS_NARROW_H

#include "codegen/kernels/product.h"
#include "ir/ir.h"

typedef struct Narrow {
    int bits;         // of an element
    bool zeros;       // each block has zeros of its own
    int64_t zero;     // of all, where it has not
    int64_t inner;    // lines of a panel
    int64_t block;    // of them that share a scale
    int64_t chunk;    // of them that are done together: they lie in one block and in one slice of codegen/order.h
    int64_t columns;  // of a panel
    int64_t head, words, panel_words;  // of a block's scales and zeros, of a block, of a panel
    bool late;        // scales and zeros wait for the sums of a chunk, whose order that changes
    Ptr totals;       // then: for each row and chunk, the sum of what it is multiplied by
} Narrow;

// What a recipe makes of elements with scales and perhaps zeros.
Narrow narrow_of(const PackAttrs *packing, const Value *elements, bool zeros);

// Whether sums of so many rows and panels are few enough for scales to wait for them; the bytes of `totals`, and code
// that fills it in.
bool narrow_is_late(const Narrow *n, int64_t rows, int64_t panels, const Target *target);
int64_t narrow_totals(const Narrow *n, int64_t rows);
void narrow_sum(Emit *e, const Narrow *n, int64_t rows, Ptr left, int64_t stride);

// The same as product_run, of the lines first .. first + count - 1; `first` begins a slice.
void narrow_run(Emit *e, const Narrow *n, const Product *p, const Var *sum, Ptr left, Ptr panels, Val first,
                int64_t count);

// All lines of `count` panels as floats, panel after panel.
void narrow_widen(Emit *e, const Narrow *n, int count, int lanes, Ptr panels, Ptr to);

#endif
