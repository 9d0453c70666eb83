// Lets a Conv, Gemm or MatMul apply the activation of its result as it stores: the activation becomes the attribute
// `act` of the producer. Through a Concat it goes to all that is concatenated, if all of that comes from such
// producers.
#include <math.h>

#include "ir/infer.h"
#include "passes/fuse_activation.h"
#include "passes/pass.h"

enum { MAX_DEPTH = 8 };

static Act *act_of(Node *node) {
    if (node->op == OP_Conv)
        return &((ConvAttrs *)node->attrs)->act;
    if (node->op == OP_MatMul)
        return &((MatMulAttrs *)node->attrs)->act;
    return node->op == OP_Gemm ? &((GemmAttrs *)node->attrs)->act : NULL;
}

static bool clip_bounds(const Node *node, Act *act) {
    DType dtype = node->out[0]->type.dtype;
    if (dtype != DT_F32 && dtype != DT_F64)
        return false;
    act->alpha = -HUGE_VAL;
    act->beta = HUGE_VAL;
    if ((node_in(node, 1) && !value_as_double(node->in[1], &act->alpha)) ||
        (node_in(node, 2) && !value_as_double(node->in[2], &act->beta)))
        return false;
    return act->alpha <= act->beta;
}

static bool activation_of(const Node *node, Act *act) {
    const ActAttrs *attrs = node->attrs;
    *act = (Act){.kind = ACT_NONE};
    if (!node->out[0] || !dtype_is_float(node->out[0]->type.dtype))
        return false;
    if (node->op == OP_Relu) {
        act->kind = ACT_RELU;
    } else if (node->op == OP_Clip) {
        act->kind = ACT_CLIP;
        return clip_bounds(node, act);
    } else if (node->op == OP_LeakyRelu) {
        *act = (Act){ACT_LEAKY_RELU, attrs->alpha, 0};
    } else if (node->op == OP_HardSigmoid) {
        *act = (Act){ACT_HARD_SIGMOID, attrs->alpha, attrs->beta};
    } else if (node->op == OP_Sigmoid) {
        act->kind = ACT_SIGMOID;
    } else if (node->op == OP_Tanh) {
        act->kind = ACT_TANH;
    } else if (node->op == OP_HardSwish) {
        act->kind = ACT_HARD_SWISH;
    } else if (node->op == OP_Gelu) {
        act->kind = ((const GeluAttrs *)node->attrs)->approximate ? ACT_GELU_TANH : ACT_GELU;
    } else if (node->op == OP_Swish) {
        *act = (Act){ACT_SWISH, attrs->alpha, 0};
    }
    return act->kind != ACT_NONE;
}

static bool takes_activation(const Uses *uses, const Value *value, int depth) {
    Node *node = value->def;
    if (!node || uses_count(uses, value) != 1)
        return false;
    if (node->op != OP_Concat) {
        const Act *act = act_of(node);
        return act && act->kind == ACT_NONE && !node_pools(node) &&
               !(node->op == OP_Conv && ((const ConvAttrs *)node->attrs)->act_first);
    }
    for (int i = 0; i < node->nin; i++)
        if (depth == MAX_DEPTH || !takes_activation(uses, node->in[i], depth + 1))
            return false;
    return true;
}

static void apply_activation(Value *value, const Act *act, const Loc *loc) {
    Node *node = value->def;
    if (node->op == OP_Concat) {
        for (int i = 0; i < node->nin; i++)
            apply_activation(node->in[i], act, loc);
        return;
    }
    *act_of(node) = *act;
    node->loc = loc_join(node->graph->module->arena, node->loc, loc);
}

void fuse_activation(Uses *uses, Node *node) {
    Act act;
    if (!activation_of(node, &act) || !takes_activation(uses, node->in[0], 0))
        return;
    Value *value = node->in[0];
    if (uses_bypass(uses, node, value))
        apply_activation(value->def ? value : node->out[0], &act, node->loc);
}

bool pass_fuse_activation(PassContext *ctx, Graph *graph) {
    Uses uses = uses_of(graph, ctx->scratch);
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        uses_catch_up(&uses, node);
        fuse_activation(&uses, node);
    }
    return true;
}
