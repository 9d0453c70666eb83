// The standard wants nodes in an order in which each stands behind those that it reads, but not all writers of files
// keep to it. So they are sorted: in the order of the file each node is visited, and before it those that it reads. A
// file that is in order stays as it is. The visits are a stack of their own, since a file may have as long a chain as
// it likes.
//
// What a subgraph reads from outside is read by its node. A name that is also defined inside means what is inside.
#include "onnx/sort.h"

#include <string.h>

#include "support/str.h"

// Who defines a name: a hash table with linear probing, at most half full, as large as it must be from the start.
typedef struct Maker {
    const char *text;  // null: a free slot
    int node;
} Maker;

typedef struct Makers Makers;
struct Makers {
    Maker *slot;
    size_t capacity;  // a power of two
    const Makers *outer;  // of the graph around a subgraph; null for the nodes that are sorted
};

typedef struct Read {
    const char *text;
    int maker;
} Read;

typedef struct ReadList {
    Read *item;
    int n, capacity;
} ReadList;

typedef struct Sort {
    Importer *im;
    Scope *scope;
    Arena *arena;
    Onnx__NodeProto *const *nodes;
    ReadList reads;  // of all nodes one after the other, what other nodes make
    int *first;      // of a node in `reads`; those of node i end at first[i + 1]
    int *next;       // the one to visit next; -1: the node was not visited yet
    bool *done;
    bool cyclic;
} Sort;

static Makers makers_new(Arena *arena, size_t names, const Makers *outer) {
    Makers makers = {.capacity = 2, .outer = outer};
    while (makers.capacity < 2 * names + 2)
        makers.capacity *= 2;
    makers.slot = ARENA_ARRAY(arena, Maker, makers.capacity);
    return makers;
}

static Maker *probe(const Makers *makers, const char *text) {
    size_t at = text_hash(text) & (makers->capacity - 1);
    while (makers->slot[at].text && strcmp(makers->slot[at].text, text))
        at = (at + 1) & (makers->capacity - 1);
    return &makers->slot[at];
}

// The first one counts: who defines it again is reported when it is imported.
static void add(Makers *makers, const char *text, int node) {
    Maker *maker = text && *text ? probe(makers, text) : NULL;
    if (maker && !maker->text)
        *maker = (Maker){text, node};
}

static void note_read(Sort *s, const Makers *makers, const char *text) {
    for (; makers && text && *text; makers = makers->outer) {
        const Maker *maker = probe(makers, text);
        if (maker->text && !makers->outer)
            LIST_PUSH(s->arena, &s->reads, ((Read){text, maker->node}));
        if (maker->text)
            return;
    }
}

static bool note_reads(Sort *s, const Makers *makers, const Onnx__NodeProto *node);

static bool note_subgraph(Sort *s, const Makers *outer, const Onnx__GraphProto *graph) {
    size_t names = graph->n_input + graph->n_initializer;
    for (size_t i = 0; i < graph->n_node; i++)
        names += graph->node[i]->n_output;
    if (!import_work(s->im, names + graph->n_output, 0))
        return false;
    Makers makers = makers_new(s->arena, names, outer);
    for (size_t i = 0; i < graph->n_input; i++)
        add(&makers, graph->input[i]->name, 0);
    for (size_t i = 0; i < graph->n_initializer; i++)
        add(&makers, graph->initializer[i]->name, 0);
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_output; k++)
            add(&makers, graph->node[i]->output[k], 0);
    for (size_t i = 0; i < graph->n_node; i++)
        if (!note_reads(s, &makers, graph->node[i]))
            return false;
    for (size_t i = 0; i < graph->n_output; i++)
        note_read(s, &makers, graph->output[i]->name);
    return true;
}

static bool note_reads(Sort *s, const Makers *makers, const Onnx__NodeProto *node) {
    if (!import_work(s->im, 1 + node->n_input, 0))
        return false;
    for (size_t i = 0; i < node->n_input; i++)
        note_read(s, makers, node->input[i]);
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__AttributeProto *a = node->attribute[i];
        if (a->g && !note_subgraph(s, makers, a->g))
            return false;
        for (size_t k = 0; k < a->n_graphs; k++)
            if (!note_subgraph(s, makers, a->graphs[k]))
                return false;
    }
    return true;
}

static bool collect(Sort *s, size_t n) {
    size_t names = 0;
    for (size_t i = 0; i < n; i++)
        names += s->nodes[i]->n_output;
    Makers makers = makers_new(s->arena, names, NULL);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < s->nodes[i]->n_output; k++)
            if (!scope_find(s->scope, s->nodes[i]->output[k]))
                add(&makers, s->nodes[i]->output[k], (int)i);
    for (size_t i = 0; i < n; i++) {
        s->first[i] = s->reads.n;
        s->next[i] = -1;
        if (!note_reads(s, &makers, s->nodes[i]))
            return false;
    }
    s->first[n] = s->reads.n;
    return true;
}

// One that is visited reads a result of itself, or of one that waits for it.
static void break_cycle(Sort *s, int reader, const char *text) {
    if (!s->cyclic)
        diag_error(s->im->diag, import_loc(s->im, s->scope, s->nodes[reader]), E_GRAPH,
                   "value '%s' is computed from itself: the nodes form a cycle", text);
    s->cyclic = true;
    scope_define(s->scope, text, NAME_FAILED, NULL);
}

static void visit(Sort *s, int from, int *stack, const Onnx__NodeProto **sorted, int *count) {
    int depth = 0;
    for (stack[depth++] = from; depth;) {
        int node = stack[depth - 1];
        if (s->next[node] < 0)
            s->next[node] = s->first[node];
        if (s->next[node] == s->first[node + 1]) {
            s->done[node] = true;
            sorted[(*count)++] = s->nodes[node];
            depth--;
            continue;
        }
        const Read *read = &s->reads.item[s->next[node]++];
        if (s->next[read->maker] < 0)
            stack[depth++] = read->maker;
        else if (!s->done[read->maker])
            break_cycle(s, node, read->text);
    }
}

bool nodes_sort(Importer *im, Scope *scope, Onnx__NodeProto *const *nodes, size_t n, const Onnx__NodeProto **sorted) {
    if (!import_work(im, n, 0))
        return false;
    Arena *arena = arena_new();
    Sort s = {.im = im, .scope = scope, .arena = arena, .nodes = nodes, .first = ARENA_ARRAY(arena, int, n + 1),
              .next = ARENA_ARRAY(arena, int, n), .done = ARENA_ARRAY(arena, bool, n)};
    int *stack = ARENA_ARRAY(arena, int, n), count = 0;
    bool ok = collect(&s, n);
    for (int i = 0; ok && i < (int)n; i++)
        if (!s.done[i])
            visit(&s, i, stack, sorted, &count);
    arena_free(arena);
    return ok && !s.cyclic;
}
