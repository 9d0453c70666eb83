// Types of what the importer makes of the domain ai.onnx.ml.
#include "ir/element.h"
#include "ir/infer.h"
#include "ir/infer_check.h"

static bool in_range(int64_t number, int64_t first, int64_t end) {
    return number >= first && number < end;
}

// One value for each key, and one more.
bool infer_lookup(Infer *infer, const Node *node, Type *out) {
    if (!check_dtype(infer, node, 0, SET_NUMBER) || !check_same_dtype(infer, node, 0, 1) ||
        !check_rank(infer, node, 1, 1, 1) || !check_rank(infer, node, 2, 1, 1))
        return false;
    int64_t keys, values;
    if (!check_number(infer, node, input_type(node, 1)->dim[0], &keys) ||
        !check_number(infer, node, input_type(node, 2)->dim[0], &values))
        return false;
    if (values != keys + 1)
        return diag_error(infer->diag, node->loc, E_SHAPE, "%lld keys need %lld values, not %lld", (long long)keys,
                          (long long)keys + 1, (long long)values);
    *out = infer_like(input_type(node, 0));
    out->dtype = input_type(node, 2)->dtype;
    return true;
}

// A column for each class, of one for each pair of them.
bool infer_couple(Infer *infer, const Node *node, Type *out) {
    int64_t pairs, classes = 2;
    if (!check_dtype(infer, node, 0, DTYPE_BIT(F32)) || !check_rank(infer, node, 0, 2, 2) ||
        !check_number(infer, node, input_type(node, 0)->dim[1], &pairs))
        return false;
    while (classes < COUPLE_CLASSES_MAX && classes * (classes - 1) / 2 < pairs)
        classes++;
    if (classes * (classes - 1) / 2 != pairs)
        return diag_error(infer->diag, node->loc, E_SHAPE, "%lld are not the pairs of 2 to %d classes",
                          (long long)pairs, COUPLE_CLASSES_MAX);
    *out = infer_like(input_type(node, 0));
    out->dim[1] = dim_const(classes);
    return true;
}

// A column for each n-gram; several may share one.
bool infer_grams(Infer *infer, const Node *node, Type *out) {
    const GramAttrs *attrs = node->attrs;
    const Type *x = input_type(node, 0), *grams = input_type(node, 1);
    int64_t words, count, length;
    if (!check_dtype(infer, node, 0, DTYPE_BIT(I64)) || !check_same_dtype(infer, node, 0, 1) ||
        !check_dtype(infer, node, 2, DTYPE_BIT(I32)) || !check_rank(infer, node, 0, 1, 2) ||
        !check_rank(infer, node, 1, 2, 2) || !check_rank(infer, node, 2, 1, 1) ||
        !check_number(infer, node, x->dim[x->rank - 1], &words) || !check_number(infer, node, grams->dim[0], &count) ||
        !check_number(infer, node, grams->dim[1], &length) ||
        !check_dim(infer, node, input_type(node, 2)->dim[0], grams->dim[0], "the number of columns"))
        return false;
    if (length < 1 || attrs->skips < 0 || attrs->skips > INT32_MAX / 2 || attrs->columns < 1)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "%lld items in an n-gram, %lld skips, %lld columns",
                          (long long)length, (long long)attrs->skips, (long long)attrs->columns);
    const Constant *column = value_data(node->in[2]);
    if (!column)
        return fail_dynamic(infer, node, 2);
    for (int64_t i = 0; i < count; i++)
        if (!in_range(element_int(DT_I32, constant_bytes(column), i), 0, attrs->columns))
            return diag_error(infer->diag, node->loc, E_RANGE, "column %lld of the n-grams is out of range",
                              (long long)i);
    *out = infer_like(x);
    out->dtype = DT_F32;
    out->dim[x->rank - 1] = dim_const(attrs->columns);
    return true;
}

// The tables of a sqz.Trees: what its lowering relies on, so that it needs no check. All paths end, since branches lead
// to later nodes, the last of which can only be a leaf.
typedef struct Forest {
    const void *node, *root, *target;  // i32
    int64_t nodes, roots, weights, features, targets;
} Forest;

static bool bad_tree(Infer *infer, const Node *node, const char *what, int64_t index) {
    return diag_error(infer->diag, node->loc, E_RANGE, "%s %lld of the trees is out of range", what, (long long)index);
}

static bool check_tree_nodes(Infer *infer, const Node *node, const Forest *f) {
    for (int64_t i = 0; i < f->nodes; i++) {
        int64_t mode = element_int(DT_I32, f->node, 4 * i), a = element_int(DT_I32, f->node, 4 * i + 1);
        int64_t b = element_int(DT_I32, f->node, 4 * i + 2), c = element_int(DT_I32, f->node, 4 * i + 3);
        bool branch = in_range(mode & ~TREE_MISSING, TREE_LEQ, TREE_LEAF) && in_range(a, 0, f->features) &&
                      in_range(b, i + 1, f->nodes) && in_range(c, i + 1, f->nodes);
        bool leaf = mode == TREE_LEAF && in_range(a, 0, b + 1) && b <= f->weights;
        if (!branch && !leaf)
            return bad_tree(infer, node, "node", i);
    }
    for (int64_t i = 0; i < f->roots; i++)
        if (!in_range(element_int(DT_I32, f->root, i), 0, f->nodes))
            return bad_tree(infer, node, "root", i);
    for (int64_t i = 0; i < f->weights; i++)
        if (!in_range(element_int(DT_I32, f->target, i), 0, f->targets))
            return bad_tree(infer, node, "target", i);
    return true;
}

bool infer_trees(Infer *infer, const Node *node, Type *out) {
    const TreeAttrs *attrs = node->attrs;
    const Type *x = input_type(node, 0), *table = input_type(node, 1);
    static const int constants[] = {1, 3, 4}, lists[] = {2, 3, 4, 5};
    for (int i = 0; i < 3; i++) {
        if (!value_data(node->in[constants[i]]))
            return diag_error(infer->diag, node->loc, E_DYNAMIC, "input %d must be constant", constants[i]);
        if (!check_dtype(infer, node, constants[i], DTYPE_BIT(I32)))
            return false;
    }
    for (int i = 0; i < 4; i++)
        if (!check_rank(infer, node, lists[i], 1, 1))
            return false;
    if (!check_dtype(infer, node, 0, DTYPE_BIT(F32) | DTYPE_BIT(F64)) || !check_same_dtype(infer, node, 0, 2) ||
        !check_same_dtype(infer, node, 0, 5) || !check_rank(infer, node, 0, 2, 2) ||
        !check_rank(infer, node, 1, 2, 2) ||
        !check_dim(infer, node, table->dim[1], dim_const(4), "the columns of the nodes") ||
        !check_dim(infer, node, input_type(node, 2)->dim[0], table->dim[0], "the number of splits") ||
        !check_dim(infer, node, input_type(node, 5)->dim[0], input_type(node, 4)->dim[0], "the number of weights"))
        return false;
    if (attrs->targets < 1)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "%lld targets", (long long)attrs->targets);
    Forest forest = {constant_bytes(value_data(node->in[1])),
                     constant_bytes(value_data(node->in[3])),
                     constant_bytes(value_data(node->in[4])),
                     table->dim[0].n,
                     input_type(node, 3)->dim[0].n,
                     input_type(node, 4)->dim[0].n,
                     0,
                     attrs->targets};
    if (!check_number(infer, node, x->dim[1], &forest.features) || !check_tree_nodes(infer, node, &forest))
        return false;
    *out = infer_like(x);
    out->dim[1] = dim_const(attrs->targets);
    return true;
}
