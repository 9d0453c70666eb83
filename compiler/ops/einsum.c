// Einsum: for each element of the result a sum, over the labels that the result does not have, of the product of the
// operands' elements. One generic loop nest.
#include "ir/einsum.h"

#include "codegen/lower.h"
#include "ops/copy.h"

typedef struct Nest {
    Einsum einsum;
    const Node *node;
    int64_t size[EINSUM_LABELS], step[EINSUM_OPERANDS][EINSUM_LABELS];
    Val at[EINSUM_OPERANDS];
    int order[EINSUM_LABELS], loops;  // the labels that are summed over
    DType dtype;
    Var sum;
} Nest;

static void nest_open(Emit *e, Nest *nest, const Node *node) {
    bool kept[EINSUM_LABELS] = {false};
    *nest = (Nest){.node = node, .dtype = compute_type(node->out[0]->type.dtype)};
    for (int label = 0; label < EINSUM_LABELS; label++)
        nest->size[label] = 1;
    if (einsum_read(node, &nest->einsum))
        return;
    for (int i = 0; i < node->nin; i++) {
        const Type *type = &node->in[i]->type;
        int64_t steps[MAX_RANK];
        nest->at[i] = e_index(e, type_steps(type, steps));
        for (int k = 0; k < type->rank; k++) {
            int label = nest->einsum.label[i][k];
            int64_t size = type_size(type, k);
            if (size != 1)
                nest->size[label] = size;
            nest->step[i][label] += size == 1 ? 0 : steps[k];
        }
    }
    for (int k = 0; k < nest->einsum.rank; k++)
        kept[nest->einsum.result[k]] = true;
    for (int label = 0; label < EINSUM_LABELS; label++)
        if (nest->einsum.used[label] && !kept[label])
            nest->order[nest->loops++] = label;
}

static void move(Emit *e, const Nest *nest, int label, Val position, Val *at) {
    for (int i = 0; i < nest->node->nin; i++)
        if (nest->step[i][label])
            at[i] = e_add(e, at[i], e_mul_const(e, position, nest->step[i][label]));
}

static void sum_over(Emit *e, const Nest *nest, int loop, const Val *at) {
    if (loop < nest->loops) {
        EMIT_TIMES(e, k, nest->size[nest->order[loop]]) {
            Val inner[EINSUM_OPERANDS];
            for (int i = 0; i < nest->node->nin; i++)
                inner[i] = at[i];
            move(e, nest, nest->order[loop], k.i, inner);
            sum_over(e, nest, loop + 1, inner);
        }
        return;
    }
    Val product = load_compute(e, e_in(e, 0), at[0], 1);
    for (int i = 1; i < nest->node->nin; i++)
        product = e_mul(e, product, load_compute(e, e_in(e, i), at[i], 1));
    e_set(e, nest->sum, e_add(e, e_get(e, nest->sum), product));
}

static void lower_einsum(Emit *e, const Node *node) {
    const Type *type = &node->out[0]->type;
    int64_t sizes[MAX_RANK], count = type_count(type);
    Nest nest;
    nest_open(e, &nest, node);
    type_sizes(type, sizes);
    if (count == 0)
        return;
    Share share = e_share(e, count);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val position[MAX_RANK], at[EINSUM_OPERANDS];
        decode(e, u.i, sizes, type->rank, position);
        for (int i = 0; i < node->nin; i++)
            at[i] = nest.at[i];
        for (int k = 0; k < type->rank; k++)
            move(e, &nest, nest.einsum.result[k], position[k], at);
        nest.sum = e_var(e, e_zero(e, nest.dtype, 1));
        sum_over(e, &nest, 0, at);
        store_compute(e, e_out(e, 0), u.i, e_get(e, nest.sum));
    }
}

const OpImpl impl_Einsum = {.lower = lower_einsum};
