// Puts sqz.PackConv or sqz.PackMatrix between a kernel and its weights: a recipe that runs once, when the object is
// written, so that the kernel reads its weights from front to back. The kernel says how.
#include "codegen/kernel.h"
#include "ir/infer.h"
#include "passes/pass.h"

typedef struct Recipes {
    Node **item;  // of one graph
    int n, capacity;
} Recipes;

// A recipe that already packs the same weights in the same way, or null.
static Value *find_packed(const Recipes *recipes, OpKind op, const Value *weights, const PackAttrs *attrs) {
    for (int i = 0; i < recipes->n; i++) {
        const Node *node = recipes->item[i];
        if (node->op == op && node->in[0] == weights && attrs_equal(op_info[op].attrs, node->attrs, attrs))
            return node->out[0];
    }
    return NULL;
}

// Packed weights may no longer show the size of the kernel, so the attribute says it.
static void keep_kernel_shape(Node *node) {
    ConvAttrs *attrs = node->attrs;
    if (attrs->kernel_shape.n)
        return;
    Window window = node_window(node);
    attrs->kernel_shape = (Ints){window.n, ARENA_ARRAY(node->graph->module->arena, int64_t, window.n)};
    for (int i = 0; i < window.n; i++)
        attrs->kernel_shape.v[i] = window.kernel[i];
}

static bool pack_input(PassContext *ctx, Recipes *recipes, Node *node, int index, OpKind op, const PackAttrs *wanted) {
    Value *packed = find_packed(recipes, op, node->in[index], wanted);
    if (!packed) {
        Node *recipe = node_new(node->graph, op, 1, 1);
        *(PackAttrs *)recipe->attrs = *wanted;
        recipe->in[0] = node->in[index];
        recipe->loc = node->loc;
        Infer infer = {.arena = ctx->scratch, .diag = ctx->diag};
        Type type;
        if (!infer_node(&infer, recipe, &type))
            return false;
        graph_insert_before(node, recipe);
        LIST_PUSH(ctx->scratch, recipes, recipe);
        packed = node_output(recipe, 0, arena_printf(ctx->scratch, "%s.packed", node->in[index]->name), type);
    }
    node->in[index] = packed;
    return true;
}

static bool pack(PassContext *ctx, Recipes *recipes, Node *node) {
    PackAttrs wanted = {0};
    bool filters = node->op == OP_Conv || node->op == OP_ConvTranspose;
    OpKind op = filters ? OP_PackConv : OP_PackMatrix;
    if (filters)
        keep_kernel_shape(node);
    kernel_info[node->kernel].packing(node, &wanted);
    for (int i = 1; i <= kernel_packed_inputs(node); i++)
        if (!pack_input(ctx, recipes, node, i, op, &wanted))
            return false;
    return true;
}

bool pass_pack_weights(PassContext *ctx, Graph *graph) {
    Recipes recipes = {0};
    for (Node *node = graph->first; node; node = node->next)
        if (op_info[node->op].flags & RECIPE)
            LIST_PUSH(ctx->scratch, &recipes, node);
    for (Node *node = graph->first; node; node = node->next) {
        if (node->op == OP_Fire && !pass_pack_weights(ctx, node->body))
            return false;
        if (kernel_info[node->kernel].packing && value_data(node->in[1]) && !pack(ctx, &recipes, node))
            return false;
    }
    return true;
}
