// A signature is a node's text with every name replaced by a number in order of appearance. Two nodes with the same
// signature compute the same function of their operands, whose addresses are arguments of the emitted function.
#include <string.h>

#include "ir/element.h"
#include "ir/print.h"
#include "ir/print_parts.h"

enum { FLOATS_READ = 8, LIST_MAX = 64 };

// The values seen so far; a node's operands are few.
typedef struct Numbering {
    const Value **item;
    int n, capacity;
} Numbering;

// The index of a value; equal to `n` before the call where it is new.
static int number_of(Str *out, Numbering *numbering, const Value *value) {
    for (int i = 0; i < numbering->n; i++)
        if (numbering->item[i] == value)
            return i;
    LIST_PUSH(out->arena, numbering, value);
    return numbering->n - 1;
}

// FNV-1a, of constants too long to print.
static uint64_t hash_bytes(const void *bytes, int64_t size) {
    uint64_t hash = 0xcbf29ce484222325;
    for (int64_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3;
    return hash;
}

static void sign_constant(Str *out, const Value *constant) {
    int64_t count = type_storage(&constant->type);
    str_add(out, " const");
    if (dtype_is_float(constant->type.dtype) && count > FLOATS_READ)
        return;
    str_add(out, " ");
    if (count <= LIST_MAX)
        print_list(out, constant);
    else
        str_printf(out, "%016llx",
                   (unsigned long long)hash_bytes(constant_bytes(constant->data), constant->data->size));
}

// The value's number, and at its first appearance its type and what matters of a constant.
static void sign_value(Str *out, Numbering *numbering, const Value *value) {
    if (!value) {
        str_add(out, "_");
        return;
    }
    int before = numbering->n;
    str_printf(out, "%%%d", number_of(out, numbering, value));
    if (numbering->n == before)
        return;
    str_add(out, ": ");
    str_add(out, type_text(out->arena, &value->type));
    if (value->data)
        sign_constant(out, value);
}

static void sign_values(Str *out, Numbering *numbering, Value *const *values, int count) {
    for (int i = 0; i < count; i++) {
        str_add(out, i ? ", " : "");
        sign_value(out, numbering, values[i]);
    }
}

static void sign_places(Str *out, Numbering *numbering, const Node *node) {
    for (int i = 0; i < node->nout; i++) {
        const Value *value = node->out[i];
        if (!value || value->place.kind == PLACE_NONE)
            continue;
        str_printf(out, " at %d(", i);
        if (value->place.kind == PLACE_IN)
            sign_value(out, numbering, value->place.base);
        str_printf(out, " + %lld)", (long long)value->place.offset);
    }
}

static void sign_node(Str *out, Numbering *numbering, const Node *node, bool inner);

// The places in a body are part of what is emitted; those of the node's own operands are not.
static void sign_body(Str *out, const Graph *body) {
    Numbering numbering = {0};
    str_add(out, " body(");
    sign_values(out, &numbering, body->inputs.item, body->inputs.n);
    str_add(out, ") {\n");
    for (const Node *node = body->first; node; node = node->next)
        sign_node(out, &numbering, node, true);
    str_add(out, "} -> (");
    sign_values(out, &numbering, body->outputs.item, body->outputs.n);
    str_add(out, ")");
}

static void sign_node(Str *out, Numbering *numbering, const Node *node, bool inner) {
    str_printf(out, "%s(", op_info[node->op].name);
    sign_values(out, numbering, node->in, node->nin);
    str_add(out, ") -> (");
    sign_values(out, numbering, node->out, node->nout);
    str_add(out, ")");
    print_attrs(out, node);
    print_kernel(out, node);
    if (inner)
        sign_places(out, numbering, node);
    for (int i = 0; i < 2; i++)
        if (node_body(node, i))
            sign_body(out, node_body(node, i));
    str_add(out, "\n");
}

void print_signature(Str *out, const Node *node) {
    Numbering numbering = {0};
    sign_node(out, &numbering, node, false);
}
