// A TensorProto as a type and bytes.
#ifndef ONNX_TENSOR_H
#define ONNX_TENSOR_H

#include <stddef.h>

#include <onnx.pb-c.h>

#include "ir/type.h"
#include "support/diag.h"
#include "support/file.h"

typedef struct ExternalFile ExternalFile;

typedef struct TensorSource {
    Arena *arena;                // for what has to be converted
    const unsigned char *bytes;  // the file that raw_data refers to
    size_t size;
    const char *folder;      // where external data lies; null: the current folder
    ExternalFile *external;  // files mapped so far
    void (*on_read)(void *context, const char *path);  // see onnx/import.h
    void *context;
    Diag *diag;
} TensorSource;

// `*data` has type_bytes(type) bytes, borrowed from a mapped file where the file's form allows it. `name` is for
// messages. External files stay mapped until the process ends, as the model file does.
bool tensor_read(TensorSource *source, const Loc *loc, const char *name, const Onnx__TensorProto *tensor, Type *type,
                 const void **data);

// The type alone, of the elements and dimensions that the tensor declares.
bool tensor_type(const TensorSource *source, const Loc *loc, const char *name, const Onnx__TensorProto *tensor,
                 Type *type);

const char *tensor_type_name(Arena *arena, int onnx);  // "FLOAT8E5M2", or "number 99"

#endif
