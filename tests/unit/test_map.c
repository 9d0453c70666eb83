// What elementwise operators and sqz.Pack leave in memory: the rim and the lanes behind the last channel hold zeros.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/sqz.h"
#include "support/str.h"
#include "tests/unit/compiled.h"
#include "tests/unit/unit.h"

typedef struct Case {
    int64_t n, c, h, w;
    const char *layout;
} Case;

static const Case cases[] = {
    {1, 20, 3, 5, "nchw8c, border=1"}, {2, 3, 4, 4, "nchw16c"},       {1, 32, 2, 3, "nchw16c, border=2"},
    {2, 9, 5, 3, "nchw8c, border=1"},  {2, 3, 4, 5, "border=1"},      {1, 1, 1, 1, "nchw4c, border=1"},
    {3, 40, 30, 31, "nchw16c, border=1"}, {1, 16, 1, 7, "nchw16c"},
};

static float input_at(int64_t i) {
    return (float)(i % 97 - 48) / 16;
}

// Whether `stored` is the function of the input, at (n, block, y, x, lane) of the layout, rim included.
static bool storage_is_right(const Case *c, const Type *type, const float *stored, bool exponential) {
    int64_t block = type->layout.block, rim = type->layout.border, width = c->w + 2 * rim, height = c->h + 2 * rim;
    int64_t blocks = (c->c + block - 1) / block, at = 0;
    for (int64_t pair = 0; pair < c->n * blocks; pair++)
        for (int64_t y = -rim; y < height - rim; y++)
            for (int64_t x = -rim; x < width - rim; x++)
                for (int64_t lane = 0; lane < block; lane++, at++) {
                    int64_t channel = pair % blocks * block + lane;
                    bool inside = y >= 0 && y < c->h && x >= 0 && x < c->w && channel < c->c;
                    float in = input_at(((pair / blocks * c->c + channel) * c->h + y) * c->w + x);
                    float want = !inside ? 0 : exponential ? expf(in) : in;
                    if (fabsf(stored[at] - want) > 1e-6f * fabsf(want))
                        return false;
                }
    return true;
}

static bool run_in(const Compiled *compiled, const void *const *in, void *const *out, void *workspace, size_t size) {
    int (*call)(const sqz_call *);
    void *address = jit_address(compiled->jit, "_call");
    if (!address)
        return false;
    memcpy(&call, &address, sizeof call);
    sqz_call arguments = {.size = sizeof arguments, .inputs = in, .outputs = out, .workspace = workspace,
                          .workspace_size = size};
    return call(&arguments) == SQZ_OK;
}

static void check_case(const Case *c, char level, const char *cpu) {
    static const char *const passes[] = {"plan-memory", NULL};
    Arena *arena = arena_new();
    char *shape = arena_printf(arena, "f32<%dx%dx%dx%d", (int)c->n, (int)c->c, (int)c->h, (int)c->w);
    char *text = arena_printf(arena,
                              "graph @main(%%x: %s>) -> (%%y) {\n"
                              "  %%p = sqz.Pack(%%x) : %s, %s>\n"
                              "  %%e = Exp(%%p) : %s, %s>\n"
                              "  %%y = sqz.Unpack(%%e) : %s>\n"
                              "}\n",
                              shape, shape, c->layout, shape, c->layout, shape);
    Compiled compiled = compiled_make(text, level, passes, cpu);
    int64_t count = c->n * c->c * c->h * c->w;
    float *in = ARENA_ARRAY(arena, float, count), *out = ARENA_ARRAY(arena, float, count);
    for (int64_t i = 0; i < count; i++)
        in[i] = input_at(i);
    const void *inputs[1] = {in};
    void *outputs[1] = {out};
    size_t size = (size_t)compiled.module->workspace_bytes + 65536;
    unsigned char *workspace = arena_alloc(arena, size);
    memset(workspace, 0xA5, size);
    if (CHECK(compiled.jit != NULL) && CHECK(run_in(&compiled, inputs, outputs, workspace, size))) {
        const Graph *graph = compiled.module->graphs.item[0];
        const Value *packed = value_find(graph, "p"), *e = value_find(graph, "e");
        const void *packed_at = workspace + packed->place.offset, *e_at = workspace + e->place.offset;
        bool ok = storage_is_right(c, &packed->type, packed_at, false) && storage_is_right(c, &e->type, e_at, true);
        for (int64_t i = 0; i < count; i++)
            ok = ok && fabsf(out[i] - expf(in[i])) <= 1e-6f * expf(in[i]);
        if (!CHECK(ok))
            fprintf(stderr, "%s, %s> at -O%c\n", shape, c->layout, level);
    }
    compiled_free(&compiled);
    arena_free(arena);
}

void test_map(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_case(&cases[i], '0', NULL);
        check_case(&cases[i], '2', NULL);
        check_case(&cases[i], '2', "native");
    }
}
