// Builders of the operators that onnxruntime's optimizer makes of several, rows of the table in microsoft.c.
#ifndef ONNX_FUSED_H
#define ONNX_FUSED_H

#include "onnx/draft.h"

bool make_bias_gelu(Importer *im, Draft *d);
bool make_embed_layer_normalization(Importer *im, Draft *d);
bool make_fast_gelu(Importer *im, Draft *d);
bool make_fused_conv(Importer *im, Draft *d);
bool make_fused_gemm(Importer *im, Draft *d);
bool make_fused_matmul(Importer *im, Draft *d);
bool make_quick_gelu(Importer *im, Draft *d);
bool make_skip_layer_normalization(Importer *im, Draft *d);
bool make_skip_rms_normalization(Importer *im, Draft *d);

// onnx/fused_attention.c
bool make_fused_attention(Importer *im, Draft *d);
bool make_quantized_attention(Importer *im, Draft *d);
bool make_multi_head_attention(Importer *im, Draft *d);

// onnx/fused_cache.c
bool make_group_query_attention(Importer *im, Draft *d);
bool make_fused_rotary(Importer *im, Draft *d);

#endif
