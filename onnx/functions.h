// The functions that a model brings along.
#ifndef ONNX_FUNCTIONS_H
#define ONNX_FUNCTIONS_H

#include "onnx/draft.h"

const Onnx__FunctionProto *function_find(const Importer *im, const char *domain, const char *name,
                                         const char *overload);
bool function_inline(Importer *im, Draft *d, const Onnx__FunctionProto *function);
// What a node of the body gets where it refers to an attribute of the function; null: the call leaves it out.
Onnx__AttributeProto *function_attribute(const Scope *scope, const char *name);

#endif
