// NonMaxSuppression: of each class of each batch the boxes with the highest scores, but none that overlaps with a
// better one by more than a part of what both cover (intersection over union).
//
// The best box that is left is taken, and those that it suppresses are marked in scratch memory, a byte for each, until
// there are enough or none is left: k boxes of n take k n steps. Equal scores go by number. A score that is no number
// is never taken. Areas are computed in f32, as the standard's reference does, since thresholds are often met exactly.
#include "codegen/lower.h"
#include "ops/copy.h"

typedef struct Nms {
    Ptr boxes, scores, marks, y;
    int64_t batches, classes, n;
    bool centred;               // boxes are centre and size, not two corners
    Val limit, overlap, least;  // boxes of a class; the thresholds, `least` null where there is none
    Var count;
} Nms;

typedef struct Corners {
    Val low[2], high[2];
} Corners;

static Corners corners(Emit *e, const Nms *nms, Val box) {
    Corners c;
    Val v[4], two = e_float(e, DT_F32, 2);
    for (int i = 0; i < 4; i++)
        v[i] = e_load(e, nms->boxes, e_add_const(e, box, i), 1);
    for (int i = 0; i < 2; i++) {
        Val half = e_div(e, v[i + 2], two), swapped = e_gt(e, v[i], v[i + 2]);
        c.low[i] = nms->centred ? e_sub(e, v[i], half) : e_select(e, swapped, v[i + 2], v[i]);
        c.high[i] = nms->centred ? e_add(e, v[i], half) : e_select(e, swapped, v[i], v[i + 2]);
    }
    return c;
}

static Val area(Emit *e, const Corners *c) {
    return e_mul(e, e_sub(e, c->high[0], c->low[0]), e_sub(e, c->high[1], c->low[1]));
}

// Whether boxes a and b (where they begin) cover too much together.
static Val overlaps(Emit *e, const Nms *nms, Val a, Val b) {
    Corners x = corners(e, nms, a), y = corners(e, nms, b), both;
    Val zero = e_float(e, DT_F32, 0), meet = e_bool(e, true);
    for (int i = 0; i < 2; i++) {
        both.low[i] = e_max(e, x.low[i], y.low[i]);
        both.high[i] = e_min(e, x.high[i], y.high[i]);
        meet = e_and(e, meet, e_gt(e, both.high[i], both.low[i]));
    }
    Val shared = area(e, &both), first = area(e, &x), second = area(e, &y);
    Val all = e_sub(e, e_add(e, first, second), shared);
    Val real = e_and(e, e_and(e, e_gt(e, shared, zero), e_gt(e, first, zero)),
                     e_and(e, e_gt(e, second, zero), e_gt(e, all, zero)));
    return e_and(e, e_and(e, meet, real), e_gt(e, e_div(e, shared, all), nms->overlap));
}

// The best box that is not marked, or -1.
static Val best_box(Emit *e, const Nms *nms, Val scores) {
    Var best = e_var(e, e_index(e, -1)), score = e_var(e, e_float(e, DT_F32, 0));
    EMIT_TIMES(e, i, nms->n) {
        Val s = e_load(e, nms->scores, e_add(e, scores, i.i), 1);
        Val counts = nms->least.v ? e_gt(e, s, nms->least) : e_not(e, e_is_nan(e, s));
        Val free = e_eq(e, e_load(e, nms->marks, i.i, 1), e_int(e, DT_U8, 0));
        Val better = e_or(e, e_lt(e, e_get(e, best), e_index(e, 0)), e_gt(e, s, e_get(e, score)));
        EMIT_IF(e, e_and(e, e_and(e, counts, free), better)) {
            e_set(e, best, i.i);
            e_set(e, score, s);
        }
    }
    return e_get(e, best);
}

static void take(Emit *e, const Nms *nms, Val batch, Val class, Val box, Val boxes) {
    Val at = e_mul_const(e, e_get(e, nms->count), 3), row[3] = {batch, class, box};
    for (int i = 0; i < 3; i++)
        e_store(e, nms->y, e_add_const(e, at, i), e_cast(e, DT_I64, row[i]));
    e_set(e, nms->count, e_add_const(e, e_get(e, nms->count), 1));
    e_store(e, nms->marks, box, e_int(e, DT_U8, 1));
    EMIT_TIMES(e, i, nms->n)
        EMIT_IF(e, e_eq(e, e_load(e, nms->marks, i.i, 1), e_int(e, DT_U8, 0))) {
            Val taken = e_add(e, boxes, e_mul_const(e, box, 4)), other = e_add(e, boxes, e_mul_const(e, i.i, 4));
            EMIT_IF(e, overlaps(e, nms, other, taken))
                e_store(e, nms->marks, i.i, e_int(e, DT_U8, 1));
        }
}

static void suppress(Emit *e, const Nms *nms, Val batch, Val class) {
    Val boxes = e_mul_const(e, batch, nms->n * 4);
    Val scores = e_mul_const(e, e_add(e, e_mul_const(e, batch, nms->classes), class), nms->n);
    Var more = e_var(e, e_index(e, 1));
    EMIT_TIMES(e, i, nms->n)
        e_store(e, nms->marks, i.i, e_int(e, DT_U8, 0));
    EMIT_FOR(e, k, e_index(e, 0), nms->limit, 1)
        EMIT_IF(e, e_ne(e, e_get(e, more), e_index(e, 0))) {
            Val best = best_box(e, nms, scores), found = e_ge(e, best, e_index(e, 0));
            e_set(e, more, e_select(e, found, e_index(e, 1), e_index(e, 0)));
            EMIT_IF(e, found)
                take(e, nms, batch, class, best, boxes);
        }
}

static int64_t nms_scratch(const Node *node, const Target *target) {
    (void)target;
    return node->in[0]->type.dim[1].n;
}

static bool is_given(const Node *node, int index) {
    return node_in(node, index) && type_count(&node->in[index]->type) > 0;
}

static void lower_nms(Emit *e, const Node *node) {
    const Type *scores = &node->in[1]->type, *out = &node->out[0]->type;
    Nms nms = {.boxes = e_in(e, 0),
               .scores = e_in(e, 1),
               .batches = type_size(scores, 0),
               .classes = type_size(scores, 1),
               .n = type_size(scores, 2),
               .centred = ((const NmsAttrs *)node->attrs)->center_point_box};
    nms.count = e_var(e, e_index(e, 0));
    if (type_count(out) > 0) {
        Val zero = e_int(e, DT_I64, 0), most = e_int(e, DT_I64, type_size(out, 0) / (nms.batches * nms.classes));
        nms.limit = e_to_index(e, e_min(e, e_max(e, e_load_const(e, e_in(e, 2), 0, 1), zero), most));
        nms.overlap = is_given(node, 3) ? e_load_const(e, e_in(e, 3), 0, 1) : e_float(e, DT_F32, 0);
        if (is_given(node, 4))
            nms.least = e_load_const(e, e_in(e, 4), 0, 1);
        nms.y = e_out(e, 0);
        nms.marks = e_scratch(e, DT_U8, nms_scratch(node, e_target(e)));
        e_clear(e, nms.y, e_index(e, 0), type_count(out));
        EMIT_TIMES(e, batch, nms.batches)
            EMIT_TIMES(e, class, nms.classes)
                suppress(e, &nms, batch.i, class.i);
    }
    if (node->nout > 1)
        e_store_const(e, e_out(e, 1), 0, e_cast(e, DT_I64, e_get(e, nms.count)));
}

const OpImpl impl_NonMaxSuppression = {.lower = lower_nms, .scratch = nms_scratch};
