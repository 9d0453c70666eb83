// The machinery of reductions: loops over what is kept around loops over what is reduced.
//
// There are three forms. Along a contiguous reduced loop the accumulators are vectors, four of them to hide latency, at
// all levels; over a contiguous kept loop above -O0 each vector holds neighbouring results, and several go side by
// side; otherwise all is scalar.
#include "ops/reduce.h"

#include <math.h>

#include "support/checked.h"

enum { CUT = 256, CHAINS = 4, KEPT_CHUNK = 128 };

void reduce_add_loop(Reduce *r, int64_t size, int64_t step) {
    int last = r->rank - 1;
    if (size == 1)
        return;
    if (last >= 0 && r->step[last] == step * size) {
        r->size[last] *= size;
        r->step[last] = step;
        return;
    }
    r->size[r->rank] = size;
    r->step[r->rank++] = step;
}

Val reduce_extra(Emit *e, const Reduce *r, Val like) {
    return r->extra.lanes == like.lanes ? r->extra : e_splat(e, r->extra, like.lanes);
}

Val combine_add(Emit *e, Val a, Val b) {
    return e_add(e, a, b);
}

Val combine_max(Emit *e, Val a, Val b) {
    return e_max_nan(e, a, b);
}

double highest_of(DType dtype) {
    if (dtype_is_float(dtype))
        return (double)INFINITY;
    if (dtype == DT_BOOL)
        return 1;
    return ldexp(1, dtype_info[dtype].bits - dtype_is_signed(dtype)) - 1;  // e_number saturates
}

double lowest_of(DType dtype) {
    if (dtype_is_float(dtype))
        return -(double)INFINITY;
    return dtype_is_signed(dtype) ? -ldexp(1, dtype_info[dtype].bits - 1) : 0;
}

static Val initial_value(Emit *e, const Reduce *r, int lanes) {
    return e_splat(e, e_number(e, r->dtype, r->initial), lanes);
}

static Val term_at(Emit *e, const Reduce *r, Val at, int lanes) {
    Val x = load_compute(e, r->x, at, lanes);
    return r->term ? r->term(e, r, x, at) : e_cast(e, r->dtype, x);
}

// The contiguous innermost loop, `vectors` accumulators at a time. What is left over goes element by element.
static Val contiguous(Emit *e, const Reduce *r, Val base, int64_t size, int lanes) {
    int chains = size >= (int64_t)CHAINS * lanes * 2 ? CHAINS : 1;
    int64_t step = (int64_t)chains * lanes, whole = size - size % step;
    Var acc[CHAINS];
    for (int c = 0; c < chains; c++)
        acc[c] = e_var(e, initial_value(e, r, lanes));
    EMIT_FOR(e, i, e_index(e, 0), e_index(e, whole), step)
        for (int c = 0; c < chains; c++) {
            Val at = e_add_const(e, e_add(e, base, i.i), (int64_t)c * lanes);
            e_set(e, acc[c], r->combine(e, e_get(e, acc[c]), term_at(e, r, at, lanes)));
        }
    Val all = e_get(e, acc[0]);
    if (chains == CHAINS)
        all = r->combine(e, r->combine(e, all, e_get(e, acc[1])), r->combine(e, e_get(e, acc[2]), e_get(e, acc[3])));
    Var rest = e_var(e, e_reduce(e, all, r->combine));
    EMIT_FOR(e, i, e_index(e, whole), e_index(e, size), 1)
        e_set(e, rest, r->combine(e, e_get(e, rest), term_at(e, r, e_add(e, base, i.i), 1)));
    return e_get(e, rest);
}

static Val reduce_level(Emit *e, const Reduce *r, int level, int64_t size, Val base, int lanes);

// size steps at `level`, each the reduction of the levels inside.
static Val reduce_steps(Emit *e, const Reduce *r, int level, int64_t size, Val base, int lanes) {
    Var acc = e_var(e, initial_value(e, r, lanes));
    EMIT_TIMES(e, i, size) {
        Val at = e_add(e, base, e_mul_const(e, i.i, r->step[level]));
        Val inner = reduce_level(e, r, level + 1, level + 1 < r->rank ? r->size[level + 1] : 1, at, lanes);
        e_set(e, acc, r->combine(e, e_get(e, acc), inner));
    }
    return e_get(e, acc);
}

static Val reduce_level(Emit *e, const Reduce *r, int level, int64_t size, Val base, int lanes) {
    if (level >= r->rank)
        return term_at(e, r, base, lanes);
    int width = lanes == 1 && level == r->rank - 1 && r->step[level] == 1 ? e_sum_lanes(e, r->dtype) : 1;
    int64_t cut = (int64_t)CUT * width * (width > 1 ? CHAINS : 1);
    if (size > 2 * cut) {
        Var acc = e_var(e, initial_value(e, r, lanes));
        EMIT_TIMES(e, i, size / cut) {
            Val at = e_add(e, base, e_mul_const(e, i.i, cut * r->step[level]));
            e_set(e, acc, r->combine(e, e_get(e, acc), reduce_level(e, r, level, cut, at, lanes)));
        }
        if (size % cut == 0)
            return e_get(e, acc);
        Val at = e_add_const(e, base, size / cut * cut * r->step[level]);
        return r->combine(e, e_get(e, acc), reduce_level(e, r, level, size % cut, at, lanes));
    }
    if (width > 1 && size >= width)
        return contiguous(e, r, base, size, width);
    return reduce_steps(e, r, level, size, base, lanes);
}

Val reduce_at(Emit *e, const Reduce *r, Val base, int lanes) {
    for (int i = 0; i < r->rank; i++)
        if (r->size[i] == 0)
            return initial_value(e, r, lanes);
    return reduce_level(e, r, 0, r->rank > 0 ? r->size[0] : 1, base, lanes);
}

void kept_add(Kept *kept, int64_t size, int64_t x, int64_t y) {
    int last = kept->rank - 1;
    if (size == 1)
        return;
    if (last >= 0 && kept->x[last] == x * size && kept->y[last] == y * size) {
        kept->size[last] *= size;
        kept->x[last] = x;
        kept->y[last] = y;
        return;
    }
    kept->size[kept->rank] = size;
    kept->x[kept->rank] = x;
    kept->y[kept->rank++] = y;
}

typedef struct KeptSpan {
    KeptBody body;
    void *arg;
    Val x, y;
    int64_t x_step, y_step;
} KeptSpan;

static void kept_span(Emit *e, void *arg, Val i, int lanes) {
    KeptSpan *span = arg;
    span->body(e, span->arg, e_add(e, span->x, e_mul_const(e, i, span->x_step)),
               e_add(e, span->y, e_mul_const(e, i, span->y_step)), lanes);
}

void kept_loops(Emit *e, const Kept *kept, int lanes, KeptBody body, void *arg) {
    int outer = kept->rank > 0 ? kept->rank - 1 : 0;
    int64_t n = kept->rank > 0 ? kept->size[outer] : 1;
    int64_t rows = product(kept->size, outer);
    if (rows == 0 || n == 0)
        return;
    KeptSpan span = {.body = body, .arg = arg, .x_step = kept->rank > 0 ? kept->x[outer] : 0,
                     .y_step = kept->rank > 0 ? kept->y[outer] : 0};
    if (span.x_step != 1 || span.y_step != 1)
        lanes = 1;
    int64_t chunk = lanes == 1 ? 1 : rows >= 16 ? n : KEPT_CHUNK;
    int64_t chunks = div_up(n, chunk);
    Share share = e_share(e, rows * chunks);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[BOX_RANK];
        Val by = e_index(e, chunks), begin = e_mul_const(e, e_rem(e, u.i, by), chunk);
        decode(e, e_div(e, u.i, by), kept->size, outer, position);
        span.x = locate(e, e_index(e, kept->x_origin), position, kept->x, outer);
        span.y = locate(e, e_index(e, kept->y_origin), position, kept->y, outer);
        Val end = e_min(e, e_add_const(e, begin, chunk), e_index(e, n));
        int64_t wide = (int64_t)lanes * kept->vectors;
        while (wide > min_i64(n, chunk))
            wide /= 2;
        if (lanes > 1 && wide > lanes) {
            Val middle = e_add(e, begin, e_and(e, e_sub(e, end, begin), e_index(e, -wide)));
            EMIT_FOR(e, i, begin, middle, wide)
                kept_span(e, &span, i.i, (int)wide);
            begin = middle;
        }
        emit_span(e, begin, end, lanes, kept_span, &span);
    }
}

static void inside_level(Emit *e, const Kept *kept, int level, KeptSpan *span, Val x, Val y, int lanes) {
    if (level >= kept->rank - 1) {
        span->x = x;
        span->y = y;
        emit_span(e, e_index(e, 0), e_index(e, kept->rank > 0 ? kept->size[level] : 1), lanes, kept_span, span);
        return;
    }
    EMIT_TIMES(e, i, kept->size[level])
        inside_level(e, kept, level + 1, span, e_add(e, x, e_mul_const(e, i.i, kept->x[level])),
                     e_add(e, y, e_mul_const(e, i.i, kept->y[level])), lanes);
}

void kept_inside(Emit *e, const Kept *kept, Val x, Val y, int lanes, KeptBody body, void *arg) {
    KeptSpan span = {.body = body, .arg = arg};
    if (kept->rank > 0) {
        span.x_step = kept->x[kept->rank - 1];
        span.y_step = kept->y[kept->rank - 1];
    }
    inside_level(e, kept, 0, &span, x, y, span.x_step == 1 && span.y_step == 1 ? lanes : 1);
}

typedef struct Pair {
    Ptr from, to;
} Pair;

static void copy_lanes(Emit *e, void *arg, Val x, Val y, int lanes) {
    const Pair *pair = arg;
    e_store(e, pair->to, y, e_load(e, pair->from, x, lanes));
}

void kept_copy(Emit *e, const Kept *kept, Ptr from, Val x, Ptr to, Val y) {
    Pair pair = {from, to};
    kept_inside(e, kept, x, y, e_lanes(e, from.dtype), copy_lanes, &pair);
}
