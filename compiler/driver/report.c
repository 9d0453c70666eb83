// --memory-report: what a finished module keeps, what each chosen kernel costs in memory, and what is moved without
// computing.
#include <inttypes.h>

#include "codegen/kernel.h"
#include "driver/driver.h"
#include "ir/print_parts.h"
#include "support/checked.h"
#include "support/str.h"

static int64_t value_bytes(const Value *value) {
    return type_is_static(&value->type) ? type_bytes(&value->type) : 0;
}

static bool is_recipe(const Node *node) {
    return op_info[node->op].flags & RECIPE;
}

// Values that have bytes of their own in the workspace: neither inputs, outputs, constants nor slices of others.
static bool is_in_workspace(const Value *value) {
    return value->place.kind == PLACE_WORKSPACE;
}

static void saturating_add(int64_t *sum, int64_t more) {
    if (!checked_add(*sum, more, sum))
        *sum = INT64_MAX;
}

static bool node_uses(const Node *node, const Value *root) {
    int64_t offset;
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && place_root(node->in[i], &offset) == root)
            return true;
    for (int i = 0; i < node->nout; i++)
        if (place_root(node->out[i], &offset) == root)
            return true;
    return false;
}

// Nodes in the order in which they run and values that have bytes of their own: those inside a Fire as if they stood
// around it.
typedef struct Flat {
    Arena *arena;
    struct {
        const Node **item;
        int n, capacity;
    } nodes;
    struct {
        const Value **item;
        int n, capacity;
    } values;
} Flat;

static void flatten(Flat *flat, const Graph *graph) {
    for (int i = 0; i < graph->values.n; i++)
        if (is_in_workspace(graph->values.item[i]))
            LIST_PUSH(flat->arena, &flat->values, graph->values.item[i]);
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op != OP_Fire)
            LIST_PUSH(flat->arena, &flat->nodes, node);
        for (int i = 0; i < 2 && node->op != OP_Map; i++)
            if (node_body(node, i))
                flatten(flat, node_body(node, i));
        if (node_is_flow(node))  // what it reads is alive to its end
            LIST_PUSH(flat->arena, &flat->nodes, node);
    }
}

// The largest sum of bytes that are alive at one node. A value lives from the first node that touches its storage to
// the last. `change` counts nodes and holds what begins (+) and ends (-) there.
static int64_t live_peak(Arena *arena, const Graph *graph) {
    Flat flat = {.arena = arena};
    flatten(&flat, graph);
    int64_t *change = ARENA_ARRAY(arena, int64_t, flat.nodes.n + 1);
    for (int i = 0; i < flat.values.n; i++) {
        const Value *value = flat.values.item[i];
        int first = -1, last = -1;
        for (int at = 0; at < flat.nodes.n; at++)
            if (node_uses(flat.nodes.item[at], value)) {
                first = first < 0 ? at : first;
                last = at;
            }
        if (first >= 0) {
            saturating_add(&change[first], value_bytes(value));
            change[last + 1] -= min_i64(value_bytes(value), INT64_MAX / 4);
        }
    }
    int64_t alive = 0, peak = 0;
    for (int i = 0; i < flat.nodes.n; i++) {
        saturating_add(&alive, change[i]);
        peak = max_i64(peak, alive);
    }
    return peak;
}

static bool is_read(const Graph *graph, const Value *value) {
    for (const Node *node = graph->first; node; node = node->next)
        for (int k = 0; k < node->nin && !is_recipe(node) && node->op != OP_Fire; k++)
            if (node->in[k] == value)
                return true;
    return !graph->owner && value_is_output(value);
}

// Constants that the code reads, and what recipes make of the others.
static int64_t weights_bytes(const Graph *graph) {
    int64_t bytes = 0;
    for (int i = 0; i < graph->values.n; i++) {
        const Value *value = graph->values.item[i];
        if ((value_data(value) || (value->def && is_recipe(value->def))) && is_read(graph, value))
            saturating_add(&bytes, value_bytes(value));
    }
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; i < 2 && node->op != OP_Map; i++)
            if (node_body(node, i))
                saturating_add(&bytes, weights_bytes(node_body(node, i)));
    return bytes;
}

static int64_t report_copies(FILE *out, const Graph *graph, const char *within) {
    int64_t moved = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < 2; i++)
            if (node_body(node, i))
                saturating_add(&moved, report_copies(out, node_body(node, i), node->out[0]->name));
        if (!kernel_copies(node))
            continue;
        int64_t bytes = 0;
        for (int i = 0; i < node->nout; i++)
            saturating_add(&bytes, value_bytes(node->out[i]));
        fprintf(out, "  copy %12" PRId64 "  %s %s%s%s\n", bytes, op_info[node->op].name, node->out[0]->name,
                within ? " in " : "", within ? within : "");
        saturating_add(&moved, bytes);
    }
    return moved;
}

// What one choice, or all of them, cost beside plain row-major values and plain weights.
typedef struct Price {
    int64_t scratch;  // of each shard
    int64_t weights;  // as the kernel reads them
    int64_t more;     // of these, beyond the plain ones; negative never
    int64_t rims;     // of the results: zeros around images and lanes without a channel
} Price;

static Price price_of(const Node *node, const Target *target) {
    const KernelInfo *info = &kernel_info[node->kernel];
    Price price = {.scratch = info->scratch ? info->scratch(node, target) : 0};
    const Value *weights = node_in(node, 1);
    if (weights && weights->def && is_recipe(weights->def)) {
        price.weights = value_bytes(weights);
        price.more = max_i64(0, price.weights - value_bytes(weights->def->in[0]));
    }
    for (int i = 0; i < node->nout; i++) {
        const Type *type = &node->out[i]->type;
        if (type_is_static(type))
            price.rims += type_bytes(type) - type_count(type) * dtype_info[type->dtype].bits / 8;
    }
    return price;
}

static void report_choices(FILE *out, Arena *arena, const Graph *graph, const Target *target, Price *sum) {
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op == OP_Fire)
            report_choices(out, arena, node->body, target, sum);
        if (node->kernel == KERNEL_generic || node->kernel == KERNEL_view)
            continue;
        Price price = price_of(node, target);
        Str text = {.arena = arena};
        print_kernel(&text, node);
        fprintf(out, "  choice scratch %10" PRId64 " weights %10" PRId64 " +%-10" PRId64 " rims %9" PRId64 " %s %s\n",
                price.scratch, price.weights, price.more, price.rims, text.text, node->out[0]->name);
        saturating_add(&sum->more, price.more);
        saturating_add(&sum->rims, price.rims);
    }
}

void memory_report(FILE *out, const Module *module, const Target *target) {
    const Graph *graph = module->graphs.item[0];
    Arena *arena = arena_new();
    Price sum = {0};
    report_choices(out, arena, graph, target, &sum);
    int64_t moved = report_copies(out, graph, NULL);
    const struct {
        const char *what;
        int64_t bytes;
    } rows[] = {{"workspace", module->workspace_bytes},
                {"largest sum of live values", live_peak(arena, graph)},
                {"scratch of each shard", module->shard_bytes},
                {"weights", weights_bytes(graph)},
                {"moved by copies", moved},
                {"weights beyond plain ones", sum.more},
                {"rims and empty lanes", sum.rims}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fprintf(out, "%-27s %12" PRId64 " bytes\n", rows[i].what, rows[i].bytes);
    arena_free(arena);
}
