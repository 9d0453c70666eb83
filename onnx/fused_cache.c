// GroupQueryAttention and RotaryEmbedding of the domain com.microsoft, which exporters of language models write, as the
// standard's Attention and RotaryEmbedding.
//
// New keys and values go behind those of a cache. How many each sample of the batch has, with the new ones, is data
// (seqlens_k, less one); a query sees what stands up to its own position. Where the batch is one sample and the result
// is the cache and the new ones, nothing of that is data. How long the result is follows from total_sequence_length
// where it is known, else from what the model declares, else it is the cache and the new ones.
#include "onnx/fused.h"

#include <math.h>
#include <string.h>

#include "onnx/attention.h"
#include "support/checked.h"

typedef struct Group {
    int64_t heads, kv_heads, rotary, interleaved, window;
    int64_t batch, queries, past, length, size;  // length: of the present; size: of a head
    Value *q, *k, *v;                            // batch x heads x queries x size
    Value *behind;                               // of each sample, what is past
} Group;

// Positions `first`, a tensor of batch x 1, and those behind it.
static Value *positions_from(Importer *im, const Draft *d, Value *first, int64_t count) {
    return draft_node(im, d, OP_Add, first, draft_count_up(im, d, draft_int(im, d, "queries", count), 0), NULL);
}

static Value *angles(Importer *im, const Draft *d, Value *table, Value *positions, int64_t heads_axis) {
    Value *picked = draft_node(im, d, OP_Gather, table, positions, NULL);
    return draft_node(im, d, OP_Unsqueeze, picked, draft_int(im, d, "heads", heads_axis), NULL);
}

// GroupQueryAttention.

static bool refuse_unless(Importer *im, Draft *d, const char *name, int64_t plain) {
    int64_t number;
    if (!draft_take_int(im, d, name, plain, &number))
        return false;
    return number == plain || number == 0 ||
           diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' is not supported", name);
}

static bool take_attributes(Importer *im, Draft *d, Group *g) {
    static const char *const kinds[] = {"k_quant_type", "v_quant_type"};
    static const struct {
        const char *name;
        int64_t plain;
    } refused[] = {{"smooth_softmax", -1}, {"qk_output", 0}, {"kv_cache_bit_width", 0}};
    const char *kind;
    double scale;
    for (int i = 0; i < 3; i++)
        if (!refuse_unless(im, d, refused[i].name, refused[i].plain))
            return false;
    for (int i = 0; i < 2; i++)
        if (!draft_take_text(im, d, kinds[i], "NONE", &kind))
            return false;
        else if (strcmp(kind, "NONE"))
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "quantized caches are not supported");
    if (!draft_take_int(im, d, "num_heads", 0, &g->heads) || !draft_take_int(im, d, "kv_num_heads", 0, &g->kv_heads) ||
        !draft_take_int(im, d, "do_rotary", 0, &g->rotary) ||
        !draft_take_int(im, d, "rotary_interleaved", 0, &g->interleaved) ||
        !draft_take_int(im, d, "local_window_size", -1, &g->window) || !draft_take_float(im, d, "scale", 0, &scale))
        return false;
    if (scale > 0)
        draft_set_float(im, d, "scale", scale);
    if (g->heads < 1 || g->kv_heads < 1 || g->heads % g->kv_heads || g->heads > INT32_MAX)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "%lld heads of queries cannot share %lld heads of keys",
                          (long long)g->heads, (long long)g->kv_heads);
    for (int i = 11; i < d->nin; i++)
        if (d->in[i])
            return diag_error(im->diag, d->loc, E_ARITY, "sinks and scales of a quantized cache are not supported");
    return !draft_wants(d, 3) || diag_error(im->diag, d->loc, E_ARITY, "the products as an output are not supported");
}

// Queries, keys and values apart, or side by side in the first input.
static bool take_operands(Importer *im, Draft *d, Group *g) {
    Value *q = d->in[0], *k = draft_in(d, 1), *v = draft_in(d, 2);
    int64_t width;
    if (draft_rank(d, 0) != 3 || !k != !v || (k && (k->type.rank != 3 || v->type.rank != 3)))
        return diag_error(im->diag, d->loc, E_SHAPE, "queries, keys and values must have 3 axes");
    if (!attention_dim(im, d, q, 0, &g->batch) || !attention_dim(im, d, q, 1, &g->queries) ||
        !attention_dim(im, d, q, 2, &width))
        return false;
    int64_t parts = g->heads + (k ? 0 : 2 * g->kv_heads);
    if (width < 1 || width % parts)
        return diag_error(im->diag, d->loc, E_SHAPE, "%lld columns cannot be %lld heads", (long long)width,
                          (long long)parts);
    g->size = width / parts;
    if (!k) {
        k = attention_cut(im, d, q, g->heads * g->size, g->kv_heads * g->size);
        v = attention_cut(im, d, q, (g->heads + g->kv_heads) * g->size, g->kv_heads * g->size);
        q = attention_cut(im, d, q, 0, g->heads * g->size);
    }
    g->q = attention_split_heads(im, d, q, g->heads);
    g->k = attention_split_heads(im, d, k, g->kv_heads);
    g->v = attention_split_heads(im, d, v, g->kv_heads);
    return true;
}

// Whether the result is the cache and the new ones, of one sample: then no length is data.
static bool is_appended(const Group *g) {
    return g->batch == 1 && g->length == g->past + g->queries;
}

static bool take_lengths(Importer *im, Draft *d, Group *g) {
    Type declared;
    int64_t total, keys, column[] = {-1, 1};
    if (!draft_in(d, 3) != !draft_in(d, 4))
        return diag_error(im->diag, d->loc, E_ARITY, "past_key and past_value come together");
    if (draft_in(d, 3) && !attention_dim(im, d, d->in[3], 2, &g->past))
        return false;
    if (!attention_dim(im, d, g->k, 2, &keys))
        return false;
    if (keys != g->queries)
        return diag_error(im->diag, d->loc, E_SHAPE, "there must be as many new keys as queries");
    g->length = g->past + g->queries;
    if (draft_known(im, d->in[6], &total))
        g->length = max_i64(g->past, total);
    else if (draft_wants(d, 1) && import_declared_type(im, d->scope, d->out[1], &declared) && declared.rank == 4 &&
             !declared.dim[2].sym)
        g->length = declared.dim[2].n;
    if (g->length < max_i64(g->past, g->queries) || g->length > g->past + g->queries)
        return diag_error(im->diag, d->loc, E_SHAPE, "%lld keys and %lld past ones cannot be %lld", (long long)keys,
                          (long long)g->past, (long long)g->length);
    if (is_appended(g)) {
        g->behind = draft_int(im, d, "past", g->past);
    } else {
        Value *others = draft_scalar(im, d, "others", DT_I64, (double)(g->queries - 1));
        Value *last = attention_reshape(im, d, draft_cast(im, d, d->in[5], DT_I64), column, 1);
        Value *least = draft_scalar(im, d, "least", DT_I64, 0);
        g->behind = draft_node(im, d, OP_Max, draft_node(im, d, OP_Sub, last, others, NULL), least, NULL);
    }
    return true;
}

static bool rotate_both(Importer *im, Draft *d, Group *g) {
    const int64_t column[] = {-1, 1};
    int64_t half;
    if (!g->rotary)
        return true;
    if (!draft_in(d, 7) || !draft_in(d, 8))
        return diag_error(im->diag, d->loc, E_ARITY, "do_rotary needs cos_cache and sin_cache");
    if (!attention_dim(im, d, d->in[7], 1, &half))
        return false;
    if (half < 1 || 2 * half > g->size)
        return diag_error(im->diag, d->loc, E_SHAPE, "%lld angles do not fit heads of %lld elements", (long long)half,
                          (long long)g->size);
    Value *places = draft_in(d, 9) ? draft_cast(im, d, d->in[9], DT_I64)
                                   : positions_from(im, d, attention_reshape(im, d, g->behind, column, 2), g->queries);
    Value *cosine = angles(im, d, d->in[7], places, 1), *sine = angles(im, d, d->in[8], places, 1);
    g->q = attention_rotate(im, d, g->q, 2 * half, g->size, g->interleaved != 0, cosine, sine);
    g->k = attention_rotate(im, d, g->k, 2 * half, g->size, g->interleaved != 0, cosine, sine);
    return true;
}

// New ones of each sample written behind its past ones.
static Value *present(Importer *im, const Draft *d, const Group *g, Value *past, Value *new_) {
    Value *all = past;
    if (g->length == g->queries)
        return new_;
    if (g->length > g->past) {
        const int64_t pads[] = {0, 0, 0, 0, 0, 0, g->length - g->past, 0};
        all = draft_node(im, d, OP_Pad, past, draft_ints(im, d, "pads", pads, 8), NULL);
    }
    Value *y = draft_node(im, d, OP_TensorScatter, all, new_, g->behind);
    ((TensorScatterAttrs *)y->def->attrs)->axis = 2;
    draft_infer(im, y->def);
    return y;
}

// Where a query may see a key: batch x 1 x queries x keys.
static Value *shown_keys(Importer *im, const Draft *d, const Group *g) {
    const int64_t column[] = {-1, 1}, apart[] = {-1, 1, g->queries, 1};
    Value *own = positions_from(im, d, attention_reshape(im, d, g->behind, column, 2), g->queries);
    Value *keys = draft_count_up(im, d, draft_int(im, d, "keys", g->length), 0);
    own = attention_reshape(im, d, own, apart, 4);
    Value *shown = draft_node(im, d, OP_LessOrEqual, keys, own, NULL);
    if (g->window < 0)
        return shown;
    Value *reach = draft_scalar(im, d, "window", DT_I64, (double)g->window);
    Value *near = draft_node(im, d, OP_Greater, keys, draft_node(im, d, OP_Sub, own, reach, NULL), NULL);
    return draft_node(im, d, OP_And, shown, near, NULL);
}

bool make_group_query_attention(Importer *im, Draft *d) {
    Group g = {0};
    if (!draft_need(im, d, 1))
        return false;
    if (!draft_in(d, 5) || !draft_in(d, 6))
        return diag_error(im->diag, d->loc, E_ARITY, "seqlens_k and total_sequence_length are missing");
    if (!take_attributes(im, d, &g) || !take_operands(im, d, &g) || !take_lengths(im, d, &g) ||
        !rotate_both(im, d, &g))
        return false;
    Value *bias = draft_in(d, 10), *in[6] = {g.q, g.k, g.v, bias, draft_in(d, 3), draft_in(d, 4)};
    if (is_appended(&g)) {
        draft_set_int(im, d, "is_causal", 1);
        if (g.window >= 0)
            draft_set_int(im, d, "left_window_size", max_i64(g.window - 1, 0));
    } else {
        Value *shown = shown_keys(im, d, &g), *none = draft_scalar(im, d, "hidden", draft_dtype(d, 0), -HUGE_VAL);
        in[1] = present(im, d, &g, in[4], g.k);
        in[2] = present(im, d, &g, in[5], g.v);
        in[3] = bias ? draft_node(im, d, OP_Where, shown, bias, none) : shown;
        in[4] = in[5] = NULL;
    }
    d->nin = 0;
    for (int i = 0; i < 6; i++)
        draft_set_input(d, i, in[i]);
    return attention_of_heads(im, d);
}

// RotaryEmbedding: x, positions, cosines, sines; heads may be part of the last axis.

static bool rotary_heads(Importer *im, Draft *d, int64_t half, int64_t rotated, int64_t *heads) {
    int64_t width;
    if (!attention_dim(im, d, d->in[0], 2, &width))
        return false;
    if (!*heads && !rotated && half > 0)
        *heads = width / (2 * half);
    return (*heads > 0 && width % *heads == 0) ||
           diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'num_heads' must divide the %lld columns",
                      (long long)width);
}

bool make_fused_rotary(Importer *im, Draft *d) {
    int64_t interleaved, heads, rotated, half, size, steps, packed, flat[] = {0, 0, -1}, column[] = {-1, 1};
    double scale;
    int rank = draft_rank(d, 0);
    if (!draft_need(im, d, 4) || !draft_take_int(im, d, "interleaved", 0, &interleaved) ||
        !draft_take_int(im, d, "num_heads", 0, &heads) || !draft_take_float(im, d, "scale", 1, &scale) ||
        !draft_take_int(im, d, "rotary_embedding_dim", 0, &rotated) ||
        !draft_take_int(im, d, "is_packed_batching", 0, &packed) || !attention_dim(im, d, d->in[2], 1, &half))
        return false;
    if (packed || scale != 1)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "packed batches and a scale are not supported");
    if (rank != 3 && rank != 4)
        return diag_error(im->diag, d->loc, E_SHAPE, "the input must have 3 or 4 axes");
    if (rank == 3 && !rotary_heads(im, d, half, rotated, &heads))
        return false;
    const int64_t split[] = {0, 0, heads, -1};
    Value *x = rank == 3 ? attention_reshape(im, d, d->in[0], split, 4) : d->in[0];
    Value *places = draft_cast(im, d, d->in[1], DT_I64);
    if (!attention_dim(im, d, x, 3, &size) || !attention_dim(im, d, x, rank == 3 ? 1 : 2, &steps))
        return false;
    if (half < 1 || 2 * half > size || (rotated && rotated != 2 * half))
        return diag_error(im->diag, d->loc, E_SHAPE, "%lld angles do not fit heads of %lld elements", (long long)half,
                          (long long)size);
    if (places->type.rank == 1)
        places = positions_from(im, d, attention_reshape(im, d, places, column, 2), steps);
    Value *cosine = angles(im, d, d->in[2], places, rank == 3 ? 2 : 1);
    Value *sine = angles(im, d, d->in[3], places, rank == 3 ? 2 : 1);
    Value *y = attention_rotate(im, d, x, 2 * half, size, interleaved != 0, cosine, sine);
    return draft_done(im, d, rank == 3 ? attention_reshape(im, d, y, flat, 3) : y);
}
