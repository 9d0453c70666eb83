// Leaves the graph of one sample. `--dim N=1..64` keeps a symbol in the types up to here. Each node must keep samples
// apart (ir/open.c), and in the model's inputs and outputs they must lie one after the other: then N runs of the graph
// for one sample, each with its part of every input and output, are a run for N. So the symbol becomes 1, Module.open
// remembers the axes, and what follows needs to know nothing of it but the code around the graph.
//
// With Module.open.block an object's second version runs a call's samples layer by layer: each value has room for so
// many, one behind the other.
#include "ir/open.h"
#include "passes/pass.h"

static bool fail_open(PassContext *ctx, const Loc *loc, const char *reason) {
    const char *name = ctx->module->open.symbol->name;
    return diag_error(ctx->diag, loc, E_OPEN,
                      "dimension '%s' cannot stay open: samples must not meet, but %s; bind it with "
                      "--dim %s=VALUE",
                      name, reason, name);
}

static bool check_nodes(PassContext *ctx, const Graph *graph, bool *counts);

// A body sees the number of samples where its node does, and hands none out.
static bool check_body(PassContext *ctx, const Node *node, const Graph *body, const bool *outer) {
    bool *counts = ARENA_ARRAY(ctx->scratch, bool, body->values.n);
    for (int i = 0; i < body->inputs.n; i++)
        counts[body->inputs.item[i]->id] = outer[node->in[i]->id];
    bool ok = check_nodes(ctx, body, counts);
    for (int i = 0; i < body->outputs.n; i++)
        if (counts[body->outputs.item[i]->id])
            ok = fail_open(ctx, node->loc, arena_printf(ctx->scratch, "'%s', which a body makes, holds their number",
                                                        body->outputs.item[i]->name));
    return ok;
}

static bool check_nodes(PassContext *ctx, const Graph *graph, bool *counts) {
    bool ok = true;
    for (const Node *node = graph->first; node; node = node->next) {
        const char *reason = open_reason(ctx->scratch, node, counts);
        ok = reason ? fail_open(ctx, node->loc, reason) : ok;
        for (int i = 0; i < 2 && node_is_flow(node); i++)
            if (node_body(node, i))
                ok = check_body(ctx, node, node_body(node, i), counts) && ok;
    }
    return ok;
}

static bool check_operand(PassContext *ctx, const Value *value, const bool *counts) {
    const Type *type = &value->type;
    int axis = type_open_axis(type);
    if (counts[value->id])
        return fail_open(ctx, NULL, arena_printf(ctx->scratch, "output '%s' holds their number", value->name));
    if (axis == OPEN_SEVERAL || (axis >= 0 && type_before(type, axis) != 1))
        return fail_open(ctx, NULL, arena_printf(ctx->scratch, "in '%s' they do not lie one after the other: %s",
                                                 value->name, type_text(ctx->scratch, type)));
    return true;
}

// To one sample.
static void bind(Graph *graph) {
    for (int i = 0; i < graph->values.n; i++)
        for (int k = 0; k < graph->values.item[i]->type.rank; k++)
            graph->values.item[i]->type.dim[k].sym = NULL;
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; i < 2; i++)
            if (node_body(node, i))
                bind(node_body(node, i));
}

bool pass_open_batch(PassContext *ctx) {
    Module *module = ctx->module;
    Open *open = &module->open;
    Graph *graph = module->graphs.item[0];
    if (!open->symbol || open->axis)
        return true;
    bool *counts = ARENA_ARRAY(ctx->scratch, bool, graph->values.n);
    bool ok = check_nodes(ctx, graph, counts);
    open->count = graph->inputs.n + graph->outputs.n;
    int *axis = ARENA_ARRAY(module->arena, int, open->count + 1);
    for (int i = 0; i < open->count; i++) {
        ok = check_operand(ctx, graph_operand(graph, i), counts) && ok;
        axis[i] = type_open_axis(&graph_operand(graph, i)->type);
    }
    if (!ok)
        return false;
    bind(graph);
    open->axis = axis;
    return open_is_sound(module) || diag_error(ctx->diag, NULL, E_TOO_BIG,
                                               "%lld samples are too many: an input or output "
                                               "would be larger than 2^40 bytes",
                                               (long long)open->most);
}
