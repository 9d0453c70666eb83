// The importer's parts that no model file shows well: what the guard makes of bytes, how it copies, and names.
#include <string.h>

#include <onnx.pb-c.h>

#include "onnx/guard.h"
#include "onnx/import.h"
#include "onnx/scope.h"
#include "onnx/upgrade.h"
#include "tests/unit/unit.h"

typedef struct Bytes {
    unsigned char at[4096];
    size_t size;
} Bytes;

static void pack(Bytes *bytes, const ProtobufCMessage *message) {
    bytes->size = protobuf_c_message_get_packed_size(message);
    if (CHECK(bytes->size <= sizeof bytes->at))
        protobuf_c_message_pack(message, bytes->at);
}

// The code of the error that a tensor's bytes give, or 0.
static int tensor_error(Arena *arena, const unsigned char *bytes, size_t size) {
    Diag diag = {0};
    return guard_unpack(arena, &onnx__tensor_proto__descriptor, bytes, size, &diag) ? 0 : (int)diag.last;
}

static void check_malformed(Arena *arena) {
    static const struct {
        unsigned char bytes[16];
        size_t size;
        int code;
    } rows[] = {
        {{0}, 0, 0},
        {{0x08, 1}, 2, 0},                                    // dims: 1
        {{0x0a, 2, 1, 2}, 4, 0},                              // dims: packed 1, 2
        {{0xfa, 0x7f, 1, 9}, 4, 0},                           // an unknown field
        {{0x08}, 1, E_MODEL},                                 // no number
        {{0x08, 0x80}, 2, E_MODEL},                           // half a number
        {{0x0a, 3, 1, 2}, 4, E_MODEL},                        // a list that is too short
        {{0x0a, 2, 1, 0x80}, 4, E_MODEL},                     // a number that reaches beyond its list
        {{0x0d, 1, 2, 3, 4}, 5, E_MODEL},                     // dims as a fixed number
        {{0x22, 3, 0, 0, 0}, 5, E_MODEL},                     // float_data: three quarters of a float
        {{0x00, 1}, 2, E_MODEL},                              // field number 0
        {{0x0b, 1}, 2, E_MODEL},                              // a group
        {{0x42, 1, 'a', 0x42, 1, 'b'}, 6, E_MODEL},           // two names
        {{0x42, 2, 'a', 0}, 4, E_GRAPH},                      // a zero byte in a name
        {{0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 11, E_MODEL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK(tensor_error(arena, rows[i].bytes, rows[i].size) == rows[i].code);
}

// Parts with a length are as many as an eighth of the bytes, or four million; numbers are as many as there is room for,
// as in the attributes of large ensembles of trees.
static void check_many(Arena *arena) {
    const size_t count = 5u << 20;
    unsigned char *bytes = arena_alloc(arena, 2 * count);
    for (size_t i = 0; i < count; i++)
        memcpy(bytes + 2 * i, "\x08\x01", 2);  // dims: 1
    CHECK(tensor_error(arena, bytes, 2 * count) == 0);
    for (size_t i = 0; i < count; i++)
        memcpy(bytes + 2 * i, "\x32", 2);  // string_data: ""
    CHECK(tensor_error(arena, bytes, 2 * count) == E_LIMIT);
}

// raw_data stays where it is: the message only says where that is.
static void check_payload(Arena *arena) {
    static unsigned char weights[1000];
    int64_t dims[] = {250};
    Onnx__TensorProto tensor = ONNX__TENSOR_PROTO__INIT;
    tensor.name = (char *)"w";
    tensor.n_dims = 1;
    tensor.dims = dims;
    tensor.has_raw_data = 1;
    tensor.raw_data = (ProtobufCBinaryData){sizeof weights, weights};
    for (size_t i = 0; i < sizeof weights; i++)
        weights[i] = (unsigned char)i;
    Bytes bytes;
    Diag diag = {0};
    pack(&bytes, &tensor.base);
    const ProtobufCMessage *message =
        guard_unpack(arena, &onnx__tensor_proto__descriptor, bytes.at, bytes.size, &diag);
    if (!CHECK(message))
        return;
    const Onnx__TensorProto *copy = (const Onnx__TensorProto *)message;
    Payload payload = guard_payload(&copy->raw_data);
    CHECK_TEXT(copy->name, "w");
    CHECK(copy->n_dims == 1 && copy->dims[0] == 250);
    CHECK(copy->raw_data.len < 100 && payload.size == sizeof weights);
    CHECK(payload.offset < bytes.size && !memcmp(bytes.at + payload.offset, weights, sizeof weights));
}

// Types of sequences of types, as deep as it gets.
static int nesting_error(Arena *arena, size_t levels) {
    size_t size = 0, room = levels * 12;
    unsigned char *bytes = arena_alloc(arena, room);
    for (size_t i = 0; i < levels; i++) {  // from the inside: a length before what is there
        unsigned char head[6] = {0x22};    // TypeProto.sequence_type; Sequence.elem_type has tag 0x0a
        size_t n = 1, rest = size;
        if (i % 2)
            head[0] = 0x0a;
        do {
            head[n++] = (unsigned char)((rest & 127) | (rest > 127 ? 128 : 0));
            rest >>= 7;
        } while (rest);
        memmove(bytes + n, bytes, size);
        memcpy(bytes, head, n);
        size += n;
    }
    const ProtobufCMessageDescriptor *type =
        levels % 2 ? &onnx__type_proto__descriptor : &onnx__type_proto__sequence__descriptor;
    Diag diag = {0};
    return guard_unpack(arena, type, bytes, size, &diag) ? 0 : (int)diag.last;
}

static void check_names(Arena *arena) {
    Scope scope = {.arena = arena};
    for (int i = 0; i < 500; i++)
        CHECK(scope_define(&scope, arena_printf(arena, "name%d", i), NAME_ABSENT, NULL));
    for (int i = 0; i < 500; i++)
        CHECK(!scope_define(&scope, arena_printf(arena, "name%d", i), NAME_VALUE, NULL));
    const Name *name = scope_find(&scope, "name77");
    CHECK(name && name->state == NAME_ABSENT);
    CHECK(!scope_find(&scope, "name500"));
    CHECK_TEXT(scope_label(&scope, "name1"), "name1");

    char *outputs[] = {(char *)"r"};
    const char *results[] = {"y"};
    Onnx__FunctionProto function = ONNX__FUNCTION_PROTO__INIT;
    function.n_output = 1;
    function.output = outputs;
    Scope body = {.arena = arena, .caller = &scope, .function = &function, .prefix = "call/", .result_names = results};
    CHECK_TEXT(scope_label(&body, "r"), "y");
    CHECK_TEXT(scope_label(&body, "t"), "call/t");
    CHECK_TEXT(upgrade_name("Upsample", 9), "Resize");
    CHECK_TEXT(upgrade_name("Upsample", 10), "Upsample");
    CHECK_TEXT(upgrade_name("Relu", 6), "Relu");
}

// A file with one tensor; its bytes are borrowed.
static void check_tensor(Arena *arena) {
    static const unsigned char bytes[] = {0x08, 2, 0x10, 3, 0x4a, 2, 0xff, 1};  // dims 2, INT8, raw_data
    Type type;
    const void *data;
    Diag diag = {0};
    if (CHECK(onnx_tensor(arena, bytes, sizeof bytes, NULL, &type, &data, &diag))) {
        CHECK_TEXT(type_text(arena, &type), "i8<2>");
        CHECK(data == bytes + 6);
    }
    CHECK(!onnx_tensor(arena, bytes, sizeof bytes - 1, NULL, &type, &data, &diag) && diag.last == E_MODEL);
}

void test_import(void) {
    Arena *arena = arena_new();
    check_malformed(arena);
    check_many(arena);
    check_payload(arena);
    CHECK(nesting_error(arena, 99) == 0);
    CHECK(nesting_error(arena, 100) == E_LIMIT);
    CHECK(nesting_error(arena, 10000) == E_LIMIT);
    check_names(arena);
    check_tensor(arena);
    arena_free(arena);
}
