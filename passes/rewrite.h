// The window of a convolution, written back into its attributes.
#ifndef PASSES_WINDOW_H
#define PASSES_WINDOW_H

#include "ir/infer.h"

// kernel_shape, strides, dilations and pads of a Conv; auto_pad no longer decides.
void conv_set_window(Node *node, const Window *window);

#endif
