// Verification, from the outside in: the module, each graph's values, its nodes in their order, the types, the places.
// Each check relies on the ones before it, so the first complaint ends the walk.
#include "ir/verify.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ir/infer.h"
#include "ir/open.h"
#include "ir/verify_parts.h"
#include "support/checked.h"

enum { DEPTH_MAX = 16 };

bool fail_node(const Verifier *v, const Node *node, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(v->arena, format, args);
    va_end(args);
    return diag_error(v->diag, node->loc, E_VERIFY, "%s %s", op_info[node->op].name, message);
}

bool fail_value(const Verifier *v, const Value *value, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(v->arena, format, args);
    va_end(args);
    const Loc *loc = value->def ? value->def->loc : NULL;
    return diag_error(v->diag, loc, E_VERIFY, "'%s' %s", value->name, message);
}

static bool fail_graph(const Verifier *v, const Graph *graph, const char *message) {
    return diag_error(v->diag, NULL, E_VERIFY, "graph '%s' %s", graph->name, message);
}

// Types.

static bool type_is_known(const Type *type) {
    return type->dtype != DT_NONE && type->rank >= 0;
}

static bool verify_layout(const Verifier *v, const Value *value) {
    const Type *type = &value->type;
    const Layout *layout = &type->layout;
    bool blocked = layout->kind == LAYOUT_NCHWC;
    if ((blocked || layout->border || layout->pitch) && type->rank != 4)
        return fail_value(v, value, "has a layout that is for rank 4 only");
    if (type_is_packed(type) && (!dtype_is_packed(type->dtype) || layout->border || layout->pitch))
        return fail_value(v, value, "is packed, which is for elements of less than 8 bits, without rims");
    if (layout->block < 1 || (!blocked && layout->block != 1))
        return fail_value(v, value, "has blocks of %d channels", layout->block);
    if (layout->border < 0 || layout->pitch < 0)
        return fail_value(v, value, "has a negative border or pitch");
    int64_t width;
    if (layout->pitch && (type->dim[3].sym || !checked_add(type->dim[3].n, 2 * (int64_t)layout->border, &width) ||
                          layout->pitch < width))
        return fail_value(v, value, "has rows longer than its pitch, %lld", (long long)layout->pitch);
    return true;
}

// The number of a dimension is a scalar that a node of the model's graph makes; inputs and constants have none.
static bool verify_count(const Verifier *v, const Value *value) {
    int axis = type_counted_axis(&value->type);
    if (axis < 0)
        return true;
    const Symbol *count = value->type.dim[axis].count;
    const Value *number = value_find(v->module->graphs.item[0], count->name);
    if (!number || !number->def || number->type.dtype != DT_I64 || number->type.rank != 0)
        return fail_value(v, value, "has a dimension counted by '%s', which is no i64<> that a node makes",
                          count->name);
    for (int i = axis + 1; i < value->type.rank; i++)
        if (value->type.dim[i].count)
            return fail_value(v, value, "has two dimensions that are counted");
    if (value->type.dim[axis].sym || value->data || (value_is_input(value) && !value->graph->owner))
        return fail_value(v, value, "cannot have a dimension that is counted");
    return true;
}

static bool verify_type(const Verifier *v, const Value *value) {
    const Type *type = &value->type;
    if (type->dtype > DT_NONE || type->rank < -1 || type->rank > MAX_RANK)
        return fail_value(v, value, "has no valid type");
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i].n < 0)
            return fail_value(v, value, "has a negative dimension");
    if (!verify_layout(v, value) || !verify_count(v, value))
        return false;
    if (type->dtype != DT_NONE && type_is_static(type) && type_bytes(type) > TYPE_BYTES_MAX)
        return fail_value(v, value, "is larger than 2^40 bytes");
    return true;
}

// Values.

static int by_name(const void *a, const void *b) {
    return strcmp((*(const Value *const *)a)->name, (*(const Value *const *)b)->name);
}

static bool verify_names(const Verifier *v, const Graph *graph) {
    int n = graph->values.n;
    const Value **sorted = ARENA_ARRAY(v->arena, const Value *, n);
    for (int i = 0; i < n; i++)
        sorted[i] = graph->values.item[i];
    if (n)
        qsort(sorted, (size_t)n, sizeof *sorted, by_name);
    for (int i = 1; i < n; i++)
        if (!strcmp(sorted[i - 1]->name, sorted[i]->name))
            return fail_value(v, sorted[i], "is the name of two values");
    return true;
}

static bool verify_constant(const Verifier *v, const Value *value) {
    const Type *type = &value->type;
    if (value->def)
        return fail_value(v, value, "is a constant, but a node defines it");
    if (type->dtype == DT_NONE || !type_is_static(type))
        return fail_value(v, value, "is a constant without a static type");
    if (value->data->size != type_bytes(type) ||
        (value->data->size && !value->data->stored && !value->data->derived))
        return fail_value(v, value, "is a constant of %lld bytes, but its type has %lld",
                          (long long)value->data->size, (long long)type_bytes(type));
    return true;
}

static bool verify_declared(const Verifier *v, const Value *value) {
    const Type *type = value->declared;
    if (type_is_known(&value->type) || !value->def)
        return fail_value(v, value, "has a declared type that nobody needs");
    Type plain = type_make(type->dtype, 0, NULL);
    plain.rank = type->rank;
    for (int i = 0; i < type->rank; i++)
        plain.dim[i] = type->dim[i];
    bool ok = type_is_known(type) && type_is_static(type) && type_equal(&plain, type);
    for (int i = 0; ok && i < type->rank; i++)
        ok = type->dim[i].n >= 0 && !type->dim[i].count;
    return (ok && type_bytes(type) <= TYPE_BYTES_MAX) || fail_value(v, value, "has a declared type that cannot be");
}

static bool verify_values(const Verifier *v, const Graph *graph) {
    for (int i = 0; i < graph->values.n; i++) {
        const Value *value = graph->values.item[i];
        if (value->id != i || value->graph != graph || !value->name || !*value->name)
            return fail_graph(v, graph, "has a value with a wrong number, graph or name");
        if (!verify_type(v, value) || (value->data && !verify_constant(v, value)) ||
            (value->declared && !verify_declared(v, value)))
            return false;
    }
    return verify_names(v, graph);
}

static bool belongs(const Graph *graph, const Value *value) {
    return value && value->id >= 0 && value->id < graph->values.n && graph->values.item[value->id] == value;
}

// Marks inputs and constants as defined, by id.
static bool define_inputs(const Verifier *v, const Graph *graph, bool *defined) {
    for (int i = 0; i < graph->inputs.n; i++) {
        const Value *input = graph->inputs.item[i];
        if (!belongs(graph, input) || defined[input->id])
            return fail_graph(v, graph, "has an input that is none of its values, or the same one twice");
        if (input->def || input->data)
            return fail_value(v, input, "is an input, but also defined");
        defined[input->id] = true;
    }
    for (int i = 0; i < graph->values.n; i++)
        if (graph->values.item[i]->data)
            defined[i] = true;
    return true;
}

static bool verify_outputs(const Verifier *v, const Graph *graph, const bool *defined) {
    for (int i = 0; i < graph->outputs.n; i++) {
        const Value *output = graph->outputs.item[i];
        if (!belongs(graph, output))
            return fail_graph(v, graph, "has an output that is none of its values");
        if (!defined[output->id])
            return fail_value(v, output, "is an output, but not defined");
    }
    return true;
}

// Nodes.

static bool verify_operands(const Verifier *v, const Node *node, bool *defined) {
    for (int i = 0; i < node->nin; i++) {
        const Value *in = node->in[i];
        if (in && !belongs(node->graph, in))
            return fail_node(v, node, "reads a value of another graph, or none, as input %d", i);
        if (in && !defined[in->id])
            return fail_node(v, node, "reads '%s' before it is defined", in->name);
    }
    for (int i = 0; i < node->nout; i++) {
        const Value *out = node->out[i];
        if (!belongs(node->graph, out) || out->def != node)
            return fail_node(v, node, "and its output %d don't know each other", i);
        if (defined[out->id])
            return fail_value(v, out, "is defined twice");
        defined[out->id] = true;
    }
    return true;
}

static bool verify_arity(const Verifier *v, const Node *node) {
    const OpInfo *info = &op_info[node->op];
    if (node->nin < info->in_min || node->nin > node_most_inputs(node))
        return fail_node(v, node, "has %d inputs", node->nin);
    if (node->nout < info->out_min || node->nout > info->out_max)
        return fail_node(v, node, "has %d outputs", node->nout);
    int required = info->in_max == MANY ? node->nin : info->in_min;
    for (int i = 0; i < required; i++)
        if (!node->in[i])
            return fail_node(v, node, "lacks input %d", i);
    return true;
}

static bool verify_recipe(const Verifier *v, const Node *node) {
    for (int i = 0; (op_info[node->op].flags & RECIPE) && i < node->nin; i++) {
        if (!node->in[i])
            return fail_node(v, node, "lacks input %d", i);
        const Node *def = node->in[i]->def;
        if (!value_data(node->in[i]) && !(def && (op_info[def->op].flags & RECIPE)))
            return fail_node(v, node, "is a recipe for constants, but '%s' is none", node->in[i]->name);
    }
    return true;
}

static bool verify_kernel(const Verifier *v, const Node *node) {
    if (!node->attrs)
        return fail_node(v, node, "has no attributes");
    if (!kernel_name(node->kernel))
        return fail_node(v, node, "has kernel %d, which is none", node->kernel);
    if (!node->params != !kernel_params(node->kernel))
        return fail_node(v, node, "has parameters that are not those of kernel %s", kernel_name(node->kernel));
    return true;
}

static bool verify_graph(const Verifier *v, const Graph *graph, int depth);

static bool verify_inside(const Verifier *v, const Node *node, int index, int depth) {
    const Graph *body = node_body(node, index);
    bool wanted = index ? node->op == OP_If : (op_info[node->op].flags & HAS_BODY) != 0;
    int tested = node->op == OP_Loop;  // a Loop's body has the condition as its first output
    if (!body)
        return !wanted || fail_node(v, node, "has no body");
    bool fused = !index && node_fuses(node);
    if ((!wanted && !fused) || body->owner != node || body->module != v->module)
        return fail_node(v, node, "has a body that is not its own");
    if (depth == DEPTH_MAX)
        return fail_node(v, node, "lies more than %d bodies deep", DEPTH_MAX);
    int inputs = fused ? (int)max_i64(node->nin - FUSED_INPUTS, 0) + 1 : node->nin;
    if (body->inputs.n != inputs || body->outputs.n != node->nout + tested)
        return fail_node(v, node, "and its body differ in the number of inputs or outputs");
    return verify_counts(v, node) && verify_graph(v, body, depth + 1) && verify_body(v, node, body);
}

// Types by inference.

static bool types_are_known(const Node *node) {
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && !type_is_known(&node->in[i]->type))
            return false;
    for (int i = 0; i < node->nout; i++)
        if (!type_is_known(&node->out[i]->type))
            return false;
    return true;
}

static const char *shape_text(const Verifier *v, const Type *type) {
    Type plain = *type;
    plain.layout = (Layout){.block = 1};
    return type_text(v->arena, &plain);
}

// A type that depends on the elements of a value that is not constant yet, or on an open dimension, is not judged.
static bool verify_inference(const Verifier *v, const Node *node) {
    if (!types_are_known(node))
        return true;
    Diag silent = {0};
    Type *types = ARENA_ARRAY(v->arena, Type, node->nout);
    if (!infer_node(&(Infer){.arena = v->arena, .diag = &silent}, node, types)) {
        if (silent.last == E_DYNAMIC || silent.last == E_SYMBOL)
            return true;
        infer_node(&(Infer){.arena = v->arena, .diag = v->diag}, node, types);
        return false;
    }
    for (int i = 0; i < node->nout; i++) {
        const Type *is = &node->out[i]->type;
        if (is->dtype != types[i].dtype || !type_same_shape(is, &types[i]))
            return fail_value(v, node->out[i], "is %s, but %s makes %s", shape_text(v, is), op_info[node->op].name,
                              shape_text(v, &types[i]));
    }
    return true;
}

// Graphs.

static bool verify_node(const Verifier *v, const Node *node, bool *defined, int depth) {
    return verify_arity(v, node) && verify_operands(v, node, defined) && verify_recipe(v, node) &&
           verify_kernel(v, node) && verify_inside(v, node, 0, depth) && verify_inside(v, node, 1, depth) &&
           verify_inference(v, node);
}

static bool verify_nodes(const Verifier *v, const Graph *graph, bool *defined, int depth) {
    const Node *before = NULL;
    for (const Node *node = graph->first; node; before = node, node = node->next) {
        if (node->prev != before || node->graph != graph || node->op >= OP_COUNT)
            return fail_graph(v, graph, "has a broken list of nodes");
        if (!verify_node(v, node, defined, depth))
            return false;
    }
    return graph->last == before || fail_graph(v, graph, "has a broken list of nodes");
}

static bool verify_graph(const Verifier *v, const Graph *graph, int depth) {
    if (!verify_values(v, graph))
        return false;
    bool *defined = ARENA_ARRAY(v->arena, bool, graph->values.n);
    return define_inputs(v, graph, defined) && verify_nodes(v, graph, defined, depth) &&
           verify_outputs(v, graph, defined) && verify_places(v, graph);
}

static bool verify_graphs(const Verifier *v) {
    const GraphList *graphs = &v->module->graphs;
    if (!graphs->n)
        return diag_error(v->diag, NULL, E_VERIFY, "the module has no graph");
    for (int i = 0; i < graphs->n; i++) {
        const Graph *graph = graphs->item[i];
        for (int k = 0; k < i; k++)
            if (!strcmp(graph->name, graphs->item[k]->name))
                return fail_graph(v, graph, "is there twice");
        if (graph->module != v->module || graph->owner)
            return fail_graph(v, graph, "belongs elsewhere");
        if (!verify_graph(v, graph, 0) || !verify_memory(v, graph))
            return false;
    }
    return true;
}

static bool verify_open(const Verifier *v) {
    const Open *open = &v->module->open;
    if (open->symbol && (open->least < 1 || open->most < open->least || open->most > INT32_MAX))
        return diag_error(v->diag, NULL, E_VERIFY, "the open dimension '%s' has an impossible range",
                          open->symbol->name);
    return open_is_sound(v->module) ||
           diag_error(v->diag, NULL, E_VERIFY,
                      "the axes of the open dimension are not those of the inputs and outputs");
}

bool verify_module(const Module *module, Diag *diag) {
    Verifier v = {.module = module, .arena = arena_new(), .diag = diag};
    bool ok = module->workspace_bytes >= 0 && module->shard_bytes >= 0 && module->workspace_bytes <= TYPE_BYTES_MAX &&
              module->shard_bytes <= TYPE_BYTES_MAX;
    ok = ok ? verify_graphs(&v) && verify_open(&v)
            : diag_error(diag, NULL, E_VERIFY, "the workspace has an impossible size");
    arena_free(v.arena);
    return ok;
}
