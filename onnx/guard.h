// Protobuf of unknown origin to structs: checked first, payloads left where they are, memory capped.
#ifndef ONNX_GUARD_H
#define ONNX_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "support/arena.h"
#include "support/diag.h"

// Where the raw_data of a TensorProto lies in the file.
typedef struct Payload {
    size_t offset, size;
} Payload;

// The message, in the arena; null after an error. Each TensorProto's raw_data holds a Payload in place of its bytes.
ProtobufCMessage *guard_unpack(Arena *arena, const ProtobufCMessageDescriptor *type, const unsigned char *bytes,
                               size_t size, Diag *diag);
Payload guard_payload(const ProtobufCBinaryData *raw_data);

#endif
