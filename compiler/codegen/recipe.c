// Recipes: constants that are made when the object is written, from other constants. One function for each operator
// with the flag RECIPE.
#include <string.h>

#include "codegen/kernels/winograd.h"
#include "codegen/program.h"
#include "support/checked.h"

static float read_f32(const void *bytes, int64_t index) {
    float x;
    memcpy(&x, (const unsigned char *)bytes + index * (int64_t)sizeof x, sizeof x);
    return x;
}

// OIHW, or IOHW, to [O / panel][I / block][H][W][block][panel]; what lies behind the last channel is 0. The kernels read
// the result from front to back.
static void pack_conv(const Node *node, int64_t first, int64_t count, unsigned char *bytes) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type, *to = &node->out[0]->type;
    int64_t outs = from->dim[attrs->transposed ? 1 : 0].n, ins = from->dim[attrs->transposed ? 0 : 1].n;
    int64_t taps = from->dim[2].n * from->dim[3].n;
    int64_t blocks = to->dim[1].n, end = min_i64(outs, (first + count) * attrs->panel);
    for (int64_t o = first * attrs->panel; o < end; o++)
        for (int64_t i = 0; i < ins; i++)
            for (int64_t t = 0; t < taps; t++) {
                int64_t panel = (o / attrs->panel - first) * blocks + i / attrs->block;
                int64_t at = ((panel * taps + t) * attrs->block + i % attrs->block) * attrs->panel + o % attrs->panel;
                int64_t filter = attrs->transposed ? i * outs + o : o * ins + i;
                float x = read_f32(value_data(node->in[0])->bytes, filter * taps + t);
                memcpy(bytes + at * (int64_t)sizeof x, &x, sizeof x);
            }
}

// U = G g G^T of one filter, in double precision: G on the columns first, then on the rows.
static void transform_filter(const Node *node, const Winograd *w, int64_t filter, double u[][WINOGRAD_POINTS]) {
    const void *weights = value_data(node->in[0])->bytes;
    double half[WINOGRAD_POINTS][WINOGRAD_TAPS] = {{0}};
    for (int a = 0; a < w->taps; a++)
        for (int b = 0; b < w->taps; b++) {
            double g = read_f32(weights, (filter * w->taps + a) * w->taps + b);
            for (int i = 0; i < w->points; i++)
                half[i][b] += w->weights[i][a] * g;
        }
    for (int i = 0; i < w->points; i++)
        for (int j = 0; j < w->points; j++) {
            u[i][j] = 0;
            for (int b = 0; b < w->taps; b++)
                u[i][j] += half[i][b] * w->weights[j][b];
        }
}

// OIHW to [O / panel][point][I][panel].
static void pack_winograd(const Node *node, int64_t first, int64_t count, unsigned char *bytes) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type, *to = &node->out[0]->type;
    int tile = (int)attrs->tile;
    Winograd w = winograd_make(tile, tile, (int)from->dim[2].n);
    int points = w.points * w.points;
    int64_t end = min_i64(from->dim[0].n, (first + count) * attrs->panel);
    for (int64_t o = first * attrs->panel; o < end; o++)
        for (int64_t i = 0; i < from->dim[1].n; i++) {
            double u[WINOGRAD_POINTS][WINOGRAD_POINTS];
            transform_filter(node, &w, o * from->dim[1].n + i, u);
            for (int p = 0; p < points; p++) {
                int64_t at = (((o / attrs->panel - first) * points + p) * to->dim[4].n + i) * attrs->panel + o % attrs->panel;
                float x = (float)u[p / w.points][p % w.points];
                memcpy(bytes + at * (int64_t)sizeof x, &x, sizeof x);
            }
        }
}

// OIHW of 1x1 to the right factors of Strassen's algorithm, in the order of conv_strassen's steps: [pair of panels][factor]
// [half of I][panel]. Sums in double precision.
static void pack_strassen(const Node *node, int64_t first, int64_t count, unsigned char *bytes) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type;
    const void *weights = value_data(node->in[0])->bytes;
    int64_t outs = from->dim[0].n, ins = from->dim[1].n, half = ins / 2, panel = attrs->panel;
    for (int64_t o = first * panel; o < (first + count) * panel; o++) {
        int64_t left = o / panel * 2 * panel + o % panel, right = left + panel;
        for (int64_t k = 0; k < half; k++) {
            double b11 = left < outs ? read_f32(weights, left * ins + k) : 0;
            double b21 = left < outs ? read_f32(weights, left * ins + half + k) : 0;
            double b12 = right < outs ? read_f32(weights, right * ins + k) : 0;
            double b22 = right < outs ? read_f32(weights, right * ins + half + k) : 0;
            double t1 = b12 - b11, t2 = b22 - t1, t3 = b22 - b12, t4 = t2 - b21;
            const double factor[7] = {b11, b21, t2, t1, b22, t3, -t4};
            for (int f = 0; f < 7; f++) {
                float x = (float)factor[f];
                int64_t at = (((o / panel - first) * 7 + f) * half + k) * panel + o % panel;
                memcpy(bytes + at * (int64_t)sizeof x, &x, sizeof x);
            }
        }
    }
}

// K x N, or N x K, to [N / panel][K][panel].
static void pack_matrix(const Node *node, int64_t first, int64_t count, unsigned char *bytes) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type, *to = &node->out[0]->type;
    const void *matrix = value_data(node->in[0])->bytes;
    int64_t inner = to->dim[1].n, columns = from->dim[attrs->transposed ? 0 : 1].n;
    int64_t end = min_i64(columns, (first + count) * attrs->panel);
    for (int64_t k = 0; k < inner; k++)
        for (int64_t n = first * attrs->panel; n < end; n++) {
            float x = read_f32(matrix, attrs->transposed ? n * inner + k : k * columns + n);
            int64_t at = ((n / attrs->panel - first) * inner + k) * attrs->panel + n % attrs->panel;
            memcpy(bytes + at * (int64_t)sizeof x, &x, sizeof x);
        }
}

void recipe_write(const Node *node, int64_t first, int64_t count, unsigned char *bytes) {
    if (node->op == OP_PackMatrix)
        pack_matrix(node, first, count, bytes);
    else if (((const PackAttrs *)node->attrs)->tile)
        pack_winograd(node, first, count, bytes);
    else if (((const PackAttrs *)node->attrs)->strassen)
        pack_strassen(node, first, count, bytes);
    else
        pack_conv(node, first, count, bytes);
}
