// sqz.Dequantize: y = (x - zero) * scale, where each block of a matrix has a scale and perhaps a zero.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "support/checked.h"

typedef struct Row {
    Ptr x, scale, zero, y;
    const DequantizeAttrs *attrs;
    Val x_at, block_at;  // of the row, of its row of blocks
    int64_t columns;
} Row;

// An element for each of these columns from what there is for each block.
static Val of_blocks(Emit *e, const Row *row, Ptr p, Val column, int lanes) {
    if (row->attrs->columns == 1)
        return e_cast(e, DT_F32, e_load(e, p, e_add(e, row->block_at, column), lanes));
    Val block = e_div(e, column, e_index(e, row->attrs->columns));
    return e_splat(e, e_cast(e, DT_F32, e_load(e, p, e_add(e, row->block_at, block), 1)), lanes);
}

static void row_span(Emit *e, void *arg, Val column, int lanes) {
    const Row *row = arg;
    Val at = e_add(e, row->x_at, column), x = e_cast(e, DT_F32, e_load(e, row->x, at, lanes));
    Val zero = row->zero.v ? of_blocks(e, row, row->zero, column, lanes)
                           : e_splat(e, e_float(e, DT_F32, (double)row->attrs->zero), lanes);
    e_store(e, row->y, at, e_mul(e, e_sub(e, x, zero), of_blocks(e, row, row->scale, column, lanes)));
}

static void lower_dequantize(Emit *e, const Node *node) {
    const DequantizeAttrs *attrs = node->attrs;
    int64_t rows = node->in[0]->type.dim[0].n, columns = node->in[0]->type.dim[1].n;
    int lanes = e_lanes(e, DT_F32);
    bool one_block = attrs->columns == 1 || attrs->columns >= columns || attrs->columns % lanes == 0;
    Row row = {e_in(e, 0), e_in(e, 1), {0}, e_out(e, 0), attrs, {0}, {0}, columns};
    if (node_in(node, 2))
        row.zero = e_in(e, 2);
    Share share = e_share(e, rows);
    EMIT_FOR(e, i, share.begin, share.end, 1) {
        row.x_at = e_mul_const(e, i.i, columns);
        row.block_at = e_mul_const(e, e_div(e, i.i, e_index(e, attrs->rows)), div_up(columns, attrs->columns));
        emit_span(e, e_index(e, 0), e_index(e, columns), one_block ? lanes : 1, row_span, &row);
    }
}

const OpImpl impl_Dequantize = {.lower = lower_dequantize};
