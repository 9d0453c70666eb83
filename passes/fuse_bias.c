// Lets a MatMul add the row that is added to each row of its result, as it stores: the bias of a linear layer, which
// exporters write as an Add. It becomes the product's input 2, and an activation behind it may follow.
//
//     %a = MatMul(%x, %w)                   %y = MatMul(%x, %w, %b)
//     %y = Add(%a, %b)
//
// The row is a constant, so that it is there where the product is. The result is the same to the bit.
#include "passes/pass.h"
#include "passes/uses.h"

static bool takes_row(const Uses *uses, const Value *value, const Value *sum) {
    const Node *node = value ? value->def : NULL;
    if (!node || node->op != OP_MatMul || node_in(node, 2) || node_in(node, 3))
        return false;
    const MatMulAttrs *attrs = node->attrs;
    return uses_count(uses, value) == 1 && attrs->act.kind == ACT_NONE && !attrs->perm_y.n &&
           dtype_is_whole_float(value->type.dtype) && node->in[0]->type.rank > 1 && node->in[1]->type.rank > 1 &&
           type_same_shape(&value->type, &sum->type);
}

static bool is_row(const Value *value, const Type *type) {
    int rank = value ? value->type.rank : 0;
    return rank > 0 && value->data && type_is_static(&value->type) &&
           type_count(&value->type) == value->type.dim[rank - 1].n &&
           dim_equal(value->type.dim[rank - 1], type->dim[type->rank - 1]);
}

static void apply(Uses *uses, Node *add, int which) {
    Value *value = add->in[which], *row = add->in[1 - which];
    Node *product = value->def;
    if (!uses_bypass(uses, add, value))
        return;
    int64_t count = type_count(&row->type);
    Value *flat =
        row->type.rank == 1 ? row : value_constant_like(add->graph, row, type_make(row->type.dtype, 1, &count));
    node_set_input(product, 2, flat);
    uses_add(uses, flat, product);
    product->loc = loc_join(add->graph->module->arena, product->loc, add->loc);
}

bool pass_fuse_bias(PassContext *ctx, Graph *graph) {
    Uses uses = uses_of(graph, ctx->scratch);
    for (Node *add = graph->first, *next; add; add = next) {
        next = add->next;
        uses_catch_up(&uses, add);
        for (int i = 0; add->op == OP_Add && add->out[0] && i < 2; i++)
            if (takes_row(&uses, add->in[i], add->out[0]) && is_row(add->in[1 - i], &add->out[0]->type)) {
                apply(&uses, add, i);
                break;
            }
    }
    return true;
}
