// Det: determinants of a batch of square matrices, by elimination with the largest pivot of each column. The matrix is
// worked on in scratch.
#include "codegen/lower.h"
#include "ops/copy.h"

static Val place(Emit *e, int64_t n, Val row, Val column) {
    return e_add(e, e_mul_const(e, row, n), column);
}

// The row, from k on, with the largest element in column k.
static Val pivot_row(Emit *e, Ptr m, int64_t n, Val k) {
    Var row = e_var(e, k), best = e_var(e, e_abs(e, e_load(e, m, place(e, n, k, k), 1)));
    EMIT_FOR(e, i, e_add_const(e, k, 1), e_index(e, n), 1) {
        Val size = e_abs(e, e_load(e, m, place(e, n, i.i, k), 1)), wins = e_gt(e, size, e_get(e, best));
        e_set(e, best, e_select(e, wins, size, e_get(e, best)));
        e_set(e, row, e_select(e, wins, i.i, e_get(e, row)));
    }
    return e_get(e, row);
}

static void swap_rows(Emit *e, Ptr m, int64_t n, Val a, Val b) {
    EMIT_TIMES(e, j, n) {
        Val x = e_load(e, m, place(e, n, a, j.i), 1), y = e_load(e, m, place(e, n, b, j.i), 1);
        e_store(e, m, place(e, n, a, j.i), y);
        e_store(e, m, place(e, n, b, j.i), x);
    }
}

// Clears column k below the pivot; a pivot of 0 leaves everything as it is, for the result is then 0.
static void eliminate(Emit *e, Ptr m, int64_t n, Val k, Val pivot) {
    Val next = e_add_const(e, k, 1), zero = e_zero(e, m.dtype, 1);
    EMIT_FOR(e, i, next, e_index(e, n), 1) {
        Val factor = e_div(e, e_load(e, m, place(e, n, i.i, k), 1), pivot);
        factor = e_neg(e, e_select(e, e_eq(e, pivot, zero), zero, factor));
        EMIT_FOR(e, j, next, e_index(e, n), 1) {
            Val at = place(e, n, i.i, j.i), above = e_load(e, m, place(e, n, k, j.i), 1);
            e_store(e, m, at, e_fma(e, factor, above, e_load(e, m, at, 1)));
        }
    }
}

static int64_t det_scratch(const Node *node, const Target *target) {
    const Type *type = &node->in[0]->type;
    int64_t n = type_size(type, type->rank - 1);
    (void)target;
    return n * n * (dtype_info[compute_type(type->dtype)].bits / 8);
}

static void lower_det(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type;
    int64_t steps[MAX_RANK], size[MAX_RANK], to[MAX_RANK], n = type_size(type, type->rank - 1);
    int64_t origin = type_steps(type, steps), to_origin = type_steps(&node->out[0]->type, to);
    int outer = type->rank - 2;
    DType dtype = compute_type(type->dtype);
    Ptr x = e_in(e, 0), y = e_out(e, 0), m = e_scratch(e, dtype, det_scratch(node, e_target(e)));
    type_sizes(type, size);
    Share share = e_share(e, product(size, outer));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, outer, position);
        Val from = locate(e, e_index(e, origin), position, steps, outer);
        EMIT_TIMES(e, i, n)
            EMIT_TIMES(e, j, n) {
                Val at = e_add(e, e_mul_const(e, i.i, steps[outer]), e_mul_const(e, j.i, steps[outer + 1]));
                e_store(e, m, place(e, n, i.i, j.i), load_compute(e, x, e_add(e, from, at), 1));
            }
        Var det = e_var(e, e_float(e, dtype, 1));
        EMIT_TIMES(e, k, n) {
            Val row = pivot_row(e, m, n, k.i);
            EMIT_IF(e, e_ne(e, row, k.i)) {
                swap_rows(e, m, n, row, k.i);
                e_set(e, det, e_neg(e, e_get(e, det)));
            }
            Val pivot = e_load(e, m, place(e, n, k.i, k.i), 1);
            e_set(e, det, e_mul(e, e_get(e, det), pivot));
            eliminate(e, m, n, k.i, pivot);
        }
        store_compute(e, y, locate(e, e_index(e, to_origin), position, to, outer), e_get(e, det));
    }
}

const OpImpl impl_Det = {.lower = lower_det, .scratch = det_scratch};
