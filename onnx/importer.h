// What the parts of the importer share.
#ifndef ONNX_IMPORTER_H
#define ONNX_IMPORTER_H

#include <onnx.pb-c.h>

#include "ir/infer.h"
#include "ir/ir.h"
#include "onnx/import.h"
#include "onnx/scope.h"
#include "onnx/tensor.h"

enum {
    OPSET_OLDEST = 1,
    OPSET_NEWEST = 28,
    IR_OLDEST = 3,
    ERRORS_MAX = 100,     // after which the import gives up
    VALUES_MAX = 100000,  // in the graph, functions inlined: passes take time by the square of their number
    INPUTS_MAX = 4096,    // of the graph
    FUNCTIONS_MAX = 4096,
    ATTRIBUTES_MAX = 256,  // of a node
    BODY_DEPTH_MAX = 12,   // of bodies in bodies
    TRIPS_MAX = 4096,      // of a loop that is unrolled
    CALL_DEPTH_MAX = 32,  // of functions that call functions
    WORK_MAX = 8 << 20    // operands and attributes of all nodes, functions inlined
};

typedef struct Bindings Bindings;  // what the options bind dimensions to

typedef struct Importer {
    Arena *arena;    // the module's
    Arena *scratch;  // until the import ends
    Diag *diag;
    int errors;  // of diag, as the import began
    const OnnxOptions *options;
    const Onnx__ModelProto *model;
    TensorSource tensors;
    Bindings *bindings;
    Module *module;
    Graph *graph;
    Infer infer;  // for draft_infer
    int call_depth, body_depth;
    int64_t draws;  // random operators so far
    OutputLabels *labels;  // of results, by the model's names, that are numbers of strings
    size_t work;
    bool stop;  // a limit was reached
} Importer;

// onnx/inputs.c: makes the graph's inputs, with the dimensions that the options bind.
bool import_inputs(Importer *im, Scope *scope, const Onnx__GraphProto *graph);
// Notes the types that the graph declares for its other values, where all dimensions are numbers or bound.
void import_declared(Importer *im, const Scope *scope, const Onnx__GraphProto *graph);

// The same of one name, in the graph itself; false where that is not known.
bool import_declared_type(Importer *im, const Scope *scope, const char *name, Type *type);

// onnx/import.c
bool import_failed(const Importer *im);  // so often that going on makes no sense
// Accounts for operands and values to come; false, with an error, beyond WORK_MAX or VALUES_MAX.
bool import_work(Importer *im, size_t amount, size_t values);
bool import_initializers(Importer *im, Scope *scope, const Onnx__GraphProto *graph);
Value *import_add_output(Importer *im, const char *name, Value *value);  // of im->graph, made there and no other output
Value *import_unpacked(Importer *im, Value *value);  // the elements of a packed one, one to a byte
Loc *import_loc(Importer *im, const Scope *scope, const Onnx__NodeProto *proto);
bool import_nodes(Importer *im, Scope *scope, Onnx__NodeProto *const *nodes, size_t n);
bool domain_is_onnx(const char *domain);  // null, "" and "ai.onnx" are one
// The version of ai.onnx among the imports, checked; `otherwise` where there is none.
bool import_opset(Importer *im, const char *where, Onnx__OperatorSetIdProto *const *imports, size_t n,
                  int64_t otherwise, int64_t *version);

#endif
