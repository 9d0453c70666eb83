// map: the loop nest of elementwise operators.
//
// The output is visited in the order in which it lies in memory. Each loop is an Axis; an operand's element is at
//     offset + sum over the axes of coef[axis] * i[axis]
// in its storage, where a broadcast dimension has coefficient 0. A value in blocks of channels has an axis for the
// blocks and one for the lanes, and its row-major partners (a bias, say) get coefficients for both. Adjacent axes are
// merged where all operands allow, so that operands of one shape give one flat loop. Where an element takes a long
// chain of instructions (an exponential, a logarithm), two vectors are done at a time, since a CPU looks ahead too
// little for it.
//
// The outermost axes are split into units, which shards take. The innermost axis is done in vectors: an operand with
// coefficient 1 is a vector load, with 0 a splat loaded before the loop, else a strided load. Where an output has a
// rim, or a last block that isn't full, units are pairs of batch and channel block, since both need a treatment of
// their own.
#include "ops/map.h"

#include <string.h>

#include "codegen/expr.h"
#include "support/checked.h"

enum {
    MAP_AXES = MAX_RANK + 1,
    MAP_UNITS = 64,        // as many are wanted, if there is work for them
    MAP_CHUNK = 2048,      // elements that a unit has at least, where one loop is split
    MAP_SHARED = 16384     // elements from which on shards are worth it
};

typedef struct Operand {
    bool present;
    Ptr p;
    DType dtype;  // in memory
    int64_t offset;
    int64_t coef[MAP_AXES];
} Operand;

typedef struct Map {
    const Node *node;
    int axes, operands;
    int64_t extent[MAP_AXES];
    Operand *operand;  // the output, then the inputs
    int lanes;         // of a vector of the widest type; 1: scalar code only
    bool pairs;        // two vectors at a time
} Map;

// ---- Values.

// What only moves elements leaves them as they are: not even a NaN's payload changes.
static bool keeps_bits(const Node *node) {
    return node->op == OP_Identity || node->op == OP_BitCast || node->op == OP_Pack || node->op == OP_Unpack;
}

static Val loaded(Emit *e, const Node *node, Val v, DType dtype) {
    return keeps_bits(node) ? v : e_settle(e, v, dtype);
}

// ---- Axes and coefficients.

// Strides by dimension of a value that isn't blocked; of a blocked one, [1] is that of a block.
static void value_strides(const Type *type, int64_t stride[MAX_RANK], int64_t *origin) {
    *origin = 0;
    if (type->rank == 4) {
        Strides s = type_strides(type);
        stride[0] = s.batch, stride[1] = s.channel, stride[2] = s.row, stride[3] = s.pixel;
        *origin = s.origin;
        return;
    }
    int64_t n = 1;
    for (int d = type->rank - 1; d >= 0; d--) {
        stride[d] = n;
        n *= type->dim[d].n;
    }
}

static const Type *operand_type(const Node *node, int index) {
    if (index == 0)
        return &node->out[0]->type;
    return node->in[index - 1] ? &node->in[index - 1]->type : 0;
}

// The block size of the operands that are blocked, which is one for all (kernel_check.c); 0 if none is.
static int common_block(const Node *node) {
    for (int k = 0; k <= node->nin; k++) {
        const Type *type = operand_type(node, k);
        if (type && type->layout.kind == LAYOUT_NCHWC)
            return type->layout.block;
    }
    return 0;
}

// Coefficients along the output's dimensions, one axis each.
static void fill_plain(Operand *operand, const Type *type, const Type *out) {
    int64_t stride[MAX_RANK];
    value_strides(type, stride, &operand->offset);
    for (int d = 0; d < type->rank; d++)
        operand->coef[out->rank - type->rank + d] = type->dim[d].n == 1 ? 0 : stride[d];
}

// Where the axes of a blocked nest are: channel blocks at 1, and lanes inside or outside of the pixels.
typedef struct BlockAxes {
    int lane, row, pixel;
} BlockAxes;

static BlockAxes block_axes(const Type *out) {
    return out->layout.kind == LAYOUT_NCHWC ? (BlockAxes){4, 2, 3} : (BlockAxes){2, 3, 4};
}

static void fill_blocked(Operand *operand, const Type *type, const Type *out, int block) {
    BlockAxes axes = block_axes(out);
    int64_t stride[MAX_RANK];
    value_strides(type, stride, &operand->offset);
    for (int d = 0; d < type->rank; d++) {
        int dim = 4 - type->rank + d;
        if (type->dim[d].n == 1)
            continue;
        if (dim == 1) {
            bool blocked = type->layout.kind == LAYOUT_NCHWC;
            operand->coef[1] = blocked ? stride[d] : stride[d] * block;
            operand->coef[axes.lane] = blocked ? 1 : stride[d];
        } else {
            operand->coef[dim == 0 ? 0 : dim == 2 ? axes.row : axes.pixel] = stride[d];
        }
    }
}

static int widest_bits(const Graph *body, int bits) {
    for (int k = 0; body && k < body->values.n; k++) {
        DType dtype = body->values.item[k]->type.dtype;
        bits = (int)max_i64(bits, dtype_info[dtype_info[dtype].compute].bits);
    }
    return bits;
}

static int map_lanes(Emit *e, const Node *node) {
    static const DType by_bytes[] = {[1] = DT_U8, [2] = DT_U16, [4] = DT_U32, [8] = DT_U64};
    if (!e_fast(e))
        return 1;
    int bits = widest_bits(node->body, 8);
    for (int k = 0; k <= node->nin; k++) {
        const Type *type = operand_type(node, k);
        if (type)
            bits = (int)max_i64(bits, dtype_info[dtype_info[type->dtype].compute].bits);
    }
    return e_lanes(e, by_bytes[bits / 8]);
}

static bool is_long(OpKind op) {
    switch ((int)op) {
    case OP_Celu:
    case OP_Elu:
    case OP_Erf:
    case OP_Exp:
    case OP_Log:
    case OP_Mish:
    case OP_Selu:
    case OP_Sigmoid:
    case OP_Softplus:
    case OP_Swish:
    case OP_Tanh:
        return true;
    default:
        return false;
    }
}

static bool has_long(const Node *node) {
    for (const Node *inner = node->body ? node->body->first : NULL; inner; inner = inner->next)
        if (is_long(inner->op))
            return true;
    return is_long(node->op);
}

static Map map_make(Emit *e, const Node *node, int block) {
    const Type *out = &node->out[0]->type;
    Map m = {.node = node, .operands = node->nin + 1, .lanes = map_lanes(e, node), .pairs = has_long(node)};
    m.operand = ARENA_ARRAY(e_arena(e), Operand, m.operands);
    for (int k = 0; k < m.operands; k++) {
        const Type *type = operand_type(node, k);
        if (!type)
            continue;
        m.operand[k].present = true;
        m.operand[k].p = k ? e_in(e, k - 1) : e_out(e, 0);
        m.operand[k].dtype = type->dtype;
        if (block)
            fill_blocked(&m.operand[k], type, out, block);
        else
            fill_plain(&m.operand[k], type, out);
    }
    m.axes = out->rank;
    for (int d = 0; d < out->rank; d++)
        m.extent[d] = out->dim[d].n;
    if (block) {
        BlockAxes axes = block_axes(out);
        m.axes = 5;
        m.extent[1] = div_up(out->dim[1].n, block);
        m.extent[axes.lane] = block;
        m.extent[axes.row] = out->dim[2].n;
        m.extent[axes.pixel] = out->dim[3].n;
    }
    return m;
}

static void drop_axis(Map *m, int axis) {
    size_t behind = (size_t)(m->axes - axis - 1) * sizeof(int64_t);
    memmove(m->extent + axis, m->extent + axis + 1, behind);
    for (int k = 0; k < m->operands; k++)
        memmove(m->operand[k].coef + axis, m->operand[k].coef + axis + 1, behind);
    m->axes--;
}

static bool can_merge(const Map *m, int axis) {
    for (int k = 0; k < m->operands; k++) {
        const int64_t *coef = m->operand[k].coef;
        if (coef[axis] != coef[axis + 1] * m->extent[axis + 1])
            return false;
    }
    return true;
}

// A copy whose axes from `first` on are as few as can be, at least one.
static Map map_merged(Emit *e, const Map *from, int first) {
    Map m = *from;
    m.operand = ARENA_ARRAY(e_arena(e), Operand, m.operands);
    memcpy(m.operand, from->operand, sizeof(Operand) * (size_t)m.operands);
    for (int axis = m.axes - 1; axis >= first; axis--)
        if (m.extent[axis] == 1 && m.axes > first + 1)
            drop_axis(&m, axis);
    for (int axis = m.axes - 2; axis >= first; axis--)
        if (can_merge(&m, axis)) {
            m.extent[axis + 1] *= m.extent[axis];
            drop_axis(&m, axis);
        }
    if (m.axes == first) {
        m.extent[m.axes] = 1;
        for (int k = 0; k < m.operands; k++)
            m.operand[k].coef[m.axes] = 0;
        m.axes++;
    }
    while (m.lanes > m.extent[m.axes - 1])
        m.lanes /= 2;
    m.lanes = (int)max_i64(m.lanes, 1);
    return m;
}

// ---- Loops.

static Val advance(Emit *e, Val position, int64_t coef, Val i) {
    return coef ? e_add(e, position, e_mul_const(e, i, coef)) : position;
}

// The operands' positions one axis further in.
static Val *enter(Emit *e, const Map *m, const Val *position, int axis, Val i) {
    Val *next = ARENA_ARRAY(e_arena(e), Val, m->operands);
    for (int k = 0; k < m->operands; k++)
        next[k] = advance(e, position[k], m->operand[k].coef[axis], i);
    return next;
}

// `lanes` elements of the output, from position i of the innermost axis on. `fixed` has what doesn't depend on i.
static void emit_elements(Emit *e, const Map *m, const Val *position, const Val *fixed, Val i, int lanes) {
    Val *in = ARENA_ARRAY(e_arena(e), Val, max_i64(m->operands, 8));
    for (int k = 1; k < m->operands; k++) {
        const Operand *from = &m->operand[k];
        int64_t coef = from->coef[m->axes - 1];
        if (!from->present)
            continue;
        Val at = advance(e, position[k], coef, i);
        Val v = !coef                      ? e_splat(e, fixed[k], lanes)
                : coef == 1 || lanes == 1 ? e_load(e, from->p, at, lanes)
                                          : e_load_strided(e, from->p, at, coef, lanes);
        in[k - 1] = coef ? loaded(e, m->node, v, from->dtype) : v;
    }
    const Operand *to = &m->operand[0];
    int64_t coef = to->coef[m->axes - 1];
    Val at = advance(e, position[0], coef, i);
    Val v = keeps_bits(m->node) ? op_impl[m->node->op]->expr(e, m->node, in) : expr_node(e, m->node, in);
    v = v.dtype == to->dtype ? v : e_cast(e, to->dtype, v);
    if (coef == 1 || lanes == 1)
        e_store(e, to->p, at, v);
    else
        e_store_strided(e, to->p, at, coef, v);
}

// Where whole vectors end in begin .. end - 1.
static Val vectors_end(Emit *e, Val begin, Val end, int lanes) {
    int64_t from, to;
    if (e_is_const(begin, &from) && e_is_const(end, &to))
        return e_index(e, from + (to - from) / lanes * lanes);
    Val count = e_sub(e, end, begin);
    return e_add(e, begin, e_and(e, count, e_index(e, -(int64_t)lanes)));
}

static void emit_row(Emit *e, const Map *m, const Val *position, Val begin, Val end) {
    Val *fixed = ARENA_ARRAY(e_arena(e), Val, m->operands);
    for (int k = 1; k < m->operands; k++) {
        const Operand *from = &m->operand[k];
        if (from->present && !from->coef[m->axes - 1])
            fixed[k] = loaded(e, m->node, e_load(e, from->p, position[k], 1), from->dtype);
    }
    for (int lanes = m->lanes * (m->pairs && m->lanes > 1 ? 2 : 1);; lanes = lanes > m->lanes ? m->lanes : 1) {
        Val middle = lanes > 1 ? vectors_end(e, begin, end, lanes) : end;
        EMIT_FOR(e, i, begin, middle, lanes)
            emit_elements(e, m, position, fixed, i.i, lanes);
        begin = middle;
        if (lanes == 1)
            break;
    }
}

// The loops of the axes from `axis` on.
static void emit_nest(Emit *e, const Map *m, int axis, const Val *position) {
    if (axis == m->axes - 1) {
        emit_row(e, m, position, e_index(e, 0), e_index(e, m->extent[axis]));
        return;
    }
    EMIT_TIMES(e, i, m->extent[axis])
        emit_nest(e, m, axis + 1, enter(e, m, position, axis, i.i));
}

static Val *start(Emit *e, const Map *m) {
    Val *position = ARENA_ARRAY(e_arena(e), Val, m->operands);
    for (int k = 0; k < m->operands; k++)
        position[k] = e_index(e, m->operand[k].offset);
    return position;
}

// The positions at the `unit`-th combination of the first `axes` axes.
static Val *locate(Emit *e, const Map *m, int axes, Val unit) {
    Val *position = start(e, m);
    for (int axis = axes - 1; axis >= 0; axis--) {
        Val extent = e_index(e, m->extent[axis]);
        position = enter(e, m, position, axis, axis ? e_rem(e, unit, extent) : unit);
        if (axis)
            unit = e_div(e, unit, extent);
    }
    return position;
}

// Units are combinations of the outer axes, and pieces of the innermost one if those are too few.
static void emit_units(Emit *e, const Map *m, int64_t elements) {
    int outer = 0;
    int64_t units = 1, inner = m->extent[m->axes - 1];
    while (outer < m->axes - 1 && units < MAP_UNITS)
        units *= m->extent[outer++];
    int64_t chunk = inner;
    if (outer == m->axes - 1 && units < MAP_UNITS && elements >= MAP_SHARED)
        chunk = align_up(max_i64(div_up(inner, div_up(MAP_UNITS, units)), MAP_CHUNK), m->lanes);
    int64_t chunks = div_up(inner, chunk);
    Share share = {e_index(e, 0), e_index(e, units * chunks)};
    if (elements >= MAP_SHARED)
        share = e_share(e, units * chunks);
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        Val number = e_index(e, chunks);
        const Val *position = locate(e, m, outer, chunks > 1 && outer ? e_div(e, u.i, number) : u.i);
        if (chunks == 1) {
            emit_nest(e, m, outer, outer ? position : start(e, m));
            continue;
        }
        Val piece = outer ? e_rem(e, u.i, number) : u.i;
        Val begin = e_mul_const(e, piece, chunk);
        Val end = e_min(e, e_add_const(e, begin, chunk), e_index(e, inner));
        emit_row(e, m, outer ? position : start(e, m), begin, end);
    }
}

// The lanes behind the last channel in one block of the output.
static void emit_zero_lanes(Emit *e, const Map *m, Val position, int64_t channels, const Type *out) {
    const Operand *to = &m->operand[0];
    EMIT_TIMES(e, y, out->dim[2].n) {
        Val row = advance(e, position, to->coef[2], y.i);
        EMIT_TIMES(e, x, out->dim[3].n)
            e_clear(e, to->p, e_add_const(e, advance(e, row, to->coef[3], x.i), channels),
                    out->layout.block - channels);
    }
}

// Units are pairs of batch and channel (block); the last block of a batch may have fewer channels.
static void emit_pairs(Emit *e, const Map *m, int block, int64_t elements) {
    const Type *out = &m->node->out[0]->type;
    int64_t channels = block ? out->dim[1].n % block : 0, units = m->extent[0] * m->extent[1];
    Share share = {e_index(e, 0), e_index(e, units)};
    if (elements >= MAP_SHARED)
        share = e_share(e, units);
    if (out->layout.border)
        lower_border(e, m->operand[0].p, out, share.begin, share.end);
    Map whole = map_merged(e, m, 2), part = *m;
    if (channels) {
        part.extent[block_axes(out).lane] = channels;
        part = map_merged(e, &part, 2);
    }
    EMIT_FOR(e, u, share.begin, share.end, 1) {
        const Val *position = locate(e, m, 2, u.i);
        if (!channels) {
            emit_nest(e, &whole, 2, position);
            continue;
        }
        Val last = e_index(e, m->extent[1] - 1), pair = e_rem(e, u.i, e_index(e, m->extent[1]));
        EMIT_IF(e, e_lt(e, pair, last))
            emit_nest(e, &whole, 2, position);
        EMIT_IF(e, e_eq(e, pair, last)) {
            emit_nest(e, &part, 2, position);
            if (out->layout.kind == LAYOUT_NCHWC)
                emit_zero_lanes(e, m, position[0], channels, out);
        }
    }
}

void map_lower(Emit *e, const Node *node) {
    const Type *out = &node->out[0]->type;
    int64_t elements = type_count(out);
    int block = common_block(node);
    if (elements == 0)
        return;
    Map m = map_make(e, node, block);
    if (out->layout.border || (block && out->dim[1].n % block)) {
        emit_pairs(e, &m, block, elements);
    } else {
        Map merged = map_merged(e, &m, 0);
        emit_units(e, &merged, elements);
    }
}
