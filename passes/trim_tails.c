// What lies behind the count of a value whose size is data (ir/infer_counted.c) is any number. Where that would matter
// it becomes 0 by a node sqz.Trim: in indices, which would else be out of range and fail the run, and in the model's
// outputs, so that a caller finds nothing arbitrary. Values that hold zeros there already are left alone: those of the
// operators that select, moved or not.
//
// The counts of outputs become outputs themselves, behind the model's own.
#include "ir/infer.h"
#include "passes/pass.h"

enum { OUTPUTS_MAX = 4096 };  // sqz_tensor.counted has room for so many

static Value *count_of(const Value *value) {
    int axis = type_counted_axis(&value->type);
    return axis < 0 ? NULL : value_find(value->graph, value->type.dim[axis].count->name);
}

// Whether zeros lie behind the count.
static bool has_zeros(const Value *value) {
    const Node *node = value->def;
    if (!node || !count_of(value))
        return false;
    switch ((int)node->op) {
    case OP_Trim: return !node_in(node, 2);
    case OP_Loop: return false;
    case OP_Identity:
    case OP_Cast:
    case OP_Transpose:
    case OP_Squeeze:
    case OP_Unsqueeze:
    case OP_Reshape:
    case OP_Flatten:
    case OP_Slice:
    case OP_Gather: return has_zeros(node->in[0]);
    default: return counted_output(node) >= 0;
    }
}

static Node *make_trim(Value *value) {
    Node *trim = node_new(value->graph, OP_Trim, 2, 1);
    trim->in[0] = value;
    trim->in[1] = count_of(value);
    trim->loc = value->def->loc;
    graph_insert_after(value->def, trim);
    return trim;
}

// The operand that holds indices which fail the run where they are out of range; -1: there is none.
static int index_operand(const Node *node) {
    switch ((int)node->op) {
    case OP_Gather:
    case OP_GatherND:
    case OP_GatherElements: return 1;
    case OP_RoiAlign: return 2;
    default: return -1;
    }
}

static void trim_indices(Node *node) {
    int index = index_operand(node);
    if (index < 0 || !count_of(node->in[index]) || has_zeros(node->in[index]))
        return;
    Value *whole = node->in[index];
    Node *trim = make_trim(whole);
    const char *name = arena_printf(node->graph->module->arena, "%s.trimmed", whole->name);
    node->in[index] = node_output(trim, 0, name, whole->type);
}

// The output's name goes to what is trimmed; its other users read what it was.
static void trim_output(Graph *graph, int index) {
    Value *value = graph->outputs.item[index];
    if (!count_of(value) || has_zeros(value))
        return;
    const char *name = value->name;
    Node *trim = make_trim(value);
    Value *trimmed = node_output(trim, 0, arena_printf(graph->module->arena, "%s.whole", name), value->type);
    value_rename(value, trimmed->name);
    value_rename(trimmed, name);
    graph->outputs.item[index] = trimmed;
}

static void add_count(Graph *graph, const Value *value) {
    Value *count = count_of(value);
    if (count && !value_is_output(count))
        LIST_PUSH(graph->module->arena, &graph->outputs, count);
}

bool pass_trim_tails(PassContext *ctx) {
    Graph *graph = ctx->module->graphs.item[0];
    for (Node *node = graph->first; node; node = node->next)
        trim_indices(node);
    int outputs = graph->outputs.n;
    for (int i = 0; i < outputs; i++)
        trim_output(graph, i);
    for (int i = 0; i < outputs; i++)
        add_count(graph, graph->outputs.item[i]);
    if (graph->outputs.n > outputs && graph->outputs.n > OUTPUTS_MAX)
        return diag_error(ctx->diag, NULL, E_LIMIT, "more than %d outputs, and some whose size depends on data",
                          OUTPUTS_MAX);
    return true;
}
