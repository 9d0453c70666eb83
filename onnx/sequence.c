// Operators on sequences and signals whose ONNX form the operator table does not have as it is.
#include "onnx/sequence.h"

#include <string.h>

#include "support/str.h"

// The list of activations becomes one text.
bool make_recurrent(Importer *im, Draft *d) {
    const Onnx__AttributeProto *a = draft_take(d, "activations");
    Str names = {.arena = im->scratch};
    for (size_t i = 0; a && i < a->n_strings; i++)
        str_printf(&names, "%s%.*s", i ? "," : "", (int)a->strings[i].len, (const char *)a->strings[i].data);
    if (a && a->n_strings)
        draft_set_text(im, d, "activations", names.text);
    return draft_finish(im, d, op_find(d->op));
}

// CausalConvWithState: a depthwise convolution of the past's last k - 1 elements, or zeros, and the input. What then
// lies at the end is the state.

static bool apply_activation(Importer *im, const Draft *d, const char *name, Value **y) {
    if (!strcmp(name, "none"))
        return true;
    if (strcmp(name, "silu") && strcmp(name, "swish"))
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'activation' is '%s'; known are none, silu, swish",
                          name);
    DType dtype = draft_dtype(d, 0);
    Value *x = draft_cast(im, d, *y, DT_F32);  // types of 16 bits are rounded once
    *y = draft_cast(im, d, draft_node(im, d, OP_Mul, x, draft_node(im, d, OP_Sigmoid, x, NULL, NULL), NULL), dtype);
    return true;
}

static Value *padded_input(Importer *im, const Draft *d, int64_t past) {
    const int64_t pads[] = {0, 0, past, 0, 0, 0};
    if (!draft_in(d, 3))
        return draft_node(im, d, OP_Pad, d->in[0], draft_ints(im, d, "pads", pads, 6), NULL);
    Value *joined = draft_node(im, d, OP_Concat, d->in[3], d->in[0], NULL);
    ((AxisAttrs *)joined->def->attrs)->axis = 2;
    draft_infer(im, joined->def);
    return joined;
}

bool make_causal_conv(Importer *im, Draft *d) {
    const char *activation;
    if (!draft_need(im, d, 2) || !draft_take_text(im, d, "activation", "none", &activation))
        return false;
    const Type *weight = &d->in[1]->type;
    if (weight->rank != 3 || weight->dim[0].sym || weight->dim[2].sym || weight->dim[2].n < 1)
        return diag_error(im->diag, d->loc, E_SHAPE, "the weights must be of known shape: channels x 1 x k");
    int64_t past = weight->dim[2].n - 1;
    Value *padded = padded_input(im, d, past);
    Value *y = draft_node(im, d, OP_Conv, padded, d->in[1], draft_in(d, 2));
    ((ConvAttrs *)y->def->attrs)->group = weight->dim[0].n;
    draft_infer(im, y->def);
    if (!apply_activation(im, d, activation, &y))
        return false;
    if (draft_wants(d, 1)) {
        Value *state = draft_node(im, d, OP_Slice, padded, draft_int(im, d, "start", past ? -past : INT64_MAX),
                                  draft_int(im, d, "end", INT64_MAX));
        node_set_input(state->def, 3, draft_int(im, d, "axis", 2));
        draft_infer(im, state->def);
        if (!draft_define(im, d, 1, state))
            return false;
    }
    return draft_done(im, d, y);
}
