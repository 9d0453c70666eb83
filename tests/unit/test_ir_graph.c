// Building and changing graphs, sizes of types, signatures.
#include <string.h>

#include "ir/ir.h"
#include "ir/print.h"
#include "tests/unit/unit.h"

static const int64_t dims[] = {1, 3, 5, 5};

static Graph *graph_with_input(Arena *arena, Value **x) {
    Module *module = module_new(arena, "m");
    Graph *graph = graph_new(module, "main");
    LIST_PUSH(arena, &module->graphs, graph);
    *x = value_new(graph, "x", type_make(DT_F32, 4, dims));
    LIST_PUSH(arena, &graph->inputs, *x);
    return graph;
}

static Node *add_relu(Graph *graph, Value *x) {
    Node *node = node_new(graph, OP_Relu, 1, 1);
    node->in[0] = x;
    node_output(node, 0, "y", x->type);
    graph_append(graph, node);
    return node;
}

static void check_names(Arena *arena) {
    Value *x;
    Graph *graph = graph_with_input(arena, &x);
    Value *again = value_new(graph, "x", x->type), *nameless = value_new(graph, NULL, x->type);
    CHECK(strcmp(again->name, "x") && !strncmp(again->name, "x_", 2));
    CHECK_TEXT(nameless->name, "v");
    CHECK(value_find(graph, "x") == x && !value_find(graph, "q"));
    CHECK(module_symbol(graph->module, "N") == module_symbol(graph->module, "N"));
    CHECK(module_symbol(graph->module, "N") != module_symbol(graph->module, "M"));
}

// Names change, and values leave; what is looked for is what there is now.
static void check_many_names(Arena *arena) {
    Value *x;
    Graph *graph = graph_with_input(arena, &x);
    for (int i = 0; i < 5000; i++) {
        const Value *value = value_new(graph, i % 2 ? "same" : arena_printf(arena, "n%d", i), x->type);
        CHECK(value_find(graph, value->name) == value);
    }
    Value *other = value_find(graph, "n44"), *same = value_find(graph, "same");
    value_rename(other, "renamed");
    value_rename(same, "n44");
    CHECK(value_find(graph, "renamed") == other && value_find(graph, "n44") == same && !value_find(graph, "same"));
    graph_compact(graph);
    CHECK(graph->values.n == 1 && value_find(graph, "x") == x && !value_find(graph, "n44") &&
          !value_find(graph, "renamed"));
    CHECK_TEXT(value_new(graph, "n44", x->type)->name, "n44");
}

static void check_uses(Arena *arena) {
    Value *x;
    Graph *graph = graph_with_input(arena, &x);
    Node *a = add_relu(graph, x), *b = add_relu(graph, a->out[0]);
    LIST_PUSH(arena, &graph->outputs, b->out[0]);
    CHECK(value_is_input(x) && !value_is_output(x) && value_is_output(b->out[0]));
    CHECK(value_uses(x) == 1 && value_single_user(x) == a && value_single_user(a->out[0]) == b);
    CHECK(value_uses(b->out[0]) == 1 && !value_single_user(b->out[0]));
    Node *add = node_new(graph, OP_Add, 2, 1);
    add->in[0] = add->in[1] = a->out[0];
    node_output(add, 0, "sum", x->type);
    graph_insert_after(a, add);
    CHECK(graph->first == a && a->next == add && add->next == b && b->prev == add && graph->last == b);
    CHECK(value_uses(a->out[0]) == 3 && !value_single_user(a->out[0]));
    value_replace(a->out[0], x);
    CHECK(value_uses(a->out[0]) == 0 && add->in[1] == x && b->in[0] == x);
    value_replace(b->out[0], add->out[0]);
    CHECK(graph->outputs.item[0] == add->out[0]);
    node_remove(b);
    node_remove(a);
    CHECK(graph->first == add && graph->last == add && !add->prev && !add->next);
}

static void check_compact(Arena *arena) {
    Value *x;
    Graph *graph = graph_with_input(arena, &x);
    Value *unused = value_new(graph, "unused", x->type), *base = value_new(graph, "base", x->type);
    Node *a = add_relu(graph, x);
    a->out[0]->place = (Place){.kind = PLACE_IN, .base = base, .offset = 4};
    base->place = (Place){.kind = PLACE_IN, .base = x, .offset = 3};
    graph_compact(graph);
    CHECK(graph->values.n == 3 && !value_find(graph, "unused") && unused->name);
    for (int i = 0; i < graph->values.n; i++)
        CHECK(graph->values.item[i]->id == i);
    int64_t offset;
    CHECK(place_root(a->out[0], &offset) == x && offset == 7);
}

static void check_constants(Arena *arena) {
    Value *x;
    Graph *graph = graph_with_input(arena, &x);
    const int64_t numbers[] = {1, -2};
    Value *v = value_int64s(graph, "c", numbers, 2);
    Ints ints;
    double number;
    CHECK(value_as_ints(v, arena, &ints) && ints.n == 2 && ints.v[1] == -2);
    CHECK(!value_as_double(v, &number) && !value_as_ints(x, arena, &ints));
    static const char unaligned[] = {0, 0, 0, (char)0x80, (char)0xbf};
    Value *f = value_constant(graph, "f", type_make(DT_F32, 0, NULL), unaligned + 1);
    CHECK(value_as_double(f, &number) && number == -1 && f->data->size == 4);
}

static void check_locs(Arena *arena) {
    const Loc b = {.node = "b"}, a = {.node = "a", .next = (Loc *)(uintptr_t)&b}, again = {.node = "b"};
    const Loc *joined = loc_join(arena, &a, &again);
    CHECK(joined && joined != &a && joined->next && !joined->next->next);
    CHECK(!loc_join(arena, NULL, NULL) && loc_join(arena, NULL, &b));
}

static void check_types(Arena *arena) {
    Type plain = type_make(DT_F32, 4, dims), blocked = plain, wide = plain;
    CHECK(type_count(&plain) == 75 && type_storage(&plain) == 75 && type_bytes(&plain) == 300);
    blocked.layout = (Layout){.kind = LAYOUT_NCHWC, .block = 8, .border = 1};
    CHECK(type_storage(&blocked) == 7 * 7 * 8);
    wide.layout = (Layout){.block = 1, .pitch = 8};
    CHECK(type_storage(&wide) == 3 * 5 * 8 && !type_equal(&plain, &wide) && type_same_shape(&plain, &wide));
    Strides s = type_strides(&blocked);
    CHECK(s.pixel == 8 && s.row == 56 && s.channel == 392 && s.batch == 392 && s.origin == 64);
    Type same = blocked;
    same.layout.pitch = 7;  // what it is anyway
    CHECK(type_equal(&blocked, &same));
    CHECK_TEXT(type_text(arena, &blocked), "f32<1x3x5x5, nchw8c, border=1>");
    Type huge = type_make(DT_F64, 3, (const int64_t[]){INT64_MAX, INT64_MAX, 2});
    CHECK(type_count(&huge) == INT64_MAX && type_bytes(&huge) == INT64_MAX);
    Type empty = type_make(DT_F64, 3, (const int64_t[]){INT64_MAX, INT64_MAX, 0});
    CHECK(type_count(&empty) == 0 && type_bytes(&empty) == 0);
    Type open = plain;
    open.dim[0].sym = &(Symbol){.name = "N"};
    CHECK(!type_is_static(&open) && type_is_static(&plain) && !type_same_shape(&open, &plain));
}

static const char *signature(Arena *arena, const Node *node) {
    Str out = {.arena = arena};
    print_signature(&out, node);
    return out.text;
}

static void check_signatures(Arena *arena) {
    Value *x;
    Graph *graph = graph_with_input(arena, &x);
    Node *a = add_relu(graph, x), *b = add_relu(graph, a->out[0]);
    CHECK_TEXT(signature(arena, a), "Relu(%0: f32<1x3x5x5>) -> (%1: f32<1x3x5x5>)\n");
    b->out[0]->place = (Place){.kind = PLACE_WORKSPACE, .offset = 64};
    CHECK_TEXT(signature(arena, b), signature(arena, a));
    b->out[0]->type.layout.border = 1;
    CHECK(strcmp(signature(arena, b), signature(arena, a)) != 0);
    Node *twice = node_new(graph, OP_Add, 2, 1);
    twice->in[0] = twice->in[1] = x;
    node_output(twice, 0, "t", x->type);
    CHECK_TEXT(signature(arena, twice), "Add(%0: f32<1x3x5x5>, %0) -> (%1: f32<1x3x5x5>)\n");
    const int64_t numbers[] = {1, 2};
    Node *shaped = node_new(graph, OP_Reshape, 2, 1);
    shaped->in[0] = x;
    shaped->in[1] = value_int64s(graph, "s", numbers, 2);
    node_output(shaped, 0, "r", x->type);
    CHECK(strstr(signature(arena, shaped), "i64<2> const list(1, 2)"));
}

void test_ir_graph(void) {
    Arena *arena = arena_new();
    check_names(arena);
    check_many_names(arena);
    check_uses(arena);
    check_compact(arena);
    check_constants(arena);
    check_locs(arena);
    check_types(arena);
    check_signatures(arena);
    arena_free(arena);
}
