// The order in which the nodes of a graph, of a function or of a body can be imported.
#ifndef ONNX_SORT_H
#define ONNX_SORT_H

#include "onnx/importer.h"

// Writes n nodes to `sorted`, each behind those whose results it or one of its subgraphs reads; where the file has them
// so, its own order. A value that depends on itself is reported, and defined in the scope as failed. False after any
// error.
bool nodes_sort(Importer *im, Scope *scope, Onnx__NodeProto *const *nodes, size_t n, const Onnx__NodeProto **sorted);

#endif
