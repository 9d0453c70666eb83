// One step loads a line of the panels once, and splats one element of each row:
//
//              line of the panels
//     row 0    acc acc        acc[r][v] += splat(left[r]) * line[v]
//     row 1    acc acc
//     ...      acc acc
#include "codegen/kernels/product.h"

#include "support/checked.h"

enum { MOST_ROWS = 14 };
enum { LINE = 64, WAY = 4096 };  // bytes of a line of the cache; of a way, since it is looked up by offsets in a page

// Where a multiply-add takes one lane of a register, LLVM loads the elements of several rows ahead, and would spill
// sums for them: an eighth of the registers is left to that.
int64_t product_most_rows(const Target *target, int vecs) {
    int ahead = (target->fma ? 1 : 2) + (target->fma_lane ? target->registers / 8 : 0);
    int spare = target->registers - vecs - ahead;
    return max_i64(1, min_i64(spare / vecs, MOST_ROWS));
}

int64_t product_close_rows(const Target *target, int64_t apart) {
    int64_t shared = apart & -apart;  // the largest power of two that divides it
    return WAY / max_i64(LINE, min_i64(shared, WAY)) * (target->l1_bytes / WAY);
}

void product_line(Emit *e, const Product *p, Val *acc, Ptr left, int64_t at, const Val *line) {
    for (int r = 0; r < p->rows; r++) {
        Val splat = e_splat(e, e_load_const(e, left, at + r * p->row_stride, 1), p->lanes);
        for (int v = 0; v < p->vecs; v++)
            acc[r * p->vecs + v] = e_fma(e, splat, line[v], acc[r * p->vecs + v]);
    }
}

// Of the same line, several small integers of each column, of which there are `some` left. Words that are stored as
// bytes are widened.
static void dots_line(Emit *e, const Product *p, Val *acc, Ptr left, int64_t at, int some, Val *line) {
    for (int v = 0; v < p->vecs && p->dots == 2; v++)
        line[v] = e_cast(e, DT_I16, line[v]);
    for (int r = 0; r < p->rows; r++) {
        Val splat = e_load_dots(e, left, at + r * p->row_stride, some, p->lanes);
        for (int v = 0; v < p->vecs; v++)
            acc[r * p->vecs + v] = e_dots(e, acc[r * p->vecs + v], splat, line[v]);
    }
}

static int each_step(const Product *p) {
    return p->dots ? p->dots : 1;
}

// A step of up to `some` elements of each row.
static void step(Emit *e, const Product *p, Val *acc, Ptr left, int64_t at, Ptr right, int64_t line, int some) {
    int per_panel = p->vecs / p->panels, width = each_step(p) * p->lanes;
    Val panel[PRODUCT_MAX];
    for (int v = 0; p->ahead && v < p->panels; v++)
        e_prefetch(e, right, e_index(e, line + v * p->panel_stride + p->ahead));
    for (int v = 0; v < p->vecs; v++)
        panel[v] = e_load_const(e, right, line + v / per_panel * p->panel_stride + (int64_t)(v % per_panel) * width,
                                width);
    for (int v = 0; v < p->vecs && !p->dots; v++)
        panel[v] = e_cast(e, DT_F32, panel[v]);
    if (p->dots)
        dots_line(e, p, acc, left, at, some, panel);
    else
        product_line(e, p, acc, left, at, panel);
}

void product_step(Emit *e, const Product *p, Val *acc, Ptr left, int64_t at, Ptr right, int64_t line) {
    step(e, p, acc, left, at, right, line, each_step(p));
}

void product_barrier(Emit *e, const Product *p, Val *acc) {
    if (e_target(e)->fma_lane)
        return;
    for (int i = 0; i < p->rows * p->vecs; i++)
        e_pin(e, &acc[i]);
    e_barrier(e);
}

static void run_unrolled(Emit *e, const Product *p, const Var *sum, Ptr left, Ptr right, int64_t count) {
    Val acc[PRODUCT_MAX];
    int64_t each = each_step(p);
    for (int i = 0; i < p->rows * p->vecs; i++)
        acc[i] = e_get(e, sum[i]);
    for (int64_t j = 0; j < count; j += each) {
        if (j)
            product_barrier(e, p, acc);
        step(e, p, acc, left, j, right, j / each * p->panel, (int)min_i64(each, count - j));
    }
    for (int i = 0; i < p->rows * p->vecs; i++)
        e_set(e, sum[i], acc[i]);
}

// Steps of one turn of the loop. Where each operand takes a register and those are few, several steps at once make LLVM
// load ahead and spill.
static int64_t unroll_of(const Target *target) {
    return target->registers <= 16 && target->fma_lane ? 1 : PRODUCT_TURN;
}

void product_run(Emit *e, const Product *p, const Var *sum, Ptr left, Ptr right, int64_t count) {
    int64_t each = each_step(p), turn = unroll_of(e_target(e)) * each, whole = count / turn * turn;
    product_run_to(e, p, sum, left, right, e_index(e, whole));
    if (whole < count)
        run_unrolled(e, p, sum, e_at_const(e, left, whole), e_at_const(e, right, whole / each * p->panel),
                     count - whole);
}

void product_run_to(Emit *e, const Product *p, const Var *sum, Ptr left, Ptr right, Val count) {
    int64_t each = each_step(p), turn = unroll_of(e_target(e)) * each;
    EMIT_FOR(e, k, e_index(e, 0), count, turn)
        run_unrolled(e, p, sum, e_at(e, left, k.i), e_at(e, right, e_along(e, &k, p->panel / each)), turn);
}
