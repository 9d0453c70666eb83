// GridSample: the input read at points between its elements, which the grid gives: for each result, one coordinate per
// spatial axis (the last axis first), -1 and 1 being the ends of the axis.
//
// For each axis there are 1, 2 or 4 taps with weights; they serve all channels. A tap outside counts as 0, or lies at
// the border, or is reflected into the input. Whatever the grid holds, positions are clamped before they are used.
// Lanes are neighbouring points, for which the input's elements are gathered.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "support/checked.h"

enum { AXES = 3, TAPS = 4, GATHERED = 256 };  // GATHERED: elements for a vector of points, at most

typedef struct GridAxis {
    int64_t size, step;
    double low, high;  // the borders that coordinates reflect at
    Val at[TAPS], inside[TAPS], weight[TAPS];
} GridAxis;

typedef struct Grid {
    const GridAttrs *attrs;
    Ptr x, y;
    DType dtype, index;  // of coordinates, and of positions in the input
    int axes, taps, lanes;
    GridAxis axis[AXES];
} Grid;

static Val number(Emit *e, const Grid *g, double n) {
    return e_splat(e, e_float(e, g->dtype, n), g->lanes);
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
    Val index = e_cast(e, g->index, clamp(e, x, zero, last)), end = e_int(e, g->index, a->size - 1);  // NaN gives 0
    index = e_max(e, e_min(e, index, e_splat(e, end, g->lanes)), e_zero(e, g->index, g->lanes));
    a->at[tap] = e_mul_const(e, index, a->step);
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

// The weighted sum over the axes from `level` on, at `from` of the channel `x`.
static Val sample(Emit *e, const Grid *g, int level, Ptr x, Val from, Val inside) {
    DType dtype = compute_type(x.dtype);
    if (level == g->axes) {
        Val v = e_cast(e, dtype, e_gather(e, x, from));
        return g->attrs->padding_mode == GRID_ZEROS ? e_select(e, inside, v, e_zero(e, dtype, g->lanes)) : v;
    }
    const GridAxis *a = &g->axis[level];
    Val sum = {0};
    for (int t = 0; t < g->taps; t++) {
        Val v = sample(e, g, level + 1, x, e_add(e, from, a->at[t]), e_and(e, inside, a->inside[t]));
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
              .dtype = compute_type(node->in[1]->type.dtype), .lanes = 1};
    g.taps = taps[g.attrs->mode];
    for (int i = 0; i < g.axes; i++) {
        int64_t size = type_size(type, 2 + i);
        double out = g.attrs->align_corners ? 0 : 0.5;
        g.axis[i] = (GridAxis){.size = size, .step = x_step[2 + i], .low = -out, .high = (double)(size - 1) + out};
    }
    return g;
}

// A row of points.
typedef struct GridRow {
    Grid grid;
    Ptr points;              // the row's
    Ptr x, y;                // channel 0 of the sample; of the row
    int64_t channels, x_step, y_step;
} GridRow;

static void sample_points(Emit *e, void *arg, Val i, int lanes) {
    GridRow *row = arg;
    Grid *g = &row->grid;
    Val n[AXES], at = e_mul_const(e, i, g->axes);
    g->lanes = lanes;
    for (int k = 0; k < g->axes; k++)
        n[k] = load_compute(e, row->points, e_add_const(e, at, (int64_t)k * lanes), lanes);
    if (lanes > 1)
        e_split_tuples(e, n, g->axes);
    for (int k = 0; k < g->axes; k++)
        set_axis(e, g, &g->axis[k], n[g->axes - 1 - k]);
    Val start = e_zero(e, g->index, lanes), inside = e_splat(e, e_bool(e, true), lanes);
    EMIT_TIMES(e, c, row->channels) {
        Val v = sample(e, g, 0, e_at(e, row->x, e_mul_const(e, c.i, row->x_step)), start, inside);
        store_compute(e, row->y, e_add(e, e_mul_const(e, c.i, row->y_step), i), v);
    }
}

static int lanes_of(Emit *e, const Grid *g) {
    int lanes = (int)min_i64(e_lanes(e, g->dtype), e_lanes(e, compute_type(g->x.dtype)));
    int64_t gathered = 1;
    for (int k = 0; k < g->axes; k++)
        gathered *= g->taps;
    while (lanes > 1 && lanes * gathered > GATHERED)
        lanes /= 2;
    return lanes;
}

static void lower_grid_sample(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type, *grid = &node->in[1]->type, *out = &node->out[0]->type;
    int64_t x[MAX_RANK], y[MAX_RANK], where[MAX_RANK], size[MAX_RANK];
    if (type_count(out) == 0)
        return;
    int64_t x_origin = type_steps(type, x), y_origin = type_steps(out, y), where_origin = type_steps(grid, where);
    GridRow row = {.grid = grid_of(e, node, x), .channels = type_size(out, 1), .x_step = x[1], .y_step = y[1]};
    int axes = row.grid.axes;
    row.grid.index = type_storage(type) <= INT32_MAX ? DT_I32 : e_index_type(e);
    type_sizes(grid, size);  // n, then the result's spatial axes
    Share share = e_share(e, product(size, axes));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK];
        decode(e, u.i, size, axes, position);
        row.points = e_at(e, e_in(e, 1), locate(e, e_index(e, where_origin), position, where, axes));
        row.x = e_at(e, row.grid.x, e_add_const(e, e_mul_const(e, position[0], x[0]), x_origin));
        Val to = e_add_const(e, e_mul_const(e, position[0], y[0]), y_origin);
        row.y = e_at(e, row.grid.y, locate(e, to, position + 1, y + 2, axes - 1));
        cover_span(e, e_index(e, 0), e_index(e, size[axes]), lanes_of(e, &row.grid), sample_points, &row);
    }
}

const OpImpl impl_GridSample = {.lower = lower_grid_sample};
