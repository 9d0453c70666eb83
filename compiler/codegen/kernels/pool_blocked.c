// MaxPool and AveragePool on channel blocks: lanes are channels, a shard's units are rows (kernels/pool_rows.c).
// Windows too large to be unrolled are combined row by row, then column by column (kernels/pool_separable.c).
#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/kernels/pool_rows.h"
#include "codegen/kernels/pool_separable.h"
#include "codegen/lower.h"
#include "ir/infer.h"

// Of what shows of reading, where there is still less arithmetic; and where vectors are as wide as a line of the cache.
static const double READ = 0.65, READ_WIDE = 1.8;

bool pool_blocked_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    *in = *out = (Layout){LAYOUT_NCHWC, target->block, 0, 0};
    return pool_separates(node) && is_image(&node->in[0]->type);
}

static bool unrolls(const Node *node, PoolRows *pool) {
    Window window = node_window(node);
    return pool_rows_make(&window, pool);
}

bool pool_blocked_accepts(const Node *node, const Target *target) {
    Layout in, out;
    return pool_blocked_layouts(node, target, &in, &out) && is_blocked(&node->in[0]->type, target) &&
           is_blocked(&node->out[0]->type, target);
}

double pool_blocked_cost(const Node *node, const Target *target) {
    PoolRows pool;
    double vectors = (double)type_storage(&node->out[0]->type) / target_lanes(target, 32);
    double moved = (cost_is_wide(target) && !cost_hides_loads(target) ? READ_WIDE : READ) * cost_moved(node, target);
    double cycles =
        unrolls(node, &pool) ? pool_row_cycles(&pool.window, vectors) : pool_separable_cycles(node, target);
    return cost_seconds(target, cost_call(target) + cycles + moved);
}

int64_t pool_blocked_scratch(const Node *node, const Target *target) {
    (void)target;
    PoolRows pool;
    return unrolls(node, &pool) ? 0 : pool_separable_scratch(node);
}

void pool_blocked_lower(Emit *e, const Node *node) {
    PoolRows pool = {0};
    if (!unrolls(node, &pool)) {
        pool_separable_lower(e, node);
        return;
    }
    Image x = image_of(e_in(e, 0), &node->in[0]->type), y = image_of(e_out(e, 0), &node->out[0]->type);
    Window window = pool.window;
    pool.average = node->op == OP_AveragePool;
    pool.count_pads = ((const PoolAttrs *)node->attrs)->count_include_pad;
    pool.lanes = target_lanes(e_target(e), 32);
    pool.vecs = (int)y.block / pool.lanes;
    pool.x_pixel = x.stride.pixel;
    pool.y_pixel = y.stride.pixel;
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
