// protobuf-c trusts its input too far: it recurses as deep as a file says, copies each weight, and a small file can
// make it allocate a hundred times its size. So a file is walked twice before protobuf-c sees it. The walk follows
// the generated descriptors, checks every tag and length, drops unknown fields, and writes a compact copy in which
// each raw_data is replaced by its offset and size (the first walk only counts the bytes of that copy). What protobuf-c
// then decodes is well formed, shallow and small, and its allocator has a cap.
//
// The length of a nested message changes in the copy, and stands before it: it is written as a varint of five bytes
// whatever its value, and filled in behind the message.
#include "onnx/guard.h"

#include <stdint.h>
#include <string.h>

#include <onnx.pb-c.h>

enum {
    DEPTH_MAX = 100,
    LENGTH_BYTES = 5,  // of the length of a nested message in the copy
    PAYLOAD_BYTES = 16
};
static const size_t fields_max = 4u << 20;  // with a length; more where the file has
static const size_t field_bytes = 8;        // for each. Numbers are as many as there is room for
static const size_t copy_max = (size_t)1 << 30;
static const size_t memory_base = (size_t)256 << 20;
static const size_t memory_factor = 16;  // per byte of the copy

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

typedef struct Walk {
    const unsigned char *bytes;
    size_t size;         // of the file
    size_t at;           // the next byte to read
    size_t fields;       // with a length, seen so far
    unsigned char *out;  // null in the first walk
    size_t written;
    Diag *diag;
} Walk;

static bool malformed(Walk *w, const char *what) {
    return diag_error(w->diag, NULL, E_MODEL, "byte %zu: %s", w->at, what);
}

static void put(Walk *w, const unsigned char *bytes, size_t size) {
    if (w->out && size)
        memcpy(w->out + w->written, bytes, size);
    w->written += size;
}

static bool read_varint(Walk *w, size_t end, uint64_t *value) {
    *value = 0;
    for (int i = 0; i < 10; i++) {
        if (w->at >= end)
            return malformed(w, "the file ends inside a number, or it is truncated");
        unsigned char byte = w->bytes[w->at++];
        *value |= (uint64_t)(byte & 127) << (7 * i);
        if (byte < 128)
            return true;
    }
    return malformed(w, "a number has more than ten bytes");
}

static bool read_fixed(Walk *w, size_t end, size_t size) {
    if (end - w->at < size)
        return malformed(w, "the file ends inside a number, or it is truncated");
    w->at += size;
    return true;
}

static bool read_length(Walk *w, size_t end, size_t *length) {
    uint64_t value;
    if (!read_varint(w, end, &value))
        return false;
    if (value > end - w->at)
        return malformed(w, "a length reaches beyond the end; the file may be truncated");
    *length = (size_t)value;
    return true;
}

static int wire_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM: return WIRE_VARINT;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return WIRE_64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return WIRE_32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return WIRE_BYTES;
    }
    return -1;
}

static bool read_scalar(Walk *w, size_t end, int wire) {
    uint64_t ignored;
    if (wire == WIRE_VARINT)
        return read_varint(w, end, &ignored);
    return read_fixed(w, end, wire == WIRE_64 ? 8 : 4);
}

static bool skip_unknown(Walk *w, size_t end, int wire) {
    size_t length = 0;
    if (wire == WIRE_VARINT || wire == WIRE_64 || wire == WIRE_32)
        return read_scalar(w, end, wire);
    if (wire != WIRE_BYTES)
        return malformed(w, "a field of an unknown kind; this is not an ONNX file");
    if (!read_length(w, end, &length))
        return false;
    w->at += length;
    return true;
}

static bool is_raw_data(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field) {
    return type == &onnx__tensor_proto__descriptor && field->offset == offsetof(Onnx__TensorProto, raw_data);
}

static void put_payload(Walk *w, size_t offset, size_t size) {
    unsigned char bytes[1 + PAYLOAD_BYTES] = {PAYLOAD_BYTES};
    uint64_t numbers[2] = {offset, size};
    memcpy(bytes + 1, numbers, sizeof numbers);
    put(w, bytes, sizeof bytes);
}

static bool walk_packed(Walk *w, size_t end, int wire) {
    while (w->at < end)
        if (!read_scalar(w, end, wire))
            return false;
    return true;
}

static bool walk_message(Walk *w, size_t end, const ProtobufCMessageDescriptor *type, int depth);

static bool walk_nested(Walk *w, size_t end, const ProtobufCMessageDescriptor *type, int depth) {
    if (depth > DEPTH_MAX)
        return diag_error(w->diag, NULL, E_LIMIT, "byte %zu: messages are nested deeper than %d levels", w->at,
                          DEPTH_MAX);
    size_t head = w->written;
    w->written += LENGTH_BYTES;
    if (!walk_message(w, end, type, depth))
        return false;
    size_t length = w->written - head - LENGTH_BYTES;
    for (int i = 0; w->out && i < LENGTH_BYTES; i++, length >>= 7)
        w->out[head + (size_t)i] = (unsigned char)((length & 127) | (i < LENGTH_BYTES - 1 ? 128 : 0));
    return true;
}

// A field with a length before it: a message, bytes, text or packed numbers. w->at is at the length.
static bool walk_bytes(Walk *w, size_t end, const ProtobufCMessageDescriptor *type,
                       const ProtobufCFieldDescriptor *field, int depth) {
    size_t start = w->at, length = 0;
    if (!read_length(w, end, &length))
        return false;
    size_t last = w->at + length;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return walk_nested(w, last, field->descriptor, depth + 1);
    if (field->type == PROTOBUF_C_TYPE_STRING && memchr(w->bytes + w->at, 0, length))
        return diag_error(w->diag, NULL, E_GRAPH, "byte %zu: a name contains a zero byte", w->at);
    if (is_raw_data(type, field)) {
        put_payload(w, w->at, length);
        w->at = last;
        return true;
    }
    if (wire_of(field->type) != WIRE_BYTES && !walk_packed(w, last, wire_of(field->type)))
        return false;
    w->at = last;
    put(w, w->bytes + start, last - start);
    return true;
}

// Singular texts and messages may come once: the merging that protobuf allows is quadratic and no exporter needs it.
static bool check_once(Walk *w, const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field,
                       uint64_t *seen) {
    size_t index = (size_t)(field - type->fields);
    if (field->label == PROTOBUF_C_LABEL_REPEATED || wire_of(field->type) != WIRE_BYTES || index >= 64)
        return true;
    if (*seen >> index & 1)
        return malformed(w, "a field that may come once comes twice; this is not an ONNX file");
    *seen |= (uint64_t)1 << index;
    return true;
}

static bool walk_field(Walk *w, size_t end, const ProtobufCMessageDescriptor *type, int depth, uint64_t *seen) {
    size_t start = w->at;
    uint64_t tag;
    if (!read_varint(w, end, &tag))
        return false;
    int wire = (int)(tag & 7);
    size_t most = w->size / field_bytes > fields_max ? w->size / field_bytes : fields_max;
    if (wire == WIRE_BYTES && ++w->fields > most)
        return diag_error(w->diag, NULL, E_LIMIT, "byte %zu: the file has more than %zu fields", w->at, most);
    if (tag >> 3 == 0 || tag > UINT32_MAX)
        return malformed(w, "a field number out of range; this is not an ONNX file");
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
    if (!field)
        return skip_unknown(w, end, wire);
    int wanted = wire_of(field->type);
    bool packed = wire == WIRE_BYTES && field->label == PROTOBUF_C_LABEL_REPEATED;
    if (wire != wanted && !packed)
        return malformed(w, "a field of a wrong kind; this is not an ONNX file");
    if (!check_once(w, type, field, seen))
        return false;
    if (wire == WIRE_BYTES) {
        put(w, w->bytes + start, w->at - start);
        return walk_bytes(w, end, type, field, depth);
    }
    if (!read_scalar(w, end, wire))
        return false;
    put(w, w->bytes + start, w->at - start);
    return true;
}

static bool walk_message(Walk *w, size_t end, const ProtobufCMessageDescriptor *type, int depth) {
    uint64_t seen = 0;
    while (w->at < end)
        if (!walk_field(w, end, type, depth, &seen))
            return false;
    return true;
}

typedef struct Purse {
    Arena *arena;
    size_t left;
    bool empty;
} Purse;

static void *purse_alloc(void *data, size_t size) {
    Purse *purse = data;
    size_t cost = size + 64;  // alignment
    if (size > SIZE_MAX - 64 || cost > purse->left) {
        purse->empty = true;
        return NULL;
    }
    purse->left -= cost;
    return arena_alloc(purse->arena, size);
}

static void purse_free(void *data, void *pointer) {
    (void)data;
    (void)pointer;
}

static ProtobufCMessage *unpack(Arena *arena, const ProtobufCMessageDescriptor *type, const unsigned char *copy,
                                size_t size, Diag *diag) {
    Purse purse = {arena, memory_base + memory_factor * size, false};
    ProtobufCAllocator allocator = {purse_alloc, purse_free, &purse};
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, size, copy);
    if (!message && purse.empty)
        diag_error(diag, NULL, E_LIMIT, "the model's structure needs too much memory");
    else if (!message)
        diag_error(diag, NULL, E_MODEL, "the file cannot be decoded");
    return message;
}

ProtobufCMessage *guard_unpack(Arena *arena, const ProtobufCMessageDescriptor *type, const unsigned char *bytes,
                               size_t size, Diag *diag) {
    Walk count = {.bytes = bytes, .size = size, .diag = diag};
    if (!walk_message(&count, size, type, 1))
        return NULL;
    if (count.written > copy_max) {
        diag_error(diag, NULL, E_LIMIT, "the model's structure, without its weights, is larger than 1 GiB");
        return NULL;
    }
    Walk write = {.bytes = bytes, .size = size, .diag = diag, .out = arena_alloc(arena, count.written + 1)};
    if (!walk_message(&write, size, type, 1))
        return NULL;
    return unpack(arena, type, write.out, write.written, diag);
}

Payload guard_payload(const ProtobufCBinaryData *raw_data) {
    uint64_t numbers[2] = {0, 0};
    if (raw_data->len == sizeof numbers)
        memcpy(numbers, raw_data->data, sizeof numbers);
    return (Payload){(size_t)numbers[0], (size_t)numbers[1]};
}
