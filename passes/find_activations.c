// Finds activations again that exporters write in parts, as the product of x and a gate of x:
//
//     HardSwish    x * HardSigmoid(x) with alpha 1/6 and beta 1/2
//                  x * Clip(x + 3, 0, 6) / 6, whichever factor is divided, or multiplied with 1/6
//     Swish        x * Sigmoid(x), x * Sigmoid(alpha * x)
//
// so that a Conv may apply them as it stores. What the product does not read alone stays as it is: it would be computed
// twice. The form with Clip rounds differently, and so do all of small floats, whose gate is rounded for itself.
#include <math.h>

#include "passes/pass.h"

typedef struct Found {
    OpKind op;  // OP_COUNT: nothing
    Value *x;
    double alpha;
} Found;

static const Found nothing = {.op = OP_COUNT};

static bool is_number(const Value *value, double wanted) {
    double number;
    return value && value_as_double(value, &number) && fabs(number - wanted) <= 1e-6 * fabs(wanted);
}

// The node of this operator that makes the value for one reader only, or null.
static const Node *made_by(const Value *value, OpKind op) {
    const Node *node = value ? value->def : NULL;
    return node && node->op == op && value_uses(value) == 1 ? node : NULL;
}

// The other operand of `node` (of two) than one that is the number; null if neither is.
static Value *beside_number(const Node *node, double number) {
    for (int i = 0; i < 2; i++)
        if (is_number(node->in[i], number))
            return node->in[1 - i];
    return NULL;
}

// x where the value is Clip(x + 3, 0, 6); null if it is not.
static Value *relu6_of(const Value *value) {
    const Node *clip = made_by(value, OP_Clip);
    double low;
    if (!clip || !node_in(clip, 1) || !value_as_double(clip->in[1], &low) || low != 0 || !is_number(node_in(clip, 2), 6))
        return NULL;
    const Node *add = made_by(clip->in[0], OP_Add);
    return add ? beside_number(add, 3) : NULL;
}

// y where the value is y / 6; null if it is not.
static Value *sixth_of(const Value *value) {
    const Node *node = made_by(value, OP_Div);
    if (node)
        return is_number(node->in[1], 6) ? node->in[0] : NULL;
    node = made_by(value, OP_Mul);
    return node ? beside_number(node, 1.0 / 6) : NULL;
}

// What gate * x is.
static Found gated(const Value *gate, Value *x) {
    const Node *node = made_by(gate, OP_Sigmoid);
    double alpha = 1;
    if (node && node->in[0] == x)
        return (Found){OP_Swish, x, 1};
    if (node && (node = made_by(node->in[0], OP_Mul)))
        for (int i = 0; i < 2; i++)
            if (node->in[i] == x && value_as_double(node->in[1 - i], &alpha))
                return (Found){OP_Swish, x, alpha};
    node = made_by(gate, OP_HardSigmoid);
    const ActAttrs *attrs = node ? node->attrs : NULL;
    if (node && node->in[0] == x && fabs(attrs->alpha - 1.0 / 6) < 1e-7 && attrs->beta == 0.5)
        return (Found){OP_HardSwish, x, 0};
    Value *clip = sixth_of(gate);
    return clip && relu6_of(clip) == x ? (Found){OP_HardSwish, x, 0} : nothing;
}

// What a / 6 or a * 1/6 is, where a is a product.
static Found sixth(const Node *node) {
    Value *value = node->op == OP_Div ? is_number(node->in[1], 6) ? node->in[0] : NULL : beside_number(node, 1.0 / 6);
    const Node *product = made_by(value, OP_Mul);
    for (int i = 0; product && i < 2; i++)
        if (relu6_of(product->in[i]) == product->in[1 - i])
            return (Found){OP_HardSwish, product->in[1 - i], 0};
    return nothing;
}

static Found match(const Node *node) {
    Found found = nothing;
    if ((node->op != OP_Mul && node->op != OP_Div) || !node->out[0] || !dtype_is_float(node->out[0]->type.dtype))
        return found;
    for (int i = 0; i < 2 && node->op == OP_Mul && found.op == OP_COUNT; i++)
        found = gated(node->in[i], node->in[1 - i]);
    if (found.op == OP_COUNT)
        found = sixth(node);
    return found.op != OP_COUNT && type_equal(&node->out[0]->type, &found.x->type) ? found : nothing;
}

// The parts have no readers any more; dead-nodes removes them.
static void apply(Node *node, const Found *found) {
    Node *act = node_new(node->graph, found->op, 1, 1);
    act->in[0] = found->x;
    act->loc = node->loc;
    if (found->op == OP_Swish)
        ((ActAttrs *)act->attrs)->alpha = found->alpha;
    graph_insert_before(node, act);
    act->out[0] = node->out[0];
    act->out[0]->def = act;
    node->nout = 0;
    node_remove(node);
}

bool pass_find_activations(PassContext *ctx, Graph *graph) {
    (void)ctx;
    for (Node *node = graph->first, *next; node; node = next) {
        next = node->next;
        Found found = match(node);
        if (found.op != OP_COUNT)
            apply(node, &found);
    }
    return true;
}
