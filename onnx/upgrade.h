// Old forms of operators to the newest one.
#ifndef ONNX_UPGRADE_H
#define ONNX_UPGRADE_H

#include "onnx/draft.h"

const char *upgrade_name(const char *op, int64_t opset);  // what the operator is called today
// Rewrites the draft; d->done is set where that took nodes of its own. False after an error.
bool upgrade_draft(Importer *im, Draft *d);

#endif
