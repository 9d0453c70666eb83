// Arithmetic on counts, the scalars that say how much there is of a value whose size is data, as nodes of the graph.
#ifndef PASSES_COUNTS_H
#define PASSES_COUNTS_H

#include "ir/infer.h"

typedef struct Counts {
    Graph *graph;
    Infer *infer;
    Node *where;  // new nodes come before this one
    Node *first;  // the first of these; null: none yet
} Counts;

// A new node before c->where, of one output, which inference gives its type; b and further inputs may be null.
Value *counts_node(Counts *c, OpKind op, Value *a, Value *b);
Value *counts_int(Counts *c, int64_t n);  // a constant i64<>
Value *counts_ints(Counts *c, const int64_t *v, int n);
Value *counts_value(Counts *c, Dim dim);  // an i64<> that holds it
Value *counts_list(Counts *c, const Dim *dims, int n);  // an i64<n>

// What an i64<> of the graph counts: its most, and its name.
Dim counts_of(const Value *value);
bool counts_is_natural(const Counts *c, Dim dim);  // is it certain that it is 0 or more?
// Add, Sub, Mul, Div, Min or Max of two; a number where it is certain. The same expression has the same name.
Dim counts_apply(Counts *c, OpKind op, Dim a, Dim b);
// `dim` where a equals b, else -1, which fails a run.
Value *counts_equal(Counts *c, Dim a, Dim b);

// Whether an element is counted; the elements of what the node makes of such, or null.
bool counts_any(const DimTensor *tensor);
DimTensor *counts_eval(Counts *c);

#endif
