// Gradient: of a value y that the nodes before it make of others, x, as nodes. From y on backwards each node that
// depends on an x hands the gradient of its result to its inputs, by the derivative of its operator; a value that
// several nodes read gets the sum. What is no scalar counts as the sum of its elements. The table is at the end.
#include "onnx/gradient.h"

#include <string.h>

// The gradient of input `index`, from that of the node's result, `g`; null where it is always zero.
typedef Value *(*Derivative)(Importer *im, const Draft *d, const Node *node, int index, Value *g);

static Value *number_like(Importer *im, const Draft *d, const Value *value, double number) {
    return draft_scalar(im, d, "number", value->type.dtype, number);
}

// `number` in the shape of a value.
static Value *filled_like(Importer *im, const Draft *d, Value *value, double number) {
    return draft_binary(im, d, OP_Expand, number_like(im, d, value, number),
                        draft_binary(im, d, OP_Shape, value, NULL));
}

// ---- Derivatives

static Value *of_identity(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    (void)im, (void)d, (void)node, (void)index;
    return g;
}

static Value *of_neg(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    (void)node, (void)index;
    return draft_binary(im, d, OP_Neg, g, NULL);
}

static Value *of_sub(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    return index ? of_neg(im, d, node, index, g) : g;
}

static Value *of_mul(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    return draft_binary(im, d, OP_Mul, g, node->in[!index]);
}

static Value *of_div(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    Value *part = draft_binary(im, d, OP_Div, g, node->in[1]);
    return index ? of_neg(im, d, node, index, draft_binary(im, d, OP_Mul, part, node->out[0])) : part;
}

static Value *of_exp(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    (void)index;
    return draft_binary(im, d, OP_Mul, g, node->out[0]);
}

static Value *of_log(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    (void)index;
    return draft_binary(im, d, OP_Div, g, node->in[0]);
}

// g / (2 y)
static Value *of_sqrt(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    (void)index;
    return draft_binary(im, d, OP_Div, g, draft_binary(im, d, OP_Add, node->out[0], node->out[0]));
}

// g (1 - y^2)
static Value *of_tanh(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    (void)index;
    Value *square = draft_binary(im, d, OP_Mul, node->out[0], node->out[0]);
    return draft_binary(im, d, OP_Mul, g, draft_binary(im, d, OP_Sub, number_like(im, d, g, 1), square));
}

// g y (1 - y)
static Value *of_sigmoid(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    (void)index;
    Value *rest = draft_binary(im, d, OP_Sub, number_like(im, d, g, 1), node->out[0]);
    return draft_binary(im, d, OP_Mul, draft_binary(im, d, OP_Mul, g, node->out[0]), rest);
}

static Value *of_relu(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    (void)index;
    Value *zero = number_like(im, d, g, 0);
    return draft_node(im, d, OP_Where, draft_binary(im, d, OP_Greater, node->in[0], zero), g, zero);
}

// Of matrices: g b^T and a^T g. Others have no derivative here.
static Value *of_matmul(Importer *im, const Draft *d, const Node *node, int index, Value *g) {
    if (node->in[0]->type.rank != 2 || node->in[1]->type.rank != 2) {
        diag_error(im->diag, d->loc, E_OPERATOR, "a MatMul has a derivative only of two matrices");
        return NULL;
    }
    Value *other = draft_binary(im, d, OP_Transpose, node->in[!index], NULL);
    return index ? draft_binary(im, d, OP_MatMul, other, g) : draft_binary(im, d, OP_MatMul, g, other);
}

static const struct {
    OpKind op;
    Derivative derivative;
} derivatives[] = {
    {OP_Add, of_identity}, {OP_Div, of_div},     {OP_Exp, of_exp},         {OP_Identity, of_identity},
    {OP_Log, of_log},      {OP_MatMul, of_matmul}, {OP_Mul, of_mul},       {OP_Neg, of_neg},
    {OP_Relu, of_relu},    {OP_Sigmoid, of_sigmoid}, {OP_Sqrt, of_sqrt},   {OP_Sub, of_sub},
    {OP_Tanh, of_tanh},
};

static Derivative find_derivative(OpKind op) {
    for (size_t i = 0; i < sizeof derivatives / sizeof *derivatives; i++)
        if (derivatives[i].op == op)
            return derivatives[i].derivative;
    return NULL;
}

// ---- The walk back

// By value id, of the values that there were at first.
typedef struct Walk {
    Importer *im;
    Draft *d;
    int n;
    bool *depends;  // on an x
    Value **gradient;
} Walk;

// The sum over the axes along which `like` was broadcast. Null after an error.
static Value *narrowed(const Walk *w, Value *g, Value *like) {
    const Type *from = &g->type, *to = &like->type;
    if (from->rank < 0 || to->rank < 0) {
        diag_error(w->im->diag, w->d->loc, E_DYNAMIC, "the shape of '%s' must be known", like->name);
        return NULL;
    }
    if (type_same_shape(from, to))
        return g;
    int64_t axes[MAX_RANK];
    int n = 0, more = from->rank - to->rank;
    for (int i = 0; i < from->rank; i++)
        if (i < more || !dim_equal(from->dim[i], to->dim[i - more]))
            axes[n++] = i;
    g = draft_binary(w->im, w->d, OP_ReduceSum, g, draft_ints(w->im, w->d, "axes", axes, n));
    return draft_binary(w->im, w->d, OP_Reshape, g, draft_binary(w->im, w->d, OP_Shape, like, NULL));
}

static bool hand_on(Walk *w, const Node *node, int index) {
    Value *in = node->in[index], *g = w->gradient[node->out[0]->id];
    if (!in || !w->depends[in->id])
        return true;
    Derivative derivative = node->nout == 1 ? find_derivative(node->op) : NULL;
    if (!derivative)
        return diag_error(w->im->diag, w->d->loc, E_OPERATOR, "operator %s, which makes '%s', has no derivative here",
                          op_info[node->op].name, node->out[0]->name);
    Value *part = derivative(w->im, w->d, node, index, g);
    part = part ? narrowed(w, part, in) : NULL;
    if (part)
        w->gradient[in->id] = draft_sum(w->im, w->d, w->gradient[in->id], part);
    return part != NULL;
}

static void mark(Walk *w) {
    for (const Node *node = w->im->graph->first; node; node = node->next)
        for (int i = 0; i < node->nin; i++)
            for (int k = 0; node->in[i] && w->depends[node->in[i]->id] && k < node->nout; k++)
                if (node->out[k])
                    w->depends[node->out[k]->id] = true;
}

static bool walk_back(Walk *w, Value *y, const bool *is_x) {
    w->gradient[y->id] = filled_like(w->im, w->d, y, 1);
    for (const Node *node = y->def; node; node = node->prev) {
        const Value *out = node->nout ? node->out[0] : NULL;
        if (!out || !w->gradient[out->id] || is_x[out->id])
            continue;
        for (int i = 0; i < node->nin; i++)
            if (!hand_on(w, node, i))
                return false;
    }
    return true;
}

// The value of this graph that an attribute names.
static Value *named(Importer *im, const Draft *d, const ProtobufCBinaryData *text) {
    const Name *name = scope_find(d->scope, arena_copy(im->scratch, (const char *)text->data, text->len));
    Value *value = name && name->state == NAME_VALUE ? name->value : NULL;
    if (!value || value->graph != im->graph)
        diag_error(im->diag, d->loc, E_GRAPH, "'%.*s' is no value that this graph makes before", (int)text->len,
                   (const char *)text->data);
    return value && value->graph == im->graph ? value : NULL;
}

bool make_gradient(Importer *im, Draft *d) {
    const Onnx__AttributeProto *xs = draft_take(d, "xs"), *zs = draft_take(d, "zs"), *target = draft_take(d, "y");
    size_t fixed = zs ? zs->n_strings : 0;
    if (!xs || !target || !target->has_s)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' is missing", xs ? "y" : "xs");
    if (xs->n_strings + fixed != (size_t)d->nin || xs->n_strings != (size_t)d->nout)
        return diag_error(im->diag, d->loc, E_ARITY, "attributes 'xs' and 'zs' do not name the inputs and outputs");
    if (!draft_all_taken(im, d))
        return false;
    Value *y = named(im, d, &target->s);
    if (!y)
        return false;
    Walk w = {im, d, im->graph->values.n, NULL, NULL};
    w.depends = ARENA_ARRAY(im->scratch, bool, w.n);
    w.gradient = ARENA_ARRAY(im->scratch, Value *, w.n);
    for (int i = 0; i < d->nin; i++) {
        bool varies = i < (int)xs->n_strings;
        const Value *x = named(im, d, varies ? &xs->strings[i] : &zs->strings[i - (int)xs->n_strings]);
        if (!x)
            return false;
        if (x != draft_in(d, i))
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "input %d is not the value that the attributes name", i);
        w.depends[x->id] = varies;
    }
    bool *is_x = ARENA_ARRAY(im->scratch, bool, w.n);
    memcpy(is_x, w.depends, (size_t)w.n * sizeof *is_x);
    mark(&w);
    if (!walk_back(&w, y, is_x))
        return false;
    for (int i = 0; i < d->nout; i++) {
        Value *g = w.gradient[d->in[i]->id];
        if (!draft_define(im, d, i, g ? g : filled_like(im, d, d->in[i], 0)))
            return false;
    }
    return true;
}
