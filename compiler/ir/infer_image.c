// Types of operators on images that are no convolutions: LpPool, MaxUnpool, Col2Im, GridSample, RoiAlign; and of Det.
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "support/checked.h"

enum { MOST = INT32_MAX };  // of a size or an attribute, so that sums of products of two cannot overflow

bool infer_lp_pool(Infer *infer, const Node *node, Type *out) {
    const LpPoolAttrs *attrs = node->attrs;
    if (attrs->p < 1)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "attribute 'p' = %lld must be positive",
                          (long long)attrs->p);
    return infer_pool(infer, node, out);
}

bool infer_det(Infer *infer, const Node *node, Type *out) {
    if (!check_dtype(infer, node, 0, SET_FLOAT) || !check_rank(infer, node, 0, 2, MAX_RANK))
        return false;
    *out = infer_like(input_type(node, 0));
    out->rank -= 2;
    return check_dim(infer, node, out->dim[out->rank + 1], out->dim[out->rank], "the number of columns");
}

// `n` numbers of an attribute, or `initial` where it is not given.
static bool read_list(Infer *infer, const Node *node, const char *name, const Ints *ints, int n, int64_t least,
                      int64_t initial, int64_t *v) {
    if (ints->n != 0 && ints->n != n)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "'%s' has %d values; %d are needed", name, ints->n, n);
    for (int i = 0; i < n; i++) {
        v[i] = ints->n ? ints->v[i] : initial;
        if (v[i] < least || v[i] > MOST)
            return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "'%s' has the value %lld, which is out of range",
                              name, (long long)v[i]);
    }
    return true;
}

bool unpool_sizes(Infer *infer, const Node *node, int64_t size[MAX_RANK]) {
    const UnpoolAttrs *attrs = node->attrs;
    const Type *x = input_type(node, 0);
    int64_t kernel[MAX_RANK], stride[MAX_RANK], pads[2 * MAX_RANK];
    int n = x->rank - 2;
    if (attrs->kernel_shape.n != n)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "'kernel_shape' has %d values; %d are needed",
                          attrs->kernel_shape.n, n);
    if (!read_list(infer, node, "kernel_shape", &attrs->kernel_shape, n, 1, 1, kernel) ||
        !read_list(infer, node, "strides", &attrs->strides, n, 1, 1, stride) ||
        !read_list(infer, node, "pads", &attrs->pads, 2 * n, 0, 0, pads))
        return false;
    for (int i = 0; i < x->rank; i++) {
        size[i] = x->dim[i].n;  // of one image where their number is open
        if ((i > 0 || !x->dim[i].sym) && !check_number(infer, node, x->dim[i], &size[i]))
            return false;
        if (i < 2)
            continue;
        if (size[i] > MOST)
            return fail_too_big(infer, node);
        size[i] = (size[i] - 1) * stride[i - 2] - pads[i - 2] - pads[i - 2 + n] + kernel[i - 2];
        if (size[i] < 1 || size[i] > MOST)
            return diag_error(infer->diag, node->loc, E_SHAPE, "axis %d of the result would have %lld elements", i,
                              (long long)size[i]);
    }
    return true;
}

bool infer_max_unpool(Infer *infer, const Node *node, Type *out) {
    int64_t size[MAX_RANK];
    Ints wanted;
    if (!check_dtype(infer, node, 0, SET_FLOAT) || !check_rank(infer, node, 0, 3, 5) ||
        !check_dtype(infer, node, 1, DTYPE_BIT(I64)) || !check_dtype(infer, node, 2, DTYPE_BIT(I64)))
        return false;
    const Type *x = input_type(node, 0);
    if (!type_same_shape(x, input_type(node, 1)))
        return diag_error(infer->diag, node->loc, E_SHAPE, "the indices must be %s, not %s",
                          type_text(infer->arena, x), type_text(infer->arena, input_type(node, 1)));
    if (!unpool_sizes(infer, node, size) || !infer_ints(infer, node, 2, &wanted))
        return false;
    if (node_in(node, 2) && x->dim[0].sym)
        return fail_symbol(infer, node, x->dim[0]);
    if (node_in(node, 2) && wanted.n != x->rank)
        return diag_error(infer->diag, node->loc, E_SHAPE, "the output shape has %d sizes for rank %d", wanted.n,
                          x->rank);
    *out = infer_like(x);
    for (int i = x->dim[0].sym != NULL; i < x->rank; i++) {
        out->dim[i] = dim_const(wanted.n ? wanted.v[i] : size[i]);
        if (out->dim[i].n < size[i])
            return diag_error(infer->diag, node->loc, E_SHAPE, "axis %d of the result must have %lld elements or more",
                              i, (long long)size[i]);
    }
    return true;
}

bool column_plan(Infer *infer, const Node *node, Columns *c) {
    const Col2ImAttrs *attrs = node->attrs;
    Ints image, block;
    int64_t pads[2 * MAX_RANK];
    if (!infer_ints(infer, node, 1, &image) || !infer_ints(infer, node, 2, &block))
        return false;
    c->n = image.n;
    if (c->n < 1 || c->n > MAX_RANK - 2 || block.n != c->n)
        return diag_error(infer->diag, node->loc, E_SHAPE,
                          "image and block have %d and %d sizes; they need as many, 1 to %d", image.n, block.n,
                          MAX_RANK - 2);
    if (!read_list(infer, node, "image_shape", &image, c->n, 1, 1, c->image) ||
        !read_list(infer, node, "block_shape", &block, c->n, 1, 1, c->block) ||
        !read_list(infer, node, "strides", &attrs->strides, c->n, 1, 1, c->stride) ||
        !read_list(infer, node, "dilations", &attrs->dilations, c->n, 1, 1, c->dilation) ||
        !read_list(infer, node, "pads", &attrs->pads, 2 * c->n, 0, 0, pads))
        return false;
    c->taps = c->columns = 1;
    for (int i = 0; i < c->n; i++) {
        c->begin[i] = pads[i];
        int64_t room = c->image[i] + pads[i] + pads[i + c->n] - c->dilation[i] * (c->block[i] - 1) - 1;
        c->count[i] = room < 0 ? 0 : room / c->stride[i] + 1;
        if (!checked_mul(c->taps, c->block[i], &c->taps) || !checked_mul(c->columns, c->count[i], &c->columns))
            return fail_too_big(infer, node);
    }
    return true;
}

bool infer_col2im(Infer *infer, const Node *node, Type *out) {
    Columns c;
    int64_t rows;
    if (!check_dtype(infer, node, 0, SET_NUMBER) || !check_rank(infer, node, 0, 3, 3) ||
        !check_dtype(infer, node, 1, DTYPE_BIT(I64)) || !check_dtype(infer, node, 2, DTYPE_BIT(I64)) ||
        !column_plan(infer, node, &c))
        return false;
    const Type *x = input_type(node, 0);
    if (!check_number(infer, node, x->dim[1], &rows) ||
        !check_dim(infer, node, x->dim[2], dim_const(c.columns), "the number of columns"))
        return false;
    if (rows % c.taps)
        return diag_error(infer->diag, node->loc, E_SHAPE, "%lld rows are no multiple of the block's %lld elements",
                          (long long)rows, (long long)c.taps);
    *out = infer_like(x);
    out->rank = c.n + 2;
    out->dim[1] = dim_const(rows / c.taps);
    for (int i = 0; i < c.n; i++)
        out->dim[2 + i] = dim_const(c.image[i]);
    return true;
}

bool infer_grid_sample(Infer *infer, const Node *node, Type *out) {
    const GridAttrs *attrs = node->attrs;
    if (!check_dtype(infer, node, 0, attrs->mode == GRID_NEAREST ? SET_ANY : SET_FLOAT) ||
        !check_dtype(infer, node, 1, SET_FLOAT) || !check_rank(infer, node, 0, 3, 5))
        return false;
    const Type *x = input_type(node, 0), *grid = input_type(node, 1);
    int spatial = x->rank - 2;
    if (!check_rank(infer, node, 1, x->rank, x->rank) ||
        !check_dim(infer, node, grid->dim[0], x->dim[0], "the batch of the grid") ||
        !check_dim(infer, node, grid->dim[spatial + 1], dim_const(spatial), "the coordinates of a point"))
        return false;
    *out = infer_like(x);
    for (int i = 0; i < spatial; i++) {
        if (x->dim[2 + i].n == 0)
            return diag_error(infer->diag, node->loc, E_SHAPE, "there is nothing to sample in %s",
                              type_text(infer->arena, x));
        out->dim[2 + i] = grid->dim[1 + i];
    }
    return true;
}

bool infer_roi_align(Infer *infer, const Node *node, Type *out) {
    const RoiAttrs *attrs = node->attrs;
    if (!check_dtype(infer, node, 0, SET_FLOAT) || !check_rank(infer, node, 0, 4, 4) ||
        !check_same_dtype(infer, node, 0, 1) || !check_rank(infer, node, 1, 2, 2) ||
        !check_dtype(infer, node, 2, DTYPE_BIT(I64)) || !check_rank(infer, node, 2, 1, 1))
        return false;
    const Type *x = input_type(node, 0), *rois = input_type(node, 1);
    if (!check_dim(infer, node, rois->dim[1], dim_const(4), "the numbers of a region") ||
        !check_dim(infer, node, input_type(node, 2)->dim[0], rois->dim[0], "the number of batch indices"))
        return false;
    if (attrs->output_height < 1 || attrs->output_height > MOST || attrs->output_width < 1 ||
        attrs->output_width > MOST || attrs->sampling_ratio < 0 || attrs->sampling_ratio > 1024)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "output size or sampling_ratio is out of range");
    *out = infer_like(x);
    out->dim[0] = rois->dim[0];
    out->dim[2] = dim_const(attrs->output_height);
    out->dim[3] = dim_const(attrs->output_width);
    return true;
}
