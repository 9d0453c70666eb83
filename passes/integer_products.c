// Makes products of dequantized numbers those of the integers, which are scaled behind:
//
//     sum over k of (a[m, k] - z) * s * (b[k, n] - y[n]) * t[n] + bias[n]
//         =  (sum over k of (a[m, k] - z) * (b[k, n] - y[n])) * (s * t[n]) + bias[n]
//
// as the importer has the quantized operators (onnx/qlinear.c), so byte-products and fuse-results do the rest. A bias
// of a convolution that is whole multiples of s * t[n] starts the integer sum. Where the result is quantized again, its
// scale goes into the factor, and a Relu or Clip goes where the bounds of the type are as narrow.
//
// The sum of integers is exact, that of floats is rounded, so a result may be the next one. Only for targets whose
// products of bytes are fast; only for bytes with one scale and zero on the left, and constant ones on the right, with
// perhaps some for each column or filter; and only where the sums fit into i32.
#include "passes/integer_products.h"

#include <math.h>

#include "codegen/kernel.h"
#include "ir/infer.h"
#include "passes/byte_products.h"
#include "passes/pass.h"
#include "passes/quantized.h"
#include "passes/rewrite.h"
#include "passes/uses.h"

enum { DEPTH = 8 };                         // nodes between constants and what follows from them
static const double MOST_SUM = 2147483647;  // of the magnitudes of integers
static const double LEAST_FACTOR = 1e-35, MOST_FACTOR = 1e35;  // f32 has numbers of these, and a bit beyond
static const double NEXT_TO = 1e-5;         // how far the scale of a bias may be off, relatively

typedef struct Product {
    Dequantized left, right;
    Floats bias;      // n: 0 if there is none
    bool whole_bias;  // it is integers
    int64_t columns;
    int axis;         // of the right factor before it is transposed, that columns are along
    double factor;    // alpha of a Gemm
} Product;

// What quantizes a product's result: an activation, or null, and the rest.
typedef struct Behind {
    Node *act, *last;
    Quantized to;
} Behind;

static bool is_byte(const Value *value) {
    return value->type.dtype == DT_I8 || value->type.dtype == DT_U8;
}

static bool follows_from_constants(const Value *value, int depth) {
    const Node *node = value->def;
    if (value->data)
        return true;
    if (!node || depth == DEPTH || op_info[node->op].flags & (RANDOM | HAS_BODY))
        return false;
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && !follows_from_constants(node->in[i], depth + 1))
            return false;
    return true;
}

// What a factor is a view of.
static const Value *viewed(const Value *value) {
    while (value->def && op_info[value->def->op].flags & VIEW)
        value = value->def->in[0];
    return value;
}

// Of matrices also behind a Transpose, as some exporters write a linear layer.
static bool match_right(const Node *node, Arena *arena, Product *p) {
    const Value *right = node->in[1];
    const Node *def = right->def;
    p->axis = node->op == OP_Conv || (node->op == OP_Gemm && ((const GemmAttrs *)node->attrs)->trans_b) ? 0 : 1;
    p->columns = right->type.dim[p->axis].n;
    if (def && def->op == OP_Transpose && right->type.rank == 2 && permuted_axis(def, 0) == 1) {
        right = def->in[0];
        p->axis = 1 - p->axis;
    }
    return match_dequantized(right, arena, &p->right) && is_byte(p->right.bytes) &&
           (p->right.axis < 0 || p->right.axis == p->axis) && follows_from_constants(p->right.bytes, 0);
}

static double number_at(const Floats *numbers, int64_t i) {
    return numbers->v[numbers->n > 1 ? i : 0];
}

// Filters have to be i8 once their zero points are gone, if bytes are multiplied; of a matrix byte-products takes
// something from the columns.
static bool filters_fit(const Dequantized *w, const Target *target, Arena *arena) {
    Floats bytes;
    bool centred = true;
    if (kernel_filters(target) == DT_I16)
        return true;
    for (int64_t i = 0; i < w->zero.n; i++)
        centred = centred && w->zero.v[i] == (w->bytes->type.dtype == DT_U8 ? 128 : 0);
    if (centred)
        return true;
    if (!value_as_doubles(w->bytes, arena, &bytes))
        return false;
    int64_t each = bytes.n / w->bytes->type.dim[0].n;
    for (int64_t i = 0; i < bytes.n; i++) {
        double centre = bytes.v[i] - number_at(&w->zero, i / each);
        if (centre < -128 || centre > 127)
            return false;
    }
    return true;
}

// The bias as integers times the product's scales, if it was dequantized from such. True if there is none.
static bool match_whole_bias(const Value *bias, Product *p, Arena *arena) {
    Dequantized from;
    if (!match_dequantized(bias, arena, &from) || !value_as_doubles(from.bytes, arena, &p->bias))
        return false;
    for (int64_t i = 0; i < p->columns; i++) {
        double scale = p->left.scale.v[0] * number_at(&p->right.scale, i);
        if (fabs(number_at(&from.scale, i) - scale) > NEXT_TO * scale || number_at(&from.zero, i) != 0)
            return false;
    }
    return true;
}

// A number for each column, also of what is dequantized.
static bool match_float_bias(const Value *bias, Product *p, Arena *arena) {
    Dequantized from;
    bool dequantized = match_dequantized(bias, arena, &from);
    if (!constant_numbers(dequantized ? from.bytes : bias, arena, &p->bias))
        return false;
    for (int64_t i = 0; dequantized && i < p->bias.n; i++)
        p->bias.v[i] = (p->bias.v[i] - number_at(&from.zero, i)) * number_at(&from.scale, i);
    return true;
}

// Whether the magnitudes of all that is added up fit into 31 bits.
static bool sums_fit(const Node *node, const Product *p) {
    double most = (double)type_count(&node->in[1]->type) / (double)p->columns * 255 * 255, start = 0;
    for (int64_t i = 0; p->whole_bias && i < p->bias.n; i++)
        start = fmax(start, fabs(p->bias.v[i]));
    return most + start <= MOST_SUM;
}

// A filter of hardly more than zeros has a small scale, in which its bias is too large for an integer sum.
static bool match_bias(const Node *node, Product *p, Arena *arena) {
    const Value *bias = node_in(node, 2);
    const GemmAttrs *gemm = node->op == OP_Gemm ? node->attrs : NULL;
    if (!bias || (gemm && gemm->beta == 0))
        return true;
    const Type *type = &bias->type;
    if ((gemm && gemm->beta != 1) || !type_is_static(type) || type_count(type) != p->columns ||
        type->dim[type->rank - 1].n != p->columns)
        return false;
    p->whole_bias = node->op == OP_Conv && match_whole_bias(bias, p, arena);
    p->whole_bias = p->whole_bias && sums_fit(node, p);
    return p->whole_bias || match_float_bias(bias, p, arena);
}

static bool match(const Node *node, const Target *target, Arena *arena, Product *p) {
    *p = (Product){.factor = node->op == OP_Gemm ? ((const GemmAttrs *)node->attrs)->alpha : 1};
    return takes_bytes(node, target) && node->out[0]->type.dtype == DT_F32 &&
           match_dequantized(viewed(node->in[0]), arena, &p->left) && is_byte(p->left.bytes) && p->left.axis < 0 &&
           match_right(node, arena, p) && (node->op != OP_Conv || filters_fit(&p->right, target, arena)) &&
           match_bias(node, p, arena) && sums_fit(node, p);
}

bool integer_convs_pay(PassContext *ctx, const Graph *graph) {
    double floats = 0, integers = 0;
    if (ctx->target->dots != 2)
        return ctx->target->dots > 0;
    for (const Node *node = graph->first; node; node = node->next) {
        Product product;
        Arena *numbers = arena_new();
        if (node->op == OP_Conv && match(node, ctx->target, numbers, &product)) {
            floats += conv_seconds(ctx, node, false);
            integers += conv_seconds(ctx, node, true);
        }
        arena_free(numbers);
    }
    return integers > 0 && integers < floats;
}

// ---- What is behind

static bool is_bounded(const Node *node) {
    return node->op == OP_Relu || (node->op == OP_Clip && node_in(node, 1) && node_in(node, 2));
}

static bool match_behind(const Uses *uses, const Node *node, Arena *arena, Behind *behind) {
    Node *next = uses_single_reader(uses, node->out[0]);
    *behind = (Behind){0};
    if (next && is_bounded(next)) {
        behind->act = next;
        next = uses_single_reader(uses, next->out[0]);
    }
    const Node *first = next;
    while (next && next->op != OP_Cast && (op_info[next->op].flags & ELEMENTWISE))
        next = uses_single_reader(uses, next->out[0]);
    behind->last = next;
    return next && match_quantized(next, arena, &behind->to) && behind->to.first == first;
}

// Whether quantizing cuts off at least what the activation does.
static bool is_absorbed(const Behind *behind, Arena *arena) {
    const Quantized *to = &behind->to;
    double least = dtype_is_signed(to->dtype) ? -128 : 0;
    Floats low, high;
    if (behind->act->op == OP_Relu)
        return to->zero <= least;
    return constant_numbers(behind->act->in[1], arena, &low) && constant_numbers(behind->act->in[2], arena, &high) &&
           nearbyint(low.v[0] / to->scale) + to->zero <= least &&
           nearbyint(high.v[0] / to->scale) + to->zero >= least + 255;
}

static Value *divided(Node *where, Value *bound, double by, Arena *arena) {
    Floats number;
    if (!constant_numbers(bound, arena, &number))
        return NULL;
    number.v[0] /= by;
    return value_doubles(where->graph, bound->name, type_make(DT_F32, 0, NULL), number.v);
}

// What a Cast that saturates, of what is no NaN, makes needless: the Clip, and the addition of 0.
static void drop_needless(Uses *uses, const Behind *behind) {
    Node *clip = behind->last->in[0]->def, *moved = clip->in[0]->def;
    uses_bypass(uses, clip, clip->in[0]);
    if (moved->op == OP_Add && behind->to.zero == 0)
        uses_bypass(uses, moved, moved->in[0]);
}

// The product is made in units of the result's scale.
static bool take_scale(Uses *uses, const Behind *behind, Arena *arena) {
    Node *act = behind->act;
    if (act && is_absorbed(behind, arena)) {
        uses_bypass(uses, act, act->in[0]);
    } else if (act && act->op == OP_Clip) {
        Value *low = divided(act, act->in[1], behind->to.scale, arena);
        Value *high = divided(act, act->in[2], behind->to.scale, arena);
        if (!low || !high)
            return false;
        act->in[1] = low;
        act->in[2] = high;
    }
    uses_catch_up(uses, behind->to.first);
    drop_needless(uses, behind);
    return uses_bypass(uses, behind->to.first, behind->to.first->in[0]);
}

// ---- The product

static double factor_of(const Product *p, int64_t column, double unit) {
    return p->left.scale.v[0] * p->right.scale.v[column] * p->factor / unit;
}

static bool factors_fit(const Product *p, double unit) {
    for (int64_t i = 0; i < p->right.scale.n; i++) {
        double size = fabs(factor_of(p, i, unit));
        if (!(size >= LEAST_FACTOR && size <= MOST_FACTOR))
            return false;
    }
    return true;
}

// Of i32; of all, or for each column along the axis of x.
static Value *zeros_before(Node *where, const Dequantized *from) {
    int64_t shape[MAX_RANK];
    int rank = from->axis < 0 || from->zero.n == 1 ? 0 : from->bytes->type.rank - from->axis;
    for (int i = 0; i < rank; i++)
        shape[i] = i ? 1 : from->zero.n;
    return value_doubles(where->graph, "zero", type_make(DT_I32, rank, shape), from->zero.v);
}

static Value *centred_before(Node *where, const Dequantized *from) {
    Type type = from->bytes->type;
    bool any = false;
    type.dtype = DT_I32;
    Value *x = node_before(where, OP_Cast, from->bytes, NULL, type);
    ((CastAttrs *)x->def->attrs)->to = DT_I32;
    for (int64_t i = 0; i < from->zero.n; i++)
        any |= from->zero.v[i] != 0;
    return any ? node_before(where, OP_Sub, x, zeros_before(where, from), type) : x;
}

// In the shape of the left factor.
static Value *viewed_before(Node *node, Value *bytes) {
    const Type *type = &node->in[0]->type;
    int64_t size[MAX_RANK];
    for (int i = 0; i < type->rank; i++)
        size[i] = type->dim[i].n;
    return type_same_shape(type, &bytes->type) ? bytes : reshape_before(node, bytes, type->rank, size);
}

static Value *sum_before(Node *node, const Product *p) {
    Type type = node->out[0]->type;
    type.dtype = DT_I32;
    Dequantized left = p->left;
    left.bytes = viewed_before(node, left.bytes);
    Value *a = centred_before(node, &left), *b = centred_before(node, &p->right);
    if (node->op != OP_Conv && p->axis == 0)
        b = transpose_before(node, b, ints_copy(node->graph->module->arena, (int64_t[]){1, 0}, 2));
    Value *sum = node_before(node, node->op == OP_Conv ? OP_Conv : OP_MatMul, a, b, type);
    if (node->op == OP_Conv)
        *(ConvAttrs *)sum->def->attrs = *(const ConvAttrs *)node->attrs;
    if (p->whole_bias)
        node_set_input(sum->def, 2,
                       value_doubles(node->graph, "bias", type_make(DT_I32, 1, &p->columns), p->bias.v));
    return sum;
}

// One for each column of a matrix, or each channel of images.
static Value *row_of(const Node *node, const char *name, double *numbers, int64_t n) {
    const int64_t shape[3] = {n, 1, 1};
    int rank = n == 1 ? 0 : node->op == OP_Conv ? 3 : 1;
    return value_doubles(node->graph, name, type_make(DT_F32, rank, shape), numbers);
}

// The node itself becomes the last one, so that its result keeps its name; `unit` is what the result is counted in.
static void apply(Node *node, const Product *p, double unit, Arena *arena) {
    Value *sum = sum_before(node, p);
    int64_t n = p->right.scale.n;
    double *factor = ARENA_ARRAY(arena, double, n);
    for (int64_t i = 0; i < n; i++)
        factor[i] = factor_of(p, i, unit);
    Value *scale = row_of(node, "scale", factor, n), *bias = NULL;
    for (int64_t i = 0; !p->whole_bias && i < p->bias.n; i++)
        p->bias.v[i] /= unit;
    if (!p->whole_bias && p->bias.n)
        bias = row_of(node, "bias", p->bias.v, p->columns);
    Value *y = node_before(node, OP_Cast, sum, NULL, node->out[0]->type);
    ((CastAttrs *)y->def->attrs)->to = DT_F32;
    if (bias)
        y = node_before(node, OP_Mul, y, scale, node->out[0]->type);
    node->op = bias ? OP_Add : OP_Mul;
    node->attrs = attrs_new(op_info[node->op].attrs, node->graph->module->arena);
    node->in[0] = y;
    node->in[1] = bias ? bias : scale;
    node->nin = 2;
}

static void rewrite(PassContext *ctx, Uses *uses, Node *node, Arena *numbers) {
    Product product;
    Behind behind;
    if (!match(node, ctx->target, numbers, &product))
        return;
    bool again = match_behind(uses, node, numbers, &behind);
    if (!factors_fit(&product, again ? behind.to.scale : 1))
        return;
    again = again && take_scale(uses, &behind, numbers);
    apply(node, &product, again ? behind.to.scale : 1, numbers);
}

bool pass_integer_products(PassContext *ctx, Graph *graph) {
    Uses uses = uses_of(graph, ctx->scratch);
    bool convs = integer_convs_pay(ctx, graph);
    for (Node *node = graph->first; node; node = node->next) {
        uses_catch_up(&uses, node);
        Arena *numbers = arena_new();  // of large weights those of one node are enough at a time
        if (convs || node->op != OP_Conv)
            rewrite(ctx, &uses, node, numbers);
        arena_free(numbers);
    }
    return true;
}
