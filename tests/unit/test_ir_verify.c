// What the verifier finds in modules that no text can express: broken lists, values that don't know their node.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"
#include "ir/parse.h"
#include "ir/verify.h"
#include "tests/unit/unit.h"

static const char text[] =
    "graph @main(%x: f32<1x2x4x4>) -> (%y) {\n"
    "  const %one: f32<> = fill(1)\n"
    "  %a = Relu(%x) : f32<1x2x4x4>\n"
    "  %b = Add(%a, %one) : f32<1x2x4x4>\n"
    "  %y = sqz.Map(%b) : f32<1x2x4x4> body(%i: f32<1x2x4x4>) -> (%o) {\n"
    "    %o = Relu(%i) : f32<1x2x4x4>\n"
    "  }\n"
    "}\n";

typedef struct Parts {
    Module *module;
    Graph *graph;
    Node *a, *b, *y;
} Parts;

static Parts parse_parts(Arena *arena) {
    Diag diag = {0};
    Parts p = {.module = parse_module(arena, text, strlen(text), NULL, &diag)};
    p.graph = p.module->graphs.item[0];
    p.a = p.graph->first;
    p.b = p.a->next;
    p.y = p.b->next;
    return p;
}

static void break_link(Parts *p) {
    p->b->prev = NULL;
}

static void break_cycle(Parts *p) {
    p->y->next = p->a;
}

static void break_last(Parts *p) {
    p->graph->last = p->b;
}

static void break_graph(Parts *p) {
    p->b->graph = p->y->body;
}

static void break_op(Parts *p) {
    p->b->op = OP_COUNT;
}

static void break_order(Parts *p) {
    node_remove(p->a);
    graph_append(p->graph, p->a);
    p->a->out[0]->def = p->a;
}

static void break_def(Parts *p) {
    p->a->out[0]->def = p->b;
}

static void break_twice(Parts *p) {
    p->b->out[0] = p->a->out[0];
}

static void break_output(Parts *p) {
    p->a->out[0] = NULL;
}

static void break_name(Parts *p) {
    p->a->out[0]->name = "x";
}

static void break_id(Parts *p) {
    p->a->out[0]->id = 0;
}

static void break_closed(Parts *p) {
    p->y->body->first->in[0] = p->a->out[0];
}

static void break_owner(Parts *p) {
    p->y->body->owner = p->b;
}

static void break_type(Parts *p) {
    p->a->out[0]->type.rank = MAX_RANK + 1;
}

static void break_dtype(Parts *p) {
    p->a->out[0]->type.dtype = (DType)(DT_NONE + 1);
}

static void break_dim(Parts *p) {
    p->a->out[0]->type.dim[1].n = -1;
}

static void break_block(Parts *p) {
    p->a->out[0]->type.layout.block = 0;
}

static void break_border(Parts *p) {
    p->a->out[0]->type.layout.border = -1;
}

static void break_kernel(Parts *p) {
    p->a->kernel = -1;
}

static void break_params(Parts *p) {
    p->a->params = p->a;
}

static void break_attrs(Parts *p) {
    p->a->attrs = NULL;
}

static void break_constant(Parts *p) {
    static const Constant short_of_bytes = {.stored = "", .size = 1};
    value_find(p->graph, "one")->data = &short_of_bytes;
}

static void break_constant_def(Parts *p) {
    value_find(p->graph, "one")->def = p->a;
}

static void break_input(Parts *p) {
    p->graph->inputs.item[0]->def = p->a;
}

static void break_undefined(Parts *p) {
    p->graph->outputs.item[0] = value_new(p->graph, "nowhere", type_unknown());
}

static void break_base(Parts *p) {
    p->a->out[0]->place = (Place){.kind = PLACE_IN, .base = p->y->body->inputs.item[0]};
}

static void break_sizes(Parts *p) {
    p->module->workspace_bytes = -1;
}

static void break_graphs(Parts *p) {
    p->module->graphs.n = 0;
}

static void break_inputs(Parts *p) {
    LIST_PUSH(p->module->arena, &p->graph->inputs, p->graph->inputs.item[0]);
}

static void break_outputs(Parts *p) {
    p->graph->outputs.item[0] = p->y->body->first->out[0];
}

static void break_open_constant(Parts *p) {
    value_find(p->graph, "one")->type.dtype = DT_NONE;
}

static void break_module(Parts *p) {
    p->graph->owner = p->a;
}

static void break_nested(Parts *p) {
    p->y->body->module = NULL;
}

// What the verifier says of a module, in the arena; null where it finds nothing.
static const char *complaint(Arena *arena, const Module *module) {
    char *message = NULL;
    size_t size = 0;
    Diag diag = {.out = open_memstream(&message, &size)};
    bool ok = verify_module(module, &diag);
    fclose(diag.out);
    const char *copy = ok || diag.last != E_VERIFY ? NULL : arena_copy(arena, message, size);
    free(message);
    return copy;
}

void test_ir_verify(void) {
    static const struct {
        void (*apply)(Parts *);
        const char *said;
    } rows[] = {
        {break_link, "has a broken list of nodes"},
        {break_cycle, "has a broken list of nodes"},
        {break_last, "has a broken list of nodes"},
        {break_graph, "has a broken list of nodes"},
        {break_op, "has a broken list of nodes"},
        {break_order, "Add reads 'a' before it is defined"},
        {break_def, "Relu and its output 0 don't know each other"},
        {break_twice, "Add and its output 0 don't know each other"},
        {break_output, "Relu and its output 0 don't know each other"},
        {break_name, "'x' is the name of two values"},
        {break_id, "has a value with a wrong number, graph or name"},
        {break_closed, "Relu reads a value of another graph, or none, as input 0"},
        {break_owner, "sqz.Map has a body that is not its own"},
        {break_nested, "sqz.Map has a body that is not its own"},
        {break_type, "'a' has no valid type"},
        {break_dtype, "'a' has no valid type"},
        {break_dim, "'a' has a negative dimension"},
        {break_block, "'a' has blocks of 0 channels"},
        {break_border, "'a' has a negative border or pitch"},
        {break_kernel, "Relu has kernel -1, which is none"},
        {break_params, "Relu has parameters that are not those of kernel generic"},
        {break_attrs, "Relu has no attributes"},
        {break_constant, "'one' is a constant of 1 bytes, but its type has 4"},
        {break_constant_def, "'one' is a constant, but a node defines it"},
        {break_open_constant, "'one' is a constant without a static type"},
        {break_input, "'x' is an input, but also defined"},
        {break_inputs, "has an input that is none of its values, or the same one twice"},
        {break_undefined, "'nowhere' is an output, but not defined"},
        {break_outputs, "has an output that is none of its values"},
        {break_base, "'a' lies in a value of another graph"},
        {break_sizes, "the workspace has an impossible size"},
        {break_graphs, "the module has no graph"},
        {break_module, "graph 'main' belongs elsewhere"},
    };
    Arena *arena = arena_new();
    CHECK(!complaint(arena, parse_parts(arena).module));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Parts parts = parse_parts(arena);
        rows[i].apply(&parts);
        const char *said = complaint(arena, parts.module);
        if (!CHECK(said && strstr(said, rows[i].said)))
            CHECK_TEXT(said, rows[i].said);
    }
    arena_free(arena);
}
