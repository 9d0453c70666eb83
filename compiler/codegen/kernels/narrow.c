// A block of a panel of 16 columns, 4 bits an element:
//
//     f32 scale[16]   u8 zero[16], where blocks have such   u32 word[lines / 8][16]
//
// A word holds the elements of one column in consecutive lines, the first one in its low bits, without a sign: those of
// signed types are moved up by half of their range, and zeros too.
//
// Elements become floats without a shift or a conversion. In a half of a word they are put behind the point of 2^11,
// the last digit of whose fraction is worth 2^-12:
//
//     bits (word & mask) | bits of 2^11   =   2^11 + element * 2^(bits * number - 12)
//
// Subtracting 2^11 + zero * 2^(bits * number - 12) is exact, and so the product with scale * 2^(12 - bits * number)
// is rounded as (element - zero) * scale is.
//
// Where there are few rows, that would take most of the time. If the order of sums may change, each field has a sum of
// its own there, of integers where they stand, and zero and scale wait for the end of a chunk:
//
//     y += scale * (sum over fields of 2^(-bits * field) * (sum of a * (word & mask)) - zero * sum of a)
#include "codegen/kernels/narrow.h"

#include <math.h>

#include "codegen/order.h"
#include "ir/infer.h"
#include "support/checked.h"

enum { WORD = MATRIX_WORD, HALF = 16, BASE = 11, LAST = 12, MOST_FIELDS = HALF / 2 };
enum { UNROLLED = 4 };  // words of a chunk that need no loop

static int64_t common_divisor(int64_t a, int64_t b) {
    return b ? common_divisor(b, a % b) : a;
}

Narrow narrow_of(const PackAttrs *packing, const Value *elements, bool zeros) {
    const Type *type = &elements->type;
    Narrow n = {.bits = dtype_info[type->dtype].packed, .zeros = zeros, .inner = type->dim[packing->transposed].n,
                .block = packing->block, .columns = packing->panel};
    int64_t middle = dtype_is_signed(type->dtype) ? 1 << (n.bits - 1) : 0;
    n.zero = packing->zero + middle;
    n.chunk = n.block == n.inner ? min_i64(n.inner, ORDER_SLICE) : common_divisor(n.block, ORDER_SLICE);
    n.head = n.columns + (zeros ? n.columns / (WORD / 8) : 0);
    n.words = n.head + div_up(n.block, WORD / n.bits) * n.columns;
    n.panel_words = div_up(n.inner, n.block) * n.words;
    return n;
}

typedef struct Chunk Chunk;
// What becomes of a line: elements in units of field `f`, less their zeros, if these do not wait.
typedef void (*LineUse)(Emit *e, const Chunk *c, Val k, int64_t step, int f, Val *line);

// The vectors of a line, and what widens them in a chunk.
struct Chunk {
    const Narrow *narrow;
    bool late;  // zeros and scales wait
    int vecs, lanes, fields;  // elements of half a word
    Val mask[MOST_FIELDS], base;
    Val scale[PRODUCT_MAX], zero[PRODUCT_MAX][MOST_FIELDS];
    LineUse use;
    Ptr to;                  // of widened lines
    const Product *product;  // or what lines are multiplied by, and the sums
    Ptr left;
    const Var *sum;
};

static Val splat(Emit *e, double x, int lanes) {
    return e_splat(e, e_float(e, DT_F32, x), lanes);
}

// Where vector v of a line lies in its panels.
static int64_t vector_at(const Chunk *c, int v) {
    int64_t column = (int64_t)v * c->lanes, columns = c->narrow->columns;
    return column / columns * c->narrow->panel_words + column % columns;
}

static double unit_of(const Narrow *n, int field) {
    return ldexp(1, n->bits * field - LAST);
}

// The zero of vector v in a block that begins there.
static Val load_zero(Emit *e, const Chunk *c, Ptr block, int v) {
    const Narrow *n = c->narrow;
    int64_t column = (int64_t)v * c->lanes % n->columns;
    Ptr zeros = e_retype(e_at_const(e, block, vector_at(c, v) - column + n->columns), DT_U8);
    return n->zeros ? e_cast(e, DT_F32, e_load_const(e, zeros, column, c->lanes)) : splat(e, (double)n->zero, c->lanes);
}

// The zero and scale of each vector, the zero as each of the fields needs it.
static void start_chunk(Emit *e, Chunk *c, Ptr block) {
    const Narrow *n = c->narrow;
    double base = ldexp(1, BASE);
    c->base = e_bits(e, DT_U32, splat(e, base, c->lanes));
    for (int f = 0; f < c->fields; f++)
        c->mask[f] = e_splat(e, e_int(e, DT_U32, ((1 << n->bits) - 1) << (n->bits * f)), c->lanes);
    for (int v = 0; v < c->vecs; v++) {
        Val zero = load_zero(e, c, block, v);
        c->scale[v] = e_load_const(e, e_retype(block, DT_F32), vector_at(c, v), c->lanes);
        for (int f = 0; f < c->fields; f++)
            c->zero[v][f] =
                e_add(e, e_mul(e, zero, splat(e, unit_of(n, f), c->lanes)), splat(e, base, c->lanes));
        if (c->late)
            c->zero[v][0] = zero;
    }
}

static Val widen(Emit *e, const Chunk *c, Val word, int v, int f) {
    Val bits = e_and(e, word, c->mask[f]);
    if (c->late)
        return e_cast(e, DT_F32, e_bits(e, DT_I32, bits));
    return e_sub(e, e_bits(e, DT_F32, e_or(e, bits, c->base)), c->zero[v][f]);
}

// The first `count` lines in one row of words.
static void word_lines(Emit *e, const Chunk *c, Ptr words, Val k, int64_t count) {
    Val word[PRODUCT_MAX], line[PRODUCT_MAX];
    for (int v = 0; v < c->vecs; v++)
        word[v] = e_load_const(e, words, vector_at(c, v), c->lanes);
    for (int64_t i = 0; i < count; i++) {
        int f = (int)i % c->fields;
        for (int v = 0; v < c->vecs; v++) {
            if (i && f == 0)
                word[v] = e_shr(e, word[v], e_splat(e, e_int(e, DT_U32, HALF), c->lanes));
            line[v] = widen(e, c, word[v], v, f);
        }
        c->use(e, c, k, i, f, line);
    }
}

static void words_emit(Emit *e, const Chunk *c, Ptr words, Val k, int64_t count) {
    int64_t each = WORD / c->narrow->bits, whole = count / each, row = c->narrow->columns;
    if (whole <= UNROLLED)
        for (int64_t i = 0; i < whole; i++)
            word_lines(e, c, e_at_const(e, words, i * row), e_add_const(e, k, i * each), each);
    else
        EMIT_FOR(e, i, e_index(e, 0), e_index(e, whole), 1)
            word_lines(e, c, e_at(e, words, e_mul_const(e, i.i, row)), e_add(e, k, e_mul_const(e, i.i, each)), each);
    if (count % each)
        word_lines(e, c, e_at_const(e, words, whole * row), e_add_const(e, k, whole * each), count % each);
}

// What the sums of all fields of a chunk add to those of the product.
static void add_chunk(Emit *e, const Chunk *c, const Var *part, Val number) {
    const Narrow *n = c->narrow;
    int sums = c->product->rows * c->vecs;
    for (int i = 0; i < sums; i++) {
        int row = i / c->vecs, v = i % c->vecs;
        Val all = e_get(e, part[(c->fields - 1) * sums + i]);
        for (int f = c->fields - 2; f >= 0; f--)
            all = e_fma(e, all, splat(e, ldexp(1, -n->bits), c->lanes), e_get(e, part[f * sums + i]));
        if (n->zeros || n->zero) {
            Val total = e_load(e, n->totals, e_add_const(e, number, row * div_up(n->inner, n->chunk)), 1);
            all = e_fma(e, e_neg(e, c->zero[v][0]), e_splat(e, total, c->lanes), all);
        }
        e_set(e, c->sum[i], e_fma(e, all, c->scale[v], e_get(e, c->sum[i])));
    }
}

static void chunk_sums(Emit *e, const Chunk *c, Ptr words, Val number, Val k, int64_t count) {
    Var part[PRODUCT_MAX];
    Chunk fields = *c;
    for (int i = 0; i < c->product->rows * c->vecs * c->fields; i++)
        part[i] = e_var(e, e_zero(e, DT_F32, c->lanes));
    fields.sum = part;
    words_emit(e, &fields, words, k, count);
    add_chunk(e, c, part, number);
}

// The first `count` lines of chunk number `number`.
static void chunk_lines(Emit *e, Chunk *c, Ptr panels, Val number, int64_t count) {
    const Narrow *n = c->narrow;
    int64_t each = WORD / n->bits, per_block = div_up(n->block, n->chunk);
    Val block = number, inside = e_index(e, 0), k = e_mul_const(e, number, n->chunk);
    if (per_block > 1) {
        block = e_div(e, number, e_index(e, per_block));
        inside = e_mul_const(e, e_rem(e, number, e_index(e, per_block)), n->chunk / each * n->columns);
    }
    Ptr start = e_at(e, panels, e_mul_const(e, block, n->words));
    start_chunk(e, c, start);
    Ptr words = e_at(e, start, e_add_const(e, inside, n->head));
    if (c->late)
        chunk_sums(e, c, words, number, k, count);
    else
        words_emit(e, c, words, k, count);
}

static void chunks_emit(Emit *e, Chunk *c, Ptr panels, Val first, int64_t count) {
    int64_t chunk = c->narrow->chunk;
    Val begin = e_div(e, first, e_index(e, chunk)), end = e_add_const(e, begin, count / chunk);
    if (count >= chunk)
        EMIT_FOR(e, i, begin, end, 1)
            chunk_lines(e, c, panels, i.i, chunk);
    if (count % chunk)
        chunk_lines(e, c, panels, end, count % chunk);
}

// ---- What becomes of lines

static void scale_line(Emit *e, const Chunk *c, int f, Val *line) {
    for (int v = 0; v < c->vecs; v++)
        line[v] = e_mul(e, line[v], e_mul(e, c->scale[v], splat(e, 1 / unit_of(c->narrow, f), c->lanes)));
}

static void multiply_line(Emit *e, const Chunk *c, Val k, int64_t step, const Var *sum, const Val *line) {
    Val acc[PRODUCT_MAX];
    int count = c->product->rows * c->vecs;
    for (int i = 0; i < count; i++)
        acc[i] = e_get(e, sum[i]);
    product_line(e, c->product, acc, e_at(e, c->left, k), step, line);
    for (int i = 0; i < count; i++)
        e_set(e, sum[i], acc[i]);
}

static void add_line(Emit *e, const Chunk *c, Val k, int64_t step, int f, Val *line) {
    scale_line(e, c, f, line);
    multiply_line(e, c, k, step, c->sum, line);
}

static void add_unscaled(Emit *e, const Chunk *c, Val k, int64_t step, int f, Val *line) {
    multiply_line(e, c, k, step, c->sum + f * c->product->rows * c->vecs, line);
}

static void store_line(Emit *e, const Chunk *c, Val k, int64_t step, int f, Val *line) {
    int64_t columns = c->narrow->columns;
    Ptr to = e_at(e, c->to, e_mul_const(e, k, columns));
    scale_line(e, c, f, line);
    for (int v = 0; v < c->vecs; v++)
        e_store_const(e, to, step * columns + (int64_t)v * c->lanes, line[v]);
}

bool narrow_is_late(const Narrow *n, int64_t rows, int64_t panels, const Target *target) {
    return rows * panels * n->columns / target_lanes(target, 32) * (HALF / n->bits) <= target->registers / 2;
}

int64_t narrow_totals(const Narrow *n, int64_t rows) {
    return n->zeros || n->zero ? rows * div_up(n->inner, n->chunk) * (int64_t)sizeof(float) : 0;
}

// The sum of `count` floats.
static Val sum_of(Emit *e, Ptr p, int64_t count) {
    int lanes = target_lanes(e_target(e), 32);
    int64_t whole = count / lanes * lanes;
    Var sum = e_var(e, e_zero(e, DT_F32, lanes));
    EMIT_FOR(e, i, e_index(e, 0), e_index(e, whole), lanes)
        e_set(e, sum, e_add(e, e_get(e, sum), e_load(e, p, i.i, lanes)));
    Val all = e_reduce_add(e, e_get(e, sum));
    for (int64_t i = whole; i < count; i++)
        all = e_add(e, all, e_load_const(e, p, i, 1));
    return all;
}

void narrow_sum(Emit *e, const Narrow *n, int64_t rows, Ptr left, int64_t stride) {
    int64_t chunks = n->inner / n->chunk, rest = n->inner % n->chunk, all = div_up(n->inner, n->chunk);
    EMIT_FOR(e, row, e_index(e, 0), e_index(e, rows), 1) {
        Ptr from = e_at(e, left, e_mul_const(e, row.i, stride)), to = e_at(e, n->totals, e_mul_const(e, row.i, all));
        EMIT_FOR(e, i, e_index(e, 0), e_index(e, chunks), 1)
            e_store(e, to, i.i, sum_of(e, e_at(e, from, e_mul_const(e, i.i, n->chunk)), n->chunk));
        if (rest)
            e_store_const(e, to, chunks, sum_of(e, e_at_const(e, from, chunks * n->chunk), rest));
    }
}

void narrow_run(Emit *e, const Narrow *n, const Product *p, const Var *sum, Ptr left, Ptr panels, Val first,
                int64_t count) {
    Chunk c = {.narrow = n, .late = n->late, .vecs = p->vecs, .lanes = p->lanes, .fields = HALF / n->bits,
               .product = p, .left = left, .sum = sum, .use = n->late ? add_unscaled : add_line};
    chunks_emit(e, &c, panels, first, count);
}

void narrow_widen(Emit *e, const Narrow *n, int count, int lanes, Ptr panels, Ptr to) {
    Chunk c = {.narrow = n, .vecs = (int)n->columns / lanes, .lanes = lanes, .fields = HALF / n->bits,
               .use = store_line};
    for (int p = 0; p < count; p++) {
        c.to = e_at_const(e, to, p * n->inner * n->columns);
        chunks_emit(e, &c, e_at_const(e, panels, p * n->panel_words), e_index(e, 0), n->inner);
    }
}
