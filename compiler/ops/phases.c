// sqz.Phases: the four phases of an image, each of every second row and column, as channels.
//
//     y[n][(2 * v + u) * C + c][i][j] = x[n][c][2 * i + v][2 * j + u], 0 where that is outside of x
//
// The output may be in blocks of channels, whose lanes behind the last channel become 0.
#include "codegen/lower.h"
#include "support/checked.h"

enum { MOST_LANES = 16 };

typedef struct Phases {
    Ptr x, y;
    const Type *from, *to;
    Strides in, out;
    int64_t channels, block, lanes;  // channels of x; lanes: of y, padding included
    int vector;                      // lanes that are stored together; 1: each for itself
} Phases;

static int64_t lane_offset(const Phases *p, int64_t lane) {
    return lane / p->block * p->out.channel + lane % p->block;
}

// x: element (0, 0, 2 * i, 2 * j); y: element (0, 0, i, j). Which of the other row and column exist is known.
static void pixel_emit(Emit *e, const Phases *p, Ptr x, Ptr y, bool has_row, bool has_column) {
    Val zero = e_zero(e, p->from->dtype, 1);
    for (int64_t lane = 0; lane < p->lanes; lane++) {
        int64_t phase = lane / p->channels, v = phase / 2, u = phase % 2;
        bool inside = lane < 4 * p->channels && (has_row || !v) && (has_column || !u);
        int64_t at = lane % p->channels * p->in.channel + v * p->in.row + u * p->in.pixel;
        e_store_const(e, y, lane_offset(p, lane), inside ? e_load_const(e, x, at, 1) : zero);
    }
}

// As many pixels as a vector has lanes, all of which have the other column: vectors along the row, turned into vectors
// of channels.
static void pixels_emit(Emit *e, const Phases *p, Ptr x, Ptr y, bool has_row) {
    for (int64_t first = 0; first < p->lanes; first += p->vector) {
        Val lanes[MOST_LANES];
        for (int i = 0; i < p->vector; i++) {
            int64_t lane = first + i, phase = lane / p->channels, v = phase / 2, u = phase % 2;
            bool inside = lane < 4 * p->channels && (has_row || !v);
            int64_t at = lane % p->channels * p->in.channel + v * p->in.row + u * p->in.pixel;
            lanes[i] = inside ? e_load_strided(e, x, e_index(e, at), 2 * p->in.pixel, p->vector)
                              : e_zero(e, p->from->dtype, p->vector);
        }
        e_transpose(e, lanes);
        for (int i = 0; i < p->vector; i++)
            e_store_const(e, y, lane_offset(p, first) + i * p->out.pixel, lanes[i]);
    }
}

static void row_emit(Emit *e, const Phases *p, Ptr x, Ptr y, bool has_row) {
    int64_t width = p->from->dim[3].n, whole = width / 2;
    int64_t vectors = p->vector > 1 ? whole / p->vector : 0, done = vectors * p->vector;
    EMIT_TIMES(e, j, vectors)
        pixels_emit(e, p, e_at(e, x, e_mul_const(e, j.i, 2 * p->vector * p->in.pixel)),
                    e_at(e, y, e_mul_const(e, j.i, p->vector * p->out.pixel)), has_row);
    EMIT_FOR(e, j, e_index(e, done), e_index(e, whole), 1)
        pixel_emit(e, p, e_at(e, x, e_mul_const(e, j.i, 2 * p->in.pixel)),
                   e_at(e, y, e_mul_const(e, j.i, p->out.pixel)), has_row, true);
    if (width % 2)
        pixel_emit(e, p, e_at_const(e, x, 2 * whole * p->in.pixel), e_at_const(e, y, whole * p->out.pixel), has_row,
                   false);
}

static void lower_phases(Emit *e, const Node *node) {
    Phases p = {.x = e_in(e, 0), .y = e_out(e, 0), .from = &node->in[0]->type, .to = &node->out[0]->type};
    p.in = type_strides(p.from);
    p.out = type_strides(p.to);
    p.channels = p.from->dim[1].n;
    p.block = p.to->layout.kind == LAYOUT_NCHWC ? p.to->layout.block : 1;
    p.lanes = align_up(4 * p.channels, p.block);
    int vector = target_lanes(e_target(e), dtype_info[p.from->dtype].bits);
    p.vector = p.block > 1 && p.block % vector == 0 && vector <= MOST_LANES && p.in.pixel == 1 ? vector : 1;
    int64_t height = p.from->dim[2].n, rows = p.to->dim[2].n, planes = p.lanes / p.block;
    Share share = e_share(e, p.to->dim[0].n * rows);
    EMIT_FOR(e, unit, share.begin, share.end, 1) {
        Val n = e_div(e, unit.i, e_index(e, rows)), i = e_rem(e, unit.i, e_index(e, rows));
        EMIT_IF(e, e_eq(e, i, e_index(e, 0)))
            lower_border(e, p.y, p.to, e_mul_const(e, n, planes), e_mul_const(e, e_add_const(e, n, 1), planes));
        Val from = e_add(e, e_mul_const(e, n, p.in.batch), e_mul_const(e, i, 2 * p.in.row));
        Val to = e_add(e, e_mul_const(e, n, p.out.batch), e_mul_const(e, i, p.out.row));
        Ptr x = e_at(e, p.x, e_add_const(e, from, p.in.origin)), y = e_at(e, p.y, e_add_const(e, to, p.out.origin));
        EMIT_IF(e, e_lt(e, i, e_index(e, height / 2)))
            row_emit(e, &p, x, y, true);
        if (height % 2)
            EMIT_IF(e, e_eq(e, i, e_index(e, height / 2)))
                row_emit(e, &p, x, y, false);
    }
}

const OpImpl impl_Phases = {.lower = lower_phases};
