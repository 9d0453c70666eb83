// LpPool: the p-norm of each window, (sum |x|^p)^(1/p); what lies outside of the input counts as 0.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/window.h"

static Val to_power(Emit *e, Val x, int64_t p) {
    if (p == 2)
        return e_mul(e, x, x);
    x = e_abs(e, x);
    return p == 1 ? x : e_pow(e, x, e_float(e, x.dtype, (double)p));
}

static Val to_root(Emit *e, Val x, int64_t p) {
    if (p == 1)
        return x;
    return p == 2 ? e_sqrt(e, x) : e_pow(e, x, e_float(e, x.dtype, 1.0 / (double)p));
}

// `position` is that of a result: n, c and three spatial ones.
static Val window_norm(Emit *e, const Node *node, const Window *w, const Space *space, const Val *position) {
    int64_t p = ((const LpPoolAttrs *)node->attrs)->p;
    Ptr x = e_in(e, 0);
    Reach reach[3];
    for (int i = 0; i < 3; i++)
        reach[i] = window_reach(e, w, i, position[2 + i]);
    Var sum = e_var(e, e_zero(e, compute_type(x.dtype), 1));
    EMIT_FOR(e, a, reach[0].low, reach[0].high, 1)
        EMIT_FOR(e, b, reach[1].low, reach[1].high, 1)
            EMIT_FOR(e, d, reach[2].low, reach[2].high, 1) {
                Val at[5] = {position[0], position[1],
                             e_add(e, reach[0].start, e_mul_const(e, a.i, w->dilation[0])),
                             e_add(e, reach[1].start, e_mul_const(e, b.i, w->dilation[1])),
                             e_add(e, reach[2].start, e_mul_const(e, d.i, w->dilation[2]))};
                Val element = load_compute(e, x, space_at(e, space, at), 1);
                e_set(e, sum, e_add(e, e_get(e, sum), to_power(e, element, p)));
            }
    return to_root(e, e_get(e, sum), p);
}

static void lower_lp_pool(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type;
    Space xs = space_of(type), ys = space_of(&node->out[0]->type);
    Window w = window_three(node_window(node));
    Ptr y = e_out(e, 0);
    int64_t channels = type_size(type, 1);
    Share share = e_share(e, type_size(type, 0) * channels);
    clear_rim(e, node, share);
    EMIT_FOR(e, u, share.begin, share.end, 1)
        EMIT_TIMES(e, a, w.out[0])
            EMIT_TIMES(e, b, w.out[1])
                EMIT_TIMES(e, d, w.out[2]) {
                    Val many = e_index(e, channels);
                    Val position[5] = {e_div(e, u.i, many), e_rem(e, u.i, many), a.i, b.i, d.i};
                    store_compute(e, y, space_at(e, &ys, position), window_norm(e, node, &w, &xs, position));
                }
}

const OpImpl impl_LpPool = {.lower = lower_lp_pool};
