// Attention, QAttention and MultiHeadAttention of the domain com.microsoft, as the standard's Attention: their products
// of weights, biases, packed operands and masks come before it.
//
// Masks are of integers, and what they hide gets `mask_filter_value`, a large negative number, which is added.
#include "onnx/fused.h"

#include <math.h>

#include "onnx/attention.h"
#include "onnx/qproducts.h"

static Value *pick(Importer *im, const Draft *d, Value *x, int64_t index, int64_t axis) {
    Value *y = draft_node(im, d, OP_Gather, x, draft_scalar(im, d, "index", DT_I64, (double)index), NULL);
    ((AxisAttrs *)y->def->attrs)->axis = axis;
    draft_infer(im, y->def);
    return y;
}

static Value *flatten_heads(Importer *im, const Draft *d, Value *x) {
    const int64_t shape[] = {0, 0, -1};
    return attention_reshape(im, d, x, shape, 3);
}

// Masks.

// Where keys are shown, of one of the forms of a mask, with axes for batch, heads, queries and keys. Null after an
// error.
static Value *shown_keys(Importer *im, const Draft *d, Value *mask, int64_t keys) {
    static const int64_t behind_batch[] = {1, 2}, heads[] = {1}, column[] = {-1, 1, 1, 1};
    Value *none = draft_scalar(im, d, "none", mask->type.dtype, 0);
    if (mask->type.rank == 2)
        mask = draft_node(im, d, OP_Unsqueeze, mask, draft_ints(im, d, "axes", behind_batch, 2), NULL);
    else if (mask->type.rank == 3)
        mask = draft_node(im, d, OP_Unsqueeze, mask, draft_ints(im, d, "axes", heads, 1), NULL);
    else if (mask->type.rank == 1 && d->in[0]->type.rank > 0 && dim_equal(mask->type.dim[0], d->in[0]->type.dim[0])) {
        Value *place = draft_count_up(im, d, draft_int(im, d, "keys", keys), 0);  // how many keys there are
        return draft_node(im, d, OP_Less, place, draft_cast(im, d, attention_reshape(im, d, mask, column, 4), DT_I64),
                          NULL);
    } else {
        diag_error(im->diag, d->loc, E_SHAPE,
                   "a mask must be of batch x keys, of batch x queries x keys, or the number of "
                   "keys of each sample");
        return NULL;
    }
    return draft_node(im, d, OP_Greater, mask, none, NULL);
}

static bool take_mask(Importer *im, Draft *d, Value *mask, int64_t keys, Value **bias) {
    double hidden;
    DType dtype = draft_dtype(d, 0);
    *bias = NULL;
    if (!draft_take_float(im, d, "mask_filter_value", -10000, &hidden) || !mask)
        return !mask;
    Value *shown = shown_keys(im, d, mask, keys);
    if (!shown)
        return false;
    *bias = draft_node(im, d, OP_Where, shown, draft_scalar(im, d, "shown", dtype, 0),
                       draft_scalar(im, d, "hidden", dtype, hidden));
    return true;
}

// What both share.

typedef struct Heads {
    int64_t heads, causal;
    Value *q, *k, *v;  // batch x length x heads and sizes
    Value *past_k, *past_v;
} Heads;

static bool take_heads(Importer *im, Draft *d, Heads *h) {
    double scale;
    *h = (Heads){0};
    if (!draft_take_int(im, d, "num_heads", 0, &h->heads) || !draft_take_int(im, d, "unidirectional", 0, &h->causal) ||
        !draft_take_float(im, d, "scale", 0, &scale))
        return false;
    if (h->heads < 1)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'num_heads' must be positive");
    if (scale > 0)
        draft_set_float(im, d, "scale", scale);
    return true;
}

static int64_t all_keys(Importer *im, const Draft *d, const Heads *h) {
    int64_t past = 0, keys;
    if (!attention_dim(im, d, h->k, 1, &keys) || (h->past_k && !attention_dim(im, d, h->past_k, 2, &past)))
        return -1;
    return past + keys;
}

static bool attend(Importer *im, Draft *d, const Heads *h, Value *mask, Value *more) {
    int64_t keys = all_keys(im, d, h);
    Value *bias;
    if (keys < 0 || !take_mask(im, d, mask, keys, &bias))
        return false;
    Value *const in[] = {h->q, h->k, h->v, draft_sum(im, d, bias, more), h->past_k, h->past_v};
    d->nin = 0;
    for (int i = 0; i < 6; i++)
        draft_set_input(d, i, in[i]);
    draft_set_int(im, d, "q_num_heads", h->heads);
    draft_set_int(im, d, "kv_num_heads", h->heads);
    draft_set_int(im, d, "is_causal", h->causal);
    return make_attention(im, d);
}

// Attention: one product gives queries, keys and values.

static bool take_sizes(Importer *im, Draft *d, int64_t sizes[3]) {
    Ints ints;
    bool found;
    int64_t all;
    if (!draft_take_ints(im, d, "qkv_hidden_sizes", &ints, &found) || !attention_dim(im, d, d->in[1], 1, &all))
        return false;
    for (int i = 0; i < 3; i++)
        sizes[i] = found && ints.n == 3 ? ints.v[i] : all / 3;
    bool fits = sizes[0] > 0 && sizes[1] > 0 && sizes[2] > 0 && sizes[0] <= all && sizes[1] <= all - sizes[0] &&
                sizes[2] == all - sizes[0] - sizes[1] && (!found || ints.n == 3);
    return fits || diag_error(im->diag, d->loc, E_ATTRIBUTE,
                              "the weights' %lld columns must be those of queries, keys and "
                              "values",
                              (long long)all);
}

// Keys and values behind what is past, as one tensor.
static bool define_present(Importer *im, Draft *d, const Heads *h) {
    Value *const parts[] = {h->k, h->v}, *const past[] = {h->past_k, h->past_v};
    Value *both[2];
    const int64_t split[] = {0, 0, h->heads, -1};
    if (!draft_wants(d, 1))
        return true;
    for (int i = 0; i < 2; i++) {
        Value *x = attention_transpose(im, d, attention_reshape(im, d, parts[i], split, 4), 0, 2, 1, 3);
        if (past[i]) {
            x = draft_node(im, d, OP_Concat, past[i], x, NULL);
            ((AxisAttrs *)x->def->attrs)->axis = 2;
            draft_infer(im, x->def);
        }
        both[i] = draft_node(im, d, OP_Unsqueeze, x, draft_int(im, d, "pair", 0), NULL);
    }
    return draft_define(im, d, 1, draft_node(im, d, OP_Concat, both[0], both[1], NULL));
}

static bool take_rotary(Importer *im, Draft *d) {
    int64_t rotary;
    if (!draft_take_int(im, d, "do_rotary", 0, &rotary))
        return false;
    draft_take(d, "past_present_share_buffer");
    draft_take(d, "rotary_embedding_dim");
    return !rotary || diag_error(im->diag, d->loc, E_ATTRIBUTE, "rotary embeddings are not supported");
}

// `all` has queries, keys and values side by side; `past` keys and values.
static bool attend_all(Importer *im, Draft *d, Heads *h, const int64_t sizes[3], Value *all, Value *past, Value *mask,
                       Value *more) {
    h->q = attention_cut(im, d, all, 0, sizes[0]);
    h->k = attention_cut(im, d, all, sizes[0], sizes[1]);
    h->v = attention_cut(im, d, all, sizes[0] + sizes[1], sizes[2]);
    if (past) {
        h->past_k = pick(im, d, past, 0, 0);
        h->past_v = pick(im, d, past, 1, 0);
    }
    bool ok = define_present(im, d, h);
    d->nout = 1;
    return ok && attend(im, d, h, mask, more);
}

bool make_fused_attention(Importer *im, Draft *d) {
    Heads h;
    int64_t sizes[3];
    if (!draft_need(im, d, 2) || !take_heads(im, d, &h) || !take_sizes(im, d, sizes) || !take_rotary(im, d))
        return false;
    if (draft_in(d, 6))
        return diag_error(im->diag, d->loc, E_ARITY, "shared buffers are not supported");
    Value *all = draft_sum(im, d, draft_node(im, d, OP_MatMul, d->in[0], d->in[1], NULL), draft_in(d, 2));
    return attend_all(im, d, &h, sizes, all, draft_in(d, 4), draft_in(d, 3), draft_in(d, 5));
}

// x, weights, bias, scales of x and of the weights, mask, their zero points, past
bool make_quantized_attention(Importer *im, Draft *d) {
    Heads h;
    int64_t sizes[3];
    if (!draft_need(im, d, 5) || !take_heads(im, d, &h) || !take_sizes(im, d, sizes) || !take_rotary(im, d))
        return false;
    Value *product = quantized_product(im, d, (const int[]){0, 1}, (const int[]){6, 7}, (const int[]){3, 4});
    Value *all = draft_sum(im, d, product, d->in[2]), *mask = draft_in(d, 5), *past = draft_in(d, 8);
    d->in[0] = all;  // what the rest takes its element type from
    return attend_all(im, d, &h, sizes, all, past, mask, NULL);
}

// MultiHeadAttention: queries, keys and values are apart, or some of them in one tensor of 5 axes.

static bool take_operands(Importer *im, Draft *d, Heads *h) {
    Value *key = draft_in(d, 1), *value = draft_in(d, 2);
    int rank = draft_rank(d, 0);
    bool packed = !value && (key ? key->type.rank : rank) == 5;
    if (packed) {
        for (int i = 0; i < 3 && !key; i++)
            *(i == 0 ? &h->q : i == 1 ? &h->k : &h->v) = flatten_heads(im, d, pick(im, d, d->in[0], i, 3));
        h->q = key ? d->in[0] : h->q;
        h->k = key ? flatten_heads(im, d, pick(im, d, key, 0, 3)) : h->k;
        h->v = key ? flatten_heads(im, d, pick(im, d, key, 1, 3)) : h->v;
        return true;
    }
    if (!key || !value || rank != 3 || key->type.rank != value->type.rank ||
        (key->type.rank != 3 && key->type.rank != 4))
        return diag_error(im->diag, d->loc, E_SHAPE,
                          "queries must have 3 axes, keys and values 3 or 4, or packed ones 5");
    h->q = d->in[0];
    h->k = key->type.rank == 3 ? key : flatten_heads(im, d, attention_transpose(im, d, key, 0, 2, 1, 3));
    h->v = key->type.rank == 3 ? value : flatten_heads(im, d, attention_transpose(im, d, value, 0, 2, 1, 3));
    return true;
}

// Keys with heads of their own, from a cache, have no bias in onnxruntime.
static bool add_biases(Importer *im, Draft *d, Heads *h) {
    Value **const parts[] = {&h->q, &h->k, &h->v};
    int64_t start = 0, size;
    bool only_queries = draft_in(d, 1) && draft_rank(d, 1) == 4;
    for (int i = 0; i < 3 && draft_in(d, 3); i++) {
        if (!attention_dim(im, d, *parts[i], 2, &size))
            return false;
        if (!i || !only_queries)
            *parts[i] = draft_sum(im, d, *parts[i], attention_cut(im, d, d->in[3], start, size));
        start += size;
    }
    return true;
}

bool make_multi_head_attention(Importer *im, Draft *d) {
    Heads h;
    if (!draft_need(im, d, 1) || !take_heads(im, d, &h) || !take_operands(im, d, &h) || !add_biases(im, d, &h))
        return false;
    if (draft_in(d, 8) || draft_in(d, 9) || draft_wants(d, 3))
        return diag_error(im->diag, d->loc, E_ARITY, "shared buffers and the products as an output are not supported");
    h.past_k = draft_in(d, 6);
    h.past_v = draft_in(d, 7);
    return attend(im, d, &h, draft_in(d, 4), draft_in(d, 5));
}
