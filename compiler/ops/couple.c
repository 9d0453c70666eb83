// sqz.Couple: probabilities of k classes from those of their pairs. A row holds r(i, j) for i < j, how probable class i
// is if it is i or j; r(j, i) = 1 - r(i, j).
//
// The result p is the point where sum over i and j of (r(j, i) p(i) - r(i, j) p(j))^2 is least, with sum(p) = 1: the
// second method of Wu, Lin and Weng, "Probability estimates for multi-class classification by pairwise coupling"
// (2004). With Q(i, i) = sum over j of r(j, i)^2 and Q(i, j) = -r(j, i) r(i, j), it is where all (Q p)(i) are p Q p.
// Each turn moves one p(i) after the other there and scales all. It begins in the middle and ends where it is near
// enough: the result depends on both, and is what libsvm and onnxruntime give since these do the same.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "support/checked.h"

typedef struct Couple {
    Ptr r, p, q, qp;  // of one row: the pairs, the result; matrix Q and the list Q p in scratch
    int64_t n;        // classes
} Couple;

static Val place(Emit *e, const Couple *c, Val row, Val column) {
    return e_add(e, e_mul_const(e, row, c->n), column);
}

static void add_to(Emit *e, Ptr p, Val at, Val x) {
    e_store(e, p, at, e_add(e, e_load(e, p, at, 1), x));
}

static void make_matrix(Emit *e, const Couple *c) {
    Var pair = e_var(e, e_index(e, 0));
    Val one = e_float(e, DT_F32, 1);
    EMIT_TIMES(e, i, c->n) {
        e_store(e, c->p, i.i, e_float(e, DT_F32, 1 / (double)c->n));
        e_store(e, c->q, place(e, c, i.i, i.i), e_float(e, DT_F32, 0));
    }
    EMIT_TIMES(e, i, c->n)
        EMIT_FOR(e, j, e_add_const(e, i.i, 1), e_index(e, c->n), 1) {
            Val to_i = e_load(e, c->r, e_get(e, pair), 1), to_j = e_sub(e, one, to_i);
            Val both = e_neg(e, e_mul(e, to_i, to_j));
            add_to(e, c->q, place(e, c, i.i, i.i), e_mul(e, to_j, to_j));
            add_to(e, c->q, place(e, c, j.i, j.i), e_mul(e, to_i, to_i));
            e_store(e, c->q, place(e, c, i.i, j.i), both);
            e_store(e, c->q, place(e, c, j.i, i.i), both);
            e_set(e, pair, e_add_const(e, e_get(e, pair), 1));
        }
}

// Q p anew, for its roundings add up; returns p Q p.
static Val multiply(Emit *e, const Couple *c) {
    Var total = e_var(e, e_float(e, DT_F32, 0));
    EMIT_TIMES(e, i, c->n) {
        Var sum = e_var(e, e_float(e, DT_F32, 0));
        EMIT_TIMES(e, j, c->n)
            e_set(
                e, sum,
                e_add(e, e_get(e, sum), e_mul(e, e_load(e, c->q, place(e, c, i.i, j.i), 1), e_load(e, c->p, j.i, 1))));
        e_store(e, c->qp, i.i, e_get(e, sum));
        e_set(e, total, e_add(e, e_get(e, total), e_mul(e, e_load(e, c->p, i.i, 1), e_get(e, sum))));
    }
    return e_get(e, total);
}

static Val distance(Emit *e, const Couple *c, Val goal) {
    Var most = e_var(e, e_float(e, DT_F32, 0));
    EMIT_TIMES(e, i, c->n)
        e_set(e, most, e_max(e, e_abs(e, e_sub(e, e_load(e, c->qp, i.i, 1), goal)), e_get(e, most)));
    return e_get(e, most);
}

static void move(Emit *e, const Couple *c, Var goal) {
    Val one = e_float(e, DT_F32, 1), two = e_float(e, DT_F32, 2);
    EMIT_TIMES(e, i, c->n) {
        Val own = e_load(e, c->q, place(e, c, i.i, i.i), 1), qp = e_load(e, c->qp, i.i, 1);
        Val step = e_div(e, e_sub(e, e_get(e, goal), qp), own), scale = e_add(e, one, step);
        Val more = e_mul(e, step, e_add(e, e_mul(e, step, own), e_mul(e, two, qp)));
        add_to(e, c->p, i.i, step);
        e_set(e, goal, e_div(e, e_div(e, e_add(e, e_get(e, goal), more), scale), scale));
        EMIT_TIMES(e, j, c->n) {
            Val along = e_mul(e, step, e_load(e, c->q, place(e, c, i.i, j.i), 1));
            e_store(e, c->qp, j.i, e_div(e, e_add(e, e_load(e, c->qp, j.i, 1), along), scale));
            e_store(e, c->p, j.i, e_div(e, e_load(e, c->p, j.i, 1), scale));
        }
    }
}

static int64_t couple_scratch(const Node *node, const Target *target) {
    int64_t n = type_size(&node->out[0]->type, 1);
    (void)target;
    return (n + 1) * n * 4;
}

static void lower_couple(Emit *e, const Node *node) {
    int64_t n = type_size(&node->out[0]->type, 1), pairs = type_size(&node->in[0]->type, 1);
    Ptr x = e_in(e, 0), y = e_out(e, 0), q = e_scratch(e, DT_F32, couple_scratch(node, e_target(e)));
    Share share = e_share(e, type_size(&node->out[0]->type, 0));
    EMIT_FOR(e, row, share.begin, share.end, 1) {
        Couple c = {e_at(e, x, e_mul_const(e, row.i, pairs)), e_at(e, y, e_mul_const(e, row.i, n)), q,
                    e_at_const(e, q, n * n), n};
        make_matrix(e, &c);
        EMIT_TIMES(e, turn, max_i64(100, n)) {
            Var goal = e_var(e, multiply(e, &c));
            e_break_if(e, &turn, e_lt(e, distance(e, &c, e_get(e, goal)), e_float(e, DT_F32, 0.005 / (double)n)));
            move(e, &c, goal);
        }
    }
}

const OpImpl impl_Couple = {.lower = lower_couple, .scratch = couple_scratch};
