// Copies of boxes and the small tools of index arithmetic.
//
// Everything about a copy but the data is known while emitting, so a box is first made as simple as it can be (loops
// of one step dropped, loops that continue each other merged) and then becomes a nest of loops, the innermost one in
// vectors where both sides are contiguous or the source repeats one element. Vectors cover a loop of known length, the
// last one over a part of the one before it. Where each side is contiguous along a loop of its own, square tiles are
// transposed in registers:
//
//     from                       to
//       a0 a1 a2 a3  <- B          a0 b0 c0 d0  <- A
//       b0 b1 b2 b3                a1 b1 c1 d1
//       ...  (rows: A)             ...  (rows: B)
//
// and where one of these is of 2 to 4 steps, which follow one another as tuples (the colours of pixels, say), as many
// vectors of the other are taken apart, or put together. Only widths matter: small elements are copied as integers.
#include "ops/copy.h"

#include "support/checked.h"

int64_t product(const int64_t *v, int n) {
    int64_t all = 1;
    for (int i = 0; i < n; i++)
        all *= v[i];
    return all;
}

int64_t type_size(const Type *type, int dim) {
    return type->dim[dim].n;
}

void type_sizes(const Type *type, int64_t *sizes) {
    for (int i = 0; i < type->rank; i++)
        sizes[i] = type->dim[i].n;
}

int type_axis(const Type *type, int64_t axis) {
    return (int)(axis < 0 ? axis + type->rank : axis);
}

int64_t type_steps(const Type *type, int64_t *steps) {
    if (type->rank == 4) {
        Strides s = type_strides(type);
        steps[0] = s.batch;
        steps[1] = s.channel;
        steps[2] = s.row;
        steps[3] = s.pixel;
        return s.origin;
    }
    int64_t step = 1;
    for (int i = type->rank - 1; i >= 0; i--) {
        steps[i] = step;
        step *= type->dim[i].n;
    }
    return 0;
}

DType compute_type(DType dtype) {
    return dtype_info[dtype].compute;
}

Val load_compute(Emit *e, Ptr p, Val index, int lanes) {
    return e_cast(e, compute_type(p.dtype), e_load(e, p, index, lanes));
}

void store_compute(Emit *e, Ptr p, Val index, Val v) {
    e_store(e, p, index, e_cast(e, p.dtype, v));
}

void decode(Emit *e, Val flat, const int64_t *size, int n, Val *position) {
    for (int i = n - 1; i > 0; i--) {
        if (size[i] == 1) {
            position[i] = e_index(e, 0);
            continue;
        }
        Val by = e_index(e, size[i]);
        position[i] = e_rem(e, flat, by);
        flat = e_div(e, flat, by);
    }
    if (n > 0)
        position[0] = flat;
}

Val locate(Emit *e, Val base, const Val *position, const int64_t *step, int n) {
    for (int i = 0; i < n; i++)
        if (step[i] != 0)
            base = e_add(e, base, e_mul_const(e, position[i], step[i]));
    return base;
}

void emit_span(Emit *e, Val begin, Val end, int lanes, SpanBody body, void *arg) {
    if (lanes > 1) {
        Val whole = e_and(e, e_sub(e, end, begin), e_index(e, -(int64_t)lanes));
        Val middle = e_add(e, begin, whole);
        EMIT_FOR(e, i, begin, middle, lanes)
            body(e, arg, i.i, lanes);
        begin = middle;
    }
    EMIT_FOR(e, i, begin, end, 1)
        body(e, arg, i.i, 1);
}

void cover_span(Emit *e, Val begin, Val end, int lanes, SpanBody body, void *arg) {
    int64_t first, behind;
    if (lanes == 1 || !e_is_const(begin, &first) || !e_is_const(end, &behind)) {
        emit_span(e, begin, end, lanes, body, arg);
        return;
    }
    while (lanes > 1 && lanes > behind - first)
        lanes /= 2;
    int64_t rest = (behind - first) % lanes;
    EMIT_FOR(e, i, begin, e_index(e, behind - rest), lanes)
        body(e, arg, i.i, lanes);
    if (rest)
        body(e, arg, e_index(e, behind - lanes), lanes);
}

Parts share_parts(Emit *e, int64_t count) {
    Parts parts = {{e_index(e, 0), e_index(e, 1)}, min_i64(count / 4096 + 1, 64)};
    if (parts.n > 1)
        parts.share = e_share(e, parts.n);
    return parts;
}

static Val part_bound(Emit *e, const Parts *parts, int64_t size, Val part) {
    if (size < 16 * parts->n)
        return e_div(e, e_mul_const(e, part, size), e_index(e, parts->n));
    return e_min(e, e_mul_const(e, part, div_up(size, parts->n)), e_index(e, size));
}

Share part_of(Emit *e, const Parts *parts, int64_t size) {
    if (parts->n == 1)
        return (Share){e_index(e, 0), e_index(e, size)};
    return (Share){part_bound(e, parts, size, parts->share.begin), part_bound(e, parts, size, parts->share.end)};
}

void box_add(Box *box, int64_t size, int64_t to, int64_t from) {
    box->size[box->rank] = size;
    box->to[box->rank] = to;
    box->from[box->rank] = from;
    box->rank++;
}

static Box box_simplify(const Box *box) {
    Box simple = {.to_origin = box->to_origin, .from_origin = box->from_origin};
    for (int i = 0; i < box->rank; i++) {
        int last = simple.rank - 1;
        int64_t size = box->size[i], to = box->to[i], from = box->from[i];
        if (size == 1)
            continue;
        if (last >= 0 && simple.to[last] == to * size && simple.from[last] == from * size) {
            simple.size[last] *= size;
            simple.to[last] = to;
            simple.from[last] = from;
        } else {
            box_add(&simple, size, to, from);
        }
    }
    if (simple.rank == 0)
        box_add(&simple, 1, 1, 1);
    return simple;
}

// The loop at `from` becomes the one at `to` (which is behind it).
static void box_move(Box *box, int from, int to) {
    int64_t size = box->size[from], step = box->to[from], source = box->from[from];
    for (int i = from; i < to; i++) {
        box->size[i] = box->size[i + 1];
        box->to[i] = box->to[i + 1];
        box->from[i] = box->from[i + 1];
    }
    box->size[to] = size;
    box->to[to] = step;
    box->from[to] = source;
}

// The side of the tiles in which the box is copied, whose last two loops then are B and A; 0 where there are none.
static int box_tile(Emit *e, Box *box, DType dtype) {
    enum { LEAST = 4, MOST = 16 };
    int last = box->rank - 1, b = last - 1;
    int64_t most = min_i64(e_lanes(e, dtype), dtype_info[dtype].bits == 16 ? MOST / 2 : MOST);
    if (box->to[last] != 1 || box->from[last] == 0 || box->from[last] == 1)
        return 0;
    while (b >= 0 && box->from[b] != 1)
        b--;
    if (b < 0)
        return 0;
    most = min_i64(most, min_i64(box->size[b], box->size[last]));
    int tile = LEAST;
    while (tile * 2 <= most)
        tile *= 2;
    if (tile > most)
        return 0;
    box_move(box, b, last - 1);
    return tile;
}

// The length of tuples that the source (`split`) or the result has one behind the other, which then are the last loop,
// and what repeats them the one before; 0 where there are none.
static int box_tuples(Emit *e, Box *box, DType dtype, bool *split) {
    enum { MOST = 4, LEAST_TIMES = 8 };
    for (int t = 0; t < box->rank; t++)
        for (int times = 0; times < box->rank; times++) {
            int64_t n = box->size[t];
            bool joins = box->to[t] == 1 && box->to[times] == n && box->from[times] == 1;
            *split = box->from[t] == 1 && box->from[times] == n && box->to[times] == 1;
            if (t == times || n < 2 || n > MOST || (!joins && !*split) || box->size[times] < LEAST_TIMES ||
                e_lanes(e, dtype) == 1)
                continue;
            box_move(box, times, box->rank - 1);
            box_move(box, t > times ? t - 1 : t, box->rank - 1);
            return (int)n;
        }
    return 0;
}

typedef struct Copy {
    const Box *box;
    Ptr to, from;
    int tile;                // 0: no tiles
    int tuple;               // 0: no tuples
    bool split;              // tuples are taken apart
    Val to_base, from_base;  // of the innermost loop, or of the tiles' two
} Copy;

static void copy_span(Emit *e, void *arg, Val i, int lanes) {
    Copy *copy = arg;
    int64_t to = copy->box->to[copy->box->rank - 1], from = copy->box->from[copy->box->rank - 1];
    Val source = e_add(e, copy->from_base, e_mul_const(e, i, from));
    Val target = e_add(e, copy->to_base, e_mul_const(e, i, to));
    Val v = from == 0 ? e_splat(e, e_load(e, copy->from, source, 1), lanes) : e_load(e, copy->from, source, lanes);
    e_store(e, copy->to, target, v);
}

// `lanes` tuples, or one.
static void copy_tuples(Emit *e, void *arg, Val i, int lanes) {
    enum { MOST = 4 };
    const Copy *copy = arg;
    const Box *box = copy->box;
    int last = box->rank - 1;
    int64_t from = copy->split ? lanes : box->from[last], to = copy->split ? box->to[last] : lanes;
    Val source = e_add(e, copy->from_base, e_mul_const(e, i, box->from[last - 1])), v[MOST];
    Val target = e_add(e, copy->to_base, e_mul_const(e, i, box->to[last - 1]));
    for (int k = 0; k < copy->tuple; k++)
        v[k] = e_load(e, copy->from, e_add_const(e, source, k * from), lanes);
    if (lanes > 1)
        (copy->split ? e_split_tuples : e_join_tuples)(e, v, copy->tuple);
    for (int k = 0; k < copy->tuple; k++)
        e_store(e, copy->to, e_add_const(e, target, k * to), v[k]);
}

static void copy_tile(Emit *e, const Copy *copy, Val a, Val b) {
    const Box *box = copy->box;
    int last = box->rank - 1;
    Val rows[64];
    Val source = e_add(e, e_add(e, copy->from_base, e_mul_const(e, a, box->from[last])), b);
    Val target = e_add(e, e_add(e, copy->to_base, e_mul_const(e, b, box->to[last - 1])), a);
    for (int i = 0; i < copy->tile; i++)
        rows[i] = e_load(e, copy->from, e_add_const(e, source, i * box->from[last]), copy->tile);
    e_transpose(e, rows);
    for (int i = 0; i < copy->tile; i++)
        e_store(e, copy->to, e_add_const(e, target, i * box->to[last - 1]), rows[i]);
}

// Tiles along A. The last one may lie over the one before it.
static void copy_strip(Emit *e, const Copy *copy, Val b) {
    int64_t size = copy->box->size[copy->box->rank - 1], rest = size % copy->tile;
    EMIT_FOR(e, a, e_index(e, 0), e_index(e, size - rest), copy->tile)
        copy_tile(e, copy, a.i, b);
    if (rest)
        copy_tile(e, copy, e_index(e, size - copy->tile), b);
}

static void copy_loops(Emit *e, Copy *copy, int level, Share range, Val to, Val from);

// The steps `range` of B: strips, then what is left, which is one more strip where it may lie over the one before.
static void copy_strips(Emit *e, Copy *copy, Share range, Val to, Val from) {
    int level = copy->box->rank - 2;
    Val end = e_add(e, range.begin, e_and(e, e_sub(e, range.end, range.begin), e_index(e, -(int64_t)copy->tile)));
    int64_t first, behind;
    bool whole = e_is_const(range.begin, &first) && e_is_const(range.end, &behind) && behind - first >= copy->tile;
    copy->to_base = to;
    copy->from_base = from;
    EMIT_FOR(e, b, range.begin, end, copy->tile)
        copy_strip(e, copy, b.i);
    if (whole && (behind - first) % copy->tile)
        copy_strip(e, copy, e_index(e, behind - copy->tile));
    if (!whole) {
        Copy plain = *copy;
        plain.tile = 0;
        copy_loops(e, &plain, level, (Share){end, range.end}, to, from);
    }
}

// Bytes and halves change places within 16 bytes, where all targets have instructions for it.
static int tuple_lanes(Emit *e, DType dtype) {
    int bits = dtype_info[dtype].bits, lanes = e_lanes(e, dtype);
    return bits < 32 ? (int)min_i64(lanes, 128 / bits) : lanes;
}

static void copy_loops(Emit *e, Copy *copy, int level, Share range, Val to, Val from) {
    const Box *box = copy->box;
    if (level == box->rank - 1) {
        bool vectors = box->to[level] == 1 && (box->from[level] == 0 || box->from[level] == 1);
        copy->to_base = to;
        copy->from_base = from;
        cover_span(e, range.begin, range.end, vectors ? e_lanes(e, copy->to.dtype) : 1, copy_span, copy);
        return;
    }
    if (copy->tuple && level == box->rank - 2) {
        copy->to_base = to;
        copy->from_base = from;
        cover_span(e, range.begin, range.end, tuple_lanes(e, copy->to.dtype), copy_tuples, copy);
        return;
    }
    if (copy->tile && level == box->rank - 2) {
        copy_strips(e, copy, range, to, from);
        return;
    }
    Share inner = {e_index(e, 0), e_index(e, box->size[level + 1])};
    EMIT_FOR(e, i, range.begin, range.end, 1)
        copy_loops(e, copy, level + 1, inner, e_add(e, to, e_mul_const(e, i.i, box->to[level])),
                   e_add(e, from, e_mul_const(e, i.i, box->from[level])));
}

static DType raw_type(DType dtype) {
    int bits = dtype_info[dtype].bits;
    return bits == 8 ? DT_U8 : bits == 16 ? DT_U16 : dtype;
}

void copy_box(Emit *e, Ptr to, Ptr from, const Box *box, const Parts *parts) {
    if (product(box->size, box->rank) == 0)
        return;
    Box simple = box_simplify(box);
    DType raw = raw_type(to.dtype);
    Copy copy = {.box = &simple, .to = e_retype(to, raw), .from = e_retype(from, raw)};
    copy.tuple = box_tuples(e, &simple, raw, &copy.split);
    copy.tile = copy.tuple ? 0 : box_tile(e, &simple, raw);
    copy_loops(e, &copy, 0, part_of(e, parts, simple.size[0]), e_index(e, box->to_origin),
               e_index(e, box->from_origin));
}

void copy_whole(Emit *e, const Box *box) {
    Parts parts = share_parts(e, product(box->size, box->rank));
    copy_box(e, e_out(e, 0), e_in(e, 0), box, &parts);
}
