// Types of recurrent networks and of what works along a signal.
#include <string.h>
#include <strings.h>

#include "ir/einsum.h"
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "support/checked.h"

// Recurrent networks.

static const char *const activations[] = {
    "Affine", "Elu", "HardSigmoid", "LeakyRelu", "Relu", "ScaledTanh", "Sigmoid", "Softplus", "Softsign", "Tanh",
    "ThresholdedRelu"};

static bool known_activation(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (strlen(activations[i]) == length && !strncasecmp(activations[i], name, length))
            return true;
    return false;
}

static bool check_activations(Infer *infer, const Node *node, int wanted) {
    const char *text = ((const RnnAttrs *)node->attrs)->activations;
    int found = 0;
    if (!text)
        return true;
    for (;; found++, text++) {
        size_t length = strcspn(text, ",");
        if (!known_activation(text, length))
            return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "'%.*s' is no activation", (int)length, text);
        text += length;
        if (!*text)
            break;
    }
    return found + 1 == wanted || diag_error(infer->diag, node->loc, E_ATTRIBUTE,
                                             "there are %d activations; wanted are %d", found + 1, wanted);
}

// An operand of these dimensions; one left out passes.
static bool check_operand(Infer *infer, const Node *node, int index, const char *what, const Dim *dims, int rank) {
    if (!node_in(node, index))
        return true;
    if (matrix_type(node, index)->rank != rank && !check_rank(infer, node, index, rank, rank))
        return false;
    for (int i = 0; i < rank; i++)
        if (!check_dim(infer, node, matrix_type(node, index)->dim[i], dims[i], what))
            return false;
    return true;
}

static bool check_rnn(Infer *infer, const Node *node, Dim batch, Dim inputs, Dim directions, Dim hidden) {
    const RnnAttrs *attrs = node->attrs;
    int gates = node->op == OP_LSTM ? 4 : node->op == OP_GRU ? 3 : 1;
    Dim rows, biases, peepholes;
    if (!dim_mul(hidden, dim_const(gates), &rows) || !dim_mul(hidden, dim_const(2 * gates), &biases) ||
        !dim_mul(hidden, dim_const(3), &peepholes))
        return fail_too_big(infer, node);
    Dim first = attrs->layout ? batch : directions, second = attrs->layout ? directions : batch;
    return check_operand(infer, node, 1, "a dimension of W", (Dim[]){directions, rows, inputs}, 3) &&
           check_operand(infer, node, 2, "a dimension of R", (Dim[]){directions, rows, hidden}, 3) &&
           check_operand(infer, node, 3, "a dimension of B", (Dim[]){directions, biases}, 2) &&
           check_operand(infer, node, 4, "the number of lengths", &batch, 1) &&
           check_operand(infer, node, 5, "a dimension of the initial state", (Dim[]){first, second, hidden}, 3) &&
           check_operand(infer, node, 6, "a dimension of the initial cell", (Dim[]){first, second, hidden}, 3) &&
           check_operand(infer, node, 7, "a dimension of P", (Dim[]){directions, peepholes}, 2);
}

bool infer_rnn(Infer *infer, const Node *node, Type *out) {
    const RnnAttrs *attrs = node->attrs;
    int directions = attrs->direction == RNN_BIDIRECTIONAL ? 2 : 1;
    int per_direction = node->op == OP_LSTM ? 3 : node->op == OP_GRU ? 2 : 1;
    for (int i = 0; i < node->nin; i++)
        if (!(i == 4 ? check_dtype(infer, node, i, DTYPE_BIT(I32)) : check_same_dtype(infer, node, 0, i)))
            return false;
    if (!check_dtype(infer, node, 0, SET_FLOAT) || !check_rank(infer, node, 0, 3, 3) ||
        (matrix_type(node, 2)->rank != 3 && !check_rank(infer, node, 2, 3, 3)) ||
        !check_activations(infer, node, directions * per_direction))
        return false;
    if (attrs->layout != 0 && attrs->layout != 1)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "attribute 'layout' must be 0 or 1");
    const Type *x = input_type(node, 0);
    Dim hidden = matrix_type(node, 2)->dim[2], both = dim_const(directions);
    Dim steps = x->dim[attrs->layout ? 1 : 0], batch = x->dim[attrs->layout ? 0 : 1];
    if (attrs->hidden_size && !check_dim(infer, node, hidden, dim_const(attrs->hidden_size), "the hidden size"))
        return false;
    if (!check_rnn(infer, node, batch, x->dim[2], both, hidden))
        return false;
    out[0] = infer_like(x);
    out[0].rank = 4;
    out[0].dim[0] = attrs->layout ? batch : steps;
    out[0].dim[1] = attrs->layout ? steps : both;
    out[0].dim[2] = attrs->layout ? both : batch;
    out[0].dim[3] = hidden;
    for (int i = 1; i < node->nout; i++) {
        out[i] = infer_like(x);
        out[i].dim[0] = attrs->layout ? batch : both;
        out[i].dim[1] = attrs->layout ? both : batch;
        out[i].dim[2] = hidden;
    }
    return true;
}

// Einsum. An axis of size 1 meets any other with its label.

static bool join_label(Infer *infer, const Node *node, Dim dim, Dim *size, bool *seen) {
    if (!*seen || (!size->sym && size->n == 1))
        *size = dim;
    else if ((dim.sym || dim.n != 1) && !check_dim(infer, node, dim, *size, "an axis of the same letter"))
        return false;
    *seen = true;
    return true;
}

bool infer_einsum(Infer *infer, const Node *node, Type *out) {
    Dim size[EINSUM_LABELS];
    bool seen[EINSUM_LABELS] = {false};
    Einsum einsum;
    for (int i = 0; i < node->nin; i++)
        if (!check_dtype(infer, node, i, SET_NUMBER) || !check_same_dtype(infer, node, 0, i))
            return false;
    const char *error = einsum_read(node, &einsum);
    if (error)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE, "attribute 'equation': %s", error);
    for (int i = 0; i < node->nin; i++)
        for (int k = 0; k < input_type(node, i)->rank; k++) {
            int label = einsum.label[i][k];
            if (!join_label(infer, node, input_type(node, i)->dim[k], &size[label], &seen[label]))
                return false;
        }
    *out = infer_like(input_type(node, 0));
    out->rank = einsum.rank;
    for (int k = 0; k < einsum.rank; k++)
        out->dim[k] = size[einsum.result[k]];
    return true;
}

// Linear attention.

static bool check_heads(Infer *infer, const Node *node, int64_t queries, int64_t keys, int64_t values) {
    const LinearAttrs *attrs = node->attrs;
    int64_t heads = attrs->kv_num_heads;
    if (attrs->q_num_heads < 1 || heads < 1 || attrs->q_num_heads % heads)
        return diag_error(infer->diag, node->loc, E_ATTRIBUTE,
                          "q_num_heads must be a multiple of kv_num_heads, and both positive");
    if (queries % attrs->q_num_heads || keys % heads || values % heads ||
        queries / attrs->q_num_heads != keys / heads)
        return diag_error(infer->diag, node->loc, E_SHAPE, "queries, keys and values cannot be split into these heads");
    return true;
}

static bool check_gates(Infer *infer, const Node *node, int64_t keys) {
    const LinearAttrs *attrs = node->attrs;
    bool gated = attrs->update_rule == UPDATE_GATED || attrs->update_rule == UPDATE_GATED_DELTA;
    bool delta = attrs->update_rule == UPDATE_DELTA || attrs->update_rule == UPDATE_GATED_DELTA;
    int64_t n;
    if (gated != (node_in(node, 4) != NULL) || delta != (node_in(node, 5) != NULL))
        return diag_error(infer->diag, node->loc, E_ARITY, "decay comes with a gated rule, beta with a delta rule");
    for (int i = 4; i < 6; i++) {
        if (!node_in(node, i))
            continue;
        if (!check_rank(infer, node, i, 3, 3) || !check_number(infer, node, input_type(node, i)->dim[2], &n))
            return false;
        if (n != attrs->kv_num_heads && n != (i == 4 ? keys : 1))
            return diag_error(infer->diag, node->loc, E_SHAPE, "the last axis of input %d is %lld", i, (long long)n);
    }
    return true;
}

bool infer_linear_attention(Infer *infer, const Node *node, Type *out) {
    const LinearAttrs *attrs = node->attrs;
    const unsigned floats = SET_FLOAT & ~DTYPE_BIT(F64);
    int64_t size[3];
    if (!check_dtype(infer, node, 0, floats) || !check_dtype(infer, node, 3, floats))
        return false;
    for (int i = 0; i < node->nin; i++) {
        if (!node_in(node, i) || i == 3)
            continue;
        if (!check_same_dtype(infer, node, 0, i) || !check_rank(infer, node, i, 3, 3) ||
            !check_dim(infer, node, input_type(node, i)->dim[0], input_type(node, 0)->dim[0], "the batch") ||
            !check_dim(infer, node, input_type(node, i)->dim[1], input_type(node, 0)->dim[1], "the number of steps") ||
            (i < 3 && !check_number(infer, node, input_type(node, i)->dim[2], &size[i])))
            return false;
    }
    if (!check_heads(infer, node, size[0], size[1], size[2]) || !check_gates(infer, node, size[1]))
        return false;
    int64_t heads = attrs->kv_num_heads, values, elements, key = size[1] / heads, value = size[2] / heads;
    if (!checked_mul(attrs->q_num_heads, value, &values) || !checked_mul(key, value, &elements) ||
        elements > INT32_MAX || size[0] > INT32_MAX)  // of a state and of a step, which scratch memory holds
        return fail_too_big(infer, node);
    Type state = type_make(DT_NONE, 4, (int64_t[]){0, heads, key, value});
    state.dim[0] = input_type(node, 0)->dim[0];
    if (!check_operand(infer, node, 3, "a dimension of the state", state.dim, 4))
        return false;
    out[0] = infer_like(input_type(node, 0));
    out[0].dim[2] = dim_const(values);
    if (node->nout > 1) {
        out[1] = state;
        out[1].dtype = input_type(node, node_in(node, 3) ? 3 : 0)->dtype;
    }
    return true;
}
