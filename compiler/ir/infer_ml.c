// Types of what the importer makes of the domain ai.onnx.ml.
#include "ir/infer.h"
#include "ir/infer_check.h"

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
