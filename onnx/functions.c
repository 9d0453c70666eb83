// Functions of the model's own are inlined where they are called: their nodes are imported once more for each call,
// in a scope of its own, under the call's name. Attributes of the call replace those that the body refers to.
#include "onnx/functions.h"

#include <string.h>

static bool same_text(const char *a, const char *b) {
    return !strcmp(a ? a : "", b ? b : "");
}

static bool same_domain(const char *a, const char *b) {
    return same_text(a, b) || (domain_is_onnx(a) && domain_is_onnx(b));
}

const Onnx__FunctionProto *function_find(const Importer *im, const char *domain, const char *name,
                                         const char *overload) {
    for (size_t i = 0; i < im->model->n_functions; i++) {
        const Onnx__FunctionProto *f = im->model->functions[i];
        if (same_text(f->name, name) && same_domain(f->domain, domain) && same_text(f->overload, overload))
            return f;
    }
    return NULL;
}

static bool check_call(Importer *im, const Draft *d, const Onnx__FunctionProto *function) {
    if (function->n_output > 1000)
        return diag_error(im->diag, d->loc, E_LIMIT, "function '%s' has more than 1000 outputs", function->name);
    if ((size_t)d->nin > function->n_input || (size_t)d->nout > function->n_output)
        return diag_error(im->diag, d->loc, E_ARITY, "function '%s' has %zu inputs and %zu outputs, the call %d and %d",
                          function->name, function->n_input, function->n_output, d->nin, d->nout);
    for (const Scope *s = d->scope; s; s = s->caller)
        if (s->function == function)
            return diag_error(im->diag, d->loc, E_GRAPH, "function '%s' calls itself", function->name);
    if (im->call_depth >= CALL_DEPTH_MAX)
        return diag_error(im->diag, d->loc, E_LIMIT, "functions call functions more than %d levels deep",
                          CALL_DEPTH_MAX);
    return true;
}

static bool bind_inputs(Importer *im, const Draft *d, const Onnx__FunctionProto *function, Scope *scope) {
    for (size_t i = 0; i < function->n_input; i++) {
        Value *value = draft_in(d, (int)i);
        List *list = draft_list(d, (int)i);
        if (list ? !scope_define_list(scope, function->input[i], list)
                 : !scope_define(scope, function->input[i], value ? NAME_VALUE : NAME_ABSENT, value))
            return diag_error(im->diag, d->loc, E_GRAPH, "function '%s' has two inputs '%s'", function->name,
                              function->input[i]);
    }
    return true;
}

static bool return_outputs(Importer *im, Draft *d, const Onnx__FunctionProto *function, const Scope *scope) {
    for (int i = 0; i < d->nout; i++) {
        const Name *name = scope_find(scope, function->output[i]);
        if (name && name->state == NAME_LIST) {
            if (!draft_define_list(im, d, i, name->list))
                return false;
            continue;
        }
        if (!name || name->state != NAME_VALUE)
            return diag_error(im->diag, d->loc, E_GRAPH, "function '%s' does not define its output '%s'",
                              function->name, function->output[i]);
        if (draft_wants(d, i) && !scope_define(d->scope, d->out[i], NAME_VALUE, name->value))
            return diag_error(im->diag, d->loc, E_GRAPH, "value '%s' is defined twice", d->out[i]);
    }
    d->done = true;
    return true;
}

bool function_inline(Importer *im, Draft *d, const Onnx__FunctionProto *function) {
    if (!check_call(im, d, function))
        return false;
    if (!import_work(im, function->n_input + function->n_output + function->n_node, 0))
        return false;
    const char **results = ARENA_ARRAY(im->scratch, const char *, function->n_output);
    for (int i = 0; i < d->nout; i++)
        results[i] = *d->out[i] ? scope_label(d->scope, d->out[i]) : NULL;
    Scope scope = {.arena = im->scratch,
                   .graph = d->scope->graph,
                   .caller = d->scope,
                   .function = function,
                   .result_names = results,
                   .prefix = arena_printf(im->scratch, "%s/", d->loc->node),
                   .attributes = d->attr,
                   .nattributes = d->nattr};
    if (!import_opset(im, function->name, function->opset_import, function->n_opset_import, d->scope->opset,
                      &scope.opset) ||
        !bind_inputs(im, d, function, &scope))
        return false;
    im->call_depth++;
    bool ok = import_nodes(im, &scope, function->node, function->n_node);
    im->call_depth--;
    return ok && return_outputs(im, d, function, &scope);
}

Onnx__AttributeProto *function_attribute(const Scope *scope, const char *name) {
    for (int i = 0; i < scope->nattributes; i++)
        if (!strcmp(scope->attributes[i]->name, name))
            return scope->attributes[i];
    for (size_t i = 0; scope->function && i < scope->function->n_attribute_proto; i++)
        if (same_text(scope->function->attribute_proto[i]->name, name))
            return scope->function->attribute_proto[i];
    return NULL;
}
