// Reading and editing drafts, and making nodes of them. Types of results are inferred on the way as far as that goes
// (quietly: what cannot be known yet is no error here), since a few old forms can only be rewritten where the rank of
// an operand is known; import.c forgets them in the end.
#include "onnx/draft.h"

#include <ctype.h>
#include <string.h>

#include "ir/element.h"
#include "ir/infer_check.h"
#include "support/str.h"

bool draft_wants(const Draft *d, int output) {
    return output < d->nout && *d->out[output];
}

int draft_rank(const Draft *d, int input) {
    const Value *value = draft_in(d, input);
    return value ? value->type.rank : -1;
}

DType draft_dtype(const Draft *d, int input) {
    const Value *value = draft_in(d, input);
    return value && value->type.dtype != DT_NONE ? value->type.dtype : DT_F32;
}

// Attributes.

typedef Onnx__AttributeProto Attribute;

static const char *const kind_names[] = {"?", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings"};
enum { KIND_FLOAT = 1, KIND_INT, KIND_STRING, KIND_TENSOR, KIND_GRAPH, KIND_FLOATS, KIND_INTS, KIND_STRINGS };

// Old files may not say; then whatever field is there tells.
static int attribute_kind(const Attribute *a) {
    if (a->has_type && a->type)
        return (int)a->type;
    if (a->has_f)
        return KIND_FLOAT;
    if (a->has_i)
        return KIND_INT;
    if (a->has_s)
        return KIND_STRING;
    if (a->t)
        return KIND_TENSOR;
    return a->n_floats ? KIND_FLOATS : a->n_ints ? KIND_INTS : a->g ? KIND_GRAPH : KIND_STRINGS;
}

static bool check_kind(Importer *im, const Draft *d, const Attribute *a, int kind) {
    int found = attribute_kind(a);
    if (found == kind || (found == KIND_STRINGS && kind == KIND_INTS && !a->n_strings))
        return true;
    const char *word = found >= 0 && found <= KIND_STRINGS ? kind_names[found] : "of another kind";
    return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' must be %s, but is %s", a->name, kind_names[kind],
                      word);
}

static bool attribute_text(Importer *im, const Draft *d, const Attribute *a, const char **text) {
    if (!check_kind(im, d, a, KIND_STRING))
        return false;
    *text = arena_copy(im->arena, (const char *)a->s.data, a->s.len);
    return true;
}

static Floats copy_floats(Arena *arena, const Attribute *a) {
    Floats floats = {(int)a->n_floats, ARENA_ARRAY(arena, double, a->n_floats)};
    for (int i = 0; i < floats.n; i++)
        floats.v[i] = (double)a->floats[i];
    return floats;
}

Attribute *draft_take(Draft *d, const char *name) {
    for (int i = 0; i < d->nattr; i++) {
        Attribute *a = d->attr[i];
        if (strcmp(a->name, name))
            continue;
        d->nattr--;
        memmove(&d->attr[i], &d->attr[i + 1], (size_t)(d->nattr - i) * sizeof *d->attr);
        return a;
    }
    return NULL;
}

bool draft_take_int(Importer *im, Draft *d, const char *name, int64_t initial, int64_t *number) {
    const Attribute *a = draft_take(d, name);
    *number = a ? a->i : initial;
    return !a || check_kind(im, d, a, KIND_INT);
}

bool draft_take_float(Importer *im, Draft *d, const char *name, double initial, double *number) {
    const Attribute *a = draft_take(d, name);
    *number = a ? (double)a->f : initial;
    return !a || check_kind(im, d, a, KIND_FLOAT);
}

bool draft_take_ints(Importer *im, Draft *d, const char *name, Ints *ints, bool *found) {
    const Attribute *a = draft_take(d, name);
    *found = a != NULL;
    *ints = a ? ints_copy(im->arena, a->ints, (int)a->n_ints) : (Ints){0};
    return !a || check_kind(im, d, a, KIND_INTS);
}

bool draft_take_text(Importer *im, Draft *d, const char *name, const char *initial, const char **text) {
    const Attribute *a = draft_take(d, name);
    *text = initial;
    return !a || attribute_text(im, d, a, text);
}

bool draft_take_floats(Importer *im, Draft *d, const char *name, Floats *floats) {
    const Attribute *a = draft_take(d, name);
    *floats = a ? copy_floats(im->arena, a) : (Floats){0};
    return !a || check_kind(im, d, a, KIND_FLOATS);
}

static bool set_word(Importer *im, const Draft *d, const Attribute *a, const char *const *words, int *index) {
    const char *text;
    if (!attribute_text(im, d, a, &text))
        return false;
    Str known = {.arena = im->scratch};
    for (int i = 0; words[i]; i++) {
        if (!strcmp(words[i], text)) {
            *index = i;
            return true;
        }
        str_printf(&known, "%s%s", i ? ", " : "", words[i]);
    }
    return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' is '%s'; known are %s", a->name, text, known.text);
}

bool draft_take_word(Importer *im, Draft *d, const char *name, const char *const *words, int *index) {
    const Attribute *a = draft_take(d, name);
    return !a || set_word(im, d, a, words, index);
}

static Attribute *add_attribute(Importer *im, Draft *d, const char *name, int kind) {
    Attribute *a = ARENA_NEW(im->scratch, Attribute);
    onnx__attribute_proto__init(a);
    a->name = arena_string(im->scratch, name);
    a->has_type = 1;
    a->type = (Onnx__AttributeProto__AttributeType)kind;
    draft_take(d, name);
    d->attr[d->nattr++] = a;
    return a;
}

void draft_set_int(Importer *im, Draft *d, const char *name, int64_t number) {
    Attribute *a = add_attribute(im, d, name, KIND_INT);
    a->has_i = 1;
    a->i = number;
}

void draft_set_float(Importer *im, Draft *d, const char *name, double number) {
    Attribute *a = add_attribute(im, d, name, KIND_FLOAT);
    a->has_f = 1;
    a->f = (float)number;
}

void draft_set_text(Importer *im, Draft *d, const char *name, const char *text) {
    Attribute *a = add_attribute(im, d, name, KIND_STRING);
    a->has_s = 1;
    a->s.len = strlen(text);
    a->s.data = (uint8_t *)arena_string(im->scratch, text);
}

void draft_set_input(Draft *d, int index, Value *value) {
    while (d->nin <= index)
        d->in[d->nin++] = NULL;
    d->in[index] = value;
}

// Constants and nodes on the way.

static const char *part_name(Importer *im, const Draft *d, const char *part) {
    const char *base = *d->out[0] ? scope_label(d->scope, d->out[0]) : "v";
    return arena_printf(im->scratch, "%s.%s", base, part);
}

Value *draft_ints(Importer *im, const Draft *d, const char *part, const int64_t *v, int n) {
    return value_int64s(im->graph, part_name(im, d, part), v, n);
}

Value *draft_int(Importer *im, const Draft *d, const char *part, int64_t number) {
    return draft_ints(im, d, part, &number, 1);
}

Value *draft_constant(Importer *im, const Draft *d, const char *part, const Type *type, const void *bytes) {
    return value_constant(im->graph, part_name(im, d, part), *type, bytes);
}

Value *draft_scalar(Importer *im, const Draft *d, const char *part, DType dtype, double number) {
    void *bytes = arena_alloc(im->arena, 8);
    element_set(dtype, bytes, 0, number);
    Type type = type_make(dtype, 0, NULL);
    return draft_constant(im, d, part, &type, bytes);
}

// The element type of a result where the shapes are out of reach.
static DType result_dtype(const Node *node, int index) {
    if (node_is_flow(node))
        return node->body->outputs.item[index + (node->op == OP_Loop)]->type.dtype;
    InferFn infer = op_info[node->op].infer;
    const Value *like = infer == infer_where ? node_in(node, 1) : node_in(node, 0);
    if (infer == infer_compare || infer == infer_to_bool || infer == infer_logic)
        return DT_BOOL;
    if (infer == infer_shape_of || infer == infer_size_of || infer == infer_arg)
        return DT_I64;
    if (infer == infer_cast)
        return ((const CastAttrs *)node->attrs)->to;
    if (infer == infer_fill)
        return ((const FillAttrs *)node->attrs)->dtype;
    return like ? like->type.dtype : DT_NONE;
}

static void know(Importer *im, const Value *value, DimTensor *dims) {
    if (value->id >= im->infer.nknown) {
        int n = 2 * value->id + 64;
        DimTensor **known = ARENA_ARRAY(im->scratch, DimTensor *, n);
        if (im->infer.nknown)
            memcpy(known, im->infer.known, (size_t)im->infer.nknown * sizeof *known);
        im->infer.known = known;
        im->infer.nknown = n;
    }
    im->infer.known[value->id] = dims;
}

void draft_infer(Importer *im, Node *node) {
    Diag quiet = {0};
    Type *types = ARENA_ARRAY(im->scratch, Type, node->nout);
    bool known = true;
    for (int i = 0; i < node->nin; i++)
        known = known && (!node->in[i] || (node->in[i]->type.rank >= 0 && node->in[i]->type.dtype != DT_NONE));
    im->infer.arena = im->scratch;
    im->infer.diag = &quiet;
    if (!known || !infer_node(&im->infer, node, types)) {
        for (int i = 0; i < (node_is_flow(node) ? node->nout : 1); i++)
            node->out[i]->type.dtype = result_dtype(node, i);
        return;
    }
    for (int i = 0; i < node->nout; i++)
        node->out[i]->type = types[i];
    if (op_info[node->op].flags & DIMS)
        know(im, node->out[0], infer_eval_dims(&im->infer, node));
}

static int used_inputs(Value *const *in, int nin) {
    while (nin && !in[nin - 1])
        nin--;
    return nin;
}

Node *draft_append(Importer *im, const Draft *d, OpKind op, Value *const *in, int nin, int nout) {
    Node *node = node_new(im->graph, op, used_inputs(in, nin), nout);
    for (int i = 0; i < node->nin; i++)
        node->in[i] = in[i];
    node->loc = d->loc;
    graph_append(im->graph, node);
    return node;
}

static const char *lower_name(Importer *im, OpKind op) {
    char *name = arena_string(im->scratch, op_info[op].name);
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return name;
}

Value *draft_node(Importer *im, const Draft *d, OpKind op, Value *a, Value *b, Value *c) {
    Value *in[] = {a, b, c};
    Node *node = draft_append(im, d, op, in, 3, 1);
    Value *value = node_output(node, 0, part_name(im, d, lower_name(im, op)), type_unknown());
    draft_infer(im, node);
    return value;
}

Value *draft_binary(Importer *im, const Draft *d, OpKind op, Value *a, Value *b) {
    return draft_node(im, d, op, a, b, NULL);
}

Value *draft_sum(Importer *im, const Draft *d, Value *a, Value *b) {
    return a && b ? draft_node(im, d, OP_Add, a, b, NULL) : a ? a : b;
}

enum { KNOWN_NODES = 256 };  // that are looked at

static bool compare(OpKind op, int64_t a, int64_t b, int64_t *number) {
    switch ((int)op) {
    case OP_Equal: *number = a == b; return true;
    case OP_Less: *number = a < b; return true;
    case OP_LessOrEqual: *number = a <= b; return true;
    case OP_Greater: *number = a > b; return true;
    case OP_GreaterOrEqual: *number = a >= b; return true;
    case OP_And: *number = a && b; return true;
    case OP_Or: *number = a || b; return true;
    default: return false;
    }
}

static bool known(Importer *im, const Value *value, int *left, int64_t *number) {
    if (!value || --*left < 0)
        return false;
    if (value->data && !dtype_is_float(value->type.dtype) && type_count(&value->type) == 1) {
        *number = element_int(value->type.dtype, constant_bytes(value->data), 0);
        return true;
    }
    im->infer.arena = im->scratch;
    const DimTensor *dims = value->graph == im->graph ? infer_known(&im->infer, value) : NULL;
    if (dims && dims->n == 1 && !dims->v[0].sym) {
        *number = dims->v[0].n;
        return true;
    }
    const Node *def = value->def;
    int64_t a, b = 0;
    if (!def || def->nin < 1 || !known(im, def->in[0], left, &a))
        return false;
    *number = def->op == OP_Not ? !a : a;
    if (def->op == OP_Identity || def->op == OP_Not || def->op == OP_Squeeze || def->op == OP_Unsqueeze ||
        def->op == OP_Reshape)
        return true;
    if (def->op == OP_Cast) {
        DType to = ((const CastAttrs *)def->attrs)->to;
        *number = to == DT_BOOL ? a != 0 : a;
        return to == DT_BOOL || to == DT_I64;
    }
    return def->nin == 2 && known(im, def->in[1], left, &b) && compare(def->op, a, b, number);
}

bool draft_known(Importer *im, const Value *value, int64_t *number) {
    int left = KNOWN_NODES;
    return known(im, value, &left, number);
}

Value *draft_add_axes(Importer *im, const Draft *d, Value *value, int rank, int count) {
    int64_t axes[MAX_RANK];
    if (count <= 0 || count > MAX_RANK)
        return value;
    for (int i = 0; i < count; i++)
        axes[i] = rank + i;
    return draft_node(im, d, OP_Unsqueeze, value, draft_ints(im, d, "axes", axes, count), NULL);
}

Value *draft_count_up(Importer *im, const Draft *d, Value *count, int behind) {
    Value *scalar = draft_node(im, d, OP_Reshape, count, draft_ints(im, d, "scalar", NULL, 0), NULL);
    Value *range = draft_node(im, d, OP_Range, draft_scalar(im, d, "zero", DT_I64, 0), scalar,
                              draft_scalar(im, d, "one", DT_I64, 1));
    return draft_add_axes(im, d, range, 1, behind);
}

int draft_axes_behind(int64_t axis, int rank) {
    int64_t behind = axis < 0 ? -(axis + 1) : rank < 0 ? -1 : rank - 1 - axis;
    return behind < 0 || behind >= MAX_RANK ? -1 : (int)behind;
}

Value *draft_cast(Importer *im, const Draft *d, Value *value, DType to) {
    if (value->type.dtype == to)
        return value;
    Value *result = draft_node(im, d, OP_Cast, value, NULL, NULL);
    ((CastAttrs *)result->def->attrs)->to = to;
    draft_infer(im, result->def);
    return result;
}

// Finishing.

bool draft_need(Importer *im, const Draft *d, int n) {
    for (int i = 0; i < n; i++)
        if (!draft_in(d, i))
            return diag_error(im->diag, d->loc, E_ARITY, "input %d is missing", i);
    return true;
}

bool draft_define(Importer *im, Draft *d, int output, Value *value) {
    d->done = true;
    if (!draft_wants(d, output))
        return true;
    const char *label = scope_label(d->scope, d->out[output]);
    if (value->def && strcmp(value->name, label) && !value_find(im->graph, label))
        value_rename(value, arena_string(im->arena, label));
    return scope_define(d->scope, d->out[output], NAME_VALUE, value) ||
           diag_error(im->diag, d->loc, E_GRAPH, "value '%s' is defined twice", d->out[output]);
}

bool draft_define_list(Importer *im, Draft *d, int output, List *list) {
    d->done = true;
    return !draft_wants(d, output) || scope_define_list(d->scope, d->out[output], list) ||
           diag_error(im->diag, d->loc, E_GRAPH, "value '%s' is defined twice", d->out[output]);
}

// Attributes that may be there and change nothing.
static const struct {
    const char *op, *name;  // a null operator: of any
} ignored[] = {
    {NULL, "consumed_inputs"},              // a hint of opset 1 that exporters kept
    {"BatchNormalization", "is_test"},      // sqzc is always testing
    {"Range", "stash_type"},                // how 16-bit floats are stepped: as float, always
};

static const struct {
    OpKind op;
    const char *name;
} required[] = {
    {OP_AveragePool, "kernel_shape"}, {OP_BitShift, "direction"}, {OP_BitCast, "to"}, {OP_Cast, "to"},
    {OP_Concat, "axis"},              {OP_DepthToSpace, "blocksize"}, {OP_LRN, "size"},
    {OP_MaxPool, "kernel_shape"},     {OP_SpaceToDepth, "blocksize"},
};

static bool is_ignored(const Draft *d, const char *name) {
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        if ((!ignored[i].op || !strcmp(ignored[i].op, d->op)) && !strcmp(ignored[i].name, name))
            return true;
    return false;
}

bool draft_all_taken(Importer *im, const Draft *d) {
    return !d->nattr || diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' is not known", d->attr[0]->name);
}

bool draft_done(Importer *im, Draft *d, Value *result) {
    for (int i = 0; i < d->nattr; i++)
        if (!is_ignored(d, d->attr[i]->name))
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' is not known", d->attr[i]->name);
    return draft_define(im, d, 0, result);
}

static const AttrRow *find_row(const AttrTable *table, const char *name) {
    const AttrRow *row = attrs_find(table, name);
    return row && row->own ? NULL : row;
}

static bool set_dtype(Importer *im, const Draft *d, const Attribute *a, DType *field) {
    if (!check_kind(im, d, a, KIND_INT))
        return false;
    int number = a->i < 0 || a->i > 1000 ? -1 : (int)a->i;
    *field = dtype_from_onnx(number);
    if (*field != DT_NONE)
        return true;
    return diag_error(im->diag, d->loc, E_DTYPE, "attribute '%s': element type %s is not supported", a->name,
                      tensor_type_name(im->arena, number));
}

static bool set_field(Importer *im, const Draft *d, const Attribute *a, const AttrRow *row, void *attrs) {
    void *field = (char *)attrs + row->offset;
    static const int kinds[] = {
        [ATTR_INT] = KIND_INT,       [ATTR_BOOL] = KIND_INT,   [ATTR_FLOAT] = KIND_FLOAT, [ATTR_STRING] = KIND_STRING,
        [ATTR_ENUM] = KIND_STRING,   [ATTR_DTYPE] = KIND_INT,  [ATTR_INTS] = KIND_INTS,   [ATTR_FLOATS] = KIND_FLOATS};
    if (!check_kind(im, d, a, kinds[row->kind]))
        return false;
    switch (row->kind) {
    case ATTR_INT: *(int64_t *)field = a->i; return true;
    case ATTR_BOOL: *(bool *)field = a->i != 0; return true;
    case ATTR_FLOAT: *(double *)field = (double)a->f; return true;
    case ATTR_STRING: return attribute_text(im, d, a, field);
    case ATTR_ENUM: return set_word(im, d, a, row->words, field);
    case ATTR_DTYPE: return set_dtype(im, d, a, field);
    case ATTR_INTS: *(Ints *)field = ints_copy(im->arena, a->ints, (int)a->n_ints); return true;
    case ATTR_FLOATS: *(Floats *)field = copy_floats(im->arena, a); return true;
    }
    return true;
}

static bool check_required(Importer *im, const Draft *d, OpKind op) {
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        bool found = required[i].op != op;
        for (int k = 0; k < d->nattr && !found; k++)
            found = !strcmp(d->attr[k]->name, required[i].name);
        if (!found)
            return diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' is missing", required[i].name);
    }
    return true;
}

bool draft_set_attributes(Importer *im, const Draft *d, Node *node) {
    const AttrTable *table = op_info[node->op].attrs;
    bool ok = check_required(im, d, node->op);
    for (int i = 0; i < d->nattr; i++) {
        const AttrRow *row = find_row(table, d->attr[i]->name);
        if (row)
            ok = set_field(im, d, d->attr[i], row, node->attrs) && ok;
        else if (!is_ignored(d, d->attr[i]->name))
            ok = diag_error(im->diag, d->loc, E_ATTRIBUTE, "attribute '%s' is not known", d->attr[i]->name);
    }
    return ok;
}

static bool check_arity(Importer *im, const Draft *d, OpKind op, int nin, int nout) {
    const OpInfo *info = &op_info[op];
    bool three = op == OP_Conv || op == OP_ScatterElements || op == OP_ScatterND;
    int in_max = three ? 3 : op == OP_MatMul ? 2 : info->in_max;  // further ones are sqzc's own
    if (nin < info->in_min || nin > in_max)
        return diag_error(im->diag, d->loc, E_ARITY, "it has %d inputs; %s takes %s%d", nin, info->name,
                          nin < info->in_min ? "at least " : "at most ", nin < info->in_min ? info->in_min : in_max);
    if (nout < 1 || nout > info->out_max)
        return diag_error(im->diag, d->loc, E_ARITY, "it has %d outputs; %s gives %s%d", nout, info->name,
                          nout < 1 ? "at least " : "at most ", nout < 1 ? 1 : info->out_max);
    for (int i = 0; i < (info->in_max == MANY ? nin : info->in_min); i++)
        if (!draft_in(d, i))
            return diag_error(im->diag, d->loc, E_ARITY, "input %d is missing", i);
    return true;
}

bool draft_finish(Importer *im, Draft *d, OpKind op) {
    int nin = used_inputs(d->in, d->nin), nout = d->nout;
    while (nout && !*d->out[nout - 1])
        nout--;
    if (!check_arity(im, d, op, nin, nout))
        return false;
    Node *node = draft_append(im, d, op, d->in, nin, nout);
    bool ok = draft_set_attributes(im, d, node);
    for (int i = 0; i < nout; i++) {
        const char *label = *d->out[i] ? scope_label(d->scope, d->out[i]) : NULL;
        Value *value = node_output(node, i, label, type_unknown());
        ok = draft_define(im, d, i, value) && ok;
    }
    if (ok)
        draft_infer(im, node);
    return ok;
}
