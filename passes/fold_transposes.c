// Lets a MatMul read its factors, and store its result, as if they were transposed, instead of transposing them: the
// heads of attention, which exporters write as a Reshape and a Transpose on each side of a product.
//
//     %t = Transpose(%k) {perm = [0, 2, 3, 1]}     %y = MatMul(%q, %k) {perm_b = [0, 2, 3, 1]}
//     %y = MatMul(%q, %t)
//
// A factor of a single number, or a Gather of one index, that stands between the two changes places with the Transpose
// first:
//
//     %t = Transpose(%x) {perm = [2, 0, 1]}        %g = Gather(%x, 1) {axis = 2}
//     %g = Gather(%t, 1) {axis = 0}                %u = Transpose(%g) {perm = [0, 1]}
//
// Only where kernels keep their pace: elements along the inner dimension of the left factor and along the rows of the
// result must stay neighbours; those of the right factor may be turned where matmul_strided packs them anyway, or where
// there are few rows, which are dot products then. So a sum's terms may be added in another order.
#include "codegen/kernel.h"
#include "ir/infer.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "passes/uses.h"

enum { FEW_ROWS = 8 };

static bool has_fast_kernel(const Node *node, const Target *target) {
    for (int k = KERNEL_generic + 1; k < KERNEL_COUNT; k++)
        if (kernel_info[k].accepts && kernel_info[k].accepts(node, target))
            return true;
    return false;
}

// ---- What reads a value

// The readers are counted once. New ones are added and none is taken off, so a value may have fewer.
static bool is_read_once(const Uses *uses, const Value *value) {
    return uses_count(uses, value) == 1 || value_uses(value) == 1;
}

static Node *single_reader(const Uses *uses, const Value *value) {
    Node *reader = uses_single_reader(uses, value);
    return reader ? reader : value_single_user(value);
}

// A node one of whose readers has just gone.
static void drop_unused(const Uses *uses, Node *node) {
    const Value *value = node->out[0];
    if ((value->id < uses->n && uses_count(uses, value) == 1) || value_uses(value) == 0)
        node_remove(node);
}

// ---- What stands between

static bool is_transpose(const Value *value) {
    const Node *def = value ? value->def : NULL;
    return def && def->op == OP_Transpose && def->kernel == KERNEL_generic && type_is_static(&value->type) &&
           type_is_plain(&value->type) && type_counted_axis(&value->type) < 0 && !value_data(def->in[0]) &&
           type_is_plain(&def->in[0]->type);
}

// The order of axes; without one they are reversed.
static Ints perm_of(const Node *transpose, Arena *arena) {
    int rank = transpose->out[0]->type.rank;
    int64_t *v = ARENA_ARRAY(arena, int64_t, rank + 1);
    for (int i = 0; i < rank; i++)
        v[i] = permuted_axis(transpose, i);
    return (Ints){rank, v};
}

// Which operand of a Mul or Div only it reads, the other being a single number; -1: neither.
static int scaled_operand(const Uses *uses, const Node *node) {
    for (int i = 0; i < (node->op == OP_Mul ? 2 : node->op == OP_Div ? 1 : 0); i++) {
        const Value *x = node->in[i], *factor = node->in[1 - i];
        if (value_data(factor) && type_count(&factor->type) == 1 && factor->type.rank <= x->type.rank &&
            is_read_once(uses, x))
            return i;
    }
    return -1;
}

static Value *swap_scale(Uses *uses, Node *node, int which, Arena *arena) {
    Node *transpose = node->in[which]->def;
    Value *x = transpose->in[0], *factor = node->in[1 - which];
    Value *scaled = node_before(node, node->op, which ? factor : x, which ? x : factor, x->type);
    uses_add(uses, x, scaled->def);
    return transpose_before(node, scaled, perm_of(transpose, arena));
}

static bool picks_one(const Node *node) {
    return node->op == OP_Gather && is_transpose(node->in[0]) && value_data(node->in[1]) && node->in[1]->type.rank == 0;
}

static Value *swap_pick(Uses *uses, Node *node, Arena *arena) {
    Node *transpose = node->in[0]->def;
    const Type *x = &transpose->in[0]->type;
    Ints perm = perm_of(transpose, arena);
    int64_t axis = ((const AxisAttrs *)node->attrs)->axis, *rest = ARENA_ARRAY(arena, int64_t, x->rank);
    axis = perm.v[axis < 0 ? axis + x->rank : axis];
    Type type = *x;
    type.rank--;
    for (int i = (int)axis; i < type.rank; i++)
        type.dim[i] = x->dim[i + 1];
    int n = 0;
    for (int i = 0; i < x->rank; i++)
        if (perm.v[i] != axis)
            rest[n++] = perm.v[i] - (perm.v[i] > axis);
    Value *picked = node_before(node, OP_Gather, transpose->in[0], node->in[1], type);
    ((AxisAttrs *)picked->def->attrs)->axis = axis;
    uses_add(uses, transpose->in[0], picked->def);
    return transpose_before(node, picked, (Ints){n, rest});
}

// The Transpose that makes the value, perhaps after it has changed places with what stands between; or null.
static Node *transpose_of(Uses *uses, Value *value, Arena *arena) {
    Node *def = value->def;
    if (is_transpose(value))
        return def;
    if (!def || def->kernel != KERNEL_generic)
        return NULL;
    int which = scaled_operand(uses, def);
    if ((which < 0 && !picks_one(def)) || !is_read_once(uses, value) || value_is_output(value))
        return NULL;
    Node *before = which >= 0 ? transpose_of(uses, def->in[which], arena) : def->in[0]->def;
    if (!before)
        return NULL;
    Value *instead = which >= 0 ? swap_scale(uses, def, which, arena) : swap_pick(uses, def, arena);
    node_bypass(def, instead);
    drop_unused(uses, before);
    return instead->def;
}

// ---- Folding

// Of what is transposed by `outer` after it was by `inner`.
static Ints compose(Ints inner, Ints outer, Arena *arena) {
    if (!outer.n || !inner.n)
        return outer.n ? outer : inner;
    int64_t *v = ARENA_ARRAY(arena, int64_t, outer.n);
    for (int i = 0; i < outer.n; i++)
        v[i] = inner.v[outer.v[i]];
    return (Ints){outer.n, v};
}

static bool keeps_last(Ints perm) {
    return !perm.n || perm.v[perm.n - 1] == perm.n - 1;
}

// Whether the product runs as fast as before with the transpositions that it has now.
static bool keeps_pace(const Node *node, bool was_fast, const Target *target) {
    const MatMulAttrs *attrs = node->attrs;
    Type left = matmul_factor(node, 0);
    bool is_fast = has_fast_kernel(node, target), few = left.rank < 2 || left.dim[left.rank - 2].n < FEW_ROWS;
    bool turned = attrs->perm_b.n > 1 && attrs->perm_b.v[attrs->perm_b.n - 2] == attrs->perm_b.n - 1;
    if (!keeps_last(attrs->perm_a) || !keeps_last(attrs->perm_y) || (was_fast && !is_fast))
        return false;
    return keeps_last(attrs->perm_b) || (turned && dtype_is_whole_float(left.dtype) && (is_fast || few));
}

static bool fold_factor(Uses *uses, Node *node, int index, const PassContext *ctx) {
    MatMulAttrs *attrs = node->attrs;
    Ints *perm = index ? &attrs->perm_b : &attrs->perm_a, before = *perm;
    Value *value = node->in[index];
    bool was_fast = has_fast_kernel(node, ctx->target);
    Node *transpose = transpose_of(uses, value, ctx->module->arena);
    if (!transpose)
        return false;
    value = node->in[index];
    *perm = compose(perm_of(transpose, ctx->module->arena), before, ctx->module->arena);
    node->in[index] = transpose->in[0];
    if (keeps_pace(node, was_fast, ctx->target)) {
        node->loc = loc_join(ctx->module->arena, node->loc, transpose->loc);
        uses_add(uses, transpose->in[0], node);
        drop_unused(uses, transpose);
        return true;
    }
    *perm = before;
    node->in[index] = value;
    return false;
}

// Returns whether the node stores what the Transpose behind it would have.
static bool fold_result(const Uses *uses, Node *node, const PassContext *ctx) {
    MatMulAttrs *attrs = node->attrs;
    Value *y = node->out[0];
    Node *user = single_reader(uses, y);
    Ints before = attrs->perm_y;
    if (!user || !is_transpose(user->out[0]) || node_in(node, 2) || node_in(node, 3))
        return false;
    bool was_fast = has_fast_kernel(node, ctx->target);
    attrs->perm_y = compose(before, perm_of(user, ctx->module->arena), ctx->module->arena);
    node->out[0] = user->out[0];
    if (!keeps_pace(node, was_fast, ctx->target)) {
        attrs->perm_y = before;
        node->out[0] = y;
        return false;
    }
    node->loc = loc_join(ctx->module->arena, node->loc, user->loc);
    node->out[0]->def = node;
    y->def = NULL;
    user->nout = 0;
    node_remove(user);
    return true;
}

static bool is_known(const Node *node) {
    const Value *const values[] = {node->in[0], node->in[1], node->out[0]};
    for (int i = 0; i < 3; i++)
        if (!type_is_static(&values[i]->type) || type_counted_axis(&values[i]->type) >= 0)
            return false;
    return true;
}

bool pass_fold_transposes(PassContext *ctx, Graph *graph) {
    Uses uses = uses_of(graph, ctx->scratch);
    for (Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_MatMul || node->kernel != KERNEL_generic || !is_known(node))
            continue;
        for (int i = 0; i < 2; i++)
            while (fold_factor(&uses, node, i, ctx))
                continue;
        while (fold_result(&uses, node, ctx))
            continue;
    }
    return true;
}
