// The text form of the IR, as print.c writes it and a person may.
//
//   module    = ["module" string [open] labels... ["workspace" int] ["shard" int]] graph...
//   open      = "open" string int int ["block" int] ["[" int "," ... "]"]
//                                                 a dimension, its least and most; of each input and output its axis
//   labels    = "labels" string "[" string "," ... "]"   an output, and what its numbers stand for
//   graph     = "graph" "@"name signature block
//   signature = "(" [value ":" type [places]] "," ... ")" "->" "(" value "," ... ")"
//   block     = "{" (constant | node)... "}"
//   constant  = "const" value ":" type "=" data [places]
//   data      = "list" "(" element "," ... ")"      every element, row-major; a float may be 0x and its bits
//             | "fill" "(" element ")"              the same element everywhere
//             | "iota"                              0, 1, 2, ...
//             | "random" "(" int ")"                from a seed: floats in [-1, 1), integers of 4 bits (parse_data.c)
//             | "bytes" "(" int "of" string ")"     from this offset of a file beside the text
//   node      = value "," ... "=" operator "(" operand "," ... ")" [attributes] ":" type "," ...
//               [kernel] [places] [loc] ["body" signature block ["else" signature block]]
//   operand   = value | "_"                         an optional input left out
//   value     = "%"name
//   name      = letters, digits and _ . / - $, or a string
//   string    = "..." with \ and two hexadecimal digits for any byte but 0
//   attributes = "{" word "=" attribute "," ... "}"
//   attribute = int | float | string | word | "[" int "," ... "]" | true | false
//   float     = as in C, nan, inf; rounded to 32 bits unless a d follows: 0.1d
//   kernel    = "kernel" "(" word (word "=" (attribute | int "x" int ...))... ")"
//   places    = place "," ...                       one for each value; inputs and constants have one at most
//   place     = "at" "(" (int | value "+" int | "_") ")"   bytes of the workspace; elements of a value; nowhere
//   loc       = "loc" "(" string [name] "," ... ")" ONNX nodes, and their operator where it is another
//               a node's result whose type is not known may have the model's behind it: ?f32<2x3>
//   type      = "?" | (word | "?") "<" dims ("," layout)... ">"
//   dims      = "?" | [dim "x" ...]
//   dim       = int | [int "*"] symbol | "<=" int ":" symbol     the last: at most int, as the value of that name says
//   symbol    = letters, digits and _ without x | string
//   layout    = "nchw"int"c" | "packed" | "border="int | "pitch="int
//
// `//` begins a comment. A value is defined before it is used, except as the base of a place. The text is untrusted:
// whatever it says is checked here or by verify.c, and no rule recurses but bodies, whose depth is bounded.
#include "ir/parse.h"

#include <ctype.h>
#include <string.h>

#include "ir/parse_parts.h"
#include "ir/text.h"

enum { DEPTH_MAX = 16, GRAPHS_MAX = 1024 };

// A place whose base may be defined further down.
typedef struct Fixup {
    Value *value;
    const char *base;
    int line;
} Fixup;

typedef struct FixupList {
    Fixup *item;
    int n, capacity;
} FixupList;

// The names of one graph. A hash table, since a text may have as many as it likes.
typedef struct Scope {
    Graph *graph;
    Value **slot;
    size_t slots;  // a power of two, more than twice the values
    FixupList fixups;
} Scope;

static size_t hash_name(const char *name) {
    size_t hash = 0xcbf29ce484222325;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
    return hash;
}

static Value **scope_slot(const Scope *scope, const char *name) {
    size_t i = hash_name(name) & (scope->slots - 1);
    while (scope->slot[i] && strcmp(scope->slot[i]->name, name))
        i = (i + 1) & (scope->slots - 1);
    return &scope->slot[i];
}

static void scope_grow(Parser *p, Scope *scope) {
    scope->slots = scope->slots ? 2 * scope->slots : 64;
    scope->slot = ARENA_ARRAY(p->lex.arena, Value *, scope->slots);
    for (int i = 0; i < scope->graph->values.n; i++)
        *scope_slot(scope, scope->graph->values.item[i]->name) = scope->graph->values.item[i];
}

static bool parse_name(Parser *p, const char **name) {
    return lex_expect(&p->lex, "%") && lex_name(&p->lex, name);
}

static bool define(Parser *p, Scope *scope, const char *name, Type type, Value **value) {
    if (2 * (size_t)scope->graph->values.n >= scope->slots)
        scope_grow(p, scope);
    Value **slot = scope_slot(scope, name);
    if (*slot)
        return lex_error(&p->lex, E_PARSE, "%%%s is defined twice", name);
    *value = *slot = value_append(scope->graph, name, type);
    return true;
}

static bool find(Parser *p, const Scope *scope, const char *name, Value **value) {
    *value = scope->slots ? *scope_slot(scope, name) : NULL;
    return *value || lex_error(&p->lex, E_PARSE, "%%%s is not defined", name);
}

// Places.

static bool parse_place(Parser *p, Scope *scope, Value *value) {
    Lexer *lex = &p->lex;
    if (!lex_expect(lex, "("))
        return false;
    if (lex_accept_word(lex, "_"))
        return lex_expect(lex, ")");
    value->place.kind = PLACE_WORKSPACE;
    if (*lex->at == '%') {
        Fixup fixup = {.value = value, .line = lex->line};
        if (!parse_name(p, &fixup.base) || !lex_expect(lex, "+"))
            return false;
        value->place.kind = PLACE_IN;
        LIST_PUSH(lex->arena, &scope->fixups, fixup);
    }
    return lex_count(lex, &value->place.offset) && lex_expect(lex, ")");
}

// One place for each value that is there, or none at all.
static bool parse_places(Parser *p, Scope *scope, Value *const *values, int count) {
    if (!lex_accept_word(&p->lex, "at"))
        return true;
    for (int i = 0; i < count; i++) {
        if (i && !(lex_accept(&p->lex, ",") && lex_accept_word(&p->lex, "at")))
            return lex_error(&p->lex, E_PARSE, "expected a place for each output");
        if (!parse_place(p, scope, values[i]))
            return false;
    }
    return true;
}

static bool resolve_places(Parser *p, Scope *scope) {
    for (int i = 0; i < scope->fixups.n; i++) {
        const Fixup *fixup = &scope->fixups.item[i];
        p->lex.line = fixup->line;
        if (!find(p, scope, fixup->base, &fixup->value->place.base))
            return false;
    }
    return true;
}

// Attributes and kernels.

static bool parse_value_of(Parser *p, const AttrRow *row, const char *text, void *attrs) {
    const char *end = attr_parse(p->lex.arena, row, text, attrs);
    if (!end)
        return lex_error(&p->lex, E_ATTRIBUTE, "the value of '%s' cannot be read", row->name);
    lex_advance(&p->lex, end);
    return true;
}

static bool parse_attrs(Parser *p, const Node *node) {
    Lexer *lex = &p->lex;
    const OpInfo *info = &op_info[node->op];
    if (!lex_accept(lex, "{") || lex_accept(lex, "}"))
        return true;
    do {
        const char *name;
        if (!lex_word(lex, &name))
            return false;
        const AttrRow *row = attrs_find(info->attrs, name);
        if (!row)
            return lex_error(lex, E_ATTRIBUTE, "%s has no attribute '%s'", info->name, name);
        if (!lex_expect(lex, "="))
            return false;
        lex_skip(lex);
        if (!parse_value_of(p, row, lex->at, node->attrs))
            return false;
    } while (lex_accept(lex, ","));
    return lex_expect(lex, "}");
}

// `14x2`, or as an attribute.
static bool parse_param(Parser *p, const AttrRow *row, void *params) {
    Lexer *lex = &p->lex;
    lex_skip(lex);
    if (row->kind != ATTR_INTS || !isdigit((unsigned char)*lex->at))
        return parse_value_of(p, row, lex->at, params);
    Ints *ints = (void *)((char *)params + row->offset);
    int capacity = 0;
    *ints = (Ints){0};
    do {
        char *digits = arena_copy(lex->arena, lex->at, strspn(lex->at, "0123456789"));
        ints->v = arena_grow(lex->arena, ints->v, ints->n, &capacity, sizeof *ints->v);
        if (!text_read_int(digits, &ints->v[ints->n++]))
            return lex_error(lex, E_ATTRIBUTE, "the value of '%s' cannot be read", row->name);
        lex->at += strlen(digits);
    } while (*lex->at == 'x' && lex->at++);
    return true;
}

static bool parse_kernel(Parser *p, Node *node) {
    Lexer *lex = &p->lex;
    const char *name;
    if (!lex_accept_word(lex, "kernel"))
        return true;
    if (!lex_expect(lex, "(") || !lex_word(lex, &name))
        return false;
    node->kernel = kernel_by_name(name);
    if (node->kernel < 0)
        return lex_error(lex, E_PARSE, "'%s' is no kernel; see sqzc list kernels", name);
    const AttrTable *table = kernel_params(node->kernel);
    node->params = table ? attrs_new(table, lex->arena) : NULL;
    while (!lex_accept(lex, ")")) {
        const char *param;
        if (!lex_word(lex, &param))
            return false;
        const AttrRow *row = table ? attrs_find(table, param) : NULL;
        if (!row)
            return lex_error(lex, E_ATTRIBUTE, "kernel %s has no parameter '%s'", name, param);
        if (!lex_expect(lex, "=") || !parse_param(p, row, node->params))
            return false;
    }
    return true;
}

// A node has the line of its text as its origin in any case.
static bool parse_loc(Parser *p, Node *node, int line) {
    Lexer *lex = &p->lex;
    const char *op = op_info[node->op].name;
    Loc **end = &node->loc;
    *end = ARENA_NEW(lex->arena, Loc);
    **end = (Loc){.op = op, .line = line};
    if (!lex_accept_word(lex, "loc"))
        return true;
    if (!lex_expect(lex, "("))
        return false;
    do {
        if (!*end) {
            *end = ARENA_NEW(lex->arena, Loc);
            **end = (Loc){.op = op, .line = line};
        }
        if (!lex_string(lex, &(*end)->node))
            return false;
        lex_skip(lex);
        if (*lex->at != ',' && *lex->at != ')' && !lex_name(lex, &(*end)->op))
            return false;
        end = &(*end)->next;
    } while (lex_accept(lex, ","));
    return lex_expect(lex, ")");
}

// Nodes.

typedef struct NameList {
    const char **item;
    int n, capacity;
} NameList;

static bool parse_results(Parser *p, NameList *names) {
    do {
        const char *name;
        if (!parse_name(p, &name))
            return false;
        LIST_PUSH(p->lex.arena, names, name);
    } while (lex_accept(&p->lex, ","));
    return lex_expect(&p->lex, "=");
}

static bool parse_operator(Parser *p, OpKind *op) {
    const char *name;
    if (!lex_word(&p->lex, &name))
        return false;
    *op = op_find(name);
    return *op < OP_COUNT || lex_error(&p->lex, E_OPERATOR, "'%s' is no operator; see sqzc list ops", name);
}

static bool parse_operands(Parser *p, const Scope *scope, ValueList *operands) {
    if (!lex_expect(&p->lex, "(") || lex_accept(&p->lex, ")"))
        return p->lex.at[-1] == ')';
    do {
        Value *value = NULL;
        const char *name;
        if (!lex_accept_word(&p->lex, "_") && (!parse_name(p, &name) || !find(p, scope, name, &value)))
            return false;
        LIST_PUSH(p->lex.arena, operands, value);
    } while (lex_accept(&p->lex, ","));
    return lex_expect(&p->lex, ")");
}

static bool parse_outputs(Parser *p, Scope *scope, Node *node, const NameList *names) {
    for (int i = 0; i < names->n; i++) {
        Type type;
        if (!lex_expect(&p->lex, i ? "," : ":") || !parse_type(p, &type) ||
            !define(p, scope, names->item[i], type, &node->out[i]))
            return false;
        node->out[i]->def = node;
        if (type.dtype != DT_NONE || type.rank >= 0 || !isalpha((unsigned char)*p->lex.at))
            continue;
        Type *declared = ARENA_NEW(p->lex.arena, Type);
        if (!parse_type(p, declared))
            return false;
        node->out[i]->declared = declared;
    }
    return true;
}

static bool parse_signature(Parser *p, Scope *scope, NameList *outputs);
static bool parse_block(Parser *p, Scope *scope, const NameList *outputs);

static bool parse_body(Parser *p, Node *node, Graph **body) {
    if (++p->depth > DEPTH_MAX)
        return lex_error(&p->lex, E_LIMIT, "bodies lie more than %d deep", DEPTH_MAX);
    Scope scope = {.graph = graph_new(p->module, "body")};
    NameList outputs = {0};
    *body = scope.graph;
    scope.graph->owner = node;
    bool ok = parse_signature(p, &scope, &outputs) && parse_block(p, &scope, &outputs);
    p->depth--;
    return ok;
}

static bool parse_bodies(Parser *p, Node *node) {
    if (!lex_accept_word(&p->lex, "body"))
        return true;
    if (!(op_info[node->op].flags & (HAS_BODY | FUSES)))
        return lex_error(&p->lex, E_PARSE, "%s has no body", op_info[node->op].name);
    if (!parse_body(p, node, &node->body))
        return false;
    if (!lex_accept_word(&p->lex, "else"))
        return true;
    return node->op == OP_If ? parse_body(p, node, &node->otherwise)
                             : lex_error(&p->lex, E_PARSE, "%s has one body", op_info[node->op].name);
}

static bool parse_node(Parser *p, Scope *scope) {
    NameList names = {0};
    ValueList operands = {0};
    OpKind op;
    int line = p->lex.line;
    if (!parse_results(p, &names) || !parse_operator(p, &op) || !parse_operands(p, scope, &operands))
        return false;
    Node *node = node_new(scope->graph, op, operands.n, names.n);
    if (operands.n)
        memcpy(node->in, operands.item, (size_t)operands.n * sizeof *node->in);
    if (!parse_attrs(p, node) || !parse_outputs(p, scope, node, &names) || !parse_kernel(p, node) ||
        !parse_places(p, scope, node->out, node->nout) || !parse_loc(p, node, line) || !parse_bodies(p, node))
        return false;
    graph_append(scope->graph, node);
    return true;
}

static bool parse_constant(Parser *p, Scope *scope) {
    const char *name;
    Type type;
    const void *bytes;
    Value *value;
    if (!parse_name(p, &name) || !lex_expect(&p->lex, ":") || !parse_type(p, &type) || !lex_expect(&p->lex, "=") ||
        !parse_data(p, &type, &bytes) || !define(p, scope, name, type, &value))
        return false;
    Constant *constant = ARENA_NEW(p->lex.arena, Constant);
    *constant = (Constant){.stored = bytes, .size = type_bytes(&type)};
    value->data = constant;
    return parse_places(p, scope, &value, 1);
}

// Graphs.

static bool parse_input(Parser *p, Scope *scope) {
    const char *name;
    Type type;
    Value *value;
    if (!parse_name(p, &name) || !lex_expect(&p->lex, ":") || !parse_type(p, &type) ||
        !define(p, scope, name, type, &value))
        return false;
    LIST_PUSH(p->lex.arena, &scope->graph->inputs, value);
    return parse_places(p, scope, &value, 1);
}

static bool parse_signature(Parser *p, Scope *scope, NameList *outputs) {
    Lexer *lex = &p->lex;
    if (!lex_expect(lex, "("))
        return false;
    if (!lex_accept(lex, ")")) {
        do {
            if (!parse_input(p, scope))
                return false;
        } while (lex_accept(lex, ","));
        if (!lex_expect(lex, ")"))
            return false;
    }
    if (!lex_expect(lex, "->") || !lex_expect(lex, "("))
        return false;
    if (lex_accept(lex, ")"))
        return true;
    do {
        const char *name;
        if (!parse_name(p, &name))
            return false;
        LIST_PUSH(lex->arena, outputs, name);
    } while (lex_accept(lex, ","));
    return lex_expect(lex, ")");
}

static bool parse_block(Parser *p, Scope *scope, const NameList *outputs) {
    Lexer *lex = &p->lex;
    if (!lex_expect(lex, "{"))
        return false;
    while (!lex_accept(lex, "}"))
        if (!(lex_accept_word(lex, "const") ? parse_constant(p, scope) : parse_node(p, scope)))
            return false;
    int line = lex->line;
    if (!resolve_places(p, scope))
        return false;
    lex->line = line;
    for (int i = 0; i < outputs->n; i++) {
        Value *value;
        if (!find(p, scope, outputs->item[i], &value))
            return false;
        LIST_PUSH(lex->arena, &scope->graph->outputs, value);
    }
    return true;
}

static bool parse_graph(Parser *p) {
    Lexer *lex = &p->lex;
    const char *name;
    NameList outputs = {0};
    if (!lex_accept_word(lex, "graph"))
        return lex_error(lex, E_PARSE, "expected a graph: graph @name(...) -> (...) {");
    if (!lex_expect(lex, "@") || !lex_name(lex, &name))
        return false;
    if (p->module->graphs.n == GRAPHS_MAX)
        return lex_error(lex, E_LIMIT, "more than %d graphs", GRAPHS_MAX);
    Scope scope = {.graph = graph_new(p->module, name)};
    LIST_PUSH(lex->arena, &p->module->graphs, scope.graph);
    return parse_signature(p, &scope, &outputs) && parse_block(p, &scope, &outputs);
}

static bool parse_open(Parser *p) {
    Lexer *lex = &p->lex;
    Open *open = &p->module->open;
    const char *name;
    if (!lex_string(lex, &name) || !lex_count(lex, &open->least) || !lex_count(lex, &open->most))
        return false;
    open->symbol = module_symbol(p->module, name);
    if (lex_accept_word(lex, "block") && !lex_count(lex, &open->block))
        return false;
    if (!lex_accept(lex, "["))
        return true;
    struct { int *item; int n, capacity; } axes = {0};
    LIST_PUSH(lex->arena, &axes, -1);
    axes.n = 0;
    while (!lex_accept(lex, "]")) {
        int64_t axis;
        if ((axes.n && !lex_expect(lex, ",")) || !lex_int(lex, &axis))
            return false;
        if (axis < -1 || axis >= MAX_RANK)
            return lex_error(lex, E_PARSE, "there is no axis %lld", (long long)axis);
        LIST_PUSH(lex->arena, &axes, (int)axis);
    }
    open->axis = axes.item;
    open->count = axes.n;
    return true;
}

static bool parse_labels(Parser *p, OutputLabels **end) {
    Lexer *lex = &p->lex;
    OutputLabels *labels = *end = ARENA_NEW(lex->arena, OutputLabels);
    struct { const char **item; int n, capacity; } list = {0};
    if (!lex_string(lex, &labels->output) || !lex_expect(lex, "["))
        return false;
    while (!lex_accept(lex, "]")) {
        const char *text;
        if ((list.n && !lex_expect(lex, ",")) || !lex_string(lex, &text))
            return false;
        LIST_PUSH(lex->arena, &list, text);
    }
    labels->text = list.item;
    labels->n = list.n;
    return true;
}

static bool parse_head(Parser *p) {
    Lexer *lex = &p->lex;
    if (!lex_accept_word(lex, "module"))
        return true;
    if (!lex_string(lex, &p->module->name))
        return false;
    if (lex_accept_word(lex, "open") && !parse_open(p))
        return false;
    for (OutputLabels **end = &p->module->labels; lex_accept_word(lex, "labels"); end = &(*end)->next)
        if (!parse_labels(p, end))
            return false;
    if (lex_accept_word(lex, "workspace") && !lex_count(lex, &p->module->workspace_bytes))
        return false;
    return !lex_accept_word(lex, "shard") || lex_count(lex, &p->module->shard_bytes);
}

static Module *parse(Parser *p, const char *text, size_t length) {
    p->lex.at = arena_copy(p->lex.arena, text, length);
    p->lex.end = p->lex.at + length;
    p->lex.line = 1;
    p->module = module_new(p->lex.arena, "model");
    if (!parse_head(p))
        return NULL;
    do {
        if (!parse_graph(p))
            return NULL;
    } while (!lex_at_end(&p->lex));
    if (p->lex.at < p->lex.end) {
        lex_error(&p->lex, E_PARSE, "a zero byte in the text");
        return NULL;
    }
    return p->module;
}

Module *parse_module(Arena *arena, const char *text, size_t length, const char *folder, Diag *diag) {
    Parser p = {.lex = {.arena = arena, .diag = diag}, .folder = folder};
    return parse(&p, text, length);
}

Module *parse_module_with(Arena *arena, const char *text, size_t length, const void *sidecar, size_t size, Diag *diag) {
    Sidecar only = {.bytes = sidecar, .size = size};
    Parser p = {.lex = {.arena = arena, .diag = diag}, .sidecars = &only};
    return parse(&p, text, length);
}
