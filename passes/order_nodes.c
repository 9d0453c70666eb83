// Orders the nodes so that fewer bytes are alive at once. Two orders are tried, and the order is kept as it was unless
// the peak falls; that is repeated until it doesn't.
//
// - Greedy: always the ready node after which the least is alive, the earlier one where two are equal.
// - Depth first from the ends: of a node's inputs first the one that needs most room beyond its result, as Sethi and
//   Ullman order the operands of an expression.
//
// Alive are the roots of values (what shares storage counts once) from the first write to the last read. Inputs,
// outputs and constants lie elsewhere. While a node with a body runs, the values inside are alive as well.
#include "passes/pass.h"
#include "support/checked.h"

typedef struct Root {
    int64_t bytes;
    int reads;  // by nodes
} Root;

typedef struct Schedule {
    const Graph *graph;
    int n;
    Node **node;        // in the given order
    int *writer;        // by value id: index of the node, or -1
    const int *root_of; // by value id
    const Root *root;   // by value id of the root
} Schedule;

// The state of a walk over the nodes.
typedef struct Walk {
    int64_t alive, peak;
    int *reads;  // still to come, by root
    bool *live;
} Walk;

static int64_t root_bytes(const Value *root) {
    bool outside = root->data || value_is_input(root) || value_is_output(root);
    return outside ? 0 : min_i64(type_bytes(&root->type), INT64_MAX / (1 << 20));
}

static int64_t graph_bytes(const Graph *body) {
    int64_t sum = 0;
    for (int i = 0; body && i < body->values.n; i++) {
        const Value *value = body->values.item[i];
        if (value->def && value->place.kind != PLACE_IN)
            sum += root_bytes(value);
    }
    return sum;
}

static int64_t body_bytes(const Node *node) {
    return max_i64(graph_bytes(node->body), graph_bytes(node->otherwise));
}

static Walk walk_start(const Schedule *s, Arena *scratch) {
    int count = s->graph->values.n;
    Walk walk = {.reads = ARENA_ARRAY(scratch, int, count), .live = ARENA_ARRAY(scratch, bool, count)};
    for (int i = 0; i < count; i++)
        walk.reads[i] = s->root[i].reads;
    return walk;
}

static int root_at(const Schedule *s, const Value *value) {
    return s->root_of[value->id];
}

static void walk_write(const Schedule *s, Walk *walk, const Value *value) {
    int root = root_at(s, value);
    if (!walk->live[root])
        walk->alive += s->root[root].bytes;
    walk->live[root] = true;
}

static void walk_release(const Schedule *s, Walk *walk, int root) {
    if (walk->reads[root] == 0 && walk->live[root]) {
        walk->alive -= s->root[root].bytes;
        walk->live[root] = false;
    }
}

static void walk_node(const Schedule *s, Walk *walk, const Node *node) {
    for (int i = 0; i < node->nout; i++)
        if (node->out[i])
            walk_write(s, walk, node->out[i]);
    walk->peak = max_i64(walk->peak, walk->alive + body_bytes(node));
    for (int i = 0; i < node->nin; i++)
        if (node->in[i]) {
            walk->reads[root_at(s, node->in[i])]--;
            walk_release(s, walk, root_at(s, node->in[i]));
        }
    for (int i = 0; i < node->nout; i++)
        if (node->out[i])
            walk_release(s, walk, root_at(s, node->out[i]));
}

static int64_t schedule_peak(const Schedule *s, Node *const *order, Arena *scratch) {
    Walk walk = walk_start(s, scratch);
    for (int i = 0; i < s->n; i++)
        walk_node(s, &walk, order[i]);
    return walk.peak;
}

// What running the node would add to the bytes alive, or remove. Reads of one root by one node count together.
static int64_t node_growth(const Schedule *s, const Walk *walk, const Node *node) {
    int64_t growth = 0;
    for (int i = 0; i < node->nout; i++) {
        int root = node->out[i] ? root_at(s, node->out[i]) : -1;
        bool kept = root >= 0 && !walk->live[root] && walk->reads[root] > 0;
        for (int k = 0; k < i; k++)
            kept &= !node->out[k] || root_at(s, node->out[k]) != root;
        growth += kept ? s->root[root].bytes : 0;
    }
    for (int i = 0; i < node->nin; i++) {
        int root = node->in[i] ? root_at(s, node->in[i]) : -1, reads = 0;
        bool seen = false;
        for (int k = 0; root >= 0 && k < node->nin; k++)
            if (node->in[k] && root_at(s, node->in[k]) == root) {
                seen |= k < i;
                reads++;
            }
        if (root >= 0 && !seen && walk->live[root] && walk->reads[root] == reads)
            growth -= s->root[root].bytes;
    }
    return growth;
}

// Nodes by a number: those of number i are item[start[i]] to the one before item[start[i + 1]].
typedef struct NodeLists {
    int *start, *item;
} NodeLists;

// The greedy order on its way. What running a node would add changes only with the roots that it reads and writes, so
// no others are looked at again; a tree of minima finds the best.
typedef struct Greedy {
    const Schedule *s;
    Walk walk;
    NodeLists readers;  // by value id
    NodeLists users;    // by root: readers and writers
    int *most;          // by root: reads by one node at most
    int *missing;       // by node: inputs that are not made yet; -1 once it ran
    int leaves;         // a power of two
    int *best;          // of the leaves below: 1 is the top, i's are 2 i and 2 i + 1, leaves stand last; -1: none
    int64_t *growth;    // by node
} Greedy;

static const Value *node_operand(const Node *node, int index) {  // the inputs, then the outputs
    return index < node->nin ? node->in[index] : node->out[index - node->nin];
}

// By the numbers that `key` has for values, the nodes that read such, and those that write them if wanted.
static NodeLists lists_by(const Schedule *s, const int *key, bool writers, Arena *scratch) {
    NodeLists lists = {.start = ARENA_ARRAY(scratch, int, s->graph->values.n + 2)};
    for (int fill = 0; fill < 2; fill++) {
        for (int i = 0; i < s->n; i++)
            for (int k = 0; k < s->node[i]->nin + (writers ? s->node[i]->nout : 0); k++) {
                const Value *value = node_operand(s->node[i], k);
                if (value && fill)
                    lists.item[lists.start[key[value->id] + 1]++] = i;
                else if (value)
                    lists.start[key[value->id] + 2]++;
            }
        for (int i = 0; i < s->graph->values.n && !fill; i++)
            lists.start[i + 2] += lists.start[i + 1];
        if (!fill)
            lists.item = ARENA_ARRAY(scratch, int, lists.start[s->graph->values.n + 1]);
    }
    return lists;
}

// Of each root, how often one node reads it at most.
static int *most_reads(const Schedule *s, Arena *scratch) {
    int *most = ARENA_ARRAY(scratch, int, s->graph->values.n), *reads = ARENA_ARRAY(scratch, int, s->graph->values.n);
    for (int i = 0; i < s->n; i++) {
        const Node *node = s->node[i];
        for (int k = 0; k < node->nin; k++)
            if (node->in[k]) {
                int root = root_at(s, node->in[k]);
                most[root] = (int)max_i64(most[root], ++reads[root]);
            }
        for (int k = 0; k < node->nin; k++)
            if (node->in[k])
                reads[root_at(s, node->in[k])] = 0;
    }
    return most;
}

// The better of two nodes, the earlier one where both are equal.
static int better(const Greedy *g, int a, int b) {
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return g->growth[b] < g->growth[a] || (g->growth[b] == g->growth[a] && b < a) ? b : a;
}

static void greedy_rank(Greedy *g, int index) {
    bool ready = g->missing[index] == 0;
    if (ready)
        g->growth[index] = node_growth(g->s, &g->walk, g->s->node[index]);
    g->best[g->leaves + index] = ready ? index : -1;
    for (int at = (g->leaves + index) / 2; at > 0; at /= 2)
        g->best[at] = better(g, g->best[2 * at], g->best[2 * at + 1]);
}

static void greedy_rank_users(Greedy *g, int root) {
    for (int i = g->users.start[root]; i < g->users.start[root + 1] && g->s->root[root].bytes; i++)
        if (g->missing[g->users.item[i]] == 0)
            greedy_rank(g, g->users.item[i]);
}

static void greedy_run(Greedy *g, int index, bool *was_live) {
    const Node *node = g->s->node[index];
    walk_node(g->s, &g->walk, node);
    g->missing[index] = -1;
    greedy_rank(g, index);
    for (int i = 0; i < node->nout; i++) {
        const Value *value = node->out[i];
        for (int k = value ? g->readers.start[value->id] : 0; value && k < g->readers.start[value->id + 1]; k++)
            if (--g->missing[g->readers.item[k]] == 0)
                greedy_rank(g, g->readers.item[k]);
    }
    for (int i = 0; i < node->nin + node->nout; i++) {
        int root = node_operand(node, i) ? root_at(g->s, node_operand(node, i)) : -1;
        bool few_reads = root >= 0 && i < node->nin && g->walk.reads[root] <= g->most[root];
        if (root >= 0 && (few_reads || g->walk.live[root] != was_live[root]))
            greedy_rank_users(g, root);
        if (root >= 0)
            was_live[root] = g->walk.live[root];
    }
}

static Greedy greedy_start(const Schedule *s, Arena *scratch) {
    Greedy g = {.s = s, .walk = walk_start(s, scratch), .most = most_reads(s, scratch), .leaves = 1};
    int *same = ARENA_ARRAY(scratch, int, s->graph->values.n);
    for (int i = 0; i < s->graph->values.n; i++)
        same[i] = i;
    g.readers = lists_by(s, same, false, scratch);
    g.users = lists_by(s, s->root_of, true, scratch);
    while (g.leaves < s->n)
        g.leaves *= 2;
    g.best = ARENA_ARRAY(scratch, int, 2 * g.leaves);
    g.growth = ARENA_ARRAY(scratch, int64_t, s->n);
    g.missing = ARENA_ARRAY(scratch, int, s->n);
    for (int i = 0; i < 2 * g.leaves; i++)
        g.best[i] = -1;
    for (int i = 0; i < s->n; i++) {
        for (int k = 0; k < s->node[i]->nin; k++)
            g.missing[i] += s->node[i]->in[k] && s->writer[s->node[i]->in[k]->id] >= 0;
        greedy_rank(&g, i);
    }
    return g;
}

static void schedule_greedily(const Schedule *s, Node **order, Arena *scratch) {
    Greedy g = greedy_start(s, scratch);
    bool *was_live = ARENA_ARRAY(scratch, bool, s->graph->values.n);
    for (int step = 0; step < s->n; step++) {
        int index = g.best[1];
        order[step] = s->node[index];
        greedy_run(&g, index, was_live);
    }
}

// Depth first.

typedef struct Tree {  // of one node
    int n, next;
    int *child;        // nodes that make its inputs, in the order in which they are to run
    int64_t bytes;     // of its results
    int64_t need;      // while it and all before it run, if nothing is shared
} Tree;

static bool tree_has(const Tree *tree, int child) {
    for (int i = 0; i < tree->n; i++)
        if (tree->child[i] == child)
            return true;
    return false;
}

// Keeps the children sorted: most room beyond the result first.
static void tree_add(Tree *tree, const Tree *all, int child) {
    if (tree_has(tree, child))
        return;
    int i = tree->n++;
    int64_t excess = all[child].need - all[child].bytes;
    for (; i > 0 && all[tree->child[i - 1]].need - all[tree->child[i - 1]].bytes < excess; i--)
        tree->child[i] = tree->child[i - 1];
    tree->child[i] = child;
}

static void tree_of(const Schedule *s, Tree *all, int index, Arena *scratch) {
    const Node *node = s->node[index];
    Tree *tree = &all[index];
    int64_t kept = 0;
    tree->child = ARENA_ARRAY(scratch, int, node->nin);
    for (int i = 0; i < node->nin; i++)
        if (node->in[i] && s->writer[node->in[i]->id] >= 0)
            tree_add(tree, all, s->writer[node->in[i]->id]);
    for (int i = 0; i < node->nout; i++)
        tree->bytes += node->out[i] ? s->root[root_at(s, node->out[i])].bytes : 0;
    for (int i = 0; i < tree->n; i++) {
        tree->need = max_i64(tree->need, kept + all[tree->child[i]].need);
        kept += all[tree->child[i]].bytes;
    }
    tree->need = max_i64(tree->need, kept + tree->bytes);
}

// Runs all that `end` needs, then `end`. Each node is on the stack at most once.
static int run_depth_first(const Schedule *s, Tree *all, bool *done, int *stack, int end, Node **order, int at) {
    int depth = 0;
    stack[depth++] = end;
    while (depth) {
        int index = stack[depth - 1];
        Tree *tree = &all[index];
        if (tree->next < tree->n) {
            int child = tree->child[tree->next++];
            if (!done[child])
                stack[depth++] = child;
            continue;
        }
        depth--;
        done[index] = true;
        order[at++] = s->node[index];
    }
    return at;
}

static void schedule_depth_first(const Schedule *s, Node **order, Arena *scratch) {
    Tree *all = ARENA_ARRAY(scratch, Tree, s->n);
    bool *done = ARENA_ARRAY(scratch, bool, s->n), *read = ARENA_ARRAY(scratch, bool, s->n);
    int *stack = ARENA_ARRAY(scratch, int, s->n), at = 0;
    for (int i = 0; i < s->n; i++) {
        tree_of(s, all, i, scratch);
        for (int k = 0; k < all[i].n; k++)
            read[all[i].child[k]] = true;
    }
    for (int i = 0; i < s->n; i++)
        if (!read[i])
            at = run_depth_first(s, all, done, stack, i, order, at);
}

static void count_reads(const Schedule *s, Root *root) {
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->node[i]->nin; k++)
            if (s->node[i]->in[k])
                root[root_at(s, s->node[i]->in[k])].reads++;
}

static void schedule_values(Schedule *s, Arena *scratch) {
    const Graph *graph = s->graph;
    int count = graph->values.n;
    int *root_of = ARENA_ARRAY(scratch, int, count);
    Root *root = ARENA_ARRAY(scratch, Root, count);
    s->root_of = root_of;
    s->root = root;
    s->writer = ARENA_ARRAY(scratch, int, count);
    for (int i = 0; i < count; i++) {
        int64_t offset;
        const Value *owner = place_root(graph->values.item[i], &offset);
        root_of[i] = owner->graph == graph ? owner->id : i;
        root[i].bytes = owner->graph == graph ? root_bytes(graph->values.item[i]) : 0;
        s->writer[i] = -1;
    }
}

static Schedule schedule_of(const Graph *graph, Arena *scratch) {
    Schedule s = {.graph = graph};
    schedule_values(&s, scratch);
    for (const Node *node = graph->first; node; node = node->next)
        s.n++;
    s.node = ARENA_ARRAY(scratch, Node *, s.n);
    int i = 0;
    for (Node *node = graph->first; node; node = node->next) {
        for (int k = 0; k < node->nout; k++)
            if (node->out[k])
                s.writer[node->out[k]->id] = i;
        s.node[i++] = node;
    }
    count_reads(&s, (Root *)(uintptr_t)s.root);
    return s;
}

static void relink(Graph *graph, Node *const *order, int n) {
    graph->first = graph->last = NULL;
    for (int i = 0; i < n; i++)
        graph_append(graph, order[i]);
}

static bool improve(Graph *graph, Arena *scratch) {
    static void (*const orders[])(const Schedule *, Node **, Arena *) = {schedule_greedily, schedule_depth_first};
    Schedule s = schedule_of(graph, scratch);
    Node **best = s.node;
    int64_t least = schedule_peak(&s, best, scratch);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        Node **order = ARENA_ARRAY(scratch, Node *, s.n);
        orders[i](&s, order, scratch);
        int64_t peak = schedule_peak(&s, order, scratch);
        if (peak < least) {
            least = peak;
            best = order;
        }
    }
    if (best == s.node)
        return false;
    relink(graph, best, s.n);
    return true;
}

// Sizes must be known, and places in the workspace must not be: they hold for one order only.
static bool can_order(const Graph *graph) {
    for (int i = 0; i < graph->values.n; i++) {
        const Value *value = graph->values.item[i];
        if (!type_is_static(&value->type) || value->place.kind == PLACE_WORKSPACE)
            return false;
    }
    return true;
}

bool pass_order_nodes(PassContext *ctx, Graph *graph) {
    if (can_order(graph))
        while (improve(graph, ctx->scratch))
            continue;
    return true;
}
