// sqz.Trees: decision trees, as nodes in one table. Each row of x goes down each tree, and the weights of the leaves
// where it ends are added up, or the least or largest is taken.
//
//     at = root[t];  while (node[at] is a branch)  at = x[feature[at]] <= split[at] ? yes[at] : no[at]
//
// Inference has checked the tables: no index leads outside, and branches lead to later nodes, so a path is at most as
// long as the table. Rows are shared among threads. Comparisons that no node makes are not emitted.
#include <math.h>

#include "codegen/lower.h"
#include "ir/element.h"
#include "ops/copy.h"

typedef struct Trees {
    Ptr x, nodes, splits, roots, targets, weights, y;
    int64_t features, count, trees, columns;
    int aggregate;     // TreeAggregate
    unsigned modes;    // a bit for each TreeMode that a node has
    bool missing;      // some node has TREE_MISSING
    Var single;        // the result of a row, where it has one column
} Trees;

static void find_modes(Trees *t, const Constant *nodes) {
    for (int64_t i = 0; i < t->count; i++) {
        int64_t mode = element_int(DT_I32, constant_bytes(nodes), 4 * i);
        t->modes |= mode == TREE_LEAF ? 0 : 1u << (mode & ~TREE_MISSING);
        t->missing = t->missing || (mode & TREE_MISSING);
    }
}

static Val holds(Emit *e, TreeMode mode, Val x, Val split) {
    switch (mode) {
    case TREE_LEQ: return e_le(e, x, split);
    case TREE_LT: return e_lt(e, x, split);
    case TREE_GTE: return e_ge(e, x, split);
    case TREE_GT: return e_gt(e, x, split);
    case TREE_EQ: return e_eq(e, x, split);
    case TREE_NEQ: return e_ne(e, x, split);
    case TREE_LEAF: break;
    }
    return e_bool(e, false);
}

static Val is_true(Emit *e, const Trees *t, Val mode, Val x, Val split) {
    Val plain = t->missing ? e_and(e, mode, e_int(e, DT_I32, ~(int64_t)TREE_MISSING)) : mode, result = {0};
    for (int i = TREE_LEQ; i < TREE_LEAF; i++) {
        if (!(t->modes & 1u << i))
            continue;
        Val here = holds(e, (TreeMode)i, x, split);
        result = result.v ? e_select(e, e_eq(e, plain, e_int(e, DT_I32, i)), here, result) : here;
    }
    if (!result.v)
        return e_bool(e, false);
    if (!t->missing)
        return result;
    Val tracked = e_ne(e, e_and(e, mode, e_int(e, DT_I32, TREE_MISSING)), e_int(e, DT_I32, 0));
    return e_or(e, result, e_and(e, tracked, e_is_nan(e, x)));
}

static Val column(Emit *e, const Trees *t, Val node, int index) {
    return e_load(e, t->nodes, e_add_const(e, e_mul_const(e, e_to_index(e, node), 4), index), 1);
}

// The leaf where the row that begins at `row` ends.
static Val walk(Emit *e, const Trees *t, Val root, Val row) {
    Var at = e_var(e, root);
    EMIT_TIMES(e, level, t->count) {
        Val node = e_get(e, at), mode = column(e, t, node, 0);
        e_break_if(e, &level, e_eq(e, mode, e_int(e, DT_I32, TREE_LEAF)));
        Val x = e_load(e, t->x, e_add(e, row, e_to_index(e, column(e, t, node, 1))), 1);
        Val yes = is_true(e, t, mode, x, e_load(e, t->splits, e_to_index(e, node), 1));
        e_set(e, at, e_select(e, yes, column(e, t, node, 2), column(e, t, node, 3)));
    }
    return e_get(e, at);
}

static bool is_sum(const Trees *t) {
    return t->aggregate == TREE_SUM || t->aggregate == TREE_AVERAGE;
}

static Val combined(Emit *e, const Trees *t, Val old, Val weight) {
    if (is_sum(t))
        return e_add(e, old, weight);
    Val best = t->aggregate == TREE_MIN ? e_min(e, old, weight) : e_max(e, old, weight);
    return e_select(e, e_is_nan(e, old), weight, best);  // NaN: none yet
}

static void add_leaf(Emit *e, const Trees *t, Val leaf, Val y) {
    EMIT_FOR(e, i, e_to_index(e, column(e, t, leaf, 1)), e_to_index(e, column(e, t, leaf, 2)), 1) {
        Val weight = e_load(e, t->weights, i.i, 1);
        if (t->columns == 1) {
            e_set(e, t->single, combined(e, t, e_get(e, t->single), weight));
        } else {
            Val to = e_add(e, y, e_to_index(e, e_load(e, t->targets, i.i, 1)));
            e_store(e, t->y, to, combined(e, t, e_load(e, t->y, to, 1), weight));
        }
    }
}

static Val finished(Emit *e, const Trees *t, Val sum) {
    if (t->aggregate == TREE_AVERAGE)
        return e_div(e, sum, e_float(e, sum.dtype, (double)(t->trees ? t->trees : 1)));
    return is_sum(t) ? sum : e_select(e, e_is_nan(e, sum), e_zero(e, sum.dtype, 1), sum);
}

static void tree_row(Emit *e, Trees *t, Val row) {
    Val x = e_mul_const(e, row, t->features), y = e_mul_const(e, row, t->columns);
    Val none = e_float(e, t->y.dtype, is_sum(t) ? 0 : (double)NAN);
    if (t->columns == 1)
        t->single = e_var(e, none);
    else
        EMIT_TIMES(e, i, t->columns)
            e_store(e, t->y, e_add(e, y, i.i), none);
    EMIT_TIMES(e, tree, t->trees)
        add_leaf(e, t, walk(e, t, e_load(e, t->roots, tree.i, 1), x), y);
    if (t->columns == 1) {
        e_store(e, t->y, y, finished(e, t, e_get(e, t->single)));
        return;
    }
    EMIT_TIMES(e, i, t->columns) {
        Val to = e_add(e, y, i.i);
        e_store(e, t->y, to, finished(e, t, e_load(e, t->y, to, 1)));
    }
}

static void lower_trees(Emit *e, const Node *node) {
    const TreeAttrs *attrs = node->attrs;
    const Type *type = &node->in[0]->type;
    Trees trees = {.x = e_in(e, 0),
                   .nodes = e_in(e, 1),
                   .splits = e_in(e, 2),
                   .roots = e_in(e, 3),
                   .targets = e_in(e, 4),
                   .weights = e_in(e, 5),
                   .y = e_out(e, 0),
                   .features = type_size(type, 1),
                   .count = type_size(&node->in[1]->type, 0),
                   .trees = type_size(&node->in[3]->type, 0),
                   .columns = attrs->targets,
                   .aggregate = attrs->aggregate};
    find_modes(&trees, value_data(node->in[1]));
    Share share = e_share(e, type_size(type, 0));
    EMIT_FOR(e, row, share.begin, share.end, 1)
        tree_row(e, &trees, row.i);
}

const OpImpl impl_Trees = {.lower = lower_trees};
