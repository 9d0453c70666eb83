// The inverses of pools and patches: MaxUnpool and Col2Im.
//
// MaxUnpool puts each element where the pool that gave the index found it; the index counts in an image of the size
// that the pool must have had, which lies at the start of a larger result. Col2Im adds up the columns that an im2col
// would have copied from each pixel.
#include "codegen/lower.h"
#include "ir/infer.h"
#include "ops/copy.h"
#include "ops/declared.h"
#include "ops/index.h"
#include "ops/known.h"

static void lower_max_unpool(Emit *e, const Node *node) {
    declared_check(e, node);
    const Type *type = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t size[MAX_RANK], x[MAX_RANK], where[MAX_RANK], y[MAX_RANK], pooled[MAX_RANK];
    Diag quiet = {0};
    Infer infer = {.arena = e_arena(e), .diag = &quiet};
    int last = type->rank - 1;
    if (type_count(out) > 0)
        e_clear(e, e_out(e, 0), e_index(e, 0), type_storage(out));
    if (type_count(type) == 0 || type_count(out) == 0 || !unpool_sizes(&infer, node, pooled))
        return;
    int64_t x_origin = type_steps(type, x), where_origin = type_steps(&node->in[1]->type, where);
    int64_t y_origin = type_steps(out, y), limit = product(pooled, type->rank);
    type_sizes(type, size);
    Ptr from = e_in(e, 0), chosen = e_in(e, 1), to = e_out(e, 0);
    EMIT_TIMES(e, u, product(size, last)) {
        Val position[MAX_RANK], target[MAX_RANK];
        decode(e, u.i, size, last, position);
        EMIT_TIMES(e, i, size[last]) {
            position[last] = i.i;
            Val number = e_load(e, chosen, locate(e, e_index(e, where_origin), position, where, type->rank), 1);
            decode(e, index_checked(e, number, limit), pooled, type->rank, target);
            Val element = e_load(e, from, locate(e, e_index(e, x_origin), position, x, type->rank), 1);
            e_store(e, to, locate(e, e_index(e, y_origin), target, y, type->rank), element);
        }
    }
}

// Adds element `from` of the columns to the pixel that tap `tap` of column `column` saw, if there is one.
static void add_pixel(Emit *e, const Columns *c, const Val *tap, Val column, Val from, Val image) {
    Val position[MAX_RANK], inside = e_bool(e, true), at = image;
    int64_t step[MAX_RANK], size = 1;
    for (int i = c->n - 1; i >= 0; i--) {
        step[i] = size;
        size *= c->image[i];
    }
    decode(e, column, c->count, c->n, position);
    for (int i = 0; i < c->n; i++) {
        Val pixel = e_add(e, e_mul_const(e, position[i], c->stride[i]), e_mul_const(e, tap[i], c->dilation[i]));
        pixel = e_add_const(e, pixel, -c->begin[i]);
        inside = e_and(e, inside, e_and(e, e_ge(e, pixel, e_index(e, 0)), e_lt(e, pixel, e_index(e, c->image[i]))));
        at = e_add(e, at, e_mul_const(e, pixel, step[i]));
    }
    EMIT_IF(e, inside) {
        Ptr y = e_out(e, 0);
        store_compute(e, y, at, e_add(e, load_compute(e, y, at, 1), load_compute(e, e_in(e, 0), from, 1)));
    }
}

static void lower_col2im(Emit *e, const Node *node) {
    const Type *out = &node->out[0]->type;
    Diag quiet = {0};
    Infer infer = known_infer(e_arena(e), node, &quiet);
    Columns c;
    if (type_count(out) == 0 || !column_plan(&infer, node, &c))
        return;
    int64_t pixels = product(c.image, c.n);
    Share share = e_share(e, type_size(out, 0) * type_size(out, 1));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val image = e_mul_const(e, u.i, pixels);
        e_clear(e, e_out(e, 0), image, pixels);
        EMIT_TIMES(e, t, c.taps) {
            Val tap[MAX_RANK];
            decode(e, t.i, c.block, c.n, tap);
            Val row = e_mul_const(e, e_add(e, e_mul_const(e, u.i, c.taps), t.i), c.columns);
            EMIT_TIMES(e, column, c.columns)
                add_pixel(e, &c, tap, column.i, e_add(e, row, column.i), image);
        }
    }
}

const OpImpl impl_MaxUnpool = {.lower = lower_max_unpool};
const OpImpl impl_Col2Im = {.lower = lower_col2im};
