// Losses: -w[t] x[n, t] for the class t of each sample, then their sum, or their mean in units of the weights.
// Samples of the class `ignore_index` count as nothing. Cross entropy is the same on the log of Softmax.
#include "onnx/losses.h"

#include <string.h>

static Value *reduce_all(Importer *im, const Draft *d, OpKind op, Value *x) {
    Value *y = draft_node(im, d, op, x, NULL, NULL);
    ((ReduceAttrs *)y->def->attrs)->keepdims = false;
    draft_infer(im, y->def);
    return y;
}

// -x[n, target, ...]
static Value *picked(Importer *im, const Draft *d, Value *x, Value *target) {
    Value *index = draft_node(im, d, OP_Unsqueeze, target, draft_int(im, d, "class_axis", 1), NULL);
    Value *y = draft_node(im, d, OP_GatherElements, x, index, NULL);
    ((AxisAttrs *)y->def->attrs)->axis = 1;
    draft_infer(im, y->def);
    y = draft_node(im, d, OP_Squeeze, y, draft_int(im, d, "class_axis", 1), NULL);
    return draft_node(im, d, OP_Neg, y, NULL, NULL);
}

static bool make_loss(Importer *im, Draft *d, Value *x) {
    const char *reduction;
    const Onnx__AttributeProto *ignored = draft_take(d, "ignore_index");
    DType dtype = draft_dtype(d, 0);
    Value *target = draft_cast(im, d, d->in[1], DT_I64), *hit = NULL, *weights = NULL;
    Value *zero = draft_scalar(im, d, "zero", dtype, 0);
    if (!draft_take_text(im, d, "reduction", "mean", &reduction))
        return false;
    if (strcmp(reduction, "none") && strcmp(reduction, "sum") && strcmp(reduction, "mean"))
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'reduction' is '%s'; known are none, sum, mean",
                          reduction);
    if (ignored) {
        hit = draft_node(im, d, OP_Equal, target, draft_int(im, d, "ignored", ignored->i), NULL);
        target = draft_node(im, d, OP_Where, hit, draft_int(im, d, "first", 0), target);
    }
    if (draft_in(d, 2))
        weights = draft_node(im, d, OP_Gather, d->in[2], target, NULL);
    Value *loss = picked(im, d, x, target);
    if (weights)
        loss = draft_node(im, d, OP_Mul, weights, loss, NULL);
    if (hit) {
        loss = draft_node(im, d, OP_Where, hit, zero, loss);
        weights = draft_node(im, d, OP_Where, hit, zero, weights ? weights : draft_scalar(im, d, "one", dtype, 1));
    }
    if (!strcmp(reduction, "sum"))
        loss = reduce_all(im, d, OP_ReduceSum, loss);
    else if (!strcmp(reduction, "mean") && weights)
        loss = draft_node(im, d, OP_Div, reduce_all(im, d, OP_ReduceSum, loss),
                          reduce_all(im, d, OP_ReduceSum, weights), NULL);
    else if (!strcmp(reduction, "mean"))
        loss = reduce_all(im, d, OP_ReduceMean, loss);
    return draft_done(im, d, loss);
}

bool make_nll_loss(Importer *im, Draft *d) {
    return draft_need(im, d, 2) && make_loss(im, d, d->in[0]);
}

bool make_softmax_cross_entropy_loss(Importer *im, Draft *d) {
    if (!draft_need(im, d, 2))
        return false;
    Value *x = draft_node(im, d, OP_LogSoftmax, d->in[0], NULL, NULL);
    ((AxisAttrs *)x->def->attrs)->axis = 1;
    draft_infer(im, x->def);
    return (!draft_wants(d, 1) || draft_define(im, d, 1, draft_node(im, d, OP_Identity, x, NULL, NULL))) &&
           make_loss(im, d, x);
}
