// The kernel language. A kernel is C that runs once, at compile time, and leaves instructions behind: C loops unroll,
// EMIT_FOR makes a real loop, EMIT_IF a real branch, and a Var is state that loops carry.
//
//     EMIT_FOR(e, i, e_index(e, 0), e_index(e, n), 1)
//         e_store(e, y, i.i, e_add(e, e_load(e, x, i.i, 1), one));
//
// A Val has an element type and a number of lanes; both operands of an operation must agree in both. Bool Vals are
// conditions (one bit); in memory they are bytes. Signedness comes from the type. No operation traps: integer division
// by zero gives 0, float to integer saturates (NaN gives 0), shifts beyond the width give 0.
#ifndef CODEGEN_EMIT_H
#define CODEGEN_EMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "ir/ir.h"
#include "target/target.h"

typedef struct Emit Emit;

typedef struct Val {
    void *v;
    DType dtype;
    int lanes;
} Val;

typedef struct Ptr {  // to elements of `dtype`
    void *v;
    DType dtype;
} Ptr;

typedef struct Var {
    void *v;
    DType dtype;
    int lanes;
} Var;

const Target *e_target(const Emit *e);
Arena *e_arena(Emit *e);
bool e_fast(const Emit *e);                // above -O0: vectors are wanted
bool e_exact(const Emit *e);               // at -O0 and under --strict: sums have the order that order.h states
int e_lanes(const Emit *e, DType dtype);   // of a full vector register; 1 at -O0
// Of vectors whose lanes are added up in the end: as above, but where sums have one order the same on every target.
int e_sum_lanes(const Emit *e, DType dtype);
DType e_index_type(const Emit *e);         // I64, or I32 on 32-bit targets

// ---- What the node being lowered has.

Ptr e_in(Emit *e, int index);   // storage of an operand: element 0 of its layout (the rim included)
Ptr e_out(Emit *e, int index);
// The share of `units` independent pieces of work that this shard does. A kernel that calls it, once, is run by several
// shards at a time; one that doesn't, by one.
typedef struct Share {
    Val begin, end;
} Share;
Share e_share(Emit *e, int64_t units);
Share e_share_all(Emit *e, Val units);
// How many samples of an open batch the kernel gets, each operand's one behind the other. A kernel that doesn't call it
// gets one at a time. Only in a graph with room for several (Open.block).
Val e_samples(Emit *e);
Ptr e_scratch(Emit *e, DType dtype, int64_t bytes);  // this shard's; 64-aligned; call once per kernel
void e_fail_if(Emit *e, Val condition);              // makes the run return SQZ_ERANGE; execution goes on

// ---- Constants and conversions.

Val e_int(Emit *e, DType dtype, int64_t n);
Val e_float(Emit *e, DType dtype, double x);
Val e_number(Emit *e, DType dtype, double x);  // of any type, saturated
Val e_index(Emit *e, int64_t n);
Val e_bool(Emit *e, bool b);
bool e_is_const(Val v, int64_t *n);           // an integer known while emitting
Val e_splat(Emit *e, Val scalar, int lanes);  // lanes may be 1: the scalar itself
Val e_zero(Emit *e, DType dtype, int lanes);
Val e_iota(Emit *e, DType dtype, int lanes);  // 0, 1, 2, ... (integers)
Val e_cast(Emit *e, DType to, Val v);         // as ONNX Cast; integers wrap, floats saturate to integers
                                              // (to those below 8 bits they wrap); float8 doesn't saturate
Val e_cast_as(Emit *e, const CastAttrs *attrs, Val v);  // with what a Cast says of float8
// As if stored as `dtype` and loaded: in the type that it computes in.
Val e_settle(Emit *e, Val v, DType dtype);
Val e_to_index(Emit *e, Val v);
Val e_bits(Emit *e, DType to, Val v);         // the same bits as another type of the same width
Val e_lane(Emit *e, Val v, int lane);
Val e_set_lane(Emit *e, Val v, int lane, Val scalar);
Val e_zip(Emit *e, Val a, Val b);                // a0 b0 a1 b1 ...
Val e_part(Emit *e, Val v, int first, int lanes);     // some lanes, side by side
Val e_place(Emit *e, Val v, int first, Val part);     // the same lanes of v, replaced
void e_transpose(Emit *e, Val *rows);  // as many vectors as each has lanes (a power of two): rows become columns
// n vectors that hold tuples of n, one behind the other, become the tuples' first elements, their second ones, ...
void e_split_tuples(Emit *e, Val *v, int n);
void e_join_tuples(Emit *e, Val *v, int n);  // and back

// ---- Memory. Indices count elements; vectors are consecutive elements, aligned like one.

Ptr e_at(Emit *e, Ptr p, Val index);
Ptr e_at_const(Emit *e, Ptr p, int64_t index);
Ptr e_retype(Ptr p, DType dtype);
Val e_load(Emit *e, Ptr p, Val index, int lanes);
Val e_load_const(Emit *e, Ptr p, int64_t index, int lanes);
Val e_load_strided(Emit *e, Ptr p, Val index, int64_t stride, int lanes);  // lane k at index + k * stride
Val e_gather(Emit *e, Ptr p, Val index);  // lane k at lane k of the index
void e_store(Emit *e, Ptr p, Val index, Val v);
void e_store_const(Emit *e, Ptr p, int64_t index, Val v);
void e_store_strided(Emit *e, Ptr p, Val index, int64_t stride, Val v);
// A pointer that walks in steps of e_stride(n), n known. Where vector loads take no offset (ARMv7), it stays one
// pointer in one register, which they move along, instead of becoming a pointer for each place.
Val e_stride(Emit *e, int64_t n);
Ptr e_walk(Emit *e, Ptr p, Val stride);
// Neither loads nor stores change sides. It keeps LLVM from loading ahead more than registers hold, and costs nothing.
void e_barrier(Emit *e);
// The vector is computed before what follows is loaded or stored: arithmetic may pass a barrier.
void e_pin(Emit *e, Val *v);
void e_prefetch(Emit *e, Ptr p, Val index);  // into the second-level cache
// Writes `count` (known) zeroed elements from `index` on.
void e_clear(Emit *e, Ptr p, Val index, int64_t count);

// The same pointer, of which LLVM does not know where it leads: what is read there is read, each time.
Ptr e_hidden(Emit *e, Ptr p);
// Numbers known while compiling, as read-only data of the object: `n` of a float or integer type, rounded to nearest.
Ptr e_table(Emit *e, DType dtype, const double *numbers, int64_t n);

// ---- Arithmetic.

Val e_add(Emit *e, Val a, Val b);
Val e_sub(Emit *e, Val a, Val b);
Val e_mul(Emit *e, Val a, Val b);
Val e_div(Emit *e, Val a, Val b);  // integers towards zero
Val e_rem(Emit *e, Val a, Val b);  // sign of a; floats: fmod
Val e_fma(Emit *e, Val a, Val b, Val c);  // a * b + c, of f32 and f64 fused where the target can
// Lane i of `sum`, i32, plus the products of elements n * i .. n * i + n - 1 of a and b: bytes, of the types that
// target->dots says, where n = 4, or i16, where target->words, and n = 2.
Val e_dots(Emit *e, Val sum, Val a, Val b);
// The elements index .. index + count - 1, at most n, and zeros, in each of the lanes.
Val e_load_dots(Emit *e, Ptr p, int64_t index, int count, int lanes);
Val e_splat_dots(Emit *e, Val some, int lanes);  // n elements in each of the lanes
Val e_neg(Emit *e, Val a);
Val e_abs(Emit *e, Val a);
Val e_min(Emit *e, Val a, Val b);  // b where either is NaN or both are equal: one instruction on x86
Val e_max(Emit *e, Val a, Val b);
Val e_min_nan(Emit *e, Val a, Val b);  // NaN where either is
Val e_max_nan(Emit *e, Val a, Val b);
Val e_and(Emit *e, Val a, Val b);
Val e_or(Emit *e, Val a, Val b);
Val e_xor(Emit *e, Val a, Val b);
Val e_not(Emit *e, Val a);
Val e_shl(Emit *e, Val a, Val b);
Val e_shr(Emit *e, Val a, Val b);  // arithmetic for signed types
Val e_eq(Emit *e, Val a, Val b);   // comparisons give Bool; with NaN all but ne are false
Val e_ne(Emit *e, Val a, Val b);
Val e_lt(Emit *e, Val a, Val b);
Val e_le(Emit *e, Val a, Val b);
Val e_gt(Emit *e, Val a, Val b);
Val e_ge(Emit *e, Val a, Val b);
Val e_select(Emit *e, Val condition, Val yes, Val no);
Val e_is_nan(Emit *e, Val a);
// One lane from all: pairwise halves, so a sum's order is fixed.
Val e_reduce(Emit *e, Val v, Val (*combine)(Emit *e, Val a, Val b));
Val e_reduce_add(Emit *e, Val v);
Val e_reduce_max(Emit *e, Val v);

static inline Val e_add_const(Emit *e, Val a, int64_t n) {
    return n ? e_add(e, a, e_splat(e, e_int(e, a.dtype, n), a.lanes)) : a;
}
static inline Val e_mul_const(Emit *e, Val a, int64_t n) {
    return n == 1 ? a : e_mul(e, a, e_splat(e, e_int(e, a.dtype, n), a.lanes));
}

// ---- Functions of floats (emit_math.c), f32 and f64, any number of lanes. Errors in ULP stand with each.

Val e_sqrt(Emit *e, Val x);
// "floor", "ceil", "trunc", "roundeven": only where target->rounds.
Val e_round_intrinsic(Emit *e, const char *name, Val x);
Val e_floor(Emit *e, Val x);
Val e_ceil(Emit *e, Val x);
Val e_trunc(Emit *e, Val x);
Val e_round(Emit *e, Val x);  // half to even
Val e_copysign(Emit *e, Val magnitude, Val sign);
Val e_exp(Emit *e, Val x);
// The same for x up to 88 (f32) or 709, but 0 where it would be no normal number: those are slow on many CPUs.
Val e_exp_flushed(Emit *e, Val x);
Val e_log(Emit *e, Val x);
Val e_pow(Emit *e, Val x, Val y);
Val e_tanh(Emit *e, Val x);
Val e_sigmoid(Emit *e, Val x);
Val e_erf(Emit *e, Val x);
Val e_sin(Emit *e, Val x);
Val e_cos(Emit *e, Val x);
Val e_tan(Emit *e, Val x);
Val e_asin(Emit *e, Val x);
Val e_acos(Emit *e, Val x);
Val e_atan(Emit *e, Val x);
Val e_sinh(Emit *e, Val x);
Val e_cosh(Emit *e, Val x);
Val e_asinh(Emit *e, Val x);
Val e_acosh(Emit *e, Val x);
Val e_atanh(Emit *e, Val x);
Val e_log1p(Emit *e, Val x);
Val e_expm1(Emit *e, Val x);
Val e_act(Emit *e, const Act *act, Val x);  // a fused activation

// ---- Control.

enum { LOOP_CARRIES = 4 };

typedef struct Loop {
    Val i;      // the loop variable, an index
    bool open;  // the body is still to be emitted
    void *variable, *before, *body, *exit;
    Val begin, end;
    int64_t step;
    struct {
        void *variable;
        int64_t step;
    } carried[LOOP_CARRIES];
    int carries;
} Loop;

// for (i = begin; i < end; i += step). Nothing is emitted for a range known to be empty.
Loop e_loop_open(Emit *e, Val begin, Val end, int64_t step);
void e_loop_close(Emit *e, Loop *loop);
// loop->i * distance: where LLVM would multiply in every turn (x86), a number that the loop carries along.
Val e_along(Emit *e, Loop *loop, int64_t distance);
Val e_along_from(Emit *e, Loop *loop, Val start, int64_t distance);  // (start + loop->i) * distance
void e_break_if(Emit *e, Loop *loop, Val condition);  // leaves the loop, whose body is being emitted
#define EMIT_FOR(e, i, begin, end, step) \
    for (Loop i = e_loop_open((e), (begin), (end), (step)); i.open; e_loop_close((e), &i))
#define EMIT_TIMES(e, i, n) EMIT_FOR(e, i, e_index((e), 0), e_index((e), (n)), 1)

typedef struct Branch {
    bool open;
    void *exit;
} Branch;
Branch e_if_open(Emit *e, Val condition);
void e_if_close(Emit *e, Branch *branch);
#define EMIT_PASTE_(a, b) a##b
#define EMIT_NAME_(line) EMIT_PASTE_(branch_, line)
#define EMIT_IF(e, condition) \
    for (Branch EMIT_NAME_(__LINE__) = e_if_open((e), (condition)); EMIT_NAME_(__LINE__).open; \
         e_if_close((e), &EMIT_NAME_(__LINE__)))

Var e_var(Emit *e, Val initial);
Val e_get(Emit *e, Var var);
void e_set(Emit *e, Var var, Val v);

// A private function, shared by all that ask for the same name (spell the types in it): `make` emits its body, and is
// called once. It is how a kernel keeps a large sequence of scalar code (64-bit division, say) from being repeated. At
// most 8 arguments.
typedef Val (*HelperBody)(Emit *e, const Val *args);
Val e_call_helper(Emit *e, const char *name, HelperBody make, DType result, int lanes, const Val *args, int count);

#endif
