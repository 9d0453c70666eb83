// What the verifier finds in modules that no text can express: broken lists, values that don't know their node.
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
    static const Constant short_of_bytes = {"", 1};
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

void test_ir_verify(void) {
    static void (*const breaks[])(Parts *) = {
        break_link,   break_cycle,  break_last,    break_graph,  break_op,       break_order,        break_def,
        break_twice,  break_output, break_name,    break_id,     break_closed,   break_owner,        break_type,
        break_dtype,  break_dim,    break_block,   break_border, break_kernel,   break_params,       break_attrs,
        break_input,  break_base,   break_sizes,   break_graphs, break_constant, break_constant_def, break_undefined,
    };
    Arena *arena = arena_new();
    Diag diag = {0};
    CHECK(verify_module(parse_parts(arena).module, &diag));
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        Parts parts = parse_parts(arena);
        breaks[i](&parts);
        diag = (Diag){0};
        bool found = !verify_module(parts.module, &diag) && diag.last == E_VERIFY;
        unit_check(found, arena_printf(arena, "verify finds break %zu", i), __FILE__, __LINE__);
    }
    arena_free(arena);
}
