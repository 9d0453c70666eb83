// Bodies of products, in registers. Their operands are one number, one for each row or each column, or one for each
// result.
#include "codegen/kernels/fused.h"

#include "codegen/expr.h"

FusedKind fused_kind(const Node *node, const Type *type) {
    const Type *y = &node->out[0]->type;
    if (!type_is_static(type) || !type_is_plain(type) || !type_is_plain(y))
        return FUSED_NONE;
    int64_t count = type_count(type), last = type->rank ? type->dim[type->rank - 1].n : 1;
    if (count == 1)
        return FUSED_ONE;
    if (type_same_shape(type, y))
        return FUSED_ALL;
    if (node->op == OP_Conv)
        return type->rank > 2 && type->dim[type->rank - 3].n == count && count == y->dim[1].n ? FUSED_ROW : FUSED_NONE;
    if (last == count && count == y->dim[y->rank - 1].n)
        return FUSED_COLUMN;
    return last == 1 && count == type_count(y) / y->dim[y->rank - 1].n ? FUSED_ROW : FUSED_NONE;
}

bool fused_fits(const Node *node) {
    for (int i = FUSED_INPUTS; i < node->nin; i++)
        if (!node->in[i] || fused_kind(node, &node->in[i]->type) == FUSED_NONE)
            return false;
    return true;
}

Fused fused_of(Emit *e, const Node *node) {
    if (!node_fuses(node))
        return (Fused){0};
    int n = node->body->inputs.n;
    Fused fused = {node, ARENA_ARRAY(e_arena(e), FusedKind, n), ARENA_ARRAY(e_arena(e), Ptr, n)};
    for (int i = 1; i < n; i++) {
        fused.kind[i] = fused_kind(node, &node->in[FUSED_INPUTS + i - 1]->type);
        fused.operand[i] = e_in(e, FUSED_INPUTS + i - 1);
    }
    return fused;
}

static Val load_operand(Emit *e, FusedKind kind, Ptr p, Val row, Val column, Val at, int lanes) {
    bool one = kind == FUSED_ONE || kind == FUSED_ROW;
    Val where = kind == FUSED_ONE ? e_index(e, 0) : kind == FUSED_ROW ? row : kind == FUSED_COLUMN ? column : at;
    return e_splat(e, e_settle(e, e_load(e, p, where, one ? 1 : lanes), p.dtype), one ? lanes : 1);
}

Val fused_gather(Emit *e, const Var *sum, int n) {
    Val all = e_zero(e, sum->dtype, n * sum->lanes);
    for (int i = 0; i < n; i++)
        all = e_place(e, all, i * sum->lanes, e_get(e, sum[i]));
    return all;
}

Val fused_result(Emit *e, const Fused *fused, Val row, Val column, Val at, Val sum) {
    if (!fused->node)
        return sum;
    const Graph *body = fused->node->body;
    Val *in = ARENA_ARRAY(e_arena(e), Val, body->inputs.n);
    in[0] = sum;
    for (int i = 1; i < body->inputs.n; i++)
        in[i] = load_operand(e, fused->kind[i], fused->operand[i], row, column, at, sum.lanes);
    Val v = expr_body(e, body, in);
    DType dtype = fused->node->out[0]->type.dtype;
    return v.dtype == dtype ? v : e_cast(e, dtype, v);
}
