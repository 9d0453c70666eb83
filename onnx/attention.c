// Attention: softmax(softcap(sqrt(s) q * sqrt(s) k') + bias) v for each head, with heads as the second axis. The bias
// is the mask's numbers where a query may see a key, and -infinity elsewhere; a query that sees none gives zeros.
// Query i stands at position i + offset: behind the keys of the past, or so that the last query meets the last key
// of a cache that nonpad_kv_seqlen says the length of.
#include "onnx/attention.h"

#include <math.h>

enum { SIZE_MOST = 1 << 20 };  // of an axis

typedef struct Attention {
    int64_t causal, left, right, mode, q_heads, kv_heads, precision;
    double scale, softcap;
    int64_t queries, keys;
    bool flat;              // heads are part of the last axis
    DType dtype;
    Value *q, *k, *v;
    Value *allowed, *mask;  // where a query may see a key, and what is added; may be null
    bool may_hide_all;      // a row may allow nothing
} Attention;

static bool take_attributes(Importer *im, Draft *d, Attention *a) {
    return draft_take_int(im, d, "is_causal", 0, &a->causal) &&
           draft_take_int(im, d, "left_window_size", -1, &a->left) &&
           draft_take_int(im, d, "right_window_size", -1, &a->right) &&
           draft_take_int(im, d, "qk_matmul_output_mode", 0, &a->mode) &&
           draft_take_int(im, d, "q_num_heads", 0, &a->q_heads) &&
           draft_take_int(im, d, "kv_num_heads", 0, &a->kv_heads) &&
           draft_take_int(im, d, "softmax_precision", 0, &a->precision) &&
           draft_take_float(im, d, "scale", 0, &a->scale) && draft_take_float(im, d, "softcap", 0, &a->softcap);
}

bool attention_dim(Importer *im, const Draft *d, const Value *value, int axis, int64_t *n) {
    *n = 0;
    if (value->type.rank <= axis || value->type.dim[axis].sym)
        return diag_error(im->diag, d->loc, E_DYNAMIC,
                          "the sizes of its inputs must be known; bind them with --dim or --shape");
    *n = value->type.dim[axis].n;
    return *n <= SIZE_MOST || diag_error(im->diag, d->loc, E_LIMIT, "an axis of %lld is too long", (long long)*n);
}

Value *attention_reshape(Importer *im, const Draft *d, Value *x, const int64_t *shape, int n) {
    return draft_node(im, d, OP_Reshape, x, draft_ints(im, d, "shape", shape, n), NULL);
}

Value *attention_cut(Importer *im, const Draft *d, Value *x, int64_t start, int64_t length) {
    Value *y =
        draft_node(im, d, OP_Slice, x, draft_int(im, d, "start", start), draft_int(im, d, "end", start + length));
    node_set_input(y->def, 3, draft_int(im, d, "axis", -1));
    draft_infer(im, y->def);
    return y;
}

Value *attention_transpose(Importer *im, const Draft *d, Value *x, int64_t a, int64_t b, int64_t c, int64_t e) {
    Value *y = draft_node(im, d, OP_Transpose, x, NULL, NULL);
    int64_t *perm = ARENA_ARRAY(im->arena, int64_t, 4);
    perm[0] = a;
    perm[1] = b;
    perm[2] = c;
    perm[3] = e;
    ((TransposeAttrs *)y->def->attrs)->perm = (Ints){4, perm};
    draft_infer(im, y->def);
    return y;
}

static Value *concat(Importer *im, const Draft *d, Value *a, Value *b, int64_t axis) {
    Value *y = draft_node(im, d, OP_Concat, a, b, NULL);
    ((AxisAttrs *)y->def->attrs)->axis = axis;
    draft_infer(im, y->def);
    return y;
}

Value *attention_split_heads(Importer *im, const Draft *d, Value *x, int64_t heads) {
    const int64_t shape[] = {0, 0, heads, -1};
    return attention_transpose(im, d, attention_reshape(im, d, x, shape, 4), 0, 2, 1, 3);
}

// Each head `times` times in a row.
Value *attention_repeat(Importer *im, const Draft *d, Value *x, int64_t times) {
    int64_t shape[] = {1, 1, times, 1, 1};
    const Dim *dim = x->type.dim;
    int64_t heads, length, size;
    if (times == 1)
        return x;
    if (!attention_dim(im, d, x, 1, &heads) || !attention_dim(im, d, x, 2, &length) ||
        !attention_dim(im, d, x, 3, &size))
        return NULL;
    int64_t merged[] = {dim[0].sym ? -1 : dim[0].n, heads * times, length, size};
    Value *spread = draft_node(im, d, OP_Unsqueeze, x, draft_int(im, d, "axis", 2), NULL);
    return attention_reshape(im, d, draft_node(im, d, OP_Expand, spread, draft_ints(im, d, "times", shape, 5), NULL),
                             merged, 4);
}

// Q, K and V with heads, behind what is past; defines the present.
static bool take_operands(Importer *im, Draft *d, Attention *a) {
    int rank = draft_rank(d, 0);
    a->q = d->in[0];
    a->k = d->in[1];
    a->v = d->in[2];
    a->dtype = draft_dtype(d, 0);
    a->flat = rank == 3;
    if ((rank != 3 && rank != 4) || draft_rank(d, 1) != rank || draft_rank(d, 2) != rank)
        return diag_error(im->diag, d->loc, E_SHAPE, "Q, K and V must all have 3 or all have 4 axes");
    if (a->flat && (a->q_heads < 1 || a->kv_heads < 1))
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "inputs of 3 axes need q_num_heads and kv_num_heads");
    if (a->flat) {
        a->q = attention_split_heads(im, d, a->q, a->q_heads);
        a->k = attention_split_heads(im, d, a->k, a->kv_heads);
        a->v = attention_split_heads(im, d, a->v, a->kv_heads);
    }
    if (!draft_in(d, 4) != !draft_in(d, 5))
        return diag_error(im->diag, d->loc, E_ARITY, "past_key and past_value come together");
    if (draft_in(d, 4)) {
        a->k = concat(im, d, d->in[4], a->k, 2);
        a->v = concat(im, d, d->in[5], a->v, 2);
    }
    for (int i = 1; i < 3; i++)
        if (draft_wants(d, i) &&
            !draft_define(im, d, i, draft_node(im, d, OP_Identity, i == 1 ? a->k : a->v, NULL, NULL)))
            return false;
    return attention_dim(im, d, a->q, 1, &a->q_heads) && attention_dim(im, d, a->k, 1, &a->kv_heads) &&
           attention_dim(im, d, a->q, 2, &a->queries) && attention_dim(im, d, a->k, 2, &a->keys);
}

static bool share_heads(Importer *im, const Draft *d, Attention *a) {
    if (a->kv_heads < 1 || a->q_heads % a->kv_heads != 0)
        return diag_error(im->diag, d->loc, E_SHAPE, "%lld heads of queries cannot share %lld heads of keys",
                          (long long)a->q_heads, (long long)a->kv_heads);
    int64_t times = a->q_heads / a->kv_heads;
    a->k = attention_repeat(im, d, a->k, times);
    a->v = a->k ? attention_repeat(im, d, a->v, times) : NULL;
    return a->v != NULL;
}

// Masks.

// first, first + 1, ... along the last axis but `behind`
static Value *positions(Importer *im, const Draft *d, int64_t n, int64_t first, int behind) {
    int64_t *v = ARENA_ARRAY(im->scratch, int64_t, n + 1);
    for (int64_t i = 0; i < n; i++)
        v[i] = first + i;
    return draft_add_axes(im, d, draft_ints(im, d, "positions", v, (int)n), 1, behind);
}

static void allow(Importer *im, const Draft *d, Attention *a, OpKind compare, Value *keys, Value *bound) {
    Value *allowed = draft_node(im, d, compare, keys, bound, NULL);
    a->allowed = a->allowed ? draft_node(im, d, OP_And, a->allowed, allowed, NULL) : allowed;
}

static bool take_mask(Importer *im, Draft *d, Attention *a) {
    Value *mask = draft_in(d, 3);
    int64_t length, pads[2 * MAX_RANK] = {0};
    if (!mask)
        return true;
    int rank = mask->type.rank;
    bool is_bool = mask->type.dtype == DT_BOOL;
    if (rank < 1)
        return diag_error(im->diag, d->loc, E_SHAPE, "the mask must have an axis");
    if (!attention_dim(im, d, mask, rank - 1, &length))
        return false;
    if (length < a->keys && length != 1) {
        pads[2 * rank - 1] = a->keys - length;
        Value *rest = draft_scalar(im, d, "hidden", mask->type.dtype, is_bool ? 0 : -HUGE_VAL);
        mask = draft_node(im, d, OP_Pad, mask, draft_ints(im, d, "pads", pads, 2 * rank), rest);
    }
    a->allowed = is_bool ? mask : NULL;
    a->mask = is_bool ? NULL : draft_cast(im, d, mask, a->dtype);
    a->may_hide_all = true;
    return true;
}

static bool hide_keys(Importer *im, Draft *d, Attention *a) {
    Value *lengths = draft_in(d, 6), *offset = NULL;
    int64_t past = 0, column[] = {-1, 1, 1, 1};
    if (a->left < -1 || a->right < -1)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "the sizes of a window are -1 or more");
    if (draft_in(d, 4) && !attention_dim(im, d, d->in[4], 2, &past))
        return false;
    if (!lengths && !a->causal && a->left < 0 && a->right < 0)
        return true;
    Value *keys = positions(im, d, a->keys, 0, 0);
    if (lengths) {
        offset = attention_reshape(im, d, draft_cast(im, d, lengths, DT_I64), column, 4);
        allow(im, d, a, OP_Less, keys, offset);
        past = draft_in(d, 4) ? past : -a->queries;
        a->may_hide_all = true;
    }
    Value *own = positions(im, d, a->queries, past, 1);
    if (offset && !draft_in(d, 4))
        own = draft_node(im, d, OP_Add, own, offset, NULL);
    a->may_hide_all = a->may_hide_all || a->left >= 0;
    if (a->causal)
        allow(im, d, a, OP_LessOrEqual, keys, own);
    if (a->right >= 0)
        allow(im, d, a, OP_LessOrEqual, keys,
              draft_node(im, d, OP_Add, own, draft_scalar(im, d, "right", DT_I64, (double)a->right), NULL));
    if (a->left >= 0)
        allow(im, d, a, OP_GreaterOrEqual, keys,
              draft_node(im, d, OP_Sub, own, draft_scalar(im, d, "left", DT_I64, (double)a->left), NULL));
    return true;
}

// What is added to the products; null: nothing.
static Value *make_bias(Importer *im, const Draft *d, const Attention *a) {
    if (!a->allowed)
        return a->mask;
    Value *shown = a->mask ? a->mask : draft_scalar(im, d, "shown", a->dtype, 0);
    return draft_node(im, d, OP_Where, a->allowed, shown, draft_scalar(im, d, "hidden", a->dtype, -HUGE_VAL));
}

// Products.

static Value *softmax(Importer *im, const Draft *d, const Attention *a, Value *x, Value *bias) {
    DType dtype = a->precision ? dtype_from_onnx((int)a->precision) : a->dtype;
    Value *y = draft_cast(im, d, draft_node(im, d, OP_Softmax, draft_cast(im, d, x, dtype), NULL, NULL), a->dtype);
    if (!bias || !a->may_hide_all)
        return y;
    Value *most = draft_node(im, d, OP_ReduceMax, bias, draft_int(im, d, "axis", -1), NULL);
    Value *nothing = draft_node(im, d, OP_Equal, most, draft_scalar(im, d, "hidden", a->dtype, -HUGE_VAL), NULL);
    return draft_node(im, d, OP_Where, nothing, draft_scalar(im, d, "none", a->dtype, 0), y);
}

static Value *cap(Importer *im, const Draft *d, const Attention *a, Value *x) {
    if (a->softcap <= 0)
        return x;
    Value *most = draft_scalar(im, d, "softcap", a->dtype, a->softcap);
    Value *y = draft_node(im, d, OP_Tanh, draft_node(im, d, OP_Div, x, most, NULL), NULL, NULL);
    return draft_node(im, d, OP_Mul, y, most, NULL);
}

static bool check_attributes(Importer *im, const Draft *d, const Attention *a) {
    if (a->precision && (a->precision < 0 || a->precision > 100 || !dtype_is_float(dtype_from_onnx((int)a->precision))))
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'softmax_precision' must be a float type");
    return (a->mode >= 0 && a->mode <= 3) ||
           diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'qk_matmul_output_mode' must be 0 to 3");
}

static bool make(Importer *im, Draft *d, bool merges) {
    Attention a = {0};
    int64_t size, flat[] = {0, 0, -1};
    if (!draft_need(im, d, 3) || !take_attributes(im, d, &a) || !check_attributes(im, d, &a) ||
        !take_operands(im, d, &a) || !share_heads(im, d, &a) || !attention_dim(im, d, a.q, 3, &size) ||
        !take_mask(im, d, &a) || !hide_keys(im, d, &a))
        return false;
    double factor = sqrt(a.scale > 0 ? a.scale : size > 0 ? 1 / sqrt((double)size) : 1);
    Value *scale = draft_scalar(im, d, "scale", a.dtype, factor), *bias = make_bias(im, d, &a), *shown[4];
    Value *k = draft_node(im, d, OP_Mul, attention_transpose(im, d, a.k, 0, 1, 3, 2), scale, NULL);
    shown[0] = draft_node(im, d, OP_MatMul, draft_node(im, d, OP_Mul, a.q, scale, NULL), k, NULL);
    shown[1] = cap(im, d, &a, shown[0]);
    shown[2] = bias ? draft_node(im, d, OP_Add, shown[1], bias, NULL) : shown[1];
    shown[3] = softmax(im, d, &a, shown[2], bias);
    if (draft_wants(d, 3) && !draft_define(im, d, 3, draft_node(im, d, OP_Identity, shown[a.mode], NULL, NULL)))
        return false;
    Value *y = draft_node(im, d, OP_MatMul, shown[3], a.v, NULL);
    return draft_done(
        im, d, a.flat || merges ? attention_reshape(im, d, attention_transpose(im, d, y, 0, 2, 1, 3), flat, 3) : y);
}

bool make_attention(Importer *im, Draft *d) {
    return make(im, d, false);
}

bool attention_of_heads(Importer *im, Draft *d) {
    return make(im, d, true);
}

// Rotary embeddings: pairs (a, b) of the first elements of each head become (a cos - b sin, a sin + b cos).

static Value *slice(Importer *im, const Draft *d, Value *x, int64_t start, int64_t end, int64_t step) {
    Value *y = draft_node(im, d, OP_Slice, x, draft_int(im, d, "start", start), draft_int(im, d, "end", end));
    node_set_input(y->def, 3, draft_int(im, d, "axis", -1));
    node_set_input(y->def, 4, draft_int(im, d, "step", step));
    draft_infer(im, y->def);
    return y;
}

static Value *rotate(Importer *im, const Draft *d, Value *x, int64_t size, bool interleaved, Value *cosine,
                     Value *sine) {
    int64_t half = size / 2, joined[] = {0, 0, 0, size};
    Value *a = interleaved ? slice(im, d, x, 0, size, 2) : slice(im, d, x, 0, half, 1);
    Value *b = interleaved ? slice(im, d, x, 1, size, 2) : slice(im, d, x, half, size, 1);
    Value *real = draft_node(im, d, OP_Sub, draft_node(im, d, OP_Mul, cosine, a, NULL),
                             draft_node(im, d, OP_Mul, sine, b, NULL), NULL);
    Value *imaginary = draft_node(im, d, OP_Add, draft_node(im, d, OP_Mul, sine, a, NULL),
                                  draft_node(im, d, OP_Mul, cosine, b, NULL), NULL);
    if (!interleaved)
        return concat(im, d, real, imaginary, -1);
    real = draft_node(im, d, OP_Unsqueeze, real, draft_int(im, d, "axis", 4), NULL);
    imaginary = draft_node(im, d, OP_Unsqueeze, imaginary, draft_int(im, d, "axis", 4), NULL);
    return attention_reshape(im, d, concat(im, d, real, imaginary, -1), joined, 4);
}

Value *attention_rotate(Importer *im, const Draft *d, Value *x, int64_t rotated, int64_t size, bool interleaved,
                        Value *cosine, Value *sine) {
    Value *y = rotate(im, d, x, rotated, interleaved, cosine, sine);
    return rotated < size ? concat(im, d, y, slice(im, d, x, rotated, size, 1), -1) : y;
}

// The cosines or sines of the positions, with an axis for the heads.
static Value *angles(Importer *im, const Draft *d, int index, int heads_axis) {
    Value *value = d->in[index];
    if (draft_in(d, 3))
        value = draft_node(im, d, OP_Gather, value, d->in[3], NULL);
    return draft_node(im, d, OP_Unsqueeze, value, draft_int(im, d, "heads", heads_axis), NULL);
}

bool make_rotary_embedding(Importer *im, Draft *d) {
    int64_t interleaved, heads, rotated, size, flat_shape[] = {0, 0, -1};
    int rank = draft_rank(d, 0);
    if (!draft_need(im, d, 3) || !draft_take_int(im, d, "interleaved", 0, &interleaved) ||
        !draft_take_int(im, d, "num_heads", 0, &heads) || !draft_take_int(im, d, "rotary_embedding_dim", 0, &rotated))
        return false;
    if (rank != 4 && (rank != 3 || heads < 1))
        return diag_error(im->diag, d->loc, E_SHAPE, "the input must have 4 axes, or 3 and num_heads be given");
    Value *x = d->in[0];
    int64_t split[] = {0, 0, heads, -1};
    if (rank == 3)
        x = attention_reshape(im, d, x, split, 4);
    if (!attention_dim(im, d, x, 3, &size))
        return false;
    rotated = rotated ? rotated : size;
    if (rotated < 0 || rotated > size || rotated % 2)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "an even number of %lld elements can be rotated, not %lld",
                          (long long)size, (long long)rotated);
    Value *cosine = angles(im, d, 1, rank == 3 ? 2 : 1), *sine = angles(im, d, 2, rank == 3 ? 2 : 1);
    Value *y = attention_rotate(im, d, x, rotated, size, interleaved != 0, cosine, sine);
    return draft_done(im, d, rank == 3 ? attention_reshape(im, d, y, flat_shape, 3) : y);
}
