// Printing follows the grammar at the head of parse.c from top to bottom. What has its default value does not print:
// attributes, the generic kernel, values without a place, nodes without an origin.
#include "ir/print.h"

#include <string.h>

#include "ir/element.h"
#include "ir/print_parts.h"
#include "ir/text.h"
#include "support/checked.h"

enum { LIST_MAX = 16, SIDECAR_ALIGN = 64, SEEDS_TRIED = 100, RANDOM_MAX = 1 << 16 };

typedef struct Printer {
    Str *out;
    const char *sidecar;
    int64_t offset;  // of the next constant in the sidecar
    int depth;
} Printer;

static void print_indent(const Printer *p) {
    for (int i = 0; i < p->depth; i++)
        str_add(p->out, "  ");
}

static void print_value(Str *out, const Value *value) {
    if (!value) {
        str_add(out, "_");
        return;
    }
    str_add(out, "%");
    text_name(out, value->name);
}

static void print_values(Str *out, Value *const *values, int count) {
    for (int i = 0; i < count; i++) {
        str_add(out, i ? ", " : "");
        print_value(out, values[i]);
    }
}

static void print_type(Str *out, const Type *type) {
    str_add(out, type_text(out->arena, type));
}

static void print_place(Str *out, const Value *value) {
    switch (value->place.kind) {
    case PLACE_NONE:
        str_add(out, "at(_)");
        break;
    case PLACE_IN:
        str_add(out, "at(");
        print_value(out, value->place.base);
        str_printf(out, " + %lld)", (long long)value->place.offset);
        break;
    case PLACE_WORKSPACE:
        str_printf(out, "at(0x%llx)", (unsigned long long)value->place.offset);
        break;
    }
}

static void print_places(Str *out, Value *const *values, int count) {
    bool any = false;
    for (int i = 0; i < count; i++)
        any |= values[i]->place.kind != PLACE_NONE;
    for (int i = 0; any && i < count; i++) {
        str_add(out, i ? ", " : " ");
        print_place(out, values[i]);
    }
}

// Constants.

// A constant as it is, or if it is packed with a byte for each element.
typedef struct Wide {
    Value value;
    Constant data;
} Wide;

static const Value *widen(Arena *arena, const Value *constant, Wide *wide) {
    const Type *type = &constant->type;
    if (!type_is_packed(type) || !dtype_is_packed(type->dtype))
        return constant;
    wide->value = *constant;
    wide->data =
        (Constant){.stored = elements_wide(arena, type, constant_bytes(constant->data)), .size = type_count(type)};
    wide->value.data = &wide->data;
    wide->value.type.layout.kind = LAYOUT_ROW_MAJOR;
    return &wide->value;
}

static int64_t element_bytes(const Value *constant) {
    return dtype_info[constant->type.dtype].bits / 8;
}

static int64_t element_count(const Value *constant) {
    return constant->data->size / element_bytes(constant);
}

static bool all_same(const Value *constant) {
    const char *bytes = constant_bytes(constant->data);
    size_t size = (size_t)element_bytes(constant), all = (size_t)element_count(constant) * size;
    return !memcmp(bytes, bytes + size, all - size);
}

static bool counts_up(const Value *constant) {
    if (!dtype_is_int(constant->type.dtype))
        return false;
    for (int64_t i = 0; i < element_count(constant); i++)
        if (element_int(constant->type.dtype, constant_bytes(constant->data), i) != i)
            return false;
    return true;
}

void print_list(Str *out, const Value *packed) {
    Wide wide;
    const Value *constant = widen(out->arena, packed, &wide);
    str_add(out, "list(");
    for (int64_t i = 0; i < element_count(constant); i++) {
        str_add(out, i ? ", " : "");
        element_print(out, constant->type.dtype, constant_bytes(constant->data), i);
    }
    str_add(out, ")");
}

static bool comes_from(const Value *constant, int seed) {
    DType dtype = constant->type.dtype;
    char element[8];
    for (int64_t i = 0; i < element_count(constant); i++) {
        const char *bytes = (const char *)constant_bytes(constant->data) + i * element_bytes(constant);
        element_random(dtype, i, (uint64_t)seed, element);
        if (!element_equal(dtype, element, bytes, 0))
            return false;
    }
    return true;
}

// The seed of a test's `random(seed)`, so that it prints as it was written; -1 for other and for long constants.
static int seed_of(const Value *constant) {
    for (int seed = 0; seed < SEEDS_TRIED && element_count(constant) <= RANDOM_MAX; seed++)
        if (comes_from(constant, seed))
            return seed;
    return -1;
}

static bool in_sidecar(Arena *arena, const Value *packed) {
    Wide wide;
    const Value *constant = widen(arena, packed, &wide);
    return element_count(constant) > LIST_MAX && !all_same(constant) && !counts_up(constant) && seed_of(constant) < 0;
}

static void print_data(Printer *p, const Value *packed) {
    Wide wide;
    const Value *constant = widen(p->out->arena, packed, &wide);
    int64_t count = element_count(constant);
    if (count > 0 && all_same(constant)) {
        str_add(p->out, "fill(");
        element_print(p->out, constant->type.dtype, constant_bytes(constant->data), 0);
        str_add(p->out, ")");
    } else if (count > LIST_MAX && counts_up(constant)) {
        str_add(p->out, "iota");
    } else if (count > LIST_MAX && seed_of(constant) >= 0) {
        str_printf(p->out, "random(%d)", seed_of(constant));
    } else if (p->sidecar && in_sidecar(p->out->arena, constant)) {
        str_printf(p->out, "bytes(0x%llx of ", (unsigned long long)p->offset);
        text_quote(p->out, p->sidecar);
        str_add(p->out, ")");
        p->offset = align_up(p->offset + packed->data->size, SIDECAR_ALIGN);
    } else {
        print_list(p->out, constant);
    }
}

static void print_constant(Printer *p, const Value *constant) {
    print_indent(p);
    str_add(p->out, "const ");
    print_value(p->out, constant);
    str_add(p->out, ": ");
    print_type(p->out, &constant->type);
    str_add(p->out, " = ");
    print_data(p, constant);
    print_places(p->out, (Value *const *)&constant, 1);
    str_add(p->out, "\n");
}

// Nodes.

void print_attrs(Str *out, const Node *node) {
    const AttrTable *table = op_info[node->op].attrs;
    const char *before = " {";
    for (const AttrRow *row = table->rows; row->name; row++) {
        if (attr_is_default(table, row, node->attrs))
            continue;
        str_printf(out, "%s%s = ", before, row->name);
        str_add(out, attr_text(out->arena, row, node->attrs));
        before = ", ";
    }
    if (*before == ',')
        str_add(out, "}");
}

// Lists of counts print as 14x2, which reads better in a kernel's name than [14, 2].
static void print_param(Str *out, const AttrRow *row, const void *params) {
    str_printf(out, " %s=", row->name);
    const Ints *ints = (const void *)((const char *)params + row->offset);
    bool counts = row->kind == ATTR_INTS && ints->n > 1;
    for (int i = 0; counts && i < ints->n; i++)
        counts = ints->v[i] >= 0;
    if (!counts) {
        str_add(out, attr_text(out->arena, row, params));
        return;
    }
    for (int i = 0; i < ints->n; i++)
        str_printf(out, "%s%lld", i ? "x" : "", (long long)ints->v[i]);
}

void print_kernel(Str *out, const Node *node) {
    if (!node->kernel)
        return;
    const char *name = kernel_name(node->kernel);
    str_printf(out, " kernel(%s", name ? name : "?");
    const AttrTable *table = kernel_params(node->kernel);
    for (const AttrRow *row = table && node->params ? table->rows : NULL; row && row->name; row++)
        if (!attr_is_default(table, row, node->params))
            print_param(out, row, node->params);
    str_add(out, ")");
}

// A part whose operator is not the node's own says so behind its name.
static void print_loc(Str *out, const Node *node) {
    bool any = false;
    for (const Loc *loc = node->loc; loc; loc = loc->next) {
        if (!loc->node)
            continue;
        str_add(out, any ? ", " : " loc(");
        text_quote(out, loc->node);
        if (loc->op && !node->body && strcmp(loc->op, op_info[node->op].name)) {
            str_add(out, " ");
            text_name(out, loc->op);
        }
        any = true;
    }
    if (any)
        str_add(out, ")");
}

static void print_params(Str *out, const Graph *graph) {
    str_add(out, "(");
    for (int i = 0; i < graph->inputs.n; i++) {
        const Value *input = graph->inputs.item[i];
        str_add(out, i ? ", " : "");
        print_value(out, input);
        str_add(out, ": ");
        print_type(out, &input->type);
        print_places(out, (Value *const *)&input, 1);
    }
    str_add(out, ") -> (");
    print_values(out, graph->outputs.item, graph->outputs.n);
    str_add(out, ")");
}

static void print_block(Printer *p, const Graph *graph);

static void print_types(Str *out, const Node *node) {
    for (int i = 0; i < node->nout; i++) {
        str_add(out, i ? ", " : " : ");
        print_type(out, &node->out[i]->type);
        if (node->out[i]->declared)
            print_type(out, node->out[i]->declared);
    }
}

static void print_node_at(Printer *p, const Node *node) {
    Str *out = p->out;
    print_indent(p);
    print_values(out, node->out, node->nout);
    str_printf(out, " = %s(", op_info[node->op].name);
    print_values(out, node->in, node->nin);
    str_add(out, ")");
    print_attrs(out, node);
    print_types(out, node);
    print_kernel(out, node);
    print_places(out, node->out, node->nout);
    print_loc(out, node);
    for (int i = 0; i < 2; i++) {
        if (!node_body(node, i))
            continue;
        str_add(out, i ? " else" : " body");
        print_params(out, node_body(node, i));
        print_block(p, node_body(node, i));
    }
    str_add(out, "\n");
}

static void print_block(Printer *p, const Graph *graph) {
    str_add(p->out, " {\n");
    p->depth++;
    for (int i = 0; i < graph->values.n; i++)
        if (graph->values.item[i]->data)
            print_constant(p, graph->values.item[i]);
    for (const Node *node = graph->first; node; node = node->next)
        print_node_at(p, node);
    p->depth--;
    print_indent(p);
    str_add(p->out, "}");
}

void print_node(Str *out, const Node *node) {
    print_node_at(&(Printer){.out = out}, node);
}

static void print_graph(Printer *p, const Graph *graph) {
    str_add(p->out, "graph @");
    text_name(p->out, graph->name);
    print_params(p->out, graph);
    print_block(p, graph);
    str_add(p->out, "\n");
}

static void print_open(Str *out, const Open *open) {
    if (!open->symbol)
        return;
    str_add(out, " open ");
    text_quote(out, open->symbol->name);
    str_printf(out, " %lld %lld", (long long)open->least, (long long)open->most);
    if (open->block)
        str_printf(out, " block %lld", (long long)open->block);
    for (int i = 0; open->axis && i < open->count; i++)
        str_printf(out, "%s%d", i ? ", " : " [", open->axis[i]);
    str_add(out, open->axis ? open->count ? "]" : " []" : "");
}

static void print_labels(Str *out, const OutputLabels *labels) {
    for (; labels; labels = labels->next) {
        str_add(out, " labels ");
        text_quote(out, labels->output);
        for (int i = 0; i < labels->n; i++) {
            str_add(out, i ? ", " : " [");
            text_quote(out, labels->text[i]);
        }
        str_add(out, labels->n ? "]" : " []");
    }
}

void print_module(Str *out, const Module *module, const char *sidecar) {
    Printer p = {.out = out, .sidecar = sidecar};
    str_add(out, "module ");
    text_quote(out, module->name);
    print_open(out, &module->open);
    print_labels(out, module->labels);
    if (module->workspace_bytes)
        str_printf(out, " workspace 0x%llx", (unsigned long long)module->workspace_bytes);
    if (module->shard_bytes)
        str_printf(out, " shard 0x%llx", (unsigned long long)module->shard_bytes);
    str_add(out, "\n");
    for (int i = 0; i < module->graphs.n; i++)
        print_graph(&p, module->graphs.item[i]);
}

// The sidecar: the same walk as printing does, copying instead.

typedef struct Sidecar {
    Arena *arena;
    char *bytes;  // null while the size is found
    int64_t size;
} Sidecar;

static void sidecar_graph(Sidecar *sidecar, const Graph *graph) {
    for (int i = 0; i < graph->values.n; i++) {
        const Value *value = graph->values.item[i];
        if (!value->data || !in_sidecar(sidecar->arena, value))
            continue;
        if (sidecar->bytes)
            memcpy(sidecar->bytes + sidecar->size, constant_bytes(value->data), (size_t)value->data->size);
        sidecar->size = align_up(sidecar->size + value->data->size, SIDECAR_ALIGN);
    }
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; i < 2; i++)
            if (node_body(node, i))
                sidecar_graph(sidecar, node_body(node, i));
}

static void sidecar_module(Sidecar *sidecar, const Module *module) {
    sidecar->size = 0;
    for (int i = 0; i < module->graphs.n; i++)
        sidecar_graph(sidecar, module->graphs.item[i]);
}

const void *print_sidecar_bytes(Arena *arena, const Module *module, size_t *size) {
    Sidecar sidecar = {.arena = arena};
    sidecar_module(&sidecar, module);
    sidecar.bytes = arena_alloc(arena, (size_t)sidecar.size);
    sidecar_module(&sidecar, module);
    *size = (size_t)sidecar.size;
    return sidecar.bytes;
}
