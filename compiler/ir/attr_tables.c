// The rows of each attribute struct: names, kinds, fields, and the defaults of ONNX's newest operator sets. Lists
// whose default depends on the rank (strides, pads, ...) are empty here; inference fills them in as it reads them.
// The order of the words is that of the enums in attrs.h.
#include "ir/attrs.h"

#define INT(T, name, member, initial) {name, ATTR_INT, offsetof(T, member), initial, NULL, false}
#define BOOL(T, name, member, initial) {name, ATTR_BOOL, offsetof(T, member), initial, NULL, false}
#define FLOAT(T, name, member, initial) {name, ATTR_FLOAT, offsetof(T, member), initial, NULL, false}
#define WORD(T, name, member, initial, words) {name, ATTR_ENUM, offsetof(T, member), initial, words, false}
#define DTYPE_ROW(T, name, member, initial) {name, ATTR_DTYPE, offsetof(T, member), initial, NULL, false}
#define INTS(T, name, member) {name, ATTR_INTS, offsetof(T, member), NULL, NULL, false}
#define OWN(T, name, kind, member, initial, words) {name, kind, offsetof(T, member), initial, words, true}
#define END {NULL, ATTR_INT, 0, NULL, NULL, false}
// What a kernel applies to a result before it stores it.
#define ACT(T)                                             \
    OWN(T, "act", ATTR_ENUM, act.kind, "none", acts),      \
    OWN(T, "act_alpha", ATTR_FLOAT, act.alpha, "0", NULL), \
    OWN(T, "act_beta", ATTR_FLOAT, act.beta, "0", NULL)

static const char *const acts[] = {
    "none", "relu", "clip", "leaky_relu", "sigmoid", "tanh", "hard_swish", "hard_sigmoid", "swish", "gelu", "gelu_tanh",
    NULL};
static const char *const conv_pools[] = {"none", "max", "average", NULL};
static const char *const auto_pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", NULL};
static const char *const gelus[] = {"none", "tanh", NULL};
static const char *const pad_modes[] = {"constant", "reflect", "edge", "wrap", NULL};
static const char *const resize_modes[] = {"nearest", "linear", "cubic", NULL};
static const char *const coordinates[] = {
    "half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel", "tf_half_pixel_for_nn",
    "align_corners", "asymmetric",           "tf_crop_and_resize", NULL};
static const char *const nearest_modes[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
static const char *const cast_rounds[] = {"up", "down", "nearest", NULL};
static const char *const aspect_policies[] = {"stretch", "not_larger", "not_smaller", NULL};
static const char *const depth_modes[] = {"DCR", "CRD", NULL};
static const char *const directions[] = {"LEFT", "RIGHT", NULL};
static const char *const reductions[] = {"none", "add", "mul", "max", "min", NULL};
static const char *const grid_modes[] = {"linear", "nearest", "cubic", NULL};
static const char *const grid_paddings[] = {"zeros", "border", "reflection", NULL};
static const char *const roi_coordinates[] = {"half_pixel", "output_half_pixel", NULL};
static const char *const roi_modes[] = {"avg", "max", NULL};
static const char *const rnn_directions[] = {"forward", "reverse", "bidirectional", NULL};
static const char *const update_rules[] = {"linear", "gated", "delta", "gated_delta", NULL};
static const char *const scatter_modes[] = {"linear", "circular", NULL};

static const char *const random_kinds[] = {"uniform", "normal", NULL};
static const char *const aggregates[] = {"average", "sum", "min", "max", NULL};

static const AttrRow no_rows[] = {END};
const AttrTable no_attrs = {"none", 1, no_rows};

static const AttrRow conv_rows[] = {
    WORD(ConvAttrs, "auto_pad", auto_pad, "NOTSET", auto_pads),
    INTS(ConvAttrs, "dilations", dilations),
    INT(ConvAttrs, "group", group, "1"),
    INTS(ConvAttrs, "kernel_shape", kernel_shape),
    INTS(ConvAttrs, "output_padding", output_padding),
    INTS(ConvAttrs, "output_shape", output_shape),
    INTS(ConvAttrs, "pads", pads),
    INTS(ConvAttrs, "strides", strides),
    ACT(ConvAttrs),
    OWN(ConvAttrs, "act_first", ATTR_BOOL, act_first, "0", NULL),
    OWN(ConvAttrs, "exact", ATTR_BOOL, exact, "0", NULL),
    OWN(ConvAttrs, "pool", ATTR_ENUM, pool.kind, "none", conv_pools),
    OWN(ConvAttrs, "pool_shape", ATTR_INTS, pool.shape, NULL, NULL),
    OWN(ConvAttrs, "pool_strides", ATTR_INTS, pool.strides, NULL, NULL),
    OWN(ConvAttrs, "pool_pads", ATTR_INTS, pool.pads, NULL, NULL),
    END};
const AttrTable conv_attrs = {"conv", sizeof(ConvAttrs), conv_rows};

static const AttrRow pool_rows[] = {
    WORD(PoolAttrs, "auto_pad", auto_pad, "NOTSET", auto_pads),
    BOOL(PoolAttrs, "ceil_mode", ceil_mode, "0"),
    BOOL(PoolAttrs, "count_include_pad", count_include_pad, "0"),
    INTS(PoolAttrs, "dilations", dilations),
    INTS(PoolAttrs, "kernel_shape", kernel_shape),
    INTS(PoolAttrs, "pads", pads),
    INT(PoolAttrs, "storage_order", storage_order, "0"),
    INTS(PoolAttrs, "strides", strides),
    END};
const AttrTable pool_attrs = {"pool", sizeof(PoolAttrs), pool_rows};

static const AttrRow lrn_rows[] = {
    FLOAT(LrnAttrs, "alpha", alpha, "0.0001"),
    FLOAT(LrnAttrs, "beta", beta, "0.75"),
    FLOAT(LrnAttrs, "bias", bias, "1"),
    INT(LrnAttrs, "size", size, NULL),
    END};
const AttrTable lrn_attrs = {"lrn", sizeof(LrnAttrs), lrn_rows};

static const AttrRow norm_rows[] = {
    FLOAT(NormAttrs, "epsilon", epsilon, "1e-05"),
    FLOAT(NormAttrs, "momentum", momentum, "0.9"),
    BOOL(NormAttrs, "training_mode", training_mode, "0"),
    END};
const AttrTable norm_attrs = {"norm", sizeof(NormAttrs), norm_rows};

static const AttrRow normalize_rows[] = {
    INT(NormalizeAttrs, "axis", axis, "-1"),
    FLOAT(NormalizeAttrs, "epsilon", epsilon, "1e-05"),
    BOOL(NormalizeAttrs, "centred", centred, "1"),
    END};
const AttrTable normalize_attrs = {"normalize", sizeof(NormalizeAttrs), normalize_rows};

static const AttrRow matmul_rows[] = {
    OWN(MatMulAttrs, "perm_a", ATTR_INTS, perm_a, NULL, NULL),
    OWN(MatMulAttrs, "perm_b", ATTR_INTS, perm_b, NULL, NULL),
    OWN(MatMulAttrs, "perm_y", ATTR_INTS, perm_y, NULL, NULL),
    ACT(MatMulAttrs),
    END};
const AttrTable matmul_attrs = {"matmul", sizeof(MatMulAttrs), matmul_rows};

static const AttrRow gemm_rows[] = {
    FLOAT(GemmAttrs, "alpha", alpha, "1"),
    FLOAT(GemmAttrs, "beta", beta, "1"),
    BOOL(GemmAttrs, "transA", trans_a, "0"),
    BOOL(GemmAttrs, "transB", trans_b, "0"),
    ACT(GemmAttrs),
    END};
const AttrTable gemm_attrs = {"gemm", sizeof(GemmAttrs), gemm_rows};

static const AttrRow leaky_rows[] = {FLOAT(ActAttrs, "alpha", alpha, "0.01"), END};
const AttrTable act_attrs_leaky = {"act_leaky", sizeof(ActAttrs), leaky_rows};

static const AttrRow elu_rows[] = {FLOAT(ActAttrs, "alpha", alpha, "1"), END};
const AttrTable act_attrs_elu = {"act_elu", sizeof(ActAttrs), elu_rows};

static const AttrRow hard_rows[] = {
    FLOAT(ActAttrs, "alpha", alpha, "0.2"),
    FLOAT(ActAttrs, "beta", beta, "0.5"),
    END};
const AttrTable act_attrs_hard = {"act_hard", sizeof(ActAttrs), hard_rows};

static const AttrRow selu_rows[] = {
    FLOAT(ActAttrs, "alpha", alpha, "1.67326319217681884765625"),
    FLOAT(ActAttrs, "gamma", gamma, "1.05070102214813232421875"),
    END};
const AttrTable act_attrs_selu = {"act_selu", sizeof(ActAttrs), selu_rows};

static const AttrRow shrink_rows[] = {
    FLOAT(ActAttrs, "bias", bias, "0"),
    FLOAT(ActAttrs, "lambd", lambd, "0.5"),
    END};
const AttrTable act_attrs_shrink = {"act_shrink", sizeof(ActAttrs), shrink_rows};

static const AttrRow gelu_rows[] = {WORD(GeluAttrs, "approximate", approximate, "none", gelus), END};
const AttrTable gelu_attrs = {"gelu", sizeof(GeluAttrs), gelu_rows};

static const AttrRow softmax_rows[] = {INT(AxisAttrs, "axis", axis, "-1"), END};
const AttrTable softmax_attrs = {"softmax", sizeof(AxisAttrs), softmax_rows};

static const AttrRow flatten_rows[] = {INT(AxisAttrs, "axis", axis, "1"), END};
const AttrTable flatten_attrs = {"flatten", sizeof(AxisAttrs), flatten_rows};

static const AttrRow axis_rows[] = {INT(AxisAttrs, "axis", axis, "0"), END};
const AttrTable axis_attrs = {"axis", sizeof(AxisAttrs), axis_rows};

static const AttrRow reduce_rows[] = {
    BOOL(ReduceAttrs, "keepdims", keepdims, "1"),
    BOOL(ReduceAttrs, "noop_with_empty_axes", noop_with_empty_axes, "0"),
    END};
const AttrTable reduce_attrs = {"reduce", sizeof(ReduceAttrs), reduce_rows};

static const AttrRow arg_rows[] = {
    INT(ArgAttrs, "axis", axis, "0"),
    BOOL(ArgAttrs, "keepdims", keepdims, "1"),
    BOOL(ArgAttrs, "select_last_index", select_last_index, "0"),
    END};
const AttrTable arg_attrs = {"arg", sizeof(ArgAttrs), arg_rows};

static const AttrRow split_rows[] = {
    INT(SplitAttrs, "axis", axis, "0"),
    INT(SplitAttrs, "num_outputs", num_outputs, NULL),
    END};
const AttrTable split_attrs = {"split", sizeof(SplitAttrs), split_rows};

static const AttrRow pad_rows[] = {WORD(PadAttrs, "mode", mode, "constant", pad_modes), END};
const AttrTable pad_attrs = {"pad", sizeof(PadAttrs), pad_rows};

static const AttrRow transpose_rows[] = {INTS(TransposeAttrs, "perm", perm), END};
const AttrTable transpose_attrs = {"transpose", sizeof(TransposeAttrs), transpose_rows};

static const AttrRow reshape_rows[] = {BOOL(ReshapeAttrs, "allowzero", allowzero, "0"), END};
const AttrTable reshape_attrs = {"reshape", sizeof(ReshapeAttrs), reshape_rows};

static const AttrRow shape_rows[] = {
    INT(ShapeAttrs, "start", start, "0"),
    INT(ShapeAttrs, "end", end, NULL),
    OWN(ShapeAttrs, "has_end", ATTR_BOOL, has_end, "0", NULL),
    END};
const AttrTable shape_attrs = {"shape", sizeof(ShapeAttrs), shape_rows};

static const AttrRow resize_rows[] = {
    WORD(ResizeAttrs, "mode", mode, "nearest", resize_modes),
    WORD(ResizeAttrs, "coordinate_transformation_mode", coordinate, "half_pixel", coordinates),
    WORD(ResizeAttrs, "nearest_mode", nearest_mode, "round_prefer_floor", nearest_modes),
    FLOAT(ResizeAttrs, "cubic_coeff_a", cubic_coeff_a, "-0.75"),
    FLOAT(ResizeAttrs, "extrapolation_value", extrapolation_value, "0"),
    BOOL(ResizeAttrs, "exclude_outside", exclude_outside, "0"),
    BOOL(ResizeAttrs, "antialias", antialias, "0"),
    WORD(ResizeAttrs, "keep_aspect_ratio_policy", keep_aspect_ratio_policy, "stretch", aspect_policies),
    INTS(ResizeAttrs, "axes", axes),
    END};
const AttrTable resize_attrs = {"resize", sizeof(ResizeAttrs), resize_rows};

static const AttrRow depth_rows[] = {
    INT(DepthAttrs, "blocksize", blocksize, NULL),
    WORD(DepthAttrs, "mode", mode, "DCR", depth_modes),
    END};
const AttrTable depth_attrs = {"depth", sizeof(DepthAttrs), depth_rows};

static const AttrRow cast_rows[] = {
    DTYPE_ROW(CastAttrs, "to", to, NULL),
    BOOL(CastAttrs, "saturate", saturate, "1"),
    WORD(CastAttrs, "round_mode", round_mode, "up", cast_rounds),
    END};
const AttrTable cast_attrs = {"cast", sizeof(CastAttrs), cast_rows};

static const AttrRow fill_rows[] = {
    FLOAT(FillAttrs, "value", value, "0"),
    DTYPE_ROW(FillAttrs, "dtype", dtype, "f32"),
    END};
const AttrTable fill_attrs = {"fill", sizeof(FillAttrs), fill_rows};

static const AttrRow mod_rows[] = {BOOL(ModAttrs, "fmod", fmod, "0"), END};
const AttrTable mod_attrs = {"mod", sizeof(ModAttrs), mod_rows};

static const AttrRow shift_rows[] = {WORD(ShiftAttrs, "direction", direction, "LEFT", directions), END};
const AttrTable shift_attrs = {"shift", sizeof(ShiftAttrs), shift_rows};

static const AttrRow isinf_rows[] = {
    BOOL(IsInfAttrs, "detect_negative", detect_negative, "1"),
    BOOL(IsInfAttrs, "detect_positive", detect_positive, "1"),
    END};
const AttrTable isinf_attrs = {"isinf", sizeof(IsInfAttrs), isinf_rows};

static const AttrRow cum_rows[] = {
    BOOL(CumAttrs, "exclusive", exclusive, "0"),
    BOOL(CumAttrs, "reverse", reverse, "0"),
    END};
const AttrTable cum_attrs = {"cum", sizeof(CumAttrs), cum_rows};

static const AttrRow batch_rows[] = {INT(BatchAttrs, "batch_dims", batch_dims, "0"), END};
const AttrTable batch_attrs = {"batch", sizeof(BatchAttrs), batch_rows};

static const AttrRow scatter_rows[] = {
    INT(ScatterAttrs, "axis", axis, "0"),
    WORD(ScatterAttrs, "reduction", reduction, "none", reductions),
    END};
const AttrTable scatter_attrs = {"scatter", sizeof(ScatterAttrs), scatter_rows};

static const AttrRow topk_rows[] = {
    INT(TopKAttrs, "axis", axis, "-1"),
    BOOL(TopKAttrs, "largest", largest, "1"),
    BOOL(TopKAttrs, "sorted", sorted, "1"),
    END};
const AttrTable topk_attrs = {"topk", sizeof(TopKAttrs), topk_rows};

static const AttrRow trim_rows[] = {
    INT(TrimAttrs, "axis", axis, "9223372036854775807"),
    BOOL(TrimAttrs, "whole", whole, "0"),
    END};
const AttrTable trim_attrs = {"trim", sizeof(TrimAttrs), trim_rows};

static const AttrRow eye_rows[] = {DTYPE_ROW(EyeAttrs, "dtype", dtype, NULL), INT(EyeAttrs, "k", k, "0"), END};
const AttrTable eye_attrs = {"eye", sizeof(EyeAttrs), eye_rows};

static const AttrRow reverse_rows[] = {
    INT(ReverseAttrs, "batch_axis", batch_axis, "1"),
    INT(ReverseAttrs, "time_axis", time_axis, "0"),
    END};
const AttrTable reverse_attrs = {"reverse", sizeof(ReverseAttrs), reverse_rows};

static const AttrRow axes_rows[] = {INTS(AxesAttrs, "axes", axes), END};
const AttrTable axes_attrs = {"axes", sizeof(AxesAttrs), axes_rows};

static const AttrRow lp_pool_rows[] = {
    WORD(LpPoolAttrs, "auto_pad", pool.auto_pad, "NOTSET", auto_pads),
    BOOL(LpPoolAttrs, "ceil_mode", pool.ceil_mode, "0"),
    INTS(LpPoolAttrs, "dilations", pool.dilations),
    INTS(LpPoolAttrs, "kernel_shape", pool.kernel_shape),
    INT(LpPoolAttrs, "p", p, "2"),
    INTS(LpPoolAttrs, "pads", pool.pads),
    INTS(LpPoolAttrs, "strides", pool.strides),
    END};
const AttrTable lp_pool_attrs = {"lp_pool", sizeof(LpPoolAttrs), lp_pool_rows};

static const AttrRow unpool_rows[] = {
    INTS(UnpoolAttrs, "kernel_shape", kernel_shape),
    INTS(UnpoolAttrs, "pads", pads),
    INTS(UnpoolAttrs, "strides", strides),
    END};
const AttrTable unpool_attrs = {"unpool", sizeof(UnpoolAttrs), unpool_rows};

static const AttrRow col2im_rows[] = {
    INTS(Col2ImAttrs, "dilations", dilations),
    INTS(Col2ImAttrs, "pads", pads),
    INTS(Col2ImAttrs, "strides", strides),
    END};
const AttrTable col2im_attrs = {"col2im", sizeof(Col2ImAttrs), col2im_rows};

static const AttrRow grid_rows[] = {
    BOOL(GridAttrs, "align_corners", align_corners, "0"),
    WORD(GridAttrs, "mode", mode, "linear", grid_modes),
    WORD(GridAttrs, "padding_mode", padding_mode, "zeros", grid_paddings),
    END};
const AttrTable grid_attrs = {"grid", sizeof(GridAttrs), grid_rows};

static const AttrRow roi_rows[] = {
    WORD(RoiAttrs, "coordinate_transformation_mode", coordinate, "half_pixel", roi_coordinates),
    WORD(RoiAttrs, "mode", mode, "avg", roi_modes),
    INT(RoiAttrs, "output_height", output_height, "1"),
    INT(RoiAttrs, "output_width", output_width, "1"),
    INT(RoiAttrs, "sampling_ratio", sampling_ratio, "0"),
    FLOAT(RoiAttrs, "spatial_scale", spatial_scale, "1"),
    END};
const AttrTable roi_attrs = {"roi", sizeof(RoiAttrs), roi_rows};

#define RNN_ROWS                                                                                \
    {"activation_alpha", ATTR_FLOATS, offsetof(RnnAttrs, activation_alpha), NULL, NULL, false}, \
    {"activation_beta", ATTR_FLOATS, offsetof(RnnAttrs, activation_beta), NULL, NULL, false},   \
    {"activations", ATTR_STRING, offsetof(RnnAttrs, activations), NULL, NULL, false},           \
    FLOAT(RnnAttrs, "clip", clip, "0"),                                                         \
    WORD(RnnAttrs, "direction", direction, "forward", rnn_directions),                          \
    INT(RnnAttrs, "hidden_size", hidden_size, "0"),                                             \
    INT(RnnAttrs, "layout", layout, "0")
static const AttrRow rnn_rows[] = {RNN_ROWS, END};
const AttrTable rnn_attrs = {"rnn", sizeof(RnnAttrs), rnn_rows};
static const AttrRow gru_rows[] = {
    RNN_ROWS, BOOL(RnnAttrs, "linear_before_reset", linear_before_reset, "0"), END};
const AttrTable gru_attrs = {"gru", sizeof(RnnAttrs), gru_rows};
static const AttrRow lstm_rows[] = {RNN_ROWS, BOOL(RnnAttrs, "input_forget", input_forget, "0"), END};
const AttrTable lstm_attrs = {"lstm", sizeof(RnnAttrs), lstm_rows};

static const AttrRow dft_rows[] = {
    BOOL(DftAttrs, "inverse", inverse, "0"), BOOL(DftAttrs, "onesided", onesided, "0"), END};
const AttrTable dft_attrs = {"dft", sizeof(DftAttrs), dft_rows};
static const AttrRow stft_rows[] = {BOOL(DftAttrs, "onesided", onesided, "1"), END};
const AttrTable stft_attrs = {"stft", sizeof(DftAttrs), stft_rows};

static const AttrRow linear_rows[] = {
    INT(LinearAttrs, "chunk_size", chunk_size, "64"),
    INT(LinearAttrs, "kv_num_heads", kv_num_heads, "0"),
    INT(LinearAttrs, "q_num_heads", q_num_heads, "0"),
    FLOAT(LinearAttrs, "scale", scale, "0"),
    WORD(LinearAttrs, "update_rule", update_rule, "gated_delta", update_rules),
    END};
const AttrTable linear_attrs = {"linear_attention", sizeof(LinearAttrs), linear_rows};

static const AttrRow tensor_scatter_rows[] = {
    INT(TensorScatterAttrs, "axis", axis, "-2"),
    WORD(TensorScatterAttrs, "mode", mode, "linear", scatter_modes),
    END};
const AttrTable tensor_scatter_attrs = {"tensor_scatter", sizeof(TensorScatterAttrs), tensor_scatter_rows};

static const AttrRow deform_rows[] = {
    INTS(DeformAttrs, "dilations", conv.dilations),
    INT(DeformAttrs, "group", conv.group, "1"),
    INTS(DeformAttrs, "kernel_shape", conv.kernel_shape),
    INT(DeformAttrs, "offset_group", offset_group, "1"),
    INTS(DeformAttrs, "pads", conv.pads),
    INTS(DeformAttrs, "strides", conv.strides),
    END};
const AttrTable deform_attrs = {"deform", sizeof(DeformAttrs), deform_rows};

static const AttrRow einsum_rows[] = {
    {"equation", ATTR_STRING, offsetof(EinsumAttrs, equation), NULL, NULL, false}, END};
const AttrTable einsum_attrs = {"einsum", sizeof(EinsumAttrs), einsum_rows};

static const AttrRow compress_rows[] = {INT(CompressAttrs, "axis", axis, "9223372036854775807"), END};
const AttrTable compress_attrs = {"compress", sizeof(CompressAttrs), compress_rows};

static const AttrRow unique_rows[] = {
    INT(UniqueAttrs, "axis", axis, "9223372036854775807"), BOOL(UniqueAttrs, "sorted", sorted, "1"), END};
const AttrTable unique_attrs = {"unique", sizeof(UniqueAttrs), unique_rows};

static const AttrRow nms_rows[] = {BOOL(NmsAttrs, "center_point_box", center_point_box, "0"), END};
const AttrTable nms_attrs = {"nms", sizeof(NmsAttrs), nms_rows};

static const AttrRow tree_rows[] = {
    WORD(TreeAttrs, "aggregate", aggregate, "sum", aggregates), INT(TreeAttrs, "targets", targets, "1"), END};
const AttrTable tree_attrs = {"tree", sizeof(TreeAttrs), tree_rows};

static const AttrRow gram_rows[] = {INT(GramAttrs, "skips", skips, "0"), INT(GramAttrs, "columns", columns, "1"), END};
const AttrTable gram_attrs = {"gram", sizeof(GramAttrs), gram_rows};

static const AttrRow random_rows[] = {
    DTYPE_ROW(RandomAttrs, "dtype", dtype, "f32"), WORD(RandomAttrs, "kind", kind, "uniform", random_kinds),
    INT(RandomAttrs, "key", key, "0"), END};
const AttrTable random_attrs = {"random", sizeof(RandomAttrs), random_rows};

static const AttrRow fire_rows[] = {INT(FireAttrs, "band", band, "0"), END};
const AttrTable fire_attrs = {"fire", sizeof(FireAttrs), fire_rows};

static const AttrRow loop_rows[] = {INT(LoopAttrs, "carried", carried, "0"),
                                    BOOL(LoopAttrs, "counted", counted, "0"), END};
const AttrTable loop_attrs = {"loop", sizeof(LoopAttrs), loop_rows};

static const AttrRow scan_rows[] = {
    INT(ScanAttrs, "states", states, "0"),
    INT(ScanAttrs, "num_scan_inputs", num_scan_inputs, "0"),
    INTS(ScanAttrs, "scan_input_axes", scan_input_axes),
    INTS(ScanAttrs, "scan_input_directions", scan_input_directions),
    INTS(ScanAttrs, "scan_output_axes", scan_output_axes),
    INTS(ScanAttrs, "scan_output_directions", scan_output_directions),
    END};
const AttrTable scan_attrs = {"scan", sizeof(ScanAttrs), scan_rows};

static const AttrRow dequantize_rows[] = {
    INT(DequantizeAttrs, "rows", rows, "1"),
    INT(DequantizeAttrs, "columns", columns, "1"),
    INT(DequantizeAttrs, "zero", zero, NULL),
    END};
const AttrTable dequantize_attrs = {"dequantize", sizeof(DequantizeAttrs), dequantize_rows};

static const AttrRow pack_rows[] = {
    INT(PackAttrs, "panel", panel, NULL),
    INT(PackAttrs, "block", block, NULL),
    INT(PackAttrs, "tile", tile, NULL),
    BOOL(PackAttrs, "strassen", strassen, NULL),
    BOOL(PackAttrs, "transposed", transposed, NULL),
    INT(PackAttrs, "groups", groups, NULL),
    INT(PackAttrs, "zero", zero, NULL),
    END};
const AttrTable pack_attrs = {"pack", sizeof(PackAttrs), pack_rows};
