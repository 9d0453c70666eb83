// Gives each node the kernel, with the parameters, that accepts it and is predicted to be the fastest; the operator's
// generic lowering stands in where none does. `--tune` measures instead: it asks for the options of each node and says
// which one to take.
#include "codegen/kernel.h"
#include "passes/choose.h"
#include "passes/pass.h"

// Options predicted to take so many times as long as the best one are not worth a trial, nor are more than so many.
static const double WORTH = 1.7;
enum { MOST_OPTIONS = 12 };

typedef struct Options {
    KernelOption *item;
    int n, capacity;
} Options;

static bool is_listed(const Options *options, int kernel, const void *params) {
    for (int i = 0; i < options->n; i++)
        if (options->item[i].kernel == kernel &&
            attrs_equal(kernel_info[kernel].params, options->item[i].params, params))
            return true;
    return false;
}

// How an option packs the weights; all zeros: not at all.
static PackAttrs packing_of(Node *node, const KernelOption *option) {
    PackAttrs attrs = {0};
    void *before = node->params;
    node->params = option->params;
    if (kernel_info[option->kernel].packing)
        kernel_info[option->kernel].packing(node, &attrs);
    node->params = before;
    return attrs;
}

// Whether an option of a kernel that is not LARGE has weights larger than the model's all the same: not at -Os.
static bool grows(Node *node, const KernelOption *option) {
    return packing_of(node, option).tile > 0;
}

static void list_choices(Options *options, Node *node, int kernel, const Target *target, const PassContext *ctx) {
    const KernelInfo *info = &kernel_info[kernel];
    void *before = node->params;
    for (int number = 0;; number++) {
        node->params = info->params ? attrs_new(info->params, ctx->module->arena) : NULL;
        if (info->choice ? !info->choice(node, target, number) : number > 0)
            break;
        if (!info->params || !is_listed(options, kernel, node->params)) {
            KernelOption option = {kernel, node->params, info->cost(node, target)};
            if (!ctx->small || !grows(node, &option))
                LIST_PUSH(ctx->scratch, options, option);
        }
    }
    node->params = before;
}

// By predicted time; of equals the one listed first.
static void sort_options(Options *options) {
    for (int i = 1; i < options->n; i++) {
        KernelOption option = options->item[i];
        int at = i;
        for (; at > 0 && options->item[at - 1].seconds > option.seconds; at--)
            options->item[at] = options->item[at - 1];
        options->item[at] = option;
    }
}

// Keeps what is worth a trial, the best one first.
static void keep_worthy(Options *options) {
    sort_options(options);
    int n = 0;
    while (n < options->n && n < MOST_OPTIONS && options->item[n].seconds <= WORTH * options->item[0].seconds)
        n++;
    options->n = n;
}

static int decide(Node *node, const Options *options, const PassContext *ctx) {
    Decisions *decisions = ctx->decisions;
    if (!decisions)
        return 0;
    int number = decisions->n, wanted = number < decisions->nwanted ? decisions->wanted[number] : 0;
    Decision decision = {node, options->n, wanted < options->n ? wanted : 0};
    LIST_PUSH(ctx->module->arena, decisions, decision);
    return decision.taken;
}

static Options list_options(Node *node, const Target *target, const PassContext *ctx) {
    Options options = {0};
    for (int k = KERNEL_generic + 1; k < KERNEL_COUNT; k++) {
        const KernelInfo *info = &kernel_info[k];
        bool allowed = kernel_is_allowed(k, node, ctx->strict, ctx->small, ctx->packing != NULL);
        if (info->accepts && allowed && info->accepts(node, target))
            list_choices(&options, node, k, target, ctx);
    }
    return options;
}

// Weights that the versions of an object share are there once: only options that pack them as the leading version does
// are left, if there are such.
static void keep_alike(Options *options, Node *node, const PassContext *ctx) {
    Options leading = list_options(node, ctx->packing, ctx);
    if (!leading.n)
        return;
    sort_options(&leading);
    PackAttrs wanted = packing_of(node, &leading.item[0]);
    int n = 0;
    for (int i = 0; i < options->n; i++) {
        PackAttrs attrs = packing_of(node, &options->item[i]);
        if (attrs_equal(&pack_attrs, &attrs, &wanted))
            options->item[n++] = options->item[i];
    }
    options->n = n ? n : options->n;
}

// What is worth a trial, the best one first.
static Options worthy_options(Node *node, const PassContext *ctx) {
    Options options = list_options(node, ctx->target, ctx);
    if (options.n && ctx->packing)
        keep_alike(&options, node, ctx);
    if (options.n)
        keep_worthy(&options);
    return options;
}

static void take(Node *node, const KernelOption *option) {
    node->kernel = option->kernel;
    node->params = option->params;
}

bool choose_kernel(const PassContext *ctx, Node *node, double *seconds) {
    Options options = worthy_options(node, ctx);
    if (!options.n)
        return false;
    take(node, &options.item[0]);
    *seconds = options.item[0].seconds;
    return true;
}

static void choose(Node *node, const PassContext *ctx) {
    Options options = worthy_options(node, ctx);
    if (options.n)
        take(node, &options.item[decide(node, &options, ctx)]);
}

static void choose_all(Graph *graph, const PassContext *ctx) {
    for (Node *node = graph->first; node; node = node->next) {
        if (node->op == OP_Fire)
            choose_all(node->body, ctx);
        else if (node->kernel == KERNEL_generic && !(op_info[node->op].flags & (RECIPE | FLOW)))
            choose(node, ctx);
    }
}

bool pass_choose_kernels(PassContext *ctx, Graph *graph) {
    choose_all(graph, ctx);
    return true;
}
