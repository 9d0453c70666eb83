// TopK: the k largest or smallest elements along an axis and their indices, sorted.
//
// A heap of k indices keeps the worst of the best at its root, where each further element meets it; at the end the heap
// is sorted in place. Equal elements order by their indices, so that no two compare equal and the result is the one of
// a stable sort. NaN is larger than all numbers. A row of n elements takes n log k steps at most.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/declared.h"
#include "ops/heap.h"
#include "ops/reduce.h"

typedef struct TopK {
    Ptr x, heap, values, indices;  // outputs that nobody wants are null
    int64_t n, k, x_step, y_step;
    bool largest;
    Val row;  // where the row begins
} TopK;

// Whether element a of the row comes before element b.
static Val before(Emit *e, const void *arg, Val a, Val b) {
    const TopK *t = arg;
    Val x = load_compute(e, t->x, e_add(e, t->row, e_mul_const(e, a, t->x_step)), 1);
    Val y = load_compute(e, t->x, e_add(e, t->row, e_mul_const(e, b, t->x_step)), 1);
    Val wins = t->largest ? heap_greater(e, x, y) : heap_greater(e, y, x);
    Val loses = t->largest ? heap_greater(e, y, x) : heap_greater(e, x, y);
    return e_or(e, wins, e_and(e, e_not(e, loses), e_lt(e, a, b)));
}

static void write_row(Emit *e, const TopK *t, Val y) {
    EMIT_TIMES(e, i, t->k) {
        Val index = e_load(e, t->heap, i.i, 1), to = e_add(e, y, e_mul_const(e, i.i, t->y_step));
        Val from = e_add(e, t->row, e_mul_const(e, index, t->x_step));
        if (t->values.v)
            e_store(e, t->values, to, e_load(e, t->x, from, 1));
        if (t->indices.v)
            e_store(e, t->indices, to, e_cast(e, DT_I64, index));
    }
}

static void topk_row(Emit *e, void *arg, Val x, Val y, int lanes) {
    TopK *t = arg;
    const Heap heap = {t->heap, t->k, before, t};
    (void)lanes;  // one
    t->row = x;
    heap_build(e, &heap);
    EMIT_FOR(e, i, e_index(e, t->k), e_index(e, t->n), 1)
        EMIT_IF(e, before(e, t, i.i, e_load_const(e, t->heap, 0, 1))) {
            e_store_const(e, t->heap, 0, i.i);
            heap_sift(e, &heap, e_index(e, 0), e_index(e, t->k));
        }
    heap_sort(e, &heap);
    write_row(e, t, y);
}

static int64_t topk_scratch(const Node *node, const Target *target) {
    const TopKAttrs *attrs = node->attrs;
    const Type *out = &node->out[0]->type;
    return type_size(out, type_axis(out, attrs->axis)) * (target->pointer_bits / 8);
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
    topk.heap = e_scratch(e, e_index_type(e), topk_scratch(node, e_target(e)));
    if (node->nout > 1 && node->out[1])
        topk.indices = e_out(e, 1);
    kept_loops(e, &kept, 1, topk_row, &topk);
}

const OpImpl impl_TopK = {.lower = lower_topk, .scratch = topk_scratch};
