// Folds y = x * scale[c] + shift[c] (c the channel) into the convolution or matrix product that makes x:
//
//     scale * (w * u + b) + shift  =  (scale * w) * u + (scale * b + shift)
//
// The affine map is a BatchNormalization (scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale), or a
// Mul, Add, Sub or Div by constants of one value per channel. x may be a Concat along the channels: then each producer
// takes its slice, if all can. Parameters are computed in double. A BatchNormalization whose x has no such producer
// becomes a Mul and an Add, which fuse with their neighbours.
#include <math.h>

#include "ir/element.h"
#include "ir/infer.h"
#include "passes/pass.h"
#include "passes/uses.h"
#include "support/checked.h"

enum { MAX_DEPTH = 8 };

typedef struct Affine {
    int n;
    double *scale, *shift;
} Affine;

// Matching.

static int64_t channels_of(const Value *value) {
    const Type *type = &value->type;
    return type->rank > 1 && type_is_static(type) && type->dim[1].n <= INT32_MAX ? type->dim[1].n : 0;
}

static Affine affine_new(Arena *scratch, int64_t n) {
    return (Affine){.n = (int)n, .scale = ARENA_ARRAY(scratch, double, n), .shift = ARENA_ARRAY(scratch, double, n)};
}

static bool is_finite(const Affine *affine) {
    for (int i = 0; i < affine->n; i++)
        if (!isfinite(affine->scale[i]) || !isfinite(affine->shift[i]))
            return false;
    return true;
}

static bool affine_of_norm(const Node *node, Arena *scratch, Affine *affine) {
    const NormAttrs *attrs = node->attrs;
    Floats parameter[4];  // gamma, beta, mean, variance
    int64_t n = channels_of(node->in[0]);
    if (attrs->training_mode)
        return false;
    for (int i = 0; i < 4; i++)
        if (!value_as_doubles(node->in[1 + i], scratch, &parameter[i]) || parameter[i].n != n)
            return false;
    *affine = affine_new(scratch, n);
    for (int i = 0; i < n; i++) {
        affine->scale[i] = parameter[0].v[i] / sqrt(parameter[3].v[i] + attrs->epsilon);
        affine->shift[i] = parameter[1].v[i] - parameter[2].v[i] * affine->scale[i];
    }
    return true;
}

// One value per channel of x, or one for all.
static bool per_channel(const Value *constant, const Value *x, Arena *scratch, Floats *values) {
    const Type *type = &constant->type;
    int64_t n = channels_of(x);
    if (!constant->data || type->rank > x->type.rank || !dtype_is_float(type->dtype))
        return false;
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i].n != 1 && (x->type.rank - type->rank + i != 1 || type->dim[i].n != n))
            return false;
    return value_as_doubles(constant, scratch, values);
}

static bool affine_of_arithmetic(const Node *node, int x, Arena *scratch, Affine *affine) {
    Floats k;
    int64_t n = channels_of(node->in[x]);
    if (node->op == OP_Div && x != 0)
        return false;
    if (!per_channel(node->in[1 - x], node->in[x], scratch, &k) || k.n == 0)
        return false;
    *affine = affine_new(scratch, n);
    for (int i = 0; i < n; i++) {
        double v = k.v[k.n == 1 ? 0 : i];
        affine->scale[i] = node->op == OP_Mul ? v : node->op == OP_Div ? 1 / v : node->op == OP_Sub && x ? -1 : 1;
        affine->shift[i] = node->op == OP_Add || (node->op == OP_Sub && x) ? v : node->op == OP_Sub ? -v : 0;
    }
    return true;
}

static bool affine_of(const Node *node, Arena *scratch, int *x, Affine *affine) {
    *x = 0;
    if (node->op == OP_BatchNormalization)
        return affine_of_norm(node, scratch, affine);
    if (node->op != OP_Mul && node->op != OP_Add && node->op != OP_Sub && node->op != OP_Div)
        return false;
    *x = node->in[0]->data ? 1 : 0;
    return affine_of_arithmetic(node, *x, scratch, affine);
}

static bool is_optional_constant(const Node *node, int index) {
    return !node_in(node, index) || node->in[index]->data;
}

static bool gemm_takes_affine(const Node *node) {
    const GemmAttrs *attrs = node->attrs;
    if (attrs->act.kind != ACT_NONE || !dtype_is_float(node->out[0]->type.dtype))
        return false;
    if (!node_in(node, 2))
        return true;
    const Type *c = &node->in[2]->type;  // one row, or one number
    return c->rank < 2 || c->dim[0].n == 1;
}

static bool conv_takes_affine(const Node *node) {
    const ConvAttrs *attrs = node->attrs;
    return attrs->act.kind == ACT_NONE && !node_pools(node) && !node_in(node, 3) &&
           node->in[1]->type.rank == node->out[0]->type.rank;
}

static bool takes_affine(const Uses *uses, const Value *value, int depth);

static bool concat_takes_affine(const Uses *uses, const Node *node, int depth) {
    const AxisAttrs *attrs = node->attrs;
    if ((attrs->axis != 1 && attrs->axis + node->out[0]->type.rank != 1) || depth == MAX_DEPTH)
        return false;
    for (int i = 0; i < node->nin; i++)
        if (!takes_affine(uses, node->in[i], depth + 1))
            return false;
    return true;
}

static bool takes_affine(const Uses *uses, const Value *value, int depth) {
    const Node *node = value->def;
    if (!node || uses_count(uses, value) != 1 || channels_of(value) == 0)
        return false;
    if (node->op == OP_Concat)
        return concat_takes_affine(uses, node, depth);
    if (node->op != OP_Conv && node->op != OP_ConvTranspose && node->op != OP_Gemm)
        return false;
    if (!node->in[1]->data || !is_optional_constant(node, 2))
        return false;
    return node->op == OP_Gemm ? gemm_takes_affine(node) : conv_takes_affine(node);
}

// Applying.

// The weights of a ConvTranspose have their channels of output second, and in each group anew: a factor for each
// filter.
static double *factors_of_filters(const Node *node, const double *scale, Arena *scratch) {
    const Type *type = &node->in[1]->type;
    int64_t rows = type->dim[0].n, columns = type->dim[1].n,
            rows_of_group = rows / ((const ConvAttrs *)node->attrs)->group;
    double *factor = ARENA_ARRAY(scratch, double, rows * columns);
    for (int64_t i = 0; i < rows * columns; i++)
        factor[i] = scale[i / columns / rows_of_group * columns + i % columns];
    return factor;
}

// They are not computed here: weights are what a large model is made of.
static void scale_weights(Node *node, const Affine *affine, int first, Arena *scratch) {
    const Value *old = node->in[1];
    const Type *type = &old->type;
    const double *factor = affine->scale + first;
    int64_t count = type_count(type), n = channels_of(node->out[0]), run = count / max_i64(n, 1);  // out channels first
    if (node->op == OP_Gemm && !((const GemmAttrs *)node->attrs)->trans_b) {
        run = 1;
    } else if (node->op == OP_ConvTranspose) {
        factor = factors_of_filters(node, factor, scratch);
        n = type->dim[0].n * type->dim[1].n;
        run = count / max_i64(n, 1);
    }
    node_set_input(node, 1, value_scaled(node->graph, old, factor, max_i64(run, 1), n));
}

static void scale_bias(Node *node, const Affine *affine, int first, Arena *scratch) {
    int64_t n = channels_of(node->out[0]);
    const Value *old = node_in(node, 2);
    const char *name = old ? old->name : arena_printf(scratch, "%s.bias", node->out[0]->name);
    double beta = 1, *bias = ARENA_ARRAY(scratch, double, n);
    Floats before;
    if (node->op == OP_Gemm) {
        beta = ((GemmAttrs *)node->attrs)->beta;
        ((GemmAttrs *)node->attrs)->beta = 1;
    }
    value_as_doubles(old, scratch, &before);
    for (int i = 0; i < n; i++) {
        double b = before.n ? beta * before.v[before.n == 1 ? 0 : i] : 0;
        bias[i] = b * affine->scale[first + i] + affine->shift[first + i];
    }
    Type type = type_make(node->out[0]->type.dtype, 1, &n);
    node_set_input(node, 2, value_doubles(node->graph, name, type, bias));
}

// `first` is the channel of the affine map that the value's first channel has.
static void apply_affine(Value *value, const Affine *affine, int first, const Loc *loc, Arena *scratch) {
    Node *node = value->def;
    if (node->op == OP_Concat) {
        for (int i = 0; i < node->nin; i++) {
            apply_affine(node->in[i], affine, first, loc, scratch);
            first += (int)channels_of(node->in[i]);
        }
        return;
    }
    scale_weights(node, affine, first, scratch);
    scale_bias(node, affine, first, scratch);
    node->loc = loc_join(node->graph->module->arena, node->loc, loc);
}

// A BatchNormalization that stays alone.

static Node *arithmetic_before(Node *where, OpKind op, Value *x, const char *name, const double *v, Type type) {
    Node *node = node_new(where->graph, op, 2, 1);
    node->loc = where->loc;
    node->in[0] = x;
    node->in[1] = value_doubles(where->graph, name, type, v);
    graph_insert_before(where, node);
    return node;
}

static void expand_norm(Node *node, const Affine *affine) {
    Type type = {.dtype = node->out[0]->type.dtype, .layout = {.block = 1}, .rank = node->out[0]->type.rank - 1};
    for (int i = 0; i < type.rank; i++)
        type.dim[i] = dim_const(i ? 1 : affine->n);
    Node *mul = arithmetic_before(node, OP_Mul, node->in[0], node->in[1]->name, affine->scale, type);
    Value *scaled = node_output(mul, 0, arena_printf(node->graph->module->arena, "%s.scaled", node->out[0]->name),
                                node->out[0]->type);
    Node *add = arithmetic_before(node, OP_Add, scaled, node->in[2]->name, affine->shift, type);
    add->out[0] = node->out[0];
    node_remove(node);
    add->out[0]->def = add;
}

bool pass_fold_batchnorm(PassContext *ctx, Graph *graph) {
    Arena *scratch = ctx->scratch;
    Uses uses = uses_of(graph, scratch);
    for (Node *node = graph->first, *next; node; node = next) {
        Affine affine;
        int x;
        next = node->next;
        uses_catch_up(&uses, node);
        if (!node->out[0] || !affine_of(node, scratch, &x, &affine) || !is_finite(&affine))
            continue;
        Value *value = node->in[x];
        if (type_equal(&value->type, &node->out[0]->type) && takes_affine(&uses, value, 0)) {
            Loc *loc = node->loc;
            if (uses_bypass(&uses, node, value))
                apply_affine(value->def ? value : node->out[0], &affine, 0, loc, scratch);
        } else if (node->op == OP_BatchNormalization) {
            expand_norm(node, &affine);
        }
    }
    return true;
}
