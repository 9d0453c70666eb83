// Lets a Conv add what a residual connection adds to its result, as it stores: the other operand of the Add becomes the
// convolution's input 3, and a map is read instead of written and read again. An activation behind the Add can follow.
//
// The convolution moves to the place of the Add, so that the other operand is there. Of two, the later one takes the sum.
// The result is the same to the bit, so this runs with --strict, too. Images only: what is one-dimensional
// becomes an image later (lift-conv1d), without a sum.
#include "ir/infer.h"
#include "passes/pass.h"

static bool takes_sum(const Value *value, const Value *other, const Value *sum) {
    const Node *node = value ? value->def : NULL;
    if (!node || node->op != OP_Conv || node_in(node, 3) || value_uses(value) != 1 || node->out[0] != value)
        return false;
    bool exact = sum->type.dtype == DT_F32 || sum->type.dtype == DT_F64;  // smaller floats would be rounded once less
    return exact && sum->type.rank == 4 && ((const ConvAttrs *)node->attrs)->act.kind == ACT_NONE && !node_pools(node) && other != value && other &&
           type_same_shape(&other->type, &sum->type) && type_same_shape(&value->type, &sum->type);
}

static bool is_before(const Node *a, const Node *b) {
    while (b && b != a)
        b = b->prev;
    return b == a;
}

// The operand whose convolution is to take the sum, or -1.
static int operand_of(const Node *add) {
    bool takes[2];
    for (int i = 0; i < 2; i++)
        takes[i] = takes_sum(add->in[i], add->in[1 - i], add->out[0]);
    if (takes[0] && takes[1])
        return is_before(add->in[0]->def, add->in[1]->def) ? 1 : 0;
    return takes[0] ? 0 : takes[1] ? 1 : -1;
}

bool pass_fuse_residual(PassContext *ctx, Graph *graph) {
    (void)ctx;
    for (Node *add = graph->first, *next; add; add = next) {
        next = add->next;
        int which = add->op == OP_Add && add->out[0] ? operand_of(add) : -1;
        if (which < 0)
            continue;
        Value *value = add->in[which], *other = add->in[1 - which];
        Node *conv = value->def;
        if (!node_bypass(add, value))
            continue;
        node_set_input(conv, 3, other);
        conv->loc = loc_join(graph->module->arena, conv->loc, add->loc);
        graph_move_before(next, conv);
    }
    return true;
}
