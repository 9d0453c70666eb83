// Sequences and optionals exist while importing only: a name stands for a list of values, whose length must be known
// then. An optional that holds something is that thing, so what is left of it is whether it holds nothing.
#include "onnx/lists.h"

#include <string.h>

#include "ir/infer_check.h"
#include "onnx/subgraph.h"

bool takes_lists(const char *op) {
    static const char *const ops[] = {
        "ConcatFromSequence", "Identity",      "Loop",          "Optional",       "OptionalGetElement",
        "OptionalHasElement", "SequenceAt",    "SequenceErase", "SequenceInsert", "SequenceLength",
        "SequenceMap"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(ops[i], op))
            return true;
    return false;
}

static List *list_new(Importer *im, Value *const *item, int n, DType dtype) {
    List *list = ARENA_NEW(im->scratch, List);
    *list = (List){.n = n, .item = ARENA_ARRAY(im->scratch, Value *, n), .dtype = dtype};
    for (int i = 0; i < n; i++)
        list->item[i] = item[i];
    return list;
}

// The sequence that input 0 must be; null after an error.
static List *need_list(Importer *im, const Draft *d) {
    List *list = draft_list(d, 0);
    if (list && !list->none)
        return list;
    diag_error(im->diag, d->loc, E_DTYPE, "input 0 must be a sequence%s", list ? ", but the optional is empty" : "");
    return NULL;
}

// The position that an input gives, wrapped; `most` is the largest that is allowed.
static bool need_position(Importer *im, const Draft *d, int index, int n, int most, int *position) {
    int64_t at;
    if (!draft_in(d, index) || !draft_known(im, d->in[index], &at))
        return diag_error(im->diag, d->loc, E_DYNAMIC,
                          "the position in the sequence must be constant: export the model "
                          "without it, or use --bind");
    int64_t wrapped = at < 0 ? at + n : at;
    if (wrapped < 0 || wrapped > most)
        return diag_error(im->diag, d->loc, E_RANGE, "position %lld is outside of the sequence of %d", (long long)at,
                          n);
    *position = (int)wrapped;
    return true;
}

// The output's name stands for a value that has a name already.
static bool define_alias(Importer *im, Draft *d, Value *value) {
    d->done = true;
    if (!draft_all_taken(im, d))
        return false;
    return !draft_wants(d, 0) || scope_define(d->scope, d->out[0], NAME_VALUE, value) ||
           diag_error(im->diag, d->loc, E_GRAPH, "value '%s' is defined twice", d->out[0]);
}

static bool define_list(Importer *im, Draft *d, List *list) {
    if (!draft_all_taken(im, d))
        return false;
    return draft_define_list(im, d, 0, list);
}

// Each element is a value to import: lists that grow by a few nodes cannot become huge.
static bool define_longer(Importer *im, Draft *d, List *list) {
    return import_work(im, (size_t)list->n, 0) && define_list(im, d, list);
}

// ---- Sequences

bool make_sequence_empty(Importer *im, Draft *d) {
    draft_take(d, "dtype");
    return define_list(im, d, list_new(im, NULL, 0, DT_NONE));
}

bool make_sequence_construct(Importer *im, Draft *d) {
    return draft_need(im, d, d->nin > 0 ? d->nin : 1) &&
           define_longer(im, d, list_new(im, d->in, d->nin, draft_dtype(d, 0)));
}

bool make_sequence_insert(Importer *im, Draft *d) {
    const List *from = need_list(im, d);
    int at = from ? from->n : 0;
    if (!from || (draft_in(d, 2) && !need_position(im, d, 2, from->n, from->n, &at)))
        return false;
    if (!draft_in(d, 1))
        return diag_error(im->diag, d->loc, E_ARITY, "input 1 must be a tensor");
    List *list = list_new(im, NULL, 0, draft_dtype(d, 1));
    list->item = ARENA_ARRAY(im->scratch, Value *, from->n + 1);
    for (int i = 0; i < from->n; i++)
        list->item[i + (i >= at)] = from->item[i];
    list->item[at] = d->in[1];
    list->n = from->n + 1;
    return define_longer(im, d, list);
}

bool make_sequence_erase(Importer *im, Draft *d) {
    const List *from = need_list(im, d);
    int at = from ? from->n - 1 : 0;
    if (!from || (draft_in(d, 1) && !need_position(im, d, 1, from->n, from->n - 1, &at)))
        return false;
    if (at < 0)
        return diag_error(im->diag, d->loc, E_RANGE, "the sequence is empty");
    List *list = list_new(im, from->item, from->n, from->dtype);
    for (int i = at + 1; i < from->n; i++)
        list->item[i - 1] = from->item[i];
    list->n--;
    return define_longer(im, d, list);
}

// An element that the data says: a row of all of them side by side, which must be of one shape.
static bool element_by_data(Importer *im, Draft *d, const List *list) {
    Value **rows = ARENA_ARRAY(im->scratch, Value *, list->n);
    if (!list->n)
        return diag_error(im->diag, d->loc, E_RANGE, "the sequence is empty");
    if (!import_work(im, 2 * (size_t)list->n, (size_t)list->n))
        return false;
    for (int i = 0; i < list->n; i++)
        rows[i] = draft_node(im, d, OP_Unsqueeze, list->item[i], draft_int(im, d, "axis", 0), NULL);
    Node *all = draft_append(im, d, OP_Concat, rows, list->n, 1);
    ((AxisAttrs *)all->attrs)->axis = 0;
    Value *table = node_output(all, 0, NULL, type_unknown());
    draft_infer(im, all);
    Value *row = draft_node(im, d, OP_Reshape, d->in[1], draft_ints(im, d, "scalar", NULL, 0), NULL);
    return draft_done(im, d, draft_node(im, d, OP_Gather, table, row, NULL));
}

bool make_sequence_at(Importer *im, Draft *d) {
    const List *list = need_list(im, d);
    int64_t number;
    int at;
    if (list && draft_in(d, 1) && !draft_known(im, d->in[1], &number))
        return element_by_data(im, d, list);
    return list && need_position(im, d, 1, list->n, list->n - 1, &at) && define_alias(im, d, list->item[at]);
}

bool make_sequence_length(Importer *im, Draft *d) {
    const List *list = need_list(im, d);
    if (!list)
        return false;
    int64_t *length = arena_alloc(im->arena, sizeof *length);
    Type type = type_make(DT_I64, 0, NULL);
    *length = list->n;
    return draft_done(im, d, draft_constant(im, d, "length", &type, length));
}

bool make_concat_from_sequence(Importer *im, Draft *d) {
    const List *list = need_list(im, d);
    int64_t axis = 0, new_axis;
    if (!list || !draft_take_int(im, d, "axis", 0, &axis) || !draft_take_int(im, d, "new_axis", 0, &new_axis))
        return false;
    if (!list->n)
        return diag_error(im->diag, d->loc, E_SHAPE, "the sequence is empty, so the result has no shape");
    Value **parts = ARENA_ARRAY(im->scratch, Value *, list->n);
    if (!import_work(im, (size_t)list->n, (size_t)list->n))
        return false;
    for (int i = 0; i < list->n; i++)
        parts[i] = new_axis ? draft_node(im, d, OP_Unsqueeze, list->item[i], draft_int(im, d, "axis", axis), NULL)
                            : list->item[i];
    Node *node = draft_append(im, d, OP_Concat, parts, list->n, 1);
    ((AxisAttrs *)node->attrs)->axis = axis;
    Value *result = node_output(node, 0, NULL, type_unknown());
    draft_infer(im, node);
    return draft_done(im, d, result);
}

// ---- SplitToSequence

// The sizes of the parts: as given, of one size but the last, or 1 each.
static bool split_sizes(Importer *im, const Draft *d, int64_t length, Ints *sizes) {
    const Value *split = draft_in(d, 1);
    im->infer.arena = im->scratch;
    const DimTensor *known = split ? infer_known(&im->infer, split) : NULL;
    int64_t sum = 0, each = 1;
    if (split && (!known || split->type.rank > 1))
        return diag_error(im->diag, d->loc, E_DYNAMIC, "input 1 ('%s') decides how long the sequence is and must be "
                          "constant: use --bind", split->name);
    for (int i = 0; split && i < known->n; i++)
        if (known->v[i].sym || known->v[i].n < (split->type.rank ? 0 : 1))
            return diag_error(im->diag, d->loc, E_SHAPE, "a part of the split has no size");
    if (split && split->type.rank == 1) {
        *sizes = (Ints){known->n, ARENA_ARRAY(im->scratch, int64_t, known->n)};
        for (int i = 0; i < known->n; i++)
            sum += sizes->v[i] = known->v[i].n;
        return sum == length || diag_error(im->diag, d->loc, E_SHAPE, "the parts have %lld elements, the axis %lld",
                                           (long long)sum, (long long)length);
    }
    if (split)
        each = known->v[0].n;
    int64_t n = length / each + (length % each != 0);
    if (n > VALUES_MAX)
        return diag_error(im->diag, d->loc, E_LIMIT, "the sequence would have %lld elements", (long long)n);
    *sizes = (Ints){(int)n, ARENA_ARRAY(im->scratch, int64_t, n)};
    for (int i = 0; i < sizes->n; i++)
        sizes->v[i] = i + 1 < sizes->n ? each : length - each * (n - 1);
    return true;
}

bool make_split_to_sequence(Importer *im, Draft *d) {
    int64_t axis, keepdims;
    Ints sizes = {0};
    if (!draft_need(im, d, 1) || !draft_take_int(im, d, "axis", 0, &axis) ||
        !draft_take_int(im, d, "keepdims", 1, &keepdims))
        return false;
    int rank = draft_rank(d, 0), at = (int)(axis < 0 ? axis + rank : axis);
    if (rank < 0)
        return diag_error(im->diag, d->loc, E_DYNAMIC,
                          "the shape of its input is not known, which decides how long the "
                          "sequence is");
    if (axis < -rank || axis >= rank)
        return diag_error(im->diag, d->loc, E_SHAPE, "axis %lld is out of range for rank %d", (long long)axis, rank);
    Dim length = d->in[0]->type.dim[at];
    if (length.sym)
        return diag_error(im->diag, d->loc, E_SYMBOL, "dimension '%s' decides how long the sequence is: bind it with "
                          "--dim %s=VALUE", length.sym->name, length.sym->name);
    if (!split_sizes(im, d, length.n, &sizes) || !import_work(im, (size_t)sizes.n, 2 * (size_t)sizes.n))
        return false;
    List *list = list_new(im, NULL, 0, draft_dtype(d, 0));
    if (sizes.n) {
        Value *in[] = {d->in[0], draft_ints(im, d, "sizes", sizes.v, sizes.n)};
        Node *node = draft_append(im, d, OP_Split, in, 2, sizes.n);
        ((SplitAttrs *)node->attrs)->axis = axis;
        for (int i = 0; i < sizes.n; i++)
            node_output(node, i, arena_printf(im->scratch, "%s_%d", d->out[0], i), type_unknown());
        draft_infer(im, node);
        list = list_new(im, node->out, sizes.n, draft_dtype(d, 0));
    }
    for (int i = 0; !keepdims && !draft_in(d, 1) && i < list->n; i++)
        list->item[i] = draft_node(im, d, OP_Squeeze, list->item[i], draft_int(im, d, "axis", axis), NULL);
    return define_list(im, d, list);
}

// ---- SequenceMap

static bool map_length(Importer *im, const Draft *d, int *n) {
    *n = need_list(im, d) ? d->list[0]->n : -1;
    for (int i = 1; *n >= 0 && i < d->nlist; i++)
        if (d->list[i] && d->list[i]->n != *n)
            return diag_error(im->diag, d->loc, E_SHAPE, "input %d has %d elements, the first %d", i, d->list[i]->n,
                              *n);
    return *n >= 0;
}

bool make_sequence_map(Importer *im, Draft *d) {
    const Onnx__GraphProto *proto = subgraph_take(im, d, "body");
    int n;
    if (!proto || !map_length(im, d, &n))
        return false;
    if ((size_t)d->nout > proto->n_output)
        return diag_error(im->diag, d->loc, E_ARITY, "it has %d outputs, but its body %zu", d->nout, proto->n_output);
    Operand *in = ARENA_ARRAY(im->scratch, Operand, d->nin), *out = ARENA_ARRAY(im->scratch, Operand, proto->n_output);
    List **results = ARENA_ARRAY(im->scratch, List *, d->nout);
    for (int k = 0; k < d->nout; k++) {
        results[k] = list_new(im, NULL, 0, DT_NONE);
        results[k]->item = ARENA_ARRAY(im->scratch, Value *, n);
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < d->nin; k++)
            in[k].value = draft_list(d, k) ? d->list[k]->item[i] : d->in[k];
        if (!subgraph_import(im, d, d->scope, proto, in, d->nin, out))
            return false;
        for (int k = 0; k < d->nout; k++) {
            if (out[k].list)
                return diag_error(im->diag, d->loc, E_DTYPE, "output %d of the body must be a tensor", k);
            results[k]->item[results[k]->n++] = out[k].value;
        }
    }
    for (int k = 0; k < d->nout; k++)
        if (!draft_define_list(im, d, k, results[k]))
            return false;
    d->done = true;
    return true;
}

// ---- Optionals

bool make_optional(Importer *im, Draft *d) {
    draft_take(d, "type");
    if (draft_list(d, 0))
        return define_list(im, d, draft_list(d, 0));
    if (draft_in(d, 0))
        return define_alias(im, d, d->in[0]);
    List *list = list_new(im, NULL, 0, DT_NONE);
    list->none = true;
    return define_list(im, d, list);
}

bool make_optional_has_element(Importer *im, Draft *d) {
    const List *list = draft_list(d, 0);
    unsigned char *has = arena_alloc(im->arena, 1);
    Type type = type_make(DT_BOOL, 0, NULL);
    *has = list ? !list->none : draft_in(d, 0) != NULL;
    return draft_done(im, d, draft_constant(im, d, "has", &type, has));
}

bool make_optional_get_element(Importer *im, Draft *d) {
    List *list = draft_list(d, 0);
    if (list ? list->none : !draft_in(d, 0))
        return diag_error(im->diag, d->loc, E_DTYPE, "the optional is empty, so it has no element");
    return list ? define_list(im, d, list) : define_alias(im, d, d->in[0]);
}

bool make_identity(Importer *im, Draft *d) {
    return draft_list(d, 0) ? define_list(im, d, draft_list(d, 0)) : draft_finish(im, d, OP_Identity);
}
