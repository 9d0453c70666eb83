// Gives every value its type, in the order of the nodes. Exporters compute shapes with small graphs of Shape, Gather,
// Concat and the like; their elements are tracked as dimensions, and an output whose elements are all numbers becomes
// a constant, so that those graphs vanish. Where something else than those operators decides a shape (a float scale,
// a Where), but from constants only, that part is computed with the compiler's own code.
//
// All errors are reported, each at the node that causes it; nodes behind it are left alone. Dimensions that are still
// symbolic at the end are one error, which names all of them and the flags that bind them.
#include <stdlib.h>
#include <string.h>

#include "codegen/jit.h"
#include "ir/infer.h"
#include "ir/infer_check.h"
#include "passes/counts.h"
#include "passes/pass.h"
#include "passes/resolve_counts.h"
#include "support/str.h"

enum { COUNTED_MAX = 8, MAX_CONE = 256, MAX_CONE_ELEMENTS = 1 << 16 };

static bool type_is_known(const Value *value) {
    return !value || (value->type.rank >= 0 && value->type.dtype != DT_NONE);
}

static bool inputs_are_known(const Node *node) {
    for (int i = 0; i < node->nin; i++)
        if (!type_is_known(node->in[i]))
            return false;
    return true;
}

// What the model declares and is not so. Stale shapes are common, since tools that change a model leave them behind.
typedef struct Stale {
    const Value *first;
    const Type *declared;
    int n;
} Stale;

static bool compare_declared(PassContext *ctx, Value *value, const Type *type, Stale *stale) {
    const Type *declared = value->declared;
    value->declared = NULL;
    if (!declared)
        return true;
    if (declared->dtype != type->dtype)
        return diag_error(ctx->diag, value->def->loc, E_DTYPE, "the model declares '%s' as %s, but it is %s",
                          value->name, dtype_info[declared->dtype].name, dtype_info[type->dtype].name);
    if (!type_is_static(type) || type_counted_axis(type) >= 0 || type_same_shape(declared, type))
        return true;
    if (!stale->n++)
        *stale = (Stale){value, declared, 1};
    return true;
}

static void warn_stale(PassContext *ctx, const Stale *stale) {
    if (!stale->n)
        return;
    const Type plain = infer_like(&stale->first->type);
    const char *more = stale->n > 1 ? arena_printf(ctx->scratch, "; shapes declared wrongly: %d", stale->n) : "";
    diag_warn(ctx->diag, stale->first->def->loc, "the model declares '%s' as %s, but it is %s%s", stale->first->name,
              type_text(ctx->scratch, stale->declared), type_text(ctx->scratch, &plain), more);
}

// Layouts are not inference's: a value that keeps its shape keeps its layout.
static void set_types(Node *node, const Type *types) {
    for (int i = 0; i < node->nout; i++) {
        if (!node->out[i])
            continue;
        Type *type = &node->out[i]->type;
        Layout layout = type->layout;
        bool same = type->rank >= 0 && type_same_shape(type, &types[i]);
        *type = types[i];
        if (same)
            type->layout = layout;
    }
}

// Computing what depends on constants only.

typedef struct Cone {
    Node *node[MAX_CONE];
    int n;
} Cone;

static bool cone_has(const Cone *cone, const Node *node) {
    for (int i = 0; i < cone->n; i++)
        if (cone->node[i] == node)
            return true;
    return false;
}

static bool is_small(const Node *node) {
    for (int i = 0; i < node->nout; i++) {
        if (!node->out[i])
            return false;
        const Type *type = &node->out[i]->type;
        if (!type_is_known(node->out[i]) || !type_is_static(type) || type_count(type) > MAX_CONE_ELEMENTS)
            return false;
    }
    return true;
}

// Adds the nodes that `value` depends on, producers first.
static bool cone_add(Cone *cone, const Value *value, int depth) {
    if (!value || value->data)
        return true;
    Node *node = value->def;
    if (!node || node->body || (op_info[node->op].flags & RANDOM) || !is_small(node) || depth == MAX_CONE)
        return false;
    if (cone_has(cone, node))
        return true;
    for (int i = 0; i < node->nin; i++)
        if (!cone_add(cone, node->in[i], depth + 1))
            return false;
    if (cone->n == MAX_CONE)
        return false;
    cone->node[cone->n++] = node;
    return true;
}

// Makes the inputs that decide the shape constant where that is possible; true if any became one.
static bool fold_inputs(const Node *node, Arena *scratch, Diag *diag) {
    bool folded = false;
    for (int i = 0; i < node->nin && i < DECIDES_MAX; i++) {
        if (!(op_info[node->op].flags & DECIDES(i)))
            continue;
        Cone *cone = ARENA_NEW(scratch, Cone);
        if (cone_add(cone, node->in[i], 0) && cone->n)
            folded |= jit_fold(node->graph, cone->node, cone->n, NULL, NULL, diag);
    }
    return folded;
}

// One node.

// Whether the result of the node has the shape of the values in `like`: elementwise, all else being scalars.
static bool keeps_shape(const Node *node, const bool *like) {
    bool any = false;
    for (int i = 0; i < node->nin; i++) {
        const Value *in = node->in[i];
        if (in && !like[in->id] && !(type_is_known(in) && in->type.rank == 0))
            return false;
        any = any || (in && like[in->id]);
    }
    return any && (op_info[node->op].flags & ELEMENTWISE) && node->nout == 1 && node->out[0];
}

// What the model declares of a value, or of one behind it that has its shape.
static const Type *declared_shape(const Value *value, Arena *scratch) {
    bool *like = ARENA_ARRAY(scratch, bool, value->graph->values.n);
    like[value->id] = true;
    if (value->declared)
        return value->declared;
    for (const Node *node = value->def->next; node; node = node->next) {
        if (!keeps_shape(node, like))
            continue;
        like[node->out[0]->id] = true;
        if (node->out[0]->declared)
            return node->out[0]->declared;
    }
    return NULL;
}

// Gives the results of a declared node the types that the model declares; false if there is one that it doesn't.
static bool take_declared(const Node *node, Arena *scratch) {
    int first = flow_carried(node);
    for (int i = first; i < node->nout; i++)
        if (!node->out[i] || !declared_shape(node->out[i], scratch))
            return false;
    for (int i = first; i < node->nout; i++) {
        Value *value = node->out[i];
        value->type = *declared_shape(value, scratch);
        if (!value->declared)
            value->type.dtype = declared_dtype(node, i);
    }
    return true;
}

// Gives a node that selects by data the output that counts; false if it has it already, or is no such node.
static bool add_count(Node *node) {
    int index = counted_output(node), had = node->nout;
    if (index < had)
        return false;
    Value **out = ARENA_ARRAY(node->graph->module->arena, Value *, index + 1);
    for (int i = 0; i < had; i++)
        out[i] = node->out[i];
    node->out = out;
    node->nout = index + 1;
    const char *name = out[0]->name;
    for (int i = had; i <= index; i++)
        node_output(node, i, arena_printf(node->graph->module->arena, "%s.%s", name, i == index ? "count" : "unused"),
                    type_unknown());
    return true;
}

// Whether a turn always leaves the condition of a Loop true.
static bool stays_true(const Graph *body) {
    const Value *value = body->outputs.item[0];
    double number = 0;
    while (value->def && (value->def->op == OP_Identity || value->def->op == OP_Cast))
        value = value->def->in[0];
    return value == body->inputs.item[1] || (value_as_double(value, &number) && number != 0);
}

static bool is_true(const Value *value) {
    const Constant *data = value_data(value);
    return data && *(const unsigned char *)constant_bytes(data);
}

// Whether a Loop of the model's graph may end before its known trip count does, which decides how much there is of its
// scan outputs, unless the model declares that.
static bool may_stop(Infer *infer, const Node *node, Arena *scratch) {
    int carried = flow_carried(node);
    const DimTensor *trips = node->op == OP_Loop ? infer_known(infer, node->in[0]) : NULL;
    if (!trips || trips->n != 1 || trips->v[0].sym || trips->v[0].n == INT64_MAX || node->graph->owner ||
        carried >= node->nout || counted_output(node) >= 0 || node->body->outputs.n != node->nout + 1)
        return false;
    for (int i = carried; i < node->nout; i++)
        if (type_is_known(node->out[i]) || declared_shape(node->out[i], scratch))
            return false;
    return !is_true(node->in[1]) || !stays_true(node->body);
}

// Tries in silence first: a symbol is reported once at the end, and what is not constant yet may become so. *again is
// set where other nodes took the place of this one.
static bool infer_types(Infer *infer, Node *node, Type *types, Arena *scratch, bool *symbol, Node **again) {
    Diag quiet = {0}, *loud = infer->diag;
    infer->diag = &quiet;
    bool done = infer_node(infer, node, types);
    if (!done && quiet.last == E_DYNAMIC && fold_inputs(node, scratch, loud))
        done = infer_node(infer, node, types);
    if (!done && quiet.last == E_DYNAMIC && (add_count(node) || take_declared(node, scratch)))
        quiet.last = 0;
    if (!done && quiet.last == E_DYNAMIC)
        *again = resolve_counts(infer, node, true);
    infer->diag = loud;
    if (*again)
        return false;
    if (!done && quiet.last == E_SYMBOL && !node->graph->module->open.symbol) {
        *symbol = true;
        return false;
    }
    return done || infer_node(infer, node, types);
}

static bool all_numbers(const DimTensor *tensor) {
    for (int i = 0; i < tensor->n; i++)
        if (tensor->v[i].sym || tensor->v[i].count)
            return false;
    return true;
}

static const Constant *tensor_constant(Arena *arena, const DimTensor *tensor, DType dtype) {
    Constant *constant = ARENA_NEW(arena, Constant);
    void *bytes = arena_alloc(arena, (size_t)tensor->n * sizeof(int64_t));
    for (int i = 0; i < tensor->n; i++) {
        int32_t narrow = (int32_t)tensor->v[i].n;
        if (dtype == DT_I64)
            memcpy((int64_t *)bytes + i, &tensor->v[i].n, sizeof(int64_t));
        else if (dtype == DT_BOOL)
            ((unsigned char *)bytes)[i] = tensor->v[i].n != 0;
        else
            memcpy((int32_t *)bytes + i, &narrow, sizeof narrow);
    }
    *constant = (Constant){.stored = bytes, .size = tensor->n * dtype_info[dtype].bits / 8};
    return constant;
}

static void replace_in_nodes(Graph *graph, const Value *old, Value *new_) {
    for (Node *node = graph->first; node; node = node->next)
        for (int i = 0; i < node->nin; i++)
            if (node->in[i] == old)
                node->in[i] = new_;
}

// An output of the graph stays computed, so that there is code that writes it.
static void make_constant(Node *node, const DimTensor *tensor) {
    Value *value = node->out[0];
    Graph *graph = node->graph;
    const Constant *constant = tensor_constant(graph->module->arena, tensor, value->type.dtype);
    if (value_is_output(value)) {
        replace_in_nodes(graph, value, value_constant(graph, value->name, value->type, constant_bytes(constant)));
        return;
    }
    value->data = constant;
    node_remove(node);
}

static void set_known(Infer *infer, Arena *scratch, int id, DimTensor *tensor) {
    if (id >= infer->nknown) {  // values that came from an inlined branch
        int n = 2 * id + 64;
        DimTensor **known = ARENA_ARRAY(scratch, DimTensor *, n);
        for (int i = 0; i < infer->nknown; i++)
            known[i] = infer->known[i];
        infer->known = known;
        infer->nknown = n;
    }
    infer->known[id] = tensor;
}

// The scalar that a node makes, or takes, as the count of its result; null: there is none, or it is known already.
static const Value *own_count(Infer *infer, const Node *node) {
    int index = counted_output(node);
    if (node->op == OP_Trim && !((const TrimAttrs *)node->attrs)->whole)
        return infer_known(infer, node->in[1]) ? NULL : node->in[1];
    return index >= 0 && index < node->nout ? node->out[index] : NULL;
}

// A count is known by its name and its most. Arithmetic on it may need nodes, which come before this one: the first of
// these is returned.
static Node *track_counts(Infer *infer, Node *node, Arena *scratch) {
    Counts counts = {.graph = node->graph, .infer = infer, .where = node};
    const Value *count = own_count(infer, node);
    if (count) {
        DimTensor *number = ARENA_NEW(infer->arena, DimTensor);
        *number = (DimTensor){1, ARENA_NEW(infer->arena, Dim)};
        number->v[0] = counts_of(count);
        set_known(infer, scratch, count->id, number);
    }
    DimTensor *tensor = node->out[0] && !node->graph->owner ? counts_eval(&counts) : NULL;
    if (tensor && all_numbers(tensor))
        make_constant(node, tensor);
    else if (tensor)
        set_known(infer, scratch, node->out[0]->id, tensor);
    return counts.first;
}

static void track_dims(Infer *infer, Node *node, Arena *scratch) {
    DimTensor *tensor = node->out[0] ? infer_eval_dims(infer, node) : NULL;
    if (!tensor || type_counted_axis(&node->out[0]->type) >= 0)  // of no elements, which is not what the type says
        return;
    if (all_numbers(tensor))
        make_constant(node, tensor);
    else
        set_known(infer, scratch, node->out[0]->id, tensor);
}

// Control flow.

// The branch of an If that is always taken; null where that depends on the model's inputs.
static Graph *taken_branch(PassContext *ctx, const Node *node) {
    if (node->op != OP_If || !type_is_known(node->in[0]) || !type_is_static(&node->in[0]->type) ||
        node->in[0]->type.dtype != DT_BOOL || type_count(&node->in[0]->type) != 1)
        return NULL;
    fold_inputs(node, ctx->scratch, ctx->diag);
    const Constant *condition = value_data(node->in[0]);
    return !condition ? NULL : *(const unsigned char *)constant_bytes(condition) ? node->body : node->otherwise;
}

// What a body's input is: the same as outside, a slice of a Scan's input, the number of the iteration.
static Type inner_type(Infer *quiet, const Node *node, int index) {
    Type type = node->in[index]->type;
    type.layout = (Layout){.kind = LAYOUT_ROW_MAJOR, .block = 1};
    if (node->op == OP_Loop && index == 0)
        return type_make(DT_I64, 0, NULL);
    ScanWalk walk;
    int slice = node->op == OP_Scan ? index - (int)((const ScanAttrs *)node->attrs)->states : -1;
    if (slice < 0 || index >= flow_captures(node) || type.rank < 1 || !scan_walk(quiet, node, false, slice, &walk))
        return type;
    type.rank--;
    for (int i = walk.axis; i < type.rank; i++)
        type.dim[i] = type.dim[i + 1];
    type.dim[type.rank] = dim_const(0);
    return type;
}

// Gives the body's inputs their types; what the node's constants are, the body has as constants of its own.
static void enter_body(PassContext *ctx, const Node *node, Graph *body) {
    Diag silent = {0};
    Infer quiet = {.arena = ctx->scratch, .diag = &silent};
    for (int i = 0; i < body->inputs.n && i < node->nin; i++) {
        Value *input = body->inputs.item[i];
        input->type = inner_type(&quiet, node, i);
        const Constant *data = value_data(input);
        if (i >= flow_captures(node) && data && value_uses(input))
            value_replace(input, value_constant(body, input->name, input->type, constant_bytes(data)));
    }
}

// What is known of the values that a body sees as they are.
static void know_captures(Infer *infer, Infer *outer, const Graph *body) {
    const Node *node = body->owner;
    for (int i = flow_captures(node); i < node->nin && i < body->inputs.n; i++)
        infer->known[body->inputs.item[i]->id] = infer_known(outer, node->in[i]);
}

// `outer`: of the graph around a body; else null.
static bool infer_graph(PassContext *ctx, Graph *graph, Infer *outer, bool *symbol);

// A body that is inferred, its messages held back.
typedef struct Held {
    Diag diag;
    char *text;
    size_t size;
    bool complete;
} Held;

static void infer_held(PassContext *ctx, Graph *body, Infer *infer, bool *symbol, Held *held) {
    Diag *loud = ctx->diag;
    *held = (Held){.diag = {.file = loud->file}};
    held->diag.out = loud->out ? open_memstream(&held->text, &held->size) : NULL;
    ctx->diag = &held->diag;
    held->complete = infer_graph(ctx, body, infer, symbol);
    ctx->diag = loud;
    if (held->diag.out)
        fclose(held->diag.out);
    held->diag.out = NULL;
}

static void release(PassContext *ctx, Held *held, bool say) {
    if (say && held->text)
        fwrite(held->text, 1, held->size, ctx->diag->out);
    if (say && held->diag.errors)
        ctx->diag->last = held->diag.last;
    ctx->diag->errors += say ? held->diag.errors : 0;
    free(held->text);
}

static bool all_static(const Graph *body) {
    for (int i = 0; i < body->outputs.n; i++)
        if (!type_is_known(body->outputs.item[i]) || !type_is_static(&body->outputs.item[i]->type))
            return false;
    return true;
}

// The body becomes one that gives what the other does, of zeros, and makes the run fail.
static void refuse_branch(Graph *body, const Graph *other) {
    while (body->last)
        node_remove(body->last);
    for (int i = 0; i < body->outputs.n && i < other->outputs.n; i++) {
        const Type *type = &other->outputs.item[i]->type;
        int64_t dims[MAX_RANK];
        for (int k = 0; k < type->rank; k++)
            dims[k] = type->dim[k].n;
        Node *node = node_new(body, OP_Refuse, 1, 1);
        node->in[0] = value_int64s(body, "shape", dims, type->rank);
        ((FillAttrs *)node->attrs)->dtype = type->dtype;
        graph_append(body, node);
        body->outputs.item[i] = node_output(node, 0, body->outputs.item[i]->name, infer_like(type));
    }
}

// Branches of an If whose condition is data. One that can't have these shapes is never taken, or the model fails: it is
// refused as the model runs, if the other branch says what there would be.
static bool infer_branches(PassContext *ctx, const Node *node, Infer *infer, bool *symbol) {
    Held held[2];
    bool fits[2], complete = true;
    for (int i = 0; i < 2; i++) {
        enter_body(ctx, node, node_body(node, i));
        infer_held(ctx, node_body(node, i), infer, symbol, &held[i]);
        fits[i] = held[i].complete && !held[i].diag.errors && all_static(node_body(node, i));
    }
    for (int i = 0; i < 2; i++) {
        bool refused = fits[!i] && held[i].diag.errors && held[i].diag.last == E_SHAPE;
        release(ctx, &held[i], !refused);
        complete &= refused || held[i].complete;
        if (!refused)
            continue;
        refuse_branch(node_body(node, i), node_body(node, !i));
        diag_warn(ctx->diag, node->loc,
                  "the branch for a condition that is %s does not fit the shapes of its inputs: a run "
                  "that takes it returns SQZ_ERANGE",
                  i ? "false" : "true");
    }
    return complete;
}

static bool infer_bodies(PassContext *ctx, const Node *node, Infer *infer, bool *symbol) {
    bool complete = true;
    if (node->op == OP_If && node->body && node->otherwise)
        return infer_branches(ctx, node, infer, symbol);
    for (int i = 0; i < 2 && node_is_flow(node); i++)
        if (node_body(node, i)) {
            enter_body(ctx, node, node_body(node, i));
            complete &= infer_graph(ctx, node_body(node, i), infer, symbol);
        }
    return complete;
}

// Of a scan output that nobody reads, nobody needs to know the size.
static bool is_dead_flow(Node *node) {
    bool flow = node_is_flow(node) && node->body;
    if (flow)
        flow_drop_outputs(node);
    return flow && node->nout == 1 && !value_uses(node->out[0]);
}

static bool infer_graph(PassContext *ctx, Graph *graph, Infer *outer, bool *symbol) {
    Infer infer = {.arena = ctx->module->arena, .diag = ctx->diag, .nknown = graph->values.n};
    infer.known = ARENA_ARRAY(ctx->scratch, DimTensor *, infer.nknown);
    if (outer)
        know_captures(&infer, outer, graph);
    bool complete = true;
    Stale stale = {0};
    for (Node *node = graph->first, *next; node; node = next) {
        Graph *branch = taken_branch(ctx, node);
        next = branch ? node_inline(node, branch) : node->next;
        if (branch)
            continue;
        if (is_dead_flow(node)) {
            node_remove(node);
            continue;
        }
        Node *again = inputs_are_known(node) ? resolve_counts(&infer, node, false) : NULL;
        if (again) {
            next = again;
            continue;
        }
        if (inputs_are_known(node) && may_stop(&infer, node, ctx->scratch))
            flow_count_turns(node);
        Type *types = ARENA_ARRAY(ctx->scratch, Type, node->nout + COUNTED_MAX);
        if (!inputs_are_known(node) || !infer_bodies(ctx, node, &infer, symbol) ||
            !infer_types(&infer, node, types, ctx->scratch, symbol, &again)) {
            complete &= again != NULL;
            next = again ? again : next;
            continue;
        }
        for (int i = 0; i < node->nout; i++)
            complete &= compare_declared(ctx, node->out[i], &types[i], &stale);
        set_types(node, types);
        Node *first = track_counts(&infer, node, ctx->scratch);
        if (node->prev || node == graph->first)
            track_dims(&infer, node, ctx->scratch);
        next = first ? first : next;
    }
    warn_stale(ctx, &stale);
    return complete;
}

// What is left unknown.

typedef struct Symbols {
    const Symbol **item;
    int n, capacity;
} Symbols;

static void symbols_add(Arena *scratch, Symbols *symbols, const Symbol *symbol) {
    for (int i = 0; i < symbols->n; i++)
        if (symbols->item[i] == symbol)
            return;
    LIST_PUSH(scratch, symbols, symbol);
}

// Open dimensions are open-batch's.
static void symbols_of(Arena *scratch, Symbols *symbols, const Graph *graph) {
    for (int i = 0; i < graph->values.n; i++) {
        const Type *type = &graph->values.item[i]->type;
        for (int k = 0; k < type->rank; k++)
            if (type->dim[k].sym && type->dim[k].sym != graph->module->open.symbol)
                symbols_add(scratch, symbols, type->dim[k].sym);
    }
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; i < 2; i++)
            if (node_body(node, i))
                symbols_of(scratch, symbols, node_body(node, i));
}

static bool report_symbols(PassContext *ctx, const Symbols *symbols) {
    Str names = {.arena = ctx->scratch}, flags = {.arena = ctx->scratch};
    for (int i = 0; i < symbols->n; i++) {
        str_printf(&names, "%s'%s'", i ? ", " : "", symbols->item[i]->name);
        str_printf(&flags, " --dim %s=VALUE", symbols->item[i]->name);
    }
    return diag_error(ctx->diag, NULL, E_SYMBOL, "%s %s not known; bind with%s",
                      symbols->n > 1 ? "dimensions" : "dimension",
                      arena_printf(ctx->scratch, "%s %s", names.text, symbols->n > 1 ? "are" : "is"), flags.text);
}

static bool check_inputs(PassContext *ctx, const Graph *graph) {
    bool known = true;
    for (int i = 0; i < graph->inputs.n; i++) {
        const Value *value = graph->inputs.item[i];
        if (!type_is_known(value))
            known = diag_error(ctx->diag, NULL, E_SYMBOL, "the type of input '%s' is not known; give it with "
                               "--shape %s=AxBxC", value->name, value->name);
    }
    return known;
}

bool pass_infer_shapes(PassContext *ctx) {
    bool complete = true, symbol = false;
    Symbols symbols = {0};
    for (int i = 0; i < ctx->module->graphs.n; i++) {
        Graph *graph = ctx->module->graphs.item[i];
        complete &= check_inputs(ctx, graph);
        complete &= infer_graph(ctx, graph, NULL, &symbol);
        symbols_of(ctx->scratch, &symbols, graph);
    }
    if (symbols.n)
        return report_symbols(ctx, &symbols);
    if (symbol)
        return diag_error(ctx->diag, NULL, E_SYMBOL, "a dimension is not known");
    return complete;
}
