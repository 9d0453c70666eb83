// Recipes: constants that are made when the object is written, from other constants. One function for each operator
// with the flag RECIPE.
#include <string.h>

#include "codegen/program.h"

static float read_f32(const void *bytes, int64_t index) {
    float x;
    memcpy(&x, (const unsigned char *)bytes + index * (int64_t)sizeof x, sizeof x);
    return x;
}

// OIHW to [O / panel][I / block][H][W][block][panel]; what lies behind the last channel is 0. The kernels read the
// result from front to back.
static void pack_conv(const Node *node, unsigned char *bytes) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type, *to = &node->out[0]->type;
    int64_t outs = from->dim[0].n, ins = from->dim[1].n, taps = from->dim[2].n * from->dim[3].n;
    int64_t blocks = to->dim[1].n;
    for (int64_t o = 0; o < outs; o++)
        for (int64_t i = 0; i < ins; i++)
            for (int64_t t = 0; t < taps; t++) {
                int64_t panel = o / attrs->panel * blocks + i / attrs->block;
                int64_t at = ((panel * taps + t) * attrs->block + i % attrs->block) * attrs->panel + o % attrs->panel;
                float x = read_f32(value_data(node->in[0])->bytes, (o * ins + i) * taps + t);
                memcpy(bytes + at * (int64_t)sizeof x, &x, sizeof x);
            }
}

void recipe_write(const Node *node, unsigned char *bytes) {
    if (node->op == OP_PackConv)
        pack_conv(node, bytes);
}
