// TfIdfVectorizer as graphs of core operators around sqz.Grams, which counts the n-grams of one length.
//
// The pool is a list of all n-grams, the shorter ones first; ngram_counts says where those of each length begin, and
// ngram_indexes in which column each is counted. Lengths that are not wanted are left out here. The n-grams of a length
// are sorted, for a binary search; of equal ones the last counts. Then the sums over lengths are weighted by column.
#include "onnx/grams.h"

#include <stdlib.h>

#include "support/checked.h"

typedef struct Pool {
    Ints items, starts, columns;
    int64_t shortest, longest, skips;
    int64_t width;  // columns of the result
} Pool;

static bool bad_pool(Importer *im, const Draft *d, const char *what) {
    return diag_error(im->diag, d->loc, E_ATTRIBUTE, "%s", what);
}

static bool take_pool(Importer *im, Draft *d, Pool *pool) {
    bool found;
    if (draft_take(d, "pool_strings"))
        return diag_error(im->diag, d->loc, E_DTYPE, "the pool has strings, which are not supported: export the model "
                          "with integers in their place");
    return draft_take_ints(im, d, "pool_int64s", &pool->items, &found) &&
           draft_take_ints(im, d, "ngram_counts", &pool->starts, &found) &&
           draft_take_ints(im, d, "ngram_indexes", &pool->columns, &found) &&
           draft_take_int(im, d, "min_gram_length", 1, &pool->shortest) &&
           draft_take_int(im, d, "max_gram_length", 1, &pool->longest) &&
           draft_take_int(im, d, "max_skip_count", 0, &pool->skips);
}

static int64_t pool_end(const Pool *pool, int length) {
    return length < pool->starts.n ? pool->starts.v[length] : pool->items.n;
}

// Whether the lists fit together; finds the number of columns.
static bool check_pool(Importer *im, const Draft *d, Pool *pool) {
    int64_t grams = 0;
    if (pool->shortest < 1 || pool->longest < pool->shortest || pool->skips < 0 || pool->longest > pool->starts.n)
        return bad_pool(im, d, "min_gram_length, max_gram_length, max_skip_count and ngram_counts do not fit together");
    for (int length = 1; length <= pool->starts.n; length++) {
        int64_t start = pool->starts.v[length - 1], end = pool_end(pool, length);
        if (start < 0 || end < start || end > pool->items.n || (end - start) % length)
            return bad_pool(im, d, "'ngram_counts' does not cut the pool into n-grams");
        grams += (end - start) / length;
    }
    if (grams != pool->columns.n)
        return bad_pool(im, d, "'ngram_indexes' must have a column for each n-gram of the pool");
    for (int i = 0; i < pool->columns.n; i++) {
        if (pool->columns.v[i] < 0 || pool->columns.v[i] >= INT32_MAX)
            return bad_pool(im, d, "'ngram_indexes' has a column that is out of range");
        pool->width = max_i64(pool->width, pool->columns.v[i] + 1);
    }
    return pool->width > 0 || bad_pool(im, d, "the pool is empty");
}

typedef struct Gram {
    const int64_t *item;
    int length;
    int index;  // among those of its length
} Gram;

static int compare_items(const Gram *x, const Gram *y) {
    for (int i = 0; i < x->length; i++)
        if (x->item[i] != y->item[i])
            return x->item[i] < y->item[i] ? -1 : 1;
    return 0;
}

static int compare_grams(const void *a, const void *b) {
    const Gram *x = a, *y = b;
    int order = compare_items(x, y);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

// How often each of the n-grams of one length occurs; `column` are theirs.
static Value *count_grams(Importer *im, const Draft *d, const Pool *pool, Value *x, int length, const int64_t *column) {
    const int64_t *item = pool->items.v + pool->starts.v[length - 1];
    int64_t n = (pool_end(pool, length) - pool->starts.v[length - 1]) / length, kept = 0;
    Gram *sorted = ARENA_ARRAY(im->scratch, Gram, n);
    for (int i = 0; i < n; i++)
        sorted[i] = (Gram){item + (int64_t)i * length, length, i};
    qsort(sorted, (size_t)n, sizeof *sorted, compare_grams);
    int64_t *grams = ARENA_ARRAY(im->arena, int64_t, n * length);
    int32_t *columns = ARENA_ARRAY(im->arena, int32_t, n);
    for (int64_t i = 0; i < n; i++) {
        if (i + 1 < n && !compare_items(&sorted[i], &sorted[i + 1]))
            continue;
        for (int k = 0; k < length; k++)
            grams[kept * length + k] = sorted[i].item[k];
        columns[kept++] = (int32_t)column[sorted[i].index];
    }
    int64_t dims[] = {kept, length};
    Type gram_type = type_make(DT_I64, 2, dims), column_type = type_make(DT_I32, 1, dims);
    const char *part = arena_printf(im->arena, "grams%d", length);
    Value *y = draft_node(im, d, OP_Grams, x, draft_constant(im, d, part, &gram_type, grams),
                          draft_constant(im, d, arena_printf(im->arena, "columns%d", length), &column_type, columns));
    // What stands alone is the same at any distance.
    *(GramAttrs *)y->def->attrs = (GramAttrs){.skips = length > 1 ? pool->skips : 0, .columns = pool->width};
    draft_infer(im, y->def);
    return y;
}

static Value *count_all(Importer *im, const Draft *d, const Pool *pool, Value *x) {
    const int64_t *column = pool->columns.v;
    Value *sum = NULL;
    for (int length = 1; length <= pool->longest; length++) {
        int64_t n = (pool_end(pool, length) - pool->starts.v[length - 1]) / length;
        if (length >= pool->shortest && (n > 0 || (length == pool->longest && !sum))) {
            Value *counts = count_grams(im, d, pool, x, length, column);
            sum = sum ? draft_node(im, d, OP_Add, sum, counts, NULL) : counts;
        }
        column += n;
    }
    return sum;
}

// The weight of each column is that of its n-grams, which must be the same; null after an error.
static Value *column_weights(Importer *im, const Draft *d, const Pool *pool, const Floats *weights) {
    int64_t n = pool->width;
    float *list = ARENA_ARRAY(im->arena, float, n);
    bool *set = ARENA_ARRAY(im->scratch, bool, n);
    for (int64_t i = 0; i < n; i++) {
        list[i] = 0;
        set[i] = false;
    }
    for (int i = 0; i < weights->n; i++) {
        int64_t column = pool->columns.v[i];
        float weight = (float)weights->v[i];
        if (set[column] && list[column] != weight) {
            bad_pool(im, d, "n-grams that share a column must have the same weight");
            return NULL;
        }
        set[column] = true;
        list[column] = weight;
    }
    Type type = type_make(DT_F32, 1, &n);
    return draft_constant(im, d, "weights", &type, list);
}

bool make_tfidf_vectorizer(Importer *im, Draft *d) {
    static const char *const modes[] = {"TF", "IDF", "TFIDF", NULL};
    enum { TF, IDF };
    Pool pool = {0};
    Floats weights;
    int mode = TF;
    Value *weight = NULL;
    if (!draft_need(im, d, 1) || !take_pool(im, d, &pool) || !draft_take_word(im, d, "mode", modes, &mode) ||
        !draft_take_floats(im, d, "weights", &weights) || !check_pool(im, d, &pool))
        return false;
    if (weights.n && weights.n != pool.columns.n)
        return bad_pool(im, d, "'weights' must have as many numbers as 'ngram_indexes'");
    if (mode != TF && weights.n && !(weight = column_weights(im, d, &pool, &weights)))
        return false;
    Value *counts = count_all(im, d, &pool, draft_cast(im, d, d->in[0], DT_I64));
    if (mode == IDF) {
        Value *zero = draft_scalar(im, d, "zero", DT_F32, 0);
        Value *some = draft_node(im, d, OP_Greater, counts, zero, NULL);
        counts = draft_node(im, d, OP_Where, some, weight ? weight : draft_scalar(im, d, "one", DT_F32, 1), zero);
    } else if (weight) {
        counts = draft_node(im, d, OP_Mul, counts, weight, NULL);
    }
    return draft_done(im, d, counts);
}
