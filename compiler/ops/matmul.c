// MatMul and Gemm: y = act(alpha * a * b + beta * c + r), a product for each batch. A MatMul has c, the same for each
// row, and r by fusion only, and adds both when the sum is complete, as the operators did that they come from.
//
// Where a row of b is contiguous, a tile of 4 rows x 2 vectors of the result stays in registers over the whole k loop;
// where both are contiguous along k (Gemm with transB, a matrix times a vector), four results at a time are dot
// products in vectors, of four columns, or of four rows where there is one column; unless sums are to have the order of
// codegen/order.h, as all others have. All else, and everything at -O0, is scalar.
#include "codegen/lower.h"
#include "codegen/order.h"
#include "ops/copy.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "support/checked.h"

enum { TILE_ROWS = 4, TILE_VECTORS = 2, DOTS = 4, CHAINS = 2, CHUNK = 128 };

typedef struct Product {
    Ptr a, b, c, r, y;  // c and r may be null
    int64_t rows, columns, k;
    int64_t a_row, a_k, b_k, b_column, c_row, c_column, y_row, y_column;
    int64_t a_origin, b_origin, y_origin;
    int rank;        // of the batch
    int64_t size[MAX_RANK], a_step[MAX_RANK], b_step[MAX_RANK], y_step[MAX_RANK];
    int64_t r_row, r_step[MAX_RANK], r_origin;
    bool c_last;     // c is no term of the sum
    double alpha, beta;
    const Act *act;  // may be null
    DType dtype;
    Val a_at, b_at, r_at, y_at;  // of the batch at hand
} Product;

// Elements of a factor; bytes are widened, since sums are of a type of their own.
static Val factor(Emit *e, const Product *p, Ptr x, Val index, int lanes) {
    return e_cast(e, p->dtype, load_compute(e, x, index, lanes));
}

static Val at(Emit *e, Val base, Val row, int64_t row_step, Val column, int64_t column_step) {
    return e_add(e, e_add(e, base, e_mul_const(e, row, row_step)), e_mul_const(e, column, column_step));
}

// beta * c of consecutive columns.
static Val product_addend(Emit *e, const Product *p, Val row, Val column, int lanes) {
    Val where = at(e, e_index(e, 0), row, p->c_row, column, p->c_column);
    Val c = fit(e, load_compute(e, p->c, where, p->c_column ? lanes : 1), lanes);
    return p->beta == 1 ? c : e_mul(e, c, e_splat(e, e_number(e, c.dtype, p->beta), lanes));
}

static bool starts_from_addend(const Product *p) {
    return p->c.v && p->alpha == 1 && !p->c_last;
}

// What the sums of consecutive columns start from.
static Val product_start(Emit *e, const Product *p, Val row, Val column, int lanes) {
    return starts_from_addend(p) ? product_addend(e, p, row, column, lanes) : e_zero(e, p->dtype, lanes);
}

// `sum` is that of consecutive columns, as many as it has lanes.
static void product_store(Emit *e, const Product *p, Val row, Val column, Val sum) {
    int lanes = sum.lanes;
    if (p->alpha != 1)
        sum = e_mul(e, sum, e_splat(e, e_number(e, sum.dtype, p->alpha), lanes));
    if (p->c.v && !starts_from_addend(p))
        sum = e_add(e, p->c_last ? e_settle(e, sum, p->y.dtype) : sum, product_addend(e, p, row, column, lanes));
    if (p->r.v)
        sum = e_add(e, e_settle(e, sum, p->y.dtype),
                    load_compute(e, p->r, at(e, p->r_at, row, p->r_row, column, 1), lanes));
    if (p->act && p->act->kind != ACT_NONE)
        sum = e_act(e, p->act, e_settle(e, sum, p->y.dtype));
    store_compute(e, p->y, at(e, p->y_at, row, p->y_row, column, p->y_column), sum);
}

typedef struct Tile {
    Val row, column;
    int rows, vectors, lanes;
} Tile;

// Adds the terms begin .. end - 1 to acc[row][vector].
static void tile_terms(Emit *e, const Product *p, const Tile *t, Val begin, Val end, Var *acc) {
    EMIT_FOR(e, k, begin, end, 1) {
        Val b[TILE_VECTORS];
        for (int v = 0; v < t->vectors; v++)
            b[v] = factor(e, p, p->b, at(e, p->b_at, k.i, p->b_k, e_add_const(e, t->column, v * t->lanes), p->b_column),
                          t->lanes);
        for (int r = 0; r < t->rows; r++) {
            Val a = factor(e, p, p->a, at(e, p->a_at, e_add_const(e, t->row, r), p->a_row, k.i, p->a_k), 1);
            for (int v = 0; v < t->vectors; v++) {
                Var sum = acc[r * t->vectors + v];
                e_set(e, sum, e_fma(e, e_splat(e, a, t->lanes), b[v], e_get(e, sum)));
            }
        }
    }
}

static void product_tile(Emit *e, const Product *p, const Tile *t) {
    Var acc[TILE_ROWS * TILE_VECTORS], part[TILE_ROWS * TILE_VECTORS];
    int sums = t->rows * t->vectors;
    int64_t whole = p->k > ORDER_SLICE ? p->k / ORDER_SLICE * ORDER_SLICE : 0;
    for (int i = 0; i < sums; i++)
        acc[i] = e_var(e, product_start(e, p, e_add_const(e, t->row, i / t->vectors),
                                        e_add_const(e, t->column, i % t->vectors * t->lanes), t->lanes));
    EMIT_FOR(e, k, e_index(e, 0), e_index(e, whole), ORDER_SLICE) {
        for (int i = 0; i < sums; i++)
            part[i] = e_var(e, e_zero(e, p->dtype, t->lanes));
        tile_terms(e, p, t, k.i, e_add_const(e, k.i, ORDER_SLICE), part);
        for (int i = 0; i < sums; i++)
            e_set(e, acc[i], e_add(e, e_get(e, acc[i]), e_get(e, part[i])));
    }
    tile_terms(e, p, t, e_index(e, whole), e_index(e, p->k), acc);
    for (int i = 0; i < sums; i++)
        product_store(e, p, e_add_const(e, t->row, i / t->vectors),
                      e_add_const(e, t->column, i % t->vectors * t->lanes), e_get(e, acc[i]));
}

// `count` results side by side, each a dot product along k.
static void product_dots(Emit *e, const Product *p, Val row, Val column, int count, int lanes) {
    Var acc[DOTS];
    for (int d = 0; d < count; d++)
        acc[d] = e_var(e, e_zero(e, p->dtype, lanes));
    int64_t whole = p->k - p->k % lanes;
    EMIT_FOR(e, k, e_index(e, 0), e_index(e, whole), lanes) {
        Val a = factor(e, p, p->a, at(e, p->a_at, row, p->a_row, k.i, 1), lanes);
        for (int d = 0; d < count; d++) {
            Val b = factor(e, p, p->b, at(e, p->b_at, k.i, 1, e_add_const(e, column, d), p->b_column), lanes);
            e_set(e, acc[d], e_fma(e, a, b, e_get(e, acc[d])));
        }
    }
    for (int d = 0; d < count; d++) {
        Val start = product_start(e, p, row, e_add_const(e, column, d), 1);
        Var sum = e_var(e, e_add(e, start, e_reduce_add(e, e_get(e, acc[d]))));
        EMIT_FOR(e, k, e_index(e, whole), e_index(e, p->k), 1) {
            Val a = factor(e, p, p->a, at(e, p->a_at, row, p->a_row, k.i, 1), 1);
            Val b = factor(e, p, p->b, at(e, p->b_at, k.i, 1, e_add_const(e, column, d), p->b_column), 1);
            e_set(e, sum, e_fma(e, a, b, e_get(e, sum)));
        }
        product_store(e, p, row, e_add_const(e, column, d), e_get(e, sum));
    }
}

// acc[r * CHAINS + c] += a[row + r] * b for `chains` vectors from k on.
static void column_step(Emit *e, const Product *p, Val row, int rows, Val k, int chains, const Var *acc, int lanes) {
    Val b[CHAINS], zero = e_index(e, 0);
    for (int c = 0; c < chains; c++)
        b[c] = factor(e, p, p->b, at(e, p->b_at, e_add_const(e, k, c * lanes), 1, zero, 0), lanes);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < chains; c++) {
            Val from = e_add_const(e, k, c * lanes);
            Val a = factor(e, p, p->a, at(e, p->a_at, e_add_const(e, row, r), p->a_row, from, 1), lanes);
            e_set(e, acc[r * CHAINS + c], e_fma(e, a, b[c], e_get(e, acc[r * CHAINS + c])));
        }
}

// The one column of `rows` rows, each a dot product along k; two chains of sums hide the latency of an addition.
static void column_dots(Emit *e, const Product *p, Val row, int rows, int lanes) {
    Var acc[TILE_ROWS * CHAINS];
    int64_t whole = p->k / (CHAINS * lanes) * (CHAINS * lanes), vectors = p->k / lanes * lanes;
    for (int i = 0; i < rows * CHAINS; i++)
        acc[i] = e_var(e, e_zero(e, p->dtype, lanes));
    EMIT_FOR(e, k, e_index(e, 0), e_index(e, whole), CHAINS * lanes)
        column_step(e, p, row, rows, k.i, CHAINS, acc, lanes);
    if (whole < vectors)
        column_step(e, p, row, rows, e_index(e, whole), 1, acc, lanes);
    Var sum[TILE_ROWS * CHAINS];
    for (int r = 0; r < rows; r++) {
        Val both = e_add(e, e_get(e, acc[r * CHAINS]), e_get(e, acc[r * CHAINS + 1]));
        sum[r * CHAINS] =
            e_var(e, e_add(e, product_start(e, p, e_add_const(e, row, r), e_index(e, 0), 1), e_reduce_add(e, both)));
    }
    EMIT_FOR(e, k, e_index(e, vectors), e_index(e, p->k), 1)
        column_step(e, p, row, rows, k.i, 1, sum, 1);
    for (int r = 0; r < rows; r++)
        product_store(e, p, e_add_const(e, row, r), e_index(e, 0), e_get(e, sum[r * CHAINS]));
}

typedef struct Strip {
    Product *product;
    Val row;
    int rows;
} Strip;

static void strip_span(Emit *e, void *arg, Val column, int lanes) {
    const Strip *strip = arg;
    int full = e_lanes(e, strip->product->dtype);
    int vectors = lanes > full ? lanes / full : 1;
    product_tile(e, strip->product, &(Tile){strip->row, column, strip->rows, vectors, lanes / vectors});
}

static void dots_span(Emit *e, void *arg, Val column, int lanes) {
    const Strip *strip = arg;
    for (int r = 0; r < strip->rows; r++)
        product_dots(e, strip->product, e_add_const(e, strip->row, r), column, lanes,
                     e_lanes(e, strip->product->dtype));
}

// The columns begin .. end - 1 of `rows` rows.
static void product_strip(Emit *e, Product *p, Val row, int rows, Val begin, Val end) {
    Strip strip = {p, row, rows};
    int lanes = e_lanes(e, p->dtype);
    bool dots = !e_exact(e) && lanes > 1 && p->a_k == 1 && p->b_k == 1 && p->k >= lanes;
    if (dots && p->columns == 1) {
        column_dots(e, p, row, rows, lanes);
        return;
    }
    if (dots && p->b_column != 1) {
        emit_span(e, begin, end, DOTS, dots_span, &strip);
        return;
    }
    if (lanes == 1 || p->b_column != 1 || p->y_column != 1) {
        emit_span(e, begin, end, 1, strip_span, &strip);
        return;
    }
    Val middle = e_add(e, begin, e_and(e, e_sub(e, end, begin), e_index(e, -(int64_t)(TILE_VECTORS * lanes))));
    EMIT_FOR(e, i, begin, middle, TILE_VECTORS * lanes)
        strip_span(e, &strip, i.i, TILE_VECTORS * lanes);
    emit_span(e, middle, end, lanes, strip_span, &strip);
}

static void product_lower(Emit *e, Product *p) {
    int tile = e_fast(e) ? TILE_ROWS : 1;
    if (p->rows * p->columns == 0)
        return;
    int64_t chunk = e_fast(e) ? CHUNK : p->columns;
    int64_t strips = div_up(p->rows, tile), chunks = div_up(p->columns, chunk);
    Share share = e_share(e, product(p->size, p->rank) * strips * chunks);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK + 2];
        int64_t size[MAX_RANK + 2];
        for (int i = 0; i < p->rank; i++)
            size[i] = p->size[i];
        size[p->rank] = strips;
        size[p->rank + 1] = chunks;
        decode(e, u.i, size, p->rank + 2, position);
        p->a_at = locate(e, e_index(e, p->a_origin), position, p->a_step, p->rank);
        p->b_at = locate(e, e_index(e, p->b_origin), position, p->b_step, p->rank);
        if (p->r.v)
            p->r_at = locate(e, e_index(e, p->r_origin), position, p->r_step, p->rank);
        p->y_at = locate(e, e_index(e, p->y_origin), position, p->y_step, p->rank);
        Val strip = position[p->rank], row = e_mul_const(e, strip, tile);
        Val begin = e_mul_const(e, position[p->rank + 1], chunk);
        Val end = e_min(e, e_add_const(e, begin, chunk), e_index(e, p->columns));
        int rest = (int)(p->rows % tile);
        if (p->rows >= tile)
            EMIT_IF(e, e_lt(e, strip, e_index(e, p->rows / tile)))
                product_strip(e, p, row, tile, begin, end);
        if (rest > 0)
            EMIT_IF(e, e_eq(e, strip, e_index(e, p->rows / tile)))
                product_strip(e, p, row, rest, begin, end);
    }
}

static void lower_gemm(Emit *e, const Node *node) {
    const GemmAttrs *attrs = node->attrs;
    const Type *a = &node->in[0]->type, *b = &node->in[1]->type, *y = &node->out[0]->type;
    int64_t a_width = type_size(a, 1), b_width = type_size(b, 1);
    Product p = {.a = e_in(e, 0), .b = e_in(e, 1), .y = e_out(e, 0), .rows = type_size(y, 0),
                 .columns = type_size(y, 1), .k = type_size(a, attrs->trans_a ? 0 : 1), .y_row = type_size(y, 1),
                 .y_column = 1, .alpha = attrs->alpha, .beta = attrs->beta, .act = &attrs->act,
                 .dtype = compute_type(y->dtype)};
    p.a_row = attrs->trans_a ? 1 : a_width;
    p.a_k = attrs->trans_a ? a_width : 1;
    p.b_k = attrs->trans_b ? 1 : b_width;
    p.b_column = attrs->trans_b ? b_width : 1;
    if (node_in(node, 2)) {
        const Type *c = &node->in[2]->type;
        int64_t c_columns = c->rank > 0 ? type_size(c, c->rank - 1) : 1;
        p.c = e_in(e, 2);
        p.c_column = c_columns == 1 ? 0 : 1;
        p.c_row = c->rank < 2 || type_size(c, 0) == 1 ? 0 : c_columns;
    }
    product_lower(e, &p);
}

// Of an operand with `own` axes besides its batch, transposed by `perm` as it is read. Its batch is lined up with that
// of the product, of rank `batch`, at the right.
static Factor factor_of(const Type *type, Ints perm, int batch, int own) {
    int64_t lying[MAX_RANK], steps[MAX_RANK];
    Type read = type_permuted(type, perm);
    Factor factor = {.origin = type_steps(type, lying)};
    for (int i = 0; i < type->rank; i++)
        steps[i] = lying[perm.n ? perm.v[i] : i];
    int shift = batch - (type->rank - own);
    for (int i = 0; i < batch; i++)
        factor.batch[i] = i < shift || type_size(&read, i - shift) == 1 ? 0 : steps[i - shift];
    if (own == 2)
        factor.row = steps[type->rank - 2];
    factor.column = own ? steps[type->rank - 1] : 0;
    return factor;
}

// The result is stored as its transposition lies.
static Factor result_of(const Type *type, Ints perm, int batch, bool has_rows, bool has_columns) {
    int64_t lying[MAX_RANK], steps[MAX_RANK];
    Factor factor = {.origin = type_steps(type, lying), .column = 1};
    for (int i = 0; i < type->rank; i++)
        steps[perm.n ? perm.v[i] : i] = lying[i];
    for (int i = 0; i < batch; i++)
        factor.batch[i] = steps[i];
    if (has_rows)
        factor.row = steps[batch];
    if (has_columns)
        factor.column = steps[type->rank - 1];
    return factor;
}

Factors matmul_factors(const Node *node) {
    const MatMulAttrs *attrs = node->attrs;
    Type a = matmul_factor(node, 0), b = matmul_factor(node, 1);
    const Type *y = &node->out[0]->type;
    bool has_rows = a.rank > 1, has_columns = b.rank > 1;
    Factors f = {.rank = y->rank - has_rows - has_columns, .inner = type_size(&a, a.rank - 1)};
    f.rows = has_rows ? type_size(&a, a.rank - 2) : 1;
    f.columns = has_columns ? type_size(&b, b.rank - 1) : 1;
    f.a = factor_of(&node->in[0]->type, attrs->perm_a, f.rank, has_rows ? 2 : 1);
    f.b = factor_of(&node->in[1]->type, attrs->perm_b, f.rank, has_columns ? 2 : 1);
    f.y = result_of(y, attrs->perm_y, f.rank, has_rows, has_columns);
    if (!has_columns) {  // a vector on the right is a column
        f.b.row = f.b.column;
        f.b.column = 1;
    }
    for (int i = 0; i < y->rank; i++) {
        int axis = attrs->perm_y.n ? (int)attrs->perm_y.v[i] : i;
        if (axis < f.rank)
            f.size[axis] = type_size(y, i);
    }
    return f;
}

// What is added has the shape of the result, but perhaps a rim.
static void add_result_like(Emit *e, Product *p, bool has_rows, const Type *type) {
    int64_t steps[MAX_RANK];
    p->r = e_in(e, 3);
    p->r_origin = type_steps(type, steps);
    p->r_row = has_rows ? steps[p->rank] : 0;
    for (int i = 0; i < p->rank; i++)
        p->r_step[i] = steps[i];
}

static void lower_matmul(Emit *e, const Node *node) {
    const Type *y = &node->out[0]->type;
    Factors f = matmul_factors(node);
    Product p = {.a = e_in(e, 0), .b = e_in(e, 1), .y = e_out(e, 0), .alpha = 1, .beta = 1,
                 .dtype = compute_type(y->dtype), .c_column = 1, .c_last = true,
                 .rows = f.rows, .columns = f.columns, .k = f.inner, .rank = f.rank,
                 .a_row = f.a.row, .a_k = f.a.column, .b_k = f.b.row, .b_column = f.b.column,
                 .y_row = f.y.row, .y_column = f.y.column,
                 .a_origin = f.a.origin, .b_origin = f.b.origin, .y_origin = f.y.origin,
                 .act = &((const MatMulAttrs *)node->attrs)->act};
    for (int i = 0; i < f.rank; i++) {
        p.size[i] = f.size[i];
        p.a_step[i] = f.a.batch[i];
        p.b_step[i] = f.b.batch[i];
        p.y_step[i] = f.y.batch[i];
    }
    if (node_in(node, 2))
        p.c = e_in(e, 2);
    if (node_in(node, 3))
        add_result_like(e, &p, node->in[0]->type.rank > 1, &node->in[3]->type);
    product_lower(e, &p);
}

const OpImpl impl_Gemm = {.lower = lower_gemm};
const OpImpl impl_MatMul = {.lower = lower_matmul};
