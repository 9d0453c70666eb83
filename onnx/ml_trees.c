// The domain ai.onnx.ml: ensembles of decision trees, in the three forms of the standard, as one sqz.Trees.
//
// Both ways to write a forest down are read into one list of nodes: TreeEnsembleRegressor and TreeEnsembleClassifier
// name each node, leaf or not, by two numbers; TreeEnsemble counts branches and leaves, and may ask whether a feature
// is one of a set, which becomes a chain of questions for equality. The nodes that roots lead to are then put in an
// order in which branches lead to later nodes; a forest that has no such order has a cycle. A node may have two
// parents.
#include "onnx/ml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/element.h"
#include "support/checked.h"

typedef struct TreeNode {
    int64_t tree, id;  // of the older form
    int mode;          // TreeMode, perhaps with TREE_MISSING
    double split;
    int64_t feature, yes, no;  // children as indices into the list
    int64_t first, end;        // of a leaf: its weights
    bool child;                // of some branch
    int state;                 // of the walk through the forest
} TreeNode;

typedef struct Forest {
    TreeNode *node;
    int64_t nodes, roots, weights;
    int64_t *root, *target;
    double *weight;
} Forest;

static const int64_t NODES_MAX = 1 << 26;

// Attributes.

static bool take_tensor(Importer *im, Draft *d, const char *name, Floats *numbers) {
    const Onnx__AttributeProto *a = draft_take(d, name);
    Type type;
    const void *bytes;
    *numbers = (Floats){0};
    if (!a)
        return true;
    if (!a->t)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' has no tensor", name);
    if (!tensor_read(&im->tensors, d->loc, name, a->t, &type, &bytes))
        return false;
    if (type_count(&type) > NODES_MAX)
        return diag_error(im->diag, d->loc, E_LIMIT, "attribute '%s' has too many numbers", name);
    numbers->n = (int)type_count(&type);
    numbers->v = ARENA_ARRAY(im->scratch, double, numbers->n);
    for (int i = 0; i < numbers->n; i++)
        numbers->v[i] = element_double(type.dtype, bytes, i);
    return true;
}

// `name`, or else `name`_as_tensor.
static bool take_numbers(Importer *im, Draft *d, const char *name, Floats *numbers) {
    Floats tensor;
    if (!draft_take_floats(im, d, name, numbers) ||
        !take_tensor(im, d, arena_printf(im->scratch, "%s_as_tensor", name), &tensor))
        return false;
    if (!numbers->n)
        *numbers = tensor;
    return true;
}

static bool take_list(Importer *im, Draft *d, const char *name, Ints *ints) {
    bool found;
    return draft_take_ints(im, d, name, ints, &found);
}

static bool check_length(Importer *im, const Draft *d, const char *name, int64_t found, int64_t wanted) {
    if (found == wanted)
        return true;
    return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' has %lld elements, not %lld", name,
                      (long long)found, (long long)wanted);
}

static bool bad_node(Importer *im, const Draft *d, const char *what, int64_t index) {
    return diag_error(im->diag, d->loc, E_ATTRIBUTE, "tree node %lld: %s", (long long)index, what);
}

// The order of the nodes.

enum { UNSEEN, OPEN, DONE };

typedef struct Step {
    int64_t node;
    int next;  // child
} Step;

// Depth first from the roots, leaving a node after all that it leads to: the reverse is the order. `order` has `*n`.
static bool order_nodes(Importer *im, const Draft *d, Forest *f, int64_t *order, int64_t *n) {
    Step *stack = ARENA_ARRAY(im->scratch, Step, f->nodes + 1);
    *n = 0;
    for (int64_t r = f->roots - 1; r >= 0; r--) {
        int64_t depth = 0;
        if (f->node[f->root[r]].state == UNSEEN)
            stack[depth++] = (Step){f->root[r], 0};
        while (depth > 0) {
            Step *top = &stack[depth - 1];
            TreeNode *node = &f->node[top->node];
            node->state = OPEN;
            if (node->mode == TREE_LEAF || top->next == 2) {
                node->state = DONE;
                order[(*n)++] = top->node;
                depth--;
                continue;
            }
            int64_t child = top->next++ ? node->yes : node->no;
            if (f->node[child].state == OPEN)
                return bad_node(im, d, "the tree has a cycle", child);
            if (f->node[child].state == UNSEEN)
                stack[depth++] = (Step){child, 0};
        }
    }
    return true;
}

static void write_node(const TreeNode *node, const int64_t *place, int32_t *row) {
    bool leaf = node->mode == TREE_LEAF;
    row[0] = node->mode;
    row[1] = (int32_t)(leaf ? node->first : node->feature);
    row[2] = (int32_t)(leaf ? node->end : place[node->yes]);
    row[3] = (int32_t)(leaf ? 0 : place[node->no]);
}

static Value *int_table(Importer *im, const Draft *d, const char *part, const int32_t *v, int64_t rows,
                        int64_t columns) {
    int64_t dims[] = {rows, columns};
    Type type = type_make(DT_I32, columns ? 2 : 1, dims);
    return draft_constant(im, d, part, &type, v);
}

// The sums, as f32 or f64 like `x`; null after an error.
static Value *forest_value(Importer *im, const Draft *d, Forest *f, Value *x, int aggregate, int64_t targets) {
    int64_t n, *order = ARENA_ARRAY(im->scratch, int64_t, f->nodes),
               *place = ARENA_ARRAY(im->scratch, int64_t, f->nodes);
    if (!order_nodes(im, d, f, order, &n))
        return NULL;
    for (int64_t i = 0; i < n; i++)
        place[order[i]] = n - 1 - i;
    int32_t *rows = ARENA_ARRAY(im->arena, int32_t, 4 * n), *roots = ARENA_ARRAY(im->arena, int32_t, f->roots);
    int32_t *columns = ARENA_ARRAY(im->arena, int32_t, f->weights);
    double *splits = ARENA_ARRAY(im->scratch, double, n);
    for (int64_t i = 0; i < n; i++) {
        const TreeNode *node = &f->node[order[i]];
        write_node(node, place, rows + 4 * (n - 1 - i));
        splits[n - 1 - i] = node->mode == TREE_LEAF ? 0 : node->split;
    }
    for (int64_t i = 0; i < f->roots; i++)
        roots[i] = (int32_t)place[f->root[i]];
    for (int64_t i = 0; i < f->weights; i++) {
        columns[i] = (int32_t)f->target[i];
        if (f->target[i] < 0 || f->target[i] >= targets) {
            diag_error(im->diag, d->loc, E_ATTRIBUTE, "a weight is for target %lld of %lld", (long long)f->target[i],
                       (long long)targets);
            return NULL;
        }
    }
    DType dtype = x->type.dtype;
    Value *sums = draft_node(im, d, OP_Trees, x, int_table(im, d, "nodes", rows, n, 4),
                             ml_list(im, d, "splits", dtype, splits, n));
    node_set_input(sums->def, 3, int_table(im, d, "roots", roots, f->roots, 0));
    node_set_input(sums->def, 4, int_table(im, d, "targets", columns, f->weights, 0));
    node_set_input(sums->def, 5, ml_list(im, d, "weights", dtype, f->weight, f->weights));
    *(TreeAttrs *)sums->def->attrs = (TreeAttrs){aggregate, targets};
    draft_infer(im, sums->def);
    return sums;
}

// The older form: nodes by name.

static int compare_names(const void *a, const void *b) {
    const TreeNode *x = *(TreeNode *const *)a, *y = *(TreeNode *const *)b;
    if (x->tree != y->tree)
        return x->tree < y->tree ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static TreeNode *find_node(TreeNode **sorted, int64_t n, int64_t tree, int64_t id) {
    TreeNode key = {.tree = tree, .id = id}, *name = &key;
    TreeNode **found = n ? bsearch(&name, sorted, (size_t)n, sizeof *sorted, compare_names) : NULL;
    return found ? *found : NULL;
}

static bool take_modes(Importer *im, Draft *d, Forest *f) {
    static const char *const words[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE", "BRANCH_GT",
                                        "BRANCH_EQ",  "BRANCH_NEQ", "LEAF"};
    const Onnx__AttributeProto *a = draft_take(d, "nodes_modes");
    if (!check_length(im, d, "nodes_modes", a ? (int64_t)a->n_strings : 0, f->nodes))
        return false;
    for (int64_t i = 0; i < f->nodes; i++) {
        const ProtobufCBinaryData *text = &a->strings[i];
        int mode = 0;
        while (mode <= TREE_LEAF && (strlen(words[mode]) != text->len || memcmp(words[mode], text->data, text->len)))
            mode++;
        if (mode > TREE_LEAF)
            return bad_node(im, d, "its mode is not known", i);
        f->node[i].mode = mode;
    }
    return true;
}

typedef struct NamedNodes {  // of the older form's nodes
    Ints tree, id, feature, yes, no, missing;
    Floats split;
} NamedNodes;

static bool take_columns(Importer *im, Draft *d, NamedNodes *c, Forest *f) {
    if (!take_list(im, d, "nodes_treeids", &c->tree) || !take_list(im, d, "nodes_nodeids", &c->id) ||
        !take_list(im, d, "nodes_featureids", &c->feature) || !take_list(im, d, "nodes_truenodeids", &c->yes) ||
        !take_list(im, d, "nodes_falsenodeids", &c->no) || !take_numbers(im, d, "nodes_values", &c->split) ||
        !take_list(im, d, "nodes_missing_value_tracks_true", &c->missing))
        return false;
    draft_take(d, "nodes_hitrates");
    draft_take(d, "nodes_hitrates_as_tensor");
    f->nodes = c->tree.n;
    f->node = ARENA_ARRAY(im->scratch, TreeNode, f->nodes);
    return check_length(im, d, "nodes_nodeids", c->id.n, f->nodes) &&
           check_length(im, d, "nodes_featureids", c->feature.n, f->nodes) &&
           check_length(im, d, "nodes_truenodeids", c->yes.n, f->nodes) &&
           check_length(im, d, "nodes_falsenodeids", c->no.n, f->nodes) &&
           check_length(im, d, "nodes_values", c->split.n, f->nodes) &&
           (!c->missing.n || check_length(im, d, "nodes_missing_value_tracks_true", c->missing.n, f->nodes)) &&
           take_modes(im, d, f);
}

static bool link_nodes(Importer *im, const Draft *d, const NamedNodes *c, Forest *f, TreeNode **sorted) {
    for (int64_t i = 0; i < f->nodes; i++) {
        TreeNode *node = &f->node[i];
        node->tree = c->tree.v[i];
        node->id = c->id.v[i];
        node->split = c->split.v[i];
        node->feature = c->feature.v[i];
        sorted[i] = node;
    }
    if (f->nodes)
        qsort(sorted, (size_t)f->nodes, sizeof *sorted, compare_names);
    for (int64_t i = 1; i < f->nodes; i++)
        if (!compare_names(&sorted[i - 1], &sorted[i]))
            return bad_node(im, d, "it is given twice", sorted[i]->id);
    for (int64_t i = 0; i < f->nodes; i++) {
        TreeNode *node = &f->node[i];
        if (node->mode == TREE_LEAF)
            continue;
        TreeNode *yes = find_node(sorted, f->nodes, node->tree, c->yes.v[i]);
        TreeNode *no = find_node(sorted, f->nodes, node->tree, c->no.v[i]);
        if (!yes || !no)
            return bad_node(im, d, "it leads to a node that is not there", i);
        if (node->feature < 0 || node->feature > INT32_MAX)
            return bad_node(im, d, "its feature is out of range", i);
        node->yes = yes - f->node;
        node->no = no - f->node;
        yes->child = no->child = true;
        node->mode |= c->missing.n && c->missing.v[i] ? TREE_MISSING : 0;
    }
    return true;
}

// The root of each tree is its first node that is no child.
static bool find_roots(Importer *im, const Draft *d, Forest *f, TreeNode **sorted) {
    f->root = ARENA_ARRAY(im->scratch, int64_t, f->nodes);
    for (int64_t i = 0; i < f->nodes;) {
        int64_t best = f->nodes, tree = sorted[i]->tree;
        for (; i < f->nodes && sorted[i]->tree == tree; i++)
            if (!sorted[i]->child)
                best = min_i64(best, sorted[i] - f->node);
        if (best == f->nodes)
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "tree %lld has no root", (long long)tree);
        f->root[f->roots++] = best;
    }
    return true;
}

typedef struct Leaf {
    TreeNode *node;
    int64_t target;
    double weight;
    int index;
} Leaf;

static int compare_leaves(const void *a, const void *b) {
    const Leaf *x = a, *y = b;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

// The weights of `kind`, "target" or "class", at the leaves.
static bool take_weights(Importer *im, Draft *d, const char *kind, Forest *f, TreeNode **sorted) {
    Ints tree, id, target;
    Floats weight;
    const char *ids = arena_printf(im->scratch, "%s_ids", kind),
               *weights = arena_printf(im->scratch, "%s_weights", kind);
    if (!take_list(im, d, arena_printf(im->scratch, "%s_treeids", kind), &tree) ||
        !take_list(im, d, arena_printf(im->scratch, "%s_nodeids", kind), &id) || !take_list(im, d, ids, &target) ||
        !take_numbers(im, d, weights, &weight) || !check_length(im, d, ids, target.n, tree.n) ||
        !check_length(im, d, weights, weight.n, tree.n) ||
        !check_length(im, d, arena_printf(im->scratch, "%s_nodeids", kind), id.n, tree.n))
        return false;
    Leaf *leaf = ARENA_ARRAY(im->scratch, Leaf, tree.n);
    f->weights = tree.n;
    f->target = ARENA_ARRAY(im->scratch, int64_t, tree.n);
    f->weight = ARENA_ARRAY(im->scratch, double, tree.n);
    for (int i = 0; i < tree.n; i++) {
        leaf[i] = (Leaf){find_node(sorted, f->nodes, tree.v[i], id.v[i]), target.v[i], weight.v[i], i};
        if (!leaf[i].node)
            return bad_node(im, d, "it has a weight, but is not there", id.v[i]);
    }
    if (tree.n)
        qsort(leaf, (size_t)tree.n, sizeof *leaf, compare_leaves);
    for (int i = 0; i < tree.n; i++) {
        f->target[i] = leaf[i].target;
        f->weight[i] = leaf[i].weight;
        if (!i || leaf[i].node != leaf[i - 1].node)
            leaf[i].node->first = i;
        leaf[i].node->end = i + 1;
    }
    return true;
}

// Trees compare in float, doubles in double.
static Value *tree_input(Importer *im, const Draft *d) {
    return draft_dtype(d, 0) == DT_F64 ? d->in[0] : draft_cast(im, d, d->in[0], DT_F32);
}

static bool take_forest(Importer *im, Draft *d, const char *kind, Forest *f, Floats *base) {
    NamedNodes columns;
    if (!draft_need(im, d, 1) || !take_columns(im, d, &columns, f))
        return false;
    TreeNode **sorted = ARENA_ARRAY(im->scratch, TreeNode *, f->nodes);
    return link_nodes(im, d, &columns, f, sorted) && find_roots(im, d, f, sorted) &&
           take_weights(im, d, kind, f, sorted) && take_numbers(im, d, "base_values", base);
}

static Value *add_base(Importer *im, const Draft *d, Value *sums, const Floats *base) {
    if (!base->n)
        return sums;
    return draft_node(im, d, OP_Add, sums, ml_list(im, d, "base", sums->type.dtype, base->v, base->n), NULL);
}

bool make_tree_regressor(Importer *im, Draft *d) {
    static const char *const words[] = {"AVERAGE", "SUM", "MIN", "MAX", NULL};
    Forest forest = {0};
    Floats base;
    int64_t targets;
    int transform, aggregate = TREE_SUM;
    if (!take_forest(im, d, "target", &forest, &base) || !draft_take_int(im, d, "n_targets", 1, &targets) ||
        !draft_take_word(im, d, "aggregate_function", words, &aggregate) || !ml_take_transform(im, d, &transform))
        return false;
    if (base.n && !check_length(im, d, "base_values", base.n, targets))
        return false;
    Value *sums = forest_value(im, d, &forest, tree_input(im, d), aggregate, targets);
    if (!sums)
        return false;
    sums = ml_transform(im, d, add_base(im, d, sums, &base), transform);
    return draft_done(im, d, draft_cast(im, d, sums, DT_F32));
}

// Two classes, but weights for one only: that is the score of the second class.
static bool make_two_classes(Importer *im, Draft *d, Forest *f, const Floats *base, const MlLabels *labels,
                             int transform) {
    bool positive = true;
    for (int64_t i = 0; i < f->weights; i++) {
        positive = positive && f->weight[i] >= 0;
        f->target[i] = 0;
    }
    Value *score = forest_value(im, d, f, tree_input(im, d), TREE_SUM, 1);
    if (!score)
        return false;
    Floats last = {base->n ? 1 : 0, base->n ? base->v + base->n - 1 : NULL};
    score = draft_cast(im, d, add_base(im, d, score, &last), DT_F32);
    Value *label = ml_label_of_score(im, d, labels, score, positive ? 0.5 : 0);
    return draft_define(im, d, 1, ml_two_columns(im, d, score, transform, positive)) && draft_done(im, d, label);
}

bool make_tree_classifier(Importer *im, Draft *d) {
    Forest forest = {0};
    Floats base;
    MlLabels labels;
    int transform;
    if (!take_forest(im, d, "class", &forest, &base) || !ml_take_labels(im, d, &labels) ||
        !ml_take_transform(im, d, &transform))
        return false;
    bool one = forest.weights > 0;
    for (int64_t i = 1; i < forest.weights; i++)
        one = one && forest.target[i] == forest.target[0];
    if (base.n > 2 && !check_length(im, d, "base_values", base.n, labels.n))
        return false;
    if (labels.n <= 2 && one)
        return make_two_classes(im, d, &forest, &base, &labels, transform);
    if (base.n && !check_length(im, d, "base_values", base.n, labels.n))
        return false;
    Value *scores = forest_value(im, d, &forest, tree_input(im, d), TREE_SUM, labels.n);
    if (!scores)
        return false;
    scores = draft_cast(im, d, add_base(im, d, scores, &base), DT_F32);
    Value *label = ml_label_of_index(im, d, &labels, ml_best(im, d, scores));
    return draft_define(im, d, 1, ml_transform(im, d, scores, transform)) && draft_done(im, d, label);
}

// The newer form: branches and leaves by number.

enum { MODE_MEMBER = 6 };

typedef struct Branches {
    Ints feature, yes, no, yes_leaf, no_leaf, missing, root, target;
    Floats mode, split, weight, members;
} Branches;

static bool take_branches(Importer *im, Draft *d, Branches *b) {
    if (!take_list(im, d, "nodes_featureids", &b->feature) || !take_list(im, d, "nodes_truenodeids", &b->yes) ||
        !take_list(im, d, "nodes_falsenodeids", &b->no) || !take_list(im, d, "nodes_trueleafs", &b->yes_leaf) ||
        !take_list(im, d, "nodes_falseleafs", &b->no_leaf) || !take_list(im, d, "tree_roots", &b->root) ||
        !take_list(im, d, "nodes_missing_value_tracks_true", &b->missing) ||
        !take_list(im, d, "leaf_targetids", &b->target) || !take_tensor(im, d, "nodes_modes", &b->mode) ||
        !take_tensor(im, d, "nodes_splits", &b->split) || !take_tensor(im, d, "leaf_weights", &b->weight) ||
        !take_tensor(im, d, "membership_values", &b->members))
        return false;
    draft_take(d, "nodes_hitrates");
    int n = b->feature.n;
    return check_length(im, d, "nodes_modes", b->mode.n, n) && check_length(im, d, "nodes_splits", b->split.n, n) &&
           check_length(im, d, "nodes_truenodeids", b->yes.n, n) &&
           check_length(im, d, "nodes_falsenodeids", b->no.n, n) &&
           check_length(im, d, "nodes_trueleafs", b->yes_leaf.n, n) &&
           check_length(im, d, "nodes_falseleafs", b->no_leaf.n, n) &&
           (!b->missing.n || check_length(im, d, "nodes_missing_value_tracks_true", b->missing.n, n)) &&
           check_length(im, d, "leaf_weights", b->weight.n, b->target.n);
}

// Child `id` as an index: branches come first, then leaves.
static bool child_of(const Branches *b, int64_t id, bool leaf, int64_t *index) {
    int64_t branches = b->feature.n, leaves = b->target.n;
    *index = leaf ? branches + id : id;
    return id >= 0 && id < (leaf ? leaves : branches);
}

// The members of the next set, up to a NaN or the end: node `i` asks for the first, nodes of its own for the others.
static int64_t add_members(const Branches *b, int64_t *at, TreeNode *list, int64_t i, int64_t free) {
    TreeNode *node = &list[i];
    int64_t no = node->no;
    node->mode = TREE_EQ | (node->mode & TREE_MISSING);
    node->split = NAN;  // of an empty set: never equal
    if (*at < b->members.n && !isnan(b->members.v[*at]))
        node->split = b->members.v[(*at)++];
    for (; *at < b->members.n && !isnan(b->members.v[*at]); (*at)++, free++) {
        list[free] = *node;
        list[free].split = b->members.v[*at];
        list[free].no = no;
        node->no = free;
        node = &list[free];
    }
    (*at)++;
    return free;
}

static bool read_branches(Importer *im, const Draft *d, const Branches *b, Forest *f) {
    int64_t branches = b->feature.n, leaves = b->target.n, at = 0;
    f->node = ARENA_ARRAY(im->scratch, TreeNode, branches + leaves + b->members.n);
    f->nodes = branches + leaves;
    for (int64_t i = 0; i < branches; i++) {
        double mode = b->mode.v[i];
        TreeNode *node = &f->node[i];
        if (!(mode >= 0 && mode <= (double)MODE_MEMBER))
            return bad_node(im, d, "its mode is not known", i);
        *node = (TreeNode){.mode = (int)mode, .split = b->split.v[i], .feature = b->feature.v[i]};
        if (node->feature < 0 || node->feature > INT32_MAX)
            return bad_node(im, d, "its feature is out of range", i);
        if (!child_of(b, b->yes.v[i], b->yes_leaf.v[i] != 0, &node->yes) ||
            !child_of(b, b->no.v[i], b->no_leaf.v[i] != 0, &node->no))
            return bad_node(im, d, "it leads to a node that is not there", i);
        bool member = node->mode == MODE_MEMBER;
        node->mode = (member ? TREE_EQ : node->mode) | (b->missing.n && b->missing.v[i] ? TREE_MISSING : 0);
        if (member)
            f->nodes = add_members(b, &at, f->node, i, f->nodes);
    }
    for (int64_t i = 0; i < leaves; i++)
        f->node[branches + i] = (TreeNode){.mode = TREE_LEAF, .first = i, .end = i + 1};
    f->roots = b->root.n;
    f->root = b->root.v;
    for (int64_t i = 0; i < f->roots; i++)
        if (f->root[i] < 0 || f->root[i] >= branches)
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "tree %lld: its root is not there", (long long)i);
    f->weights = leaves;
    f->target = b->target.v;
    f->weight = b->weight.v;
    return true;
}

bool make_tree_ensemble(Importer *im, Draft *d) {
    Branches branches;
    Forest forest = {0};
    int64_t targets, aggregate, transform;
    if (!draft_need(im, d, 1) || !take_branches(im, d, &branches) || !draft_take_int(im, d, "n_targets", 1, &targets) ||
        !draft_take_int(im, d, "aggregate_function", TREE_SUM, &aggregate) ||
        !draft_take_int(im, d, "post_transform", ML_NONE, &transform) || !read_branches(im, d, &branches, &forest))
        return false;
    if (aggregate < TREE_AVERAGE || aggregate > TREE_MAX || transform < ML_NONE || transform > ML_PROBIT)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "'aggregate_function' or 'post_transform' is not known");
    Value *sums = forest_value(im, d, &forest, tree_input(im, d), (int)aggregate, targets);
    if (!sums)
        return false;
    return draft_done(im, d, draft_cast(im, d, ml_transform(im, d, sums, (int)transform), draft_dtype(d, 0)));
}
