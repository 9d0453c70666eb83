// The passes of each optimisation level, in the order in which they run. Every entry says why it stands where it does.
#include "passes/pass.h"

// Each operator by its generic lowering, row-major, in the order of the model.
static const char *const plain[] = {
    "infer-shapes",  // codegen needs static shapes
    "open-batch",    // reads the shapes with their symbol
    "infer-shapes",  // those of one sample
    "trim-tails",    // codegen knows nothing of counts but that they are outputs
    "dead-nodes",    // the shape arithmetic that inference has turned into constants has no users any more
    "plan-memory",   // codegen needs places
    NULL};

// Fused, but row-major and without special kernels.
static const char *const fused[] = {
    "infer-shapes",
    "open-batch",
    "lower-einsum",
    "fold-constants",
    "infer-shapes",
    "trim-tails",
    "drop-noops",
    "drop-clips",
    "float-products",
    "dead-nodes",
    "fold-batchnorm",
    "find-composites",
    "dead-nodes",
    "fuse-bias",
    "fuse-activation",
    "fuse-residual",
    "fuse-fire",
    "fuse-elementwise",
    "dead-nodes",
    "place-concats",
    "order-nodes",
    "plan-memory",
    NULL};

static const char *const fast[] = {
    "infer-shapes",      // all that follows reads types
    "open-batch",        // reads shapes with their symbol; before all that wants them static
    "lower-einsum",      // before folding, which transposes what is constant
    "move-quantized",    // before folding, which makes floats of bytes that are dequantized
    "integer-products",  // likewise; behind what leaves more products between bytes
    "fold-constants",    // before the rewrites, which look for constant operands
    "infer-shapes",      // a shape may have become constant by folding
    "trim-tails",        // before anything is fused or placed, since it adds nodes and outputs
    "drop-noops",        // they stand between the nodes that rewrites look for
    "drop-clips",        // behind folding, which makes bounds constants; before anything is fused
    "byte-products",     // behind folding, which makes the weights constants; before those of floats
    "float-products",    // behind folding, which makes the weights constants; before all that looks for products
    "dead-nodes",        // rewrites ask for the only user of a value: dead users would forbid them
    "fold-batchnorm",    // before activations, which follow the BatchNormalization
    "find-composites",   // before activations are fused, after the nodes in between are gone
    "dead-nodes",        // the parts of what was found
    "fuse-bias",         // before the activations that follow a bias
    "fuse-activation",   // before Fire, which wants its convolutions complete
    "fuse-residual",     // knows by the activation whether it adds before or behind it
    "fold-transposes",   // after what a product adds, which then is no longer transposed; before reshapes become views
    "fuse-fire",         // before layouts, since a group has one layout inside
    "flip-transposed",   // before all that looks for convolutions
    "trim-taps",         // before rims are as wide as filters reach
    "lift-conv1d",       // before layouts, which are for two axes
    "lift-conv3d",       // likewise
    "dead-nodes",        // reshapes between two convolutions that were lifted
    "split-dilations",   // behind lift-conv1d, which makes the rows; before layouts
    "split-strides",     // before layouts, since its convolutions want another one
    "choose-layouts",    // after fusion, which would otherwise have to see through the conversions
    "fuse-elementwise",  // after layouts: one loop needs one layout; after activations, which cost nothing in a Conv
    "choose-kernels",    // kernels accept only certain layouts
    "fuse-pools",        // compares kernels that pool with those chosen
    "fuse-results",      // kernels that can; before the packing, which depends on nothing of it
    "pack-weights",      // the kernel says how it reads its weights
    "dead-nodes",        // the unpacked weights
    "place-concats",     // before the order, which counts what shares storage once
    "order-nodes",       // before the plan, which takes the order as it is
    "plan-memory",       // last: a change of any value behind it would be wrong
    NULL};

const char *const *pipeline(char level) {
    return level == '0' ? plain : level == '1' ? fused : fast;
}
