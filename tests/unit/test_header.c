// The header: names of inputs and outputs as C identifiers, what the interface hash covers, sizes.
#include <string.h>

#include "codegen/compile.h"
#include "tests/unit/unit.h"

static const int64_t dims[] = {2, 3};

static Module *model(Arena *arena, const char *const *names, int inputs, int outputs) {
    Module *module = module_new(arena, "m");
    Graph *graph = module->graphs.n ? module->graphs.item[0] : graph_new(module, "m");
    if (!module->graphs.n)
        LIST_PUSH(arena, &module->graphs, graph);
    for (int i = 0; i < inputs + outputs; i++) {
        Value *value = value_new(graph, names[i], type_make(DT_F32, 2, dims));
        LIST_PUSH(arena, i < inputs ? &graph->inputs : &graph->outputs, value);
    }
    return module;
}

static void check_names(Arena *arena) {
    static const char *const rows[][2] = {
        {"x", "x"},           {"input.1", "input_1"},  {"input_1", "input_1_2"}, {"INPUT_1", "INPUT_1_3"},
        {"0", "_0"},          {"float", "float_"},     {"class", "class_"},      {"workspace", "workspace_"},
        {"pool", "pool_"},    {"linux", "linux_"},     {"__x", "t__x"},          {"_X", "t_X"},
        {"a/b:c", "a_b_c"},   {"\xc3\xa9", "t__"},     {"", "v"},                {"NULL", "NULL_"},
        {"workspace_", "workspace__2"},
    };
    enum { COUNT = sizeof rows / sizeof *rows };
    const char *names[COUNT];
    for (int i = 0; i < COUNT; i++)
        names[i] = rows[i][0];
    Interface face = interface_of(model(arena, names, COUNT - 1, 1), "m", arena);
    CHECK(face.inputs == COUNT - 1 && face.outputs == 1);
    for (int i = 0; i < COUNT; i++)
        CHECK_TEXT(face.c_names[i], rows[i][1]);
}

static void check_long_name(Arena *arena) {
    char name[5000];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = 0;
    const char *names[] = {name, arena_printf(arena, "%sb", name)};
    Interface face = interface_of(model(arena, names, 1, 1), "m", arena);
    CHECK(strlen(face.c_names[0]) == 60);
    CHECK(strlen(face.c_names[1]) == 62);
}

static void check_sizes(Arena *arena) {
    const char *names[] = {"x", "y"};
    Module *module = model(arena, names, 1, 1);
    Interface face = interface_of(module, "m", arena);
    CHECK(face.workspace_bytes == 64 && face.shard_bytes == 0);  // never 0: a workspace may be an array
    module->workspace_bytes = 65;
    module->shard_bytes = 1;
    face = interface_of(module, "m", arena);
    CHECK(face.workspace_bytes == 192 && face.shard_bytes == 64);
}

static void check_hash(Arena *arena) {
    const char *names[] = {"x", "y"}, *other[] = {"x", "z"};
    Module *module = model(arena, names, 1, 1);
    uint64_t hash = interface_of(module, "m", arena).hash;
    CHECK(hash == interface_of(model(arena, names, 1, 1), "m", arena).hash);
    CHECK(hash != interface_of(module, "n", arena).hash);
    CHECK(hash != interface_of(model(arena, other, 1, 1), "m", arena).hash);
    CHECK(hash != interface_of(model(arena, names, 2, 0), "m", arena).hash);
    Value *x = module->graphs.item[0]->inputs.item[0];
    x->type.dtype = DT_I32;
    CHECK(hash != interface_of(module, "m", arena).hash);
    x->type = type_make(DT_F32, 2, (const int64_t[]){3, 2});
    CHECK(hash != interface_of(module, "m", arena).hash);
    x->type = type_make(DT_F32, 2, dims);
    CHECK(hash == interface_of(module, "m", arena).hash);
    module->shard_bytes = 64;
    CHECK(hash != interface_of(module, "m", arena).hash);
}

static void check_text(Arena *arena) {
    const char *names[] = {"in put*/", "y"};
    Str text = {.arena = arena};
    header_text(&text, model(arena, names, 1, 1), "my_net");
    CHECK(strstr(text.text, "in put\\x2a/") != NULL);  // does not end the comment
    CHECK(strstr(text.text, "#define MY_NET_IN_PUT___COUNT 6\n") != NULL);
    CHECK(strstr(text.text, "#define MY_NET_Y_SHAPE {2, 3}\n") != NULL);
    CHECK(strstr(text.text, "#define MY_NET_Y_BYTES 24\n") != NULL);
    CHECK(strstr(text.text, "int my_net_run(const float *in_put__, float *y, void *workspace);") != NULL);
    CHECK(strstr(text.text, "#define MY_NET_WORKSPACE_SIZE 64\n") != NULL);
}

void test_header(void) {
    Arena *arena = arena_new();
    check_names(arena);
    check_long_name(arena);
    check_sizes(arena);
    check_hash(arena);
    check_text(arena);
    arena_free(arena);
}
