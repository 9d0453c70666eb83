// Copies of boxes and the small tools of index arithmetic.
//
// Everything about a copy but the data is known while emitting, so a box is first made as simple as it can be (loops
// of one step dropped, loops that continue each other merged) and then becomes a nest of loops, the innermost one in
// vectors where both sides are contiguous or the source repeats one element.
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

typedef struct Copy {
    const Box *box;
    Ptr to, from;
    Val to_base, from_base;  // of the innermost loop
} Copy;

static void copy_span(Emit *e, void *arg, Val i, int lanes) {
    Copy *copy = arg;
    int64_t to = copy->box->to[copy->box->rank - 1], from = copy->box->from[copy->box->rank - 1];
    Val source = e_add(e, copy->from_base, e_mul_const(e, i, from));
    Val target = e_add(e, copy->to_base, e_mul_const(e, i, to));
    Val v = from == 0 ? e_splat(e, e_load(e, copy->from, source, 1), lanes) : e_load(e, copy->from, source, lanes);
    e_store(e, copy->to, target, v);
}

static void copy_loops(Emit *e, Copy *copy, int level, Share range, Val to, Val from) {
    const Box *box = copy->box;
    if (level == box->rank - 1) {
        bool vectors = box->to[level] == 1 && (box->from[level] == 0 || box->from[level] == 1);
        copy->to_base = to;
        copy->from_base = from;
        emit_span(e, range.begin, range.end, vectors ? e_lanes(e, copy->to.dtype) : 1, copy_span, copy);
        return;
    }
    Share inner = {e_index(e, 0), e_index(e, box->size[level + 1])};
    EMIT_FOR(e, i, range.begin, range.end, 1)
        copy_loops(e, copy, level + 1, inner, e_add(e, to, e_mul_const(e, i.i, box->to[level])),
                   e_add(e, from, e_mul_const(e, i.i, box->from[level])));
}

void copy_box(Emit *e, Ptr to, Ptr from, const Box *box, const Parts *parts) {
    if (product(box->size, box->rank) == 0)
        return;
    Box simple = box_simplify(box);
    Copy copy = {.box = &simple, .to = to, .from = from};
    copy_loops(e, &copy, 0, part_of(e, parts, simple.size[0]), e_index(e, box->to_origin),
               e_index(e, box->from_origin));
}

void copy_whole(Emit *e, const Box *box) {
    Parts parts = share_parts(e, product(box->size, box->rank));
    copy_box(e, e_out(e, 0), e_in(e, 0), box, &parts);
}
