// RoiAlign: regions of an image, each cut into bins whose values are the mean, or the maximum, of bilinear samples.
//
// With sampling_ratio 0 a region's size decides how many samples its bins have. As many as four for each pixel of the
// image in each direction (and 64 more) are taken; a larger region makes the run fail instead of taking forever.
//
// All channels of a region have the same samples, so their positions and weights are tables in scratch memory, one for
// each direction, unless these would be large.
#include "codegen/lower.h"
#include "ops/copy.h"
#include "ops/index.h"
#include "ops/reduce.h"
#include "support/checked.h"

enum { MOST_SAMPLES = 1 << 14 };  // in a table

typedef enum Table { TABLE_LOW, TABLE_HIGH, TABLE_WEIGHT, TABLE_OUTSIDE, TABLES } Table;

typedef struct RoiAxis {
    int64_t size, bins;  // of the image; of the region
    int64_t step;
    Val start, bin, samples;  // where the region starts; how large a bin is; samples in it, an index
    Val low, high, weight;    // of a sample: two positions and the second's weight
    Val outside;
    int64_t most;       // samples of a bin; 0: there are no tables
    Ptr table[TABLES];  // an element for each bin and sample: `low`, `high`, `weight`, `outside`
} RoiAxis;

static Val number(Emit *e, const RoiAxis *a, double n) {
    return e_float(e, a->start.dtype, n);
}

static int64_t sample_limit(int64_t size, int64_t ratio) {
    return ratio > 0 ? ratio : 4 * size + 64;
}

static Val sample_count(Emit *e, const RoiAxis *a, int64_t ratio) {
    if (ratio > 0)
        return e_index(e, ratio);
    int64_t limit = sample_limit(a->size, ratio);
    Val wanted = e_ceil(e, a->bin), most = number(e, a, (double)limit);
    Val bad = e_not(e, e_le(e, wanted, most));
    e_fail_if(e, bad);
    wanted = e_select(e, bad, number(e, a, 0), e_max(e, wanted, number(e, a, 0)));
    return e_to_index(e, e_cast(e, DT_I32, wanted));
}

// `first` and `last` are the numbers of the region for this axis.
static void set_region(Emit *e, const RoiAttrs *attrs, RoiAxis *a, Val first, Val last) {
    Val scale = e_float(e, first.dtype, attrs->spatial_scale);
    Val offset = e_float(e, first.dtype, attrs->coordinate == 0 ? 0.5 : 0);
    a->start = e_sub(e, e_mul(e, first, scale), offset);
    Val size = e_sub(e, e_sub(e, e_mul(e, last, scale), offset), a->start);
    if (attrs->coordinate != 0)
        size = e_max(e, size, number(e, a, 1));
    a->bin = e_div(e, size, number(e, a, (double)a->bins));
    a->samples = sample_count(e, a, attrs->sampling_ratio);
}

// Sample i of bin b: between two neighbours. Positions are in the image whatever the region holds.
static void set_sample(Emit *e, RoiAxis *a, Val b, Val i) {
    DType dtype = a->start.dtype;
    Val zero = number(e, a, 0), size = number(e, a, (double)a->size);
    Val part = e_mul(e, e_add(e, e_cast(e, dtype, i), number(e, a, 0.5)), a->bin);
    part = e_div(e, part, e_cast(e, dtype, a->samples));
    Val x = e_add(e, e_add(e, a->start, e_mul(e, e_cast(e, dtype, b), a->bin)), part);
    a->outside = e_not(e, e_and(e, e_ge(e, x, number(e, a, -1)), e_le(e, x, size)));
    x = e_select(e, a->outside, zero, e_max(e, x, zero));
    Val last = e_index(e, a->size - 1), low = e_min(e, e_to_index(e, e_cast(e, DT_I32, x)), last);
    Val at_end = e_ge(e, low, last);
    a->weight = e_select(e, at_end, zero, e_sub(e, x, e_cast(e, dtype, low)));
    a->low = e_mul_const(e, low, a->step);
    a->high = e_mul_const(e, e_min(e, e_add_const(e, low, 1), last), a->step);
}

// Writes the table of a region.
static void fill_table(Emit *e, RoiAxis *a) {
    if (!a->most)
        return;
    EMIT_TIMES(e, b, a->bins)
        EMIT_FOR(e, i, e_index(e, 0), a->samples, 1) {
            set_sample(e, a, b.i, i.i);
            Val at = e_add(e, e_mul_const(e, b.i, a->most), i.i);
            e_store(e, a->table[TABLE_LOW], at, a->low);
            e_store(e, a->table[TABLE_HIGH], at, a->high);
            e_store(e, a->table[TABLE_WEIGHT], at, a->weight);
            e_store(e, a->table[TABLE_OUTSIDE], at, e_cast(e, DT_U8, a->outside));
        }
}

static void get_sample(Emit *e, RoiAxis *a, Val b, Val i) {
    if (!a->most) {
        set_sample(e, a, b, i);
        return;
    }
    Val at = e_add(e, e_mul_const(e, b, a->most), i);
    a->low = e_load(e, a->table[TABLE_LOW], at, 1);
    a->high = e_load(e, a->table[TABLE_HIGH], at, 1);
    a->weight = e_load(e, a->table[TABLE_WEIGHT], at, 1);
    a->outside = e_ne(e, e_load(e, a->table[TABLE_OUTSIDE], at, 1), e_int(e, DT_U8, 0));
}

static Val sample(Emit *e, const Node *node, const RoiAxis *y, const RoiAxis *x, Val plane) {
    const RoiAttrs *attrs = node->attrs;
    Ptr image = e_in(e, 0);
    Val one = number(e, y, 1), upper = e_sub(e, one, y->weight), left = e_sub(e, one, x->weight);
    Val rows[2] = {e_add(e, plane, y->low), e_add(e, plane, y->high)}, weight[2] = {upper, y->weight}, result = {0};
    for (int i = 0; i < 2; i++) {
        Val a = e_mul(e, e_mul(e, weight[i], left), load_compute(e, image, e_add(e, rows[i], x->low), 1));
        Val b = e_mul(e, e_mul(e, weight[i], x->weight), load_compute(e, image, e_add(e, rows[i], x->high), 1));
        Val both = attrs->mode == ROI_MAX ? e_max_nan(e, a, b) : e_add(e, a, b);
        if (i == 0)
            result = both;
        else
            result = attrs->mode == ROI_MAX ? e_max_nan(e, result, both) : e_add(e, result, both);
    }
    return e_select(e, e_or(e, y->outside, x->outside), number(e, y, 0), result);
}

// One bin of one channel.
static Val bin_value(Emit *e, const Node *node, RoiAxis *y, RoiAxis *x, const Val *bin, Val plane) {
    const RoiAttrs *attrs = node->attrs;
    DType dtype = y->start.dtype;
    bool max = attrs->mode == ROI_MAX;
    Val none = e_zero(e, dtype, 1);
    Var all = e_var(e, max ? e_number(e, dtype, lowest_of(dtype)) : none);
    EMIT_FOR(e, i, e_index(e, 0), y->samples, 1) {
        get_sample(e, y, bin[0], i.i);
        EMIT_FOR(e, j, e_index(e, 0), x->samples, 1) {
            get_sample(e, x, bin[1], j.i);
            Val v = sample(e, node, y, x, plane), so_far = e_get(e, all);
            e_set(e, all, max ? e_max_nan(e, so_far, v) : e_add(e, so_far, v));
        }
    }
    Val count = e_mul(e, y->samples, x->samples);
    if (max)
        return e_select(e, e_eq(e, count, e_index(e, 0)), none, e_get(e, all));
    return e_div(e, e_get(e, all), e_cast(e, dtype, e_max(e, count, e_index(e, 1))));
}

// The most samples of a bin along axis 2 or 3; 0 where a table of all is too large.
static int64_t table_samples(const Node *node, int axis) {
    int64_t limit = sample_limit(type_size(&node->in[0]->type, axis), ((const RoiAttrs *)node->attrs)->sampling_ratio);
    return limit <= MOST_SAMPLES / max_i64(1, type_size(&node->out[0]->type, axis)) ? limit : 0;
}

static int64_t table_bytes(const Node *node, int axis, const Target *target) {
    int64_t entries = align_up(table_samples(node, axis) * type_size(&node->out[0]->type, axis), 8);
    return entries * (2 * target->pointer_bits / 8 + (int64_t)sizeof(double) + 1);
}

static int64_t roi_scratch(const Node *node, const Target *target) {
    return max_i64(1, table_bytes(node, 2, target) + table_bytes(node, 3, target));
}

// The tables of an axis, the widest elements first; returns what is behind them.
static Ptr set_tables(Emit *e, RoiAxis *a, int64_t most, DType weights, Ptr room) {
    const DType dtype[TABLES] = {e_index_type(e), e_index_type(e), weights, DT_U8};
    int64_t entries = align_up(most * a->bins, 8);
    a->most = most;
    for (int i = 0; i < TABLES; i++) {
        a->table[i] = e_retype(room, dtype[i]);
        room = e_at_const(e, a->table[i], entries);
    }
    return room;
}

static void lower_roi_align(Emit *e, const Node *node) {
    const Type *type = &node->in[0]->type, *out = &node->out[0]->type;
    int64_t from[MAX_RANK], to[MAX_RANK], images = type_size(type, 0), channels = type_size(type, 1);
    if (type_count(out) == 0)
        return;
    if (type_count(type) == 0) {  // no image to look at
        e_fail_if(e, e_bool(e, true));
        return;
    }
    int64_t origin = type_steps(type, from), to_origin = type_steps(out, to);
    RoiAxis y = {.size = type_size(type, 2), .bins = type_size(out, 2), .step = from[2]};
    RoiAxis x = {.size = type_size(type, 3), .bins = type_size(out, 3), .step = from[3]};
    Ptr rois = e_in(e, 1), batch = e_in(e, 2), result = e_out(e, 0);
    Ptr room = e_scratch(e, e_index_type(e), roi_scratch(node, e_target(e)));
    DType dtype = dtype_info[rois.dtype].compute;
    set_tables(e, &x, table_samples(node, 3), dtype, set_tables(e, &y, table_samples(node, 2), dtype, room));
    Share share = e_share(e, type_size(out, 0));
    EMIT_FOR(e, roi, share.begin, share.end, 1) {
        Val edge[4];
        for (int i = 0; i < 4; i++)
            edge[i] = load_compute(e, rois, e_add_const(e, e_mul_const(e, roi.i, 4), i), 1);
        set_region(e, node->attrs, &x, edge[0], edge[2]);
        set_region(e, node->attrs, &y, edge[1], edge[3]);
        fill_table(e, &x);
        fill_table(e, &y);
        Val image = index_checked(e, e_load(e, batch, roi.i, 1), images);
        EMIT_TIMES(e, c, channels)
            EMIT_TIMES(e, i, y.bins)
                EMIT_TIMES(e, j, x.bins) {
                    Val source[2] = {image, c.i}, target[4] = {roi.i, c.i, i.i, j.i};
                    Val v = bin_value(e, node, &y, &x, target + 2, locate(e, e_index(e, origin), source, from, 2));
                    store_compute(e, result, locate(e, e_index(e, to_origin), target, to, 4), v);
                }
    }
}

const OpImpl impl_RoiAlign = {.lower = lower_roi_align, .scratch = roi_scratch};
