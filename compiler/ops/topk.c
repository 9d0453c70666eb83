// TopK: the k largest or smallest elements along an axis and their indices, sorted.
//
// A heap of k entries keeps the worst of the best at its root, where each further element meets it; at the end the heap
// is sorted in place. Equal elements order by their indices, so that no two compare equal and the result is the one of
// a stable sort. NaN is larger than all numbers. A row of n elements takes n log k steps at most.
//
// An entry is an element's index. Where elements have 32 bits at most it is a number of 64 bits instead, and one
// comparison says what comes first:
//
//     | bits of the element, changed to an unsigned number that grows with it | 2^32 - 1 - index |
//
// Where k is small, a sorted list takes the place of the heap, whose worst element is the last one: to insert is to
// move a few entries, with fewer branches to guess than on the way down a heap.
//
// Few elements get past the worst one. So of a contiguous row a block is compared with it in vectors, and looked at one
// by one only if some element is not beyond doubt worse; such elements come later than those of the heap, so equal ones
// are.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/declared.h"
#include "ops/heap.h"
#include "ops/reduce.h"

enum { BLOCK_VECTORS = 2, MOST_LISTED = 16 };

typedef struct TopK {
    Ptr x, heap, values, indices;  // outputs that nobody wants are null
    bool keyed;                    // entries of 64 bits
    int64_t n, k, x_step, y_step;
    bool largest;
    Val row;   // where the row begins
    Var worst;  // element of the heap or list
    int64_t worst_at;
} TopK;

static Val element(Emit *e, const TopK *t, Val index, int lanes) {
    return load_compute(e, t->x, e_add(e, t->row, e_mul_const(e, index, t->x_step)), lanes);
}

// An unsigned number of 32 bits that grows with x. Zeros are equal, and NaN is the largest.
static Val ordered(Emit *e, Val x) {
    Val sign = e_int(e, DT_U32, INT64_C(1) << 31), all = e_int(e, DT_U32, UINT32_MAX);
    if (!dtype_is_float(x.dtype))
        return dtype_is_signed(x.dtype) ? e_xor(e, e_cast(e, DT_U32, x), sign) : e_cast(e, DT_U32, x);
    Val bits = e_bits(e, DT_U32, x);
    bits = e_select(e, e_eq(e, bits, sign), e_zero(e, DT_U32, 1), bits);
    Val number = e_xor(e, bits, e_select(e, e_ge(e, bits, sign), all, sign));
    return e_select(e, e_is_nan(e, x), all, number);
}

static Val entry_of(Emit *e, const TopK *t, Val index) {
    if (!t->keyed)
        return index;
    Val number = ordered(e, element(e, t, index, 1)), mask = e_int(e, DT_U32, UINT32_MAX);
    number = e_cast(e, DT_U64, t->largest ? number : e_xor(e, number, mask));
    Val below = e_cast(e, DT_U64, e_xor(e, e_cast(e, DT_U32, index), mask));
    return e_or(e, e_shl(e, number, e_int(e, DT_U64, 32)), below);
}

static Val index_of(Emit *e, const TopK *t, Val entry) {
    return t->keyed ? e_to_index(e, e_xor(e, e_cast(e, DT_U32, entry), e_int(e, DT_U32, UINT32_MAX))) : entry;
}

// Whether entry a comes before entry b.
static Val before(Emit *e, const void *arg, Val a, Val b) {
    const TopK *t = arg;
    if (t->keyed)
        return e_gt(e, a, b);
    Val x = element(e, t, a, 1), y = element(e, t, b, 1);
    Val wins = t->largest ? heap_greater(e, x, y) : heap_greater(e, y, x);
    Val loses = t->largest ? heap_greater(e, y, x) : heap_greater(e, x, y);
    return e_or(e, wins, e_and(e, e_not(e, loses), e_lt(e, a, b)));
}

static void write_row(Emit *e, const TopK *t, Val y) {
    EMIT_TIMES(e, i, t->k) {
        Val index = index_of(e, t, e_load(e, t->heap, i.i, 1)), to = e_add(e, y, e_mul_const(e, i.i, t->y_step));
        Val from = e_add(e, t->row, e_mul_const(e, index, t->x_step));
        if (t->values.v)
            e_store(e, t->values, to, e_load(e, t->x, from, 1));
        if (t->indices.v)
            e_store(e, t->indices, to, e_cast(e, DT_I64, index));
    }
}

// Whether a later element may come before the worst one: all that isn't known to be worse, or equal.
static Val may_enter(Emit *e, const TopK *t, Val x) {
    Val worst = e_splat(e, e_get(e, t->worst), x.lanes);
    return e_not(e, t->largest ? e_le(e, x, worst) : e_ge(e, x, worst));
}

static Val worst_element(Emit *e, const TopK *t) {
    return element(e, t, index_of(e, t, e_load_const(e, t->heap, t->worst_at, 1)), 1);
}

// Puts an entry into the list's first `size` entries, which are sorted.
static void list_insert(Emit *e, const TopK *t, Val entry, Val size) {
    Var hole = e_var(e, size);
    EMIT_FOR(e, k, e_index(e, 0), size, 1) {
        Val at = e_sub(e, e_add_const(e, size, -1), k.i), other = e_load(e, t->heap, at, 1);
        e_break_if(e, &k, e_not(e, before(e, t, entry, other)));
        e_store(e, t->heap, e_add_const(e, at, 1), other);
        e_set(e, hole, at);
    }
    e_store(e, t->heap, e_get(e, hole), entry);
}

static void enter(Emit *e, const TopK *t, const Heap *heap, Val entry) {
    if (t->worst_at) {
        list_insert(e, t, entry, e_index(e, t->k - 1));
        return;
    }
    e_store_const(e, t->heap, 0, entry);
    heap_sift(e, heap, e_index(e, 0), e_index(e, t->k));
}

static void visit(Emit *e, const TopK *t, const Heap *heap, Val i) {
    EMIT_IF(e, may_enter(e, t, element(e, t, i, 1))) {
        Val entry = entry_of(e, t, i);
        EMIT_IF(e, before(e, t, entry, e_load_const(e, t->heap, t->worst_at, 1))) {
            enter(e, t, heap, entry);
            e_set(e, t->worst, worst_element(e, t));
        }
    }
}

// Whether any element of a block may enter.
static Val block_may_enter(Emit *e, const TopK *t, Val i, int lanes) {
    Val any = {0};
    for (int v = 0; v < BLOCK_VECTORS; v++) {
        Val x = load_compute(e, t->x, e_add_const(e, e_add(e, t->row, i), v * lanes), lanes),
            enters = may_enter(e, t, x);
        any = v ? e_or(e, any, enters) : enters;
    }
    Val flags = e_select(e, any, e_splat(e, e_int(e, DT_I32, 1), lanes), e_zero(e, DT_I32, lanes));
    return e_ne(e, e_reduce(e, flags, e_or), e_int(e, DT_I32, 0));
}

static void topk_row(Emit *e, void *arg, Val x, Val y, int lanes) {
    TopK *t = arg;
    const Heap heap = {t->heap, t->k, before, t};
    int wide = e_lanes(e, compute_type(t->x.dtype));
    int64_t block = wide > 1 && t->x_step == 1 ? (int64_t)wide * BLOCK_VECTORS : 1, behind = t->k;
    (void)lanes;  // one
    t->row = x;
    bool listed = t->k > 1 && t->k <= MOST_LISTED;
    t->worst_at = listed ? t->k - 1 : 0;
    if (listed)
        EMIT_TIMES(e, i, t->k)
            list_insert(e, t, entry_of(e, t, i.i), i.i);
    else
        EMIT_TIMES(e, i, t->k)
            e_store(e, t->heap, i.i, entry_of(e, t, i.i));
    if (!listed)
        heap_build(e, &heap);
    t->worst = e_var(e, worst_element(e, t));
    if (block > 1) {
        behind += (t->n - t->k) / block * block;
        EMIT_FOR(e, i, e_index(e, t->k), e_index(e, behind), block)
            EMIT_IF(e, block_may_enter(e, t, i.i, wide))
                EMIT_TIMES(e, k, block)
                    visit(e, t, &heap, e_add(e, i.i, k.i));
    }
    EMIT_FOR(e, i, e_index(e, behind), e_index(e, t->n), 1)
        visit(e, t, &heap, i.i);
    if (!listed)
        heap_sort(e, &heap);
    write_row(e, t, y);
}

static bool is_keyed(const Node *node) {
    const Type *type = &node->in[0]->type;
    int64_t n = type_size(type, type_axis(type, ((const TopKAttrs *)node->attrs)->axis));
    return dtype_info[compute_type(type->dtype)].bits <= 32 && n < UINT32_MAX;
}

static int64_t topk_scratch(const Node *node, const Target *target) {
    const TopKAttrs *attrs = node->attrs;
    const Type *out = &node->out[0]->type;
    return type_size(out, type_axis(out, attrs->axis)) * (is_keyed(node) ? 8 : target->pointer_bits / 8);
}

static void lower_topk(Emit *e, const Node *node) {
    declared_check(e, node);
    const TopKAttrs *attrs = node->attrs;
    const Type *type = &node->in[0]->type, *out = &node->out[0]->type;
    int axis = type_axis(type, attrs->axis);
    int64_t x[MAX_RANK], y[MAX_RANK];
    if (type_count(out) == 0)
        return;
    Kept kept = {.x_origin = type_steps(type, x), .y_origin = type_steps(out, y)};
    for (int i = 0; i < type->rank; i++)
        if (i != axis)
            kept_add(&kept, type_size(type, i), x[i], y[i]);
    TopK topk = {.x = e_in(e, 0), .n = type_size(type, axis), .k = type_size(out, axis), .x_step = x[axis],
                 .y_step = y[axis], .largest = attrs->largest, .values = e_out(e, 0)};
    topk.keyed = is_keyed(node);
    topk.heap = e_scratch(e, topk.keyed ? DT_U64 : e_index_type(e), topk_scratch(node, e_target(e)));
    if (node->nout > 1 && node->out[1])
        topk.indices = e_out(e, 1);
    kept_loops(e, &kept, 1, topk_row, &topk);
}

const OpImpl impl_TopK = {.lower = lower_topk, .scratch = topk_scratch};
