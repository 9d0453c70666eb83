// The subgraphs of If, Loop, Scan and SequenceMap, as bodies or inlined.
#ifndef ONNX_SUBGRAPH_H
#define ONNX_SUBGRAPH_H

#include "onnx/draft.h"

typedef struct Operand {  // neither: left out
    Value *value;
    List *list;
} Operand;

// A body under way: what is imported between open and close goes to its graph.
typedef struct BodyGraph {
    Scope scope;  // around the subgraphs that go there
    Captures captures;
    Graph *graph, *before;
    Infer infer;  // of the graph before
} BodyGraph;

const Onnx__GraphProto *subgraph_take(Importer *im, Draft *d, const char *name);  // null after an error: it isn't there

// Imports the nodes of `proto` into im->graph, with `in` as its inputs, in a scope inside of `outer`; writes what its
// outputs stand for, proto->n_output of them.
bool subgraph_import(Importer *im, const Draft *d, Scope *outer, const Onnx__GraphProto *proto, const Operand *in,
                     int nin, Operand *out);

bool body_open(Importer *im, const Draft *d, Scope *outer, BodyGraph *body);  // false, with an error, if it is too deep
Value *body_input(Importer *im, BodyGraph *body, const char *name, Type type);
void body_output(Importer *im, Value *value);  // the next output of the body that is open
void body_close(Importer *im, BodyGraph *body);
// Gives the node its body, and an input for each value captured; bodies of one node get the same inputs.
void body_attach(Importer *im, Node *node, BodyGraph *const *bodies, int count);

#endif
