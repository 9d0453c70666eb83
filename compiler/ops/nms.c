// NonMaxSuppression: of each class of each batch the boxes with the highest scores, but none that overlaps with a
// better one by more than a part of what both cover (intersection over union).
//
// The boxes that may be taken are a list of numbers in scratch memory. The best one is taken; then one pass over the
// list drops it and those that it suppresses, and finds the best of the rest, until there are enough or none is left.
// So a step is made for each taken box and each box that is left then: mostly few, since scores below the threshold are
// never in the list. Equal scores go by number, in whose order the list stays. A score that is no number is never
// taken. Areas are computed in f32, as the standard's reference does, since thresholds are often met exactly.
#include "codegen/lower.h"
#include "ops/copy.h"

typedef struct Nms {
    Ptr boxes, scores, list, y;
    int64_t batches, classes, n;
    bool centred;               // boxes are centre and size, not two corners
    Val limit, overlap, least;  // boxes of a class; the thresholds, `least` null where there is none
    Var count, left, best, score;  // rows of y; numbers in the list, the best box of them and its score
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

// Whether two boxes cover too much together.
static Val overlaps(Emit *e, const Nms *nms, const Corners *x, const Corners *y) {
    Corners both;
    Val zero = e_float(e, DT_F32, 0), meet = e_bool(e, true);
    for (int i = 0; i < 2; i++) {
        both.low[i] = e_max(e, x->low[i], y->low[i]);
        both.high[i] = e_min(e, x->high[i], y->high[i]);
        meet = e_and(e, meet, e_gt(e, both.high[i], both.low[i]));
    }
    Val shared = area(e, &both), first = area(e, x), second = area(e, y);
    Val all = e_sub(e, e_add(e, first, second), shared);
    Val real = e_and(e, e_and(e, e_gt(e, shared, zero), e_gt(e, first, zero)),
                     e_and(e, e_gt(e, second, zero), e_gt(e, all, zero)));
    return e_and(e, e_and(e, meet, real), e_gt(e, e_div(e, shared, all), nms->overlap));
}

// A new list begins.
static void list_clear(Emit *e, const Nms *nms) {
    e_set(e, nms->left, e_index(e, 0));
    e_set(e, nms->best, e_index(e, -1));
    e_set(e, nms->score, e_float(e, DT_F32, 0));
}

// Appends a box with its score, which may be the best one.
static void list_add(Emit *e, const Nms *nms, Val box, Val score) {
    Val left = e_get(e, nms->left), best = e_get(e, nms->best), so_far = e_get(e, nms->score);
    Val better = e_or(e, e_lt(e, best, e_index(e, 0)), e_gt(e, score, so_far));
    e_store(e, nms->list, left, e_cast(e, DT_I32, box));
    e_set(e, nms->left, e_add_const(e, left, 1));
    e_set(e, nms->best, e_select(e, better, box, best));
    e_set(e, nms->score, e_select(e, better, score, so_far));
}

// All boxes of a class that may be taken.
static void list_all(Emit *e, const Nms *nms, Val scores) {
    list_clear(e, nms);
    EMIT_TIMES(e, i, nms->n) {
        Val s = e_load(e, nms->scores, e_add(e, scores, i.i), 1);
        Val counts = nms->least.v ? e_gt(e, s, nms->least) : e_not(e, e_is_nan(e, s));
        EMIT_IF(e, counts)
            list_add(e, nms, i.i, s);
    }
}

// Takes the best box; only those stay in the list that it does not suppress.
static void take(Emit *e, const Nms *nms, Val batch, Val class, Val boxes, Val scores) {
    Val box = e_get(e, nms->best), left = e_get(e, nms->left);
    Val at = e_mul_const(e, e_get(e, nms->count), 3), row[3] = {batch, class, box};
    for (int i = 0; i < 3; i++)
        e_store(e, nms->y, e_add_const(e, at, i), e_cast(e, DT_I64, row[i]));
    e_set(e, nms->count, e_add_const(e, e_get(e, nms->count), 1));
    Corners taken = corners(e, nms, e_add(e, boxes, e_mul_const(e, box, 4)));
    list_clear(e, nms);
    EMIT_FOR(e, i, e_index(e, 0), left, 1) {
        Val number = e_to_index(e, e_load(e, nms->list, i.i, 1));
        Corners other = corners(e, nms, e_add(e, boxes, e_mul_const(e, number, 4)));
        Val gone = e_or(e, e_eq(e, number, box), overlaps(e, nms, &other, &taken));
        EMIT_IF(e, e_not(e, gone))
            list_add(e, nms, number, e_load(e, nms->scores, e_add(e, scores, number), 1));
    }
}

static void suppress(Emit *e, const Nms *nms, Val batch, Val class) {
    Val boxes = e_mul_const(e, batch, nms->n * 4);
    Val scores = e_mul_const(e, e_add(e, e_mul_const(e, batch, nms->classes), class), nms->n);
    list_all(e, nms, scores);
    EMIT_FOR(e, k, e_index(e, 0), e_min(e, nms->limit, e_get(e, nms->left)), 1)
        EMIT_IF(e, e_ge(e, e_get(e, nms->best), e_index(e, 0)))
            take(e, nms, batch, class, boxes, scores);
}

static int64_t nms_scratch(const Node *node, const Target *target) {
    (void)target;
    return node->in[0]->type.dim[1].n * (int64_t)sizeof(int32_t);
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
    nms.left = e_var(e, e_index(e, 0));
    nms.best = e_var(e, e_index(e, -1));
    nms.score = e_var(e, e_float(e, DT_F32, 0));
    if (type_count(out) > 0) {
        Val zero = e_int(e, DT_I64, 0), most = e_int(e, DT_I64, type_size(out, 0) / (nms.batches * nms.classes));
        nms.limit = e_to_index(e, e_min(e, e_max(e, e_load_const(e, e_in(e, 2), 0, 1), zero), most));
        nms.overlap = is_given(node, 3) ? e_load_const(e, e_in(e, 3), 0, 1) : e_float(e, DT_F32, 0);
        if (is_given(node, 4))
            nms.least = e_load_const(e, e_in(e, 4), 0, 1);
        nms.y = e_out(e, 0);
        nms.list = e_scratch(e, DT_I32, nms_scratch(node, e_target(e)));
        e_clear(e, nms.y, e_index(e, 0), type_count(out));
        EMIT_TIMES(e, batch, nms.batches)
            EMIT_TIMES(e, class, nms.classes)
                suppress(e, &nms, batch.i, class.i);
    }
    if (node->nout > 1)
        e_store_const(e, e_out(e, 1), 0, e_cast(e, DT_I64, e_get(e, nms.count)));
}

const OpImpl impl_NonMaxSuppression = {.lower = lower_nms, .scratch = nms_scratch};
