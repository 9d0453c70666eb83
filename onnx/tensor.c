// A tensor comes in one of three forms: raw bytes in the file (borrowed as they are), a file beside the model
// (onnx/external.c), or a list of numbers of a wider type, which is narrowed into the arena. Whatever the form, the
// declared shape decides how many bytes there must be.
#include "onnx/tensor.h"

#include <stdint.h>
#include <string.h>

#include "onnx/external.h"
#include "onnx/guard.h"
#include "onnx/import.h"
#include "support/checked.h"

const char *tensor_type_name(Arena *arena, int onnx) {
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&onnx__tensor_proto__data_type__descriptor, onnx);
    return value ? value->name : arena_printf(arena, "number %d", onnx);
}

bool tensor_type(const TensorSource *source, const Loc *loc, const char *name, const Onnx__TensorProto *tensor,
                 Type *type) {
    DType dtype = dtype_from_onnx(tensor->data_type);
    if (dtype == DT_NONE)
        return diag_error(source->diag, loc, E_DTYPE, "tensor '%s': element type %s is not supported", name,
                          tensor_type_name(source->arena, tensor->data_type));
    if (tensor->n_dims > MAX_RANK)
        return diag_error(source->diag, loc, E_TENSOR, "tensor '%s': rank %zu; at most %d is supported", name,
                          tensor->n_dims, MAX_RANK);
    int64_t bytes = dtype_info[dtype].bits;
    for (size_t i = 0; i < tensor->n_dims; i++) {
        if (tensor->dims[i] < 0)
            return diag_error(source->diag, loc, E_TENSOR, "tensor '%s': dimension %zu is negative", name, i);
        if (!checked_mul(bytes, max_i64(tensor->dims[i], 1), &bytes))
            return diag_error(source->diag, loc, E_TOO_BIG, "tensor '%s': its size overflows", name);
    }
    *type = type_of_users(type_make(dtype, (int)tensor->n_dims, tensor->dims));
    return true;
}

static bool wrong_count(const TensorSource *source, const Loc *loc, const char *name, const char *field, size_t has,
                        int64_t needs) {
    return diag_error(source->diag, loc, E_TENSOR, "tensor '%s': %s has %zu elements, the shape needs %lld", name,
                      field, has, (long long)needs);
}

// The list that holds the elements of a type; `size` is that of its C elements.
typedef struct Listed {
    const char *field;
    const void *items;
    size_t n, size;
} Listed;

static Listed list_of(const Onnx__TensorProto *t, DType dtype) {
    switch (dtype) {
    case DT_F32: return (Listed){"float_data", t->float_data, t->n_float_data, 4};
    case DT_F64: return (Listed){"double_data", t->double_data, t->n_double_data, 8};
    case DT_I64: return (Listed){"int64_data", t->int64_data, t->n_int64_data, 8};
    case DT_U32:
    case DT_U64: return (Listed){"uint64_data", t->uint64_data, t->n_uint64_data, 8};
    case DT_F16:
    case DT_BF16:
    case DT_F8E4M3FN:
    case DT_F8E4M3FNUZ:
    case DT_F8E5M2:
    case DT_F8E5M2FNUZ:
    case DT_F8E8M0:
    case DT_F4E2M1:
    case DT_I4:
    case DT_I2:
    case DT_U4:
    case DT_U2:
    case DT_I8:
    case DT_I16:
    case DT_I32:
    case DT_U8:
    case DT_U16:
    case DT_BOOL: return (Listed){"int32_data", t->int32_data, t->n_int32_data, 4};
    case DT_COUNT: break;
    }
    return (Listed){"its data", NULL, 0, 1};
}

static bool read_list(const TensorSource *source, const Loc *loc, const char *name, const Onnx__TensorProto *tensor,
                      const Type *type, const void **data) {
    Listed list = list_of(tensor, type->dtype);
    size_t size = (size_t)dtype_info[type->dtype].bits / 8;
    int64_t count = type_bytes(type) / (int64_t)size;  // of packed elements, an item has a byte of them
    if ((uint64_t)count != list.n)
        return wrong_count(source, loc, name, list.field, list.n, count);
    unsigned char *bytes = arena_alloc(source->arena, list.n * size);
    for (size_t i = 0; i < list.n; i++)  // little-endian: the low bytes come first
        memcpy(bytes + i * size, (const unsigned char *)list.items + i * list.size, size);
    *data = bytes;
    return true;
}

static bool read_raw(const TensorSource *source, const Loc *loc, const char *name, const Onnx__TensorProto *tensor,
                     const Type *type, const void **data) {
    Payload payload = guard_payload(&tensor->raw_data);
    int64_t bytes = type_bytes(type);
    if ((uint64_t)bytes != payload.size)
        return diag_error(source->diag, loc, E_TENSOR, "tensor '%s': raw_data has %zu bytes, the shape needs %lld",
                          name, payload.size, (long long)bytes);
    if (payload.offset > source->size || source->size - payload.offset < payload.size)
        return diag_error(source->diag, loc, E_INTERNAL, "tensor '%s': raw_data lies outside the file", name);
    *data = bytes ? source->bytes + payload.offset : (const void *)"";
    return true;
}

// Generated code relies on 0 and 1.
static const void *clean_bools(Arena *arena, const unsigned char *bytes, size_t count) {
    size_t i = 0;
    while (i < count && bytes[i] < 2)
        i++;
    if (i == count)
        return bytes;
    unsigned char *clean = arena_alloc(arena, count);
    for (i = 0; i < count; i++)
        clean[i] = bytes[i] != 0;
    return clean;
}

bool tensor_read(TensorSource *source, const Loc *loc, const char *name, const Onnx__TensorProto *tensor, Type *type,
                 const void **data) {
    if (!tensor_type(source, loc, name, tensor, type))
        return false;
    if (tensor->segment)
        return diag_error(source->diag, loc, E_TENSOR, "tensor '%s': tensors in segments are not supported", name);
    if (tensor->has_data_location && tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        *data = external_read(source, loc, name, tensor, (size_t)type_bytes(type));
        if (!*data)
            return false;
    } else if (tensor->has_raw_data ? !read_raw(source, loc, name, tensor, type, data)
                                    : !read_list(source, loc, name, tensor, type, data)) {
        return false;
    }
    if (type->dtype == DT_BOOL)
        *data = clean_bools(source->arena, *data, (size_t)type_count(type));
    return true;
}

bool onnx_tensor(Arena *arena, const unsigned char *bytes, size_t size, const char *folder, Type *type,
                 const void **data, Diag *diag) {
    Arena *scratch = arena_new();
    const ProtobufCMessage *message = guard_unpack(scratch, &onnx__tensor_proto__descriptor, bytes, size, diag);
    const Onnx__TensorProto *tensor = (const Onnx__TensorProto *)message;
    TensorSource source = {.arena = arena, .bytes = bytes, .size = size, .folder = folder, .diag = diag};
    bool ok = tensor && tensor_read(&source, NULL, tensor->name ? tensor->name : "", tensor, type, data);
    arena_free(scratch);
    return ok;
}
