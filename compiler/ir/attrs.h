// The attributes of each operator as a struct, and the rows that describe its fields to importer, printer, parser.
#ifndef IR_ATTRS_H
#define IR_ATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ir/type.h"
#include "support/arena.h"

typedef struct Ints {
    int n;
    int64_t *v;
} Ints;
Ints ints_copy(Arena *arena, const int64_t *v, int n);

typedef struct Floats {
    int n;
    double *v;
} Floats;

typedef enum AttrKind {
    ATTR_INT,     // int64_t
    ATTR_BOOL,    // bool
    ATTR_FLOAT,   // double
    ATTR_STRING,  // const char *
    ATTR_ENUM,    // int, an index into the row's words (ONNX strings and sqzc's own choices)
    ATTR_DTYPE,   // DType (an ONNX int)
    ATTR_INTS,    // Ints
    ATTR_FLOATS   // Floats
} AttrKind;

typedef struct AttrRow {
    const char *name;  // null ends the rows
    AttrKind kind;
    size_t offset;
    const char *initial;       // as in the text: "1", "0.5", "[1, 1]", "relu"; null: absent (0, [], null, DT_NONE)
    const char *const *words;  // of an enum, null-terminated
    bool own;                  // sqzc's: no model may have it
} AttrRow;

typedef struct AttrTable {
    const char *name;
    size_t size;          // of the struct
    const AttrRow *rows;  // ONNX attributes have their ONNX names
} AttrTable;

void *attrs_new(const AttrTable *table, Arena *arena);  // all fields at their defaults
void *attrs_copy(const AttrTable *table, Arena *arena, const void *attrs);
bool attrs_equal(const AttrTable *table, const void *a, const void *b);
const AttrRow *attrs_find(const AttrTable *table, const char *name);  // null if there is none
bool attr_is_default(const AttrTable *table, const AttrRow *row, const void *attrs);
// One value in its text form, to and from. Parsing returns the first character behind it, or null.
const char *attr_text(Arena *arena, const AttrRow *row, const void *attrs);
const char *attr_parse(Arena *arena, const AttrRow *row, const char *text, void *attrs);

// An activation that the producer applies as it stores.
typedef enum ActKind {
    ACT_NONE,
    ACT_RELU,
    ACT_CLIP,
    ACT_LEAKY_RELU,
    ACT_SIGMOID,
    ACT_TANH,
    ACT_HARD_SWISH,
    ACT_HARD_SIGMOID,
    ACT_SWISH,
    ACT_GELU,
    ACT_GELU_TANH
} ActKind;
typedef struct Act {
    int kind;            // ActKind
    double alpha, beta;  // clip: low and high; leaky_relu: slope; hard_sigmoid: alpha and beta; swish: alpha
} Act;

typedef enum AutoPad { AUTO_PAD_NOTSET, AUTO_PAD_SAME_UPPER, AUTO_PAD_SAME_LOWER, AUTO_PAD_VALID } AutoPad;

// A pool over its activated results, which are then not stored: maxima, or averages of what lies inside.
typedef enum ConvPoolKind { CONV_POOL_NONE, CONV_POOL_MAX, CONV_POOL_AVERAGE } ConvPoolKind;
typedef struct ConvPool {
    int kind;  // ConvPoolKind
    Ints shape, strides, pads;
} ConvPool;

typedef struct ConvAttrs {  // Conv and ConvTranspose
    int auto_pad;
    Ints dilations, kernel_shape, pads, strides, output_padding, output_shape;
    int64_t group;
    Act act;
    bool exact;      // only EXACT kernels: its sums are whole numbers that none of them may round
    bool act_first;  // input 3 of a Conv is added behind the activation, not before it
    ConvPool pool;  // of a Conv
} ConvAttrs;

typedef struct PoolAttrs {  // MaxPool, AveragePool
    int auto_pad;
    Ints dilations, kernel_shape, pads, strides;
    bool ceil_mode, count_include_pad;
    int64_t storage_order;
} PoolAttrs;

typedef struct LrnAttrs {
    double alpha, beta, bias;
    int64_t size;
} LrnAttrs;

typedef struct NormAttrs {  // BatchNormalization, InstanceNormalization
    double epsilon, momentum;
    bool training_mode;
} NormAttrs;

typedef struct NormalizeAttrs {  // sqz.Normalize
    int64_t axis;                // and all behind it
    double epsilon;
    bool centred;                // the mean is subtracted
} NormalizeAttrs;

typedef struct MatMulAttrs {  // all sqzc's own, as are inputs 2 and 3
    Ints perm_a, perm_b;  // how the factors are transposed as they are read; empty: not at all
    Ints perm_y;          // and the result as it is stored; not with inputs 2 and 3
    Act act;
} MatMulAttrs;

typedef struct GemmAttrs {
    double alpha, beta;
    bool trans_a, trans_b;
    Act act;
} GemmAttrs;

typedef struct ActAttrs {  // LeakyRelu, Elu, HardSigmoid, Selu, ThresholdedRelu, Celu, Shrink, ...
    double alpha, beta, gamma, bias, lambd;
} ActAttrs;

typedef struct GeluAttrs {
    int approximate;  // none, tanh
} GeluAttrs;

typedef struct AxisAttrs {  // Softmax, LogSoftmax, Hardmax, Flatten, Concat, Gather, ...
    int64_t axis;
} AxisAttrs;

typedef struct ReduceAttrs {
    bool keepdims, noop_with_empty_axes;
} ReduceAttrs;

typedef struct ArgAttrs {  // ArgMax, ArgMin
    int64_t axis;
    bool keepdims, select_last_index;
} ArgAttrs;

typedef struct SplitAttrs {
    int64_t axis, num_outputs;
} SplitAttrs;

typedef enum PadMode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP } PadMode;
typedef struct PadAttrs {
    int mode;  // PadMode
} PadAttrs;

typedef struct TransposeAttrs {
    Ints perm;
} TransposeAttrs;

typedef struct ReshapeAttrs {
    bool allowzero;
} ReshapeAttrs;

typedef struct ShapeAttrs {
    int64_t start, end;
    bool has_end;
} ShapeAttrs;

typedef enum ResizeMode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC } ResizeMode;
typedef enum ResizeCoordinate {
    RESIZE_HALF_PIXEL,
    RESIZE_HALF_PIXEL_SYMMETRIC,
    RESIZE_PYTORCH_HALF_PIXEL,
    RESIZE_TF_HALF_PIXEL,  // of nearest elements; up to operator set 12
    RESIZE_ALIGN_CORNERS,
    RESIZE_ASYMMETRIC,
    RESIZE_CROP
} ResizeCoordinate;
typedef enum ResizeRound { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, ROUND_FLOOR, ROUND_CEIL } ResizeRound;
typedef enum ResizeAspect { ASPECT_STRETCH, ASPECT_NOT_LARGER, ASPECT_NOT_SMALLER } ResizeAspect;
typedef struct ResizeAttrs {
    int mode;            // ResizeMode
    int coordinate;      // ResizeCoordinate: coordinate_transformation_mode
    int nearest_mode;    // ResizeRound
    double cubic_coeff_a, extrapolation_value;
    bool exclude_outside, antialias;
    int keep_aspect_ratio_policy;  // ResizeAspect
    Ints axes;
} ResizeAttrs;

typedef enum DepthMode { DEPTH_DCR, DEPTH_CRD } DepthMode;
typedef struct DepthAttrs {  // DepthToSpace, SpaceToDepth
    int64_t blocksize;
    int mode;  // DepthMode
} DepthAttrs;

typedef enum CastRound { CAST_UP, CAST_DOWN, CAST_NEAREST } CastRound;
typedef struct CastAttrs {  // Cast, BitCast
    DType to;
    bool saturate;   // to float8: what is too large becomes the largest
    int round_mode;  // CastRound: to f8e8m0
} CastAttrs;

typedef struct FillAttrs {  // ConstantOfShape: the value, as the importer read it from a one-element tensor
    double value;
    DType dtype;
} FillAttrs;

typedef struct ModAttrs {
    bool fmod;
} ModAttrs;

typedef enum ShiftDirection { SHIFT_LEFT, SHIFT_RIGHT } ShiftDirection;
typedef struct ShiftAttrs {
    int direction;  // ShiftDirection
} ShiftAttrs;

typedef struct IsInfAttrs {
    bool detect_negative, detect_positive;
} IsInfAttrs;

typedef struct CumAttrs {
    bool exclusive, reverse;
} CumAttrs;

typedef struct BatchAttrs {  // GatherND
    int64_t batch_dims;
} BatchAttrs;

typedef enum ScatterReduction { SCATTER_NONE, SCATTER_ADD, SCATTER_MUL, SCATTER_MAX, SCATTER_MIN } ScatterReduction;
typedef struct ScatterAttrs {  // ScatterElements, ScatterND
    int64_t axis;
    int reduction;  // ScatterReduction
} ScatterAttrs;

typedef struct TopKAttrs {
    int64_t axis;
    bool largest, sorted;  // the result is always sorted
} TopKAttrs;

typedef struct UniqueAttrs {
    int64_t axis;  // or COMPRESS_FLAT
    bool sorted;
} UniqueAttrs;

typedef struct NmsAttrs {  // NonMaxSuppression
    bool center_point_box;
} NmsAttrs;

#define TRIM_COUNTED INT64_MAX
typedef struct TrimAttrs {  // sqz.Trim
    int64_t axis;  // what is counted; TRIM_COUNTED: the dimension that is so already
    bool whole;    // the result is of all elements, none of them counted
} TrimAttrs;

typedef struct EyeAttrs {
    DType dtype;  // none: the input's
    int64_t k;
} EyeAttrs;

typedef struct ReverseAttrs {  // ReverseSequence
    int64_t batch_axis, time_axis;
} ReverseAttrs;

typedef struct AxesAttrs {  // CenterCropPad
    Ints axes;
} AxesAttrs;

typedef struct LpPoolAttrs {
    PoolAttrs pool;  // first, so that a window is read as any pool's
    int64_t p;
} LpPoolAttrs;

typedef struct UnpoolAttrs {  // MaxUnpool
    Ints kernel_shape, pads, strides;
} UnpoolAttrs;

typedef struct Col2ImAttrs {
    Ints dilations, pads, strides;
} Col2ImAttrs;

typedef enum GridMode { GRID_LINEAR, GRID_NEAREST, GRID_CUBIC } GridMode;
typedef enum GridPadding { GRID_ZEROS, GRID_BORDER, GRID_REFLECTION } GridPadding;
typedef struct GridAttrs {  // GridSample
    int mode, padding_mode;  // GridMode, GridPadding
    bool align_corners;
} GridAttrs;

typedef enum RoiMode { ROI_AVERAGE, ROI_MAX } RoiMode;
typedef struct RoiAttrs {  // RoiAlign
    int mode;                       // RoiMode
    int coordinate;                 // 0: half_pixel, 1: output_half_pixel
    int64_t output_height, output_width, sampling_ratio;
    double spatial_scale;
} RoiAttrs;

typedef enum RnnDirection { RNN_FORWARD, RNN_REVERSE, RNN_BIDIRECTIONAL } RnnDirection;
typedef struct RnnAttrs {    // RNN, GRU, LSTM
    const char *activations;  // their names, with commas between them; null: the usual ones
    Floats activation_alpha, activation_beta;
    double clip;              // 0: none
    int direction;
    int64_t hidden_size, layout;
    bool input_forget;         // LSTM
    bool linear_before_reset;  // GRU
} RnnAttrs;

typedef struct DftAttrs {  // DFT, STFT
    bool inverse, onesided;
} DftAttrs;

typedef enum UpdateRule { UPDATE_LINEAR, UPDATE_GATED, UPDATE_DELTA, UPDATE_GATED_DELTA } UpdateRule;
typedef struct LinearAttrs {  // LinearAttention
    int64_t chunk_size, kv_num_heads, q_num_heads;  // the first is a hint that nothing follows
    double scale;                                   // 0: 1 / sqrt(size of a key)
    int update_rule;                                // UpdateRule
} LinearAttrs;

typedef struct TensorScatterAttrs {
    int64_t axis;
    int mode;  // 0: linear, 1: circular
} TensorScatterAttrs;

typedef struct DeformAttrs {  // DeformConv
    ConvAttrs conv;           // first, so that its window is read as a convolution's
    int64_t offset_group;
} DeformAttrs;

typedef struct EinsumAttrs {
    const char *equation;
} EinsumAttrs;

#define COMPRESS_FLAT INT64_MAX  // no axis: the data is taken as a list
typedef struct CompressAttrs {
    int64_t axis;
} CompressAttrs;

// The columns of a sqz.Trees's nodes: a branch is {TreeMode, perhaps with TREE_MISSING, feature, node if true, node if
// false}, a leaf {TREE_LEAF, its first weight, the one behind its last, 0}. Branches lead to later nodes.
typedef enum TreeMode { TREE_LEQ, TREE_LT, TREE_GTE, TREE_GT, TREE_EQ, TREE_NEQ, TREE_LEAF } TreeMode;
enum { TREE_MISSING = 8 };  // NaN counts as true
typedef enum TreeAggregate { TREE_AVERAGE, TREE_SUM, TREE_MIN, TREE_MAX } TreeAggregate;
typedef struct TreeAttrs {  // sqz.Trees
    int aggregate;          // TreeAggregate
    int64_t targets;        // columns of the result
} TreeAttrs;

typedef struct GramAttrs {  // sqz.Grams
    int64_t skips;          // items that may lie between two of an n-gram
    int64_t columns;        // of the result
} GramAttrs;

typedef enum RandomKind { RANDOM_UNIFORM, RANDOM_NORMAL } RandomKind;
typedef struct RandomAttrs {  // sqz.Random
    DType dtype;              // f32 or f64
    int kind;                 // RandomKind
    int64_t key;              // of the generator, 64 bits
} RandomAttrs;

typedef struct FireAttrs {
    int64_t band;  // rows of the squeezed map computed before the expands use them; 0: the whole map
} FireAttrs;

typedef struct LoopAttrs {
    int64_t carried;  // values that one iteration hands to the next
    bool counted;     // the last of them, an i64, says in the end how many turns there were: rows of the scan outputs
} LoopAttrs;

typedef struct ScanAttrs {  // empty lists: axis 0, forwards
    int64_t states, num_scan_inputs;
    Ints scan_input_axes, scan_input_directions, scan_output_axes, scan_output_directions;
} ScanAttrs;

typedef struct DequantizeAttrs {
    int64_t rows, columns;  // of a block, which has a scale and perhaps a zero of its own
    int64_t zero;           // what stands for 0 where no input says it
} DequantizeAttrs;

typedef struct PackAttrs {  // sqz.PackConv and sqz.PackMatrix: recipes for constants
    int64_t panel, block;   // output channels of a panel; input channels of a block, of quantized weights: with a scale
    int64_t tile;           // transformed for Winograd tiles of so many outputs in each direction; 0: as they are
    bool strassen;          // as the seven right factors of Strassen's algorithm
    bool transposed;        // of a matrix: outputs come first; of a filter: inputs do
    int64_t groups;         // of a filter's outputs, which don't fill panels and blocks; 0: it has one, or they do
    int64_t zero;           // of quantized weights: as in DequantizeAttrs
} PackAttrs;

#define ATTR_TABLE(name) extern const AttrTable name;
ATTR_TABLE(no_attrs)
ATTR_TABLE(conv_attrs)
ATTR_TABLE(pool_attrs)
ATTR_TABLE(lrn_attrs)
ATTR_TABLE(norm_attrs)
ATTR_TABLE(normalize_attrs)
ATTR_TABLE(matmul_attrs)
ATTR_TABLE(gemm_attrs)
ATTR_TABLE(act_attrs_leaky)     // alpha = 0.01
ATTR_TABLE(act_attrs_elu)       // alpha = 1
ATTR_TABLE(act_attrs_hard)      // alpha = 0.2, beta = 0.5
ATTR_TABLE(act_attrs_selu)
ATTR_TABLE(act_attrs_shrink)
ATTR_TABLE(gelu_attrs)
ATTR_TABLE(softmax_attrs)       // axis = -1
ATTR_TABLE(flatten_attrs)       // axis = 1
ATTR_TABLE(axis_attrs)          // axis = 0
ATTR_TABLE(reduce_attrs)
ATTR_TABLE(arg_attrs)
ATTR_TABLE(split_attrs)
ATTR_TABLE(pad_attrs)
ATTR_TABLE(transpose_attrs)
ATTR_TABLE(reshape_attrs)
ATTR_TABLE(shape_attrs)
ATTR_TABLE(resize_attrs)
ATTR_TABLE(depth_attrs)
ATTR_TABLE(cast_attrs)
ATTR_TABLE(fill_attrs)
ATTR_TABLE(mod_attrs)
ATTR_TABLE(shift_attrs)
ATTR_TABLE(isinf_attrs)
ATTR_TABLE(cum_attrs)
ATTR_TABLE(batch_attrs)
ATTR_TABLE(scatter_attrs)
ATTR_TABLE(topk_attrs)
ATTR_TABLE(trim_attrs)
ATTR_TABLE(eye_attrs)
ATTR_TABLE(reverse_attrs)
ATTR_TABLE(axes_attrs)
ATTR_TABLE(lp_pool_attrs)
ATTR_TABLE(unpool_attrs)
ATTR_TABLE(col2im_attrs)
ATTR_TABLE(grid_attrs)
ATTR_TABLE(roi_attrs)
ATTR_TABLE(rnn_attrs)
ATTR_TABLE(gru_attrs)
ATTR_TABLE(lstm_attrs)
ATTR_TABLE(dft_attrs)
ATTR_TABLE(stft_attrs)          // onesided = 1
ATTR_TABLE(linear_attrs)
ATTR_TABLE(tensor_scatter_attrs)
ATTR_TABLE(deform_attrs)
ATTR_TABLE(einsum_attrs)
ATTR_TABLE(compress_attrs)
ATTR_TABLE(unique_attrs)
ATTR_TABLE(nms_attrs)
ATTR_TABLE(gram_attrs)
ATTR_TABLE(tree_attrs)
ATTR_TABLE(random_attrs)
ATTR_TABLE(fire_attrs)
ATTR_TABLE(loop_attrs)
ATTR_TABLE(scan_attrs)
ATTR_TABLE(dequantize_attrs)
ATTR_TABLE(pack_attrs)
#undef ATTR_TABLE

#endif
