// Lets a Conv or MatMul add what a residual connection adds to its result, as it stores: the other operand of the Add
// becomes its input 3, and a map is read instead of written and read again.
//
//     %a = Conv(%x, %w, %b)                 %s = Conv(%x, %w, %b, %y) {act = relu}
//     %t = Add(%a, %y)
//     %s = Relu(%t)
//
// A convolution that has an activation already adds behind it (act_first). Where the operand is a Concat of such
// convolutions, as the bypasses of SqueezeNet have it, each takes its slice of the other operand:
//
//     %c = Concat(%a, %b) {axis = 1}        %y1, %y2 = Split(%y) {axis = 1}, a view
//     %s = Add(%c, %y)                      %s = Concat(%a + %y1, %b + %y2) {axis = 1}
//
// A MatMul takes the sum only without an activation of its own, and not behind a Concat.
//
// The producer moves to the place of the Add, so that the other operand is there. Of two, the later one takes the sum.
// The result is the same to the bit, so this runs with --strict, too. Of convolutions images only: what is
// one-dimensional becomes an image later (lift-conv1d), without a sum.
#include "ir/infer.h"
#include "passes/fuse_activation.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "passes/uses.h"

static bool product_takes_sum(const Node *node) {
    const MatMulAttrs *attrs = node->attrs;
    return !node_in(node, 3) && attrs->act.kind == ACT_NONE && !attrs->perm_y.n && node->out[0]->type.rank > 1 &&
           type_counted_axis(&node->out[0]->type) < 0;
}

static bool conv_takes_sum(const Node *node) {
    return !node_in(node, 3) && node->out[0]->type.rank == 4 && !node_pools(node);
}

static bool takes_sum(const Uses *uses, const Value *value) {
    const Node *node = value ? value->def : NULL;
    if (!node || !dtype_is_whole_float(value->type.dtype))
        return false;
    bool takes = node->op == OP_MatMul ? product_takes_sum(node) : node->op == OP_Conv && conv_takes_sum(node);
    return takes && uses_count(uses, value) == 1;
}

static bool operands_fit(const Node *add, int which) {
    const Value *value = add->in[which], *other = add->in[1 - which], *sum = add->out[0];
    return value && other && other != value && type_same_shape(&other->type, &sum->type) &&
           type_same_shape(&value->type, &sum->type);
}

// From both at once, since they are often neighbours.
static bool is_before(const Node *a, const Node *b) {
    const Node *behind_a = a, *behind_b = b;
    while (behind_a != b && behind_b && behind_b != a) {
        behind_a = behind_a ? behind_a->next : NULL;
        behind_b = behind_b->next;
    }
    return behind_a == b || !behind_b;
}

// The operand whose convolution is to take the sum, or -1.
static int operand_of(const Uses *uses, const Node *add) {
    bool takes[2];
    for (int i = 0; i < 2; i++)
        takes[i] = operands_fit(add, i) && takes_sum(uses, add->in[i]);
    if (takes[0] && takes[1])
        return is_before(add->in[0]->def, add->in[1]->def) ? 1 : 0;
    return takes[0] ? 0 : takes[1] ? 1 : -1;
}

// ---- Through a Concat

// Slices are views where they are whole blocks of channels of one image.
static bool is_concat_of_takers(const Uses *uses, const Node *add, int which, const Target *target) {
    const Node *concat = operands_fit(add, which) ? add->in[which]->def : NULL;
    if (!concat || concat->op != OP_Concat || concat->nin < 2 || uses_count(uses, concat->out[0]) != 1)
        return false;
    const Type *type = &concat->out[0]->type;
    int64_t axis = ((const AxisAttrs *)concat->attrs)->axis;
    if (type->rank != 4 || (axis != 1 && axis != 1 - 4) || !type_is_static(type) || type->dim[0].n != 1)
        return false;
    for (int i = 0; i < concat->nin; i++)
        if (!takes_sum(uses, concat->in[i]) || concat->in[i]->def->op != OP_Conv ||
            (i + 1 < concat->nin && concat->in[i]->type.dim[1].n % target->block))
            return false;
    return true;
}

// The other operand in pieces as those of the Concat.
static Node *split_like(Node *add, const Node *concat, Value *value) {
    int64_t *sizes = ARENA_ARRAY(concat->graph->module->arena, int64_t, concat->nin);
    for (int i = 0; i < concat->nin; i++)
        sizes[i] = concat->in[i]->type.dim[1].n;
    return split_channels_before(add, value, sizes, concat->nin);
}

// Makes the sum of a Concat a Concat of sums; returns the first of them.
static Node *spread_over_concat(Uses *uses, Node *add, int which) {
    Node *concat = add->in[which]->def, *split = split_like(add, concat, add->in[1 - which]), *first = NULL;
    for (int i = 0; i < concat->nin; i++) {
        concat->in[i] = node_before(add, OP_Add, concat->in[i], split->out[i], concat->in[i]->type);
        first = first ? first : concat->in[i]->def;
    }
    uses_add(uses, split->in[0], split);
    graph_move_before(add, concat);
    uses_bypass(uses, add, concat->out[0]);  // it has no other reader
    return first;
}

// ---- The sum

// Returns the node to go on with.
static Node *fuse_sum(Uses *uses, Node *add, int which) {
    Node *next = add->next;
    Value *value = add->in[which], *other = add->in[1 - which];
    Node *conv = value->def;
    ConvAttrs *attrs = conv->attrs;
    if (!uses_bypass(uses, add, value))
        return next;
    node_set_input(conv, 3, other);
    uses_add(uses, other, conv);
    if (conv->op == OP_Conv)
        attrs->act_first = attrs->act.kind != ACT_NONE;
    conv->loc = loc_join(conv->graph->module->arena, conv->loc, add->loc);
    graph_move_before(next, conv);
    Node *user = uses_single_reader(uses, conv->out[0]);
    if (user) {
        uses_catch_up(uses, user);
        fuse_activation(uses, user);
    }
    return conv->next;
}

bool pass_fuse_residual(PassContext *ctx, Graph *graph) {
    Uses uses = uses_of(graph, ctx->scratch);
    for (Node *add = graph->first, *next; add; add = next) {
        next = add->next;
        uses_catch_up(&uses, add);
        if (add->op != OP_Add || !add->out[0])
            continue;
        int which = operand_of(&uses, add);
        for (int i = 0; i < 2 && which < 0; i++)
            if (is_concat_of_takers(&uses, add, i, ctx->target)) {
                next = spread_over_concat(&uses, add, i);
                break;
            }
        if (which >= 0)
            next = fuse_sum(&uses, add, which);
    }
    return true;
}
