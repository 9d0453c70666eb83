// The domain ai.onnx.preview. FlexAttention: softmax(scale q k') v for each head, where a graph may change the products
// and another one the probabilities; both are attributes and become nodes like any other.
#include "onnx/preview.h"

#include <math.h>
#include <string.h>

#include "onnx/attention.h"
#include "onnx/subgraph.h"

// *value becomes what the graph in attribute `which`, if there is one, makes of it.
static bool modify(Importer *im, Draft *d, const char *which, Value **value) {
    const Onnx__AttributeProto *a = draft_take(d, which);
    Operand in = {.value = *value}, out;
    if (!a)
        return true;
    if (!a->g)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' must be a graph", which);
    if (a->g->n_output != 1)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "graph '%s' must have one output", which);
    if (!subgraph_import(im, d, d->scope, a->g, &in, 1, &out))
        return false;
    *value = out.value;
    return out.value || diag_error(im->diag, d->loc, E_DTYPE, "the output of graph '%s' is a sequence", which);
}

// The type that the softmax is computed in.
static bool take_precision(Importer *im, Draft *d, DType *dtype) {
    int64_t onnx;
    if (!draft_take_int(im, d, "softmax_precision", 0, &onnx))
        return false;
    *dtype = draft_dtype(d, 0) == DT_F64 ? DT_F64 : DT_F32;
    if (onnx)
        *dtype = onnx > 0 && onnx < 100 ? dtype_from_onnx((int)onnx) : DT_NONE;
    return (*dtype != DT_NONE && dtype_is_float(*dtype)) ||
           diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'softmax_precision' must be a float type");
}

static bool make_flex_attention(Importer *im, Draft *d) {
    double scale;
    DType precision, dtype = draft_dtype(d, 0);
    int64_t heads, shared, size;
    if (!draft_need(im, d, 3) || !draft_take_float(im, d, "scale", NAN, &scale) || !take_precision(im, d, &precision))
        return false;
    for (int i = 0; i < 3; i++)
        if (draft_rank(d, i) != 4)
            return diag_error(im->diag, d->loc, E_SHAPE, "Q, K and V must have 4 axes");
    if (!attention_dim(im, d, d->in[0], 1, &heads) || !attention_dim(im, d, d->in[1], 1, &shared) ||
        !attention_dim(im, d, d->in[0], 3, &size))
        return false;
    if (shared < 1 || heads % shared)
        return diag_error(im->diag, d->loc, E_SHAPE, "%lld heads of queries cannot share %lld heads of keys",
                          (long long)heads, (long long)shared);
    Value *k = attention_repeat(im, d, d->in[1], heads / shared),
          *v = attention_repeat(im, d, d->in[2], heads / shared);
    if (!k || !v)
        return false;
    scale = isnan(scale) ? 1 / sqrt((double)size) : scale;
    Value *root = draft_scalar(im, d, "scale", dtype, sqrt(scale));
    Value *q = draft_node(im, d, OP_Mul, d->in[0], root, NULL);
    k = attention_transpose(im, d, draft_node(im, d, OP_Mul, k, root, NULL), 0, 1, 3, 2);
    Value *scores = draft_cast(im, d, draft_node(im, d, OP_MatMul, q, k, NULL), precision);
    if (!modify(im, d, "score_mod", &scores))
        return false;
    Value *shares = draft_node(im, d, OP_Softmax, scores, NULL, NULL);
    if (!modify(im, d, "prob_mod", &shares))
        return false;
    Value *y = draft_node(im, d, OP_MatMul, shares, draft_cast(im, d, v, precision), NULL);
    return draft_done(im, d, draft_cast(im, d, y, dtype));
}

Decomposition preview_find(const char *op) {
    return strcmp(op, "FlexAttention") ? NULL : make_flex_attention;
}
