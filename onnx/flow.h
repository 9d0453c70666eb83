// Builders of control flow, rows of the table in decompose.c.
#ifndef ONNX_FLOW_H
#define ONNX_FLOW_H

#include "onnx/draft.h"

bool make_if(Importer *im, Draft *d);
bool make_loop(Importer *im, Draft *d);
bool make_scan(Importer *im, Draft *d);

#endif
