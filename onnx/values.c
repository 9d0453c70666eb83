// Test data of values that are no tensors: files with one SequenceProto or OptionalProto (onnx-data.proto). Of these
// only the fields that hold tensors matter here, so they are found by a walk over the tags, and each is read as a file
// with one TensorProto is. Also what a model's inputs and outputs are, since such a file does not say what it holds.
#include <string.h>

#include "onnx/guard.h"
#include "onnx/import.h"
#include "onnx/importer.h"

enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };
enum { SEQUENCE_TENSORS = 3, OPTIONAL_TENSOR = 3, OPTIONAL_SEQUENCE = 5 };

typedef struct Slice {
    const unsigned char *at, *end;
} Slice;

static bool read_varint(Slice *s, uint64_t *number) {
    *number = 0;
    for (int shift = 0; shift < 64 && s->at < s->end; shift += 7) {
        unsigned char byte = *s->at++;
        *number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

// The next field; its bytes where it has any.
static bool read_field(Slice *s, uint64_t *field, Slice *bytes) {
    uint64_t tag, length = 0;
    if (!read_varint(s, &tag))
        return false;
    *field = tag >> 3;
    *bytes = (Slice){NULL, NULL};
    switch (tag & 7) {
    case WIRE_VARINT: return read_varint(s, &length);
    case WIRE_64: length = 8; break;
    case WIRE_32: length = 4; break;
    case WIRE_BYTES:
        if (!read_varint(s, &length))
            return false;
        break;
    default: return false;
    }
    if (length > (uint64_t)(s->end - s->at))
        return false;
    if ((tag & 7) == WIRE_BYTES)
        *bytes = (Slice){s->at, s->at + length};
    s->at += length;
    return true;
}

static bool read_values(Arena *arena, Slice all, const char *folder, bool optional, OnnxValues *values, Diag *diag) {
    while (all.at < all.end) {
        uint64_t field;
        Slice bytes;
        if (!read_field(&all, &field, &bytes))
            return diag_error(diag, NULL, E_MODEL, "this is no ONNX sequence or optional");
        if (optional && field == OPTIONAL_SEQUENCE && bytes.at) {
            if (!read_values(arena, bytes, folder, false, values, diag))
                return false;
        } else if (field == (optional ? OPTIONAL_TENSOR : SEQUENCE_TENSORS) && bytes.at) {
            OnnxValue value;
            if (!onnx_tensor(arena, bytes.at, (size_t)(bytes.end - bytes.at), folder, &value.type, &value.data, diag))
                return false;
            LIST_PUSH(arena, values, value);
        }
    }
    return true;
}

bool onnx_values(Arena *arena, const unsigned char *bytes, size_t size, const char *folder, const OnnxPort *port,
                 OnnxValues *values, Diag *diag) {
    *values = (OnnxValues){0};
    return read_values(arena, (Slice){bytes, bytes + size}, folder, port->optional, values, diag);
}

static OnnxPort port_of(Arena *arena, const Onnx__ValueInfoProto *info) {
    const Onnx__TypeProto *type = info->type;
    OnnxPort port = {.name = arena_string(arena, info->name ? info->name : "")};
    if (type && type->value_case == ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE && type->optional_type) {
        port.optional = true;
        type = type->optional_type->elem_type;
    }
    port.sequence = type && type->value_case == ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
    return port;
}

bool onnx_ports(Arena *arena, const unsigned char *bytes, size_t size, OnnxPorts *inputs, OnnxPorts *outputs,
                Diag *diag) {
    Arena *scratch = arena_new();
    ProtobufCMessage *message = guard_unpack(scratch, &onnx__model_proto__descriptor, bytes, size, diag);
    const Onnx__ModelProto *model = (const Onnx__ModelProto *)message;
    const Onnx__GraphProto *graph = model ? model->graph : NULL;
    *inputs = *outputs = (OnnxPorts){0};
    for (size_t i = 0; graph && i < graph->n_input; i++) {
        OnnxPort port = port_of(arena, graph->input[i]);
        LIST_PUSH(arena, inputs, port);
    }
    for (size_t i = 0; graph && i < graph->n_output; i++) {
        OnnxPort port = port_of(arena, graph->output[i]);
        LIST_PUSH(arena, outputs, port);
    }
    arena_free(scratch);
    return model != NULL;
}
