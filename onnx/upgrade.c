// The IR knows one form of each operator, that of the newest operator set. The table at the end lists what changed:
// up to which operator set an old form was in use, and the function that rewrites it. Rows apply in their order, so a
// form that changed twice has two. Changes that only allowed more (types, optional inputs, broadcasting) need none.
#include "onnx/upgrade.h"

#include <string.h>

#include "ir/element.h"
#include "onnx/training.h"

// Attributes that became inputs.

static bool ints_to_input(Importer *im, Draft *d, const char *name, int index) {
    Ints ints;
    bool found;
    if (!draft_take_ints(im, d, name, &ints, &found))
        return false;
    if (found)
        draft_set_input(d, index, draft_ints(im, d, name, ints.v, ints.n));
    return true;
}

static bool axes_to_input(Importer *im, Draft *d) {
    return ints_to_input(im, d, "axes", 1);
}

static bool split_to_input(Importer *im, Draft *d) {
    return ints_to_input(im, d, "split", 1);
}

// Without sizes, Split went by the number of outputs alone.
static bool split_evenly(Importer *im, Draft *d) {
    if (!draft_in(d, 1))
        draft_set_int(im, d, "num_outputs", d->nout);
    return true;
}

static bool slice_to_inputs(Importer *im, Draft *d) {
    return ints_to_input(im, d, "starts", 1) && ints_to_input(im, d, "ends", 2) && ints_to_input(im, d, "axes", 3);
}

static bool float_to_input(Importer *im, Draft *d, const char *name, int index) {
    bool found = false;
    for (int i = 0; i < d->nattr; i++)
        found = found || !strcmp(d->attr[i]->name, name);
    double number;
    if (!draft_take_float(im, d, name, 0, &number))
        return false;
    if (found)
        draft_set_input(d, index, draft_scalar(im, d, name, draft_dtype(d, 0), number));
    return true;
}

static bool clip_to_inputs(Importer *im, Draft *d) {
    return float_to_input(im, d, "min", 1) && float_to_input(im, d, "max", 2);
}

static bool pad_to_inputs(Importer *im, Draft *d) {
    return ints_to_input(im, d, "pads", 1) && float_to_input(im, d, "value", 2);
}

static bool topk_to_input(Importer *im, Draft *d) {
    int64_t k;
    if (!draft_take_int(im, d, "k", 0, &k))
        return false;
    draft_set_input(d, 1, draft_int(im, d, "k", k));
    return true;
}

static bool dft_axis_to_input(Importer *im, Draft *d) {
    int64_t axis;
    if (!draft_take_int(im, d, "axis", 1, &axis))
        return false;
    draft_set_input(d, 2, draft_scalar(im, d, "axis", DT_I64, (double)axis));
    return true;
}

// The oldest forms, before operator set 6.

static bool shape_to_input(Importer *im, Draft *d) {
    return ints_to_input(im, d, "shape", 1);
}

static bool paddings_to_input(Importer *im, Draft *d) {
    return ints_to_input(im, d, "paddings", 1);
}

static bool cast_by_name(Importer *im, Draft *d) {
    const char *name;
    if (!draft_take_text(im, d, "to", "", &name))
        return false;
    const ProtobufCEnumValue *type =
        protobuf_c_enum_descriptor_get_value_by_name(&onnx__tensor_proto__data_type__descriptor, name);
    if (!type)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'to' is no element type: '%s'", name);
    draft_set_int(im, d, "to", type->value);
    return true;
}

static bool concat_channels(Importer *im, Draft *d) {
    int64_t axis;
    if (!draft_take_int(im, d, "axis", 1, &axis))
        return false;
    draft_set_int(im, d, "axis", axis);
    return true;
}

static bool norm_of_float(Importer *im, Draft *d) {
    double p;
    if (!draft_take_float(im, d, "p", 2, &p))
        return false;
    if (!(p >= 1 && p <= 1 << 20) || p != (double)(int64_t)p)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'p' is %g; supported are whole numbers", p);
    draft_set_int(im, d, "p", (int64_t)p);
    return true;
}

static bool selu_rounded(Importer *im, Draft *d) {
    double alpha, gamma;
    if (!draft_take_float(im, d, "alpha", 1.6732F, &alpha) || !draft_take_float(im, d, "gamma", 1.0507F, &gamma))
        return false;
    draft_set_float(im, d, "alpha", alpha);
    draft_set_float(im, d, "gamma", gamma);
    return true;
}

static bool split_without_input(Importer *im, Draft *d) {
    return !draft_in(d, 1) ||
           diag_error(im->diag, d->loc, E_OPSET,
                      "the sizes of a Split as an input of operator set 1 are not supported; make them the attribute "
                      "'split'");
}

// So often along one axis. The numbers have the type of the data.
static bool tile_along_axis(Importer *im, Draft *d) {
    double count, axis;
    int64_t repeats[MAX_RANK];
    int rank = draft_rank(d, 0);
    if (!draft_need(im, d, 3))
        return false;
    if (rank < 0 || !value_as_double(d->in[1], &count) || !value_as_double(d->in[2], &axis))
        return diag_error(im->diag, d->loc, E_DYNAMIC,
                          "a Tile of an operator set before 6 needs an input of known rank, and constants that say how "
                          "often and along which axis");
    if (!(axis >= 0 && axis < rank && count >= 0 && count <= INT32_MAX))
        return diag_error(im->diag, d->loc, E_SHAPE, "%g times along axis %g is out of range for rank %d", count, axis,
                          rank);
    for (int i = 0; i < rank; i++)
        repeats[i] = i == (int)axis ? (int64_t)count : 1;
    draft_set_input(d, 1, draft_ints(im, d, "repeats", repeats, rank));
    d->nin = 2;
    return true;
}

// Broadcasting as it was before opset 7: the dimensions of B stand at `axis` of A.

static bool broadcast_at_axis(Importer *im, Draft *d) {
    int64_t broadcast, axis;
    if (!draft_take_int(im, d, "broadcast", 0, &broadcast) || !draft_take_int(im, d, "axis", INT64_MAX, &axis))
        return false;
    if (!broadcast || axis == INT64_MAX)
        return true;
    int a = draft_rank(d, 0), b = draft_rank(d, 1);
    if (a < 0 || b < 0)
        return diag_error(im->diag, d->loc, E_DYNAMIC, "attribute 'axis' needs operands of known rank");
    if (axis < 0)
        axis += a;
    if (axis < 0 || axis + b > a)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'axis' is out of range");
    if (axis + b < a)
        d->in[1] = draft_add_axes(im, d, d->in[1], b, (int)(a - axis - b));
    return true;
}

static bool drop_broadcast(Importer *im, Draft *d) {
    int64_t broadcast;
    return draft_take_int(im, d, "broadcast", 0, &broadcast);
}

// A slope with one number per channel.
static bool prelu_per_channel(Importer *im, Draft *d) {
    int rank = draft_rank(d, 0);
    if (draft_rank(d, 1) != 1 || rank < 3)
        return true;
    Dim slopes = d->in[1]->type.dim[0];
    if (slopes.sym || slopes.n != 1)
        d->in[1] = draft_add_axes(im, d, d->in[1], 1, rank - 2);
    return true;
}

// Softmax before opset 13 works on a matrix: the axes before `axis` are its rows, the others its columns.

static bool rest_is_one(const Type *type, int64_t axis) {
    if (type->rank < 0 || axis < 0 || axis >= type->rank)
        return false;
    for (int64_t i = axis + 1; i < type->rank; i++)
        if (type->dim[i].sym || type->dim[i].n != 1)
            return false;
    return true;
}

static bool softmax_of_matrix(Importer *im, Draft *d) {
    int64_t axis;
    Value *x = draft_in(d, 0);
    if (!draft_take_int(im, d, "axis", 1, &axis))
        return false;
    if (!x || axis == -1 || rest_is_one(&x->type, axis)) {
        draft_set_int(im, d, "axis", axis);
        return true;
    }
    Value *matrix = draft_node(im, d, OP_Flatten, x, NULL, NULL);
    ((AxisAttrs *)matrix->def->attrs)->axis = axis;
    draft_infer(im, matrix->def);
    Value *result = draft_node(im, d, op_find(d->op), matrix, NULL, NULL);  // its axis is -1
    Value *shape = draft_node(im, d, OP_Shape, x, NULL, NULL);
    return draft_define(im, d, 0, draft_node(im, d, OP_Reshape, result, shape, NULL));
}

// BatchNormalization

static bool norm_per_channel(Importer *im, Draft *d) {
    int64_t spatial;
    if (!draft_take_int(im, d, "spatial", 1, &spatial))
        return false;
    return spatial || diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'spatial' = 0 is not supported");
}

static bool norm_training(Importer *im, Draft *d) {
    int64_t training;
    if (!draft_take_int(im, d, "training_mode", 0, &training))
        return false;
    if (training)
        return make_batch_training(im, d);
    for (; d->nout > 1; d->nout--)
        if (draft_wants(d, d->nout - 1))
            scope_define(d->scope, d->out[d->nout - 1], NAME_TRAINING, NULL);
    return true;
}

// Upsample became Resize. Both counted from the corner of a pixel before opset 11.

static bool constant_is_empty(const Value *value) {
    return value && value->data && type_count(&value->type) == 0;
}

// The constant scales of the axes that shrink or, with `grow`, of those that grow; 1 for the others. Null if there are
// none.
static Value *scales_that(Importer *im, const Draft *d, const Value *scales, bool grow) {
    int64_t n = type_count(&scales->type);  // a constant's, so there are its bytes
    float *kept = ARENA_ARRAY(im->arena, float, n);
    bool any = false;
    for (int64_t i = 0; i < n; i++) {
        double scale = element_double(DT_F32, constant_bytes(scales->data), i);
        bool keep = grow ? scale > 1 : scale < 1;
        kept[i] = keep ? (float)scale : 1;
        any = any || keep;
    }
    return any ? draft_constant(im, d, grow ? "growing" : "shrinking", &scales->type, kept) : NULL;
}

// The nearest element is the one at the left, but along axes that shrink the one at the right: these have a node of
// their own where others grow.
static bool resize_from_corner(Importer *im, Draft *d) {
    Value *scales = draft_in(d, 1);
    const char *mode;
    if (!draft_need(im, d, 1) || !draft_take_text(im, d, "mode", "nearest", &mode))
        return false;
    draft_set_text(im, d, "mode", mode);
    bool known = !strcmp(mode, "nearest") && scales && scales->data && scales->type.dtype == DT_F32;
    Value *shrinking = known ? scales_that(im, d, scales, false) : NULL;
    Value *growing = shrinking ? scales_that(im, d, scales, true) : NULL;
    if (growing) {
        Value *grown = draft_node(im, d, OP_Resize, d->in[0], NULL, growing);
        ResizeAttrs *attrs = grown->def->attrs;
        attrs->coordinate = RESIZE_ASYMMETRIC;
        attrs->nearest_mode = ROUND_FLOOR;
        draft_infer(im, grown->def);
        d->in[0] = grown;
        scales = shrinking;
    }
    draft_set_input(d, 1, NULL);
    draft_set_input(d, 2, scales);
    draft_set_text(im, d, "coordinate_transformation_mode", "asymmetric");
    draft_set_text(im, d, "nearest_mode", shrinking ? "ceil" : "floor");
    return true;
}

// Images only.
static bool upsample_image(Importer *im, Draft *d) {
    double height, width;
    if (!draft_take_float(im, d, "height_scale", 1, &height) || !draft_take_float(im, d, "width_scale", 1, &width))
        return false;
    const float scales[4] = {1, 1, (float)height, (float)width};
    float *copy = ARENA_ARRAY(im->arena, float, 4);
    memcpy(copy, scales, sizeof scales);
    Type type = type_make(DT_F32, 1, &(int64_t){4});
    draft_set_input(d, 1, draft_constant(im, d, "scales", &type, copy));
    return true;
}

static bool upsample_scales(Importer *im, Draft *d) {
    if (draft_in(d, 1))
        return true;  // of an older form
    const Onnx__AttributeProto *scales = draft_take(d, "scales");
    if (!scales || !scales->n_floats)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'scales' is missing");
    int64_t n = (int64_t)scales->n_floats;
    float *copy = ARENA_ARRAY(im->arena, float, n);
    memcpy(copy, scales->floats, (size_t)n * sizeof *copy);
    Type type = type_make(DT_F32, 1, &n);
    draft_set_input(d, 1, draft_constant(im, d, "scales", &type, copy));
    return true;
}

static bool upsample_bilinear(Importer *im, Draft *d) {
    const char *mode;
    if (!draft_take_text(im, d, "mode", "nearest", &mode))
        return false;
    draft_set_text(im, d, "mode", strcmp(mode, "bilinear") ? mode : "linear");
    return true;
}

// Exporters write an empty tensor for scales or roi that are not used.
static bool resize_without_empty(Importer *im, Draft *d) {
    (void)im;
    for (int i = 1; i < d->nin; i++)
        if (constant_is_empty(d->in[i]))
            d->in[i] = NULL;
    return true;
}

// GridSample called its modes as images do.
static bool grid_mode(Importer *im, Draft *d) {
    const char *mode;
    if (!draft_take_text(im, d, "mode", "bilinear", &mode))
        return false;
    draft_set_text(im, d, "mode", !strcmp(mode, "bilinear") ? "linear" : !strcmp(mode, "bicubic") ? "cubic" : mode);
    return true;
}

// RoiAlign did not shift coordinates by half a pixel.
static bool roi_from_corner(Importer *im, Draft *d) {
    draft_set_text(im, d, "coordinate_transformation_mode", "output_half_pixel");
    return true;
}

// The tables.

static const struct {
    const char *op, *today;
    int to;  // the last operator set with the old name
} renamed[] = {
    {"Upsample", "Resize", 9},
    {"Scatter", "ScatterElements", 10},
};

static const struct {
    const char *op;
    int to;  // the last operator set with the old form
    bool (*rewrite)(Importer *im, Draft *d);
} upgrades[] = {
    {"Add", 6, broadcast_at_axis},
    {"And", 6, broadcast_at_axis},
    {"BatchNormalization", 8, norm_per_channel},
    {"BatchNormalization", OPSET_NEWEST, norm_training},
    {"Cast", 5, cast_by_name},
    {"Clip", 10, clip_to_inputs},
    {"Concat", 3, concat_channels},
    {"DFT", 19, dft_axis_to_input},
    {"Div", 6, broadcast_at_axis},
    {"Equal", 6, broadcast_at_axis},
    {"Gemm", 6, drop_broadcast},
    {"GlobalLpPool", 1, norm_of_float},
    {"Greater", 6, broadcast_at_axis},
    {"Less", 6, broadcast_at_axis},
    {"GridSample", 19, grid_mode},
    {"LogSoftmax", 12, softmax_of_matrix},
    {"LpPool", 1, norm_of_float},
    {"Mul", 6, broadcast_at_axis},
    {"Or", 6, broadcast_at_axis},
    {"PRelu", 6, prelu_per_channel},
    {"Pad", 1, paddings_to_input},
    {"Pad", 10, pad_to_inputs},
    {"Pow", 6, broadcast_at_axis},
    {"ReduceL1", 17, axes_to_input},
    {"ReduceL2", 17, axes_to_input},
    {"ReduceLogSum", 17, axes_to_input},
    {"ReduceLogSumExp", 17, axes_to_input},
    {"ReduceMax", 17, axes_to_input},
    {"ReduceMean", 17, axes_to_input},
    {"ReduceMin", 17, axes_to_input},
    {"ReduceProd", 17, axes_to_input},
    {"ReduceSum", 12, axes_to_input},
    {"ReduceSumSquare", 17, axes_to_input},
    {"Reshape", 4, shape_to_input},
    {"Resize", 10, resize_from_corner},
    {"Resize", OPSET_NEWEST, resize_without_empty},
    {"RoiAlign", 15, roi_from_corner},
    {"Selu", 5, selu_rounded},
    {"Slice", 9, slice_to_inputs},
    {"Softmax", 12, softmax_of_matrix},
    {"Split", 1, split_without_input},
    {"Split", 12, split_to_input},
    {"Split", 17, split_evenly},
    {"Squeeze", 12, axes_to_input},
    {"Sub", 6, broadcast_at_axis},
    {"Tile", 5, tile_along_axis},
    {"TopK", 9, topk_to_input},
    {"Unsqueeze", 12, axes_to_input},
    {"Upsample", 6, upsample_image},
    {"Upsample", 8, upsample_scales},
    {"Upsample", 9, upsample_bilinear},
    {"Upsample", 9, resize_from_corner},
    {"Xor", 6, broadcast_at_axis},
};

const char *upgrade_name(const char *op, int64_t opset) {
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
        if (!strcmp(renamed[i].op, op) && opset <= renamed[i].to)
            return renamed[i].today;
    return op;
}

bool upgrade_draft(Importer *im, Draft *d) {
    for (size_t i = 0; i < sizeof upgrades / sizeof *upgrades && !d->done; i++)
        if (!strcmp(upgrades[i].op, d->op) && d->opset <= upgrades[i].to && !upgrades[i].rewrite(im, d))
            return false;
    d->op = upgrade_name(d->op, d->opset);
    return true;
}
