// Shape and type inference: the function of each operator, and the small integer tensors that decide shapes.
#ifndef IR_INFER_H
#define IR_INFER_H

#include "ir/ir.h"

// The elements of a small integer tensor of dimensions, which may be symbolic; row-major, any rank.
typedef struct DimTensor {
    int n;
    Dim *v;
} DimTensor;

typedef struct Infer {
    Arena *arena;       // for what lasts as long as the inference
    Diag *diag;
    DimTensor **known;  // by value id; null where a value is not known. May be null altogether (the verifier)
    int nknown;
} Infer;

// Infers one node's outputs; checks arity first. The types of the inputs must be set.
bool infer_node(Infer *infer, const Node *node, Type *out);

// Whether the node's shape depends on elements of an operand that is neither constant nor computed from shapes. Its
// outputs then keep the types that they have (the model's, see Value.declared), if the operator can give them at all,
// and its lowering compares the operand with them as the model runs.
bool infer_is_declared(Infer *infer, const Node *node);
bool node_is_declared(const Node *node);  // the same without looking further than at constants
// Types of the outputs of a declared node whose types are set; *done is false where this is none.
bool infer_declared(Infer *infer, const Node *node, Type *out, bool *done);
// The element type of an output, which never depends on such operands.
DType declared_dtype(const Node *node, int output);
// The sets of axes (a bit for each) that an declared Squeeze, Unsqueeze or reduction may be given; returns how many.
enum { AXIS_SETS_MAX = 1 << MAX_RANK };
int node_axis_sets(const Node *node, unsigned sets[AXIS_SETS_MAX]);

// The output of an operator that says how much there is of its others; -1: it has none. It is there only where that is
// data: infer-shapes adds it.
int counted_output(const Node *node);

// The integers of an input that must be known: a constant or a computed DimTensor. False (E_DYNAMIC, with the remedy)
// when it is not; a missing optional input gives *dims = null and true.
bool infer_dims(Infer *infer, const Node *node, int index, const DimTensor **dims);
// The same, where all must be plain numbers.
bool infer_ints(Infer *infer, const Node *node, int index, Ints *ints);

// Evaluates a DIMS operator on known dimensions; null if it cannot.
DimTensor *infer_eval_dims(Infer *infer, const Node *node);

// The dimensions that a Shape returns: from index *first, as many as are returned.
int shape_part(const Node *node, int *first);

// Helpers that the families share.
bool infer_broadcast(Infer *infer, const Node *node, const Type *a, const Type *b, Type *out);
bool infer_axis(Infer *infer, const Node *node, int64_t axis, int rank, int *index);  // wraps negatives, checks

// Groups of channels that don't fill panels of outputs and blocks of inputs.
typedef struct Groups {
    int64_t count, ins, outs;  // channels of one
    int64_t panel, block;
} Groups;
// The blocks first .. last - 1 of all inputs that the outputs of a panel see some of, and the largest last - first of
// all panels, which is what packed weights have room for.
typedef struct BlockRange {
    int64_t first, last;
} BlockRange;
BlockRange groups_range(const Groups *groups, int64_t panel);
int64_t groups_room(const Groups *groups);

enum { MAX_SPATIAL = 3 };  // axes of a window

// Pads of a windowed operator after auto_pad: begin[i], end[i] for each spatial axis. Also what lowering uses.
typedef struct Window {
    int n;  // spatial axes, up to 3
    int64_t in[3], kernel[3], stride[3], dilation[3], begin[3], end[3], out[3];
} Window;
static inline double window_taps(const Window *w) {  // positions in the kernel
    double taps = 1;
    for (int i = 0; i < w->n; i++)
        taps *= (double)w->kernel[i];
    return taps;
}
// Whether both axes of a window have such a number.
static inline bool all_are(const int64_t *v, int64_t wanted) {
    return v[0] == wanted && v[1] == wanted;
}
bool window_of_conv(Infer *infer, const Node *node, Window *window);
bool window_of_pool(Infer *infer, const Node *node, Window *window);
// For lowering: the same on a node that has been inferred; cannot fail.
Window node_window(const Node *node);
// Axis of a Transpose's input that becomes axis i of its result.
int permuted_axis(const Node *node, int i);
// Of an operand before it was packed by sqz.PackMatrix.
const Type *matrix_type(const Node *node, int index);
// What the constant right factor of a product is made of, before it is packed: itself; or the f16 or bf16 that a Cast
// widens; or the elements, scales and perhaps zeros of a sqz.Dequantize whose blocks lie along the sums, `transposed`
// or not. How many these are; 0 where it is nothing of the kind.
enum { MATRIX_PARTS = 3, MATRIX_WORD = 32 };  // bits of the words that hold elements of quantized matrices
int matrix_parts(const Value *factor, bool transposed, Value *part[MATRIX_PARTS]);
bool matrix_is_transposed(const Node *node);  // the right factor of a MatMul or Gemm
// With its dimensions in the order of a valid `perm`, row-major; empty: as they are.
Type type_permuted(const Type *type, Ints perm);
// Factor 0 or 1 of a MatMul as it is multiplied: transposed, if it is as it is read.
Type matmul_factor(const Node *node, int index);
bool matmul_transposes(const Node *node);  // any operand

// A Conv that pools its result: node_window is the convolution's, node_pool_window the pool's, and conv_map_type is the
// type of what lies between them, without a rim. Of any other Conv that is its result's.
bool node_pools(const Node *node);
Window node_pool_window(const Node *node);
Type conv_map_type(const Node *node);

enum { COUPLE_CLASSES_MAX = 1000 };  // of a sqz.Couple

// The sizes of the image that a MaxUnpool's indices count in. False after an error; for lowering it cannot fail.
bool unpool_sizes(Infer *infer, const Node *node, int64_t size[MAX_RANK]);

// How a Col2Im's columns lie over the image: `count` of them along each axis.
typedef struct Columns {
    int n;  // spatial axes
    int64_t image[MAX_RANK], block[MAX_RANK], stride[MAX_RANK], dilation[MAX_RANK], begin[MAX_RANK], count[MAX_RANK];
    int64_t taps, columns;  // elements of a block, columns in all
} Columns;
bool column_plan(Infer *infer, const Node *node, Columns *columns);

// The axis and length of a DFT; the length, step and number of an STFT's frames. False after an error; for lowering
// they cannot fail.
bool dft_sizes(Infer *infer, const Node *node, int *axis, int64_t *n);
bool stft_sizes(Infer *infer, const Node *node, int64_t *n, int64_t *step, int64_t *frames);

// How a Scan walks its inputs and outputs; what lowering uses, too, where it cannot fail.
typedef struct ScanWalk {
    int axis;
    bool backwards;
} ScanWalk;
bool scan_walk(Infer *infer, const Node *node, bool output, int index, ScanWalk *walk);

#define INFER(name) bool name(Infer *infer, const Node *node, Type *out);
INFER(infer_same)
INFER(infer_binary)
INFER(infer_logic)
INFER(infer_compare)
INFER(infer_to_bool)
INFER(infer_variadic)
INFER(infer_cast)
INFER(infer_bit_cast)
INFER(infer_clip)
INFER(infer_pow)
INFER(infer_prelu)
INFER(infer_where)
INFER(infer_conv)
INFER(infer_conv_transpose)
INFER(infer_deform_conv)
INFER(infer_pool)
INFER(infer_global_pool)
INFER(infer_norm)
INFER(infer_normalize)
INFER(infer_gemm)
INFER(infer_matmul)
INFER(infer_reduce)
INFER(infer_arg)
INFER(infer_concat)
INFER(infer_split)
INFER(infer_slice)
INFER(infer_pad)
INFER(infer_gather)
INFER(infer_transpose)
INFER(infer_reshape)
INFER(infer_flatten)
INFER(infer_squeeze)
INFER(infer_unsqueeze)
INFER(infer_expand)
INFER(infer_tile)
INFER(infer_resize)
INFER(infer_depth_to_space)
INFER(infer_space_to_depth)
INFER(infer_gather_elements)
INFER(infer_gather_nd)
INFER(infer_scatter_elements)
INFER(infer_scatter_nd)
INFER(infer_tensor_scatter)
INFER(infer_topk)
INFER(infer_reverse_sequence)
INFER(infer_eye)
INFER(infer_center_crop_pad)
INFER(infer_lp_pool)
INFER(infer_max_unpool)
INFER(infer_det)
INFER(infer_col2im)
INFER(infer_grid_sample)
INFER(infer_roi_align)
INFER(infer_rnn)
INFER(infer_einsum)
INFER(infer_linear_attention)
INFER(infer_dft)
INFER(infer_stft)
INFER(infer_non_zero)
INFER(infer_compress)
INFER(infer_trim)
INFER(infer_unique)
INFER(infer_nms)
INFER(infer_shape_of)
INFER(infer_size_of)
INFER(infer_fill)
INFER(infer_range)
INFER(infer_couple)
INFER(infer_grams)
INFER(infer_lookup)
INFER(infer_trees)
INFER(infer_random)
INFER(infer_body)
INFER(infer_if)
INFER(infer_loop)
INFER(infer_scan)
INFER(infer_repack)
INFER(infer_pack_bits)
INFER(infer_unpack_bits)
INFER(infer_phases)
INFER(infer_pack_conv)
INFER(infer_dequantize)
INFER(infer_pack_matrix)
#undef INFER

#endif
