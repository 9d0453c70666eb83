// A subgraph sees the names around it. Inlined, it is just more nodes of the same graph. As a body it is closed: what
// it reads from outside becomes inputs (scope.c captures it), which stand behind those that the operator gives it.
#include "onnx/subgraph.h"

#include <string.h>

const Onnx__GraphProto *subgraph_take(Importer *im, Draft *d, const char *name) {
    const Onnx__AttributeProto *a = draft_take(d, name);
    if (!a || !a->g)
        diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' must be a graph", name);
    return a ? a->g : NULL;
}

static Scope scope_inside(Importer *im, Scope *outer, Graph *graph, Captures *captures) {
    return (Scope){.arena = im->scratch, .opset = outer->opset, .outer = outer, .graph = graph, .captures = captures,
                   .caller = outer->caller, .function = outer->function, .prefix = outer->prefix,
                   .result_names = outer->result_names, .attributes = outer->attributes,
                   .nattributes = outer->nattributes};
}

static bool define_inputs(Importer *im, const Draft *d, Scope *scope, const Onnx__GraphProto *proto, const Operand *in,
                          int nin) {
    if (proto->n_input != (size_t)nin)
        return diag_error(im->diag, d->loc, E_ARITY, "the subgraph has %zu inputs; it must have %d", proto->n_input,
                          nin);
    for (int i = 0; i < nin; i++) {
        const char *name = proto->input[i]->name;
        bool ok = name && *name;
        if (ok && in[i].list)
            ok = scope_define_list(scope, name, in[i].list);
        else if (ok)
            ok = scope_define(scope, name, in[i].value ? NAME_VALUE : NAME_ABSENT, in[i].value);
        if (!ok)
            return diag_error(im->diag, d->loc, E_GRAPH, "input %d of the subgraph has no name, or that of another", i);
    }
    return true;
}

static bool read_outputs(Importer *im, const Draft *d, Scope *scope, const Onnx__GraphProto *proto, Operand *out) {
    for (size_t i = 0; i < proto->n_output; i++) {
        const char *text = proto->output[i]->name;
        const Name *name = text && *text ? scope_see(scope, text) : NULL;
        if (!name || name->state == NAME_TRAINING || name->state == NAME_ABSENT)
            return diag_error(im->diag, d->loc, E_GRAPH, "output '%s' of the subgraph is never defined",
                              text ? text : "");
        if (name->state == NAME_FAILED)
            return false;
        out[i] = (Operand){name->value, name->list};
    }
    return true;
}

bool subgraph_import(Importer *im, const Draft *d, Scope *outer, const Onnx__GraphProto *proto, const Operand *in,
                     int nin, Operand *out) {
    Scope scope = scope_inside(im, outer, outer->graph, NULL);
    return import_work(im, 1 + proto->n_input + proto->n_output, 0) && define_inputs(im, d, &scope, proto, in, nin) &&
           import_initializers(im, &scope, proto) && import_nodes(im, &scope, proto->node, proto->n_node) &&
           read_outputs(im, d, &scope, proto, out);
}

bool body_open(Importer *im, const Draft *d, Scope *outer, BodyGraph *body) {
    if (im->body_depth >= BODY_DEPTH_MAX)
        return diag_error(im->diag, d->loc, E_LIMIT, "bodies lie more than %d deep in others", BODY_DEPTH_MAX);
    im->body_depth++;
    *body = (BodyGraph){.graph = graph_new(im->module, "body"), .before = im->graph, .infer = im->infer};
    body->scope = scope_inside(im, outer, body->graph, &body->captures);
    im->graph = body->graph;
    im->infer = (Infer){0};
    return true;
}

Value *body_input(Importer *im, BodyGraph *body, const char *name, Type type) {
    Value *input = value_new(body->graph, name, type);
    LIST_PUSH(im->arena, &body->graph->inputs, input);
    return input;
}

void body_output(Importer *im, Value *value) {
    import_add_output(im, value->name, value);
}

void body_close(Importer *im, BodyGraph *body) {
    im->body_depth--;
    im->graph = body->before;
    im->infer = body->infer;
}

static Value *seen_as(const BodyGraph *body, const Value *outer) {
    for (int i = 0; i < body->captures.outer.n; i++)
        if (body->captures.outer.item[i] == outer)
            return body->captures.inner.item[i];
    return NULL;
}

static bool reads(const Node *node, int first, const Value *value) {
    for (int i = first; i < node->nin; i++)
        if (node->in[i] == value)
            return true;
    return false;
}

void body_attach(Importer *im, Node *node, BodyGraph *const *bodies, int count) {
    int first = node->nin;
    for (int b = 0; b < count; b++)
        for (int i = 0; i < bodies[b]->captures.outer.n; i++)
            if (!reads(node, first, bodies[b]->captures.outer.item[i]))
                node_set_input(node, node->nin, bodies[b]->captures.outer.item[i]);
    for (int b = 0; b < count; b++) {
        Graph *graph = bodies[b]->graph;
        for (int i = first; i < node->nin; i++) {
            Value *inner = seen_as(bodies[b], node->in[i]);
            if (!inner)
                inner = value_new(graph, node->in[i]->name, node->in[i]->type);
            LIST_PUSH(im->arena, &graph->inputs, inner);
        }
        graph->owner = node;
        *(b ? &node->otherwise : &node->body) = graph;
    }
}
