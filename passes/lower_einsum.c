// An Einsum of two factors that is a product of matrices, or of a batch of them, becomes a MatMul. Each letter belongs
// to one of four groups, by where it stands; axes of size 1 are left out, since they are repeated or say nothing:
//
//     batch     in both factors and in the result
//     rows      in the left factor and in the result
//     columns   in the right factor and in the result
//     sums      in both factors only
//
//     %y = Einsum(%q, %k) {equation = "bihd,bjhd->bhij"}     %l = Transpose(%q) {perm = [0, 2, 1, 3]}   batch rows sums
//                                                            %r = Transpose(%k) {perm = [0, 2, 3, 1]}   batch sums
//                                                            columns %m = MatMul(%l', %r')   each group one axis, by
//                                                            reshapes %y = Reshape(%m)
//
// Which factor is the left one, and in which factor's order the sums are, is chosen to move the fewest elements; those
// of constants are folded later. Without a batch a constant is the right factor, since that is what kernels pack.
//
// Without a sum it is a Mul of the factors, their axes in the result's order, of size 1 where only the other one has
// the letter:
//
//     %y = Einsum(%a, %b) {equation = "i,j->ij"}             %y = Mul(%a', %b')   f32<8x1>, f32<1x8>
//
// A letter that stands twice in a factor, or in one factor only and not in the result, is no such product: those keep
// the loop nest, as do sums of integers and empty values.
#include "ir/einsum.h"

#include "passes/pass.h"
#include "passes/rewrite.h"

typedef struct Labels {
    int n, label[MAX_RANK];
} Labels;

enum { LEFT, RIGHT, RESULT, SIDES };

typedef struct Matrices {
    Value *value[SIDES];
    Labels own[SIDES];    // of the axes that are not 1, in the value's order
    Labels want[SIDES];   // the same, group by group
    Labels batch, rows, columns, sums;
    int64_t moved;        // elements of transposes
} Matrices;

static bool has(const Labels *list, int label) {
    for (int i = 0; i < list->n; i++)
        if (list->label[i] == label)
            return true;
    return false;
}

static void add(Labels *list, int label) {
    list->label[list->n++] = label;
}

static void add_all(Labels *list, const Labels *more) {
    for (int i = 0; i < more->n; i++)
        add(list, more->label[i]);
}

// The labels of a value's axes that are not 1; false if one occurs twice.
static bool labels_of(const Value *value, const int *label, Labels *list) {
    for (int i = 0; i < value->type.rank; i++) {
        if (value->type.dim[i].n == 1)
            continue;
        if (has(list, label[i]))
            return false;
        add(list, label[i]);
    }
    return true;
}

static bool same_order(const Labels *a, const Labels *b) {
    for (int i = 0; i < a->n; i++)
        if (a->label[i] != b->label[i])
            return false;
    return true;
}

// False if a label stands in one factor only. Sums are in the order of the `first` factor.
static bool group_labels(Matrices *m, int first) {
    const Labels *result = &m->own[RESULT];
    for (int i = 0; i < result->n; i++) {
        int label = result->label[i];
        bool left = has(&m->own[LEFT], label), right = has(&m->own[RIGHT], label);
        add(left && right ? &m->batch : left ? &m->rows : &m->columns, label);
    }
    for (int side = LEFT; side <= RIGHT; side++)
        for (int i = 0; i < m->own[side].n; i++) {
            int label = m->own[side].label[i];
            if (has(result, label))
                continue;
            if (!has(&m->own[RIGHT - side], label))
                return false;
            if (side == first)
                add(&m->sums, label);
        }
    return true;
}

static void order_sides(Matrices *m) {
    for (int side = LEFT; side < SIDES; side++) {
        add_all(&m->want[side], &m->batch);
        add_all(&m->want[side], side == RIGHT ? &m->sums : &m->rows);
        add_all(&m->want[side], side == LEFT ? &m->sums : &m->columns);
        if (!m->value[side]->data && !same_order(&m->own[side], &m->want[side]))
            m->moved += type_count(&m->value[side]->type);
    }
}

static bool match_order(const Node *node, const Einsum *einsum, int left, int first, Matrices *m) {
    *m = (Matrices){.value = {node->in[left], node->in[1 - left], node->out[0]}};
    if (!labels_of(m->value[LEFT], einsum->label[left], &m->own[LEFT]) ||
        !labels_of(m->value[RIGHT], einsum->label[1 - left], &m->own[RIGHT]) ||
        !labels_of(m->value[RESULT], einsum->result, &m->own[RESULT]) || !group_labels(m, first))
        return false;
    order_sides(m);
    return true;
}

static bool is_packed(const Matrices *m) {
    return m->batch.n == 0 && m->value[RIGHT]->data;
}

static bool is_better(const Matrices *a, const Matrices *b) {
    return is_packed(a) != is_packed(b) ? is_packed(a) : a->moved < b->moved;
}

static bool is_sized(const Value *value) {
    return value && type_is_static(&value->type) && type_count(&value->type) > 0;
}

static bool match(const Node *node, Matrices *best) {
    Einsum einsum;
    if (node->op != OP_Einsum || node->nin != 2 || node->kernel || !is_sized(node->in[0]) || !is_sized(node->in[1]) ||
        !is_sized(node->out[0]) || einsum_read(node, &einsum))
        return false;
    for (int order = 0; order < 4; order++) {
        Matrices m;
        if (!match_order(node, &einsum, order / 2, order % 2, &m))
            return false;
        if (order == 0 || is_better(&m, best))
            *best = m;
    }
    return best->sums.n == 0 || dtype_is_float(node->out[0]->type.dtype);
}

static Value *reshaped(Node *where, Value *x, int rank, const int64_t *size) {
    Type type = type_make(x->type.dtype, rank, size);
    return type_same_shape(&type, &x->type) ? x : reshape_before(where, x, rank, size);
}

static int find(const Labels *list, int label) {
    int i = 0;
    while (list->label[i] != label)
        i++;
    return i;
}

// A value whose axes are `from`, with them in the order of `to`.
static Value *transposed(Node *where, Value *x, const Labels *from, const Labels *to) {
    Ints perm = {to->n, ARENA_ARRAY(where->graph->module->arena, int64_t, to->n + 1)};
    if (same_order(from, to))
        return x;
    for (int i = 0; i < to->n; i++)
        perm.v[i] = find(from, to->label[i]);
    return transpose_before(where, x, perm);
}

static int64_t elements(const Labels *list, const int64_t *size) {
    int64_t n = 1;
    for (int i = 0; i < list->n; i++)
        n *= size[list->label[i]];
    return n;
}

static Value *factor(Node *where, const Matrices *m, int side, const int64_t *size) {
    Value *x = m->value[side];
    int64_t own[MAX_RANK], flat[3];
    int rank = 0;
    if (!same_order(&m->own[side], &m->want[side])) {
        for (int i = 0; i < m->own[side].n; i++)
            own[i] = size[m->own[side].label[i]];
        x = transposed(where, reshaped(where, x, m->own[side].n, own), &m->own[side], &m->want[side]);
    }
    if (m->batch.n > 0)
        flat[rank++] = elements(&m->batch, size);
    flat[rank++] = elements(side == RIGHT ? &m->sums : &m->rows, size);
    flat[rank++] = elements(side == LEFT ? &m->sums : &m->columns, size);
    return reshaped(where, x, rank, flat);
}

// A factor with the axes of the result, of size 1 where it has none.
static Value *spread(Node *where, const Matrices *m, int side) {
    const Type *x = &m->value[side]->type, *y = &m->value[RESULT]->type;
    const Labels *own = &m->own[side], *result = &m->own[RESULT];
    int64_t from[MAX_RANK], to[MAX_RANK];
    Labels want = {0};
    for (int i = 0, n = 0; i < x->rank; i++)
        if (x->dim[i].n != 1)
            from[n++] = x->dim[i].n;
    for (int i = 0, n = 0; i < y->rank; i++) {
        bool has_axis = y->dim[i].n != 1 && has(own, result->label[n]);
        to[i] = has_axis ? y->dim[i].n : 1;
        if (has_axis)
            add(&want, result->label[n]);
        n += y->dim[i].n != 1;
    }
    Value *flat = same_order(own, &want) ? m->value[side] : reshaped(where, m->value[side], own->n, from);
    return reshaped(where, transposed(where, flat, own, &want), y->rank, to);
}

// y becomes the node's result.
static void put_result(Node *node, Value *y) {
    node->out[0]->def = y->def;
    y->def->out[0] = node->out[0];
    node->nout = 0;
    node_remove(node);
}

static void apply_mul(Node *node, const Matrices *m) {
    Value *left = spread(node, m, LEFT), *right = spread(node, m, RIGHT);
    put_result(node, node_before(node, OP_Mul, left, right, node->out[0]->type));
}

static void apply_matmul(Node *node, const Matrices *m) {
    int64_t size[EINSUM_LABELS], out[MAX_RANK];
    for (int side = LEFT; side <= RIGHT; side++)
        for (int i = 0, k = 0; i < m->value[side]->type.rank; i++)
            if (m->value[side]->type.dim[i].n != 1)
                size[m->own[side].label[k++]] = m->value[side]->type.dim[i].n;
    Value *left = factor(node, m, LEFT, size), *right = factor(node, m, RIGHT, size), *result = m->value[RESULT];
    int rank = left->type.rank;
    Type type = left->type;
    type.dim[rank - 1] = right->type.dim[rank - 1];
    Value *y = node_before(node, OP_MatMul, left, right, type);
    if (!same_order(&m->own[RESULT], &m->want[RESULT])) {
        for (int i = 0; i < m->want[RESULT].n; i++)
            out[i] = size[m->want[RESULT].label[i]];
        y = transposed(node, reshaped(node, y, m->want[RESULT].n, out), &m->want[RESULT], &m->own[RESULT]);
    }
    for (int i = 0; i < result->type.rank; i++)
        out[i] = result->type.dim[i].n;
    put_result(node, reshaped(node, y, result->type.rank, out));
}

bool pass_lower_einsum(PassContext *ctx, Graph *graph) {
    (void)ctx;
    for (Node *node = graph->first, *next; node; node = next) {
        Matrices m;
        next = node->next;
        if (match(node, &m))
            (m.sums.n ? apply_matmul : apply_mul)(node, &m);
    }
    return true;
}
