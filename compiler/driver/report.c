// --memory-report: what a finished module keeps, and what it moves without computing.
#include <inttypes.h>

#include "codegen/kernel.h"
#include "driver/driver.h"
#include "support/checked.h"

// Whether a node only moves data. Views move nothing.
static bool is_copy(const Node *node) {
    if (node->kernel == KERNEL_view)
        return false;
    switch ((int)node->op) {
    case OP_Concat:
    case OP_DepthToSpace:
    case OP_Expand:
    case OP_Flatten:
    case OP_Gather:
    case OP_Identity:
    case OP_Pack:
    case OP_Pad:
    case OP_Reshape:
    case OP_Slice:
    case OP_SpaceToDepth:
    case OP_Split:
    case OP_Squeeze:
    case OP_Tile:
    case OP_Transpose:
    case OP_Unpack:
    case OP_Unsqueeze:
        return true;
    default:
        return false;
    }
}

static int64_t value_bytes(const Value *value) {
    return type_is_static(&value->type) ? type_bytes(&value->type) : 0;
}

static bool is_recipe(const Node *node) {
    return op_info[node->op].flags & RECIPE;
}

// Values that have bytes of their own in the workspace: neither inputs, outputs, constants nor slices of others.
static bool is_in_workspace(const Value *value) {
    return value->def && !is_recipe(value->def) && value->place.kind != PLACE_IN && !value_is_output(value);
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

// The largest sum of bytes that are alive at one node. A value lives from the first node that touches its storage to
// the last. `change` counts nodes and holds what begins (+) and ends (-) there.
static int64_t live_peak(Arena *arena, const Graph *graph) {
    int nodes = 0;
    for (const Node *node = graph->first; node; node = node->next)
        nodes++;
    int64_t *change = ARENA_ARRAY(arena, int64_t, nodes + 1);
    for (int i = 0; i < graph->values.n; i++) {
        const Value *value = graph->values.item[i];
        int at = 0, first = -1, last = -1;
        if (!is_in_workspace(value))
            continue;
        for (const Node *node = graph->first; node; node = node->next, at++)
            if (node_uses(node, value)) {
                first = first < 0 ? at : first;
                last = at;
            }
        if (first >= 0) {
            saturating_add(&change[first], value_bytes(value));
            change[last + 1] -= min_i64(value_bytes(value), INT64_MAX / 4);
        }
    }
    int64_t alive = 0, peak = 0;
    for (int i = 0; i < nodes; i++) {
        saturating_add(&alive, change[i]);
        peak = max_i64(peak, alive);
    }
    return peak;
}

// Constants that the code reads, and what recipes make of the others.
static int64_t weights_bytes(const Graph *graph) {
    int64_t bytes = 0;
    for (int i = 0; i < graph->values.n; i++) {
        const Value *value = graph->values.item[i];
        bool is_read = value_is_output(value);
        for (const Node *node = graph->first; node && !is_read; node = node->next)
            for (int k = 0; k < node->nin && !is_recipe(node); k++)
                is_read |= node->in[k] == value;
        if (is_read && (value->data || (value->def && is_recipe(value->def))))
            saturating_add(&bytes, value_bytes(value));
    }
    return bytes;
}

static int64_t report_copies(FILE *out, const Graph *graph, const char *within) {
    int64_t moved = 0;
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->body)
            saturating_add(&moved, report_copies(out, node->body, node->out[0]->name));
        if (!is_copy(node))
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

void memory_report(FILE *out, const Module *module) {
    const Graph *graph = module->graphs.item[0];
    Arena *arena = arena_new();
    int64_t moved = report_copies(out, graph, NULL);
    const struct {
        const char *what;
        int64_t bytes;
    } rows[] = {{"workspace", module->workspace_bytes},
                {"largest sum of live values", live_peak(arena, graph)},
                {"scratch of each shard", module->shard_bytes},
                {"weights", weights_bytes(graph)},
                {"moved by copies", moved}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fprintf(out, "%-27s %12" PRId64 " bytes\n", rows[i].what, rows[i].bytes);
    arena_free(arena);
}
