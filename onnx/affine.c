// AffineGrid: where each pixel of the result of an affine map comes from, for GridSample. With the pixels' own places
// in -1..1 as rows (x, y, 1) or (x, y, z, 1),
//
//     grid[n] = rows * theta[n]^T
//
// A pixel i of n lies at (2 i + 1) / n - 1, or with align_corners at 2 i / (n - 1) - 1.
#include "onnx/affine.h"

// The places of the pixels along axis `axis` of the size, as a list.
static Value *places(Importer *im, const Draft *d, int axis, bool corners, DType dtype) {
    Value *zero = draft_scalar(im, d, "zero", DT_I64, 0), *one = draft_scalar(im, d, "one", DT_I64, 1);
    Value *n = draft_binary(im, d, OP_Gather, d->in[1], draft_scalar(im, d, "axis", DT_I64, axis));
    Value *i = draft_cast(im, d, draft_node(im, d, OP_Range, zero, n, one), dtype);
    Value *twice = draft_binary(im, d, OP_Mul, i, draft_scalar(im, d, "two", dtype, 2)),
        *steps = draft_cast(im, d, n, dtype);
    Value *unit = draft_scalar(im, d, "unit", dtype, 1);
    if (corners)
        steps = draft_binary(im, d, OP_Max, draft_binary(im, d, OP_Sub, steps, unit), unit);
    else
        twice = draft_binary(im, d, OP_Add, twice, unit);
    return draft_binary(im, d, OP_Sub, draft_binary(im, d, OP_Div, twice, steps), unit);
}

static Value *concat(Importer *im, const Draft *d, Value *const *parts, int n, int64_t axis) {
    Value *all = draft_node(im, d, OP_Concat, parts[0], parts[1], parts[2]);
    if (n > 3)
        node_set_input(all->def, 3, parts[3]);
    ((AxisAttrs *)all->def->attrs)->axis = axis;
    draft_infer(im, all->def);
    return all;
}

static Value *size_part(Importer *im, const Draft *d, const int64_t *axes, int n) {
    return draft_binary(im, d, OP_Gather, d->in[1], draft_ints(im, d, "axes", axes, n));
}

bool make_affine_grid(Importer *im, Draft *d) {
    int64_t corners;
    if (!draft_need(im, d, 2) || !draft_take_int(im, d, "align_corners", 0, &corners))
        return false;
    const Type *size = &d->in[1]->type;
    int spatial = size->rank == 1 && !size->dim[0].sym ? (int)size->dim[0].n - 2 : 0;
    if (spatial != 2 && spatial != 3)
        return diag_error(im->diag, d->loc, E_SHAPE, "the size must be a list of 4 or 5 numbers");
    static const int64_t axes[] = {2, 3, 4}, first = 0, swapped[] = {0, 2, 1};
    DType dtype = draft_dtype(d, 0);
    Value *one = draft_int(im, d, "last", 1), *extent = size_part(im, d, axes, spatial), *parts[4];
    Value *sizes[] = {extent, one, NULL};
    Value *column = concat(im, d, sizes, 2, 0);
    for (int i = 0; i < spatial; i++) {  // x is the last axis
        Value *list = places(im, d, 1 + spatial - i, corners != 0, dtype);
        parts[i] = draft_binary(im, d, OP_Expand, draft_add_axes(im, d, list, 1, i + 1), column);
    }
    parts[spatial] = draft_binary(im, d, OP_Expand, draft_scalar(im, d, "unit", dtype, 1), column);
    int64_t flat[] = {-1, spatial + 1};
    Value *rows = draft_binary(im, d, OP_Reshape, concat(im, d, parts, spatial + 1, -1),
                               draft_ints(im, d, "flat", flat, 2));
    Value *theta = draft_node(im, d, OP_Transpose, d->in[0], NULL, NULL);
    Ints *perm = &((TransposeAttrs *)theta->def->attrs)->perm;
    *perm = (Ints){3, ARENA_ARRAY(im->arena, int64_t, 3)};
    for (int i = 0; i < 3; i++)
        perm->v[i] = swapped[i];
    draft_infer(im, theta->def);
    Value *shape[] = {size_part(im, d, &first, 1), extent, draft_int(im, d, "coordinates", spatial)};
    return draft_done(im, d,
                      draft_binary(im, d, OP_Reshape, draft_binary(im, d, OP_MatMul, rows, theta),
                                   concat(im, d, shape, 3, 0)));
}
