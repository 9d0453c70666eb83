// Types of transforms of signals: DFT and STFT. Their lengths are numbers known while compiling, since the code is made
// for them; lowering asks the same functions again.
#include "ir/infer.h"
#include "ir/infer_check.h"

enum { TRANSFORM_MAX = 1 << 20 };  // elements of a transform

// One known integer; `otherwise` where the operand is left out.
static bool known_number(Infer *infer, const Node *node, int index, int64_t otherwise, int64_t *number) {
    Ints ints;
    *number = otherwise;
    if (!node_in(node, index))
        return true;
    if (!check_dtype(infer, node, index, SET_INDEX) || !check_scalar(infer, node, index) ||
        !infer_ints(infer, node, index, &ints))
        return false;
    *number = ints.v[0];
    return true;
}

static bool check_length(Infer *infer, const Node *node, int64_t n) {
    if (n >= 1 && n <= TRANSFORM_MAX)
        return true;
    return diag_error(infer->diag, node->loc, n < 1 ? E_SHAPE : E_LIMIT,
                      "a transform of %lld elements; it must have 1 to %d", (long long)n, TRANSFORM_MAX);
}

// The last axis of a signal has the real part, or that and the imaginary one. For an STFT it may be left out, as some
// exporters do.
static bool check_parts(Infer *infer, const Node *node) {
    const Type *x = input_type(node, 0);
    if (node->op == OP_STFT && x->rank == 2)
        return true;
    Dim parts = x->dim[x->rank - 1];
    return (!parts.sym && (parts.n == 1 || parts.n == 2)) ||
           diag_error(infer->diag, node->loc, E_SHAPE, "the last axis of the signal must be 1 (real) or 2 (complex)");
}

bool dft_sizes(Infer *infer, const Node *node, int *axis, int64_t *n) {
    const DftAttrs *attrs = node->attrs;
    const Type *x = input_type(node, 0);
    int64_t number, size;
    if (!known_number(infer, node, 2, -2, &number) || !infer_axis(infer, node, number, x->rank, axis))
        return false;
    if (*axis == x->rank - 1)
        return diag_error(infer->diag, node->loc, E_SHAPE, "the last axis has the parts of a number; it is no signal");
    if (!node_in(node, 1)) {
        if (!check_number(infer, node, x->dim[*axis], &size))
            return false;
        *n = attrs->inverse && attrs->onesided ? 2 * (size - 1) : size;
    } else if (!known_number(infer, node, 1, 0, n)) {
        return false;
    }
    return check_length(infer, node, *n);
}

bool infer_dft(Infer *infer, const Node *node, Type *out) {
    const DftAttrs *attrs = node->attrs;
    int axis = 0;
    int64_t n = 0;
    if (!check_dtype(infer, node, 0, SET_FLOAT) || !check_rank(infer, node, 0, 2, MAX_RANK) ||
        !check_parts(infer, node) || !dft_sizes(infer, node, &axis, &n))
        return false;
    *out = infer_like(input_type(node, 0));
    out->dim[axis] = dim_const(attrs->onesided && !attrs->inverse ? n / 2 + 1 : n);
    out->dim[out->rank - 1] = dim_const(attrs->onesided && attrs->inverse ? 1 : 2);
    return true;
}

bool stft_sizes(Infer *infer, const Node *node, int64_t *n, int64_t *step, int64_t *frames) {
    const Type *x = input_type(node, 0);
    int64_t length, window = 0;
    if (!check_number(infer, node, x->dim[1], &length) || !known_number(infer, node, 1, 0, step))
        return false;
    if (node_in(node, 2) && !check_number(infer, node, input_type(node, 2)->dim[0], &window))
        return false;
    if (!known_number(infer, node, 3, node_in(node, 2) ? window : length, n) || !check_length(infer, node, *n))
        return false;
    if (node_in(node, 2) && window != *n)
        return diag_error(infer->diag, node->loc, E_SHAPE, "a window of %lld elements does not fit a frame of %lld",
                          (long long)window, (long long)*n);
    if (*step < 1)
        return diag_error(infer->diag, node->loc, E_SHAPE, "frame_step must be positive, not %lld", (long long)*step);
    if (*n > length)
        return diag_error(infer->diag, node->loc, E_SHAPE, "a frame of %lld elements is longer than the signal of %lld",
                          (long long)*n, (long long)length);
    *frames = (length - *n) / *step + 1;
    return true;
}

bool infer_stft(Infer *infer, const Node *node, Type *out) {
    const DftAttrs *attrs = node->attrs;
    int64_t n = 0, step = 0, frames = 0;
    if (!check_dtype(infer, node, 0, SET_FLOAT) || !check_rank(infer, node, 0, 2, 3) || !check_parts(infer, node) ||
        !check_same_dtype(infer, node, 0, 2) || !check_rank(infer, node, 2, 1, 1) ||
        !stft_sizes(infer, node, &n, &step, &frames))
        return false;
    *out = infer_like(input_type(node, 0));
    out->rank = 4;
    out->dim[1] = dim_const(frames);
    out->dim[2] = dim_const(attrs->onesided ? n / 2 + 1 : n);
    out->dim[3] = dim_const(2);
    return true;
}
