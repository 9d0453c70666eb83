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
static Value *find_packed(const Recipes *recipes, OpKind op, Value *const *part, int n, const PackAttrs *attrs) {
    for (int i = 0; i < recipes->n; i++) {
        const Node *node = recipes->item[i];
        bool same = node->op == op && node->nin == n && attrs_equal(op_info[op].attrs, node->attrs, attrs);
        for (int k = 0; same && k < n; k++)
            same = node->in[k] == part[k];
        if (same)
            return node->out[0];
    }
    return NULL;
}

// What the weights are made of (matrix_parts).
static int parts_of(const Node *node, int index, Value *part[MATRIX_PARTS]) {
    if (node->op == OP_MatMul || node->op == OP_Gemm)
        return matrix_parts(node->in[index], matrix_is_transposed(node), part);
    part[0] = node->in[index];
    return 1;
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
    Value *part[MATRIX_PARTS];
    int n = parts_of(node, index, part);
    Value *packed = find_packed(recipes, op, part, n, wanted);
    if (!packed) {
        Node *recipe = node_new(node->graph, op, n, 1);
        *(PackAttrs *)recipe->attrs = *wanted;
        for (int i = 0; i < n; i++)
            recipe->in[i] = part[i];
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

static bool is_packed(const Node *node) {
    const Node *def = node->in[1]->def;
    return def && (op_info[def->op].flags & RECIPE);
}

bool pass_pack_weights(PassContext *ctx, Graph *graph) {
    Recipes recipes = {0};
    for (Node *node = graph->first; node; node = node->next)
        if (op_info[node->op].flags & RECIPE)
            LIST_PUSH(ctx->scratch, &recipes, node);
    for (Node *node = graph->first; node; node = node->next) {
        if (node->op == OP_Fire && !pass_pack_weights(ctx, node->body))
            return false;
        if (kernel_info[node->kernel].packing && !is_packed(node) && !pack(ctx, &recipes, node))
            return false;
    }
    return true;
}
