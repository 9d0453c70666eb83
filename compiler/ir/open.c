// The proof that samples do not meet. A value with dimension k * N holds N samples side by side along that axis, each k
// wide. A node keeps them apart where its outputs are the side by side of what it makes of each sample alone; if all
// nodes do, running the model N times for one sample gives the same. Most operators do so along every axis that is
// still there in the result (inference carries the symbol to where that axis is); ops.def says by a KEEPS rule which
// ones, and which need more. What has no rule is refused, so a new operator is never wrong, at worst not yet open.
//
// Shape arithmetic holds N itself ("counts"). It may lead to operands that inference reads as dimensions, and nowhere
// else: with one sample they come out as 1.
#include "ir/open.h"

#include <string.h>

#include "ir/einsum.h"
#include "ir/infer_check.h"
#include "support/checked.h"

int type_open_axis(const Type *type) {
    int axis = OPEN_NONE;
    for (int i = 0; i < type->rank; i++)
        if (type->dim[i].sym)
            axis = axis == OPEN_NONE ? i : OPEN_SEVERAL;
    return axis;
}

static int open_axis(const Value *value) {
    return value ? type_open_axis(&value->type) : OPEN_NONE;
}

static bool is_open(const Node *node, int input) {
    return open_axis(node_in(node, input)) >= 0;
}

// Whether inference reads this operand as dimensions, symbols and all.
static bool reads_dims(const Node *node, int input) {
    return node->op == OP_ConstantOfShape || node->op == OP_Random ||
           (input == 1 && (node->op == OP_Reshape || node->op == OP_Expand || node->op == OP_Tile)) ||
           (input == 3 && node->op == OP_Resize);
}

// ---- The rules: each gives the reason why it does not hold, or null.

static const char *const along_own = "the operator works along that axis";
static const char *const combined = "the result combines them";

static const char *keeps(const Node *node) {
    for (int i = 0; i < node->nout; i++)
        if (node->out[i] && open_axis(node->out[i]) < 0)
            return combined;
    return NULL;
}

// Indices of a MaxPool count through all samples; those of one sample alone, through that one. A MaxUnpool makes the
// same of both, if it makes images of the size of those that were pooled.
static bool undoes(const Node *unpool, const Node *pool) {
    const Type *x = &pool->in[0]->type, *y = &unpool->out[0]->type;
    if (unpool->op != OP_MaxUnpool || unpool->in[1] != pool->out[1] || unpool->in[0] == pool->out[1] ||
        x->rank != y->rank)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (!dim_equal(x->dim[i], y->dim[i]))
            return false;
    return true;
}

static bool indices_are_undone(const Node *pool) {
    if (value_is_output(pool->out[1]))
        return false;
    for (const Node *node = pool->graph->first; node; node = node->next)
        for (int i = 0; i < node->nin; i++)
            if (node->in[i] == pool->out[1] && !undoes(node, pool))
                return false;
    return true;
}

static const char *keeps_first(const Node *node) {
    for (int i = 0; i < node->nin + node->nout; i++)
        if (open_axis(i < node->nin ? node->in[i] : node->out[i - node->nin]) > 0)
            return "the operator keeps them apart along axis 0 only";
    if (node->op == OP_MaxPool && node->nout > 1 && node->out[1] && !indices_are_undone(node))
        return "the indices of its second output count through all of them";
    const Node *pool = node->op == OP_MaxUnpool ? node->in[1]->def : NULL;
    if (node->op == OP_MaxUnpool && !(pool && pool->op == OP_MaxPool && pool->nout > 1 && undoes(node, pool)))
        return "its indices may count through all of them";
    return keeps(node);
}

// The axis along which an operator works, by its attribute or its second input; -1: not known.
static int own_axis(Arena *arena, const Node *node, int rank) {
    int64_t axis = INT64_MAX;
    for (const AttrRow *row = op_info[node->op].attrs->rows; row->name; row++)
        if (!strcmp(row->name, "axis"))
            axis = *(const int64_t *)(const void *)((const char *)node->attrs + row->offset);
    Ints ints;
    if (axis == INT64_MAX && node_in(node, 1) && value_as_ints(node->in[1], arena, &ints) && ints.n == 1)
        axis = ints.v[0];
    axis += axis < 0 ? rank : 0;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}

static const char *keeps_other(Arena *arena, const Node *node) {
    for (int i = 0; i < node->nin; i++) {
        int axis = is_open(node, i) ? own_axis(arena, node, node->in[i]->type.rank) : OPEN_SEVERAL;
        if (axis == -1 || axis == open_axis(node->in[i]))
            return along_own;
    }
    return keeps(node);
}

static const char *keeps_all(Arena *arena, const Node *node) {
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && !is_open(node, i))
            return "not all of its inputs have one for each";
    return keeps_other(arena, node);
}

static const char *keeps_table(Arena *arena, const Node *node) {
    if (is_open(node, 0) &&
        (is_open(node, 1) || own_axis(arena, node, node->in[0]->type.rank) == open_axis(node->in[0])))
        return along_own;
    return keeps(node);
}

static const char *keeps_fill(const Node *node) {
    if (!is_open(node, 0))
        return NULL;
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    int from = type_open_axis(x), to = type_open_axis(y);
    bool same = to >= 0 && from - x->rank == to - y->rank && dim_equal(x->dim[from], y->dim[to]);
    return same ? NULL : "the operator repeats all of them";
}

static const char *keeps_batch(const Node *node) {
    const RnnAttrs *attrs = node->attrs;
    return open_axis(node->in[0]) == (attrs->layout ? 0 : 1) ? keeps(node) : along_own;
}

static const char *keeps_label(const Node *node) {
    Einsum einsum;
    int label = -1;
    if (einsum_read(node, &einsum))
        return combined;
    for (int i = 0; i < node->nin; i++) {
        int here = is_open(node, i) ? einsum.label[i][open_axis(node->in[i])] : label;
        if (label >= 0 && here != label)
            return combined;
        label = here;
    }
    return keeps(node);
}

// A tuple of indices points into as many axes of the data; those before are batches, which indices have too, those
// behind are slices.
static const char *keeps_points(const Node *node) {
    const Type *index = &node->in[1]->type;
    int data = open_axis(node->in[0]), axis = open_axis(node->in[1]);
    int64_t batch = node->op == OP_GatherND ? ((const BatchAttrs *)node->attrs)->batch_dims : 0;
    int64_t depth = index->dim[index->rank - 1].n;
    if (axis == index->rank - 1 || (data >= batch && data < batch + depth) || (node->op == OP_ScatterND && axis >= 0))
        return along_own;
    return keeps(node);
}

static const char *keeps_list(const Node *node) {
    return is_open(node, 0) ? "each may look up anything in its first input" : keeps(node);
}

static const char *keeps_turned(const Node *node) {
    const ReverseAttrs *attrs = node->attrs;
    return open_axis(node->in[0]) == attrs->time_axis ? along_own : keeps(node);
}

static const char *keeps_bytes(const Node *node) {
    const Type *type = &node->in[0]->type;
    int64_t bits = dtype_info[type->dtype].packed;
    for (int i = 0; i < type->rank; i++)
        bits = bits * (type->dim[i].n % 8) % 8;
    return bits ? "one may end within a byte" : keeps(node);
}

// Bodies are looked at by themselves. The axis that a Scan walks along is not theirs.
static const char *keeps_flow(Arena *arena, const Node *node) {
    Diag quiet = {0};
    Infer infer = {.arena = arena, .diag = &quiet};
    const ScanAttrs *attrs = node->attrs;
    for (int i = 0; node->op == OP_Scan && i < attrs->num_scan_inputs; i++) {
        ScanWalk walk;
        int axis = open_axis(node->in[attrs->states + i]);
        if (axis >= 0 && (!scan_walk(&infer, node, false, i, &walk) || walk.axis == axis))
            return along_own;
    }
    return NULL;
}

// A view in row-major order: the same blocks, as many of them.
static const char *keeps_view(const Node *node) {
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    int from = type_open_axis(x), to = type_open_axis(y);
    if (from < 0 || to < 0)
        return combined;
    return type_before(x, from) == type_before(y, to) ? NULL : "the result has other elements side by side";
}

static const char *rule_reason(Arena *arena, const Node *node) {
    unsigned flags = op_info[node->op].flags;
    if (flags & VIEW)
        return keeps_view(node);
    if (flags & FLOW)
        return keeps_flow(arena, node);
    if (flags & RANDOM)
        return "all of them would get the same numbers";
    switch (flags & KEEPS_MASK) {
    case KEEPS:
        return node->op == OP_Resize && ((const ResizeAttrs *)node->attrs)->coordinate == RESIZE_CROP ? along_own
                                                                                                      : keeps(node);
    case KEEPS_FIRST: return keeps_first(node);
    case KEEPS_OTHER: return keeps_other(arena, node);
    case KEEPS_ALL: return keeps_all(arena, node);
    case KEEPS_TABLE: return keeps_table(arena, node);
    case KEEPS_FILL: return keeps_fill(node);
    case KEEPS_BATCH: return keeps_batch(node);
    case KEEPS_LABEL: return keeps_label(node);
    case KEEPS_POINTS: return keeps_points(node);
    case KEEPS_LIST: return keeps_list(node);
    case KEEPS_TURNED: return keeps_turned(node);
    case KEEPS_BYTES: return keeps_bytes(node);
    default: return flags & ELEMENTWISE ? keeps(node) : "the operator is not known to keep them apart";
    }
}

// ---- All of a node

static bool any_open(Value *const *values, int count) {
    for (int i = 0; i < count; i++)
        if (open_axis(values[i]) >= 0)
            return true;
    return false;
}

static const char *several(Arena *arena, Value *const *values, int count) {
    for (int i = 0; i < count; i++)
        if (open_axis(values[i]) == OPEN_SEVERAL)
            return arena_printf(arena, "'%s' has it more than once: %s", values[i]->name,
                                type_text(arena, &values[i]->type));
    return NULL;
}

// Shape arithmetic: the result holds a number of samples too.
static const char *count_on(const Node *node, bool *counts) {
    for (int i = 0; i < node->nout; i++)
        if (node->out[i])
            counts[node->out[i]->id] = true;
    return NULL;
}

const char *open_reason(Arena *arena, const Node *node, bool *counts) {
    const char *reason = several(arena, node->in, node->nin);
    reason = reason ? reason : several(arena, node->out, node->nout);
    if (reason)
        return reason;
    bool in = any_open(node->in, node->nin), out = any_open(node->out, node->nout), number = false;
    for (int i = 0; i < (node_is_flow(node) ? flow_captures(node) : node->nin); i++)
        number |= node->in[i] && counts[node->in[i]->id] && !reads_dims(node, i);
    if (in && (node->op == OP_Shape || node->op == OP_Size))
        return count_on(node, counts);
    if (number && !in && !out && (op_info[node->op].flags & DIMS))
        return count_on(node, counts);
    if (number)
        return "the operator computes with their number";
    return in || out ? rule_reason(arena, node) : NULL;
}

int64_t open_bytes(const Module *module, const Type *type) {
    int64_t bytes;
    return checked_mul(type_bytes(type), max_i64(module->open.block, 1), &bytes) ? bytes : -1;
}

bool open_is_sound(const Module *module) {
    const Open *open = &module->open;
    const Graph *graph = module->graphs.item[0];
    if (!open->symbol || !open->axis)
        return !open->axis;
    if (open->count != graph->inputs.n + graph->outputs.n || open->block < 0 || open->block > open->most)
        return false;
    for (int i = 0; i < open->count; i++) {
        const Type *type = &graph_operand(graph, i)->type;
        int axis = open->axis[i];
        int64_t bytes = axis < 0 ? 0 : open->most;
        if (axis < -1 || (axis >= 0 && (axis >= type->rank || !type_is_static(type) || type_before(type, axis) != 1)) ||
            (axis >= 0 && (!checked_mul(bytes, type_bytes(type), &bytes) || bytes > TYPE_BYTES_MAX)))
            return false;
    }
    return true;
}
