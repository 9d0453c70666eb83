// Builders of the composite normalizations, rows of the table in decompose.c.
#ifndef ONNX_NORMS_H
#define ONNX_NORMS_H

#include "onnx/draft.h"

bool make_global_lp_pool(Importer *im, Draft *d);
bool make_group_normalization(Importer *im, Draft *d);
bool make_layer_normalization(Importer *im, Draft *d);
bool make_lp_normalization(Importer *im, Draft *d);
bool make_mean_variance_normalization(Importer *im, Draft *d);
bool make_rms_normalization(Importer *im, Draft *d);

#endif
