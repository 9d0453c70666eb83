// If, Loop and Scan. What is known while importing is settled here: the branch that is always taken is inlined. A loop
// becomes a node with a body; one that carries sequences, or tensors whose shape changes from turn to turn, can only be
// unrolled, and then its turns must be known.
#include "onnx/flow.h"

#include <string.h>

#include "onnx/lists.h"
#include "onnx/subgraph.h"

static bool define(Importer *im, Draft *d, int output, const Operand *operand) {
    if (operand->list)
        return draft_define_list(im, d, output, operand->list);
    d->done = true;
    return !draft_wants(d, output) || scope_define(d->scope, d->out[output], NAME_VALUE, operand->value) ||
           diag_error(im->diag, d->loc, E_GRAPH, "value '%s' is defined twice", d->out[output]);
}

static const char *output_label(Importer *im, const Draft *d, int output, int element) {
    const char *label = draft_wants(d, output) ? scope_label(d->scope, d->out[output]) : NULL;
    return label && element >= 0 ? arena_printf(im->scratch, "%s_%d", label, element) : label;
}

static const char *input_name(const Onnx__GraphProto *proto, int index) {
    return (size_t)index < proto->n_input ? proto->input[index]->name : NULL;
}

// ---- If

static bool inline_branch(Importer *im, Draft *d, const Onnx__GraphProto *proto) {
    Operand *out = ARENA_ARRAY(im->scratch, Operand, proto->n_output);
    Scope *scope = d->scope;
    if (!subgraph_import(im, d, scope, proto, NULL, 0, out))
        return false;
    for (int i = 0; i < d->nout; i++)
        if (!define(im, d, i, &out[i]))
            return false;
    return true;
}

// The values of an operand: one, or the elements of a sequence.
static void add_values(Importer *im, const Operand *operand) {
    if (!operand->list)
        body_output(im, operand->value);
    for (int i = 0; operand->list && i < operand->list->n; i++)
        body_output(im, operand->list->item[i]);
}

static bool import_branch(Importer *im, Draft *d, const Onnx__GraphProto *proto, BodyGraph *body, Operand **out) {
    *out = ARENA_ARRAY(im->scratch, Operand, proto->n_output);
    if (!body_open(im, d, d->scope, body))
        return false;
    body_input(im, body, d->in[0]->name, d->in[0]->type);
    bool ok = subgraph_import(im, d, &body->scope, proto, NULL, 0, *out);
    for (int i = 0; ok && i < d->nout; i++)
        add_values(im, &(*out)[i]);
    body_close(im, body);
    return ok;
}

static bool branches_agree(Importer *im, const Draft *d, const Operand *yes, const Operand *no) {
    for (int i = 0; i < d->nout; i++) {
        const List *a = yes[i].list, *b = no[i].list;
        if (!a != !b || (a && (a->n != b->n || a->none != b->none)))
            return diag_error(im->diag, d->loc, E_DYNAMIC,
                              "output '%s' is not of one kind and length in both branches, so the condition must be "
                              "constant: use --bind", d->out[i]);
    }
    return true;
}

static bool define_branches(Importer *im, Draft *d, Node *node, const Operand *like) {
    int at = 0;
    for (int i = 0; i < d->nout; i++) {
        Operand result = {0};
        const List *list = like[i].list;
        if (list) {
            result.list = ARENA_NEW(im->scratch, List);
            *result.list = *list;
            result.list->item = ARENA_ARRAY(im->scratch, Value *, list->n);
        }
        for (int k = 0; k < (list ? list->n : 1); k++) {
            Value *value = node_output(node, at++, output_label(im, d, i, list ? k : -1), type_unknown());
            *(list ? &result.list->item[k] : &result.value) = value;
        }
        if (!define(im, d, i, &result))
            return false;
    }
    draft_infer(im, node);
    return true;
}

static bool branch_at_run_time(Importer *im, Draft *d, const Onnx__GraphProto *const *proto) {
    BodyGraph body[2], *bodies[2] = {&body[0], &body[1]};
    Operand *out[2];
    if (!import_branch(im, d, proto[0], bodies[0], &out[0]) || !import_branch(im, d, proto[1], bodies[1], &out[1]) ||
        !branches_agree(im, d, out[0], out[1]))
        return false;
    if (!body[0].graph->outputs.n)
        return diag_error(im->diag, d->loc, E_DTYPE,
                          "it has no output that is a tensor, so the condition must be constant");
    Node *node = draft_append(im, d, OP_If, d->in, 1, body[0].graph->outputs.n);
    body_attach(im, node, bodies, 2);
    return define_branches(im, d, node, out[0]);
}

bool make_if(Importer *im, Draft *d) {
    const Onnx__GraphProto *proto[2] = {subgraph_take(im, d, "then_branch"), subgraph_take(im, d, "else_branch")};
    int64_t condition;
    if (!draft_need(im, d, 1) || !proto[0] || !proto[1] || !draft_all_taken(im, d))
        return false;
    for (int i = 0; i < 2; i++)
        if ((size_t)d->nout != proto[i]->n_output)
            return diag_error(im->diag, d->loc, E_ARITY, "it has %d outputs, but a branch has %zu", d->nout,
                              proto[i]->n_output);
    if (draft_known(im, d->in[0], &condition))
        return inline_branch(im, d, proto[condition ? 0 : 1]);
    return branch_at_run_time(im, d, proto);
}

// ---- Loop

enum { FEW_TURNS = 64 };

typedef struct LoopDraft {
    const Onnx__GraphProto *proto;
    Value *trips, *condition;
    int carried;
} LoopDraft;

static Value *truth(Importer *im, const Draft *d, bool on) {
    unsigned char *byte = arena_alloc(im->arena, 1);
    *byte = on;
    Type type = type_make(DT_BOOL, 0, NULL);
    return draft_constant(im, d, "condition", &type, byte);
}

static Value *number(Importer *im, const Draft *d, int64_t n) {
    int64_t *bytes = arena_alloc(im->arena, sizeof n);
    *bytes = n;
    Type type = type_make(DT_I64, 0, NULL);
    return draft_constant(im, d, "trips", &type, bytes);
}

static bool unrollable(Importer *im, const Draft *d, const LoopDraft *l, const char *why, int64_t *trips, int64_t *on) {
    bool known = draft_known(im, l->condition, on) && (!*on || draft_known(im, l->trips, trips));
    if (!known)
        return diag_error(
            im->diag, d->loc, E_DYNAMIC,
            "%s, so the trip count and the condition must be constant: export the model with static shapes, "
            "or use --bind",
            why);
    if (!*on || *trips < 0)
        *trips = 0;
    if (*trips == INT64_MAX)  // what exporters write where the condition alone ends a loop
        *trips = TRIPS_MAX + 1;
    else if (*trips > TRIPS_MAX)
        return diag_error(im->diag, d->loc, E_LIMIT, "%s, and its %lld turns are more than %d", why, (long long)*trips,
                          TRIPS_MAX);
    return true;
}

// The slices of a scan output, one on top of the other.
static Value *stack(Importer *im, const Draft *d, const ValueList *slices) {
    Value **rows = ARENA_ARRAY(im->scratch, Value *, slices->n);
    for (int i = 0; i < slices->n; i++)
        rows[i] = draft_node(im, d, OP_Unsqueeze, slices->item[i], draft_int(im, d, "axis", 0), NULL);
    Node *node = draft_append(im, d, OP_Concat, rows, slices->n, 1);
    Value *result = node_output(node, 0, NULL, type_unknown());
    draft_infer(im, node);
    return result;
}

static bool unroll(Importer *im, Draft *d, const LoopDraft *l, const char *why) {
    int outs = (int)l->proto->n_output, scans = outs - 1 - l->carried;
    Operand *in = ARENA_ARRAY(im->scratch, Operand, l->carried + 2), *out = ARENA_ARRAY(im->scratch, Operand, outs);
    ValueList *slices = ARENA_ARRAY(im->scratch, ValueList, scans + 1);
    int64_t trips = 0, on = 0;
    if (!unrollable(im, d, l, why, &trips, &on))
        return false;
    for (int k = 0; k < l->carried; k++)
        in[2 + k] = (Operand){d->in[2 + k], draft_list(d, 2 + k)};
    for (int64_t i = 0; i < trips && on; i++) {
        if (i == TRIPS_MAX)
            return diag_error(im->diag, d->loc, E_LIMIT, "%s, and its condition lets it make more than %d turns", why,
                              TRIPS_MAX);
        in[0] = (Operand){number(im, d, i), NULL};
        in[1] = (Operand){truth(im, d, true), NULL};
        if (!subgraph_import(im, d, d->scope, l->proto, in, l->carried + 2, out))
            return false;
        if (out[0].list || !draft_known(im, out[0].value, &on))
            return diag_error(im->diag, d->loc, E_DYNAMIC, "%s, so the condition must be constant in each turn: "
                              "export the model with static shapes, or use --bind", why);
        memcpy(in + 2, out + 1, (size_t)l->carried * sizeof *in);
        for (int k = 0; k < scans; k++) {
            if (out[1 + l->carried + k].list)
                return diag_error(im->diag, d->loc, E_DTYPE, "a scan output must be a tensor");
            LIST_PUSH(im->scratch, &slices[k], out[1 + l->carried + k].value);
        }
    }
    for (int k = 0; k < l->carried && k < d->nout; k++)
        if (!define(im, d, k, &in[2 + k]))
            return false;
    for (int k = 0; k < scans && l->carried + k < d->nout; k++) {
        if (!slices[k].n)
            return diag_error(im->diag, d->loc, E_SHAPE, "%s, but it makes no turn, so its scan outputs have no shape",
                              why);
        Operand result = {stack(im, d, &slices[k]), NULL};
        if (!define(im, d, l->carried + k, &result))
            return false;
    }
    return true;
}

static bool type_known(const Type *type) {
    return type->rank >= 0 && type->dtype != DT_NONE;
}

// Whether a turn always leaves the condition true.
static bool stays_true(Importer *im, const BodyGraph *body, const Value *condition) {
    int64_t on;
    if (draft_known(im, condition, &on))
        return on != 0;
    while (condition->def && condition->def->op == OP_Identity)
        condition = condition->def->in[0];
    return condition == body->graph->inputs.item[1];
}

// A few turns whose number is known may be easier to tell the types of, one by one.
static bool few_turns(Importer *im, const LoopDraft *l, const BodyGraph *body, const Value *condition) {
    int64_t on, trips;
    bool stays = stays_true(im, body, condition);
    Graph *inside = im->graph;
    Infer infer = im->infer;
    im->graph = body->before;
    im->infer = body->infer;
    bool few = stays && draft_known(im, l->condition, &on) && draft_known(im, l->trips, &trips) && trips > 0 &&
               trips <= FEW_TURNS;
    im->graph = inside;
    im->infer = infer;
    return few;
}

// False where a value that the loop carries is a sequence, or changes its shape, or where the number of the turn
// decides a shape.
static bool keeps_types(Importer *im, const LoopDraft *l, const BodyGraph *body, const Operand *out) {
    bool known = true;
    for (size_t i = 1; i < l->proto->n_output; i++) {
        if (out[i].list)
            return false;
        known = known && type_known(&out[i].value->type);
    }
    for (int k = 0; k < l->carried; k++) {
        const Type *before = &body->graph->inputs.item[2 + k]->type, *after = &out[1 + k].value->type;
        if (type_known(before) && type_known(after) && !type_same_shape(before, after))
            return false;
    }
    return known || !few_turns(im, l, body, out[0].value);
}

static bool import_turn(Importer *im, Draft *d, const LoopDraft *l, BodyGraph *body, bool *keeps) {
    Operand *in = ARENA_ARRAY(im->scratch, Operand, l->carried + 2);
    Operand *out = ARENA_ARRAY(im->scratch, Operand, l->proto->n_output);
    if (!body_open(im, d, d->scope, body))
        return false;
    in[0].value = body_input(im, body, input_name(l->proto, 0), type_make(DT_I64, 0, NULL));
    in[1].value = body_input(im, body, input_name(l->proto, 1), l->condition->type);
    for (int k = 0; k < l->carried; k++)
        in[2 + k].value = body_input(im, body, input_name(l->proto, 2 + k), d->in[2 + k]->type);
    bool ok = subgraph_import(im, d, &body->scope, l->proto, in, l->carried + 2, out);
    *keeps = ok && !out[0].list && keeps_types(im, l, body, out);
    for (size_t i = 0; ok && *keeps && i < l->proto->n_output; i++)
        body_output(im, out[i].value);
    body_close(im, body);
    return ok;
}

static bool loop_node(Importer *im, Draft *d, const LoopDraft *l, BodyGraph *body) {
    int nin = l->carried + 2, nout = (int)l->proto->n_output - 1;
    Value **in = ARENA_ARRAY(im->scratch, Value *, nin);
    in[0] = l->trips;
    in[1] = l->condition;
    for (int k = 0; k < l->carried; k++)
        in[2 + k] = d->in[2 + k];
    if (!nout)
        return diag_error(im->diag, d->loc, E_ARITY, "the loop has no outputs");
    Node *node = draft_append(im, d, OP_Loop, in, nin, nout);
    ((LoopAttrs *)node->attrs)->carried = l->carried;
    body_attach(im, node, &body, 1);
    for (int i = 0; i < nout; i++) {
        Operand result = {node_output(node, i, output_label(im, d, i, -1), type_unknown()), NULL};
        if (!define(im, d, i, &result))
            return false;
    }
    draft_infer(im, node);
    return true;
}

static bool has_lists(const Draft *d) {
    for (int i = 0; i < d->nlist; i++)
        if (d->list[i])
            return true;
    return false;
}

bool make_loop(Importer *im, Draft *d) {
    LoopDraft l = {.proto = subgraph_take(im, d, "body"), .carried = d->nin > 2 ? d->nin - 2 : 0};
    BodyGraph body;
    bool keeps = false;
    if (!l.proto || !draft_all_taken(im, d))
        return false;
    if (l.proto->n_output < 1 + (size_t)l.carried || (size_t)d->nout > l.proto->n_output - 1)
        return diag_error(im->diag, d->loc, E_ARITY,
                          "the loop carries %d values and has %d outputs, but its body has %zu", l.carried, d->nout,
                          l.proto->n_output);
    l.trips = draft_in(d, 0) ? draft_cast(im, d, d->in[0], DT_I64) : number(im, d, INT64_MAX);
    l.condition = draft_in(d, 1) ? d->in[1] : truth(im, d, true);
    if (has_lists(d))
        return unroll(im, d, &l, "the loop carries a sequence");
    for (int k = 0; k < l.carried; k++)
        if (!d->in[2 + k])
            return diag_error(im->diag, d->loc, E_ARITY, "input %d is missing", 2 + k);
    if (!import_turn(im, d, &l, &body, &keeps))
        return false;
    return keeps ? loop_node(im, d, &l, &body) : unroll(im, d, &l, "shapes change from turn to turn");
}

// ---- Scan

typedef struct ScanDraft {
    const Onnx__GraphProto *proto;
    Value **in;  // states, then scan inputs
    int nin;
    Value *turns;  // how many slices are there, before padding; null: all
    ScanAttrs attrs;
} ScanDraft;

// The type of a slice of a scan input, as far as it is known.
static Type slice_type(const Type *whole, const Ints *axes, int index) {
    int64_t axis = index < axes->n ? axes->v[index] : 0;
    if (whole->rank < 1)
        return type_unknown();
    Type type = *whole;
    axis += axis < 0 ? type.rank : 0;
    type.rank--;
    for (int64_t i = axis < 0 ? 0 : axis; i < type.rank; i++)
        type.dim[i] = type.dim[i + 1];
    type.dim[type.rank] = dim_const(0);
    return type;
}

// What the body makes of a slice; 0 where there is only padding.
static Value *unless_padding(Importer *im, const Draft *d, Value *there, Value *made, Value *otherwise) {
    Type type = type_make(made->type.dtype, 0, NULL);
    if (!otherwise)
        otherwise = draft_constant(im, d, "zero", &type, arena_alloc(im->arena, sizeof(int64_t)));
    return draft_node(im, d, OP_Where, there, made, otherwise);
}

// The body's outputs. With `left`, a state that counts how many slices are left, what padding does is undone: states
// stay as they are, and scan outputs are 0. What is left after the turn is the last state.
static bool scan_outputs(Importer *im, Draft *d, const ScanDraft *s, const Operand *in, Value *left,
                         const Operand *out) {
    int states = (int)s->attrs.states, nout = (int)s->proto->n_output;
    Value *there = left ? draft_node(im, d, OP_Greater, left, number(im, d, 0), NULL) : NULL;
    for (int i = 0; i <= nout; i++) {
        if (left && i == states)
            body_output(im, draft_node(im, d, OP_Sub, left, number(im, d, 1), NULL));
        if (i == nout)
            break;
        if (out[i].list)
            return diag_error(im->diag, d->loc, E_DTYPE,
                              "output %d of the subgraph is a sequence; a Scan takes tensors", i);
        Value *made = out[i].value;
        if (left && made->type.dtype == DT_NONE)
            return diag_error(im->diag, d->loc, E_DTYPE, "the element type of output %d of the subgraph is not known",
                              i);
        body_output(im, left ? unless_padding(im, d, there, made, i < states ? in[i].value : NULL) : made);
    }
    return true;
}

// The values with another one at `index`, if there is one.
static Value **with_value(Importer *im, Value *const *values, int n, int index, Value *more) {
    Value **all = ARENA_ARRAY(im->scratch, Value *, n + 1);
    for (int i = 0, k = 0; i <= n; i++) {
        if (i == index && more)
            all[k++] = more;
        if (i < n)
            all[k++] = values[i];
    }
    return all;
}

// A node in im->graph, whose scope is `outer`; null after an error.
static Node *scan_node(Importer *im, Draft *d, Scope *outer, const ScanDraft *s) {
    BodyGraph body, *bodies[1] = {&body};
    Operand *in = ARENA_ARRAY(im->scratch, Operand, s->nin),
            *out = ARENA_ARRAY(im->scratch, Operand, s->proto->n_output);
    int states = (int)s->attrs.states, nout = (int)s->proto->n_output;
    if (!body_open(im, d, outer, &body))
        return NULL;
    Value *left = NULL;
    for (int i = 0; i < s->nin; i++) {
        if (s->turns && i == states)
            left = body_input(im, &body, "left", type_make(DT_I64, 0, NULL));
        in[i].value = body_input(im, &body, input_name(s->proto, i),
                                 i < states ? s->in[i]->type
                                            : slice_type(&s->in[i]->type, &s->attrs.scan_input_axes, i - states));
    }
    bool ok = subgraph_import(im, d, &body.scope, s->proto, in, s->nin, out) && scan_outputs(im, d, s, in, left, out);
    body_close(im, &body);
    if (!ok)
        return NULL;
    int more = left != NULL;
    Node *node =
        draft_append(im, d, OP_Scan, with_value(im, s->in, s->nin, states, s->turns), s->nin + more, nout + more);
    *(ScanAttrs *)node->attrs = s->attrs;
    ((ScanAttrs *)node->attrs)->states += more;
    body_attach(im, node, bodies, 1);
    return node;
}

static bool finish_scan(Importer *im, Draft *d, Node *node) {
    for (int i = 0; i < node->nout; i++) {
        Operand result = {node_output(node, i, i < d->nout ? output_label(im, d, i, -1) : NULL, type_unknown()), NULL};
        if (i < d->nout && !define(im, d, i, &result))
            return false;
    }
    draft_infer(im, node);
    return true;
}

// Before operator set 9 a Scan had a batch in front: a Scan over it, of Scans.
static bool scan_batch(Importer *im, Draft *d, const ScanDraft *s) {
    BodyGraph body, *bodies[1] = {&body};
    ScanDraft inner = *s;
    inner.in = ARENA_ARRAY(im->scratch, Value *, s->nin);
    if (!body_open(im, d, d->scope, &body))
        return false;
    for (int i = 0; i < s->nin; i++)
        inner.in[i] = body_input(im, &body, input_name(s->proto, i), slice_type(&s->in[i]->type, &(Ints){0}, 0));
    if (s->turns)
        inner.turns = body_input(im, &body, "turns", slice_type(&s->turns->type, &(Ints){0}, 0));
    Node *one = scan_node(im, d, &body.scope, &inner);
    int more = s->turns != NULL;
    for (int i = 0; one && i < one->nout; i++)
        node_output(one, i, NULL, type_unknown());
    if (one)
        draft_infer(im, one);
    for (int i = 0; one && i < one->nout; i++)
        if (!more || i != (int)s->attrs.states)  // what is left of the turns
            body_output(im, one->out[i]);
    body_close(im, &body);
    if (!one)
        return false;
    Node *node = draft_append(im, d, OP_Scan, with_value(im, s->in, s->nin, s->nin, s->turns), s->nin + more,
                              one->nout - more);
    ((ScanAttrs *)node->attrs)->num_scan_inputs = s->nin + more;
    body_attach(im, node, bodies, 1);
    return finish_scan(im, d, node);
}

// Sequences of several lengths, with padding behind them. What is read backwards is turned around before.
static void take_lengths(Importer *im, const Draft *d, ScanDraft *s) {
    Ints *ways = &s->attrs.scan_input_directions;
    s->turns = draft_cast(im, d, d->in[0], DT_I64);
    s->in = with_value(im, s->in, s->nin, 0, NULL);
    for (int i = 0; i < ways->n && i < s->attrs.num_scan_inputs; i++) {
        Value **in = &s->in[s->attrs.states + i];
        if (!ways->v[i])
            continue;
        *in = draft_node(im, d, OP_ReverseSequence, *in, s->turns, NULL);
        *(ReverseAttrs *)(*in)->def->attrs = (ReverseAttrs){.batch_axis = 0, .time_axis = 1};
        draft_infer(im, (*in)->def);
    }
    *ways = (Ints){0};
}

static bool take_scan_attributes(Importer *im, Draft *d, ScanAttrs *attrs) {
    bool found;
    const char *ways = d->opset < 9 ? "directions" : "scan_input_directions";
    return draft_take_int(im, d, "num_scan_inputs", 0, &attrs->num_scan_inputs) &&
           draft_take_ints(im, d, ways, &attrs->scan_input_directions, &found) &&
           (d->opset < 9 || (draft_take_ints(im, d, "scan_input_axes", &attrs->scan_input_axes, &found) &&
                             draft_take_ints(im, d, "scan_output_axes", &attrs->scan_output_axes, &found) &&
                             draft_take_ints(im, d, "scan_output_directions", &attrs->scan_output_directions, &found)));
}

bool make_scan(Importer *im, Draft *d) {
    int skip = d->opset < 9;  // the lengths of the sequences come first
    ScanDraft s = {.proto = subgraph_take(im, d, "body"), .in = d->in + skip, .nin = d->nin - skip};
    if (!s.proto || !take_scan_attributes(im, d, &s.attrs) || !draft_all_taken(im, d))
        return false;
    s.attrs.states = s.nin - s.attrs.num_scan_inputs;
    if (s.attrs.num_scan_inputs < 1 || s.attrs.states < 0)
        return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute 'num_scan_inputs' is %lld; the node has %d inputs",
                          (long long)s.attrs.num_scan_inputs, s.nin);
    if (s.proto->n_output < (size_t)s.attrs.states || (size_t)d->nout > s.proto->n_output || !s.proto->n_output)
        return diag_error(im->diag, d->loc, E_ARITY, "it has %d outputs and %lld states, but its body has %zu outputs",
                          d->nout, (long long)s.attrs.states, s.proto->n_output);
    for (int i = 0; i < s.nin; i++)
        if (!s.in[i])
            return diag_error(im->diag, d->loc, E_ARITY, "input %d is missing", i + skip);
    if (skip && draft_in(d, 0))
        take_lengths(im, d, &s);
    if (skip)
        return scan_batch(im, d, &s);
    Node *node = scan_node(im, d, d->scope, &s);
    return node && finish_scan(im, d, node);
}
