// Conv in vectors, for what no special kernel takes: other ranks and types, odd groups, weights that are data.
//
// A tile is up to 4 output channels of a group, or 8 where there are registers for them, x 2 vectors of a row of the
// output. It stays in registers over all input
// channels and window steps: each step loads the row's vectors once and multiplies them by one weight of each channel.
//
//     row:  o o [ tile ][ tile ][ tile ] o      o: the window reaches into the padding; element by element
//
// The last tile of a row is moved back to end with the row, and computes some elements again. Sums have the order of
// codegen/order.h. Where windows are single elements, the whole image counts as one row.
#include "ops/conv.h"

#include "codegen/lower.h"
#include "ops/copy.h"
#include "support/checked.h"

enum { CHANNELS = 8, VECTORS = 2 };  // the most
enum { SHARED = 8 };                // tiles of an image for which shards are left enough

typedef struct Rows {
    const Conv *conv;
    const Node *node;
    int lanes, vectors, channels;
    int64_t low, high;  // the columns whose windows lie inside, and fill a tile
} Rows;

typedef struct Tile {
    int channels;
    Val n, m, i, j, column;
    Val x, w;           // offsets of the first channel's inputs and weights
    Var acc[CHANNELS][VECTORS];
} Tile;

static Val row_load(Emit *e, const Conv *conv, Val at, int lanes) {
    int64_t step = conv->window.stride[2] * conv->xs.step[2];
    Val v = step == 1 ? e_load(e, conv->x, at, lanes) : e_load_strided(e, conv->x, at, step, lanes);
    return e_cast(e, conv->dtype, v);
}

typedef struct TileTerms {
    const Rows *rows;
    Tile *tile;
} TileTerms;

static void tile_term(Emit *e, void *arg, Val x, Val w, Val inside) {
    const TileTerms *terms = arg;
    const Rows *rows = terms->rows;
    const Conv *conv = rows->conv;
    Tile *tile = terms->tile;
    int64_t step = conv->window.stride[2] * conv->xs.step[2] * rows->lanes;
    Val row[VECTORS];
    for (int v = 0; v < rows->vectors; v++) {
        row[v] = row_load(e, conv, e_add_const(e, x, v * step), rows->lanes);
        if (inside.v)
            row[v] = e_select(e, inside, row[v], e_zero(e, conv->dtype, rows->lanes));
    }
    for (int c = 0; c < tile->channels; c++) {
        Val weight = load_compute(e, conv->w, e_add_const(e, w, c * conv->ws.batch), 1);
        weight = e_splat(e, e_cast(e, conv->dtype, weight), rows->lanes);
        for (int v = 0; v < rows->vectors; v++)
            e_set(e, tile->acc[c][v], e_fma(e, row[v], weight, e_get(e, tile->acc[c][v])));
    }
}

static void tile_emit(Emit *e, const Rows *rows, Tile *tile) {
    const Conv *conv = rows->conv;
    Val start[3] = {tile->i, tile->j, tile->column};
    Terms terms = {.conv = conv, .x = tile->x, .w = tile->w, .row_inside = true};
    for (int axis = 0; axis < 3; axis++)
        terms.start[axis] = window_reach(e, &conv->window, axis, start[axis]).start;
    for (int c = 0; c < tile->channels; c++) {
        Val bias = e_splat(e, conv_bias(e, conv, e_add_const(e, tile->m, c)), rows->lanes);
        for (int v = 0; v < rows->vectors; v++)
            tile->acc[c][v] = e_var(e, bias);
    }
    conv_terms(e, &terms, tile_term, &(TileTerms){rows, tile});
    for (int c = 0; c < tile->channels; c++)
        for (int v = 0; v < rows->vectors; v++) {
            Val position[5] = {tile->n, e_add_const(e, tile->m, c), tile->i, tile->j,
                               e_add_const(e, tile->column, v * rows->lanes)};
            conv_store(e, conv, position, conv_total(e, conv, e_get(e, tile->acc[c][v])));
        }
}

static void edge(Emit *e, const Rows *rows, const Tile *tile, int64_t from, int64_t to) {
    EMIT_TIMES(e, c, tile->channels)
        EMIT_FOR(e, k, e_index(e, from), e_index(e, to), 1) {
            Val position[5] = {tile->n, e_add(e, tile->m, c.i), tile->i, tile->j, k.i};
            conv_pixel(e, rows->conv, position);
        }
}

static void channels_emit(Emit *e, const Rows *rows, Val n, Val m, int channels) {
    const Conv *conv = rows->conv;
    int64_t width = (int64_t)rows->lanes * rows->vectors;
    Tile tile = {.channels = channels, .n = n, .m = m, .x = conv_input(e, conv, n, m), .w = conv_weights(e, conv, m)};
    Val plane = e_add(e, e_mul_const(e, n, conv->channels), m);
    clear_rim(e, rows->node, (Share){plane, e_add_const(e, plane, channels)});
    EMIT_TIMES(e, i, conv->window.out[0])
        EMIT_TIMES(e, j, conv->window.out[1]) {
            tile.i = i.i;
            tile.j = j.i;
            edge(e, rows, &tile, 0, rows->low);
            EMIT_FOR(e, k, e_index(e, rows->low), e_index(e, rows->high), width) {
                tile.column = e_min(e, k.i, e_index(e, rows->high - width));
                tile_emit(e, rows, &tile);
            }
            edge(e, rows, &tile, rows->high, conv->window.out[2]);
        }
}

// An image of windows of one element, as one row.
static Conv conv_flat(const Conv *conv) {
    Conv flat = *conv;
    for (int i = 0; i < 2; i++) {
        const Window *w = &flat.window;
        bool plain = true;
        if (w->in[i] == 1 && w->out[i] == 1 && w->kernel[i] == 1)
            continue;
        for (int axis = i; axis <= i + 1; axis++)
            plain &= w->kernel[axis] == 1 && w->stride[axis] == 1 && !w->begin[axis] && !w->end[axis];
        bool joined = flat.xs.step[i] == flat.xs.step[i + 1] * w->in[i + 1] &&
                      flat.ys.step[i] == flat.ys.step[i + 1] * w->out[i + 1] &&
                      (!flat.r.v || flat.rs.step[i] == flat.rs.step[i + 1] * w->out[i + 1]);
        if (!plain || !joined)
            return flat;
        flat.window.in[i + 1] *= w->in[i];
        flat.window.out[i + 1] *= w->out[i];
        flat.window.in[i] = flat.window.out[i] = 1;
    }
    return flat;
}

static Rows rows_of(Emit *e, const Conv *conv) {
    const Window *w = &conv->window;
    Rows rows = {.conv = conv, .lanes = e_lanes(e, conv->dtype), .vectors = VECTORS,
                 .channels = CHANNELS / 2};
    if (e_target(e)->registers >= 32 && conv->channels >= SHARED * CHANNELS)
        rows.channels = CHANNELS;
    int64_t last = w->in[2] + w->begin[2] - (w->kernel[2] - 1) * w->dilation[2] - 1;  // where the last window may start
    rows.low = min_i64(div_up(w->begin[2], w->stride[2]), w->out[2]);
    rows.high = last < 0 ? rows.low : min_i64(last / w->stride[2] + 1, w->out[2]);
    if (rows.high < rows.low)
        rows.high = rows.low;
    int64_t columns = rows.high - rows.low;
    if (columns < (int64_t)rows.lanes * VECTORS)
        rows.vectors = 1;
    while (rows.lanes > 1 && columns < rows.lanes)
        rows.lanes /= 2;
    return rows;
}

void conv_rows(Emit *e, const Conv *conv, const Node *node) {
    Conv flat = conv_flat(conv);
    Rows rows = rows_of(e, &flat);
    rows.node = node;
    int64_t batch = type_size(&node->out[0]->type, 0), groups = conv->channels / conv->outputs;
    int64_t blocks = div_up(conv->outputs, rows.channels), whole = conv->outputs / rows.channels;
    int64_t size[3] = {batch, groups, blocks};
    Share share = e_share(e, product(size, 3));
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[3];
        decode(e, u.i, size, 3, position);
        Val first = e_add(e, e_mul_const(e, position[1], conv->outputs), e_mul_const(e, position[2], rows.channels));
        if (whole > 0)
            EMIT_IF(e, e_lt(e, position[2], e_index(e, whole)))
                channels_emit(e, &rows, position[0], first, rows.channels);
        if (whole < blocks)
            EMIT_IF(e, e_eq(e, position[2], e_index(e, whole)))
                channels_emit(e, &rows, position[0], first, (int)(conv->outputs - whole * rows.channels));
    }
}
