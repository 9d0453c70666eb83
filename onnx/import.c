// The way through a model: decode (guard.c), constants, inputs (inputs.c), nodes (in the order of sort.c), outputs.
// Each node becomes a Draft, which is brought to the newest form (upgrade.c) and then either is an operator of the
// table (draft.c), a composite (decompose.c) or a call of the model's own function (functions.c). A node that fails is
// reported and its results are marked, so that its users are still checked for being supported, but not blamed.
#include "onnx/import.h"

#include <string.h>

#include "onnx/decompose.h"
#include "onnx/functions.h"
#include "onnx/guard.h"
#include "onnx/lists.h"
#include "onnx/sort.h"
#include "onnx/upgrade.h"
#include "support/checked.h"

bool import_failed(const Importer *im) {
    return im->stop || im->diag->errors - im->errors >= ERRORS_MAX;
}

bool import_work(Importer *im, size_t amount, size_t values) {
    size_t room = (size_t)max_i64(VALUES_MAX - im->graph->values.n, 0);
    if (amount > WORK_MAX - im->work || values > room) {
        im->stop = true;
        return diag_error(im->diag, NULL, E_LIMIT,
                          "the graph, its functions inlined, has more than %d values or %d operands", VALUES_MAX,
                          WORK_MAX);
    }
    im->work += amount;
    return true;
}

// Operator sets.

bool domain_is_onnx(const char *domain) {
    return !domain || !*domain || !strcmp(domain, "ai.onnx");
}

bool import_opset(Importer *im, const char *where, Onnx__OperatorSetIdProto *const *imports, size_t n,
                  int64_t otherwise, int64_t *version) {
    *version = otherwise;
    for (size_t i = 0; i < n; i++) {
        int64_t newest = decompose_newest(imports[i]->domain);
        if (domain_is_onnx(imports[i]->domain))
            *version = imports[i]->version ? imports[i]->version : -1;
        else if (newest && imports[i]->version > newest)
            return diag_error(im->diag, NULL, E_OPSET, "%s uses operator set %lld of %s; the newest supported is %lld",
                              where, (long long)imports[i]->version, imports[i]->domain, (long long)newest);
    }
    bool silent = !*version && n;  // a model of other domains only; its nodes are looked at one by one
    if (!silent && (*version < OPSET_OLDEST || *version > OPSET_NEWEST))
        return diag_error(im->diag, NULL, E_OPSET, "%s uses operator set %lld; supported are %d to %d", where,
                          (long long)*version, OPSET_OLDEST, OPSET_NEWEST);
    return true;
}

static bool check_model(Importer *im, const Onnx__ModelProto *model) {
    int newest = ONNX__VERSION__IR_VERSION;
    if (!model->graph)
        return diag_error(im->diag, NULL, E_MODEL, "there is no graph in the file; this is not an ONNX model");
    if (!model->has_ir_version || model->ir_version < IR_OLDEST || model->ir_version > newest)
        return diag_error(im->diag, NULL, E_OPSET, "IR version %lld; supported are %d to %d",
                          (long long)model->ir_version, IR_OLDEST, newest);
    if (model->n_functions > FUNCTIONS_MAX)
        return diag_error(im->diag, NULL, E_LIMIT, "the model has more than %d functions", FUNCTIONS_MAX);
    if (model->graph->n_input > INPUTS_MAX)
        return diag_error(im->diag, NULL, E_LIMIT, "the model has more than %d inputs", INPUTS_MAX);
    return true;
}

// Initializers.

static bool import_initializer(Importer *im, Scope *scope, const Onnx__TensorProto *tensor) {
    if (!import_work(im, 1, 1))
        return false;
    if (!tensor->name || !*tensor->name)
        return diag_error(im->diag, NULL, E_GRAPH, "an initializer has no name");
    if (scope_find(scope, tensor->name))
        return diag_error(im->diag, NULL, E_GRAPH, "value '%s' is defined twice", tensor->name);
    Type type;
    const void *bytes;
    if (!tensor_read(&im->tensors, NULL, tensor->name, tensor, &type, &bytes)) {
        scope_define(scope, tensor->name, NAME_FAILED, NULL);
        return false;
    }
    return scope_define(scope, tensor->name, NAME_VALUE, value_constant(im->graph, tensor->name, type, bytes));
}

bool import_initializers(Importer *im, Scope *scope, const Onnx__GraphProto *graph) {
    bool ok = true;
    for (size_t i = 0; i < graph->n_initializer && !import_failed(im); i++)
        ok = import_initializer(im, scope, graph->initializer[i]) && ok;
    if (graph->n_sparse_initializer)
        ok = diag_error(im->diag, NULL, E_TENSOR, "sparse initializers are not supported");
    return ok;
}

// Nodes.

Loc *import_loc(Importer *im, const Scope *scope, const Onnx__NodeProto *proto) {
    Loc *loc = ARENA_NEW(im->arena, Loc);
    const char *name = proto->name && *proto->name ? proto->name : "";
    for (size_t i = 0; i < proto->n_output && !*name; i++)
        name = proto->output[i];
    loc->node = arena_printf(im->arena, "%s%s", scope->prefix ? scope->prefix : "", name);
    loc->op = arena_string(im->arena, proto->op_type ? proto->op_type : "");
    return loc;
}

Value *import_unpacked(Importer *im, Value *value) {
    Node *node = node_new(im->graph, OP_UnpackBits, 1, 1);
    node->in[0] = value;
    graph_append(im->graph, node);
    Type type = value->type;
    type.layout = (Layout){.block = 1};
    return node_output(node, 0, value->name, type);
}

// What a name stands for, as nodes read it: only inputs and constants are packed.
static Value *name_value(Importer *im, Name *name) {
    if (!name->value || !type_is_packed(&name->value->type))
        return name->value;
    if (!name->wide)
        name->wide = import_unpacked(im, name->value);
    return name->wide;
}

// Finds an operand. `*failed` where it comes from a node that was reported already.
static bool find_operand(Importer *im, const Draft *d, const char *text, Value **value, List **list, bool *failed) {
    *value = NULL;
    if (!*text)
        return true;
    Name *name = scope_see(d->scope, text);
    if (!name)
        return diag_error(im->diag, d->loc, E_GRAPH, "value '%s' is never defined", text);
    if (name->state == NAME_TRAINING)
        return diag_error(im->diag, d->loc, E_OPERATOR, "value '%s' is a result of training, which is not supported",
                          text);
    *value = name_value(im, name);
    *list = name->list;
    *failed = *failed || name->state == NAME_FAILED;
    return true;
}

static bool draft_operands(Importer *im, Draft *d, const Onnx__NodeProto *proto, bool *failed) {
    bool ok = true;
    d->nin = (int)proto->n_input;
    d->in = ARENA_ARRAY(im->scratch, Value *, proto->n_input + DRAFT_SPARE);
    d->list = ARENA_ARRAY(im->scratch, List *, proto->n_input);
    d->nlist = d->nin;
    for (int i = 0; i < d->nin && !import_failed(im); i++)
        ok = find_operand(im, d, proto->input[i], &d->in[i], &d->list[i], failed) && ok;
    d->nout = (int)proto->n_output;
    d->out = (const char *const *)proto->output;
    return ok;
}

// How much importing an attribute copies, in operands.
static size_t attribute_work(const Onnx__AttributeProto *a) {
    const Onnx__TensorProto *t = a->t;
    size_t items = a->n_ints + a->n_floats + a->s.len;
    if (t)
        items += t->n_float_data + t->n_int32_data + t->n_int64_data + t->n_double_data + t->n_uint64_data;
    return 1 + items / 32;
}

// Copies the attribute list; those that refer to attributes of a function get their values.
static bool draft_attributes(Importer *im, Draft *d, const Onnx__NodeProto *proto) {
    if (proto->n_attribute > ATTRIBUTES_MAX)
        return diag_error(im->diag, d->loc, E_LIMIT, "it has more than %d attributes", ATTRIBUTES_MAX);
    d->attr = ARENA_ARRAY(im->scratch, Onnx__AttributeProto *, proto->n_attribute + DRAFT_SPARE);
    for (size_t i = 0; i < proto->n_attribute; i++) {
        Onnx__AttributeProto *a = proto->attribute[i];
        if (!a->name || !*a->name)
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "an attribute has no name");
        if (a->ref_attr_name && *a->ref_attr_name) {
            const Onnx__AttributeProto *actual = function_attribute(d->scope, a->ref_attr_name);
            if (!d->scope->function)
                return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' refers to a function, but is in none",
                                  a->name);
            if (!actual)
                continue;
            Onnx__AttributeProto *copy = ARENA_NEW(im->scratch, Onnx__AttributeProto);
            *copy = *actual;
            copy->name = a->name;
            a = copy;
        }
        if (!import_work(im, attribute_work(a), 0))
            return false;
        for (int k = 0; k < d->nattr; k++)
            if (!strcmp(d->attr[k]->name, a->name))
                return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' is given twice", a->name);
        d->attr[d->nattr++] = a;
    }
    return true;
}

static bool is_supported(const Draft *d) {
    OpKind kind = domain_is_onnx(d->domain) ? op_find(upgrade_name(d->op, d->opset)) : OP_COUNT;
    return decompose_find(d) || (kind != OP_COUNT && !(op_info[kind].flags & INTERNAL));
}

static bool unsupported(Importer *im, const Draft *d, const Onnx__NodeProto *proto) {
    if (!domain_is_onnx(proto->domain))
        return diag_error(im->diag, d->loc, E_OPERATOR, "operator %s of domain '%s' is not supported", d->op,
                          proto->domain);
    for (size_t i = 0; i < proto->n_attribute; i++)
        if (proto->attribute[i]->g || proto->attribute[i]->n_graphs)
            return diag_error(im->diag, d->loc, E_OPERATOR, "operator %s has a subgraph, which is not supported",
                              d->op);
    return diag_error(im->diag, d->loc, E_OPERATOR, "operator %s is not supported", d->op);
}

static bool check_lists(Importer *im, const Draft *d) {
    for (int i = 0; i < d->nlist && !takes_lists(d->op); i++)
        if (d->list[i])
            return diag_error(im->diag, d->loc, E_DTYPE, "input %d is %s; %s takes tensors", i,
                              d->list[i]->none ? "an empty optional" : "a sequence", d->op);
    return true;
}

static bool import_draft(Importer *im, Draft *d) {
    if (!check_lists(im, d))
        return false;
    if (domain_is_onnx(d->domain) && !upgrade_draft(im, d))
        return false;
    if (d->done)
        return true;
    Decomposition decompose = decompose_find(d);
    return decompose ? decompose(im, d) : draft_finish(im, d, op_find(d->op));
}

static bool import_node(Importer *im, Scope *scope, const Onnx__NodeProto *proto) {
    Draft draft = {.op = proto->op_type ? proto->op_type : "", .opset = scope->opset, .scope = scope};
    draft.domain = proto->domain;
    draft.loc = import_loc(im, scope, proto);
    bool failed = false;
    bool ok = draft_operands(im, &draft, proto, &failed);
    const Onnx__FunctionProto *function = function_find(im, proto->domain, draft.op, proto->overload);
    if (!function && !is_supported(&draft))
        return unsupported(im, &draft, proto);
    if (!function && domain_is_onnx(proto->domain) && !scope->opset)
        return diag_error(im->diag, draft.loc, E_OPSET, "the model does not say which operator set of ai.onnx it uses");
    if (!draft.nout)
        return diag_error(im->diag, draft.loc, E_ARITY, "it has no outputs");
    if (!ok || failed || !draft_attributes(im, &draft, proto))
        return false;
    return function ? function_inline(im, &draft, function) : import_draft(im, &draft);
}

// What importing a node costs but for its attributes, in operands: names in functions are made anew at each call.
static size_t node_work(const Scope *scope, const Onnx__NodeProto *proto) {
    size_t prefix = scope->prefix ? strlen(scope->prefix) : 0;
    size_t text = prefix + (proto->name ? strlen(proto->name) : 0);
    for (size_t i = 0; i < proto->n_output; i++)
        text += prefix + strlen(proto->output[i]);
    return 1 + proto->n_input + proto->n_output + text / 32;
}

bool import_nodes(Importer *im, Scope *scope, Onnx__NodeProto *const *nodes, size_t n) {
    const Onnx__NodeProto **sorted = ARENA_ARRAY(im->scratch, const Onnx__NodeProto *, n);
    bool ok = nodes_sort(im, scope, nodes, n, sorted);
    for (size_t i = 0; i < n && !import_failed(im); i++) {
        const Onnx__NodeProto *proto = sorted[i];
        if (!import_work(im, node_work(scope, proto), proto->n_output))
            return false;
        if (import_node(im, scope, proto))
            continue;
        ok = false;
        for (size_t k = 0; k < proto->n_output; k++)
            if (*proto->output[k])
                scope_define(scope, proto->output[k], NAME_FAILED, NULL);
    }
    return ok;
}

// Outputs.

// Packed again, under the output's name.
static Value *packed(Importer *im, const char *name, Value *value) {
    Node *node = node_new(im->graph, OP_PackBits, 1, 1);
    node->in[0] = value;
    graph_append(im->graph, node);
    Value *result = node_output(node, 0, name, type_of_users(value->type));
    if (!strcmp(value->name, name)) {
        value_rename(value, result->name);
        value_rename(result, arena_string(im->arena, name));
    }
    return result;
}

// What leaves the model is packed where its elements are; what leaves a body is not.
Value *import_add_output(Importer *im, const char *name, Value *value) {
    bool inner = im->body_depth > 0;
    if (type_is_packed(&value->type))
        value = import_unpacked(im, value);
    if (dtype_is_packed(value->type.dtype) && !inner) {
        value = packed(im, name, value);
    } else if (!value->def || value_is_output(value)) {  // an input, a constant, or an output already: a copy
        Node *copy = node_new(im->graph, OP_Identity, 1, 1);
        copy->in[0] = value;
        graph_append(im->graph, copy);
        value = node_output(copy, 0, name, type_unknown());
        draft_infer(im, copy);
    }
    LIST_PUSH(im->arena, &im->graph->outputs, value);
    return value;
}

// An output keeps its name; a value from inside a function that happens to have it gets the output's.
static void restore_name(Importer *im, const char *name, Value *value) {
    Value *other = value_find(im->graph, name);
    if (!value->def || other == value || (other && value_is_input(other)))
        return;
    if (other)
        value_rename(other, value->name);
    value_rename(value, arena_string(im->arena, name));
}

// A sequence becomes an output for each of its elements.
static bool import_list_output(Importer *im, const char *name, const List *list) {
    if (!import_work(im, (size_t)list->n, (size_t)list->n))
        return false;
    for (int i = 0; i < list->n; i++) {
        const char *element = arena_printf(im->arena, "%s_%d", name, i);
        Value *value = list->item[i];
        bool sub_byte = dtype_is_packed(value->type.dtype);
        if (sub_byte)
            value = packed(im, element, value);
        if (!sub_byte && (!value->def || value_is_output(value) || strcmp(value->name, element))) {
            Node *copy = node_new(im->graph, OP_Identity, 1, 1);
            copy->in[0] = value;
            graph_append(im->graph, copy);
            value = node_output(copy, 0, element, type_unknown());
            restore_name(im, element, value);
        }
        LIST_PUSH(im->arena, &im->graph->outputs, value);
    }
    return true;
}

static bool import_output(Importer *im, const Scope *scope, const Onnx__ValueInfoProto *output) {
    Name *name = output->name && *output->name ? scope_find(scope, output->name) : NULL;
    if (!name)
        return diag_error(im->diag, NULL, E_GRAPH, "output '%s' is never defined", output->name ? output->name : "");
    if (name->state == NAME_TRAINING)
        return diag_error(im->diag, NULL, E_OPERATOR, "output '%s' is a result of training", output->name);
    if (name->state == NAME_LIST)
        return import_list_output(im, output->name, name->list);
    if (name->state != NAME_VALUE)
        return false;
    restore_name(im, output->name, name->value);
    const Onnx__TypeProto *type = output->type;
    bool declared = type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && type->tensor_type;
    if (declared && name->value->type.dtype == DT_NONE)
        name->value->type.dtype = dtype_from_onnx(type->tensor_type->elem_type);
    Value *value = import_add_output(im, output->name, name->value);
    if (type_is_packed(&value->type))
        name->value = value;
    return true;
}

static bool keep_value(Importer *im, const Scope *scope, const char *text) {
    const Name *name = scope_find(scope, text);
    Value *value = name ? name->value : value_find(im->graph, text);
    if (!value)
        return diag_error(im->diag, NULL, E_USAGE, "--keep: the model has no value '%s'", text);
    if (!value_is_output(value))
        import_add_output(im, text, value);
    return true;
}

static void keep_all(Importer *im, const Scope *scope, const Onnx__GraphProto *graph) {
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_output; k++) {
            const Name *name = scope_find(scope, graph->node[i]->output[k]);
            if (name && name->value && name->value->def && !value_is_output(name->value))
                import_add_output(im, name->text, name->value);
        }
}

static bool import_outputs(Importer *im, const Scope *scope, const Onnx__GraphProto *graph) {
    bool ok = graph->n_output || diag_error(im->diag, NULL, E_GRAPH, "the model has no outputs");
    for (size_t i = 0; i < graph->n_output && !import_failed(im); i++)
        ok = import_work(im, 1, 1) && import_output(im, scope, graph->output[i]) && ok;
    if (ok && !im->graph->outputs.n)
        ok = diag_error(im->diag, NULL, E_DTYPE,
                        "no output of the model is a tensor: its sequences and optionals are empty");
    for (int i = 0; i < im->options->nkeep && ok; i++)
        ok = keep_value(im, scope, im->options->keep[i]);
    if (im->options->keep_all && ok)
        keep_all(im, scope, graph);
    return ok;
}

// The outputs that are numbers of strings, moved or not.
static void import_labels(Importer *im, const Scope *scope) {
    for (int i = 0; i < im->graph->outputs.n; i++) {
        const Value *output = im->graph->outputs.item[i], *value = output;
        for (const Node *node = value->def; node; node = value->def) {
            if (node->op != OP_Identity && node->op != OP_Reshape && node->op != OP_Cast)
                break;
            value = node->in[0];
        }
        for (const OutputLabels *known = im->labels; known; known = known->next) {
            const Name *name = scope_find(scope, known->output);
            bool same = name && name->state == NAME_VALUE && (name->value == value || name->value == output);
            if (!same)
                continue;
            OutputLabels *labels = ARENA_NEW(im->arena, OutputLabels);
            *labels = (OutputLabels){output->name, known->text, known->n, im->module->labels};
            im->module->labels = labels;
            break;
        }
    }
}

// Inference is a pass; what the importer found on its way is not to be relied on.
static void forget_types(Graph *graph) {
    for (int i = 0; i < graph->values.n; i++)
        if (graph->values.item[i]->def || (graph->owner && !graph->values.item[i]->data))
            graph->values.item[i]->type = type_unknown();
    for (const Node *node = graph->first; node; node = node->next)
        for (int i = 0; i < 2; i++)
            if (node_body(node, i)) {
                forget_types(node_body(node, i));
                graph_compact(node_body(node, i));
            }
}

static bool import_model(Importer *im) {
    const Onnx__ModelProto *model = im->model;
    const Onnx__GraphProto *graph = model->graph;
    Scope scope = {.arena = im->scratch};
    if (!check_model(im, model) ||
        !import_opset(im, "the model", model->opset_import, model->n_opset_import, 0, &scope.opset))
        return false;
    const char *name = graph->name && *graph->name ? graph->name : "model";
    im->module = module_new(im->arena, name);
    im->graph = graph_new(im->module, name);
    LIST_PUSH(im->arena, &im->module->graphs, im->graph);
    scope.graph = im->graph;
    bool ok = import_initializers(im, &scope, graph);
    ok = import_inputs(im, &scope, graph) && ok;
    ok = import_nodes(im, &scope, graph->node, graph->n_node) && ok;
    if (import_failed(im)) {
        diag_warn(im->diag, NULL, "the rest of the model was not looked at");
        return false;
    }
    ok = import_outputs(im, &scope, graph) && ok;
    if (!ok)
        return false;
    import_labels(im, &scope);
    forget_types(im->graph);
    import_declared(im, &scope, graph);
    graph_compact(im->graph);
    return true;
}

Module *onnx_import(Arena *arena, const unsigned char *bytes, size_t size, const char *folder,
                    const OnnxOptions *options, Diag *diag) {
    static const OnnxOptions no_options;
    if (!size) {
        diag_error(diag, NULL, E_MODEL, "the file is empty");
        return NULL;
    }
    Arena *scratch = arena_new();
    Importer im = {.arena = arena, .scratch = scratch, .diag = diag, .errors = diag->errors,
                   .options = options ? options : &no_options,
                   .tensors = {.arena = arena, .bytes = bytes, .size = size, .folder = folder, .diag = diag}};
    im.tensors.on_read = im.options->on_read;
    im.tensors.context = im.options->context;
    ProtobufCMessage *message = guard_unpack(scratch, &onnx__model_proto__descriptor, bytes, size, diag);
    im.model = (const Onnx__ModelProto *)message;
    bool ok = message && import_model(&im);
    arena_free(scratch);
    return ok && diag->errors == im.errors ? im.module : NULL;
}
