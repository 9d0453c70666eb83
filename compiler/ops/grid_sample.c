// GridSample: the input read at points between its elements, which the grid gives: for each result, one coordinate per
// spatial axis (the last axis first), -1 and 1 being the ends of the axis.
//
// For each axis there are 1, 2 or 4 taps with weights; they serve all channels. A tap outside counts as 0, or lies at
// the border, or is reflected into the input. Whatever the grid holds, positions are clamped before they are used.
#include "codegen/lower.h"
#include "ops/copy.h"

enum { AXES = 3, TAPS = 4 };

typedef struct GridAxis {
    int64_t size, step;
    double low, high;  // the borders that coordinates reflect at
    Val at[TAPS], inside[TAPS], weight[TAPS];
} GridAxis;

typedef struct Grid {
    const GridAttrs *attrs;
    Ptr x, y;
    DType dtype;  // of coordinates
    int axes, taps;
    GridAxis axis[AXES];
} Grid;

static Val number(Emit *e, const Grid *g, double n) {
    return e_float(e, g->dtype, n);
}

// Into low .. high by reflecting at both, as often as it takes.
static Val reflect(Emit *e, const Grid *g, const GridAxis *a, Val x) {
    Val low = number(e, g, a->low), high = number(e, g, a->high), range = number(e, g, a->high - a->low);
    if (a->high <= a->low)
        return low;
    Val below = e_lt(e, x, low), outside = e_or(e, below, e_gt(e, x, high));
    Val distance = e_select(e, below, e_sub(e, low, x), e_sub(e, x, high));
    Val turns = e_trunc(e, e_div(e, distance, range)), rest = e_sub(e, distance, e_mul(e, turns, range));
    Val half = e_trunc(e, e_mul(e, turns, number(e, g, 0.5)));
    Val even = e_eq(e, e_add(e, half, half), turns);
    Val from_low = e_eq(e, below, even);
    return e_select(e, outside, e_select(e, from_low, e_add(e, low, rest), e_sub(e, high, rest)), x);
}

static Val clamp(Emit *e, Val x, Val low, Val high) {
    return e_select(e, e_lt(e, x, low), low, e_select(e, e_gt(e, x, high), high, x));
}

static Val pad_coordinate(Emit *e, const Grid *g, const GridAxis *a, Val x) {
    Val outside = e_or(e, e_lt(e, x, number(e, g, a->low)), e_gt(e, x, number(e, g, a->high)));
    switch ((GridPadding)g->attrs->padding_mode) {
    case GRID_ZEROS: return x;
    case GRID_BORDER: return e_select(e, outside, clamp(e, x, number(e, g, 0), number(e, g, (double)(a->size - 1))), x);
    case GRID_REFLECTION: return reflect(e, g, a, x);
    }
    return x;
}

// A tap's position, from a whole number.
static void set_tap(Emit *e, const Grid *g, GridAxis *a, int tap, Val x) {
    Val last = number(e, g, (double)(a->size - 1)), zero = number(e, g, 0);
    a->inside[tap] = e_and(e, e_ge(e, x, zero), e_le(e, x, last));
    if (g->attrs->padding_mode == GRID_REFLECTION)
        x = e_trunc(e, reflect(e, g, a, x));
    Val index = e_to_index(e, e_cast(e, DT_I64, clamp(e, x, zero, last)));  // NaN gives 0
    a->at[tap] = e_mul_const(e, e_max(e, e_min(e, index, e_index(e, a->size - 1)), e_index(e, 0)), a->step);
}

// c3 x^3 + c2 x^2 + c1 x + c0
static Val cubic(Emit *e, const Grid *g, Val x, double c3, double c2, double c1, double c0) {
    Val v = e_add(e, e_mul(e, number(e, g, c3), x), number(e, g, c2));
    v = e_add(e, e_mul(e, v, x), number(e, g, c1));
    return e_add(e, e_mul(e, v, x), number(e, g, c0));
}

// Keys' convolution with a = -0.75: near taps (a + 2) x^3 - (a + 3) x^2 + 1, far ones a (x^3 - 5 x^2 + 8 x - 4).
static void set_weights(Emit *e, const Grid *g, GridAxis *a, Val x) {
    const double k = -0.75;
    Val one = number(e, g, 1), rest = e_sub(e, one, x);
    if (g->taps == 2) {
        a->weight[0] = rest;
        a->weight[1] = x;
    } else if (g->taps == 4) {
        a->weight[0] = cubic(e, g, e_add(e, x, one), k, -5 * k, 8 * k, -4 * k);
        a->weight[1] = cubic(e, g, x, k + 2, -(k + 3), 0, 1);
        a->weight[2] = cubic(e, g, rest, k + 2, -(k + 3), 0, 1);
        a->weight[3] = cubic(e, g, e_add(e, rest, one), k, -5 * k, 8 * k, -4 * k);
    }
}

// All taps of an axis, from the grid's number.
static void set_axis(Emit *e, const Grid *g, GridAxis *a, Val n) {
    Val one = number(e, g, 1), half = number(e, g, 0.5), x = e_add(e, n, one);
    if (g->attrs->align_corners)
        x = e_mul(e, e_mul(e, x, half), number(e, g, (double)(a->size - 1)));
    else
        x = e_mul(e, e_sub(e, e_mul(e, x, number(e, g, (double)a->size)), one), half);
    if (g->taps == 1)
        x = e_round(e, x);
    x = pad_coordinate(e, g, a, x);
    Val whole = g->taps == 1 ? e_trunc(e, x) : e_floor(e, x);
    set_weights(e, g, a, e_sub(e, x, whole));
    for (int t = 0; t < g->taps; t++)
        set_tap(e, g, a, t, e_add(e, whole, number(e, g, g->taps == 4 ? t - 1 : t)));
}

// The weighted sum over the axes from `level` on, at `from`.
static Val sample(Emit *e, const Grid *g, int level, Val from, Val inside) {
    DType dtype = compute_type(g->x.dtype);
    if (level == g->axes) {
        Val v = load_compute(e, g->x, from, 1);
        return g->attrs->padding_mode == GRID_ZEROS ? e_select(e, inside, v, e_zero(e, dtype, 1)) : v;
    }
    const GridAxis *a = &g->axis[level];
    Val sum = {0};
    for (int t = 0; t < g->taps; t++) {
        Val v = sample(e, g, level + 1, e_add(e, from, a->at[t]), e_and(e, inside, a->inside[t]));
        if (g->taps > 1)
            v = e_mul(e, v, e_cast(e, dtype, a->weight[t]));
        sum = t == 0 ? v : e_add(e, sum, v);
    }
    return sum;
}

static Grid grid_of(Emit *e, const Node *node, const int64_t *x_step) {
    const Type *type = &node->in[0]->type;
    const int taps[] = {[GRID_LINEAR] = 2, [GRID_NEAREST] = 1, [GRID_CUBIC] = 4};
    Grid g = {.attrs = node->attrs, .x = e_in(e, 0), .y = e_out(e, 0), .axes = type->rank - 2,
              .dtype = compute_type(node->in[1]->type.dtype)};
    g.taps = taps[g.attrs->mode];
    for (int i = 0; i < g.axes; i++) {
        int64_t size = type_size(type, 2 + i);
        double out = g.attrs->align_corners ? 0 : 0.5;
        g.axis[i] = (GridAxis){.size = size, .step = x_step[2 + i], .low = -out, .high = (double)(size - 1) + out};
    }
    return g;
}

static void lower_grid_sample(Emit *e, const Node *node) {
    const Type *grid = &node->in[1]->type, *out = &node->out[0]->type;
    int64_t x[MAX_RANK], y[MAX_RANK], where[MAX_RANK], size[MAX_RANK];
    if (type_count(out) == 0)
        return;
    int64_t x_origin = type_steps(&node->in[0]->type, x), y_origin = type_steps(out, y);
    int64_t where_origin = type_steps(grid, where);
    Grid g = grid_of(e, node, x);
    Ptr points = e_in(e, 1);
    type_sizes(grid, size);  // n, then the result's spatial axes
    Share share = e_share(e, product(size, g.axes + 1));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, g.axes + 1, position);
        Val at = locate(e, e_index(e, where_origin), position, where, g.axes + 1);
        for (int i = 0; i < g.axes; i++) {
            Val n = load_compute(e, points, e_add_const(e, at, (g.axes - 1 - i) * where[g.axes + 1]), 1);
            set_axis(e, &g, &g.axis[i], n);
        }
        Val from = e_add_const(e, e_mul_const(e, position[0], x[0]), x_origin);
        Val to = e_add_const(e, e_mul_const(e, position[0], y[0]), y_origin);
        to = locate(e, to, position + 1, y + 2, g.axes);
        EMIT_TIMES(e, c, type_size(out, 1)) {
            Val v = sample(e, &g, 0, e_add(e, from, e_mul_const(e, c.i, x[1])), e_bool(e, true));
            store_compute(e, g.y, e_add(e, to, e_mul_const(e, c.i, y[1])), v);
        }
    }
}

const OpImpl impl_GridSample = {.lower = lower_grid_sample};
