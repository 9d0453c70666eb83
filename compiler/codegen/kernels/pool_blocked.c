// MaxPool and AveragePool on channel blocks: lanes are channels, a shard's units are rows (kernels/pool_rows.c).
#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/pool_rows.h"
#include "codegen/lower.h"
#include "ir/infer.h"

// Of what shows of reading, where there is still less arithmetic; and where vectors are as wide as a line of the cache.
static const double READ = 0.65, READ_WIDE = 1.8;

bool pool_blocked_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    if ((node->op != OP_MaxPool && node->op != OP_AveragePool) || (node->nout > 1 && node->out[1]))
        return false;
    if (!is_image(&node->in[0]->type) || !is_image(&node->out[0]->type))
        return false;
    Window window = node_window(node);
    PoolRows pool;
    *in = *out = (Layout){LAYOUT_NCHWC, target->block, 0, 0};
    return pool_rows_make(&window, &pool);
}

bool pool_blocked_accepts(const Node *node, const Target *target) {
    Layout in, out;
    return pool_blocked_layouts(node, target, &in, &out) && is_blocked(&node->in[0]->type, target) &&
           is_blocked(&node->out[0]->type, target);
}

double pool_blocked_cost(const Node *node, const Target *target) {
    Window window = node_window(node);
    const Type *y = &node->out[0]->type;
    double moved = (cost_is_wide(target) ? READ_WIDE : READ) * cost_moved(node, target);
    double cycles = pool_row_cycles(&window, (double)type_storage(y) / target_lanes(target, 32));
    return cost_seconds(target, cost_call(target) + cycles + moved);
}

void pool_blocked_lower(Emit *e, const Node *node) {
    Image x = image_of(e_in(e, 0), &node->in[0]->type), y = image_of(e_out(e, 0), &node->out[0]->type);
    Window window = node_window(node);
    PoolRows pool = {.average = node->op == OP_AveragePool,
                     .count_pads = ((const PoolAttrs *)node->attrs)->count_include_pad,
                     .lanes = target_lanes(e_target(e), 32),
                     .x_pixel = x.stride.pixel,
                     .y_pixel = y.stride.pixel};
    pool.vecs = (int)y.block / pool.lanes;
    pool_rows_make(&window, &pool);
    Share share = e_share(e, y.batch * image_blocks(&y) * y.height);
    EMIT_FOR(e, unit, share.begin, share.end, 1) {
        Val row = e_rem(e, unit.i, e_index(e, y.height)), plane = e_div(e, unit.i, e_index(e, y.height));
        EMIT_IF(e, e_eq(e, row, e_index(e, 0)))
            lower_border(e, y.p, &node->out[0]->type, plane, e_add_const(e, plane, 1));
        Val down = e_mul_const(e, row, window.stride[0] * x.stride.row);
        Val first = e_add_const(e, down, -window.begin[0] * x.stride.row);
        Ptr from = e_at(e, image_plane(e, &x, plane), first), tap[POOL_TAPS];
        for (int64_t v = 0; v < window.kernel[0]; v++)
            tap[v] = e_at_const(e, from, v * window.dilation[0] * x.stride.row);
        pool_row(e, &pool, row, tap, e_at(e, image_plane(e, &y, plane), e_mul_const(e, row, y.stride.row)));
    }
}
