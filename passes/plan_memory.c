// Gives every value that needs storage of its own a place in the workspace.
//
// A value is alive from the node that first writes it, or a slice of it, to the last one that reads it. Largest first,
// each value takes the lowest offset where it overlaps no placed value that is alive at the same time. Bodies take part
// as if they stood in the outer graph; what control flow hands over is alive throughout.
#include <stdlib.h>

#include "codegen/kernel.h"
#include "ir/open.h"
#include "passes/pass.h"
#include "support/checked.h"

enum { ALIGN = 64 };

typedef struct Interval {
    Value *value;
    int first, last;  // steps, both included
    int64_t size, offset;
} Interval;

typedef struct Plan {
    Arena *arena;
    Interval *item;
    int n, capacity, step;
    int64_t shard_bytes;
} Plan;

static bool needs_place(const Value *value) {
    if (value->data || (value->def && (op_info[value->def->op].flags & RECIPE)))
        return false;
    return value->graph->owner || (!value_is_input(value) && !value_is_output(value));
}

static void touch(Plan *plan, const Value *value) {
    int64_t offset;
    Value *root = place_root(value, &offset);
    if (!needs_place(root))
        return;
    int64_t at = root->place.offset;  // until it has one: which interval is its own
    if (at >= 0 && at < plan->n && plan->item[at].value == root) {
        plan->item[at].last = plan->step;
        return;
    }
    root->place.offset = plan->n;
    int64_t bytes = open_bytes(root->graph->module, &root->type);
    Interval interval = {.value = root, .first = plan->step, .last = plan->step,
                         .size = bytes < 0 || bytes > INT64_MAX - ALIGN ? -1 : align_up(bytes, ALIGN)};
    LIST_PUSH(plan->arena, plan, interval);
}

static void touch_all(Plan *plan, Value *const *values, int count) {
    for (int i = 0; i < count; i++)
        if (values[i])
            touch(plan, values[i]);
}

static void scan(Plan *plan, const Graph *graph, const Target *target);

// What a Loop or Scan reads and writes is alive from before its first turn to behind its last one; what lives within a
// turn may share storage there. The body's outputs are read when the turn is over.
static void scan_flow(Plan *plan, const Node *node, const Target *target) {
    for (int b = 0; b < 2; b++) {
        const Graph *body = node_body(node, b);
        for (int end = 0; body && end < 2; end++) {
            touch_all(plan, node->in, node->nin);
            if (node->op != OP_If)
                touch_all(plan, body->inputs.item, flow_captures(node));
            if (node->op != OP_If && end)
                touch_all(plan, body->outputs.item, body->outputs.n);
            if (node->op != OP_If || end)
                touch_all(plan, node->out, node->nout);
            plan->step++;
            if (!end)
                scan(plan, body, target);
        }
    }
}

static void scan(Plan *plan, const Graph *graph, const Target *target) {
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op == OP_Fire) {
            scan(plan, node->body, target);
            continue;
        }
        if (node_is_flow(node)) {
            scan_flow(plan, node, target);
            continue;
        }
        touch_all(plan, node->in, node->nin);
        touch_all(plan, node->out, node->nout);
        plan->step++;
        if (kernel_info[node->kernel].scratch)
            plan->shard_bytes = max_i64(plan->shard_bytes, kernel_info[node->kernel].scratch(node, target));
    }
}

static int larger_first(const void *a, const void *b) {
    const Interval *x = a, *y = b;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->first != y->first ? x->first - y->first : x->last - y->last;
}

// The lowest offset where the item meets none of those placed that are alive at the same time. `placed` is in the order
// of offsets.
static int64_t lowest_offset(Interval *const *placed, int count, const Interval *item) {
    int64_t offset = 0;
    for (int i = 0; i < count && placed[i]->offset < offset + item->size; i++)
        if (placed[i]->first <= item->last && item->first <= placed[i]->last)
            offset = max_i64(offset, placed[i]->offset + placed[i]->size);
    return offset;
}

static void keep_sorted(Interval **placed, int count, Interval *item) {
    int at = count;
    for (; at > 0 && placed[at - 1]->offset > item->offset; at--)
        placed[at] = placed[at - 1];
    placed[at] = item;
}

bool pass_plan_memory(PassContext *ctx) {
    Plan plan = {.arena = ctx->scratch};
    scan(&plan, ctx->module->graphs.item[0], ctx->target);
    if (plan.n)
        qsort(plan.item, (size_t)plan.n, sizeof *plan.item, larger_first);
    int64_t limit = ctx->target->pointer_bits == 32 ? INT32_MAX : INT64_MAX / 4;
    ctx->module->workspace_bytes = 0;
    Interval **placed = ARENA_ARRAY(ctx->scratch, Interval *, plan.n);
    for (int i = 0; i < plan.n; i++) {
        Interval *item = &plan.item[i];
        item->offset = lowest_offset(placed, i, item);
        if (item->size < 0 || item->offset > limit - item->size)
            return diag_error(ctx->diag, item->value->def ? item->value->def->loc : NULL, E_TOO_BIG,
                              "the workspace would be larger than the target can address");
        keep_sorted(placed, i, item);
        item->value->place = (Place){.kind = PLACE_WORKSPACE, .offset = item->offset};
        ctx->module->workspace_bytes = max_i64(ctx->module->workspace_bytes, item->offset + item->size);
    }
    ctx->module->shard_bytes = align_up(plan.shard_bytes, ALIGN);
    return true;
}
