// GlobalAveragePool and GlobalMaxPool on channel blocks: one pass over each plane, lanes are channels. Several partial
// results, one for each of a few neighbouring pixels, hide the latency of the additions.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/kernels.h"
#include "codegen/lower.h"
#include "support/checked.h"

enum { PARTS = 4, MAX_PARTS = 32 };
static const double VECTOR_CYCLES = 0.5, ROW_CYCLES = 3, PLANE_CYCLES = 6;
static const double HIDDEN = 0.75;  // of what shows of reading where there is still less arithmetic

bool global_pool_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    *in = *out = (Layout){LAYOUT_NCHWC, target->block, 0, 0};
    return (node->op == OP_GlobalAveragePool || node->op == OP_GlobalMaxPool) && is_image(&node->in[0]->type) &&
           is_image(&node->out[0]->type);
}

bool global_pool_accepts(const Node *node, const Target *target) {
    Layout in, out;
    return global_pool_layouts(node, target, &in, &out) && is_blocked(&node->in[0]->type, target) &&
           is_blocked(&node->out[0]->type, target);
}

double global_pool_cost(const Node *node, const Target *target) {
    const Type *x = &node->in[0]->type;
    double vectors = (double)type_storage(x) / target_lanes(target, 32);
    double planes = (double)(x->dim[0].n * div_up(x->dim[1].n, target->block));
    double compute = vectors * VECTOR_CYCLES + planes * ((double)x->dim[2].n * ROW_CYCLES + PLANE_CYCLES);
    return cost_seconds(target, cost_call(target) + compute + HIDDEN * cost_moved(node, target));
}

static Val combine(Emit *e, bool average, Val a, Val b) {
    return average ? e_add(e, a, b) : e_max_nan(e, a, b);
}

static void add_pixels(Emit *e, const Image *x, bool average, Ptr row, int count, int vecs, int lanes, Var *part) {
    for (int p = 0; p < count; p++)
        for (int v = 0; v < vecs; v++) {
            Val pixel = e_load_const(e, row, p * x->stride.pixel + (int64_t)v * lanes, lanes);
            e_set(e, part[p * vecs + v], combine(e, average, e_get(e, part[p * vecs + v]), pixel));
        }
}

static void plane_emit(Emit *e, const Image *x, bool average, Ptr from, Ptr to) {
    int lanes = target_lanes(e_target(e), 32), vecs = (int)x->block / lanes;
    Var part[MAX_PARTS];
    int64_t whole = x->width / PARTS * PARTS;
    Val start = average ? e_zero(e, DT_F32, lanes) : e_splat(e, e_float(e, DT_F32, -(double)__builtin_inff()), lanes);
    for (int i = 0; i < PARTS * vecs; i++)
        part[i] = e_var(e, start);
    EMIT_TIMES(e, q, x->height) {
        Ptr row = e_at(e, from, e_mul_const(e, q.i, x->stride.row));
        EMIT_FOR(e, p, e_index(e, 0), e_index(e, whole), PARTS)
            add_pixels(e, x, average, e_at(e, row, e_mul_const(e, p.i, x->stride.pixel)), PARTS, vecs, lanes, part);
        add_pixels(e, x, average, e_at_const(e, row, whole * x->stride.pixel), (int)(x->width - whole), vecs, lanes,
                   part);
    }
    for (int v = 0; v < vecs; v++) {
        Val low = combine(e, average, e_get(e, part[v]), e_get(e, part[vecs + v]));
        Val high = combine(e, average, e_get(e, part[2 * vecs + v]), e_get(e, part[3 * vecs + v]));
        Val result = combine(e, average, low, high);
        if (average)
            result = e_div(e, result, e_splat(e, e_float(e, DT_F32, (double)(x->height * x->width)), lanes));
        e_store_const(e, to, (int64_t)v * lanes, result);
    }
}

void global_pool_lower(Emit *e, const Node *node) {
    Image x = image_of(e_in(e, 0), &node->in[0]->type), y = image_of(e_out(e, 0), &node->out[0]->type);
    Share share = e_share(e, x.batch * image_blocks(&x));
    EMIT_FOR(e, plane, share.begin, share.end, 1) {
        lower_border(e, y.p, &node->out[0]->type, plane.i, e_add_const(e, plane.i, 1));
        plane_emit(e, &x, node->op == OP_GlobalAveragePool, image_plane(e, &x, plane.i), image_plane(e, &y, plane.i));
    }
}
