// Lets bytes be moved instead of the numbers that they stand for, where these are quantized again:
//
//     Quantize(Transpose(Dequantize(x)))  ->  Transpose(x)
//
// What moves numbers gives the same whether they are quantized before or behind; so does what takes the largest of
// some, since quantizing keeps their order. And bytes that are dequantized and quantized with the same scale and zero
// are the same bytes. Where the parts of a Concat have others, each is quantized before it is joined. A Relu of such
// numbers is the larger of the byte and the zero.
//
// Before folding, which makes floats of what is dequantized and constant. Only where all that is moved was dequantized,
// and nothing else reads what lies between; and only where the target multiplies bytes. Pools and joins need
// convolutions of integers around them, since those of floats have blocks of channels, which pools of bytes don't know.
#include "passes/integer_products.h"
#include "passes/quantized.h"
#include "passes/uses.h"

enum { DEPTH = 16, PARTS = 32 };  // nodes one behind the other; parts of a Concat

typedef struct Search {
    Uses *uses;
    Arena *arena;
    bool images;  // convolutions will be those of integers
    Quantized to;
    Node *last;  // the Cast that quantizes
} Search;

static bool moves(const Node *node) {
    switch ((int)node->op) {
    case OP_DepthToSpace:
    case OP_Identity:
    case OP_Slice:
    case OP_SpaceToDepth:
    case OP_Transpose:
        return true;
    default:
        return (op_info[node->op].flags & VIEW) != 0;
    }
}

// The greatest of some numbers, each of which must have been a byte already.
static bool selects(const Node *node) {
    return node->op == OP_MaxPool || node->op == OP_GlobalMaxPool || node->op == OP_Relu;
}

static bool goes_on_bytes(const Search *s, const Node *node) {
    return moves(node) || (s->images && (selects(node) || node->op == OP_Concat));
}

static bool same_numbers(const Dequantized *from, const Quantized *to) {
    return from->axis < 0 && from->bytes->type.dtype == to->dtype && from->scale.v[0] == to->scale &&
           from->zero.v[0] == to->zero;
}

// Whether bytes can take the way to the value; `same`: with the parameters of the result.
static bool reaches(const Search *s, const Value *x, bool same, int depth) {
    Dequantized from;
    if (match_dequantized(x, s->arena, &from))
        return from.axis < 0 && (!same || same_numbers(&from, &s->to));
    const Node *node = x->def;
    if (!node || depth == DEPTH || !goes_on_bytes(s, node) || node->nout != 1 || node->kernel ||
        uses_count(s->uses, x) != 1)
        return false;
    int parts = node->op == OP_Concat ? node->nin : 1;
    for (int i = 0; i < parts; i++)
        if (parts > PARTS || !reaches(s, node->in[i], same || selects(node), depth + 1))
            return false;
    return true;
}

static Value *scalar(Node *where, const char *name, double number) {
    return value_doubles(where->graph, name, type_make(DT_F32, 0, NULL), &number);
}

// Quantizes x before `where`, as the importer does.
static Value *quantize_before(Node *where, Value *x, const Quantized *to) {
    Type type = x->type;
    double low = dtype_is_signed(to->dtype) ? -128 : 0;
    Value *y = node_before(where, OP_Div, x, scalar(where, "scale", to->scale), type);
    y = node_before(where, OP_Round, y, NULL, type);
    if (to->zero != 0)
        y = node_before(where, OP_Add, y, scalar(where, "zero", to->zero), type);
    y = node_before(where, OP_Clip, y, scalar(where, "low", low), type);
    node_set_input(y->def, 2, scalar(where, "high", low + 255));
    type.dtype = to->dtype;
    y = node_before(where, OP_Cast, y, NULL, type);
    ((CastAttrs *)y->def->attrs)->to = to->dtype;
    return y;
}

static Value *bytes_of(const Search *s, Value *x, Node *where);

// The node on bytes: itself, since nothing else reads its result. A Relu is the larger of byte and zero.
static Value *on_bytes(const Search *s, Node *node) {
    int parts = node->op == OP_Concat ? node->nin : 1;
    for (int i = 0; i < parts; i++)
        node->in[i] = bytes_of(s, node->in[i], node);
    node->out[0]->type.dtype = s->to.dtype;
    if (node->op != OP_Relu)
        return node->out[0];
    bool least = s->to.zero == (dtype_is_signed(s->to.dtype) ? -128 : 0);
    node->op = least ? OP_Identity : OP_Max;
    if (!least)
        node_set_input(node, 1, value_doubles(node->graph, "zero", type_make(s->to.dtype, 0, NULL), &s->to.zero));
    return node->out[0];
}

static Value *bytes_of(const Search *s, Value *x, Node *where) {
    Dequantized from;
    if (!match_dequantized(x, s->arena, &from))
        return on_bytes(s, x->def);
    if (!same_numbers(&from, &s->to))
        return quantize_before(where, x, &s->to);
    uses_add(s->uses, from.bytes, where);
    return from.bytes;
}

// Whether only the next node of those that quantize reads each of their results.
static bool is_closed(const Search *s) {
    for (const Value *v = s->last->in[0]; v != s->to.x; v = v->def->in[0])
        if (uses_count(s->uses, v) != 1)
            return false;
    return true;
}

static bool match(Search *s) {
    Dequantized from;
    if (!match_quantized(s->last, s->arena, &s->to) || !is_closed(s))
        return false;
    return match_dequantized(s->to.x, s->arena, &from) ? same_numbers(&from, &s->to) : reaches(s, s->to.x, false, 0);
}

// What quantized would read bytes as floats, so it goes.
static void apply(Search *s) {
    Value *bytes = bytes_of(s, s->to.x, s->to.first);
    Node *node = s->last->in[0]->def;
    if (!uses_bypass(s->uses, s->last, bytes))
        return;  // an output of the model that is an input; nothing was moved
    for (Node *before; node; node = before) {
        before = node == s->to.first ? NULL : node->in[0]->def;
        node_remove(node);
    }
}

bool pass_move_quantized(PassContext *ctx, Graph *graph) {
    Uses uses = uses_of(graph, ctx->scratch);
    bool images = integer_convs_pay(ctx, graph);
    for (Node *node = graph->first, *next; ctx->target->dots && node; node = next) {
        next = node->next;
        uses_catch_up(&uses, node);
        Search search = {.uses = &uses, .arena = ctx->scratch, .images = images, .last = node};
        if (match(&search))
            apply(&search);
    }
    graph_compact(graph);
    return true;
}
