// From the bytes of an ONNX file to a Module in the form that compiler/ir/ops.def describes.
#ifndef ONNX_IMPORT_H
#define ONNX_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "ir/ir.h"

typedef struct OnnxDim {  // --dim NAME=VALUE, or NAME=VALUE..MOST: it stays open
    const char *name;
    int64_t value, most;  // most 0: the value is fixed
} OnnxDim;

typedef struct OnnxShape {  // --shape INPUT=1x3x224x224; of a sequence NAME, of each element NAME_0, NAME_1, ...
    const char *input;
    int rank;  // -1: an empty sequence or optional
    int64_t dim[MAX_RANK];
} OnnxShape;

typedef struct OnnxBind {  // --bind INPUT=FILE: the input becomes this constant
    const char *input;
    Type type;
    const void *bytes;  // type_bytes(&type) of them, alive as long as the module; null: it is the number
    double number;      // --bind INPUT=NUMBER, for an input of one element
} OnnxBind;

typedef struct OnnxOptions {
    const OnnxDim *dims;
    const OnnxShape *shapes;
    const OnnxBind *binds;
    const char *const *keep;  // values that become outputs too
    int ndims, nshapes, nbinds, nkeep;
    bool keep_all;  // every value that a node defines
    // Called with the path of each file of external data, once, as it is read; may be null.
    void (*on_read)(void *context, const char *path);
    void *context;
} OnnxOptions;

// Null after errors; all nodes that cannot be imported are reported at once. `bytes` must stay mapped as long as the
// module lives, which borrows its weights from them. `folder` is where external data lies ("" or null: the current
// one). `options` may be null. Types of node outputs are left to infer-shapes.
Module *onnx_import(Arena *arena, const unsigned char *bytes, size_t size, const char *folder,
                    const OnnxOptions *options, Diag *diag);

// What an input or output of a model is, and data of it that is no tensor: files with one SequenceProto or
// OptionalProto.
typedef struct OnnxPort {
    const char *name;
    bool sequence, optional;  // both: an optional sequence
} OnnxPort;
typedef struct OnnxPorts {
    OnnxPort *item;
    int n, capacity;
} OnnxPorts;
typedef struct OnnxValue {
    Type type;
    const void *data;
} OnnxValue;
typedef struct OnnxValues {
    OnnxValue *item;
    int n, capacity;
} OnnxValues;
bool onnx_ports(Arena *arena, const unsigned char *bytes, size_t size, OnnxPorts *inputs, OnnxPorts *outputs,
                Diag *diag);
bool onnx_values(Arena *arena, const unsigned char *bytes, size_t size, const char *folder, const OnnxPort *port,
                 OnnxValues *values, Diag *diag);

// A file that holds one TensorProto (test data). `*data` borrows from `bytes` or lies in the arena.
bool onnx_tensor(Arena *arena, const unsigned char *bytes, size_t size, const char *folder, Type *type,
                 const void **data, Diag *diag);

#endif
