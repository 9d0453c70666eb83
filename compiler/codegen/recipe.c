// Recipes: constants that are made when the object is written, from other constants. One function for each operator
// with the flag RECIPE. Each fills a panel, the channels of output that a kernel computes together, from front to back,
// since a large model is packed at the speed of its memory.
#include <string.h>

#include "codegen/kernels/winograd.h"
#include "codegen/program.h"
#include "ir/infer.h"
#include "support/checked.h"

static float read_f32(const unsigned char *bytes, int64_t index) {
    float x;
    memcpy(&x, bytes + index * (int64_t)sizeof x, sizeof x);
    return x;
}

static void write_f32(unsigned char *bytes, int64_t index, float x) {
    memcpy(bytes + index * (int64_t)sizeof x, &x, sizeof x);
}

// Elements first .. first + count - 1 of what the recipe reads.
static const unsigned char *read_elements(const Node *node, int64_t first, int64_t count, Arena *scratch) {
    const Constant *constant = value_data(node->in[0]);
    DType dtype = node->in[0]->type.dtype;
    int64_t size = dtype_info[dtype].bits / 8;
    if (constant->stored)
        return (const unsigned char *)constant->stored + first * size;
    void *elements = arena_alloc(scratch, (size_t)(count * size));
    constant_read(constant, dtype, first, count, elements);
    return elements;
}

// An f32, f16 or bf16 as it is.
static void copy_float(unsigned char *to, int64_t at, const unsigned char *from, int64_t index, DType dtype) {
    if (dtype == DT_F32)
        memcpy(to + at * 4, from + index * 4, 4);
    else
        memcpy(to + at * 2, from + index * 2, 2);
}

// OIHW, or IOHW, to [O / panel][I / block][H][W][block][panel]; what lies behind the last channel is 0. The kernels
// read the result from front to back.
static void pack_conv(const Node *node, int64_t first, int64_t count, unsigned char *bytes, Arena *scratch) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type, *to = &node->out[0]->type;
    bool swapped = attrs->transposed;
    int64_t outs = from->dim[swapped ? 1 : 0].n, ins = from->dim[swapped ? 0 : 1].n,
            taps = from->dim[2].n * from->dim[3].n;
    int64_t panel = attrs->panel, stride = swapped ? taps : ins * taps;
    for (int64_t p = 0; p < count; p++) {
        int64_t begin = (first + p) * panel, lanes = min_i64(panel, outs - begin);
        const unsigned char *filters = swapped ? NULL : read_elements(node, begin * stride, lanes * stride, scratch);
        for (int64_t i = 0; i < ins; i++) {
            if (swapped)
                filters = read_elements(node, (i * outs + begin) * taps, lanes * taps, scratch);
            for (int64_t t = 0; t < taps; t++) {
                int64_t block = p * to->dim[1].n + i / attrs->block;
                int64_t at = ((block * taps + t) * attrs->block + i % attrs->block) * panel;
                for (int64_t lane = 0; lane < lanes; lane++)
                    write_f32(bytes, at + lane, read_f32(filters, lane * stride + (swapped ? 0 : i * taps) + t));
            }
        }
    }
}

// The same of groups that don't fill panels and blocks: the blocks that a panel sees, with zeros where an output does
// not see another group's inputs.
static void pack_groups(const Node *node, int64_t first, int64_t count, unsigned char *bytes, Arena *scratch) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type;
    int64_t outs = from->dim[0].n, ins = from->dim[1].n, taps = from->dim[2].n * from->dim[3].n, panel = attrs->panel;
    Groups groups = {attrs->groups, ins, outs / attrs->groups, panel, attrs->block};
    int64_t room = node->out[0]->type.dim[1].n, begin = first * panel, end = min_i64(outs, (first + count) * panel);
    const unsigned char *filters = read_elements(node, begin * ins * taps, (end - begin) * ins * taps, scratch);
    for (int64_t o = begin; o < end; o++) {
        BlockRange seen = groups_range(&groups, o / panel);
        int64_t start = o / groups.outs * ins - seen.first * attrs->block, p = o / panel - first;
        for (int64_t i = 0; i < ins; i++)
            for (int64_t t = 0; t < taps; t++) {
                int64_t block = p * room + (start + i) / attrs->block;
                int64_t at = ((block * taps + t) * attrs->block + (start + i) % attrs->block) * panel + o % panel;
                write_f32(bytes, at, read_f32(filters, ((o - begin) * ins + i) * taps + t));
            }
    }
}

// Filters that are transformed side by side.
enum { ABREAST = 16 };
typedef double Lanes[ABREAST];

// U = G g G^T, in double precision: G on the columns first, then on the rows. Filters that are not there are 0.
static void transform_filters(const Winograd *w, Lanes *g, Lanes *u) {
    Lanes half[WINOGRAD_POINTS][WINOGRAD_TAPS] = {{{0}}};
    for (int a = 0; a < w->taps; a++)
        for (int b = 0; b < w->taps; b++)
            for (int i = 0; i < w->points; i++)
                for (int k = 0; k < ABREAST; k++)
                    half[i][b][k] += w->weights[i][a] * g[a * w->taps + b][k];
    for (int i = 0; i < w->points; i++)
        for (int j = 0; j < w->points; j++) {
            double *sum = u[i * w->points + j];
            for (int k = 0; k < ABREAST; k++)
                sum[k] = 0;
            for (int b = 0; b < w->taps; b++)
                for (int k = 0; k < ABREAST; k++)
                    sum[k] += half[i][b][k] * w->weights[j][b];
        }
}

// The filters of one channel of input, number `from` and every `stride` elements.
static void load_filters(const unsigned char *weights, int64_t from, int64_t stride, int64_t lanes, int taps,
                         Lanes *g) {
    for (int t = 0; t < taps; t++)
        for (int64_t k = 0; k < ABREAST; k++)
            g[t][k] = k < lanes ? (double)read_f32(weights, from + k * stride + t) : 0;
}

// OIHW to [O / panel][point][I][panel].
static void pack_winograd(const Node *node, int64_t first, int64_t count, unsigned char *bytes, Arena *scratch) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type, *to = &node->out[0]->type;
    Winograd w = winograd_make((int)attrs->tile, (int)attrs->tile, (int)from->dim[2].n);
    int points = w.points * w.points, taps = w.taps * w.taps;
    int64_t ins = from->dim[1].n, filter = ins * taps, panel = attrs->panel;
    int64_t begin = first * panel, end = min_i64(from->dim[0].n, (first + count) * panel);
    const unsigned char *weights = read_elements(node, begin * filter, (end - begin) * filter, scratch);
    Lanes g[WINOGRAD_TAPS * WINOGRAD_TAPS], u[WINOGRAD_POINTS * WINOGRAD_POINTS];
    for (int64_t o = 0; o < end - begin; o = min_i64(o + ABREAST, (o / panel + 1) * panel)) {
        int64_t lanes = min_i64(min_i64(ABREAST, panel - o % panel), end - begin - o);
        for (int64_t i = 0; i < ins; i++) {
            load_filters(weights, o * filter + i * taps, filter, lanes, taps, g);
            transform_filters(&w, g, u);
            for (int p = 0; p < points; p++) {
                int64_t at = ((o / panel * points + p) * to->dim[4].n + i) * panel + o % panel;
                for (int64_t k = 0; k < lanes; k++)
                    write_f32(bytes, at + k, (float)u[p][k]);
            }
        }
    }
}

// OIHW of 1x1 to the right factors of Strassen's algorithm, in the order of conv_strassen's steps: [pair of
// panels][factor] [half of I][panel]. Sums in double precision.
static void pack_strassen(const Node *node, int64_t first, int64_t count, unsigned char *bytes, Arena *scratch) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type;
    int64_t ins = from->dim[1].n, half = ins / 2, panel = attrs->panel, begin = first * 2 * panel;
    int64_t outs = min_i64(from->dim[0].n, (first + count) * 2 * panel) - begin;
    const unsigned char *weights = read_elements(node, begin * ins, outs * ins, scratch);
    for (int64_t o = 0; o < count * panel; o++) {
        int64_t left = o / panel * 2 * panel + o % panel, right = left + panel;
        for (int64_t k = 0; k < half; k++) {
            double b11 = left < outs ? read_f32(weights, left * ins + k) : 0;
            double b21 = left < outs ? read_f32(weights, left * ins + half + k) : 0;
            double b12 = right < outs ? read_f32(weights, right * ins + k) : 0;
            double b22 = right < outs ? read_f32(weights, right * ins + half + k) : 0;
            double t1 = b12 - b11, t2 = b22 - t1, t3 = b22 - b12, t4 = t2 - b21;
            const double factor[7] = {b11, b21, t2, t3, -t4, t1, b22};
            for (int f = 0; f < 7; f++)
                write_f32(bytes, ((o / panel * 7 + f) * half + k) * panel + o % panel, (float)factor[f]);
        }
    }
}

// N x K to [N / panel][K][panel]; several matrices one after the other.
static void pack_transposed(const Node *node, int64_t first, int64_t count, unsigned char *bytes, Arena *scratch) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type;
    DType dtype = from->dtype;
    int64_t inner = node->out[0]->type.dim[1].n, panel = attrs->panel, columns = from->dim[from->rank - 2].n;
    int64_t panels = div_up(columns, panel);
    for (int64_t p = 0; p < count; p++) {
        int64_t column = (first + p) % panels * panel, lanes = min_i64(panel, columns - column);
        int64_t begin = (first + p) / panels * columns + column;
        const unsigned char *matrix = read_elements(node, begin * inner, lanes * inner, scratch);
        for (int64_t k = 0; k < inner; k++)
            for (int64_t lane = 0; lane < lanes; lane++)
                copy_float(bytes, (p * inner + k) * panel + lane, matrix, lane * inner + k, dtype);
    }
}

// K x N bytes to [N / panel][K / block][panel][block].
static void pack_bytes(const Node *node, int64_t first, int64_t count, unsigned char *bytes, Arena *scratch) {
    const PackAttrs *attrs = node->attrs;
    const Type *from = &node->in[0]->type;
    int64_t columns = from->dim[1].n, panel = attrs->panel, block = attrs->block, groups = node->out[0]->type.dim[1].n;
    int64_t begin = first * panel, end = min_i64(columns, (first + count) * panel);
    for (int64_t k = 0; k < from->dim[0].n; k++) {
        const unsigned char *row = read_elements(node, k * columns + begin, end - begin, scratch);
        for (int64_t n = 0; n < end - begin; n++)
            bytes[((n / panel * groups + k / block) * panel + n % panel) * block + k % block] = row[n];
    }
}

// K x N to [N / panel][K][panel].
static void pack_matrix(const Node *node, int64_t first, int64_t count, unsigned char *bytes, Arena *scratch) {
    const PackAttrs *attrs = node->attrs;
    int64_t inner = node->out[0]->type.dim[1].n, columns = node->in[0]->type.dim[1].n, panel = attrs->panel;
    int64_t begin = first * panel, end = min_i64(columns, (first + count) * panel);
    for (int64_t k = 0; k < inner; k++) {
        const unsigned char *row = read_elements(node, k * columns + begin, end - begin, scratch);
        for (int64_t n = 0; n < end - begin; n++)
            copy_float(bytes, (n / panel * inner + k) * panel + n % panel, row, n, node->in[0]->type.dtype);
    }
}

// ---- Quantized matrices

// Element `index` of a constant of up to 8 bits an element, moved up by half of their range if they have signs.
static unsigned element_bits(const unsigned char *bytes, const Type *type, int64_t index) {
    int width = dtype_info[type->dtype].packed;
    int each = type_is_packed(type) ? 8 / width : 1;
    unsigned bits = bytes[index / each] >> (index % each * width);
    unsigned middle = dtype_is_signed(type->dtype) ? 1u << (width - 1) : 0;
    return (bits ^ middle) & ((1u << width) - 1);
}

// The column of a matrix, or of what its blocks have (then perhaps the only one), and the line of it.
static int64_t element_index(const Type *type, bool transposed, int64_t line, int64_t column) {
    int64_t columns = type->dim[transposed ? 0 : 1].n;
    column = columns == 1 ? 0 : column;
    return transposed ? column * type->dim[1].n + line : line * columns + column;
}

// A column's part of block number `block`: codegen/kernels/narrow.c shows it.
static void pack_column(const Node *node, const unsigned char *const *from, int64_t block, int64_t column,
                        unsigned char *bytes) {
    const PackAttrs *attrs = node->attrs;
    const Type *x = &node->in[0]->type, *scales = &node->in[1]->type;
    int64_t lane = column % attrs->panel, words = attrs->panel * (int64_t)sizeof(float);
    int width = dtype_info[x->dtype].packed, each = MATRIX_WORD / width;
    write_f32(bytes, lane, read_f32(from[1], element_index(scales, attrs->transposed, block, column)));
    if (node_in(node, 2)) {
        const Type *zeros = &node->in[2]->type;
        int64_t index = element_index(zeros, attrs->transposed, block, column);
        bytes[words + lane] = (unsigned char)element_bits(from[2], zeros, index);
        words += attrs->panel;
    }
    int64_t begin = block * attrs->block, end = min_i64(begin + attrs->block, x->dim[attrs->transposed].n);
    for (int64_t k = begin; k < end; k++) {
        unsigned bits = element_bits(from[0], x, element_index(x, attrs->transposed, k, column));
        int64_t shift = (k - begin) % each * width, at = ((k - begin) / each * attrs->panel + lane) * 4 + shift / 8;
        bytes[words + at] = (unsigned char)(bytes[words + at] | bits << shift % 8);
    }
}

static void pack_quantized(const Node *node, int64_t first, int64_t count, unsigned char *bytes) {
    const PackAttrs *attrs = node->attrs;
    const Type *to = &node->out[0]->type;
    int64_t columns = node->in[0]->type.dim[attrs->transposed ? 0 : 1].n, size = to->dim[2].n * 4;
    const unsigned char *from[MATRIX_PARTS] = {0};
    for (int i = 0; i < node->nin; i++)
        from[i] = constant_bytes(value_data(node->in[i]));
    for (int64_t column = first * attrs->panel; column < min_i64(columns, (first + count) * attrs->panel); column++)
        for (int64_t block = 0; block < to->dim[1].n; block++)
            pack_column(node, from, block, column,
                        bytes + ((column / attrs->panel - first) * to->dim[1].n + block) * size);
}

void recipe_write(const Node *node, int64_t first, int64_t count, unsigned char *bytes, Arena *scratch) {
    const PackAttrs *attrs = node->attrs;
    if (node->op == OP_PackMatrix && node->nin > 1)
        pack_quantized(node, first, count, bytes);
    else if (node->op == OP_PackMatrix && node->in[0]->type.dtype == DT_I8)
        pack_bytes(node, first, count, bytes, scratch);
    else if (node->op == OP_PackMatrix)
        (attrs->transposed ? pack_transposed : pack_matrix)(node, first, count, bytes, scratch);
    else if (attrs->tile)
        pack_winograd(node, first, count, bytes, scratch);
    else if (attrs->strassen)
        pack_strassen(node, first, count, bytes, scratch);
    else if (attrs->groups)
        pack_groups(node, first, count, bytes, scratch);
    else
        pack_conv(node, first, count, bytes, scratch);
}
