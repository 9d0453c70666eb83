// Types of operators that move elements without computing on them.
#include "ir/infer.h"

#include <math.h>

#include "ir/infer_check.h"
#include "support/checked.h"

static bool fail_shape(Infer *infer, const Node *node, const char *problem) {
    return diag_error(infer->diag, node->loc, E_SHAPE, "%s: %s", problem,
                      type_text(infer->arena, input_type(node, 0)));
}

static bool concat_add(Infer *infer, const Node *node, int index, int axis, Type *out) {
    const Type *type = input_type(node, index);
    if (!check_same_dtype(infer, node, 0, index) || !check_rank(infer, node, index, out->rank, out->rank))
        return false;
    for (int i = 0; i < out->rank; i++) {
        Dim dim = type->dim[i];
        if (i != axis && !dim.sym && !out->dim[i].sym && dim.n != out->dim[i].n)
            return diag_error(infer->diag, node->loc, E_SHAPE, "%s and %s differ in more than axis %d",
                              type_text(infer->arena, input_type(node, 0)), type_text(infer->arena, type), axis);
        if (i != axis && !check_dim(infer, node, dim, out->dim[i], "a dimension"))
            return false;
    }
    Dim *sum = &out->dim[axis], addend = type->dim[axis];
    if (dim_add(*sum, addend, sum))
        return true;
    return sum->sym || addend.sym ? fail_symbol(infer, node, sum->sym ? *sum : addend) : fail_too_big(infer, node);
}

bool infer_concat(Infer *infer, const Node *node, Type *out) {
    const AxisAttrs *attrs = node->attrs;
    int axis;
    *out = infer_like(input_type(node, 0));
    if (!infer_axis(infer, node, attrs->axis, out->rank, &axis))
        return false;
    for (int i = 1; i < node->nin; i++)
        if (!concat_add(infer, node, i, axis, out))
            return false;
    return true;
}

// Sizes of the parts: as given, or equal ones, the last of which may be smaller.
static bool split_sizes(Infer *infer, const Node *node, int64_t whole, int64_t *sizes) {
    const SplitAttrs *attrs = node->attrs;
    Ints given;
    int64_t sum = 0;
    if (!infer_ints(infer, node, 1, &given))
        return false;
    int parts = node->nout;
    if (node_in(node, 1) ? given.n != parts : attrs->num_outputs && attrs->num_outputs != parts)
        return diag_error(infer->diag, node->loc, E_SHAPE, "there are %d outputs, but %lld parts", parts,
                          (long long)(node_in(node, 1) ? given.n : attrs->num_outputs));
    int64_t each = div_up(whole, parts);
    for (int i = 0; i < parts; i++) {
        sizes[i] = node_in(node, 1) ? given.v[i] : i < parts - 1 ? each : whole - sum;
        if (sizes[i] < 0 || !checked_add(sum, sizes[i], &sum))
            return fail_shape(infer, node, "the parts do not fit");
    }
    return sum == whole ? true : fail_shape(infer, node, "the parts do not add up to the whole");
}

bool infer_split(Infer *infer, const Node *node, Type *out) {
    const SplitAttrs *attrs = node->attrs;
    const Type *type = input_type(node, 0);
    int axis;
    int64_t whole;
    int64_t *sizes = ARENA_ARRAY(infer->arena, int64_t, node->nout);
    if (!infer_axis(infer, node, attrs->axis, type->rank, &axis) ||
        !check_number(infer, node, type->dim[axis], &whole) || !split_sizes(infer, node, whole, sizes))
        return false;
    for (int i = 0; i < node->nout; i++) {
        out[i] = infer_like(type);
        out[i].dim[axis] = dim_const(sizes[i]);
    }
    return true;
}

// Slice.

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

static SliceRange slice_range(int64_t start, int64_t end, int64_t step, int64_t n) {
    start = start < 0 ? start + n : start;  // n >= 0, so neither sum overflows
    end = end < 0 ? end + n : end;
    int64_t count = 0;
    if (step > 0) {
        start = clamp(start, 0, n);
        end = clamp(end, 0, n);
        count = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
        start = clamp(start, 0, n - 1);
        end = clamp(end, -1, n - 1);
        count = n > 0 && start > end ? (end + 1 - start) / step + 1 : 0;
    }
    return (SliceRange){.start = count ? start : 0, .step = step, .count = dim_const(count)};
}

static bool slice_axis(Infer *infer, const Node *node, int64_t start, int64_t end, int64_t step, Dim dim,
                       SliceRange *range) {
    if (step == 0)
        return diag_error(infer->diag, node->loc, E_RANGE, "a step is 0");
    if (!dim.sym && !dim.count) {
        *range = slice_range(start, end, step, dim.n);
        return true;
    }
    if (start == 0 && end >= INT32_MAX && step == 1) {
        *range = (SliceRange){.step = 1, .count = dim};
        return true;
    }
    return fail_symbol(infer, node, dim);
}

static bool slice_counts(Infer *infer, const Node *node, const Ints *starts, const Ints *ends, const Ints *axes,
                         const Ints *steps) {
    if (starts->n == ends->n && (!node_in(node, 3) || axes->n == starts->n) &&
        (!node_in(node, 4) || steps->n == starts->n))
        return true;
    return diag_error(infer->diag, node->loc, E_SHAPE, "starts, ends, axes and steps differ in length");
}

bool infer_slice_ranges(Infer *infer, const Node *node, SliceRange range[MAX_RANK]) {
    const Type *type = input_type(node, 0);
    Ints starts, ends, axes, steps;
    bool set[MAX_RANK];
    if (!infer_ints(infer, node, 1, &starts) || !infer_ints(infer, node, 2, &ends) ||
        !infer_ints(infer, node, 3, &axes) || !infer_ints(infer, node, 4, &steps) ||
        !slice_counts(infer, node, &starts, &ends, &axes, &steps) || !check_axes(infer, node, &axes, type->rank, set))
        return false;
    if (starts.n > type->rank)
        return fail_shape(infer, node, "more slices than axes");
    for (int i = 0; i < type->rank; i++)
        range[i] = (SliceRange){.step = 1, .count = type->dim[i]};
    for (int i = 0; i < starts.n; i++) {
        int axis = i;
        if (axes.n && !infer_axis(infer, node, axes.v[i], type->rank, &axis))
            return false;
        if (!slice_axis(infer, node, starts.v[i], ends.v[i], steps.n ? steps.v[i] : 1, type->dim[axis], &range[axis]))
            return false;
    }
    return true;
}

bool infer_slice(Infer *infer, const Node *node, Type *out) {
    SliceRange range[MAX_RANK];
    for (int i = 1; i < node->nin; i++)
        if (!check_dtype(infer, node, i, SET_INDEX))
            return false;
    if (!infer_slice_ranges(infer, node, range))
        return false;
    *out = infer_like(input_type(node, 0));
    for (int i = 0; i < out->rank; i++)
        out->dim[i] = range[i].count;
    return true;
}

// Pad.

static bool pad_axis(Infer *infer, const Node *node, int64_t begin, int64_t end, Dim *dim) {
    const PadAttrs *attrs = node->attrs;
    int64_t most = attrs->mode == PAD_REFLECT ? dim->n - 1 : INT64_MAX / 4;
    if (begin == 0 && end == 0)
        return true;
    if (dim->sym)
        return fail_symbol(infer, node, *dim);
    if (begin > INT64_MAX / 4 || end > INT64_MAX / 4 || begin < -INT64_MAX / 4 || end < -INT64_MAX / 4)
        return fail_too_big(infer, node);
    if (begin > most || end > most)
        return fail_shape(infer, node, "it cannot be reflected so far");
    if (attrs->mode != PAD_CONSTANT && dim->n == 0 && begin + end > 0)
        return fail_shape(infer, node, "there is nothing to repeat");
    dim->n += begin + end;
    return dim->n >= 0 ? true : fail_shape(infer, node, "negative pads remove more than there is");
}

bool infer_pad(Infer *infer, const Node *node, Type *out) {
    Ints pads, axes;
    bool set[MAX_RANK];
    *out = infer_like(input_type(node, 0));
    if (!check_dtype(infer, node, 1, SET_INDEX) || !check_dtype(infer, node, 3, SET_INDEX) ||
        !check_same_dtype(infer, node, 0, 2) || !check_scalar(infer, node, 2) || !infer_ints(infer, node, 1, &pads) ||
        !infer_ints(infer, node, 3, &axes) || !check_axes(infer, node, &axes, out->rank, set))
        return false;
    int n = node_in(node, 3) ? axes.n : out->rank;
    if (pads.n != 2 * n)
        return diag_error(infer->diag, node->loc, E_SHAPE, "there are %d pads; %d are needed", pads.n, 2 * n);
    for (int i = 0; i < n; i++) {
        int axis = i;
        if (node_in(node, 3) && !infer_axis(infer, node, axes.v[i], out->rank, &axis))
            return false;
        if (!pad_axis(infer, node, pads.v[i], pads.v[n + i], &out->dim[axis]))
            return false;
    }
    return true;
}

// Gather: the indexed axis is replaced by the shape of the indices.

static bool check_indices(Infer *infer, const Node *node, Dim dim) {
    Ints indices;
    if (dim.sym || !node->in[1]->data || !value_as_ints(node->in[1], infer->arena, &indices))
        return true;
    for (int i = 0; i < indices.n; i++)
        if (indices.v[i] < -dim.n || indices.v[i] >= dim.n)
            return diag_error(infer->diag, node->loc, E_RANGE, "index %lld is out of range for a dimension of %lld",
                              (long long)indices.v[i], (long long)dim.n);
    return true;
}

bool infer_gather(Infer *infer, const Node *node, Type *out) {
    const AxisAttrs *attrs = node->attrs;
    const Type *data = input_type(node, 0), *indices = input_type(node, 1);
    int axis;
    if (!check_dtype(infer, node, 1, SET_INDEX) || !infer_axis(infer, node, attrs->axis, data->rank, &axis) ||
        !check_result_rank(infer, node, data->rank - 1 + indices->rank) ||
        !check_indices(infer, node, data->dim[axis]))
        return false;
    *out = infer_like(data);
    out->rank = 0;
    for (int i = 0; i < axis; i++)
        out->dim[out->rank++] = data->dim[i];
    for (int i = 0; i < indices->rank; i++)
        out->dim[out->rank++] = indices->dim[i];
    for (int i = axis + 1; i < data->rank; i++)
        out->dim[out->rank++] = data->dim[i];
    return true;
}

int permuted_axis(const Node *node, int i) {
    const Ints *perm = &((const TransposeAttrs *)node->attrs)->perm;
    int rank = input_type(node, 0)->rank;
    if (!perm->n)
        return rank - 1 - i;
    return (int)(perm->v[i] < 0 ? perm->v[i] + rank : perm->v[i]);
}

bool infer_transpose(Infer *infer, const Node *node, Type *out) {
    const TransposeAttrs *attrs = node->attrs;
    const Type *type = input_type(node, 0);
    bool set[MAX_RANK];
    *out = infer_like(type);
    if (attrs->perm.n != 0 && attrs->perm.n != type->rank)
        return diag_error(infer->diag, node->loc, E_SHAPE, "perm has %d values for rank %d", attrs->perm.n,
                          type->rank);
    if (!check_axes(infer, node, &attrs->perm, type->rank, set))
        return false;
    for (int i = 0; i < type->rank; i++) {
        int from = type->rank - 1 - i;
        if (attrs->perm.n && !infer_axis(infer, node, attrs->perm.v[i], type->rank, &from))
            return false;
        out->dim[i] = type->dim[from];
    }
    return true;
}

bool infer_tile(Infer *infer, const Node *node, Type *out) {
    const DimTensor *repeats;
    *out = infer_like(input_type(node, 0));
    if (!check_dtype(infer, node, 1, SET_INDEX) || !infer_dims(infer, node, 1, &repeats))
        return false;
    if (repeats->n != out->rank)
        return diag_error(infer->diag, node->loc, E_SHAPE, "there are %d repeats for rank %d", repeats->n, out->rank);
    for (int i = 0; i < out->rank; i++) {
        Dim times = repeats->v[i], *dim = &out->dim[i];
        if (times.n < 0)
            return diag_error(infer->diag, node->loc, E_RANGE, "a repeat is negative");
        if (!dim_mul(*dim, times, dim))
            return dim->sym || dim->count ? fail_symbol(infer, node, *dim) : fail_too_big(infer, node);
    }
    return true;
}

// A shape given by dimensions, all of them 0 or more.
static bool shape_of_dims(Infer *infer, const Node *node, const DimTensor *dims, Type *out) {
    if (!check_result_rank(infer, node, dims->n))
        return false;
    out->rank = dims->n;
    for (int i = 0; i < dims->n; i++) {
        out->dim[i] = dims->v[i];
        if (dims->v[i].n < 0)
            return diag_error(infer->diag, node->loc, E_RANGE, "the shape has a negative dimension: %lld",
                              (long long)dims->v[i].n);
    }
    return true;
}

bool infer_expand(Infer *infer, const Node *node, Type *out) {
    const DimTensor *dims;
    Type shape = infer_like(input_type(node, 0));
    return check_dtype(infer, node, 1, SET_INDEX) && infer_dims(infer, node, 1, &dims) &&
           shape_of_dims(infer, node, dims, &shape) && infer_broadcast(infer, node, input_type(node, 0), &shape, out);
}

bool infer_fill(Infer *infer, const Node *node, Type *out) {
    const FillAttrs *attrs = node->attrs;
    const DimTensor *dims;
    *out = type_make(attrs->dtype == DT_NONE ? DT_F32 : attrs->dtype, 0, NULL);
    return check_dtype(infer, node, 0, SET_INDEX) && check_rank(infer, node, 0, 1, 1) &&
           infer_dims(infer, node, 0, &dims) && shape_of_dims(infer, node, dims, out);
}

// Elements are counted in 32 bits.
bool infer_random(Infer *infer, const Node *node, Type *out) {
    const RandomAttrs *attrs = node->attrs;
    const DimTensor *dims;
    Dim count;
    *out = type_make(attrs->dtype, 0, NULL);
    if (attrs->dtype != DT_F32 && attrs->dtype != DT_F64)
        return diag_error(infer->diag, node->loc, E_DTYPE, "'dtype' must be f32 or f64");
    if (!check_dtype(infer, node, 0, SET_INDEX) || !check_rank(infer, node, 0, 1, 1) ||
        !infer_dims(infer, node, 0, &dims) || !shape_of_dims(infer, node, dims, out))
        return false;
    return (dim_count(out, &count) && count.n <= UINT32_MAX) || fail_too_big(infer, node);
}

// Resize.

typedef struct ResizeAxes {
    int n, axis[MAX_RANK];
} ResizeAxes;

static bool resize_axes(Infer *infer, const Node *node, int rank, ResizeAxes *axes) {
    const ResizeAttrs *attrs = node->attrs;
    bool set[MAX_RANK];
    if (!check_axes(infer, node, &attrs->axes, rank, set))
        return false;
    axes->n = attrs->axes.n ? attrs->axes.n : rank;
    for (int i = 0; i < axes->n; i++) {
        axes->axis[i] = i;
        if (attrs->axes.n && !infer_axis(infer, node, attrs->axes.v[i], rank, &axes->axis[i]))
            return false;
    }
    return true;
}

static bool resize_floats(Infer *infer, const Node *node, int index, int count, Floats *floats) {
    if (!value_as_doubles(node->in[index], infer->arena, floats))
        return fail_dynamic(infer, node, index);
    if (floats->n != count)
        return diag_error(infer->diag, node->loc, E_SHAPE, "input %d has %d values; %d are needed", index, floats->n,
                          count);
    return true;
}

static bool resize_by_scales(Infer *infer, const Node *node, const ResizeAxes *axes, Type *out) {
    const ResizeAttrs *attrs = node->attrs;
    Floats scales, roi = {0};
    bool crop = attrs->coordinate == RESIZE_CROP && node_in(node, 1);
    if (!resize_floats(infer, node, 2, axes->n, &scales) ||
        (crop && !resize_floats(infer, node, 1, 2 * axes->n, &roi)))
        return false;
    for (int i = 0; i < axes->n; i++) {
        Dim *dim = &out->dim[axes->axis[i]];
        double part = roi.n ? roi.v[axes->n + i] - roi.v[i] : 1, scale = scales.v[i] * part;
        if (!(scales.v[i] > 0))
            return diag_error(infer->diag, node->loc, E_RANGE, "a scale is not positive");
        if (scale == 1)
            continue;
        if (dim->sym)
            return fail_symbol(infer, node, *dim);
        double size = floor((double)dim->n * scale);
        if (!(size >= 0 && size < 1e18))
            return fail_too_big(infer, node);
        dim->n = (int64_t)size;
    }
    return true;
}

// The one scale of all axes that keeps the aspect ratio.
static double resize_common_scale(const ResizeAttrs *attrs, const Type *type, const ResizeAxes *axes,
                                  const Ints *sizes) {
    double scale = 0;
    for (int i = 0; i < axes->n; i++) {
        double s = (double)sizes->v[i] / (double)type->dim[axes->axis[i]].n;
        bool better = attrs->keep_aspect_ratio_policy == ASPECT_NOT_LARGER ? s < scale : s > scale;
        scale = i == 0 || better ? s : scale;
    }
    return scale;
}

static bool resize_by_sizes(Infer *infer, const Node *node, const ResizeAxes *axes, Type *out) {
    const ResizeAttrs *attrs = node->attrs;
    const Type *type = input_type(node, 0);
    Ints sizes;
    if (!infer_ints(infer, node, 3, &sizes))
        return false;
    if (sizes.n != axes->n)
        return diag_error(infer->diag, node->loc, E_SHAPE, "there are %d sizes; %d are needed", sizes.n, axes->n);
    for (int i = 0; i < axes->n; i++) {
        Dim dim = type->dim[axes->axis[i]];
        if (dim.sym)
            return fail_symbol(infer, node, dim);
        if (dim.n == 0 || sizes.v[i] < 1)
            return fail_shape(infer, node, "it cannot be resized from or to nothing");
    }
    double scale = resize_common_scale(attrs, type, axes, &sizes);
    for (int i = 0; i < axes->n; i++) {
        double kept = floor(scale * (double)type->dim[axes->axis[i]].n + 0.5);
        bool stretch = attrs->keep_aspect_ratio_policy == ASPECT_STRETCH;
        out->dim[axes->axis[i]].n = stretch ? sizes.v[i] : kept < 1e18 ? (int64_t)kept : INT64_MAX;
    }
    return true;
}

// An empty `scales` counts as left out, as older exporters write it.
static bool is_given(const Node *node, int index) {
    Dim count;
    return node_in(node, index) && !(dim_count(input_type(node, index), &count) && count.n == 0);
}

bool infer_resize(Infer *infer, const Node *node, Type *out) {
    ResizeAxes axes;
    *out = infer_like(input_type(node, 0));
    if (!check_dtype(infer, node, 0, SET_NUMBER) || !resize_axes(infer, node, out->rank, &axes))
        return false;
    bool scales = is_given(node, 2), sizes = is_given(node, 3);
    if (scales == sizes)
        return diag_error(infer->diag, node->loc, E_ARITY, "exactly one of 'scales' and 'sizes' must be given");
    return scales ? resize_by_scales(infer, node, &axes, out) : resize_by_sizes(infer, node, &axes, out);
}

// Depth and space.

static bool depth_divide(Infer *infer, const Node *node, int axis, int64_t divisor, Type *out) {
    Dim quotient, *dim = &out->dim[axis];
    if (dim_div(*dim, dim_const(divisor), &quotient) && quotient.n * divisor == dim->n) {
        *dim = quotient;
        return true;
    }
    return dim->sym ? fail_symbol(infer, node, *dim) : fail_shape(infer, node, "blocksize does not divide it");
}

static bool depth_multiply(Infer *infer, const Node *node, int axis, int64_t factor, Type *out) {
    return dim_mul(out->dim[axis], dim_const(factor), &out->dim[axis]) || fail_too_big(infer, node);
}

static bool check_depth(Infer *infer, const Node *node) {
    const DepthAttrs *attrs = node->attrs;
    if (attrs->blocksize < 1 || attrs->blocksize > INT16_MAX)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "blocksize is %lld", (long long)attrs->blocksize);
    return check_rank(infer, node, 0, 4, 4);
}

bool infer_depth_to_space(Infer *infer, const Node *node, Type *out) {
    const DepthAttrs *attrs = node->attrs;
    int64_t block = attrs->blocksize;
    *out = infer_like(input_type(node, 0));
    return check_depth(infer, node) && depth_divide(infer, node, 1, block * block, out) &&
           depth_multiply(infer, node, 2, block, out) && depth_multiply(infer, node, 3, block, out);
}

bool infer_phases(Infer *infer, const Node *node, Type *out) {
    if (!check_rank(infer, node, 0, 4, 4))
        return false;
    *out = infer_like(input_type(node, 0));
    for (int i = 1; i < 4; i++)
        if (out->dim[i].sym)
            return fail_symbol(infer, node, out->dim[i]);
    if (!checked_mul(out->dim[1].n, 4, &out->dim[1].n))
        return fail_too_big(infer, node);
    out->dim[2].n = div_up(out->dim[2].n, 2);
    out->dim[3].n = div_up(out->dim[3].n, 2);
    return true;
}

bool infer_space_to_depth(Infer *infer, const Node *node, Type *out) {
    const DepthAttrs *attrs = node->attrs;
    int64_t block = attrs->blocksize;
    *out = infer_like(input_type(node, 0));
    return check_depth(infer, node) && depth_divide(infer, node, 2, block, out) &&
           depth_divide(infer, node, 3, block, out) && depth_multiply(infer, node, 1, block * block, out);
}
