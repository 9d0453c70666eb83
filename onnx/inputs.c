// The graph's inputs: types as the model declares them, dimensions as the options bind them; and what it declares of
// other values. Options are collected
// first, since the shape of one input may bind a symbol in the type of another. A dimension without a number and a
// name, or with the name "?", is called after its place: "data:0".
#include <math.h>
#include <string.h>

#include "onnx/importer.h"
#include "ir/element.h"
#include "support/checked.h"

static const int64_t INPUT_BYTES_MAX = (int64_t)1 << 40;

typedef Onnx__TensorShapeProto__Dimension Dimension;

typedef struct Binding {
    const char *name;
    int64_t value;
    int64_t most;      // not 0: it stays open, from value to most
    const char *flag;  // where it comes from, for messages
    bool used;
} Binding;

struct Bindings {
    Binding *item;
    int n, capacity;
};

static Binding *find_binding(const Bindings *bindings, const char *name) {
    for (int i = 0; i < bindings->n; i++)
        if (!strcmp(bindings->item[i].name, name))
            return &bindings->item[i];
    return NULL;
}

static bool bind(Importer *im, Bindings *bindings, const char *name, int64_t value, const char *flag) {
    const Binding *known = find_binding(bindings, name);
    if (value < 0)
        return diag_error(im->diag, NULL, E_USAGE, "%s: dimension '%s' is negative", flag, name);
    if (known && known->most && value >= known->value && value <= known->most && strcmp(flag, "--dim"))
        return true;  // a sample of what it may be
    if (known && known->most)
        return diag_error(im->diag, NULL, E_USAGE, "dimension '%s' is %lld..%lld by %s and %lld by %s", name,
                          (long long)known->value, (long long)known->most, known->flag, (long long)value, flag);
    if (known && known->value != value)
        return diag_error(im->diag, NULL, E_USAGE, "dimension '%s' is %lld by %s and %lld by %s", name,
                          (long long)known->value, known->flag, (long long)value, flag);
    if (!known) {
        Binding binding = {.name = name, .value = value, .flag = flag};
        LIST_PUSH(im->scratch, bindings, binding);
    }
    return true;
}

static bool bind_dim(Importer *im, Bindings *bindings, const OnnxDim *dim) {
    return bind(im, bindings, dim->name, dim->value, "--dim");
}

static bool keep_open(Importer *im, Bindings *bindings, const OnnxDim *dim) {
    Open *open = &im->module->open;
    if (dim->value < 1 || dim->most < dim->value || dim->most > INT32_MAX)
        return diag_error(im->diag, NULL, E_USAGE,
                          "--dim=%s=%lld..%lld: an open dimension is 1 or more, the lesser first", dim->name,
                          (long long)dim->value, (long long)dim->most);
    if (find_binding(bindings, dim->name))
        return diag_error(im->diag, NULL, E_USAGE, "--dim: dimension '%s' is given twice", dim->name);
    if (open->symbol)
        return diag_error(im->diag, NULL, E_USAGE, "--dim: only one dimension can stay open, not both '%s' and '%s'",
                          open->symbol->name, dim->name);
    *open = (Open){.symbol = module_symbol(im->module, dim->name), .least = dim->value, .most = dim->most};
    Binding binding = {.name = dim->name, .value = dim->value, .most = dim->most, .flag = "--dim"};
    LIST_PUSH(im->scratch, bindings, binding);
    return true;
}

// The symbol; null where there is none, or "?", which some exporters write for every dimension that they don't know.
static const char *dimension_param(const Dimension *dim) {
    bool has = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    return has && dim->dim_param && *dim->dim_param && strcmp(dim->dim_param, "?") ? dim->dim_param : NULL;
}

static const char *dimension_name(Importer *im, const char *input, const Dimension *dim, size_t index) {
    if (dimension_param(dim))
        return dimension_param(dim);
    return arena_printf(im->arena, "%s:%zu", input, index);
}

static bool dimension_number(const Dimension *dim, int64_t *number) {
    *number = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE ? dim->dim_value : -1;
    return *number >= 0;
}

static const Onnx__TypeProto *without_optional(const Onnx__TypeProto *type) {
    bool optional = type && type->value_case == ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE && type->optional_type;
    return optional ? type->optional_type->elem_type : type;
}

static bool is_sequence(const Onnx__ValueInfoProto *input) {
    const Onnx__TypeProto *type = without_optional(input->type);
    return type && type->value_case == ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE && type->sequence_type;
}

// The tensor that an input, or the elements of a sequence, are declared as, or null after an error.
static const Onnx__TypeProto__Tensor *declared(Importer *im, const Onnx__ValueInfoProto *input) {
    const Onnx__TypeProto *type = without_optional(input->type);
    if (is_sequence(input))
        type = type->sequence_type->elem_type;
    if (type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && type->tensor_type)
        return type->tensor_type;
    diag_error(im->diag, NULL, E_DTYPE, "input '%s' is not a tensor", input->name);
    return NULL;
}

// Binds the symbols of an input's declared shape to `dims`.
static bool bind_shape(Importer *im, Bindings *bindings, const Onnx__ValueInfoProto *input, int rank,
                       const int64_t *dims, const char *flag) {
    const Onnx__TypeProto__Tensor *tensor = declared(im, input);
    if (!tensor || !tensor->shape)
        return tensor != NULL;
    if (tensor->shape->n_dim != (size_t)rank)
        return diag_error(im->diag, NULL, E_USAGE, "%s: input '%s' has rank %zu, not %d", flag, input->name,
                          tensor->shape->n_dim, rank);
    for (int i = 0; i < rank; i++) {
        int64_t number;
        const Dimension *dim = tensor->shape->dim[i];
        if (!dimension_number(dim, &number)) {
            if (!bind(im, bindings, dimension_name(im, input->name, dim, (size_t)i), dims[i], flag))
                return false;
        } else if (number != dims[i]) {
            return diag_error(im->diag, NULL, E_USAGE, "%s: dimension %d of input '%s' is %lld in the model, not %lld",
                              flag, i, input->name, (long long)number, (long long)dims[i]);
        }
    }
    return true;
}

static const Onnx__ValueInfoProto *find_input(const Onnx__GraphProto *graph, const char *name) {
    for (size_t i = 0; i < graph->n_input; i++)
        if (graph->input[i]->name && !strcmp(graph->input[i]->name, name))
            return graph->input[i];
    return NULL;
}

// The sequence that NAME_0, NAME_1 and so on are elements of.
static const Onnx__ValueInfoProto *find_sequence(const Onnx__GraphProto *graph, const char *element) {
    for (size_t i = 0; i < graph->n_input; i++) {
        const char *name = graph->input[i]->name;
        size_t length = name ? strlen(name) : 0;
        if (length && is_sequence(graph->input[i]) && !strncmp(element, name, length) && element[length] == '_' &&
            strspn(element + length + 1, "0123456789") == strlen(element + length + 1))
            return graph->input[i];
    }
    return NULL;
}

static bool bind_constant(Importer *im, Bindings *bindings, const Onnx__ValueInfoProto *input, const Type *type) {
    int64_t dims[MAX_RANK];
    for (int k = 0; k < MAX_RANK; k++)
        dims[k] = type->dim[k].n;
    return bind_shape(im, bindings, input, type->rank, dims, "--bind");
}

// Elements of a sequence may differ in what is open in its type, so they bind nothing.
static bool collect_bindings(Importer *im, const Onnx__GraphProto *graph, Bindings *bindings) {
    const OnnxOptions *o = im->options;
    bool ok = true;
    for (int i = 0; i < o->ndims; i++)
        ok = (o->dims[i].most ? keep_open : bind_dim)(im, bindings, &o->dims[i]) && ok;
    for (int i = 0; i < o->nshapes; i++) {
        const OnnxShape *shape = &o->shapes[i];
        const Onnx__ValueInfoProto *input = find_input(graph, shape->input);
        if (shape->rank < 0 || (!input && find_sequence(graph, shape->input)))
            continue;
        if (!input)
            ok = diag_error(im->diag, NULL, E_USAGE, "--shape: the model has no input '%s'", shape->input);
        else
            ok = bind_shape(im, bindings, input, shape->rank, shape->dim, "--shape") && ok;
    }
    for (int i = 0; i < o->nbinds; i++) {
        const Onnx__ValueInfoProto *input = find_input(graph, o->binds[i].input);
        if (!input && !o->binds[i].bytes)
            ok = diag_error(im->diag, NULL, E_USAGE, "--bind: the model has no input '%s' that can be a number",
                            o->binds[i].input);
        else if (!input && find_sequence(graph, o->binds[i].input))
            continue;
        else if (!input)
            ok = diag_error(im->diag, NULL, E_USAGE, "--bind: the model has no input '%s'", o->binds[i].input);
        else if (o->binds[i].bytes)
            ok = bind_constant(im, bindings, input, &o->binds[i].type) && ok;
    }
    return ok;
}

static const OnnxShape *shape_option(const Importer *im, const char *input) {
    for (int i = 0; i < im->options->nshapes; i++)
        if (!strcmp(im->options->shapes[i].input, input))
            return &im->options->shapes[i];
    return NULL;
}

static Dim input_dim(Importer *im, Bindings *bindings, const char *input, const Dimension *dim, size_t index) {
    int64_t number;
    if (dimension_number(dim, &number))
        return dim_const(number);
    const char *name = dimension_name(im, input, dim, index);
    Binding *binding = find_binding(bindings, name);
    if (!binding)
        return (Dim){.n = 1, .sym = module_symbol(im->module, name)};
    binding->used = true;
    return binding->most ? (Dim){.n = 1, .sym = im->module->open.symbol} : dim_const(binding->value);
}

static bool input_type(Importer *im, Bindings *bindings, const Onnx__ValueInfoProto *input, Type *type) {
    const Onnx__TypeProto__Tensor *tensor = declared(im, input);
    if (!tensor)
        return false;
    DType dtype = dtype_from_onnx(tensor->elem_type);
    if (dtype == DT_NONE)
        return diag_error(im->diag, NULL, E_DTYPE, "input '%s': element type %s is not supported", input->name,
                          tensor_type_name(im->arena, tensor->elem_type));
    const OnnxShape *shape = shape_option(im, input->name);
    if (!tensor->shape) {
        if (!shape)
            return diag_error(im->diag, NULL, E_SYMBOL, "input '%s' has no shape: bind it with --shape %s=AxBxC",
                              input->name, input->name);
        *type = type_of_users(type_make(dtype, shape->rank, shape->dim));
        return true;
    }
    if (tensor->shape->n_dim > MAX_RANK)
        return diag_error(im->diag, NULL, E_SHAPE, "input '%s' has rank %zu; at most %d is supported", input->name,
                          tensor->shape->n_dim, MAX_RANK);
    *type = type_of_users(type_make(dtype, 0, NULL));
    type->rank = (int)tensor->shape->n_dim;
    for (int i = 0; i < type->rank; i++)
        type->dim[i] = input_dim(im, bindings, input->name, tensor->shape->dim[i], (size_t)i);
    return true;
}

static bool check_size(Importer *im, const char *name, const Type *type) {
    int64_t bytes = dtype_info[type->dtype].bits / 8;
    for (int i = 0; i < type->rank; i++)
        if (!checked_mul(bytes, max_i64(type->dim[i].n, 1), &bytes) || bytes > INPUT_BYTES_MAX)
            return diag_error(im->diag, NULL, E_TOO_BIG, "input '%s' is too large: %s", name,
                              type_text(im->arena, type));
    return true;
}

static const OnnxBind *bind_option(const Importer *im, const char *input) {
    for (int i = 0; i < im->options->nbinds; i++)
        if (!strcmp(im->options->binds[i].input, input))
            return &im->options->binds[i];
    return NULL;
}

static bool check_number(Importer *im, const char *input, const Type *type, double number) {
    bool one = !type_is_packed(type);
    for (int i = 0; i < type->rank; i++)
        one = one && !type->dim[i].sym && type->dim[i].n == 1;
    if (!one)
        return diag_error(im->diag, NULL, E_USAGE, "--bind: input '%s' is %s, not a single number: bind it to a file",
                          input, type_text(im->arena, type));
    int bits = dtype_info[type->dtype].bits;
    double most = ldexp(1, dtype_is_signed(type->dtype) ? bits - 1 : bits), exact = ldexp(1, 53);
    bool fits = number == floor(number) && number < fmin(most, exact) &&
                number >= (dtype_is_signed(type->dtype) ? -fmin(most, exact) : 0);
    return !dtype_is_int(type->dtype) || fits ||
           diag_error(im->diag, NULL, E_USAGE, "--bind: input '%s' is %s, which cannot be %g", input,
                      type_text(im->arena, type), number);
}

// The constant that an input of this type becomes; null after an error.
static Value *bound_value(Importer *im, const char *input, const Type *type, const OnnxBind *bind) {
    if (!bind->bytes)
        return check_number(im, input, type, bind->number) ? value_doubles(im->graph, input, *type, &bind->number)
                                                           : NULL;
    Type given = bind->type;
    const void *bytes = bind->bytes;
    if (dtype_stands_for(given.dtype, type->dtype)) {
        given.dtype = type->dtype;
        given = type_of_users(given);
        if (type_is_packed(&given))
            bytes = elements_pack(im->arena, given.dtype, bytes, type_count(&given));
    }
    if (given.dtype == type->dtype)
        return value_constant(im->graph, input, given, bytes);
    diag_error(im->diag, NULL, E_USAGE, "--bind: input '%s' is %s, the file %s", input, dtype_info[type->dtype].name,
               dtype_info[given.dtype].name);
    return NULL;
}

static bool is_none(const Importer *im, const char *input) {
    const OnnxShape *shape = shape_option(im, input);
    return shape && shape->rank < 0;
}

// The type of an element, by its own flag.
static bool element_type(Importer *im, const Onnx__ValueInfoProto *input, const char *name, const OnnxShape *shape,
                         const OnnxBind *bound, Type *type) {
    const Onnx__TypeProto__Tensor *tensor = declared(im, input);
    DType dtype = tensor ? dtype_from_onnx(tensor->elem_type) : DT_NONE;
    if (!tensor)
        return false;
    if (dtype == DT_NONE)
        return diag_error(im->diag, NULL, E_DTYPE, "input '%s': element type %s is not supported", input->name,
                          tensor_type_name(im->arena, tensor->elem_type));
    *type = bound ? bound->type : type_make(dtype, shape->rank, shape->dim);
    type->dtype = dtype;
    for (size_t i = 0; tensor->shape && i < tensor->shape->n_dim; i++) {
        int64_t number;
        bool fixed = dimension_number(tensor->shape->dim[i], &number);
        if (tensor->shape->n_dim != (size_t)type->rank || (fixed && type->dim[i].n != number))
            return diag_error(im->diag, NULL, E_USAGE, "element '%s' is %s, which is not what the model declares", name,
                              type_text(im->arena, type));
    }
    return check_size(im, name, type);
}

// A sequence is as long as there are flags for its elements; each is an input of its own.
static bool import_sequence(Importer *im, Scope *scope, const Onnx__ValueInfoProto *input) {
    List *list = ARENA_NEW(im->scratch, List);
    int capacity = 0;
    *list = (List){.dtype = DT_NONE};
    for (;; list->n++) {
        const char *name = arena_printf(im->arena, "%s_%d", input->name, list->n);
        const OnnxShape *shape = shape_option(im, name);
        const OnnxBind *bound = bind_option(im, name);
        Type type;
        if (!bound && (!shape || shape->rank < 0))
            break;
        if (!import_work(im, 1, 1) || !element_type(im, input, name, shape, bound, &type))
            return false;
        Value *value = bound ? bound_value(im, name, &type, bound) : value_new(im->graph, name, type);
        if (!value)
            return false;
        if (!bound)
            LIST_PUSH(im->arena, &im->graph->inputs, value);
        list->item = arena_grow(im->scratch, list->item, list->n, &capacity, sizeof *list->item);
        list->item[list->n] = value;
        list->dtype = type.dtype;
    }
    if (!list->n && !is_none(im, input->name))
        return diag_error(
            im->diag, NULL, E_SYMBOL,
            "input '%s' is a sequence: say what is in it with --shape %s_0=AxB, --shape %s_1=AxB and so on, "
            "or --shape %s=none",
            input->name, input->name, input->name, input->name);
    list->none = !list->n && input->type->value_case == ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
    return scope_define_list(scope, input->name, list);
}

// An optional that the flags say is empty.
static bool import_nothing(Importer *im, Scope *scope, const Onnx__ValueInfoProto *input) {
    List *list = ARENA_NEW(im->scratch, List);
    *list = (List){.none = true, .dtype = DT_NONE};
    if (!input->type || input->type->value_case != ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE)
        return diag_error(im->diag, NULL, E_USAGE, "--shape %s=none: it is a tensor", input->name);
    return scope_define_list(scope, input->name, list);
}

static bool import_input(Importer *im, Scope *scope, Bindings *bindings, const Onnx__ValueInfoProto *input) {
    if (!input->name || !*input->name)
        return diag_error(im->diag, NULL, E_GRAPH, "an input has no name");
    const Name *known = scope_find(scope, input->name);
    if (known && known->value && known->value->data)
        return true;  // an initializer gives it
    if (known && known->state == NAME_FAILED)
        return true;
    if (known)
        return diag_error(im->diag, NULL, E_GRAPH, "input '%s' is declared twice", input->name);
    if (is_sequence(input) || is_none(im, input->name)) {
        if (is_sequence(input) ? import_sequence(im, scope, input) : import_nothing(im, scope, input))
            return true;
        scope_define(scope, input->name, NAME_FAILED, NULL);
        return false;
    }
    const OnnxBind *constant = bind_option(im, input->name);
    Type type;
    Value *value = NULL;
    if (input_type(im, bindings, input, &type) && check_size(im, input->name, &type))
        value = constant ? bound_value(im, input->name, &type, constant) : value_new(im->graph, input->name, type);
    if (!value) {
        scope_define(scope, input->name, NAME_FAILED, NULL);
        return false;
    }
    if (!constant)
        LIST_PUSH(im->arena, &im->graph->inputs, value);
    scope_define(scope, input->name, NAME_VALUE, value);
    if (type_is_packed(&value->type) && !value->data)  // here, where bodies see it, too
        scope_find(scope, input->name)->wide = import_unpacked(im, value);
    return true;
}

bool import_inputs(Importer *im, Scope *scope, const Onnx__GraphProto *graph) {
    Bindings *bindings = im->bindings = ARENA_NEW(im->scratch, Bindings);
    bool ok = collect_bindings(im, graph, bindings);
    for (size_t i = 0; i < graph->n_input && !import_failed(im); i++)
        ok = import_input(im, scope, bindings, graph->input[i]) && ok;
    for (int i = 0; i < bindings->n && ok; i++)
        if (!bindings->item[i].used && !strcmp(bindings->item[i].flag, "--dim"))
            ok = diag_error(im->diag, NULL, E_USAGE, "--dim: no input has a dimension '%s'", bindings->item[i].name);
    return ok;
}

// Other values.

static bool declared_type(const Bindings *bindings, const Onnx__ValueInfoProto *info, Type *type) {
    if (!info->type || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !info->type->tensor_type)
        return false;
    const Onnx__TypeProto__Tensor *tensor = info->type->tensor_type;
    int64_t bytes = 16;
    *type = type_make(dtype_from_onnx(tensor->elem_type), 0, NULL);
    if (type->dtype == DT_NONE || !tensor->shape || tensor->shape->n_dim > MAX_RANK)
        return false;
    type->rank = (int)tensor->shape->n_dim;
    for (int i = 0; i < type->rank; i++) {
        const Dimension *dim = tensor->shape->dim[i];
        const Binding *binding = dimension_param(dim) ? find_binding(bindings, dimension_param(dim)) : NULL;
        if (!dimension_number(dim, &type->dim[i].n) && (!binding || binding->most))
            return false;
        type->dim[i] = dim_const(binding ? binding->value : type->dim[i].n);
        if (!checked_mul(bytes, max_i64(type->dim[i].n, 1), &bytes) || bytes > INPUT_BYTES_MAX)
            return false;
    }
    return true;
}

static void declare(Importer *im, const Scope *scope, const Bindings *bindings, const Onnx__ValueInfoProto *info) {
    const Name *name = info->name && *info->name ? scope_find(scope, info->name) : NULL;
    Type type;
    if (!name || !name->value || !name->value->def || !declared_type(bindings, info, &type))
        return;
    Type *declared = ARENA_NEW(im->arena, Type);
    *declared = type;
    name->value->declared = declared;
}

void import_declared(Importer *im, const Scope *scope, const Onnx__GraphProto *graph) {
    for (size_t i = 0; i < graph->n_value_info; i++)
        declare(im, scope, im->bindings, graph->value_info[i]);
    for (size_t i = 0; i < graph->n_output; i++)
        declare(im, scope, im->bindings, graph->output[i]);
}

bool import_declared_type(Importer *im, const Scope *scope, const char *name, Type *type) {
    const Onnx__GraphProto *graph = im->model->graph;
    if (scope->function || scope->outer || !name)
        return false;
    for (size_t i = 0; i < graph->n_output; i++)
        if (graph->output[i]->name && !strcmp(graph->output[i]->name, name))
            return declared_type(im->bindings, graph->output[i], type);
    for (size_t i = 0; i < graph->n_value_info; i++)
        if (graph->value_info[i]->name && !strcmp(graph->value_info[i]->name, name))
            return declared_type(im->bindings, graph->value_info[i], type);
    return false;
}
